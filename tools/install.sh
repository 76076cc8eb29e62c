#!/usr/bin/env bash
# Installs the packages that are missing of those that the files it is given list (tools/packages.debian, if none);
# "command:package" is missing when the command is. On a system without apt it names them.
set -euo pipefail
cd "$(dirname "$0")/.."
missing=()
while read -r package; do
    case "$package" in
        "" | "#"*) continue ;;
        *:*) command -v "${package%%:*}" >/dev/null || missing+=("${package#*:}"); continue ;;
    esac
    if ! command -v dpkg-query >/dev/null || ! dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q "install ok installed"; then
        missing+=("$package")
    fi
done < <(cat "${@:-tools/packages.debian}")
[ ${#missing[@]} -eq 0 ] && exit 0
if ! command -v apt-get >/dev/null; then
    echo "Please install what Debian calls: ${missing[*]}" >&2
    echo "(cmake, ninja, gcc, RocksDB, libuv, jansson, zlib, cmocka, llhttp), then run this again." >&2
    exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "Please install as root: apt-get install ${missing[*]}" >&2; exit 1; }
    as_root=(sudo)
fi
log=$(mktemp)
"${as_root[@]}" apt-get update >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" \
    >>"$log" 2>&1 || { cat "$log" >&2; exit 1; }
rm -f "$log"
