#!/usr/bin/env python3
"""One reader of the whole tree: what a tool can check about style, a tool checks.

Prints one line per finding and exits with 1 when there is any. Exceptions, each with its reason, stand in
tools/tidy.allow: `<rule> <path> <reason>`.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LEAVES = {"jansson.h": "src/base/json.c", "zlib.h": "src/base/compressor.c", "zstd.h": "src/base/compressor.c",
          "zdict.h": "src/base/compressor.c", "snappy-c.h": "src/base/compressor_snappy.c", "zstd_errors.h": "src/base/compressor.c", "llhttp.h": "src/net/http1.c",
          "llhttp/llhttp.h": "src/net/http1.c"}
FOREIGN = re.compile(r'#include <(uv|rocksdb/|librdkafka/|zookeeper/|nghttp2/|openssl/|jansson|zlib|zstd|zdict|snappy|llhttp)')
THREADS = re.compile(r"\b(pthread_\w+|atomic_\w+|__atomic_\w+|_Atomic|__sync_\w+)\b")
CLOCKS = re.compile(r"\b(lg_clock_(mono|wall)_\w+|clock_gettime|gettimeofday|time\s*\(NULL\))")
FILE_LINES_MAX, FUNCTION_LINES_MAX, BLOB_BYTES_MAX = 900, 80, 6 << 20
WORDS = re.compile(r"(/work/|/root/|/home/\w+/|\bsubagent|\bAI assistant|\bLLM\b|claude|anthropic)", re.I)

findings = []
allowed = set()
for line in (ROOT / "tools/tidy.allow").read_text().splitlines():
    if line.strip() and not line.startswith("#"):
        rule, path, reason = line.split(None, 2)
        allowed.add((rule, path))


def find(rule, path, message):
    if (rule, str(path).split(":")[0]) not in allowed:
        findings.append(f"{path}: {message}")


def tracked():
    out = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [pathlib.Path(p) for p in out.splitlines() if (ROOT / p).exists()]


def check_source(path, text):
    lines = text.splitlines()
    posix = path.as_posix()
    is_test = re.search(r"_(test|fuzz|bench)\.c$", path.name) or posix.startswith(("test/", "sim/", "bench/"))
    if len(lines) > FILE_LINES_MAX:
        find("size", path, f"{len(lines)} lines; split it (at most {FILE_LINES_MAX})")
    if not text.startswith("/*") and not (path.suffix == ".c" and (ROOT / path).with_suffix(".h").exists()):
        find("head", path, "begins without a comment that says what it is and who owns it")
    start = None
    for n, line in enumerate(lines, 1):
        if line == "{":
            start = n
        elif line == "}" and start is not None:
            if n - start - 1 > FUNCTION_LINES_MAX:
                find("size", f"{path}:{start}", f"function of {n - start - 1} lines (at most {FUNCTION_LINES_MAX})")
            start = None
        if re.search(r"\b(TODO|FIXME|XXX)\b(?!\(#\d+\))", line):
            find("todo", f"{path}:{n}", "TODO without an issue: TODO(#12)")
        if "goto " in line and re.search(r"^\s*goto \w+;", line):
            find("goto", f"{path}:{n}", "goto; use LG_AUTO")
        in_driver = posix.startswith("src/drivers/")
        m = FOREIGN.match(line)
        if m and not in_driver and not is_test:
            header = re.match(r"#include <([^>]+)>", line)[1]
            if LEAVES.get(header) != posix:
                find("foreign", f"{path}:{n}", f"<{header}> belongs into src/drivers or its leaf")
        if not in_driver and not is_test and not posix.startswith("src/lane/") and THREADS.search(line):
            find("threads", path, f"line {n}: threads and atomics live in lane/ and drivers/")
        if not in_driver and not is_test and not posix.startswith(("src/main/", "src/base/")) and CLOCKS.search(line):
            find("clock", path, f"line {n}: ask the lane for the time")


def check_tests(files):
    names = {p.as_posix() for p in files}
    for path in files:
        posix = path.as_posix()
        if not re.match(r"src/.*\.c$", posix) or re.search(r"_(test|fuzz|bench)\.c$", posix):
            continue
        if posix.startswith("src/main/"):
            continue
        if posix[:-2] + "_test.c" not in names and ("test", posix) not in allowed:
            findings.append(f"{posix}: no {path.stem}_test.c beside it (or a line in tools/tidy.allow)")


def check_format(files):
    sources = [p.as_posix() for p in files if p.suffix in (".c", ".h", ".cc")]
    tool = "clang-format-14"
    out = subprocess.run([tool, "--dry-run", "-Werror", "--ferror-limit=1", *sources], cwd=ROOT,
                         capture_output=True, text=True)
    for line in out.stderr.splitlines():
        if "error:" in line:
            findings.append(line.split(" error:")[0] + " not as clang-format writes it: make format")


def main():
    files = tracked()
    for path in files:
        full = ROOT / path
        if full.is_symlink():
            continue
        if full.stat().st_size > BLOB_BYTES_MAX:
            find("blob", path, f"{full.stat().st_size} bytes in git")
        if path.suffix in (".c", ".h", ".cc", ".def") and path.parts[0] in ("src", "sim", "test", "bench", "include"):
            if path.suffix != ".def":
                check_source(path, full.read_text())
        if path.suffix in (".c", ".h", ".cc", ".def", ".md", ".py", ".sh", ".txt", "") and path.parts[0] != "tools":
            try:
                for n, line in enumerate(full.read_text().splitlines(), 1):
                    if WORDS.search(line):
                        find("words", f"{path}:{n}", "a path of one machine or a word about tooling")
            except UnicodeDecodeError:
                pass
    check_tests(files)
    check_format(files)
    layers = subprocess.run([sys.executable, ROOT / "tools/check_layers.py"], capture_output=True, text=True)
    findings.extend(layers.stdout.splitlines())
    stale = subprocess.run([sys.executable, ROOT / "tools/gen_reference.py", "--check"], capture_output=True, text=True)
    findings.extend(stale.stdout.splitlines())
    print("\n".join(findings))
    sys.exit(bool(findings))


main()
