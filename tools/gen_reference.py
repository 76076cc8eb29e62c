#!/usr/bin/env python3
"""Writes docs/reference/*.md from the tables in the source. `--check` compares instead and exits with 1."""
import pathlib
import re
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "docs/reference"
# page, table, title, names of the columns in the table, columns shown
PAGES = [
    ("errors", "src/base/errors.def", "Errors",
     ["code", "HTTP", "HTTP to a POST", "gRPC", "exit code", "Venice's error type", "retry", "meaning"],
     ["code", "HTTP", "HTTP to a POST", "gRPC", "exit code", "Venice's error type", "retry", "meaning"]),
    ("routes", "src/api/routes.def", "Routes of the controller",
     ["id", "method", "path", "required", "optional"], ["method", "path", "required", "optional"]),
    ("commands", "src/admin/commands.def", "Commands",
     ["id", "command", "arguments", "least", "most", "kind", "runner", "function", "what it does", "example"],
     ["command", "arguments", "what it does", "example"]),
    ("client-options", "src/client/options.def", "Options of the client library",
     ["option", "type", "default", "least", "most", "when", "meaning"],
     ["option", "type", "default", "least", "most", "meaning"]),
    ("settings", "src/model/settings.def", "Settings of a store",
     ["setting", "Venice's parameter", "member", "type", "least", "most", "or", "applies", "meaning"],
     ["setting", "Venice's parameter", "type", "least", "most", "or", "applies", "meaning"]),
    ("faults", "src/lane/faults.def", "Fault points", ["name", "where", "effect"], ["name", "where", "effect"]),
    ("mutants", "src/lane/mutants.def", "Planted bugs that the simulation must catch",
     ["name", "where and what"], ["name", "where and what"]),
]

OPTION = ["option", "type", "default", "least", "most", "when", "meaning", "more", "example"]
# The tables of a role's options below src/main/, in the order of its configuration file. Rows of a keyed table begin
# with the C field.
KEYED = {"options_cluster", "options_controller", "options_kafka", "options_router", "options_server"}
ROLES = {
    "standalone": ["options", "options_common"],
    "controller": ["options_cluster", "options_controller", "options_kafka", "options_common"],
    "router": ["options_cluster", "options_router", "options_common"],
    "server": ["options_cluster", "options_kafka", "options_server", "options_common"],
}


def rows(text):
    """The arguments of each X(...), strings joined as C joins them."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    at = 0
    while (at := text.find("X(", at)) >= 0:
        depth, i, cell, cells, string = 1, at + 2, "", [], False
        while depth > 0:
            c = text[i]
            if string:
                if c == "\\":
                    cell += text[i + 1]
                    i += 1
                elif c == '"':
                    string = False
                else:
                    cell += c
            elif c == '"':
                string = True
            elif c == "(":
                depth += 1
                cell += c
            elif c == ")":
                depth -= 1
                cell += c if depth else ""
            elif c == "," and depth == 1:
                cells.append(cell)
                cell = ""
            elif not c.isspace():
                cell += c
            i += 1
        yield cells + [cell]
        at = i


def option_rows(role):
    for table in ROLES[role]:
        for cells in rows((ROOT / f"src/main/{table}.def").read_text()):
            yield cells[1:] if table in KEYED else cells


def page(table, title, names, shown, cells_of=None):
    lines = [f"# {title}", "", f"Made by `tools/gen_reference.py` from `{table}`; do not edit.", "",
             "| " + " | ".join(shown) + " |", "|" + "---|" * len(shown)]
    for cells in cells_of or rows((ROOT / table).read_text()):
        values = dict(zip(names, cells))
        lines.append("| " + " | ".join(values.get(n, "").replace("|", "\\|") for n in shown) + " |")
    return "\n".join(lines) + "\n"


def admin_tool_page():
    """Each command of Venice's admin tool beside ours: {option} is its value, <option> changes nothing here."""
    table = "src/admin/aliases.def"
    lines = ["# Venice's admin tool", "", f"Made by `tools/gen_reference.py` from `{table}`; do not edit. How to use it:",
             "[docs/operations/command-line.md](../operations/command-line.md).", "", "| command | in Lagoon | |", "|---|---|---|"]
    missing = []
    for name, line, settings, meaning in rows((ROOT / table).read_text()):
        if line == "NULL":
            missing.append(f"| `--{name}` | {meaning} |")
            continue
        line = re.sub(r" ?<[^>]*>", "", line)
        line = re.sub(r"\{([^}]*)\}", lambda m: m[1].upper(), line)
        if settings != "NULL":
            options = [re.split(r"[*=]", pair)[0] for pair in settings.split()]
            meaning += " By " + ", ".join(f"`--{option}`" for option in options) + "."
            line += " --set KEY=VALUE,..."
        lines.append(f"| `--{name}` | `lagoon {line}` | {meaning} |")
    lines += ["", "## Not in Lagoon", "", "| command | what to do instead |", "|---|---|"] + missing
    return "\n".join(lines) + "\n"


def metrics_page():
    """All metrics.def in one page, module by module."""
    lines = ["# Metrics", "", "Made by `tools/gen_reference.py` from `src/*/metrics.def`; do not edit. How to read them:",
             "[docs/operations/metrics.md](../operations/metrics.md).", ""]
    for table in sorted(ROOT.glob("src/**/metrics.def")):
        lines += [f"## {table.parent.relative_to(ROOT / 'src')}", "", "| name | kind | labels | meaning |", "|---|---|---|---|"]
        for name, kind, _, labels, meaning in rows(table.read_text()):
            full = name if name.startswith("process_") else f"lagoon_{name}"
            labels = labels.replace("lg_metric_codes", "code (see errors.md)").replace("LAGOON_VERSION", "")
            cells = [f"`{full}`", kind.lower(), labels, meaning]
            lines.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


DURATIONS = [("d", 86400000), ("h", 3600000), ("m", 60000), ("s", 1000), ("ms", 1)]
SIZES = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)]


BARE = {"ms": 1, "millis": 1, "seconds": 1000, "minutes": 60000, "hours": 3600000, "bytes": 1}


def bare_unit(name):
    """The unit in which a key of this name takes a bare number, if its name ends in one."""
    last = name.replace(".", "_").rpartition("_")[2]
    return {"ms": "milliseconds", "millis": "milliseconds"}.get(last, last if last in BARE else None)


def option_value(kind, name, text):
    """A number as the program writes it: with the largest unit that leaves no remainder."""
    units = {"duration": DURATIONS, "size": SIZES}.get(kind)
    if text.isdigit() and units and bare_unit(name):
        return str(int(text) // BARE[name.replace(".", "_").rpartition("_")[2]])
    if not text.isdigit() or not units:
        return text
    n = int(text)
    unit, factor = next(u for u in units if n % u[1] == 0) if n else units[-1]
    return f"{n // factor}{unit}"


def sample_conf(role):
    """docs/reference/*.conf, as `lagoon config sample` prints them (test/process/operation_test.c compares)."""
    kinds = {"boolean": "true or false", "u32": "a whole number", "u64": "a whole number", "str": "text",
             "duration": "a time with a unit: ms, s, m, h or d", "size": "a size with a unit: B, KiB, MiB, GiB or TiB"}
    flag = "" if role == "standalone" else f" --role {role}"
    out = "commented\n# out." if role == "standalone" else "\n# commented out."
    lines = [f"# Configuration of `lagoon {role} --config FILE`.\n#\n# Made by `lagoon config sample{flag}`: every key with "
             f"its default, {out} Flags win over variables LAGOON_<KEY>, these over this file.\n# `lagoon config check "
             f"FILE{flag}` tells what is wrong with a file; SIGHUP\n# makes a running lagoon read it again and apply what "
             "is live."]
    lines = [line.replace(", \n", ",\n") for line in lines]
    for name, kind, default, least, most, when, *words in option_rows(role):
        if name == "config":
            continue
        lines.append("")
        for text in words[:2]:
            lines += textwrap.wrap(text, 78, initial_indent="# ", subsequent_indent="# ", break_long_words=False,
                                   break_on_hyphens=False)
        what = kinds[kind] if kind not in ("duration", "size") or not bare_unit(name) else f"{bare_unit(name)}, without a unit"
        if kind == "str":
            what += f"; {least} to {most} bytes"
        elif kind != "boolean":
            what += f"; {option_value(kind, name, least)} to {option_value(kind, name, most)}"
        lines.append(f"# {what}; " + ("live" if when == "LIVE" else "at start"))
        value = words[2] if default == "NULL" else option_value(kind, name, default)
        lines.append(f"#{name} = {value}")
    return "\n".join(lines) + "\n"


def main():
    stale = 0
    pages = [(name, page(table, title, names, shown)) for name, table, title, names, shown in PAGES]
    pages = [(f"{name}.md", text) for name, text in pages]
    for role in ROLES:
        tables = "`, `".join(f"src/main/{table}.def" for table in ROLES[role])
        pages.append((f"{role}-options.md", page(tables, f"Options of `lagoon {role}`", OPTION, OPTION, option_rows(role))))
        pages.append(("lagoon.conf" if role == "standalone" else f"{role}.conf", sample_conf(role)))
    for name, text in pages + [("admin-tool.md", admin_tool_page()), ("metrics.md", metrics_page())]:
        path = OUT / name
        if "--check" in sys.argv:
            if not path.exists() or path.read_text() != text:
                print(f"{path.relative_to(ROOT)}: stale; run tools/gen_reference.py")
                stale += 1
        else:
            OUT.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    sys.exit(bool(stale))


main()
