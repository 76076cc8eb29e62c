#!/usr/bin/python3
"""Judges our Avro and protobuf by other implementations of them: `tools/judge.py AVRO_JUDGE PROTO_JUDGE [--seed N] [--pairs N]`.

AVRO_JUDGE is our side (test/judge/avro_judge.c). 10,000 random pairs of schemas with data, the same for a seed, go to

    java-resolution      Apache Avro for Java: canonical forms, fingerprints, the verdict on each pair, each datum resolved
    avsc-encoding        npm's avsc: bytes to value to bytes
    python-encoding      Debian's python3-avro: the same, and our JSON text there and back
    python-containers    files of every codec, written by one and read by the other

PROTO_JUDGE is our side of protobuf (test/judge/proto_judge.c), with random messages of proto/ and test/judge/every.proto:

    python-protobuf      Debian's python3-protobuf: verdict on the bytes, values understood, bytes written

Prints one line for each, "PASS name: ..." or "FAIL name: ..." with what differs, and exits with 1 when one failed. What the
pins name is fetched once by its ordinary client into a cache outside the tree ($LAGOON_CACHE, else ~/.cache/lagoon); with
neither network nor cache the run fails and says so.
"""
import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
HERE = ROOT / "test/judge"
MAVEN_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
PYTHON = "/usr/bin/python3"  # Debian's, which has the package python3-avro.
FETCH_TIMEOUT_S, JUDGE_TIMEOUT_S = 300, 600


class Failure(Exception):
    pass


def cache():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(os.environ.get("LAGOON_CACHE") or os.path.join(base, "lagoon")) / "judge"


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def fetch(client, coordinate, folder):
    command = {"maven": ["mvn", "-q", "-B", MAVEN_COPY, f"-Dartifact={coordinate}", f"-DoutputDirectory={folder}"],
               "npm": ["npm", "pack", "--silent", "--pack-destination", str(folder), coordinate]}[client]
    try:
        step = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=FETCH_TIMEOUT_S)
        problem = step.stdout + step.stderr if step.returncode != 0 else None
    except (OSError, subprocess.TimeoutExpired) as e:
        problem = str(e)
    if problem is not None:
        raise Failure(f"{coordinate} is not in the cache {cache()}, and {command[0]} cannot fetch it; run once with a network:\n"
                      f"{problem.strip()[-1500:]}")


def pinned():
    """The paths of what the pins name, by client."""
    out = {"maven": [], "npm": []}
    cache().mkdir(parents=True, exist_ok=True)
    for line in (ROOT / "tools/judge.pins").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        want, client, coordinate, name = line.split()
        path = cache() / name
        if not path.exists() or sha256(path) != want:
            with tempfile.TemporaryDirectory(dir=cache()) as folder:
                fetch(client, coordinate, folder)
                got = pathlib.Path(folder) / name
                if not got.exists() or sha256(got) != want:
                    raise Failure(f"{coordinate} came with another SHA-256 than tools/judge.pins has; it is not used")
                os.replace(got, path)
        out[client].append(path)
    return out


def run_to(path, command, **kw):
    with open(path, "wb") as out:
        step = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, timeout=JUDGE_TIMEOUT_S, **kw)
    if step.returncode != 0:
        raise Failure(f"{command[0]} failed: {step.stderr.decode(errors='replace')[-2000:]}")


def judge(name, command):
    """One judge's line, and whether it passed. A judge that compared nothing has failed."""
    try:
        step = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=JUDGE_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as e:
        return f"FAIL {name}: {e}", False
    compared = re.search(r"^compared (\d+)$", step.stdout, re.M)
    different = re.search(r"^different (\d+)$", step.stdout, re.M)
    good = step.returncode == 0 and compared and int(compared[1]) > 0 and different and int(different[1]) == 0
    if not good:
        return f"FAIL {name}: {(step.stdout + step.stderr).strip()[-5000:]}", False
    explained = ", ".join(" ".join(e) for e in re.findall(r"^explained (\S+) (\d+)$", step.stdout, re.M))
    page = "grpc" if name == "python-protobuf" else "avro"
    return (f"PASS {name}: {compared[1]} compared, 0 different" + (f", explained in docs/formats/{page}.md: {explained}"
                                                                   if explained else "")), True


def judges(args, work, paths):
    program = args.program
    pairs, answers = str(work / "pairs.jsonl"), str(work / "answers.jsonl")
    jars = os.pathsep.join(str(p) for p in paths["maven"])
    with tarfile.open(paths["npm"][0]) as tar:
        tar.extractall(work)
    python = [PYTHON, str(HERE / "python_avro.py")]
    return {"java-resolution": ["java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", jars,
                                str(HERE / "Judge.java"), pairs, answers],
            "avsc-encoding": ["node", str(HERE / "avsc.js"), str(work / "package"), pairs],
            "python-encoding": [*python, "encoding", pairs, answers],
            "python-containers": [*python, "containers", program, pairs],
            "python-protobuf": [PYTHON, str(HERE / "python_proto.py"), args.proto_program, str(work / "every.bin"), args.seed,
                                str(max(args.pairs // 5, 1))]}


def main():
    parser = argparse.ArgumentParser(description="Judges our Avro and protobuf by other implementations of them.")
    parser.add_argument("program", help="our side of Avro, build/release/avro_judge")
    parser.add_argument("proto_program", help="our side of protobuf, build/release/proto_judge")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--pairs", type=int, default=10000)
    args = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="lagoon-judge-"))
    try:
        paths = pinned()
        run_to(work / "pairs.jsonl", [sys.executable, str(HERE / "generate.py"), args.seed, str(args.pairs)])
        run_to(work / "protoc.out", ["protoc", "-I", str(HERE), f"--descriptor_set_out={work / 'every.bin'}", "every.proto"])
        with open(work / "pairs.jsonl", "rb") as pairs:
            run_to(work / "answers.jsonl", [args.program, "resolve"], stdin=pairs)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
            lines = list(pool.map(lambda item: judge(*item), judges(args, work, paths).items()))
    except Failure as e:
        lines = [(f"FAIL avro-judge: {e}", False)]
    finally:
        shutil.rmtree(work)
    for line, _ in lines:
        print(line)
    sys.exit(not all(good for _, good in lines))


main()
