"""Packets of the tests, built by scapy alone, and what is expected of those that come out.

The addresses are one small world in static mode:

    mobile nodes ── wan (default route) ── anyhomed ── side (2001:db8:c::/48) ── correspondents
"""
import copy

from scapy.layers.inet import UDP
from scapy.layers.inet6 import (HAO, ICMPv6DestUnreach, ICMPv6PacketTooBig, ICMPv6TimeExceeded, IPv6,
                                IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrRouting, MIP6MH_BA, MIP6MH_BU,
                                MIP6OptAltCoA, MIP6OptMobNetPrefix)
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

HOME_PREFIX = "2001:db8:0:1::/64"
HOME_AGENT = "2001:db8:0:1::1a"
DISCOVERY = "2001:db8:0:1:fdff:ffff:ffff:fffe"  # RFC 2526 §2
POOL = "2001:db8:8000::/36"

WAN_ADDRESS = "2001:db8:a1::1a"
WAN_ROUTER, WAN_ROUTER_MAC = "2001:db8:a1::1", "02:00:00:00:00:01"
SIDE_ROUTER, SIDE_ROUTER_MAC = "2001:db8:a2::1", "02:00:00:00:00:02"
SIDE_PREFIX = "2001:db8:c::/48"

MOBILE_NODE, CARE_OF = "2001:db8:0:1::100", "2001:db8:f1::100"
OTHER_MOBILE_NODE, OTHER_CARE_OF = "2001:db8:0:1::200", "2001:db8:f2::200"
NOBODY = "2001:db8:0:1::dead"
CORRESPONDENT = "2001:db8:c::100"

IPV6_HEADER = 40


def payload(size):
    """Bytes that are recognized when they are out of place."""
    return Raw(bytes(i & 0xff for i in range(size)))


def datagram(source, destination, size=32, **ip):
    """A UDP packet with so many bytes behind its UDP header."""
    return IPv6(src=source, dst=destination, **ip) / UDP(sport=4000, dport=5000) / payload(size)


def sized(source, destination, size, **ip):
    """A UDP packet that is `size` bytes long, its IPv6 header included."""
    return datagram(source, destination, size - IPV6_HEADER - len(UDP()), **ip)


# ---- Signalling ----------------------------------------------------------------------------------

def binding_update(home=MOBILE_NODE, care_of=CARE_OF, sequence=1, lifetime=600, flags="AH",
                   options=(), agent=HOME_AGENT, **fields):
    """RFC 6275 §11.7.1: Home Address option in, Alternate Care-of Address inside."""
    return (IPv6(src=care_of, dst=agent) / IPv6ExtHdrDestOpt(options=[HAO(hoa=home)])
            / MIP6MH_BU(seq=sequence, flags=flags, mhtime=lifetime // 4,
                        options=[MIP6OptAltCoA(acoa=care_of), *options], **fields))


def binding_acknowledgement(home=MOBILE_NODE, care_of=CARE_OF, sequence=1, lifetime=600, status=0,
                            flags=0, options=()):
    """RFC 6275 §9.5.4: type 2 routing header out."""
    return (IPv6(src=HOME_AGENT, dst=care_of, hlim=64)
            / IPv6ExtHdrRouting(type=2, segleft=1, addresses=[home])
            / MIP6MH_BA(status=status, flags=flags, seq=sequence, mhtime=lifetime // 4,
                        options=list(options)))


# ---- What comes out ------------------------------------------------------------------------------

class Expected:
    """An IPv6 packet that is to come out byte for byte, but for fields whose value is our business.

    `flow_labels` are offsets of IPv6 headers whose flow label may be anything but 0 (RFC 6438 wants a
    hash there); `identifications` are offsets of 32-bit fields that have to be the same in all packets
    of one `expect`.
    """

    def __init__(self, packet, flow_labels=(), identifications=()):
        self.packet = bytes(packet)
        self.flow_labels = tuple(flow_labels)
        self.identifications = tuple(identifications)


def as_expected(packet):
    return packet if isinstance(packet, Expected) else Expected(packet)


def forwarded(packet, hops=1):
    """The packet as a router sends it on."""
    packet = copy.deepcopy(packet)
    packet.hlim -= hops
    return packet


def tunnelled(inner, care_of=CARE_OF, hops=1, **outer):
    """The inner packet in a tunnel to a care-of address; one hop for the forwarding before it."""
    inner = forwarded(inner, hops)
    return Expected(IPv6(src=HOME_AGENT, dst=care_of, nh=41, hlim=64, tc=inner.tc, **outer)
                    / inner, flow_labels=(0,))


def reverse_tunnelled(inner, care_of=CARE_OF, **outer):
    """What a mobile node sends."""
    return IPv6(src=care_of, dst=HOME_AGENT, nh=41, **outer) / inner


def fragments(inner, first, identification=7):
    """What a mobile node sends, cut in two behind `first` bytes of the packet inside."""
    data = bytes(inner)
    return [IPv6(src=CARE_OF, dst=HOME_AGENT)
            / IPv6ExtHdrFragment(nh=41, m=more, offset=at // 8, id=identification) / Raw(part)
            for more, at, part in ((1, 0, data[:first]), (0, first, data[first:]))]


def quoting(error, packet):
    """RFC 4443 §2.4 (c): as much of the packet as fits into 1280 bytes."""
    source = packet.src
    return (IPv6(src=HOME_AGENT, dst=source, hlim=64) / error
            / Raw(bytes(packet)[:1280 - IPV6_HEADER - 8]))


def packet_too_big(packet, mtu):
    return quoting(ICMPv6PacketTooBig(mtu=mtu), packet)


def unreachable(packet, code):
    return quoting(ICMPv6DestUnreach(code=code), packet)


def time_exceeded(packet):
    return quoting(ICMPv6TimeExceeded(code=0), packet)


def frame(packet, source, destination, vlan=None):
    """The packet in an Ethernet frame, tagged or not."""
    if vlan is None:
        return bytes(Ether(src=source, dst=destination, type=0x86dd)) + bytes(packet)
    tag = Ether(src=source, dst=destination, type=0x8100) / Dot1Q(vlan=vlan, type=0x86dd)
    return bytes(tag) + bytes(packet)
