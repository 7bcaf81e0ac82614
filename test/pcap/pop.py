"""A real anyhomed in static mode on net_pcap ports, fed step by step.

net_pcap takes packets from a file as fast as a worker polls. A Binding Update has to have its effect
before the packet after it, so the file is a pipe that does not block: the driver gets what has been
written so far and comes again. A step is over when every packet of it is accounted for, which the
daemon's own counters tell (`settle`); nothing here waits for time.

What comes out goes into ordinary pcap files, one a port, and they are compared as a whole at the end:
what no step expected is a failure, on whatever port.
"""
import json
import os
import pathlib
import struct
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "scripts"))

import packets  # noqa: E402
from anyhome_lab.shell import LabError, is_alive, stop, wait_for  # noqa: E402
from anyhome_lab.telemetry import Telemetry, runtime_directory  # noqa: E402

PATIENCE = 60  # seconds for anything that has to happen; a loaded machine is slow, not wrong

# Just enough of everything: one rte_lpm6 takes 64 MiB whatever is in it, and there are two.
CONFIGURATION = f"""\
home-prefix = {packets.HOME_PREFIX}
home-agent-address = {packets.HOME_AGENT}
authentication = insecure-none
nemo-pool = {packets.POOL},64
nemo-any-prefix = yes
host = static
route = ::/0 via {packets.WAN_ROUTER} port wan
route = {packets.SIDE_PREFIX} via {packets.SIDE_ROUTER} port side
neighbor = {packets.WAN_ROUTER} mac {packets.WAN_ROUTER_MAC} port wan
neighbor = {packets.SIDE_ROUTER} mac {packets.SIDE_ROUTER_MAC} port side
max-bindings = 256
max-prefixes = 64
max-routes = 64
max-neighbors = 64
receive-descriptors = 128
transmit-descriptors = 128
idle = yes
stop-delay = 0

[port.wan]
device = net_pcap0
address = {packets.WAN_ADDRESS}/64

[port.side]
device = net_pcap1
"""
PORTS = ("wan", "side")
ROUTER_MACS = {"wan": packets.WAN_ROUTER_MAC, "side": packets.SIDE_ROUTER_MAC}

PCAP_HEADER = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)  # Ethernet


def pcap_record(frame):
    return struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame


def write_pcap(path, frames):
    path.write_bytes(PCAP_HEADER + b"".join(map(pcap_record, frames)))


def read_pcap(path):
    data = path.read_bytes()
    # Of micro- or of nanoseconds.
    if struct.unpack_from("<I", data)[0] not in (0xa1b2c3d4, 0xa1b23c4d):
        raise AssertionError(f"{path} is no pcap file")
    frames, at = [], len(PCAP_HEADER)
    while at < len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        frames.append(data[at + 16:at + 16 + size])
        at += 16 + size
    return frames


class Pop:
    """The daemon of one case."""

    def __init__(self, programs, directory, options=(), fed="wan", vlans=None, workers=1):
        self.programs = pathlib.Path(programs) / "apps"
        self.directory = pathlib.Path(directory)
        self.file_prefix = f"anyhome-pcap-{os.getpid()}"
        self.fed = fed
        self.vlans = vlans or {}
        self.fed_frames = []
        self.expected = {port: [] for port in PORTS}
        # DPDK's files go where the rest goes.
        os.environ["RUNTIME_DIRECTORY"] = str(self.directory)
        self._start(options, workers)

    # ---- Life ----

    def _start(self, options, workers):
        config = self.directory / "anyhomed.ini"
        config.write_text(CONFIGURATION, encoding="ascii")
        output, self.pipe = os.pipe()
        os.set_blocking(output, False)
        os.write(self.pipe, PCAP_HEADER)
        devices = []
        for number, port in enumerate(PORTS):
            source = "rx_pcap=-," if port == self.fed else ""
            devices.append(f"--vdev=net_pcap{number},{source}tx_pcap={self._output(port)}")
        # All lcores float over all processors that there are.
        processors = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        lcores = ",".join(f"{lcore}@({processors})" for lcore in range(workers + 1))
        command = [str(self.programs / "anyhomed/anyhomed"), "--no-pci", "--no-huge", "-m", "256",
                   "--lcores", lcores, "--file-prefix", self.file_prefix, *devices, "--", "--config",
                   str(config), *options]
        self.log = self.directory / "anyhomed.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdin=output, stdout=log, stderr=log)
        os.close(output)
        try:
            self.telemetry = self._wait("the telemetry socket", self._connect)
            self._wait("the home agent to serve",
                       lambda: (self.telemetry.ask("status") or {}).get("serving") == "yes")
            self.macs = {row["name"]: row["mac"] for row in self.telemetry.rows("ports")}
        except BaseException:
            stop(self.process.pid)
            raise

    def _connect(self):
        try:
            return Telemetry(runtime_directory(self.file_prefix))
        except OSError:
            return None

    def _wait(self, what, condition):
        def check():
            if not is_alive(self.process.pid):
                raise LabError(f"anyhomed has ended with exit code {self.process.wait()}")
            return condition()
        return wait_for(what, check, PATIENCE, 0.005)

    def kill(self):
        """Whatever happened before."""
        os.close(self.pipe)
        stop(self.process.pid)

    # ---- In ----

    def send(self, *sent):
        """One step: IPv6 packets from the router of the fed port, or whole frames as bytes."""
        frames = [each if isinstance(each, bytes) else
                  packets.frame(each, ROUTER_MACS[self.fed], self.macs[self.fed],
                                self.vlans.get(self.fed)) for each in sent]
        for frame in frames:
            record = pcap_record(frame)
            # Not longer than what a pipe takes in one piece: the driver never sees a part of it.
            assert len(record) <= 4096
            os.write(self.pipe, record)
        self.fed_frames += frames
        self.settle()

    def settle(self):
        """Until nothing that was sent is under way any more, in the order in which it travels:
        workers, punt rings, control thread, inject rings, workers. The control thread answers
        between two rounds of its loop, so what it had taken from a ring is finished by then."""
        self._wait("the packets to be received", lambda: self._received() == len(self.fed_frames))
        self._workers_go_round()
        self._wait("the punt rings to be empty", lambda: self._ring_use("punt") == 0)
        self._wait("the inject rings to be empty", lambda: self._ring_use("inject") == 0)
        self._workers_go_round()

    def _received(self):
        return self.values("counters")["received"]

    def _loops(self):
        return [row["loops"] for row in self.telemetry.rows("workers")]

    def _workers_go_round(self):
        before = self._loops()
        # Twice: the round that was under way, and a whole one. A frame that one worker hands to
        # another is out with the other's next round, hence once more.
        self._wait("the workers to go round", lambda: all(
            now >= then + 3 for now, then in zip(self._loops(), before)))

    def _ring_use(self, kind):
        return sum(row["used"] for row in self.telemetry.rows("pools")
                   if row["name"].startswith(f"{kind}-"))

    # ---- Out ----

    def _output(self, port):
        return self.directory / f"out-{port}.pcap"

    def expect(self, port, *expected):
        """What the last step brings out at a port, in this order; IPv6 packets or Expected."""
        self.expected[port].append([packets.as_expected(each) for each in expected])

    def exchange(self, sent, port=None, *expected):
        """A step of one packet and what becomes of it; nothing comes out without a port."""
        self.send(sent)
        if port is not None:
            self.expect(port, *expected)

    def register(self, home=packets.MOBILE_NODE, care_of=packets.CARE_OF, sequence=1):
        """A mobile node, acknowledged: the beginning of most cases."""
        self.exchange(packets.binding_update(home, care_of, sequence), "wan",
                      packets.binding_acknowledgement(home, care_of, sequence))

    def finish(self):
        """Stops the daemon and returns its exit code; frames that came out are in `frames_out`."""
        self.telemetry.close()
        os.kill(self.process.pid, 15)
        code = self.process.wait(PATIENCE)
        self.frames_out = {port: read_pcap(self._output(port)) for port in PORTS}
        return code

    # ---- Counters ----

    def values(self, view):
        """Counters or drops by name, straight from the socket."""
        return {row["name"]: row["value"] for row in self.telemetry.rows(view)}

    def wait_drops(self, name, count):
        """For what takes its time."""
        self._wait(f"{count} drops by {name}", lambda: self.values("drops")[name] == count)

    def ctl(self, *words):
        """What anyhomectl has to say, as JSON."""
        done = subprocess.run([str(self.programs / "anyhomectl/anyhomectl"), "--file-prefix",
                               self.file_prefix, "--json", *words], capture_output=True, text=True,
                              timeout=PATIENCE, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def bindings(self):
        return {row["home_address"]: row for row in self.ctl("show", "bindings")}
