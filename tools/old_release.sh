#!/usr/bin/env bash
# Builds the program of an earlier release, once per machine, and prints its path.
#   tools/old_release.sh v0.1
# The release's sources come from this repository's history (tools/releases.pins names the commit).
set -euo pipefail
cd "$(dirname "$0")/.."
name=${1:?usage: tools/old_release.sh RELEASE}
commit=$(awk -v name="$name" '$1 == name {print $2}' tools/releases.pins)
[ -n "$commit" ] || { echo "tools/releases.pins does not know the release $name" >&2; exit 1; }
root=${XDG_CACHE_HOME:-$HOME/.cache}/lagoon/releases
program=$root/$commit/lagoon
if [ ! -x "$program" ]; then
    git cat-file -e "$commit^{commit}" 2>/dev/null || {
        echo "the commit of $name, $commit, is not in this clone: run git fetch --unshallow --tags" >&2
        exit 1
    }
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    git archive "$commit" | tar -x -C "$work"
    (cd "$work" && cmake --preset release && cmake --build --preset release --target lagoon) >"$work/log" 2>&1 || {
        tail -n 40 "$work/log" >&2
        exit 1
    }
    mkdir -p "$root/$commit"
    cp "$work/build/release/lagoon" "$root/$commit/lagoon.$$"
    mv "$root/$commit/lagoon.$$" "$program" # At once, so that two builders do not meet.
fi
echo "$program"
