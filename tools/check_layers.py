#!/usr/bin/env python3
"""Fails when a file includes a module that the ordered list of ARCHITECTURE.md places after its own."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent
text = (root / "ARCHITECTURE.md").read_text().split("order:begin")[1].split("order:end")[0]
order = re.findall(r"^\d+\. `(\w+)`", text, re.M)
cmake = re.findall(r"^lg_module\((\w+)", (root / "CMakeLists.txt").read_text(), re.M)
bad = 0
if cmake != order:
    print("CMakeLists.txt: lg_module() lines differ from the order of ARCHITECTURE.md")
    bad += 1
rank = {module: i for i, module in enumerate(order)}
last_port = rank["storage"]
for path in sorted((root / "src").rglob("*.[ch]")) + sorted((root / "src").rglob("*.cc")):
    if re.search(r"_(test|fuzz|bench)\.c$", path.name):
        continue  # They stand beside their subject but may see everything, as row 6 does.
    parts = path.relative_to(root / "src").parts
    for n, line in enumerate(path.read_text().splitlines(), 1):
        m = re.match(r'#include "(?:src/)?([a-z_]+)/([a-z_0-9]+)', line)
        if not m:
            continue
        where = f"{path.relative_to(root)}:{n}"
        if parts[0] in ("main", "lib") or m[1] == "include":  # What is promised to users stands on nothing of ours.
            continue
        if parts[0] == "drivers":
            if m[1] == "drivers" and m[2] != parts[1]:
                print(f"{where}: driver {parts[1]} may not include driver {m[2]}")
                bad += 1
            elif m[1] != "drivers" and rank.get(m[1], 999) > last_port:
                print(f"{where}: a driver may not include {m[1]}")
                bad += 1
        elif rank.get(m[1], 999) > rank[parts[0]]:
            print(f"{where}: {parts[0]} may not include {m[1]}")
            bad += 1
        elif rank[parts[0]] >= rank["server"] and m[1] != parts[0] and rank[m[1]] >= rank["server"]:
            print(f"{where}: programs never include one another: {parts[0]} and {m[1]}")
            bad += 1
sys.exit(bad > 0)
