"""Running the built programs to their end, and one small daemon at a time; for the tests here."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "scripts"))

from anyhome_lab.shell import is_alive, stop, wait_for  # noqa: E402
from anyhome_lab.telemetry import Telemetry, runtime_directory  # noqa: E402

PATIENCE = 60  # seconds; a loaded machine is slow, not wrong
BUILD = pathlib.Path(os.environ.get("ANYHOME_BUILD", TOP / "build"))
ANYHOMED = BUILD / "apps/anyhomed/anyhomed"
ANYHOMECTL = BUILD / "apps/anyhomectl/anyhomectl"

# As small as it gets, in static mode: neither root nor hugepages.
CONFIGURATION = """\
home-prefix = 2001:db8:0:1::/64
home-agent-address = 2001:db8:0:1::1a
authentication = insecure-none
host = static
route = ::/0 via 2001:db8:a1::1 port wan
neighbor = 2001:db8:a1::1 mac 02:00:00:00:00:01 port wan
max-bindings = 256
max-prefixes = 64
max-routes = 64
max-neighbors = 64
receive-descriptors = 128
transmit-descriptors = 128
idle = yes
stop-delay = 0
[port.wan]
device = net_null0
"""


def needs_root():
    """For setUpModule of what makes namespaces or mounts."""
    if os.geteuid() != 0:
        raise unittest.SkipTest("needs root")


def lcores(count):
    """`count` lcores that float over all processors there are."""
    processors = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    return ",".join(f"{lcore}@({processors})" for lcore in range(count))


class Workplace(unittest.TestCase):
    """A directory per test, DPDK's files included; and what was started is ended."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="anyhome-test-")
        self.addCleanup(temporary.cleanup)
        self.directory = pathlib.Path(temporary.name)
        self.file_prefix = f"anyhome-test-{os.getpid()}"
        self.stdin = subprocess.DEVNULL  # of daemons
        self.environment = os.environ | {"RUNTIME_DIRECTORY": temporary.name}

    def file(self, name, text):
        path = self.directory / name
        path.write_text(text, encoding="utf-8")
        return path

    def run_program(self, *command, wrapper=(), code=None, timeout=PATIENCE):
        """Runs to its end; returns exit code, standard output and standard error."""
        done = subprocess.run([str(word) for word in (*wrapper, *command)], text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=timeout,
                              env=self.environment, check=False)
        if code is not None:
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def eal(self, *more, memory=256, count=2):
        return ("--no-pci", "--no-huge", "-m", memory, "--lcores", lcores(count), "--file-prefix",
                self.file_prefix, *more)

    def daemon_command(self, eal=None):
        return ANYHOMED, *(self.eal("--vdev=net_null0,no-rx=1") if eal is None else eal)

    def start_daemon(self, *options, configuration=CONFIGURATION, eal=None, wrapper=()):
        """A daemon that serves; its process. Ended at the end, at the latest."""
        config = self.file("anyhomed.ini", configuration)
        self.log = self.directory / "anyhomed.log"
        command = [*wrapper, *self.daemon_command(eal), "--", "--config", config, *options]
        with open(self.log, "ab") as log:
            process = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log,
                                       stdin=self.stdin, env=self.environment)
        self.addCleanup(lambda: (stop(process.pid), process.wait()))
        self.wait_for("the home agent to serve", lambda: self.serving(), process)
        return process

    def serving(self):
        try:
            telemetry = self.telemetry()
        except OSError:
            return False
        try:
            return (telemetry.ask("status") or {}).get("serving") == "yes"
        finally:
            telemetry.close()

    def telemetry(self):
        old = os.environ.get("RUNTIME_DIRECTORY")
        os.environ["RUNTIME_DIRECTORY"] = self.environment["RUNTIME_DIRECTORY"]
        try:
            return Telemetry(runtime_directory(self.file_prefix))
        finally:
            os.environ.pop("RUNTIME_DIRECTORY")
            if old is not None:
                os.environ["RUNTIME_DIRECTORY"] = old

    def wait_for(self, what, condition, process=None):
        def check():
            if process is not None and not is_alive(process.pid):
                self.fail(f"anyhomed has ended: {self.log.read_text(errors='replace')[-2000:]}")
            return condition()
        return wait_for(what, check, PATIENCE, 0.02)

    def ctl(self, *words, code=0):
        return self.run_program(ANYHOMECTL, "--file-prefix", self.file_prefix, *words, code=code)
