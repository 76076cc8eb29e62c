#!/usr/bin/python3
"""Reads a server with Debian's gRPC for Python, as a program that knows nothing of Lagoon but proto/ would.

    grpc_client.py PORT FOLDER CASE [WORD...]

FOLDER keeps the stubs that protoc makes from proto/. CASE is one of the functions below whose names begin with `case_`; the
stores they read are made by grpc_test.c. Prints nothing but "ok CASE" and facts; exits 1 with a sentence when an answer is
not what the documentation says (docs/formats/grpc.md)."""
import faulthandler
import gzip
import hashlib
import http.client
import os
import pathlib
import queue
import subprocess
import sys
import threading
import time

# Between calls, gRPC looks at its sockets that seldom. The default of 5 s makes a client whose calls fail at once, because the
# server is away, need up to a minute to see that it is back.
os.environ["GRPC_CLIENT_CHANNEL_BACKUP_POLL_INTERVAL_MS"] = "100"

import grpc
import zstandard
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROTOS = ["VeniceReadService.proto", "lagoon/read/v1/read.proto", "grpc/health/v1/health.proto",
          "grpc/reflection/v1/reflection.proto", "grpc/reflection/v1alpha/reflection.proto"]
PORT, FOLDER, CASE, WORDS = int(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3], sys.argv[4:]
PARTITIONS, ROWS, HEAVY_ROWS, HEAVY_BYTES, SWAP_ROWS = 3, 6000, 100, 100000, 200
KEY_NOT_FOUND = 2 ** 32 - 420
LIMIT = 4 << 20
S = grpc.StatusCode
WAIT_S = 60  # generous: sanitizers, two cores, other tests


def check(truth, *what):
    if not truth:
        sys.exit(f"{CASE}: " + " ".join(repr(w)[:600] for w in what))


def same(got, want, *what):
    check(got == want, got, "instead of", want, *what)


# A client that hangs says where, instead of holding up who waits for it.
faulthandler.dump_traceback_later(4 * WAIT_S, exit=True)


# --- Stubs -----------------------------------------------------------------------------------------------------------


def protoc():
    """The messages of proto/, by full name."""
    # Two runs at a time do not see each other's half: the program's own file, then a rename.
    out = FOLDER / "protos.bin"
    if not out.exists():
        fresh = FOLDER / f"protos.{time.monotonic_ns()}"
        subprocess.run(["protoc", "-I", str(ROOT / "proto"), "--include_imports", f"--descriptor_set_out={fresh}", *PROTOS],
                       check=True)
        fresh.rename(out)
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file:
        pool.Add(file)
    return pool


POOL = protoc()
FACTORY = message_factory.MessageFactory(POOL)


def message(name, pool=POOL, factory=FACTORY):
    return factory.GetPrototype(pool.FindMessageTypeByName(name))


VENICE, READ, HEALTH = "com.linkedin.venice.protocols", "lagoon.read.v1", "grpc.health.v1"
Request, Response = message(f"{VENICE}.VeniceClientRequest"), message(f"{VENICE}.VeniceServerResponse")
Ask, Answer = message(f"{READ}.BatchGetRequest"), message(f"{READ}.BatchGetResponse")
HealthRequest, HealthResponse = message(f"{HEALTH}.HealthCheckRequest"), message(f"{HEALTH}.HealthCheckResponse")
UNBOUNDED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1),
             ("grpc.max_metadata_size", 1 << 20)]


def open_channel(options=(), compression=None):
    return grpc.insecure_channel(f"127.0.0.1:{PORT}", options=[*UNBOUNDED, *options], compression=compression)


CHANNEL = open_channel()


def unary(path, reply=Response, channel=CHANNEL):
    return channel.unary_unary(path, lambda m: m if isinstance(m, bytes) else m.SerializeToString(),
                               (lambda b: b) if reply is None else reply.FromString)


def batch_stream(requests, channel=CHANNEL, **kw):
    return channel.stream_stream(f"/{READ}.ReadService/BatchGet", Ask.SerializeToString, Answer.FromString)(requests, **kw)


GET, BATCH_GET = f"/{VENICE}.VeniceReadService/get", f"/{VENICE}.VeniceReadService/batchGet"
CHECK, WATCH = f"/{HEALTH}.Health/Check", f"/{HEALTH}.Health/Watch"


def status_of(call):
    """The status and the text of a call that must fail."""
    try:
        got = call()
    except grpc.RpcError as e:
        return e.code(), e.details() or ""
    check(False, "no failure but", got)


# --- Avro and Venice's encodings --------------------------------------------------------------------------------------


def long(n):
    n, out = (n << 1) ^ (n >> 63), b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def key_of(text):
    data = text.encode()
    return long(len(data)) + data


def text_of(value):
    size = shift = at = 0
    while True:
        size |= (value[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if value[at - 1] < 128:
            break
    check(len(value) == at + (size >> 1), "a value that is no Avro string", value[:80])
    return value[at:].decode()


def partition_of(key, partitions=PARTITIONS):
    return int.from_bytes(hashlib.md5(key).digest(), "big") % partitions


def base64url(data):
    import base64
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def get(key, topic="plain_v1", call=None, partition=None, text=None, **kw):
    data = key_of(key)
    rq = Request(partition=partition_of(data) if partition is None else partition, resourceName=topic, method="GET",
                 keyString=text or base64url(data) + "?f=b64")
    return (call or unary(GET))(rq, timeout=kw.pop("timeout", WAIT_S), **kw)


def router_keys(keys, partitions=PARTITIONS):
    """MultiGetRouterRequestKeyV1: keyIndex int, keyBytes bytes, partitionId int."""
    return b"".join(long(i) + long(len(k)) + k + long(partition_of(k, partitions)) for i, k in enumerate(keys))


def records(data):
    """MultiGetResponseRecordV1: keyIndex int, value bytes, schemaId int."""
    at, out = 0, {}

    def number():
        nonlocal at
        n = shift = 0
        while True:
            b = data[at]
            n, shift, at = n | (b & 127) << shift, shift + 7, at + 1
            if b < 128:
                return n >> 1 ^ -(n & 1)

    while at < len(data):
        index, size = number(), number()
        value, at = data[at:at + size], at + size
        out[index] = value, number()
    return out


def batch_get(names, topic="plain_v1", streaming=False, call=None, partitions=PARTITIONS, **kw):
    rq = Request(keyBytes=router_keys([key_of(n) for n in names], partitions), resourceName=topic, isBatchRequest=True, method="POST",
                 isStreamingRequest=streaming)
    return (call or unary(BATCH_GET))(rq, timeout=WAIT_S, **kw)


def batch(batch_id, names, store="plain", **kw):
    ask = Ask(batch_id=batch_id)
    ask.get.store = store
    for field, value in kw.items():
        setattr(ask.get, field, value)
    ask.get.SetInParent()
    for i, name in enumerate(names):
        ask.get.keys.add(id=i, key=key_of(name))
    return ask


def collect(answers, into=None):
    """Of each batch: its values by id, its missing ids, its end; nothing follows an end, no key comes twice."""
    out = {} if into is None else into
    for a in answers:
        b = out.setdefault(a.batch_id, ({}, set(), []))
        check(not b[2], "an answer behind the end of batch", a.batch_id)
        for v in a.values:
            check(v.id not in b[0] and v.id not in b[1], "a key came twice", v.id)
            b[0][v.id] = v
        for i in a.missing:
            check(i not in b[0] and i not in b[1], "a key came twice", i)
            b[1].add(i)
        if a.HasField("end"):
            b[2].append(a.end)
    return out


def metric(name, labels):
    """The sum of a metric's series with these labels."""
    client = http.client.HTTPConnection("127.0.0.1", PORT, timeout=WAIT_S)
    client.request("GET", "/metrics")
    lines = client.getresponse().read().decode().splitlines()
    client.close()
    return sum(int(float(line.rsplit(" ", 1)[1])) for line in lines if line.startswith(name + "{") and labels in line)


# --- Venice's service -------------------------------------------------------------------------------------------------


def case_single():
    r = get("k7")
    same((r.errorCode, r.schemaId, r.compressionStrategy, r.responseRCU), (200, 1, 0, 1), r)
    same(text_of(r.data), "value of k7")
    for n in range(200):  # Every partition, and the same head again and again.
        same(text_of(get(f"k{n}").data), f"value of k{n}")
    r = get("nobody")
    same((r.errorCode, r.data, r.errorMessage), (KEY_NOT_FOUND, b"", ""))
    calls = [unary(GET).future(Request(partition=partition_of(key_of(f"k{n}")), resourceName="plain_v1",
                                       keyString=base64url(key_of(f"k{n}")) + "?f=b64"), timeout=WAIT_S) for n in range(500)]
    for n, call in enumerate(calls):  # Many at a time, more than the server lets one connection have open.
        same(text_of(call.result().data), f"value of k{n}")
    # A key that is not encoded is the key itself.
    r = get("k7", text=key_of("k7").decode())
    same((r.errorCode, text_of(r.data)), (200, "value of k7"))


def case_single_refused():
    r = get("k7", text="no base64!?f=b64")
    same((r.errorCode, r.errorMessage), (400, "the key is not base64"))
    for topic in ("nothing_v1", "plain_v99", "plain", "", "plain_v", "plain_v1/../x", "plain_v-1", "plain_v99999999999"):
        r = get("k7", topic=topic)
        same(r.errorCode, 400, topic, r)
        check(r.errorMessage, "no text for", topic)
    for partition in (PARTITIONS, 1000, 2 ** 31, 2 ** 32 - 1):
        r = get("k7", partition=partition)
        check(r.errorCode == 400 and r.errorMessage, partition, r)
    wrong = (partition_of(key_of("k7")) + 1) % PARTITIONS
    same(get("k7", partition=wrong).errorCode, KEY_NOT_FOUND)
    r = get("k7", text="A" * ((1 << 20) + 1))
    same((r.errorCode, r.errorMessage), (400, "the key is too long"))
    r = get("k7", text="?f=b64")
    same((r.errorCode, r.errorMessage), (400, "the key is empty"))


def case_batch():
    names = [f"k{n}" for n in range(0, 100)] + ["nobody", "nowhere"]
    for streaming in (False, True):
        r = batch_get(names, streaming=streaming)
        same((r.errorCode, r.isStreamingResponse, r.responseRCU), (200, streaming, len(names)), r.errorMessage)
        got = records(r.data)
        for i in range(100):
            same(text_of(got[i][0]), f"value of k{i}")
        if streaming:  # A missing key has a record, of the key's negative index.
            same(len(got), 102)
            for i in (100, 101):
                check(-i in got or i in got and got[i][0] == b"", "no record of the missing", i)
        else:
            same(sorted(got), list(range(100)))
    r = batch_get([])
    same((r.errorCode, r.data), (200, b""))
    r = batch_get([f"k{n}" for n in range(5000)])
    same((r.errorCode, len(records(r.data))), (200, 5000), r.errorMessage)
    r = batch_get([f"k{n}" for n in range(5001)])
    same((r.errorCode, r.errorMessage), (400, "more than 5000 keys (limit server_batch_keys)"))
    for topic in ("nothing_v1", "plain_v99", ""):
        same(batch_get(["k1"], topic=topic).errorCode, 400, topic)
        same(batch_get([], topic=topic).errorCode, 400, topic)
    bad = Request(keyBytes=b"\x00\xff\xff\xff\xff", resourceName="plain_v1", isBatchRequest=True)
    r = unary(BATCH_GET)(bad, timeout=WAIT_S)
    check(r.errorCode == 400 and "MultiGetRouterRequestKeyV1" in r.errorMessage, r)
    strange = long(0) + long(2) + b"ab" + long(PARTITIONS)
    r = unary(BATCH_GET)(Request(keyBytes=strange, resourceName="plain_v1"), timeout=WAIT_S)
    check(r.errorCode in (400, 503), r)


def dictionary(topic):
    c = http.client.HTTPConnection("127.0.0.1", PORT, timeout=WAIT_S)
    store, version = topic.rsplit("_v", 1)
    c.request("GET", f"/dictionary/{store}/{version}")
    r = c.getresponse()
    same(r.status, 200, topic)
    return r.read()


def case_compressed():
    def unzstd(data, topic):
        return zstandard.ZstdDecompressor().decompress(data, max_output_size=1 << 20)

    def undict(data, topic):
        with_dict = zstandard.ZstdDecompressor(dict_data=zstandard.ZstdCompressionDict(dictionary(topic)))
        return with_dict.decompress(data, max_output_size=1 << 20)

    undo = {0: lambda d, t: d, 1: lambda d, t: gzip.decompress(d), 2: unzstd, 3: undict}
    for strategy in range(4):
        topic = f"packed{strategy}_v1"
        r = get("p7", topic=topic)
        same((r.errorCode, r.compressionStrategy), (200, strategy), r)
        same(text_of(undo[strategy](r.data, topic)), "packed value number 7, and again packed value number 7")
        r = batch_get(["p1", "p2"], topic=topic)
        same((r.errorCode, r.compressionStrategy), (200, strategy), r)
        for i, n in ((0, 1), (1, 2)):
            same(text_of(undo[strategy](records(r.data)[i][0], topic)),
                 f"packed value number {n}, and again packed value number {n}")
        got = collect(batch_stream(iter([batch(1, ["p3"], f"packed{strategy}")]), timeout=WAIT_S))
        v = got[1][0][0]
        same((v.compression, v.version, v.schema_id), (strategy, 1, 1))
        same(text_of(undo[strategy](v.data, topic)), "packed value number 3, and again packed value number 3")


def case_gzip_requests():
    zipped = open_channel(compression=grpc.Compression.Gzip)
    same(text_of(get("k7", call=unary(GET, channel=zipped)).data), "value of k7")
    r = batch_get([f"k{n}" for n in range(3000)], call=unary(BATCH_GET, channel=zipped))
    same((r.errorCode, len(records(r.data))), (200, 3000))
    got = collect(batch_stream(iter([batch(i, [f"k{n}" for n in range(300)]) for i in range(3)]), zipped, timeout=WAIT_S))
    same([len(got[i][0]) for i in range(3)], [300] * 3)
    # Deflate is another's; what is offered is told.
    deflated = open_channel(compression=grpc.Compression.Deflate)
    code, text = status_of(lambda: get("k" * 1000, call=unary(GET, channel=deflated)))
    same(code, S.UNIMPLEMENTED, text)
    # A small message that is a large one: no memory is taken beyond the limit.
    bomb = Request(resourceName="plain_v1", keyBytes=bytes(LIMIT + 1000))
    code, text = status_of(lambda: unary(BATCH_GET, channel=zipped)(bomb, timeout=WAIT_S))
    same(code, S.RESOURCE_EXHAUSTED, text)


# --- What surrounds a call ---------------------------------------------------------------------------------------------


def soon_over(begin):
    """The first message of a stream whose deadline comes soon, the stream, its timeout and when it began. A machine that is
    too busy to get the message in time gets twice as long."""
    timeout = 0.5
    while True:
        start = time.monotonic()
        call = begin(timeout)
        try:
            return next(call), call, timeout, start
        except grpc.RpcError as e:
            same(e.code(), S.DEADLINE_EXCEEDED)
            check(timeout < WAIT_S, "no first message within", timeout)
            timeout *= 2


def case_deadlines():
    watch = CHANNEL.unary_stream(WATCH, HealthRequest.SerializeToString, HealthResponse.FromString)
    first, call, timeout, start = soon_over(lambda t: watch(HealthRequest(), timeout=t))
    same(first.status, 1)
    same(status_of(lambda: next(call))[0], S.DEADLINE_EXCEEDED)
    check(0.9 * timeout < time.monotonic() - start, "the deadline came after", time.monotonic() - start)
    hold = threading.Event()

    def slowly():
        yield batch(1, ["k1"])
        hold.wait(4 * WAIT_S)

    first, call, _, _ = soon_over(lambda t: batch_stream(slowly(), timeout=t))
    same(len(first.values), 1)
    same(status_of(lambda: list(call))[0], S.DEADLINE_EXCEEDED)
    hold.set()
    # Deadlines that race with their answers: one or the other, and right. One of 0 races, too: the client says 1 ns.
    for timeout in [0] * 10 + [0.0015] * 300:
        try:
            same(text_of(get("k9", timeout=timeout).data), "value of k9")
        except grpc.RpcError as e:
            same(e.code(), S.DEADLINE_EXCEEDED)
    same(get("k7").errorCode, 200)


def case_cancel():
    for turn in range(50):
        hold = threading.Event()

        def requests():
            for i in range(20):
                yield batch(i, [f"h{n}" for n in range(HEAVY_ROWS)], "heavy")
            hold.wait(WAIT_S)

        call = batch_stream(requests(), timeout=WAIT_S)
        if turn % 5:
            for _ in range(turn):
                next(call)
        call.cancel()
        hold.set()
        same(status_of(lambda: list(call))[0], S.CANCELLED)
    rq = Request(resourceName="heavy_v1", keyBytes=router_keys([key_of(f"h{n}") for n in range(HEAVY_ROWS)]))
    calls = [unary(BATCH_GET).future(rq, timeout=WAIT_S) for _ in range(4)]  # 64 MiB may wait for a connection's reader.
    for call in calls:
        call.cancel()
    for call in calls:
        try:
            same(call.result().errorCode, 200)
        except grpc.FutureCancelledError:
            pass
    same(get("k7").errorCode, 200)


def case_large():
    code, text = status_of(lambda: unary(GET)(Request(resourceName="plain_v1", keyString="x" * LIMIT), timeout=WAIT_S))
    same(code, S.RESOURCE_EXHAUSTED, text)
    code, text = status_of(lambda: list(batch_stream(iter([batch(1, ["x" * LIMIT])]), timeout=WAIT_S)))
    same(code, S.RESOURCE_EXHAUSTED, text)
    rq = Request(resourceName="plain_v1", keyString="x")
    rq.keyString = "x" * (LIMIT - len(rq.SerializeToString()) - 2)  # Its length takes 4 bytes, and one is for the tag.
    while len(rq.SerializeToString()) > LIMIT:
        rq.keyString = rq.keyString[1:]
    same(len(rq.SerializeToString()), LIMIT)
    same(unary(GET)(rq, timeout=WAIT_S).errorCode, 400)  # As large as it may be: it is read, and the key is too long.
    rq.keyString += "x"
    same(status_of(lambda: unary(GET)(rq, timeout=WAIT_S))[0], S.RESOURCE_EXHAUSTED)
    r = get("huge", topic="large_v1")
    same((r.errorCode, len(text_of(r.data))), (200, 5000000))
    r = batch_get(["huge", "huge"], topic="large_v1")
    same([len(text_of(v)) for v, _ in records(r.data).values()], [5000000] * 2)
    got = collect(batch_stream(iter([batch(1, ["huge"], "large")]), timeout=WAIT_S))
    same(len(text_of(got[1][0][0].data)), 5000000)
    # A client that takes 4 MiB at most says so itself; the connection lives on.
    small = grpc.insecure_channel(f"127.0.0.1:{PORT}")
    same(status_of(lambda: get("huge", topic="large_v1", call=unary(GET, channel=small)))[0], S.RESOURCE_EXHAUSTED)
    same(get("k7", call=unary(GET, channel=small)).errorCode, 200)


def case_metadata():
    def with_metadata(*pairs):
        return get("k7", metadata=pairs)

    same(with_metadata(("x-caller", "a test"), ("x-bytes-bin", bytes(range(256))), ("x-empty", "")).errorCode, 200)
    same(with_metadata(*[(f"x-{i}", "v" * 60) for i in range(60)]).errorCode, 200)  # Near 8 KiB: 60 of 60 + 32 and names.
    same(with_metadata(("x-long", "v" * 6000)).errorCode, 200)
    for pairs in ([("x-long", "v" * 8192)], [(f"x-{i}", "v" * 40) for i in range(101)], [("x-long-bin", bytes(10000))]):
        code, text = status_of(lambda: with_metadata(*pairs))
        # 431 is no status of gRPC: the client's table of HTTP statuses says UNKNOWN, or what came with it.
        check(code in (S.UNKNOWN, S.RESOURCE_EXHAUSTED, S.INTERNAL), code, text)
    code, text = status_of(lambda: with_metadata(("x-long", "v" * 30000)))  # Over what a head may take as sent.
    check(code in (S.UNKNOWN, S.RESOURCE_EXHAUSTED, S.INTERNAL, S.UNAVAILABLE), code, text)
    same(get("k7").errorCode, 200)
    reply, call = unary(GET).with_call(Request(resourceName="plain_v1", keyString="x"), timeout=WAIT_S)
    same(call.code(), S.OK)


def case_unknown():
    for path in (f"/{VENICE}.VeniceReadService/getAll", f"/{VENICE}.VeniceReadService/GET", f"/{VENICE}.VeniceReadService/",
                 f"/{VENICE}.VeniceReadService", "/nobody.Nothing/Do", f"/{READ}.ReadService/batchGet", "/", "//", "/a/b/c",
                 f"/{VENICE}.VeniceReadService/get/", f"/{VENICE}.VeniceReadService/get?x=1",
                 f"/{VENICE}.VeniceReadService/%67et"):
        code, text = status_of(lambda: unary(path, None)(b"", timeout=WAIT_S))
        same(code, S.UNIMPLEMENTED, path, text)
    # A method by another shape than its own.
    call = CHANNEL.stream_stream(GET, Request.SerializeToString, Response.FromString)
    rq = Request(resourceName="plain_v1", keyString=base64url(key_of("k7")) + "?f=b64", partition=partition_of(key_of("k7")))
    same([r.errorCode for r in call(iter([rq]), timeout=WAIT_S)], [200])
    for requests in ([], [rq, rq]):
        same(status_of(lambda: list(call(iter(requests), timeout=WAIT_S)))[0], S.INTERNAL, len(requests))
    for path in (GET, BATCH_GET, CHECK):  # No protobuf.
        for bad in (b"\x0a\xff", b"\x07", b"\x00\x00", b"\xff" * 11):
            same(status_of(lambda: unary(path, None)(bad, timeout=WAIT_S))[0], S.INTERNAL, path, bad)
    bad = CHANNEL.stream_stream(f"/{READ}.ReadService/BatchGet", lambda b: b, Answer.FromString)
    same(status_of(lambda: list(bad(iter([b"\x0a\xff"]), timeout=WAIT_S)))[0], S.INTERNAL)
    same(status_of(lambda: get("k7", text="\x00", topic="a\x00b") and unary(GET)(b"\x2a\x02\xff\xfe", timeout=WAIT_S))[0],
         S.INTERNAL)  # A string that is not UTF-8.


# --- The stream of batches ---------------------------------------------------------------------------------------------


def case_stream():
    asked = [batch(i, [f"k{n}" for n in range(i, i + 10)] + ["nobody"]) for i in range(400)]
    window, done = threading.Semaphore(80), {}  # A stream has 100 batches under way at most.

    def requests():
        for a in asked:
            check(window.acquire(timeout=WAIT_S), "no batch ended")
            yield a

    for a in batch_stream(requests(), timeout=WAIT_S):
        collect([a], done)
        if a.HasField("end"):
            window.release()
    same(sorted(done), list(range(400)))
    for i, (values, missing, ends) in done.items():
        same([(e.status, e.rcu, e.version) for e in ends], [(0, 11, 1)])
        same(missing, {10})
        for n in range(10):
            same(text_of(values[n].data), f"value of k{i + n}")
            same((values[n].version, values[n].schema_id), (1, 1))
    same(collect(batch_stream(iter([batch(1, [])]), timeout=WAIT_S))[1][2][0].status, 0)
    same(list(batch_stream(iter([]), timeout=WAIT_S)), [])
    # More than a stream may hold unsent: as far as there is room, and then on.
    got = collect(batch_stream(iter([batch(i, ["huge"] * 20, "large") for i in range(2)]), timeout=WAIT_S))
    for values, _, ends in got.values():
        same((ends[0].status, ends[0].rcu, sorted(values)), (0, 20, list(range(20))), ends[0].message)
        same({len(v.data) for v in values.values()}, {len(values[0].data)})
    got = collect(batch_stream(iter([batch(2 ** 64 - 1, [f"k{n}" for n in range(6000)], version=1)]), timeout=WAIT_S))
    values, _, ends = got[2 ** 64 - 1]
    same((len(values), ends[0].status, values[5].version), (6000, 0, 0))  # The version was the client's.


def case_stream_refused():
    """What is wrong with a batch ends it alone."""
    def one(ask):
        got = collect(batch_stream(iter([ask, batch(999, ["k1"])]), timeout=WAIT_S))
        same((got[999][2][0].status, len(got[999][0])), (0, 1))
        return got[ask.batch_id][2][0]

    def with_key(**kw):
        ask = batch(1, [])
        ask.get.keys.add(**kw)
        return ask

    rows = [(batch(1, ["k1"], "nothing"), S.NOT_FOUND), (batch(1, ["k1"], ""), S.NOT_FOUND),
            (batch(1, ["k1"], "no/name"), S.NOT_FOUND), (batch(1, ["k1"], "plain", version=99), S.NOT_FOUND),
            (batch(1, ["k1"], "plain", version=2 ** 32 - 1), S.NOT_FOUND), (batch(1, ["k1"], "unpushed"), S.NOT_FOUND),
            (with_key(key=b""), S.INVALID_ARGUMENT), (with_key(key=b"x" * ((1 << 20) + 1)), S.INVALID_ARGUMENT),
            (with_key(key=key_of("k1"), partition=PARTITIONS), S.INVALID_ARGUMENT),
            (with_key(key=key_of("k1"), partition=2 ** 32 - 1), S.INVALID_ARGUMENT), (Ask(batch_id=1), S.UNIMPLEMENTED),
            (batch(1, ["k1"] * 10001), S.INVALID_ARGUMENT)]
    for ask, want in rows:
        end = one(ask)
        same(end.status, want.value[0], str(ask)[:80], end.message)
        check(end.message, "no text for", str(ask)[:80])
    # More batches at a time than a stream has: the others are answered.
    few = 10  # keys, of 100 kB each
    many = [batch(i, [f"h{n}" for n in range(few)], "heavy") for i in range(150)]
    got = collect(batch_stream(iter(many), timeout=WAIT_S))
    ends = [got[i][2][0].status for i in range(150)]
    check(ends[0] == 0 and set(ends) <= {0, S.RESOURCE_EXHAUSTED.value[0]}, ends)
    for i in range(150):
        if ends[i] == 0:
            same(len(got[i][0]), few)


QUOTA_RCU, QUOTA_SAVED_S, QUOTA_BATCH, QUOTA_OVER_S = 20, 50, 5, 1.5  # What a store saves up: model/read_quota.h.


def case_quota():
    """REST, both of Venice's calls and a stream ask for more than the quota of one store lets in: what they get together is that
    quota, and what the server counted; each refusal is in its protocol's words."""
    names = [f"q{n}" for n in range(QUOTA_BATCH)]
    rest = http.client.HTTPConnection("127.0.0.1", PORT, timeout=WAIT_S)

    def rest_get():
        rest.request("GET", f"/storage/limited_v1/0/{base64url(key_of('q1'))}?f=b64")
        answer = rest.getresponse()
        answer.read()
        check(answer.status in (200, 429), answer.status)
        check(answer.status == 200 or int(answer.headers["Retry-After"]) >= 1, answer.headers)
        return answer.status == 200

    def single():
        return is_let_in(get("q1", "limited_v1", partition=0))

    def venice_batch():
        return is_let_in(batch_get(names, "limited_v1", partitions=1))

    def is_let_in(answer):
        check(answer.errorCode in (200, 429), answer.errorCode, answer.errorMessage)
        return answer.errorCode == 200

    def stream_batch():
        end = collect(batch_stream(iter([batch(1, names, "limited")]), timeout=WAIT_S))[1][2][0]
        check(end.status in (0, S.RESOURCE_EXHAUSTED.value[0]), end.status, end.message)
        return end.status == 0

    paths = [(rest_get, 1), (single, 1), (venice_batch, QUOTA_BATCH), (stream_batch, QUOTA_BATCH)]
    got, refused, faults = [0] * len(paths), [0] * len(paths), []

    def ask(i):
        if paths[i][0]():
            got[i] += paths[i][1]
        else:
            refused[i] += 1

    def ask_on(i):
        try:
            over = None
            while over is None or time.monotonic() - over < QUOTA_OVER_S:
                ask(i)
                check(not faults and time.monotonic() - start < WAIT_S, "not all were refused", refused)
                over = over or (time.monotonic() if all(refused) else None)
        except BaseException as e:  # SystemExit, too: it is a thread's.
            faults.append(e)

    before, start = metric("lagoon_server_rcu_total", 'store="limited"'), time.monotonic()
    for i in range(len(paths)):
        ask(i)
    same((all(got), any(refused)), (True, False), "each path begins with what is saved")
    threads = [threading.Thread(target=ask_on, args=[i]) for i in range(len(paths))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    most = QUOTA_RCU * (QUOTA_SAVED_S + time.monotonic() - start) + 1
    check(QUOTA_RCU * QUOTA_SAVED_S * 7 / 8 <= sum(got) <= most, got, "is not from 7/8 of what was saved to", most)
    same(metric("lagoon_server_rcu_total", 'store="limited"') - before, sum(got), "counted")
    same(metric("lagoon_server_refused_total", 'reason="quota",store="limited"'), sum(refused), "refusals counted")
    same(get("q1", "plain_v1").errorCode in (200, KEY_NOT_FOUND), True, "another store")


def case_stream_cancel():
    """One of two batches is cancelled, the other comes whole; and a batch whose time is over."""
    go = threading.Event()

    def requests():
        yield batch(1, [f"h{n}" for n in range(HEAVY_ROWS)] * 20, "heavy")
        yield batch(2, [f"k{n}" for n in range(500)])
        cancel = Ask(batch_id=1)
        cancel.cancel.SetInParent()
        check(go.wait(WAIT_S), "no first answer")
        yield cancel
        cancel = Ask(batch_id=77)  # There is none.
        cancel.cancel.SetInParent()
        yield cancel

    call, got = batch_stream(requests(), timeout=WAIT_S), {}
    for a in call:
        go.set()
        b = got.setdefault(a.batch_id, [0, None])
        check(b[1] is None, "an answer behind the end")
        b[0] += len(a.values)
        b[1] = a.end.status if a.HasField("end") else None
    same(sorted(got), [1, 2])
    same(got[2], [500, 0])
    same(got[1][1], S.CANCELLED.value[0])
    check(got[1][0] < HEAVY_ROWS * 20, "all of the cancelled came")
    # Nothing is taken, so that the batch waits for room until its time is over.
    call = batch_stream(iter([batch(3, [f"h{n}" for n in range(HEAVY_ROWS)] * 90, "heavy", timeout_ms=300),
                              batch(4, ["k4"])]), timeout=WAIT_S)
    time.sleep(1.5)
    ends, values = {}, {3: 0, 4: 0}
    for a in call:
        values[a.batch_id] += len(a.values)
        if a.HasField("end"):
            ends[a.batch_id] = a.end.status
    same(ends, {3: S.DEADLINE_EXCEEDED.value[0], 4: 0}, values)
    check(values[3] < HEAVY_ROWS * 90 and values[4] == 1, values)


def case_slow_reader():
    """100 MB for one who takes them slowly; neighbours on other and on the same connection are served meanwhile."""
    neighbour = open_channel([("grpc.use_local_subchannel_pool", 1)])
    asked = [batch(i, [f"h{n}" for n in range(HEAVY_ROWS)], "heavy") for i in range(10)]
    call, took, slowest, size = batch_stream(iter(asked), timeout=WAIT_S), 0, 0.0, 0
    seen = {}
    for a in call:
        size += sum(len(v.data) for v in a.values)
        collect([a], seen)
        took += 1
        if took % 50 == 1:
            time.sleep(0.05)
            for channel in (neighbour, CHANNEL):
                start = time.monotonic()
                same(text_of(get("k7", call=unary(GET, channel=channel)).data), "value of k7")
                slowest = max(slowest, time.monotonic() - start)
    same(sorted(len(b[0]) for b in seen.values()), [HEAVY_ROWS] * 10)
    check(size >= 10 * HEAVY_ROWS * HEAVY_BYTES, "bytes", size)
    check(slowest < 10, "a neighbour waited", slowest)
    print(f"{size} bytes, a neighbour's slowest get {slowest * 1000:.1f} ms")


# --- Health, reflection --------------------------------------------------------------------------------------------------


def case_health():
    services = ["", f"{VENICE}.VeniceReadService", f"{READ}.ReadService", f"{HEALTH}.Health",
                "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"]
    for service in services:
        same(unary(CHECK, HealthResponse)(HealthRequest(service=service), timeout=WAIT_S).status, 1, service)
    same(status_of(lambda: unary(CHECK, HealthResponse)(HealthRequest(service="nobody"), timeout=WAIT_S))[0], S.NOT_FOUND)
    watch = CHANNEL.unary_stream(WATCH, HealthRequest.SerializeToString, HealthResponse.FromString)
    call = watch(HealthRequest(service="nobody"), timeout=WAIT_S)
    same(next(call).status, 3)
    call.cancel()


def case_watch_the_end():
    """Says "watching" and waits until the server ends."""
    watch = CHANNEL.unary_stream(WATCH, HealthRequest.SerializeToString, HealthResponse.FromString)
    call, seen = watch(HealthRequest(), timeout=WAIT_S), []
    seen.append(next(call).status)
    (FOLDER / "watching").touch()
    try:
        seen += [r.status for r in call]
        check(False, "the watch ended with OK", seen)
    except grpc.RpcError as e:
        same(e.code(), S.UNAVAILABLE, seen, e.details())
    check(seen[0] == 1 and set(seen[1:]) <= {2}, seen)


def reflect(version):
    """A client that knows nothing of the server: services, their files, a call made from what they say."""
    package = f"grpc.reflection.{version}"
    rq, rs = message(f"{package}.ServerReflectionRequest"), message(f"{package}.ServerReflectionResponse")
    call = CHANNEL.stream_stream(f"/{package}.ServerReflection/ServerReflectionInfo", rq.SerializeToString, rs.FromString)

    def ask(**kw):
        return next(call(iter([rq(**kw)]), timeout=WAIT_S))

    names = {s.name for s in ask(list_services="").list_services_response.service}
    same(names, {f"{VENICE}.VeniceReadService", f"{READ}.ReadService", f"{HEALTH}.Health",
                 "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"})
    pool = descriptor_pool.DescriptorPool()
    seen = set()
    for name in names:
        for data in ask(file_containing_symbol=name).file_descriptor_response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(data)
            if file.name not in seen:
                pool.Add(file)
                seen.add(file.name)
            same(ask(file_by_filename=file.name).file_descriptor_response.file_descriptor_proto[0], data)
    same(ask(file_containing_symbol="nobody").error_response.error_code, S.NOT_FOUND.value[0])
    same(ask(file_by_filename="nobody.proto").error_response.error_code, S.NOT_FOUND.value[0])
    service = pool.FindServiceByName(f"{VENICE}.VeniceReadService")
    method = service.FindMethodByName("get")
    factory = message_factory.MessageFactory(pool)
    request, response = factory.GetPrototype(method.input_type), factory.GetPrototype(method.output_type)
    key = key_of("k7")
    generic = CHANNEL.unary_unary(f"/{service.full_name}/{method.name}", request.SerializeToString, response.FromString)
    r = generic(request(partition=partition_of(key), keyString=base64url(key) + "?f=b64", resourceName="plain_v1"),
                timeout=WAIT_S)
    same(text_of(r.data), "value of k7")


def case_reflection():
    reflect("v1")
    reflect("v1alpha")


# --- Under load, while the server does something else ----------------------------------------------------------------------


def versions_of(data):
    return text_of(data).split(" ", 1)[0]


class Load:
    """Reads until FOLDER/stop is there. `failed` counts what may be tried again, as gRPC says (UNAVAILABLE) or Venice's service
    does (503: it has begun and has not opened the store yet); anything else is an end at once, which FOLDER/ended tells."""

    def __init__(self):
        self.right, self.failed, self.version, self.seen, self.wrong = 0, 0, 1, set(), []
        self.stop = FOLDER / "stop"

    def say(self, what):
        self.wrong.append(what)
        (FOLDER / "ended").touch()

    def single(self, channel):
        version = self.version
        r = get("s7", topic=f"swap_v{version}", call=unary(GET, channel=channel), timeout=20)
        if r.errorCode == 503:
            raise TryAgain()
        if (r.errorCode, r.errorCode == 200 and text_of(r.data)) != (200, f"v{version} of s7"):
            return f"get of version {version}: {r}"[:300]

    def many(self, channel):
        version = self.version
        r = batch_get([f"s{n}" for n in range(20)], topic=f"swap_v{version}", call=unary(BATCH_GET, channel=channel))
        if r.errorCode == 503:
            raise TryAgain()
        got = records(r.data)  # In any order: what the index has comes first.
        if r.errorCode != 200 or [text_of(got[n][0]) for n in sorted(got)] != [f"v{version} of s{n}" for n in range(20)]:
            return f"batchGet of version {version}: {r}"[:300]

    def stream(self, channel):
        call = batch_stream(iter([batch(i, [f"s{n}" for n in range(SWAP_ROWS)], "swap") for i in range(4)]), channel, timeout=20)
        got = collect(self.answers(call, 25))
        for values, missing, ends in got.values():
            texts = {n: text_of(v.data) for n, v in values.items()}
            if ends[0].status == S.UNAVAILABLE.value[0]:
                raise TryAgain()
            if ends[0].status != 0 or missing or texts != {n: f"v{ends[0].version} of s{n}" for n in range(SWAP_ROWS)} \
                    or {v.version for v in values.values()} != {ends[0].version}:
                return f"stream: {ends} {len(values)} values, versions {set(t.split()[0] for t in texts.values())}"
            self.seen.add(ends[0].version)
            self.version = max(self.version, ends[0].version)

    @staticmethod
    def answers(call, timeout):
        """What comes of a stream. Debian's client (1.51) now and then forgets one whose connection was lost: neither its deadline
        nor a cancellation ends the wait for its next message, all threads idle. Such a one is left behind."""
        came = queue.Queue()

        def take():
            try:
                for answer in call:
                    came.put(answer)
                came.put(None)
            except grpc.RpcError as e:
                came.put(e)

        threading.Thread(target=take, daemon=True).start()
        while True:
            try:
                answer = came.get(timeout=timeout)
            except queue.Empty:
                raise Forgotten()
            if isinstance(answer, grpc.RpcError):
                raise answer
            if answer is None:
                return
            yield answer

    @staticmethod
    def channel():
        return open_channel([("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 200),
                             ("grpc.initial_reconnect_backoff_ms", 50)])

    def run(self, what):
        channel = self.channel()
        until = time.monotonic() + 2 * WAIT_S
        while not self.stop.exists() and not self.wrong:
            if time.monotonic() > until or not FOLDER.exists():
                self.say("nobody says stop")
            try:
                wrong = what(channel)
            except TryAgain:
                self.failed += 1
                continue
            except Forgotten:
                self.failed += 1
                channel = self.channel()
                continue
            except SystemExit as e:  # of check()
                self.say(str(e))
                return
            except grpc.RpcError as e:
                self.failed += 1
                if e.code() != S.UNAVAILABLE:
                    self.say(f"{what.__name__}: {e.code()} {e.details()}")
                time.sleep(0.02)
                continue
            if wrong:
                self.say(wrong)
            self.right += 1
            (FOLDER / "running").touch()
            if self.failed:
                (FOLDER / "back").touch()


class TryAgain(Exception):
    pass


class Forgotten(Exception):
    pass


def case_load():
    """May fail: "restarts", or nothing may: "steady". Then versions are told."""
    load = Load()
    threads = [threading.Thread(target=load.run, args=(what,)) for what in (load.single, load.many, load.stream)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    check(not load.wrong, *load.wrong)
    check(load.right > 0, "nothing was read")
    if WORDS[0] == "steady":
        same(load.failed, 0)
        same(sorted(load.seen), list(range(1, int(WORDS[1]) + 1)))
    else:
        check(load.failed > 0, "no read noticed that the server was gone")
    print(f"{load.right} right, {load.failed} that may be tried again, versions {sorted(load.seen)}")


# --- For metrics_test.c: so many reads and no more -------------------------------------------------------------------


def rest(name):
    data, connection = key_of(name), http.client.HTTPConnection("127.0.0.1", PORT, timeout=WAIT_S)
    connection.request("GET", f"/storage/plain_v1/{partition_of(data)}/{base64url(data)}?f=b64")
    reply = connection.getresponse()
    reply.read()
    return reply.status


def case_counted():
    """Single reads over REST and over gRPC, batches over gRPC and on a stream. Of ten keys nine are there."""
    singles, calls, batches, stream = (int(w) for w in WORDS)
    names = [f"k{n}" for n in range(9)] + ["nobody"]
    for n in range(singles):
        same(rest(names[n % 10]), 404 if n % 10 == 9 else 200)
    for n in range(calls):
        same(get(names[n % 10]).errorCode, KEY_NOT_FOUND if n % 10 == 9 else 200)
    for _ in range(batches):
        same(batch_get(names).errorCode, 200)
    done = collect(batch_stream(iter([batch(i, names) for i in range(stream)]), timeout=WAIT_S))
    same([ends[0].status for _, _, ends in done.values()], [0] * stream)


def case_refused():
    """Reads until ten were refused; tells how many were not."""
    answered = refused = 0
    while refused < 10:
        status = rest("k1")
        check(status in (200, 429), status)
        answered, refused = answered + (status == 200), refused + (status == 429)
    print(answered, "answered")


globals()[f"case_{CASE}"]()
print(f"ok {CASE}")
