"""A home agent of the set that shares nothing with this project: a station of scapy on a raw socket.

It is written after the protocol documents alone: HA-HELLO and State Synchronization as draft-wakikawa-
mext-global-haha-spec-01 draws them, the register, the end mark and the private numbers as docs/protocol.md
has them. It claims mobile nodes, tells of them, learns of others', and carries packets both ways.
"""
import ipaddress
import os
import select
import socket
import struct
import threading
import time

from scapy.layers.inet6 import (ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS,
                                ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6, IPv6ExtHdrRouting)
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils6 import in6_getnsma, in6_getnsmac, inet_pton

from stock_mobile_node import ETH_P_ALL, PATIENCE, Link

MOBILITY, ENCAPSULATION = 135, 41
BINDING_ACKNOWLEDGEMENT, HOME_AGENT_SWITCH, HA_HELLO, STATE_SYNC = 6, 12, 240, 241
REQUEST, REPLY, ACKNOWLEDGEMENT = 0, 1, 2
BCI, SS_STATUS, TIMESTAMP, RESTART_COUNTER = 240, 241, 27, 28
NOBODY = "::"


def mobility_header(source, destination, kind, body):
    """A whole Mobility Header; `body` starts behind the checksum (RFC 6275 §6.1.1)."""
    body += bytes(-(6 + len(body)) % 8)
    header = bytearray(struct.pack("!BBBBH", 59, (6 + len(body)) // 8 - 1, kind, 0, 0) + body)
    total = sum(struct.unpack(f"!{len(header) // 2}H", header))
    total += sum(sum(struct.unpack("!8H", inet_pton(socket.AF_INET6, one)))
                 for one in (source, destination)) + len(header) + MOBILITY
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    struct.pack_into("!H", header, 4, total ^ 0xffff)
    return bytes(header)


def aligned(message, step, rest, option):
    """The option at an offset of step·n + rest; `message` starts at offset 6 of the header."""
    gap = (rest - (6 + len(message))) % step
    pad = b"" if gap == 0 else b"\0" if gap == 1 else bytes([1, gap - 2]) + bytes(gap - 2)
    return message + pad + option


def options_of(message, start):
    """(type, data) of each mobility option from an offset of the header on."""
    at = start
    while at < len(message):
        if message[at] == 0:
            at += 1
            continue
        yield message[at], message[at + 2:at + 2 + message[at + 1]]
        at += 2 + message[at + 1]


class Record:
    """What one home agent says of a home address: V = (T, locator, n) and the binding."""

    def __init__(self, home, care_of, lifetime, time_stamp, change, sequence=0, flags=0xc000):
        self.home, self.care_of, self.lifetime = home, care_of, lifetime
        self.time, self.change = time_stamp, change
        self.sequence, self.flags = sequence, flags

    def option(self):
        return struct.pack("!BBHHHH16s16s", BCI, 40, self.flags, self.sequence, self.lifetime // 4,
                           self.change, inet_pton(socket.AF_INET6, self.home),
                           inet_pton(socket.AF_INET6, self.care_of))


def now_stamp():
    return int(time.time() * 65536)


class StockPeer:
    """A member with one peer: `other` is that peer's (locator, home agent address)."""

    def __init__(self, namespace, device, mac, router, locator, home_agent, other, group):
        self.link = Link(namespace, device, mac, router)
        self.locator, self.home_agent, self.group = locator, home_agent, group
        self.other_locator, self.other_agent = other
        self.addresses = {locator}   # that the station answers for on its link
        self.epoch = int(time.time())
        self.hello_sequence = self.identifier = self.request = 0
        self.own = {}                # home address: Record, of our mobile nodes
        self.learnt = {}             # home address: Record, of the peer's
        self.replies = []            # (identifier, [home addresses]) of every SS-REP that came
        self.acknowledged = {}       # (identifier, home address): status
        self.dump_complete = self.told = False
        self.deaf = self.leaving = False
        self.drop_replies = 0        # so many SS-REPs are taken as lost
        self.echoes = self.hello_answers = 0
        self.received = []
        self.seen = threading.Condition()
        self.running = True
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.thread.start()
        router = self.link.router
        multicast = socket.inet_ntop(socket.AF_INET6, in6_getnsma(inet_pton(socket.AF_INET6, router)))
        self.link.send(IPv6(src=self.locator, dst=multicast, hlim=255) / ICMPv6ND_NS(tgt=router)
                       / ICMPv6NDOptSrcLLAddr(lladdr=self.link.mac),
                       in6_getnsmac(inet_pton(socket.AF_INET6, router)))
        self.wait("the router", lambda: self.link.router_mac is not None)

    def stop(self):
        self.running = False
        self.thread.join()
        self.link.socket.close()

    def wait(self, what, condition, seconds=PATIENCE):
        with self.seen:
            if not self.seen.wait_for(condition, seconds):
                raise AssertionError(f"waited {seconds} s in vain for: {what}")

    # ---- Sending ----

    def send_mobility(self, kind, body, source=None):
        source = source or self.locator
        self.link.send(IPv6(src=source, dst=self.other_locator, nh=MOBILITY)
                       / Raw(mobility_header(source, self.other_locator, kind, body)))

    def hello(self, request=True, lifetime=3, group=None, source=None, sequence=None):
        """Figure 4 of the draft, and the boot epoch."""
        if sequence is None:
            self.hello_sequence += 1
            sequence = self.hello_sequence
        flags = 0x80 | 0x20 | (0x40 if request else 0)
        body = struct.pack("!HHHHBB", sequence, 0, lifetime, 1,
                           self.group if group is None else group, flags)
        self.send_mobility(HA_HELLO, aligned(body, 4, 2, struct.pack("!BBI", RESTART_COUNTER, 4,
                                                                     self.epoch)), source)

    def sync(self, kind, identifier, options, acknowledge=False, source=None):
        """Figure 5; options are (step, rest, bytes)."""
        body = struct.pack("!BBH", kind, 0x40 | (0x80 if acknowledge else 0), identifier)
        for step, rest, option in options:
            body = aligned(body, step, rest, option)
        self.send_mobility(STATE_SYNC, body, source)

    def ask_for_everything(self):
        self.request += 1
        self.sync(REQUEST, self.request, [(4, 2, struct.pack("!BBI", RESTART_COUNTER, 4, self.epoch))])

    def tell(self, record, identifier=None, source=None):
        """An SS-REP of one binding; with an identifier it is an old one once more."""
        if identifier is None:
            self.identifier += 1
            identifier = self.identifier
        self.sync(REPLY, identifier, [
            (8, 2, record.option()), (8, 2, struct.pack("!BBQ", TIMESTAMP, 8, record.time))], True,
            source)
        return identifier

    def tell_until_acknowledged(self, record):
        identifier = self.tell(record)
        for _ in range(10):
            try:
                self.wait("an SS-ACK", lambda: (identifier, record.home) in self.acknowledged, 1)
                return self.acknowledged[identifier, record.home]
            except AssertionError:
                self.tell(record, identifier)
        raise AssertionError(f"no SS-ACK for {record.home}")

    def claim(self, home, care_of, lifetime=600):
        """A mobile node has registered here: everybody is told. The status of the SS-ACK."""
        newest = max((table[home].time for table in (self.own, self.learnt) if home in table),
                     default=0)
        record = Record(home, care_of, lifetime, max(now_stamp(), newest + 1), 0, 7)
        self.own[home] = record
        self.learnt.pop(home, None)
        return self.tell_until_acknowledged(record)

    def withdraw(self, home):
        record = self.own.pop(home)
        return self.tell_until_acknowledged(
            Record(home, NOBODY, 0, record.time, record.change + 1, record.sequence))

    def tunnel(self, inner, source=None):
        """A packet over the HAHA link."""
        self.link.send(IPv6(src=source or self.locator, dst=self.other_locator, nh=ENCAPSULATION,
                            hlim=255) / inner)

    # ---- Receiving ----

    def _run(self):
        next_hello = next_request = time.monotonic()
        while self.running:
            now = time.monotonic()
            if self.link.router_mac is not None and not self.leaving:
                if now >= next_hello:
                    self.hello()
                    next_hello = now + 1
                if not self.dump_complete and now >= next_request:
                    self.ask_for_everything()
                    next_request = now + 1
            if select.select([self.link.socket], [], [], 0.05)[0]:
                data, address = self.link.socket.recvfrom(65536)
                if address[2] != socket.PACKET_OUTGOING:
                    with self.seen:
                        self._take(Ether(data))
                        self.seen.notify_all()

    def _take(self, frame):
        packet = frame.payload
        if not isinstance(packet, IPv6):
            return
        if ICMPv6ND_NS in packet and packet[ICMPv6ND_NS].tgt in self.addresses:
            target = packet[ICMPv6ND_NS].tgt
            self.link.send(IPv6(src=target, dst=packet.src, hlim=255)
                           / ICMPv6ND_NA(tgt=target, R=0, S=1, O=1)
                           / ICMPv6NDOptDstLLAddr(lladdr=self.link.mac), frame.src)
        elif ICMPv6ND_NA in packet and ICMPv6NDOptDstLLAddr in packet:
            if packet[ICMPv6ND_NA].tgt == self.link.router:
                self.link.router_mac = packet[ICMPv6NDOptDstLLAddr].lladdr
        elif packet.dst == self.locator and packet.src == self.other_locator:
            if packet.nh == MOBILITY:
                self._take_mobility(packet, bytes(packet)[40:])
            elif packet.nh == ENCAPSULATION:
                self._take_tunnelled(packet.payload)
        elif packet.dst in self.addresses:
            self.received.append(packet)

    def _take_mobility(self, packet, message):
        assert message == mobility_header(packet.src, packet.dst, message[2], message[6:]), "checksum"
        if message[2] == HA_HELLO:
            self._take_hello(message)
        elif message[2] == STATE_SYNC and not self.deaf:
            kind, flags, identifier = struct.unpack_from("!BBH", message, 6)
            assert flags & 0x40, "G"
            if kind == REQUEST:
                self._answer_request(identifier)
            elif kind == REPLY:
                self._take_reply(identifier, message)
            else:
                for option, data in options_of(message, 10):
                    if option == SS_STATUS:
                        home = socket.inet_ntop(socket.AF_INET6, data[4:20])
                        self.acknowledged[identifier, home] = data[0]

    def _take_hello(self, message):
        _, _, lifetime, _, group, flags = struct.unpack_from("!HHHHBB", message, 6)
        assert group == self.group and flags & 0x20 and lifetime > 0, message.hex()
        if flags & 0x40:
            if not self.leaving:
                self.hello(request=False)
        else:
            self.hello_answers += 1

    def _answer_request(self, identifier):
        """All that there is, and the end mark behind it; it is asked again until that is heard."""
        for record in self.own.values():
            self.tell(record)
        self.identifier += 1
        end = Record(NOBODY, NOBODY, 0, 0, 0, identifier, 0)
        self.sync(REPLY, self.identifier, [(8, 2, end.option())], True)
        self.told = True

    def _take_reply(self, identifier, message):
        if self.drop_replies > 0:
            self.drop_replies -= 1
            return
        records, statuses = [], []
        for option, data in options_of(message, 10):
            if option == BCI:
                flags, sequence, lifetime, change, home, care_of = struct.unpack("!HHHH16s16s", data[:40])
                records.append(Record(socket.inet_ntop(socket.AF_INET6, home),
                                      socket.inet_ntop(socket.AF_INET6, care_of), lifetime * 4, 0,
                                      change, sequence, flags))
            elif option == TIMESTAMP:
                records[-1].time = struct.unpack("!Q", data)[0]
        self.replies.append((identifier, [record.home for record in records]))
        for record in records:
            if record.home == NOBODY:
                self.dump_complete = self.dump_complete or record.sequence == self.request
            else:
                self._apply(record)
            statuses.append((8, 2, struct.pack("!BBB3x16s", SS_STATUS, 20, 0,
                                               inet_pton(socket.AF_INET6, record.home))))
        self.sync(ACKNOWLEDGEMENT, identifier, statuses)

    def _apply(self, record):
        """The last writer wins; of one time, the higher locator (rulings §3)."""
        mine, theirs = self.own.get(record.home), self.learnt.get(record.home)
        if mine is not None:
            order = ipaddress.ip_address(self.other_locator) > ipaddress.ip_address(self.locator)
            if (record.time, order) > (mine.time, not order):
                del self.own[record.home]
            else:
                return
        if theirs is None or (record.time, record.change) > (theirs.time, theirs.change):
            self.learnt[record.home] = record

    def _take_tunnelled(self, inner):
        """For our mobile nodes: this station is all of them, and answers for them."""
        if ICMPv6EchoRequest in inner and inner.dst in self.own:
            request = inner[ICMPv6EchoRequest]
            answer = (IPv6(src=inner.dst, dst=inner.src)
                      / ICMPv6EchoReply(id=request.id, seq=request.seq, data=request.data))
            self.echoes += 1
            if inner.src in self.learnt and self.learnt[inner.src].lifetime:
                self.tunnel(answer)
            else:
                self.link.send(answer)
            return
        self.received.append(inner)

    # ---- Mobile nodes ----

    def forward_update(self, update):
        """R76: what is for the peer's home agent address goes to it as it is."""
        self.tunnel(update)

    def signalling_for(self, home, kind):
        """The message of a home agent that has come to a mobile node here, by type 2 routing header."""
        for packet in self.received:
            if IPv6ExtHdrRouting in packet and packet[IPv6ExtHdrRouting].addresses == [home]:
                message = bytes(packet[IPv6ExtHdrRouting].payload)
                if message[2] == kind:
                    return message
        return None


def random_mac():
    return "02:" + ":".join(f"{byte:02x}" for byte in os.urandom(5))
