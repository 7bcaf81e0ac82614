#!/usr/bin/python3
"""The Wireshark dissector reads the golden vectors and what our codecs build, names what is wrong with
broken messages, and falls over nothing.

Usage: check_dissector.py SAMPLES-PROGRAM DISSECTOR VECTORS
"""
import ipaddress
import json
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile

WARN = 0x600000  # PI_WARN; PI_ERROR is larger
HELLO, SS = 240, 241
LOCATORS = tuple(ipaddress.ip_address(a) for a in ("2001:db8:a1::1a", "2001:db8:b2::2a"))

# What the Info column says of each golden vector, in the order of the file.
GOLDEN = [
    "HA-HELLO seq 1 group 7 [ARG] lifetime 30 s",
    "SS-REP 258 [AG] 2001:db8:0:1::100 at :: for 300 s",
    "SS-REP 259 [AG] 2001:db8:0:1::100 at :: for 300 s",
    "SS-REQ 7 [G] ",
    "SS-ACK 258 [G] 2001:db8:0:1::100: success",
    "SS-ACK 260 [G] 2001:db8:0:1::100: success, 2001:db8:0:1::101: reason unspecified",
    "Home Agent Switch to 2001:db8:0:1::2a",
    "Binding Update",
    "Binding Acknowledgement",
    "Binding Error",
    "HA-HELLO seq 1 group 7 [RG] lifetime 3 s",
    "SS-REP 513 [AG] 2001:db8:0:1::100 at 2001:db8:ff::100 for 300 s",
    "SS-REP 514 [AG] 2001:db8:0:1::100 at 2001:db8:ff::100 for 300 s",
    "SS-REP 515 [AG] 2001:db8:0:1::100 withdrawn",
    "SS-REP 516 [AG] end mark of request 7",
    "SS-REQ 7 [G] ",
]
# A status other than 0 is worth a warning.
GOLDEN_MARKS = {5: ["anyhome.expert.refused"]}


class Checker:
    def __init__(self, dissector):
        self.dissector = dissector
        self.checked = 0
        self.failed = 0

    def check(self, good, what):
        self.checked += 1
        if not good:
            self.failed += 1
            print(f"FAILED: {what}")

    def decode(self, packets, *options):
        """Of each packet: the Info column, the fields, the names of the marks of WARN and above."""
        with tempfile.NamedTemporaryFile(suffix=".pcap") as pcap:
            write_pcap(pcap.name, packets)
            done = subprocess.run(
                ["tshark", "-n", "-2", "-X", f"lua_script:{self.dissector}", *options, "-r",
                 pcap.name, "-T", "json", "-e", "_ws.col.Info", "-e", "_ws.expert.severity", "-e",
                 "_ws.expert.message", "-e", "_ws.malformed", "-e", "anyhome.mh_type", "-e",
                 "anyhome.timestamp", "-e", "anyhome.prefix", "-e", "anyhome.restart_counter", "-e",
                 "anyhome.ss.acknowledged_in", "-e", "anyhome.ss.retransmission_of", "-e",
                 "anyhome.digest.bucket", "-e", "anyhome.digest.sum", "-e", "anyhome.vendor.subtype",
                 "-e", "mip6.mhtype"],
                check=True, capture_output=True, text=True)
        self.check("Lua" not in done.stderr, f"the dissector complains: {done.stderr[:300]}")
        return [frame["_source"]["layers"] for frame in json.loads(done.stdout)]


def write_pcap(path, packets):
    linktype_ipv6 = 229
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, linktype_ipv6))
        for packet in packets:
            file.write(struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet)


def marks(layers):
    return [text for severity, text in zip(layers.get("_ws.expert.severity", []),
                                           layers.get("_ws.expert.message", []))
            if int(severity) >= WARN]


# ---- Packets ----------------------------------------------------------------------------------

def ip(payload, source=LOCATORS[0], destination=LOCATORS[1], next_header=135):
    return (struct.pack(">IHBB", 6 << 28, len(payload), next_header, 64) + source.packed
            + destination.packed + payload)


def sealed(message, source=LOCATORS[0], destination=LOCATORS[1]):
    """A Mobility Header with the right checksum, in its packet."""
    message = bytes(message[:4]) + b"\0\0" + bytes(message[6:])
    pseudo = source.packed + destination.packed + struct.pack(">II", len(message), 135) + message
    total = sum(struct.unpack(f">{len(pseudo) // 2}H", pseudo))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    message = message[:4] + struct.pack(">H", total ^ 0xffff) + message[6:]
    return ip(message, source, destination)


def message(kind, body):
    """Pads a message to 8 bytes by Pad1 and gives it a header."""
    body += b"\0" * (-(len(body) + 6) % 8)
    return bytes([59, (len(body) + 6) // 8 - 1, kind, 0, 0, 0]) + body


def hello(options=b"", lifetime=3, interval=1, flags=0xe0, preference=0):
    return message(HELLO, struct.pack(">HHHHBB", 1, preference, lifetime, interval, 7, flags)
                   + options)


def ss(kind, options=b"", flags=0xc0, identifier=9):
    return message(SS, struct.pack(">BBH", kind, flags, identifier) + options)


def option(kind, data):
    return bytes([kind, len(data)]) + data


HOME = ipaddress.ip_address("2001:db8:0:1::100").packed
BCI = option(240, struct.pack(">HHHH", 0xc000, 15, 75, 0) + HOME + bytes(16))
TIME = option(27, struct.pack(">Q", 1767225600 << 16))
STATUS = option(241, bytes(4) + HOME)


def prefix(length, address="2001:db8:8000:5::"):
    return option(6, bytes([0, length]) + ipaddress.ip_address(address).packed)


def vendor(subtype, data=b"", enterprise=32473):
    return option(19, struct.pack(">IB", enterprise, subtype) + data)


# name: (packet, text of the mark or None)
BROKEN = {
    "a good reply": (sealed(ss(1, BCI + TIME + prefix(64))), None),
    "a longer option": (sealed(ss(1, option(240, BCI[2:] + b"more") + TIME)), None),
    "an option nobody knows": (sealed(ss(1, BCI + TIME + option(199, b"x"))), None),
    "Payload Proto": (sealed(b"\x3a" + hello()[1:]), "Payload Proto is not 59"),
    "Header Len beyond the packet": (sealed(hello()[:1] + b"\x05" + hello()[2:]),
                                     "The message is longer than the packet"),
    "seven bytes": (ip(hello()[:7]), "The packet ends within the Mobility Header"),
    "half a Binding Update": (ip(bytes([59, 1, 5, 0, 0, 0, 0, 0])), "Malformed Packet"),
    "a HELLO of 8 bytes": (sealed(message(HELLO, b"\0\1")),
                           "Header Len is too small for this message"),
    "an SS message of 8 bytes": (sealed(message(SS, b"\1\xc0")),
                                 "Header Len is too small for this message"),
    "checksum": (ip(hello()), "Bad checksum"),
    "an option over the end": (sealed(ss(1, BCI + TIME + b"\x13\x7f")),
                               "An option runs over the end of the message"),
    "an option of one byte": (sealed(ss(1, BCI + b"\1\1\0\x1b")),
                              "An option runs over the end of the message"),
    "a short BCI": (sealed(ss(1, option(240, bytes(39)))), "The option is too short"),
    "a short Timestamp": (sealed(ss(1, BCI + option(27, bytes(7)))), "The option is too short"),
    "a short prefix": (sealed(ss(1, BCI + TIME + option(6, bytes(17)))), "The option is too short"),
    "a short SS Status": (sealed(ss(2, option(241, bytes(19)), 0x40)), "The option is too short"),
    "a short IP Address": (sealed(ss(0, option(243, bytes(17)), 0x40)), "The option is too short"),
    "a short Restart Counter": (sealed(hello(option(28, bytes(3)))), "The option is too short"),
    "a short vendor option": (sealed(hello(option(19, bytes(4)))), "The option is too short"),
    "a digest of nothing": (sealed(hello(vendor(1))), "The option is too short"),
    "a short digest": (sealed(hello(vendor(1, bytes(8)))), "The option is too short"),
    "a short bucket": (sealed(ss(0, vendor(2, bytes(2)), 0x40)), "The option is too short"),
    "Timestamp before a BCI": (sealed(ss(1, TIME + BCI)), "The option belongs to a Binding Cache"),
    "prefix before a BCI": (sealed(ss(1, prefix(64) + BCI + TIME)),
                            "The option belongs to a Binding Cache"),
    "prefix length 129": (sealed(ss(1, BCI + TIME + prefix(129))), "Longer than 128"),
    "host bits": (sealed(ss(1, BCI + TIME + prefix(64, "2001:db8:8000:5::1"))),
                  "Bits are set behind the prefix"),
    "host bits in the middle of a byte": (sealed(ss(1, BCI + TIME + prefix(61))),
                                          "Bits are set behind the prefix"),
    "SS type 3": (sealed(ss(3)), "Neither request, reply nor acknowledgement"),
    "an empty reply": (sealed(ss(1)), "A reply without Binding Cache Information"),
    "an empty acknowledgement": (sealed(ss(2, b"", 0x40)), "An acknowledgement without SS Status"),
    "HELLO without G": (sealed(hello(flags=0xc0)), "G is clear"),
    "SS without G": (sealed(ss(2, STATUS, 0x00)), "G is clear"),
    "SS-REP without A": (sealed(ss(1, BCI + TIME, 0x40)), "A is clear in a reply"),
    "lifetime below the interval": (sealed(hello(lifetime=2, interval=3)),
                                    "Lifetime is shorter than the interval"),
    "switch with fewer addresses": (sealed(message(12, b"\2\0" + HOME)),
                                    "Header Len is too small for this message"),
}


def golden_vectors(path):
    """(packet) of each vector of the file."""
    packets, addresses, data = [], None, b""
    with open(path, encoding="ascii") as file:
        for line in [*file, "*"]:
            if line.startswith("*") and data:
                packets.append(ip(data, *addresses))
                data = b""
            if found := re.match(r"\s+src (\S+) dst (\S+)", line):
                addresses = [ipaddress.ip_address(text) for text in found.groups()]
            if found := re.match(r"\s+[0-9a-f]{2}: (.*)", line):
                data += bytes.fromhex(found[1])
    return packets


# ---- Checks -----------------------------------------------------------------------------------

def check_golden(checker, path):
    packets = golden_vectors(path)
    decoded = checker.decode(packets)
    checker.check(len(decoded) == len(GOLDEN), f"{len(decoded)} vectors")
    for number, (layers, info) in enumerate(zip(decoded, GOLDEN)):
        checker.check(layers["_ws.col.Info"] == [info], f"{layers['_ws.col.Info']}, not {info}")
        unexpected = [mark for mark in marks(layers)
                      if not (number in GOLDEN_MARKS and "refuses" in mark)]
        checker.check(not unexpected, f"{info}: {unexpected}")
    with_time = decoded[11]
    checker.check(with_time["anyhome.timestamp"][0].startswith("Jan  1, 2026 00:00:00.0000"),
                  f"time {with_time['anyhome.timestamp']}")
    checker.check(decoded[12]["anyhome.prefix"] == ["2001:db8:0:100::", "2001:db8:0:200::"],
                  f"prefixes {decoded[12].get('anyhome.prefix')}")
    checker.check(decoded[10]["anyhome.restart_counter"] == ["1767225600"], "restart counter")
    checker.check(decoded[1]["anyhome.ss.acknowledged_in"] == ["5"], "frame 2 is acknowledged in 5")
    checker.check(decoded[7]["mip6.mhtype"] == ["5"], "a Binding Update is Wireshark's")


def check_samples(checker, program):
    """What our codecs build; behind a routing header, too, and in a tunnel."""
    output = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    samples = {name: bytes.fromhex(data) for name, data in map(str.split, output.splitlines())}
    names = ["home-agent-switch", "ha-hello", "ss-rep"]
    packets = [samples[name] for name in names]
    packets += [ip(packet, next_header=41) for packet in packets]
    for name, layers in zip(names * 2, checker.decode(packets)):
        checker.check("anyhome.mh_type" in layers, f"{name}: not recognized")
        checker.check(not marks(layers), f"{name}: {marks(layers)}")


def check_broken(checker):
    decoded = checker.decode([packet for packet, _ in BROKEN.values()])
    for (name, (_, text)), layers in zip(BROKEN.items(), decoded):
        found = marks(layers)
        if text is None:
            checker.check(not found, f"{name}: {found}")
        else:
            checker.check(len(found) == 1 and text in found[0], f"{name}: {found}, not {text}")


def check_profile(checker):
    """Vendor sub-types, retransmissions, other numbers."""
    sums = struct.pack(">HBHIQQ", 5, 8, 30, 2, 1, 0xffffffffffffffff)
    reply = sealed(ss(1, BCI + TIME + vendor(3)))
    decoded = checker.decode([sealed(hello(vendor(1, sums))), sealed(ss(0, vendor(2, b"\x08\x00\x1f"))),
                              reply, reply, sealed(hello(vendor(1, b"", 99)))])
    checker.check(decoded[0]["anyhome.digest.sum"] == ["0x0000000000000001", "0xffffffffffffffff"],
                  f"sums {decoded[0].get('anyhome.digest.sum')}")
    checker.check(decoded[1]["anyhome.digest.bucket"] == ["31"], "bucket 31")
    checker.check(decoded[2]["anyhome.vendor.subtype"] == ["3"], "returned copy")
    checker.check(decoded[3].get("anyhome.ss.retransmission_of") == ["3"], "retransmission of frame 3")
    checker.check("anyhome.vendor.subtype" not in decoded[4], "another enterprise's option")
    moved = sealed(bytes([59, 6, 201, 0, 0, 0]) + ss(1, option(202, BCI[2:]))[6:])
    layers = checker.decode([moved], "-o", "anyhome.ss:201", "-o", "anyhome.bci:202")[0]
    checker.check(layers["_ws.col.Info"][0].startswith("SS-REP 9"), f"numbers: {layers}")


def check_robustness(checker, path):
    """Whatever the bytes, the script has something to say of them."""
    seed = 6275
    chance = random.Random(seed)
    packets = []
    for packet in golden_vectors(path):
        header, body = packet[:40], packet[40:]
        for _ in range(60):
            broken = bytearray(body)
            for _ in range(chance.randint(1, 6)):
                broken[chance.randrange(len(broken))] = chance.randrange(256)
            broken[2] = body[2]
            packets.append(header + bytes(broken))
        for length in range(len(body)):
            packets.append(struct.pack(">IH", 6 << 28, length) + header[6:] + body[:length])
    for number, layers in enumerate(checker.decode(packets)):
        texts = [text for text in layers.get("_ws.expert.message", []) if "Lua Error" in text]
        checker.check(not texts, f"seed {seed}, packet {number}: {packets[number].hex()}: {texts}")


def main():
    if shutil.which("tshark") is None:
        print("skipped: tshark is not installed")
        return 77
    samples, dissector, vectors = sys.argv[1:]
    checker = Checker(dissector)
    check_golden(checker, vectors)
    check_samples(checker, samples)
    check_broken(checker)
    check_profile(checker)
    check_robustness(checker, vectors)
    print(f"{checker.checked - checker.failed} of {checker.checked} checks of the dissector passed")
    return 1 if checker.failed else 0


if __name__ == "__main__":
    sys.exit(main())
