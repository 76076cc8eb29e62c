#!/usr/bin/env python3
"""Instructions per multiplexed get through the whole server, by callgrind: from the socket's bytes to the socket's bytes, 4
connections of gRPC with 64 requests in flight, values of 64 bytes, keys in the read index; what the kernel does is not in it.

    tools/instructions.py [BUILD [FLAG OF read_load ...]]      default: build/release; fails over the bounds below

The bounds are what was measured and 3 %, so that nothing grows unseen, and never more than the goal, which is what bounds our
own engine; lower them when a get becomes cheaper. Threads read by libuv: valgrind does not know that a call of io_uring
waits. Nothing is refused for being late: under valgrind all is.

How much of it is counting: callgrind tells the instructions of each line of source, inlined or not. A line counts when it is
of the modules of metrics (METRICS), or of a file that counts (COUNTING) and names what counts or is counted (COUNTS), or is in
a function of such a name: what is passed to a call is in it. The clock is not, for shedding reads it anyway; nor is the
profiler of keys, which does nothing until somebody asks for it.

What must not be on the path: of allocations, locks and lines of the log, what the threads that read do in a long load beyond
what they do in a short one, so that connections that come and go are not in it; what comes by time and not by gets is."""
import collections
import functools
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import callgrind

ROOT = pathlib.Path(__file__).resolve().parent.parent
BOUNDS = {"own": 2500, "nghttp2": 5510}
GOALS = {"own": 2500, "nghttp2": 6000}  # what each is made of: docs/adr/0040, 0048 and 0050
COUNTING_SHARE_MAX = 0.03
ROWS, SECONDS, SHORT_SECONDS = 10_000, 4, 1

METRICS = re.compile(r"src/base/(metric(_\w+)?|histogram)\.[ch]$|/metrics\.[ch]$")
COUNTING = re.compile(r"src/(server/\w+\.[ch]|net/(http2_call|http_server)\.c|drivers/uv/lane_uv\.c|lane/lane\.h)$")
COUNTS = re.compile(r"\b(lg_metric_\w+|lg_histogram_\w+|\w*metric|(lg_\w+_)?(count|tell)_\w+|count\(|lg_http2_call_tell|answered(_rpc)?"
                    r"|tally\w*|tallies|touched|make_room|streak|were_let_in|let_in|rcu|requests|lane_rests|await_rest|resting"
                    r"|(lg_|lane_)*at_rest|lg_read_gate_(store|rest|arrived_us)|[gs]et->store)\b|^count$")

FORBIDDEN = {
    "allocations": ("malloc", "calloc", "realloc", "free", "posix_memalign", "aligned_alloc", "memalign"),
    "locks": ("pthread_mutex_lock", "pthread_mutex_trylock", "pthread_rwlock_rdlock", "pthread_rwlock_wrlock",
              "pthread_spin_lock", "pthread_cond_wait", "pthread_cond_timedwait", "sem_wait"),
    "logs": ("lg_log_at", "lg_log_write", "write", "writev", "fwrite", "fputs", "vfprintf", "syslog"),
}
FORBIDDEN_MAX = 0.01  # a get
CLOCK = ("lg_clock_mono_us", "lg_clock_wall_ms")
CLOCK_MAX = 2.1  # a tick, which begins and ends: libuv does not say whether it waited in between


def wait_for(condition, what, seconds=120):
    for _ in range(seconds * 10):
        if condition():
            return
        time.sleep(0.1)
    sys.exit(f"{what}: not within {seconds} s")


def control(pid, word):
    subprocess.run(["callgrind_control", word, str(pid)], check=True, capture_output=True)


def dumped(folder, number):
    """All threads, and those that read."""
    threads = [callgrind.Dump(path.read_text()) for path in folder.glob(f"callgrind.*.{number}-*")]
    return (callgrind.merged(threads),
            callgrind.merged(t for t in threads if any(caller == "lg_read_group_enter" for _, caller, _ in t.calls)))


def measure(build, engine, flags):
    """Requests and dumps of a short load and of a long one."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        data, rows = folder / "data", folder / "rows.avro"
        subprocess.run([build / "bench.bulk_load.bulk_file", str(ROWS), "64", rows], check=True)
        server = subprocess.Popen(["valgrind", "--tool=callgrind", "--separate-threads=yes",
                                   f"--callgrind-out-file={folder}/callgrind.%p", build / "lagoon",
                                   "standalone", "--data", data, "--controller-port", "0", "--router-port", "0", "--server-port",
                                   "0", "--read-driver", "uv", "--read-queue-target", "10s",
                                   "--http2-engine", engine], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            log = []
            wait_for((data / "endpoints.json").exists, "lagoon standalone")
            subprocess.run([build / "lagoon", "push", "bench", rows, "--key-field", "key", "--value-field", "value", "--create",
                            "--data", data], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while sum("read_index_complete" in line for line in log) < 4:
                log.append(server.stderr.readline())
            address = json.loads((data / "endpoints.json").read_text())["server"].removeprefix("http://")

            def load(seconds):
                run = subprocess.run([build / "bench.read_load.read_load", "grpc", address, "--rows", str(ROWS), "--seconds",
                                      str(seconds), "--warm-up-ms", "0", *flags], capture_output=True, text=True)
                if run.returncode != 0:
                    sys.exit(run.stderr)
                return json.loads(run.stdout)["requests"]

            load(1)  # Heads are remembered, memory is there.
            control(server.pid, "--zero")
            seen = []
            for number, seconds in enumerate((SHORT_SECONDS, SECONDS), 1):
                requests = load(seconds)
                control(server.pid, "--dump")
                seen.append((requests, *dumped(folder, number)))
            return seen
        finally:
            server.kill()
            server.wait()


@functools.cache
def functions_of(file):
    """By line: the function that it is written in."""
    path, name, by_line = ROOT / file, None, {}
    for number, line in enumerate(path.read_text().splitlines() if path.exists() else [], 1):
        if re.match(r"[A-Za-z_]", line) and (head := re.match(r"[\w\s*()]*?(\w+)\((?!\()", line)) and not line.endswith(";"):
            name = head[1]
        by_line[number] = (name, line)
        if line.startswith("}"):
            name = None
    return by_line


@functools.cache
def counts(file, line):
    if METRICS.search(file):
        return True
    if not COUNTING.match(file):
        return False
    name, text = functions_of(file).get(line, (None, ""))
    text = re.sub(r'"[^"]*"|/\*.*', "", text)
    return bool(COUNTS.search(text) or name is not None and COUNTS.fullmatch(name))


def told(name, value, text, bound, is_over):
    print(f"{name}: {value} {text}, at most {bound}: {'OVER' if is_over else 'ok'}", flush=True)
    return is_over


def callers(dump, function):
    """Who calls it most, through those that only pass it on."""
    chain = []
    while len(chain) < 5:
        by = collections.Counter({(file, caller): n for (file, caller, callee), n in dump.calls.items()
                                  if callee == function and caller not in chain and caller != function})
        if not by:
            break
        (file, function), _ = by.most_common(1)[0]
        chain.append(function)
        if file.startswith("src/") and file not in ("src/base/alloc.c", "src/base/buf.c", "src/base/log.c"):
            break
    return " < ".join(chain)


def judge(engine, short, long):
    requests, everything, reading = long
    bad = 0
    n = everything.total / requests
    print(f"{engine}: {n:.0f} instructions per get, at most {BOUNDS[engine]}: {'ok' if n <= BOUNDS[engine] else 'OVER'} "
          f"(the goal is {GOALS[engine]})", flush=True)
    bad += n > BOUNDS[engine]

    counting = sum(cost for (file, line, _), cost in everything.lines.items() if counts(file, line))
    share = counting / everything.total
    bad += told(f"{engine}-counting", f"{100 * share:.2f} %", f"of them count, {counting / requests:.1f} per get",
                f"{100 * COUNTING_SHARE_MAX:.0f} %", not 0 < share <= COUNTING_SHARE_MAX)

    gets, more = requests - short[0], reading.calls.copy()
    more.subtract(short[2].calls)
    for what, names in FORBIDDEN.items():
        each = {name: max(0, sum(n for (_, _, callee), n in more.items() if callee == name)) / gets for name in names}
        whose = "; ".join(f"{name} of {callers(reading, name)}" for name, n in each.items() if n > FORBIDDEN_MAX / 2)
        bad += told(f"{engine}-{what}", f"{sum(each.values()):.4f}", f"calls per get{whose and ', ' + whose}", FORBIDDEN_MAX,
                    sum(each.values()) > FORBIDDEN_MAX)

    ticks = sum(n for (file, caller, callee), n in reading.calls.items()
                if file.endswith("/lane_uv.c") and caller == "tick_ends" and callee == "lg_lane_uv_end_tick")
    if ticks == 0:
        sys.exit("no tick_ends of drivers/uv/lane_uv.c was seen: what tells ticks has changed")
    ours = collections.Counter()
    for (_, caller, callee), n in reading.calls.items():
        if callee in CLOCK:
            ours[caller] += n
    reads = ours.total() / ticks
    others = reading.called("clock_gettime") / ticks - reads
    whose = ", by " + ", ".join(f"{name} {n / ticks:.2f}" for name, n in ours.most_common(3))
    bad += told(f"{engine}-clock", f"{reads:.2f}", f"readings per tick of {requests / ticks:.0f} gets{whose}, and "
                f"{others:.2f} by libuv", CLOCK_MAX, reads > CLOCK_MAX or others > CLOCK_MAX)
    return bad


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build/release").resolve()
    bad = 0
    for engine in BOUNDS:
        bad += judge(engine, *measure(build, engine, sys.argv[2:]))
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
