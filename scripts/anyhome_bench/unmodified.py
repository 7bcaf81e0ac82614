"""Unmodified binaries: anyhomed and testpmd on the same packets, which net_pcap gives again and again
without end. What testpmd's macswap takes is what the device and its buffers cost; the rest is ours.

net_pcap copies each packet into a new buffer and throws away what is sent. Anybody can put another
forwarder in the place of either.
"""
import functools
import ipaddress
import re
import struct
import subprocess
import time

from anyhome_lab.shell import LabError

from . import daemon
from .daemon import CARE_OF, CORRESPONDENT, HOME, HOME_AGENT, NODES, Place

PACKETS = 512  # fit into the second-level cache
MAC = bytes.fromhex("027063617000")  # of net_pcap0
OTHER_MAC = bytes.fromhex("020000000001")
UDP, IPV6 = 17, 41
WINDOW = 0.01  # seconds of which one sample is the mean, short enough to be quiet as a whole

LOCATOR, PEER = "2001:db8:a1::1a", "2001:db8:a2::1a"

CONFIGURATION = f"""\
route = ::/0 via 2001:db8:a1::1 port wan
neighbor = 2001:db8:a1::1 mac 02:00:00:00:00:01 port wan
[port.wan]
device = net_pcap0
[port.signalling]
device = net_memif0
"""
# With a peer that says nothing: what comes over its link is forwarded all the same.
OF_SET = f"""\
locator = {LOCATOR}
group-id = 7
set-key = 000102030405060708090a0b0c0d0e0f
link-is-secure = yes
min-links = 0
boot-wait = 0
""" + CONFIGURATION.replace("[port.wan]", f"[port.wan]\naddress = {LOCATOR}/64\nhaha = yes") + f"""\
[peer.silent]
home-agent-address = 2001:db8:0:1::2a
locator = {PEER}
"""


def address(text, number=0):
    return (ipaddress.IPv6Address(text) + number).packed


def header(source, destination, protocol, payload):
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + source + destination + payload


def packet(kind, number):
    """64 bytes inside, as in anyhome-bench."""
    payload = struct.pack("!HHHH", 4660, 4660, 24, 0xffff) + bytes(16)
    node = number * 7919 % NODES
    if kind == "to-mobile-node":
        return header(address(CORRESPONDENT), address(HOME, node), UDP, payload)
    if kind == "one-haha-link":
        return header(address(PEER), address(LOCATOR), IPV6,
                      header(address(CORRESPONDENT), address(HOME, node), UDP, payload))
    if kind == "miss":
        return header(address(CORRESPONDENT), address("2001:db8:0:1:2::", node + 1), UDP, payload)
    return header(address(CARE_OF, node), address(HOME_AGENT), IPV6,
                  header(address(HOME, node), address(CORRESPONDENT), UDP, payload))


def write_pcap(path, kind):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for number in range(PACKETS):
            frame = MAC + OTHER_MAC + b"\x86\xdd" + packet(kind, number)
            file.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)


def device(path):
    return f"--vdev=net_pcap0,rx_pcap={path},infinite_rx=1"


class Windows:
    """Samples: cycles per packet, and the lowest speed of the workers' cores before and after; none if
    somebody took a core meanwhile."""

    def __init__(self, place, pid, workers=1):
        self.calibrators = [daemon.Calibrator(place, processor)
                            for processor in daemon.worker_processors(workers)]
        self.workers = [daemon.worker_thread(pid, lcore) for lcore in range(1, workers + 1)]
        self.taken = []

    def speed(self):
        return functools.reduce(daemon.slowest, (each.speed() for each in self.calibrators))

    def times_preempted(self):
        return sum(map(daemon.times_preempted, self.workers))

    def take(self, seconds, window):
        """`window` returns cycles per packet, None when there were no packets."""
        end = time.monotonic() + seconds
        before = self.speed()
        while True:
            switches = self.times_preempted()
            value = window()
            undisturbed = self.times_preempted() == switches
            after = self.speed()
            if value is not None:
                speed = daemon.slowest(before, after) if undisturbed else (0.0, 0.0)
                self.taken.append([value, *speed])
            before = after
            if time.monotonic() >= end:
                break
        if not self.taken:
            raise LabError("no packets were forwarded")
        return self.taken


def testpmd(place, devices, seconds, *options):
    """Macswap by its own count of cycles."""
    # By lines, although it is no terminal that it writes to.
    process, log = place.start(
        "testpmd", "stdbuf", "-oL", "dpdk-testpmd",
        *daemon.eal(place.prefix + "-testpmd", where=daemon.lcores_with_fixed_workers()), "--no-telemetry",
        *devices, "--", "-i", "--forward-mode=macswap", "--record-core-cycles", "--nb-cores=1",
        "--no-lsc-interrupt", "--no-flush-rx", "--total-num-mbufs=8192", *options, stdin=subprocess.PIPE)

    def say(word):
        process.stdin.write(word.encode("ascii") + b"\n")
        process.stdin.flush()

    with open(log, encoding="utf-8", errors="replace") as output:
        def has_said(what, said):
            said.append(output.read())
            if process.poll() is not None:
                raise LabError("testpmd has ended: " + "".join(said)[-500:])
            return what in "".join(said)
        beginning = []
        daemon.wait_for("testpmd to start", lambda: has_said("testpmd>", beginning), daemon.PATIENCE, 0.01)

        def window(start="start"):
            said = []
            say(start)
            time.sleep(WINDOW)
            say("stop")
            daemon.wait_for("testpmd to stop", lambda: has_said("Done.", said), daemon.PATIENCE, 0.001)
            cost = re.search(r"CPU cycles/packet=([0-9.]+)", "".join(said))
            return float(cost.group(1)) if cost else None
        if any("net_ring" in device for device in devices):
            window("start tx_first 4")  # what runs round in a ring has to be put there once
        taken = Windows(place, process.pid).take(seconds, window)
    process.stdin.write(b"quit\n")
    process.stdin.close()
    process.wait(daemon.PATIENCE)
    return taken


def register(place, telemetry):
    """Mobile nodes, through a port of their own. Acknowledgements leave by the other port."""
    def bindings():
        return int(telemetry.ask("status").get("bindings", 0))
    for _ in range(5):
        place.run(place.program("anyhome-pktgen"), *daemon.eal(place.prefix + "-pktgen"),
                  "--no-telemetry", f"--vdev=net_memif0,role=client,socket-abstract=no,socket="
                  f"{place.directory}/memif.sock", "--", "register", "--destination-mac",
                  "02:00:00:00:00:1a", "--home-agent", HOME_AGENT, "--home-address", HOME, "--nodes",
                  NODES, "--care-of-address", CARE_OF, "--correspondent", CORRESPONDENT, "--register-rounds", 1, "--drain", 0.01,
                  "--idle", "yes", codes=(0, 3))
        if bindings() >= NODES:
            return
    raise LabError(f"{bindings()} of {NODES} mobile nodes are registered")


def anyhomed(place, pcap, seconds, configuration=CONFIGURATION, workers=1):
    """Cycles per packet: of loops that had packets, or for several workers, of the clock."""
    socket = place.directory / "memif.sock"
    place.start_daemon(configuration, device(pcap), f"--vdev=net_memif0,role=server,"
                       f"socket-abstract=no,socket={socket},mac=02:00:00:00:00:1a",
                       where=daemon.lcores_with_fixed_workers(workers))
    telemetry = place.telemetry()
    place.wait("the memif socket", socket.exists)
    register(place, telemetry)
    cycles = "busy_cycles" if workers == 1 else "total_cycles"

    def reading():
        rows = telemetry.rows("workers")
        return rows[0][cycles], sum(row["received"] for row in rows)

    def window():
        before = reading()
        time.sleep(WINDOW)
        after = reading()
        return (after[0] - before[0]) / (after[1] - before[1]) if after[1] > before[1] else None
    return Windows(place, place.daemon.pid, workers).take(seconds, window)


def samples(build, quick):
    """{name of a figure: samples}."""
    found = {}
    seconds = 0.8 if quick else 4
    with Place(build) as place:
        found["unmodified/testpmd-macswap/ring"] = testpmd(place, ["--vdev=net_ring0"], seconds,
                                                           "--port-topology=loop")
    for kind in ("to-mobile-node", "from-mobile-node", "miss"):
        with Place(build) as place:
            pcap = place.directory / "in.pcap"
            write_pcap(pcap, kind)
            found[f"unmodified/testpmd-macswap/{kind}"] = testpmd(place, [device(pcap)], seconds)
            found[f"unmodified/anyhomed/{kind}"] = anyhomed(place, pcap, seconds)
    # One receive queue, for one worker and for two.
    for workers in range(1, min(len(daemon.processors()), 2) + 1):
        with Place(build) as place:
            pcap = place.directory / "in.pcap"
            write_pcap(pcap, "one-haha-link")
            found[f"unmodified/one-haha-link/{workers}"] = anyhomed(place, pcap, seconds, OF_SET, workers)
    return found
