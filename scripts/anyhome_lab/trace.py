"""The ways of packets through the lab, as the packets themselves went: every node listens for them.

Traceroute cannot tell: a tunnel hides the routers below it. So each namespace gets a packet socket, the
echo requests of a probe have a mark in them, and what the sockets have seen is put in the order of the
kernel's receive times.
"""
import collections
import select
import socket
import struct
import threading

from .probe import Probe
from .shell import LabError

_ETH_P_IPV6 = 0x86dd
_SO_TIMESTAMPNS = 35
_IPV6_HEADER = 40
_NEXT_IPV6, _NEXT_ICMPV6 = 41, 58
_ECHO_REQUEST, _ECHO_REPLY = 128, 129
_ARROWS = "→⇒⇛"


def _keep_receive_times():
    """A socket that wants them, for as long as this program runs. The kernel begins to take the times of
    packets some time after the first such socket is there; until then it gives the time of reading."""
    keeper = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    keeper.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    return keeper


_KEEPER = _keep_receive_times()


class Way:
    """The nodes that a packet came through, each with how it was wrapped when it arrived: → plain, ⇒ in a
    tunnel, ⇛ in two."""

    def __init__(self, start, arrivals):
        self.nodes = [start]
        self.depths = []
        for _, node, depth in arrivals:
            # A device of the same node again (a TUN that unwraps) is no further step.
            if node != self.nodes[-1]:
                self.nodes.append(node)
                self.depths.append(depth)

    @property
    def links(self):
        return len(self.depths)

    def __str__(self):
        return self.nodes[0] + "".join(f" {_ARROWS[min(depth, 2)]} {node}"
                                       for node, depth in zip(self.nodes[1:], self.depths))


class Listener:
    """Hears of every arrival of a probe's packets in every node, from `with` to its end."""

    def __init__(self, lab, probe):
        self.probe = probe
        self.requests = collections.defaultdict(list)  # (nanoseconds, node, depth), by number
        self.replies = collections.defaultdict(list)
        self._nodes = lab.nodes
        self._stopping, self._stop = socket.socketpair()

    def __enter__(self):
        self._sockets = {self._listen(namespace): name for name, namespace in self._nodes.items()}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.close()
        self._thread.join()
        for each in (*self._sockets, self._stopping):
            each.close()

    @staticmethod
    def _listen(namespace):
        # A socket of one protocol hears what comes in, not what goes out: one arrival a node.
        listener = namespace.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_IPV6))
        listener.setblocking(False)
        listener.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        return listener

    def _run(self):
        stopping = False
        while not stopping:
            ready = select.select([*self._sockets, self._stopping], [], [])[0]
            stopping = self._stopping in ready
            # The last look comes after the probe has ended, and takes what is there.
            for listener in (self._sockets if stopping else ready):
                self._take(listener)

    def _take(self, listener):
        while True:
            try:
                packet, control, _, _ = listener.recvmsg(65536, 64)
            except BlockingIOError:
                return
            at = packet.find(self.probe.mark)
            if at >= 0:
                self._note(packet, at, control, self._sockets[listener])

    def _note(self, packet, mark, control, node):
        start, depth = 0, 0
        while packet[start + 6] == _NEXT_IPV6:
            start, depth = start + _IPV6_HEADER, depth + 1
        if packet[start + 6] != _NEXT_ICMPV6:
            return
        number = int.from_bytes(packet[mark + 16:mark + 20], "big")
        arrival = (_received_at(control), node, depth)
        if packet[start + _IPV6_HEADER] == _ECHO_REQUEST:
            self.requests[number].append(arrival)
        elif packet[start + _IPV6_HEADER] == _ECHO_REPLY:
            self.replies[number].append(arrival)

    # ---- Result ----

    def way(self, number=0):
        """Of one request."""
        return Way(self.probe.node, sorted(self.requests[number]))

    def way_back(self, number=0):
        return Way(self.way(number).nodes[-1], sorted(self.replies[number]))

    def ways(self):
        """(way, first number, how many in a row, of them answered), one after the other."""
        rows = []
        for number in range(self.probe.sent):
            way = str(self.way(number))
            answered = number in self.probe.answers
            if rows and rows[-1][0] == way:
                _, first, count, good = rows[-1]
                rows[-1] = (way, first, count + 1, good + answered)
            else:
                rows.append((way, number, 1, int(answered)))
        return rows


def _received_at(control):
    for level, kind, data in control:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
            seconds, nanoseconds = struct.unpack("qq", data)
            return seconds * 10**9 + nanoseconds
    raise LabError("the kernel gave no time for a packet")


class Trace:
    """The way there and the way back of one packet."""

    def __init__(self, listener):
        self.there = listener.way()
        self.back = listener.way_back()
        self.answered = bool(listener.probe.answers)

    def __str__(self):
        there = f"{self.there}   ({self.there.links} links)"
        back = f"{self.back}   ({self.back.links} links)" if self.answered else "no answer"
        return f"{there}\n{back}"


def trace(lab, node, address, source=None):
    """One echo request from a node to an address."""
    probe = Probe(lab, node, address, source, count=1)
    with Listener(lab, probe) as listener:
        with probe:
            pass
    return Trace(listener)
