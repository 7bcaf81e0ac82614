"""Builds the network of a shape: namespaces, wires, addresses, default routes of the hosts.

    one POP                              three POPs

    mn ──┬─ access 1 ─┐                        cn1            cn2            cn3
         └─ access 2 ─┴─ inet ── cn             │              │              │
                           │         access1 ─ inet1 ──────── inet2 ─ access2 │
                          pop                  │  └───────────╱│────────── inet3 ─ access3
                                              pop1          pop2           │
                                                                          pop3

Every two of the routers inet1, inet2, inet3 are linked. mn and mr have a device in every access network,
`lan` is a host behind mr. A POP's `nic` belongs to anyhomed, whose twin in the kernel is called `wan`.
"""
from . import plan
from .network import veth

FORWARDING = {"net.ipv6.conf.all.forwarding": 1}


def build(shape, nodes):
    for node in nodes.values():
        node.create()
    for router in shape.routers:
        nodes[router].sysctl(**FORWARDING)
    for pop in shape.pops:
        _connect_pop(pop, nodes)
    for one, other, link in shape.router_links():
        veth(nodes[one], other, nodes[other], one)
        nodes[one].address(other, f"{link}1/64")
        nodes[other].address(one, f"{link}2/64")
    for access in shape.access:
        _connect_access(access, nodes)
    for correspondent in shape.correspondents:
        _connect_correspondent(correspondent, nodes)
    _connect_mobile_network(nodes)


def _connect_pop(pop, nodes):
    veth(nodes[pop.router], pop.name, nodes[pop.name], "nic")
    # The device belongs to the data path: the kernel must not answer on it as well.
    nodes[pop.name].sysctl(**{"net.ipv6.conf.nic.disable_ipv6": 1})
    nodes[pop.router].address(pop.name, f"{pop.router_address}/64")


def _connect_access(access, nodes):
    """Access networks are bridges in the router, so that several nodes can be in one."""
    router = nodes[access.router]
    router.ip("link", "add", access.bridge, "type", "bridge", "mcast_snooping", 0)
    router.ip("link", "set", access.bridge, "up")
    router.address(access.bridge, f"{access.link}1/64", f"{plan.ROUTER_LINK_LOCAL}/64")
    for host in ("mn", "mr"):
        port = f"{host}{access.number}"
        veth(router, port, nodes[host], access.name)
        router.ip("link", "set", port, "master", access.bridge)
        nodes[host].address(access.name, f"{plan.care_of(access.number, host)}/64")
        nodes[host].ip6("route", "add", "default", "via", plan.ROUTER_LINK_LOCAL, "dev",
                        access.name, "metric", 100 * access.number)


def _connect_correspondent(correspondent, nodes):
    router, host = nodes[correspondent.router], nodes[correspondent.name]
    veth(router, correspondent.name, host, "eth0")
    router.address(correspondent.name, f"{correspondent.link}1/64")
    host.address("eth0", f"{correspondent.address}/64")
    host.ip6("route", "add", "default", "via", f"{correspondent.link}1")


def _connect_mobile_network(nodes):
    router, host = nodes["mr"], nodes["lan"]
    router.sysctl(**FORWARDING)
    veth(router, "lan0", host, "eth0")
    router.address("lan0", f"{plan.MOBILE_NETWORK_ROUTER}/64")
    host.address("eth0", f"{plan.MOBILE_NETWORK_HOST}/64")
    host.ip6("route", "add", "default", "via", plan.MOBILE_NETWORK_ROUTER)
