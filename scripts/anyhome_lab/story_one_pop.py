"""The story with one POP: a mobile node registers, moves, and keeps talking."""
import json
import re
import subprocess

from . import plan
from .shell import LabError, wait_for
from .story import Story


class OnePop:
    """One method a step; each looks at counters before and after, so that it proves what it says."""

    def __init__(self, lab):
        self.lab = lab
        self.story = Story()

    def run(self):
        for step in (self.start, self.registration, self.ping, self.throughput, self.move,
                     self.mobile_network, self.packet_too_big, self.nobody, self.forgery,
                     self.deregistration, self.bookkeeping):
            step()
        return self.story.end()

    def exec(self, node, *words, timeout=60):
        """Runs a command in a node; shows nothing. Exit codes are not looked at: ping's says only
        whether there was loss."""
        return self.lab.nodes[node].exec(*words, check=False, timeout=timeout)

    def rose(self, before, name, at_least=1):
        now = self.lab.pop.counters()
        by = now[name] - before[name]
        return self.story.check(by >= at_least, f"counter {name} went up by {by}")

    # ---- The steps ----

    def start(self):
        self.story.step("A home agent starts",
                        "anyhomed forwards by DPDK on an AF_PACKET port of the namespace \"pop\".",
                        "The kernel has a twin of that port, and the home prefix as a route.")
        self.story.show("anyhomectl show status", self.lab.ctl("show", "status"),
                        lambda line: re.match("serving|home|locator|announced", line))
        routes = self.lab.nodes["pop"].ip6("route", "show", "dev", "anyhome0", "proto", "250")
        self.story.show("ip -6 route show dev anyhome0 proto 250", routes)
        self.story.check(plan.HOME_PREFIX in routes,
                         "the home prefix is a kernel route: a BGP daemon can announce it")

    def registration(self):
        self.story.step("A mobile node registers",
                        "anyhome-mn in \"mn\" sent a signed Binding Update from access network 1.")
        text = self.lab.ctl("show", "bindings")
        self.story.show("anyhomectl show bindings", text)
        self.story.check(plan.MOBILE_NODE in text and plan.care_of(1, "mn") in text,
                         f"{plan.MOBILE_NODE} is bound to {plan.care_of(1, 'mn')}")

    def ping(self):
        self.story.step("Correspondent and mobile node talk",
                        "Packets to the home address are tunnelled to the care-of address, and",
                        "back through the reverse tunnel. The home agent's own address answers too.")
        before = self.lab.pop.counters()
        for node, source, target in (("cn", None, plan.MOBILE_NODE),
                                     ("mn", plan.MOBILE_NODE, plan.CORRESPONDENT),
                                     ("mn", plan.MOBILE_NODE, plan.HOME_AGENT)):
            words = ["ping", "-c", "5", "-i", "0.1", *(["-I", source] if source else []), target]
            output = self.exec(node, *words)
            self.story.show(f"{node}: {' '.join(words)}", output,
                            lambda line: "transmitted" in line or "rtt" in line)
            self.story.check(" 0% packet loss" in output, f"{target} answers every time")
        self.rose(before, "encapsulated-to-mobile-node", 15)
        self.rose(before, "decapsulated-from-mobile-node", 15)

    def iperf(self, server, server_address, client, *options):
        """Megabits per second of a TCP transfer; `options` say how long or how much."""
        listener = subprocess.Popen(
            ["ip", "netns", "exec", self.lab.nodes[server].name, "iperf3", "-s", "-1", "-B",
             server_address], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for("iperf3 to listen", lambda: ":5201" in self.exec(server, "ss", "-6ltn"))
            output = self.exec(client, "iperf3", "-c", server_address, "-J", *options)
            try:
                result = json.loads(output)
            except json.JSONDecodeError:
                raise LabError(f"iperf3 {' '.join(options)} said nothing") from None
            if "error" in result:
                raise LabError(f"iperf3: {result['error']}")
            return result["end"]["sum_received"]["bits_per_second"] / 1e6
        finally:
            listener.terminate()
            listener.wait()

    def throughput(self):
        self.story.step("TCP both ways", "iperf3, two seconds each way.")
        down = self.iperf("mn", plan.MOBILE_NODE, "cn", "-t", "2")
        up = self.iperf("mn", plan.MOBILE_NODE, "cn", "-t", "2", "-R")
        self.story.show("iperf3", f"to the mobile node   {down:8.0f} Mbit/s\n"
                                  f"from the mobile node {up:8.0f} Mbit/s")
        self.story.check(down > 1 and up > 1, "data flows both ways")

    def move(self):
        self.story.step("The mobile node moves, while it is being pinged",
                        "From access network 1 to 2: another care-of address, another Binding Update.")
        before = self.lab.pop.counters()
        words = ["ping", "-c", "150", "-i", "0.02", "-q", plan.MOBILE_NODE]
        pinging = subprocess.Popen(["ip", "netns", "exec", self.lab.nodes["cn"].name, *words],
                                   stdout=subprocess.PIPE, text=True)
        wait_for("the ping to be under way",
                 lambda: self.lab.pop.counters()["encapsulated-to-mobile-node"]
                 >= before["encapsulated-to-mobile-node"] + 20)
        self.lab.node_ctl("mn", "--wait", "10", "move", "acc2")
        output = pinging.communicate(timeout=30)[0]
        self.story.show("mn: anyhome-mn ctl move acc2", "")
        self.story.show(f"cn: {' '.join(words)}", output, lambda line: "transmitted" in line)
        sent, received = map(int, re.search(r"(\d+) packets transmitted, (\d+) received",
                                            output).groups())
        text = self.lab.ctl("show", "bindings", "--home", plan.MOBILE_NODE)
        self.story.show(f"anyhomectl show bindings --home {plan.MOBILE_NODE}", text)
        self.story.check(plan.care_of(2, "mn") in text, "the binding is at the new care-of address")
        lost = sent - received
        self.story.check(lost <= 10, f"{lost} of {sent} packets were lost, one every 20 ms")
        self.rose(before, "moved")

    def mobile_network(self):
        self.story.step("A network that moves (NEMO)",
                        f"The mobile router in \"mr\" registered {plan.MOBILE_NETWORK}; a host in",
                        "\"lan\" behind it knows nothing of mobility.")
        before = self.lab.pop.counters()
        words = ["ping", "-c", "5", "-i", "0.1", plan.MOBILE_NETWORK_HOST]
        output = self.exec("cn", *words)
        self.story.show(f"cn: {' '.join(words)}", output, lambda line: "transmitted" in line)
        self.story.check(" 0% packet loss" in output, "the host behind the mobile router answers")
        self.rose(before, "encapsulated-to-mobile-node", 5)
        words = ["ping", "-c", "5", "-i", "0.1", "-I", plan.MOBILE_NODE, plan.MOBILE_NETWORK_HOST]
        output = self.exec("mn", *words)
        self.story.show(f"mn: {' '.join(words)}", output, lambda line: "transmitted" in line)
        self.story.check(" 0% packet loss" in output, "and so does it to the mobile node")
        self.rose(before, "hairpinned", 10)

    def packet_too_big(self):
        self.story.step("Full-size packets (Packet Too Big)",
                        "The host in \"lan\" offers TCP segments for 1500-byte packets; the tunnel",
                        "carries 1460. The home agent has to say so, or the transfer hangs.")
        before = self.lab.pop.counters()
        self.exec("cn", "ip", "-6", "route", "flush", "cache")
        rate = self.iperf("lan", plan.MOBILE_NETWORK_HOST, "cn", "-n", "20M")
        self.story.show("iperf3 -n 20M", f"20 MB to the mobile network at {rate:.0f} Mbit/s")
        self.story.check(rate > 0, "the transfer came to its end")
        self.rose(before, "icmp-packet-too-big-sent")
        words = ["ping", "-c", "1", "-M", "do", "-s", "1452", plan.MOBILE_NODE]
        self.exec("cn", "ip", "-6", "route", "flush", "cache")
        output = self.exec("cn", *words)
        self.story.show(f"cn: {' '.join(words)}", output, lambda line: "mtu" in line)
        self.story.check("mtu=1460" in output.replace(" ", ""), "the MTU inside the tunnel is 1460")

    def nobody(self):
        self.story.step("A home address that nobody has registered",
                        "Destination Unreachable, code 3, tells the correspondent.")
        before = self.lab.pop.counters()
        words = ["ping", "-c", "1", "-W", "1", plan.NOBODY]
        output = self.exec("cn", *words)
        self.story.show(f"cn: {' '.join(words)}", output, lambda line: "From" in line)
        self.story.check("Address unreachable" in output, "code 3 (address unreachable) arrived")
        self.rose(before, "no-binding")

    def forgery(self):
        self.story.step("Somebody forges a reverse tunnel",
                        "The correspondent sends in the mobile node's name, in a tunnel of its own.")
        before = self.lab.pop.counters()
        program = (
            "from scapy.all import IPv6, ICMPv6EchoRequest, send\n"
            f"send(IPv6(src='{plan.CORRESPONDENT}', dst='{plan.HOME_AGENT}')"
            f"/IPv6(src='{plan.MOBILE_NODE}', dst='{plan.CORRESPONDENT}')"
            "/ICMPv6EchoRequest(), count=3, verbose=0)\n")
        self.exec("cn", "/usr/bin/python3", "-c", program)
        self.rose(before, "tunnel-care-of-mismatch", 3)
        words = ["explain", plan.CORRESPONDENT, "--from", plan.MOBILE_NODE, "--tunnel",
                 plan.CORRESPONDENT]
        text = self.lab.ctl(*words)
        self.story.show(f"anyhomectl {' '.join(words)}", text)
        self.story.check("tunnel-care-of-mismatch" in text, "explain says why")

    def deregistration(self):
        self.story.step("The mobile node de-registers", "Its path goes, after the acknowledgement.")
        before = self.lab.pop.counters()
        self.lab.node_ctl("mn", "--wait", "10", "home")
        text = self.lab.ctl("show", "bindings")
        self.story.show("anyhomectl show bindings", text)
        self.story.check(plan.MOBILE_NODE not in text, "the binding is gone")
        output = self.exec("cn", "ping", "-c", "1", "-W", "1", plan.MOBILE_NODE)
        self.story.show(f"cn: ping -c 1 {plan.MOBILE_NODE}", output, lambda line: "From" in line)
        self.story.check("Address unreachable" in output, "its home address is nobody's now")
        self.rose(before, "deregistered")

    def bookkeeping(self):
        self.story.step("The books",
                        "Every packet is counted: as something that was done, or as a drop by name.")
        self.story.show("anyhomectl show drops", self.lab.ctl("show", "drops"))
        self.story.show("anyhomectl show workers", self.lab.ctl("show", "workers"))
        pools = {row["name"]: row for row in self.lab.show("pools")}
        used = pools["packets"]["used"] + pools["control"]["used"]
        self.story.check(used <= 64, f"{used} packet buffers are in use, after all of that")
