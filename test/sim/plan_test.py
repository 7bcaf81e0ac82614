#!/usr/bin/python3
"""anyhome-sim as a planner, on a small network: the report, the CSV file and the picture.

    plan_test.py ANYHOME-SIM
"""
import csv
import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv.pop(1)


def plan(*options):
    return subprocess.run([PROGRAM, *options], capture_output=True, text=True, timeout=100)


class Plan(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="anyhome-plan-")
        self.addCleanup(temporary.cleanup)
        self.directory = pathlib.Path(temporary.name)

    def test_small_network(self):
        table, picture = self.directory / "plan.csv", self.directory / "plan.svg"
        done = plan("--pops", "4", "--mobile-nodes", "2000", "--simulated-mobile-nodes", "200",
                    "--moves-per-hour", "30", "--loss", "0.01", "--minutes", "1", "--failures", "1",
                    "--csv", str(table), "--plot", str(picture))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("scaled by 10.0", done.stdout)
        self.assertIn("without service after a move", done.stdout)
        self.assertIn("memory of a control core", done.stdout)
        with table.open(encoding="ascii", newline="") as file:
            rows = {(row["who"], row["what"], row["statistic"]): float(row["value"])
                    for row in csv.DictReader(file) if row["value"]}
        # Three peers, asked once a second and answered as often.
        for pop in range(4):
            self.assertAlmostEqual(rows[f"pop{pop}", "hello", "messages-per-second"], 6, delta=0.5)
        # 2000 mobile nodes that move 30 times in an hour are 17 moves per second for everybody to know.
        told = sum(rows[f"pop{pop}", "synchronization", "messages-per-second"] for pop in range(4))
        self.assertGreater(told, 17)
        # Half of the mobile nodes move once more; some are with the one that dies, some behind it.
        for what, cases in (("outage-of-a-move", 100), ("outage-own-home-agent-dead", 24),
                            ("outage-home-agent-on-the-way-dead", 24)):
            self.assertEqual(rows["all", what, "samples"], cases)
            self.assertGreater(rows["all", what, "percentile-50"], 0)
        # With 24 cases nobody knows of one in a hundred.
        dies = next(line for line in done.stdout.splitlines() if "when its home agent dies" in line)
        self.assertEqual(dies.split()[-4:-2], ["-", "-"])
        self.assertIn("<svg", picture.read_text(encoding="utf-8", errors="replace")[:1000])

    def test_same_seed_same_plan(self):
        options = ("--pops", "2", "--mobile-nodes", "50", "--minutes", "1", "--failures", "0", "--plan-seed")
        def figures(seed):
            text = plan(*options, seed).stdout
            return [line for line in text.splitlines()
                    if " events in " not in line and "memory of" not in line]
        self.assertEqual(figures("3"), figures("3"))
        self.assertNotEqual(figures("3"), figures("4"))

    def test_what_cannot_be(self):
        done = plan("--pops", "0", "--loss", "2")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--pops", done.stderr)
        self.assertIn("--loss", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
