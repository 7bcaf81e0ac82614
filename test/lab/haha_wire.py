"""The messages between home agents, written a second time: from what docs/protocol.md says about their
bytes, and from nothing of the daemon's code. set_member.py speaks with them.
"""
import dataclasses
import ipaddress
import struct

from scapy.layers.inet6 import IPv6
from scapy.packet import Raw

MOBILITY, NOTHING = 135, 59
HELLO, SYNC = 240, 241
REQUEST, REPLY, ACKNOWLEDGEMENT = 0, 1, 2
BINDING, STATUS, AAA, ADDRESS = 240, 241, 242, 243
PREFIX, VENDOR, TIMESTAMP, RESTART = 6, 19, 27, 28
ENTERPRISE = 32473
DIGEST, BUCKET, RETURNED = 1, 2, 3

# Where an option of a type may start: (modulus, remainder).
ALIGNED = {BINDING: (8, 2), STATUS: (8, 2), ADDRESS: (8, 4), PREFIX: (8, 4), VENDOR: (4, 2),
           TIMESTAMP: (8, 2), RESTART: (4, 2), AAA: (1, 0)}

DIGEST_BITS = 8
BUCKETS = 1 << DIGEST_BITS
SUMS = 30  # in an option, whose length has 8 bits


def packed(address):
    return ipaddress.ip_address(address).packed


def text(octets):
    return str(ipaddress.ip_address(octets))


class Malformed(Exception):
    """The chain of options runs past the end of the message, or something is too short."""


@dataclasses.dataclass(frozen=True, order=True)
class Version:
    """V of rulings §3: what is newer is greater."""
    time: int = 0  # 48.16
    locator: bytes = bytes(16)
    change: int = 0


@dataclasses.dataclass
class Binding:
    """A Binding Cache Information option and what belongs to it."""
    home: str
    lifetime: int = 0  # seconds
    care_of: str = "::"
    flags: int = 0xC000  # A, H
    sequence: int = 0
    change: int = 0
    time: int = 0
    prefixes: tuple = ()
    returned: bool = False

    @property
    def is_end_mark(self):
        return self.home == "::"


# ---- Writing ----

def _pad(size):
    return b"" if size == 0 else b"\0" if size == 1 else bytes([1, size - 2]) + bytes(size - 2)


def with_options(fixed, options):
    """A Mobility Header's bytes with options, each where it may be, and the end padded."""
    message = fixed
    for kind, value in options:
        modulus, remainder = ALIGNED[kind]
        message += _pad((remainder - len(message)) % modulus)
        message += bytes([kind, len(value)]) + value
    message += _pad(-len(message) % 8)
    return message[:1] + bytes([len(message) // 8 - 1]) + message[2:]


def packet(source, destination, message):
    """From locator to locator, with its checksum."""
    message = message[:4] + b"\0\0" + message[6:]
    message = message[:4] + checksum(source, destination, message).to_bytes(2, "big") + message[6:]
    return IPv6(src=source, dst=destination, nh=MOBILITY) / Raw(message)


def checksum(source, destination, message):
    words = packed(source) + packed(destination) + struct.pack(">II", len(message), MOBILITY) + message
    total = sum(struct.unpack(f">{len(words) // 2}H", words))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def vendor(subtype, data=b""):
    return VENDOR, struct.pack(">IB", ENTERPRISE, subtype) + data


def restart(epoch):
    return RESTART, struct.pack(">I", epoch)


def _common(kind):
    return bytes([NOTHING, 0, kind, 0, 0, 0])


def hello(sequence, lifetime, interval, group, active, answer, options, is_global=True):
    flags = 0x80 * active | 0x40 * answer | 0x20 * is_global
    return with_options(_common(HELLO) + struct.pack(">HHHHBB", sequence, 0, lifetime, interval, group,
                                                     flags), options)


def sync(kind, identifier, options, acknowledge=False, is_global=True):
    return with_options(_common(SYNC) + struct.pack(
        ">BBH", kind, 0x80 * acknowledge | 0x40 * is_global, identifier), options)


def reply(identifier, bindings, **flags):
    options = []
    for one in bindings:
        options.append((BINDING, struct.pack(">HHHH", one.flags, one.sequence, one.lifetime // 4,
                                             one.change) + packed(one.home) + packed(one.care_of)))
        if not one.is_end_mark:
            options.append((TIMESTAMP, struct.pack(">Q", one.time)))
        for prefix in one.prefixes:
            network = ipaddress.ip_network(prefix)
            options.append((PREFIX, bytes([0, network.prefixlen]) + network.network_address.packed))
        if one.returned:
            options.append(vendor(RETURNED))
    return sync(REPLY, identifier, options, acknowledge=True, **flags)


def acknowledgement(identifier, statuses):
    return sync(ACKNOWLEDGEMENT, identifier, [(STATUS, bytes([status, 0, 0, 0]) + packed(home))
                                              for home, status in statuses.items()])


# ---- Reading ----

def options_of(message, at):
    while at < len(message):
        if message[at] == 0:
            at += 1
            continue
        if at + 2 > len(message) or at + 2 + message[at + 1] > len(message):
            raise Malformed(f"an option at {at} of {len(message)} bytes")
        if message[at] != 1:
            yield message[at], message[at + 2:at + 2 + message[at + 1]]
        at += 2 + message[at + 1]


def vendor_of(value):
    """(sub-type, data) of an option of ours, else None."""
    if len(value) < 5 or value[:4] != ENTERPRISE.to_bytes(4, "big"):
        return None
    return value[4], value[5:]


def bindings_of(options):
    found = []
    for kind, value in options:
        if kind == BINDING:
            if len(value) < 40:
                raise Malformed("a Binding Cache Information option that is too short")
            flags, sequence, lifetime, change = struct.unpack_from(">HHHH", value)
            found.append(Binding(text(value[8:24]), lifetime * 4, text(value[24:40]), flags, sequence,
                                 change))
        elif kind in (TIMESTAMP, PREFIX, VENDOR, AAA) and not found:
            raise Malformed("something belongs to no binding")
        elif kind == TIMESTAMP:
            found[-1].time = struct.unpack(">Q", value)[0]
        elif kind == PREFIX:
            found[-1].prefixes += (f"{text(value[2:18])}/{value[1]}",)
        elif kind == VENDOR and (vendor_of(value) or (0,))[0] == RETURNED:
            found[-1].returned = True
    return found


# ---- Digests ----

_WORD = (1 << 64) - 1


def siphash(key, data):
    """SipHash-2-4, from the paper."""
    def left(value, bits):
        return (value << bits | value >> (64 - bits)) & _WORD

    def rounds(count):
        nonlocal a, b, c, d
        for _ in range(count):
            a, c = (a + b) & _WORD, (c + d) & _WORD
            b, d = left(b, 13) ^ a, left(d, 16) ^ c
            a = left(a, 32)
            c, a = (c + b) & _WORD, (a + d) & _WORD
            b, d = left(b, 17) ^ c, left(d, 21) ^ a
            c = left(c, 32)
    k0, k1 = struct.unpack("<QQ", key)
    a, b = k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d
    c, d = k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573
    end = len(data) // 8 * 8
    last = int.from_bytes(data[end:], "little") | (len(data) & 0xff) << 56
    for word in (*struct.unpack(f"<{end // 8}Q", data[:end]), last):
        d ^= word
        rounds(2)
        a ^= word
    c ^= 0xff
    rounds(4)
    return a ^ b ^ c ^ d


def bucket_of(key, home):
    return siphash(key, packed(home)) % BUCKETS


def sum_of(key, home, version, care_of, prefixes):
    head = packed(home) + struct.pack(">QH", version.time, version.change) + packed(care_of)
    networks = [ipaddress.ip_network(prefix) for prefix in prefixes]
    return siphash(key, head) + sum(
        siphash(key, head + bytes([network.prefixlen]) + network.network_address.packed)
        for network in networks)


def digest_option(last_identifier, first, count, sums):
    part = sums[first:first + SUMS]
    return vendor(DIGEST, struct.pack(f">HBHI{len(part)}Q", last_identifier, DIGEST_BITS, first, count,
                                      *part))


def digest_of(data):
    """(last Identifier, bits, count, {bucket: sum})."""
    last, bits, first, count = struct.unpack_from(">HBHI", data)
    sums = struct.unpack_from(f">{(len(data) - 9) // 8}Q", data, 9)
    return last, bits, count, dict(enumerate(sums, first))


# ---- Trying oneself ----

def check():
    """Against the reference's own vector, and a message of test/data/vectors.txt."""
    assert siphash(bytes(range(16)), bytes(range(15))) == 0xa129ca6149be45e5
    known = reply(0x0202, [Binding(
        "2001:db8:0:1::100", 300, "2001:db8:ff::100", 0xC400, 16, 0, 0x6955b9000000,
        ("2001:db8:0:100::/64", "2001:db8:0:200::/56"))])
    whole = bytes(packet("2001:db8:a1::1a", "2001:db8:b2::2a", known))[40:]
    assert whole[:8].hex() == "3b0df100b4c501c0" and len(whole) == 112, whole.hex()
