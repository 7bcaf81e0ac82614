#!/usr/bin/python3
"""anyhome-pktgen by itself: its command line, its packets in pcap files, rings, a rate that is known.

    pktgen_test.py [TEST...]     with ANYHOME_BUILD naming the build directory
"""
import csv
import json
import shutil
import signal
import struct
import subprocess
import unittest

from programs import PATIENCE, lcores, needs_root
from pktgen_program import ADDRESSES, GOOD, HAHA, KEY, PATIENT, PKTGEN, Program

UDP_PORT = 62750  # of what is measured


def pcap_file(path, frames):
    path.write_bytes(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1) + b"".join(
        struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame for frame in frames))
    return path


def marked(run, stream, number):
    """A frame as the generator marks them."""
    return (b"\0" * 12 + b"\x86\xdd" + bytes.fromhex("6000000000141140" + "20010db8" * 8) +
            struct.pack(">HHHHHBBII", UDP_PORT, UDP_PORT, 20, 0xffff, 0xa4e1, run, stream, number, 0))


def capture_of_users(path):
    """What users send, by scapy: a segment, one without a payload, a datagram, a query."""
    try:
        from scapy.all import Ether, ICMPv6EchoRequest, IPv6, TCP, UDP, wrpcap
    except ImportError:
        raise unittest.SkipTest("needs scapy") from None
    users = Ether(src="02:00:00:00:00:07", dst="02:00:00:00:00:08") / IPv6(src="2001:db8:77::1", dst="2001:db8:77::2", tc=0xb8, fl=0x12345)
    wrpcap(str(path), [
        users / TCP(sport=443, dport=50000, flags="PA", options=[("Timestamp", (1, 2))]) / (b"x" * 501),
        users / TCP(sport=443, dport=50000, flags="A"),
        users / UDP(sport=443, dport=50001) / (b"q" * 1200),
        users / ICMPv6EchoRequest(data=b"e" * 57)])
    return path


class CommandLine(Program):
    def test_help_names_actions_kinds_and_options(self):
        for words in (("--help",), ("-h",), ("--", "--help")):
            text = self.run_program(PKTGEN, *words, code=0).stdout
            for word in ("ndr", "prompt", "reverse-tunnel", "--frame-size", "--max-loss",
                         "Exit codes"):
                self.assertIn(word, text)
            self.assertLessEqual(max(map(len, text.splitlines())), 112)
        self.assertRegex(self.run_program(PKTGEN, "--version", code=0).stdout, "^anyhome-pktgen ")

    def test_all_mistakes_at_once(self):
        done = self.run_program(PKTGEN, "--no-pci", "--", "sned", "--rate", "fast", "--frame-size",
                                "77", "--traffic", "correspondents", "--nodes", "0", "--sizes", "1",
                                "--seed", "1", "--seed", "2", "--spi", "300", "--pcap", "--burst",
                                "8", "--peer", code=2)
        said = done.stderr.splitlines()
        for wanted in ('"sned": give one of run,', '--rate "fast": give packets per second',
                       '--frame-size "77": give a size from 78', '--traffic "correspondents": give',
                       '--nodes "0": give a number from 1', "--sizes: there is no such option",
                       '--seed "2": given 2 times', "--spi: means nothing without --key",
                       "--destination-mac: missing", "--home-address: missing",
                       "--pcap: has no value", "--peer: has no value"):
            self.assertTrue(any(wanted in line for line in said), (wanted, said))

    def test_what_does_not_go_together(self):
        done = self.run_program(PKTGEN, "--", "ndr", "--traffic", "bad-version", "--key", "00" * 16,
                                "--nodes", "2", "--tolerance", "0", "--template", "/dev/null",
                                "--frame-size", "78", code=2)
        for wanted in ("--traffic: nothing of it is expected back", "--identifier: missing",
                       "--tolerance: is 0", '--template "/dev/null": is no pcap file',
                       "--frame-size: frames are as large as those of --template"):
            self.assertIn(wanted, done.stderr)
        done = self.run_program(PKTGEN, "--", "--register", "yes", "--duration", "700",
                                "--identifier", "all", "--nodes", "2", code=2)
        self.assertIn('--duration "700": is longer than bindings live (600 s)', done.stderr)
        self.assertIn('--identifier "all": is the same for all nodes', done.stderr)

    def test_a_key_is_not_repeated(self):
        done = self.run_program(PKTGEN, "--", "--key", "c0ffee", code=2)
        self.assertIn('--key "...":', done.stderr)
        self.assertNotIn("c0ffee", done.stderr)

    def test_what_ports_and_lcores_do_not_have(self):
        for eal, options, wanted in (
                (("stray",), (), '"stray" is no EAL option; options of anyhome-pktgen come behind'),
                (("--nosuch",), (), "EAL does not start"),
                ((), (), "DPDK has no port; give EAL --vdev="),
                (("--vdev", "net_virtio_user0,path=/nosuch/socket"), (),
                 'could not make the device net_virtio_user0 out of "net_virtio_user0,path=/nosuch/'),
                (("--vdev=net_ring0",), ("--port", "net_ring1"), "it knows net_ring0"),
                (("--vdev=net_ring0",), ("--senders", 9), '--senders "9": there are 1 worker lcores'),
                (("--vdev=net_ring0",), ("--traffic", "correspondent@net_ring1"),
                 '--traffic "correspondent@net_ring1": there is no such port; ports are net_ring0'),
                (("--vdev=net_ring0", "--lcores", lcores(1)), (), "EAL has one lcore only")):
            done = self.pktgen(*ADDRESSES, *options, eal=eal, code=1)
            self.assertIn(wanted, done.stderr)


class Packets(Program):
    """What it sends, seen in the file of a net_pcap port."""

    def capture(self, name, *options):
        path = self.directory / name
        self.pktgen("--count", 300, "--duration", 30, "--nodes", 100, "--reproducible", "yes",
                    *ADDRESSES, *HAHA, *KEY, *options, eal=(f"--vdev=net_pcap0,tx_pcap={path}",))
        return path

    @staticmethod
    def frames(path):
        # Without the times at which they were written.
        data, at, frames = path.read_bytes(), 24, []
        while at < len(data):
            size = int.from_bytes(data[at + 8:at + 12], "little")
            frames.append(data[at + 16:at + 16 + size])
            at += 16 + size
        return frames

    def test_the_same_seed_gives_the_same_packets(self):
        options = ("--order", "zipf", "--frame-size", "imix",
                   *(f"--traffic={kind}" for kind in GOOD))
        first = self.frames(self.capture("1.pcap", "--seed", 5, *options))
        self.assertEqual(len(first), 300)
        self.assertEqual(first, self.frames(self.capture("2.pcap", "--seed", 5, *options)))
        self.assertNotEqual(first, self.frames(self.capture("3.pcap", "--seed", 6, *options)))

    def test_frame_sizes(self):
        for asked, sizes in (("imix", {78, 570, 1518}), ("9018", {9018}), ("79=1,128=9", {79, 128})):
            frames = self.frames(self.capture("plain.pcap", "--frame-size", asked))
            self.assertEqual({len(frame) + 4 for frame in frames}, sizes)
            tagged = self.frames(self.capture("tagged.pcap", "--frame-size", asked, "--vlan", 7))
            self.assertEqual({len(frame) for frame in tagged}, sizes)
            self.assertEqual({frame[12:18] for frame in tagged}, {b"\x81\0\0\7\x86\xdd"})

    def test_orders(self):
        def nodes(order):
            return [int.from_bytes(frame[14 + 24 + 12:14 + 40], "big") - 0x10000
                    for frame in self.frames(self.capture("order.pcap", "--order", order))]
        self.assertEqual(nodes("sequential"), list(range(100)) * 3)
        uniform, zipf = nodes("uniform"), nodes("zipf=1.2")
        for drawn in (uniform, zipf):
            self.assertTrue(all(0 <= node < 100 for node in drawn))
        self.assertLess(max(map(uniform.count, uniform)), 15)  # 3 in the mean
        self.assertGreater(max(map(zipf.count, zipf)), 50)     # 83 of the busiest in the mean

    @unittest.skipIf(shutil.which("tshark") is None, "needs tshark")
    def test_tshark_finds_no_fault(self):
        for sizes in ("imix", "9018"):
            self.check_with_tshark(self.capture(f"{sizes}.pcap", "--frame-size", sizes,
                                                *(f"--traffic={kind}" for kind in GOOD)))

    def check_with_tshark(self, path):
        decoded = json.loads(subprocess.run(
            ["tshark", "-n", "-r", path, "-T", "json", "-o", "udp.check_checksum:TRUE",
             "-e", "_ws.malformed", "-e", "_ws.expert.severity", "-e", "_ws.expert.message",
             "-e", "udp.checksum.status", "-e", "mip6.mhtype", "-e", "ipv6.version"],
            check=True, capture_output=True, text=True).stdout)
        self.assertEqual(len(decoded), 300)
        users = 0
        for packet in decoded:
            fields = packet["_source"]["layers"]
            self.assertNotIn("_ws.malformed", fields)
            # What only our own code points make strange to tshark is none of its errors.
            serious = [text for severity, text in zip(
                fields.get("_ws.expert.severity", []), fields.get("_ws.expert.message", []))
                if int(severity) >= 0x600000]
            self.assertEqual(serious, [])
            if "mip6.mhtype" not in fields:
                users += 1
                self.assertEqual(fields["udp.checksum.status"], ["1"])  # good
        self.assertTrue(100 < users < 200, users)

    @unittest.skipIf(shutil.which("tshark") is None, "needs tshark")
    def test_tshark_finds_no_fault_in_what_is_made_after_templates(self):
        template = capture_of_users(self.directory / "users.pcap")
        path = self.capture("made.pcap", "--template", template, "--traffic", "correspondent",
                            "--traffic", "haha-in", "--traffic", "reverse-tunnel")
        checks = ("tcp", "udp", "icmpv6")
        # It always checks ICMPv6.
        done = subprocess.run(
            ["tshark", "-n", "-r", path, "-T", "json", "-o", "tcp.check_checksum:TRUE", "-o",
             "udp.check_checksum:TRUE", "-e", "_ws.malformed", "-e", "ipv6.tclass",
             *(word for name in checks for word in ("-e", f"{name}.checksum.status"))],
            check=True, capture_output=True, text=True)
        seen = dict.fromkeys(checks, 0)
        for packet in json.loads(done.stdout):
            fields = packet["_source"]["layers"]
            self.assertNotIn("_ws.malformed", fields)
            self.assertIn("0x000000b8", [text.lower() for text in fields["ipv6.tclass"]])
            (name,) = (name for name in checks if f"{name}.checksum.status" in fields)
            self.assertEqual(fields[f"{name}.checksum.status"], ["1"])
            seen[name] += 1
        self.assertEqual(sum(seen.values()), 300)
        self.assertGreater(min(seen.values()), 60)

    def test_frames_of_a_file_are_sent_again(self):
        first = self.capture("1.pcap")
        again = self.frames(self.capture("2.pcap", "--traffic", "pcap", "--pcap", first))
        self.assertEqual(again, self.frames(first))


class Loop(Program):
    """Rings that lead back to where the frames came from."""

    def loop(self, *options, lcores_used=3, code=0):
        limit = () if "--duration" in options else ("--duration", 50)
        return self.pktgen("--idle", "yes", *limit, *ADDRESSES, *options,
                           eal=("--vdev=net_ring0", "--lcores", lcores(lcores_used)), code=code)

    def test_all_senders_together_send_what_was_asked_for(self):
        # A ring for each sender, whether there is a receiver for each or one for both.
        for used in (4, 5):
            done = self.loop("--senders", 2, "--nodes", 10, "--count", 1001, "--rate", 20000,
                             "--burst", 8, "--vlan", 7, "--format", "json", *PATIENT,
                             lcores_used=used)
            (row,) = json.loads(done.stdout)["traffic"]
            self.assertEqual((row["sent"], row["received"], row["lost"]), (1001, 1001, 0))
            self.assertEqual((row["reordered"], row["duplicates"]), (0, 0))

    def test_a_sender_without_nodes_leaves_its_part_to_the_others(self):
        done = self.loop("--senders", 2, "--nodes", 1, "--count", 301, "--format", "json", *PATIENT,
                         lcores_used=4)
        (row,) = json.loads(done.stdout)["traffic"]
        self.assertEqual((row["sent"], row["lost"]), (301, 0))

    def test_large_frames(self):
        done = self.loop("--frame-size", 9018, "--count", 200, "--rate", 2000, "--format", "json",
                         *PATIENT)
        report = json.loads(done.stdout)
        (row,) = report["traffic"]
        self.assertEqual((row["sent"], row["lost"]), (200, 0))
        # To what the rates are rounded to.
        for name in ("sent-gbps", "received-gbps"):
            bits = 200 * (9018 + 20) * 8
            self.assertAlmostEqual(row[name], bits / report["seconds"] * 1e-9,
                                   delta=2e-6 + 1e-4 * row[name])

    def test_packets_after_templates_are_measured(self):
        template = capture_of_users(self.directory / "users.pcap")
        done = self.loop("--template", template, "--count", 400, "--rate", 5000, "--format", "json",
                         *PATIENT)
        (row,) = json.loads(done.stdout)["traffic"]
        self.assertEqual((row["sent"], row["received"], row["lost"], row["reordered"]),
                         (400, 400, 0, 0))
        self.assertGreater(row["p50-us"], 0)

    def test_rows_for_a_spreadsheet_and_lines_while_it_runs(self):
        path = self.directory / "rows.csv"
        done = self.loop("--count", 90, "--rate", "1%", "--link-speed", 0.01, "--ramp", "50,0.3",
                         "--stats-period", 0.05, "--format", "csv", "--output", path,
                         "--traffic", "correspondent", "--traffic", "bad-hop-limit")
        rows = list(csv.DictReader(path.read_text().splitlines()))
        self.assertEqual([row["traffic"] for row in rows], ["correspondent", "bad-hop-limit"])
        self.assertEqual(sum(int(row["sent"]) for row in rows), 90)
        self.assertEqual(rows[0]["lost"], "0")
        self.assertEqual(done.stdout, "")
        lines = [line for line in done.stderr.splitlines() if " s: sent " in line]
        self.assertGreaterEqual(len(lines), 1, done.stderr)
        for line in lines:
            self.assertRegex(line, r"^\d+\.\d s: sent \d+ \(\d+/s\), received \d+ \(\d+/s\), ")

    def test_a_sender_is_never_ahead_of_its_schedule(self):
        # 100 kbit/s of frames of 98 bytes with preamble and gap are 127.55 a second. The 60th is due
        # 59 packets after the first, of which the ramp takes (50 + 127.55) / 2 * 0.3 = 26.6.
        report = json.loads(self.loop("--count", 60, "--rate", "1%", "--link-speed", 0.01, "--ramp",
                                      "50,0.3", "--format", "json", *PATIENT).stdout)
        self.assertEqual(report["traffic"][0]["sent"], 60)
        self.assertGreater(report["seconds"], 0.3 + (59 - 26.64) / 127.56)
        # Bursts come at once, and the next one when all of it is due.
        report = json.loads(self.loop("--count", 30, "--rate", 100, "--burst", 10, "--format", "json",
                                      *PATIENT).stdout)
        self.assertEqual(report["traffic"][0]["sent"], 30)
        self.assertGreaterEqual(report["seconds"], 0.2)

    def test_foreign_frames_are_counted(self):
        # Frames that are no frames, and a mark of a run that never was.
        frames = [b"\0" * 14, b"\0" * 12 + b"\x86\xdd", b"\xff" * 60, marked(0xff, 0, 0),
                  b"\0" * 12 + b"\x86\xdd" + b"\x60" + b"\x29" * 90]
        path = pcap_file(self.directory / "foreign.pcap", frames)
        done = self.loop("--traffic", "pcap", "--pcap", path, "--count", 100, "--rate", 10000,
                         "--drain", 2, "--format", "json")
        report = json.loads(done.stdout)
        self.assertEqual(report["traffic"][0]["sent"], 100)
        self.assertEqual(report["of-earlier-runs"], 20)
        self.assertEqual(report["other-frames"], 80)

    def test_what_comes_twice_or_out_of_order_is_told(self):
        numbers = (0, 1, 2, 2, 5, 4, 3, 3, 70000, 6, 70001)
        path = pcap_file(self.directory / "marked.pcap", [marked(1, 0, each) for each in numbers])
        done = self.loop("--traffic", "pcap", "--pcap", path, "--count", len(numbers), "--drain", 2,
                         "--format", "json")
        (row,) = json.loads(done.stdout)["traffic"]
        self.assertEqual((row["received"], row["duplicates"], row["reordered"],
                          row["too-late-to-tell"]), (11, 2, 2, 1))

    def test_an_interrupt_ends_a_run_with_its_results(self):
        process = subprocess.Popen(
            self.pktgen_command("--idle", "yes", "--duration", 0, "--count", 10 ** 9, "--rate", 1000,
                                "--stats-period", 0.05, "--format", "json", *PATIENT, *ADDRESSES,
                                eal=("--vdev=net_ring0",)),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment)
        for line in process.stderr:
            if " s: sent " in line:
                break
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 0)
        self.assertEqual(json.loads(out)["traffic"][0]["lost"], 0)


class Policed(Program):
    """Two veth pairs and a bridge between them that lets so many packets a second pass."""
    RATE = 2000
    BURST = 500

    @classmethod
    def setUpClass(cls):
        needs_root()

    def setUp(self):
        super().setUp()
        self.name = f"{self.file_prefix}-police"
        self.ip("netns", "add", self.name)
        self.addCleanup(lambda: self.ip("netns", "delete", self.name))
        self.ip("link", "add", "bridge", "type", "bridge", inside=True)
        for side in ("in", "out"):
            self.ip("link", "add", side, "type", "veth", "peer", "name", f"{side}-bridge", inside=True)
            self.ip("link", "set", f"{side}-bridge", "master", "bridge", inside=True)
        for device in ("bridge", "in", "in-bridge", "out", "out-bridge"):
            self.inside("sysctl", "-qw", f"net.ipv6.conf.{device}.disable_ipv6=1")
            self.ip("link", "set", device, "up", inside=True)

    def ip(self, *words, inside=False):
        name = ("-n", self.name) if inside else ()
        subprocess.run(["ip", *name, *words], check=True)

    def inside(self, *words, text=None):
        subprocess.run(["ip", "netns", "exec", self.name, *words], check=True, input=text, text=True)

    def search(self, *options, code=0):
        return self.report(
            "ndr", "--idle", "yes", "--nodes", 100, *ADDRESSES, *options,
            "--traffic", "correspondent@net_af_packet0", code=code,
            eal=("--vdev=net_af_packet0,iface=in", "--vdev=net_af_packet1,iface=out"),
            wrapper=("ip", "netns", "exec", self.name))["searches"]

    def drop(self, what):
        self.inside("nft", "-f", "-", text=f"""table netdev police {{
            chain in {{
                type filter hook ingress device "in-bridge" priority 0
                {what} drop
            }}
        }}""")

    def test_ndr_finds_the_rate(self):
        self.drop(f"limit rate over {self.RATE}/second burst {self.BURST} packets")
        (row,) = self.search("--lowest", 100, "--highest", 20000, "--tolerance", 10, "--trial-time", 1,
                             "--drain", 0.5)
        # However slow the machine is: more than a second and the burst of the policer bring cannot
        # pass, but for what the sender is behind (2 %) or has in its hands (32).
        self.assertLessEqual(row["pps"], (self.RATE + self.BURST + 32) / 0.98)
        self.assertGreaterEqual(row["pps"], 100)
        self.assertGreater(row["trials"], 4)

    def test_ndr_allows_what_it_is_told_to(self):
        self.drop("numgen inc mod 5 == 0")
        none, much = self.search("--lowest", 100, "--highest", 500, "--tolerance", 50, "--loss",
                                 "10,30", "--trial-time", 0.5, "--drain", 0.5, code=3)
        self.assertEqual((none["allowed-loss-percent"], none["pps"]), (10, None))
        self.assertEqual(much["allowed-loss-percent"], 30)
        self.assertTrue(100 <= much["pps"] <= 500, much)

    def test_loss_is_told_exactly(self):
        self.drop("numgen inc mod 5 == 0")
        report = self.report(
            "--idle", "yes", "--nodes", 100, *ADDRESSES, "--count", 500, "--rate", 5000, "--max-loss",
            "19.9", "--drain", 2, "--traffic", "correspondent@net_af_packet0", code=3,
            eal=("--vdev=net_af_packet0,iface=in", "--vdev=net_af_packet1,iface=out"),
            wrapper=("ip", "netns", "exec", self.name))
        (row,) = report["traffic"]
        self.assertEqual((row["sent"], row["received"], row["lost"], row["lost-percent"]),
                         (500, 400, 100, 20))
        self.assertEqual((row["duplicates"], row["reordered"]), (0, 0))


if __name__ == "__main__":
    unittest.main()
