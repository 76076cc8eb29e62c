#!/usr/bin/env bash
# Runs the two kinds of commands a newcomer meets: ./quickstart, and each line of the README's `sh` block.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
standalone=
clean() { [ -n "$standalone" ] && kill "$standalone" 2>/dev/null; LAGOON_HOME=$work/quick ./quickstart stop >/dev/null 2>&1 || true; rm -rf "$work" /tmp/lagoon-readme /tmp/lagoon-readme-backup /tmp/lagoon-readme-restored; }
trap clean EXIT

LAGOON_HOME=$work/quick ./quickstart >"$work/quick.out" 2>&1 || { cat "$work/quick.out"; exit 1; }
grep -q 'Venice' "$work/quick.out" || { cat "$work/quick.out"; echo "quickstart did not show Venice"; exit 1; }

rm -rf /tmp/lagoon-readme /tmp/lagoon-readme-backup /tmp/lagoon-readme-restored
lines=$(sed -n '/^```sh$/,/^```$/p' README.md | grep -v '^```')
export LAGOON_DATA=/tmp/lagoon-readme
while IFS= read -r line; do
    case "$line" in
    *" &")
        ${line% &} >"$work/standalone.log" 2>&1 </dev/null &
        standalone=$!
        for _ in $(seq 200); do [ -f /tmp/lagoon-readme/endpoints.json ] && break; sleep 0.05; done
        [ -f /tmp/lagoon-readme/endpoints.json ] || { cat "$work/standalone.log"; exit 1; }
        ;;
    *) bash -c "$line" >"$work/out" 2>&1 </dev/null || { echo "README line failed: $line"; cat "$work/out"; exit 1; } ;;
    esac
done <<<"$lines"
build/release/lagoon get cities 3164603 --output json | grep -q '"name":"Venice"'
echo "README ok"
