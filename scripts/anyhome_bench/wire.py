"""On the wire: anyhome-pktgen, memif, anyhomed. The highest rate without loss, and delays at half of it.

Where generator and home agent have less than four processors between them they take them from each
other, and figures say more about the scheduler than about either; notes say so.
"""
import json

from anyhome_lab.shell import LabError

from . import daemon
from .daemon import CARE_OF, CORRESPONDENT, HOME, HOME_AGENT, NODES, Place

CONFIGURATION = """\
route = ::/0 via 2001:db8:a1::1 port wan
neighbor = 2001:db8:a1::1 mac 02:00:00:00:00:01 port wan
[port.wan]
device = net_memif0
"""
MAC = "02:00:00:00:00:1a"
ROUNDS = 9  # of registration, on a machine that is not quiet either


def generate(build, *options, codes=(0,)):
    """What the generator says of a home agent of its own. net_memif of DPDK 22.11 may crash a side
    whose other side ends, so none of them outlives the run."""
    with Place(build) as place:
        socket = place.directory / "memif.sock"
        place.start_daemon(CONFIGURATION, "--vdev=net_memif0,role=server,socket-abstract=no,"
                           f"socket={socket},mac={MAC}")
        place.wait("the memif socket", socket.exists)
        return json.loads(place.run(
            place.program("anyhome-pktgen"), *daemon.eal(place.prefix + "-pktgen"), "--no-telemetry",
            f"--vdev=net_memif0,role=client,socket-abstract=no,socket={socket}", "--", *options,
            "--destination-mac", MAC, "--home-agent", HOME_AGENT, "--home-address", HOME, "--nodes",
            NODES, "--care-of-address", CARE_OF, "--correspondent", CORRESPONDENT, "--register", "yes",
            "--register-rounds", ROUNDS, "--format", "json", codes=codes, timeout=240))


def search(build, quick, allowed):
    """The highest rate that loses no more than so many per cent."""
    (row,) = generate(build, "ndr", "--highest", 16000000, "--lowest", 1000, "--trial-time",
                      0.1 if quick else 0.5, "--tolerance", 10 if quick else 3, "--loss", allowed,
                      codes=(0, 3))["searches"]
    if row["pps"] is None:
        raise LabError(f"not even 1000 packets a second pass with {allowed} % lost; is the machine busy?")
    return row["pps"]


def figures(build, quick):
    found = {}
    for allowed in ("0",) if quick else ("0", "0.1"):
        found[f"wire/to-mobile-node/loss-{allowed}-percent"] = {
            "unit": "packets/s", "better": "more", "quiet": search(build, quick, allowed)}
    rate = max(1000, int(found["wire/to-mobile-node/loss-0-percent"]["quiet"] / 2))
    (row,) = generate(build, "--rate", rate, "--duration", 0.5 if quick else 3)["traffic"]
    found["wire/half-rate/lost"] = {"unit": "packets", "better": "less", "quiet": row["lost"]}
    for percentile in ("p50", "p99", "p99.9"):
        if row[f"{percentile}-us"] is None:
            raise LabError("the generator measured no delays")
        found[f"wire/half-rate/{percentile}"] = {"unit": "microseconds", "better": "less",
                                                 "quiet": row[f"{percentile}-us"]}
    notes = []
    if len(daemon.processors()) < 4:
        notes.append(f"on the wire: generator, home agent and their control threads share "
                     f"{len(daemon.processors())} processors; rates and delays are the scheduler's as "
                     "well")
    return found, notes
