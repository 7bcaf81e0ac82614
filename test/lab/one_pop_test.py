#!/usr/bin/python3
"""One POP, as an outsider sees it: a mobile node that nobody here wrote, captures on all links.

    one_pop_test.py [TEST...]     as root, with ANYHOME_BUILD naming the build directory
"""
import json
import os
import signal

from lab_case import PATIENCE, LabCase, main  # first: it finds anyhome_lab
from anyhome_lab import plan
from captures import Captures, bad_mobility_checksums, complaints
from stock_mobile_node import Link, StockMobileNode

DISCOVERY = "2001:db8:0:1:fdff:ffff:ffff:fffe"  # RFC 2526
MAC = "02:00:00:00:05:00"
CARE_OF = {number: f"{access}::500" for number, access in ((1, "2001:db8:f1"), (2, "2001:db8:f2"))}


class StockMobileNodeStory(LabCase):
    def setUp(self):
        lab = self.lab
        self.captures = Captures(lab)
        self.addCleanup(self.captures.stop)
        for node in lab.nodes.values():
            self.capture_devices(node)
        lab.daemon_options = ["--authentication=insecure-none"]
        lab.start_pops()
        self.capture_devices(lab.nodes["pop"])
        lab.start_node("mr", "--access", "acc1", "--home-agent", plan.HOME_AGENT,
                       "--mobile-network-prefix", plan.MOBILE_NETWORK, authenticated=False)
        self.node = StockMobileNode(plan.MOBILE_NODE, plan.HOME_AGENT)
        self.addCleanup(self.node.stop)

    def capture_devices(self, node):
        """All that there are and are not captured on yet."""
        for device in json.loads(node.ip("-j", "link", "show")):
            name = device["ifname"]
            if name != "lo" and not self.captures.has(node.node, name):
                self.captures.start(node.node, name, "RAW" if device["link_type"] == "none" else None)

    def attach(self, number):
        link = Link(self.lab.nodes["mn"], f"acc{number}", MAC, plan.ROUTER_LINK_LOCAL)
        self.node.attach(number, link, CARE_OF[number])

    def binding(self):
        rows = self.lab.show("bindings", "--home", plan.MOBILE_NODE)
        return rows[0]["care_of_address"] if rows else None

    def test_story(self):
        self.discover_and_register()
        self.talk()
        self.move()
        self.deregister()
        self.look_at_every_packet()

    def discover_and_register(self):
        self.attach(1)
        self.assertEqual(self.node.discover(DISCOVERY), [plan.HOME_AGENT])
        acknowledgement = self.node.update(600)
        self.assertEqual((acknowledgement.status, acknowledgement.mhtime), (0, 150))
        self.assertEqual(self.binding(), CARE_OF[1])

    def talk(self):
        """To the home address and from it, both ways through the tunnel."""
        before = self.node.echoes
        self.assert_pings("cn", plan.MOBILE_NODE)
        self.assertEqual(self.node.echoes, before + 5)
        self.node.ping(plan.CORRESPONDENT)
        # Its home agent's own address: into the tunnel's end, to the kernel, and back.
        self.node.ping(plan.HOME_AGENT)
        # Between mobile nodes: to a host behind the mobile router, and from there.
        self.node.ping(plan.MOBILE_NETWORK_HOST)
        self.assert_pings("lan", plan.MOBILE_NODE)

    def move(self):
        self.attach(2)
        self.assertEqual(self.node.update(600).status, 0)
        self.assertEqual(self.binding(), CARE_OF[2])
        before = self.node.echoes
        self.assert_pings("cn", plan.MOBILE_NODE)
        self.assertEqual(self.node.echoes, before + 5)
        self.node.ping(plan.CORRESPONDENT)
        self.assertEqual(self.lab.counter("moved"), 1)

    def deregister(self):
        acknowledgement = self.node.update(0)
        self.assertEqual((acknowledgement.status, acknowledgement.mhtime), (0, 0))
        self.assertIsNone(self.binding())
        self.assertIn("Address unreachable", self.ping("cn", plan.MOBILE_NODE, count=1))
        # Its tunnel is closed, too.
        before = self.lab.drops("tunnel-source-unbound")
        from scapy.layers.inet6 import IPv6, ICMPv6EchoRequest
        self.node.tunnel(IPv6(src=plan.MOBILE_NODE, dst=plan.CORRESPONDENT) / ICMPv6EchoRequest())
        self.wait_for("the packet to be dropped",
                      lambda: self.lab.drops("tunnel-source-unbound") == before + 1)

    def look_at_every_packet(self):
        files = self.captures.stop()
        checked, wrong = 0, []
        for path in files:
            count, bad = bad_mobility_checksums(path)
            checked += count
            wrong += bad + complaints(path)
        self.assertEqual(wrong, [])
        # Of the mobile node: three updates and their answers, on four links each at least.
        self.assertGreaterEqual(checked, 24)
        names = {path.stem for path in files}
        self.assertLessEqual({"pop-nic", "pop-wan", "pop-anyhome0", "inet-pop", "mn-acc1", "mn-acc2",
                              "mr-acc1", "cn-eth0", "lan-eth0"}, names)
        print(f"\n  {len(files)} captures, {checked} Mobility Headers")


class Stop(LabCase):
    """A clean stop and one that is not, with a mobile node registered."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lab.daemon_options = ["--stop-delay=3000"]
        cls.lab.start_pops()
        cls.lab.start_node("mn", "--access", "acc1", "--home-agent", plan.HOME_AGENT)

    def announced(self):
        return plan.HOME_PREFIX in self.lab.nodes["pop"].ip6("route", "show", "proto", "250",
                                                             check=False)

    def log(self):
        return self.lab.log("anyhomed").read_text(encoding="utf-8")

    def start_again(self):
        self.lab.pop.start()
        self.lab.nodes["pop"].ip6("route", "add", "default", "via", plan.POP_ROUTER)
        self.lab.pop.wait_serving()
        # Bindings are gone with the process; the mobile node makes a new one.
        self.lab.node_ctl("mn", "--wait", "30", "register", timeout=PATIENCE)
        self.assert_pings("cn", plan.MOBILE_NODE)

    def test_1_withdraws_then_forwards_then_ends(self):
        self.assert_pings("cn", plan.MOBILE_NODE)
        self.assertTrue(self.announced())
        pid = self.lab.pop.pid
        os.kill(pid, signal.SIGTERM)
        self.wait_for("the home prefix to be withdrawn", lambda: not self.announced())
        # Routers far away have not heard yet: their packets are still forwarded.
        self.assert_pings("cn", plan.MOBILE_NODE, count=3)
        self.assertNotIn("anyhome: stopped", self.log())
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        self.assertTrue(self.log().rstrip().endswith("anyhome: stopped"))
        links = self.lab.nodes["pop"].ip("link", "show")
        self.assertNotIn("anyhome0", links)
        self.assertNotIn(" wan", links)
        self.start_again()

    def test_2_starts_again_after_it_was_killed(self):
        pid = self.lab.pop.pid
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        # The devices and with them the announcement go with the process.
        self.wait_for("the announcement to vanish", lambda: not self.announced())
        self.start_again()


if __name__ == "__main__":
    main()
