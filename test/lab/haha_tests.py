"""The Global HAHA protocol between three real daemons: what is on the wire, and what mobile nodes and
correspondents have of it when something breaks."""
import collections
import contextlib
import ipaddress
import signal
import time

from anyhome_lab import plan
from anyhome_lab.capture import pop_links
from anyhome_lab.disorder import Disorder, Loss
from anyhome_lab.probe import Probe
from anyhome_lab.shell import wait_for
from three_pops_checks import (bring, check, cut_link, mend_link, nothing_malformed, say, settled,
                               under_way, wait_agreement, wait_synchronized)

MN, MR = plan.HOME_ADDRESSES["mn"], plan.HOME_ADDRESSES["mr"]
# "... within BFD time + HELLO lifetime + pacing (10 s by default)."
SERVED_AGAIN = 10.0
SYNC = "mh type 241"  # in nftables


def headers(capture, mark):
    """How often packets with a mark had which ICMPv6 type and headers, outermost first."""
    rows = capture.rows(f"frame contains {mark.hex(':')}", "ipv6.src", "ipv6.dst", "icmpv6.type")
    return collections.Counter((kind[0], *zip(sources, destinations))
                               for sources, destinations, kind in rows)


def data_in_both_directions(lab):
    """A correspondent at another POP: every header of every packet on every POP's link."""
    bring(lab, "mn", 1)
    one, two = lab.pops["pop1"].place, lab.pops["pop2"].place
    correspondent = lab.shape.correspondents[1]
    with pop_links(lab) as captures:
        with Probe(lab, correspondent.name, MN, count=25) as probe:
            pass
    check(probe.lost == 0, f"25 packets from {correspondent.name}: {probe}")
    there, back = (correspondent.address, MN), (MN, correspondent.address)
    link = (two.locator, one.locator)
    care_of = plan.care_of(1, "mn")
    request, reply = "128", "129"
    expected = {
        "pop1": {(request, link, there): 25, (request, (one.home_agent, care_of), there): 25,
                 (reply, (care_of, one.home_agent), back): 25, (reply, back): 25},
        "pop2": {(request, there): 25, (request, link, there): 25},
        "pop3": {},
    }
    for name, capture in captures.items():
        found = headers(capture, probe.mark)
        check(found == expected[name], f"the packets on the link of {name} are the expected {len(found)}"
              f" kinds" + ("" if found == expected[name] else f", not {found}"))
    rows = captures["pop2"].rows(f"frame contains {probe.mark.hex(':')} && ipv6.nxt == 41",
                                 "ipv6.hlim", "ipv6.flow")
    check({row[0][0] for row in rows} == {"255"}, "the entry sends with hop limit 255 (rulings §8)")
    check(all(int(row[1][0], 16) != 0 for row in rows), "and with a flow label (RFC 6438)")
    nothing_malformed(lab, captures)


def mobile_network_across_pops(lab):
    """A prefix is a NEMO prefix at every POP."""
    bring(lab, "mr", 3)
    for correspondent in lab.shape.correspondents:
        with Probe(lab, correspondent.name, plan.MOBILE_NETWORK_HOST, count=10) as probe:
            pass
        check(probe.lost == 0, f"{correspondent.name} reaches the mobile network: {probe}")
    bring(lab, "mn", 1)
    with Probe(lab, "mn", plan.MOBILE_NETWORK_HOST, source=MN, count=10) as probe:
        pass
    check(probe.lost == 0, f"mobile node to mobile network, two POPs between: {probe}")
    with Probe(lab, "lan", MN, count=10) as probe:
        pass
    check(probe.lost == 0, f"and the other way: {probe}")


def move_and_switch(lab):
    """Draft section 5.5, message by message."""
    bring(lab, "mn", 1)
    one, two = lab.pops["pop1"], lab.pops["pop2"]
    before = {pop.name: pop.counters() for pop in (one, two)}
    with pop_links(lab) as captures:
        with Probe(lab, "cn3", MN) as probe:
            under_way(probe)
            lab.node_ctl("mn", "--wait", "10", "move", "acc2")
            wait_agreement(lab, "mn", "pop2")
            under_way(probe)
        wait_synchronized(lab)
    check(probe.lost <= 10, f"during the move: {probe}")
    for pop, counter in ((one, "moved"), (one, "switches-offered"), (one, "yielded"),
                         (two, "registered")):
        by = pop.counters()[counter] - before[pop.name][counter]
        check(by == 1, f"{pop.name}: {counter} went up by {by}")

    forwarded_unchanged(captures["pop2"], lab, plan.care_of(2, "mn"), one.place)
    switch_on_the_wire(captures["pop1"], one.place, two.place)
    synchronized_on_the_wire(captures, two.place, lab)
    nothing_malformed(lab, captures)


def forwarded_unchanged(capture, lab, care_of, owner):
    """R76: the Binding Update goes over the link as it came, but for Hop Limit."""
    home_agent = _packed(owner.home_agent)
    locators = _packed(lab.pops["pop2"].place.locator) + _packed(owner.locator)
    came = [packet for packet in capture.packets()
            if packet[8:40] == _packed(care_of) + home_agent and packet[6] == 60]
    went = [packet for packet in capture.packets() if packet[8:40] == locators and packet[6] == 41
            and packet[48:80] == _packed(care_of) + home_agent and packet[46] == 60]
    check(came and len(came) == len(went), f"{len(went)} Binding Updates forwarded")
    for one, other in zip(came, went):
        inner = other[40:]
        check(inner[7] == one[7] - 1 and inner[:7] == one[:7] and inner[8:] == one[8:],
              "byte for byte, Hop Limit - 1")


def switch_on_the_wire(capture, old, new):
    rows = capture.rows("anyhome.switch.count", "ipv6.src", "ipv6.dst",
                        "ipv6.routing.mipv6.home_address", "anyhome.switch.home_agent",
                        "anyhome.option.type")
    check(len(rows) == 1, f"{len(rows)} Home Agent Switch")
    check(rows[0][:4] == [[old.home_agent], [plan.care_of(2, "mn")], [MN], [new.home_agent]],
          f"from the old home agent to the new care-of address, naming the new one: {rows[0]}")
    check(rows[0][4] == ["2", "8", "10", "9"],
          "with Binding Refresh Advice, identifier, replay protection and, last, the authenticator")


def synchronized_on_the_wire(captures, primary, lab):
    """The new primary tells all the others, from locator to locator, and all acknowledge."""
    for place in lab.shape.pops:
        if place.name == primary.name:
            continue
        rows = captures[place.name].rows(
            f"anyhome.ss.type == 1 && ipv6.src == {primary.locator} && anyhome.bci.home_address == {MN}",
            "ipv6.dst", "anyhome.bci.care_of_address", "anyhome.ss.acknowledged_in",
            "anyhome.timestamp", "anyhome.bci.lifetime")
        check(len(rows) == 1 and rows[0][0] == [place.locator]
              and rows[0][1] == [plan.care_of(2, "mn")] and len(rows[0][3]) == 1,
              f"{primary.name} tells {place.name} of the care-of address, once")
        check(rows[0][2] != [], f"{place.name} acknowledges")


def _packed(address):
    return ipaddress.ip_address(address).packed


def quiet_network_is_quiet(lab):
    """Rulings §12, I7: without news there is HELLO, and nothing else."""
    settled(lab)
    with pop_links(lab) as captures:
        # As long as it takes for five HELLOs.
        before = lab.pop.counters()["hello-sent"]
        wait_for("some HELLOs", lambda: lab.pop.counters()["hello-sent"] >= before + 20, 30)
    for name, capture in captures.items():
        rows = capture.rows("anyhome", "anyhome.mh_type")
        kinds = collections.Counter(row[0][0] for row in rows)
        check(set(kinds) == {"240"}, f"on the link of {name}: {kinds['240']} HELLOs, nothing else")
    nothing_malformed(lab, captures)


def lossy_synchronization(lab):
    """Two of five State Synchronization messages are lost everywhere."""
    bring(lab, "mr", 3)
    repeated = sum(pop.counters()["sync-replies-repeated"] for pop in lab.pops.values())
    with pop_links(lab) as captures:
        with contextlib.ExitStack() as stack:
            losses = [stack.enter_context(Loss(lab.nodes[router], SYNC, 40))
                      for router in lab.shape.routers]
            for number in (1, 2, 3) * 10:
                lab.node_ctl("mr", "--wait", "30", "move", f"acc{number}")
                lost = sum(loss.dropped for loss in losses)
                if lost >= 5:
                    break
        wait_agreement(lab, "mr", seconds=60)
        wait_synchronized(lab, 60)
    again = sum(pop.counters()["sync-replies-repeated"] for pop in lab.pops.values()) - repeated
    check(lost >= 5 and again > 0, f"{lost} messages were lost, {again} sent again, and all agree")
    identifiers_name_one_content(captures)
    nothing_malformed(lab, captures)
    bring(lab, "mr", 3)


def identifiers_name_one_content(captures):
    """Rulings §4: an Identifier names an immutable set of (home address, V); what newer content has
    replaced may be left out when it is sent again."""
    versions = collections.defaultdict(set)
    for capture in captures.values():
        for source, destination, identifier, homes, times, changes in capture.rows(
                "anyhome.ss.type == 1", "ipv6.src", "ipv6.dst", "anyhome.ss.identifier",
                "anyhome.bci.home_address", "anyhome.timestamp.raw", "anyhome.bci.change"):
            # An end mark has no Timestamp, and comes last.
            for home, *version in zip(homes, times, changes):
                versions[source[0], destination[0], identifier[0], home].add(tuple(version))
    changed = {key: found for key, found in versions.items() if len(found) > 1}
    check(versions and not changed, f"{len(versions)} bindings under Identifiers, each with one version"
          f"{changed or ''}")


def disordered_synchronization(lab):
    """Messages overtake each other and come twice; the mobile node moves all the time."""
    bring(lab, "mn", 1)
    with pop_links(lab) as captures:
        with Disorder(lab.nodes["inet1"], SYNC) as one, Disorder(lab.nodes["inet3"], SYNC) as three:
            for number in (2, 3, 1, 3, 2, 1):
                lab.node_ctl("mn", "--wait", "30", "move", f"acc{number}")
            wait_agreement(lab, "mn", seconds=60)
        pop = wait_agreement(lab, "mn", seconds=60)
        wait_synchronized(lab, 60)
    reordered = one.reordered + three.reordered
    duplicated = one.duplicated + three.duplicated
    check(reordered > 0 and duplicated > 0,
          f"{reordered} messages were overtaken, {duplicated} came twice, and all agree on {pop.name}")
    with Probe(lab, "cn3", MN, count=25) as probe:
        pass
    check(probe.lost == 0, f"afterwards: {probe}")
    identifiers_name_one_content(captures)
    nothing_malformed(lab, captures)


def _dead_primary(lab, leave):
    """The primary of the mobile node is gone: somebody else asks it over. Returns that POP."""
    bring(lab, "mn", 2)
    with Probe(lab, "cn1", MN) as near, Probe(lab, "cn2", MN) as there:
        under_way(there)
        started = time.monotonic()
        leave()
        wait_for("the mobile node to be registered elsewhere", lambda: lab.node_status("mn")
                 ["bound-home-agent"] != lab.pops["pop2"].place.home_agent, 30)
        say(f"registered elsewhere after {time.monotonic() - started:.2f} s")
        under_way(near)
        under_way(there)
    for probe in (near, there):
        check(probe.outage <= SERVED_AGAIN, f"{probe.node} is served again: {probe}")


def killed_primary(lab):
    with pop_links(lab) as captures:
        _dead_primary(lab, lab.pops["pop2"].kill)
        pop = wait_agreement(lab, "mn")
        check(pop.name != "pop2", f"all that live agree on {pop.name}")
        lab.pops["pop2"].start()
        settled(lab)
        wait_agreement(lab, "mn", pop.name)
        check(True, "and so does the dead one, when it is back")
    nothing_malformed(lab, captures)


def hung_primary(lab):
    """A stopped primary has lost nothing when it wakes up, least of all its mobile node."""
    pop = lab.pops["pop2"]
    with pop_links(lab) as captures:
        try:
            _dead_primary(lab, lambda: pop.signal(signal.SIGSTOP))
        finally:
            pop.signal(signal.SIGCONT)
        other = wait_agreement(lab, "mn")
        check(other is not pop, f"after it woke up, all agree on {other.name}")
        settled(lab)
        wait_agreement(lab, "mn", other.name)
    nothing_malformed(lab, captures)


def link_of_primary_down(lab):
    """Cut off, both sides live on, and each thinks that the other is dead."""
    pop = lab.pops["pop2"]
    try:
        _dead_primary(lab, lambda: cut_link(lab, pop.place))
    finally:
        mend_link(lab, pop.place)
    other = wait_agreement(lab, "mn", seconds=30)
    check(other is not pop, f"joined again, all agree on {other.name}")
    settled(lab)


def restarted_primary_gets_its_bindings_back(lab):
    """Rulings §5: back within the HELLO lifetime, nobody has to move."""
    pop = lab.pops["pop2"]
    patient = ("--hello-lifetime", "60")
    bring(lab, "mn", 1)
    pop.kill(signal.SIGTERM)
    pop.start(patient)
    settled(lab)
    bring(lab, "mn", 2)
    sent = lab.node_status("mn")["counters"]["binding-updates-sent"]
    with Probe(lab, "cn1", MN) as probe:
        under_way(probe)
        pop.kill()
        pop.start(patient)
        under_way(probe)
    check(pop.counters()["restored"] == 1, f"the peers gave the binding back: {probe}")
    wait_agreement(lab, "mn", "pop2")
    check(lab.node_status("mn")["counters"]["binding-updates-sent"] == sent,
          "the mobile node has noticed nothing")
    pop.kill(signal.SIGTERM)
    pop.start()
    settled(lab)


def drained(lab):
    """Everybody leaves, and no packet is lost."""
    bring(lab, "mn", 1)
    pop = lab.pops["pop1"]
    with pop_links(lab) as captures:
        with Probe(lab, "cn1", MN) as one, Probe(lab, "cn2", MN) as two:
            under_way(one)
            pop.ctl("drain")
            wait_for("it to be safe to stop", lambda: "safe to stop" in pop.status()["reason"], 20)
            other = wait_agreement(lab, "mn")
            wait_for("the routes to turn away", lambda: lab.route_of(pop.place.router) != pop.name)
            under_way(one, 20)
    check(other is not pop, f"the mobile node is with {other.name}")
    check(one.lost == 0 and two.lost == 0, f"to {pop.name}: {one}; to pop2: {two}")
    rows = captures["pop1"].rows(f"anyhome.hello.active == 0 && ipv6.src == {pop.place.locator}",
                                 "anyhome.hello.sequence")
    check(rows, f"{len(rows)} HELLOs with A=0")
    pop.ctl("undrain")
    settled(lab)
    nothing_malformed(lab, captures)


TESTS = [data_in_both_directions, mobile_network_across_pops, quiet_network_is_quiet,
         move_and_switch, killed_primary, hung_primary, link_of_primary_down, drained,
         lossy_synchronization, disordered_synchronization,
         restarted_primary_gets_its_bindings_back]
