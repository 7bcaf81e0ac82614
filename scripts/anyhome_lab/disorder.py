"""A router that mistreats some packets. Loss is the kernel's (nftables); for delay, reordering and
duplication they take a way round through this process, over a TUN device."""
import fcntl
import heapq
import os
import random
import select
import struct
import threading
import time

from .shell import run

_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454ca, 0x0001, 0x1000
_DEVICE = "disorder0"
_MARK = "241"  # of packets, and number of the table that leads to the device


def _nft(namespace, script):
    run("ip", "netns", "exec", namespace.name, "nft", "-f", "-", input=script)


class Loss:
    """A router drops a share of the packets that match, from `with` to its end."""

    def __init__(self, namespace, match, percent):
        self._namespace = namespace
        self._script = f"""table ip6 loss {{
          chain forward {{
            type filter hook forward priority 0;
            {match} numgen random mod 100 < {percent} counter drop
          }}
        }}"""

    def __enter__(self):
        _nft(self._namespace, self._script)
        return self

    def __exit__(self, *_):
        _nft(self._namespace, "delete table ip6 loss")

    @property
    def dropped(self):
        words = self._namespace.exec("nft", "list", "table", "ip6", "loss").split()
        return int(words[words.index("packets") + 1])


class Disorder:
    """A router delays packets that match by anything up to `delay` seconds, each for itself, and sends a
    share of them twice."""

    def __init__(self, namespace, match, delay=0.3, twice=0.3, seed=1):
        self.reordered = 0
        self.duplicated = 0
        self._namespace = namespace
        self._match = match
        self._delay = delay
        self._twice = twice
        self._chance = random.Random(seed)
        self._waiting = []  # (when, number of arrival, packet)
        self._arrived = 0
        self._newest_sent = 0
        self._stopping, self._stop = os.pipe()

    def __enter__(self):
        with self._namespace.entered():
            self._tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(self._tun, _TUNSETIFF,
                        struct.pack("16sH14x", _DEVICE.encode(), _IFF_TUN | _IFF_NO_PI))
        self._namespace.ip("link", "set", _DEVICE, "up")
        self._namespace.ip6("route", "add", "default", "dev", _DEVICE, "table", _MARK)
        self._namespace.ip6("rule", "add", "fwmark", _MARK, "lookup", _MARK)
        _nft(self._namespace, f"""table ip6 disorder {{
          chain prerouting {{
            type filter hook prerouting priority -150;
            iifname != "{_DEVICE}" {self._match} meta mark set {_MARK}
          }}
        }}""")
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        _nft(self._namespace, "delete table ip6 disorder")
        os.close(self._stop)
        self._thread.join()
        self._namespace.ip6("rule", "del", "fwmark", _MARK, "lookup", _MARK)
        os.close(self._tun)  # the device and its route go with it
        os.close(self._stopping)

    def _run(self):
        stopping = False
        # What still waits at the end goes out, too.
        while not stopping or self._waiting:
            left = max(0.0, self._waiting[0][0] - time.monotonic()) if self._waiting else None
            watched = [self._tun] if stopping else [self._tun, self._stopping]
            ready = select.select(watched, [], [], left)[0]
            stopping = stopping or self._stopping in ready
            if self._tun in ready:
                self._take(os.read(self._tun, 65536))
            while self._waiting and self._waiting[0][0] <= time.monotonic():
                self._send(heapq.heappop(self._waiting))

    def _take(self, packet):
        self._arrived += 1
        copies = 2 if self._chance.random() < self._twice else 1
        self.duplicated += copies - 1
        for _ in range(copies):
            when = time.monotonic() + self._chance.uniform(0, self._delay)
            heapq.heappush(self._waiting, (when, self._arrived, packet))

    def _send(self, item):
        _, number, packet = item
        self.reordered += number < self._newest_sent
        self._newest_sent = max(self._newest_sent, number)
        os.write(self._tun, packet)
