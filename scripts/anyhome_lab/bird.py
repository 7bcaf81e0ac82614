"""BIRD, as a plain process in a namespace: in each region's router, and in each POP on the twin of
anyhomed's port.

The session between the two runs *through* anyhomed, so a killed anyhomed cannot withdraw anything:
BFD on that session does it. There is no graceful restart, which would keep a dead POP's routes.
"""
import re

from . import plan
from .shell import LabError, run

# 100 ms flap on two busy processors.
BFD_INTERVAL = "300 ms"
BFD_MULTIPLIER = 3
HOLD_TIME = 9  # seconds; what remains without BFD

_COMMON = f"""\
# Written by scripts/lab.
router id {{router_id}};
log stderr all;
protocol device {{{{ scan time 10; }}}}
protocol bfd bfd1 {{{{
  interface "{{bfd_interface}}" {{{{
    min rx interval {BFD_INTERVAL}; min tx interval {BFD_INTERVAL}; multiplier {BFD_MULTIPLIER};
  }}}};
}}}}
template bgp quick {{{{
  connect delay time 1; connect retry time 1; error wait time 1, 2; error forget time 2;
  hold time {HOLD_TIME}; graceful restart off;
}}}}
"""


def of_pop(pop, shape):
    """Announces what anyhomed has put into the kernel, and only that; learns the Internet's routes."""
    return _COMMON.format(router_id=f"10.0.1.{pop.number}", bfd_interface="wan") + f"""\
# Routes that anyhomed made. A metric above {plan.READY_METRIC} means that it drains: the graceful shutdown
# community (RFC 8326), and a longer path for those who do not know it.
filter announce {{
  if krt_source != {plan.ROUTE_PROTOCOL} then reject;
  if krt_metric > {plan.READY_METRIC} then {{
    bgp_community.add((65535, 0));
    bgp_path.prepend({plan.OPERATOR_AS});
    bgp_path.prepend({plan.OPERATOR_AS});
  }}
  accept;
}}
protocol kernel {{
  learn; scan time 10;
  ipv6 {{ import where krt_source = {plan.ROUTE_PROTOCOL}; export where source = RTS_BGP; }};
}}
protocol bgp upstream from quick {{
  local {pop.locator} as {plan.OPERATOR_AS};
  neighbor {pop.router_address} as {_as(pop.number)};
  bfd on;
  ipv6 {{ import where net != {pop.link}/64; export filter announce; }};
}}
"""


def of_router(number, shape):
    """A region of the Internet: its own links, its POP, the other regions."""
    router = shape.routers[number - 1]
    pop = shape.pops[number - 1]
    text = _COMMON.format(router_id=f"10.0.0.{number}", bfd_interface=pop.name) + f"""\
filter from_neighbour {{
  if (65535, 0) ~ bgp_community then bgp_local_pref = 0;  # RFC 8326
  accept;
}}
# A customer announces its own prefixes and nothing else.
filter from_pop {{
  if net !~ [ {plan.HOME_PREFIX}, {plan.POOL}{{36,64}} ] then reject;
  if (65535, 0) ~ bgp_community then bgp_local_pref = 0;
  accept;
}}
protocol direct {{ ipv6; }}
protocol kernel {{ ipv6 {{ import none; export where source = RTS_BGP; }}; }}
protocol bgp {pop.name} from quick {{
  local as {_as(number)};
  neighbor {pop.locator} as {plan.OPERATOR_AS};
  bfd on;
  ipv6 {{ import filter from_pop; export all; }};
}}
"""
    for one, other, link in shape.router_links():
        if router in (one, other):
            there, end = (other, 2) if router == one else (one, 1)
            text += f"""\
protocol bgp {there} from quick {{
  local as {_as(number)};
  neighbor {link}{end} as {_as(shape.routers.index(there) + 1)};
  ipv6 {{ import filter from_neighbour; export all; }};
}}
"""
    return text


def _as(region):
    return plan.REGION_AS + region


class Bird:
    """Asks a running BIRD through its socket."""

    def __init__(self, node, directory):
        self.node = node
        self.configuration = directory / f"{node}.bird.conf"
        self.socket = directory / f"{node}.bird.sock"

    @property
    def command(self):
        return ["bird", "-f", "-c", self.configuration, "-s", self.socket]

    def ask(self, *words):
        return run("birdc", "-s", self.socket, *words)

    def session_is_up(self, protocol):
        try:
            return "Established" in self.ask("show", "protocols", protocol)
        except LabError:
            return False

    def bfd_is_up(self):
        try:
            return re.search(r"\bUp\b", self.ask("show", "bfd", "sessions")) is not None
        except LabError:
            return False

    def set_bfd(self, on):
        """Whether BGP is told by BFD; the sessions stay."""
        before, after = ("off", "on") if on else ("on", "off")
        text = self.configuration.read_text(encoding="ascii")
        self.configuration.write_text(text.replace(f"bfd {before};", f"bfd {after};"),
                                      encoding="ascii")
        self.ask("configure")
