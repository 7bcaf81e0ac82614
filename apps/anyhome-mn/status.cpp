#include "apps/anyhome-mn/status.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>

#include "apps/anyhome-mn/tunnel.h"

namespace anyhome::mobile {
namespace {

class Object {
 public:
  void number(std::string_view name, std::uint64_t value) { raw(name, std::to_string(value)); }
  void text(std::string_view name, std::string_view value) { raw(name, quoted(value)); }
  void boolean(std::string_view name, bool value) { raw(name, value ? "true" : "false"); }
  void raw(std::string_view name, std::string_view json) {
    separate();
    body_ += quoted(name);
    body_ += ": ";
    body_ += json;
  }
  void members(std::string_view json) {
    if (!json.empty()) {
      separate();
      body_ += json;
    }
  }
  [[nodiscard]] std::string done() const { return "{" + body_ + "}"; }

 private:
  void separate() {
    if (!body_.empty()) {
      body_ += ", ";
    }
  }

  std::string body_;
};

std::string counters_object(const Counters& counters, CounterDetail detail) {
  Object object;
  for (const CounterInfo& info : kCounters) {
    if (detail == CounterDetail::All || counters[info.counter] != 0) {
      object.number(info.name, counters[info.counter]);
    }
  }
  return object.done();
}

std::string statuses_object(const Statistics& statistics) {
  Object object;
  for (std::size_t i = 0; i < statistics.by_status.size(); ++i) {
    if (statistics.by_status[i] != 0) {
      const std::string_view name = wire::to_string(static_cast<wire::BindingStatus>(i));
      object.number(name == "status" ? "status-" + std::to_string(i) : std::string(name),
                    statistics.by_status[i]);
    }
  }
  return object.done();
}

std::string states_object(const Fleet& fleet) {
  constexpr std::array kStates = {State::Detached,   State::Discovering,   State::Registering,
                                  State::Registered, State::Deregistering, State::Home,
                                  State::Rejected};
  Object object;
  for (const State state : kStates) {
    object.number(to_string(state), fleet.count_in(state));
  }
  return object.done();
}

std::string latency_object(const LatencyHistogram& latency) {
  Object object;
  object.number("count", latency.count());
  object.number("min", latency.min_us());
  object.number("average", latency.average_us());
  object.number("max", latency.max_us());
  object.number("p99", latency.percentile_us(99));
  return object.done();
}

void add_binding(Object& object, const Binding& binding, Now now) {
  const auto left = std::max(Duration{}, binding.expires - now.instant);
  object.text("bound-home-agent", binding.home_agent.to_string());
  object.text("bound-care-of-address", binding.care_of.to_string());
  object.number("sequence", binding.sequence.value);
  object.number("lifetime", static_cast<std::uint64_t>(binding.lifetime.seconds().count()));
  object.number("lifetime-left-ms",
                static_cast<std::uint64_t>(left / std::chrono::milliseconds(1)));
}

}  // namespace

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      result += c < 0x10 ? "\\u000" : "\\u001";
      result += kDigits[static_cast<unsigned char>(c) % 16];
    } else {
      result += c;
    }
  }
  return result + '"';
}

std::string node_line(const MobileNode& node, Now now, CounterDetail detail) {
  Object object;
  object.text("home-address", node.settings().home_address.to_string());
  if (node.settings().identifier) {
    object.text("identifier", *node.settings().identifier);
  }
  object.text("state", to_string(node.state()));
  object.boolean("settled", node.settled());
  if (const auto home_agent = node.home_agent()) {
    object.text("home-agent", home_agent->to_string());
  }
  if (node.care_of()) {
    object.text("care-of-address", node.care_of()->to_string());
    object.number("tunnel-mtu", tunnel_mtu(node.path_mtu(now.instant)));
  }
  if (node.binding()) {
    add_binding(object, *node.binding(), now);
  }
  if (const auto status = node.last_status()) {
    object.number("last-status", static_cast<std::uint8_t>(*status));
    object.text("last-status-name", wire::to_string(*status));
  }
  object.raw("counters", counters_object(node.counters(), detail));
  return object.done() + "\n";
}

std::string summary_line(const Fleet& fleet, std::string_view program_counters) {
  const Counters total = fleet.total();
  Object object;
  object.boolean("summary", true);
  object.number("nodes", fleet.nodes().size());
  object.boolean("settled", fleet.settled());
  object.raw("states", states_object(fleet));
  object.number("sent", total[Counter::BindingUpdatesSent] + total[Counter::DeregistrationsSent]);
  object.number("acknowledged", total[Counter::AcknowledgementsAccepted] +
                                    total[Counter::AcknowledgementsRejected]);
  object.raw("by-status", statuses_object(fleet.statistics()));
  object.number("retransmitted", total[Counter::BindingUpdatesRetransmitted]);
  object.raw("latency-us", latency_object(fleet.statistics().latency));
  object.members(program_counters);
  object.raw("counters", counters_object(total, CounterDetail::All));
  return object.done() + "\n";
}

}  // namespace anyhome::mobile
