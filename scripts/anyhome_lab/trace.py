"""The way of one packet through the lab, as the packet itself went: every node listens for it.

Traceroute cannot tell: a tunnel hides the routers below it. So each namespace gets a packet socket, one
echo request with a mark in it is sent, and what the sockets have seen is put in the order of the kernel's
receive times.
"""
import ctypes
import os
import secrets
import socket
import struct

from .shell import LabError, run

_ETH_P_IPV6 = 0x86dd
_SO_TIMESTAMPNS = 35
_CLONE_NEWNET = 0x40000000
_IPV6_HEADER = 40
_NEXT_IPV6, _NEXT_ICMPV6 = 41, 58
_ECHO_REQUEST, _ECHO_REPLY = 128, 129


class Arrival:
    """The packet comes in somewhere."""

    def __init__(self, time, node, depth):
        self.time = time    # nanoseconds
        self.node = node
        self.depth = depth  # IPv6 headers around the packet


class Way:
    """The nodes that a packet came through, each with how it was wrapped when it arrived."""

    def __init__(self, start, arrivals):
        self.nodes = [start]
        self.depths = []
        self.nanoseconds = arrivals[-1].time - arrivals[0].time if arrivals else 0
        for arrival in arrivals:
            # A device of the same node again (a TUN that unwraps) is no further step.
            if arrival.node != self.nodes[-1]:
                self.nodes.append(arrival.node)
                self.depths.append(arrival.depth)

    @property
    def links(self):
        return len(self.nodes) - 1

    def __str__(self):
        arrows = {0: "→", 1: "⇒"}
        text = self.nodes[0]
        for node, depth in zip(self.nodes[1:], self.depths):
            text += f" {arrows.get(depth, '⇛')} {node}"
        return text


class Trace:
    """The way there and the way back."""

    def __init__(self, there, back, answered):
        self.there = there
        self.back = back
        self.answered = answered

    def picture(self):
        lines = [f"{self.there}   ({self.there.links} links)"]
        if self.answered:
            lines.append(f"{self.back}   ({self.back.links} links)")
        else:
            lines.append("no answer")
        return "\n".join(lines)


def trace(lab, node, address, source=None):
    """One echo request from a node to an address. → plain, ⇒ in a tunnel, ⇛ in two."""
    mark = secrets.token_bytes(16)
    listeners = {name: _listen(namespace.name) for name, namespace in lab.nodes.items()}
    try:
        output = run("ip", "netns", "exec", lab.nodes[node].name, "ping", "-c", "1", "-W", "2",
                     "-s", "64", "-p", mark.hex(), *(["-I", source] if source else []), address,
                     check=False)
        seen = sorted((found for name, listener in listeners.items()
                       for found in _arrivals(listener, name, mark)), key=lambda each: each[1].time)
    finally:
        for listener in listeners.values():
            listener.close()
    there = [arrival for kind, arrival in seen if kind == _ECHO_REQUEST]
    back = [arrival for kind, arrival in seen if kind == _ECHO_REPLY]
    if not there:
        raise LabError(f"nobody has seen the packet from {node} to {address}\n{output}")
    way = Way(node, there)
    return Trace(way, Way(way.nodes[-1], back), " 0% packet loss" in output)


def _listen(namespace):
    """A packet socket of another network namespace, for what comes in."""
    libc = ctypes.CDLL(None, use_errno=True)
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        other = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
        try:
            if libc.setns(other, _CLONE_NEWNET) != 0:
                raise LabError(f"setns {namespace}: {os.strerror(ctypes.get_errno())}")
            try:
                listener = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM,
                                         socket.htons(_ETH_P_IPV6))
            finally:
                if libc.setns(own, _CLONE_NEWNET) != 0:
                    raise LabError("cannot return to the own network namespace")
        finally:
            os.close(other)
    finally:
        os.close(own)
    listener.setblocking(False)
    listener.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    return listener


def _arrivals(listener, node, mark):
    while True:
        try:
            packet, control, _, _ = listener.recvmsg(65536, 64)
        except BlockingIOError:
            return
        if mark not in packet:
            continue
        time = next(seconds * 10**9 + nanoseconds for level, kind, data in control
                    if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS)
                    for seconds, nanoseconds in [struct.unpack("qq", data)])
        at, depth = 0, 0
        while packet[at + 6] == _NEXT_IPV6:
            at, depth = at + _IPV6_HEADER, depth + 1
        if packet[at + 6] == _NEXT_ICMPV6:
            yield packet[at + _IPV6_HEADER], Arrival(time, node, depth)
