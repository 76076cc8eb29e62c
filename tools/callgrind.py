"""Reads what callgrind dumps: of each function its own instructions by line of source, and who called whom how often."""
import collections
import re

NAMED = re.compile(r"(fl|fi|fe|fn|cfn|cfi|cfl|ob|cob)=\((\d+)\)(?: (.*))?")
COST = re.compile(r"([+-]?\d+|\*) (\d+)$")
KIND = {"fl": "file", "fi": "file", "fe": "file", "cfi": "file", "cfl": "file", "fn": "function", "cfn": "function",
        "ob": "object", "cob": "object"}


def source(path):
    """src/... whatever directory it was compiled in; else as it is."""
    _, cut, rest = path.rpartition("/src/")
    return "src/" + rest if cut else path


class Dump:
    """One thread's. `lines`: instructions by (file, line, function): where code is inlined, file and line are those it was
    written in, and the function is the one that it runs in. `calls`: (file of the caller, caller, callee)."""

    def __init__(self, text):
        self.lines, self.calls, self.total = collections.Counter(), collections.Counter(), 0
        names, now, at, is_call = collections.defaultdict(dict), {}, 0, False
        for row in text.splitlines():
            if named := NAMED.match(row):
                what, number, name = named.groups()
                if name is not None:
                    names[KIND[what]][number] = source(name) if KIND[what] == "file" else name.partition("@@")[0]
                now[what] = names[KIND[what]][number]
                if what == "fl":
                    now["home"] = now["fl"]
                if KIND[what] == "file" and what[0] == "f":
                    now["here"] = now[what]
            elif row.startswith("calls="):
                self.calls[now["home"], now["fn"], now["cfn"]] += int(row[6:].split()[0])
                is_call = True
            elif cost := COST.match(row):
                step = cost[1]
                at = at if step == "*" else at + int(step) if step[0] in "+-" else int(step)
                if not is_call:  # What a call costs is counted where it is spent.
                    self.lines[now["here"], at, now["fn"]] += int(cost[2])
                    self.total += int(cost[2])
                is_call = False

    def called(self, *functions):
        return sum(n for (_, _, callee), n in self.calls.items() if callee in functions)


def merged(dumps):
    one = Dump("")
    for dump in dumps:
        one.lines += dump.lines
        one.calls += dump.calls
        one.total += dump.total
    return one
