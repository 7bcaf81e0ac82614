"""Network namespaces and the wires between them."""
import contextlib
import ctypes
import os
import socket

from .shell import LabError, run

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _set_namespace(descriptor):
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise LabError(f"setns: {os.strerror(ctypes.get_errno())}")


class Namespace:
    """A network namespace, made and removed by us; its name carries the lab's number."""

    def __init__(self, lab_id, node):
        self.node = node
        self.name = f"ah{lab_id}-{node}"

    def create(self):
        run("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")
        # Addresses are ours to give, at once and without duplicate address detection.
        self.sysctl(**{f"net.ipv6.conf.default.{name}": 0
                       for name in ("accept_dad", "accept_ra", "dad_transmits")})

    def delete(self):
        run("ip", "netns", "del", self.name, check=False)

    def ip(self, *words, check=True):
        return run("ip", "-n", self.name, *words, check=check)

    def ip6(self, *words, check=True):
        return run("ip", "-6", "-n", self.name, *words, check=check)

    def exec(self, *words, check=True, timeout=30):
        return run("ip", "netns", "exec", self.name, *words, check=check, timeout=timeout)

    def sysctl(self, **values):
        self.exec("sysctl", "-q", "-w", *(f"{name}={value}" for name, value in values.items()))

    @contextlib.contextmanager
    def entered(self):
        """This thread is in the namespace meanwhile: what it opens belongs there."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            other = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
            try:
                _set_namespace(other)
            finally:
                os.close(other)
            try:
                yield
            finally:
                _set_namespace(own)
        finally:
            os.close(own)

    def socket(self, family, kind, protocol=0):
        """A socket of this namespace, for use by this process."""
        with self.entered():
            return socket.socket(family, kind, protocol)

    def address(self, device, *addresses):
        for address in addresses:
            self.ip6("address", "add", address, "dev", device, "nodad")


def veth(one, one_device, other, other_device, mtu=1500):
    """A wire between two namespaces, up at both ends."""
    one.ip("link", "add", one_device, "type", "veth", "peer", "name", other_device, "netns",
           other.name)
    for namespace, device in ((one, one_device), (other, other_device)):
        # What the kernel leaves to hardware would reach the other end unfinished.
        namespace.exec("ethtool", "-K", device, "tx", "off", "rx", "off", "gso", "off", "tso",
                       "off", "gro", "off", check=False)
        namespace.ip("link", "set", device, "mtu", mtu, "up")
