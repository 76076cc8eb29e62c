#!/usr/bin/env python3
"""A cluster on one machine (tools/dev_cluster.sh: real ZooKeeper, real Kafka, three servers): three questions.

  push       how long a push of N rows into three servers with two replicas of each partition takes, by phase
  ingestion  how fast a server takes a version from Kafka (it comes back with an empty disk), in records and MiB per second
             and per core, beside our Kafka driver alone, librdkafka's bare consumer on the same topic and RocksDB's own sorted bulk load of the
             same rows
  recovery   kill -9 of one server: how long until every partition is readable again, with two replicas (readers go on at
             once through the other one) and with one (until the server is back)

    bench/cluster/cluster.py [--rows 10000000] [--value-bytes 100] [--build build/release] [--work DIR] [--kills 5]

The rows are those of bulk_load.py. All processes share the machine, Kafka and its JVM too."""
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
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
TICKS = os.sysconf("SC_CLK_TCK")
PHASES = ("reading", "sorting", "writing", "waiting")
SERVERS = ("server-1", "server-2", "server-3")
WAIT_S = 600


def process_cpu(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Cluster:
    def __init__(self, build, folder):
        self.build, self.folder, self.children = build, folder, {}
        self.script("up", "--free-ports")
        self.ports = dict(line.split("=") for line in (folder / "ports").read_text().split())
        self.controller = f"http://127.0.0.1:{self.ports['controller-1']}"

    def script(self, word, *more):
        done = subprocess.run([ROOT / "tools/dev_cluster.sh", word, "--dir", self.folder, *more], text=True,
                              capture_output=True, env=dict(os.environ, LAGOON_BINARY=str(self.build / "lagoon")))
        if done.returncode != 0:
            sys.exit(done.stdout + done.stderr)

    def lagoon(self, *words):
        done = subprocess.run([self.build / "lagoon", *words, "--controller", self.controller, "--output", "json"],
                              capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"lagoon {' '.join(map(str, words))}: {done.stderr}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def pid(self, name):
        return int((self.folder / "pids" / name).read_text())

    def cpu(self):
        return {name: process_cpu(self.pid(name)) for name in (*SERVERS, "kafka")}

    def stop(self, name, number):
        os.kill(self.pid(name), number)
        until(lambda: self.ended(name), f"the end of {name}")

    def ended(self, name):
        """Gone, or dead and not yet reaped: those that the script started are init's children."""
        if name in self.children:
            return self.children[name].poll() is not None
        try:
            stat = pathlib.Path(f"/proc/{self.pid(name)}/stat").read_text()
        except FileNotFoundError:
            return True
        return stat.rsplit(")", 1)[1].split()[0] == "Z"

    def start(self, name):
        with open(self.folder / "logs" / f"{name}.log", "ab") as log:
            child = subprocess.Popen([self.build / "lagoon", "server", "--config", self.folder / "conf" / f"{name}.conf"],
                                     stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        (self.folder / "pids" / name).write_text(f"{child.pid}\n")
        self.children[name] = child
        return child

    def read(self, store, key):
        """The status of a get through the first router, 0 without an answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['router-1']}/v1/stores/{store}/{key}", timeout=20) as r:
                r.read()
                return r.status
        except urllib.error.HTTPError as e:
            return e.code
        except OSError:
            return 0

    def replicas(self, store):
        with urllib.request.urlopen(f"{self.controller_that_leads()}/v1/replicas?store_name={store}", timeout=20) as r:
            return json.load(r)["versions"]

    def controller_that_leads(self):
        with urllib.request.urlopen(f"{self.controller}/leader_controller?cluster_name=dev", timeout=20) as r:
            return json.load(r)["url"]


def until(condition, what, seconds=WAIT_S):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"{what} did not come within {seconds} s")
        time.sleep(0.005)


def push(cluster, store, data, *flags):
    before, began = cluster.cpu(), time.monotonic()
    child = subprocess.Popen([cluster.build / "lagoon", "push", store, data, "--key-field", "key", "--value-field", "value",
                              "--controller", cluster.controller, *flags],
                             stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    phase, last, seen = "starting", began, {}
    for line in child.stderr:
        word = line.split()[0] if line.split() else ""
        if word in PHASES or word in ("creating", "requesting", "ending", "confirming"):
            now = time.monotonic()
            seen[phase] = seen.get(phase, 0) + now - last
            phase, last = word, now
        elif line.startswith("lagoon:"):
            sys.exit(line)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit("lagoon push failed")
    seen[phase] = seen.get(phase, 0) + time.monotonic() - last
    after = cluster.cpu()
    total = time.monotonic() - began
    phases = {name: seen.get(name, 0) for name in PHASES}
    return {"total": total, **phases, "other": total - sum(phases.values()), "cpu_push": usage.ru_utime + usage.ru_stime,
            "cpu_servers": sum(after[s] - before[s] for s in SERVERS), "cpu_kafka": after["kafka"] - before["kafka"]}


def ingestion(cluster, store):
    """A server comes back with nothing and takes its replicas from Kafka."""
    cluster.stop("server-1", signal.SIGTERM)
    shutil.rmtree(cluster.folder / "server-1")
    began = time.monotonic()
    child = cluster.start("server-1")

    def mine():
        version = cluster.replicas(store)[-1]
        return [r for p in version["partitions"] for r in p["replicas"] if r["instance"] == "server-1"]

    until(lambda: mine() and all(r["status"] == "COMPLETED" and r["live"] for r in mine()), "a whole server-1")
    wall, cpu = time.monotonic() - began, process_cpu(child.pid)
    records, size = sum(r["records"] for r in mine()), sum(r["bytes"] for r in mine())
    return {"records": records, "bytes": size, "wall_s": wall, "cpu_s": cpu}


def recovery(cluster, store, keys, comes_back):
    """From kill -9 until each of the keys (all partitions) was read once more; and reads that failed meanwhile."""
    until(lambda: all(p["ready"] >= v["factor"] for v in cluster.replicas(store) for p in v["partitions"] if v["current"]),
          "replicas of all partitions")
    began, failed = time.monotonic(), 0
    cluster.stop("server-2", signal.SIGKILL)
    if comes_back:
        cluster.start("server-2")
    for key in keys:
        while cluster.read(store, key) != 200:
            failed += 1
            if time.monotonic() - began > WAIT_S:
                sys.exit("not every partition came back")
    took = time.monotonic() - began
    if not comes_back:
        cluster.start("server-2")
    return took, failed


def report(o, pushed, taken, driver, bare, rocksdb, kills):
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
          f"commit {commit}, {o.rows} rows of 16-byte keys and {o.value_bytes}-byte values\n")
    print("push into three servers, two replicas")
    for name in (*PHASES, "other", "total", "cpu_push", "cpu_servers", "cpu_kafka"):
        print(f"  {name:12} {pushed[name]:8.1f} s")
    print("\ningestion             records/s  MiB/s   records/s/core  MiB/s/core")
    runs = [("lagoon server", taken), ("our driver alone", driver), ("bare librdkafka", bare)]
    if rocksdb is not None:
        runs.append(("RocksDB bulk load", rocksdb))
    for name, run in runs:
        mib = run["bytes"] / 2**20
        print(f"  {name:18} {run['records'] / run['wall_s']:11.0f} {mib / run['wall_s']:6.1f} "
              f"{run['records'] / run['cpu_s']:16.0f} {mib / run['cpu_s']:11.1f}")
    print("\nkill -9 of a server until every partition was read again")
    for name, times in kills.items():
        print(f"  {name:14} median {statistics.median(t for t, _ in times):6.3f} s, worst {max(t for t, _ in times):6.3f} s; "
              f"{sum(f for _, f in times)} reads failed meanwhile")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--value-bytes", type=int, default=100)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/var/tmp"), help="a folder on the disk to use")
    o = parser.parse_args()
    build, work = o.build.resolve(), pathlib.Path(tempfile.mkdtemp(dir=o.work))
    data, small, schema = work / "rows.avro", work / "small.ndjson", work / "string.avsc"
    subprocess.run([build / "bench.bulk_load.bulk_file", str(o.rows), str(o.value_bytes), data], check=True)
    keys = [f"key{n}" for n in range(200)]
    small.write_text("".join(json.dumps({"key": k, "value": k}) + "\n" for k in keys))
    schema.write_text('"string"')
    cluster = None
    try:
        cluster = Cluster(build, work / "cluster")
        pushed = push(cluster, "rows", data, "--create")
        bare, driver = (json.loads(subprocess.run(
            [build / f"bench.cluster.{program}", f"127.0.0.1:{cluster.ports['kafka']}", "rows_v1",
             str(len(cluster.replicas("rows")[-1]["partitions"]))], check=True, capture_output=True, text=True).stdout)
            for program in ("kafka_drain", "kafka_read"))
        taken = ingestion(cluster, "rows")
        kills = {}
        for factor, name in ((2, "two replicas"), (1, "one replica")):
            store = f"small{factor}"
            cluster.lagoon("store", "create", store, "--key-schema", schema, "--value-schema", schema, "--partitions", "6")
            cluster.lagoon("store", "update", store, "--replication", str(factor))
            push(cluster, store, small)
            kills[name] = [recovery(cluster, store, keys, comes_back=factor == 1) for _ in range(o.kills)]
    finally:
        if cluster is not None:
            cluster.script("down", "--wipe")
        shutil.rmtree(work / "cluster", ignore_errors=True)
    try:
        rocksdb = json.loads(subprocess.run([build / "bench.bulk_load.bulk_rocksdb", str(o.rows), str(o.value_bytes),
                                             work / "rocksdb"], check=True, capture_output=True, text=True).stdout)
        rocksdb = {"records": o.rows, "bytes": o.rows * (16 + o.value_bytes),
                   "wall_s": rocksdb["write_s"] + rocksdb["ingest_s"], "cpu_s": rocksdb["cpu_s"]}
    finally:
        shutil.rmtree(work, ignore_errors=True)
    report(o, pushed, taken, driver, bare, rocksdb, kills)


main()
