#include "apps/anyhome-pktgen/actions.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>

#include <fmt/format.h>

#include "apps/anyhome-pktgen/prompt.h"

namespace anyhome::pktgen {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void merge(EntryResult& into, const EntryResult& from) {
  into.sent += from.sent;
  into.sent_bytes += from.sent_bytes;
  into.delay.merge(from.delay);
  into.variation.merge(from.variation);
}

// All that is measured in one: what a search tells of its rate.
EntryResult combined(const RunResult& result) {
  EntryResult all;
  for (const EntryResult& entry : result.entries) {
    if (row_of(entry.entry.kind).nature == Nature::Measured) {
      merge(all, entry);
    }
  }
  return all;
}

std::uint64_t all_bytes(const RunResult& result) {
  std::uint64_t bytes = 0;
  for (const EntryResult& entry : result.entries) {
    bytes += entry.sent_bytes;
  }
  return bytes;
}

}  // namespace

std::expected<RunRequest, std::string> Actions::request() const {
  RunRequest request;
  auto mix = generator_.place(options_.mix);
  if (!mix) {
    return std::unexpected(mix.error());
  }
  auto pps = generator_.packets_per_second(options_.rate, *mix);
  if (!pps) {
    return std::unexpected(pps.error());
  }
  request.mix = std::move(*mix);
  request.rate = options_.profile;
  request.rate.pps = *pps;
  request.count = options_.count;
  request.duration = options_.duration;
  return request;
}

RunResult Actions::run(const RunRequest& request) {
  generator_.start(request);
  RunResult before;
  auto last = Clock::now();
  return generator_.wait([&] {
    if (interrupted_()) {
      generator_.stop();
    }
    const auto now = Clock::now();
    if (options_.stats_period.count() != 0 && now - last >= options_.stats_period) {
      RunResult current = generator_.result();
      fmt::print(stderr, "{}\n", progress_line(current, before, seconds_since(last)));
      before = std::move(current);
      last = now;
    }
  });
}

std::expected<RegistrationResult, std::string> Actions::register_nodes(std::uint32_t nodes) {
  RegistrationResult total;
  total.nodes = nodes;
  RunRequest request;
  RequestedTraffic wanted{Kind::Register, 1, ""};
  for (const RequestedTraffic& entry : options_.mix) {
    // Out of the port that mobile nodes are behind, where the mix tells it.
    if (is_binding_update(entry.kind) || entry.kind == Kind::ReverseTunnel) {
      wanted.port = entry.port;
    }
  }
  auto mix = generator_.place({wanted});
  if (!mix) {
    return std::unexpected(mix.error());
  }
  request.mix = std::move(*mix);
  auto pps = generator_.packets_per_second(options_.register_rate, request.mix);
  if (!pps) {
    return std::unexpected(pps.error());
  }
  request.rate.pps = *pps;
  request.only_unregistered = true;
  const std::uint32_t before = generator_.traffic().network.nodes;
  generator_.traffic().network.nodes = nodes;
  while (total.rounds < options_.register_rounds && !interrupted_()) {
    const RunResult result = run(request);
    ++total.rounds;
    total.updates += result.sent();
    total.seconds += result.seconds;
    for (std::size_t i = 0; i < total.acknowledgements.size(); ++i) {
      total.acknowledgements[i] += result.acknowledgements[i];
    }
    total.registered = generator_.nodes().registered_among(nodes);
    if (total.registered == nodes) {
      break;
    }
  }
  generator_.traffic().network.nodes = before;
  return total;
}

std::expected<NdrResult, std::string> Actions::search_one(double loss, double lowest,
                                                          const std::vector<TrafficEntry>& mix,
                                                          std::size_t searches_left) {
  NdrSettings settings = options_.ndr;
  settings.loss = loss;
  settings.lowest_pps = lowest;
  NdrSearch search(settings);
  NdrResult result;
  result.frame_size = generator_.traffic().sizes.name();
  result.nodes = generator_.traffic().network.nodes;
  result.allowed_loss = loss;
  while (const auto rate = search.next()) {
    RunRequest request;
    request.mix = mix;
    request.rate = options_.profile;
    request.rate.pps = *rate;
    request.duration = options_.trial_time;
    const double trial =
        std::chrono::duration<double>(options_.trial_time + options_.drain).count();
    fmt::print(
        stderr,
        "ndr: frame size {}, {} mobile nodes, loss {} %: trying {:.0f} pps; at most {:.0f} s "
        "to go{}\n",
        result.frame_size, result.nodes, loss * 100, *rate, search.trials_left() * trial,
        searches_left == 0 ? "" : fmt::format(", then {} more searches", searches_left));
    const RunResult run_result = run(request);
    if (interrupted_()) {
      return std::unexpected("interrupted");
    }
    const TrialOutcome outcome{run_result.per_second(run_result.sent()), run_result.measured(),
                               run_result.lost()};
    search.record(outcome);
    if (static_cast<double>(outcome.lost) <= loss * static_cast<double>(outcome.sent)) {
      result.gigabits =
          8e-9 * run_result.per_second(all_bytes(run_result) + run_result.sent() * kWireOverhead);
      result.gigabits = std::round(result.gigabits * 1e6) / 1e6;
      result.at_rate = combined(run_result);
    }
  }
  result.pps = search.found();
  result.trials = search.trials();
  result.limited_by_sender = search.limited_by_sender();
  return result;
}

std::expected<std::vector<NdrResult>, std::string> Actions::search() {
  std::vector<NdrResult> results;
  auto mix = generator_.place(options_.mix);
  if (!mix) {
    return std::unexpected(mix.error());
  }
  const std::vector<FrameSizes> sizes = options_.sweep_sizes.empty()
                                            ? std::vector<FrameSizes>{generator_.traffic().sizes}
                                            : options_.sweep_sizes;
  const std::vector<std::uint32_t> nodes =
      options_.sweep_nodes.empty() ? std::vector<std::uint32_t>{generator_.traffic().network.nodes}
                                   : options_.sweep_nodes;
  std::size_t left = sizes.size() * nodes.size() * options_.losses.size();
  for (const std::uint32_t count : nodes) {
    generator_.traffic().network.nodes = count;
    if (options_.register_first) {
      const auto registered = register_nodes(count);
      if (!registered || registered->registered != count) {
        return std::unexpected(registered ? fmt::format("{} of {} mobile nodes are registered",
                                                        registered->registered, count)
                                          : registered.error());
      }
    }
    for (const FrameSizes& size : sizes) {
      generator_.traffic().sizes = size;
      double lowest = options_.ndr.lowest_pps;
      for (const double loss : options_.losses) {
        auto result = search_one(loss, lowest, *mix, --left);
        if (!result) {
          return std::unexpected(result.error());
        }
        results.push_back(std::move(*result));
      }
    }
  }
  return results;
}

std::expected<void, std::string> write_report(const Options& options, const std::string& text) {
  if (options.output.empty()) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    return std::fflush(stdout) == 0 ? std::expected<void, std::string>{}
                                    : std::unexpected(std::string("standard output is closed"));
  }
  std::ofstream file(options.output);
  file << text << std::flush;
  if (!file) {
    return std::unexpected(fmt::format("--output \"{}\": cannot be written", options.output));
  }
  return {};
}

namespace {

int fail(const std::string& problem) {
  std::fflush(stdout);
  fmt::print(stderr, "anyhome-pktgen: {}\n", problem);
  return kFailed;
}

int finish(const Options& options, const Json& report, bool good) {
  if (auto done = write_report(options, render(report, options.format)); !done) {
    return fail(done.error());
  }
  return good ? kDone : kNotGoodEnough;
}

}  // namespace

int perform(const Options& options, Generator& generator, Actions& actions) {
  const std::uint32_t nodes = options.traffic.network.nodes;
  if (options.action == Action::Ndr) {
    const auto results = actions.search();
    if (!results) {
      return fail(results.error());
    }
    bool good = true;
    for (const NdrResult& result : *results) {
      good = good && result.pps.has_value();
    }
    return finish(options, describe(*results), good);
  }
  if (options.action == Action::Register || options.register_first) {
    const auto result = actions.register_nodes(nodes);
    if (!result) {
      return fail(result.error());
    }
    const bool all = result->registered == nodes;
    if (options.action == Action::Register) {
      return finish(options, describe(*result), all);
    }
    if (!all) {
      fail(fmt::format("{} of {} mobile nodes are registered", result->registered, nodes));
      fmt::print(stderr, "{}", render(describe(*result), Format::Table));
      return kNotGoodEnough;
    }
  }
  if (options.action == Action::Prompt) {
    return run_prompt(options, generator, actions);
  }
  const auto request = actions.request();
  if (!request) {
    return fail(request.error());
  }
  const RunResult result = actions.run(*request);
  return finish(options, describe(result, !options.reproducible),
                result.loss() <= options.max_loss);
}

}  // namespace anyhome::pktgen
