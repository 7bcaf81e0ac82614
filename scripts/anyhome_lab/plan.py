"""Addresses and shapes of the lab. 2001:db8::/32 is for documentation (RFC 3849).

A shape is a number of regions. Each has a router of the Internet, a POP and correspondents; there are at
least two access networks, one near each POP. With one POP the nodes are called `pop`, `inet` and `cn`;
with more they are numbered: `pop1`, `inet1`, `cn1`, ...
"""
import dataclasses

HOME_PREFIX = "2001:db8:0:1::/64"
POOL = "2001:db8:8000::/36"

# Both routers have the same link-local address, as a mobile node likes it.
ROUTER_LINK_LOCAL = "fe80::1"

MOBILE_NODE = "2001:db8:0:1::100"
MOBILE_ROUTER = "2001:db8:0:1::200"
HOME_ADDRESSES = {"mn": MOBILE_NODE, "mr": MOBILE_ROUTER}
MOBILE_NETWORK = "2001:db8:8000:5::/64"
MOBILE_NETWORK_ROUTER = "2001:db8:8000:5::1"
MOBILE_NETWORK_HOST = "2001:db8:8000:5::42"

# A home address that nobody has.
NOBODY = "2001:db8:0:1::dead"

SPI = 1000
KEYS = {"mn": "000102030405060708090a0b0c0d0e0f", "mr": "0f0e0d0c0b0a09080706050403020100"}
SET_KEY = "00112233445566778899aabbccddeeff"
GROUP = 7

# The operator of the POPs has one AS number, and so every POP originates the home prefix alike; each
# region of the Internet has its own.
OPERATOR_AS = 64500
REGION_AS = 64510

# The kernel route of the home prefix says by its metric what anyhomed wants: to be chosen, or to be
# avoided while it drains.
READY_METRIC = 4096
DRAINING_METRIC = 8192
ROUTE_PROTOCOL = 250


@dataclasses.dataclass(frozen=True)
class Pop:
    """A POP and its link to the Internet."""
    number: int
    name: str
    router: str  # name of the node at the other end of the link
    link: str    # first 64 bits of its addresses

    @property
    def home_agent(self):
        return f"2001:db8:0:1::{self.number}a"

    @property
    def locator(self):
        return f"{self.link}{self.number}a"

    @property
    def router_address(self):
        return f"{self.link}1"


@dataclasses.dataclass(frozen=True)
class Correspondent:
    name: str
    router: str
    link: str

    @property
    def address(self):
        return f"{self.link}100"


@dataclasses.dataclass(frozen=True)
class Access:
    """An access network: a bridge in its router."""
    number: int
    router: str

    @property
    def name(self):
        return f"acc{self.number}"

    @property
    def bridge(self):
        return f"access{self.number}"

    @property
    def link(self):
        return f"2001:db8:f{self.number}::"


def care_of(access, host):
    """The care-of address of a node in an access network: mn is ::100, mr ::200."""
    return f"2001:db8:f{access}::" + {"mn": "100", "mr": "200"}[host]


class Shape:
    """Where everything is, for a number of POPs from 1 to 5."""

    def __init__(self, pops):
        self.count = pops

        def name(kind, number):
            return kind if pops == 1 else f"{kind}{number}"
        regions = range(1, pops + 1)
        self.routers = [name("inet", number) for number in regions]
        # POP links are numbered as in a1, b2, c3.
        self.pops = [Pop(number, name("pop", number), name("inet", number),
                         f"2001:db8:{9 + number:x}{number}::") for number in regions]
        self.correspondents = [
            Correspondent(name("cn", number), name("inet", number),
                          "2001:db8:c::" if pops == 1 else f"2001:db8:c:{number}::")
            for number in regions]
        self.access = [Access(number, name("inet", min(number, pops)))
                       for number in range(1, max(2, pops) + 1)]

    @property
    def nodes(self):
        return [*(pop.name for pop in self.pops), *self.routers, "mn", "mr", "lan",
                *(correspondent.name for correspondent in self.correspondents)]

    def pop(self, name):
        return next(pop for pop in self.pops if pop.name == name)

    def correspondent(self, number):
        return self.correspondents[number - 1]

    def router_links(self):
        """Every two regions are one hop apart: (router, router, first 64 bits of the link)."""
        return [(self.routers[one - 1], self.routers[other - 1], f"2001:db8:e:{one}{other}::")
                for one in range(1, self.count + 1) for other in range(one + 1, self.count + 1)]

    def configuration(self, name):
        """What anyhomed of a POP reads."""
        pop = self.pop(name)
        text = f"""\
# Written by scripts/lab.
home-prefix = {HOME_PREFIX}
home-agent-address = {pop.home_agent}
locator = {pop.locator}
authentication = rfc4285
nemo-pool = {POOL},64
max-bindings = 4096
max-prefixes = 1024
max-routes = 256
max-neighbors = 256
idle = yes
stop-delay = 300
"""
        peers = [peer for peer in self.pops if peer is not pop]
        if peers:
            text += f"""\
replay-protection = timestamp
group-id = {GROUP}
set-key = {SET_KEY}
link-is-secure = yes
"""
        text += f"""
[port.wan]
device = net_af_packet0
address = {pop.locator}/64
"""
        if peers:
            text += "haha = yes\n"
        for peer in peers:
            text += f"""
[peer.{peer.name}]
home-agent-address = {peer.home_agent}
locator = {peer.locator}
"""
        for host, home in HOME_ADDRESSES.items():
            text += f"""
[mobile-node.{host}]
home-address = {home}
identifier = {host}@example.net
spi = {SPI}
key = {KEYS[host]}
"""
        return text + f"prefix = {MOBILE_NETWORK}\n"


ONE_POP = Shape(1)
THREE_POPS = Shape(3)

# Names of the one-POP lab.
HOME_AGENT = ONE_POP.pops[0].home_agent
LOCATOR = ONE_POP.pops[0].locator
POP_ROUTER = ONE_POP.pops[0].router_address
CORRESPONDENT = ONE_POP.correspondents[0].address
DAEMON_CONFIGURATION = ONE_POP.configuration("pop")
