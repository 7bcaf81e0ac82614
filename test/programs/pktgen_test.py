#!/usr/bin/python3
"""anyhome-pktgen against a real anyhomed over memif, into pcap files, and at its prompt.

    pktgen_test.py [TEST...]     with ANYHOME_BUILD naming the build directory
"""
import json
import shutil
import subprocess
import unittest

from programs import ANYHOMED, BUILD, CONFIGURATION, Workplace

from anyhome_lab.shell import stop

PKTGEN = BUILD / "apps/anyhome-pktgen/anyhome-pktgen"
DUT_MAC = "02:00:00:00:00:1a"

ADDRESSES = ("--destination-mac", DUT_MAC, "--home-agent", "2001:db8:0:1::1a",
             "--home-address", "2001:db8:0:1::1:0", "--care-of-address", "2001:db8:f1::1",
             "--correspondent", "2001:db8:c::1")
HAHA = ("--locator", "2001:db8:a1::1a", "--peer", "2001:db8:a2::1a",
        "--global-home-address", "2001:db8:0:1::2:0", "--global-nodes", 100)
KEY = ("--key", "000102030405060708090a0b0c0d0e0f")
GOOD = ("correspondent", "reverse-tunnel", "haha-in", "haha-out", "register", "refresh", "move",
        "ss-rep")


class Program(Workplace):
    def pktgen(self, *options, eal=(), code=0):
        """Runs the generator to its end."""
        eal = ("--no-pci", "--no-huge", "-m", 256, "--file-prefix", f"{self.file_prefix}-gen",
               "--lcores", self.eal()[5], *eal)
        return self.run_program(PKTGEN, *eal, "--", *options, code=code)


class CommandLine(Program):
    def test_help_names_actions_kinds_and_options(self):
        text = self.run_program(PKTGEN, "--help", code=0).stdout
        for word in ("ndr", "prompt", "reverse-tunnel", "--frame-size", "--max-loss", "Exit codes"):
            self.assertIn(word, text)
        self.assertLessEqual(max(map(len, text.splitlines())), 112)

    def test_all_mistakes_at_once(self):
        done = self.run_program(PKTGEN, "--no-pci", "--", "sned", "--rate", "fast", "--frame-size",
                                "77", "--traffic", "correspondents", "--nodes", "0", "--sizes", "1",
                                "--seed", "1", "--seed", "2", "--spi", "300", code=2)
        said = done.stderr.splitlines()
        for wanted in ('"sned": give one of run,', '--rate "fast": give packets per second',
                       '--frame-size "77": give a size from 78', '--traffic "correspondents": give',
                       '--nodes "0": give a number from 1', "--sizes: there is no such option",
                       '--seed "2": given 2 times', "--spi: means nothing without --key",
                       "--destination-mac: missing", "--home-address: missing"):
            self.assertTrue(any(wanted in line for line in said), (wanted, said))

    def test_a_key_is_not_repeated(self):
        done = self.run_program(PKTGEN, "--", "--key", "c0ffee", code=2)
        self.assertIn('--key "...":', done.stderr)
        self.assertNotIn("c0ffee", done.stderr)


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

    @unittest.skipIf(shutil.which("tshark") is None, "needs tshark")
    def test_tshark_finds_no_fault(self):
        for kind in GOOD:
            with self.subTest(kind):
                path = self.capture(f"{kind}.pcap", "--frame-size", "imix", "--traffic", kind)
                decoded = json.loads(subprocess.run(
                    ["tshark", "-n", "-r", path, "-T", "json", "-o", "udp.check_checksum:TRUE",
                     "-e", "_ws.malformed", "-e", "_ws.expert.severity", "-e", "_ws.expert.message",
                     "-e", "udp.checksum.status", "-e", "mip6.mhtype", "-e", "ipv6.version"],
                    check=True, capture_output=True, text=True).stdout)
                self.assertEqual(len(decoded), 300)
                for packet in decoded:
                    fields = packet["_source"]["layers"]
                    self.assertNotIn("_ws.malformed", fields)
                    # What only our own code points make strange to tshark is none of its errors.
                    serious = [text for severity, text in zip(
                        fields.get("_ws.expert.severity", []), fields.get("_ws.expert.message", []))
                        if int(severity) >= 0x600000]
                    self.assertEqual(serious, [])
                    if "mip6.mhtype" not in fields:
                        self.assertEqual(fields["udp.checksum.status"], ["1"])  # good

    def test_frames_of_a_file_are_sent_again(self):
        first = self.capture("1.pcap")
        again = self.frames(self.capture("2.pcap", "--traffic", "pcap", "--pcap", first))
        self.assertEqual(again, self.frames(first))


class AgainstAnyhomed(Program):
    """One memif between the two; correspondents and mobile nodes are behind the same router."""

    def setUp(self):
        super().setUp()
        self.socket = self.directory / "memif.sock"
        config = self.file("anyhomed.ini", CONFIGURATION.replace("net_null0", "net_memif0")
                           .replace("max-bindings = 256", "max-bindings = 1024"))
        # Not `start_daemon`: it serves when its link is up, hence with the generator only.
        eal = self.eal(f"--vdev=net_memif0,role=server,socket-abstract=no,socket={self.socket},"
                       f"mac={DUT_MAC}")
        self.log = self.directory / "anyhomed.log"
        with open(self.log, "wb") as log:
            self.daemon = subprocess.Popen(
                [str(word) for word in (ANYHOMED, *eal, "--", "--config", config)], stdout=log,
                stderr=log, stdin=subprocess.DEVNULL, env=self.environment)
        self.addCleanup(lambda: (stop(self.daemon.pid), self.daemon.wait()))
        self.wait_for("the memif socket", self.socket.exists, self.daemon)

    def generate(self, *options, code=0):
        done = self.pktgen("--idle", "yes", "--nodes", 500, "--register", "yes",
                           "--register-rate", 5000, "--format", "json", *ADDRESSES, *options,
                           eal=(f"--vdev=net_memif0,role=client,socket-abstract=no,"
                                f"socket={self.socket}",), code=code)
        return json.loads(done.stdout)

    def test_registered_nodes_get_their_packets(self):
        report = self.generate("--rate", 2000, "--count", 2000,
                               "--frame-size", "78=7,570=4,1478=1")
        (row,) = report["traffic"]
        self.assertEqual((row["sent"], row["received"], row["lost"]), (2000, 2000, 0))
        # Out of the tunnel's other end they come in it.
        self.assertEqual((row["in-no-tunnel"], row["in-one-tunnel"]), (0, 2000))
        self.assertEqual((row["duplicates"], row["reordered"]), (0, 0))
        self.assertAlmostEqual(row["sent-pps"], 2000, delta=100)
        self.assertTrue(0 < row["min-us"] <= row["p50-us"] <= row["p99-us"] <= row["max-us"])
        self.assertEqual(report["of-earlier-runs"], 0)

    def test_mobile_nodes_reach_correspondents_wherever_they_are(self):
        report = self.generate("--rate", 2000, "--count", 2000, "--traffic", "reverse-tunnel=9",
                               "--traffic", "refresh=1")
        data, refresh = report["traffic"]
        self.assertEqual((data["lost"], data["in-no-tunnel"]), (0, data["sent"]))
        self.assertGreater(refresh["sent"], 50)
        self.assertEqual(report["binding-acknowledgements"], {"0-accepted": refresh["sent"]})

    def test_bad_packets_do_not_come_back(self):
        kinds = ("bad-version", "bad-length", "bad-home-address", "bad-care-of", "bad-checksum")
        report = self.generate("--rate", 2000, "--count", 1000, "--traffic", "correspondent",
                               *(f"--traffic={kind}" for kind in kinds))
        good, *bad = report["traffic"]
        self.assertEqual(good["lost"], 0)
        for row in bad:
            self.assertGreater(row["sent"], 50)
            self.assertEqual(row["received"], 0, row)
        self.assertIn("type-1", report["icmpv6-errors"])  # Destination Unreachable

    def test_lost_packets_are_an_exit_code(self):
        # Nobody is there: neither the nodes behind the registered ones.
        report = self.generate("--rate", 1000, "--count", 200, "--traffic", "correspondent",
                               "--traffic", "haha-out", *HAHA, "--max-loss", 10, code=3)
        here, elsewhere = report["traffic"]
        self.assertEqual(here["lost"], 0)
        self.assertEqual((elsewhere["received"], elsewhere["lost-percent"]), (0, 100))

    def test_ndr_finds_a_rate(self):
        done = self.generate("ndr", "--highest", 20000, "--lowest", 100, "--trial-time", 0.2,
                             "--tolerance", 30, "--loss", "0,50", "--sweep-frame-sizes", "78/570")
        rows = done["searches"]
        self.assertEqual([(row["frame-size"], row["allowed-loss-percent"]) for row in rows],
                         [("78", 0), ("78", 50), ("570", 0), ("570", 50)])
        for row in rows:
            self.assertTrue(100 <= row["pps"] <= 20000, row)
            self.assertTrue(1 <= row["trials"] <= 12, row)

    def test_prompt(self):
        self.stdin_text = "set rate 1000\nset count 300\nset size 9\nstart\nwait\nshow ports\nquit\n"
        done = subprocess.run(
            [str(word) for word in (
                PKTGEN, "--no-pci", "--no-huge", "-m", 256, "--file-prefix",
                f"{self.file_prefix}-gen", "--lcores", self.eal()[5],
                f"--vdev=net_memif0,role=client,socket-abstract=no,socket={self.socket}", "--",
                "prompt", "--idle", "yes", "--nodes", 20, "--register", "yes", *ADDRESSES)],
            input=self.stdin_text, text=True, capture_output=True, timeout=60,
            env=self.environment, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('"set size 9": there is no such command', done.stdout)
        self.assertRegex(done.stdout, r"(?m)^sent +300$")
        self.assertRegex(done.stdout, r"(?m)^lost +0$")
        self.assertRegex(done.stdout, r"net_memif0 \(net_memif\): link up, sent 3\d\d")


if __name__ == "__main__":
    unittest.main()
