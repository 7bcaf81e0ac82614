#!/usr/bin/python3
"""A set of two real anyhomeds and a home agent that nobody here wrote: set_member.py.

    set_member_test.py [TEST...]     as root, with ANYHOME_BUILD naming the build directory

The tests of a class follow each other in one lab. Region 2 of it belongs to the peer.
"""
import os
import time
import unittest

from lab_case import BUILD, PATIENCE, main  # first: it finds anyhome_lab
import haha_wire as wire
from anyhome_lab import plan
from anyhome_lab.lab import Lab
from anyhome_lab.shell import wait_for
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from stock_mobile_node import Link
from set_member import SetMember

MN = plan.MOBILE_NODE
# Of the peer: a mobile node, a mobile router and its network.
THEIRS = "2001:db8:0:1::300"
THEIR_ROUTER = "2001:db8:0:1::310"
THEIR_NETWORK, THEIR_HOST = "2001:db8:8000:7::/64", "2001:db8:8000:7::42"
PLAYED = "2001:db8:f2::300"  # their care-of address; where there is none, nothing can be given back
SECRET = "2001:db8:0:1::320"
MAC = "02:00:00:00:02:0a"
REAL = ("pop1", "pop3")


class StaticLab(Lab):
    """Three regions without routing daemons. The POP of the second is not ours to start."""

    has_birds = False

    def __init__(self, *arguments):
        super().__init__(*arguments)
        del self.pops["pop2"]

    def _route_statically(self):
        shape = self.shape
        prefixes = {router: [] for router in shape.routers}
        for place in shape.pops:
            router = self.nodes[place.router]
            prefixes[place.router].append(f"{place.link}/64")
            for prefix in (plan.HOME_PREFIX, plan.POOL):
                router.ip6("route", "add", prefix, "via", place.locator)
            if place.name in self.pops:
                self.nodes[place.name].ip6("route", "add", "default", "via", place.router_address)
        for correspondent in shape.correspondents:
            prefixes[correspondent.router].append(f"{correspondent.link}/64")
        for access in shape.access:
            prefixes[access.router].append(f"{access.link}/64")
        for one, other, link in shape.router_links():
            for here, there, end in ((one, other, 2), (other, one, 1)):
                for prefix in prefixes[there]:
                    self.nodes[here].ip6("route", "add", prefix, "via", f"{link}{end}")


class PeerCase(unittest.TestCase):
    daemon_options = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        wire.check()
        cls.lab = lab = StaticLab(f"test-{os.getpid()}", BUILD, plan.THREE_POPS)
        cls.addClassCleanup(lab.down)
        lab.build()
        place = lab.shape.pop("pop2")
        cls.peer = SetMember(
            Link(lab.nodes["pop2"], "nic", MAC, place.router_address), place.home_agent, place.locator,
            {name: (pop.place.home_agent, pop.place.locator) for name, pop in lab.pops.items()},
            plan.GROUP, bytes.fromhex(plan.SET_KEY), (plan.HOME_PREFIX, plan.POOL),
            {plan.HOME_ADDRESSES[host]: (plan.SPI, bytes.fromhex(key))
             for host, key in plan.KEYS.items()})
        cls.peer.hosts.update((THEIRS, THEIR_HOST))
        cls.peer.start()
        cls.addClassCleanup(cls.peer.stop)
        lab.daemon_options = list(cls.daemon_options)
        lab.start_pops()

    # ---- What a real one says of the peer ----

    def wait_for(self, what, condition, seconds=PATIENCE):
        return wait_for(what, condition, seconds)

    def row(self, pop, view):
        """Its row about the peer."""
        return next(row for row in self.lab.pops[pop].show(view) if row["name"] == "pop2")

    def known(self, pop, home):
        """Its global binding of a home address."""
        return next((row for row in self.lab.pops[pop].show("global-bindings")
                     if row["home_address"] == home), None)

    def count(self, pop, name):
        return self.lab.pops[pop].counters()[name]

    def log(self, pop):
        return self.lab.log(f"anyhomed-{pop}").read_text(encoding="utf-8")

    def is_level(self, pop):
        row = self.row(pop, "sync")
        return row["backlog"] == row["outstanding"] == 0 and row["request"] == "none"

    def wait_level(self):
        for pop in REAL:
            self.wait_for(f"{pop} to be level with the peer", lambda pop=pop: self.is_level(pop))
            self.wait_for(f"the peer to be level with {pop}", lambda pop=pop: not self.peer.members[
                pop].outstanding and self.peer.members[pop].request is None)

    def wait_known(self, home):
        for pop in REAL:
            self.wait_for(f"{pop} to know {home}", lambda pop=pop: self.known(pop, home))

    def assert_pings(self, node, address, count=5, source=None):
        answer = self.lab.nodes[node].exec(
            "ping", "-c", str(count), "-i", "0.1", "-W", "5", *(["-I", source] if source else []),
            address, check=False, timeout=PATIENCE)
        self.assertIn(" 0% packet loss", answer)

    def assert_same_time(self, row, binding):
        seconds, fraction = row["time"].split(".")
        self.assertEqual((int(seconds), int(fraction)),
                         (binding.time >> 16, (binding.time & 0xffff) * 100000 >> 16))


class Member(PeerCase):
    def test_01_joins(self):
        for pop in REAL:
            self.wait_for(f"{pop} to be up", lambda pop=pop: self.peer.members[pop].is_up)
            self.wait_for(f"{pop} to find the peer up",
                          lambda pop=pop: self.row(pop, "peers")["state"] == "up")
            row = self.row(pop, "peers")
            self.assertEqual((row["epoch"], row["synchronized"], row["global_bindings"]),
                             (self.peer.epoch, "yes", 0))
        self.wait_for("the peer to have it all", lambda: self.peer.is_ready)
        self.wait_for("HELLOs with A", lambda: all(self.peer.members[pop].active for pop in REAL))
        # Every HELLO had its epoch, none was stale or of another set.
        self.assertLessEqual(set(+self.peer.counters), {
            "hello", "requests", "asked", "replies", "replies sent", "replies repeated", "status 0",
            "buckets compared"})

    def test_02_gives_bindings(self):
        one = self.peer.give(THEIRS, care_of=PLAYED)
        two = self.peer.give(THEIR_ROUTER, prefixes=(THEIR_NETWORK,))
        for binding in (one, two):
            self.wait_known(binding.home)
            for pop in REAL:
                row = self.known(pop, binding.home)
                self.assertEqual((row["primary"], row["state"], row["change"]), ("pop2", "live", 0))
                self.assertEqual(row["prefixes"], " ".join(binding.prefixes))
                self.assertTrue(590 <= row["remaining"] <= 600, row)
                self.assert_same_time(row, binding)
        self.wait_level()
        self.assertEqual([self.row(pop, "peers")["global_bindings"] for pop in REAL], [2, 2])
        # Each binding, and the end of each dump, was acknowledged to it with status 0.
        self.assertEqual({name for name in self.peer.counters if name.startswith("status")},
                         {"status 0"})

    def test_03_receives_bindings(self):
        self.lab.start_node("mn", "--access", "acc1", "--home-agent",
                            self.lab.pops["pop1"].place.home_agent)
        self.lab.start_node("mr", "--access", "acc3", "--home-agent",
                            self.lab.pops["pop3"].place.home_agent, "--mobile-network-prefix",
                            plan.MOBILE_NETWORK)
        self.wait_for("the mobile node's binding", lambda: self.peer.knows(MN))
        self.wait_for("the mobile router's", lambda: self.peer.knows(plan.MOBILE_ROUTER))
        node, router = self.peer.knows(MN), self.peer.knows(plan.MOBILE_ROUTER)
        self.assertEqual((node.care_of, node.prefixes), (plan.care_of(1, "mn"), ()))
        self.assertEqual((router.care_of, router.prefixes),
                         (plan.care_of(3, "mr"), (plan.MOBILE_NETWORK,)))
        self.assertEqual(router.flags & 0xC400, 0xC400)
        for pop, binding in (("pop3", node), ("pop1", router)):
            self.wait_for("the other real one to know it", lambda pop=pop, binding=binding: self.known(
                pop, binding.home))
            self.assert_same_time(self.known(pop, binding.home), binding)
        self.wait_level()

    def test_04_forwards_both_ways(self):
        peer = self.peer.counters
        # From regions of the real ones to what is with the peer: out of their links.
        before = peer["out of a link"]
        for node in ("cn1", "cn3"):
            self.assert_pings(node, THEIRS)
            self.assert_pings(node, THEIR_HOST)
        self.assertEqual(peer["out of a link"], before + 20)
        # From the peer's region to what is with the real ones: into its links.
        before = peer["into a link"]
        self.assert_pings("cn2", MN)
        self.assert_pings("cn2", plan.MOBILE_NETWORK_HOST)
        self.assertEqual(peer["into a link"], before + 10)
        # Between mobile nodes: over a link, and back over it.
        out, into = peer["out of a link"], peer["into a link"]
        self.assert_pings("mn", THEIRS, source=MN)
        self.assert_pings("lan", THEIR_HOST)
        self.assertEqual((peer["out of a link"], peer["into a link"]), (out + 10, into + 10))

    def test_05_digests_agree(self):
        self.wait_level()
        mismatches = [self.count(pop, "digest-mismatches") for pop in REAL]
        before = {name: self.peer.counters[name] for name in
                  ("different", "different count", "buckets compared", "buckets with something")}
        wait_for("all buckets of both", lambda: self.peer.counters["buckets compared"]
                 >= before["buckets compared"] + 2 * wire.BUCKETS, PATIENCE)
        self.assertEqual([self.peer.counters[name] for name in ("different", "different count")],
                         [before["different"], before["different count"]])
        self.assertGreater(self.peer.counters["buckets with something"],
                           before["buckets with something"])
        self.assertEqual([self.count(pop, "digest-mismatches") for pop in REAL], mismatches)

    def test_06_a_lost_reply_comes_again(self):
        """A withdrawal is lost on its way to the peer."""
        self.peer.losing.add("pop1")
        before, since = self.count("pop1", "sync-replies-repeated"), time.monotonic()
        self.lab.node_ctl("mn", "--wait", "30", "home", timeout=PATIENCE)
        self.wait_for("the peer to know nothing of it", lambda: not self.peer.knows(MN))
        self.assertEqual(len(self.peer.events("pop1", "lost", since)), 1)
        self.assertEqual(self.count("pop1", "sync-replies-repeated"), before + 1)
        self.lab.node_ctl("mn", "--wait", "30", "move", "acc1", timeout=PATIENCE)
        self.wait_for("the peer to know it again", lambda: self.peer.knows(MN))

    def test_07_a_forgotten_one_is_found_by_digest(self):
        self.wait_level()
        mismatches = {pop: self.count(pop, "digest-mismatches") for pop in REAL}
        before, since = self.peer.counters["buckets asked for"], time.monotonic()
        self.lab.node_ctl("mr", "--wait", "30", "home", timeout=PATIENCE)
        self.wait_for("the withdrawal", lambda: not self.peer.knows(plan.MOBILE_ROUTER))
        self.peer.forgetting.add("pop3")
        self.lab.node_ctl("mr", "--wait", "30", "move", "acc3", timeout=PATIENCE)
        # The other way about: it has something that it has told nobody.
        self.peer.silent_about.add(SECRET)
        self.peer.give(SECRET)
        self.wait_for("the peer to find out", lambda: self.peer.knows(plan.MOBILE_ROUTER))
        self.assertEqual(self.peer.counters["buckets asked for"], before + 1)
        # Told twice: live, and in the answer.
        self.assertEqual(len([1 for _, (_, bindings) in self.peer.events("pop3", "told", since)
                              for one in bindings if one.home == plan.MOBILE_ROUTER
                              and one.lifetime > 0]), 2)

        self.wait_known(SECRET)
        for pop in REAL:
            self.assertEqual(self.count(pop, "digest-mismatches"), mismatches[pop] + 1)
        self.peer.silent_about.clear()

    def test_08_switch(self):
        """The mobile node comes into the peer's region, and becomes the peer's."""
        peer = self.peer
        offered = sum(self.count(pop, "switches-offered") for pop in REAL)
        into, updates = peer.counters["into a link"], peer.counters["updates"]
        self.lab.node_ctl("mn", "--wait", "30", "move", "acc2", timeout=PATIENCE)
        self.wait_for("a Binding Update of its own", lambda: peer.counters["updates"] > updates)
        # It came by way of the peer first: the Binding Update that is not for it.
        self.assertGreater(peer.counters["into a link"], into)
        self.assertGreater(sum(self.count(pop, "switches-offered") for pop in REAL), offered)
        self.wait_known(MN)
        own = lambda pop: any(row["home_address"] == MN  # noqa: E731
                              for row in self.lab.pops[pop].show("bindings"))
        for pop in REAL:
            self.wait_for(f"{pop} to have it as the peer's", lambda pop=pop: self.known(
                pop, MN)["primary"] == "pop2" and not own(pop))
            self.assertEqual(self.known(pop, MN)["care_of_address"], plan.care_of(2, "mn"))
        self.wait_for("the mobile node to have settled", lambda: self.lab.node_status("mn")[
            "bound-home-agent"] == peer.home_agent)
        self.assertEqual(peer.counters["update not authentic"], 0)
        # And its packets go the new way, whichever POP they enter at.
        before = peer.counters["to care-of addresses"]
        for node in ("cn1", "cn2", "cn3"):
            self.assert_pings(node, MN)
        self.assertGreaterEqual(peer.counters["to care-of addresses"], before + 15)

    def test_09_takes_back(self):
        """A binding that ends: Lifetime 0, the same time, one more change."""
        binding = self.peer.give(THEIR_ROUTER, lifetime=0)
        self.assertEqual(binding.change, 1)
        for pop in REAL:
            self.wait_for(f"{pop} to have removed it", lambda pop=pop: not self.known(pop, THEIR_ROUTER))
        type(self).taken_back = binding
        self.assertIn("unreachable", self.lab.nodes["cn1"].exec(
            "ping", "-c", "1", "-W", "5", THEIR_HOST, check=False))

    def test_10_replayed(self):
        """An SS-REP of the past changes nothing, and is acknowledged."""
        new = self.peer.give(THEIRS, sequence=9, care_of=PLAYED)
        self.wait_level()
        applied = {pop: self.count(pop, "sync-replies") for pop in REAL}
        old = wire.Binding(THEIRS, 600, "2001:db8:66::6", sequence=3, time=new.time - 65536)
        gone = wire.Binding(THEIR_ROUTER, 600, prefixes=(THEIR_NETWORK,),
                            time=self.taken_back.time)
        since = time.monotonic()
        for pop in REAL:
            self.peer.inject(pop, wire.reply(60000, [old, gone]))
            self.peer.inject(pop, wire.reply(60000, [old, gone]))
            self.wait_for("both acknowledgements", lambda pop=pop: len([
                detail for _, detail in self.peer.events(pop, "status", since)
                if detail[0] == 60000 and detail[2] == 0]) == 4)
            self.assertEqual(self.count(pop, "sync-replies"), applied[pop] + 2)
            row = self.known(pop, THEIRS)
            self.assert_same_time(row, new)
            self.assertNotEqual(row["care_of_address"], "2001:db8:66::6")
            self.assertIsNone(self.known(pop, THEIR_ROUTER))

    def test_11_restarts(self):
        """It has lost all; its own bindings come back from the others, as rulings §5 has it."""
        before = self.peer.counters["restored"]
        self.peer.restart()
        self.wait_for("its bindings", lambda: self.peer.knows(THEIRS) and self.peer.knows(MN)
                      and self.peer.is_ready)
        self.assertGreaterEqual(self.peer.counters["restored"], before + 2)
        for home in (THEIRS, MN):
            for pop in REAL:
                self.wait_for(f"{pop} to have the restored {home}", lambda pop=pop, home=home: (
                    self.known(pop, home) or {}).get("change") == 1)
        self.assertEqual({self.row(pop, "peers")["epoch"] for pop in REAL}, {self.peer.epoch})
        self.assert_pings("cn1", THEIRS)

    def test_12_leaves(self):
        self.wait_level()
        self.peer.leave()
        for pop in REAL:
            # At once, not when the last HELLO is too old.
            self.wait_for(f"{pop} to see it leave", lambda pop=pop: "peer-left peer=pop2" in
                          self.log(pop))
            self.assertEqual(self.row(pop, "peers")["state"], "down")
            self.assertEqual(self.known(pop, THEIRS)["state"], "stale")
        self.assertIn("unreachable", self.lab.nodes["cn1"].exec(
            "ping", "-c", "1", "-W", "5", THEIRS, check=False))


class Misbehaving(PeerCase):
    def setUp(self):
        for pop in REAL:
            self.wait_for(f"{pop} to find the peer up",
                          lambda pop=pop: self.row(pop, "peers")["state"] == "up")

    def test_1_strangers_and_other_groups(self):
        pop, stranger = "pop1", "2001:db8:66::6"
        reply = wire.reply(1, [wire.Binding("2001:db8:0:1::666", 600, time=1 << 40)])
        inner = IPv6(src="2001:db8:66::7", dst=THEIRS) / ICMPv6EchoRequest()

        def hello(**different):
            values = {"sequence": 1, "lifetime": 3, "interval": 1, "group": plan.GROUP, "active": 1,
                      "answer": 1, "options": [wire.restart(self.peer.epoch)], **different}
            return wire.hello(**values)
        wrong = [
            ("hello-group-mismatch", lambda: self.peer.inject(pop, hello(group=8))),
            ("hello-not-global", lambda: self.peer.inject(pop, hello(is_global=False))),
            ("hello-stale", lambda: self.peer.inject(pop, hello(
                options=[wire.restart(self.peer.epoch - 1)]))),
            ("stranger-messages", lambda: self.peer.inject(pop, hello(), stranger)),
            ("stranger-messages", lambda: self.peer.inject(pop, reply, stranger)),
            ("stranger-messages", lambda: self.peer.inject(pop, wire.sync(0, 1, []), stranger)),
            ("sync-requests-refused", lambda: self.peer.inject(pop, wire.sync(
                0, 1, [], is_global=False))),
            ("sync-replies-malformed", lambda: self.peer.inject(pop, wire.sync(1, 2, [], True))),
            ("haha-stranger", lambda: self.peer.tunnel_from(stranger, pop, inner)),
            ("haha-inner-not-ours", lambda: self.peer.tunnel_from(
                self.peer.locator, pop, IPv6(src=THEIRS, dst="2001:db8:66::8") / ICMPv6EchoRequest())),
            ("haha-misrouted", lambda: self.peer.tunnel_from(
                self.peer.locator, pop, IPv6(src=THEIRS, dst=self.lab.pops["pop3"].place.home_agent)
                / ICMPv6EchoRequest())),
        ]
        for name, send in wrong:
            before = self.count(pop, name)
            send()
            self.wait_for(f"{name} to count it", lambda name=name, before=before:
                          self.count(pop, name) == before + 1)
        self.assertIsNone(self.known(pop, "2001:db8:0:1::666"))
        # An SS-REP without an option is answered so (R63); one without G, too (R62).
        since = time.monotonic()
        self.peer.inject(pop, wire.sync(1, 3, [], True))
        self.peer.inject(pop, wire.reply(4, [wire.Binding(THEIRS, 600, time=1 << 40)],
                                         is_global=False))
        self.wait_for("both answers", lambda: {(detail[0], detail[2]) for _, detail in
                      self.peer.events(pop, "status", since)} >= {(3, 131), (4, 129)})
        self.assertIsNone(self.known(pop, THEIRS))
        self.assertEqual(self.row(pop, "peers")["state"], "up")

    def test_2_floods(self):
        """As many SS-REPs as Python can make: HELLO is answered all the while, and all is taken in."""
        pop = "pop1"
        last = self.peer.members[pop].last_sent
        messages = [bytes(wire.packet(self.peer.locator, self.peer.members[pop].locator, wire.reply(
            number, [wire.Binding(f"2001:db8:0:1::1:{number % 3:x}", 600, time=number << 16)])))
            for number in range(last + 1, last + 8001)]
        head = bytes.fromhex(self.peer.link.router_mac.replace(":", "")) + bytes.fromhex(
            MAC.replace(":", "")) + b"\x86\xdd"
        before = self.lab.pops[pop].counters()
        owned = self.row(pop, "peers")["global_bindings"]
        self.peer.is_deaf = True  # it has no time for acknowledgements
        since = time.monotonic()

        def answered():
            return [when - since for when, _ in self.peer.events(pop, "answer", since)]

        def flood():
            for message in messages:
                self.peer.link.socket.send(head + message)
            return len(answered()) >= 3
        self.wait_for("three HELLOs to be answered", flood)
        self.peer.is_deaf = False
        self.assertEqual(self.row(pop, "peers")["state"], "up")
        self.assertEqual(self.lab.pops[pop].status()["serving"], "yes")
        now = self.lab.pops[pop].counters()
        taken = now["sync-replies"] - before["sync-replies"]
        lost = sum(now[name] - before[name] for name in now if name.startswith("punt-"))
        print(f"\n  {taken} taken in, {lost} not, HELLO answered after "
              f"{' '.join(f'{when:.1f}' for when in answered())} s")
        self.assertGreater(taken, 500)
        self.assertNotIn("worker-stuck", self.log(pop))
        # Whoever claims much and cannot show it has it taken away: the digests differ.
        self.assertEqual(self.row(pop, "peers")["global_bindings"], owned + 3)
        self.peer.members[pop].last_sent = last + 8000
        self.peer.give(THEIRS)
        self.wait_for("the claims to be gone", lambda: self.row(pop, "peers")["global_bindings"]
                      == owned + 1)

    def test_3_never_acknowledges(self):
        self.peer.acknowledges = False
        since = time.monotonic()
        self.lab.start_node("mn", "--access", "acc1", "--home-agent",
                            self.lab.pops["pop1"].place.home_agent)
        self.wait_for("pop1 to complain", lambda: "sync-lag peer=pop2" in self.log("pop1"))
        told = [when - since for when, (_, bindings) in self.peer.events("pop1", "told", since)
                if any(one.home == MN for one in bindings)]
        pauses = [later - earlier for earlier, later in zip(told, told[1:])]
        print(f"\n  sent after {' '.join(f'{when:.1f}' for when in told)} s")
        # Each pause is longer than the one before, and there are few.
        self.assertGreaterEqual(len(told), 3)
        self.assertLessEqual(len(told), 8)
        self.assertEqual(pauses, sorted(pauses))
        self.assertEqual(self.row("pop1", "sync")["outstanding"], 1)
        # A member that does not listen delays no other, and stays up: it answers.
        self.wait_for("pop3 to know", lambda: self.known("pop3", MN))
        self.assertEqual(self.row("pop1", "peers")["state"], "up")
        self.assertLessEqual(self.row("pop1", "sync")["timeout_ms"], 16000)
        self.peer.acknowledges = True
        self.wait_for("the peer to be told at last", lambda: self.peer.knows(MN))
        self.wait_for("nothing to be outstanding", lambda: self.is_level("pop1"))


if __name__ == "__main__":
    main()
