#!/usr/bin/env bash
# Makes test/golden/data-1.tar.gz: a data directory as this release writes it. Every later build must open it
# (test/process/golden_data_test.c), so it is made once for a release and format, and never changed afterwards.
set -euo pipefail
cd "$(dirname "$0")/.."
lagoon=${LAGOON:-build/release/lagoon}
out=$PWD/test/golden/data-1.tar.gz
[ ! -e "$out" ] || { echo "$out exists; a golden directory is never made again"; exit 1; }
work=$(mktemp -d)
trap 'kill $pid 2>/dev/null || true; rm -rf "$work"' EXIT
"$lagoon" standalone --data "$work/data" --controller-port 0 --router-port 0 --server-port 0 --disk-reserve 0B 2>"$work/log" &
pid=$!
for _ in $(seq 200); do [ -f "$work/data/endpoints.json" ] && break; sleep 0.05; done
export LAGOON_DATA=$work/data
echo '"string"' >"$work/string.avsc"
for version in 1 2; do
    for i in $(seq 1 200); do echo "{\"key\":\"key$i\",\"value\":\"value $i of version $version\"}"; done >"$work/plain.ndjson"
    [ $version = 2 ] || "$lagoon" store create plain --key-schema "$work/string.avsc" --value-schema "$work/string.avsc" --partitions 2
    "$lagoon" push plain "$work/plain.ndjson" --key-field key --value-field value
done
"$lagoon" rollback plain
"$lagoon" store create packed --key-schema "$work/string.avsc" --value-schema "$work/string.avsc" --partitions 2 \
    --compression ZSTD_WITH_DICT --chunking true
{
    for i in $(seq 1 200); do echo "{\"key\":\"key$i\",\"value\":\"a longer value that compresses well, number $i, number $i\"}"; done
} >"$work/packed.ndjson"
"$lagoon" push packed "$work/packed.ndjson" --key-field key --value-field value
"$lagoon" store create large --key-schema "$work/string.avsc" --value-schema "$work/string.avsc" --partitions 1 --chunking true
printf '{"key":"large","value":"%02000000d"}\n' 7 >"$work/large.ndjson"
"$lagoon" push large "$work/large.ndjson" --key-field key --value-field value
kill -TERM $pid
wait $pid
find "$work/data" -name 'LOG*' -delete
tar -C "$work" --sort=name --owner=0 --group=0 --mtime='2026-11-21 00:00Z' -czf "$out" data
ls -l "$out"
