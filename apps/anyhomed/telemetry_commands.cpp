#include "apps/anyhomed/telemetry_commands.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/anyhomed/daemon_counters.h"
#include "apps/anyhomed/explain.h"
#include "apps/anyhomed/telemetry_parameters.h"
#include "common/config/option_table.h"
#include "common/config/option_values.h"

#ifndef ANYHOME_VERSION
#error "the build gives ANYHOME_VERSION"
#endif

namespace anyhome {
namespace {

using dataplane::kTelemetryPage;
using dataplane::TelemetryReply;
using dataplane::TelemetryRow;

std::string adjacency_text(const dataplane::Adjacency& adjacency,
                           const std::vector<dataplane::Port>& ports) {
  constexpr std::string_view kStates[] = {"", " (unresolved)", " (failed)"};
  const std::string next =
      adjacency.next_hop.is_unspecified() ? "on link" : "via " + adjacency.next_hop.to_string();
  return fmt::format("{} port {}{}", next, ports[adjacency.port].name(),
                     kStates[static_cast<std::size_t>(adjacency.state)]);
}

std::string leaf_text(dataplane::LeafValue leaf, const dataplane::ReaderView& view,
                      const std::vector<dataplane::Port>& ports) {
  using dataplane::LeafKind;
  switch (leaf.kind()) {
    case LeafKind::NoRoute:
      return "none";
    case LeafKind::Adjacency:
      return adjacency_text(view.adjacencies[leaf.index()], ports);
    case LeafKind::Multipath: {
      const dataplane::MultipathGroup& group = view.groups[leaf.index()];
      std::map<std::string, unsigned> shares;
      for (std::uint32_t i = 0; i < group.used; ++i) {
        ++shares[adjacency_text(view.adjacencies[group.slots[i]], ports)];
      }
      std::vector<std::string> parts;
      for (const auto& [hop, slots] : shares) {
        parts.push_back(fmt::format("{} ({}/{})", hop, slots, group.used));
      }
      return fmt::format("{}", fmt::join(parts, "; "));
    }
    case LeafKind::Local:
      return "local";
    case LeafKind::Binding:
      return "mobile network";
    case LeafKind::Prohibited:
      return "prohibited";
  }
  return "";
}

std::string not_serving_because(const control::HomeAgent& agent, const Supervisor& supervisor) {
  if (agent.serving()) {
    return "";
  }
  if (agent.draining()) {
    return agent.drained() ? "drained: it is safe to stop" : "draining";
  }
  return agent.ready() ? supervisor.reason() : "waiting for the set";
}

}  // namespace

const TelemetryCommands::Command TelemetryCommands::kCommands[] = {
    {"/anyhome/status", "state of the agent", &TelemetryCommands::status},
    {"/anyhome/bindings",
     "bindings; parameters: home=ADDRESS, care-of=ADDRESS, prefix=PREFIX, cursor=N",
     &TelemetryCommands::bindings},
    {"/anyhome/routes", "routes; parameters: cursor=N", &TelemetryCommands::routes},
    {"/anyhome/neighbors", "neighbours; parameters: cursor=N", &TelemetryCommands::neighbors},
    {"/anyhome/ports", "ports and what their drivers count", &TelemetryCommands::ports},
    {"/anyhome/workers", "workers, how busy they are and their queues",
     &TelemetryCommands::workers},
    {"/anyhome/counters", "everything that is counted but drops; parameters: cursor=N",
     &TelemetryCommands::counters},
    {"/anyhome/drops", "drops by reason; parameters: cursor=N", &TelemetryCommands::drops},
    {"/anyhome/pools", "packet pools, rings and tables: how full; parameters: cursor=N",
     &TelemetryCommands::pools},
    {"/anyhome/explain",
     "decisions on a packet to an address; parameters: ADDRESS, from=ADDRESS, tunnel=ADDRESS, "
     "over-link=PEER, port=NAME, cursor=N",
     &TelemetryCommands::explain_packet},
    {"/anyhome/remove", "ends a binding; parameter: HOME-ADDRESS", &TelemetryCommands::remove},
    {"/anyhome/peers", "other home agents of the set", &TelemetryCommands::peers},
    {"/anyhome/global_bindings",
     "mobile nodes registered at peers; parameters: home=ADDRESS, care-of=ADDRESS, peer=NAME, "
     "cursor=N",
     &TelemetryCommands::global_bindings},
    {"/anyhome/sync", "state synchronization with each peer", &TelemetryCommands::sync},
    {"/anyhome/topology", "a picture of the set; parameters: cursor=N",
     &TelemetryCommands::topology},
    {"/anyhome/drain", "asks the mobile nodes over to peers; parameter: rate=N per second",
     &TelemetryCommands::drain},
    {"/anyhome/undrain", "ends a drain", &TelemetryCommands::undrain},
    {"/anyhome/switch", "asks a mobile node over to a peer; parameters: HOME-ADDRESS, to=NAME",
     &TelemetryCommands::switch_node},
};

void TelemetryCommands::add_to(dataplane::TelemetryServer& server) {
  for (const Command& command : kCommands) {
    server.add_command(command.path, command.help);
  }
}

TelemetryReply TelemetryCommands::answer(const Now& now,
                                         const dataplane::TelemetryQuestion& question,
                                         control::Effects& effects) {
  constexpr std::string_view kPrefix = "/anyhome/";
  for (const Command& command : kCommands) {
    if (question.command == std::string_view(command.path).substr(kPrefix.size())) {
      return (this->*command.handler)(now, question.parameters, effects);
    }
  }
  return Reply::failure("no such command");
}

TelemetryReply TelemetryCommands::status(const Now& now, const std::string&, control::Effects&) {
  const config::Config& config = sources_.config;
  const control::HomeAgent& agent = sources_.agent;
  Reply reply;
  auto& fields = reply.fields;
  fields.emplace_back("version", text(ANYHOME_VERSION));
  fields.emplace_back("serving", text(agent.serving() ? "yes" : "no"));
  fields.emplace_back("reason", not_serving_because(agent, sources_.supervisor));
  fields.emplace_back("home_agent_address", config.home_agent.address.to_string());
  fields.emplace_back("home_prefixes", config::find_option("home-prefix").option->show(config, ""));
  fields.emplace_back("locator",
                      config.home_agent.locator ? config.home_agent.locator->to_string() : "");
  fields.emplace_back("authentication",
                      config::find_option("authentication").option->show(config, ""));
  fields.emplace_back("announced",
                      text(sources_.host != nullptr && sources_.host->announced() ? "yes" : "no"));
  fields.emplace_back("uptime_seconds", seconds(now.instant - agent.started()));
  fields.emplace_back("bindings", std::uint64_t{agent.bindings().registered()});
  fields.emplace_back("global_bindings", std::uint64_t{agent.bindings().global()});
  fields.emplace_back("peers", std::uint64_t{agent.peers().size()});
  fields.emplace_back("peers_up",
                      std::uint64_t(std::ranges::count_if(agent.peers(), &control::PeerState::up)));
  fields.emplace_back("max_bindings", std::uint64_t{config.home_agent.max_bindings});
  fields.emplace_back("prefixes", std::uint64_t{agent.bindings().prefixes()});
  fields.emplace_back("ports_up", std::uint64_t{sources_.supervisor.ports_up()});
  fields.emplace_back("ports", std::uint64_t{sources_.plane.ports().size()});
  fields.emplace_back("workers", std::uint64_t{sources_.plane.workers()});
  return reply;
}

TelemetryReply TelemetryCommands::bindings(const Now& now, const std::string& parameters,
                                           control::Effects&) {
  const Parameters given(parameters);
  const std::string unknown = given.unknown({"home", "care-of", "prefix", "cursor"});
  const std::string wrong = given.no_address({"home", "care-of"});
  const auto prefix_text = given.get("prefix");
  const auto prefix = prefix_text ? Prefix::parse(*prefix_text) : std::nullopt;
  if (!unknown.empty() || !wrong.empty() || (prefix_text && !prefix)) {
    return Reply::failure(fmt::format("cannot make sense of \"{}\"", !unknown.empty() ? unknown
                                                                     : !wrong.empty()
                                                                         ? wrong
                                                                         : *prefix_text));
  }
  const auto home = given.address("home");
  const auto care_of = given.address("care-of");
  const control::BindingCache& cache = sources_.agent.bindings();
  Reply reply;
  const auto add = [&](const control::Binding& binding) {
    if (!binding.registered() || (home && binding.home_address.address() != *home) ||
        (care_of && binding.care_of_address.address() != *care_of) ||
        (prefix && std::ranges::find(binding.prefixes, *prefix) == binding.prefixes.end())) {
      return;
    }
    std::vector<std::string> prefixes;
    for (const Prefix& p : binding.prefixes) {
      prefixes.push_back(p.to_string());
    }
    TelemetryRow row;
    row.emplace_back("home_address", binding.home_address.to_string());
    row.emplace_back("care_of_address", binding.care_of_address.to_string());
    row.emplace_back("lifetime", static_cast<std::uint64_t>(binding.granted.seconds().count()));
    row.emplace_back("remaining", seconds(binding.expires - now.instant));
    row.emplace_back("sequence", std::uint64_t{binding.sequence.value});
    row.emplace_back("flags", fmt::format("0x{:04x}", binding.flags));
    row.emplace_back("age", seconds(now.instant - binding.registered_at));
    row.emplace_back("path_mtu", binding.path_mtu == forwarding::kPathMtuUnknown
                                     ? std::uint64_t{0}
                                     : std::uint64_t{binding.path_mtu});
    row.emplace_back("prefixes", fmt::format("{}", fmt::join(prefixes, " ")));
    reply.rows.push_back(std::move(row));
  };
  if (home) {  // no need to look for it
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

TelemetryReply TelemetryCommands::routes(const Now&, const std::string& parameters,
                                         control::Effects&) {
  Reply reply;
  const auto& tables = sources_.plane.tables();
  const auto next = tables.visit_routes(
      Parameters(parameters).cursor(), kTelemetryPage,
      [&](const Prefix& prefix, dataplane::LeafValue leaf) {
        reply.rows.push_back(
            {{"prefix", prefix.to_string()},
             {"next_hop", leaf_text(leaf, tables.readers(), sources_.plane.ports())}});
      });
  if (next) {
    reply.fields.emplace_back("next", std::uint64_t{*next});
  }
  return reply;
}

TelemetryReply TelemetryCommands::neighbors(const Now&, const std::string& parameters,
                                            control::Effects&) {
  Reply reply;
  constexpr std::string_view kStates[] = {"reachable", "unresolved", "failed"};
  const auto next = sources_.plane.tables().visit_neighbors(
      Parameters(parameters).cursor(), kTelemetryPage, [&](const dataplane::Neighbor& neighbor) {
        if (neighbor.key.address.is_unspecified()) {
          return;
        }
        const bool known = neighbor.state == dataplane::AdjacencyState::Forward;
        reply.rows.push_back({{"address", neighbor.key.address.to_string()},
                              {"port", sources_.plane.ports()[neighbor.key.port].name()},
                              {"mac", known ? config::show_mac(neighbor.mac) : ""},
                              {"state", text(kStates[static_cast<std::size_t>(neighbor.state)])}});
      });
  if (next) {
    reply.fields.emplace_back("next", std::uint64_t{*next});
  }
  return reply;
}

TelemetryReply TelemetryCommands::ports(const Now&, const std::string& parameters,
                                        control::Effects&) {
  std::vector<TelemetryRow> rows;
  const auto& ports = sources_.plane.ports();
  for (std::uint16_t i = 0; i < ports.size(); ++i) {
    const dataplane::Port& port = ports[i];
    const dataplane::PortStatistics s = port.statistics();
    rows.push_back({{"name", port.name()},
                    {"device", port.device()},
                    {"driver", port.driver()},
                    {"link", text(sources_.supervisor.port_up(i) ? "up" : "down")},
                    {"speed_mbps", std::uint64_t{sources_.supervisor.port_speed_mbps(i)}},
                    {"mac", config::show_mac(port.mac())},
                    {"mtu", std::uint64_t{port.mtu()}},
                    {"receive_queues", std::uint64_t{port.receive_queues()}},
                    {"transmit_queues", std::uint64_t{port.transmit_queues()}},
                    {"received", s.received},
                    {"received_bytes", s.received_bytes},
                    {"sent", s.sent},
                    {"sent_bytes", s.sent_bytes},
                    {"missed", s.missed},
                    {"receive_errors", s.receive_errors},
                    {"send_errors", s.send_errors},
                    {"no_buffer", s.no_buffer}});
  }
  return page(std::move(rows), Parameters(parameters).cursor());
}

TelemetryReply TelemetryCommands::workers(const Now&, const std::string& parameters,
                                          control::Effects&) {
  std::vector<TelemetryRow> rows;
  const auto& plane = sources_.plane;
  for (std::size_t i = 0; i < plane.workers(); ++i) {
    const dataplane::WorkerCounters& counters = plane.worker_counters(i);
    std::vector<std::string> queues;
    for (const dataplane::ReceiveQueue& queue : plane.plan().receive[i]) {
      queues.push_back(fmt::format("{}:{}", plane.ports()[queue.port].name(), queue.queue));
    }
    using forwarding::Counter;
    const auto count = [&](Counter counter) {
      return counters.counters[static_cast<std::size_t>(counter)].value();
    };
    std::uint64_t drops = 0;
    for (const dataplane::Tally& drop : counters.drops) {
      drops += drop.value();
    }
    rows.push_back({{"worker", std::uint64_t{i}},
                    {"lcore", std::uint64_t{plane.worker_lcore(i)}},
                    {"state", text(sources_.supervisor.worker_stuck(i) ? "stuck" : "running")},
                    {"busy_percent", std::uint64_t{sources_.supervisor.busy_percent(i)}},
                    {"busy_cycles", counters.busy_cycles.value()},
                    {"total_cycles", counters.total_cycles.value()},
                    {"waited_cycles", counters.waited_cycles.value()},
                    {"loops", counters.loops.value()},
                    {"bursts", counters.bursts.value()},
                    {"sleeps", counters.sleeps.value()},
                    {"received", count(Counter::Received)},
                    {"helped", counters.helped.value()},
                    {"handed_off", count(Counter::HandedOff)},
                    {"taken_over", count(Counter::TakenOver)},
                    {"sent", count(Counter::Sent)},
                    {"drops", drops},
                    {"queues", fmt::format("{}", fmt::join(queues, " "))}});
  }
  return page(std::move(rows), Parameters(parameters).cursor());
}

TelemetryReply TelemetryCommands::counters(const Now&, const std::string& parameters,
                                           control::Effects&) {
  std::vector<TelemetryRow> rows;
  const auto add = [&rows](std::string_view part, std::string_view name, std::uint64_t value,
                           std::string_view help) {
    rows.push_back(
        {{"part", text(part)}, {"name", text(name)}, {"value", value}, {"help", text(help)}});
  };
  for (const forwarding::CounterInfo& info : forwarding::kCounters) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < sources_.plane.workers(); ++i) {
      sum += sources_.plane.worker_counters(i)
                 .counters[static_cast<std::size_t>(info.counter)]
                 .value();
    }
    add("data-path", info.name, sum, info.sentence);
  }
  const control::ControlCounters& control = sources_.agent.counters();
  for (const control::ControlCounterInfo& info : control::kControlCounters) {
    add("control", info.name, control.value(info.counter), info.sentence);
  }
  for (unsigned status = 0; status < 256; ++status) {
    const auto value = static_cast<wire::BindingStatus>(status);
    if (control.value(value) != 0) {
      add("status", fmt::format("{}-{}", status, wire::to_string(value)), control.value(value),
          "Binding Acknowledgements of this status.");
    }
  }
  const auto add_own = [&add](DaemonCounter counter, std::uint64_t value) {
    const DaemonCounterInfo& info = kDaemonCounters[static_cast<std::size_t>(counter)];
    add(info.part, info.name, value, info.sentence);
  };
  const InjectorCounters& injector = sources_.injector.counters();
  add_own(DaemonCounter::InjectNoBuffer, injector.no_buffer);
  add_own(DaemonCounter::InjectRingFull, injector.ring_full);
  add_own(DaemonCounter::TableUpdatesRefused, sources_.executor.refusals());
  for (std::size_t i = 0; i < forwarding::kPuntClassCount; ++i) {
    const auto punt_class = static_cast<forwarding::PuntClass>(i);
    add("control", fmt::format("displaced-{}", forwarding::to_string(punt_class)),
        sources_.admission.dropped(punt_class), kDisplacedSentence);
  }
  if (sources_.host != nullptr) {
    const HostCounters& host = sources_.host->counters();
    add_own(DaemonCounter::ToKernel, host.to_kernel);
    add_own(DaemonCounter::FromKernel, host.from_kernel);
    add_own(DaemonCounter::KernelDidNotTake, host.not_taken);
    add_own(DaemonCounter::KernelEntriesRefused, host.tables_refused);
    add_own(DaemonCounter::NetlinkOverruns, sources_.host->netlink_counters().overruns);
    const host::NeighborResolver& resolver = sources_.host->resolver();
    for (std::size_t i = 0; i < host::kWaitingDropCount; ++i) {
      add("host", fmt::format("waiting-{}", host::kWaitingDrops[i].name),
          resolver.dropped(static_cast<host::WaitingDrop>(i)), host::kWaitingDrops[i].sentence);
    }
  }
  return page(std::move(rows), Parameters(parameters).cursor());
}

TelemetryReply TelemetryCommands::drops(const Now&, const std::string& parameters,
                                        control::Effects&) {
  std::vector<TelemetryRow> rows;
  for (const forwarding::DropReasonInfo& info : forwarding::kDropReasons) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < sources_.plane.workers(); ++i) {
      sum += sources_.plane.worker_counters(i).drops[static_cast<std::size_t>(info.reason)].value();
    }
    rows.push_back({{"name", text(info.name)},
                    {"value", sum},
                    {"help", text(info.sentence)},
                    {"reference", text(info.reference)}});
  }
  return page(std::move(rows), Parameters(parameters).cursor());
}

TelemetryReply TelemetryCommands::pools(const Now&, const std::string& parameters,
                                        control::Effects&) {
  std::vector<TelemetryRow> rows;
  const auto pool = [&rows](std::string_view name, const dataplane::PacketPool& p) {
    rows.push_back({{"kind", text("pool")},
                    {"name", text(name)},
                    {"used", std::uint64_t{p.size() - p.available()}},
                    {"capacity", std::uint64_t{p.size()}},
                    {"worst", std::uint64_t{p.size() - std::min(p.low_water(), p.size())}},
                    {"bytes", std::uint64_t{p.size()} * p.get()->elt_size}});
  };
  pool("packets", sources_.plane.worker_pool());
  pool("control", sources_.plane.control_pool());
  const auto ring = [&rows](const std::string& name, const dataplane::PacketRing& r) {
    rows.push_back({{"kind", text("ring")},
                    {"name", name},
                    {"used", std::uint64_t{r.count()}},
                    {"capacity", std::uint64_t{r.capacity()}},
                    {"worst", std::uint64_t{r.high_water()}},
                    {"bytes", std::uint64_t{r.capacity()} * sizeof(void*)}});
  };
  for (std::size_t i = 0; i < sources_.plane.workers(); ++i) {
    ring(fmt::format("punt-{}", i), std::as_const(sources_.plane).punts(i));
    ring(fmt::format("inject-{}", i), std::as_const(sources_.plane).injects(i));
    for (std::size_t to = 0; to < sources_.plane.workers(); ++to) {
      if (const dataplane::PacketRing* handoff = sources_.plane.handoffs(i, to)) {
        ring(fmt::format("handoff-{}-{}", i, to), *handoff);
      }
    }
  }
  rows.push_back({{"kind", text("queue")},
                  {"name", text("control")},
                  {"used", std::uint64_t{sources_.admission.used()}},
                  {"capacity", std::uint64_t{sources_.admission.capacity()}},
                  {"worst", std::uint64_t{sources_.admission.high_water()}},
                  {"bytes", std::uint64_t{sources_.admission.bytes()}}});
  for (const dataplane::TableFill& fill : sources_.plane.tables().report()) {
    rows.push_back({{"kind", text("table")},
                    {"name", text(fill.name)},
                    {"used", fill.used},
                    {"capacity", fill.capacity},
                    {"worst", std::uint64_t{0}},
                    {"bytes", fill.bytes}});
  }
  rows.push_back({{"kind", text("memory")},
                  {"name", text("control-core")},
                  {"used", std::uint64_t{sources_.agent.bindings().entries()}},
                  {"capacity", std::uint64_t{sources_.config.home_agent.max_bindings}},
                  {"worst", std::uint64_t{0}},
                  {"bytes", std::uint64_t{sources_.agent.memory_bytes()}}});
  return page(std::move(rows), Parameters(parameters).cursor());
}

TelemetryReply TelemetryCommands::explain_packet(const Now&, const std::string& parameters,
                                                 control::Effects&) {
  const Parameters given(parameters);
  const std::string wrong = given.no_address({"", "from", "tunnel"});
  const auto destination = given.address("");
  if (!wrong.empty() || !destination) {
    return Reply::failure(wrong.empty() ? "give the address a packet goes to"
                                        : fmt::format("\"{}\" is no IPv6 address", wrong));
  }
  ExplainQuestion question;
  question.destination = *destination;
  // Somebody on the Internet: an address of the documentation prefix 3fff::/20 (RFC 9637).
  question.source =
      given.address("from").value_or(Ipv6Address::parse("3fff::1").value_or(Ipv6Address{}));
  question.tunnelled_from = given.address("tunnel");
  if (const auto name = given.get("over-link")) {
    const auto& peers = sources_.config.home_agent.haha.peers;
    const auto found = std::ranges::find(peers, *name, &config::Peer::name);
    if (found == peers.end()) {
      return Reply::failure(fmt::format("there is no peer {}", *name));
    }
    question.over_link = static_cast<std::uint16_t>(found - peers.begin());
    // Where links come in, unless another port is asked for.
    const auto& ports = sources_.config.ports;
    const auto haha = std::ranges::find(ports, true, &config::Port::haha);
    question.port = static_cast<std::uint16_t>(haha == ports.end() ? 0 : haha - ports.begin());
  }
  if (const auto name = given.get("port")) {
    const auto& ports = sources_.plane.ports();
    const auto found = std::ranges::find(ports, *name, &dataplane::Port::name);
    if (found == ports.end()) {
      return Reply::failure(fmt::format("there is no port {}", *name));
    }
    question.port = static_cast<std::uint16_t>(found - ports.begin());
  }
  std::vector<TelemetryRow> rows;
  for (const std::string& line :
       explain(question, sources_.plane.pipeline_config(), sources_.plane.tables().readers())) {
    // Longer ones than a reply's string may be go on in another row.
    constexpr std::size_t kLine = 120;
    for (std::size_t at = 0; at < line.size(); at += kLine) {
      rows.push_back({{"decision", line.substr(at, kLine)}});
    }
  }
  return page(std::move(rows), given.cursor());
}

TelemetryReply TelemetryCommands::remove(const Now& now, const std::string& parameters,
                                         control::Effects& effects) {
  const auto home = Ipv6Address::parse(parameters);
  if (!home) {
    return Reply::failure(fmt::format("\"{}\" is no home address", parameters));
  }
  effects.clear();
  if (!sources_.agent.remove(now, HomeAddress(*home), effects)) {
    return Reply::failure(fmt::format("{} has no binding here", home->to_string()));
  }
  sources_.executor.run(now, effects);
  Reply reply;
  reply.fields.emplace_back("removed", home->to_string());
  return reply;
}

}  // namespace anyhome
