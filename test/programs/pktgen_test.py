#!/usr/bin/python3
"""anyhome-pktgen against a real anyhomed over memif, into pcap files, and at its prompt.

    pktgen_test.py [TEST...]     with ANYHOME_BUILD naming the build directory
"""
import csv
import json
import os
import shutil
import signal
import struct
import subprocess
import unittest

from programs import ANYHOMED, BUILD, CONFIGURATION, PATIENCE, Workplace, lcores

from anyhome_lab.shell import stop

PKTGEN = BUILD / "apps/anyhome-pktgen/anyhome-pktgen"
DUT_MAC = "02:00:00:00:00:1a"

ADDRESSES = ("--destination-mac", DUT_MAC, "--home-agent", "2001:db8:0:1::1a",
             "--home-address", "2001:db8:0:1::1:0", "--care-of-address", "2001:db8:f1::1",
             "--correspondent", "2001:db8:c::1")
HAHA = ("--locator", "2001:db8:a1::1a", "--peer", "2001:db8:a2::1a",
        "--global-home-address", "2001:db8:0:1::2:0", "--global-nodes", 100)
KEY = ("--key", "000102030405060708090a0b0c0d0e0f", "--identifier", "mn{}@example.net")
GOOD = ("correspondent", "reverse-tunnel", "haha-in", "haha-out", "register", "refresh", "move",
        "ss-rep")


class Program(Workplace):
    def pktgen(self, *options, eal=(), code=0):
        """Runs the generator to its end."""
        eal = ("--no-pci", "--no-huge", "-m", 256, "--file-prefix", f"{self.file_prefix}-gen",
               *(() if "--lcores" in eal else ("--lcores", lcores(2))), *eal)
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
        done = self.run_program(PKTGEN, "--", "ndr", "--traffic", "ss-rep", "--key", "00" * 16,
                                "--nodes", "2", "--tolerance", "0", code=2)
        for wanted in ("--traffic: nothing of it is expected back", "--identifier: missing",
                       "--tolerance: is 0"):
            self.assertIn(wanted, done.stderr)
        done = self.run_program(PKTGEN, "--", "--register", "yes", "--duration", "700",
                                "--identifier", "all", "--nodes", "2", code=2)
        self.assertIn('--duration "700": is longer than bindings live (600 s)', done.stderr)
        self.assertIn('--identifier "all": is the same for all nodes', done.stderr)

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
        path = self.capture("all.pcap", "--frame-size", "imix",
                            *(f"--traffic={kind}" for kind in GOOD))
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

    def test_frames_of_a_file_are_sent_again(self):
        first = self.capture("1.pcap")
        again = self.frames(self.capture("2.pcap", "--traffic", "pcap", "--pcap", first))
        self.assertEqual(again, self.frames(first))


class Loop(Program):
    """Two rings that lead back to where the frames came from."""

    def loop(self, *options, lcores_used=3, code=0):
        limit = () if "--duration" in options else ("--duration", 20)
        return self.pktgen("--idle", "yes", *limit, *ADDRESSES, *options,
                           eal=("--vdev=net_ring0", "--lcores", lcores(lcores_used)), code=code)

    def test_all_senders_together_send_what_was_asked_for(self):
        # A ring of its own for each sender, so two receivers.
        done = self.loop("--senders", 2, "--nodes", 10, "--count", 1001, "--rate", 20000,
                         "--burst", 8, "--vlan", 7, "--format", "json", lcores_used=5)
        (row,) = json.loads(done.stdout)["traffic"]
        self.assertEqual((row["sent"], row["received"], row["lost"]), (1001, 1001, 0))
        self.assertEqual((row["reordered"], row["duplicates"]), (0, 0))

    def test_a_sender_without_nodes_leaves_its_part_to_the_others(self):
        done = self.loop("--senders", 2, "--nodes", 1, "--duration", 0.5, "--rate", 2000,
                         "--format", "json", lcores_used=4)
        (row,) = json.loads(done.stdout)["traffic"]
        self.assertAlmostEqual(row["sent"], 1000, delta=60)

    def test_rows_for_a_spreadsheet_and_lines_while_it_runs(self):
        path = self.directory / "rows.csv"
        done = self.loop("--duration", 0.7, "--rate", "1%", "--link-speed", 0.01, "--ramp", "50,0.3",
                         "--stats-period", 0.2, "--format", "csv", "--output", path,
                         "--traffic", "correspondent", "--traffic", "bad-hop-limit")
        rows = list(csv.DictReader(path.read_text().splitlines()))
        self.assertEqual([row["traffic"] for row in rows], ["correspondent", "bad-hop-limit"])
        self.assertEqual(rows[0]["lost"], "0")
        # 100 kbit/s of frames of 98 bytes with preamble and gap.
        self.assertTrue(40 < sum(int(row["sent"]) for row in rows) < 92, rows)
        self.assertEqual(done.stdout, "")
        lines = [line for line in done.stderr.splitlines() if " s: sent " in line]
        self.assertGreaterEqual(len(lines), 2, done.stderr)

    def test_foreign_frames_are_counted(self):
        # Frames that are no frames, and a mark of a run that never was.
        mark = bytes.fromhex("6000000000141140" + "20010db8" * 8 +
                             "f51ef51e0014ffff" "a4e1ff0000000000" "00000000")
        frames = [b"\0" * 14, b"\0" * 12 + b"\x86\xdd", b"\xff" * 60,
                  b"\0" * 12 + b"\x86\xdd" + mark, b"\0" * 12 + b"\x86\xdd" + b"\x60" + b"\x29" * 90]
        path = self.directory / "foreign.pcap"
        path.write_bytes(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1) + b"".join(
            struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame for frame in frames))
        done = self.loop("--traffic", "pcap", "--pcap", path, "--count", 100, "--rate", 10000,
                         "--format", "json")
        report = json.loads(done.stdout)
        self.assertEqual(report["traffic"][0]["sent"], 100)
        self.assertEqual(report["of-earlier-runs"], 20)
        self.assertEqual(report["other-frames"], 80)

    def test_an_interrupt_ends_a_run_with_its_results(self):
        command = [PKTGEN, "--no-pci", "--no-huge", "-m", 256, "--file-prefix",
                   f"{self.file_prefix}-gen", "--vdev=net_ring0", "--lcores", lcores(2), "--",
                   "--idle", "yes", "--duration", 0, "--count", 10 ** 9, "--rate", 1000,
                   "--stats-period", 0.05, "--format", "json", *ADDRESSES]
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=self.environment)
        for line in process.stderr:
            if " s: sent " in line:
                break
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 0)
        self.assertEqual(json.loads(out)["traffic"][0]["lost"], 0)


class AgainstAnyhomed(Program):
    """One memif between the two; everybody else is behind the same router."""
    BINDINGS = 500
    CHANGES = (("max-bindings = 256", "max-bindings = 1024"),)
    PORT = ""
    MORE = ""

    @classmethod
    def setUpClass(cls):
        place = cls.place = Program()
        place.setUp()
        cls.addClassCleanup(place.doCleanups)
        cls.socket = place.directory / "memif.sock"
        text = CONFIGURATION.replace("net_null0", "net_memif0")
        for old, new in cls.CHANGES:
            text = text.replace(old, new)
        config = place.file("anyhomed.ini", text + cls.MORE)
        # Not `start_daemon`: it serves when its link is up, hence with the generator only.
        eal = place.eal(f"--vdev=net_memif0,role=server,socket-abstract=no,socket={cls.socket},"
                        f"mac={DUT_MAC}")
        log = place.directory / "anyhomed.log"
        with open(log, "wb") as file:
            cls.daemon = subprocess.Popen(
                [str(word) for word in (ANYHOMED, *eal, "--", "--config", config,
                                        *cls.daemon_options())],
                stdout=file, stderr=file, stdin=subprocess.DEVNULL, env=place.environment)
        cls.addClassCleanup(lambda: (stop(cls.daemon.pid), cls.daemon.wait()))
        place.log = log
        place.wait_for("the memif socket", cls.socket.exists, cls.daemon)

    @classmethod
    def daemon_options(cls):
        return ()

    def memif(self):
        return (f"--vdev=net_memif0,role=client,socket-abstract=no,socket={self.socket}",)

    def generate(self, *options, code=0):
        done = self.pktgen("--idle", "yes", "--nodes", self.BINDINGS, "--register-rate", 5000,
                           "--format", "json", *ADDRESSES, *options, eal=self.memif(), code=code)
        return json.loads(done.stdout)

    def bindings(self):
        """Home addresses and where they are, as the home agent tells."""
        rows = self.place.ctl("show", "bindings").stdout.splitlines()[1:]
        return {row.split()[0]: row.split()[1] for row in rows}


class Forwarding(AgainstAnyhomed):
    """Without authentication, and with a peer that the generator plays."""
    CHANGES = (*AgainstAnyhomed.CHANGES,
               ("home-agent-address", "locator = 2001:db8:a1::1a\ngroup-id = 7\n"
                "set-key = 000102030405060708090a0b0c0d0e0f\nlink-is-secure = yes\n"
                "home-agent-address"))
    MORE = """\
address = 2001:db8:a1::1a/64
haha = yes
[peer.played]
home-agent-address = 2001:db8:0:1::2a
locator = 2001:db8:a2::1a
"""

    def generate(self, *options, code=0):
        return super().generate("--register", "yes", *HAHA, "--group-id", 7, *options, code=code)

    def test_everything_that_is_forwarded_comes_back(self):
        report = self.generate("--rate", 4000, "--count", 4000, "--frame-size",
                               "78=7,570=4,1438=1", "--traffic", "correspondent", "--traffic",
                               "reverse-tunnel", "--traffic", "haha-in", "--traffic", "haha-out")
        tunnels = {"correspondent": (0, 1), "reverse-tunnel": (1, 0), "haha-in": (0, 1),
                   "haha-out": (0, 1)}
        self.assertEqual(sum(row["sent"] for row in report["traffic"]), 4000)
        for row in report["traffic"]:
            self.assertGreater(row["sent"], 800)
            self.assertEqual((row["received"], row["lost"]), (row["sent"], 0), row)
            # Out of the tunnel's other end they come in it, or without.
            none, one = tunnels[row["traffic"]]
            self.assertEqual((row["in-no-tunnel"], row["in-one-tunnel"]),
                             (none * row["sent"], one * row["sent"]), row)
            self.assertEqual((row["duplicates"], row["reordered"]), (0, 0))
            self.assertTrue(0 < row["min-us"] <= row["p50-us"] <= row["p99-us"] <= row["max-us"])
            self.assertLessEqual(row["pdv-us"], row["max-us"])
        self.assertEqual(report["of-earlier-runs"], 0)

    def test_bad_packets_do_not_come_back(self):
        kinds = ("bad-version", "bad-length", "bad-hop-limit", "bad-home-address", "bad-care-of",
                 "bad-checksum")
        report = self.generate("--rate", 2000, "--count", 1000, "--traffic", "correspondent",
                               *(f"--traffic={kind}" for kind in kinds))
        good, *bad = report["traffic"]
        self.assertEqual(good["lost"], 0)
        for row in bad:
            self.assertGreater(row["sent"], 50)
            self.assertEqual(row["received"], 0, row)
        self.assertLessEqual({"type-1", "type-3"}, report["icmpv6-errors"].keys())

    def test_lost_packets_are_an_exit_code(self):
        # Too large for a tunnel through 1500 bytes.
        report = self.generate("--rate", 1000, "--count", 100, "--frame-size", 1518, "--max-loss",
                               10, code=3)
        self.assertEqual(report["traffic"][0]["lost-percent"], 100)
        self.assertIn("type-2", report["icmpv6-errors"])  # Packet Too Big

    def test_ndr_sweeps_sizes_losses_and_nodes(self):
        done = self.pktgen("ndr", "--idle", "yes", "--register", "yes", "--register-rate", 5000,
                           "--format", "csv", *ADDRESSES, "--highest", 4000, "--lowest", 100,
                           "--trial-time", 0.1, "--tolerance", 50, "--loss", "0,50",
                           "--sweep-frame-sizes", "78/570=1,78=1", "--sweep-nodes", "20,200",
                           eal=self.memif())
        rows = list(csv.DictReader(done.stdout.splitlines()))
        self.assertEqual([(row["nodes"], row["frame-size"], row["allowed-loss-percent"])
                          for row in rows],
                         [(nodes, size, loss) for nodes in ("20", "200")
                          for size in ("78", "570=1,78=1") for loss in ("0", "50")])
        for row in rows:
            self.assertTrue(100 <= float(row["pps"]) <= 4000, row)
            self.assertGreater(float(row["p99-us"]), 0)
        self.assertRegex(done.stderr, r"20 mobile nodes, loss 0 %: trying 4000 pps; at most \d+ s")
        self.assertGreaterEqual(len(self.bindings()), 200)

    def test_ndr_of_binding_updates_counts_acknowledgements(self):
        report = self.generate("ndr", "--traffic", "refresh", "--highest", 2000, "--lowest", 100,
                               "--trial-time", 0.1, "--tolerance", 50)
        (row,) = report["searches"]
        self.assertTrue(100 <= row["pps"] <= 2000, row)
        self.assertIsNone(row["p50-us"])

    def test_a_rate_that_cannot_pass_is_an_exit_code(self):
        report = self.generate("ndr", "--frame-size", 1518, "--highest", 2000, "--lowest", 1000,
                               "--trial-time", 0.05, "--drain", 0.05, "--tolerance", 50, code=3)
        self.assertIsNone(report["searches"][0]["pps"])

    def prompt(self, commands):
        return subprocess.run(
            [str(word) for word in (
                PKTGEN, "--no-pci", "--no-huge", "-m", 256, "--file-prefix",
                f"{self.file_prefix}-gen", "--lcores", lcores(2), *self.memif(), "--", "prompt",
                "--idle", "yes", "--nodes", 20, "--register", "yes", *ADDRESSES)],
            input=commands, text=True, capture_output=True, timeout=PATIENCE,
            env=self.environment, check=False)

    def test_prompt(self):
        done = self.prompt("set rate 1000\nset count 300\nset traffic reverse-tunnel\n"
                           "set nodes 10\nstart\nwait\nregister\nset count 0\nset duration 0\n"
                           "start\nshow stats\nstop\nshow ports\nhelp")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"(?m)^traffic +reverse-tunnel$")
        self.assertRegex(done.stdout, r"(?m)^sent +300$")
        self.assertRegex(done.stdout, r"(?m)^lost +0$")
        self.assertRegex(done.stdout, r"(?m)^registered +10$")
        self.assertRegex(done.stdout, r"net_memif0 \(net_memif\): link up, sent [34]\d\d")
        self.assertIn("set frame-size", done.stdout)  # the last line has no end

    def test_mistakes_at_the_prompt(self):
        done = self.prompt("set size 9\nset rate fast\nset traffic haha-in\nwait\nquit\n")
        self.assertEqual(done.returncode, 1)
        for said in ('"set size 9": there is no such command', "give packets per second up to",
                     "--locator: missing; traffic haha-in needs it", "nothing that ends by itself"):
            self.assertIn(said, done.stdout)


class Authenticated(AgainstAnyhomed):
    """Binding Updates as RFC 4285 wants them, to a home agent that wants nothing else."""
    BINDINGS = 100
    CHANGES = (("authentication = insecure-none", "authentication = rfc4285"),)

    @classmethod
    def daemon_options(cls):
        lines = cls.place.run_program(PKTGEN, "--", "mobile-nodes", "--nodes", cls.BINDINGS,
                                      "--home-address", "2001:db8:0:1::1:0", *KEY, code=0).stdout
        return "--mobile-nodes-file", cls.place.file("mobile-nodes.csv", lines)

    def test_register_move_and_forge(self):
        report = self.generate("register", *KEY)
        (row,) = report["registration"]
        self.assertEqual((row["nodes"], row["registered"]), (100, 100))
        bindings = self.bindings()
        self.assertEqual(len(bindings), 100)
        self.assertEqual(bindings["2001:db8:0:1::1:0"], "2001:db8:f1::1")
        self.assertEqual(bindings["2001:db8:0:1::1:63"], "2001:db8:f1::64")

        # A quarter moves each time round, and nobody's packets are dropped for it.
        report = self.generate("--rate", 2000, "--count", 2000, "--register", "yes", *KEY,
                               "--traffic", "move", "--traffic", "reverse-tunnel=2",
                               "--traffic", "correspondent", "--traffic", "bad-authenticator")
        move, tunnel, correspondent, forged = report["traffic"]
        self.assertEqual((tunnel["lost"], correspondent["lost"]), (0, 0))
        said = report["binding-acknowledgements"]
        self.assertEqual(said["0-accepted"], move["sent"])
        # A home agent answers a few of those a second.
        self.assertEqual(set(said), {"0-accepted", "146-authentication-failed"})
        self.assertLessEqual(said["146-authentication-failed"], forged["sent"])
        bindings = self.bindings()
        self.assertEqual(len(bindings), 100)
        moves = {int(care_of.split("::")[1].split(":")[0], 16) if care_of.count(":") > 4 else 0
                 for care_of in bindings.values()}
        self.assertLessEqual(moves, {move["sent"] // 100, move["sent"] // 100 + 1})

    def test_another_key_registers_nobody(self):
        done = self.pktgen("register", "--idle", "yes", "--nodes", 5, "--register-rounds", 2,
                           "--register-rate", 5000, "--format", "json", *ADDRESSES, "--key",
                           "ff" * 16, "--identifier", "mn{}@example.net", eal=self.memif(), code=3)
        self.assertEqual(json.loads(done.stdout)["registration"][0]["registered"], 0)

del AgainstAnyhomed  # has no tests of its own


# What meets a running home agent counts packets on a clock, and needs a machine that keeps up:
#   ANYHOME_QUIET_MACHINE=1 test/programs/pktgen_test.py
if "ANYHOME_QUIET_MACHINE" not in os.environ:
    for case in list(globals().values()):
        if isinstance(case, type) and issubclass(case, Program) and case.__name__ not in (
                "Program", "CommandLine", "Packets"):
            unittest.skip("needs ANYHOME_QUIET_MACHINE=1")(case)

if __name__ == "__main__":
    unittest.main()
