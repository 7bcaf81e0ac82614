"""A POP: anyhomed on the AF_PACKET port of its namespace, and what to ask it."""
import json
import os
import signal

from .shell import LabError, is_alive, run, stop, succeeds, wait_for


class Pop:
    """One POP of a lab. The lab keeps the process numbers; this knows how to start and to ask."""

    def __init__(self, lab, place):
        self.lab = lab
        self.place = place  # plan.Pop
        self.name = place.name
        self.node = lab.nodes[place.name]

    @property
    def process_name(self):
        return "anyhomed" if self.lab.shape.count == 1 else f"anyhomed-{self.name}"

    @property
    def file_prefix(self):
        return f"anyhome-lab-{self.lab.id}-{self.name}"

    @property
    def pid(self):
        return self.lab.processes[self.process_name]

    # ---- Life ----

    def start(self, options=(), configuration=None):
        """Returns when anyhomed runs and its twin has an address and a link; it need not serve yet. The
        options come after those of all POPs of the lab."""
        self.launch(options, configuration)
        self.wait_started()

    def launch(self, options=(), configuration=None):
        # The kernel takes a killed process's devices away some time after it.
        wait_for("the twin of an earlier life to be gone", lambda: not self._has_twin())
        config = self.lab.directory / f"{self.process_name}.ini"
        config.write_text(configuration or self.lab.shape.configuration(self.name), encoding="ascii")
        self.lab.launch(self.process_name, self.name, self.lab.programs / "apps/anyhomed/anyhomed",
                        "--no-pci", "--no-huge", "-m", "512", "--lcores", "0@(0,1),1@(0,1)",
                        "--file-prefix", self.file_prefix, "--vdev=net_af_packet0,iface=nic", "--",
                        "--config", config, *self.lab.daemon_options, *options)

    def wait_started(self):
        self.lab.wait_alive(self.process_name, "the twin of the port", self._has_twin, 30)
        wait_for("the twin's address",
                 lambda: self.place.locator in self.node.ip6("address", "show", "wan"))
        wait_for("the twin's link", lambda: "LOWER_UP" in self.node.ip6("link", "show", "wan"))

    def _has_twin(self):
        return succeeds("ip", "-n", self.node.name, "link", "show", "wan")

    def wait_serving(self, seconds=30):
        self.lab.wait_alive(self.process_name, f"the home agent of {self.name} to serve",
                            lambda: self.status()["serving"] == "yes", seconds)

    def kill(self, how=signal.SIGKILL):
        stop(self.pid, how=how)

    def signal(self, number):
        """Any signal that does not end it, such as SIGSTOP."""
        os.kill(self.pid, number)

    def is_alive(self):
        return is_alive(self.pid)

    # ---- Asking ----

    @property
    def ctl_command(self):
        return [self.lab.programs / "apps/anyhomectl/anyhomectl", "--file-prefix", self.file_prefix]

    def ctl(self, *words, check=True, timeout=30):
        """anyhomectl's answer as text."""
        return run(*self.ctl_command, *words, check=check, timeout=timeout)

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

    def counters(self):
        """All counters and drop reasons by name."""
        return {row["name"]: row["value"] for view in ("counters", "drops")
                for row in self.show(view)}
