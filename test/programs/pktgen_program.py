"""anyhome-pktgen as the tests here run it: its command line, its ports, its reports."""
import json

from programs import BUILD, Workplace, lcores

PKTGEN = BUILD / "apps/anyhome-pktgen/anyhome-pktgen"
# Of the first vhost-user port of a DPDK program: its driver gives it no other.
VHOST_MAC = "56:48:4f:53:54:00"

ADDRESSES = ("--destination-mac", VHOST_MAC, "--home-agent", "2001:db8:0:1::1a",
             "--home-address", "2001:db8:0:1::1:0", "--care-of-address", "2001:db8:f1::1",
             "--correspondent", "2001:db8:c::1")
HAHA = ("--locator", "2001:db8:a1::1a", "--peer", "2001:db8:a2::1a",
        "--global-home-address", "2001:db8:0:1::2:0", "--global-nodes", 100)
KEY = ("--key", "000102030405060708090a0b0c0d0e0f", "--identifier", "mn{}@example.net")
GOOD = ("correspondent", "reverse-tunnel", "haha-in", "haha-out", "register", "refresh", "move",
        "ss-rep")
# All that comes back has come long before: a loaded machine is slow, not wrong. It ends a run only
# where something is lost, or where nobody knows what is to come.
PATIENT = ("--drain", 20)


class Program(Workplace):
    def pktgen_command(self, *options, eal=()):
        eal = ("--no-pci", "--no-huge", "-m", 256, "--file-prefix", f"{self.file_prefix}-gen",
               *(() if "--lcores" in eal else ("--lcores", lcores(2))), *eal)
        return [str(word) for word in (PKTGEN, *eal, "--", *options)]

    def pktgen(self, *options, eal=(), code=0, wrapper=()):
        """Runs the generator to its end."""
        return self.run_program(*self.pktgen_command(*options, eal=eal), code=code, wrapper=wrapper)

    def report(self, *options, eal=(), code=0, wrapper=()):
        """What it says at the end."""
        return json.loads(self.pktgen("--format", "json", *options, eal=eal, code=code,
                                      wrapper=wrapper).stdout)
