#!/usr/bin/python3
"""anyhomectl against a real daemon, and without one.

    anyhomectl_test.py [TEST...]     with ANYHOME_BUILD naming the build directory
"""
import ipaddress
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

from programs import ANYHOMECTL, CONFIGURATION, PATIENCE, TOP, Workplace

sys.path.insert(0, str(TOP / "test/pcap"))

import packets  # noqa: E402
from pop import PCAP_HEADER, pcap_record  # noqa: E402

COMPLETION = TOP / "apps/anyhomectl/completion/anyhomectl"


class Without(Workplace):
    """Exit code 1: there is no daemon. Exit code 2: that is not how to use it."""

    def test_no_daemon(self):
        for words in (("show", "status"), ("explain", "2001:db8::1"), ("remove", "2001:db8::1")):
            done = self.ctl(*words, code=1)
            self.assertEqual(done.stdout, "")
            self.assertRegex(done.stderr, r"^anyhomectl: no anyhomed answers at "
                             rf"{self.directory}/dpdk/{self.file_prefix}/dpdk_telemetry.v2 \(No such"
                             r" file.*\); is it running, and with this --file-prefix\?$")

    def test_killed_daemon(self):
        # The socket's file is still there, nobody listens.
        path = self.directory / "socket"
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(path))
        done = self.run_program(ANYHOMECTL, "--socket", path, "show", "status", code=1)
        self.assertIn("Connection refused", done.stderr)

    def test_daemon_that_says_nothing_more(self):
        # A client too many: the connection is closed at once.
        path = self.directory / "socket"
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(path))
            listener.listen(1)
            thread = threading.Thread(target=lambda: listener.accept()[0].close())
            thread.start()
            done = self.run_program(ANYHOMECTL, "--socket", path, "show", "status", code=1)
            thread.join()
        self.assertIn("anyhomed is busy", done.stderr)

    def test_wrong_use(self):
        for words, problem in (
                ((), "say what to do"), (("show",), "show takes one view"),
                (("show", "everything"), 'there is no view "everything"'),
                (("frobnicate",), 'there is no command "frobnicate"'),
                (("remove",), "remove takes one home address"),
                (("explain", "a", "b"), "explain takes one address"),
                (("--nosuch",), "unrecognised option"),
                (("--limit", "many", "show", "status"), "invalid"),
                (("--home", "2001:db8::1", "show", "routes"), "show routes takes no --home")):
            done = self.ctl(*words, code=2)
            self.assertIn(problem, done.stderr)
            self.assertIn("see anyhomectl --help", done.stderr)

    def test_help_and_version(self):
        text = self.ctl("--help").stdout
        for view in ("status", "bindings", "routes", "neighbors", "ports", "workers", "counters",
                     "drops", "pools"):
            self.assertRegex(text, rf"(?m)^  {view} +\w")
        self.assertIn("Exit codes: 0", text)
        self.assertRegex(self.ctl("--version").stdout, r"^anyhomectl \d+\.\d+\.\d+$")


def home(number):
    """The home address of a mobile node, as inet_ntop writes it."""
    return str(ipaddress.IPv6Address("2001:db8:0:1::") + number)


class Fed(Workplace):
    """A daemon on a net_pcap port that is fed from here (see test/pcap/pop.py)."""

    def start(self, *options, memory=256):
        output, self.pipe = os.pipe()
        os.set_blocking(output, False)
        self.addCleanup(os.close, self.pipe)
        os.write(self.pipe, PCAP_HEADER)
        self.stdin = output
        process = self.start_daemon(
            *options, configuration=CONFIGURATION.replace("net_null0", "net_pcap0"),
            eal=self.eal(f"--vdev=net_pcap0,rx_pcap=-,tx_pcap={self.directory}/out.pcap",
                         memory=memory))
        os.close(output)
        self.header = packets.frame(b"", packets.WAN_ROUTER_MAC, self.rows("ports")[0]["mac"])
        return process

    def rows(self, view, *options):
        return json.loads(self.ctl("--json", "--all", *options, "show", view).stdout)

    def counter(self, name):
        return next(row["value"] for row in self.rows("counters") if row["name"] == name)

    def send(self, *sent):
        for packet in sent:
            os.write(self.pipe, pcap_record(self.header + bytes(packet)))

    def register(self, first, last, window=400):
        """Mobile nodes by the number, no more under way at once than the punt ring holds."""
        template = bytes(packets.binding_update(home=home(first)))
        home_at = template.index(socket.inet_pton(socket.AF_INET6, home(first)))
        checksum_at = 40 + 24 + 4
        for start in range(first, last + 1, window):
            end = min(start + window, last + 1)
            for number in range(start, end):
                update = bytearray(template)
                update[home_at:home_at + 16] = socket.inet_pton(socket.AF_INET6, home(number))
                # RFC 1624: the address is in the pseudo-header.
                checksum = struct.unpack_from("!H", template, checksum_at)[0]
                for at in range(home_at, home_at + 16, 2):
                    old, new = (struct.unpack_from("!H", b, at)[0] for b in (template, update))
                    checksum = (~checksum & 0xffff) + (~old & 0xffff) + new
                    while checksum > 0xffff:
                        checksum = (checksum & 0xffff) + (checksum >> 16)
                    checksum ^= 0xffff
                struct.pack_into("!H", update, checksum_at, checksum)
                self.send(bytes(update))
            wanted = end - first
            telemetry = self.telemetry()
            self.wait_for(f"{wanted} bindings",
                          lambda: telemetry.ask("status")["bindings"] >= wanted)
            telemetry.close()


class Views(Fed):
    def setUp(self):
        super().setUp()
        self.start("--nemo-pool=2001:db8:8000::/36,64", "--nemo-any-prefix=yes")

    def test_every_view(self):
        self.register(0x1000, 0x1063)
        prefix = packets.MIP6OptMobNetPrefix(prefix="2001:db8:8000:5::", plen=64)
        self.send(packets.binding_update(home=home(0x2000), care_of="2001:db8:f9::9", flags="AHR",
                                         options=[prefix]))
        self.wait_for("the mobile router", lambda: len(self.rows("bindings")) == 101)
        self.send(packets.datagram("2001:db8:c::1", home(0xdead)))
        self.wait_for("a drop", lambda: any(row["value"] for row in self.rows("drops")))

        text = self.ctl("show", "status").stdout
        self.assertRegex(text, r"(?m)^serving +yes$")
        self.assertRegex(text, r"(?m)^bindings +101$")

        table = self.ctl("show", "bindings").stdout.splitlines()
        self.assertEqual(len(table), 102)
        self.assertRegex(table[0], "^HOME ADDRESS +CARE-OF ADDRESS +LIFETIME +LEFT +SEQ")
        self.assertEqual(len(self.ctl("--limit", "7", "show", "bindings").stdout.splitlines()), 8)
        rows = self.rows("bindings")
        self.assertEqual({row["home_address"] for row in rows},
                         {home(number) for number in (*range(0x1000, 0x1064), 0x2000)})

        # Filters of the daemon, and of anyhomectl itself.
        self.assertEqual([row["home_address"] for row in self.rows("bindings", "--home",
                                                                   home(0x1007))], [home(0x1007)])
        self.assertEqual(len(self.rows("bindings", "--care-of", packets.CARE_OF)), 100)
        router = self.rows("bindings", "--prefix", "2001:db8:8000:5::/64")
        self.assertEqual([(row["home_address"], row["prefixes"]) for row in router],
                         [(home(0x2000), "2001:db8:8000:5::/64")])
        self.assertEqual(self.rows("bindings", "--home", home(0x1)), [])
        self.assertEqual(len(self.rows("bindings", "--match", "db8:0:1::100")), 16)
        for words in (("--home", "nonsense"), ("--prefix", "2001:db8::"), ("--care-of", "x")):
            self.assertIn("cannot make sense of",
                          self.ctl(*words, "show", "bindings", code=1).stderr)

        self.assertIn({"prefix": "::/0", "next_hop": "via 2001:db8:a1::1 port wan"},
                      self.rows("routes"))
        neighbor = self.rows("neighbors")[0]
        self.assertEqual((neighbor["address"], neighbor["mac"], neighbor["state"]),
                         ("2001:db8:a1::1", "02:00:00:00:00:01", "reachable"))
        port = self.rows("ports")[0]
        self.assertEqual((port["name"], port["link"], port["received"], port["sent"]),
                         ("wan", "up", 102, 102))
        for name in ("missed", "no_buffer", "send_errors"):
            self.assertEqual(port[name], 0)
        worker = self.rows("workers")[0]
        self.assertEqual((worker["state"], worker["received"], worker["sent"], worker["queues"]),
                         ("running", 102, 102, "wan:0"))
        self.assertLessEqual(worker["busy_percent"], 100)
        self.assertGreater(worker["total_cycles"], worker["busy_cycles"])

        # Zeros only on demand; every row says what it means.
        drops = self.ctl("show", "drops").stdout.splitlines()
        self.assertEqual(len(drops), 2)
        self.assertRegex(drops[1], r"^no-binding +1 +draft section 5\.6 +No binding for the home")
        for view in ("counters", "drops"):
            rows = self.rows(view)
            self.assertGreater(len(rows), 40)
            self.assertTrue(all(row["help"].endswith(".") for row in rows))
        pools = {row["name"]: row for row in self.rows("pools")}
        self.assertEqual(pools["bindings"]["used"], 101)
        self.assertEqual(pools["packets"]["used"], 0)
        # How full at worst: the pools' low water, the rings' high water.
        self.assertGreater(pools["punt-0"]["worst"], 0)
        self.assertGreaterEqual(pools["packets"]["capacity"], pools["packets"]["worst"])

    def test_explain_and_remove(self):
        self.register(0x100, 0x101)
        lines = json.loads(self.ctl("--json", "explain", home(0x100)).stdout)
        self.assertIn("3fff::1 -> 2001:db8:0:1::100", lines[0])
        self.assertIn(f"registered here: tunnel {packets.HOME_AGENT} -> {packets.CARE_OF}", lines)
        self.assertEqual(lines[-1], "sent on port 0")
        text = self.ctl("explain", home(0x1ff)).stdout
        self.assertIn("no-binding", text)
        text = self.ctl("explain", "2001:db8:c::5", "--from", home(0x100), "--tunnel",
                        packets.CARE_OF).stdout
        self.assertIn("taken out of the reverse tunnel", text)
        text = self.ctl("explain", "2001:db8:c::5", "--from", home(0x100), "--tunnel",
                        "2001:db8:f9::9", "--port", "wan").stdout
        self.assertIn("dropped: tunnel-care-of-mismatch", text)
        self.assertIn("no IPv6 address", self.ctl("explain", "nonsense", code=1).stderr)
        self.assertIn("there is no port lan", self.ctl("explain", home(1), "--port", "lan",
                                                       code=1).stderr)
        # Nothing of all that was a packet.
        self.assertEqual(self.counter("received"), 2)

        self.assertEqual(self.ctl("remove", home(0x100)).stdout,
                         f"removed the binding of {home(0x100)}\n")
        self.assertEqual([row["home_address"] for row in self.rows("bindings")], [home(0x101)])
        self.assertIn("has no binding here", self.ctl("remove", home(0x100), code=1).stderr)
        self.assertIn("no home address", self.ctl("remove", "x", code=1).stderr)
        self.assertEqual(self.counter("removed"), 1)

    @unittest.skipUnless(shutil.which("dpdk-telemetry.py"), "skipped: needs dpdk-telemetry.py")
    def test_dpdk_telemetry_py(self):
        # The library's own client knows the same commands, and tells what they are for.
        def ask(command):
            done = subprocess.run(["dpdk-telemetry.py", "-f", self.file_prefix], text=True,
                                  input=f"{command}\nquit\n", capture_output=True, timeout=PATIENCE,
                                  env=self.environment, check=True)
            answers = [line.removeprefix("--> ") for line in done.stdout.splitlines()]
            return json.loads([line for line in answers if line.startswith("{")][-1])
        self.assertEqual(ask("/anyhome/status")["/anyhome/status"]["serving"], "yes")
        commands = ask("/")["/"]
        mine = [command for command in commands if command.startswith("/anyhome/")]
        self.assertGreaterEqual(len(mine), 11)
        for command in mine:
            self.assertTrue(ask(f"/help,{command}")["/help"][command].strip())
        # Parameters, and what is wrong with them.
        self.assertIn("error", ask("/anyhome/bindings,home=x")["/anyhome/bindings"])
        self.assertEqual(ask("/anyhome/bindings,home=2001:db8::1")["/anyhome/bindings"], {})

    def test_completion(self):
        def complete(*words):
            script = (f'source {COMPLETION}; COMP_WORDS=({" ".join(words)!s} ""); '
                      f'COMP_CWORD={len(words)}; '
                      f'_anyhomectl {ANYHOMECTL} "$CURRENT" "$PREVIOUS"; '
                      'printf "%s\\n" "${COMPREPLY[@]}"')
            done = subprocess.run(["bash", "-c", script], text=True, capture_output=True,
                                  timeout=PATIENCE, check=True,
                                  env=self.environment | {"CURRENT": self.current,
                                                          "PREVIOUS": words[-1]})
            self.assertEqual(done.stderr, "")
            return set(done.stdout.split())
        self.current = ""
        self.assertTrue({"show", "explain", "remove"} <= complete("anyhomectl"))
        self.assertTrue({"status", "bindings", "pools"} <= complete("anyhomectl", "show"))
        self.current = "--"
        self.assertTrue({"--json", "--file-prefix", "--home", "--limit"} <= complete("anyhomectl"))
        self.current = "nei"
        self.assertEqual(complete("anyhomectl", "show"), {"neighbors"})
        self.register(0x100, 0x101)
        self.current = "2001:db8:0:1::"
        self.assertEqual(complete("anyhomectl", "-f", self.file_prefix, "remove"), {"100", "101"})


class ManyBindings(Fed):
    """Eight clients at once read very many bindings while packets are forwarded."""

    COUNT = int(os.environ.get("ANYHOME_BINDINGS", "10000"))

    def test_eight_clients(self):
        self.start(f"--max-bindings={self.COUNT}", memory=256 + self.COUNT // 2000)
        began = time.monotonic()
        self.register(0x10000, 0x10000 + self.COUNT - 1)
        print(f"\n  {self.COUNT} registrations in {time.monotonic() - began:.1f} s")
        began = time.monotonic()
        stop = threading.Event()
        traffic = threading.Thread(target=self.forward, args=(stop,))
        traffic.start()
        try:
            clients = [subprocess.Popen(
                [str(ANYHOMECTL), "--file-prefix", self.file_prefix, "--json", "show", "bindings"],
                stdout=open(self.directory / f"client{i}", "wb"), stderr=subprocess.PIPE,
                env=self.environment) for i in range(8)]
            complaints = [client.communicate(timeout=PATIENCE + self.COUNT // 1000)[1]
                          for client in clients]
            print(f"  eight listings in {time.monotonic() - began:.1f} s")
        finally:
            stop.set()
            traffic.join()
        self.assertEqual(complaints, [b""] * 8)
        expected = {home(number) for number in range(0x10000, 0x10000 + self.COUNT)}
        for i in range(8):
            with open(self.directory / f"client{i}", encoding="ascii") as listing:
                addresses = [row["home_address"] for row in json.load(listing)]
            self.assertEqual(len(addresses), self.COUNT)
            self.assertEqual(set(addresses), expected)
        # Everything that was sent meanwhile came through, and to the right one.
        self.wait_for("all packets to be tunnelled",
                      lambda: self.counter("encapsulated-to-mobile-node") == self.forwarded)
        self.assertGreater(self.forwarded, 100)
        self.assertEqual(sum(row["value"] for row in self.rows("drops")), 0)

    def forward(self, stop):
        """Packets to mobile nodes all over the table, as fast as the pipe takes them."""
        self.forwarded = 0
        while not stop.is_set():
            number = 0x10000 + self.forwarded * 7919 % self.COUNT
            self.send(packets.IPv6(src="2001:db8:c::1", dst=home(number), nh=59))
            self.forwarded += 1

    def test_ten_clients_are_the_limit(self):
        self.start()
        connected = [self.telemetry() for _ in range(10)]
        done = self.ctl("show", "status", code=1)
        self.assertIn("busy", done.stderr)
        connected.pop().close()
        self.wait_for("a place", lambda: self.run_program(
            ANYHOMECTL, "--file-prefix", self.file_prefix, "show", "status").returncode == 0)
        for each in connected:
            each.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
