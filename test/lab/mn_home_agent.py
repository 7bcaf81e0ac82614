"""A scripted home agent for anyhome-mn-selftest, made of scapy and AF_PACKET.

It runs in its own namespace, owns no address of the home prefix in the kernel, and shares no code
with the mobile node: checksums, authenticators, tunnels and fragments are built and checked here.
Commands come as JSON lines on standard input, what happened goes out as JSON lines.
"""
import hashlib
import hmac
import json
import os
import select
import socket
import struct
import sys
import time

from scapy.layers.inet6 import (ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6PacketTooBig, IPv6,
                                IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrRouting,
                                ICMPv6HAADReply, MIP6MH_BA, MIP6MH_BU, in6_chksum)
from scapy.packet import Raw

ETH_P_IPV6 = 0x86DD
MH, IP6, FRAGMENT, ICMP6 = 135, 41, 44, 58


def packed(address):
    return socket.inet_pton(socket.AF_INET6, address)


class Agent:
    def __init__(self, interfaces, home_agents, home):
        self.home_agents = home_agents
        self.home = home
        self.sockets = {}
        for name in interfaces:
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_IPV6))
            s.bind((name, ETH_P_IPV6))
            s.setblocking(False)
            self.sockets[s] = name
        self.policy = {"status": 0, "lifetime": None, "answer": True, "key": None, "spi": 256,
                       "flags": None, "sequence": None, "timestamp": None, "refresh": None,
                       "mtu": 65535, "answer_only": None}
        self.where = {}      # care-of address -> (socket, source MAC of our frames, MAC of the peer)
        self.fragments = {}  # identification -> parts
        self.frag_id = 1

    # ---- output -----------------------------------------------------------------------------

    def tell(self, **event):
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()

    def transmit(self, care_of, packet):
        s, ours, theirs = self.where[care_of]
        s.send(theirs + ours + struct.pack("!H", ETH_P_IPV6) + bytes(packet))

    def signed(self, message, home_agent, care_of):
        """The finished message: authenticator filled in, checksum computed over the home address."""
        message = bytearray(message)
        if self.policy["key"]:
            covered = bytearray(message[:-12])
            covered[4:6] = b"\0\0"
            data = packed(care_of) + packed(self.home) + bytes(covered)
            message[-12:] = hmac.new(bytes.fromhex(self.policy["key"]), data,
                                     hashlib.sha1).digest()[:12]
        message[4:6] = b"\0\0"
        pseudo = IPv6(src=home_agent, dst=self.home)
        message[4:6] = struct.pack("!H", in6_chksum(MH, pseudo, bytes(message)))
        return bytes(message)

    def options(self, fixed, timestamp):
        """Replay protection (8n+2) and authentication (8n+5, last) behind the fixed part."""
        message = bytearray(fixed)

        def pad(offset):
            missing = (offset - len(message)) % 8
            message.extend(b"\0" if missing == 1 else bytes([1, missing - 2]) + b"\0" * (missing - 2)
                           if missing else b"")
        if timestamp is not None:
            pad(2)
            message.extend(b"\x0a\x08" + struct.pack("!Q", timestamp))
        if self.policy["key"]:
            pad(5)
            message.extend(b"\x09\x11\x01" + struct.pack("!I", self.policy["spi"]) + b"\0" * 12)
        pad(0)
        message[1] = len(message) // 8 - 1
        return bytes(message)

    def routed(self, home_agent, care_of, message):
        return IPv6(src=home_agent, dst=care_of) / IPv6ExtHdrRouting(
            nh=MH, type=2, segleft=1, addresses=[self.home]) / Raw(message)

    def tunnel(self, home_agent, care_of, inner, fragment_at=None, limit=None):
        inner = bytes(inner)
        if limit is not None:  # RFC 2473 §5.1: tunnel encapsulation limit option
            options = bytes([IP6, 0, 4, 1, limit, 1, 1, 0])
            self.transmit(care_of, IPv6(src=home_agent, dst=care_of, nh=60) / Raw(options + inner))
            return
        if not fragment_at:
            self.transmit(care_of, IPv6(src=home_agent, dst=care_of, nh=IP6) / Raw(inner))
            return
        self.frag_id += 1
        for at in range(0, len(inner), fragment_at):
            part = inner[at:at + fragment_at]
            header = IPv6ExtHdrFragment(nh=IP6, offset=at // 8, id=self.frag_id,
                                        m=1 if at + fragment_at < len(inner) else 0)
            self.transmit(care_of, IPv6(src=home_agent, dst=care_of) / header / Raw(part))

    # ---- Binding Updates ----------------------------------------------------------------------

    def authenticator_ok(self, message, care_of):
        covered = bytearray(message[:-12])
        covered[4:6] = b"\0\0"
        data = packed(care_of) + packed(self.home) + bytes(covered)
        good = hmac.new(bytes.fromhex(self.policy["key"]), data, hashlib.sha1).digest()[:12]
        return message[-19:-17] == b"\x09\x11" and message[-12:] == good

    def on_update(self, interface, packet, message):
        care_of, home_agent = packet.src, packet.dst
        options = packet[IPv6ExtHdrDestOpt].options if IPv6ExtHdrDestOpt in packet else []
        home = next((o.hoa for o in options if o.otype == 0xC9), None)
        checksum = in6_chksum(MH, IPv6(src=home or care_of, dst=home_agent), message)
        sequence, flags, lifetime = struct.unpack("!HHH", message[6:12])
        update = MIP6MH_BU(message)
        alternate = next((o.acoa for o in update.options if o.otype == 3), None)
        prefixes = [f"{o.prefix}/{o.plen}" for o in update.options if o.otype == 6]
        identifier = next((o.id for o in update.options if o.otype == 8), b"")
        # The option's bytes, not scapy's idea of a timestamp (it divides).
        at = message.find(b"\x0a\x08", 12)
        stamp = struct.unpack("!Q", message[at + 2:at + 10])[0] if at > 0 else None
        event = {"event": "update", "interface": interface, "care_of": care_of, "agent": home_agent,
                 "home": home, "sequence": sequence, "flags": flags, "lifetime": lifetime * 4,
                 "checksum_ok": checksum == 0, "alternate": alternate, "prefixes": prefixes,
                 "identifier": bytes(identifier).decode(errors="replace"), "timestamp": stamp}
        if self.policy["key"]:
            event["authentic"] = self.authenticator_ok(message, care_of)
        self.tell(**event)
        only = self.policy["answer_only"]
        if self.policy["answer"] and home_agent in (only or self.home_agents):
            self.acknowledge(home or self.home, home_agent, care_of, sequence, flags, lifetime)

    def acknowledge(self, home, home_agent, care_of, sequence, flags, lifetime):
        p = self.policy
        granted = lifetime if p["lifetime"] is None else p["lifetime"] // 4
        answer_flags = p["flags"] if p["flags"] is not None else (0x40 if flags & 0x0400 else 0)
        fixed = b"\x3b\0\x06\0\0\0" + struct.pack(
            "!BBHH", p["status"], answer_flags, p["sequence"] or sequence, granted)
        if p["refresh"]:
            fixed += b"\x02\x02" + struct.pack("!H", p["refresh"] // 4)
        previous, self.home = self.home, home
        message = self.signed(self.options(fixed, p["timestamp"]), home_agent, care_of)
        if not p["key"] and not p["refresh"]:
            # scapy builds the same bytes when there is nothing it does not know.
            ba = IPv6(src=home_agent, dst=care_of) / IPv6ExtHdrRouting(
                type=2, segleft=1, addresses=[home]) / MIP6MH_BA(
                    status=p["status"], flags=answer_flags, seq=p["sequence"] or sequence,
                    mhtime=granted)
            if bytes(ba)[64:] != message:
                self.tell(event="scapy-differs", ours=message.hex(), scapy=bytes(ba)[64:].hex())
        self.transmit(care_of, self.routed(home_agent, care_of, message))
        self.home = previous
        p["status"], p["sequence"], p["timestamp"] = 0, None, None  # once

    # ---- everything else ------------------------------------------------------------------------

    def on_inner(self, packet, inner_bytes):
        inner = IPv6(inner_bytes)
        event = {"event": "tunnelled", "agent": packet.dst, "care_of": packet.src,
                 "source": inner.src, "destination": inner.dst, "hop_limit": inner.hlim,
                 "traffic_class": inner.tc, "outer_traffic_class": packet.tc,
                 "size": len(inner_bytes), "protocol": inner.nh}
        if ICMPv6EchoRequest in inner:
            request = inner[ICMPv6EchoRequest]
            event["kind"] = "echo-request"
            reply = IPv6(src=inner.dst, dst=inner.src, hlim=60) / ICMPv6EchoReply(
                id=request.id, seq=request.seq, data=bytes(request.data))
            room = self.policy["mtu"] - 40
            self.tunnel(packet.dst, packet.src, reply,
                        (room - 8) // 8 * 8 if len(bytes(reply)) > room else None)
        elif ICMPv6EchoReply in inner:
            event["kind"] = "echo-reply"
        self.tell(**event)

    def on_fragment(self, packet):
        part = packet[IPv6ExtHdrFragment]
        parts = self.fragments.setdefault(part.id, {})
        parts[part.offset * 8] = (bytes(part.payload), part.m)
        whole, at = b"", 0
        while at in parts:
            data, more = parts[at]
            whole += data
            at += len(data)
            if not more:
                self.tell(event="reassembled", parts=len(parts), size=len(whole))
                del self.fragments[part.id]
                self.on_inner(packet, whole)
                return

    def on_frame(self, s, frame):
        packet = IPv6(frame[14:])
        payload = frame[54:54 + packet.plen]
        if packet.nh == ICMP6 and payload[:1] in (b"\x01", b"\x04"):
            # What the kernel of the mobile node must not say.
            self.tell(event="complaint", type=payload[0], code=payload[1], source=packet.src)
            return
        if packet.nh == ICMP6 and payload[:1] == b"\x90":
            self.where[packet.src] = (s, frame[0:6], frame[6:12])
            self.on_discovery(packet, payload)
            return
        if packet.dst not in self.home_agents:
            return
        self.where[packet.src] = (s, frame[0:6], frame[6:12])
        if packet.nh == IP6 and 40 + packet.plen > self.policy["mtu"]:
            self.transmit(packet.src, IPv6(src=packet.dst, dst=packet.src) /
                          ICMPv6PacketTooBig(mtu=self.policy["mtu"]) / Raw(frame[14:][:1232]))
            self.tell(event="too-big", size=40 + packet.plen)
        elif packet.nh == IP6:
            self.on_inner(packet, payload)
        elif packet.nh == FRAGMENT:
            self.on_fragment(packet)
        elif packet.nh == 60 and payload[:1] == bytes([MH]):
            self.on_update(self.sockets[s], packet, payload[8 * (payload[1] + 1):])

    def on_discovery(self, packet, payload):
        identifier, flags = struct.unpack("!HH", payload[4:8])
        self.tell(event="discovery", destination=packet.dst, source=packet.src, flags=flags)
        self.transmit(packet.src, IPv6(src=self.home_agents[0], dst=packet.src) / ICMPv6HAADReply(
            id=identifier, R=flags >> 15, addresses=self.home_agents))

    # ---- commands -----------------------------------------------------------------------------

    def command(self, line):
        what = json.loads(line)
        name = what.pop("command")
        if name == "policy":
            self.policy.update(what)
        elif name == "ping":
            echo = IPv6(src=what["source"], dst=what["home"], hlim=60) / ICMPv6EchoRequest(
                id=7, seq=what.get("seq", 1), data=b"x" * what.get("data", 8))
            self.tunnel(what["agent"], what["care_of"], echo, what.get("fragment_at"),
                        what.get("limit"))
        elif name == "switch":
            fixed = b"\x3b\0\x0c\0\0\0" + bytes([len(what["to"]), 0])
            fixed += b"".join(packed(a) for a in what["to"])
            stamp = (int(time.time()) + 2208988800) << 32 if self.policy["key"] else None
            message = self.signed(self.options(fixed, stamp), what["from"], what["care_of"])
            self.transmit(what["care_of"], self.routed(what["from"], what["care_of"], message))
        elif name == "binding_error":
            message = bytearray(b"\x3b\x02\x07\0\0\0" + bytes([what["status"], 0]) + bytes(16))
            header = IPv6(src=what["agent"], dst=what["care_of"], nh=MH)
            message[4:6] = struct.pack("!H", in6_chksum(MH, header, bytes(message)))
            self.transmit(what["care_of"], header / Raw(bytes(message)))
        self.tell(event="done", command=name)

    def run(self):
        self.tell(event="ready")
        pending = b""
        while True:
            readable, _, _ = select.select([*self.sockets, 0], [], [])
            for one in readable:
                if one == 0:
                    data = os.read(0, 65536)
                    if not data:
                        return
                    pending += data
                    *lines, pending = pending.split(b"\n")
                    for line in lines:
                        self.command(line)
                    continue
                try:
                    self.on_frame(one, one.recv(65536))
                except BlockingIOError:
                    pass


if __name__ == "__main__":
    arguments = json.loads(sys.argv[1])
    Agent(**arguments).run()
