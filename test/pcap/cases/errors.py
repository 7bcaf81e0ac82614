"""What is answered by an ICMPv6 error or a Binding Error (RFC 4443, RFC 2473 §8, RFC 6275 §9.3)."""
from scapy.layers.inet import UDP
from scapy.layers.inet6 import (HAO, HBHOptUnknown, ICMPv6DestUnreach, ICMPv6EchoRequest,
                                ICMPv6PacketTooBig, ICMPv6ParamProblem, IPv6, IPv6ExtHdrDestOpt,
                                IPv6ExtHdrFragment, MIP6MH_BE, MIP6MH_Generic)
from scapy.packet import Raw

from case import REGISTERED, setup
from packets import (CARE_OF, CORRESPONDENT, HOME_AGENT, MOBILE_NODE, NOBODY, OTHER_CARE_OF, Expected,
                     datagram, forwarded, packet_too_big, quoting, reverse_tunnelled, sized,
                     time_exceeded, tunnelled, unreachable)

A_ROUTER = "2001:db8:99::1"  # somewhere on the way to the care-of address


def case_packet_too_big(pop):
    pop.register()
    inner = sized(CORRESPONDENT, MOBILE_NODE, 1461)
    pop.exchange(inner, "side", packet_too_big(inner, 1460))
    return REGISTERED | {"icmp-packet-too-big-sent": 1, "injected": 2}, {"packet-too-big": 1}


@setup(options=("--icmp-unreachable-rate=0", "--icmp-error-rate=0"))
def case_packet_too_big_has_its_own_limit(pop):
    # RFC 4443 §2.4 (f): whatever a scan of the home prefix has used up.
    pop.register()
    pop.send(*(datagram(CORRESPONDENT, f"2001:db8:0:1::5:{number:x}") for number in range(40)))
    inner = sized(CORRESPONDENT, MOBILE_NODE, 1461)
    pop.exchange(inner, "side", packet_too_big(inner, 1460))
    pop.exchange(datagram(CORRESPONDENT, MOBILE_NODE, hlim=1))
    return REGISTERED | {"icmp-packet-too-big-sent": 1, "icmp-rate-limited": 41, "injected": 2}, {
        "no-binding": 40, "packet-too-big": 1, "hop-limit-exceeded": 1}


@setup(options=("--port.wan.mtu=1280",))
def case_outer_fragmentation(pop):
    # RFC 2473 §7.1 (b): the path takes 1280, an inner packet may have 1280, so the outer one is cut.
    pop.register()
    for size in (1241, 1280):
        inner = sized(CORRESPONDENT, MOBILE_NODE, size)
        data = bytes(forwarded(inner))
        room = (1280 - 40 - 8) // 8 * 8
        parts = []
        for at in range(0, len(data), room):
            fragment = IPv6ExtHdrFragment(nh=41, offset=at // 8, m=int(at + room < len(data)), id=0)
            parts.append(Expected(IPv6(src=HOME_AGENT, dst=CARE_OF, hlim=64) / fragment
                                  / Raw(data[at:at + room]),
                                  flow_labels=(0,), identifications=(44,)))
        assert len(parts) == 2
        pop.exchange(inner, "wan", *parts)
    # 1240 + 40 fit, and 1281 is answered with the least that may be said.
    inner = sized(CORRESPONDENT, MOBILE_NODE, 1240)
    pop.exchange(inner, "wan", tunnelled(inner))
    inner = sized(CORRESPONDENT, MOBILE_NODE, 1281)
    pop.exchange(inner, "side", packet_too_big(inner, 1280))
    return REGISTERED | {"encapsulated-to-mobile-node": 3, "fragments-created": 4,
                         "icmp-packet-too-big-sent": 1, "injected": 2}, {"packet-too-big": 1}


def case_path_mtu_of_a_tunnel(pop):
    # A router on the way to the care-of address says 1400: the sender hears 1360, and so does the
    # next one without the router (RFC 2473 §8.1).
    pop.register()
    inner = sized(CORRESPONDENT, MOBILE_NODE, 1450)
    pop.exchange(inner, "wan", tunnelled(inner))
    outer = tunnelled(inner).packet
    error = IPv6(src=A_ROUTER, dst=HOME_AGENT) / ICMPv6PacketTooBig(mtu=1400) / Raw(outer[:1232])
    told = IPv6(src=HOME_AGENT, dst=CORRESPONDENT, hlim=64) / ICMPv6PacketTooBig(mtu=1360)
    pop.exchange(error, "side", told / Raw(outer[40:1232]))
    assert pop.bindings()[MOBILE_NODE]["path_mtu"] == 1400
    pop.exchange(inner, "side", packet_too_big(inner, 1360))
    # Somebody who quotes a packet that was never sent changes nothing.
    forged = tunnelled(inner, OTHER_CARE_OF).packet
    pop.exchange(IPv6(src=A_ROUTER, dst=HOME_AGENT) / ICMPv6PacketTooBig(mtu=1300)
                 / Raw(forged[:1232]))
    assert pop.bindings()[MOBILE_NODE]["path_mtu"] == 1400
    return REGISTERED | {"encapsulated-to-mobile-node": 1, "punted-tunnel-error": 2,
                         "tunnel-errors-received": 2, "tunnel-errors-relayed": 1,
                         "tunnel-errors-foreign": 1, "path-mtu-lowered": 1,
                         "icmp-packet-too-big-sent": 1, "injected": 3}, {"packet-too-big": 1}


def case_care_of_address_unreachable(pop):
    # To the sender it is the mobile node that cannot be reached: code 3 (RFC 2473 §8).
    pop.register()
    inner = datagram(CORRESPONDENT, MOBILE_NODE)
    pop.exchange(inner, "wan", tunnelled(inner))
    outer = tunnelled(inner).packet
    error = IPv6(src=A_ROUTER, dst=HOME_AGENT) / ICMPv6DestUnreach(code=0) / Raw(outer)
    pop.exchange(error, "side", unreachable(forwarded(inner), 3))
    return REGISTERED | {"encapsulated-to-mobile-node": 1, "punted-tunnel-error": 1,
                         "tunnel-errors-received": 1, "tunnel-errors-relayed": 1, "injected": 2}, {}


def case_hop_limit(pop):
    pop.register()
    inner = datagram(CORRESPONDENT, MOBILE_NODE, hlim=1)
    pop.exchange(inner, "side", time_exceeded(inner))
    native = datagram("2001:db8:f5::5", CORRESPONDENT, hlim=1)
    pop.exchange(native, "wan", time_exceeded(native))
    # Out of the tunnel it is a router's hop too; the error goes back into it.
    inner = datagram(MOBILE_NODE, CORRESPONDENT, hlim=1)
    pop.exchange(reverse_tunnelled(inner), "wan", tunnelled(time_exceeded(inner), hops=0))
    return REGISTERED | {"icmp-time-exceeded-sent": 3, "decapsulated-from-mobile-node": 1,
                         "encapsulated-to-mobile-node": 1, "injected": 4}, {"hop-limit-exceeded": 3}


def case_no_binding(pop):
    packet = datagram(CORRESPONDENT, NOBODY)
    pop.exchange(packet, "side", unreachable(packet, 3))
    # Inside a pool of mobile networks it is the same.
    packet = datagram(CORRESPONDENT, "2001:db8:8000:5::42")
    pop.exchange(packet, "side", unreachable(packet, 3))
    # An error is not answered by an error (RFC 4443 §2.4 (e)).
    pop.exchange(IPv6(src=CORRESPONDENT, dst=NOBODY) / ICMPv6DestUnreach(code=1)
                 / Raw(bytes(datagram(NOBODY, CORRESPONDENT))))
    return {"icmp-unreachable-sent": 2, "icmp-forbidden": 1, "injected": 2}, {"no-binding": 3}


def case_unknown_mobility_header(pop):
    # RFC 6275 §9.2: Binding Error with status 2, to the source on the wire.
    unknown = IPv6(src=CARE_OF, dst=HOME_AGENT) / MIP6MH_Generic(mhtype=77, msg=b"\0\0")
    pop.exchange(unknown, "wan", IPv6(src=HOME_AGENT, dst=CARE_OF, hlim=64)
                 / MIP6MH_BE(status=2, ha="::"))
    return {"punted-mobility": 1, "mobility-received": 1, "mobility-unknown-type": 1,
            "binding-errors-sent": 1, "injected": 1}, {}


def case_misshapen_mobility_headers(pop):
    # Header Len below what a Binding Update has; Payload Proto other than 59: Parameter Problem at
    # the byte (RFC 6275 §9.2).
    short = IPv6(src=CARE_OF, dst=HOME_AGENT) / MIP6MH_Generic(mhtype=5, msg=b"\0\1")
    pop.exchange(short, "wan", quoting(ICMPv6ParamProblem(code=0, ptr=41), short))
    proto = IPv6(src=CARE_OF, dst=HOME_AGENT) / MIP6MH_Generic(nh=17, mhtype=5, msg=bytes(10))
    pop.exchange(proto, "wan", quoting(ICMPv6ParamProblem(code=0, ptr=40), proto))
    return {"punted-mobility": 2, "mobility-received": 2, "mobility-too-short": 1,
            "mobility-bad-payload-proto": 1, "parameter-problems-sent": 2, "injected": 2}, {}


def case_unknown_home_address_option(pop):
    # In front of anything but signalling it needs a binding (RFC 6275 §9.3.1).
    packet = (IPv6(src=CARE_OF, dst=HOME_AGENT)
              / IPv6ExtHdrDestOpt(options=[HAO(hoa=MOBILE_NODE)]) / UDP(dport=7) / Raw(b"hello"))
    pop.exchange(packet, "wan", IPv6(src=HOME_AGENT, dst=CARE_OF, hlim=64)
                 / MIP6MH_BE(status=1, ha=MOBILE_NODE))
    return {"punted-discovery": 1, "home-address-without-binding": 1, "binding-errors-sent": 1,
            "injected": 1}, {}


def case_unknown_options(pop):
    # RFC 8200 §4.2, the two highest bits: skip, discard, discard and report.
    def optioned(kind):
        return (IPv6(src=CARE_OF, dst=HOME_AGENT)
                / IPv6ExtHdrDestOpt(options=[HBHOptUnknown(otype=kind, optlen=4, optdata=bytes(4))])
                / ICMPv6EchoRequest())
    pop.exchange(optioned(0x1e))
    pop.exchange(optioned(0x5e))
    reported = optioned(0x9e)
    pop.exchange(reported, "wan", quoting(ICMPv6ParamProblem(code=2, ptr=42), reported))
    return {"icmp-parameter-problem-sent": 1, "injected": 1}, {
        "no-host": 1, "unwanted-option": 1, "unknown-option": 1}
