#!/usr/bin/python3
"""Reads a version topic as Kafka's own tools see it, and judges every record by Venice's rules.

    topic_decode.py BROKER TOPIC PARTITIONS KEY_SCHEMA VALUE_SCHEMA

kcat fetches keys and values, python3-kafka headers and the topic's configuration; Apache Avro for Python decodes each
envelope with schemas/KafkaMessageEnvelope.v14.avsc. Checked are: the key's header byte, the 25 bytes of a control
message's key, one segment after the other from sequence 0 without a gap, the checksum of each segment (ADHASH, computed
here), the headers vtp and prc, that the order is SOS SOP … EOP EOS, and that sorted keys are. Values are put together
from their chunks and decompressed (with the dictionary of the start of push) before they are decoded.
Prints one JSON object: the configuration, counts per kind, and the decoded rows by key. Exits 1 with a sentence when a
rule is broken. VALUE_SCHEMA "-": values are not decoded."""
import gzip
import io
import json
import pathlib
import struct
import subprocess
import sys
import zlib

import avro.io
import avro.schema
import kafka
import kafka.admin
import zstandard

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ENVELOPE_TEXT = (ROOT / "schemas/KafkaMessageEnvelope.v14.avsc").read_text()
ENVELOPE = avro.schema.parse(ENVELOPE_TEXT)
# Schemas of chunks, as wire-formats tell them: test data of their own, not Lagoon's.
KEY_SUFFIX = avro.schema.parse(json.dumps({
    "type": "record", "name": "ChunkedKeySuffix", "fields": [
        {"name": "chunkId", "type": [{"type": "record", "name": "ChunkId", "fields": [
            {"name": "producerGUID", "type": {"type": "fixed", "name": "GUID", "size": 16}},
            {"name": "segmentNumber", "type": "int"}, {"name": "messageSequenceNumber", "type": "int"},
            {"name": "chunkIndex", "type": "int"}]}, "null"]},
        {"name": "isChunk", "type": "boolean"}]}))
MANIFEST = avro.schema.parse(json.dumps({
    "type": "record", "name": "ChunkedValueManifest", "fields": [
        {"name": "keysWithChunkIdSuffix", "type": {"type": "array", "items": "bytes"}},
        {"name": "schemaId", "type": "int"}, {"name": "size", "type": "int"}]}))
PUT, DELETE, CONTROL = 0, 1, 2
START_OF_PUSH, END_OF_PUSH, START_OF_SEGMENT, END_OF_SEGMENT = 0, 1, 2, 3
NO_OP, GZIP, ZSTD, ZSTD_WITH_DICT = 0, 1, 2, 3
CHUNK_ID, MANIFEST_ID = -10, -20
CHUNKED_BYTES_MAX = 950 * 1024
ADHASH = 4
END = b"\n--end-of-record--\n"


def fail(sentence):
    sys.exit(f"topic_decode: {sentence}")


def fetch(broker, topic, partition):
    """Each record as (offset, key, value), in order."""
    text = subprocess.run(
        ["kcat", "-C", "-b", broker, "-t", topic, "-p", str(partition), "-o", "beginning", "-e", "-q",
         "-X", "fetch.message.max.bytes=20000000", "-f", "%o %K %S\n%k%s" + END.decode()],
        check=True, capture_output=True, timeout=120).stdout
    at, records = 0, []
    while at < len(text):
        line_end = text.index(b"\n", at)
        offset, key_size, value_size = (int(word) for word in text[at:line_end].split())
        at = line_end + 1
        key, value = text[at:at + key_size], text[at + key_size:at + key_size + value_size]
        at += key_size + value_size
        if text[at:at + len(END)] != END:
            fail(f"{topic}/{partition}: what kcat printed of offset {offset} is cut")
        at += len(END)
        records.append((offset, key, value))
    return records


def fetch_headers(broker, topic, partition, count):
    """The headers of each record by its offset; kcat prints them only up to the first zero byte."""
    consumer = kafka.KafkaConsumer(bootstrap_servers=broker, max_partition_fetch_bytes=20 << 20,
                                   fetch_max_bytes=64 << 20)
    at = kafka.TopicPartition(topic, partition)
    consumer.assign([at])
    consumer.seek_to_beginning(at)
    headers = {}
    while len(headers) < count:
        records = consumer.poll(timeout_ms=60000).get(at)
        if not records:
            fail(f"{topic}/{partition}: python3-kafka sees {len(headers)} records, kcat {count}")
        for record in records:
            if record.timestamp_type != 0:
                fail(f"{topic}/{partition} offset {record.offset}: its time is not its producer's")
            headers[record.offset] = dict(record.headers)
    consumer.close()
    return headers


def configuration(broker, topic):
    """What is set for the topic itself, and how many brokers are to hold it."""
    admin = kafka.admin.KafkaAdminClient(bootstrap_servers=broker)
    resource = kafka.admin.ConfigResource(kafka.admin.ConfigResourceType.TOPIC, topic)
    told = {}
    for response in admin.describe_configs([resource]):
        for entry in response.resources[0][4]:
            told[entry[0]] = entry[1]
    partitions = admin.describe_topics([topic])[0]["partitions"]
    told["replication"] = min(len(p["replicas"]) for p in partitions)
    admin.close()
    return told


def decode(schema, data, what):
    stream = io.BytesIO(data)
    value = avro.io.DatumReader(schema).read(avro.io.BinaryDecoder(stream))
    if stream.read():
        fail(f"{what}: bytes are left after the value")
    return value


def decode_key(schema, data, chunked, what):
    """The key, its bytes, and the chunk's index; None: no chunk."""
    stream = io.BytesIO(data)
    decoder = avro.io.BinaryDecoder(stream)
    key = avro.io.DatumReader(schema).read(decoder)
    plain = data[:stream.tell()]
    if not chunked:
        if stream.read():
            fail(f"{what}: bytes are left after the key")
        return key, plain, None
    suffix = avro.io.DatumReader(KEY_SUFFIX).read(decoder)
    if stream.read():
        fail(f"{what}: bytes are left after the key's suffix")
    if suffix["isChunk"] != (suffix["chunkId"] is not None):
        fail(f"{what}: the key's suffix contradicts itself")
    return key, plain, suffix["chunkId"]


def decompress(push, value):
    strategy = push["compressionStrategy"]
    if strategy == NO_OP:
        return value
    if strategy == GZIP:
        return gzip.decompress(value)
    dictionary = push["compressionDictionary"] if strategy == ZSTD_WITH_DICT else None
    given = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
    return zstandard.ZstdDecompressor(dict_data=given).decompress(value)


def fed(envelope, key):
    """What a record adds to its segment's checksum, call by call (wire-formats: 3.5)."""
    kind, payload = envelope["messageType"], envelope["payloadUnion"]
    if kind == CONTROL:
        return [struct.pack(">i", kind), struct.pack(">i", payload["controlMessageType"])]
    if kind == PUT:
        return [struct.pack(">i", kind), key[1:], struct.pack(">i", payload["schemaId"]), payload["putValue"]]
    return [struct.pack(">i", kind), key[1:]]


class Segments:
    """The segments of one partition, by producer."""

    def __init__(self):
        self.open = {}

    def see(self, where, envelope, key):
        meta = envelope["producerMetadata"]
        guid, number, sequence = bytes(meta["producerGUID"]), meta["segmentNumber"], meta["messageSequenceNumber"]
        control = envelope["payloadUnion"].get("controlMessageType") if envelope["messageType"] == CONTROL else None
        if control == START_OF_SEGMENT:
            if sequence != 0:
                fail(f"{where}: a segment begins at sequence {sequence}")
            self.open[guid] = [number, -1, 0, envelope["payloadUnion"]["controlMessageUnion"]["checksumType"]]
        if guid not in self.open:
            fail(f"{where}: a record of a producer whose segment was not opened")
        state = self.open[guid]
        if number != state[0] or sequence != state[1] + 1:
            fail(f"{where}: segment {number} sequence {sequence} after segment {state[0]} sequence {state[1]}")
        state[1] = sequence
        if control == END_OF_SEGMENT:
            said = envelope["payloadUnion"]["controlMessageUnion"]["checksumValue"]
            if state[3] != ADHASH or said != struct.pack(">Q", state[2]):
                fail(f"{where}: the segment's checksum is {said.hex()}, computed {state[2]:016x}")
            del self.open[guid]
            return
        for part in fed(envelope, key):
            state[2] = (state[2] + zlib.crc32(part)) & 0xFFFFFFFFFFFFFFFF

    def unclosed(self):
        """Only the one that begins the push, SOS and SOP, is left open, as Venice's controller leaves it."""
        return [guid.hex() for guid, state in self.open.items() if state[1] > 1]


def judge_key(where, envelope, key):
    if envelope["messageType"] != CONTROL:
        if key[:1] != b"\x00":
            fail(f"{where}: a data record's key begins with {key[:1].hex()}")
        return
    meta = envelope["producerMetadata"]
    want = b"\x02" + bytes(meta["producerGUID"]) + struct.pack(
        ">ii", meta["segmentNumber"], meta["messageSequenceNumber"])
    if key != want:
        fail(f"{where}: the control message's key is {key.hex()}, not {want.hex()}")


def judge_headers(where, envelope, headers):
    meta = envelope["producerMetadata"]
    first = meta["segmentNumber"] == 0 and meta["messageSequenceNumber"] == 0
    if first != ("vtp" in headers):
        fail(f"{where}: a header vtp belongs to the first record of each producer, and only there")
    if first:
        schema = json.loads(headers["vtp"].decode())
        if schema["name"] != "KafkaMessageEnvelope" or avro.schema.parse(json.dumps(schema)) != ENVELOPE:
            fail(f"{where}: the header vtp is another schema")
    payload = envelope["payloadUnion"]
    ends = envelope["messageType"] == CONTROL and payload["controlMessageType"] == END_OF_PUSH
    if ends != ("prc" in headers) or (ends and len(headers["prc"]) != 8):
        fail(f"{where}: a header prc of 8 bytes belongs to the end of push, and only there")
    if set(headers) - {"vtp", "prc"}:
        fail(f"{where}: headers {sorted(headers)}")


def judge_metadata(where, envelope):
    meta, footer = envelope["producerMetadata"], envelope["leaderMetadataFooter"]
    if not 1600000000000 < meta["messageTimestamp"] < 4102444800000:
        fail(f"{where}: the time of a message is {meta['messageTimestamp']}")
    if footer is None or footer["upstreamOffset"] != -1 or footer["upstreamKafkaClusterId"] != -1 or \
            footer["upstreamPubSubPosition"] != bytes.fromhex("22010300") or footer["termId"] != -1:
        fail(f"{where}: the footer of a writer that is no leader is {footer}")


class Rows:
    """The data records of one partition, put together."""

    def __init__(self, key_schema, value_schema):
        self.key_schema, self.value_schema = key_schema, value_schema
        self.push, self.chunks, self.rows, self.last = None, {}, {}, b""
        self.chunk_count = 0

    def put(self, where, key_bytes, payload):
        if self.push is None:
            fail(f"{where}: a record before the start of push")
        key, plain, chunk = decode_key(self.key_schema, key_bytes, self.push["chunked"], where)
        if (payload["schemaId"] == CHUNK_ID) != (chunk is not None):
            fail(f"{where}: schema id {payload['schemaId']} does not go with the key's suffix")
        if len(key_bytes) + len(payload["putValue"]) > CHUNKED_BYTES_MAX + 64:
            fail(f"{where}: {len(payload['putValue'])} bytes in one message")
        if chunk is not None:
            self.chunks[key_bytes] = payload["putValue"]
            self.chunk_count += 1
            return
        if self.push["sorted"] and plain <= self.last:
            fail(f"{where}: the key is not above the one before it")
        self.last = plain
        value, schema_id = payload["putValue"], payload["schemaId"]
        if schema_id == MANIFEST_ID:
            manifest = decode(MANIFEST, value, where)
            value = b"".join(self.chunks.pop(bytes(k)) for k in manifest["keysWithChunkIdSuffix"])
            schema_id = manifest["schemaId"]
            if len(value) != manifest["size"]:
                fail(f"{where}: the chunks have {len(value)} bytes, the manifest says {manifest['size']}")
        if schema_id <= 0:
            fail(f"{where}: schema id {schema_id}")
        value = decompress(self.push, value)
        self.rows[json.dumps(key)] = (decode(self.value_schema, value, where) if self.value_schema is not None
                                      else f"{len(value)} bytes, crc32 {zlib.crc32(value):08x}")


def read_partition(broker, topic, partition, key_schema, value_schema, totals):
    segments, kinds, count = Segments(), [], 0
    rows = Rows(key_schema, value_schema)
    records = fetch(broker, topic, partition)
    headers = fetch_headers(broker, topic, partition, len(records))
    for expected, (offset, key, value) in enumerate(records):
        where = f"{topic}/{partition} offset {offset}"
        if offset != expected:
            fail(f"{where}: it follows offset {expected - 1}")
        if value[:2] != b"\x17\x0e":
            fail(f"{where}: the value begins with {value[:2].hex()}, not with the envelope's 170e")
        envelope = decode(ENVELOPE, value[2:], where)
        judge_key(where, envelope, key)
        judge_headers(where, envelope, headers[offset])
        judge_metadata(where, envelope)
        segments.see(where, envelope, key)
        payload = envelope["payloadUnion"]
        if envelope["messageType"] == CONTROL:
            kinds.append(payload["controlMessageType"])
            totals["control"] += 1
            if kinds[-1] == START_OF_PUSH:
                rows.push = payload["controlMessageUnion"]
            elif kinds[-1] == END_OF_PUSH:
                said = struct.unpack(">q", headers[offset]["prc"])[0]
                if said != count:
                    fail(f"{where}: the end of push counts {said} records, there are {count}")
        elif envelope["messageType"] == PUT:
            count += payload["schemaId"] != CHUNK_ID
            totals["put"] += 1
            rows.put(where, key[1:], payload)
        else:
            totals["delete"] += 1
    if segments.unclosed():
        fail(f"{topic}/{partition}: segments of {segments.unclosed()} are not closed")
    if rows.chunks:
        fail(f"{topic}/{partition}: {len(rows.chunks)} chunks without a manifest")
    pushes = [kind for kind in kinds if kind in (START_OF_PUSH, END_OF_PUSH)]
    if kinds[:2] != [START_OF_SEGMENT, START_OF_PUSH] or pushes != [START_OF_PUSH, END_OF_PUSH] or \
            kinds[-3:] != [START_OF_SEGMENT, END_OF_PUSH, END_OF_SEGMENT]:
        fail(f"{topic}/{partition}: control messages in the order {kinds}")
    totals["chunks"] += rows.chunk_count
    return rows


def main():
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    broker, topic, partitions = sys.argv[1], sys.argv[2], int(sys.argv[3])
    key_schema = avro.schema.parse(pathlib.Path(sys.argv[4]).read_text())
    value_schema = avro.schema.parse(pathlib.Path(sys.argv[5]).read_text()) if sys.argv[5] != "-" else None
    totals, rows, push = {"control": 0, "put": 0, "delete": 0, "chunks": 0}, {}, None
    for partition in range(partitions):
        part = read_partition(broker, topic, partition, key_schema, value_schema, totals)
        if push is not None and push != part.push:
            fail(f"{topic}/{partition}: its start of push is not that of partition 0")
        push = part.push
        rows.update(part.rows)
    push = dict(push, compressionDictionary=len(push["compressionDictionary"] or b""))
    print(json.dumps({"config": configuration(broker, topic), "push": push, "totals": totals, "rows": rows},
                     sort_keys=True))


main()
