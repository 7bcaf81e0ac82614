"""Telling a demonstration: steps with a title, commands with their real output, checks that count."""
import sys
import time


class Story:
    """Prints what happens and remembers what did not come out as said."""

    def __init__(self):
        self.number = 0
        self.failed = []
        self.started = time.monotonic()
        self.colour = sys.stdout.isatty()

    def _mark(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self.colour else text

    def step(self, title, *explanation):
        self.number += 1
        print()
        print(self._mark("1", f"── {self.number}. {title} " + "─" * max(3, 74 - len(title))))
        for line in explanation:
            print(f"   {line}")

    def show(self, command, output, keep=None):
        """A command and its output; `keep` picks the lines worth reading."""
        print(self._mark("36", f"   $ {command}"))
        for line in output.rstrip().splitlines():
            if line.strip() and (keep is None or keep(line)):
                print(f"     {line}")

    def check(self, good, text):
        print("   " + (self._mark("32", "✔ ") if good else self._mark("31", "✘ ")) + text)
        if not good:
            self.failed.append(f"{self.number}. {text}")
        return good

    def end(self):
        seconds = time.monotonic() - self.started
        print()
        if self.failed:
            print(self._mark("31", f"{len(self.failed)} things did not come out as said:"))
            for text in self.failed:
                print(f"   {text}")
        else:
            print(self._mark("32", f"All {self.number} steps came out as said, in {seconds:.0f} s."))
        return 1 if self.failed else 0
