// What benchmarks say: statistics, verdicts, comparison, and figures in files.
#include <catch2/catch.hpp>

#include "apps/anyhome-bench/figure.h"
#include "apps/anyhome-bench/layout.h"
#include "apps/anyhome-bench/peers.h"
#include "apps/anyhome-bench/record.h"
#include "apps/anyhome-bench/tables.h"
#include "apps/anyhome-bench/targets.h"

using namespace anyhome::bench;

namespace {

Figure quiet(double value, double spread = 0) {
  Figure figure;
  figure.quiet = value;
  figure.best = value;
  figure.quiet_phases = 20;
  figure.spread = spread;
  return figure;
}

Figure busy(double value) {
  Figure figure;
  figure.busy = value;
  figure.busy_phases = 20;
  return figure;
}

}  // namespace

TEST_CASE("quantiles lie between sorted values", "[bench]") {
  const std::vector<double> values{10, 20, 30, 40};
  CHECK(quantile(values, 0) == 10);
  CHECK(quantile(values, 0.5) == 25);
  CHECK(quantile(values, 1) == 40);
  CHECK(quantile({7}, 0.25) == 7);
}

TEST_CASE("a core is quiet when it is as fast as it was at best", "[bench]") {
  const Speed best{1.40, 5.0};
  CHECK(is_quiet({1.40, 5.0}, best));
  // The clock moves in steps, calibrations are off by a little.
  CHECK(is_quiet({1.31, 4.7}, best));
  CHECK_FALSE(is_quiet({1.29, 5.0}, best));  // 92 % of the best clock
  CHECK_FALSE(is_quiet({1.40, 4.4}, best));  // somebody takes an eighth of the core
  CHECK_FALSE(is_quiet({0.75, 2.6}, best));
  CHECK_FALSE(is_quiet({}, best));  // lost its processor

  SECTION("where there was always a neighbour the best says nothing") {
    CHECK_FALSE(is_quiet({0.75, 2.6}, {0.76, 2.7}));
    CHECK_FALSE(is_quiet({1.20, 3.3}, {1.20, 3.3}));  // fewer than three additions in a cycle
    CHECK(is_quiet({1.20, 4.2}, {1.20, 4.2}));
    CHECK_FALSE(is_quiet({0.90, 3.2}, {0.90, 3.2}));  // below its nominal clock: saves power
  }
}

TEST_CASE("the best speed is one that was kept up", "[bench]") {
  BestSpeed best;
  CHECK(best.speed() == Speed{});
  for (int i = 0; i < 100; ++i) {
    best.note({1.20, 4.0});
  }
  CHECK(best.speed().clock == Approx(1.20));
  CHECK(best.speed().width == Approx(4.0));
  for (int i = 0; i < 4; ++i) {
    best.note({1.50, 4.0});  // less than one in twenty
  }
  CHECK(best.speed().clock == Approx(1.20));
  for (int i = 0; i < 10; ++i) {
    best.note({1.50, 4.0});
  }
  CHECK(best.speed().clock == Approx(1.50));

  SECTION("or is known from before") {
    BestSpeed known({1.60, 3.0});
    known.note({1.20, 4.0});
    CHECK(known.speed().clock == Approx(1.60));
    CHECK(known.speed().width == Approx(4.0));
  }
}

TEST_CASE("quiet and busy phases are told apart", "[bench]") {
  const Speed best{1.4, 5};
  const Speed alone = best;
  const Speed shared{1.4, 3};
  Samples samples;
  for (const double value : {30.0, 10.0, 20.0, 50.0, 40.0}) {
    samples.add(value, alone);
  }
  samples.add(90, shared);
  samples.add(70, shared);
  const Figure figure = samples.figure(best);
  CHECK(figure.quiet == 30);
  CHECK(figure.best == 10);
  CHECK(figure.quiet_phases == 5);
  CHECK(figure.busy == 80);
  CHECK(figure.busy_best == 70);
  CHECK(figure.busy_phases == 2);
  CHECK(figure.spread == Approx(10.0 / 30));
  CHECK(samples.count(best).quiet == 5);
  CHECK(samples.count(best).busy == 2);

  SECTION("by the best speed that is known in the end") {
    CHECK(samples.figure({1.4, 6}).quiet_phases == 0);
  }
  SECTION("the best of what should be large is the largest") {
    CHECK(samples.figure(best, "times", Better::More).best == 50);
    CHECK(samples.figure(best, "times", Better::More).busy_best == 90);
  }
  SECTION("without a quiet phase there is no quiet figure") {
    Samples none;
    none.add(5, shared);
    CHECK_FALSE(none.figure(best).quiet.has_value());
    CHECK_FALSE(none.figure(best).best.has_value());
    CHECK(none.figure(best).value() == 5);
    CHECK_FALSE(Samples().figure(best).value().has_value());
  }
}

TEST_CASE("ratios are of the quiet to the quiet and of the busy to the busy", "[bench]") {
  Figure ours = quiet(60, 0.02);
  ours.busy = 120;
  ours.quiet_phases = 20;
  ours.busy_phases = 3;
  Figure theirs = quiet(40, 0.01);
  theirs.quiet_phases = 15;
  theirs.busy_phases = 0;
  Figure times = ratio(ours, theirs, Better::Less);
  CHECK(times.quiet == 1.5);
  CHECK_FALSE(times.busy.has_value());
  CHECK(times.quiet_phases == 15);
  CHECK(times.spread == Approx(0.03));
  theirs.busy = 80;
  CHECK(ratio(ours, theirs, Better::Less).busy == 1.5);
  theirs.quiet.reset();
  CHECK_FALSE(ratio(ours, theirs, Better::Less).quiet.has_value());
  // What was measured once, or elsewhere, has no phases.
  CHECK(ratio(single(120, "cycles"), ours, Better::More).quiet == 2);
  CHECK(ratio(single(120, "cycles"), ours, Better::More).quiet_phases == 20);
}

TEST_CASE("names are sorted by the numbers in them", "[bench]") {
  Figures figures;
  for (const char* name : {"path/miss/100000/buckets", "path/miss/4000/buckets", "path/miss/x"}) {
    figures[name] = quiet(1);
  }
  CHECK(figures.begin()->first == "path/miss/4000/buckets");
  CHECK(size_in("path/miss/100000/buckets") == 100000);
  CHECK(size_in("workers/scaling/one-haha-link") == 0);
}

TEST_CASE("targets go by path and size", "[bench]") {
  CHECK(target_of("path/to-mobile-node/1000/buckets")->must == 75);
  CHECK(target_of("path/to-mobile-node/1000/rte-hash")->goal == 60);
  CHECK(target_of("path/from-mobile-node/4000000/buckets")->must == 240);
  CHECK_FALSE(target_of("path/miss/1000/buckets")->goal.has_value());
  CHECK(target_of("to-exact-match/to-mobile-node/100000/buckets")->must == 2.4);
  CHECK(target_of("to-exact-match/to-mobile-node/1000/buckets")->must == 1.8);
  CHECK(target_of("workers/scaling/1000/2")->must == 1.9);
  CHECK_FALSE(target_of("workers/scaling/1000/3").has_value());
  CHECK(target_of("to-vpp/from-mobile-node/10000/buckets")->must == 12);
  CHECK_FALSE(target_of("to-vpp/to-mobile-node/10000/buckets").has_value());
  CHECK(target_of("control/refreshes-per-second")->goal == 600000);
  CHECK_FALSE(target_of("path/to-mobile-node/5000/buckets").has_value());
  CHECK_FALSE(target_of("reference/io/1000").has_value());
  CHECK_FALSE(target_of("path").has_value());
}

TEST_CASE("a figure reaches its goal, what must be, nearly that, or misses it", "[bench]") {
  const std::string small = "path/to-mobile-node/1000/buckets";
  const std::string large = "path/to-mobile-node/100000/buckets";
  const Target target{75, 60};
  CHECK(judge(small, quiet(60), target) == Verdict::Goal);
  CHECK(judge(small, quiet(60.1), target) == Verdict::Must);
  CHECK(judge(small, quiet(75), target) == Verdict::Must);
  CHECK(judge(small, quiet(82), target) == Verdict::Near);
  CHECK(judge(small, quiet(83), target) == Verdict::Missed);
  CHECK(judge(large, quiet(156), {125, 85}) == Verdict::Near);
  CHECK(judge(large, quiet(157), {125, 85}) == Verdict::Missed);
  CHECK(judge(small, quiet(60), {60, {}}) == Verdict::Goal);
  CHECK(judge(small, quiet(61), {60, {}}) == Verdict::Near);

  SECTION("or was never seen quiet, whatever it took") {
    CHECK(judge(small, busy(10), target) == Verdict::NotSeenQuiet);
    CHECK(judge(small, busy(1000), target) == Verdict::NotSeenQuiet);
  }
  SECTION("of what should be large the other way round") {
    Figure gain = quiet(1.9);
    gain.better = Better::More;
    const std::string name = "workers/scaling/1000/2";
    CHECK(judge(name, gain, {1.9, {}}) == Verdict::Goal);
    CHECK(judge(name, gain, {1.8, 2.0}) == Verdict::Must);
    gain.quiet = 1.75;
    CHECK(judge(name, gain, {1.9, {}}) == Verdict::Near);
    gain.quiet = 1.5;
    CHECK(judge(name, gain, {1.9, {}}) == Verdict::Missed);
  }
  SECTION("and says by how much") {
    CHECK(verdict_text(small, quiet(50), target) == "goal");
    CHECK(verdict_text(small, quiet(66), target) == "must, 10 % from goal");
    CHECK(verdict_text(small, quiet(78), target) == "near, 4 % from must");
    CHECK(verdict_text(small, quiet(150), target) == "missed by 100 %");
    CHECK(verdict_text(small, quiet(75.01), target) == "near, less than 1 % from must");
    CHECK(verdict_text(small, busy(50), target) == "not seen quiet");
  }
}

TEST_CASE("what moves less than it spreads is noise", "[bench]") {
  const std::string small = "path/to-mobile-node/1000/buckets";
  const std::string large = "path/to-mobile-node/1000000/buckets";
  CHECK(compare(small, quiet(100), quiet(104)) == Change::WithinNoise);
  CHECK(compare(small, quiet(100), quiet(106)) == Change::Worse);
  CHECK(compare(small, quiet(100), quiet(94)) == Change::Better);
  CHECK(compare(small, quiet(100, 0.04), quiet(106, 0.04)) == Change::WithinNoise);
  CHECK(compare(large, quiet(100), quiet(111)) == Change::WithinNoise);
  CHECK(compare(large, quiet(100), quiet(113)) == Change::Worse);
  // How busy a core was says nothing about us.
  CHECK(compare(small, quiet(100), busy(200)) == Change::NotSeenQuiet);
  CHECK(compare(small, busy(100), busy(200)) == Change::NotSeenQuiet);

  SECTION("few phases do not show how they spread") {
    Figure few = quiet(110);
    few.quiet_phases = 3;
    CHECK(compare(small, quiet(100), few) == Change::WithinNoise);
    few.quiet_phases = 4;
    CHECK(compare(small, quiet(100), few) == Change::Worse);
  }
  SECTION("a cycle of a stage is noise") {
    const auto stage = [](double value) { return single(value, "cycles"); };
    CHECK(compare("stage-cycles/miss/io", stage(2), stage(2.9)) == Change::WithinNoise);
    CHECK(compare("stage-cycles/miss/io", stage(2), stage(3.1)) == Change::Worse);
    CHECK(compare("stage-cycles/miss/io", stage(20), stage(23.1)) == Change::Worse);
  }
  SECTION("what was measured once is noisier") {
    const Figure rate = single(100, "changes/s", Better::More);
    CHECK(compare("control/x", rate, single(112, "changes/s", Better::More)) ==
          Change::WithinNoise);
  }
  const Figure rate = single(100, "changes/s", Better::More);
  CHECK(compare("control/x", rate, single(120, "changes/s", Better::More)) == Change::Better);
  CHECK(compare("control/x", rate, single(80, "changes/s", Better::More)) == Change::Worse);
  CHECK(compare("instructions/x", single(300, "instructions"), single(302, "instructions")) ==
        Change::Worse);
}

TEST_CASE("a record comes back from JSON as it was", "[bench]") {
  Record record;
  record.machine["processor"] = "of a kind";
  record.notes = {"4000000 bindings: not measured"};
  record.figures["path/miss/1000/buckets"] = quiet(57.5, 0.01);
  record.figures["wire/rate"] = single(1e6, "packets/s", Better::More);
  record.figures["path/miss/100000/buckets"] = busy(80);
  record.figures["instructions/miss/buckets"] = single(449, "instructions");
  record.figures["instructions/miss/buckets"].committed = 450;
  record.best = {1.4, 5.2};
  const auto read = from_json(to_json(record));
  REQUIRE(read.has_value());
  CHECK(read->machine == record.machine);
  CHECK(read->notes == record.notes);
  CHECK(read->best == record.best);
  CHECK(read->figures == record.figures);
}

TEST_CASE("samples of other programs become figures", "[bench]") {
  const auto read = from_json(R"({"figures": {}, "best_speed": [1.4, 5.0], "samples":
      {"unmodified/anyhomed/miss": [[140, 1.4, 5.5], [150, 1.4, 5.0], [300, 0.7, 2.5], [400, 0, 0]],
       "unmodified/testpmd-macswap/miss": [[90, 1.4, 5.0]]}})");
  REQUIRE(read.has_value());
  const Figure& figure = read->figures.at("unmodified/anyhomed/miss");
  CHECK(figure.quiet == 145);
  CHECK(figure.best == 140);
  CHECK(figure.quiet_phases == 2);
  CHECK(figure.busy == 350);
  CHECK(read->best.clock == Approx(1.4));
  CHECK(read->best.width == Approx(5.5));
  Record derived = *read;
  add_derived(derived);
  CHECK(derived.figures.at("unmodified/anyhomed-less-macswap/miss").quiet == 55);
  CHECK_FALSE(derived.figures.at("unmodified/anyhomed-less-macswap/miss").busy.has_value());
}

TEST_CASE("of a program with one worker and with two there is a ratio", "[bench]") {
  const auto read = from_json(R"({"samples":
      {"unmodified/one-haha-link/1": [[150, 1.4, 5.0]], "unmodified/one-haha-link/2": [[75, 1.4, 5.0]]}})");
  REQUIRE(read.has_value());
  Record derived = *read;
  add_derived(derived);
  const Figure& times = derived.figures.at("unmodified/scaling/one-haha-link");
  CHECK(times.quiet == 2);
  CHECK(times.better == Better::More);
}

TEST_CASE("rates of other programs are figures of which more is better", "[bench]") {
  const auto read = from_json(R"({"control/updates": 250000})");
  REQUIRE(read.has_value());
  CHECK(read->figures.at("control/updates").quiet == 250000);
  CHECK(read->figures.at("control/updates").better == Better::More);
}

TEST_CASE("what is no record is refused with a reason", "[bench]") {
  for (const char* text : {"", "{", "[1", R"({"a": "b"})", R"({"figures": {"x": {"quiet": "y"}}})",
                           R"({"notes": 5, "figures": {}})"}) {
    CAPTURE(text);
    const auto read = from_json(text);
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error().starts_with("no figures: "));
  }
  CHECK(read_record("/nonexistent/file").error() == "/nonexistent/file: cannot be read");
}

TEST_CASE("tables show targets beside figures, and ratios to references", "[bench]") {
  Record record;
  record.figures["path/to-mobile-node/1000/buckets"] = quiet(64);
  record.figures["path/to-mobile-node/1000/buckets"].busy = 320;
  record.figures["path/to-mobile-node/1000/rte-hash"] = quiet(70);  // no verdict, no ratios
  record.figures["path/to-mobile-node/1000000/buckets"] = busy(640);
  record.figures["reference/exact-match/1000"] = quiet(32);
  record.figures["reference/lpm/1000"] = busy(32);  // says nothing beside a quiet figure
  record.figures["reference/lpm/1000000"] = busy(64);
  record.figures["unmodified/testpmd-macswap/ring"] = quiet(8);
  record.figures["churn/rate/100000"] = single(300000, "changes/s", Better::More);
  record.figures["instructions/to-mobile-node/buckets"] = single(469, "instructions");
  record.figures["instructions/to-mobile-node/buckets"].committed = 500;
  record.notes = {"something is missing"};
  const std::string tables = as_tables(record);
  CAPTURE(tables);
  const auto line_with = [&](std::string_view text) {
    const std::size_t at = tables.find(text);
    return at == std::string::npos ? "" : tables.substr(at, tables.find('\n', at) - at);
  };
  const std::string path = line_with("1000 to-mobile-node");
  CHECK(path.find(" 8.00  2.00     -") != std::string::npos);  // testpmd, exact match, lpm
  CHECK(path.find(" 469 ") != std::string::npos);
  CHECK(path.ends_with("75 / 60  must, 7 % from goal"));
  CHECK(line_with("1000000 to-mobile-node").ends_with("not seen quiet"));
  CHECK(line_with("1000000 to-mobile-node").find(" 10.00 ") != std::string::npos);
  CHECK(tables.find("churn/rate/100000") != std::string::npos);
  CHECK(tables.find("-6.2 %") != std::string::npos);
  CHECK(tables.find("note: something is missing") != std::string::npos);
  CHECK(tables.find("to-exact-match/to-mobile-node/1000/buckets") != std::string::npos);
  CHECK(tables.find("to-exact-match/to-mobile-node/1000/rte-hash") == std::string::npos);
  // Of the path twice, and its ratios to the exact match, 2.0, and to VPP, 167 / 64.
  CHECK(line_with("Verdicts:") == "Verdicts: goal 1, must 2, near 0, missed 1, not seen quiet 1.");
  CHECK(as_csv(record).find("path/to-mobile-node/1000/buckets,cycles,less,64,64,20,320,,0,0,75,60,"
                            "must\n") != std::string::npos);
}

TEST_CASE("what was not measured has no section", "[bench]") {
  Record record;
  record.figures["routes/lpm/1000/dense"] = quiet(10);
  std::string names;
  for (const Section& section : sections_of(record)) {
    names += section.name + ' ';
    CHECK(section.text.ends_with('\n'));
  }
  CHECK(names == "machine routes ");
}

TEST_CASE("the head says where clocks differ from those of the targets", "[bench]") {
  Record record;
  record.figures["path/miss/1000/buckets"] = quiet(10);
  record.best = {1.4, 5};
  CHECK(as_tables(record).find("targets are of a core") == std::string::npos);
  record.best = {1.12, 4};
  CHECK(
      as_tables(record).find("targets are of a core with 1.40 cycles per tick: what computes takes "
                             "1.25 times") != std::string::npos);
}

TEST_CASE("a comparison says which figures have changed", "[bench]") {
  Record before;
  Record now;
  before.figures["path/miss/1000/buckets"] = quiet(60);
  now.figures["path/miss/1000/buckets"] = quiet(90);
  before.figures["path/to-mobile-node/1000/buckets"] = quiet(60);
  now.figures["path/to-mobile-node/1000/buckets"] = quiet(61);
  before.figures["path/to-haha-link/1000/buckets"] = busy(60);
  now.figures["path/to-haha-link/1000/buckets"] = quiet(60);
  now.figures["path/new/1000/buckets"] = quiet(1);
  before.machine = {{"processor", "of one kind"}, {"pages", "2 MiB"}, {"date", "then"}};
  now.machine = {{"processor", "of another"}, {"pages", "2 MiB"}, {"date", "now"}};
  const std::string text = as_comparison(before, now);
  CHECK(text.starts_with("not the same: processor: of one kind; now of another\nfigure "));
  CHECK(text.find("+50.0%     5.0%  slower") != std::string::npos);
  CHECK(text.find("within noise") != std::string::npos);
  CHECK(text.ends_with(
      "0 faster or better, 1 slower or worse, 1 within noise, 1 not seen quiet in both "
      "runs\n"));
  CHECK(text.find("path/new") == std::string::npos);
}
