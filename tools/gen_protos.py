#!/usr/bin/python3
"""Writes src/net/protos.h, protos.c and protos_files.c from proto/: structs and tables for base/pb.h, methods, and the
descriptors that server reflection tells; and test/judge/every.h from the message that is made for judging. `--check`
compares instead, prints what differs and exits with 1.

Needs Debian's protobuf-compiler and python3-protobuf, and so Debian's Python."""
import pathlib
import re
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2

ROOT = pathlib.Path(__file__).resolve().parent.parent
# package: (prefix of C names, what names lose at their beginning)
PACKAGES = {
    "com.linkedin.venice.protocols": ("venice", "venice_"),
    "grpc.health.v1": ("grpc", ""),
    "grpc.reflection.v1": ("reflection", "server_reflection_"),
    "grpc.reflection.v1alpha": ("reflection_alpha", "server_reflection_"),
    "lagoon.read.v1": ("stream", ""),
    "lagoon.judge": ("judge", ""),
}
ENUMS = {"grpc.health.v1.HealthCheckResponse.ServingStatus": "LG_GRPC_HEALTH"}
F = descriptor_pb2.FieldDescriptorProto
TYPES = {n: name.removeprefix("TYPE_") for name, n in F.Type.items()}
C_TYPES = {"DOUBLE": "double", "FLOAT": "float", "INT64": "int64_t", "UINT64": "uint64_t", "INT32": "int32_t",
           "FIXED64": "uint64_t", "FIXED32": "uint32_t", "BOOL": "bool", "STRING": "struct lg_slice",
           "BYTES": "struct lg_slice", "UINT32": "uint32_t", "ENUM": "int32_t", "SFIXED32": "int32_t",
           "SFIXED64": "int64_t", "SINT32": "int32_t", "SINT64": "int64_t"}
TYPES_SIZED = ("STRING", "BYTES", "MESSAGE")
HEAD = "/* Written by tools/gen_protos.py from proto/: {}. */\n"


def snake(name):
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name.replace(".", "_"))
    return re.sub(r"([A-Z])([A-Z][a-z])", r"\1_\2", name).lower()


class Message:
    def __init__(self, package, path, descriptor):
        prefix, drop = PACKAGES[package]
        self.full = f"{package}.{path}"
        self.path = path
        self.descriptor = descriptor
        self.fields = sorted(descriptor.field, key=lambda f: f.number)
        self.name = f"lg_{prefix}_{snake(path).removeprefix(drop)}"


class World:
    """All files, by their names, and what is in them."""

    def __init__(self, root):
        sources = sorted(p.relative_to(ROOT / root).as_posix() for p in (ROOT / root).rglob("*.proto"))
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "all"
            step = subprocess.run(["protoc", "-I", root, f"--descriptor_set_out={out}", *sources], cwd=ROOT,
                                  capture_output=True, text=True)
            if step.returncode != 0:
                sys.exit(f"protoc: {step.stderr}")
            self.set = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
        self.files = list(self.set.file)
        self.messages, self.symbols = {}, []
        for i, file in enumerate(self.files):
            if file.syntax != "proto3":
                sys.exit(f"{file.name}: only proto3")
            for message in file.message_type:
                self.add(i, file.package, message.name, message)
            for enum in file.enum_type:
                self.add_enum(i, f"{file.package}.{enum.name}", file.package, enum)
            for service in file.service:
                self.symbols.append((f"{file.package}.{service.name}", i))
                self.symbols += [(f"{file.package}.{service.name}.{m.name}", i) for m in service.method]

    def add_enum(self, i, full, scope, enum):
        self.symbols.append((full, i))
        self.symbols += [(f"{scope}.{value.name}", i) for value in enum.value]

    def add(self, i, package, path, descriptor):
        message = Message(package, path, descriptor)
        self.messages[f".{message.full}"] = message
        self.symbols.append((message.full, i))
        self.symbols += [(f"{message.full}.{f.name}", i) for f in descriptor.field]
        self.symbols += [(f"{message.full}.{o.name}", i) for o in descriptor.oneof_decl if not o.name.startswith("_")]
        for enum in descriptor.enum_type:
            self.add_enum(i, f"{message.full}.{enum.name}", message.full, enum)
        for nested in descriptor.nested_type:
            self.add(i, package, f"{path}.{nested.name}", nested)

    def has_maps(self, message, seen=()):
        for field in message.fields:
            inner = self.messages.get(field.type_name) if TYPES[field.type] == "MESSAGE" else None
            if inner and inner.full not in seen and (inner.descriptor.options.map_entry
                                                     or self.has_maps(inner, (*seen, message.full))):
                return True
        return False

    def label(self, message, field):
        type_name = TYPES[field.type]
        if field.label == F.LABEL_REPEATED:
            if type_name == "MESSAGE" and self.messages[field.type_name].descriptor.options.map_entry:
                return "MAP"
            is_packed = type_name not in TYPES_SIZED and (field.options.packed or not field.options.HasField("packed"))
            return "PACKED" if is_packed else "REPEATED"
        if message.descriptor.options.map_entry:
            return "ALWAYS"
        if field.proto3_optional:
            return "PLAIN" if type_name == "MESSAGE" else "OPTIONAL"
        return "ONEOF" if field.HasField("oneof_index") else "PLAIN"


def member(field):
    name = snake(field.name)
    return {"long": "long_", "default": "default_"}.get(name, name)


def struct(world, message):
    def declare(field):
        type_name = TYPES[field.type]
        inner = world.messages.get(field.type_name)
        c_type = f"struct {inner.name}" if type_name == "MESSAGE" else C_TYPES[type_name]
        if field.label == F.LABEL_REPEATED:
            return f"LG_PB_ARRAY({c_type}) {member(field)};"
        return f"{c_type} {'*' if type_name == 'MESSAGE' else ''}{member(field)};"

    lines, seen = [f"struct {message.name} {{"], set()
    for field in message.fields:
        label = world.label(message, field)
        if label != "ONEOF":
            lines.append(f"    {declare(field)}")
            if label == "OPTIONAL":
                lines.append(f"    bool has_{member(field)};")
            continue
        if field.oneof_index in seen:
            continue
        seen.add(field.oneof_index)
        oneof = message.descriptor.oneof_decl[field.oneof_index].name
        lines += [f"    uint32_t {snake(oneof)}_case; /* 0, or the number of one of these */", "    union {"]
        lines += [f"        {declare(f)} /* {f.number} */" for f in message.fields
                  if f.HasField("oneof_index") and not f.proto3_optional and f.oneof_index == field.oneof_index]
        lines += [f"    }} {snake(oneof)};"]
    if not message.fields:
        lines.append("    char nothing;")
    return lines + ["};"] + cases(world, message)


def cases(world, message):
    """The numbers by which a oneof says which of its members is set."""
    members = [f for f in message.fields if world.label(message, f) == "ONEOF"]
    if not members:
        return []
    return ["enum {"] + [f"    {message.name.upper()}_{member(f).upper()} = {f.number}," for f in members] + ["};"]


def table(world, message):
    lines = []
    for field in message.fields:
        type_name, label = TYPES[field.type], world.label(message, field)
        where, has = member(field), "0"
        if label == "ONEOF":
            oneof = snake(message.descriptor.oneof_decl[field.oneof_index].name)
            where, has = f"{oneof}.{where}", f"offsetof(struct {message.name}, {oneof}_case)"
        elif label == "OPTIONAL":
            has = f"offsetof(struct {message.name}, has_{where})"
        inner = f"&{world.messages[field.type_name].name}_pb" if type_name == "MESSAGE" else "NULL"
        lines.append(f"    {{{field.number}, LG_PB_{type_name}, LG_PB_{label}, offsetof(struct {message.name}, {where}), "
                     f'{has}, "{field.name}", {inner}}},')
    if lines:
        lines = [f"static const struct lg_pb_field {message.name}_fields[] = {{"] + lines + ["};"]
    fields = f"{message.name}_fields" if lines else "NULL"
    return lines + [f"const struct lg_pb_message {message.name}_pb = {{",
                    f'    "{message.full}", {fields}, {len(message.fields)}, sizeof(struct {message.name}), '
                    f"{str(world.has_maps(message)).lower()}}};", ""]


def enums(world):
    for file in world.files:
        for message in file.message_type:
            for enum in message.enum_type:
                prefix = ENUMS[f"{file.package}.{message.name}.{enum.name}"]
                yield [f"enum {prefix.lower()} {{"] + [f"    {prefix}_{v.name} = {v.number}," for v in enum.value] + ["};"]


def methods(world):
    for file in world.files:
        for service in file.service:
            for method in service.method:
                yield file, service, method


def method_name(file, service, method):
    suffix = "_ALPHA" if file.package.endswith("alpha") else ""
    return f"LG_RPC_{snake(service.name.removesuffix('Service')).upper()}{suffix}_{snake(method.name).upper()}"


def structs(world):
    lines = []
    for enum in enums(world):
        lines += enum + [""]
    lines += [f"struct {m.name};" for m in world.messages.values()] + [""]
    for message in world.messages.values():
        lines += [f"/* {message.full} */"] + struct(world, message)
        lines += [f"extern const struct lg_pb_message {message.name}_pb;", ""]
    return lines


def header(world):
    lines = [HEAD.format("messages as structs, for base/pb.h, and methods"), "/* clang-format off */",
             "#ifndef LG_NET_PROTOS_H", "#define LG_NET_PROTOS_H", "", '#include "base/pb.h"', ""] + structs(world)
    lines += ["/* Rows of lg_rpc_methods: see net/rpc.h. */", "enum lg_rpc {"]
    lines += [f"    {method_name(*m)}," for m in methods(world)] + ["    LG_RPC_COUNT", "};", "", "#endif"]
    return lines


def judge_header(world):
    lines = ["/* Written by tools/gen_protos.py from every.proto: structs and tables, for one includer. */\n",
             "/* clang-format off */", "#ifndef LG_TEST_JUDGE_EVERY_H", "#define LG_TEST_JUDGE_EVERY_H", "",
             '#include "base/pb.h"', ""] + structs(world)
    for message in world.messages.values():
        lines += table(world, message)
    return lines + ["#endif"]


def tables(world):
    lines = [HEAD.format("the tables of protos.h. Constant"), "/* clang-format off */", '#include "net/protos.h"', "",
             '#include "net/rpc.h"', ""]
    for message in world.messages.values():
        lines += table(world, message)
    lines += ["const struct lg_rpc_method lg_rpc_methods[LG_RPC_COUNT] = {"]
    for file, service, method in methods(world):
        full = f"{file.package}.{service.name}"
        lines.append(f'    [{method_name(file, service, method)}] = {{LG_LIT("/{full}/{method.name}"), LG_LIT("{full}"),')
        streams = ", ".join(str(b).lower() for b in (method.client_streaming, method.server_streaming))
        lines.append(f"        &{world.messages[method.input_type].name}_pb, &{world.messages[method.output_type].name}_pb, "
                     f"{streams}}},")
    return lines + ["};"]


def descriptors(world):
    lines = [HEAD.format("descriptors, as reflection tells them. Constant"), "/* clang-format off */",
             '#include "net/rpc.h"', ""]
    for i, file in enumerate(world.files):
        data = file.SerializeToString(deterministic=True)
        lines.append(f"static const uint8_t file_{i}[] = {{ /* {file.name} */")
        lines += ["    " + " ".join(f"0x{b:02x}," for b in data[at:at + 16]) for at in range(0, len(data), 16)] + ["};"]
    lines += ["", "const struct lg_rpc_file lg_rpc_files[] = {"]
    lines += [f'    {{LG_LIT("{f.name}"), {{file_{i}, sizeof file_{i}}}}},' for i, f in enumerate(world.files)]
    lines += ["};", "const size_t lg_rpc_file_count = LG_ARRAY_SIZE(lg_rpc_files);", "",
              "const struct lg_rpc_symbol lg_rpc_symbols[] = { /* Sorted. */"]
    lines += [f'    {{LG_LIT("{name}"), {i}}},' for name, i in sorted(world.symbols, key=lambda s: s[0].encode())]
    return lines + ["};", "const size_t lg_rpc_symbol_count = LG_ARRAY_SIZE(lg_rpc_symbols);"]


def main():
    world, judge, stale = World("proto"), World("test/judge"), False
    for file in world.files + judge.files:
        if file.dependency:
            sys.exit(f"{file.name}: imports are not understood here")
    for name, lines in (("src/net/protos.h", header(world)), ("src/net/protos.c", tables(world)),
                        ("src/net/protos_files.c", descriptors(world)), ("test/judge/every.h", judge_header(judge))):
        path, text = ROOT / name, "\n".join(lines) + "\n"
        if "--check" not in sys.argv[1:]:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            print(f"{name}: not what tools/gen_protos.py writes")
            stale = True
    sys.exit(stale)


main()
