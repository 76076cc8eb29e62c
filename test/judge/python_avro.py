#!/usr/bin/env python3
"""Compares encoding with Python's avro package: `python_avro.py encoding PAIRS ANSWERS` and
`python_avro.py containers AVRO_JUDGE PAIRS`. The last line is "compared N"; differences that docs/formats/avro.md explains
are counted as "explained NAME N".

encoding: each datum of PAIRS (test/judge/generate.py) is decoded by the package and by us, and both are compared with the
value it was made of; both encode what they decoded again. Our JSON does not say which branch of a union it was, so that
another branch may take it on the way back.

containers: files of every codec, written by us and read by the package, and the other way round.
"""
import base64
import collections
import io
import json
import logging
import os
import struct
import subprocess
import sys
import tempfile

import avro.datafile
import avro.io
import avro.schema

CODECS = ["null", "deflate", "snappy", "zstandard"]
CONTAINER_SCHEMAS = 12
SHOWN_MAX = 20
counts = collections.Counter()
explained = collections.Counter()


def differ(where, what):
    counts["different"] += 1
    if counts["different"] <= SHOWN_MAX:
        print(f"DIFFERENT {where}: {what}"[:2000])


def real(kind, told):
    return struct.unpack("<f" if kind == "float" else "<d", bytes.fromhex(told[2:]))[0]


def equals_real(kind, told, got):
    if isinstance(got, str):
        got = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}.get(got)
    if not isinstance(got, float):
        return False
    if kind == "float":
        got = struct.unpack("<f", struct.pack("<f", got))[0]
    want = real(kind, told)
    return got == want and str(got) == str(want) or (got != got and want != want)


def matches(schema, told, got, as_bytes, any_branch=False):
    """Whether a decoded value is the one that was told; `as_bytes` gives the bytes of a decoded bytes or fixed. With
    `any_branch`, a value in another branch of its union counts as well, whatever it is."""
    kind = schema.type
    if kind in ("union", "error_union"):
        if isinstance(got, Branch):
            if got.index != told[1]:
                return any_branch
            got = got.value
        return matches(schema.schemas[told[1]], told[2], got, as_bytes, any_branch)
    if kind == "null":
        return got is None
    if kind == "boolean":
        return got is told
    if kind in ("int", "long"):
        return type(got) is int and got == int(told[2:])
    if kind in ("float", "double"):
        return equals_real(kind, told, got)
    if kind in ("string", "enum"):
        return got == told[2:]
    if kind in ("bytes", "fixed"):
        return as_bytes(got) == bytes.fromhex(told[2:])
    if kind == "array":
        return len(got) == len(told) - 1 and all(
            matches(schema.items, t, g, as_bytes, any_branch) for t, g in zip(told[1:], got))
    if kind == "map":
        return sorted(got) == sorted(k for k, _ in told[1:]) and all(
            matches(schema.values, t, got[k], as_bytes, any_branch) for k, t in told[1:])
    return len(got) == len(schema.fields) and all(
        matches(f.type, t, got[f.name], as_bytes, any_branch) for f, t in zip(schema.fields, told[1:]))


class Branch:
    """A value of a union with its branch, which the package's own values do not tell."""

    def __init__(self, index, value):
        self.index, self.value = index, value


class Writer(avro.io.DatumWriter):
    def write(self, datum, encoder):  # Without the package's check, which knows no Branch.
        self.write_data(self.writers_schema, datum, encoder)

    def write_union(self, writers_schema, datum, encoder):
        encoder.write_long(datum.index)
        self.write_data(writers_schema.schemas[datum.index], datum.value, encoder)


class Reader(avro.io.DatumReader):
    def read_union(self, writers_schema, readers_schema, decoder):
        index = int(decoder.read_long())
        branch = writers_schema.schemas[index]
        return Branch(index, self.read_data(branch, readers_schema.schemas[index], decoder))


def encode(schema, value):
    out = io.BytesIO()
    Writer(schema).write_data(schema, value, avro.io.BinaryEncoder(out))
    return out.getvalue()


def decode(schema, data):
    return Reader(schema).read(avro.io.BinaryDecoder(io.BytesIO(data)))


def judge_theirs(where, schema, told, data):
    got = decode(schema, data)
    counts["compared"] += 1
    if not matches(schema, told, got, bytes):
        differ(where, f"python3-avro decodes {data.hex()} as {got!r}, it was {told}")
    elif encode(schema, got) != data:
        differ(where, f"python3-avro encodes {encode(schema, got).hex()}, it was {data.hex()}")


def judge_ours(where, schema, told, data, ours):
    counts["compared"] += 1
    if "rc" in ours:
        return differ(where, f"we refuse {data.hex()}: {ours['error']}")
    if not matches(schema, told, json.loads(ours["json"]), base64.b64decode):
        return differ(where, f"we decode {data.hex()} as {ours['json']}, it was {told}")
    if ours["again"] == data.hex():
        return
    if ours["json"] == ours["again_json"] or json.loads(ours["json"]) == json.loads(ours["again_json"]):
        explained["union-branch-by-value"] += 1  # Also an int where a double was: 5 for 5.0.
    elif matches(schema, told, decode(schema, bytes.fromhex(ours["again"])), bytes, any_branch=True):
        explained["union-branch-of-another-form"] += 1  # "NaN" as base64, 16777217 as a float of a map.
    else:
        differ(where, f"we encode {ours['again']}, it was {data.hex()}")


def run_encoding(pairs_path, answers_path):
    with open(pairs_path, encoding="utf-8") as pairs, open(answers_path, encoding="utf-8") as answers:
        for line, answer in zip(pairs, answers):
            pair, ours = json.loads(line), json.loads(answer)
            schema = avro.schema.parse(pair["shape"])
            for i, (told, data) in enumerate(zip(pair["truth"], pair["data"])):
                where = f"pair {pair['id']}, datum {i}, schema {pair['shape']}"
                try:
                    judge_theirs(where, schema, told, bytes.fromhex(data))
                except Exception as e:  # Whatever the package throws is its verdict.
                    differ(where, f"python3-avro fails with {e!r}")
                judge_ours(where, schema, told, bytes.fromhex(data), ours["encoded"][i])


def run_judge(program, *args, **kw):
    return subprocess.run([program, *args], check=True, capture_output=True, text=True, **kw).stdout


def container_by_us(program, codec, pair, rows, path):
    line = json.dumps({"schema": pair["shape"], "data": rows})
    run_judge(program, "write", codec, path, input=line)
    with open(path, "rb") as file:
        reader = avro.datafile.DataFileReader(file, Reader())
        return reader.codec, [encode(reader.datum_reader.writers_schema, row) for row in reader]


def container_by_them(program, codec, pair, rows, path):
    schema = avro.schema.parse(pair["shape"])
    with open(path, "wb") as file:
        with avro.datafile.DataFileWriter(file, Writer(), schema, codec=codec) as writer:
            for i, row in enumerate(rows):
                writer.append(decode(schema, bytes.fromhex(row)))
                if i % 100 == 99:
                    writer.sync()
    return json.loads(run_judge(program, "read", path))


def run_containers(program, pairs_path):
    with open(pairs_path, encoding="utf-8") as lines, tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "file.avro")
        used = 0
        for line in lines:
            pair = json.loads(line)
            if sum(map(len, pair["data"])) < 60:
                continue
            used += 1
            if used > CONTAINER_SCHEMAS:
                break
            rows = pair["data"] * 100
            for codec in CODECS:
                where = f"pair {pair['id']}, codec {codec}"
                counts["compared"] += 2
                theirs = container_by_us(program, codec, pair, rows, path)
                if theirs != (codec, [bytes.fromhex(row) for row in rows]):
                    differ(where, "python3-avro reads our file otherwise")
                ours = container_by_them(program, codec, pair, rows, path)
                if (ours["codec"], ours["data"]) != (codec, rows):
                    differ(where, "we read the file of python3-avro otherwise")


def main():
    logging.disable(logging.WARNING)
    if sys.argv[1] == "encoding":
        run_encoding(*sys.argv[2:])
    else:
        run_containers(*sys.argv[2:])
    for name, n in sorted(explained.items()):
        print(f"explained {name} {n}")
    print(f"different {counts['different']}\ncompared {counts['compared']}")
    sys.exit(counts["different"] > 0)


main()
