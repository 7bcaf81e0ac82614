#!/usr/bin/python3
"""What our codecs build is, byte for byte, what scapy builds; and scapy reads it back.

Usage: check_with_scapy.py SAMPLES-PROGRAM
"""
import logging
import subprocess
import sys

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
try:
    from scapy.layers import inet6 as s
except ImportError:
    print("skipped: scapy is not installed")
    sys.exit(77)

HOME = "2001:db8:0:1::100"
AGENT = "2001:db8:0:1::1a"
OTHER = "2001:db8:0:1::2a"
CARE_OF = "2001:db8:ff::100"
ANYCAST = "2001:db8:0:1:fdff:ffff:ffff:fffe"


def away(message):
    """From the mobile node, with its Home Address option."""
    return (s.IPv6(src=CARE_OF, dst=AGENT, hlim=64)
            / s.IPv6ExtHdrDestOpt(options=[s.HAO(hoa=HOME)]) / message)


def to_node(message):
    """To the mobile node, with a type 2 routing header."""
    return (s.IPv6(src=AGENT, dst=CARE_OF, hlim=64)
            / s.IPv6ExtHdrRouting(type=2, segleft=1, addresses=[HOME]) / message)


EXPECTED = {
    "bu": away(s.MIP6MH_BU(seq=15, flags="AH", mhtime=75,
                           options=[s.MIP6OptAltCoA(acoa=CARE_OF)])),
    "bu-nemo": away(s.MIP6MH_BU(seq=16, flags="AHR", mhtime=75, options=[
        s.MIP6OptMobNetPrefix(plen=64, prefix="2001:db8:0:100::"),
        s.MIP6OptMobNetPrefix(plen=56, prefix="2001:db8:0:200::")])),
    "ba": to_node(s.MIP6MH_BA(status=0, flags="", seq=15, mhtime=75)),
    "ba-advice": to_node(s.MIP6MH_BA(status=0, flags="R", seq=16, mhtime=75,
                                     options=[s.MIP6OptBRAdvice(rinter=60)])),
    "be": s.IPv6(src=AGENT, dst=CARE_OF, hlim=64) / s.MIP6MH_BE(status=1, ha=HOME),
    "brr": to_node(s.MIP6MH_BRR()),
    "dhaad-request": (s.IPv6(src=CARE_OF, dst=ANYCAST, hlim=64)
                      / s.ICMPv6HAADRequest(id=0x1234, R=1)),
    "dhaad-reply": (s.IPv6(src=AGENT, dst=CARE_OF, hlim=64)
                    / s.ICMPv6HAADReply(id=0x1234, R=1, addresses=[AGENT, OTHER])),
    "mps": away(s.ICMPv6MPSol(id=7)),
}


def main():
    samples = {}
    output = subprocess.run([sys.argv[1]], check=True, capture_output=True, text=True).stdout
    for line in output.splitlines():
        name, data = line.split()
        samples[name] = bytes.fromhex(data)
    failed = 0
    for name, packet in EXPECTED.items():
        theirs = bytes(packet)
        if samples[name] != theirs:
            failed += 1
            print(f"{name} differs\n  ours   {samples[name].hex()}\n  theirs {theirs.hex()}")
    # What scapy cannot build, it must at least read as we meant it.
    signed = s.IPv6(samples["bu-signed"])[s.MIP6MH_BU]
    nai, stamp, signature = [o for o in signed.options if not isinstance(o, (s.Pad1, s.PadN))]
    if nai.id != b"mn1@example.net" or stamp.timestamp is None or signature.mspi != 1000:
        failed += 1
        print("bu-signed is read differently")
    print(f"{len(EXPECTED) + 1 - failed} of {len(EXPECTED) + 1} packets equal scapy's")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
