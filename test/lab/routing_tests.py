"""The prefix among the routers: nearest POP, and away from a POP that is dead, hung or cut off."""
import signal
import time

from anyhome_lab import plan
from anyhome_lab.shell import wait_for
from anyhome_lab.trace import trace
from anyhome_lab.watch import RouteWatch
from three_pops_checks import check, cut_link, mend_link, say, settled

# BFD takes 0.9 s. Loaded machines are slow, but what comes after this was not BFD: it was the hold time.
BEFORE_HOLD_TIME = 6.0


def nearest_pop(lab):
    """A packet for the home prefix enters at the POP of its region."""
    for place, correspondent in zip(lab.shape.pops, lab.shape.correspondents):
        check(lab.route_of(place.router) == place.name, f"{place.router} prefers {place.name}")
        way = trace(lab, correspondent.name, plan.NOBODY).there
        check(way.nodes[:3] == [correspondent.name, place.router, place.name],
              f"{correspondent.name} is served by {place.name}: {way}")
    for place in lab.shape.pops:
        for correspondent in lab.shape.correspondents:
            answered = trace(lab, correspondent.name, place.locator).answered
            check(answered, f"the locator of {place.name} answers {correspondent.name}")


def nearest_home_agent_is_discovered(lab):
    """The mobile nodes asked the anycast address of home agent discovery (RFC 6275 section 10.5)."""
    first, last = lab.shape.pops[0], lab.shape.pops[-1]
    for host, place in (("mn", first), ("mr", last)):
        node = lab.node_status(host)
        check(node["bound-home-agent"] == place.home_agent,
              f"{host} in the access network near {place.name} found {place.home_agent}")


def _away_and_back(lab, place, leave, come_back):
    """A POP stops answering, and answers again."""
    correspondent = lab.shape.correspondents[place.number - 1]
    with RouteWatch(lab, place.router) as watch:
        started = time.time()
        leave()
        seconds = watch.seconds_until(started, lambda device: device != place.name)
        say(f"{place.router} turned away from {place.name} after {seconds:.2f} s")
        check(seconds < BEFORE_HOLD_TIME, "BFD noticed")
        other = wait_for("another POP", lambda: lab.route_of(place.router))
        check(other in lab.shape.routers, f"packets go on to {other}")
        way = trace(lab, correspondent.name, plan.NOBODY).there
        check(place.name not in way.nodes and way.nodes[-1] in lab.pops,
              f"and reach another POP: {way}")
        started = time.time()
        come_back()
        seconds = watch.seconds_until(started, lambda device: device == place.name)
        say(f"{place.router} prefers {place.name} again after {seconds:.2f} s")
    settled(lab)


def killed_pop_and_return(lab):
    pop = lab.pops["pop2"]

    def come_back():
        pop.start()
        pop.wait_serving()
    _away_and_back(lab, pop.place, pop.kill, come_back)


def hung_pop_and_return(lab):
    """A stopped process neither forwards nor answers, but its twin and routes are still there."""
    pop = lab.pops["pop3"]
    _away_and_back(lab, pop.place, lambda: pop.signal(signal.SIGSTOP),
                   lambda: pop.signal(signal.SIGCONT))


def link_down_and_up(lab):
    """The router loses the link itself, without BFD's help."""
    place = lab.shape.pops[2]
    _away_and_back(lab, place, lambda: cut_link(lab, place), lambda: mend_link(lab, place))


TESTS = [nearest_pop, nearest_home_agent_is_discovered, killed_pop_and_return, hung_pop_and_return,
         link_down_and_up]
