#!/usr/bin/env python3
"""Reads of Lagoon beside redis-server, memcached, and gRPC C++ over RocksDB: CPU time of the server per request.

All serve the same rows to the same client (read_load.c), in turns, so that a slow minute of the machine hits all of them.
Each server is bound to one core, the client to another. The CPU time is that of all threads of the server process; requests
per second per core are its inverse. Lagoon gets its rows by a push; its process is a whole standalone.

    bench/read_load/read_load.py [--rows 1000000] [--rounds 5] [--seconds 2] [--json FILE]
    bench/read_load/read_load.py --open [--rounds 7] [--seconds 55] [--rate 20000]
    bench/read_load/read_load.py --push [--rounds 7] [--rows 10000000] [--push-rate 200000]

The second sends at a steady rate, whatever comes back, and judges the tail beside a hiccup meter on each core: PASS, VOID (the
machine stood still), FAIL; and on its own what was due in the hundredths of a second that are clear of stalls (stalls.h). It
goes on until so many rounds of Lagoon are judged, at most three times as many. The third does so in turns alone and while a
push of all rows at --push-rate records per second loads and swaps, in which the client follows to the new version. What answers
and the client are on one core, all that the push takes is on its neighbour (--read-cpus); for redis that is a whole Lagoon
which nobody reads. Where a core is left for it, the second and the third move whatever else runs to that one while they measure
(as root; kernel threads too, those of a core excepted), as whoever reserves cores for a server does, and back. What stands behind --lagoon goes to
lagoon standalone: `--lagoon=--read-index=0B` reads without the index.
"""
import argparse
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLAIN, LIBUV, TLS = "plain", "libuv", "tls"  # How servers are run: with their defaults; Lagoon waits by libuv; over TLS.
MANY, ONE = ["--connections", "4", "--in-flight", "64"], ["--connections", "50", "--in-flight", "1"]
SHAPES = {  # name: (value bytes, how, flags of read_load)
    "single get, 4 x 64": (64, PLAIN, MANY),
    "single get, 50 x 1": (64, PLAIN, ONE),
    "single get, 50 x 1, libuv": (64, LIBUV, ONE),
    "batch of 100, 4 x 4": (64, PLAIN, ["--connections", "4", "--in-flight", "4", "--batch", "100"]),
    "1 KB values, 4 x 64": (1024, PLAIN, MANY),
    "single get, 4 x 64, TLS": (64, TLS, MANY),
    "single get, 50 x 1, TLS": (64, TLS, ONE),
}
BARS = {  # shape: {peer: how many times fewer microseconds Lagoon has to take}
    "single get, 4 x 64": {"redis": 2, "memcached": 10, "grpc_rocksdb": 25},
    "single get, 50 x 1": {"redis": 1.3, "memcached": 1.3},
    "single get, 50 x 1, libuv": {"redis": 1, "memcached": 1},
    "batch of 100, 4 x 4": {"redis": 6, "memcached": 6},
    "1 KB values, 4 x 64": {"redis": 1.3},
    "single get, 4 x 64, TLS": {},
    "single get, 50 x 1, TLS": {},
}
ONLY_PLAIN = ["grpc_rocksdb"]
SERVICE_BAR_US = 300  # Of p99.99, at a steady rate.
ROOM_MIB = 8192  # Memory for rows, where a server has a bound.


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


class Server:
    def __init__(self, protocol, port, process, folder=None):
        self.protocol, self.address, self.process, self.folder = protocol, f"127.0.0.1:{port}", process, folder


class Servers:
    def __init__(self, o, work):
        self.o, self.work, self.processes, self.how = o, work, [], PLAIN
        self.build = o.build.resolve()
        self.load = self.build / "bench.read_load.read_load"
        self.cert, self.key = work / "cert.pem", work / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                        self.key, "-out", self.cert, "-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1"],
                       check=True, capture_output=True)

    @property
    def tls(self):
        return self.how == TLS

    def start(self, command, cores=None, **kw):
        p = subprocess.Popen(["taskset", "-c", cores or str(self.o.server_core), *map(str, command)], **kw)
        self.processes.append(p)
        return p

    def store(self, server, rows, value):
        wait_for(lambda: answers(int(server.address.split(":")[1])), server.protocol)
        subprocess.run([self.load, server.protocol, server.address, "--rows", str(rows), "--value-bytes", str(value), "--load", "1",
                        "--tls", str(int(self.tls))], check=True)
        return server

    def push(self, data, folder, *flags):
        core = ["taskset", "-c", str(self.o.client_core)] if self.o.push else []
        return subprocess.Popen([*core, self.build / "lagoon", "push", "bench", data, "--key-field", "key", "--value-field", "value",
                                 "--data", folder, *(["--tls-ca", self.cert] if self.tls else []), *flags],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def lagoon(self, rows, value):
        data, folder = self.work / f"rows{value}.avro", self.work / f"data_{value}_{self.how}"
        if not data.exists():
            subprocess.run([self.build / "bench.bulk_load.bulk_file", str(rows), str(value), data], check=True)
        how = {PLAIN: [], LIBUV: ["--read-driver", "uv"], TLS: ["--tls-cert", self.cert, "--tls-key", self.key]}[self.how]
        if not any(word.startswith("--read-index") for word in self.o.lagoon):
            how += ["--read-index", f"{ROOM_MIB}MiB"]
        p = self.start([self.build / "lagoon", "standalone", "--data", folder, "--controller-port", "0", "--router-port", "0",
                        "--server-port", "0", *how, *self.o.lagoon], stderr=subprocess.DEVNULL,
                       cores=f"{self.o.server_core},{self.o.client_core}" if self.o.push else None)
        endpoints = folder / "endpoints.json"
        wait_for(endpoints.exists, "lagoon")
        if self.push(data, folder, "--create", "--partitions", "4").wait() != 0:
            sys.exit("the push failed")
        return Server("grpc", json.loads(endpoints.read_text())["server"].split(":")[-1], p, folder)

    def redis(self, rows, value):
        port = free_port()
        listen = ["--tls-port", port, "--port", "0", "--tls-cert-file", self.cert, "--tls-key-file", self.key, "--tls-ca-cert-file",
                  self.cert, "--tls-auth-clients", "no"] if self.tls else ["--port", port]
        p = self.start(["redis-server", *listen, "--save", "", "--appendonly", "no", "--dir", self.work], stdout=subprocess.DEVNULL)
        return self.store(Server("redis", port, p), rows, value)

    def memcached(self, rows, value):
        port = free_port()
        tls = ["-Z", "-o", f"ssl_chain_cert={self.cert},ssl_key={self.key}"] if self.tls else []
        for file in (self.work, self.cert, self.key):
            shutil.chown(file, "nobody")
        p = self.start(["memcached", "-l", "127.0.0.1", "-p", port, "-m", ROOM_MIB, "-t", "1", "-u", "nobody", *tls])
        return self.store(Server("memcached", port, p), rows, value)

    def grpc_rocksdb(self, rows, value):
        port = free_port()
        p = self.start([self.build / "bench.peers.grpc_rocksdb", port, self.work / f"peer{value}", rows, value],
                       stdout=subprocess.PIPE)
        if p.stdout.readline() != b"ready\n":
            sys.exit("grpc_rocksdb did not come up")
        return Server("grpc", port, p)

    def begin(self, server, rows, value, seed, flags, seconds=None):
        core = self.o.server_core if self.o.push else self.o.client_core
        return subprocess.Popen(["taskset", "-c", str(core), self.load, server.protocol, server.address,
                                 "--rows", str(rows), "--value-bytes", str(value), "--pid", str(server.process.pid), "--seconds",
                                 str(seconds or self.o.seconds), "--seed", str(seed), "--tls", str(int(self.tls)), "--server-core",
                                 str(self.o.server_core), *flags],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    @staticmethod
    def end(server, run):
        out, err = run.communicate()
        if run.returncode != 0:
            sys.exit(f"{server.address}: {err}")
        return json.loads(out)

    def run(self, server, *args, **kw):
        seen = self.end(server, self.begin(server, *args, **kw))
        print(f"{server.protocol}: {seen['cpu_us']:.2f} us per request, p99.99 {seen['p99_99_us']:.0f} us {seen['verdict']}", file=sys.stderr)
        return seen

    def stop(self):
        for p in self.processes:
            p.terminate()
            p.wait()
        self.processes = []


def header(o):
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.machine())
    tcp = pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()  # bbr paces, at a cost per packet.
    return {"date": time.strftime("%Y-%m-%d", time.gmtime()), "cpu": cpu, "cores": os.cpu_count(), "kernel": platform.release(),
            "tcp": tcp, "commit": commit, "rows": o.rows, "rounds": o.rounds, "seconds": o.seconds, "load": round(os.getloadavg()[0], 1)}


# Moves all threads that may be moved off the cores that are measured; gives back where each was.
def reserve_cores(o):
    measured = {o.server_core} if o.push else {o.server_core, o.client_core}
    others = set(range(os.cpu_count())) - measured
    before = {}
    for tid in (int(p.name) for p in pathlib.Path("/proc").glob("[0-9]*/task/[0-9]*")) if others else ():
        try:
            was = os.sched_getaffinity(tid)
            if was & measured and was & others:
                os.sched_setaffinity(tid, was & others)
                before[tid] = was
        except OSError:
            pass  # A kernel thread of one core, one that has ended, or somebody else's.
    return before


def give_cores_back(before):
    for tid, cores in before.items():
        try:
            os.sched_setaffinity(tid, cores)
        except OSError:
            pass  # It has ended.


# Until indexes are filled, and what loading left for the disk is written.
def settle(o):
    os.sync()
    time.sleep(o.settle)


def closed_loop(servers, names, o):
    cells = {}
    shapes = {name: SHAPES[name] for name in o.shape or SHAPES}
    for value, servers.how in sorted({(v, how) for v, how, _ in shapes.values()}):
        rows = o.rows if value == 64 else min(o.rows, o.rows_1k)
        here = [name for name in names if servers.how == PLAIN or name not in ONLY_PLAIN]
        up = {name: getattr(servers, name)(rows, value) for name in here}
        settle(o)
        for seed in range(1, o.rounds + 1):
            for shape, (bytes_, how, flags) in shapes.items():
                for name in here if (bytes_, how) == (value, servers.how) else ():
                    cells.setdefault(shape, {}).setdefault(name, []).append(servers.run(up[name], rows, value, seed, flags))
        servers.stop()
    return cells


def print_closed(cells, names):
    rows = []
    print("| shape | server | CPU us per request | requests/s per core | Lagoon is ahead | bar | |")
    print("|---|---|---|---|---|---|---|")
    for shape, by_name in sorted(cells.items(), key=lambda cell: list(SHAPES).index(cell[0])):
        # Of the same round, so that what the machine did meanwhile cancels out.
        for name in by_name:
            us = statistics.median(s["cpu_us"] for s in by_name[name])
            ratio = statistics.median(p["cpu_us"] / l["cpu_us"] for p, l in zip(by_name[name], by_name["lagoon"]))
            bar = BARS[shape].get(name)
            met = "" if bar is None else "met" if ratio >= bar else "missed"
            client = max(s["client_busy"] for s in by_name[name])
            rows.append({"shape": shape, "server": name, "cpu_us": us, "per_core": 1e6 / us, "ratio": ratio, "bar": bar,
                         "verdict": met, "client_busy": client})
            print(f"| {shape} | {name} | {us:.2f} | {1e6 / us:,.0f} | {'' if name == 'lagoon' else f'{ratio:.2f} x'} | "
                  f"{'' if bar is None else f'{bar} x'} | {met} |")
    return rows


# How many requests Lagoon itself has had at most so long, by the powers of two of its histogram.
def service_buckets(server):
    text = urllib.request.urlopen(f"http://{server.address}/metrics").read().decode()
    return {float(le): int(n) for le, n in
            re.findall(r'^lagoon_server_service_seconds_bucket\{store="bench",le="([^"]+)"\} (\d+)$', text, re.M)}


def service_p99_99_us(before, after):
    grown = {le: n - before.get(le, 0) for le, n in sorted(after.items())}
    return next(le * 1e6 for le, n in grown.items() if n >= 0.9999 * max(grown.values()))


# As base/hiccup.h judges. The bound of a bucket may be twice what was seen; so this may say FAIL for PASS, never PASS for FAIL.
def judge_service(run):
    if run["service_p99_99_us"] <= SERVICE_BAR_US:
        return "PASS"
    return "VOID" if run["server_stall_p99_99_us"] > SERVICE_BAR_US / 2 else "FAIL"


# What `measure` does, and for Lagoon what the server says of it.
def with_service(server, name, measure):
    if name != "lagoon":
        return measure()
    before = service_buckets(server)
    run = measure()
    run["service_p99_99_us"] = service_p99_99_us(before, service_buckets(server))
    run["service_verdict"] = judge_service(run)
    return run


def open_loop(servers, names, o):
    up = {name: getattr(servers, name)(o.rows, 64) for name in names}
    settle(o)
    cells = {name: [] for name in names}
    judged = 0
    for seed in range(1, 3 * o.rounds + 1):
        for name in names:
            flags = ["--connections", "8", "--rate", str(o.rate)]
            run = with_service(up[name], name, lambda: servers.run(up[name], o.rows, 64, seed, flags))
            judged += name == "lagoon" and run["verdict"] != "VOID"
            cells[name].append(run)
        if judged == o.rounds or "lagoon" not in names and seed == o.rounds:
            break
    servers.stop()
    return cells


# What was due clear of the machine's stalls (stalls.h), of {when: {server: its runs in order}}.
def print_clear(series):
    print("\nDue in hundredths of a second clear of stalls:\n")
    print("| server | run | | samples | of all | p50 us | p99 us | p99.9 us | p99.99 us | |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for when, cells in series.items():
        for name, runs in cells.items():
            for i, c in enumerate(s["clear"] for s in runs):
                print(f"| {name} | {i + 1} | {when} | {c['samples']} | {c['share']:.0%} | {c['p50_us']:.0f} | {c['p99_us']:.0f} | "
                      f"{c['p99_9_us']:.0f} | {c['p99_99_us']:.0f} | {c['verdict']} |")
    for when, cells in series.items():
        if "lagoon" in cells and "redis" in cells:
            ratio = statistics.median(a["clear"]["p99_99_us"] / b["clear"]["p99_99_us"] for a, b in zip(cells["lagoon"], cells["redis"]))
            print(f"\n{when}, clear p99.99 of Lagoon over redis of the same round, median: {ratio:.2f} (bar 1.25)")


def print_open(cells, names):
    rows = []
    print("| server | run | samples | p50 us | p99 us | p99.9 us | p99.99 us | | service p99.99 us | | stalls at the client p99.99 us | at the server | "
          "client late p99.99 us |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|")
    for name in names:
        for i, s in enumerate(cells[name]):
            rows.append({"server": name, "run": i + 1, **s})
            print(f"| {name} | {i + 1} | {s['samples']} | {s['p50_us']:.0f} | {s['p99_us']:.0f} | {s['p99_9_us']:.0f} | "
                  f"{s['p99_99_us']:.0f} | {s['verdict']} | {f'<= {v:.0f}' if (v := s.get('service_p99_99_us')) else ''} | "
                  f"{s.get('service_verdict', '')} | {s['stall_p99_99_us']:.0f} | {s['server_stall_p99_99_us']:.0f} | {s['late_p99_99_us']:.0f} |")
    if "redis" in names and "lagoon" in names:
        ratio = statistics.median(l["p99_99_us"] / r["p99_99_us"] for l, r in zip(cells["lagoon"], cells["redis"]))
        print(f"\np99.99 of Lagoon over redis of the same round, median: {ratio:.2f} (bar 1.25)")
    print_clear({"alone": cells})
    return rows


# Pushes the same rows again, and tells the client when they are served; a run without an end of the push in it says nothing.
def beside_push(servers, server, lagoon, o, version, seed, flags):
    seconds = o.rows // o.push_rate + o.push_room
    run = servers.begin(server, o.rows, 64, seed, ["--version", str(version), *flags], seconds)
    push = servers.push(servers.work / "rows64.avro", lagoon.folder, "--max-rate", str(o.push_rate))
    if push.wait() != 0:
        sys.exit("the push failed")
    if run.poll() is not None:
        sys.exit(f"the push took longer than {seconds} s; give more with --push-room")
    if server is lagoon:
        run.send_signal(signal.SIGUSR1)
    return servers.end(server, run)


def push_loop(servers, names, o):
    up = {name: getattr(servers, name)(o.rows, 64) for name in names}
    lagoon, flags = up["lagoon"], ["--connections", "8", "--rate", str(o.rate)]
    cells, version = {name: [] for name in names}, 1
    for seed in range(1, o.rounds + 1):
        for name in names:
            settle(o)
            idle = with_service(up[name], name,
                                lambda: servers.run(up[name], o.rows, 64, seed, ["--version", str(version), *flags]))
            push = with_service(up[name], name, lambda: beside_push(servers, up[name], lagoon, o, version, seed, flags))
            version += 1
            cells[name].append({"idle": idle, "push": push})
    servers.stop()
    return cells


def print_push(cells, names):
    rows = []
    print("| server | run | | samples | p50 us | p99 us | over idle | p99.99 us | | service p99.99 us | | stalls p99.99 us |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for name in names:
        for i, c in enumerate(cells[name]):
            ratio = c["push"]["p99_us"] / c["idle"]["p99_us"]
            rows.append({"server": name, "run": i + 1, "p99_ratio": ratio})
            for when, s in c.items():
                print(f"| {name} | {i + 1} | {'idle' if when == 'idle' else 'beside a push'} | {s['samples']} | {s['p50_us']:.0f} | "
                      f"{s['p99_us']:.0f} | {'' if when == 'idle' else f'{ratio:.2f}'} | {s['p99_99_us']:.0f} | "
                      f"{s['verdict']} | {f'<= {v:.0f}' if (v := s.get('service_p99_99_us')) else ''} | "
                      f"{s.get('service_verdict', '')} | {s['server_stall_p99_99_us']:.0f} |")
    for name in names:
        ratio = statistics.median(r["p99_ratio"] for r in rows if r["server"] == name)
        print(f"\n{name}: p99 beside a push over p99 idle, median: {ratio:.2f}{' (bar 1.5)' if name == 'lagoon' else ''}")
    if len(names) == 2:
        ratio = statistics.median(l["push"]["p99_99_us"] / r["push"]["p99_99_us"] for l, r in zip(cells["lagoon"], cells["redis"]))
        print(f"\np99.99 of Lagoon over redis beside a push, of the same round, median: {ratio:.2f} (bar 1.25)")
    print_clear({label: {name: [c[when] for c in cells[name]] for name in names}
                 for when, label in (("idle", "alone"), ("push", "beside a push"))})
    for name in names:
        ratio = statistics.median(c["push"]["clear"]["p99_us"] / c["idle"]["clear"]["p99_us"] for c in cells[name])
        print(f"\n{name}: clear p99 beside a push over p99 alone, median: {ratio:.2f}{' (bar 1.5)' if name == 'lagoon' else ''}")
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--rows-1k", type=int, default=200_000, help="rows with values of 1 KB")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--open", action="store_true")
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--push", action="store_true")
    parser.add_argument("--push-rate", type=int, default=200_000, help="records per second")
    parser.add_argument("--push-room", type=int, default=30, help="seconds for what a push does besides")
    parser.add_argument("--shape", action="append", choices=SHAPES, help="this one only; may be said more than once")
    parser.add_argument("--servers", default="lagoon,redis,memcached,grpc_rocksdb")
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--client-core", type=int, default=(os.cpu_count() or 2) - 1)
    parser.add_argument("--settle", type=int, default=5, help="seconds from the push to the first request")
    parser.add_argument("--lagoon", action="append", default=[], help="a further word for lagoon standalone")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures of every run")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    o = parser.parse_args()
    o.rounds = o.rounds or (7 if o.open or o.push else 5)
    o.seconds = o.seconds or (55 if o.open or o.push else 2)
    o.rows = o.rows or (10_000_000 if o.push else 1_000_000)
    names = o.servers.split(",")
    if o.push:
        names = [name for name in names if name in ("lagoon", "redis")]
        o.lagoon += [f"--read-cpus={o.server_core}", "--read-index=8GiB"]
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
    measure, show = (open_loop, print_open) if o.open else (push_loop, print_push) if o.push else (closed_loop, print_closed)
    before = reserve_cores(o) if o.open or o.push else {}
    facts["threads_moved_away"] = len(before)
    try:
        cells = measure(servers, names, o)
    finally:
        give_cores_back(before)
        servers.stop()
        shutil.rmtree(work, ignore_errors=True)
    rows = show(cells, names)
    if o.json:
        o.json.write_text(json.dumps({**facts, "table": rows, "runs": cells}, indent=1))


if __name__ == "__main__":
    main()
