"""Packets through the tunnels: to mobile nodes, from them, between them (RFC 6275 §10.4, RFC 2473)."""
from scapy.layers.inet6 import (HBHOptUnknown, ICMPv6ParamProblem, IPv6, IPv6ExtHdrDestOpt,
                                IPv6ExtHdrFragment, MIP6MH_BA, MIP6MH_BU, MIP6OptAltCoA)
from scapy.packet import Raw

from case import REGISTERED, TWO_REGISTERED, setup
from packets import (CARE_OF, CORRESPONDENT, HOME_AGENT, MOBILE_NODE, NOBODY, OTHER_CARE_OF,
                     OTHER_MOBILE_NODE, Expected, datagram, forwarded, fragments, payload, quoting,
                     reverse_tunnelled, sized, tunnelled)


def case_encapsulation(pop):
    pop.register()
    for inner in (datagram(CORRESPONDENT, MOBILE_NODE),
                  # Traffic class with its ECN bits is copied (RFC 2473 §6.4, RFC 6040 §4.1), the flow
                  # label of the inner packet stays.
                  datagram(CORRESPONDENT, MOBILE_NODE, tc=0xb9, fl=0x12345, hlim=2),
                  # The largest that fits: 1460 + 40.
                  sized(CORRESPONDENT, MOBILE_NODE, 1460)):
        pop.exchange(inner, "wan", tunnelled(inner))
    return REGISTERED | {"encapsulated-to-mobile-node": 3}, {}


@setup(options=("--copy-traffic-class=no", "--tunnel-hop-limit=200"))
def case_outer_header_as_configured(pop):
    pop.register()
    inner = datagram(CORRESPONDENT, MOBILE_NODE, tc=0xb9)
    outer = IPv6(src=HOME_AGENT, dst=CARE_OF, nh=41, hlim=200, tc=0x01) / forwarded(inner)
    pop.exchange(inner, "wan", Expected(outer, flow_labels=(0,)))
    return REGISTERED | {"encapsulated-to-mobile-node": 1}, {}


def case_reverse_tunnel(pop):
    pop.register()
    inner = datagram(MOBILE_NODE, CORRESPONDENT)
    pop.exchange(reverse_tunnelled(inner), "side", forwarded(inner))
    # The tunnel met congestion: the mark goes on inside (RFC 6040 §4.2).
    inner = datagram(MOBILE_NODE, CORRESPONDENT, tc=0x02)
    marked = forwarded(inner)
    marked.tc = 0x03
    pop.exchange(reverse_tunnelled(inner, tc=0x03), "side", marked)
    # What is behind the inner packet is nobody's.
    inner = datagram(MOBILE_NODE, CORRESPONDENT, 20)
    pop.exchange(reverse_tunnelled(Raw(bytes(inner) + b"trailer")), "side", forwarded(inner))
    return REGISTERED | {"decapsulated-from-mobile-node": 3, "forwarded": 3}, {}


def case_forged_tunnel(pop):
    pop.register()
    inner = datagram(MOBILE_NODE, CORRESPONDENT)
    # Not from the care-of address; from nobody's home address; with something else inside; cut.
    pop.exchange(reverse_tunnelled(inner, care_of=OTHER_CARE_OF))
    pop.exchange(reverse_tunnelled(datagram(NOBODY, CORRESPONDENT)))
    pop.exchange(reverse_tunnelled(datagram(CORRESPONDENT, MOBILE_NODE)))
    pop.exchange(IPv6(src=CARE_OF, dst=HOME_AGENT, nh=41) / payload(60))
    cut = reverse_tunnelled(inner)
    cut.payload.plen = 400
    pop.exchange(cut)
    # The mark of congestion cannot be carried by this one (RFC 6040 §4.2).
    pop.exchange(reverse_tunnelled(inner, tc=0x03))
    return REGISTERED | {"decapsulated-from-mobile-node": 1}, {
        "tunnel-care-of-mismatch": 1, "tunnel-source-unbound": 2, "tunnel-inner-not-ipv6": 1,
        "tunnel-inner-malformed": 1, "congestion-not-expected": 1}


def case_fragmented_tunnel_packet(pop):
    pop.register()
    inner = datagram(MOBILE_NODE, CORRESPONDENT, 200)
    first, last = fragments(inner, 96)
    # In whatever order they come (RFC 2473 §7.2).
    for one, other in ((first, last), (last, first)):
        pop.exchange(one)
        pop.exchange(other, "side", forwarded(inner))
    return REGISTERED | {"reassembled": 2, "decapsulated-from-mobile-node": 2, "forwarded": 2}, {}


@setup(options=("--reassembly-datagrams=0",))
def case_fragments_not_wanted(pop):
    pop.register()
    pop.exchange(fragments(datagram(MOBILE_NODE, CORRESPONDENT, 200), 96)[0])
    return REGISTERED, {"fragment-for-us": 1}


def case_overlapping_fragments(pop):
    pop.register()
    first, last = fragments(datagram(MOBILE_NODE, CORRESPONDENT, 200), 96)
    overlapping = fragments(datagram(MOBILE_NODE, CORRESPONDENT, 200), 88)[1]
    # All of it is dropped, and what follows of it (RFC 5722).
    for one in (first, overlapping, last):
        pop.exchange(one)
    return REGISTERED, {"fragment-overlap": 3}


@setup(options=("--reassembly-timeout=100",))
def case_fragment_that_waits_in_vain(pop):
    pop.register()
    pop.exchange(fragments(datagram(MOBILE_NODE, CORRESPONDENT, 200), 96)[0])
    pop.wait_drops("fragment-timeout", 1)
    return REGISTERED, {"fragment-timeout": 1}


def case_hairpin(pop):
    pop.register()
    pop.register(OTHER_MOBILE_NODE, OTHER_CARE_OF)
    inner = datagram(MOBILE_NODE, OTHER_MOBILE_NODE)
    pop.exchange(reverse_tunnelled(inner), "wan", tunnelled(inner, OTHER_CARE_OF))
    return TWO_REGISTERED | {"decapsulated-from-mobile-node": 1, "encapsulated-to-mobile-node": 1,
                             "hairpinned": 1}, {}


def case_after_a_move(pop):
    pop.register()
    pop.register(care_of=OTHER_CARE_OF, sequence=2)
    inner = datagram(CORRESPONDENT, MOBILE_NODE)
    pop.exchange(inner, "wan", tunnelled(inner, OTHER_CARE_OF))
    # The old care-of address is nobody's now.
    pop.exchange(reverse_tunnelled(datagram(MOBILE_NODE, CORRESPONDENT)))
    return TWO_REGISTERED | {"registered": 1, "moved": 1, "encapsulated-to-mobile-node": 1}, {
        "tunnel-care-of-mismatch": 1}


def case_binding_update_inside_the_tunnel(pop):
    # From the home address, without a Home Address option: refused, and the refusal goes to the home
    # address through the tunnel, too, not out into the Internet.
    pop.register()
    update = MIP6MH_BU(seq=2, flags="AH", mhtime=150, options=[MIP6OptAltCoA(acoa=CARE_OF)])
    inner = IPv6(src=MOBILE_NODE, dst=HOME_AGENT) / update
    answer = (IPv6(src=HOME_AGENT, dst=MOBILE_NODE, hlim=64)
              / MIP6MH_BA(status=128, flags=0, seq=2, mhtime=0))
    pop.exchange(reverse_tunnelled(inner), "wan", tunnelled(answer, hops=0))
    return TWO_REGISTERED | {"registered": 1, "0-accepted": 1, "128-reason-unspecified": 1,
                             "decapsulated-from-mobile-node": 1,
                             "encapsulated-to-mobile-node": 1}, {}


def case_encapsulation_limit(pop):
    # RFC 2473 §4.1.1: the inner packet allows three more, so the outer one says two.
    def limit(next_header, value):
        option = HBHOptUnknown(otype=4, optlen=1, optdata=bytes([value]))
        return IPv6ExtHdrDestOpt(nh=next_header, options=[option])
    pop.register()
    inner = IPv6(src=CORRESPONDENT, dst=MOBILE_NODE) / limit(59, 3)
    outer = (IPv6(src=HOME_AGENT, dst=CARE_OF, hlim=64) / limit(41, 2) / forwarded(inner))
    pop.exchange(inner, "wan", Expected(outer, flow_labels=(0,)))
    # None is allowed: Parameter Problem at the value.
    inner = IPv6(src=CORRESPONDENT, dst=MOBILE_NODE) / limit(59, 0)
    pop.exchange(inner, "side", quoting(ICMPv6ParamProblem(code=0, ptr=44), inner))
    return REGISTERED | {"encapsulated-to-mobile-node": 1, "icmp-parameter-problem-sent": 1,
                         "injected": 2}, {"encapsulation-limit": 1}


@setup(workers=2)
def case_two_workers(pop):
    # A net_pcap port has one queue each way: one worker receives, the other may own the way out.
    pop.register()
    pop.register(OTHER_MOBILE_NODE, OTHER_CARE_OF)
    for home, care_of in ((MOBILE_NODE, CARE_OF), (OTHER_MOBILE_NODE, OTHER_CARE_OF)):
        inner = datagram(CORRESPONDENT, home)
        pop.exchange(inner, "wan", tunnelled(inner, care_of))
        inner = datagram(home, CORRESPONDENT)
        pop.exchange(reverse_tunnelled(inner, care_of), "side", forwarded(inner))
    return TWO_REGISTERED | {"encapsulated-to-mobile-node": 2, "decapsulated-from-mobile-node": 2,
                             "forwarded": 2}, {}
