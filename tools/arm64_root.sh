#!/usr/bin/env bash
# Makes the root that the preset `arm64` is built and run against, and prints its path (default: build/arm64-root): what
# the -dev packages of tools/packages.debian hold for arm64, with all that they depend on, unpacked and not installed.
# The sources and keys are those that apt has on this machine; its lists, its cache and its packages stay untouched.
# A root that holds what is asked for is left as it is.
set -euo pipefail
cd "$(dirname "$0")/.."
root=${1:-build/arm64-root}
mkdir -p "$(dirname "$root")"
root=$(cd "$(dirname "$root")" && pwd)/$(basename "$root")

# Of the compilers' own packages those of this machine are used, and nothing for arm64 is compared with gRPC's own.
mapfile -t packages < <(grep -E -- '-dev$' tools/packages.debian | grep -vE '^lib(clang|grpc)' | sort -u)
asked="$(. /etc/os-release && echo "$ID $VERSION_ID"): ${packages[*]}"
exec 9>"$root.lock"
flock 9
if [ "$(cat "$root/.complete" 2>/dev/null)" = "$asked" ]; then
    echo "$root"
    exit 0
fi

work=$root.work
rm -rf "$root" "$work"
mkdir -p "$root/DEBIAN" "$work/state/lists/partial" "$work/cache/archives/partial"
trap 'rm -rf "$work"' EXIT
: >"$work/status"
apt() {
    apt-get -q -y -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Install-Recommends=false \
        -o APT::Sandbox::User=root -o Debug::NoLocking=true -o Dir::State="$work/state" \
        -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache" -o Acquire::Retries=3 "$@" >>"$work/log" 2>&1 ||
        { tail -n 40 "$work/log" >&2; echo "arm64_root: apt-get $1 failed" >&2; exit 1; }
}
apt update
apt --download-only install "${packages[@]}"
# Libraries and headers only: an emulated program that opens a file finds the root's before the machine's. What the
# packages say of the versions of their libraries goes together, for dpkg-shlibdeps.
for package in "$work"/cache/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" >"$work/files.tar"
    tar -tf "$work/files.tar" | grep -E '^\./(lib|usr/lib|usr/include)/.*[^/]$' >"$work/files" || continue
    tar -C "$root" -xf "$work/files.tar" --no-same-owner --no-recursion -T "$work/files"
    for what in shlibs symbols; do
        dpkg-deb --info "$package" "$what" >>"$root/DEBIAN/$what" 2>/dev/null || true # Not every package has them.
    done
done
# What points to a path of the machine is to point into the root.
find "$root" -type l -lname '/*' | while read -r link; do
    ln -sfn "$(realpath -m --relative-to="$(dirname "$link")" "$root$(readlink "$link")")" "$link"
done
[ -e "$root/lib/ld-linux-aarch64.so.1" ] || { echo "arm64_root: no program could be started from $root" >&2; exit 1; }
echo "$asked" >"$root/.complete"
echo "$root"
