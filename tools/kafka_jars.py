#!/usr/bin/python3
"""Gives the folder of the Kafka broker's jars that the tests start: `tools/kafka_jars.py`.

What tools/kafka.pins names is fetched once, by Maven, into a cache outside the tree ($LAGOON_CACHE, else ~/.cache/lagoon), and
checked against its SHA-256 each time. Prints the folder. With neither network nor cache it says so and ends with 1.

    tools/kafka_jars.py --pin 3.9.1     writes tools/kafka.pins anew, for another release of Kafka
"""
import argparse
import fcntl
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PINS = ROOT / "tools/kafka.pins"
HEAD = """# The jars of the Kafka broker that tests start (tools/kafka_jars.py): SHA-256, coordinate, file.
"""
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"
FETCH_TIMEOUT_S = 600


class Failure(Exception):
    pass


def cache():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(os.environ.get("LAGOON_CACHE") or os.path.join(base, "lagoon")) / "kafka"


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def pom(coordinates, transitive):
    """A project that has these artifacts and, unless `transitive`, nothing that they ask for."""
    text = ["<project><modelVersion>4.0.0</modelVersion><groupId>lagoon</groupId><artifactId>jars</artifactId>",
            "<version>1</version><packaging>pom</packaging><dependencies>"]
    for coordinate in coordinates:
        group, artifact, version, *rest = coordinate.split(":")
        text.append(f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>")
        if rest:
            text.append(f"<type>{rest[0]}</type><classifier>{rest[1]}</classifier>")
        if not transitive:
            text.append("<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>")
        text.append("</dependency>")
    return "\n".join(text + ["</dependencies></project>\n"])


def maven(folder, *words):
    try:
        step = subprocess.run(["mvn", "-q", "-B", *words], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=FETCH_TIMEOUT_S)
        problem = step.stdout + step.stderr if step.returncode != 0 else None
    except (OSError, subprocess.TimeoutExpired) as e:
        problem = str(e)
    if problem is not None:
        raise Failure(f"the jars of Kafka are not in the cache {cache()}, and Maven cannot fetch them; run once with a network "
                      f"(and the package maven):\n{problem.strip()[-1500:]}")


def pinned():
    rows = [line.split() for line in PINS.read_text().splitlines() if line and not line.startswith("#")]
    return {name: (want, coordinate) for want, coordinate, name in rows}


def fetch(missing, pins):
    with tempfile.TemporaryDirectory(dir=cache()) as folder:
        (pathlib.Path(folder) / "pom.xml").write_text(pom([pins[name][1] for name in missing], False))
        maven(folder, f"{PLUGIN}:copy-dependencies", "-DoutputDirectory=jars")
        for name in missing:
            got = pathlib.Path(folder) / "jars" / name
            if not got.exists() or sha256(got) != pins[name][0]:
                raise Failure(f"{pins[name][1]} came with another SHA-256 than tools/kafka.pins has; it is not used")
            os.replace(got, cache() / name)


def provide():
    pins = pinned()
    cache().mkdir(parents=True, exist_ok=True)
    with open(cache() / ".lock", "w") as lock:  # Tests start side by side.
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = [n for n, (want, _) in pins.items() if not (cache() / n).exists() or sha256(cache() / n) != want]
        if missing:
            fetch(missing, pins)
        for other in cache().glob("*.jar"):
            if other.name not in pins:
                other.unlink()
    print(cache())


def pin(release):
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "pom.xml").write_text(
            pom([f"org.apache.kafka:kafka_2.13:{release}", "org.slf4j:slf4j-reload4j:1.7.36"], True))
        maven(folder, f"{PLUGIN}:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=jars")
        maven(folder, f"{PLUGIN}:list", "-DincludeScope=runtime", "-DoutputFile=list.txt")
        rows = []
        for line in (pathlib.Path(folder) / "list.txt").read_text().splitlines():
            parts = re.sub(r"\x1b\[[0-9;]*m", "", line).strip().split(" ")[0].split(":")
            if len(parts) == 5:
                group, artifact, _, version, _ = parts
                name, coordinate = f"{artifact}-{version}.jar", f"{group}:{artifact}:{version}"
            elif len(parts) == 6:
                group, artifact, _, classifier, version, _ = parts
                name, coordinate = f"{artifact}-{version}-{classifier}.jar", f"{group}:{artifact}:{version}:jar:{classifier}"
            else:
                continue
            rows.append((name, f"{sha256(pathlib.Path(folder) / 'jars' / name)} {coordinate} {name}\n"))
        PINS.write_text(HEAD + "".join(row for _, row in sorted(rows)))


def main():
    parser = argparse.ArgumentParser(description="Gives the folder of the Kafka broker's jars that the tests start.")
    parser.add_argument("--pin", metavar="RELEASE", help="write tools/kafka.pins for this release of Kafka")
    args = parser.parse_args()
    try:
        if args.pin:
            pin(args.pin)
        else:
            provide()
    except Failure as e:
        sys.exit(f"kafka_jars.py: {e}")


main()
