// The throughput searches: one for each number of mobile nodes, frame size and allowed loss.
#include <cmath>

#include <fmt/format.h>

#include "apps/anyhome-pktgen/actions.h"

namespace anyhome::pktgen {
namespace {

// All that is measured in one: what a search tells of its rate.
EntryResult combined(const RunResult& result) {
  EntryResult all;
  for (const EntryResult& entry : result.entries) {
    if (row_of(entry.entry.kind).nature == Nature::Measured) {
      all.delay.merge(entry.delay);
      all.variation.merge(entry.variation);
    }
  }
  return all;
}

double gigabits_on_wire(const RunResult& result) {
  std::uint64_t bytes = 0;
  for (const EntryResult& entry : result.entries) {
    bytes += entry.sent_bytes + entry.sent * kWireOverhead;
  }
  return 8e-9 * result.per_second(bytes);
}

// "2 h 5 min", "3 min 20 s".
std::string duration_text(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::ceil(seconds));
  if (whole >= 3600) {
    return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
  }
  return whole >= 60 ? fmt::format("{} min {} s", whole / 60, whole % 60)
                     : fmt::format("{} s", whole);
}

}  // namespace

std::expected<NdrResult, std::string> Actions::search_one(double loss,
                                                          const std::vector<TrafficEntry>& mix,
                                                          std::size_t searches_left) {
  NdrSettings settings = options_.ndr;
  settings.loss = loss;
  NdrSearch search(settings);
  const TrafficSettings& traffic = generator_.traffic();
  NdrResult result;
  result.frame_size = traffic.templates.empty() ? traffic.sizes.name() : "template";
  result.nodes = traffic.network.nodes;
  result.allowed_loss = loss;
  const unsigned trials_of_another = search.trials_left();
  const double trial_seconds =
      std::chrono::duration<double>(options_.trial_time + options_.drain).count();
  while (const auto rate = search.next()) {
    if (auto done = keep_registered(traffic.network.nodes); !done) {
      return std::unexpected(done.error());
    }
    RunRequest request;
    request.mix = mix;
    request.rate = options_.profile;
    request.rate.pps = *rate;
    request.duration = options_.trial_time;
    request.drain = options_.drain;
    const double trials =
        search.trials_left() + static_cast<double>(searches_left * trials_of_another);
    fmt::print(stderr,
               "ndr: frame size {}, {} mobile nodes, loss {:g} %: trying {:.0f} pps; at most {} to "
               "go\n",
               result.frame_size, result.nodes, loss * 100, *rate,
               duration_text(trials * trial_seconds));
    const RunResult trial = run(request);
    if (interrupted_()) {
      return std::unexpected("interrupted");
    }
    if (!generator_.ports().without_link().empty()) {
      return std::unexpected("a link went down in this trial, which says nothing then");
    }
    const auto found_before = search.found();
    search.record({trial.per_second(trial.sent()), trial.judged(), trial.judged_lost()});
    result.missed += trial.missed;
    // With repeats, the last of those that let the rate pass.
    if (search.found() != found_before) {
      result.gigabits = gigabits_on_wire(trial);
      result.at_rate = combined(trial);
    }
  }
  result.pps = search.found();
  result.trials = search.trials();
  result.limited_by_sender = search.limited_by_sender();
  return result;
}

SearchResult Actions::search() {
  SearchResult result;
  const auto mix = generator_.place(options_.mix);
  if (!mix) {
    result.problem = mix.error();
    return result;
  }
  TrafficSettings& traffic = generator_.traffic();
  const FrameSizes size_before = traffic.sizes;
  const std::uint32_t nodes_before = traffic.network.nodes;
  const std::vector<FrameSizes> sizes =
      options_.sweep_sizes.empty() ? std::vector{size_before} : options_.sweep_sizes;
  const std::vector<std::uint32_t> nodes =
      options_.sweep_nodes.empty() ? std::vector{nodes_before} : options_.sweep_nodes;
  std::size_t left = sizes.size() * nodes.size() * options_.losses.size();
  for (std::size_t i = 0; left != 0 && !result.problem; ++i) {
    traffic.network.nodes = nodes[i / options_.losses.size() / sizes.size()];
    traffic.sizes = sizes[i / options_.losses.size() % sizes.size()];
    auto one = search_one(options_.losses[i % options_.losses.size()], *mix, --left);
    if (one) {
      result.results.push_back(std::move(*one));
    } else {
      result.problem = one.error();
    }
  }
  traffic.sizes = size_before;
  traffic.network.nodes = nodes_before;
  return result;
}

}  // namespace anyhome::pktgen
