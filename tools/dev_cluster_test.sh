#!/usr/bin/env bash
# tools/dev_cluster.sh as somebody meets it who tries a cluster: up, the commands that it prints, up again, status, down.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
dev() { tools/dev_cluster.sh "$@" --dir "$work/dev"; }
trap 'tools/dev_cluster.sh down >/dev/null 2>&1; dev down >/dev/null 2>&1; rm -rf "$work"' EXIT
fail() { echo "dev_cluster_test: $*"; exit 1; }

dev status >/dev/null && fail "status says that a cluster runs before there is one"
dev up --free-ports >"$work/up" || { cat "$work/up"; fail "up"; }
# What it prints between the lines of explanation are commands, indented by two blanks.
sed -n 's/^  //p' "$work/up" | grep -v 'dev_cluster.sh down' >"$work/commands"
[ "$(wc -l <"$work/commands")" -ge 4 ] || fail "it prints no commands"
bash -e "$work/commands" >"$work/out" 2>&1 || { cat "$work/out"; fail "a command that it prints does not work"; }
grep -q Venice "$work/out" || { cat "$work/out"; fail "Venice was not read"; }
dev up >"$work/up" || { cat "$work/up"; fail "a second up"; }
grep -q 'runs already' "$work/up" || fail "a second up does not say that it runs"
dev status >"$work/status" || { cat "$work/status"; fail "not all is ready"; }
[ "$(grep -c ' ready ' "$work/status")" = 9 ] || fail "status does not show nine processes"
kill -KILL "$(cat "$work/dev/pids/server-2")"
for _ in $(seq 100); do dev status >"$work/status" || break; sleep 0.1; done
grep -q 'server-2 *not running' "$work/status" || { cat "$work/status"; fail "status does not tell that a server is gone"; }
dev down
dev status >/dev/null && fail "something runs after down"
for pid in $(cat "$work"/dev/pids/* 2>/dev/null); do [ ! -d "/proc/$pid" ] || fail "process $pid was left"; done
# The data stay: the next cluster has them.
dev up >"$work/up" || { cat "$work/up"; fail "up after down"; }
sed -n 's/^  //p' "$work/up" | grep -E 'eval|get' >"$work/commands"
bash -e "$work/commands" >"$work/out" 2>&1 || { cat "$work/out"; fail "a read after down and up"; }
grep -q Venice "$work/out" || fail "Venice is gone after down and up"
dev down --wipe
[ ! -e "$work/dev" ] || fail "--wipe leaves $work/dev"

# What the README says about a cluster, as one goes through it.
sed -n '/^```bash$/,/^```$/p' README.md | grep -v '^```' >"$work/commands"
[ "$(wc -l <"$work/commands")" -ge 5 ] || fail "the README has no commands for a cluster"
env -u LAGOON_BINARY bash -e "$work/commands" >"$work/out" 2>&1 || { cat "$work/out"; fail "a command of the README failed"; }
grep -q Venice "$work/out" || { cat "$work/out"; fail "the README's cluster does not read Venice"; }
echo "dev_cluster ok"
