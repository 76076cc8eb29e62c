#!/usr/bin/env bash
# Builds the Debian packages into a folder (default: build/deb) and prints their names. The build
# runs in a copy of what git knows, so that the source tree stays as it is.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "${1:-build/deb}"
out=$(cd "${1:-build/deb}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/lagoon"
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
    [ -e "$file" ] && printf '%s\0' "$file"
done | tar --null -T - -cf - | tar -C "$work/lagoon" -xf -
cd "$work/lagoon"
if ! DEB_BUILD_OPTIONS="parallel=$(nproc) noautodbgsym" dpkg-buildpackage -b -us -uc >"$work/log" 2>&1; then
    tail -50 "$work/log" >&2
    exit 1
fi
cp "$work"/*.deb "$out/"
(cd "$work" && ls ./*.deb | sed "s|^\./|$out/|")
