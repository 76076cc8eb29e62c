#!/usr/bin/env python3
"""Writes src/record/system_schemas.def from schemas/*.avsc: the schemas of Venice's own records that
the router serves under the names of its system stores. A test compares the two."""
import json
import pathlib
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROWS = [  # the word of the protocol, the file's name, the versions that exist
    ("SERVER_METADATA_RESPONSE", "MetadataResponseRecord", (1, 2, 3, 4)),
    ("SERVER_ADMIN_RESPONSE", "AdminResponseRecord", (1, 2)),
    ("SERVER_STORE_PROPERTIES_PAYLOAD", "StorePropertiesPayloadRecord", (1,)),
    ("METADATA_SYSTEM_SCHEMA_STORE", "StoreMetaValue", (47,)),
    ("METADATA_SYSTEM_SCHEMA_STORE_KEY", "StoreMetaKey", (1,)),
]


def literal(text):
    """A C string literal of many lines, none too long."""
    lines = textwrap.wrap(text, 78, break_on_hyphens=False, drop_whitespace=False)
    return "\n".join('      "%s"' % line.replace('\\', '\\\\').replace('"', '\\"') for line in lines)


def main():
    out = ["/* Written by tools/gen_schemas.py from schemas/: word, name of the file, version, text. */"]
    for word, name, versions in ROWS:
        for version in versions:
            text = (ROOT / "schemas" / f"{name}.v{version}.avsc").read_text()
            compact = json.dumps(json.loads(text), separators=(",", ":"))
            out.append(f'X({word}, "{name}", {version},\n{literal(compact)})')
    (ROOT / "src/record/system_schemas.def").write_text("\n".join(out) + "\n")


main()
