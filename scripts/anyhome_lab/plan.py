"""Addresses of the one-POP lab. 2001:db8::/32 is for documentation (RFC 3849)."""

HOME_PREFIX = "2001:db8:0:1::/64"
HOME_AGENT = "2001:db8:0:1::1a"
POOL = "2001:db8:8000::/36"

# The POP's link to the Internet, and the locator there.
POP_LINK = "2001:db8:a1::/64"
POP_ROUTER = "2001:db8:a1::1"
LOCATOR = "2001:db8:a1::1a"

# Two access networks; routers end in ::1.
ACCESS = {1: "2001:db8:f1::", 2: "2001:db8:f2::"}
# Both routers have the same link-local address, as a mobile node likes it.
ROUTER_LINK_LOCAL = "fe80::1"

CORRESPONDENT_LINK = "2001:db8:c::/64"
CORRESPONDENT = "2001:db8:c::100"

MOBILE_NODE = "2001:db8:0:1::100"
MOBILE_ROUTER = "2001:db8:0:1::200"
MOBILE_NETWORK = "2001:db8:8000:5::/64"
MOBILE_NETWORK_ROUTER = "2001:db8:8000:5::1"
MOBILE_NETWORK_HOST = "2001:db8:8000:5::42"

# A home address that nobody has.
NOBODY = "2001:db8:0:1::dead"

SPI = 1000
KEYS = {"mn": "000102030405060708090a0b0c0d0e0f", "mr": "0f0e0d0c0b0a09080706050403020100"}


def care_of(access, host):
    """The care-of address of a node in an access network: mn is ::100, mr ::200."""
    return ACCESS[access] + {"mn": "100", "mr": "200"}[host]


DAEMON_CONFIGURATION = f"""\
# Written by scripts/lab.
home-prefix = {HOME_PREFIX}
home-agent-address = {HOME_AGENT}
locator = {LOCATOR}
authentication = rfc4285
nemo-pool = {POOL},64
max-bindings = 4096
max-prefixes = 1024
max-routes = 256
max-neighbors = 256
idle = yes
stop-delay = 300

[port.wan]
device = net_af_packet0
address = {LOCATOR}/64

[mobile-node.mn]
home-address = {MOBILE_NODE}
identifier = mn@example.net
spi = {SPI}
key = {KEYS["mn"]}

[mobile-node.mr]
home-address = {MOBILE_ROUTER}
identifier = mr@example.net
spi = {SPI}
key = {KEYS["mr"]}
prefix = {MOBILE_NETWORK}
"""
