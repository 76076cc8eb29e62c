#!/usr/bin/env python3
"""CPU time of a get at a server whose reading lane waits by libuv, by io_uring, and by io_uring with a spin.

One standalone per driver with the same rows, read_threads = 1, all running; h2load asks each in turns for one key, over
HTTP/2 and HTTP/1.1, with 50 connections of one request in flight and with 4 of 64. The time is that of all threads of the
server (/proc/PID/task/*/schedstat), the median over the rounds; lower is better, requests per second are for orientation.

    bench/read_driver/read_driver.py [--rows 100000] [--requests 200000] [--rounds 7] [--build build/release]
"""
import argparse
import base64
import json
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
DRIVERS = {
    "libuv": ["--read-driver", "uv"],
    "io_uring": ["--read-driver", "uring"],
    "io_uring, spin 50 us": ["--read-driver", "uring", "--read-spin-us", "50"],
}
SHAPES = {
    "HTTP/2, 50 connections x 1": ["-c", "50", "-m", "1"],
    "HTTP/2, 4 connections x 64": ["-c", "4", "-m", "64"],
    "HTTP/1.1, 50 connections x 1": ["-c", "50", "-m", "1", "--h1"],
}
KEY = b"e220a8397b1dcdaf"  # of the first row: bulk_rows.h


def cpu_us(pid):
    return sum(int(p.read_text().split()[0]) for p in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1000


def start(build, work, name, flags, rows):
    data = work / re.sub(r"\W+", "-", name)
    p = subprocess.Popen([build / "lagoon", "standalone", "--data", data, "--controller-port", "0", "--router-port", "0",
                          "--server-port", "0", "--read-threads", "1", *flags], stderr=open(f"{data}.log", "w"))
    for _ in range(600):
        if (data / "endpoints.json").exists():
            break
        time.sleep(0.05)
    subprocess.run([build / "lagoon", "push", "bench", rows, "--key-field", "key", "--value-field", "value", "--create",
                    "--data", data], check=True, stdout=subprocess.DEVNULL, stderr=open(f"{data}.log", "w"))
    return p, json.loads((data / "endpoints.json").read_text())["server"]


def url_of(server):
    key = base64.urlsafe_b64encode(bytes([2 * len(KEY)]) + KEY).decode()
    for partition in range(64):
        url = f"{server}/storage/bench_v1/{partition}/{key}?f=b64"
        if subprocess.run(["curl", "-sfo", "/dev/null", url], check=False).returncode == 0:
            return url
    sys.exit("no partition has the row")


def measure(pid, url, shape, requests):
    before = cpu_us(pid)
    out = subprocess.run(["h2load", *shape, "-n", str(requests), url], check=True, capture_output=True, text=True).stdout
    spent = cpu_us(pid) - before
    if int(re.search(r"(\d+) 2xx", out)[1]) != requests:
        sys.exit(f"{shape} of {url}:\n{out}")
    return spent / requests, float(re.search(r"([\d.]+) req/s", out)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100000)
    parser.add_argument("--requests", type=int, default=200000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    o = parser.parse_args()
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    print(f"{platform.processor() or platform.machine()}, Linux {platform.release()}, commit {commit}")
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        rows = work / "rows.avro"
        subprocess.run([o.build / "bench.bulk_load.bulk_file", str(o.rows), "64", rows], check=True)
        servers = {name: start(o.build, work, name, flags, rows) for name, flags in DRIVERS.items()}
        try:
            urls = {name: url_of(server) for name, (_, server) in servers.items()}
            time.sleep(2)  # Read indexes are filled in the background.
            for shape, flags in SHAPES.items():
                runs = {name: [] for name in servers}
                for _ in range(o.rounds):
                    for name, (p, _) in servers.items():
                        runs[name].append(measure(p.pid, urls[name], flags, o.requests))
                print(f"\n{shape}")
                for name, got in runs.items():
                    us = sorted(x[0] for x in got)
                    print(f"  {name:22} {statistics.median(us):6.2f} us ({us[0]:.2f} to {us[-1]:.2f})"
                          f"  {statistics.median(x[1] for x in got):9.0f} requests/s")
        finally:
            for p, _ in servers.values():
                p.terminate()
            for p, _ in servers.values():
                p.wait()


if __name__ == "__main__":
    main()
