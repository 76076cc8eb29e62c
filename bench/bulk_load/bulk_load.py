#!/usr/bin/env python3
"""From an uncompressed Avro file to served: `lagoon standalone` and `lagoon push`, beside RocksDB's own sorted bulk load.

The data file is made first, the same on every machine (bulk_rows.h). Then, in turns, so that a slow minute of the machine
hits both: a fresh standalone and one push of the file with its defaults, timed by phase; and bulk_rocksdb, which writes the
same rows, already sorted, with SstFileWriter and takes them in with IngestExternalFile. Both run on two cores.

    bench/bulk_load/bulk_load.py [--rows 10000000] [--value-bytes 100] [--rounds 3] [--build build/release] [--work DIR]
                                 [--only lagoon] [push flags, e.g. --sort-memory=64MiB]
"""
import argparse
import json
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
TICKS = os.sysconf("SC_CLK_TCK")
PHASES = ("reading", "sorting", "writing", "waiting")


def process_cpu(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_mib(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(l for l in lines if l.startswith("VmHWM")).split()[1]) / 1024


def run_lagoon(build, work, data, flags):
    folder = work / "lagoon"
    server = subprocess.Popen([build / "lagoon", "standalone", "--data", folder, "--controller-port", "0",
                               "--router-port", "0", "--server-port", "0"], stderr=subprocess.DEVNULL)
    try:
        while not (folder / "endpoints.json").exists():
            if server.poll() is not None:
                sys.exit("lagoon standalone ended")
            time.sleep(0.02)
        began = last = time.monotonic()
        before = process_cpu(server.pid)
        push = subprocess.Popen([build / "lagoon", "push", "rows", data, "--key-field", "key", "--value-field", "value",
                                 "--create", "--data", folder, *flags],
                                stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        phase, seen = "starting", {}
        for line in push.stderr:
            word = line.split()[0] if line.split() else ""
            if word in PHASES or word in ("creating", "requesting", "ending", "confirming"):
                now = time.monotonic()
                seen[phase] = seen.get(phase, 0) + now - last
                phase, last = word, now
            elif line.startswith("lagoon:"):
                sys.exit(line)
        said = push.stdout.read()
        _, status, usage = os.wait4(push.pid, 0)
        push.returncode = os.waitstatus_to_exitcode(status)
        if push.returncode != 0:
            sys.exit("lagoon push failed")
        seen[phase] = seen.get(phase, 0) + time.monotonic() - last
        result = {"total": time.monotonic() - began, **{p: seen.get(p, 0) for p in PHASES}}
        result["other"] = result["total"] - sum(result[p] for p in PHASES)
        result["cpu_push"] = usage.ru_utime + usage.ru_stime
        result["cpu_standalone"] = process_cpu(server.pid) - before
        result["peak_push"] = usage.ru_maxrss / 1024
        result["peak_standalone"] = peak_mib(server.pid)
        return result, said.strip()
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def run_rocksdb(build, work, rows, value_bytes):
    run = subprocess.run([build / "bench.bulk_load.bulk_rocksdb", str(rows), str(value_bytes), work / "rocksdb"],
                         check=True, capture_output=True, text=True)
    shutil.rmtree(work / "rocksdb")
    for left in work.glob("rocksdb.*.sst"):
        left.unlink()
    return json.loads(run.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--value-bytes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/var/tmp"), help="a folder on the disk to use")
    parser.add_argument("--only", choices=["lagoon"], help="leave RocksDB out")
    o, flags = parser.parse_known_args()
    build = o.build.resolve()
    cores = sorted(os.sched_getaffinity(0))[:2]
    os.sched_setaffinity(0, cores)
    work = pathlib.Path(tempfile.mkdtemp(dir=o.work))
    data = work / "rows.avro"
    pushes, loads = [], []
    load_before = os.getloadavg()[0]
    try:
        subprocess.run([build / "bench.bulk_load.bulk_file", str(o.rows), str(o.value_bytes), data], check=True)
        size = data.stat().st_size
        os.sync()
        for _ in range(o.rounds):
            seen, said = run_lagoon(build, work, data, flags)
            pushes.append(seen)
            if o.only is None:
                loads.append(run_rocksdb(build, work, o.rows, o.value_bytes))
    finally:
        shutil.rmtree(work, ignore_errors=True)

    def median(runs, field):
        return statistics.median(run[field] for run in runs)

    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True,
                            text=True).stdout.strip()
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.machine())
    print(f"{cpu}, {len(cores)} of {os.cpu_count()} cores, {platform.system()} {platform.release()}, commit {commit}, load "
          f"before {load_before:.1f}; {o.rows} rows of 16 + {o.value_bytes} bytes, {size >> 20} MiB of Avro, median of "
          f"{o.rounds} rounds\n{said}\n")
    print("| lagoon push | s |\n|---|---|")
    for field in (*PHASES, "other", "total"):
        print(f"| {field} | {median(pushes, field):.2f} |")
    print(f"| best total | {min(run['total'] for run in pushes):.2f} |")
    print(f"\nCPU: push {median(pushes, 'cpu_push'):.1f} s, standalone {median(pushes, 'cpu_standalone'):.1f} s. "
          f"Peak resident: push {median(pushes, 'peak_push'):.0f} MiB, standalone "
          f"{median(pushes, 'peak_standalone'):.0f} MiB.")
    if loads:
        print(f"\nRocksDB, one thread, rows sorted before: SstFileWriter {median(loads, 'write_s'):.2f} s, "
              f"IngestExternalFile {median(loads, 'ingest_s'):.2f} s, CPU {median(loads, 'cpu_s'):.1f} s.")


if __name__ == "__main__":
    main()
