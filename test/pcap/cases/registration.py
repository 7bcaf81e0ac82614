"""Binding Updates in, Binding Acknowledgements out (RFC 6275 §10.3, §9.5)."""
from packets import (CARE_OF, HOME_AGENT, MOBILE_NODE, OTHER_CARE_OF, binding_acknowledgement,
                     binding_update)


def case_register_refresh_move_deregister(pop):
    pop.register()
    assert pop.bindings()[MOBILE_NODE]["care_of_address"] == CARE_OF
    # A refresh, at the same care-of address.
    pop.exchange(binding_update(sequence=2), "wan", binding_acknowledgement(sequence=2))
    # A move.
    pop.exchange(binding_update(care_of=OTHER_CARE_OF, sequence=3), "wan",
                 binding_acknowledgement(care_of=OTHER_CARE_OF, sequence=3))
    binding = pop.bindings()[MOBILE_NODE]
    assert binding["care_of_address"] == OTHER_CARE_OF and binding["sequence"] == 3
    pop.exchange(binding_update(care_of=OTHER_CARE_OF, sequence=4, lifetime=0), "wan",
                 binding_acknowledgement(care_of=OTHER_CARE_OF, sequence=4, lifetime=0))
    assert not pop.bindings()
    return {"punted-mobility": 4, "mobility-received": 4, "binding-update-received": 4,
            "registered": 1, "refreshed": 1, "moved": 1, "deregistered": 1,
            "acknowledgements-sent": 4, "0-accepted": 4, "injected": 4}, {}


def case_old_sequence_number(pop):
    pop.register(sequence=10)
    # Status 135 carries the last accepted number (RFC 6275 §9.5.1).
    pop.exchange(binding_update(sequence=10), "wan",
                 binding_acknowledgement(sequence=10, status=135, lifetime=0))
    pop.exchange(binding_update(sequence=9), "wan",
                 binding_acknowledgement(sequence=10, status=135, lifetime=0))
    return {"punted-mobility": 3, "mobility-received": 3, "binding-update-received": 3,
            "registered": 1, "acknowledgements-sent": 3, "0-accepted": 1,
            "135-sequence-out-of-window": 2, "injected": 3}, {}


def case_home_address_of_somebody_else(pop):
    home = "2001:db8:0:2::100"
    pop.exchange(binding_update(home=home), "wan",
                 binding_acknowledgement(home=home, status=132, lifetime=0))
    return {"punted-mobility": 1, "mobility-received": 1, "binding-update-received": 1,
            "acknowledgements-sent": 1, "132-not-home-subnet": 1, "injected": 1}, {}


def case_bad_checksum(pop):
    # RFC 6275 §9.2: silently.
    pop.exchange(binding_update(cksum=0x1234))
    assert not pop.bindings()
    return {"punted-mobility": 1, "mobility-received": 1, "mobility-bad-checksum": 1}, {}


def case_correspondent_registration(pop):
    # Without H; a home agent is no correspondent node.
    pop.exchange(binding_update(flags="A"))
    return {"punted-mobility": 1, "mobility-received": 1, "binding-update-received": 1,
            "update-correspondent": 1}, {}


def case_without_home_address_option(pop):
    # From the home address itself: the answer has no routing header. Only a home link may have such a
    # source, and there it is a return home; this port is none.
    update = binding_update()
    update.src = MOBILE_NODE
    update.payload = update.payload.payload
    del update.nh
    pop.exchange(update)
    assert update.dst == HOME_AGENT
    return {}, {"home-source-outside-tunnel": 1}
