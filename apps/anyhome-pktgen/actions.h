// What the program does with its generator: one run, a registration, a search.
#pragma once

#include <expected>
#include <functional>
#include <string>
#include <vector>

#include "apps/anyhome-pktgen/generator.h"
#include "apps/anyhome-pktgen/options.h"
#include "apps/anyhome-pktgen/report.h"

namespace anyhome::pktgen {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kNotGoodEnough = 3;

class Actions {
 public:
  // `interrupted` says whether to come to an end.
  Actions(const Options& options, Generator& generator, std::function<bool()> interrupted)
      : options_(options), generator_(generator), interrupted_(std::move(interrupted)) {}

  // The run that the options describe.
  std::expected<RunRequest, std::string> request() const;
  // To its end, with a line each --stats-period.
  RunResult run(const RunRequest& request);
  std::expected<RegistrationResult, std::string> register_nodes(std::uint32_t nodes);
  std::expected<std::vector<NdrResult>, std::string> search();

  [[nodiscard]] const std::function<bool()>& interrupted() const { return interrupted_; }

 private:
  std::expected<NdrResult, std::string> search_one(double loss, double lowest,
                                                   const std::vector<TrafficEntry>& mix,
                                                   std::size_t searches_left);

  const Options& options_;
  Generator& generator_;
  std::function<bool()> interrupted_;
};

// The action of the command line, results written; the exit code.
int perform(const Options& options, Generator& generator, Actions& actions);
std::expected<void, std::string> write_report(const Options& options, const std::string& text);

}  // namespace anyhome::pktgen
