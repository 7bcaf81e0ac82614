"""When a router's route changed: `ip monitor` with the kernel's word, not a poll that comes late."""
import re
import subprocess
from datetime import datetime

from . import plan
from .shell import wait_for


class RouteWatch:
    """Listens to a router's kernel from `with` on."""

    def __init__(self, lab, router, prefix=plan.HOME_PREFIX):
        self.command = ["ip", "netns", "exec", lab.nodes[router].name, "ip", "-6", "-ts", "monitor",
                        "route"]
        self.prefix = prefix
        self.log = lab.directory / f"monitor-{router}.log"

    def __enter__(self):
        # A file, so that nothing is lost between two looks.
        with open(self.log, "wb") as output:
            self.process = subprocess.Popen(self.command, stdout=output,
                                            stderr=subprocess.DEVNULL)
        # It listens when its socket is bound, which /proc/net/netlink of its namespace shows.
        wait_for("ip monitor to listen", self._listens)
        return self

    def _listens(self):
        with open(f"/proc/{self.process.pid}/net/netlink", encoding="ascii") as table:
            return any(line.split()[1:3] == ["0", str(self.process.pid)] for line in table)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def changes(self):
        """(seconds since the epoch, device or None for a deletion) of each change."""
        found = []
        text = self.log.read_text(encoding="ascii", errors="replace")
        for line in text.splitlines():
            stamp = re.match(r"\[([0-9T:.-]+)\] (Deleted )?(\S+)", line)
            if stamp and stamp[3] == self.prefix:
                device = re.search(r" dev (\S+)", line)
                found.append((datetime.fromisoformat(stamp[1]).timestamp(),
                              None if stamp[2] else device and device[1]))
        return found

    def seconds_until(self, since, condition, patience=30.0):
        """Seconds from `since` (time.time()) to the first change of which `condition(device)` holds."""
        def first():
            return next((when for when, device in self.changes()
                         if when >= since and condition(device)), None)
        return wait_for("the route to change", first, patience, 0.02) - since
