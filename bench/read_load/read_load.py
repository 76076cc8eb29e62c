#!/usr/bin/env python3
"""Reads of Lagoon beside redis-server, memcached, and gRPC C++ over RocksDB: CPU time of the server per request.

All serve the same rows to the same client (read_load.c), in turns, so that a slow minute of the machine hits all of them.
Each server is bound to one core, the client to another. The CPU time is that of all threads of the server process; requests
per second per core are its inverse. Lagoon gets its rows by a push; its process is a whole standalone.

    bench/read_load/read_load.py [--rows 1000000] [--rounds 5] [--seconds 2] [--json FILE]
    bench/read_load/read_load.py --open [--rounds 7] [--seconds 55] [--rate 20000]

The second sends at a steady rate, whatever comes back, and judges the tail beside a hiccup meter: PASS, VOID (the machine
stood still), FAIL. What stands behind --lagoon goes to lagoon standalone, to read without the index, say.
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
SHAPES = {  # name: (value bytes, flags of read_load)
    "single get, 4 x 64": (64, ["--connections", "4", "--in-flight", "64"]),
    "single get, 50 x 1": (64, ["--connections", "50", "--in-flight", "1"]),
    "batch of 100, 4 x 4": (64, ["--connections", "4", "--in-flight", "4", "--batch", "100"]),
    "1 KB values, 4 x 64": (1024, ["--connections", "4", "--in-flight", "64"]),
}
BARS = {  # shape: {peer: how many times fewer microseconds Lagoon has to take}
    "single get, 4 x 64": {"redis": 2, "memcached": 10, "grpc_rocksdb": 25},
    "single get, 50 x 1": {"redis": 1, "memcached": 1},
    "batch of 100, 4 x 4": {"redis": 6, "memcached": 6},
    "1 KB values, 4 x 64": {"redis": 1.3},
}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(condition, what, seconds=600):
    for _ in range(seconds * 20):
        if condition():
            return
        time.sleep(0.05)
    sys.exit(f"{what} did not come up within {seconds} s")


def answers(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Servers:
    def __init__(self, o, work):
        self.o, self.work, self.processes = o, work, []
        self.build = o.build.resolve()
        self.load = self.build / "bench.read_load.read_load"

    def start(self, command, **kw):
        p = subprocess.Popen(["taskset", "-c", str(self.o.server_core), *map(str, command)], **kw)
        self.processes.append(p)
        return p

    def store(self, protocol, address, rows, value):
        subprocess.run([self.load, protocol, address, "--rows", str(rows), "--value-bytes", str(value), "--load", "1"], check=True)

    def lagoon(self, rows, value):
        data, folder = self.work / f"rows{value}.avro", self.work / f"data{value}"
        subprocess.run([self.build / "bench.bulk_load.bulk_file", str(rows), str(value), data], check=True)
        p = self.start([self.build / "lagoon", "standalone", "--data", folder, "--controller-port", "0", "--router-port", "0",
                        "--server-port", "0", *self.o.lagoon], stderr=subprocess.DEVNULL)
        endpoints = folder / "endpoints.json"
        wait_for(endpoints.exists, "lagoon")
        subprocess.run([self.build / "lagoon", "push", "bench", data, "--key-field", "key", "--value-field", "value", "--create",
                        "--partitions", "4", "--data", folder], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        data.unlink()
        return "grpc", json.loads(endpoints.read_text())["server"].removeprefix("http://"), p

    def redis(self, rows, value):
        port = free_port()
        p = self.start(["redis-server", "--port", port, "--save", "", "--appendonly", "no", "--dir", self.work],
                       stdout=subprocess.DEVNULL)
        wait_for(lambda: answers(port), "redis-server")
        self.store("redis", f"127.0.0.1:{port}", rows, value)
        return "redis", f"127.0.0.1:{port}", p

    def memcached(self, rows, value):
        port = free_port()
        p = self.start(["memcached", "-l", "127.0.0.1", "-p", port, "-m", "8192", "-t", "1", "-u", "nobody"])
        wait_for(lambda: answers(port), "memcached")
        self.store("memcached", f"127.0.0.1:{port}", rows, value)
        return "memcached", f"127.0.0.1:{port}", p

    def grpc_rocksdb(self, rows, value):
        port = free_port()
        p = self.start([self.build / "bench.peers.grpc_rocksdb", port, self.work / f"peer{value}", rows, value],
                       stdout=subprocess.PIPE)
        if p.stdout.readline() != b"ready\n":
            sys.exit("grpc_rocksdb did not come up")
        return "grpc", f"127.0.0.1:{port}", p

    def run(self, server, rows, value, seed, flags):
        protocol, address, p = server
        run = subprocess.run(["taskset", "-c", str(self.o.client_core), self.load, protocol, address, "--rows", str(rows),
                              "--value-bytes", str(value), "--pid", str(p.pid), "--seconds", str(self.o.seconds), "--seed",
                              str(seed), *flags], capture_output=True, text=True)
        if run.returncode != 0:
            sys.exit(f"{address}: {run.stderr}")
        return json.loads(run.stdout)

    def stop(self):
        for p in self.processes:
            p.terminate()
            p.wait()
        self.processes = []


def header(o):
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.machine())
    return {"date": time.strftime("%Y-%m-%d", time.gmtime()), "cpu": cpu, "cores": os.cpu_count(), "kernel": platform.release(),
            "commit": commit, "rows": o.rows, "rounds": o.rounds, "seconds": o.seconds, "load": round(os.getloadavg()[0], 1)}


def closed_loop(servers, names, o):
    cells = {}
    shapes = {name: SHAPES[name] for name in o.shape or SHAPES}
    for value in sorted({v for v, _ in shapes.values()}):
        rows = o.rows if value == 64 else min(o.rows, o.rows_1k)
        up = {name: getattr(servers, name)(rows, value) for name in names}
        time.sleep(o.settle)
        for seed in range(1, o.rounds + 1):
            for shape, (bytes_, flags) in shapes.items():
                for name in names if bytes_ == value else ():
                    cells.setdefault(shape, {}).setdefault(name, []).append(servers.run(up[name], rows, value, seed, flags))
        servers.stop()
    return cells


def print_closed(cells, names):
    rows = []
    print("| shape | server | CPU us per request | requests/s per core | Lagoon is ahead | bar | |")
    print("|---|---|---|---|---|---|---|")
    for shape, by_name in cells.items():
        # Of the same round, so that what the machine did meanwhile cancels out.
        for name in names:
            us = statistics.median(s["cpu_us"] for s in by_name[name])
            ratio = statistics.median(p["cpu_us"] / l["cpu_us"] for p, l in zip(by_name[name], by_name["lagoon"]))
            bar = BARS[shape].get(name)
            met = "" if bar is None else "met" if ratio >= bar else "missed"
            client = max(s["client_busy"] for s in by_name[name])
            rows.append({"shape": shape, "server": name, "cpu_us": us, "per_core": 1e6 / us, "ratio": ratio, "bar": bar,
                         "verdict": met, "client_busy": client})
            print(f"| {shape} | {name} | {us:.2f} | {1e6 / us:,.0f} | {'' if name == 'lagoon' else f'{ratio:.2f} x'} | "
                  f"{'' if bar is None else f'{bar} x'} | {met} |")
    print("\nWith TLS: not measured.")
    return rows


def open_loop(servers, names, o):
    up = {name: getattr(servers, name)(o.rows, 64) for name in names}
    time.sleep(o.settle)
    cells = {name: [] for name in names}
    for seed in range(1, o.rounds + 1):
        for name in names:
            cells[name].append(servers.run(up[name], o.rows, 64, seed, ["--connections", "8", "--rate", str(o.rate)]))
    servers.stop()
    return cells


def print_open(cells, names):
    rows = []
    print("| server | run | samples | p50 us | p99 us | p99.9 us | p99.99 us | machine p99.99 us | client late p99.99 us | |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name in names:
        for i, s in enumerate(cells[name]):
            rows.append({"server": name, "run": i + 1, **s})
            print(f"| {name} | {i + 1} | {s['samples']} | {s['p50_us']:.0f} | {s['p99_us']:.0f} | {s['p99_9_us']:.0f} | "
                  f"{s['p99_99_us']:.0f} | {s['stall_p99_99_us']:.0f} | {s['late_p99_99_us']:.0f} | {s['verdict']} |")
    if "redis" in names:
        ratio = statistics.median(l["p99_99_us"] / r["p99_99_us"] for l, r in zip(cells["lagoon"], cells["redis"]))
        print(f"\np99.99 of Lagoon over redis of the same round, median: {ratio:.2f} (bar 1.25)")
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rows-1k", type=int, default=200_000, help="rows with values of 1 KB")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--open", action="store_true")
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--shape", action="append", choices=SHAPES, help="this one only; may be said more than once")
    parser.add_argument("--servers", default="lagoon,redis,memcached,grpc_rocksdb")
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--client-core", type=int, default=(os.cpu_count() or 2) - 1)
    parser.add_argument("--settle", type=int, default=5, help="seconds from the push to the first request: indexes are filled")
    parser.add_argument("--lagoon", action="append", default=[], help="a further word for lagoon standalone")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures of every run")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    o = parser.parse_args()
    o.rounds = o.rounds or (7 if o.open else 5)
    o.seconds = o.seconds or (55 if o.open else 2)
    names = o.servers.split(",")
    for tool in ("redis-server", "memcached"):
        if tool.split("-")[0] in names and shutil.which(tool) is None:
            sys.exit(f"{tool} is missing; install it: apt-get install redis-server memcached")
    if "grpc_rocksdb" in names and not (o.build / "bench.peers.grpc_rocksdb").exists():
        print("without grpc_rocksdb: apt-get install libgrpc++-dev protobuf-compiler-grpc, build bench.peers.grpc_rocksdb\n")
        names.remove("grpc_rocksdb")
    work = pathlib.Path(tempfile.mkdtemp())
    servers = Servers(o, work)
    facts = header(o)
    print(", ".join(f"{k} {v}" for k, v in facts.items()) + "\n")
    try:
        cells = open_loop(servers, names, o) if o.open else closed_loop(servers, names, o)
    finally:
        servers.stop()
        shutil.rmtree(work, ignore_errors=True)
    rows = print_open(cells, names) if o.open else print_closed(cells, names)
    if o.json:
        o.json.write_text(json.dumps({**facts, "table": rows, "runs": cells}, indent=1))


main()
