// What benchmarks say: statistics, verdicts, comparison, and figures in files.
#include <catch2/catch.hpp>

#include "apps/anyhome-bench/figure.h"
#include "apps/anyhome-bench/record.h"
#include "apps/anyhome-bench/tables.h"
#include "apps/anyhome-bench/targets.h"

using namespace anyhome::bench;

namespace {

Figure quiet(double value, double spread = 0) {
  Figure figure;
  figure.quiet = value;
  figure.best = value;
  figure.spread = spread;
  return figure;
}

Figure busy(double value) {
  Figure figure;
  figure.busy = value;
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

TEST_CASE("quiet and busy phases are told apart", "[bench]") {
  Samples samples;
  for (const double value : {30.0, 10.0, 20.0, 50.0, 40.0}) {
    samples.add(value, true);
  }
  samples.add(90, false);
  samples.add(70, false);
  const Figure figure = samples.figure();
  CHECK(figure.quiet == 30);
  CHECK(figure.best == 10);
  CHECK(figure.busy == 80);
  CHECK(figure.spread == Approx(10.0 / 30));

  SECTION("the best of what should be large is the largest") {
    CHECK(samples.figure("times", Better::More).best == 50);
  }
  SECTION("without a quiet phase there is no quiet figure") {
    Samples none;
    none.add(5, false);
    CHECK_FALSE(none.figure().quiet.has_value());
    CHECK(none.figure().value() == 5);
    CHECK_FALSE(Samples().figure().value().has_value());
  }
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
  CHECK(target_of("workers/scaling/1000")->must == 1.9);
  CHECK_FALSE(target_of("path/to-mobile-node/5000/buckets").has_value());
  CHECK_FALSE(target_of("reference/io/1000").has_value());
  CHECK_FALSE(target_of("path").has_value());
}

TEST_CASE("a target is met, nearly met or missed", "[bench]") {
  const std::string small = "path/to-mobile-node/1000/buckets";
  const std::string large = "path/to-mobile-node/100000/buckets";
  CHECK(judge(small, quiet(75), 75) == Verdict::Met);
  CHECK(judge(small, quiet(82), 75) == Verdict::Near);
  CHECK(judge(small, quiet(83), 75) == Verdict::Missed);
  CHECK(judge(large, quiet(156), 125) == Verdict::Near);
  CHECK(judge(large, quiet(157), 125) == Verdict::Missed);
  CHECK(judge(small, busy(10), 75) == Verdict::Unjudged);

  Figure gain = quiet(1.9);
  gain.better = Better::More;
  CHECK(judge("workers/scaling/1000", gain, 1.9) == Verdict::Met);
  gain.quiet = 1.75;
  CHECK(judge("workers/scaling/1000", gain, 1.9) == Verdict::Near);
  gain.quiet = 1.5;
  CHECK(judge("workers/scaling/1000", gain, 1.9) == Verdict::Missed);
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
  // Quiet against busy says nothing; busy against busy does.
  CHECK(compare(small, quiet(100), busy(200)) == Change::WithinNoise);
  CHECK(compare(small, busy(100), busy(200)) == Change::Worse);

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
  const auto read = from_json(to_json(record));
  REQUIRE(read.has_value());
  CHECK(read->machine == record.machine);
  CHECK(read->notes == record.notes);
  CHECK(read->figures == record.figures);
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
  record.figures["reference/exact-match/1000"] = quiet(32);
  record.figures["churn/rate/100000"] = single(300000, "changes/s", Better::More);
  record.notes = {"something is missing"};
  const std::string tables = as_tables(record);
  CHECK(tables.find("2.00") != std::string::npos);
  CHECK(tables.find("75 met") != std::string::npos);
  CHECK(tables.find("60 near") != std::string::npos);
  CHECK(tables.find("churn/rate/100000") != std::string::npos);
  CHECK(tables.find("note: something is missing") != std::string::npos);
  CHECK(as_csv(record).find(
            "path/to-mobile-node/1000/buckets,cycles,less,64,64,,0,75,met,60,near\n") !=
        std::string::npos);
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
  const std::string text = as_comparison(before, now);
  CHECK(text.find("+50.0%  slower") != std::string::npos);
  CHECK(text.find("within noise") != std::string::npos);
  CHECK(text.find("not comparable") != std::string::npos);
  CHECK(text.ends_with("0 faster or better, 1 slower or worse, 1 within noise\n"));
  CHECK(text.find("path/new") == std::string::npos);
}
