#!/usr/bin/python3
"""Arbitrary bytes on a port: anyhomed goes on, accounts for every frame, and has its buffers back.

    robustness_test.py [TEST...]     as root, with ANYHOME_BUILD naming the build directory;
                                     ANYHOME_FUZZ_SECONDS (15) and ANYHOME_SEED for more, or again
"""
import os
import pathlib
import random
import socket
import time

from lab_case import LabCase, main  # first: it finds anyhome_lab
from anyhome_lab import plan
from anyhome_lab.telemetry import Telemetry, runtime_directory
from scapy.layers.inet import TCP, UDP
from scapy.layers.inet6 import (HAO, ICMPv6DestUnreach, ICMPv6EchoRequest, ICMPv6HAADRequest,
                                ICMPv6MPSol, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA,
                                ICMPv6PacketTooBig, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                                IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, MIP6MH_BA, MIP6MH_BU,
                                MIP6MH_Generic, MIP6OptAltCoA, MIP6OptMobNetPrefix, MIP6OptMsgAuth)
from scapy.layers.l2 import ARP
from scapy.packet import Raw

SECONDS = float(os.environ.get("ANYHOME_FUZZ_SECONDS", "15"))
SEED = int(os.environ.get("ANYHOME_SEED", random.SystemRandom().randrange(1 << 32)))
WINDOW = 200  # frames under way: fewer than the port has descriptors, so that none is lost before it

CARE_OF = plan.care_of(1, "mn")
OUTSIDE = "2001:db8:99::9"
DISCOVERY = "2001:db8:0:1:fdff:ffff:ffff:fffe"


def corpus():
    """Good packets of every sort that the data path tells apart; bad ones are made of them."""
    def home(address=plan.MOBILE_NODE):
        return IPv6ExtHdrDestOpt(options=[HAO(hoa=address)])

    def to(address, source=OUTSIDE, **more):
        return IPv6(src=source, dst=address, **more)
    agent, locator = plan.HOME_AGENT, plan.LOCATOR
    inner = IPv6(src=plan.MOBILE_NODE, dst=plan.CORRESPONDENT) / UDP() / Raw(b"x" * 64)
    update = MIP6MH_BU(seq=7, flags="AHR", mhtime=100, options=[
        MIP6OptAltCoA(acoa=CARE_OF), MIP6OptMobNetPrefix(prefix=plan.MOBILE_NETWORK[:-3], plen=64),
        MIP6OptMsgAuth(authdata="A" * 12)])
    tunnel = to(CARE_OF, agent, nh=41) / IPv6(src=OUTSIDE, dst=plan.MOBILE_NODE) / UDP() / Raw(
        b"y" * 64)
    packets = [
        to(agent, CARE_OF) / home() / update,
        to(agent) / home(plan.NOBODY) / update,
        to(agent, CARE_OF) / MIP6MH_Generic(mhtype=99, msg=bytes(10)),
        *(to(locator) / MIP6MH_Generic(mhtype=kind, msg=bytes(34)) for kind in range(0, 256, 5)),
        to(agent) / IPv6ExtHdrRouting(type=2, segleft=1, addresses=[agent]) / MIP6MH_BA(),
        to(agent, CARE_OF, nh=41) / inner,
        to(agent, CARE_OF, nh=41) / to(agent, plan.MOBILE_NODE, nh=41) / inner,
        to(agent, OUTSIDE, nh=41) / inner,
        to(agent, CARE_OF) / IPv6ExtHdrFragment(nh=41, m=1, id=5) / Raw(bytes(inner)),
        to(agent, CARE_OF) / IPv6ExtHdrDestOpt(nh=41) / inner,
        to(DISCOVERY) / ICMPv6HAADRequest(id=1),
        to(agent, CARE_OF) / home() / ICMPv6MPSol(id=1),
        to(agent) / home() / UDP(),
        to(agent) / ICMPv6PacketTooBig(mtu=1300) / Raw(bytes(tunnel)),
        to(agent) / ICMPv6DestUnreach(code=0) / Raw(bytes(tunnel)),
        to(agent) / IPv6ExtHdrHopByHop() / ICMPv6EchoRequest(),
        to(plan.MOBILE_NODE) / UDP() / Raw(b"z" * 100),
        to(plan.MOBILE_NODE) / UDP() / Raw(b"z" * 1400),
        to(plan.MOBILE_NODE, hlim=1) / UDP(),
        to(plan.MOBILE_NETWORK_HOST) / TCP(),
        to(plan.NOBODY) / TCP(),
        to(plan.CORRESPONDENT) / UDP(),
        to(locator) / ICMPv6EchoRequest(),
        to(locator) / TCP(dport=179, flags="S"),
        to(locator, plan.POP_ROUTER, hlim=255) / ICMPv6ND_NS(tgt=locator),
        to(locator, "fe80::77", hlim=255) / ICMPv6ND_NA(tgt="fe80::77"),
        to("ff02::1", "fe80::77", hlim=255) / ICMPv6ND_RA(),
        to("ff02::1") / ICMPv6EchoRequest(),
    ]
    return [bytes(packet) for packet in packets]


class Mutator:
    """Frames made of good ones by what goes wrong with bytes."""

    def __init__(self, seed, mac):
        self.random = random.Random(seed)
        self.corpus = corpus()
        self.mac = mac
        self.arp = bytes(ARP())

    def frame(self):
        pick = self.random.random()
        if pick < 0.03:  # anything at all
            return self.random.randbytes(self.random.randrange(14, 1514))
        if pick < 0.06:
            return self.mac + b"\x02" * 6 + b"\x08\x06" + self.arp[:self.random.randrange(29)]
        packet = bytearray(self.random.choice(self.corpus))
        if pick > 0.15:
            for _ in range(self.random.choice((0, 1, 1, 2, 4, 16))):
                self.damage(packet)
        tag = b""
        # The kernel itself drops a tagged frame that ends behind its tag.
        if self.random.random() < 0.01 and len(packet) >= 2:
            tag = b"\x81\0\0" + self.random.randbytes(1)
        return (self.mac + b"\x02\0\0\0\0\x99" + tag + b"\x86\xdd" + packet)[:1514]

    def damage(self, packet):
        if not packet:
            return
        at = self.random.randrange(len(packet))
        what = self.random.randrange(6)
        if what == 0:
            packet[at] = self.random.randrange(256)
        elif what == 1:
            packet[at] ^= 1 << self.random.randrange(8)
        elif what == 2:
            packet[at] = self.random.choice((0, 1, 0x7f, 0x80, 0xff, 41, 43, 44, 58, 60, 135))
        elif what == 3:
            del packet[at:]
        elif what == 4:
            packet[at:at] = self.random.randbytes(self.random.randrange(1, 64))
        elif len(packet) >= 40:  # the rest of another one
            other = self.random.choice(self.corpus)
            packet[at:] = other[self.random.randrange(len(other)):]
        if len(packet) >= 40 and self.random.random() < 0.7:  # a length that is believed
            packet[4:6] = (len(packet) - 40).to_bytes(2, "big")


class Robustness(LabCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lab.start_pops()
        cls.lab.start_node("mn", "--access", "acc1", "--home-agent", plan.HOME_AGENT)
        cls.lab.start_node("mr", "--access", "acc1", "--home-agent", plan.HOME_AGENT,
                           "--mobile-network-prefix", plan.MOBILE_NETWORK)

    def setUp(self):
        self.telemetry = Telemetry(runtime_directory(self.lab.pop.file_prefix))
        self.addCleanup(self.telemetry.close)
        self.port = self.lab.nodes["inet"].socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.port.bind(("pop", 0))
        self.addCleanup(self.port.close)
        self.mac = bytes.fromhex(self.telemetry.rows("ports")[0]["mac"].replace(":", ""))

    def values(self):
        return {row["name"]: row["value"] for view in ("counters", "drops")
                for row in self.telemetry.rows(view)}

    def port_received(self):
        row = self.telemetry.rows("ports")[0]
        return row["received"] + row["missed"]

    def wire_received(self):
        """Frames that the port's device has got, as its kernel counts them."""
        return int(self.lab.nodes["pop"].exec(
            "cat", "/sys/class/net/nic/statistics/rx_packets"))

    def resident_kib(self):
        for line in pathlib.Path(f"/proc/{self.lab.pop.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        return 0

    def log(self):
        return self.lab.log("anyhomed").read_text(encoding="utf-8", errors="replace")

    def test_arbitrary_bytes(self):
        print(f"\n  ANYHOME_SEED={SEED} ANYHOME_FUZZ_SECONDS={SECONDS:g}")
        mutator = Mutator(SEED, self.mac)
        lost_before = self.wire_received() - self.port_received()
        before, resident = self.values(), self.resident_kib()
        end, sent = time.monotonic() + SECONDS, 0
        while time.monotonic() < end:
            start = self.port_received()
            for _ in range(WINDOW):
                self.port.send(mutator.frame())
            sent += WINDOW
            self.wait_for("the frames to be received",
                          lambda: self.port_received() >= start + WINDOW)
        self.assert_alive_and_well()
        self.assert_books_balance()
        # No frame was lost on the way from the wire to the counters.
        self.wait_for("the last frames", lambda: self.wire_received() - self.port_received()
                      == lost_before)
        now = self.values()
        self.assertGreaterEqual(now["received"] - before["received"], sent)
        hit = sorted(name for name in now if now[name] != before[name])
        print(f"  {sent} frames; memory {resident} -> {self.resident_kib()} KiB; "
              f"{len(hit)} counters moved")

    def assert_alive_and_well(self):
        self.assertTrue(self.lab.pop.is_alive())
        self.assertEqual(self.lab.status()["serving"], "yes", self.log()[-2000:])
        self.assertNotIn("worker-stuck", self.log())
        # Every buffer is back, but for what the wire brings at this very moment.
        self.wait_for("the buffers to be back", lambda: all(
            row["used"] == 0 for row in self.telemetry.rows("pools") if row["kind"] == "pool"))
        # The mobile nodes never noticed.
        self.assert_pings("cn", plan.MOBILE_NODE)
        self.assert_pings("cn", plan.MOBILE_NETWORK_HOST)

    def assert_books_balance(self):
        """Whatever came in, or was made here, went somewhere that has a name."""
        def balanced():
            now = self.values()
            came = now["received"] + now["injected"]
            drops = sum(row["value"] for row in self.telemetry.rows("drops"))
            punted = sum(value for name, value in now.items() if name.startswith("punted-"))
            # An outer packet that is cut goes out as two; what the port does not take was counted as
            # sent before.
            went = (now["sent"] + drops + punted - now["fragments-created"] // 2
                    - now["transmit-queue-full"])
            # What was put together had come in as up to eight fragments. Chance makes the other half
            # of the one that is sent once in many runs.
            return 0 <= came - went <= 7 * now["reassembled"]
        self.wait_for("the books to balance", balanced)

    def test_packet_too_big_comes_under_a_scan(self):
        """RFC 4443 §2.4 (f): the bucket of one error must not be emptied by another one."""
        listener = self.lab.nodes["cn"].socket(socket.AF_INET6, socket.SOCK_RAW,
                                               socket.IPPROTO_ICMPV6)
        self.addCleanup(listener.close)
        listener.settimeout(0)
        big = (self.mac + b"\x02\0\0\0\0\x99\x86\xdd"
               + bytes(IPv6(src=plan.CORRESPONDENT, dst=plan.MOBILE_NODE) / UDP() / Raw(bytes(1420))))
        scan = [self.mac + b"\x02\0\0\0\0\x99\x86\xdd"
                + bytes(IPv6(src=OUTSIDE, dst=f"2001:db8:0:1:ffff::{number:x}") / UDP())
                for number in range(400)]
        before = self.values()
        # At once four times what is answered in a second; the five are in the middle of it.
        for number, frame in enumerate(scan):
            self.port.send(frame)
            if number % 80 == 79:
                self.port.send(big)
        self.wait_for("the scan to be refused", lambda: self.values()["no-binding"]
                      == before["no-binding"] + len(scan))
        now = self.values()
        self.assertGreater(now["icmp-rate-limited"], before["icmp-rate-limited"])
        self.assertEqual(now["icmp-packet-too-big-sent"], before["icmp-packet-too-big-sent"] + 5)
        heard = []

        def five():
            try:
                heard.append(listener.recv(2048))
            except BlockingIOError:
                pass
            return sum(message[:2] == b"\x02\0" for message in heard) == 5
        self.wait_for("five Packet Too Big at the correspondent", five)


if __name__ == "__main__":
    main()
