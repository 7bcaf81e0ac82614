#!/usr/bin/env python3
"""scripts/bench: its command line, what it says about others on the machine, stages, documents, plots."""
import contextlib
import importlib.machinery
import importlib.util
import io
import json
import pathlib
import sys
import tempfile
import unittest
import unittest.mock

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "scripts"))

from anyhome_bench import daemon, documents, instructions, load, options, plot, stages, unmodified  # noqa: E402
from anyhome_lab.shell import LabError  # noqa: E402


def command():
    loader = importlib.machinery.SourceFileLoader("bench_command", str(TOP / "scripts/bench"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_command", loader))
    loader.exec_module(module)
    return module


class CommandLine(unittest.TestCase):
    def test_everything_is_wanted_unless_something_is_named(self):
        self.assertEqual(options.read([])[0].wanted(), list(options.PARTS))
        self.assertEqual(options.read(["--only", "wire", "routes"])[0].wanted(), ["routes", "wire"])
        self.assertEqual(options.read(["--only", "miss,churn"])[0].wanted(), ["paths", "churn"])

    def test_values(self):
        given, mistakes = options.read("--quick --bindings 1000 50000 --seconds=7 --quiet-phases 30 "
                                       "--packets 1000 --binding-index rte-hash --json /tmp/x".split())
        self.assertEqual(mistakes, [])
        self.assertEqual((given.quick, given.bindings, given.seconds, given.quiet_phases, given.packets,
                          given.indexes(), given.json),
                         (True, [1000, 50000], 7, 30, 1000, ("rte-hash",), pathlib.Path("/tmp/x")))

    def test_all_mistakes_are_listed_at_once(self):
        _, mistakes = options.read("--only paths nothing --bindings 0 12x --quick 5 --seconds 0 "
                                   "--packets 1 2 --against /nonexistent --json /nonexistent/x "
                                   "--frequency 5 --binding-index both --binding-index tree "
                                   "--csv".split())
        self.assertEqual([mistake.split(":")[0] for mistake in mistakes],
                         ["--only nothing", "--bindings 0", "--bindings 12x", "5", "--seconds 0",
                          "--packets", "--against /nonexistent", "--json /nonexistent/x", "--frequency",
                          "--binding-index", "--csv"])

    def test_an_index_is_one_of_those_there_are(self):
        self.assertIn("buckets", options.read(["--binding-index", "tree"])[1][0])

    def test_old_figures_cannot_be_measured(self):
        _, mistakes = options.read(["--from", __file__, "--quick"])
        self.assertEqual(len(mistakes), 1)

    def test_mistakes_are_exit_code_2(self):
        with contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertEqual(command().main(["--bindings", "x", "--fast"]), 2)
        self.assertEqual(len(said.getvalue().splitlines()), 2)

    def test_what_is_not_built_is_named(self):
        with tempfile.TemporaryDirectory() as directory, \
                contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertEqual(command().main(["--no-build", "--build", directory]), 1)
        self.assertIn("anyhome-bench, anyhomed", said.getvalue())

    def test_help_names_every_option_and_part(self):
        with contextlib.redirect_stdout(io.StringIO()) as said:
            self.assertEqual(command().main(["--help"]), 0)
        for name in options.ALL:
            if name != "help":
                self.assertIn(f"--{name} ", said.getvalue())
        for name in options.PARTS + options.PATHS:
            self.assertIn(name, said.getvalue())


class Load(unittest.TestCase):
    def test_what_others_took_is_all_less_our_own(self):
        readings = iter([(100.0, 50.0, 1000.0), (116.0, 58.0, 1010.0)])
        watch = load.Watch(lambda: next(readings))
        self.assertEqual(watch.measure("paths", lambda: "done"), "done")
        self.assertAlmostEqual(watch.parts["paths"], 0.8)
        self.assertEqual(watch.lines([], 0.0), {"taken": "processors, by other processes: paths 0.8"})
        self.assertFalse(watch.alone("paths"))

    def test_a_part_that_fails_is_watched_too(self):
        readings = iter([(0.0, 0.0, 0.0), (2.0, 1.0, 1.0)])
        watch = load.Watch(lambda: next(readings))
        with self.assertRaises(ZeroDivisionError):
            watch.measure("wire", lambda: 1 // 0)
        self.assertIn("wire", watch.parts)

    def test_little_is_nothing(self):
        watch = load.Watch()
        watch.parts = {"paths": 0.05}
        self.assertEqual(watch.lines([], 0.1), {"others": "nothing else ran"})
        self.assertTrue(watch.alone("paths"))

    def test_who_waited_for_processors_is_named(self):
        said = load.Watch().lines(["cc1plus", "ninja"], 3.5)["others"]
        self.assertIn("cc1plus, ninja ran before the start (load average 3.5)", said)

    def test_what_was_measured_once_beside_others_is_not_quiet(self):
        with tempfile.TemporaryDirectory() as directory:
            file = pathlib.Path(directory) / "control.json"
            file.write_text(json.dumps({"figures": {
                "control/rate": {"unit": "per second", "quiet": 5},
                "churn/still": {"unit": "cycles", "quiet": 7, "quiet_phases": 3},
                "control/bytes-per-binding": {"unit": "bytes", "quiet": 6}}}), encoding="utf-8")
            command().measured_beside_others(file)
            figures = json.loads(file.read_text(encoding="utf-8"))["figures"]
        self.assertEqual(figures["control/rate"], {"unit": "per second", "busy": 5})
        self.assertEqual(figures["control/bytes-per-binding"]["quiet"], 6)
        self.assertEqual(figures["churn/still"]["quiet"], 7)

    def test_who_wants_processors(self):
        stat = "12 (a (b) c) R 1 1 1 0 -1 4194560 0 0 0 0 30 20 0 0 20 0 1 0"
        self.assertEqual(load.described(stat), ("a (b) c", True, 50 / load.TICK))
        first = {1: ("cc1plus", True, 5.0), 2: ("pktgen", False, 5.0), 3: ("sshd", True, 1.0),
                 4: ("idle", False, 9.0)}
        last = {7: ("cc1plus", True, 0.0), 2: ("pktgen", False, 5.2), 3: ("sshd", False, 1.0),
                4: ("idle", False, 9.0)}
        self.assertEqual(load.wanting([first, last], 0.25), ["cc1plus", "pktgen"])

    def test_what_is_idle_is_not_busy(self):
        # user nice system idle iowait irq softirq steal guest
        text = "cpu  100 20 30 999 999 4 6 999 999\ncpu0 1 1 1 1 1 1 1 1 1\n"
        self.assertAlmostEqual(load.busy_seconds(text), 160 / load.TICK)


PROFILE = """\
fl=/top/dataplane/pipeline/parse.h
fn=parse
10 100
fi=/usr/include/dpdk/rte_mbuf.h
11 30
fe=/top/dataplane/pipeline/parse.h
calls=2 50
12 5000
fl=/top/dataplane/tables/bucket_index.h
fn=lookup
5 70
""".splitlines()

ADDRESSES = """\
0x0000000000001000
memcpy
/usr/include/string_fortified.h:29
encapsulate_one
/top/dataplane/pipeline/encapsulate.h:24 (discriminator 3)
receive
/top/dataplane/pipeline/pipeline.h:270
0x0000000000002000
??
??:0
0x0000000000003000
rte_ring_dequeue
/usr/include/dpdk/rte_ring.h:788
forward_train
/top/apps/anyhome-bench/runner.cpp:152
""".splitlines()


class Stages(unittest.TestCase):
    def test_instructions_of_calls_are_counted_once(self):
        self.assertEqual(instructions.parse_profile(PROFILE),
                         {"parse": 100, "io": 30, "binding-lookup": 70})

    def test_what_is_inlined_into_a_stage_is_the_stages(self):
        frames = stages.parse_addresses(ADDRESSES)
        self.assertEqual(stages.stage_of_frames(frames["0x1000"], "anyhome-bench"), "encapsulate")
        self.assertEqual(stages.stage_of_frames(frames["0x2000"], "librte_hash.so.23"), "binding-lookup")
        self.assertEqual(stages.stage_of_frames(frames["0x3000"], "anyhome-bench"), "io")
        self.assertEqual(stages.stage_of_frames([], "libc.so.6"), "io")

    def test_cycles_are_shared_out_by_samples(self):
        record = {"figures": {"stage-cycles/miss/total": {"quiet": 80.0},
                              "stage-cycles/to-haha-link/total": {"busy": 90.0}},
                  "profile": {"miss": {"/top/anyhome-bench 0x1000": 30, "/top/anyhome-bench 0x3000": 9,
                                       "??? 0": 1},
                              "to-haha-link": {"/top/anyhome-bench 0x1000": 30}}}
        found = stages.figures(record, lambda file, offsets: stages.parse_addresses(ADDRESSES))
        self.assertEqual(found["stage-cycles/miss/encapsulate"]["quiet"], 60)
        self.assertEqual(found["stage-cycles/miss/io"]["quiet"], 20)
        self.assertNotIn("stage-cycles/to-haha-link/encapsulate", found)

    def test_what_was_met_by_chance_is_left_out(self):
        record = {"figures": {"stage-cycles/miss/total": {"quiet": 80.0}},
                  "profile": {"miss": {"/top/anyhome-bench 0x1000": 997, "/top/anyhome-bench 0x3000": 3}}}
        found = stages.figures(record, lambda file, offsets: stages.parse_addresses(ADDRESSES))
        self.assertNotIn("stage-cycles/miss/io", found)


DOCUMENT = """\
before
<!-- figures: paths -->
old
<!-- end of figures -->
between
<!-- figures: wire -->
kept
<!-- end of figures -->
after
"""


class Documents(unittest.TestCase):
    def test_blocks_are_replaced_and_nothing_else(self):
        text, left = documents.refresh(DOCUMENT, {"paths": "new\nfigures\n", "other": "x"})
        self.assertEqual(text, DOCUMENT.replace("old\n", "\n```\nnew\nfigures\n```\n\n"))
        self.assertEqual(left, ["wire"])
        self.assertEqual(documents.refresh(text, {"paths": "new\nfigures\n"})[0], text)

    def test_backslashes_are_text(self):
        self.assertIn("a\\1b", documents.refresh(DOCUMENT, {"paths": "a\\1b"})[0])

    def test_a_block_without_an_end_is_refused(self):
        for text in ("no block", DOCUMENT + "<!-- figures: machine -->\n"):
            with self.assertRaises(documents.DocumentError):
                documents.refresh(text, {"paths": "x"})

    def test_every_block_of_the_documents_is_a_section(self):
        known = (TOP / "apps/anyhome-bench/tables.cpp").read_text(encoding="utf-8")
        text = (TOP / "docs/performance/README.md").read_text(encoding="utf-8")
        names = [match[0] for match in documents.BLOCK.findall(text)]
        self.assertGreater(len(names), 5)
        for name in names:
            self.assertIn(f'{{"{name}",', known)

    def test_a_file_is_refreshed_from_sections(self):
        with tempfile.TemporaryDirectory() as directory:
            directory = pathlib.Path(directory)
            (directory / "paths.txt").write_text("new\n", encoding="utf-8")
            document = directory / "document.md"
            document.write_text(DOCUMENT, encoding="utf-8")
            self.assertEqual(documents.refresh_file(document, directory), ["wire"])
            self.assertIn("\n```\nnew\n```\n", document.read_text(encoding="utf-8"))


class Lcores(unittest.TestCase):
    def test_they_float_unless_the_kernel_would_not_move_them(self):
        self.assertEqual(daemon.lcores(2, [0, 1], set()), "0@(0,1),1@(0,1)")
        self.assertEqual(daemon.lcores(3, [0, 1], {0, 1}), "0@(0,1),1@(0,1),2@(0,1)")
        self.assertEqual(daemon.lcores(2, [2, 3, 4], {2, 3, 4, 5}), "0@2,1@3")

    def test_isolated_processors_are_read_as_ranges(self):
        with tempfile.NamedTemporaryFile("w+", encoding="ascii") as file:
            file.write("1-3,7\n")
            file.flush()
            self.assertEqual(daemon.isolated(file.name), {1, 2, 3, 7})
        self.assertEqual(daemon.isolated("/nonexistent"), set())


class Windows(unittest.TestCase):
    """Samples of other programs."""

    def windows(self, preemptions, speeds, processors=(0,)):
        found = unmodified.Windows.__new__(unmodified.Windows)
        found.taken, found.workers = [], [None]
        speeds = iter(speeds)
        found.calibrators = [unittest.mock.Mock(speed=lambda: next(speeds))] * len(processors)
        counts = iter(preemptions)
        patch = unittest.mock.patch.object(daemon, "times_preempted", lambda thread: next(counts))
        patch.start()
        self.addCleanup(patch.stop)
        return found

    def test_the_slower_of_both_ends_counts(self):
        windows = self.windows([7, 7], [(1.4, 4.0), (1.3, 5.0)])
        self.assertEqual(windows.take(0, lambda: 60), [[60, 1.3, 4.0]])

    def test_the_slowest_of_several_processors_counts(self):
        windows = self.windows([7, 7], [(1.4, 4.0), (1.3, 5.0), (1.4, 5.0), (1.4, 5.0)], (0, 1))
        self.assertEqual(windows.take(0, lambda: 60), [[60, 1.3, 4.0]])

    def test_who_lost_the_processor_was_not_quiet(self):
        windows = self.windows([7, 8], [(1.4, 5.0), (1.4, 5.0)])
        self.assertEqual(windows.take(0, lambda: 60), [[60, 0.0, 0.0]])

    def test_without_packets_there_is_no_figure(self):
        windows = self.windows([7, 7], [(1.4, 5.0), (1.4, 5.0)])
        with self.assertRaises(LabError):
            windows.take(0, lambda: None)


class Plot(unittest.TestCase):
    def test_only_quiet_figures_are_drawn(self):
        lines, unseen = plot.series({"path/miss/1000/buckets": {"quiet": 70},
                                     "path/miss/100/buckets": {"quiet": 60},
                                     "path/miss/4000/buckets": {"busy": 300},
                                     "reference/exact-match/1000": {"quiet": 40},
                                     "reference/io/1000": {"quiet": 4}})
        self.assertEqual({title: points for title, (_, _, points) in lines.items()},
                         {"miss, buckets": [(100, 60), (1000, 70)],
                          "DPDK's exact match": [(1000, 40)]})
        self.assertEqual(unseen, 1)


if __name__ == "__main__":
    unittest.main()
