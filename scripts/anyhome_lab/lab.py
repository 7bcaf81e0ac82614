"""A lab that is up, or about to be: nodes of a shape (see topology.py), anyhomed in each POP, a mobile
node, a mobile router with a host behind it, correspondents."""
import json
import os
import pathlib
import shutil
import tempfile

from . import plan, topology
from .bird import Bird, of_pop, of_router
from .network import Namespace
from .pop import Pop
from .shell import LabError, is_alive, run, start, stop, wait_for
from .telemetry import runtime_directory

STATE = pathlib.Path("/run/anyhome-lab")


class Lab:
    """`save` and `load` carry a lab from one command to the next."""

    def __init__(self, name, programs, shape=plan.ONE_POP):
        self.name = name
        self.programs = pathlib.Path(programs)  # build directory
        self.shape = shape
        self.id = os.getpid()
        self.directory = None
        self.processes = {}
        self.daemon_options = []
        self._name_nodes()

    def _name_nodes(self):
        self.nodes = {node: Namespace(self.id, node) for node in self.shape.nodes}
        self.pops = {place.name: Pop(self, place) for place in self.shape.pops}

    # ---- Life ----

    def up(self, daemon_options=()):
        """Builds everything and returns when the home agents serve and both nodes are registered."""
        self.daemon_options = list(daemon_options)
        self.build()
        self.start_pops()
        self.start_nodes()

    def build(self):
        """The network; of the processes only the routing daemons, and one POP needs none."""
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"anyhome-lab-{self.id}-"))
        self.save()
        topology.build(self.shape, self.nodes)
        if self.has_birds:
            for number, router in enumerate(self.shape.routers, 1):
                self._start_bird(router, of_router(number, self.shape))
            for place in self.shape.pops:
                self._start_bird(place.name, of_pop(place, self.shape))

    def start_pops(self):
        for pop in self.pops.values():
            pop.launch()
        for pop in self.pops.values():
            pop.wait_started()
        if not self.has_birds:
            self._route_statically()
        for pop in self.pops.values():
            pop.wait_serving()
        if self.has_birds:
            self.wait_routes()

    def start_nodes(self):
        """The mobile node near the first POP, the mobile router near the last. With one POP they are
        told of their home agent; with more they ask, and the nearest answers."""
        told = [] if self.shape.count > 1 else ["--home-agent", self.shape.pops[0].home_agent]
        self.start_node("mn", "--access", self.shape.access[0].name, *told)
        far = self.shape.access[-1 if self.shape.count > 1 else 0]
        self.start_node("mr", "--access", far.name, *told, "--mobile-network-prefix",
                        plan.MOBILE_NETWORK)

    def down(self):
        """Ends what this lab started, and nothing else."""
        first = [name for name in ("mn", "mr") if name in self.processes]
        for name in first + [name for name in self.processes if name not in first]:
            stop(self.processes[name])
        self.processes.clear()
        for pop in self.pops.values():
            shutil.rmtree(runtime_directory(pop.file_prefix), ignore_errors=True)
        for node in self.nodes.values():
            node.delete()
        if self.directory is not None:
            shutil.rmtree(self.directory, ignore_errors=True)
        self._state_file().unlink(missing_ok=True)

    def save(self):
        STATE.mkdir(parents=True, exist_ok=True)
        self._state_file().write_text(json.dumps({
            "id": self.id, "pops": self.shape.count, "directory": str(self.directory),
            "programs": str(self.programs), "processes": self.processes,
            "options": self.daemon_options}), encoding="ascii")

    def _state_file(self):
        return STATE / f"{self.name}.json"

    @classmethod
    def load(cls, name):
        try:
            state = json.loads((STATE / f"{name}.json").read_text(encoding="ascii"))
        except FileNotFoundError:
            raise LabError(f"no lab \"{name}\" is up; scripts/lab up makes one") from None
        lab = cls(name, state["programs"], plan.Shape(state["pops"]))
        lab.id = state["id"]
        lab.directory = pathlib.Path(state["directory"])
        lab.processes = state["processes"]
        lab.daemon_options = state["options"]
        lab._name_nodes()
        return lab

    # ---- Processes ----

    def log(self, name):
        return self.directory / f"{name}.log"

    def launch(self, name, node, *command):
        process = start(command, self.log(name), self.nodes[node].name)
        self.processes[name] = process.pid
        self.save()
        return process.pid

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

    # ---- Routing ----

    @property
    def has_birds(self):
        return self.shape.count > 1

    def bird(self, node):
        return Bird(node, self.directory)

    def _start_bird(self, node, configuration):
        bird = self.bird(node)
        bird.configuration.write_text(configuration, encoding="ascii")
        self.launch(f"bird-{node}", node, *bird.command)

    def _route_statically(self):
        place = self.shape.pops[0]
        for prefix in (plan.HOME_PREFIX, plan.POOL):
            self.nodes[place.router].ip6("route", "add", prefix, "via", place.locator)
        self.nodes[place.name].ip6("route", "add", "default", "via", place.router_address)

    def route_of(self, router, prefix=plan.HOME_PREFIX):
        """The device that a router sends a prefix's packets to; it is called after what is there."""
        words = self.nodes[router].ip6("route", "show", prefix).split()
        return words[words.index("dev") + 1] if "dev" in words else None

    def wait_routes(self, seconds=20):
        """Until each region prefers its own POP, for home addresses and for mobile networks, and BFD
        watches over it, and each POP knows the way to every other's locator."""
        for place in self.shape.pops:
            for prefix in (plan.HOME_PREFIX, plan.POOL):
                wait_for(f"{place.router} to prefer {place.name} for {prefix}",
                         lambda place=place, prefix=prefix:
                         self.route_of(place.router, prefix) == place.name, seconds)
            wait_for(f"BFD between {place.router} and {place.name}",
                     self.bird(place.router).bfd_is_up, seconds)
            for other in (peer for peer in self.shape.pops if peer is not place):
                wait_for(f"{place.name} to have a route to {other.name}",
                         lambda place=place, other=other:
                         "wan" in self.nodes[place.name].ip6("route", "get", other.locator,
                                                                    check=False), seconds)

    # ---- Mobile nodes ----

    def start_node(self, host, *options, authenticated=True):
        config = self.directory / f"{host}.ini"
        proof = f"identifier = {host}@example.net\nspi = {plan.SPI}\nkey = {plan.KEYS[host]}\n"
        config.write_text(
            f"home-address = {plan.HOME_ADDRESSES[host]}\n{proof if authenticated else ''}"
            f"socket = {self.node_socket(host)}\n", encoding="ascii")
        self.launch(host, host, self.programs / "apps/anyhome-mn/anyhome-mn", "--config", config,
                    *options)
        self.wait_alive(host, f"{host} to be registered",
                        lambda: self.node_state(host) == "registered", 20)

    def node_socket(self, host):
        return self.directory / f"{host}.sock"

    @property
    def node_ctl_command(self):
        return [self.programs / "apps/anyhome-mn/anyhome-mn", "ctl", "--socket"]

    def node_ctl(self, host, *words, check=True, timeout=30):
        return run(*self.node_ctl_command, self.node_socket(host), *words, check=check,
                   timeout=timeout)

    def node_status(self, host):
        return json.loads(self.node_ctl(host, "status").splitlines()[0])

    def node_state(self, host):
        return self.node_status(host)["state"]

    # ---- The POP of a lab that has one ----

    @property
    def pop(self):
        return self.pops[self.shape.pops[0].name]

    def ctl(self, *words, check=True):
        return self.pop.ctl(*words, check=check)

    def show(self, view, *options):
        return self.pop.show(view, *options)

    def status(self):
        return self.pop.status()

    def counter(self, name, view="counters"):
        return self.pop.counter(name, view)

    def drops(self, name):
        return self.pop.drops(name)
