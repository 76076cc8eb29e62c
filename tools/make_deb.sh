#!/usr/bin/env bash
# Builds the Debian packages into a folder (default: build/deb) and prints their names. The build runs in a copy of what
# git knows, so that the source tree stays as it is.
#   tools/make_deb.sh [FOLDER]          for this machine's architecture
#   tools/make_deb.sh FOLDER arm64      for arm64, against what tools/arm64_root.sh unpacks
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "${1:-build/deb}"
out=$(cd "${1:-build/deb}" && pwd)
how=()
case "${2:-}" in
    "") ;;
    # What is built against is unpacked, not installed: dpkg has no word in it.
    arm64) how=(-aarm64 -d); LAGOON_ARM64_ROOT=$(tools/arm64_root.sh); export LAGOON_ARM64_ROOT ;;
    *) echo "tools/make_deb.sh: '$2' is not an architecture that packages are cross-built for; there is: arm64" >&2; exit 1 ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/lagoon"
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
    [ -e "$file" ] && printf '%s\0' "$file"
done | tar --null -T - -cf - | tar -C "$work/lagoon" -xf -
cd "$work/lagoon"
if ! DEB_BUILD_OPTIONS="parallel=$(nproc) noautodbgsym" dpkg-buildpackage -b -us -uc "${how[@]}" >"$work/log" 2>&1; then
    tail -50 "$work/log" >&2
    exit 1
fi
cp "$work"/*.deb "$out/"
(cd "$work" && ls ./*.deb | sed "s|^\./|$out/|")
