#!/usr/bin/python3
"""tshark decodes what our codecs build, without a mark of error and with the right checksums.

Usage: check_with_tshark.py SAMPLES-PROGRAM
"""
import json
import shutil
import struct
import subprocess
import sys
import tempfile

# RFC 5142's addresses are taken for options by tshark 4.0, and the code points of the messages
# between home agents are ours alone.
NOT_KNOWN_TO_TSHARK = {"home-agent-switch", "ha-hello", "ss-rep"}

EXPECTED = {
    "bu": ("mip6.mhtype", "5"),
    "bu-nemo": ("mip6.mhtype", "5"),
    "bu-signed": ("mip6.mhtype", "5"),
    "ba": ("mip6.mhtype", "6"),
    "ba-advice": ("mip6.mhtype", "6"),
    "be": ("mip6.mhtype", "7"),
    "brr": ("mip6.mhtype", "0"),
    "dhaad-request": ("icmpv6.type", "144"),
    "dhaad-reply": ("icmpv6.type", "145"),
    "mps": ("icmpv6.type", "146"),
    "mpa": ("icmpv6.type", "147"),
}


def write_pcap(path, packets):
    linktype_ipv6 = 229
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, linktype_ipv6))
        for packet in packets:
            file.write(struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet)


def main():
    if shutil.which("tshark") is None:
        print("skipped: tshark is not installed")
        return 77
    output = subprocess.run([sys.argv[1]], check=True, capture_output=True, text=True).stdout
    samples = [line.split() for line in output.splitlines()]
    known = [(name, bytes.fromhex(data)) for name, data in samples
             if name not in NOT_KNOWN_TO_TSHARK]
    with tempfile.NamedTemporaryFile(suffix=".pcap") as pcap:
        write_pcap(pcap.name, [data for _, data in known])
        decoded = json.loads(subprocess.run(
            ["tshark", "-n", "-r", pcap.name, "-T", "json", "-e", "mip6.mhtype", "-e",
             "icmpv6.type", "-e", "_ws.malformed", "-e", "_ws.expert.severity", "-e",
             "_ws.expert.message", "-e", "icmpv6.checksum.status"],
            check=True, capture_output=True, text=True).stdout)
    failed = 0
    for (name, _), frame in zip(known, decoded, strict=True):
        fields = frame["_source"]["layers"]
        field, value = EXPECTED[name]
        problems = []
        if fields.get(field) != [value]:
            problems.append(f"{field} is {fields.get(field)}, not {value}")
        if "_ws.malformed" in fields:
            problems.append("malformed")
        warning = 0x600000  # PI_WARN; PI_ERROR is larger
        for severity, text in zip(fields.get("_ws.expert.severity", []),
                                  fields.get("_ws.expert.message", [])):
            if int(severity) >= warning:
                problems.append(text)
        if fields.get("icmpv6.checksum.status", ["1"]) != ["1"]:
            problems.append("bad ICMPv6 checksum")
        if problems:
            failed += 1
            print(f"{name}: {'; '.join(problems)}")
    print(f"{len(known) - failed} of {len(known)} packets are decoded by tshark without a mark")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
