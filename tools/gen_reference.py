#!/usr/bin/env python3
"""Writes docs/reference/*.md from the tables in the source. `--check` compares instead and exits with 1."""
import pathlib
import re
import sys

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


def main():
    stale = 0
    pages = [(name, page(table, title, names, shown)) for name, table, title, names, shown in PAGES]
    for name, text in pages + [("metrics", metrics_page())]:
        path = OUT / f"{name}.md"
        if "--check" in sys.argv:
            if not path.exists() or path.read_text() != text:
                print(f"{path.relative_to(ROOT)}: stale; run tools/gen_reference.py")
                stale += 1
        else:
            OUT.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    sys.exit(bool(stale))


main()
