// Telemetry commands about the global home agent set.
#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/anyhomed/telemetry_commands.h"
#include "apps/anyhomed/telemetry_parameters.h"

namespace anyhome {
namespace {

using control::PeerState;
using dataplane::kTelemetryPage;
using dataplane::TelemetryRow;

constexpr unsigned kDrainRate = 100;  // mobile nodes per second, unless said otherwise

std::string_view state_of(const PeerState& peer) {
  if (!peer.up) {
    return peer.ever_up ? "down" : "never-seen";
  }
  return peer.not_member ? "not-member" : peer.active ? "up" : "up-not-accepting";
}

std::string_view state_of(const control::HomeAgent& agent) {
  if (agent.draining()) {
    return agent.drained() ? "drained" : "draining";
  }
  return agent.serving() ? "serving" : agent.ready() ? "not-serving" : "synchronizing";
}

const PeerState* find_peer(const control::HomeAgent& agent, const std::string& name) {
  const auto found = std::ranges::find_if(
      agent.peers(), [&](const PeerState& peer) { return peer.config->name == name; });
  return found == agent.peers().end() ? nullptr : &*found;
}

}  // namespace

TelemetryCommands::Reply TelemetryCommands::peers(const Now& now, const std::string& parameters,
                                                  control::Effects&) {
  std::vector<TelemetryRow> rows;
  for (const PeerState& peer : sources_.agent.peers()) {
    rows.push_back(
        {{"name", peer.config->name},
         {"home_agent_address", peer.config->address.to_string()},
         {"locator", peer.config->locator.to_string()},
         {"state", text(state_of(peer))},
         {"epoch", std::uint64_t{peer.epoch}},
         {"heard_seconds_ago",
          peer.epoch_known ? std::to_string(seconds(now.instant - peer.last_heard)) : ""},
         {"synchronized", text(peer.dump_finished ? "yes" : "no")},
         {"global_bindings", std::uint64_t{peer.digest.count}},
         {"clock_ahead_seconds", peer.skew_seconds ? std::to_string(*peer.skew_seconds) : ""}});
  }
  return page(std::move(rows), Parameters(parameters).cursor());
}

TelemetryCommands::Reply TelemetryCommands::sync(const Now& now, const std::string& parameters,
                                                 control::Effects&) {
  std::vector<TelemetryRow> rows;
  for (const PeerState& peer : sources_.agent.peers()) {
    const auto oldest = peer.stream.oldest();
    const auto milliseconds = [](Duration duration) {
      return static_cast<std::uint64_t>(
          std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
    };
    rows.push_back({{"name", peer.config->name},
                    {"backlog", std::uint64_t{peer.stream.backlog()}},
                    {"outstanding", std::uint64_t{peer.stream.outstanding()}},
                    {"lag_ms", oldest ? milliseconds(now.instant - *oldest) : std::uint64_t{0}},
                    {"last_identifier", std::uint64_t{peer.stream.last_identifier()}},
                    {"bindings_sent", std::uint64_t{peer.bindings_sent}},
                    {"timeout_ms", milliseconds(peer.stream.timeout())},
                    {"dumps", std::uint64_t{peer.dumps.size()}},
                    {"refused", std::uint64_t{peer.refused.size()}},
                    {"request", text(peer.request ? "waiting" : "none")}});
  }
  return page(std::move(rows), Parameters(parameters).cursor());
}

TelemetryCommands::Reply TelemetryCommands::global_bindings(const Now& now,
                                                            const std::string& parameters,
                                                            control::Effects&) {
  const Parameters given(parameters);
  const std::string unknown = given.unknown({"home", "care-of", "peer", "cursor"});
  const std::string wrong = given.no_address({"home", "care-of"});
  const auto name = given.get("peer");
  const control::HomeAgent& agent = sources_.agent;
  if (!unknown.empty() || !wrong.empty()) {
    return Reply::failure(
        fmt::format("cannot make sense of \"{}\"", unknown.empty() ? wrong : unknown));
  }
  if (name && find_peer(agent, *name) == nullptr) {
    return Reply::failure(fmt::format("there is no peer {}", *name));
  }
  const auto home = given.address("home");
  const auto care_of = given.address("care-of");
  Reply reply;
  const auto add = [&](const control::Binding& binding) {
    if (!binding.global() || (care_of && binding.care_of_address.address() != *care_of)) {
      return;
    }
    const PeerState& primary = agent.primary_of(binding);
    if (name && primary.config->name != *name) {
      return;
    }
    std::vector<std::string> prefixes;
    for (const Prefix& prefix : binding.prefixes) {
      prefixes.push_back(prefix.to_string());
    }
    std::string aaa;
    std::vector<std::string> vendor;
    if (const control::Supplement* more = agent.supplement_of(binding)) {
      aaa = fmt::format("{} bytes", more->aaa.size());
      for (const wire::VendorSpecific& one : more->vendor) {
        vendor.push_back(
            fmt::format("{}.{} ({} bytes)", one.enterprise, one.subtype, one.data.size()));
      }
    }
    reply.rows.push_back(
        {{"home_address", binding.home_address.to_string()},
         {"primary", primary.config->name},
         {"state", text(primary.up ? "live" : "stale")},
         {"care_of_address", binding.care_of_address.address().is_unspecified()
                                 ? std::string()
                                 : binding.care_of_address.to_string()},
         {"remaining", seconds(binding.expires - now.instant)},
         {"time", fmt::format("{}.{:05}", binding.version.time.value >> 16U,
                              (binding.version.time.value & 0xffffU) * 100000 >> 16U)},
         {"change", std::uint64_t{binding.version.change}},
         {"prefixes", fmt::format("{}", fmt::join(prefixes, " "))},
         {"aaa", aaa},
         {"vendor", fmt::format("{}", fmt::join(vendor, " "))}});
  };
  const control::BindingCache& cache = agent.bindings();
  if (home) {
    if (const control::Binding* binding = cache.find(HomeAddress(*home))) {
      add(*binding);
    }
    return reply;
  }
  control::BindingSlot slot = given.cursor();
  for (std::uint32_t seen = 0;
       slot < cache.slot_end() && seen < kRecordsPerPage && reply.rows.size() < kTelemetryPage;
       ++slot, ++seen) {
    add(cache.at(slot));
  }
  if (slot < cache.slot_end()) {
    reply.fields.emplace_back("next", std::uint64_t{slot});
  }
  return reply;
}

// One line a home agent, this one first; ASCII, because the library's JSON takes nothing else.
TelemetryCommands::Reply TelemetryCommands::topology(const Now&, const std::string& parameters,
                                                     control::Effects&) {
  const control::HomeAgent& agent = sources_.agent;
  const config::HomeAgent& config = agent.config();
  std::vector<TelemetryRow> rows;
  const auto line = [&rows](std::string what) { rows.push_back({{"line", std::move(what)}}); };
  std::string announced = "not announced";
  if (sources_.host != nullptr && sources_.host->announced_metric()) {
    announced = fmt::format("announced, metric {}", *sources_.host->announced_metric());
  }
  line(fmt::format("{}  ({})", config.home_prefixes.front().to_string(), announced));
  line("|");
  line(fmt::format("+== this home agent  {}  [{}]", config.address.to_string(), state_of(agent)));
  line(fmt::format("|     locator {}, {} mobile nodes registered here",
                   config.locator ? config.locator->to_string() : "none",
                   agent.bindings().registered()));
  for (const PeerState& peer : agent.peers()) {
    line("|");
    line(fmt::format("+-{} {}  {}  [{}]", peer.up ? "-" : "x", peer.config->name,
                     peer.config->address.to_string(), state_of(peer)));
    line(fmt::format("      link {} -> {}", config.locator->to_string(),
                     peer.config->locator.to_string()));
    line(fmt::format(
        "      {} mobile nodes registered there{}, {} messages unacknowledged, {} waiting",
        peer.digest.count, peer.up ? "" : " (stale)", peer.stream.outstanding(),
        peer.stream.backlog()));
  }
  return page(std::move(rows), Parameters(parameters).cursor());
}

TelemetryCommands::Reply TelemetryCommands::drain(const Now& now, const std::string& parameters,
                                                  control::Effects& effects) {
  const Parameters given(parameters);
  unsigned rate = kDrainRate;
  if (const auto wanted = given.get("rate")) {
    const auto [end, problem] =
        std::from_chars(wanted->data(), wanted->data() + wanted->size(), rate);
    if (problem != std::errc{} || end != wanted->data() + wanted->size() || rate == 0 ||
        rate > 1'000'000) {
      return Reply::failure(fmt::format("\"{}\" is no rate of 1 to 1000000 per second", *wanted));
    }
  }
  effects.clear();
  if (!sources_.agent.drain(now, rate, effects)) {
    return Reply::failure("no peer is up and accepts mobile nodes");
  }
  sources_.executor.run(now, effects);
  Reply reply;
  reply.fields.emplace_back("draining", std::uint64_t{sources_.agent.bindings().registered()});
  reply.fields.emplace_back("rate", std::uint64_t{rate});
  return reply;
}

TelemetryCommands::Reply TelemetryCommands::undrain(const Now& now, const std::string&,
                                                    control::Effects& effects) {
  if (!sources_.agent.draining()) {
    return Reply::failure("it is not draining");
  }
  effects.clear();
  sources_.agent.undrain(now, effects);
  sources_.executor.run(now, effects);
  Reply reply;
  reply.fields.emplace_back("serving", text(sources_.agent.serving() ? "yes" : "no"));
  return reply;
}

TelemetryCommands::Reply TelemetryCommands::switch_node(const Now& now,
                                                        const std::string& parameters,
                                                        control::Effects& effects) {
  const Parameters given(parameters);
  const auto home = given.address("");
  const std::string name = given.get("to").value_or("");
  const PeerState* peer = find_peer(sources_.agent, name);
  if (!home) {
    return Reply::failure("give the home address of a mobile node that is registered here");
  }
  if (peer == nullptr) {
    return Reply::failure(fmt::format("there is no peer \"{}\"", name));
  }
  effects.clear();
  if (!sources_.agent.switch_to(now, HomeAddress(*home), peer->index, effects)) {
    return Reply::failure(peer->may_be_switched_to()
                              ? fmt::format("{} has no binding here", home->to_string())
                              : fmt::format("{} takes no mobile nodes now", name));
  }
  sources_.executor.run(now, effects);
  Reply reply;
  reply.fields.emplace_back("home_address", home->to_string());
  reply.fields.emplace_back("to", name);
  return reply;
}

}  // namespace anyhome
