#!/usr/bin/python3
"""Reads a server with clients that are not ours: `tools/clients.py LAGOON READ`, build/release/lagoon and build/release/clients.read.

    grpc-js    npm's @grpc/grpc-js (test/clients/js, package-lock.json)      grpc-cpp   Debian's gRPC C++ (test/clients/cpp)
    grpc-go    Go's google.golang.org/grpc (test/clients/go, go.sum)         curl, nghttp, h2load   Debian's
    grpc-go-debian    the same program with Debian's

Each reads the stores that are made here, over HTTP/2 with prior knowledge (h2load over HTTP/1.1, too), and compares every value and
status. python3-grpcio is in test/process/grpc_test.c. Prints one line for each, "PASS name: ..." or "FAIL name: ..." with what differs, and exits with 1
when one failed. What the locks name is fetched once by its ordinary client into a cache outside the tree ($LAGOON_CACHE, else
~/.cache/lagoon); with neither network nor cache that client fails and says so.
"""
import base64
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
HERE = ROOT / "test/clients"
GO_PROTOS = ["VeniceReadService.proto", "lagoon/read/v1/read.proto"]
DEBIAN_GO = pathlib.Path("/usr/share/gocode")
PARTITIONS, ROWS, HEAVY_ROWS, HEAVY_BYTES = 3, 6000, 100, 100000
BUILD_S, READ_S, READY_S = 400, 120, 60
VENICE = "com.linkedin.venice.protocols.VeniceReadService"
GRPC = ["-H", "content-type: application/grpc", "-H", "te: trailers"]


class Failure(Exception):
    pass


def cache():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(os.environ.get("LAGOON_CACHE") or os.path.join(base, "lagoon")) / "clients"


def run(command, timeout=READ_S, want=0, **kw):
    try:
        step = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, **kw)
    except (OSError, subprocess.TimeoutExpired) as e:
        raise Failure(str(e)) from e
    if step.returncode != want:
        text = (step.stdout + step.stderr).decode(errors="replace").strip()
        raise Failure(f"{' '.join(map(str, command))[:300]} ended with {step.returncode}:\n{text[-4000:]}")
    return step.stdout


def once(name, parts, make):
    """A folder of the cache that `make` fills; another one for other `parts`. Two runs at a time do not see each other's half."""
    digest = hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
    folder = cache() / f"{name}-{digest}"
    if not folder.exists():
        cache().mkdir(parents=True, exist_ok=True)
        fresh = pathlib.Path(tempfile.mkdtemp(dir=cache(), prefix="fresh-"))
        try:
            make(fresh)
            fresh.rename(folder)
        except OSError:
            if not folder.exists():
                raise
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return folder


# --- Programs of their own ---------------------------------------------------------------------------------------------


def compared(out):
    found = re.search(rb"^compared (\d+)$", out, re.M)
    if not found or int(found[1]) == 0:
        raise Failure(f"it compared nothing: {out[-2000:]!r}")
    return int(found[1])


def grpc_js(world):
    locks = [HERE / "js" / name for name in ("package.json", "package-lock.json")]

    def make(folder):
        for lock in locks:
            shutil.copy(lock, folder)
        run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], BUILD_S, cwd=folder)

    modules = once("js", [lock.read_bytes() for lock in locks], make) / "node_modules"
    return compared(run(["node", HERE / "js/read.js", modules, ROOT / "proto", world.port]))


def go_code():
    return sorted((HERE / "go").glob("*.go")), [ROOT / "proto" / name for name in GO_PROTOS]


def go_build(folder, out, env, *words):
    """`folder` has the module's sources."""
    run(["go", "build", "-o", "protoc-gen-go", "google.golang.org/protobuf/cmd/protoc-gen-go"], BUILD_S, cwd=folder, env=env)
    run(["protoc", "-I", ROOT / "proto", f"--plugin=protoc-gen-go={folder}/protoc-gen-go", f"--go_out={folder}",
         "--go_opt=module=lagoon/clients", "--go_opt=MVeniceReadService.proto=lagoon/clients/venice",
         "--go_opt=Mlagoon/read/v1/read.proto=lagoon/clients/read", *GO_PROTOS])
    run(["go", "build", *words, "-o", out, "."], BUILD_S, cwd=folder, env=env)


def grpc_go(world):
    code, protos = go_code()
    sources = [HERE / "go/go.mod", HERE / "go/go.sum", *code]
    env = dict(os.environ, GOFLAGS="-mod=readonly", GOTOOLCHAIN="local", CGO_ENABLED="0", GOCACHE=str(cache() / "go-build"))

    def make(folder):
        for source in sources:
            shutil.copy(source, folder)
        go_build(folder, "read-server", env)

    version = run(["go", "version"], env=env)
    return compared(run([once("go", [version] + [source.read_bytes() for source in sources + protos], make) / "read-server", world.port]))


def grpc_go_debian(world):
    code, protos = go_code()
    env = dict(os.environ, GO111MODULE="off", GOFLAGS="", GOTOOLCHAIN="local", CGO_ENABLED="0", GOCACHE=str(cache() / "go-build"))

    def make(folder):
        module = folder / "src/lagoon/clients"
        module.mkdir(parents=True)
        for source in code:
            shutil.copy(source, module)
        here = dict(env, GOPATH=f"{folder}:{DEBIAN_GO}")
        go_build(module, folder / "read-server", here, "-tags", "debian")

    version = run(["go", "version"], env=env) + (DEBIAN_GO / "src/google.golang.org/grpc/version.go").read_bytes()
    return compared(run([once("go-debian", [version] + [source.read_bytes() for source in code + protos], make) / "read-server", world.port]))


def grpc_cpp(world):
    return compared(run([world.cpp, world.port]))


# --- Tools of the command line --------------------------------------------------------------------------------------------


def long(n):
    n, out = (n << 1) ^ (n >> 63), b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def avro(text):
    return long(len(text.encode())) + text.encode()


def partition(key):
    return int.from_bytes(hashlib.md5(key).digest(), "big") % PARTITIONS


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def rest(world, name, topic="plain_v1"):
    return f"http://127.0.0.1:{world.port}/storage/{topic}/{partition(avro(name))}/{base64url(avro(name))}?f=b64"


def rpc(world, path):
    return f"http://127.0.0.1:{world.port}/{path}"


def field(number, data):
    """Of protobuf: bytes, or a number."""
    if isinstance(data, int):
        return bytes([number << 3]) + varint(data)
    return bytes([number << 3 | 2]) + varint(len(data)) + data


def varint(n):
    return bytes([n & 127 | 128]) + varint(n >> 7) if n > 127 else bytes([n])


def frame(message):
    return b"\0" + len(message).to_bytes(4, "big") + message


def get_request(name):
    key = avro(name)
    return frame((field(1, partition(key)) if partition(key) else b"") + field(2, base64url(key).encode() + b"?f=b64") +
                 field(5, b"plain_v1") + field(10, b"GET"))


def get_answer(value):
    """As docs/formats/grpc.md has it: schemaId 1, the value, one RCU, errorCode 200."""
    return frame(field(1, 2) + field(2, avro(value)) + field(4, 1) + field(6, 200))


MISSING = frame(field(6, 2 ** 32 - 420))


def batch_request(names):
    keys = [avro(name) for name in names]
    return frame(field(3, b"".join(long(i) + long(len(k)) + k + long(partition(k)) for i, k in enumerate(keys))) +
                 field(5, b"plain_v1") + field(9, 1))


def batch_values(body):
    """The values of a frame with VeniceServerResponse whose `data` comes second."""
    def number(at):
        n = shift = 0
        while True:
            n, shift, at = n | (body[at] & 127) << shift, shift + 7, at + 1
            if body[at - 1] < 128:
                return n, at

    at, out = 5, {}
    while body[at] != 2 << 3 | 2:
        _, at = number(at + 1)
    size, at = number(at + 1)
    end = at + size
    while at < end:
        index, at = number(at)
        size, at = number(at)
        out[index >> 1] = body[at:at + (size >> 1)]
        _, at = number(at + (size >> 1))
    return out


class Checks:
    def __init__(self):
        self.count = 0

    def same(self, what, got, want):
        if got != want:
            raise Failure(f"{what}: {got!r:.600} instead of {want!r:.600}")
        self.count += 1


def body_file(world, name, body):
    path = world.folder / name
    path.write_bytes(body)
    return path


def curl(world):
    c = Checks()
    base = ["curl", "-sS", "--http2-prior-knowledge", "--max-time", "60"]

    def rpc_with_curl(name, path, body, *words, want=0):
        head = world.folder / f"{name}.head"
        out = run([*base, *GRPC, "-D", head, "--data-binary", f"@{body_file(world, name, body)}", *words, rpc(world, path)], want=want)
        status = re.findall(rb"^grpc-status: (\d+)\r$", head.read_bytes(), re.M)
        return out, int(status[0]) if status else None

    for n in range(20):
        c.same("a get over REST", run([*base, rest(world, f"k{n}")]), avro(f"value of k{n}"))
    c.same("a missing key over REST", run([*base, "-o", "/dev/null", "-w", "%{http_version} %{http_code}", rest(world, "nobody")]),
           b"2 404")
    for n in range(20):
        c.same("a get", rpc_with_curl("curl.get", f"{VENICE}/get", get_request(f"k{n}")), (get_answer(f"value of k{n}"), 0))
    c.same("a missing key", rpc_with_curl("curl.get", f"{VENICE}/get", get_request("nobody")), (MISSING, 0))
    body, status = rpc_with_curl("curl.batch", f"{VENICE}/batchGet", batch_request([f"k{n}" for n in range(100)]))
    c.same("a batch's status", status, 0)
    c.same("a batch", batch_values(body), {n: avro(f"value of k{n}") for n in range(100)})
    c.same("health", rpc_with_curl("curl.check", "grpc.health.v1.Health/Check", frame(b"")), (frame(field(1, 1)), 0))
    start = time.monotonic()
    c.same("a deadline", rpc_with_curl("curl.watch", "grpc.health.v1.Health/Watch", frame(b""), "-H", "grpc-timeout: 400m"),
           (frame(field(1, 1)), 4))
    c.same("the deadline in its time", 0.3 < time.monotonic() - start < 30, True)
    c.same("a cancelled call", rpc_with_curl("curl.watch", "grpc.health.v1.Health/Watch", frame(b""), "--max-time", "0.4", want=28)[0],
           frame(field(1, 1)))
    c.same("an unknown method", rpc_with_curl("curl.get", f"{VENICE}/nothing", get_request("k1"))[1], 12)
    return c.count


def nghttp(world):
    c = Checks()
    urls = [rest(world, f"k{n}") for n in range(100)]
    # All on one connection; they come in any order.
    got = run(["nghttp", "--timeout=60", *urls])
    at = 0
    values = []
    while at < len(got):
        values.append(got[at:at + 1 + (got[at] >> 1)])  # Avro's strings, all shorter than 64 bytes.
        at += len(values[-1])
    c.same("gets over REST", sorted(values), sorted(avro(f"value of k{n}") for n in range(100)))

    def rpc_with_nghttp(path, body, *words):
        command = ["nghttp", "--timeout=60", *GRPC, "-d", body_file(world, "nghttp.body", body), *words, rpc(world, path)]
        told = run([*command[:1], "-vn", *command[1:]]).decode(errors="replace")
        status = re.findall(r"grpc-status: (\d+)", told)
        return run(command), int(status[0]) if status else None

    for n in range(5):
        c.same("a get", rpc_with_nghttp(f"{VENICE}/get", get_request(f"k{n}")), (get_answer(f"value of k{n}"), 0))
    c.same("a missing key", rpc_with_nghttp(f"{VENICE}/get", get_request("nobody")), (MISSING, 0))
    body, status = rpc_with_nghttp(f"{VENICE}/batchGet", batch_request([f"k{n}" for n in range(100)]))
    c.same("a batch's status", status, 0)
    c.same("a batch", batch_values(body), {n: avro(f"value of k{n}") for n in range(100)})
    c.same("health", rpc_with_nghttp("grpc.health.v1.Health/Check", frame(b"")), (frame(field(1, 1)), 0))
    c.same("a deadline", rpc_with_nghttp("grpc.health.v1.Health/Watch", frame(b""), "-H", "grpc-timeout: 400m"),
           (frame(field(1, 1)), 4))
    c.same("an unknown method", rpc_with_nghttp(f"{VENICE}/nothing", get_request("k1"))[1], 12)
    return c.count


def h2load(world):
    """Many at a time: none fails, and as many bytes come as the answers have."""
    c = Checks()

    def load(answer, *words):
        n = 20000
        told = run(["h2load", "-n", str(n), "-c", "8", "-m", "64", *words]).decode()
        c.same("requests", re.findall(r"requests: .*", told),
               [f"requests: {n} total, {n} started, {n} done, {n} succeeded, 0 failed, 0 errored, 0 timeout"])
        c.same("statuses", re.findall(r"status codes: .*", told), [f"status codes: {n} 2xx, 0 3xx, 0 4xx, 0 5xx"])
        c.same("bytes", re.findall(r"\((\d+)\) data", told), [str(n * len(answer))])

    load(avro("value of k7"), rest(world, "k7"))
    load(avro("value of k7"), "--h1", rest(world, "k7"))
    load(get_answer("value of k7"), *GRPC, "-d", str(body_file(world, "h2load.get", get_request("k7"))), rpc(world, f"{VENICE}/get"))
    load(MISSING, *GRPC, "-d", str(body_file(world, "h2load.missing", get_request("nobody"))), rpc(world, f"{VENICE}/get"))
    load(frame(field(1, 1)), *GRPC, "-d", str(body_file(world, "h2load.check", frame(b""))), rpc(world, "grpc.health.v1.Health/Check"))
    return c.count


# --- The server ------------------------------------------------------------------------------------------------------------


class World:
    """A standalone with the stores "plain" and "heavy", while the `with` lasts."""

    def __init__(self, lagoon, cpp, folder):
        self.lagoon, self.cpp, self.folder, self.data = lagoon, cpp, folder, folder / "data"

    def __enter__(self):
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen([self.lagoon, "standalone", "--data", str(self.data), "--controller-port", "0", "--router-port",
                                             "0", "--server-port", "0"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.fill()
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        status = self.process.wait(READY_S)
        if status != 0:
            raise Failure(f"the server ended with {status}: {(self.folder / 'log').read_text(errors='replace')[-2000:]}")

    def verb(self, *words):
        return run([self.lagoon, *words], env=dict(os.environ, LAGOON_DATA=str(self.data)))

    def fill(self):
        endpoints, until = self.data / "endpoints.json", time.monotonic() + READY_S
        while not endpoints.exists():
            if time.monotonic() > until or self.process.poll() is not None:
                raise Failure(f"no server: {(self.folder / 'log').read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)
        self.port = json.loads(endpoints.read_text())["server"].rsplit(":", 1)[1]
        schema = self.folder / "string.avsc"
        schema.write_text('"string"')
        heavy = "".join(chr(ord("a") + i % 23) for i in range(HEAVY_BYTES))
        stores = {"plain": [(f"k{n}", f"value of k{n}") for n in range(ROWS)], "heavy": [(f"h{n}", heavy) for n in range(HEAVY_ROWS)]}
        for store, rows in stores.items():
            path = self.folder / f"{store}.ndjson"
            path.write_text("".join(json.dumps({"key": k, "value": v}) + "\n" for k, v in rows))
            self.verb("store", "create", store, "--key-schema", schema, "--value-schema", schema, "--partitions", str(PARTITIONS),
                      "--compression", "NO_OP")
            self.verb("push", store, path, "--key-field", "key", "--value-field", "value")


CLIENTS = {"grpc-js": grpc_js, "grpc-go": grpc_go, "grpc-go-debian": grpc_go_debian, "grpc-cpp": grpc_cpp, "curl": curl, "nghttp": nghttp, "h2load": h2load}


def read_with(client, world):
    try:
        return f"PASS {client}: {CLIENTS[client](world)} compared, 0 different", True
    except Failure as e:
        return f"FAIL {client}: {e}", False


def main():
    lagoon, cpp = sys.argv[1:]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="lagoon-clients-"))
    try:
        with World(lagoon, cpp, folder) as world, concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
            lines = list(pool.map(lambda client: read_with(client, world), CLIENTS))
    except Failure as e:
        lines = [(f"FAIL server: {e}", False)]
    finally:
        shutil.rmtree(folder)
    for line, _ in lines:
        print(line)
    sys.exit(not all(good for _, good in lines))


main()
