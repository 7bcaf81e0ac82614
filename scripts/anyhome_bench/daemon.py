"""One anyhomed in static mode, for measurements: started, asked by telemetry, and ended."""
import contextlib
import os
import pathlib
import subprocess
import tempfile

from anyhome_lab.shell import LabError, is_alive, stop, wait_for
from anyhome_lab.telemetry import Telemetry, runtime_directory

PATIENCE = 30  # seconds for anything that has to happen

HOME_AGENT = "2001:db8:0:1::1a"
HOME = "2001:db8:0:1::1:0"  # of the first mobile node; the others count up
CARE_OF = "2001:db8:f1::1"
CORRESPONDENT = "2001:db8:c::1"
NODES = 1000

CONFIGURATION = """\
home-prefix = 2001:db8:0:1::/64
home-agent-address = 2001:db8:0:1::1a
authentication = insecure-none
host = static
max-bindings = 4096
max-prefixes = 64
max-routes = 64
max-neighbors = 64
stop-delay = 0
"""


def processors():
    return sorted(os.sched_getaffinity(0))


def isolated(path="/sys/devices/system/cpu/isolated"):
    """Processors between which the kernel moves nobody (isolcpus)."""
    try:
        text = pathlib.Path(path).read_text(encoding="ascii").strip()
    except OSError:
        return set()
    found = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def lcores(count, own=None, alone=None):
    """`count` lcores that float over all processors there are; each at one of its own where the kernel
    would leave all of them on the first."""
    own = processors() if own is None else own
    alone = isolated() if alone is None else alone
    if len(own) >= count and alone & set(own):
        return ",".join(f"{lcore}@{own[lcore]}" for lcore in range(count))
    which = ",".join(map(str, own))
    return ",".join(f"{lcore}@({which})" for lcore in range(count))


def eal(file_prefix, count=2, memory=400, where=None):
    return ["--no-pci", "--no-huge", "-m", str(memory), "--lcores", where or lcores(count),
            "--file-prefix", file_prefix]


def worker_processors(count=1):
    """Where the workers of a program run when their speed has to be known; the last come first."""
    return processors()[::-1][:count]


def lcores_with_fixed_workers(count=1):
    which = ",".join(map(str, processors()))
    workers = (f",{lcore}@{processor}" for lcore, processor in enumerate(worker_processors(count), 1))
    return f"0@({which}){''.join(workers)}"


def worker_thread(pid, lcore=1):
    """The directory in /proc of the thread of a worker lcore."""
    for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if (thread / "comm").read_text(encoding="ascii").strip() in (
                f"rte-worker-{lcore}", f"lcore-worker-{lcore}", f"dpdk-worker{lcore}"):
            return thread
    raise LabError(f"there is no worker thread of lcore {lcore}")


def times_preempted(thread):
    status = (thread / "status").read_text(encoding="ascii", errors="replace")
    return int(status.rsplit("nonvoluntary_ctxt_switches:", 1)[1])


class Calibrator:
    """How fast a processor is at the moment, whoever runs on it."""

    def __init__(self, place, processor):
        self.processor = processor
        self.process = subprocess.Popen([place.program("anyhome-bench"), "calibrate"], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        place.stack.callback(self.close)

    def speed(self):
        """Additions per tick: in a chain, side by side."""
        self.process.stdin.write(f"{self.processor}\n")
        self.process.stdin.flush()
        clock, width = self.process.stdout.readline().split()
        return float(clock), float(width)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def slowest(a, b):
    return min(a[0], b[0]), min(a[1], b[1])


class Place:
    """A directory of its own, DPDK's files included; and what was started there is ended."""

    def __init__(self, build):
        self.apps = pathlib.Path(build) / "apps"
        self.stack = contextlib.ExitStack()
        self.prefix = f"anyhome-bench-{os.getpid()}"

    def __enter__(self):
        temporary = self.stack.enter_context(tempfile.TemporaryDirectory(prefix="anyhome-bench-"))
        self.directory = pathlib.Path(temporary)
        self.environment = os.environ | {"RUNTIME_DIRECTORY": temporary}
        return self

    def __exit__(self, *what):
        return self.stack.__exit__(*what)

    def program(self, name):
        return self.apps / name / name

    def start(self, name, *command, stdin=subprocess.DEVNULL):
        log = self.directory / f"{name}.log"
        with open(log, "wb") as output:
            process = subprocess.Popen([str(word) for word in command], stdout=output, stderr=output,
                                       stdin=stdin, env=self.environment)
        self.stack.callback(lambda: (stop(process.pid), process.wait()))
        return process, log

    def run(self, *command, codes=(0,), timeout=60):
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=timeout, env=self.environment,
                              check=False)
        if done.returncode not in codes:
            raise LabError(f"{pathlib.Path(str(command[0])).name}: exit code {done.returncode}\n"
                           f"{done.stdout[-1000:]}{done.stderr[-1000:]}".rstrip())
        return done.stdout

    def start_daemon(self, configuration, *devices, where=None):
        return self.start_daemon_with(CONFIGURATION + configuration, ["--no-huge", "-m", 400], *devices,
                                      where=where)

    def start_daemon_with(self, configuration, memory, *devices, where=None):
        config = self.directory / "anyhomed.ini"
        config.write_text(configuration, encoding="ascii")
        self.daemon, self.log = self.start(
            "anyhomed", self.program("anyhomed"), "--no-pci", *memory, "--lcores", where or lcores(2),
            "--file-prefix", self.prefix, *devices, "--", "--config", config)
        return self.daemon

    def wait(self, what, condition, interval=0.02):
        def check():
            if not is_alive(self.daemon.pid):
                raise LabError("anyhomed has ended: " + self.log.read_text(errors="replace")[-1000:])
            return condition()
        return wait_for(what, check, PATIENCE, interval)

    def telemetry(self):
        """A connection to the daemon, as soon as it answers; closed at the end."""
        def connect():
            old = os.environ.get("RUNTIME_DIRECTORY")
            os.environ["RUNTIME_DIRECTORY"] = str(self.directory)
            try:
                return Telemetry(runtime_directory(self.prefix))
            except OSError:
                return None
            finally:
                os.environ.pop("RUNTIME_DIRECTORY")
                if old is not None:
                    os.environ["RUNTIME_DIRECTORY"] = old
        connection = self.wait("the telemetry socket", connect)
        self.stack.callback(connection.close)
        self.wait("an answer", lambda: connection.ask("status"))
        return connection
