#!/usr/bin/env python3
"""Single get and batch get at a Lagoon router beside redis-server and memcached: CPU time per request.

All three serve the same rows to the same client (read_load.c), in turns, so that a slow minute of the machine hits all of
them. What is compared is the CPU time that the server process spends per request (user and system, /proc/PID/stat), the
median over the rounds; a request's latency under this closed loop is printed for orientation.

    bench/read_path/read_path.py [--rows 1000000] [--rounds 5] [--seconds 3] [--build build/release]
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def wait_for(condition, what):
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    sys.exit(f"{what} did not come up within 60 s")


def answers(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def start_lagoon(build, work, rows):
    data = work / "rows.avro"
    subprocess.run([build / "bench.bulk_load.bulk_file", str(rows), "100", data], check=True)
    p = subprocess.Popen([build / "lagoon", "standalone", "--data", work / "data", "--controller-port", "0",
                          "--router-port", "0", "--server-port", "0"], stderr=subprocess.DEVNULL)
    endpoints = work / "data/endpoints.json"
    wait_for(endpoints.exists, "lagoon")
    subprocess.run([build / "lagoon", "push", "bench", data, "--key-field", "key", "--value-field", "value", "--create",
                    "--data", work / "data"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    data.unlink()
    return p, json.loads(endpoints.read_text())["router"].removeprefix("http://")


def start_redis(build, work, rows):
    port = free_port()
    p = subprocess.Popen(["redis-server", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", work],
                         stdout=subprocess.DEVNULL)
    wait_for(lambda: answers(port), "redis-server")
    return p, f"127.0.0.1:{port}"


def start_memcached(build, work, rows):
    port = free_port()
    p = subprocess.Popen(["memcached", "-l", "127.0.0.1", "-p", str(port), "-m", "4096", "-t", "1", "-u", "nobody"])
    wait_for(lambda: answers(port), "memcached")
    return p, f"127.0.0.1:{port}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    o = parser.parse_args()
    build = o.build.resolve()
    load = build / "bench.read_path.read_load"
    for tool in ("redis-server", "memcached"):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is missing; install it: apt-get install redis-server memcached")
    work = pathlib.Path(tempfile.mkdtemp())
    servers, cells = {}, {}
    try:
        for name, start in (("lagoon", start_lagoon), ("redis", start_redis), ("memcached", start_memcached)):
            servers[name] = start(build, work, o.rows)
            if name != "lagoon":
                subprocess.run([load, name, servers[name][1], "--rows", str(o.rows), "--load"], check=True)
        for _ in range(o.rounds):
            for batch in (1, 10, 100):
                for name, (process, address) in servers.items():
                    before = cpu_seconds(process.pid)
                    run = subprocess.run([load, name, address, "--rows", str(o.rows), "--seconds", str(o.seconds),
                                          "--batch", str(batch)], check=True, capture_output=True, text=True)
                    seen = json.loads(run.stdout)
                    seen["cpu_us"] = (cpu_seconds(process.pid) - before) / seen["requests"] * 1e6
                    cells.setdefault((batch, name), []).append(seen)
    finally:
        for process, _ in servers.values():
            process.terminate()
            process.wait()
        shutil.rmtree(work, ignore_errors=True)

    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.machine())
    print(f"{cpu}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, commit {commit}; {o.rows} rows of "
          f"16 + 100 bytes, 16 connections, {o.rounds} rounds of {o.seconds} s, in turns\n")
    print("| keys per request | server | CPU us per request | ratio to Lagoon | requests/s | p50 us | p99 us |")
    print("|---|---|---|---|---|---|---|")
    for (batch, name), seen in sorted(cells.items()):
        def median(field):
            return statistics.median(s[field] for s in seen)
        base = statistics.median(s["cpu_us"] for s in cells[batch, "lagoon"])
        print(f"| {batch} | {name} | {median('cpu_us'):.2f} | {median('cpu_us') / base:.2f} | {median('per_second'):.0f} | "
              f"{median('p50_us'):.0f} | {median('p99_us'):.0f} |")


main()
