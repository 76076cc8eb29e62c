#!/usr/bin/env python3
"""From the first command to the first answer: start a standalone on an empty directory, push examples/cities, get one city.

    bench/cities_time/cities_time.py [--rounds 5] [--build build/release]
"""
import argparse
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run_once(build):
    work = pathlib.Path(tempfile.mkdtemp())
    began = time.monotonic()
    server = subprocess.Popen([build / "lagoon", "standalone", "--data", work / "data", "--controller-port", "0",
                               "--router-port", "0", "--server-port", "0"], stderr=subprocess.DEVNULL)
    try:
        while not (work / "data/endpoints.json").exists():
            if server.poll() is not None:
                sys.exit("lagoon standalone ended")
            time.sleep(0.005)
        ready = time.monotonic()
        subprocess.run([build / "lagoon", "push", "cities", ROOT / "examples/cities/cities.avro", "--key-field", "id",
                        "--create", "--data", work / "data"], check=True, capture_output=True)
        pushed = time.monotonic()
        subprocess.run([build / "lagoon", "get", "cities", "3164603", "--data", work / "data"], check=True, capture_output=True)
        got = time.monotonic()
        return {"standalone": ready - began, "push": pushed - ready, "get": got - pushed, "total": got - began}
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(work, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    o = parser.parse_args()
    runs = [run_once(o.build.resolve()) for _ in range(o.rounds)]
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True,
                            text=True).stdout.strip()
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.machine())
    print(f"{cpu}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, commit {commit}; median of {o.rounds} "
          "rounds\n")
    print("| cities | s |\n|---|---|")
    for field in ("standalone", "push", "get", "total"):
        print(f"| {field} | {statistics.median(run[field] for run in runs):.2f} |")


if __name__ == "__main__":
    main()
