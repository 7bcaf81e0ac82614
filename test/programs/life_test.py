#!/usr/bin/python3
"""How anyhomed starts again, stops, and rests.

    life_test.py [TEST...]     with ANYHOME_BUILD naming the build directory
"""
import os
import signal
import time
import unittest

from programs import PATIENCE, Workplace


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Life(Workplace):
    def events(self):
        """The daemon's own log lines, without their "anyhome: "."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [line.removeprefix("anyhome: ") for line in lines if line.startswith("anyhome: ")]

    def test_stops_when_asked_to(self):
        for number, name in ((signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "SIGINT")):
            process = self.start_daemon()
            process.send_signal(number)
            self.assertEqual(process.wait(PATIENCE), 0)
            self.assertEqual(self.events()[-2:],
                             [f"stopping signal={name} forwarding-goes-on-for-ms=0", "stopped"])

    def test_forwards_on_for_the_delay_and_a_second_signal_cuts_it_short(self):
        process = self.start_daemon("--stop-delay=600000")
        process.send_signal(signal.SIGTERM)
        self.wait_for("it to stop serving", lambda: not self.serving(), process)
        # It is still there and answers.
        self.assertIn("serving", self.ctl("show", "status").stdout)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(PATIENCE), 0)

    def test_starts_again_after_it_was_killed(self):
        process = self.start_daemon()
        process.kill()
        process.wait()
        left = list((self.directory / "dpdk" / self.file_prefix).iterdir())
        self.assertIn("dpdk_telemetry.v2", [path.name for path in left])  # stale
        self.ctl("show", "status", code=1)
        self.start_daemon()
        self.assertRegex(self.ctl("show", "status").stdout, r"(?m)^serving +yes$")

    def test_a_second_one_of_the_same_name(self):
        # It must not disturb the first one, and say what is wrong.
        first = self.start_daemon()
        config = self.directory / "anyhomed.ini"
        second = self.run_program(*self.daemon_command(), "--", "--config", config)
        self.assertEqual(second.returncode, 1, second.stderr)
        self.assertIn(f"process {first.pid} is a DPDK program that has this --file-prefix already; "
                      "give each its own", second.stderr)
        self.assertRegex(self.ctl("show", "status").stdout, r"(?m)^serving +yes$")
        self.assertIsNone(first.poll())

    def test_rests_when_idle(self):
        # Reported, not asserted: other programs share the processors.
        process = self.start_daemon()
        before, began = processor_seconds(process.pid), time.monotonic()
        sleeps = self.sleeps()
        self.wait_for("naps", lambda: self.sleeps() >= sleeps + 1000, process)
        used, elapsed = processor_seconds(process.pid) - before, time.monotonic() - began
        print(f"\n  idle: {100 * used / elapsed:.1f} % of a processor over {elapsed:.1f} s")
        self.assertIsNone(process.poll())

    def sleeps(self):
        telemetry = self.telemetry()
        try:
            return telemetry.rows("workers")[0]["sleeps"]
        finally:
            telemetry.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
