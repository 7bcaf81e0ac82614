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


def processes():
    """{number: (name, runs or waits for a processor, seconds of processors it has had)} of the others."""
    found = {}
    for directory in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            stat = (directory / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # has just ended
        if int(directory.name) != os.getpid():
            found[int(directory.name)] = described(stat)
    return found


def described(stat):
    """Of a line of /proc/PID/stat; names may contain anything."""
    name, rest = stat[stat.index("(") + 1:].rsplit(")", 1)
    fields = rest.split()
    return name, fields[0] == "R", (int(fields[11]) + int(fields[12])) / TICK


def wanting(samples, seconds):
    """Names of those who wanted a processor in more than one of the samples, or had a share of one."""
    times, names = {}, set()
    for sample in samples:
        for name in {name for name, runs, _ in sample.values() if runs}:
            times[name] = times.get(name, 0) + 1
    for number, (name, _, had) in samples[-1].items():
        if number in samples[0] and had - samples[0][number][2] >= ENOUGH * seconds:
            names.add(name)
    return sorted(names | {name for name, count in times.items() if count > 1})


def names_at_start(samples=6, apart=0.05):
    """Of who wants a processor before anything of ours runs."""
    taken = [processes()]
    for _ in range(samples - 1):
        time.sleep(apart)
        taken.append(processes())
    return wanting(taken, (samples - 1) * apart)


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
