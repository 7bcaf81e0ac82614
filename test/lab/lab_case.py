"""What the tests in labs have in common."""
import os
import pathlib
import sys
import unittest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "scripts"))

from anyhome_lab.lab import Lab  # noqa: E402
from anyhome_lab.plan import ONE_POP  # noqa: E402
from anyhome_lab.shell import wait_for  # noqa: E402

BUILD = pathlib.Path(os.environ.get("ANYHOME_BUILD", TOP / "build"))
PATIENCE = 60  # seconds; a loaded machine is slow, not wrong
SKIPPED = 77   # meson's exit code for that


def main():
    """unittest.main for what needs root."""
    if os.geteuid() != 0:
        print("skipped: needs root")
        sys.exit(SKIPPED)
    # A lab ends its processes by number; Python would complain of each handle.
    unittest.main(verbosity=2, warnings="ignore")


class LabCase(unittest.TestCase):
    """A one-POP lab for all tests of a class, gone at the end whatever happens."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lab = Lab(f"test-{os.getpid()}", BUILD, ONE_POP)
        cls.addClassCleanup(cls.lab.down)
        cls.lab.build()

    def ping(self, node, address, *options, count=5):
        """What ping says; its exit code is not looked at."""
        return self.lab.nodes[node].exec("ping", "-c", str(count), "-i", "0.1", "-W", "5", *options,
                                         address, check=False, timeout=PATIENCE)

    def assert_pings(self, node, address, *options, count=5):
        self.assertIn(" 0% packet loss", self.ping(node, address, *options, count=count))

    def wait_for(self, what, condition):
        return wait_for(what, condition, PATIENCE)
