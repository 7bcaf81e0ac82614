#!/usr/bin/python3
"""scripts/demo, to its end and interrupted: it comes out as said, and leaves nothing behind.

    demo_test.py [TEST...]     as root, with ANYHOME_BUILD naming the build directory
"""
import os
import pathlib
import signal
import subprocess
import tempfile
import unittest

from lab_case import BUILD, PATIENCE, TOP, main  # first: it finds anyhome_lab
from anyhome_lab.shell import wait_for


def namespaces(pid):
    done = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
    return [line.split()[0] for line in done.stdout.splitlines() if line.startswith(f"ah{pid}-")]


def processes(pid):
    """Whose command line names the demonstration's files or namespaces."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if f"anyhome-lab-{pid}-".encode() in words or f"ah{pid}-".encode() in words:
            found.append(words.replace(b"\0", b" ").decode(errors="replace"))
    return found


class Demo(unittest.TestCase):
    def setUp(self):
        # A file, not a pipe: a reader that stops reading must not stop the demonstration.
        self.output = tempfile.NamedTemporaryFile(prefix="anyhome-demo-")
        self.addCleanup(self.output.close)
        self.demo = subprocess.Popen(
            [str(TOP / "scripts/demo"), "--no-setup", "--pops", "1", "--build", str(BUILD)],
            stdout=self.output, stderr=self.output, start_new_session=True)
        self.addCleanup(self.end)

    def end(self):
        if self.demo.poll() is None:
            self.demo.terminate()
            self.demo.wait(PATIENCE)

    def text(self):
        return pathlib.Path(self.output.name).read_text(encoding="utf-8", errors="replace")

    def assert_nothing_left(self):
        pid = self.demo.pid
        self.assertEqual(namespaces(pid), [])
        self.assertEqual(processes(pid), [])
        self.assertEqual(list(pathlib.Path("/run/anyhome-lab").glob(f"*{pid}*")), [])
        self.assertEqual(list(pathlib.Path("/var/run/dpdk").glob(f"*-{pid}-*")), [])
        self.assertEqual(list(pathlib.Path(tempfile.gettempdir()).glob(f"anyhome-lab-{pid}-*")), [])

    def test_to_its_end(self):
        code = self.demo.wait(4 * PATIENCE)
        self.assertEqual(code, 0, self.text())
        self.assertIn("All 11 steps came out as said", self.text())
        self.assert_nothing_left()

    def interrupt(self, number, what, reached):
        def check():
            self.assertIsNone(self.demo.poll(), self.text())
            return reached()
        wait_for(what, check, 2 * PATIENCE)
        self.assertNotEqual(namespaces(self.demo.pid), [])
        # As from a terminal: to all of the group.
        os.killpg(self.demo.pid, number)
        self.assertEqual(self.demo.wait(PATIENCE), 130, self.text())
        self.assert_nothing_left()

    def test_interrupted(self):
        title = "Correspondent and mobile node talk"
        self.interrupt(signal.SIGINT, title, lambda: title in self.text())

    def test_terminated_while_it_builds(self):
        self.interrupt(signal.SIGTERM, "the first namespaces",
                       lambda: len(namespaces(self.demo.pid)) > 2)


if __name__ == "__main__":
    main()
