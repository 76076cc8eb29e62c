#!/usr/bin/env python3
"""How large the program is, and how much memory a standalone takes that has nothing to do.

    bench/footprint/footprint.py [--build build/release]
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SETTLE_S = 12  # freed memory goes back every 10 s


def resident_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return {name: int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "RssAnon", "RssFile")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    build = parser.parse_args().build.resolve()
    work = pathlib.Path(tempfile.mkdtemp())
    stripped = work / "lagoon"
    subprocess.run(["strip", "-o", stripped, build / "lagoon"], check=True)
    p = subprocess.Popen([stripped, "standalone", "--data", work / "data", "--controller-port", "0", "--router-port", "0",
                          "--server-port", "0"], stderr=subprocess.DEVNULL)
    try:
        for _ in range(1200):
            if (work / "data/endpoints.json").exists():
                break
            time.sleep(0.05)
        else:
            sys.exit("lagoon did not come up within 60 s")
        time.sleep(SETTLE_S)
        empty = resident_mib(p.pid)
        subprocess.run([stripped, "push", "cities", ROOT / "examples/cities/cities.avro", "--key-field", "id", "--create",
                        "--data", work / "data"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(SETTLE_S)
        cities = resident_mib(p.pid)
    finally:
        p.terminate()
        p.wait()
    size = stripped.stat().st_size
    shutil.rmtree(work, ignore_errors=True)
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.machine())
    print(f"{cpu}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, commit {commit}\n")
    print("| what | |")
    print("|---|---|")
    print(f"| stripped program | {size / 1e6:.2f} MB |")
    for name, m in (("idle, empty", empty), ("idle, with the cities", cities)):
        print(f"| {name} | {m['VmRSS']:.1f} MiB resident ({m['RssAnon']:.1f} of its own, {m['RssFile']:.1f} of files) |")


main()
