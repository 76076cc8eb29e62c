#!/usr/bin/env python3
"""Makes pairs of Avro schemas with data, one JSON object a line: `generate.py SEED COUNT > pairs.jsonl`.

{"id", "writer": schema text, "reader": schema text, "shape": the writer's, without namespaces and
properties, "data": [datum of the writer's schema in hex], "truth": [its value]}

The reader's schema is a random evolution of the writer's: fields added, left out, moved, renamed with and without an
alias, types promoted, unions widened and narrowed, symbols taken away, and changes that cannot work. The bytes are
written by the encoder below, which shares nothing with the program under test. A value is told so that every language
can compare it: "i:7", "f:0000803f" (bits), "s:text", "x:6869" (bytes), ["r", ...], ["a", ...], ["m", [key, value]
...], ["u", branch, value], null, true.
"""
import json
import random
import struct
import sys

PRIMITIVES = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]
PROMOTIONS = {"int": ["long", "float", "double"], "long": ["float", "double"], "float": ["double"], "string": ["bytes"],
              "bytes": ["string"]}
DECIMALS = [{"logicalType": "decimal", **rest} for rest in (
    {"precision": 9, "scale": 2}, {"precision": 4}, {"precision": 2, "scale": 3}, {"precision": 0}, {"scale": 1}, {})]
LOGICAL = {"int": [{"logicalType": name} for name in ("date", "time-millis", "timestamp-millis")],
           "long": [{"logicalType": name} for name in ("time-micros", "timestamp-millis", "timestamp-micros", "date",
                                                       "local-timestamp-millis", "local-timestamp-micros", "fortnight")],
           "bytes": DECIMALS, "string": [{"logicalType": "uuid"}, {"logicalType": "date"}], "fixed": DECIMALS}
NAMED = ("record", "enum", "fixed")
DATA_PER_PAIR, DEPTH_MAX = 3, 5


class Type:
    """kind, and by kind: name, aliases, fields [(name, Type, attributes)], branches, items, symbols, size."""

    def __init__(self, kind, **attributes):
        self.kind, self.aliases, self.extra = kind, [], {}
        self.__dict__.update(attributes)

    def key(self):
        return self.name if self.kind in NAMED else self.kind


class Maker:
    def __init__(self, rand):
        self.rand, self.serial, self.open, self.known = rand, 0, [], []

    def chance(self, p):
        return self.rand.random() < p

    def fresh(self, letter):
        self.serial += 1
        return f"{letter}{self.serial}"

    def full_name(self, letter):
        return self.rand.choice(["", "n.", "n.m."]) + self.fresh(letter)

    # --- The writer's schema. ---

    def primitive(self):
        kind = self.rand.choice(PRIMITIVES)
        extra = self.rand.choice(LOGICAL[kind]) if kind in LOGICAL and self.chance(0.15) else {}
        return Type(kind, extra=dict(extra))

    def enum(self):
        symbols = [self.fresh("S") for _ in range(self.rand.randint(1, 5))]
        default = self.rand.choice(symbols) if self.chance(0.3) else None
        return Type("enum", name=self.full_name("E"), symbols=symbols, default=default)

    def record(self, depth):
        record = Type("record", name=self.full_name("R"), fields=[])
        self.open.append(record)
        for _ in range(self.rand.randint(0, 5)):
            field = self.any(depth + 1)
            record.fields.append((self.fresh("f"), field, self.field_attributes(field)))
        if self.chance(0.2):
            union = Type("union", branches=[Type("null"), record])
            inner = self.rand.choice([union, Type("array", items=record), Type("map", items=record)])
            record.fields.append((self.fresh("f"), inner, {}))
        self.open.pop()
        return record

    def field_attributes(self, field):
        attributes = {}
        if self.chance(0.2):
            default = self.default_of(field)
            if default is not NO_DEFAULT:
                attributes["default"] = default
        if self.chance(0.1):
            attributes["order"] = self.rand.choice(["ascending", "descending", "ignore"])
        if self.chance(0.1):
            attributes["doc"] = "A \"field\", näher beschrieben."
        if self.chance(0.1):
            attributes["x-unit"] = {"name": "ms", "scale": [1, 2.5, None]}
        return attributes

    def union(self, depth):
        branches = [self.any(depth + 1, no_union=True) for _ in range(self.rand.randint(1, 4))]
        return Type("union", branches=distinct(branches))

    def any(self, depth=0, no_union=False):
        kinds = ["primitive"] * 6 + ["enum", "fixed"]
        if depth < 4:
            kinds += ["record", "record", "array", "map"] + ([] if no_union else ["union", "union"])
        if self.known and self.chance(0.1):
            return self.rand.choice(self.known)
        kind = self.rand.choice(kinds)
        if kind == "primitive":
            return self.primitive()
        if kind == "union":
            return self.union(depth)
        if kind in ("array", "map"):
            return Type(kind, items=self.any(depth + 1))
        if kind == "fixed":
            made = Type("fixed", name=self.full_name("F"), size=self.rand.randint(0, 5))
            if self.chance(0.2):
                made.extra = dict(self.rand.choice(LOGICAL["fixed"]))
        else:
            made = self.enum() if kind == "enum" else self.record(depth)
        self.known.append(made)
        return made

    # --- The reader's schema. ---

    def rename(self, made):
        if self.chance(0.12):
            made.aliases = [made.name]
            made.name = self.full_name(made.kind[0].upper())
        elif self.chance(0.03):
            made.name = self.full_name(made.kind[0].upper())
        elif self.chance(0.05):
            made.name = "other." + made.name.rpartition(".")[2]

    def evolve_enum(self, old):
        symbols = [s for s in old.symbols if not self.chance(0.12)] + [self.fresh("S") for _ in range(self.chance(0.2))]
        if self.chance(0.3):
            self.rand.shuffle(symbols)
        symbols = symbols or [self.fresh("S")]
        default = self.rand.choice(symbols) if self.chance(0.5) else None
        return Type("enum", name=old.name, symbols=symbols, default=default)

    def evolve_record(self, old, made, seen):
        made.fields = []
        for name, field, attributes in old.fields:
            if self.chance(0.12):
                continue
            attributes = {k: v for k, v in attributes.items() if k != "default"}
            if self.chance(0.12):
                attributes["aliases"] = [name]
                name = self.fresh("f")
            elif self.chance(0.01):
                attributes["aliases"] = [other for other, _, _ in old.fields if other != name][:1]
            made.fields.append((name, self.evolve(field, seen), attributes))
        for _ in range(self.rand.choice([0, 0, 1, 2])):
            field = self.any(3)
            default = self.default_of(field)
            if default is not NO_DEFAULT and not self.chance(0.02):
                made.fields.append((self.fresh("f"), field, {"default": default}))
            elif self.chance(0.2):
                made.fields.append((self.fresh("f"), field, {}))
        if self.chance(0.3):
            self.rand.shuffle(made.fields)

    def evolve_union(self, old, seen):
        branches = [self.evolve(b, seen, no_union=True) for b in old.branches if not self.chance(0.07)]
        if self.chance(0.3):
            branches.insert(self.rand.randint(0, len(branches)), self.any(3, no_union=True))
        if self.chance(0.3):
            self.rand.shuffle(branches)
        if len(branches) > 0 and self.chance(0.06):
            return branches[0]
        return Type("union", branches=distinct(branches or [Type("null")]))

    def evolve(self, old, seen, no_union=False):
        if id(old) in seen:
            return seen[id(old)]
        if self.chance(0.015):
            return self.any(3, no_union)
        if not no_union and old.kind != "union" and self.chance(0.07):
            inner = self.evolve(old, seen, no_union=True)
            others = [self.any(4, no_union=True) for _ in range(self.rand.randint(0, 2))]
            branches = distinct([inner] + others)
            self.rand.shuffle(branches)
            return Type("union", branches=branches)
        if old.kind == "union":
            return self.evolve_union(old, seen)
        if old.kind in ("array", "map"):
            return Type(old.kind, items=self.evolve(old.items, seen))
        if old.kind == "enum":
            made = self.evolve_enum(old)
        elif old.kind == "fixed":
            made = Type("fixed", name=old.name, size=old.size + (1 if self.chance(0.04) else 0))
        elif old.kind == "record":
            made = Type("record", name=old.name, fields=[])
            self.rename(made)
            seen[id(old)] = made
            self.evolve_record(old, made, seen)
            return made
        else:
            kinds = PROMOTIONS.get(old.kind, []) if self.chance(0.25) else []
            return Type(self.rand.choice(kinds)) if kinds else Type(old.kind, extra=dict(old.extra))
        self.rename(made)
        seen[id(old)] = made
        return made

    # --- Values: what `truth` holds. ---

    def integer(self, bits):
        if self.chance(0.25):  # Where a varint grows by a byte, and both ends.
            edge = self.rand.choice([6, 13, 20, 27, 34, 48, 55, 62] if bits == 64 else [6, 13, 20, 27])
            n = self.rand.choice([0, (1 << edge) - 1, 1 << edge, (1 << bits - 1) - 1])
            return "i:%d" % (n if self.chance(0.5) else ~n)
        n = self.rand.getrandbits(self.rand.randint(0, bits - 1))
        return "i:%d" % (n if self.chance(0.5) else ~n)

    def real(self, is_plain):
        if not is_plain and self.chance(0.06):
            return self.rand.choice([float("nan"), float("inf"), float("-inf"), -0.0])
        return struct.unpack("<f", struct.pack("<f", self.rand.choice([1, 1000, 1e-9]) * self.rand.uniform(-9, 9)))[0]

    def text(self):
        return "".join(self.rand.choice("abcxyz 019\"\\\näß€\u0001𝄞") for _ in range(self.rand.randint(0, 8)))

    def value(self, t, depth=0, is_plain=False):
        """None of too deep a type; `is_plain` values can be written as defaults."""
        kind = t.kind
        if kind == "null":
            return None
        if kind == "boolean":
            return self.chance(0.5)
        if kind in ("int", "long"):
            return self.integer(32 if kind == "int" else 64)
        if kind == "float":
            return "f:" + struct.pack("<f", self.real(is_plain)).hex()
        if kind == "double":
            return "d:" + struct.pack("<d", self.real(is_plain)).hex()
        if kind == "string":
            return "s:" + self.text()
        if kind == "bytes":
            raw = self.rand.randbytes(self.rand.randint(0, 6)) if self.chance(0.1) else self.text().encode()
            return "x:" + raw.hex()
        if kind == "fixed":
            return "x:" + self.rand.randbytes(t.size).hex()
        if kind == "enum":
            return "e:" + self.rand.choice(t.symbols)
        if depth > 3 * DEPTH_MAX:
            raise RecursionError
        count = self.rand.randint(0, 3) if depth < DEPTH_MAX else 0
        if kind == "array":
            return ["a"] + [self.value(t.items, depth + 1, is_plain) for _ in range(count)]
        if kind == "map":
            keys = sorted({"k" + self.text() for _ in range(count)})
            return ["m"] + [[key, self.value(t.items, depth + 1, is_plain)] for key in keys]
        if kind == "record":
            return ["r"] + [self.value(field, depth + 1, is_plain) for _, field, _ in t.fields]
        branch = self.rand.randrange(len(t.branches))
        if is_plain:
            branch = 0
        elif depth >= DEPTH_MAX:
            branch = min(range(len(t.branches)), key=lambda i: t.branches[i].kind in ("record", "array", "map"))
        return ["u", branch, self.value(t.branches[branch], depth + 1, is_plain)]

    def default_of(self, t):
        """The JSON of a default: of a union, as Java has it, a value of the first branch."""
        if self.open:  # It might hold the record that is being made, whose fields are not known yet.
            reachable = []
            reach(t, reachable)
            if any(record in reachable for record in self.open):
                return NO_DEFAULT
        try:
            return as_default(t, self.value(t, 3, is_plain=True))
        except RecursionError:
            return NO_DEFAULT


NO_DEFAULT = object()


def reach(t, out):
    if t in out:
        return
    out.append(t)
    for inner in [f for _, f, _ in getattr(t, "fields", [])] + getattr(t, "branches", []) + \
            ([t.items] if hasattr(t, "items") else []):
        reach(inner, out)


def is_endless(record, inside=()):
    """A record that holds itself in every case: no value has an end."""
    return record in inside or any(is_endless(field, (*inside, record)) for _, field, _ in record.fields
                                   if field.kind == "record")


def distinct(branches):
    out = {}
    for branch in branches:
        for one in branch.branches if branch.kind == "union" else [branch]:
            out.setdefault(one.key(), one)
    return list(out.values())


def as_default(t, value):
    if t.kind in ("int", "long"):
        return int(value[2:])
    if t.kind in ("float", "double"):
        return struct.unpack("<f" if t.kind == "float" else "<d", bytes.fromhex(value[2:]))[0]
    if t.kind in ("bytes", "fixed"):
        return bytes.fromhex(value[2:]).decode("latin-1")
    if t.kind in ("string", "enum"):
        return value[2:]
    if t.kind == "array":
        return [as_default(t.items, v) for v in value[1:]]
    if t.kind == "map":
        return {k: as_default(t.items, v) for k, v in value[1:]}
    if t.kind == "record":
        return {name: as_default(field, v) for (name, field, _), v in zip(t.fields, value[1:])}
    if t.kind == "union":
        return as_default(t.branches[value[1]], value[2])
    return value


def as_schema(t, defined, space=""):
    """The JSON of a schema; a named type is defined where it is met first."""
    if t.kind == "union":
        return [as_schema(b, defined, space) for b in t.branches]
    if t.kind not in NAMED:
        if t.kind in ("array", "map"):
            return {"type": t.kind, "items" if t.kind == "array" else "values": as_schema(t.items, defined, space)}
        return {"type": t.kind, **t.extra} if t.extra else t.kind
    own_space, _, short = t.name.rpartition(".")
    if t.name in defined:
        return short if own_space == space else t.name
    defined.add(t.name)
    out = {"type": t.kind, "name": short if own_space == space else t.name}
    if own_space != space and not own_space:
        out["namespace"] = ""
    if t.aliases:
        out["aliases"] = [a if "." in a or not own_space else a for a in t.aliases]
    if t.kind == "record":
        out["fields"] = [{"name": n, "type": as_schema(f, defined, own_space), **a} for n, f, a in t.fields]
    elif t.kind == "enum":
        out["symbols"] = t.symbols
        if t.default is not None:
            out["default"] = t.default
    else:
        out = {**out, "size": t.size, **t.extra}
    return out


def as_shape(t, defined):
    """The writer's schema for libraries that know less of names and properties: no namespaces, no more than is needed."""
    if t.kind == "union":
        return [as_shape(b, defined) for b in t.branches]
    if t.kind in ("array", "map"):
        return {"type": t.kind, "items" if t.kind == "array" else "values": as_shape(t.items, defined)}
    if t.kind not in NAMED:
        return t.kind
    name = t.name.replace(".", "__")
    if name in defined:
        return name
    defined.add(name)
    out = {"type": t.kind, "name": name}
    if t.kind == "record":
        out["fields"] = [{"name": n, "type": as_shape(f, defined)} for n, f, _ in t.fields]
    return {**out, **({"symbols": t.symbols} if t.kind == "enum" else {"size": t.size} if t.kind == "fixed" else {})}


def long(n):
    n = n << 1 if n >= 0 else (~n << 1) | 1
    out = bytearray()
    while n > 0x7f:
        out.append(n & 0x7f | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def encode(t, v):
    if t.kind == "null":
        return b""
    if t.kind == "boolean":
        return b"\1" if v else b"\0"
    if t.kind in ("int", "long"):
        return long(int(v[2:]))
    if t.kind in ("float", "double", "fixed"):
        return bytes.fromhex(v[2:])
    if t.kind in ("string", "bytes"):
        raw = v[2:].encode() if t.kind == "string" else bytes.fromhex(v[2:])
        return long(len(raw)) + raw
    if t.kind == "enum":
        return long(t.symbols.index(v[2:]))
    if t.kind == "array":
        return (long(len(v) - 1) + b"".join(encode(t.items, i) for i in v[1:]) if len(v) > 1 else b"") + b"\0"
    if t.kind == "map":
        items = b"".join(long(len(k.encode())) + k.encode() + encode(t.items, i) for k, i in v[1:])
        return (long(len(v) - 1) + items if len(v) > 1 else b"") + b"\0"
    if t.kind == "record":
        return b"".join(encode(f, i) for (_, f, _), i in zip(t.fields, v[1:]))
    return long(v[1]) + encode(t.branches[v[1]], v[2])


def pair(seed, number):
    maker = Maker(random.Random(f"{seed}/{number}"))
    while True:
        writer = maker.record(0) if maker.chance(0.7) else maker.any()
        try:
            truth = [maker.value(writer) for _ in range(DATA_PER_PAIR)]
            maker.known = []  # The reader's types are others, even under the same names.
            reader = maker.evolve(writer, {})
            data = [encode(writer, v).hex() for v in truth]
            types = []
            reach(reader, types)
            if any(is_endless(t) for t in types if t.kind == "record"):
                continue
        except RecursionError:
            continue
        schemas = [json.dumps(as_schema(t, set()), ensure_ascii=False) for t in (writer, reader)]
        shape = json.dumps(as_shape(writer, set()))
        return {"id": number, "writer": schemas[0], "reader": schemas[1], "shape": shape, "data": data, "truth": truth}


def main():
    seed, count = sys.argv[1], int(sys.argv[2])
    for number in range(count):
        print(json.dumps(pair(seed, number), ensure_ascii=False, separators=(",", ":")))


if __name__ == "__main__":
    main()
