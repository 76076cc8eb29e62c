#!/usr/bin/env bash
# A whole cluster on this machine, to try things out: ZooKeeper, Kafka, 2 controllers, 2 routers and 3 servers.
#
#   tools/dev_cluster.sh up [--dir DIR] [--free-ports]    starts it, waits until it is ready, says how to use it
#   tools/dev_cluster.sh status [--dir DIR]               what runs, and whether it is ready; exit status 0: all of it
#   tools/dev_cluster.sh env [--dir DIR]                  prints where it is, for eval "$(tools/dev_cluster.sh env)"
#   tools/dev_cluster.sh down [--dir DIR] [--wipe]        stops all; --wipe removes the data, too
#
# DIR (default: build/dev-cluster) holds configurations, data, logs and process numbers. LAGOON_BINARY names the program;
# else build/release/lagoon, which is built if it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

ZOOKEEPER_JARS=/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar
WAIT_S=120
ROLES="controller-1 controller-2 server-1 server-2 server-3 router-1 router-2"
dir=build/dev-cluster
free_ports= wipe= command=${1:-}

fail() { echo "dev_cluster: $*" >&2; exit 1; }
usage() { sed -n '2,10s/^# \{0,1\}//p' "$0"; exit "$1"; }

[ $# -gt 0 ] && shift
while [ $# -gt 0 ]; do
    case "$1" in
    --dir) [ $# -gt 1 ] || fail "--dir needs a directory"; dir=$2; shift ;;
    --dir=*) dir=${1#--dir=} ;;
    --free-ports) free_ports=1 ;;
    --wipe) wipe=1 ;;
    *) echo "dev_cluster: what is '$1'?" >&2; usage 2 ;;
    esac
    shift
done
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
pids=$dir/pids logs=$dir/logs conf=$dir/conf

# --- Processes. ---------------------------------------------------------------------------------
# The number is ours only while the process is: its command line must name this directory.
runs() {
    local pid
    pid=$(cat "$pids/$1" 2>/dev/null) || return 1
    [ -r "/proc/$pid/cmdline" ] && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF "$dir/"
}

launch() { # name, words...
    local name=$1
    shift
    setsid nohup "$@" >>"$logs/$name.log" 2>&1 </dev/null &
    echo $! >"$pids/$name"
    # Until it has become the program, /proc shows this shell's own words.
    for _ in $(seq 50); do runs "$name" && return; kill -0 $! 2>/dev/null || return 0; sleep 0.02; done
}

halt() { # name, seconds until it is killed
    local name=$1 pid tenths=$(($2 * 10))
    if runs "$name"; then
        pid=$(cat "$pids/$name")
        kill -TERM "$pid" 2>/dev/null || true
        while runs "$name" && [ $tenths -gt 0 ]; do sleep 0.1; tenths=$((tenths - 1)); done
        if runs "$name"; then
            kill -KILL "$pid" 2>/dev/null || true
            echo "dev_cluster: $name was killed; its log is $logs/$name.log" >&2
        fi
    fi
    rm -f "$pids/$name"
}

port_of() { sed -n "s/^$1=//p" "$dir/ports"; }

# The status of GET http://127.0.0.1:PORT$2, without other tools than this shell.
http_status() {
    local line=
    { exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || return 1
    printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n\r\n' "$2" "$1" >&3
    IFS= read -r -t 5 line <&3 || true
    exec 3>&- 3<&-
    line=${line#HTTP/1.1 }
    echo "${line%% *}"
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
zookeeper_ready() { answers "$(port_of zookeeper)"; }
kafka_ready() { answers "$(port_of kafka)"; }
role_ready() { [ "$(http_status "$(port_of "$1")" /readyz)" = 200 ]; }

wait_for() { # what, condition...
    local name=$1 until=$((SECONDS + WAIT_S))
    shift
    until "$@"; do
        runs "$name" || { tail -5 "$logs/$name.log" >&2; fail "$name ended; its log is $logs/$name.log"; }
        [ $SECONDS -lt $until ] || fail "$name is not ready after $WAIT_S s; its log is $logs/$name.log"
        sleep 0.1
    done
}

# --- What they run with. ------------------------------------------------------------------------
choose_ports() {
    if [ -n "$free_ports" ]; then
        python3 - zookeeper kafka kafka-controller $ROLES >"$dir/ports" <<'PY'
import socket, sys
held = [socket.socket() for _ in sys.argv[1:]]
for s, name in zip(held, sys.argv[1:]):
    s.bind(("127.0.0.1", 0))
    print(f"{name}={s.getsockname()[1]}")
PY
    else
        printf '%s\n' zookeeper=12181 kafka=19092 kafka-controller=19093 controller-1=5555 controller-2=5556 \
            server-1=8881 server-2=8882 server-3=8883 router-1=7777 router-2=7778 >"$dir/ports"
        local name port
        while IFS== read -r name port; do
            ! answers "$port" || fail "port $port, meant for $name, is taken; stop what has it, or say --free-ports"
        done <"$dir/ports"
    fi
}

write_zookeeper() {
    mkdir -p "$dir/zookeeper"
    printf '%s\n' tickTime=500 initLimit=10 syncLimit=5 "dataDir=$dir/zookeeper" "clientPort=$(port_of zookeeper)" \
        clientPortAddress=127.0.0.1 admin.enableServer=false >"$conf/zookeeper.cfg"
}

write_kafka() {
    local broker controller
    broker=127.0.0.1:$(port_of kafka) controller=127.0.0.1:$(port_of kafka-controller)
    cat >"$conf/kafka.properties" <<EOF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@$controller
listeners=PLAINTEXT://$broker,CONTROLLER://$controller
advertised.listeners=PLAINTEXT://$broker
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=$dir/kafka
num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
auto.create.topics.enable=false
log.cleaner.dedupe.buffer.size=2097152
EOF
    cat >"$conf/log4j.properties" <<EOF
log4j.rootLogger=WARN, C
log4j.appender.C=org.apache.log4j.ConsoleAppender
log4j.appender.C.layout=org.apache.log4j.PatternLayout
log4j.appender.C.layout.ConversionPattern=%d %p %c %m%n
EOF
}

write_roles() {
    local name common
    common=$(printf '%s\n' "cluster.name = dev" "zookeeper.address = 127.0.0.1:$(port_of zookeeper)")
    for name in $ROLES; do
        {
            echo "$common"
            case $name in
            controller-*) printf '%s\n' "kafka.replication.factor = 1" "kafka.min.in.sync.replicas = 1" \
                "default.replica.factor = 2" "kafka.bootstrap.servers = 127.0.0.1:$(port_of kafka)" \
                "admin.port = $(port_of "$name")" ;;
            server-*) printf '%s\n' "kafka.bootstrap.servers = 127.0.0.1:$(port_of kafka)" \
                "data.base.path = $dir/$name" "instance.name = $name" "listener.port = $(port_of "$name")" ;;
            router-*) echo "listener.port = $(port_of "$name")" ;;
            esac
        } >"$conf/$name.conf"
    done
}

# --- up, status, down. --------------------------------------------------------------------------
need_program() {
    binary=${LAGOON_BINARY:-build/release/lagoon}
    if [ ! -x "$binary" ]; then
        [ -z "${LAGOON_BINARY:-}" ] || fail "$binary cannot be run"
        echo "building $binary (a minute or two) ..."
        make >"$logs/build.log" 2>&1 || { tail -20 "$logs/build.log" >&2; fail "the build failed; see $logs/build.log"; }
    fi
    command -v java >/dev/null || fail "there is no java; apt-get install openjdk-17-jre-headless"
    [ -r "${ZOOKEEPER_JARS%%:*}" ] || fail "there is no ZooKeeper; apt-get install zookeeper"
}

start_zookeeper() {
    launch zookeeper java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
        -cp "$ZOOKEEPER_JARS" -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
        org.apache.zookeeper.server.quorum.QuorumPeerMain "$conf/zookeeper.cfg"
    wait_for zookeeper zookeeper_ready
}

kafka_java() { # heap, words...
    java "-Xmx$1" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$jars/*" \
        "-Dlog4j.configuration=file:$conf/log4j.properties" "${@:2}"
}

start_kafka() {
    if [ ! -e "$dir/kafka/meta.properties" ]; then
        kafka_java 128m kafka.tools.StorageTool format -t "$(kafka_java 128m kafka.tools.StorageTool random-uuid)" \
            -c "$conf/kafka.properties" >>"$logs/kafka.log" 2>&1 || fail "Kafka's folder could not be made; see $logs/kafka.log"
    fi
    launch kafka java -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$jars/*" \
        "-Dlog4j.configuration=file:$conf/log4j.properties" kafka.Kafka "$conf/kafka.properties"
    wait_for kafka kafka_ready
}

where_it_is() {
    [ -e "$dir/ports" ] || fail "there is no cluster in $dir"
    echo "export LAGOON_CONTROLLER=http://127.0.0.1:$(port_of controller-1),http://127.0.0.1:$(port_of controller-2)"
    echo "export LAGOON_ROUTER=http://127.0.0.1:$(port_of router-1)"
}

explain() {
    cat <<EOF
The cluster 'dev' runs: ZooKeeper, Kafka, 2 controllers, 2 routers and 3 servers. Its data, configurations and logs are in
$dir.

  eval "\$(tools/dev_cluster.sh env --dir $dir)"
  $binary push cities examples/cities/cities.avro --key-field id --create
  $binary get cities 3164603
  $binary versions cities

  tools/dev_cluster.sh status --dir $dir
  tools/dev_cluster.sh down --dir $dir
EOF
}

up() {
    local name
    mkdir -p "$pids" "$logs" "$conf"
    need_program
    for name in zookeeper kafka $ROLES; do
        if runs "$name"; then
            status >/dev/null || { status; fail "a part of it runs already; \`tools/dev_cluster.sh down --dir $dir\` first"; }
            echo "It runs already."
            explain
            return
        fi
    done
    jars=$(python3 tools/kafka_jars.py)
    [ -e "$dir/ports" ] && [ -z "$free_ports" ] || choose_ports
    write_zookeeper; write_kafka; write_roles
    trap 'stop_all' EXIT # What does not come up goes down again.
    start_zookeeper
    start_kafka
    for name in $ROLES; do
        launch "$name" "$binary" "${name%-*}" --config "$conf/$name.conf"
        case $name in *-1) wait_for "$name" role_ready "$name" ;; esac
    done
    for name in $ROLES; do wait_for "$name" role_ready "$name"; done
    trap - EXIT
    explain
}

status() {
    local name all=0 state
    [ -e "$dir/ports" ] || { echo "there is no cluster in $dir"; return 1; }
    for name in zookeeper kafka $ROLES; do
        state="not running"
        if runs "$name"; then
            state="not ready"
            case $name in
            zookeeper) zookeeper_ready && state=ready ;;
            kafka) kafka_ready && state=ready ;;
            *) role_ready "$name" && state=ready ;;
            esac
        fi
        [ "$state" = ready ] || all=1
        printf '%-14s %-12s port %-6s process %s\n' "$name" "$state" "$(port_of "$name")" "$(cat "$pids/$name" 2>/dev/null || echo -)"
    done
    return $all
}

stop_all() {
    local name
    for name in $(printf '%s\n' $ROLES | tac); do halt "$name" 40; done
    halt kafka 30
    halt zookeeper 10
}

case "$command" in
up) up ;;
status) status ;;
env) where_it_is ;;
down)
    stop_all
    [ -z "$wipe" ] || rm -rf "$dir"
    ;;
-h | --help | help) usage 0 ;;
*) usage 2 ;;
esac
