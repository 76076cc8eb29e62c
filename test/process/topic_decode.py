#!/usr/bin/python3
"""Reads a version topic as Kafka's own tools see it, and judges every record by Venice's rules.

    topic_decode.py BROKER TOPIC PARTITIONS KEY_SCHEMA VALUE_SCHEMA

kcat fetches; Apache Avro for Python decodes each envelope with schemas/KafkaMessageEnvelope.v14.avsc. Checked are: the
key's header byte, the 25 bytes of a control message's key, one segment after the other from sequence 0 without a gap,
the checksum of each segment (ADHASH, computed here), the headers vtp and prc, and that the order is SOS SOP … EOP EOS.
Prints one JSON object: counts per kind, and the decoded rows by key. Exits 1 with a sentence when a rule is broken."""
import io
import json
import pathlib
import struct
import subprocess
import sys
import zlib

import avro.io
import avro.schema

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ENVELOPE_TEXT = (ROOT / "schemas/KafkaMessageEnvelope.v14.avsc").read_text()
ENVELOPE = avro.schema.parse(ENVELOPE_TEXT)
PUT, DELETE, CONTROL = 0, 1, 2
START_OF_PUSH, END_OF_PUSH, START_OF_SEGMENT, END_OF_SEGMENT = 0, 1, 2, 3
ADHASH = 4
END = b"\n--end-of-record--\n"


def fail(sentence):
    sys.exit(f"topic_decode: {sentence}")


def fetch(broker, topic, partition):
    """Each record as (offset, key, value, headers as bytes), in order."""
    text = subprocess.run(
        ["kcat", "-C", "-b", broker, "-t", topic, "-p", str(partition), "-o", "beginning", "-e", "-q",
         "-X", "fetch.message.max.bytes=20000000", "-f", "%o %K %S\n%k%s%h" + END.decode()],
        check=True, capture_output=True, timeout=120).stdout
    records = []
    while text:
        line, _, text = text.partition(b"\n")
        offset, key_size, value_size = (int(word) for word in line.split())
        key, value = text[:key_size], text[key_size:key_size + value_size]
        headers, mark, text = text[key_size + value_size:].partition(END)
        if not mark:
            fail(f"{topic}/{partition}: what kcat printed of offset {offset} is cut")
        records.append((offset, key, value, headers))
    return records


def decode(schema, data, what):
    stream = io.BytesIO(data)
    value = avro.io.DatumReader(schema).read(avro.io.BinaryDecoder(stream))
    if stream.read():
        fail(f"{what}: bytes are left after the value")
    return value


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
    if first:
        at = headers.find(b"vtp=")
        if at < 0:
            fail(f"{where}: the first record of a producer has no header vtp")
        schema, _ = json.JSONDecoder().raw_decode(headers[at + 4:].decode())
        if schema["name"] != "KafkaMessageEnvelope" or avro.schema.parse(json.dumps(schema)) != ENVELOPE:
            fail(f"{where}: the header vtp is another schema")
    elif b"vtp=" in headers:
        fail(f"{where}: a header vtp where none belongs")


def expected_count(headers):
    at = headers.find(b"prc=")
    return None if at < 0 else struct.unpack(">q", headers[at + 4:at + 12])[0]


def read_partition(broker, topic, partition, key_schema, value_schema, totals, rows):
    segments, kinds, count = Segments(), [], 0
    for offset, key, value, headers in fetch(broker, topic, partition):
        where = f"{topic}/{partition} offset {offset}"
        if value[:2] != b"\x17\x0e":
            fail(f"{where}: the value begins with {value[:2].hex()}, not with the envelope's 170e")
        envelope = decode(ENVELOPE, value[2:], where)
        judge_key(where, envelope, key)
        judge_headers(where, envelope, headers)
        segments.see(where, envelope, key)
        payload = envelope["payloadUnion"]
        if envelope["messageType"] == CONTROL:
            kinds.append(payload["controlMessageType"])
            totals["control"] += 1
            if kinds[-1] == END_OF_PUSH and expected_count(headers) not in (None, -1, count):
                fail(f"{where}: the end of push counts {expected_count(headers)} records, there are {count}")
        elif envelope["messageType"] == PUT:
            count += 1
            totals["put"] += 1
            if payload["schemaId"] > 0 and value_schema is not None:
                rows[json.dumps(decode(key_schema, key[1:], where))] = decode(
                    value_schema, payload["putValue"], where)
        else:
            totals["delete"] += 1
    if segments.open:
        fail(f"{topic}/{partition}: {len(segments.open)} segments are not closed")
    pushes = [kind for kind in kinds if kind in (START_OF_PUSH, END_OF_PUSH)]
    if kinds[:2] != [START_OF_SEGMENT, START_OF_PUSH] or pushes != [START_OF_PUSH, END_OF_PUSH] or \
            kinds[-2:] != [END_OF_PUSH, END_OF_SEGMENT]:
        fail(f"{topic}/{partition}: control messages in the order {kinds}")


def main():
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    broker, topic, partitions = sys.argv[1], sys.argv[2], int(sys.argv[3])
    key_schema = avro.schema.parse(pathlib.Path(sys.argv[4]).read_text())
    value_schema = avro.schema.parse(pathlib.Path(sys.argv[5]).read_text()) if sys.argv[5] != "-" else None
    totals, rows = {"control": 0, "put": 0, "delete": 0}, {}
    for partition in range(partitions):
        read_partition(broker, topic, partition, key_schema, value_schema, totals, rows)
    print(json.dumps({"totals": totals, "rows": rows}, sort_keys=True))


main()
