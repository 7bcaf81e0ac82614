"""Unmodified binaries: anyhomed and testpmd on the same packets, which net_pcap gives again and again
without end. What testpmd's macswap takes is what the device and its buffers cost; the rest is ours.

net_pcap copies each packet into a new buffer and throws away what is sent. Anybody can put another
forwarder in the place of either.
"""
import ipaddress
import re
import statistics
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
WINDOW = 0.1  # seconds of which one figure is the mean; of several the median is reported


def windows_in(seconds):
    return max(4, round(seconds / WINDOW))

CONFIGURATION = f"""\
route = ::/0 via 2001:db8:a1::1 port wan
neighbor = 2001:db8:a1::1 mac 02:00:00:00:00:01 port wan
[port.wan]
device = net_pcap0
[port.signalling]
device = net_memif0
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


def testpmd(place, pcap, seconds):
    """Cycles per packet of macswap, by its own count, in windows as below."""
    # By lines, although it is no terminal that it writes to.
    process, log = place.start("testpmd", "stdbuf", "-oL", "dpdk-testpmd",
                               *daemon.eal(place.prefix + "-testpmd"), "--no-telemetry", device(pcap),
                               "--", "-i", "--forward-mode=macswap", "--record-core-cycles",
                               "--nb-cores=1", "--no-lsc-interrupt", "--total-num-mbufs=8192",
                               stdin=subprocess.PIPE)

    def costs():
        said = log.read_text(errors="replace")
        if process.poll() is not None:
            raise LabError("testpmd has ended: " + said[-500:])
        return [float(cost) for cost in re.findall(r"CPU cycles/packet=([0-9.]+)", said)]
    for number in range(windows_in(seconds)):
        process.stdin.write(b"start\n")
        process.stdin.flush()
        time.sleep(WINDOW)
        process.stdin.write(b"stop\n")
        process.stdin.flush()
        daemon.wait_for("testpmd to say what it took", lambda n=number: len(costs()) > n,
                        daemon.PATIENCE, 0.01)
    found = costs()
    process.stdin.write(b"quit\n")
    process.stdin.close()
    process.wait(daemon.PATIENCE)
    return found


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


def anyhomed(place, pcap, seconds):
    """Cycles of loops that had packets, by packet, window by window."""
    socket = place.directory / "memif.sock"
    place.start_daemon(CONFIGURATION, device(pcap), f"--vdev=net_memif0,role=server,"
                       f"socket-abstract=no,socket={socket},mac=02:00:00:00:00:1a")
    telemetry = place.telemetry()
    place.wait("the memif socket", socket.exists)
    register(place, telemetry)

    def reading():
        worker = telemetry.rows("workers")[0]
        counters = {row["name"]: row["value"] for row in telemetry.rows("counters")}
        return worker["busy_cycles"], counters["received"]
    costs = []
    before = reading()
    for _ in range(windows_in(seconds)):
        time.sleep(WINDOW)
        now = reading()
        if now[1] > before[1]:
            costs.append((now[0] - before[0]) / (now[1] - before[1]))
        before = now
    if not costs:
        raise LabError("anyhomed received nothing")
    return costs


def figures(build, quick):
    found = {}
    seconds = 0.6 if quick else 3
    for kind in ("to-mobile-node", "from-mobile-node", "miss"):
        with Place(build) as place:
            pcap = place.directory / "in.pcap"
            write_pcap(pcap, kind)
            substrate = testpmd(place, pcap, seconds)
            costs = anyhomed(place, pcap, seconds)
        for name, windows in (("testpmd-macswap", substrate), ("anyhomed", costs)):
            quarters = statistics.quantiles(windows, n=4)
            middle = statistics.median(windows)
            found[f"unmodified/{name}/{kind}"] = {
                "unit": "cycles", "better": "less", "quiet": middle, "best": min(windows),
                "spread": (quarters[2] - quarters[0]) / 2 / middle}
        found[f"unmodified/anyhomed-less-macswap/{kind}"] = {
            "unit": "cycles", "better": "less",
            "quiet": statistics.median(costs) - statistics.median(substrate),
            "best": min(costs) - min(substrate)}
    return found, ["unmodified binaries: a thousand bindings, 512 packets in the file; windows of a tenth "
                   "of a second, in which quiet and busy phases are not told apart"]
