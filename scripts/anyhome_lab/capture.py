"""Captures of a lab's links, and what tshark with our dissector reads in them."""
import contextlib
import json
import pathlib
import signal
import struct
import subprocess

from .shell import LabError, run, wait_for

DISSECTOR = pathlib.Path(__file__).resolve().parent.parent / "wireshark/anyhome.lua"
# Of Wireshark's expert information: severities from PI_WARN on, and all groups but PI_SEQUENCE. A tunnelled
# packet is seen more than once on a link, which tshark takes for requests without an answer.
_WARN = 0x600000
_SEQUENCE = 0x02000000
_ETHERNET = 14


class Capture:
    """tcpdump on one device of a node, from `with` to its end."""

    def __init__(self, lab, node, device, expression="ip6", link_type=None):
        """link_type: tcpdump's name for it, where its own choice is wrong: RAW for tunnel devices."""
        self.node, self.device = node, device
        self.file = lab.directory / f"{node}-{device}.pcap"
        self._log = lab.directory / f"{node}-{device}.tcpdump"
        # A buffer that a loaded machine does not fill.
        self._command = ["ip", "netns", "exec", lab.nodes[node].name, "tcpdump", "-n", "-U",
                         "--immediate-mode", "-B", "16384", "-i", device, "-w", self.file,
                         *(["-y", link_type] if link_type else []), expression]

    def __enter__(self):
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen([str(word) for word in self._command],
                                             stdout=log, stderr=log)
        wait_for("tcpdump to listen", lambda: b"listening on" in self._log.read_bytes())
        return self

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGINT)
        self._process.wait()
        text = self._log.read_text(encoding="ascii", errors="replace")
        if "\n0 packets dropped by kernel" not in text:
            raise LabError(f"tcpdump has lost packets: {text}")

    def rows(self, expression, *fields):
        """Of each packet that a display filter takes: the values of each field, as lists."""
        return decode(self.file, expression, *fields)

    def packets(self):
        """Every packet, from its IPv6 header on."""
        data, at = self.file.read_bytes(), 24
        while at < len(data):
            size = struct.unpack_from("<I", data, at + 8)[0]
            yield data[at + 16 + _ETHERNET:at + 16 + size]
            at += 16 + size


def decode(file, expression, *fields):
    output = run("tshark", "-n", "-2", "-X", f"lua_script:{DISSECTOR}", "-r", file, "-Y", expression,
                 "-T", "json", *(word for field in fields for word in ("-e", field)), timeout=300)
    return [[frame["_source"]["layers"].get(field, []) for field in fields]
            for frame in json.loads(output)]


def complaints(captures, directory):
    """What tshark finds wrong in any of some captures: warnings and worse."""
    merged = directory / "merged.pcap"
    run("mergecap", "-F", "pcap", "-w", merged, *(capture.file for capture in captures))
    found = []
    for time, source, groups, severities, texts in decode(
            merged, "_ws.expert || _ws.malformed", "frame.time_epoch", "ipv6.src",
            "_ws.expert.group", "_ws.expert.severity", "_ws.expert.message"):
        found += [f"{time[0]} from {source}: {text}"
                  for group, severity, text in zip(groups, severities, texts)
                  if int(severity) >= _WARN and int(group) != _SEQUENCE]
    return found


@contextlib.contextmanager
def pop_links(lab):
    """What goes over the links of all POPs: {POP: Capture}."""
    with contextlib.ExitStack() as stack:
        yield {place.name: stack.enter_context(Capture(lab, place.router, place.name))
               for place in lab.shape.pops}
