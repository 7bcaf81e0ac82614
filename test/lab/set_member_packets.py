"""The data path of set_member.py, and its mobile nodes: what comes from a HAHA link, what goes there, and
Binding Updates by RFC 6275 and RFC 4285."""
import hashlib
import hmac
import ipaddress
import socket
import struct

import haha_wire as wire
from scapy.layers.inet6 import (HAO, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS,
                                ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6,
                                IPv6ExtHdrRouting)
from scapy.packet import Raw
from scapy.utils6 import in6_getnsma, in6_getnsmac

BINDING_UPDATE, BINDING_ACKNOWLEDGEMENT = 5, 6
ALTERNATE_CARE_OF, NODE_IDENTIFIER, AUTHENTICATION, REPLAY = 3, 8, 9, 10
TUNNEL = 41
NTP_EPOCH = 2208988800  # seconds from 1900 to 1970

# The authenticator ends the message, so nothing is padded behind it.
wire.ALIGNED.update({NODE_IDENTIFIER: (1, 0), REPLAY: (8, 2), AUTHENTICATION: (8, 5)})


class Packets:
    """What SetMember does with packets that are no State Synchronization."""

    # ---- The link to the router ----

    def _solicit(self):
        router = self.link.router
        group = socket.inet_ntop(socket.AF_INET6, in6_getnsma(wire.packed(router)))
        self.link.send(IPv6(src=self.locator, dst=group, hlim=255) / ICMPv6ND_NS(tgt=router)
                       / ICMPv6NDOptSrcLLAddr(lladdr=self.link.mac),
                       in6_getnsmac(wire.packed(router)))

    def _take(self, frame):
        packet = frame.payload
        if not isinstance(packet, IPv6):
            return
        if ICMPv6ND_NA in packet and packet[ICMPv6ND_NA].tgt == self.link.router:
            self.link.router_mac = frame.src
        elif ICMPv6ND_NS in packet:
            if packet[ICMPv6ND_NS].tgt == self.locator:
                self.link.send(IPv6(src=self.locator, dst=packet.src, hlim=255)
                               / ICMPv6ND_NA(tgt=self.locator, R=1, S=1, O=1)
                               / ICMPv6NDOptDstLLAddr(lladdr=self.link.mac), frame.src)
        elif packet.dst == self.locator:
            if packet.nh == TUNNEL:
                self._out_of_link(packet)
        else:
            self._route(packet, None)

    # ---- HAHA links ----

    def _out_of_link(self, packet):
        member = self._member(packet.src)
        if member is None:
            self.counters["tunnel of a stranger"] += 1
            return
        self.counters["out of a link"] += 1
        self._route(packet.payload, member)

    def _into_link(self, packet, member, came_from):
        if member is came_from:
            self.counters["would go back"] += 1
            return
        self.counters["into a link"] += 1
        # The class of hop limits of an entry (rulings §8).
        self.link.send(IPv6(src=self.locator, dst=member.locator, nh=TUNNEL, hlim=255)
                       / Raw(_forwarded(packet)))

    # ---- Any packet, native or out of a link ----

    def _route(self, packet, came_from):
        if packet.dst == self.home_agent:
            self._to_home_agent(packet)
            return
        for member in self.members.values():
            if packet.dst == member.home_agent:
                if came_from is None:
                    self._into_link(packet, member, None)
                return
        entry = self._owner(packet.dst)
        if entry is not None and entry.version.locator == wire.packed(self.locator):
            self._to_mobile_node(packet, entry.binding)
        elif entry is not None:
            self._into_link(packet, self._member(wire.text(entry.version.locator)), came_from)
        elif any(ipaddress.ip_address(packet.dst) in prefix for prefix in self.prefixes):
            self.counters["nobody"] += 1
        elif came_from is None:
            self.link.send(packet)  # the Internet's

    def _owner(self, address):
        """The live entry of a home address or of the mobile network that an address is in."""
        entry = self.register.get(address)
        if entry is not None and entry.lives:
            return entry
        parsed = ipaddress.ip_address(address)
        return next((entry for entry in self.register.values() if entry.lives and any(
            parsed in ipaddress.ip_network(prefix) for prefix in entry.binding.prefixes)), None)

    # ---- Mobile nodes ----

    def _to_mobile_node(self, packet, binding):
        if packet.dst in self.hosts:
            # It is played here.
            if ICMPv6EchoRequest in packet:
                self.counters["echoes"] += 1
                request = packet[ICMPv6EchoRequest]
                self._route(IPv6(src=packet.dst, dst=packet.src) / ICMPv6EchoReply(
                    id=request.id, seq=request.seq, data=request.data), None)
            return
        self.counters["to care-of addresses"] += 1
        self.link.send(IPv6(src=self.home_agent, dst=binding.care_of, nh=TUNNEL)
                       / Raw(_forwarded(packet)))

    def _to_home_agent(self, packet):
        if packet.nh == TUNNEL:
            inner = packet.payload
            entry = self._owner(inner.src)
            if entry is None or entry.binding.care_of != packet.src:
                self.counters["reverse tunnel refused"] += 1
                return
            self.counters["from care-of addresses"] += 1
            self._route(IPv6(_forwarded(inner)), None)
        elif HAO in packet:
            self._binding_update(packet)

    def _binding_update(self, packet):
        home = packet[HAO].hoa
        raw = bytes(packet)
        message = raw[40 + 8 * (raw[41] + 1):]
        options = dict(wire.options_of(message, 12))
        if message[2] != BINDING_UPDATE or home not in self.mobile_nodes:
            self.counters["no update of ours"] += 1
            return
        sequence, _, lifetime = struct.unpack_from(">HHH", message, 6)
        care_of = wire.text(options[ALTERNATE_CARE_OF]) if ALTERNATE_CARE_OF in options else packet.src
        spi, key = self.mobile_nodes[home]
        proof = options.get(AUTHENTICATION, b"")
        signed = message[:4] + b"\0\0" + message[6:message.rindex(proof[5:])]
        if (wire.checksum(home, packet.dst, message) != 0 or proof[:5] != struct.pack(">BI", 1, spi)
                or not hmac.compare_digest(proof[5:], _authenticator(key, care_of, home, signed))):
            self.counters["update not authentic"] += 1
            return
        # The mobile node's clock orders its registrations at all home agents (rulings §3).
        stamp = (int.from_bytes(options[REPLAY], "big") - (NTP_EPOCH << 32)) >> 16
        known = self.register.get(home)
        if known is not None and stamp <= known.version.time:
            self.counters["update replayed"] += 1
            return
        self.counters["updates"] += 1
        if lifetime:
            prefixes = (f"{wire.text(options[wire.PREFIX][2:])}/{options[wire.PREFIX][1]}",) if (
                wire.PREFIX in options) else ()
            self.give(home, lifetime * 4, prefixes, care_of, sequence, stamp)
        elif known is not None:
            self.give(home, 0)
        self._binding_acknowledgement(home, care_of, packet.src, sequence, lifetime, options, spi, key)

    def _binding_acknowledgement(self, home, care_of, to, sequence, lifetime, options, spi, key):
        fixed = bytes([wire.NOTHING, 0, BINDING_ACKNOWLEDGEMENT, 0, 0, 0, 0, 0])
        message = wire.with_options(fixed + struct.pack(">HH", sequence, lifetime), [
            (NODE_IDENTIFIER, options[NODE_IDENTIFIER]), (REPLAY, options[REPLAY]),
            (AUTHENTICATION, struct.pack(">BI", 1, spi) + bytes(12))])
        message = message[:-12] + _authenticator(key, care_of, home, message[:-12])
        total = wire.checksum(self.home_agent, home, message)
        message = message[:4] + total.to_bytes(2, "big") + message[6:]
        self.link.send(IPv6(src=self.home_agent, dst=to) / IPv6ExtHdrRouting(
            nh=wire.MOBILITY, type=2, segleft=1, addresses=[home]) / Raw(message))


def _forwarded(packet):
    """Its bytes as they came, but for Hop Limit."""
    octets = bytearray(packet.original or bytes(packet))[:40 + (packet.plen or 1 << 16)]
    octets[7] -= 1
    return bytes(octets)


def _authenticator(key, care_of, home, message):
    return hmac.new(key, wire.packed(care_of) + wire.packed(home) + message,
                    hashlib.sha1).digest()[:12]
