#!/usr/bin/python3
"""Writes a version topic by hand: records whose bytes do not come from Lagoon.

    topic_write.py BROKER TOPIC PARTITIONS vectors [unsorted]
                                                             the sample envelopes of Venice, as they are, into partition 0;
                                                             the others get only their control messages. They say that
                                                             they are sorted and hold a delete, which Venice refuses:
                                                             "unsorted" lets them say that they are not
    topic_write.py BROKER TOPIC PARTITIONS rows FILE         rows of FILE (JSON lines {"partition","key","value"}; the
                                                             bytes in hex), enveloped by Apache Avro for Python
    topic_write.py BROKER TOPIC PARTITIONS data FILE         the same rows without start and end of push, which the
                                                             controller writes
    topic_write.py BROKER TOPIC PARTITIONS broken KIND       what no reader may take: cut, version, gap, noise

The client is python3-kafka."""
import io
import json
import pathlib
import struct
import sys
import zlib

import avro.io
import avro.schema
import kafka

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ENVELOPE = avro.schema.parse((ROOT / "schemas/KafkaMessageEnvelope.v14.avsc").read_text())
PUT, DELETE, CONTROL = 0, 1, 2
START_OF_PUSH, END_OF_PUSH, START_OF_SEGMENT, END_OF_SEGMENT = 0, 1, 2, 3
MASK = 0xFFFFFFFFFFFFFFFF
G = "000102030405060708090a0b0c0d0e0f"
VECTORS = [
    ("02" + G + "0000000000000000", "170e04" + G + "000080a0abfef96201060400040800020277010108220103000101"),
    ("02" + G + "0000000000000001", "170e04" + G + "000280a0abfef96201060000000100000000020277010108220103000101"),
    ("00086b657931", "170e00" + G + "000480a0abfef96203000e0c76616c756531020100020277010108220103000101"),
    ("00086b657931", "170e02" + G + "000680a0abfef9620304010100020277010108220103000101"),
    ("02" + G + "0000000000000004", "170e04" + G + "000880a0abfef9620106020002020277010108220103000101"),
    ("02" + G + "0000000000000005",
     "170e04" + G + "000a80a0abfef96201060600061000000006c2900da90001020277010108220103000101"),
]


class Partition:
    """One segment of one producer, written record by record."""

    def __init__(self, producer, topic, partition, guid=bytes(range(16))):
        self.producer, self.topic, self.partition, self.guid = producer, topic, partition, guid
        self.sequence, self.sum = 0, 0

    def send(self, key, value):
        self.producer.send(self.topic, partition=self.partition, key=key, value=value).get(timeout=60)

    def envelope(self, kind, payload):
        out = io.BytesIO()
        avro.io.DatumWriter(ENVELOPE).write({
            "messageType": kind,
            "producerMetadata": {"producerGUID": self.guid, "segmentNumber": 0,
                                 "messageSequenceNumber": self.sequence, "messageTimestamp": 1700000000000,
                                 "logicalTimestamp": -1},
            "payloadUnion": payload, "leaderMetadataFooter": None}, avro.io.BinaryEncoder(out))
        return b"\x17\x0e" + out.getvalue()

    def end_of_push(self):
        """Without a field, it cannot be told from a start of push of defaults: Avro for Python takes the first branch
        of the union that fits. So these bytes are laid down one by one: payload 3, type 1, no debugInfo, branch 1, no
        footer."""
        whole = self.envelope(CONTROL, {"controlMessageType": END_OF_PUSH, "debugInfo": {}, "controlMessageUnion": {
            "sorted": False, "chunked": False, "compressionStrategy": 0, "compressionDictionary": None,
            "timestampPolicy": 0}})
        tail = bytes.fromhex("06020000" "0000000000" "00")
        if not whole.endswith(tail):
            sys.exit("topic_write: Avro for Python encodes a control message in an unexpected way")
        return whole[:-len(tail)] + bytes.fromhex("0602000200")

    def feed(self, *parts):
        for part in parts:
            self.sum = (self.sum + zlib.crc32(part)) & MASK

    def control(self, number, union):
        if number != END_OF_SEGMENT:
            self.feed(struct.pack(">i", CONTROL), struct.pack(">i", number))
        value = self.end_of_push() if number == END_OF_PUSH else self.envelope(
            CONTROL, {"controlMessageType": number, "debugInfo": {}, "controlMessageUnion": union})
        self.send(b"\x02" + self.guid + struct.pack(">ii", 0, self.sequence), value)
        self.sequence += 1

    def begin(self):
        self.segment_only()
        self.control(START_OF_PUSH, {"sorted": False, "chunked": False, "compressionStrategy": 0,
                                     "compressionDictionary": None, "timestampPolicy": 0})

    def segment_only(self):
        self.control(START_OF_SEGMENT, {"checksumType": 4, "upcomingAggregates": []})

    def end_segment(self):
        self.control(END_OF_SEGMENT, {"checksumValue": struct.pack(">Q", self.sum), "computedAggregates": [],
                                      "finalSegment": True})

    def put(self, key, value):
        self.feed(struct.pack(">i", PUT), key, struct.pack(">i", 1), value)
        self.send(b"\x00" + key, self.envelope(PUT, {
            "putValue": value, "schemaId": 1, "replicationMetadataVersionId": -1, "replicationMetadataPayload": b""}))
        self.sequence += 1

    def end(self):
        self.control(END_OF_PUSH, None)
        self.end_segment()


def write_broken(partition, kind):
    partition.begin()
    partition.put(b"\x02a", b"\x02a")
    if kind == "cut":
        whole = partition.envelope(PUT, {"putValue": b"\x02b", "schemaId": 1, "replicationMetadataVersionId": -1,
                                         "replicationMetadataPayload": b""})
        partition.send(b"\x00\x02b", whole[:-9])
    elif kind == "version":
        partition.send(b"\x00\x02b", b"\x17\x7f" + bytes(40))
    elif kind == "gap":
        partition.sequence += 3
        partition.put(b"\x02b", b"\x02b")
    elif kind == "noise":
        partition.send(b"\x00\x02b", bytes(range(1, 200)))
    else:
        sys.exit(f"topic_write: no kind {kind}: there are cut, version, gap and noise")


def main():
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    broker, topic, count, what = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    producer = kafka.KafkaProducer(bootstrap_servers=broker, acks="all", max_request_size=20 << 20)
    partitions = [Partition(producer, topic, p) for p in range(count)]
    if what == "vectors":
        for key, value in VECTORS:
            if sys.argv[5:] == ["unsorted"]:
                value = value.replace("060000000100000000", "060000000000000000")
            partitions[0].send(bytes.fromhex(key), bytes.fromhex(value))
        for partition in partitions[1:]:
            partition.begin()
            partition.end()
    elif what in ("rows", "data"):
        for partition in partitions:
            partition.begin() if what == "rows" else partition.segment_only()
        for line in pathlib.Path(sys.argv[5]).read_text().splitlines():
            row = json.loads(line)
            partitions[row["partition"]].put(bytes.fromhex(row["key"]), bytes.fromhex(row["value"]))
        for partition in partitions:
            partition.end() if what == "rows" else partition.end_segment()
    elif what == "broken":
        write_broken(partitions[0], sys.argv[5])
    else:
        sys.exit(__doc__)
    producer.flush()


main()
