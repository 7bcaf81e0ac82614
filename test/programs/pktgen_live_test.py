#!/usr/bin/python3
"""anyhome-pktgen against a real anyhomed, over vhost-user: neither root nor hugepages.

    pktgen_live_test.py [TEST...]     with ANYHOME_BUILD naming the build directory

Nothing here depends on how fast anything is. A run sends no more packets than the ring between the
two holds, so that none is lost however long one of them has to wait for a processor.
"""
import csv
import json
import signal
import subprocess
import unittest

from programs import ANYHOMED, CONFIGURATION, PATIENCE, lcores
from pktgen_program import ADDRESSES, HAHA, KEY, PATIENT, PKTGEN, Program

from anyhome_lab.shell import is_alive, stop

RING = 1024  # packets; the largest that virtio allows here

# Of a member of a home agent set; the generator plays the other.
SET = (("home-agent-address", "locator = 2001:db8:a1::1a\ngroup-id = 7\n"
        "set-key = 000102030405060708090a0b0c0d0e0f\nlink-is-secure = yes\nhome-agent-address"),)
PEER = """\
address = 2001:db8:a1::1a/64
haha = yes
[peer.played]
home-agent-address = 2001:db8:0:1::2a
locator = 2001:db8:a2::1a
"""


class AgainstAnyhomed(Program):
    """One vhost-user port between the two; everybody else is behind the same router."""
    BINDINGS = 500
    MAX_BINDINGS = 1024
    CHANGES = ()
    MORE = ""

    @classmethod
    def setUpClass(cls):
        place = cls.place = Program()
        place.setUp()
        cls.addClassCleanup(place.doCleanups)
        cls.socket = place.directory / "vhost.sock"
        cls.daemon = cls.start(place)
        cls.addClassCleanup(lambda: (stop(cls.daemon.pid), cls.daemon.wait()))

    @classmethod
    def start(cls, place):
        text = CONFIGURATION.replace("net_null0", "net_vhost0")
        for old, new in (("max-bindings = 256", f"max-bindings = {cls.MAX_BINDINGS}"), *cls.CHANGES):
            text = text.replace(old, new)
        config = place.file("anyhomed.ini", text + cls.MORE)
        # Not `start_daemon`: it serves when its link is up, hence with the generator only.
        place.log = place.directory / "anyhomed.log"
        with open(place.log, "ab") as file:
            daemon = subprocess.Popen(
                [str(word) for word in (
                    ANYHOMED, *place.eal(f"--vdev=net_vhost0,iface={cls.socket},queues=1"), "--",
                    "--config", config, *cls.daemon_options(place))],
                stdout=file, stderr=file, stdin=subprocess.DEVNULL, env=place.environment)

        def answers():
            try:
                telemetry = place.telemetry()
            except OSError:
                return False
            try:
                return telemetry.ask("status") is not None
            finally:
                telemetry.close()
        place.wait_for("anyhomed to answer", answers, daemon)
        return daemon

    @classmethod
    def daemon_options(cls, place):
        return ()

    def vhost(self):
        return (f"--vdev=net_virtio_user0,path={self.socket},queues=1,queue_size={RING}",)

    def options(self):
        """Of every run; rounds enough for a home agent that has just seen the link come up."""
        return ("--idle", "yes", "--nodes", self.BINDINGS, "--register-rate", 5000,
                "--register-rounds", 9, *ADDRESSES)

    def generate(self, *options, code=0):
        if "--drain" not in options:
            options = (*options, *PATIENT)
        return self.report(*options, *self.options(), eal=self.vhost(), code=code)

    def bindings(self):
        """Home addresses and where they are, as the home agent tells."""
        rows = self.place.ctl("show", "bindings").stdout.splitlines()[1:]
        return {row.split()[0]: row.split()[1] for row in rows}

    def counts(self):
        """What the home agent has counted, by name."""
        lines = self.place.ctl("--all", "show", "counters").stdout.splitlines()[1:]
        return {counter: int(value) for _, counter, value, *_ in map(str.split, lines)}


class Forwarding(AgainstAnyhomed):
    """Without authentication, and with a peer that the generator plays."""
    CHANGES = SET
    MORE = PEER

    def options(self):
        return ("--register", "yes", *HAHA, "--group-id", 7, *super().options())

    def test_everything_that_is_forwarded_comes_back(self):
        report = self.generate("--rate", 4000, "--count", 900, "--frame-size",
                               "78=7,570=4,1438=1", "--traffic", "correspondent", "--traffic",
                               "reverse-tunnel", "--traffic", "haha-in", "--traffic", "haha-out")
        tunnels = {"correspondent": (0, 1), "reverse-tunnel": (1, 0), "haha-in": (0, 1),
                   "haha-out": (0, 1)}
        self.assertEqual(sum(row["sent"] for row in report["traffic"]), 900)
        for row in report["traffic"]:
            self.assertGreater(row["sent"], 180)
            self.assertEqual((row["received"], row["lost"]), (row["sent"], 0), row)
            # Out of the tunnel's other end they come in it, or without.
            none, one = tunnels[row["traffic"]]
            self.assertEqual((row["in-no-tunnel"], row["in-one-tunnel"]),
                             (none * row["sent"], one * row["sent"]), row)
            self.assertEqual((row["duplicates"], row["reordered"]), (0, 0))
            self.assertTrue(0 < row["min-us"] <= row["p50-us"] <= row["p90-us"] <= row["p99-us"] <=
                            row["p99.9-us"] <= row["max-us"])
            self.assertLessEqual(row["pdv-us"], row["max-us"])
            self.assertLessEqual(row["ipdv-mean-us"], row["ipdv-max-us"])
        self.assertEqual((report["of-earlier-runs"], report["missed-by-us"]), (0, 0))

    def test_bad_packets_do_not_come_back(self):
        kinds = ("bad-version", "bad-length", "bad-hop-limit", "bad-home-address", "bad-care-of",
                 "bad-checksum")
        report = self.generate("--rate", 2000, "--count", 700, "--drain", 3, "--traffic",
                               "correspondent", *(f"--traffic={kind}" for kind in kinds))
        good, *bad = report["traffic"]
        self.assertEqual(good["lost"], 0)
        for row in bad:
            self.assertGreater(row["sent"], 50)
            self.assertEqual(row["received"], 0, row)
        self.assertLessEqual({"type-1", "type-3"}, report["icmpv6-errors"].keys())

    def test_refreshes_and_moves_are_all_acknowledged(self):
        report = self.generate("--rate", 2000, "--count", 600, "--traffic", "refresh", "--traffic",
                               "move", "--traffic", "register")
        self.assertEqual(sum(row["sent"] for row in report["traffic"]), 600)
        self.assertEqual(report["binding-acknowledgements"], {"0-accepted": 600})

    def test_lost_packets_are_an_exit_code(self):
        # Too large for a tunnel through 1500 bytes.
        report = self.generate("--rate", 1000, "--count", 100, "--frame-size", 1518, "--max-loss",
                               10, "--drain", 3, code=3)
        self.assertEqual(report["traffic"][0]["lost-percent"], 100)
        self.assertIn("type-2", report["icmpv6-errors"])  # Packet Too Big

    def test_ndr_sweeps_sizes_losses_and_nodes(self):
        done = self.pktgen("ndr", "--idle", "yes", "--register", "yes", "--register-rate", 5000,
                           "--register-rounds", 9, "--format", "csv", *ADDRESSES, *PATIENT,
                           "--highest", 4000, "--lowest", 100, "--trial-time", 0.1, "--tolerance", 50,
                           "--loss", "0,50", "--sweep-frame-sizes", "78/570=1,78=1",
                           "--sweep-nodes", "20,200", eal=self.vhost())
        rows = list(csv.DictReader(done.stdout.splitlines()))
        self.assertEqual([(row["nodes"], row["frame-size"], row["allowed-loss-percent"])
                          for row in rows],
                         [(nodes, size, loss) for nodes in ("20", "200")
                          for size in ("78", "570=1,78=1") for loss in ("0", "50")])
        for row in rows:
            self.assertTrue(100 <= float(row["pps"]) <= 4000, row)
            self.assertGreater(float(row["p99-us"]), 0)
        self.assertRegex(done.stderr, r"20 mobile nodes, loss 0 %: trying 4000 pps; at most \d+ ")
        self.assertGreaterEqual(len(self.bindings()), 200)

    def test_ndr_of_signalling_counts_answers(self):
        for kind in ("refresh", "ss-rep"):
            report = self.generate("ndr", "--traffic", kind, "--highest", 1000, "--lowest", 100,
                                   "--trial-time", 0.1, "--tolerance", 50)
            (row,) = report["searches"]
            self.assertTrue(100 <= row["pps"] <= 1000, row)
            self.assertIsNone(row["p50-us"])

    def test_a_rate_that_cannot_pass_is_an_exit_code(self):
        report = self.generate("ndr", "--frame-size", 1518, "--highest", 2000, "--lowest", 1000,
                               "--trial-time", 0.05, "--drain", 0.05, "--tolerance", 50, code=3)
        self.assertIsNone(report["searches"][0]["pps"])

    def prompt(self, commands):
        return subprocess.run(
            self.pktgen_command("prompt", "--idle", "yes", "--nodes", 20, "--register", "yes",
                                "--register-rounds", 9, *PATIENT, *ADDRESSES, eal=self.vhost()),
            input=commands, text=True, capture_output=True, timeout=PATIENCE, env=self.environment,
            check=False)

    def test_prompt(self):
        done = self.prompt("set rate 1000\nset count 300\nset traffic reverse-tunnel\n"
                           "set nodes 10\nset burst 5\nset order uniform\nset frame-size imix\n"
                           "start\nwait\nregister\nset count 0\nset duration 0\n"
                           "start\nshow stats\nstop\nshow ports\nhelp")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"(?m)^traffic +reverse-tunnel$")
        self.assertRegex(done.stdout, r"(?m)^sent +300$")
        self.assertRegex(done.stdout, r"(?m)^lost +0$")
        self.assertRegex(done.stdout, r"(?m)^registered +10$")
        self.assertRegex(done.stdout, r"net_virtio_user0 \(net_virtio_user\): link up, sent \d+")
        self.assertIn("set frame-size", done.stdout)  # the last line has no end

    def test_mistakes_at_the_prompt(self):
        done = self.prompt("set size 9\nset rate fast\nset traffic haha-in\nwait\nstop\nquit\n")
        self.assertEqual(done.returncode, 1)
        for said in ('"set size 9": there is no such command', "give packets per second up to",
                     "--locator: missing; traffic haha-in needs it", "nothing that ends by itself",
                     "nothing is being sent"):
            self.assertIn(said, done.stdout)

    def test_a_generator_that_dies_leaves_the_home_agent_as_it_was(self):
        for _ in range(3):
            process = subprocess.Popen(
                self.pktgen_command(*self.options(), "--rate", 20000, "--duration", 0, "--count",
                                    10 ** 9, "--stats-period", 0.02, "--lifetime", 2000,
                                    eal=self.vhost()),
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=self.environment)
            with process:
                for line in process.stderr:
                    if " s: sent " in line:
                        break
                process.send_signal(signal.SIGKILL)
        self.assertTrue(is_alive(self.daemon.pid), self.place.log.read_text(errors="replace")[-2000:])
        report = self.generate("--rate", 4000, "--count", 300)
        self.assertEqual(report["traffic"][0]["lost"], 0)


class StateSynchronization(AgainstAnyhomed):
    """A peer that tells of more mobile nodes than there is room for."""
    BINDINGS = 6
    MAX_BINDINGS = 256
    CHANGES = SET
    MORE = PEER
    MESSAGES = 60
    EACH = 19
    PEERS_NODES = 400

    def test_every_record_of_a_flood_is_taken_or_refused_by_name(self):
        report = self.report(
            # Who has registered has a link, and the home agent has seen it.
            "--idle", "yes", "--register", "yes", "--register-rounds", 9, "--nodes", self.BINDINGS,
            *ADDRESSES, "--locator", "2001:db8:a1::1a", "--peer", "2001:db8:a2::1a",
            "--global-home-address", "2001:db8:0:1::2:0", "--global-nodes", self.PEERS_NODES,
            "--group-id", 7, "--bindings-per-message", self.EACH, "--traffic", "ss-rep", "--rate", 5000,
            "--count", self.MESSAGES, *PATIENT, eal=self.vhost())
        records = self.MESSAGES * self.EACH
        # Round and round, and of each round those find room that found it in the first.
        room = self.MAX_BINDINGS - self.BINDINGS
        taken = sum(record % self.PEERS_NODES < room for record in range(records))
        self.assertEqual(report["traffic"][0]["sent"], self.MESSAGES)
        self.assertEqual(report["ss-acknowledgements"], self.MESSAGES)
        self.assertEqual(report["ss-records-sent"], records)
        self.assertEqual(report["ss-records"],
                         {"0-success": taken, "128-reason-unspecified": records - taken})
        # The home agent's books say the same.
        self.assertEqual(
            {name: value for name, value in self.counts().items() if name.startswith("information-")},
            {"information-received": records, "information-applied": taken,
             "information-refused": records - taken, "information-stale": 0})
        self.assertEqual(len(self.place.ctl("show", "global-bindings").stdout.splitlines()) - 1, room)


class Authenticated(AgainstAnyhomed):
    """Binding Updates as RFC 4285 wants them, to a home agent that wants nothing else."""
    CHANGES = (("authentication = insecure-none", "authentication = rfc4285\n"
                # Every forged one is to be answered.
                "binding-error-rate = 1000000"),)

    @classmethod
    def daemon_options(cls, place):
        lines = place.run_program(PKTGEN, "--", "mobile-nodes", "--nodes", cls.BINDINGS,
                                  "--home-address", "2001:db8:0:1::1:0", *KEY, code=0).stdout
        return "--mobile-nodes-file", place.file("mobile-nodes.csv", lines)

    def test_register_move_and_forge(self):
        report = self.generate("register", *KEY)
        (row,) = report["registration"]
        self.assertEqual((row["nodes"], row["registered"]), (self.BINDINGS, self.BINDINGS))
        bindings = self.bindings()
        self.assertEqual(len(bindings), self.BINDINGS)
        self.assertEqual(bindings["2001:db8:0:1::1:0"], "2001:db8:f1::1")
        self.assertEqual(bindings["2001:db8:0:1::1:63"], "2001:db8:f1::64")

        # Mobile nodes move, and nobody's packets are dropped for it.
        report = self.generate("--rate", 2000, "--count", 700, "--register", "yes", *KEY, "--order",
                               "uniform", "--drain", 3, "--traffic", "move", "--traffic",
                               "reverse-tunnel=2", "--traffic", "correspondent", "--traffic",
                               "bad-authenticator")
        move, tunnel, correspondent, forged = report["traffic"]
        self.assertEqual((tunnel["lost"], correspondent["lost"]), (0, 0))
        self.assertEqual(report["binding-acknowledgements"],
                         {"0-accepted": move["sent"], "146-authentication-failed": forged["sent"]})
        bindings = self.bindings()
        self.assertEqual(len(bindings), self.BINDINGS)
        # Each move went 2^32 further.
        moves = sum(int(care_of.split("::")[1].split(":")[0], 16) if care_of.count(":") > 4 else 0
                    for care_of in bindings.values())
        self.assertEqual(moves, move["sent"])

    def test_another_key_registers_nobody(self):
        report = self.report("register", "--idle", "yes", "--nodes", 5, "--register-rounds", 2,
                             "--register-rate", 5000, *ADDRESSES, "--key", "ff" * 16, "--identifier",
                             "mn{}@example.net", "--drain", 1, eal=self.vhost(), code=3)
        self.assertEqual(report["registration"][0]["registered"], 0)


class Ending(AgainstAnyhomed):
    def test_a_home_agent_that_goes_ends_no_run(self):
        process = subprocess.Popen(
            self.pktgen_command(*self.options(), "--register", "yes", "--rate", 1000, "--count",
                                10 ** 9, "--duration", 0, "--stats-period", 0.05, "--drain", 0.2,
                                "--lifetime", 2000, "--format", "json", eal=self.vhost()),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment)
        for line in process.stderr:
            if " s: sent " in line and "received 0 " not in line:
                break
        self.daemon.kill()
        self.daemon.wait()
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 0, said)
        self.assertGreater(json.loads(out)["traffic"][0]["sent"], 0)
        self.assertIn("port net_virtio_user0: the link went down", said)


del AgainstAnyhomed  # has no tests of its own

if __name__ == "__main__":
    unittest.main()
