"""Captures on links of a lab, and what has to be true of every packet in them.

tshark looks for malformed fields and bad checksums; it does not verify that of the Mobility Header
(RFC 6275 §6.1.1), so that is done here, on the bytes.
"""
import contextlib
import json
import struct
import subprocess

from anyhome_lab.capture import Capture

# What is wrong with a packet, in tshark's terms. A status of 0 is a bad checksum.
COMPLAINTS = " or ".join((
    "_ws.malformed", '_ws.expert.group == "Malformed"', "_ws.expert.severity == error",
    "icmpv6.checksum.status == 0", "tcp.checksum.status == 0", "udp.checksum.status == 0"))
PREFERENCES = ("-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE")
# tshark looks for a flow's other half and complains of what a move or a drop has taken away.
BENIGN = ("tcp.analysis", "icmpv6.resp_not_found")

LINK_ETHERNET, LINK_RAW = 1, 101


class Captures:
    """Captures of whole devices of a lab, started one by one and stopped together."""

    def __init__(self, lab):
        self.lab = lab
        self.running = []
        self.stack = contextlib.ExitStack()

    def start(self, node, device, link_type=None):
        self.running.append(self.stack.enter_context(
            Capture(self.lab, node, device, "", link_type)))

    def has(self, node, device):
        return any((one.node, one.device) == (node, device) for one in self.running)

    def stop(self):
        """Files, each with all its packets, else LabError."""
        self.stack.close()
        return [one.file for one in self.running]


def read(path):
    """(link type, packets) of a pcap file."""
    data = path.read_bytes()
    magic, = struct.unpack_from("<I", data)
    assert magic in (0xa1b2c3d4, 0xa1b23c4d), path
    link, = struct.unpack_from("<I", data, 20)
    packets, at = [], 24
    while at + 16 <= len(data):
        size, original = struct.unpack_from("<II", data, at + 8)
        assert size == original, f"{path}: a packet was cut"
        packets.append(data[at + 16:at + 16 + size])
        at += 16 + size
    return link, packets


def complaints(path):
    """What tshark does not like: a line per packet."""
    done = subprocess.run(
        ["tshark", "-n", "-r", str(path), *PREFERENCES, "-Y", COMPLAINTS, "-T", "json"],
        capture_output=True, text=True, timeout=120, check=True)
    lines = []
    for packet in json.loads(done.stdout or "[]"):
        layers = packet["_source"]["layers"]
        text = json.dumps(layers)
        if any(name in text for name in BENIGN) and "malformed" not in text:
            continue
        lines.append(f"{path.stem} frame {layers['frame']['frame.number']}: "
                     f"{layers['frame']['frame.protocols']}")
    return lines


def mobility_headers(path):
    """(source, destination, message) of every Mobility Header in a file, inside tunnels too; with the
    addresses that count for the checksum."""
    link, packets = read(path)
    for packet in packets:
        if link == LINK_ETHERNET:
            if packet[12:14] != b"\x86\xdd":
                continue
            packet = packet[14:]
        yield from _walk(packet)


def _walk(packet):
    if len(packet) < 40 or packet[0] >> 4 != 6:
        return
    source, destination, header, at = packet[8:24], packet[24:40], packet[6], 40
    end = 40 + int.from_bytes(packet[4:6], "big")
    while at + 8 <= end:
        size = 8 * (packet[at + 1] + 1)
        if header == 41:
            yield from _walk(packet[at:end])
            return
        if header == 135:
            yield source, destination, packet[at:at + size]
            return
        if header == 60:
            source = _home_address(packet[at + 2:at + size]) or source
        elif header == 43:
            if packet[at + 2] == 2 and packet[at + 3] == 1:
                destination = packet[at + 8:at + 24]
        elif header != 0:
            return
        header, at = packet[at], at + size


def _home_address(options):
    at = 0
    while at < len(options):
        if options[at] == 0:
            at += 1
            continue
        if options[at] == 0xc9:
            return options[at + 2:at + 18]
        at += 2 + options[at + 1]
    return None


def mobility_checksum(source, destination, message):
    text = (source + destination + len(message).to_bytes(4, "big") + b"\0\0\0\x87"
            + message[:4] + b"\0\0" + message[6:])
    total = sum(int.from_bytes(text[i:i + 2], "big") for i in range(0, len(text), 2))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def bad_mobility_checksums(path):
    """How many Mobility Headers there are, and a line for each whose checksum is wrong."""
    lines, count = [], 0
    for source, destination, message in mobility_headers(path):
        count += 1
        if mobility_checksum(source, destination, message) != int.from_bytes(message[4:6], "big"):
            lines.append(f"{path.stem}: Mobility Header type {message[2]}: bad checksum")
    return count, lines
