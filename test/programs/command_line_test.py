#!/usr/bin/python3
"""What anyhomed says to the operator who starts it: help, mistakes, and what it lacks.

    command_line_test.py [TEST...]     with ANYHOME_BUILD naming the build directory
"""
import os
import re
import unittest

from programs import ANYHOMED, CONFIGURATION, Workplace


class Help(Workplace):
    def test_help_has_groups_with_every_option(self):
        text = self.run_program(ANYHOMED, "--", "--help", code=0).stdout
        groups = re.findall(r"^([A-Z].*):$", text, re.MULTILINE)
        for group in ("General", "Home agent", "Authentication", "Mobile networks", "Ports",
                      "Data path", "Run time"):
            self.assertIn(group, groups)
        for option in ("--home-prefix", "--check-config", "--mobile-nodes-file", "--port.*.device",
                       "--mobile-node.*.key", "--stop-delay"):
            self.assertRegex(text, rf"(?m)^  .*{re.escape(option)}\b")
        self.assertRegex(text, r"--max-lifetime SECONDS .*\(default 3600\)")
        self.assertLessEqual(max(map(len, text.splitlines())), 100)

    def test_help_without_the_dashes(self):
        # Somebody who does not know of the "--" yet.
        self.assertIn("--config FILE", self.run_program(ANYHOMED, "--help", code=0).stdout)

    def test_version(self):
        for words in (("--version",), ("--", "--version"), ("--", "-V")):
            self.assertRegex(self.run_program(ANYHOMED, *words, code=0).stdout,
                             r"^anyhomed \d+\.\d+\.\d+ \(DPDK \d+")

    def test_telemetry_takes_questions_apart_thread_by_thread(self):
        # With the C library's strtok, clients would get each other's parameters (strtok.cpp).
        self.environment = self.environment | {"LD_DEBUG": "bindings", "LD_BIND_NOW": "1"}
        said = self.run_program(ANYHOMED, "--version", code=0).stderr
        self.assertRegex(said, r"librte_telemetry\S+ \[0\] to \S*/anyhomed \[0\]: normal symbol `strtok'")


class Mistakes(Workplace):
    def mistakes(self, *options, configuration=CONFIGURATION):
        """Option to (value, problem, remedy), of a start that must fail with exit code 2. Of two
        mistakes of one option the last counts."""
        config = self.file("anyhomed.ini", configuration)
        text = self.run_program(ANYHOMED, "--", "--config", config, *options, code=2).stderr
        rows = re.findall(
            r"^(\S[^=:\n]*?(?::\d+)?)(?: = ([^\n]*?))?: ([^\n]*)\n {4}remedy: ([^\n]*)$", text,
            re.MULTILINE)
        count = re.match(r"anyhomed: (?:(\d+) mistakes|a mistake) in the configuration", text)
        self.assertTrue(count, text)
        self.assertEqual(len(rows), int(count.group(1) or 1), text)
        return {option.removeprefix(f"{self.directory}/"): rest for option, *rest in rows}

    def test_all_at_once(self):
        found = self.mistakes(
            "--idle=maybe", "--nosuch", "3", "--burst", "stray", "--check-config", "word",
            configuration=CONFIGURATION.replace("authentication = insecure-none", "# none")
            + "mtu = 100\nthis is no line\n[mobile-node.x]\nhome-address = 2001:db8:0:9::1\n"
            "key = 0xzz\nlifetime = 7\n")
        self.assertEqual(found["idle"][:2], ["maybe", "neither yes nor no"])
        self.assertEqual(found["nosuch"][:2], ["3", "no such option"])
        self.assertEqual(found["burst"][0], "stray")
        self.assertEqual(found["command line"][:2], ["word", "not an option"])
        self.assertEqual(found["port.wan.mtu"][0], "100")
        self.assertIn("1280 to 9600", found["port.wan.mtu"][1])
        bad = CONFIGURATION.count("\n") + 2
        self.assertEqual(found[f"anyhomed.ini:{bad}"][0], "this is no line")
        self.assertEqual(found["mobile-node.x.lifetime"][1], "no such option")
        self.assertEqual(found["mobile-node.x.key"][1], "not hexadecimal digits, two for each byte")
        self.assertEqual(found["mobile-node.x.spi"][1], "missing")
        self.assertIn("outside", found["mobile-node.x.home-address"][1])

    def test_what_looks_like_it(self):
        found = self.mistakes("--max-lifetmie", "600")
        self.assertEqual(found, {"max-lifetmie": ["600", "no such option",
                                                  "did you mean max-lifetime?"]})

    def test_values_are_missing(self):
        found = self.mistakes("--burst", "--mobile-nodes-file", "--frob")
        self.assertEqual(found["burst"], ["", "has no value", "write --burst VALUE"])
        self.assertEqual(found["mobile-nodes-file"][1], "has no value")
        self.assertEqual(found["frob"][1], "no such option")

    def test_negative_and_huge_numbers(self):
        found = self.mistakes("--max-bindings=-1", "--max-routes=99999999999999999999")
        self.assertIn("not a whole number", found["max-bindings"][1])
        self.assertIn("not a whole number", found["max-routes"][1])

    def test_static_route_without_its_gateway(self):
        found = self.mistakes("--route", "2001:db8:c::/48 via 2001:db8:a2::1 port wan")
        self.assertEqual(found, {"route": [
            "2001:db8:c::/48 via 2001:db8:a2::1 port wan", "the gateway's MAC address is not known",
            "add neighbor = 2001:db8:a2::1 mac MAC port wan"]})

    def test_configuration_file_that_cannot_be_read(self):
        # What else is missing may be in there: not a word about that.
        for name in (self.directory / "nosuch.ini", self.directory):
            done = self.run_program(ANYHOMED, "--", "--config", name, code=2)
            self.assertIn(f"config = {name}: cannot be read\n    remedy: ", done.stderr)
            self.assertIn("a mistake in the configuration", done.stderr)

    def test_no_configuration(self):
        for words in ((), ("--no-pci",), ("--",)):
            done = self.run_program(ANYHOMED, *words, code=2)
            self.assertIn("config: missing\n    remedy: name a configuration file: --config FILE",
                          done.stderr)

    def test_own_options_in_front_of_the_dashes(self):
        for words in (("--config", "x.ini"), ("--no-pci", "--port.wan.mtu=1500")):
            done = self.run_program(ANYHOMED, *words, code=2)
            self.assertIn("an option of anyhomed among EAL's\n    remedy: EAL's options come first",
                          done.stderr)

    def test_mobile_nodes_file(self):
        nodes = self.file("nodes", "# fine\n2001:db8:0:1::5,300," + "ab" * 16
                          + "\n2001:db8:0:1::6,5,abcd\nx,y\n")
        found = self.mistakes("--authentication=rfc4285", "--mobile-nodes-file", nodes)
        self.assertIn("SPI", found["nodes:3"][1])
        self.assertIn("fewer than three fields", found["nodes:4"][1])


class CheckConfig(Workplace):
    def test_prints_the_whole_and_it_is_a_configuration(self):
        config = self.file("anyhomed.ini", CONFIGURATION)
        whole = self.run_program(ANYHOMED, "--", "--config", config, "--check-config", "--burst",
                                 "16", "--idle", code=0).stdout
        for line in ("home-prefix = 2001:db8:0:1::/64", "burst = 16", "idle = yes",
                     "stop-delay = 0", "max-lifetime = 3600", "[port.wan]", "device = net_null0"):
            self.assertIn(line, whole.splitlines())
        again = self.run_program(ANYHOMED, "--", "--config", self.file("whole.ini", whole),
                                 "--check-config", code=0).stdout
        self.assertEqual(again, whole)

    def test_the_command_line_wins(self):
        config = self.file("anyhomed.ini", CONFIGURATION + "mtu = 1400\n")
        for words in (("--port.wan.mtu", "1300"), ("--port.wan.mtu=1300",)):
            self.assertIn("mtu = 1300", self.run_program(
                ANYHOMED, "--", "-c", config, "--check-config", *words, code=0).stdout)

    def test_mistakes(self):
        config = self.file("anyhomed.ini", CONFIGURATION + "mtu = 3\n")
        self.assertIn("port.wan.mtu = 3",
                      self.run_program(ANYHOMED, "--", "--config", config, "--check-config",
                                       code=2).stderr)


class Lacks(Workplace):
    """Exit code 1 and a last line that says what to do."""

    def last_line(self, eal, *options, wrapper=(), configuration=CONFIGURATION):
        config = self.file("anyhomed.ini", configuration)
        done = self.run_program(ANYHOMED, *eal, "--", "--config", config, *options, wrapper=wrapper)
        lines = [line for line in done.stderr.splitlines() if line.startswith("anyhomed: ")]
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(len(lines), 1, done.stderr)
        return lines[0]

    def test_unknown_eal_option(self):
        line = self.last_line(self.eal("--nosuch"))
        self.assertIn("EAL does not start", line)
        self.assertIn("in front of the --", line)

    def test_stray_word_for_eal(self):
        self.assertIn('"stray" is no EAL option', self.last_line(self.eal("stray")))

    def test_no_port(self):
        line = self.last_line(self.eal())
        self.assertIn("DPDK knows no device net_null0; it knows none", line)
        self.assertIn("--vdev=net_null0,...", line)

    def test_port_of_another_name(self):
        self.assertIn("it knows net_null1", self.last_line(self.eal("--vdev=net_null1")))

    def test_device_that_eal_could_not_make(self):
        line = self.last_line(self.eal("--vdev=net_pcap0,rx_pcap=/nosuch/file"),
                              "--port.wan.device=net_pcap0")
        self.assertIn("could not make the device net_pcap0 out of", line)

    def test_one_lcore(self):
        line = self.last_line(self.eal("--vdev=net_null0", count=1))
        self.assertIn("--lcores '0@(0,1),1@(0,1)'", line)

    def test_too_little_memory(self):
        line = self.last_line(self.eal("--vdev=net_null0", memory=64))
        self.assertRegex(line, "lower max-routes or give EAL more memory")

    @unittest.skipUnless(os.geteuid() == 0, "skipped: needs root")
    def test_no_hugepages(self):
        # As on a machine that has none: what the kernel says of them is covered up.
        cover = ("unshare", "--mount", "sh", "-c",
                 'mount -t tmpfs none /sys/kernel/mm/hugepages && exec "$@"', "sh")
        line = self.last_line(("--no-pci", "--in-memory"), wrapper=cover)
        self.assertIn("no free hugepages", line)
        self.assertIn("sysctl vm.nr_hugepages=512", line)
        self.assertIn("--no-huge -m 512", line)

    @unittest.skipUnless(os.geteuid() == 0, "skipped: needs root")
    def test_no_privileges(self):
        cover = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
        self.directory.chmod(0o777)
        line = self.last_line(
            self.eal("--vdev=net_null0"), "--host=kernel", wrapper=cover,
            configuration="\n".join(line for line in CONFIGURATION.splitlines()
                                    if not line.startswith(("route", "neighbor", "host"))))
        self.assertIn("needs CAP_NET_ADMIN", line)
        self.assertIn("host = static", line)


if __name__ == "__main__":
    unittest.main(verbosity=2)
