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
     ["code", "HTTP", "HTTP to a POST", "exit code", "Venice's error type", "retry", "meaning"],
     ["code", "HTTP", "HTTP to a POST", "exit code", "Venice's error type", "retry", "meaning"]),
    ("routes", "src/api/routes.def", "Routes of the controller",
     ["id", "method", "path", "required", "optional"], ["method", "path", "required", "optional"]),
    ("commands", "src/admin/commands.def", "Commands",
     ["id", "command", "arguments", "least", "most", "kind", "runner", "function", "what it does", "example"],
     ["command", "arguments", "what it does", "example"]),
    ("standalone-options", "src/main/options.def", "Options of `lagoon standalone`",
     ["option", "type", "default", "least", "most", "when", "meaning", "more", "example"],
     ["option", "type", "default", "least", "most", "when", "meaning", "more", "example"]),
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


def page(table, title, names, shown):
    lines = [f"# {title}", "", f"Made by `tools/gen_reference.py` from `{table}`; do not edit.", "",
             "| " + " | ".join(shown) + " |", "|" + "---|" * len(shown)]
    for cells in rows((ROOT / table).read_text()):
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


def option_value(kind, name, text):
    """A number as the program writes it: with the largest unit that leaves no remainder."""
    units = {"duration": DURATIONS, "size": SIZES}.get(kind)
    if not text.isdigit() or not units or name.endswith(("_ms", "_bytes")):
        return text
    n = int(text)
    unit, factor = next(u for u in units if n % u[1] == 0) if n else units[-1]
    return f"{n // factor}{unit}"


def sample_conf():
    """docs/reference/lagoon.conf, as `lagoon config sample` prints it (test/process/operation_test.c compares)."""
    kinds = {"boolean": "true or false", "u32": "a whole number", "u64": "a whole number", "str": "text",
             "duration": "a time with a unit: ms, s, m, h or d", "size": "a size with a unit: B, KiB, MiB, GiB or TiB"}
    lines = re.findall(r'"(# .*|#)\\n"', (ROOT / "src/main/options.c").read_text())
    for name, kind, default, least, most, when, *words in rows((ROOT / "src/main/options.def").read_text()):
        if name == "config":
            continue
        lines.append("")
        for text in words[:2]:
            lines += textwrap.wrap(text, 78, initial_indent="# ", subsequent_indent="# ", break_long_words=False,
                                   break_on_hyphens=False)
        what = kinds[kind]
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
    for name, text in pages + [("admin-tool.md", admin_tool_page()), ("metrics.md", metrics_page()), ("lagoon.conf", sample_conf())]:
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
