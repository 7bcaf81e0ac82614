"""The story of three POPs, after Figure 1 of the draft: a mobile node, a mobile network and a TCP connection
cross POPs that fail, return and drain."""
import re
import time

from . import plan
from .bird import HOLD_TIME
from .probe import Probe
from .shell import wait_for
from .story import Story
from .trace import Listener, trace
from .transfer import Transfer
from .watch import RouteWatch


class ThreePops:
    """One method a step. Packets are sent all the time while something happens, and counted."""

    def __init__(self, lab):
        self.lab = lab
        self.story = Story()
        self.losses = []      # (step, probe, longest stall of TCP)
        self.transfer = None

    def run(self):
        try:
            for step in (self.start, self.registration, self.link, self.move, self.mobile_network,
                         self.kill, self.comeback, self.without_bfd, self.drain, self.books):
                step()
        finally:
            if self.transfer is not None:
                self.transfer.close()
        return self.story.end()

    # ---- What the steps are made of ----

    def pop_of(self, host):
        """The POP that a mobile node is registered with."""
        agent = self.lab.node_status(host)["bound-home-agent"]
        return next(pop for pop in self.lab.pops.values() if pop.place.home_agent == agent)

    def wait_at(self, host, condition, what, seconds=15.0):
        """Until a mobile node is registered with a POP that is wanted."""
        def there():
            pop = self.pop_of(host)
            return pop if condition(pop) else None
        return wait_for(f"{host} to be registered {what}", there, seconds)

    def knows(self, pop, home_address, primary):
        """Whether a POP has a global binding that leads to another."""
        return any(row["home_address"] == home_address and row["primary"] == primary.name
                   and row["state"] == "live" for row in pop.show("global-bindings"))

    def wait_known(self, home_address, primary, seconds=10.0):
        """Until every other POP that lives knows where a mobile node is registered."""
        for pop in self.lab.pops.values():
            if pop is not primary and pop.is_alive():
                wait_for(f"{pop.name} to know that {home_address} is with {primary.name}",
                         lambda pop=pop: self.knows(pop, home_address, primary), seconds)

    def show_trace(self, node, address):
        way = trace(self.lab, node, address)
        self.story.show(f"scripts/lab trace {node} {address}", str(way))
        return way

    def show_ctl(self, pop, *words, keep=None):
        text = pop.ctl(*words)
        self.story.show(f"{pop.name}: anyhomectl {' '.join(words)}", text, keep)
        return text

    def logs_from_here(self):
        """Shows, when called, what the POPs have logged since."""
        start = {pop: self.lab.log(pop.process_name).stat().st_size
                 for pop in self.lab.pops.values()}

        def show(pop, pattern):
            with open(self.lab.log(pop.process_name), encoding="utf-8", errors="replace") as log:
                log.seek(start[pop])
                lines = [line for line in log if re.search(pattern, line)]
            self.story.show(f"{pop.name}: log of anyhomed", "".join(lines))
        return show

    def note_loss(self, step, probe):
        self.losses.append((step, probe, self.transfer.take_stall() if self.transfer else 0.0))

    # ---- The steps ----

    def start(self):
        self.story.step("Three home agents behind one prefix",
                        "Three POPs in three regions of a small Internet. Each region's router prefers",
                        "its own POP: BGP says so, from the kernel route that anyhomed made.")
        for pop in self.lab.pops.values():
            router = pop.place.router
            prefers = self.lab.route_of(router)
            self.story.check(prefers == pop.name,
                             f"{router} sends {plan.HOME_PREFIX} to {prefers}; BFD watches it")
        self.show_ctl(self.lab.pop, "show", "topology")
        self.show_ctl(self.lab.pop, "show", "peers")

    def registration(self):
        self.story.step("Registration at the nearest POP",
                        "The mobile node near POP 1 and the mobile router near POP 3 asked the anycast",
                        "address of home agent discovery; the nearest POP answered, and put itself first.")
        for host, number in (("mn", 1), ("mr", 3)):
            pop = self.pop_of(host)
            self.story.check(pop.place.number == number,
                             f"{host} is registered with {pop.place.home_agent} in {pop.name}")
            self.wait_known(plan.HOME_ADDRESSES[host], pop)
        self.show_ctl(self.lab.pops["pop1"], "show", "bindings")
        text = self.show_ctl(self.lab.pops["pop2"], "show", "global-bindings")
        self.story.check(plan.MOBILE_NODE in text and plan.MOBILE_ROUTER in text,
                         "POP 2 has heard of both, and to whom to send their packets")

    def link(self):
        self.story.step("A correspondent at another POP",
                        "Its packets enter at POP 2 and cross the HAHA link to POP 1: ⇒ is in a tunnel.",
                        "A TCP transfer to the mobile node begins here, and goes on to the end.")
        self.transfer = Transfer(self.lab, "cn2", "mn", plan.MOBILE_NODE)
        with Probe(self.lab, "cn2", plan.MOBILE_NODE, count=50) as probe:
            pass
        way = self.show_trace("cn2", plan.MOBILE_NODE)
        self.story.check([node for node in way.there.nodes if node in self.lab.pops]
                         == ["pop2", "pop1"], "in at POP 2, over the HAHA link, out of POP 1")
        self.story.check(probe.lost == 0, f"{probe}; round trip {probe.milliseconds:.2f} ms")
        self.note_loss("over the HAHA link", probe)

    def move(self):
        self.story.step("The mobile node moves to another region",
                        "Its Binding Update for POP 1's home agent enters at POP 2 and is forwarded. POP 1",
                        "answers and offers Home Agent Switch; the mobile node registers at POP 2.")
        show_log = self.logs_from_here()
        probe = Probe(self.lab, "cn2", plan.MOBILE_NODE)
        with Listener(self.lab, probe) as listener, probe:
            wait_for("the probe to be under way", lambda: len(probe.answers) >= 10)
            started = time.monotonic()
            self.lab.node_ctl("mn", "--wait", "10", "move", "acc2")
            pop = self.wait_at("mn", lambda pop: pop.name == "pop2", "with POP 2")
            switched = time.monotonic() - started
            self.wait_known(plan.MOBILE_NODE, pop)
            settled = probe.sent + 10
            wait_for("some more packets", lambda: probe.sent >= settled)
        show_log(self.lab.pops["pop1"], "moved|switch|yielded")
        show_log(pop, "registered")
        self.story.show("ways that cn2's packets took, one every 20 ms", "\n".join(
            f"{count:4} sent, {good:4} answered: {way}" for way, _, count, good in listener.ways()))
        before, after = listener.way(0).links, listener.way(probe.sent - 1).links
        self.story.check(pop.name == "pop2", f"registered at POP 2 after {switched:.2f} s")
        self.story.check(after < before, f"the path is {after} links long, {before} before")
        self.story.check(probe.lost <= 10, str(probe))
        self.note_loss("move and switch", probe)

    def mobile_network(self):
        self.story.step("A mobile network crosses POPs (NEMO)",
                        f"The mobile router takes {plan.MOBILE_NETWORK} from region 3 to region 1; a host",
                        "in it talks on, and knows nothing.")
        probe = Probe(self.lab, "cn1", plan.MOBILE_NETWORK_HOST)
        with Listener(self.lab, probe) as listener, probe:
            wait_for("the probe to be under way", lambda: len(probe.answers) >= 10)
            self.lab.node_ctl("mr", "--wait", "10", "move", "acc1")
            pop = self.wait_at("mr", lambda pop: pop.name == "pop1", "with POP 1")
            self.wait_known(plan.MOBILE_ROUTER, pop)
            settled = probe.sent + 10
            wait_for("some more packets", lambda: probe.sent >= settled)
        before, after = listener.way(0), listener.way(probe.sent - 1)
        self.story.show("the first and the last of cn1's packets", f"{before}\n{after}")
        self.story.check(after.links < before.links and after.nodes[-1] == "lan",
                         f"the prefix moved with its router: {after.links} links, {before.links} before")
        self.story.check(probe.lost <= 10, str(probe))
        self.note_loss("mobile network moves", probe)

    def kill(self):
        victim = self.pop_of("mn")
        self.story.step(f"SIGKILL for {victim.name}",
                        "The mobile node is registered there, and cn2's packets enter there. Nobody says",
                        "good-bye; a BGP session through a dead forwarder cannot even be closed.")
        router = victim.place.router
        show_log = self.logs_from_here()
        with RouteWatch(self.lab, router) as watch, \
                Probe(self.lab, "cn2", plan.MOBILE_NODE) as probe:
            wait_for("the probe to be under way", lambda: len(probe.answers) >= 10)
            wall, started = time.time(), time.monotonic()
            victim.kill()
            withdrawn = watch.seconds_until(wall, lambda device: device != victim.name)
            pop = self.wait_at("mn", lambda pop: pop is not victim, "elsewhere", 20)
            moved = time.monotonic() - started
            wait_for("packets to arrive again", lambda: probe.answered_since(started + moved), 20)
        self.story.check(withdrawn < HOLD_TIME,
                         f"BFD took the route away after {withdrawn:.2f} s: {router} sends to "
                         f"{self.lab.route_of(router)}")
        self.story.check(moved < 10, f"{pop.name} asked the mobile node over: registered there after "
                         f"{moved:.2f} s, without moving")
        self.wait_known(plan.MOBILE_NODE, pop)
        show_log(pop, "peer-down|switch|registered")
        self.show_trace("cn2", plan.MOBILE_NODE)
        self.show_ctl(pop, "show", "peers")
        self.story.check(probe.outage <= 10, f"served again: {probe}")
        self.note_loss("a POP is killed", probe)
        self.victim = victim

    def comeback(self):
        pop = self.victim
        self.story.step(f"{pop.name} comes back",
                        "Empty. It asks its peers for everything before it serves, and is announced after.")
        with RouteWatch(self.lab, pop.place.router) as watch, \
                Probe(self.lab, "cn2", plan.MOBILE_NODE) as probe:
            wall = time.time()
            pop.start()
            pop.wait_serving()
            serving = time.time() - wall
            preferred = watch.seconds_until(wall, lambda device: device == pop.name)
            for host in ("mn", "mr"):
                primary = self.pop_of(host)
                if primary is not pop:
                    wait_for(f"{pop.name} to know {host}", lambda host=host, primary=primary:
                             self.knows(pop, plan.HOME_ADDRESSES[host], primary))
            self.lab.wait_routes()
        self.show_ctl(pop, "show", "global-bindings")
        self.show_ctl(pop, "show", "sync")
        self.story.check(True, f"synchronized and serving after {serving:.2f} s, announced after "
                         f"{preferred:.2f} s")
        self.story.check(probe.lost == 0, str(probe))
        self.note_loss("it comes back", probe)

    def without_bfd(self):
        pop = self.lab.pops["pop3"]
        router = pop.place.router
        self.story.step("What it would be without BFD",
                        f"BFD is off between {router} and {pop.name}; nothing is registered there, but cn3's",
                        "packets enter there.")
        for node in (router, pop.name):
            self.lab.bird(node).set_bfd(False)
        with RouteWatch(self.lab, router) as watch, \
                Probe(self.lab, "cn3", plan.MOBILE_NODE, interval=0.1) as probe:
            wall = time.time()
            pop.kill()
            withdrawn = watch.seconds_until(wall, lambda device: device != pop.name, 2 * HOLD_TIME)
        self.story.check(withdrawn > 2, f"the route stayed for {withdrawn:.2f} s: the hold time of "
                         f"{HOLD_TIME} s; {probe}")
        self.note_loss("killed, without BFD", probe)
        for node in (router, pop.name):
            self.lab.bird(node).set_bfd(True)
        pop.start()
        pop.wait_serving()
        self.lab.wait_routes()

    def drain(self):
        pop = self.pop_of("mn")
        self.story.step(f"{pop.name} is drained",
                        "Its route gets a metric that BGP avoids, HELLO says A=0, and its mobile nodes are",
                        "asked over one by one. Then it is safe to stop.")
        with Probe(self.lab, "cn1", plan.MOBILE_NODE) as probe, \
                Probe(self.lab, "cn1", plan.MOBILE_NETWORK_HOST) as network:
            started = time.monotonic()
            self.show_ctl(pop, "drain")
            for host in ("mn", "mr"):
                self.wait_at(host, lambda there: there is not pop, f"outside of {pop.name}", 20)
            wait_for("it to be safe to stop", lambda: "safe to stop" in pop.status()["reason"], 20)
            seconds = time.monotonic() - started
            router = pop.place.router
            wait_for("the routes to turn away", lambda: self.lab.route_of(router) != pop.name)
            settled = probe.sent + 20
            wait_for("some more packets", lambda: probe.sent >= settled)
        self.show_ctl(pop, "show", "status", keep=lambda line: re.match("serving|reason", line))
        self.story.check(True, f"safe to stop after {seconds:.2f} s; {router} sends to "
                         f"{self.lab.route_of(router)}")
        self.story.check(probe.lost == 0, f"to the mobile node: {probe}")
        self.story.check(network.lost == 0, f"to the mobile network: {network}")
        self.note_loss("drain", probe)
        self.show_ctl(pop, "undrain")
        self.lab.wait_routes()

    def books(self):
        self.story.step("The books", "What was lost in each step, and what TCP noticed.")
        good = self.transfer.finish()
        rows = [f"{'step':22} {'sent':>6} {'lost':>5}  {'longest gap':>11}  {'TCP stood still':>15}"]
        for step, probe, stall in self.losses:
            rows.append(f"{step:22} {probe.sent:6} {probe.lost:5}  {probe.outage:9.2f} s  "
                        f"{stall:13.2f} s")
        self.story.show("packets", "\n".join(rows))
        self.story.check(good, f"one TCP connection lived through all of it: {self.transfer.bytes} "
                         "bytes, each the one that was sent")
        for pop in self.lab.pops.values():
            pools = {row["name"]: row for row in pop.show("pools")}
            used = pools["packets"]["used"] + pools["control"]["used"]
            self.story.check(used <= 64, f"{pop.name} uses {used} packet buffers")
        self.show_ctl(self.lab.pop, "show", "topology")
