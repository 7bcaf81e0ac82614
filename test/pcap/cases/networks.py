"""Mobile networks, discovery, and native packets (RFC 3963, RFC 6275 §10.5)."""
from scapy.layers.inet import TCP
from scapy.layers.inet6 import (HAO, ICMPv6EchoRequest, ICMPv6HAADReply, ICMPv6HAADRequest,
                                ICMPv6MPAdv, ICMPv6MPSol, ICMPv6ND_NS, ICMPv6NDOptPrefixInfo, IPv6,
                                IPv6ExtHdrDestOpt, IPv6ExtHdrRouting, MIP6MH_BE,
                                MIP6OptMobNetPrefix)
from scapy.layers.l2 import ARP, Ether

from case import REGISTERED, setup
from packets import (CARE_OF, CORRESPONDENT, DISCOVERY, HOME_AGENT, MOBILE_NODE, OTHER_MOBILE_NODE,
                     WAN_ADDRESS, WAN_ROUTER, WAN_ROUTER_MAC, binding_acknowledgement, binding_update,
                     datagram, forwarded, frame, reverse_tunnelled, tunnelled, unreachable)

NETWORK = "2001:db8:8000:5::"
HOST = "2001:db8:8000:5::42"


def case_mobile_network(pop):
    # Explicit mode: the prefix is in the Binding Update; R in the answer says that it is served.
    prefix = MIP6OptMobNetPrefix(prefix=NETWORK, plen=64)
    pop.exchange(binding_update(flags="AHR", options=[prefix]), "wan",
                 binding_acknowledgement(flags="R"))
    assert pop.bindings()[MOBILE_NODE]["prefixes"] == f"{NETWORK}/64"
    inner = datagram(CORRESPONDENT, HOST)
    pop.exchange(inner, "wan", tunnelled(inner))
    inner = datagram(HOST, CORRESPONDENT)
    pop.exchange(reverse_tunnelled(inner), "side", forwarded(inner))
    # Not this mobile router's.
    pop.exchange(reverse_tunnelled(datagram("2001:db8:8000:6::42", CORRESPONDENT)))
    # De-registered, prefix and all (RFC 3963 §6.4).
    pop.exchange(binding_update(flags="AHR", sequence=2, lifetime=0), "wan",
                 binding_acknowledgement(flags="R", sequence=2, lifetime=0))
    inner = datagram(CORRESPONDENT, HOST)
    pop.exchange(inner, "side", unreachable(inner, 3))
    return {"punted-mobility": 2, "mobility-received": 2, "binding-update-received": 2,
            "registered": 1, "deregistered": 1, "acknowledgements-sent": 2, "0-accepted": 2,
            "encapsulated-to-mobile-node": 1, "decapsulated-from-mobile-node": 1, "forwarded": 1,
            "icmp-unreachable-sent": 1, "injected": 3}, {
        "tunnel-source-unbound": 1, "no-binding": 1}


def case_prefix_of_somebody_else(pop):
    # All or nothing: status 142, and no binding (RFC 3963 §6.1.2).
    prefix = MIP6OptMobNetPrefix(prefix="2001:db8:7777::", plen=64)
    pop.exchange(binding_update(flags="AHR", options=[prefix]), "wan",
                 binding_acknowledgement(flags="R", status=142, lifetime=0))
    assert not pop.bindings()
    return {"punted-mobility": 1, "mobility-received": 1, "binding-update-received": 1,
            "acknowledgements-sent": 1, "142-not-authorized-for-prefix": 1, "injected": 1}, {}


def case_home_agent_discovery(pop):
    for router in (0, 1):
        pop.exchange(IPv6(src=CARE_OF, dst=DISCOVERY) / ICMPv6HAADRequest(id=0x4711 + router,
                                                                          R=router),
                     "wan", IPv6(src=HOME_AGENT, dst=CARE_OF, hlim=64)
                     / ICMPv6HAADReply(id=0x4711 + router, R=router, addresses=[HOME_AGENT]))
    pop.exchange(IPv6(src=CARE_OF, dst=DISCOVERY) / ICMPv6HAADRequest(id=1, R=0, cksum=0xbad))
    return {"punted-discovery": 3, "discovery-requests": 3, "discovery-replies": 2,
            "discovery-malformed": 1, "injected": 2}, {}


def case_prefix_solicitation(pop):
    pop.register()
    home = IPv6ExtHdrDestOpt(options=[HAO(hoa=MOBILE_NODE)])
    pop.exchange(
        IPv6(src=CARE_OF, dst=HOME_AGENT) / home / ICMPv6MPSol(id=0x99),
        "wan",
        IPv6(src=HOME_AGENT, dst=CARE_OF, hlim=64)
        / IPv6ExtHdrRouting(type=2, segleft=1, addresses=[MOBILE_NODE])
        / ICMPv6MPAdv(id=0x99, flags=0)
        / ICMPv6NDOptPrefixInfo(prefixlen=64, L=1, A=1, R=1, validlifetime=0xffffffff,
                                preferredlifetime=0xffffffff, prefix=HOME_AGENT))
    # Without a binding: Binding Error, as for anything with that option.
    stranger = IPv6ExtHdrDestOpt(options=[HAO(hoa=OTHER_MOBILE_NODE)])
    pop.exchange(IPv6(src=CARE_OF, dst=HOME_AGENT) / stranger / ICMPv6MPSol(id=1), "wan",
                 IPv6(src=HOME_AGENT, dst=CARE_OF, hlim=64)
                 / MIP6MH_BE(status=1, ha=OTHER_MOBILE_NODE))
    return REGISTERED | {"punted-discovery": 2, "prefix-solicitations": 1, "prefix-advertisements": 1,
                         "home-address-without-binding": 1, "binding-errors-sent": 1,
                         "injected": 3}, {}


def case_native_packets(pop):
    packet = datagram("2001:db8:f5::5", CORRESPONDENT)
    pop.exchange(packet, "side", forwarded(packet))
    packet = datagram("2001:db8:f5::5", "2001:db8:77::1")
    pop.exchange(packet, "wan", forwarded(packet))
    # A home address as source outside of a tunnel: somebody's forgery.
    pop.exchange(datagram(MOBILE_NODE, CORRESPONDENT))
    # Sources and destinations that nobody can have, and what does not leave its link.
    pop.exchange(datagram("ff02::1", CORRESPONDENT))
    pop.exchange(datagram("::", CORRESPONDENT))
    pop.exchange(datagram("2001:db8:f5::5", "::1"))
    pop.exchange(datagram("fe80::5", CORRESPONDENT))
    return {"forwarded": 2}, {
        "home-source-outside-tunnel": 1, "invalid-source": 2, "invalid-destination": 1,
        "link-local-source": 1}


@setup(options=("--port.wan.home-link=yes",))
def case_home_link(pop):
    packet = datagram(MOBILE_NODE, CORRESPONDENT)
    pop.exchange(packet, "side", forwarded(packet))
    return {"forwarded": 1}, {}


def case_no_host_in_static_mode(pop):
    # Neighbour discovery, echo, BGP and ARP are a host's, and there is none: counted, not answered.
    pop.exchange(IPv6(src=WAN_ROUTER, dst=WAN_ADDRESS) / ICMPv6ND_NS(tgt=WAN_ADDRESS))
    pop.exchange(IPv6(src=CORRESPONDENT, dst=HOME_AGENT) / ICMPv6EchoRequest())
    pop.exchange(IPv6(src=WAN_ROUTER, dst=WAN_ADDRESS) / TCP(sport=1024, dport=179, flags="S"))
    pop.exchange(bytes(Ether(src=WAN_ROUTER_MAC, dst="ff:ff:ff:ff:ff:ff") / ARP()))
    pop.exchange(frame(IPv6(src=WAN_ROUTER, dst="ff02::1:ff00:1a") / ICMPv6ND_NS(tgt=WAN_ADDRESS),
                       WAN_ROUTER_MAC, "33:33:ff:00:00:1a"))
    return {}, {"no-host": 4, "other-ethertype": 1}


def case_frames_of_others(pop):
    packet = datagram(CORRESPONDENT, MOBILE_NODE)
    good = frame(packet, WAN_ROUTER_MAC, pop.macs["wan"])
    pop.exchange(frame(packet, WAN_ROUTER_MAC, "02:00:00:00:99:99"))
    pop.exchange(good[:15])
    pop.exchange(good[:14] + b"\x40" + good[15:])            # version 4
    pop.exchange(good[:18] + b"\x08\x00" + good[20:])        # payload length 2048
    pop.exchange(frame(packet, WAN_ROUTER_MAC, pop.macs["wan"], vlan=7))
    return {}, {"other-destination-mac": 1, "frame-too-short": 1, "bad-version": 1,
                "bad-payload-length": 1, "other-vlan": 1}


@setup(options=("--port.wan.vlan=7",), vlans={"wan": 7})
def case_vlan(pop):
    # Tagged in, tagged out; the other port has none.
    pop.register()
    inner = datagram(CORRESPONDENT, MOBILE_NODE)
    pop.exchange(inner, "wan", tunnelled(inner))
    inner = datagram(MOBILE_NODE, CORRESPONDENT)
    pop.exchange(reverse_tunnelled(inner), "side", forwarded(inner))
    inner = datagram(CORRESPONDENT, MOBILE_NODE)
    pop.exchange(frame(inner, WAN_ROUTER_MAC, pop.macs["wan"]))
    pop.exchange(frame(inner, WAN_ROUTER_MAC, pop.macs["wan"], vlan=8))
    # The priority bits are not the VLAN's number.
    tagged = frame(inner, WAN_ROUTER_MAC, pop.macs["wan"], vlan=7)
    pop.exchange(tagged[:14] + b"\xa0" + tagged[15:], "wan", tunnelled(inner))
    return REGISTERED | {"encapsulated-to-mobile-node": 2, "decapsulated-from-mobile-node": 1,
                         "forwarded": 1}, {"other-vlan": 2}
