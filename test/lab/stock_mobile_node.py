"""A mobile node that shares nothing with this project: an IPv6 node of scapy on a raw socket.

It has a care-of address that the kernel beside it does not know, does its own neighbour discovery, and
does of Mobile IPv6 what RFC 6275 §11 asks of a mobile node without IPsec: Home Address option out, type 2
routing header in, reverse tunnelling, home agent discovery.
"""
import select
import socket
import threading
import time

from scapy.layers.inet6 import (HAO, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6HAADReply,
                                ICMPv6HAADRequest, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr,
                                ICMPv6NDOptSrcLLAddr, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrRouting,
                                MIP6MH_BA, MIP6MH_BU, MIP6OptAltCoA)
from scapy.layers.l2 import Ether
from scapy.utils6 import in6_getnsma, in6_getnsmac, inet_pton

ETH_P_ALL = 3
PATIENCE = 30


class Link:
    """One access link: a raw socket and the router on it."""

    def __init__(self, namespace, device, mac, router):
        self.mac, self.router = mac, router
        self.socket = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.bind((device, ETH_P_ALL))
        # The station is not the device's own.
        self.socket.setsockopt(263, 1, _promiscuous(self.socket, device))
        self.router_mac = None

    def send(self, packet, mac=None):
        self.socket.send(bytes(Ether(src=self.mac, dst=mac or self.router_mac, type=0x86dd) / packet))


def _promiscuous(raw, device):
    """struct packet_mreq of PACKET_MR_PROMISC."""
    import fcntl
    import struct
    index = struct.unpack_from("i", fcntl.ioctl(raw, 0x8933, device.encode().ljust(40, b"\0")), 16)[0]
    return struct.pack("iHH8s", index, 1, 0, b"")


class StockMobileNode:
    def __init__(self, home, home_agent):
        self.home, self.home_agent = home, home_agent
        self.care_of = None
        self.links = {}
        self.current = None
        self.sequence = 1000
        self.received = []      # what is no echo request and no neighbour solicitation
        self.echoes = 0         # echo requests answered through the tunnel
        self.seen = threading.Condition()
        self.running = True
        self.thread = threading.Thread(target=self._receive, daemon=True)

    def attach(self, name, link, care_of):
        """To another access network. The old one is left at once."""
        with self.seen:
            self.links[name] = (link, care_of)
            self.current, self.care_of = link, care_of
        if not self.thread.is_alive():
            self.thread.start()
        solicitation = (IPv6(src=care_of, dst=_solicited_node(link.router), hlim=255)
                        / ICMPv6ND_NS(tgt=link.router) / ICMPv6NDOptSrcLLAddr(lladdr=link.mac))
        link.send(solicitation, in6_getnsmac(inet_pton(socket.AF_INET6, link.router)))
        answer = self.wait(lambda packet: ICMPv6ND_NA in packet and packet[ICMPv6ND_NA].tgt
                           == link.router and ICMPv6NDOptDstLLAddr in packet)
        link.router_mac = answer[ICMPv6NDOptDstLLAddr].lladdr

    def stop(self):
        self.running = False
        self.thread.join()
        for link, _ in self.links.values():
            link.socket.close()

    # ---- Receiving ----

    def _receive(self):
        while self.running:
            sockets = [link.socket for link, _ in self.links.values()]
            for ready in select.select(sockets, [], [], 0.1)[0]:
                data, address = ready.recvfrom(65536)
                if address[2] == socket.PACKET_OUTGOING:
                    continue
                link, care_of = next(entry for entry in self.links.values()
                                     if entry[0].socket is ready)
                self._take(link, care_of, Ether(data))

    def _take(self, link, care_of, frame):
        packet = frame.payload
        if not isinstance(packet, IPv6):
            return
        if ICMPv6ND_NS in packet and packet[ICMPv6ND_NS].tgt == care_of:
            link.send(IPv6(src=care_of, dst=packet.src, hlim=255)
                      / ICMPv6ND_NA(tgt=care_of, R=0, S=1, O=1)
                      / ICMPv6NDOptDstLLAddr(lladdr=link.mac), frame.src)
            return
        # A network left is a network not heard any more.
        if packet.dst != care_of or link is not self.current:
            return
        inner = packet.payload
        if isinstance(inner, IPv6) and ICMPv6EchoRequest in inner and inner.dst == self.home:
            request = inner[ICMPv6EchoRequest]
            self.tunnel(IPv6(src=self.home, dst=inner.src)
                        / ICMPv6EchoReply(id=request.id, seq=request.seq, data=request.data))
            self.echoes += 1
            return
        with self.seen:
            self.received.append(packet)
            self.seen.notify_all()

    def wait(self, wanted):
        """The first packet that is wanted; it and those before it are taken out."""
        deadline = time.monotonic() + PATIENCE
        with self.seen:
            while True:
                for i, packet in enumerate(self.received):
                    if wanted(packet):
                        del self.received[:i + 1]
                        return packet
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"not in {PATIENCE} s; there was "
                                         f"{[packet.summary() for packet in self.received]}")
                self.seen.wait(left)

    # ---- Sending ----

    def tunnel(self, inner):
        self.current.send(IPv6(src=self.care_of, dst=self.home_agent, nh=41) / inner)

    def discover(self, anycast):
        """RFC 6275 §11.4.1: the addresses in the answer, and its R flag."""
        self.current.send(IPv6(src=self.care_of, dst=anycast) / ICMPv6HAADRequest(id=77, R=0))
        answer = self.wait(lambda packet: ICMPv6HAADReply in packet)
        assert answer.dst == self.care_of and answer[ICMPv6HAADReply].id == 77, answer.summary()
        return list(answer[ICMPv6HAADReply].addresses)

    def update(self, lifetime):
        """A Binding Update and its acknowledgement, checked as RFC 6275 §11.7.3 has it."""
        self.sequence += 1
        self.current.send(
            IPv6(src=self.care_of, dst=self.home_agent)
            / IPv6ExtHdrDestOpt(options=[HAO(hoa=self.home)])
            / MIP6MH_BU(seq=self.sequence, flags="AH", mhtime=lifetime // 4,
                        options=[MIP6OptAltCoA(acoa=self.care_of)]))
        answer = self.wait(lambda packet: MIP6MH_BA in packet)
        assert (answer.src, answer.dst) == (self.home_agent, self.care_of), answer.summary()
        routing = answer[IPv6ExtHdrRouting]
        assert (routing.type, routing.segleft, routing.addresses) == (2, 1, [self.home])
        acknowledgement = answer[MIP6MH_BA]
        assert acknowledgement.seq == self.sequence
        return acknowledgement

    def ping(self, address, count=5):
        """From the home address, through the tunnel and back; every one has to be answered."""
        for number in range(count):
            self.tunnel(IPv6(src=self.home, dst=address)
                        / ICMPv6EchoRequest(id=0x5ca9, seq=number, data=b"stock mobile node"))
            answer = self.wait(lambda packet: isinstance(packet.payload, IPv6)
                               and ICMPv6EchoReply in packet).payload
            reply = answer[ICMPv6EchoReply]
            assert (answer.src, answer.dst, reply.id, reply.seq, reply.data) == (
                address, self.home, 0x5ca9, number, b"stock mobile node"), answer.summary()


def _solicited_node(address):
    return socket.inet_ntop(socket.AF_INET6, in6_getnsma(inet_pton(socket.AF_INET6, address)))
