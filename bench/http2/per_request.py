#!/usr/bin/env python3
"""Instructions per multiplexed unary gRPC call of both HTTP/2 engines, by callgrind: repeatable on any machine.

    bench/http2/per_request.py [BUILD]      default: build/release
"""
import re
import subprocess
import sys

program = f"{sys.argv[1] if len(sys.argv) > 1 else 'build/release'}/bench.http2.per_request"


def instructions(engine, ticks):
    out = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, engine, str(ticks)],
                         capture_output=True, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", out.stderr)[1])


few, many, per_tick = 20, 220, 64
for engine in ("own", "nghttp2"):
    # The caller's own work (it writes the requests) is part of both: about 100 of them.
    n = (instructions(engine, many) - instructions(engine, few)) / ((many - few) * per_tick)
    print(f"{engine}: {n:.0f} instructions per request")
