"""What cases have in common."""

# Counters of one registration, the answer with it; a case adds its own.
REGISTERED = {"punted-mobility": 1, "mobility-received": 1, "binding-update-received": 1,
              "registered": 1, "acknowledgements-sent": 1, "0-accepted": 1, "injected": 1}
TWO_REGISTERED = {name: 2 for name in REGISTERED}


def setup(**arguments):
    """How a case wants its daemon: `options`, the port that is `fed`, `vlans` of ports, number of
    `workers`."""
    def decorate(case):
        case.setup = arguments
        return case
    return decorate
