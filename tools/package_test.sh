#!/usr/bin/env bash
# The packages as an administrator meets them: lintian finds no fault, the program in them runs, the systemd unit is
# valid and hardened, the packaged configuration is accepted, what is pushed to it is read from it.
#   tools/package_test.sh          those for this machine
#   tools/package_test.sh arm64    those that are cross-built; what is in them runs under qemu
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT
fail() { echo "package: $*"; exit 1; }

packages=$(tools/make_deb.sh "$work/deb" ${1:+"$1"})
run=() machine=$(uname -m) architecture=$(dpkg --print-architecture)
if [ "${1:-}" = arm64 ]; then
    run=(qemu-aarch64 -L "$(tools/arm64_root.sh)") machine=aarch64 architecture=arm64
fi
for package in $packages; do
    lintian --allow-root --fail-on error,warning "$package" || fail "lintian on $package"
    dpkg-deb -x "$package" "$work/root"
done
main=$(echo "$packages" | grep '/lagoon_')
lagoon=("${run[@]}" "$work/root/usr/bin/lagoon")
[ "$(dpkg-deb -f "$main" Architecture)" = "$architecture" ] || fail "it is not for $architecture"
readelf -h "$work/root/usr/bin/lagoon" | tr '[:upper:]_' '[:lower:]-' | grep -q "machine:.*${machine//_/-}" ||
    fail "the program in it is not for $machine"
for library in libc6 librocksdb liburing2; do
    dpkg-deb -f "$main" Depends | grep -q "$library" || fail "no dependency on $library"
done
[ "$("${lagoon[@]}" version)" = "lagoon $(dpkg-deb -f "$main" Version)" ] || fail "another version inside"
for file in usr/share/man/man1/lagoon.1.gz usr/share/man/man1/lagoon-push.1.gz usr/share/man/man5/lagoon.conf.5.gz \
    usr/share/bash-completion/completions/lagoon usr/share/zsh/vendor-completions/_lagoon \
    usr/share/fish/vendor_completions.d/lagoon.fish etc/lagoon/lagoon.conf \
    etc/lagoon/controller.conf etc/lagoon/router.conf etc/lagoon/server.conf; do
    [ -s "$work/root/$file" ] || fail "no $file"
done

for name in lagoon lagoon-controller lagoon-router lagoon-server; do
    unit=$work/$name.service
    sed "s|/usr/bin/lagoon|$work/root/usr/bin/lagoon|" "$work/root/lib/systemd/system/$name.service" >"$unit"
    grep -q '^Type=notify$' "$unit" || fail "$name.service does not wait for READY"
    SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no "$unit" >"$work/verify" 2>&1 || true
    ! grep -i "$name.service" "$work/verify" || fail "systemd-analyze verify"
    systemd-analyze security --offline=yes --threshold=20 "$unit" >"$work/security" ||
        { tail -3 "$work/security"; fail "$name.service is exposed more than 2.0 of 10"; }
done
for role in controller router server; do
    "${lagoon[@]}" config check "$work/root/etc/lagoon/$role.conf" --role $role >/dev/null ||
        fail "the sample configuration of the $role is refused"
done

# A server may write below its state directory only: the data directory that its sample names is that one.
state=$(sed -n 's/^StateDirectory=//p' "$work/root/lib/systemd/system/lagoon-server.service")
data=$(sed -n 's/^#\{0,1\}data\.base\.path *= *//p' "$work/root/etc/lagoon/server.conf")
[ -n "$state" ] && [ "$data" = "/var/lib/$state" ] ||
    fail "server.conf names the data directory '$data', lagoon-server.service lets it write /var/lib/$state only"

# Installed by dpkg itself, into a root of its own: the name of Venice's tool and the completion of it.
installed=$work/installed
mkdir -p "$installed/var/lib/dpkg/info" "$installed/var/lib/dpkg/updates"
touch "$installed/var/lib/dpkg/status"
dpkg --root="$installed" --force-depends --force-architecture --force-not-root --force-script-chrootless --unpack "$main" >"$work/dpkg" 2>&1 ||
    { cat "$work/dpkg"; fail "dpkg does not unpack it"; }
tool=$installed/usr/bin/venice-admin-tool
[ -x "$tool" ] || fail "no venice-admin-tool"
tool=("${run[@]}" "$tool")
"${tool[@]}" --help | grep -q -- '--list-stores' || fail "venice-admin-tool --help lists no commands of Venice's"
"${tool[@]}" --migrate-store --store s --cluster-src a 2>"$work/refused" && fail "venice-admin-tool takes what Lagoon has not"
grep -q 'not in Lagoon: --migrate-store' "$work/refused" || { cat "$work/refused"; fail "venice-admin-tool refuses without a word"; }
[ -s "$installed/usr/share/man/man1/venice-admin-tool.1.gz" ] || fail "no manual page of venice-admin-tool"
for file in bash-completion/completions/venice-admin-tool fish/vendor_completions.d/venice-admin-tool.fish; do
    grep -q venice-admin-tool "$installed/usr/share/$file" || fail "no completion $file"
done

# What the unit starts, with its configuration, but in a directory of ours.
sed "s|/var/lib/lagoon|$work/data|" "$work/root/etc/lagoon/lagoon.conf" >"$work/lagoon.conf"
"${lagoon[@]}" standalone --config "$work/lagoon.conf" --controller-port 0 --router-port 0 \
    --server-port 0 >"$work/log" 2>&1 &
pid=$!
for _ in $(seq 600); do [ -f "$work/data/endpoints.json" ] && break; sleep 0.05; done
"${lagoon[@]}" store list --data "$work/data" >/dev/null || { cat "$work/log"; fail "it does not answer"; }
url=$(sed -n 's/.*"controller": *"\([^"]*\)".*/\1/p' "$work/data/endpoints.json")
"${tool[@]}" --list-stores --url "${url:?is not in endpoints.json}" --cluster lagoon-0 --flat-json | grep -q '"stores":\[\]' ||
    { cat "$work/log"; fail "venice-admin-tool does not list the stores"; }
"${lagoon[@]}" push cities examples/cities/cities.avro --key-field id --create --data "$work/data" >"$work/push" 2>&1 ||
    { cat "$work/push" "$work/log"; fail "it takes no push"; }
"${lagoon[@]}" get cities 3164603 --data "$work/data" --output json | grep -q '"name":"Venice"' ||
    { cat "$work/log"; fail "what was pushed is not read"; }
kill -TERM "$pid"
wait "$pid" || { cat "$work/log"; fail "SIGTERM ended it with status $?"; }
pid=
echo "package ok"
