#!/usr/bin/python3
"""Compares base/pb.h with Google's protobuf for Python: `python_proto.py PROTO_JUDGE EVERY_DESCRIPTORS SEED MESSAGES`. The last
lines are "compared N" and "different N"; what docs/formats/grpc.md explains is counted as "explained NAME N".

Messages of every type of proto/, by the descriptors that our reflection tells, and of test/judge/every.proto, with random
values, go to proto_judge: as Python wrote them; two of them joined, which merges them; fields in another order; with fields
that are not known; arrays packed the other way; cut off; with bytes changed. Both must take or refuse the same bytes,
understand the same values of them, and write those as the same bytes.
"""
import collections
import pathlib
import random
import struct
import subprocess
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

SHOWN_MAX = 20
counts = collections.Counter()
explained = collections.Counter()
INTS = [0, 1, 2, 127, 128, 255, 300, 16383, 16384, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1,
        -1, -2, -64, -65, -420, -2**31, -2**63]
REALS = [0.0, -0.0, 1.0, -1.5, float("inf"), float("-inf"), 3.4028234663852886e38, 1e-45, 5e-324, 1.7976931348623157e308]
TEXTS = ["", "a", "ä", "€", "\U0001f600", "\0", "key-17", "x" * 127, "y" * 128, "\ud7ff\ue000", "\U0010ffff"]


def bounds(f):
    kind = f.cpp_type
    return {f.CPPTYPE_INT32: (-2**31, 2**31 - 1), f.CPPTYPE_UINT32: (0, 2**32 - 1), f.CPPTYPE_INT64: (-2**63, 2**63 - 1),
            f.CPPTYPE_UINT64: (0, 2**64 - 1), f.CPPTYPE_ENUM: (-2**31, 2**31 - 1)}[kind]


def value(r, f):
    if f.type == f.TYPE_STRING:
        return r.choice(TEXTS) if r.random() < 0.7 else "".join(chr(r.choice([r.randrange(128), r.randrange(0x800, 0xd800)]))
                                                                 for _ in range(r.randrange(40)))
    if f.type == f.TYPE_BYTES:
        return r.randbytes(r.choice([0, 1, 2, 7, 8, 100, 127, 128, 300]))
    if f.cpp_type == f.CPPTYPE_BOOL:
        return r.random() < 0.5
    if f.cpp_type == f.CPPTYPE_DOUBLE:
        return r.choice(REALS) if r.random() < 0.5 else r.uniform(-1e9, 1e9)
    if f.cpp_type == f.CPPTYPE_FLOAT:
        return struct.unpack("<f", struct.pack("<f", r.choice([0.0, -0.0, 1.5, -2.25, float("inf"), r.uniform(-9, 9)])))[0]
    low, high = bounds(f)
    fitting = [i for i in INTS if low <= i <= high]
    return r.choice(fitting) if r.random() < 0.6 else r.randint(low, high)


def fill(r, msg, depth):
    for f in msg.DESCRIPTOR.fields:
        if r.random() < 0.5:
            continue
        is_map = f.message_type is not None and f.message_type.GetOptions().map_entry
        if f.message_type is not None and depth == 0:
            continue
        if is_map:
            key, val = f.message_type.fields_by_name["key"], f.message_type.fields_by_name["value"]
            for _ in range(r.randrange(6)):
                k = value(r, key)
                if val.message_type is None:
                    getattr(msg, f.name)[k] = value(r, val)
                else:
                    fill(r, getattr(msg, f.name)[k], depth - 1)
        elif f.label == f.LABEL_REPEATED and f.message_type is not None:
            for _ in range(r.randrange(4)):
                fill(r, getattr(msg, f.name).add(), depth - 1)
        elif f.label == f.LABEL_REPEATED:
            getattr(msg, f.name).extend(value(r, f) for _ in range(r.randrange(12)))
        elif f.message_type is not None:
            getattr(msg, f.name).SetInParent()
            fill(r, getattr(msg, f.name), depth - 1)
        else:
            setattr(msg, f.name, value(r, f))


# --- The values of a message as proto_judge shows them ------------------------------------------------------------------------
def show_value(f, v):
    if f.message_type is not None:
        return show(v)
    if f.type == f.TYPE_STRING:
        return "x" + v.encode().hex()
    if f.type == f.TYPE_BYTES:
        return "x" + v.hex()
    if f.cpp_type == f.CPPTYPE_BOOL:
        return str(v).lower()
    if v != v:
        return "nan"  # Python makes a signalling one quiet.
    if f.cpp_type == f.CPPTYPE_DOUBLE:
        return "d" + struct.pack(">d", v).hex()
    if f.cpp_type == f.CPPTYPE_FLOAT:
        return "f" + struct.pack(">f", v).hex()
    return str(v)


def show_field(f, msg):
    v = getattr(msg, f.name)
    if f.message_type is not None and f.message_type.GetOptions().map_entry:
        key, val = f.message_type.fields_by_name["key"], f.message_type.fields_by_name["value"]
        order = (lambda k: k.encode()) if key.type == key.TYPE_STRING else (lambda k: k)
        return "[" + " ".join(f"{{1={show_value(key, k)} 2={show_value(val, v[k])}}}" for k in sorted(v, key=order)) + "]"
    if f.label == f.LABEL_REPEATED:
        return "[" + " ".join(show_value(f, one) for one in v) + "]"
    if f.has_presence and not msg.HasField(f.name):
        return "-"
    return show_value(f, v)


def show(msg):
    shown = []
    for f in sorted(msg.DESCRIPTOR.fields, key=lambda f: f.number):
        oneof = f.containing_oneof
        is_real = oneof is not None and not (len(oneof.fields) == 1 and oneof.name.startswith("_"))
        if is_real and msg.WhichOneof(oneof.name) != f.name:
            continue
        shown.append(f"{f.number}={show_field(f, msg)}")
    return "{" + " ".join(shown) + "}"


# --- The same bytes, and not ---------------------------------------------------------------------------------------------------
def varint(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7f | 0x80])
        n >>= 7
    return out + bytes([n])


def read_varint(data, at):
    n = shift = 0
    while True:
        n |= (data[at] & 0x7f) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return n, at


def split(data):
    """The fields of well-formed bytes: (number, wire type, all its bytes, its content)."""
    at, fields = 0, []
    while at < len(data):
        start = at
        tag, at = read_varint(data, at)
        content = at
        if tag & 7 == 0:
            _, at = read_varint(data, at)
        elif tag & 7 == 2:
            size, content = read_varint(data, at)
            at = content + size
        else:
            at += 8 if tag & 7 == 1 else 4
        fields.append((tag >> 3, tag & 7, data[start:at], data[content:at]))
    return fields


def repack(r, descriptor, fields):
    """Arrays of numbers the other way: packed pieces one by one, single numbers as a piece of one."""
    out = []
    for number, wire, whole, content in fields:
        f = descriptor.fields_by_number.get(number)
        if f is None or f.label != f.LABEL_REPEATED or f.message_type or f.type in (f.TYPE_STRING, f.TYPE_BYTES):
            out.append(whole)
        elif wire == 2:
            kind = {f.TYPE_DOUBLE: 1, f.TYPE_FIXED64: 1, f.TYPE_SFIXED64: 1, f.TYPE_FLOAT: 5, f.TYPE_FIXED32: 5,
                    f.TYPE_SFIXED32: 5}.get(f.type, 0)
            at = 0
            while at < len(content):
                end = read_varint(content, at)[1] if kind == 0 else at + (8 if kind == 1 else 4)
                out.append(varint(number << 3 | kind) + content[at:end])
                at = end
        else:
            out.append(varint(number << 3 | 2) + varint(len(content)) + content)
    return b"".join(out)


def unknown(r):
    number = r.choice([59, 99, 1000, 2**28])
    return r.choice([varint(number << 3) + varint(r.randrange(2**64)), varint(number << 3 | 1) + r.randbytes(8),
                     varint(number << 3 | 5) + r.randbytes(4), varint(number << 3 | 2) + varint(9) + r.randbytes(9)])


def variants(r, msg, other):
    data = msg.SerializeToString()
    fields = split(data)
    yield data
    yield data + other.SerializeToString()
    yield repack(r, msg.DESCRIPTOR, fields)
    mixed = [whole for _, _, whole, _ in fields] + [unknown(r) for _ in range(3)]
    r.shuffle(mixed)
    yield b"".join(mixed)
    if data:
        yield data[:r.randrange(len(data))]
    for _ in range(3):
        if data:
            changed = bytearray(data)
            for _ in range(r.choice([1, 1, 2, 5])):
                changed[r.randrange(len(changed))] = r.randrange(256)
            yield bytes(changed)
    yield r.randbytes(r.randrange(20))


def differ(what, name, data, ours, theirs):
    counts["different"] += 1
    if counts["different"] <= SHOWN_MAX:
        at = max(0, next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs))) - 100)
        print(f"DIFFERENT {what}: {name} {data.hex()[:600]}\n  ours, from {at}   ...{ours[at:at + 300]}\n"
              f"  theirs, from {at} ...{theirs[at:at + 300]}")


def compare(cls, name, data, answer):
    counts["compared"] += 1
    word, _, rest = answer.partition(" ")
    try:
        msg = cls.FromString(data)
    except message.DecodeError:
        counts["refused"] += 1
        if word != "bad":
            differ("only Python refuses", name, data, answer, "")
        return
    if word == "bad":
        reasons = {"a group, which": "group", "a field's number is from 1": "zero"}
        reason = next((name for words, name in reasons.items() if words in rest), None)
        if reason:
            explained[reason] += 1
        else:
            differ("only we refuse", name, data, answer, show(msg))
        return
    again, _, values = rest.partition(" ")
    back = cls.FromString(bytes.fromhex(again[1:]))
    canonical = "x" + back.SerializeToString(deterministic=True).hex()
    if values != show(msg):
        differ("values", name, data, values, show(msg))
    elif show(back) != values:
        differ("what we wrote", name, data, values, show(back))
    elif again != canonical:
        differ("bytes", name, data, again, canonical)


def classes(program, every):
    pool, names = descriptor_pool.DescriptorPool(), ["lagoon.judge.Every"]
    told = subprocess.run([program, "files"], capture_output=True, text=True, check=True).stdout.splitlines()
    files = [(line.split()[0], bytes.fromhex(line.split()[1])) for line in told]
    files += [(f.name, f.SerializeToString()) for f in descriptor_pb2.FileDescriptorSet.FromString(every.read_bytes()).file]
    for name, data in files:
        file = descriptor_pb2.FileDescriptorProto.FromString(data)
        if file.name != name:
            differ("the name of a file", name, data, name, file.name)
        pool.Add(file)
        for service in file.service:
            for method in service.method:
                names += [method.input_type[1:], method.output_type[1:]]
    factory = message_factory.MessageFactory(pool)
    return {name: factory.GetPrototype(pool.FindMessageTypeByName(name)) for name in sorted(set(names))}


def main():
    program, every, seed, messages = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    known = classes(program, every)
    r = random.Random(seed)
    lines = []
    for i in range(messages):
        name = "lagoon.judge.Every" if i % 3 == 0 else r.choice(list(known))
        msg, other = known[name](), known[name]()
        fill(r, msg, 2)
        fill(r, other, 1)
        lines += [(name, data) for data in variants(r, msg, other)]
    told = subprocess.run([program, "read"], input="".join(f"{name} {data.hex()}\n" for name, data in lines), text=True,
                          capture_output=True)
    answers = told.stdout.splitlines()
    if told.returncode != 0 or len(answers) != len(lines):
        sys.exit(f"{program} ended with {told.returncode} and {len(answers)} of {len(lines)} answers: {told.stderr[-2000:]}")
    for (name, data), answer in zip(lines, answers):
        compare(known[name], name, data, answer)
    for name, count in explained.items():
        print(f"explained {name} {count}")
    print(f"refused by both {counts['refused']}")
    print(f"compared {counts['compared']}\ndifferent {counts['different']}")


main()
