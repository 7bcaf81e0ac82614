#!/usr/bin/python3
"""A set of one real anyhomed and one home agent that nobody here wrote.

    stock_peer_test.py [TEST...]     as root, with ANYHOME_BUILD naming the build directory
"""
import os
import signal
import socket

from lab_case import BUILD, LabCase, main  # first: it finds anyhome_lab
from anyhome_lab import plan
from anyhome_lab.lab import Lab
from scapy.layers.inet6 import (HAO, ICMPv6EchoReply, ICMPv6EchoRequest, IPv6, IPv6ExtHdrDestOpt,
                                MIP6MH_BU)
from stock_peer import (BINDING_ACKNOWLEDGEMENT, HOME_AGENT_SWITCH, Record, StockPeer, now_stamp,
                        random_mac)

SHAPE = plan.Shape(2)
REAL, STOCK = SHAPE.pops
HOME = "2001:db8:0:1::777"       # of a mobile node at the stock peer
MOVING = "2001:db8:0:1::778"     # of one that comes to it
CARE_OF = f"{STOCK.link}500"


class Set(LabCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(f"test-{os.getpid()}", BUILD, SHAPE)
        cls.addClassCleanup(cls.lab.down)
        cls.lab.daemon_options = ["--authentication=insecure-none"]
        cls.lab.build()

    def setUp(self):
        lab = self.lab
        self.pop = lab.pops[REAL.name]
        self.pop.launch()
        self.addCleanup(lambda: self.pop.is_alive() and self.pop.kill(signal.SIGKILL))
        self.pop.wait_started()
        self.peer = StockPeer(lab.nodes[STOCK.name], "nic", random_mac(), STOCK.router_address,
                              STOCK.locator, STOCK.home_agent, (REAL.locator, REAL.home_agent),
                              plan.GROUP)
        self.peer.addresses.add(CARE_OF)
        self.addCleanup(self.peer.stop)
        self.before = self.pop.counters()

    def join(self):
        """With a mobile node that is there already."""
        self.peer.own[HOME] = Record(HOME, CARE_OF, 600, now_stamp(), 0, 7)
        self.peer.start()
        self.pop.wait_serving()
        self.peer.wait("each other's bindings", lambda: self.peer.dump_complete and self.peer.told)
        self.wait_for("the home prefix to be announced everywhere", lambda: all(
            self.lab.route_of(router) for router in SHAPE.routers))

    def view(self, name):
        return self.pop.show(name)

    def global_binding(self, home):
        return next((row for row in self.view("global-bindings") if row["home_address"] == home), None)

    def grown(self, name):
        return self.pop.counters()[name] - self.before[name]

    def log(self):
        return self.lab.log(self.pop.process_name).read_text(encoding="utf-8")

    def test_joins_gives_takes_and_forwards(self):
        self.join()
        peer, = self.view("peers")
        self.assertEqual((peer["name"], peer["state"]), (STOCK.name, "up"), peer)
        given = self.global_binding(HOME)
        self.assertEqual(given["primary"], STOCK.name, given)
        self.assertEqual(given["care_of_address"], CARE_OF)
        # From both sides of the Internet, over the link, and natively back.
        for correspondent in ("cn1", "cn2"):
            self.assert_pings(correspondent, HOME)
        self.assertEqual(self.peer.echoes, 10)
        # A mobile node of the real one, which this one learns of ...
        self.lab.start_node("mn", "--access", "acc1", "--home-agent", REAL.home_agent,
                            authenticated=False)
        self.addCleanup(lambda: os.kill(self.lab.processes["mn"], signal.SIGTERM))
        self.peer.wait("its binding", lambda: plan.MOBILE_NODE in self.peer.learnt)
        self.assertEqual(self.peer.learnt[plan.MOBILE_NODE].care_of, plan.care_of(1, "mn"))
        # ... and reaches, mobile node to mobile node.
        for number in range(5):
            self.peer.tunnel(IPv6(src=HOME, dst=plan.MOBILE_NODE)
                             / ICMPv6EchoRequest(id=5, seq=number, data=b"stock peer"))
            self.peer.wait("an answer", lambda n=number: any(
                ICMPv6EchoReply in one and one[ICMPv6EchoReply].seq == n
                and one.src == plan.MOBILE_NODE for one in self.peer.received))
        self.assert_pings("mn", HOME, "-I", plan.MOBILE_NODE)
        self.withdraws_and_leaves()

    def withdraws_and_leaves(self):
        self.assertEqual(self.peer.withdraw(HOME), 0)
        self.assertIsNone(self.global_binding(HOME))
        self.assertIn("Address unreachable", self.ping("cn1", HOME, count=1))
        self.assertEqual(self.grown("digest-mismatches"), 0)
        self.peer.leaving = True
        self.peer.hello(lifetime=0)
        self.wait_for("the link to be down", lambda: self.view("peers")[0]["state"] != "up")
        self.assertIn("peer-left", self.log())

    def test_a_mobile_node_that_moves_to_it(self):
        self.join()
        update = (IPv6(src=CARE_OF, dst=REAL.home_agent) / IPv6ExtHdrDestOpt(options=[HAO(hoa=MOVING)])
                  / MIP6MH_BU(seq=100, flags="AH", mhtime=150))
        # Its Binding Update comes to the Internet here, and is for the other one.
        self.peer.forward_update(update)
        self.peer.wait("the acknowledgement",
                       lambda: self.peer.signalling_for(MOVING, BINDING_ACKNOWLEDGEMENT))
        self.assertEqual(self.peer.signalling_for(MOVING, BINDING_ACKNOWLEDGEMENT)[6], 0)
        self.peer.wait("the news", lambda: MOVING in self.peer.learnt)
        self.peer.wait("the Home Agent Switch",
                       lambda: self.peer.signalling_for(MOVING, HOME_AGENT_SWITCH))
        offer = self.peer.signalling_for(MOVING, HOME_AGENT_SWITCH)
        self.assertEqual((offer[6], socket.inet_ntop(socket.AF_INET6, offer[8:24])),
                         (1, STOCK.home_agent))
        # It comes, and all traffic for it.
        self.assertEqual(self.peer.claim(MOVING, CARE_OF), 0)
        self.assertEqual(self.global_binding(MOVING)["primary"], STOCK.name)
        self.assertEqual(self.view("bindings"), [])
        self.assert_pings("cn1", MOVING)

    def test_what_is_lost_is_said_again(self):
        self.join()
        self.peer.drop_replies = 2
        self.lab.start_node("mn", "--access", "acc1", "--home-agent", REAL.home_agent,
                            authenticated=False)
        self.addCleanup(lambda: os.kill(self.lab.processes["mn"], signal.SIGTERM))
        self.peer.wait("its binding", lambda: plan.MOBILE_NODE in self.peer.learnt)
        self.wait_for("nothing to be outstanding",
                      lambda: self.view("sync")[0]["outstanding"] == 0)
        self.assertEqual(self.grown("sync-replies-repeated"), 2)

    def test_what_nobody_should_do(self):
        self.join()
        # Of another group, from a stranger, an old message: counted, and nothing changes.
        self.peer.hello(group=plan.GROUP + 1, sequence=self.peer.hello_sequence)
        self.wait_for("the group to be noticed", lambda: self.grown("hello-group-mismatch") == 1)
        self.assertIn("group-mismatch", self.log())
        self.peer.tell(Record(MOVING, CARE_OF, 600, now_stamp(), 0), source=f"{STOCK.link}99")
        self.wait_for("the stranger to be noticed", lambda: self.grown("stranger-messages") == 1)
        self.assertIsNone(self.global_binding(MOVING))
        old = self.peer.own[HOME]
        self.assertEqual(self.peer.claim(HOME, f"{STOCK.link}501"), 0)
        self.peer.tell(old)
        self.wait_for("the old message to be noticed", lambda: self.grown("information-stale") >= 1)
        self.assertEqual(self.global_binding(HOME)["care_of_address"], f"{STOCK.link}501")
        # A flood: the link lives, everything is acknowledged or refused, and pings go through.
        record = self.peer.own[HOME]
        for number in range(3000):
            self.peer.tell(record)
        answers = self.peer.hello_answers
        self.peer.wait("an answer to a HELLO", lambda: self.peer.hello_answers > answers)
        self.assertEqual(self.view("peers")[0]["state"], "up")
        self.assert_pings("cn1", HOME)

    def test_one_that_never_acknowledges(self):
        self.join()
        self.peer.deaf = True
        self.lab.start_node("mn", "--access", "acc1", "--home-agent", REAL.home_agent,
                            authenticated=False)
        self.addCleanup(lambda: os.kill(self.lab.processes["mn"], signal.SIGTERM))
        self.wait_for("the alarm", lambda: "sync-lag" in self.log())
        sync, = self.view("sync")
        self.assertEqual(sync["outstanding"], 1, sync)
        # It backs off: one second, two, four, ...
        self.assertLessEqual(self.grown("sync-replies-repeated"), 7)
        self.assert_pings("cn1", plan.MOBILE_NODE)
        self.peer.deaf = False
        self.peer.wait("the binding after all", lambda: plan.MOBILE_NODE in self.peer.learnt)


if __name__ == "__main__":
    main()
