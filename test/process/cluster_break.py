#!/usr/bin/python3
"""Does to a cluster's engines by hand what operators should not.

    cluster_break.py trim BROKER TOPIC PARTITIONS N    removes the records before offset N, as retention would; -1: all
    cluster_break.py delete BROKER TOPIC               deletes the topic
    cluster_break.py set ADDRESS PATH TEXT [PATH…]     writes nodes of ZooKeeper, made when they are not there
    cluster_break.py get ADDRESS PATH                  prints it; nothing when it is not there
    cluster_break.py remove ADDRESS PATH…              removes them, with what lies below
    cluster_break.py expire ADDRESS PATH               ends the sessions that own the nodes below it, all at once
    cluster_break.py foreign ADDRESS PATH FILE         as one who lacks the user:password in FILE: fails unless that one
                                                       owns all from PATH down alone, and nothing can be done there

The clients are python3-kafka, python3-kazoo and, where the first knows no such request, a socket."""
import socket
import struct
import sys

DELETE_RECORDS = 21


def text(value):
    return struct.pack(">h", len(value)) + value.encode()


def receive(connection, size):
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            sys.exit("cluster_break: Kafka closed the connection")
        data += part
    return data


def trim(broker, topic, count, before):
    host, port = broker.split(":")
    places = b"".join(struct.pack(">iq", p, before) for p in range(count))
    request = (struct.pack(">hhi", DELETE_RECORDS, 0, 1) + text("lagoon-test") + struct.pack(">i", 1) + text(topic)
               + struct.pack(">i", count) + places + struct.pack(">i", 30000))
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        answer = receive(connection, struct.unpack(">i", receive(connection, 4))[0])
    at = 4 + 4 + 4 + 2 + len(topic) + 4  # correlation, throttle, topics, its name, partitions
    for n in range(count):
        partition, low, error = struct.unpack_from(">iqh", answer, at + 14 * n)
        if error != 0:
            sys.exit(f"cluster_break: partition {partition}: Kafka's error {error}")
        print(partition, low)


def delete(broker, topic):
    import kafka.admin
    admin = kafka.admin.KafkaAdminClient(bootstrap_servers=broker)
    admin.delete_topics([topic], timeout_ms=30000)
    admin.close()


def zookeeper(address, what, paths, value):
    import kazoo.client
    import kazoo.exceptions
    client = kazoo.client.KazooClient(hosts=address, timeout=4)
    client.start(timeout=60)
    for path in paths:
        if what == "get":
            try:
                sys.stdout.write(client.get(path)[0].decode())
            except kazoo.exceptions.NoNodeError:
                pass
        elif what == "remove":
            client.delete(path, recursive=True)
        elif client.exists(path):
            client.set(path, value.encode())
        else:
            client.create(path, value.encode())
    client.stop()


def password_of(session):
    """As ZooKeeper makes it: 16 bytes of java.util.Random, from the session's number and a constant."""
    seed = (session ^ 0xB3415C00 ^ 0x5DEECE66D) & (1 << 48) - 1
    out = b""
    for _ in range(4):
        seed = seed * 0x5DEECE66D + 0xB & (1 << 48) - 1
        out += struct.pack("<I", seed >> 16)
    return out


def close_session(address, session):
    """Whoever names a session and its password may close it: for its owner it is as if it had expired."""
    host, port = address.split(":")
    request = struct.pack(">iqiqi", 0, 0, 4000, session, 16) + password_of(session) + b"\0"
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        if connection.recv(100):
            connection.sendall(struct.pack(">iii", 8, 1, -11))
            connection.recv(100)  # its answer, or the end


def expire(address, path):
    import kazoo.client
    client = kazoo.client.KazooClient(hosts=address, timeout=4)
    client.start(timeout=60)
    owners = {client.get(path + "/" + name)[1].ephemeralOwner for name in client.get_children(path)}
    left = sorted(owners)
    for _ in range(100):  # Its owner takes the session back at once, and might be quicker.
        for owner in left:
            try:
                close_session(address, owner)
            except ConnectionError:
                pass
        stats = [client.exists(path + "/" + name) for name in client.get_children(path)]
        left = sorted(owners & {stat.ephemeralOwner for stat in stats if stat is not None})
        if not left:
            break
    if left:
        sys.exit(f"cluster_break: {len(left)} sessions of nodes below {path} live on")
    print(len(owners))
    client.stop()


def foreign(address, root, digest_file):
    import kazoo.client
    import kazoo.exceptions
    import kazoo.security
    credential = open(digest_file).read().strip()
    owner = kazoo.client.KazooClient(hosts=address, timeout=4, auth_data=[("digest", credential)])
    guest = kazoo.client.KazooClient(hosts=address, timeout=4)
    owner.start(timeout=60)
    guest.start(timeout=60)
    user, password = credential.split(":", 1)
    wanted = [kazoo.security.make_digest_acl(user, password, all=True)]
    paths = [root]
    for path in paths:  # grows
        attempts = {"get": lambda: guest.get(path), "children": lambda: guest.get_children(path),
                    "ACL": lambda: guest.get_acls(path), "set": lambda: guest.set(path, b"x"),
                    "create": lambda: guest.create(path + "/foreign", b"x")}
        for name, attempt in attempts.items():
            try:
                attempt()
                sys.exit(f"cluster_break: a stranger can do '{name}' with {path}")
            except (kazoo.exceptions.NoAuthError, kazoo.exceptions.NoChildrenForEphemeralsError):
                pass
        acls = owner.get_acls(path)[0]
        if acls != wanted:
            sys.exit(f"cluster_break: {path} has the ACL {acls}")
        paths += [path + "/" + name for name in owner.get_children(path)]
    print(len(paths))
    guest.stop()
    owner.stop()


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    what, where, name = sys.argv[1:4]
    if what == "trim":
        trim(where, name, int(sys.argv[4]), int(sys.argv[5]))
    elif what == "delete":
        delete(where, name)
    elif what == "expire":
        expire(where, name)
    elif what == "foreign":
        foreign(where, name, sys.argv[4])
    elif what in ("set", "get", "remove"):
        zookeeper(where, what, [name] + sys.argv[5 if what == "set" else 4:], sys.argv[4] if what == "set" else "")
    else:
        sys.exit(__doc__)


main()
