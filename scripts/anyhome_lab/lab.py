"""The one-POP lab: a POP with anyhomed, an Internet of one kernel router, two access networks, a mobile
node, a mobile router with a host behind it, and a correspondent.

    mn ──┬─ access 1 ─┐                            lan ── mr (on access 1)
         └─ access 2 ─┴─ inet ── cn
                          │
                         pop (anyhomed on an AF_PACKET port; twin `wan`, TUN `anyhome0`)
"""
import json
import os
import pathlib
import shutil
import tempfile

from . import plan
from .network import Namespace, veth
from .shell import LabError, is_alive, run, start, stop, succeeds, wait_for

STATE = pathlib.Path("/run/anyhome-lab")
NODES = ("pop", "inet", "mn", "mr", "lan", "cn")


class Lab:
    """A lab that is up, or about to be; `save` and `load` carry it from one command to the next."""

    def __init__(self, name, programs):
        self.name = name
        self.programs = pathlib.Path(programs)  # build directory
        self.id = os.getpid()
        self.directory = None
        self.processes = {}
        self._name_nodes()

    def _name_nodes(self):
        self.nodes = {node: Namespace(self.id, node) for node in NODES}

    # ---- Life ----

    def up(self, daemon_options=()):
        """Builds everything and returns when the home agent serves and both nodes are registered."""
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"anyhome-lab-{self.id}-"))
        self.save()
        self._build_network()
        self.start_daemon(daemon_options)
        self.start_node("mn")
        self.start_node("mr", "--mobile-network-prefix", plan.MOBILE_NETWORK)

    def down(self):
        """Ends what this lab started, and nothing else."""
        for name in ("mn", "mr", *[p for p in self.processes if p not in ("mn", "mr")]):
            if name in self.processes:
                stop(self.processes[name])
        self.processes.clear()
        for node in self.nodes.values():
            node.delete()
        if self.directory is not None:
            shutil.rmtree(self.directory, ignore_errors=True)
        self._state_file().unlink(missing_ok=True)

    def save(self):
        STATE.mkdir(parents=True, exist_ok=True)
        self._state_file().write_text(json.dumps({
            "id": self.id, "directory": str(self.directory), "programs": str(self.programs),
            "processes": self.processes}), encoding="ascii")

    def _state_file(self):
        return STATE / f"{self.name}.json"

    @classmethod
    def load(cls, name):
        try:
            state = json.loads((STATE / f"{name}.json").read_text(encoding="ascii"))
        except FileNotFoundError:
            raise LabError(f"no lab \"{name}\" is up; scripts/lab up makes one") from None
        lab = cls(name, state["programs"])
        lab.id = state["id"]
        lab.directory = pathlib.Path(state["directory"])
        lab.processes = state["processes"]
        lab._name_nodes()
        return lab

    # ---- Network ----

    def _build_network(self):
        for node in self.nodes.values():
            node.create()
        inet = self.nodes["inet"]
        inet.sysctl("net.ipv6.conf.all.forwarding", 1)
        self._connect_pop(inet)
        self._connect_access(inet)
        veth(inet, "cn", self.nodes["cn"], "eth0")
        inet.address("cn", plan.CORRESPONDENT_LINK.replace("::/", "::1/"))
        self.nodes["cn"].address("eth0", f"{plan.CORRESPONDENT}/64")
        self.nodes["cn"].ip6("route", "add", "default", "via",
                             plan.CORRESPONDENT_LINK.split("/")[0] + "1")
        self._connect_mobile_network()

    def _connect_pop(self, inet):
        pop = self.nodes["pop"]
        veth(inet, "pop", pop, "nic")
        # The device belongs to the data path: the kernel must not answer on it as well.
        pop.sysctl("net.ipv6.conf.nic.disable_ipv6", 1)
        inet.address("pop", f"{plan.POP_ROUTER}/64")
        for prefix in (plan.HOME_PREFIX, plan.POOL):
            inet.ip6("route", "add", prefix, "via", plan.LOCATOR)

    def _connect_access(self, inet):
        """Access networks are bridges in the router, so that several nodes can be in one."""
        for number, prefix in plan.ACCESS.items():
            bridge = f"access{number}"
            inet.ip("link", "add", bridge, "type", "bridge", "mcast_snooping", 0)
            inet.ip("link", "set", bridge, "up")
            inet.address(bridge, f"{prefix}1/64", f"{plan.ROUTER_LINK_LOCAL}/64")
            for host in ("mn", "mr"):
                port = f"{host}{number}"
                veth(inet, port, self.nodes[host], f"acc{number}")
                inet.ip("link", "set", port, "master", bridge)
                node = self.nodes[host]
                node.address(f"acc{number}", f"{plan.care_of(number, host)}/64")
                node.ip6("route", "add", "default", "via", plan.ROUTER_LINK_LOCAL, "dev",
                         f"acc{number}", "metric", 100 * number)

    def _connect_mobile_network(self):
        router, host = self.nodes["mr"], self.nodes["lan"]
        router.sysctl("net.ipv6.conf.all.forwarding", 1)
        veth(router, "lan0", host, "eth0")
        router.address("lan0", f"{plan.MOBILE_NETWORK_ROUTER}/64")
        host.address("eth0", f"{plan.MOBILE_NETWORK_HOST}/64")
        host.ip6("route", "add", "default", "via", plan.MOBILE_NETWORK_ROUTER)

    # ---- Processes ----

    def log(self, name):
        return self.directory / f"{name}.log"

    def launch(self, name, node, *command):
        process = start(command, self.log(name), self.nodes[node].name)
        self.processes[name] = process.pid
        self.save()
        return process.pid

    @property
    def file_prefix(self):
        return f"anyhome-lab-{self.id}"

    def start_daemon(self, options=(), configuration=plan.DAEMON_CONFIGURATION):
        config = self.directory / "anyhomed.ini"
        config.write_text(configuration, encoding="ascii")
        self.launch("anyhomed", "pop", self.programs / "apps/anyhomed/anyhomed",
                    "--no-pci", "--no-huge", "-m", "512", "--lcores", "0@(0,1),1@(0,1)",
                    "--file-prefix", self.file_prefix, "--vdev=net_af_packet0,iface=nic", "--",
                    "--config", config, *options)
        self.wait_alive("anyhomed", "the twin of the port", lambda: succeeds(
            "ip", "-n", self.nodes["pop"].name, "link", "show", "wan"), 30)
        pop = self.nodes["pop"]
        wait_for("the twin's address", lambda: plan.LOCATOR in pop.ip6("address", "show", "wan"))
        wait_for("the twin's link", lambda: "LOWER_UP" in pop.ip6("link", "show", "wan"))
        pop.ip6("route", "add", "default", "via", plan.POP_ROUTER)
        self.wait_alive("anyhomed", "the home agent to serve",
                        lambda: self.status()["serving"] == "yes", 30)

    def start_node(self, host, *options):
        config = self.directory / f"{host}.ini"
        home = {"mn": plan.MOBILE_NODE, "mr": plan.MOBILE_ROUTER}[host]
        config.write_text(
            f"home-address = {home}\nhome-agent = {plan.HOME_AGENT}\n"
            f"identifier = {host}@example.net\nspi = {plan.SPI}\nkey = {plan.KEYS[host]}\n"
            f"socket = {self.node_socket(host)}\n", encoding="ascii")
        self.launch(host, host, self.programs / "apps/anyhome-mn/anyhome-mn", "--config", config,
                    "--access", "acc1", *options)
        self.wait_alive(host, f"{host} to be registered",
                        lambda: self.node_state(host) == "registered", 20)

    def wait_alive(self, process, what, condition, seconds):
        """Waits for a condition that only a living process can bring about."""
        def check():
            if not is_alive(self.processes[process]):
                text = self.log(process).read_text(encoding="utf-8", errors="replace")
                raise LabError(f"{process} has ended:\n{text[-4000:]}")
            try:
                return condition()
            except LabError:
                return False
        return wait_for(what, check, seconds)

    # ---- Asking ----

    def ctl(self, *words, check=True):
        """anyhomectl's answer as text."""
        return run(self.programs / "apps/anyhomectl/anyhomectl", "--file-prefix", self.file_prefix,
                   *words, check=check)

    def show(self, view, *options):
        return json.loads(self.ctl("--json", "--all", *options, "show", view))

    def status(self):
        return self.show("status")

    def counter(self, name, view="counters"):
        """One counter or drop reason by its name."""
        for row in self.show(view):
            if row["name"] == name:
                return row["value"]
        raise LabError(f"nothing called {name} is counted")

    def drops(self, name):
        return self.counter(name, "drops")

    def node_socket(self, host):
        return self.directory / f"{host}.sock"

    def node_ctl(self, host, *words, check=True, timeout=30):
        return run(self.programs / "apps/anyhome-mn/anyhome-mn", "ctl", "--socket",
                   self.node_socket(host), *words, check=check, timeout=timeout)

    def node_status(self, host):
        lines = self.node_ctl(host, "status").splitlines()
        return json.loads(lines[0])

    def node_state(self, host):
        return self.node_status(host)["state"]
