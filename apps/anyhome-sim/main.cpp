// anyhome-sim: hundreds of home agents on a bad network in virtual time, to find out whether they
// keep their promises and what they cost.
#include <cstdio>
#include <exception>
#include <variant>

#include <fmt/format.h>

#include "apps/anyhome-sim/check.h"
#include "apps/anyhome-sim/options.h"
#include "apps/anyhome-sim/plan.h"

namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

int run(int argc, char** argv) {
  using namespace anyhome::sim;
  const auto parsed = parse_options(argc, argv);
  if (!parsed) {
    for (const std::string& mistake : parsed.error()) {
      fmt::print(stderr, "anyhome-sim: {}\n", mistake);
    }
    return kUsage;
  }
  if (const auto* information = std::get_if<Information>(&*parsed)) {
    fmt::print("{}", information->text);
    return 0;
  }
  if (const auto* plan = std::get_if<PlanOptions>(&*parsed)) {
    return run_plan(*plan);
  }
  return run_check(std::get<CheckOptions>(*parsed));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "anyhome-sim: {}\n", error.what());
    return kFailed;
  }
}
