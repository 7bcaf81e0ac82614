"""The home agent itself, with nothing in it: how long it takes to start, and what it takes when idle."""
import os
import re
import time

from anyhome_lab.shell import LabError

from .daemon import Place

BINDINGS = 1_000_000
CONFIGURATION = f"""\
home-prefix = 2001:db8:0:1::/64
home-agent-address = 2001:db8:0:1::1a
authentication = insecure-none
host = static
max-bindings = {BINDINGS}
stop-delay = 0
idle = yes
route = ::/0 via 2001:db8:a1::1 port wan
neighbor = 2001:db8:a1::1 mac 02:00:00:00:00:01 port wan
[port.wan]
device = net_ring0
"""
# EAL's last line, and the one that says that the home agent serves.
STARTING, SERVING = "TELEMETRY: ", "anyhome: serving "
POLL = 0.001


def seconds_of(pid):
    """Of processors that a process has had."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sizing(text):
    """What the log says about memory."""
    line = re.search(r"anyhome: sizing (.*)", text)
    if line is None:
        raise LabError("anyhomed does not say what memory it takes")
    return {name: int(value) for name, value in
            (word.split("=") for word in line.group(1).split())}


def figures(build, memory, quick):
    with Place(build) as place:
        place.start_daemon_with(CONFIGURATION, memory, "--vdev=net_ring0")
        seen = {}

        def serving():
            text = place.log.read_text(errors="replace")
            for line in (STARTING, SERVING):
                if line in text:
                    seen.setdefault(line, time.monotonic())
            return SERVING in seen
        place.wait("the home agent to serve", serving, POLL)
        size = sizing(place.log.read_text(errors="replace"))
        window = 1 if quick else 3
        time.sleep(1)  # until it has found that there is nothing to do
        before = seconds_of(place.daemon.pid), time.monotonic()
        time.sleep(window)
        after = seconds_of(place.daemon.pid), time.monotonic()
    found = {
        "start-up/agent": ("seconds", seen[SERVING] - seen[STARTING]),
        "idle/processor": ("percent", 100 * (after[0] - before[0]) / (after[1] - before[1])),
        f"memory/agent-total-bytes/{BINDINGS}": ("bytes", size["total-bytes"]),
        f"memory/agent-bytes-per-binding/{BINDINGS}": ("bytes", size["total-bytes"] / BINDINGS),
    }
    return {name: {"unit": unit, "better": "less", "quiet": value}
            for name, (unit, value) in found.items()}, []
