// What the program does with its generator: one run, a registration, a search.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "apps/anyhome-pktgen/generator.h"
#include "apps/anyhome-pktgen/options.h"
#include "apps/anyhome-pktgen/report.h"
#include "apps/eal/eal.h"

namespace anyhome::pktgen {

inline constexpr int kDone = 0;
inline constexpr int kFailed = eal::kFailed;
inline constexpr int kUsage = 2;
inline constexpr int kNotGoodEnough = 3;

// As far as it has come.
struct SearchResult {
  std::vector<NdrResult> results;
  std::optional<std::string> problem;  // why there is no more
};

class Actions {
 public:
  // `interrupted` says whether to come to an end.
  Actions(const Options& options, Generator& generator, std::function<bool()> interrupted)
      : options_(options), generator_(generator), interrupted_(std::move(interrupted)) {}

  // The run that the options describe.
  std::expected<RunRequest, std::string> request() const;
  // To its end, with a line each --stats-period.
  RunResult run(const RunRequest& request);
  // To the end of what has been started.
  RunResult wait();
  // The first so many; and what the peer serves, where traffic goes there.
  std::expected<RegistrationResult, std::string> register_nodes(std::uint32_t nodes);
  SearchResult search();

  [[nodiscard]] const std::function<bool()>& interrupted() const { return interrupted_; }

 private:
  using Clock = std::chrono::steady_clock;

  std::expected<RunRequest, std::string> request_of(Kind kind, std::string_view port) const;
  std::expected<void, std::string> announce(RegistrationResult& total);
  void pause_before(std::uint32_t round) const;
  // Again, before they run out, if they are to be registered at all.
  std::expected<void, std::string> keep_registered(std::uint32_t nodes);
  std::expected<NdrResult, std::string> search_one(double loss,
                                                   const std::vector<TrafficEntry>& mix,
                                                   std::size_t searches_left);

  const Options& options_;
  Generator& generator_;
  std::function<bool()> interrupted_;
  // Until when half of the lifetime has gone, and for how many nodes.
  Clock::time_point registered_until_;
  std::uint32_t registered_nodes_ = 0;
};

// The action of the command line, results written; the exit code.
int perform(const Options& options, Generator& generator, Actions& actions);
std::expected<void, std::string> write_report(const Options& options, const std::string& text);

}  // namespace anyhome::pktgen
