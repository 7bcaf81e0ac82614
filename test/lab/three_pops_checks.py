"""What the tests of three POPs have in common."""
import time

from anyhome_lab import plan
from anyhome_lab.capture import complaints
from anyhome_lab.shell import LabError, wait_for

_STARTED = time.monotonic()


def say(text):
    print(f"{time.monotonic() - _STARTED:8.2f} {text}", flush=True)


def check(good, what):
    if not good:
        raise AssertionError(what)
    say(f"ok {what}")


def agreement(lab, home_address):
    """The one POP that a mobile node is registered with, when every other POP that lives knows it."""
    alive = [pop for pop in lab.pops.values() if pop.is_alive()]
    own = [pop for pop in alive
           if any(row["home_address"] == home_address for row in pop.show("bindings"))]
    if len(own) != 1:
        return None
    for pop in alive:
        if pop is not own[0]:
            known = [(row["primary"], row["state"]) for row in pop.show("global-bindings")
                     if row["home_address"] == home_address]
            if known != [(own[0].name, "live")]:
                return None
    return own[0]


def wait_agreement(lab, host, wanted=None, seconds=20.0):
    """Until all POPs agree where a mobile node is, and so does it, and it is the wanted place."""
    def agreed():
        pop = agreement(lab, plan.HOME_ADDRESSES[host])
        good = (pop is not None and wanted in (None, pop.name)
                and lab.node_status(host)["bound-home-agent"] == pop.place.home_agent)
        return pop if good else None
    return wait_for(f"everybody to agree that {host} is with {wanted or 'somebody'}", agreed, seconds)


def bring(lab, host, number):
    """A mobile node to an access network and to the POP there, wherever it is now."""
    place = lab.shape.pops[number - 1]
    lab.node_ctl(host, "--wait", "20", "move", f"acc{number}")
    pop = wait_agreement(lab, host)
    if pop.name != place.name and lab.node_status(host)["settled"]:
        # It may have come from there not long ago, so that nobody offers a switch: the operator does.
        try:
            pop.ctl("switch", plan.HOME_ADDRESSES[host], place.name)
        except LabError:
            if wait_agreement(lab, host).name != place.name:
                raise  # it had not just gone there by itself
    wait_agreement(lab, host, place.name)
    say(f"{host} is with {place.name}")


def wait_synchronized(lab, seconds=20.0):
    """Until every POP has all its peers up and level."""
    for pop in lab.pops.values():
        wait_for(f"{pop.name} to be level with its peers", lambda pop=pop: all(
            row["state"] == "up" and row["synchronized"] == "yes" for row in pop.show("peers"))
            and all(row["backlog"] == row["outstanding"] == 0 for row in pop.show("sync")), seconds)


def settled(lab):
    """The lab as every test wants to find it."""
    for pop in lab.pops.values():
        if not pop.is_alive():
            pop.start()
        pop.wait_serving()
    lab.wait_routes()
    wait_synchronized(lab)


def cut_link(lab, place):
    """The router of a POP loses the link to it."""
    lab.nodes[place.router].ip("link", "set", place.name, "down")


def mend_link(lab, place):
    router = lab.nodes[place.router]
    router.ip("link", "set", place.name, "up")
    # The kernel forgets IPv6 addresses of devices that are down.
    router.address(place.name, f"{place.router_address}/64")


def under_way(probe, packets=10):
    """Until some more packets of a probe have been answered."""
    wanted = len(probe.answers) + packets
    wait_for("packets of the probe to be answered", lambda: len(probe.answers) >= wanted, 20)


def nothing_malformed(lab, captures):
    found = complaints(captures.values(), lab.directory)
    check(not found, "tshark finds nothing wrong in any packet"
          + "".join(f"\n         {text}" for text in found[:10]))
