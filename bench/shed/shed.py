#!/usr/bin/env python3
"""What a server that is asked for five times what it can do still answers: with load shedding as it is by default, with a
shorter target, and without any.

Batches of 100 keys from RocksDB (there is no read index: an answer is dear, a refusal is not) over gRPC, asked by `lagoon
bench batch` at a steady rate, whatever comes back, each with a timeout: what comes later helps nobody. The server's one
reading lane is bound to one core, the client to another. First the rate grows until a fifth has no answer in time: the
most that was answered is the peak. Then all kinds of server are asked for so many times of that, in turns, and once more
with the server standing still for half a second in the midst.

    bench/shed/shed.py [--times 5] [--rounds 3] [--seconds 5] [--json FILE]
    bench/shed/shed.py --disk 3000 --keys 10 --first-rate 200 [...]

With --disk N the disk is what is asked for too much: the kernel lets the server read N times a second (as many as a cloud's disk
may), there is a small block cache, and the kernel's is emptied ten times a second. That takes root and control groups.
Then the server's threads may use both cores.
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGETS = {"by default": [], "5 ms": ["--read-queue-target", "5ms"], "none": ["--read-queue-target", "0ms"]}
BAR = 0.8  # of the peak


class Server:
    """A standalone of its own, as everything is once it has been overloaded."""

    def __init__(self, o, work, rows, words):
        folder = pathlib.Path(tempfile.mkdtemp(dir=work))
        self.o, self.data = o, folder / "data"
        self.process = subprocess.Popen(
            ["taskset", "-c", f"{o.server_core},{o.client_core}" if o.disk else str(o.server_core), o.build / "lagoon", "standalone", "--data", self.data, "--controller-port", "0",
             "--router-port", "0", "--server-port", "0", "--read-threads", "1", "--read-index", "0B",
             *(["--block-cache", "1MiB"] if o.disk else []), *words],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=o.slow_disk.enter if o.disk else None)
        while not (self.data / "endpoints.json").exists():
            if self.process.poll() is not None:
                sys.exit("lagoon standalone did not come up")
            time.sleep(0.05)
        self.run("store", "create", "bench", "--key-schema", work / "key.avsc", "--value-schema", work / "value.avsc")
        self.run("push", "bench", rows, "--key-field", "key", "--value-field", "value")
        os.sync()
        time.sleep(o.settle)

    def run(self, *words):
        subprocess.run([self.o.build / "lagoon", *words, "--data", self.data], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def ask(self, rate, seed, pause=False):
        """What `lagoon bench` says of it."""
        pauses = threading.Timer(1 + self.o.seconds / 3, self.pause) if pause else None
        if pauses:
            pauses.start()
        out = subprocess.run(
            ["taskset", "-c", str(self.o.client_core), self.o.build / "lagoon", "bench", "batch", "bench", "--data", self.data,
             "--numbers", f"0-{self.o.rows - 1}", "--batch", str(self.o.keys), "--rate", str(rate), "--duration", f"{self.o.seconds}s", "--timeout",
             f"{self.o.timeout_ms}ms", "--in-flight", "512", "--seed", str(seed), "--output", "json"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        if pauses:
            pauses.join()
        return json.loads(out)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.data, ignore_errors=True)


class SlowDisk:
    """A control group whose processes read so many times a second from the disk of a folder."""

    def __init__(self, folder, reads_per_second):
        disk = os.stat(folder).st_dev
        device = pathlib.Path(f"/sys/dev/block/{os.major(disk)}:{os.minor(disk)}").resolve()
        if (device / "partition").exists():  # The limit is of the whole disk.
            device = device.parent
        number = (device / "dev").read_text().strip()
        first = pathlib.Path("/sys/fs/cgroup/blkio")
        self.group = (first if first.exists() else pathlib.Path("/sys/fs/cgroup")) / f"lagoon-bench-{os.getpid()}"
        if not first.exists():
            (self.group.parent / "cgroup.subtree_control").write_text("+io")
        self.group.mkdir()
        if first.exists():
            (self.group / "blkio.throttle.read_iops_device").write_text(f"{number} {reads_per_second}")
        else:
            (self.group / "io.max").write_text(f"{number} riops={reads_per_second}")

    def enter(self):
        (self.group / "cgroup.procs").write_text(str(os.getpid()))

    def remove(self):
        self.group.rmdir()


def write_rows(path, count):
    with open(path, "w") as file:
        for i in range(count):
            file.write('{"key":%d,"value":"%s"}\n' % (i, ("%016x" % (i * 0x9E3779B97F4A7C15 % 2**64)) * 4))


def header(o):
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.machine())
    return {"date": time.strftime("%Y-%m-%d", time.gmtime()), "cpu": cpu, "cores": os.cpu_count(), "kernel": platform.release(),
            "commit": commit, "rows": o.rows, "rounds": o.rounds, "seconds": o.seconds, "times": o.times, "keys": o.keys,
            "disk": o.disk,
            "timeout_ms": o.timeout_ms, "load": round(os.getloadavg()[0], 1)}


def empty_cache():
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("1")


def empty_caches(stop):
    while not stop.wait(0.1):
        empty_cache()


def per_second(seen):
    return seen["answered"] / seen["seconds"]


def find_peak(server, o):
    best, rate = 0, o.first_rate
    while True:
        answered = per_second(server.ask(rate, seed=1))
        print(f"{rate}/s asked: {answered:.0f}/s answered", file=sys.stderr)
        best = max(best, answered)
        if answered < 0.8 * rate:
            if rate == o.first_rate:
                sys.exit("the first rate was too high for this machine; give a lower one with --first-rate")
            return best
        rate = int(rate * 1.1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--times", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--keys", type=int, default=100, help="of a batch")
    parser.add_argument("--disk", type=int, metavar="N", help="reads per second from the disk")
    parser.add_argument("--first-rate", type=int, default=1500, help="batches per second, when the peak is looked for")
    parser.add_argument("--timeout-ms", type=int, default=300)
    parser.add_argument("--settle", type=int, default=5, help="seconds from the push to the first request")
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--client-core", type=int, default=(os.cpu_count() or 2) - 1)
    parser.add_argument("--json", type=pathlib.Path, help="write the figures of every run")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    o = parser.parse_args()
    o.build = o.build.resolve()
    facts = header(o)
    print(", ".join(f"{k} {v}" for k, v in facts.items()) + "\n")
    work = pathlib.Path(tempfile.mkdtemp())
    servers, stop = {}, threading.Event()
    if o.disk:
        empty_cache()  # Who may not is told here.
        o.slow_disk = SlowDisk(work, o.disk)
        threading.Thread(target=empty_caches, args=(stop,)).start()
    try:
        rows = work / "rows.ndjson"
        write_rows(rows, o.rows)
        (work / "key.avsc").write_text('"long"')
        (work / "value.avsc").write_text('"string"')
        for name, words in TARGETS.items():
            servers[name] = Server(o, work, rows, words)
        peak = find_peak(servers["by default"], o)  # The one without shedding would not recover.
        runs = []
        for seed in range(1, o.rounds + 1):
            for pause in (False, True):
                for name, server in servers.items():
                    runs.append({"target": name, "paused": pause, **server.ask(int(peak * o.times), seed, pause)})
                    print(f"{name}{', paused' * pause}: {per_second(runs[-1]) / peak:.2f} of the peak", file=sys.stderr)
    finally:
        stop.set()
        for server in servers.values():
            server.stop()
        if o.disk:
            o.slow_disk.remove()
        shutil.rmtree(work, ignore_errors=True)
    print(f"peak: {peak:.0f} batches of {o.keys} per second; asked for {peak * o.times:.0f}\n")
    print("| longest queue | answered in time, of the peak | worst run | with a pause of 0.5 s | bar |\n|---|---|---|---|---|")
    table = []
    for name in TARGETS:
        share = {pause: [per_second(r) / peak for r in runs if (r["target"], r["paused"]) == (name, pause)] for pause in (False, True)}
        median, worst, paused = statistics.median(share[False]), min(share[False]), statistics.median(share[True])
        bar = "" if name == "none" else "met" if median >= BAR else "missed"
        table.append({"target": name, "of_peak": median, "worst": worst, "paused": paused, "bar": bar})
        print(f"| {name} | {median:.0%} | {worst:.0%} | {paused:.0%} | {f'{BAR:.0%}: {bar}' if bar else ''} |")
    if o.json:
        o.json.write_text(json.dumps({**facts, "peak": peak, "table": table, "runs": runs}, indent=1))


if __name__ == "__main__":
    main()
