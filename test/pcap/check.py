"""Compares what came out with what was expected: packets byte for byte, counters to the last one."""
import packets
from pop import PORTS, ROUTER_MACS, pcap_record, PCAP_HEADER
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether


def differences(frame, expected, header, identifications):
    """What is wrong with one frame; `identifications` collects the values seen."""
    if frame[:len(header)] != header:
        return [f"link-layer header is {frame[:len(header)].hex(' ')}, not {header.hex(' ')}"]
    packet, wanted = bytearray(frame[len(header):]), bytearray(expected.packet)
    problems = []
    if len(packet) != len(wanted):
        problems.append(f"{len(packet)} bytes, not {len(wanted)}")
    for at in expected.flow_labels:
        label = int.from_bytes(packet[at + 1:at + 4], "big") & 0xfffff
        if label == 0:
            problems.append("no flow label")
        packet[at + 1] = (packet[at + 1] & 0xf0) | (wanted[at + 1] & 0x0f)
        packet[at + 2:at + 4] = wanted[at + 2:at + 4]
    for at in expected.identifications:
        identifications.add(bytes(packet[at:at + 4]))
        packet[at:at + 4] = wanted[at:at + 4]
    for i, (one, other) in enumerate(zip(packet, wanted)):
        if one != other:
            problems.append(f"byte {i} of the IPv6 packet is 0x{one:02x}, not 0x{other:02x}")
            break
    return problems


def check_port(pop, port, report):
    """All frames of a port against all steps that expected something there."""
    frames = pop.frames_out[port]
    header = packets.frame(b"", pop.macs[port], ROUTER_MACS[port], pop.vlans.get(port))
    at = 0
    for step in pop.expected[port]:
        identifications = set()
        for expected in step:
            if at == len(frames):
                report(f"port {port}: frame {at + 1} is missing: "
                       f"{IPv6(expected.packet).summary()}")
                return
            problems = differences(frames[at], expected, header, identifications)
            if problems:
                report(f"port {port}, frame {at + 1}: {'; '.join(problems)}\n"
                       f"    came out: {Ether(frames[at]).summary()}\n"
                       f"    expected: {IPv6(expected.packet).summary()}")
            at += 1
        if len(identifications) > 1:
            report(f"port {port}: different identifications in fragments of one packet")
    for frame in frames[at:]:
        report(f"port {port}: nobody expected {Ether(frame).summary()}")


def check_counters(pop, counted, dropped, report):
    """Exactly these counters and drops are not zero; those of received and sent packets follow from
    the packets."""
    out = [frame for port in PORTS for frame in pop.frames_out[port]]
    wanted = {"received": len(pop.fed_frames), "received-bytes": sum(map(len, pop.fed_frames)),
              "sent": len(out), "sent-bytes": sum(map(len, out)), **counted}
    for kind, expected, rows in (("counter", wanted, pop.counters), ("drop", dropped, pop.drops)):
        seen = {row["name"]: row["value"] for row in rows if row["value"] != 0}
        expected = {name: value for name, value in expected.items() if value != 0}
        for name in sorted(seen.keys() | expected.keys()):
            if seen.get(name, 0) != expected.get(name, 0):
                report(f"{kind} {name} is {seen.get(name, 0)}, not {expected.get(name, 0)}")


def check_books(pop, report):
    """What holds in every case: the ports count what we count, and every buffer is back."""
    for row in pop.ports:
        sent = len(pop.frames_out[row["name"]])
        received = len(pop.fed_frames) if row["name"] == pop.fed else 0
        if (row["received"], row["sent"]) != (received, sent):
            report(f"the driver of port {row['name']} has received {row['received']} and sent "
                   f"{row['sent']} packets, not {received} and {sent}")
    # Whatever came in, or was made here, went somewhere that has a name. An outer packet that is cut
    # goes out as two; what a port does not take was counted as sent before.
    counted = {row["name"]: row["value"] for row in (*pop.counters, *pop.drops)}
    came = counted["received"] + counted["injected"]
    went = (counted["sent"] - counted["fragments-created"] // 2 - counted["transmit-queue-full"]
            + sum(row["value"] for row in pop.drops)
            + sum(value for name, value in counted.items() if name.startswith("punted-"))
            + counted["reassembled"])  # each of two fragments
    if came != went:
        report(f"{came} packets came or were made and {went} have gone")
    for row in pop.pools:
        if row["kind"] == "pool" and row["used"] != 0:
            report(f"{row['used']} buffers of the pool \"{row['name']}\" did not come back")


def expected_pcap(pop, port):
    """The file to lay beside what came out."""
    header = packets.frame(b"", pop.macs[port], ROUTER_MACS[port], pop.vlans.get(port))
    return PCAP_HEADER + b"".join(pcap_record(header + each.packet)
                                  for step in pop.expected[port] for each in step)
