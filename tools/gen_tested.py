#!/usr/bin/env python3
"""Writes docs/how-it-is-tested.md from build/check.json: what the last run of each ring of ./check left behind."""
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
RINGS = {
    "tidy": "Layers, sizes, formatting, generated pages, commands in the README: what a tool can see without running.",
    "unit": "Every module beside its code, and the contract of every port over every driver, under AddressSanitizer, "
            "UBSan and LeakSanitizer. Power is cut, memory refused and system calls fail at each step in turn.",
    "contract": "The drivers of ZooKeeper and Kafka against real servers, which are started, killed, stopped and restarted.",
    "judge": "Our Avro against Apache Avro for Java, python3-avro and avsc on random schemas and data; our protobuf against "
             "python3-protobuf on random messages and damaged ones.",
    "clients": "A server in the hands of clients that are not ours: gRPC for JavaScript, Go and C++, curl, nghttp and h2load "
               "compare every value and status.",
    "tsan": "Lanes, drivers and ports under ThreadSanitizer.",
    "sim": "Whole clusters on one thread, one seed and a virtual clock: crashes, lost writes, full disks, cut networks. "
           "Checkers see every acknowledged write and every answer. The same seed gives the same trace over compilers.",
    "process": "The real program as an operator runs it: kill -9 at random moments and at named fault points, damaged "
               "files, full disks, wrong input, packages, every command of the README.",
    "cluster": "The same with controllers, routers and servers as processes of their own, on real ZooKeeper and Kafka: any of "
               "them killed or stopped at random moments while an oracle knows every acknowledged record.",
    "fuzz": "Everything that parses, with kept corpora and dictionaries.",
    "models": "The election of controllers and the swap of versions as models (`docs/models`), searched completely by "
              "spin; each of their planted bugs must be found.",
    "cost": "Instructions of a get through the whole server, by callgrind, on both engines of HTTP/2: with our own no more "
            "than the goal (2,500), with nghttp2 no more than they were, and 3 %. At most 3 % of them count for metrics; a get "
            "allocates nothing, takes no lock and logs no line, and nobody but the tick reads the clock.",
    "arm64": "The rings unit and contract cross-built for arm64, under qemu; the traces of seeds and the packages, too. "
             "With `--long` only.",
}
LONG = {"arm64"}


def table(head, rows):
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)] + ["| " + " | ".join(map(str, r)) + " |" for r in rows]


def main():
    path = ROOT / "build/check.json"
    if not path.exists():
        sys.exit("build/check.json does not exist; run ./check first")
    f = json.loads(path.read_text())
    missing = (set(f["rings"]) ^ set(RINGS)) - LONG
    if missing:
        sys.exit(f"build/check.json and the rings described here differ in: {', '.join(sorted(missing))}; run all of ./check")
    lines = ["# How it is tested", "",
             f"Made by `tools/gen_tested.py` from the last run of each ring of `./check` ({f['cores']} cores, "
             f"{f['machine']}); do not edit.", "", "## Rings", ""]
    lines += table(["ring", "what it proves", "passed", "failed", "seconds", "budget", "commit"],
                   [(n, RINGS[n], r["passed"], r["failed"], r["seconds"], r["budget"], r["commit"]) for n, r in f["rings"].items()])
    s = f["seeds"]
    lines += ["", "## Simulation", "",
              f"{s['fixed']} fixed seeds, {s['fresh']} fresh ones in every run, and {s['that once failed']} that once failed and "
              f"stay for good; {s['compared over compilers']} seeds give the same trace with gcc and clang, optimised and not.",
              "", "Planted bugs, to prove that the checkers see:", ""]
    lines += table(["bug", "caught"], [(f"`{m}`", "yes" if c else "NO") for m, c in f["mutants"].items()])
    lines += ["", "## Fuzzing", ""] + table(["target", "executions in this run"],
                                            [(f"`{n}`", f"{c:,}") for n, c in f["fuzz"].items()])
    modules = {}
    for program, tests in f["programs"].items():
        preset, name = program.split("/")
        key = name.rsplit(".", 1)[0]
        row = modules.setdefault(key, {"asan": 0, "tsan": 0, "arm64": 0})
        row[preset] = row.get(preset, 0) + tests
    lines += ["", "## Tests by module", ""] + table(
        ["module", "under ASan and UBSan", "under TSan", "on arm64"],
        [(f"`{m}`", r["asan"], r["tsan"] or "", r["arm64"] or "") for m, r in sorted(modules.items())])
    (ROOT / "docs/how-it-is-tested.md").write_text("\n".join(lines) + "\n")


main()
