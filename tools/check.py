#!/usr/bin/env python3
"""Runs the rings of tests, prints what each took of its budget, and ends with "N passed, N failed".

What a run saw goes to build/check.json, from which tools/gen_tested.py writes docs/how-it-is-tested.md."""
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
LONG = "--long" in sys.argv[1:]
FIXED_SEEDS, FRESH_SEEDS, COMPARED_SEEDS, MUTANT_SEEDS = 300, 10_000 if LONG else 100, 20, 200
SEEDS_AT_ONCE = 100  # of one process, so that each ends within its time even on a slow machine
FUZZ_SECONDS, STRANGERS_SECONDS = 600 if LONG else 12, 60
INDEX_OPERATIONS = 10_000_000
EMULATED_SEEDS, EMULATED_TEST_SECONDS = 5, 1800
JOBS = os.cpu_count() or 2
ENV = dict(os.environ, TSAN_OPTIONS="ignore_noninstrumented_modules=1 halt_on_error=1",
           ASAN_OPTIONS="detect_leaks=1", UBSAN_OPTIONS="print_stacktrace=1")
passed, failed = {}, []  # how many of each ring; which ones
facts = {}  # of each ring, for build/check.json
building = {preset: threading.Lock() for preset in ("asan", "tsan", "fuzz", "release", "debug", "clang", "clang-release", "arm64", "arm64-clang")}
here = threading.local()  # `ring`: the one that this thread runs; `nice`: how it asks for a processor


def run(command, **kw):
    nice = ["nice", "-n", str(getattr(here, "nice", 0))] if getattr(here, "nice", 0) else []
    return subprocess.run(nice + command, cwd=ROOT, env=ENV, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, errors="replace", **kw)


def ok(name, count=1):
    passed[here.ring] = passed.get(here.ring, 0) + count


REASON = re.compile(r"\[  ERROR   \]|^ERROR: |FAILED|: error: |runtime error|Sanitizer|^repeat: |timed out|Assertion")


def pool(jobs):
    """Threads that ask for processors as this one does."""
    nice = getattr(here, "nice", 0)
    return concurrent.futures.ThreadPoolExecutor(jobs, initializer=lambda: setattr(here, "nice", nice))


def bad(name, text):
    """What a long text says of the fault comes first: reports of leaks or other seeds often end it."""
    failed.append((here.ring, name))
    text = text.strip()
    if len(text) > 6000:
        reasons = [line[:600] for line in text.splitlines() if REASON.search(line)]
        text = "\n".join(reasons[:30]) + "\n...\n" + text[-5000:]
    print(f"FAILED {name}\n{text}\n", flush=True)


def run_build(preset, targets=(), nice=None):
    if nice is not None:
        here.nice = nice
    with building[preset]:
        step = run(["cmake", "--preset", preset])
        if step.returncode == 0:
            command = ["cmake", "--build", "--preset", preset, "-j", str(JOBS)]
            step = run(command + (["--target", *targets] if targets else []))
    return preset, step


def built(preset, step):
    if step.returncode != 0:
        bad(f"build {preset}", step.stdout + step.stderr)
        return False
    ok(f"build {preset}")
    return True


def build(preset, targets=()):
    """Configures and builds a preset; a build that fails counts as one failed test and ends the ring."""
    return built(*run_build(preset, targets))


def run_test_program(program, emulator=(), timeout=600):
    """One cmocka program: its own lines say how many tests passed."""
    start = time.monotonic()
    try:
        step = run([*emulator, program], timeout=timeout)
        text = step.stdout + step.stderr
        code = step.returncode
    except subprocess.TimeoutExpired as e:
        text, code = f"timed out after {e.timeout} s\n{e.stdout or ''}{e.stderr or ''}", -1
    good = sum(int(n) for n in re.findall(r"\[  PASSED  \] (\d+) test", text))
    wrong = re.findall(r"\[  FAILED  \] (\w+)$", text, re.M)
    return program, code, good, wrong, text, round(time.monotonic() - start)


def test_programs(preset, pattern, but="^$"):
    """Of a preset that is configured; those that take longest come first, so that none of them is waited for at the end."""
    listing = run(["ctest", "--test-dir", f"build/{preset}", "-N", "-R", pattern, "-E", but])
    names = re.findall(r"Test\s+#\d+: (\S+)", listing.stdout)
    if not names:
        bad(f"{preset} {pattern}", "no test program matches")
    return sorted(names, key=lambda name: LONGEST.index(name) if name in LONGEST else len(LONGEST))


def run_test_programs(preset, pattern, jobs=JOBS, but="^$", **how):
    names = test_programs(preset, pattern, but)
    with pool(jobs) as threads:
        for program, code, good, wrong, text, seconds in threads.map(
                lambda name: run_test_program(f"{ROOT}/build/{preset}/{name}", **how), names):
            ok(program, good)
            facts.setdefault("programs", {})[f"{preset}/{os.path.basename(program)}"] = good
            facts.setdefault("seconds", {})[f"{preset}/{os.path.basename(program)}"] = seconds
            if code != 0 or good == 0:
                bad(f"{preset}/{os.path.basename(program)} {' '.join(sorted(set(wrong)))}", text)


def ring_tidy():
    step = run([sys.executable, "tools/tidy.py"])
    ok("tidy") if step.returncode == 0 else bad("tidy", step.stdout + step.stderr)


# Those that take longest, in this order; the others take about as long as each other.
LONGEST = ["test.process.cluster_" + name for name in ("recovery_test", "bad_test", "test", "security_test", "push_test",
                                                       "walk_test", "topics_test")]
REAL_SERVERS = r"^drivers\.(zookeeper|kafka)\."  # drivers whose tests start servers: a JVM each


def ring_unit():
    if build("asan"):
        run_test_programs("asan", ".", but=r"^test\.process\.|" + REAL_SERVERS)


def ring_contract():
    if build("asan"):
        run_test_programs("asan", REAL_SERVERS)


def ring_tsan():
    listing = [module + r"\." for module in ("base", "lane", "drivers", "pubsub", "metastore", "net", "read", "lib")]
    # What readers on other threads look into.
    listing += [r"storage\.(read_index|warmer)_test$", r"server\.(serving|server|front_rest|read_group)_test$", r"fetch\.quota"]
    listing += [r"authz\."]
    # librdkafka is not built for ThreadSanitizer and synchronises in ways that it cannot see.
    which = {"pattern": "^(" + "|".join(listing) + ")", "but": r"^drivers\.kafka\."}
    step = run(["cmake", "--preset", "tsan"])
    if step.returncode != 0:
        bad("build tsan", step.stdout + step.stderr)
    elif build("tsan", test_programs("tsan", **which)):
        run_test_programs("tsan", **which)


def sim(binary, *args):
    return run([f"{ROOT}/build/{binary}/lagoon-sim", *args], timeout=1800)


def ring_sim():
    builds = {"release": (), "debug": (), "clang": (), "clang-release": ()}
    for preset in builds:
        if not build(preset, ["lagoon-sim"]):
            return
    # New seeds with each change of the code, the same ones wherever that change is judged; --long draws others.
    code = zlib.crc32(run(["git", "rev-parse", "HEAD:src", "HEAD:sim"]).stdout.encode())
    fresh = (int(time.time()) if LONG else code) % 1_000_000_000 * 1000
    spans = [(1, FIXED_SEEDS), (fresh, FRESH_SEEDS)]
    extra = [int(s) for s in (ROOT / "sim/seeds.txt").read_text().split() if s.isdigit()]
    jobs = [(first + at, min(SEEDS_AT_ONCE, count - at)) for first, count in spans for at in range(0, count, SEEDS_AT_ONCE)]
    jobs += [(seed, 1) for seed in extra]
    with pool(JOBS) as threads:
        steps = threads.map(lambda j: (j, sim("release", "--seed", str(j[0]), "--count", str(j[1]))), jobs)
        for (first, count), step in steps:
            good = step.stdout.count(" ok ")
            for _ in range(good):
                ok("seed")
            if step.returncode != 0 or good != count:
                bad(f"sim seeds {first}..{first + count - 1}", step.stdout + step.stderr)
        hashes = {}
        for preset, step in zip(builds, threads.map(
                lambda p: sim(p, "--seed", "1", "--count", str(COMPARED_SEEDS)), builds)):
            hashes[preset] = re.findall(r"seed=(\d+) ok .*trace=(\w+)", step.stdout)
    facts["seeds"] = {"fixed": FIXED_SEEDS, "fresh from": fresh, "fresh": FRESH_SEEDS, "that once failed": len(extra),
                      "compared over compilers": COMPARED_SEEDS}
    for i in range(COMPARED_SEEDS):
        seen = {preset: h[i] if i < len(h) else None for preset, h in hashes.items()}
        same = len(set(seen.values())) == 1 and None not in seen.values()
        ok("trace") if same else bad(f"trace hash of seed {i + 1} over compilers", str(seen))
    listed = run([f"{ROOT}/build/release/lagoon-sim", "--list-mutants"]).stdout.splitlines()
    mutants = [line.split()[0] for line in listed if line.strip()]
    if len(mutants) < 35:
        bad("mutants", f"only {len(mutants)} planted bugs: {mutants}")
    with pool(JOBS) as threads:
        for mutant, step in zip(mutants, threads.map(
                lambda m: sim("release", f"--mutant={m}", "--seed", "1", "--count", str(MUTANT_SEEDS),
                              "--until-caught"), mutants)):
            caught = step.returncode == 1 and "caught" in step.stdout
            facts.setdefault("mutants", {})[mutant] = caught
            ok("mutant") if caught else bad(f"mutant {mutant} not caught", step.stdout[-2000:] + step.stderr)


CLUSTER = r"^test\.process\.cluster"  # each starts ZooKeeper, Kafka and whole clusters


def ring_cluster():
    """Its programs mostly wait; each has engines of its own, on ports that were free. What no other ring compiles is
    compiled meanwhile, by whoever else does not want a processor: both compilers warn of nothing."""
    if not build("release", ["lagoon"]) or not build("asan"):
        return
    with pool(1) as beside:
        dev = beside.submit(run, ["tools/dev_cluster_test.sh"], timeout=600)
        all_of_it = [beside.submit(run_build, preset, nice=19) for preset in ("release", "clang")]
        run_test_programs("asan", CLUSTER, jobs=2)
        dev = dev.result()
        ok("dev_cluster") if dev.returncode == 0 else bad("tools/dev_cluster.sh", dev.stdout + dev.stderr)
        for one in all_of_it:
            built(*one.result())


def ring_process():
    if build("release", ["lagoon"]) and build("asan"):
        run_test_programs("asan", r"^test\.process\.", jobs=JOBS + 1, but=CLUSTER)  # half of the time they wait
        docs = run(["tools/readme_test.sh"], timeout=1200)
        ok("readme") if docs.returncode == 0 else bad("README commands", docs.stdout + docs.stderr)
        deb = run(["tools/package_test.sh"], timeout=1200)
        ok("package") if deb.returncode == 0 else bad("Debian packages", deb.stdout + deb.stderr)


# What strangers send to the read path: 5 million inputs each, or what a minute allows.
STRANGERS = r"^(net|read|router|server)\."
STRANGERS_INPUTS = 5_000_000


def ring_fuzz():
    targets = sorted(".".join(p.relative_to(ROOT / "src").with_suffix("").parts) for p in (ROOT / "src").rglob("*_fuzz.c"))
    if not build("fuzz", targets):
        return
    programs = sorted(p for p in (ROOT / "build/fuzz").glob("*_fuzz") if p.is_file())
    if len(programs) != len(targets):
        bad("fuzz targets", f"{len(programs)} built of {len(targets)}")

    def fuzz(program):
        corpus = ROOT / "test/corpus" / program.name
        work = ROOT / "build/fuzz-work" / program.name
        work.mkdir(parents=True, exist_ok=True)
        dirs = [str(work)] + ([str(corpus)] if corpus.is_dir() else [])
        words = corpus.parent / f"{program.name}.dict"
        # A change is judged by the same walk each time; --long draws other ones.
        seed = 0 if LONG else zlib.crc32(program.name.encode())
        dirs += [f"-dict={words}"] if words.is_file() else []
        long = re.match(STRANGERS, program.name) and not LONG
        dirs += [f"-runs={STRANGERS_INPUTS}"] if long else []
        seconds = STRANGERS_SECONDS if long else FUZZ_SECONDS
        return program.name, run([str(program), f"-max_total_time={seconds}", f"-seed={seed}", "-rss_limit_mb=1024",
                                  "-timeout=5", f"-artifact_prefix={work}/crash-", "-print_final_stats=1", *dirs])

    with pool(JOBS) as threads:
        for name, step in threads.map(fuzz, programs):
            runs = re.search(r"stat::number_of_executed_units:\s*(\d+)", step.stderr)
            good = step.returncode == 0 and runs and int(runs[1]) > 0
            facts.setdefault("fuzz", {})[name] = int(runs[1]) if runs else 0
            ok(name) if good else bad(f"fuzz {name}", step.stderr)


def ring_judge():
    """Our Avro and protobuf beside other implementations of them; each judge counts as one test."""
    if not build("release", ["avro_judge", "proto_judge"]):
        return
    step = run([sys.executable, "tools/judge.py", f"{ROOT}/build/release/avro_judge", f"{ROOT}/build/release/proto_judge"],
               timeout=900)
    lines = re.findall(r"^(PASS|FAIL) (\S+): (.*(?:\n(?!PASS |FAIL ).*)*)", step.stdout, re.M)
    facts["judge"] = {name: text.strip() for verdict, name, text in lines if verdict == "PASS"}
    for verdict, name, text in lines:
        ok(name) if verdict == "PASS" else bad(f"judge {name}", text)
    if step.returncode != 0 and not any(verdict == "FAIL" for verdict, _, _ in lines) or not lines:
        bad("judge", step.stdout + step.stderr)


def ring_clients():
    """A server in the hands of clients that are not ours; each counts as one test."""
    if not build("release", ["lagoon", "clients.read"]):
        return
    step = run([sys.executable, "tools/clients.py", f"{ROOT}/build/release/lagoon", f"{ROOT}/build/release/clients.read"], timeout=900)
    lines = re.findall(r"^(PASS|FAIL) (\S+): (.*(?:\n(?!PASS |FAIL ).*)*)", step.stdout, re.M)
    facts["clients"] = {name: text.strip() for verdict, name, text in lines if verdict == "PASS"}
    for verdict, name, text in lines:
        ok(name) if verdict == "PASS" else bad(f"client {name}", text)
    if step.returncode != 0 and not any(verdict == "FAIL" for verdict, _, _ in lines) or not lines:
        bad("clients", step.stdout + step.stderr)


def ring_models():
    """The election and the swap of versions as models; each search counts as one test. And the read index beside a model
    of it, ten million random operations long."""
    if build("release", ["storage.read_index_test"]):
        step = run(["env", f"LAGOON_READ_INDEX_OPERATIONS={INDEX_OPERATIONS}", f"{ROOT}/build/release/storage.read_index_test"],
                   timeout=600)
        ok("read index") if step.returncode == 0 else bad("read index against a model", step.stdout + step.stderr)
    step = run([sys.executable, "tools/models.py"], timeout=900)
    lines = [line for line in step.stdout.splitlines() if re.match(r"\w+: (assertion|cycle)", line)]
    wrong = [line for line in lines if "FOUND" in line]
    for line in lines:
        if line not in wrong:
            ok(f"models {line}")
    if step.returncode != 0 or not lines:
        bad("models", step.stdout + step.stderr)


def ring_cost():
    """What a get costs, in instructions: the same on every machine of the kind, busy or not; how much of it is counting; and
    that it neither allocates, locks nor logs."""
    if not build("release", ["lagoon", "bench.read_load.read_load", "bench.bulk_load.bulk_file"]):
        return
    step = run([sys.executable, "tools/instructions.py", f"{ROOT}/build/release"], timeout=300)
    lines = re.findall(r"^([\w-]+): (.*(?:: ok|: OVER).*)$", step.stdout, re.M)
    facts["cost"] = dict(lines)
    for what, text in lines:
        print(f"         {what}: {text}", flush=True)
        ok(what) if ": ok" in text else bad(f"cost of a get, {what}", text)
    if step.returncode != 0 and all(": ok" in text for _, text in lines) or not lines:
        bad("cost of a get", step.stdout + step.stderr)


def ring_arm64():
    """Cross-built; the programs of the rings unit and contract run under qemu, a JVM that they start runs as it is. A
    seed's trace is the same on both architectures, and the packages for arm64 are what those for this one are. Memory
    is ordered as on this machine, which is stricter than arm64: of that ring tsan is the judge."""
    root = run(["tools/arm64_root.sh"], timeout=1800)
    if root.returncode != 0:
        bad("what arm64 is built against", root.stdout + root.stderr)
        return
    emulator = ["qemu-aarch64", "-L", root.stdout.strip()]
    compared = {"release": [], "arm64": emulator, "arm64-clang": emulator}
    for preset in compared:
        if not build(preset, [] if preset == "arm64" else ["lagoon", "lagoon-sim"]):
            return
    how = {"emulator": emulator, "timeout": EMULATED_TEST_SECONDS}
    run_test_programs("arm64", ".", but=r"^test\.process\.|" + REAL_SERVERS, **how)
    run_test_programs("arm64", REAL_SERVERS, jobs=1, **how)  # Servers that starve answer too late.
    hashes = {}
    for preset, prefix in compared.items():
        step = run([*prefix, f"{ROOT}/build/{preset}/lagoon-sim", "--seed", "1", "--count", str(EMULATED_SEEDS)], timeout=1800)
        hashes[preset] = dict(re.findall(r"seed=(\d+) ok .*trace=(\w+)", step.stdout))
    for seed in range(1, EMULATED_SEEDS + 1):
        seen = {preset: h.get(str(seed)) for preset, h in hashes.items()}
        same = len(set(seen.values())) == 1 and None not in seen.values()
        ok("trace") if same else bad(f"trace hash of seed {seed} over architectures", str(seen))
    deb = run(["tools/package_test.sh", "arm64"], timeout=3600)
    ok("package") if deb.returncode == 0 else bad("Debian packages for arm64", deb.stdout + deb.stderr)


RINGS = [("tidy", ring_tidy, 30), ("unit", ring_unit, 420), ("contract", ring_contract, 240),
         ("tsan", ring_tsan, 420), ("process", ring_process, 900), ("cluster", ring_cluster, 600), ("sim", ring_sim, 900),
         ("fuzz", ring_fuzz, 900), ("judge", ring_judge, 180), ("clients", ring_clients, 120),
         ("models", ring_models, 60), ("cost", ring_cost, 60)]
# Only with --long, or by name: what they need is not even installed otherwise.
LONG_RINGS = [("arm64", ring_arm64, 3600)]
# One that waits most of its time, and one that only computes and measures nothing: that one gets what the other leaves.
BESIDE = {"cluster": "sim"}


def load_facts(whole):
    """Rings that are run one by one add to what earlier ones saw; a whole run begins anew, but for what it leaves out."""
    path = ROOT / "build/check.json"
    if not path.exists():
        return
    seen = json.loads(path.read_text())
    if whole:
        left_out = re.compile("(%s)(/|$)" % "|".join(name for name, _, _ in LONG_RINGS))
        seen = {kind: {name: what for name, what in seen.get(kind, {}).items() if left_out.match(name)}
                for kind in ("rings", "programs", "seconds")}
    facts.update(seen)


def save_facts():
    """After each ring, so that a run that is cut off has said what it saw."""
    facts["cores"], facts["machine"] = JOBS, f"{os.uname().sysname} {os.uname().release} {os.uname().machine}"
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build/check.json").write_text(json.dumps(facts, indent=1, sort_keys=True))


def run_ring(name, ring, budget_s, nice=0):
    here.ring, here.nice = name, nice
    start = time.monotonic()
    print(f"{name:8} ...", flush=True)
    try:
        ring()
    except Exception as e:  # pylint: disable=broad-except
        bad(f"ring {name}", f"{type(e).__name__}: {e}")
    took = time.monotonic() - start
    good, wrong = passed.get(name, 0), sum(of == name for of, _ in failed)
    facts.setdefault("rings", {})[name] = {"passed": good, "failed": wrong, "seconds": round(took), "budget": budget_s,
                                           "commit": run(["git", "rev-parse", "--short=9", "HEAD"]).stdout.strip()}
    print(f"{name:8} {good} passed, {wrong} failed   {took:.0f} s of {budget_s} s"
          f"{'   OVER BUDGET' if took > budget_s else ''}", flush=True)


def main():
    wanted = [word for word in sys.argv[1:] if word != "--long"] or [name for name, _, _ in RINGS + LONG_RINGS * LONG]
    unknown = set(wanted) - {name for name, _, _ in RINGS + LONG_RINGS}
    if unknown:
        sys.exit(f"unknown ring {', '.join(unknown)}; there are: {' '.join(n for n, _, _ in RINGS + LONG_RINGS)}")
    load_facts(whole=len(wanted) >= len(RINGS))
    done = set()
    for ring in RINGS + LONG_RINGS:
        if ring[0] not in wanted or ring[0] in done:
            continue
        others = [other for other in RINGS if other[0] == BESIDE.get(ring[0]) and other[0] in wanted]
        threads = [threading.Thread(target=run_ring, args=ring)]
        threads += [threading.Thread(target=run_ring, args=(*other, 19)) for other in others]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        done.update(other[0] for other in others)
        save_facts()
    for _, name in failed:
        print(f"failed: {name}")
    print(f"{sum(passed.values())} passed, {len(failed)} failed", flush=True)
    sys.exit(bool(failed))


main()
