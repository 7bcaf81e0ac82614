#!/usr/bin/env python3
"""The formulae of docs/performance/README.md give what anyhomed says at start that it takes.
    sizing_test.py BUILD-DIRECTORY
"""
import math
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "scripts"))

from anyhome_bench.daemon import Place  # noqa: E402

DOCUMENT = TOP / "docs/performance/README.md"
TOLERANCE = 0.02
CONFIGURATION = """\
home-prefix = 2001:db8:0:1::/64
home-agent-address = 2001:db8:0:1::1a
authentication = insecure-none
host = static
stop-delay = 0
idle = yes
max-bindings = {M}
max-prefixes = {P}
max-routes = {R}
max-neighbors = {N}
route = ::/0 via 2001:db8:a1::1 port wan
neighbor = 2001:db8:a1::1 mac 02:00:00:00:00:01 port wan
[port.wan]
device = net_ring0
"""
SIZES = ({"M": 65536, "P": 16384, "R": 4096, "N": 4096, "O": 1024},
         {"M": 400000, "P": 512, "R": 20000, "N": 300, "O": 512})


def formulae():
    """{what: expression} of the block behind the mark, in order."""
    text = DOCUMENT.read_text(encoding="utf-8")
    block = re.search(r"<!-- sizing -->\n+```\n(.*?)```", text, re.DOTALL).group(1)
    return dict(re.split(r" +", line, maxsplit=1) for line in block.splitlines())


def expected(sizes):
    names = dict(sizes) | {"max": max, "min": min, "power": lambda value: 1 << math.ceil(math.log2(value))}
    found = {}
    for what, expression in formulae().items():
        value = eval(expression, {"__builtins__": {}}, names)  # of our own document
        names[what] = value
        found[what] = value
    return found


def said_at_start(build, sizes):
    """{table or sum: bytes}, out of the log."""
    with Place(build) as place:
        place.start_daemon_with(CONFIGURATION.format(**sizes), ["--no-huge", "-m", "700"],
                                "--vdev=net_ring0")
        place.wait("the home agent to serve",
                   lambda: "anyhome: serving" in place.log.read_text(errors="replace"))
        log = place.log.read_text(errors="replace")
    said = {name: int(count) for name, count in re.findall(r" table name=(\S+) .*bytes=(\d+)", log)}
    buffers = re.search(r" pool name=packets buffers=(\d+) bytes=(\d+)", log)
    said["one-packet-buffer"] = int(buffers.group(2)) / int(buffers.group(1))
    said |= {name: int(count) for name, count in
             re.findall(r"([a-z-]+)=(\d+)", re.search(r"anyhome: sizing (.*)", log).group(1))}
    return said


def main(build):
    wrong = 0
    for sizes in SIZES:
        said = said_at_start(build, sizes)
        for what, value in expected(sizes).items():
            if len(what) == 1:
                continue  # a number of something, on the way
            differs = value / said[what] - 1
            verdict = "" if abs(differs) <= TOLERANCE else "  WRONG"
            wrong += bool(verdict)
            print(f"{what:28} documented {value:13.0f}, said at start {said[what]:13.0f}{verdict}")
        tables = {name for name in said if name in expected(sizes)}
        missing = [name for name, count in said.items() if name not in tables and "-bytes" not in name
                   and count > 100_000 and name not in ("max-bindings",)]
        if missing:
            wrong += 1
            print(f"not documented: {', '.join(missing)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
