"""What else runs on this machine: other processes of ours take processors and caches away, and nothing in
the figures would say so."""
import os
import pathlib
import resource
import time

ENOUGH = 0.10  # of a processor that is worth a word
TICK = os.sysconf("SC_CLK_TCK")


def busy_seconds(text):
    """Of all processors together, out of /proc/stat: what was not idle, and not the hypervisor's."""
    user, nice, system, _, _, irq, softirq = (int(value) for value in text.split("\n")[0].split()[1:8])
    return (user + nice + system + irq + softirq) / TICK


def own_seconds():
    """Of this process and of what it has waited for."""
    total = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        total += usage.ru_utime + usage.ru_stime
    return total


def running():
    """{number: name} of all that run or wait for a processor."""
    found = {}
    for directory in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            stat = (directory / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # has just ended
        name, rest = stat[stat.index("(") + 1:].rsplit(")", 1)
        if rest.split()[0] == "R" and int(directory.name) != os.getpid():
            found[int(directory.name)] = name
    return found


def names_at_start(samples=6, apart=0.03):
    """Of who wants a processor before anything of ours runs, often enough to be no chance."""
    seen = {}
    for _ in range(samples):
        for name in set(running().values()):
            seen[name] = seen.get(name, 0) + 1
        time.sleep(apart)
    return sorted(name for name, times in seen.items() if times > 1)


class Watch:
    """Processors that others took, part by part."""

    def __init__(self, read=None):
        self.read = read or (lambda: (
            busy_seconds(pathlib.Path("/proc/stat").read_text(encoding="ascii")), own_seconds(),
            time.monotonic()))
        self.parts = {}

    def measure(self, part, work):
        before = self.read()
        try:
            return work()
        finally:
            after = self.read()
            elapsed = after[2] - before[2]
            if elapsed > 0:
                self.parts[part] = max(0.0, (after[0] - before[0] - after[1] + before[1]) / elapsed)

    def alone(self, part):
        """Whether nobody else took processors while that was measured."""
        return self.parts.get(part, 0.0) < ENOUGH

    def lines(self, names, average):
        """For the head of a report."""
        found = {}
        if names:
            found["others"] = (f"{', '.join(names)} ran before the start (load average {average:.1f}): measure "
                               "again when nothing else does")
        taken = [f"{part} {share:.1f}" for part, share in self.parts.items() if not self.alone(part)]
        if taken:
            found["taken"] = "processors, by other processes: " + ", ".join(taken)
        return found or {"others": "nothing else ran"}
