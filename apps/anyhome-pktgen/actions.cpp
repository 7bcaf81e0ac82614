#include "apps/anyhome-pktgen/actions.h"

#include <algorithm>
#include <cstdio>
#include <fstream>

#include <fmt/format.h>

#include "apps/anyhome-pktgen/prompt.h"

namespace anyhome::pktgen {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
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
  request.drain = options_.drain;
  return request;
}

RunResult Actions::run(const RunRequest& request) {
  generator_.start(request);
  return wait();
}

RunResult Actions::wait() {
  RunResult before = generator_.result();
  auto last = Clock::now();
  const RunResult result = generator_.wait([&] {
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
  for (const std::string& port : generator_.ports().without_link()) {
    fmt::print(stderr, "anyhome-pktgen: port {}: the link went down; is the other side there?\n",
               port);
  }
  return result;
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

int fail(const std::string& problem) { return eal::fail("anyhome-pktgen", problem); }

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
    const SearchResult search = actions.search();
    const bool good =
        std::ranges::all_of(search.results, [](const auto& each) { return each.pps.has_value(); });
    // Hours of searching are not lost with the last of them.
    const int code = finish(options, describe(search.results), good);
    return search.problem ? fail(*search.problem) : code;
  }
  if (options.action == Action::Register || options.register_first) {
    const auto result = actions.register_nodes(nodes);
    if (!result) {
      return fail(result.error());
    }
    const bool all = result->complete();
    if (options.action == Action::Register) {
      return finish(options, describe(*result), all);
    }
    if (!all) {
      fail(result->to_string());
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
