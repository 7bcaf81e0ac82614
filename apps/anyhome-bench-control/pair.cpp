#include "apps/anyhome-bench-control/pair.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include <fmt/format.h>

#include "common/wire/ipv6.h"

namespace anyhome::bench {
namespace {

// Packets that are made, untimed, before they are handed over: they are in the cache, as what a
// device has just received is.
constexpr std::uint32_t kChunk = 256;

std::string what_it_counted(const control::HomeAgent& agent) {
  std::string why;
  for (const control::ControlCounterInfo& info : control::kControlCounters) {
    if (const auto n = agent.counters().value(info.counter); n != 0) {
      why += fmt::format(" {}={}", info.name, n);
    }
  }
  return why;
}

}  // namespace

Pair::Pair(const PairSettings& settings) {
  for (unsigned i = 0; i < 2; ++i) {
    links_[i] = std::make_unique<Link>(settings.delay, settings.loss, i + 1);
  }
  for (unsigned i = 0; i < 2; ++i) {
    config::HomeAgent config = member_config(i, settings.max_bindings);
    if (settings.window != 0) {
      config.haha.max_outstanding = settings.window;
    }
    const Ipv6Address peer = config.haha.peers.front().locator.address();
    stations_[i] = std::make_unique<Station>(config, settings.places, kStart);
    stations_[i]->listen_to(*links_[1 - i]);
    stations_[i]->on_sent([this, i, peer](Instant at, ByteView packet) {
      if (wire::address_at(packet, wire::ipv6_offset::kDestination) == peer) {
        links_[i]->send(at, packet);
      } else if (const auto answer = read_answer(packet); answer && answered_) {
        answered_(i, at, *answer);
      }
    });
    both_[i] = stations_[i].get();
  }
}

void Pair::start_first(std::uint32_t bindings) {
  Station& first = *stations_[0];
  first.start(kStart.instant);
  run(std::chrono::minutes(1), "a home agent alone", [&] { return first.agent().serving(); });
  register_at_first(bindings);
}

void Pair::register_at_first(std::uint32_t bindings) {
  Station& first = *stations_[0];
  const Now now{first.now(), kStart.wall + (first.now() - kStart.instant)};
  serve_updates(first.machine(), now, bindings, bindings, {.sequence = 1},
                [&](ByteView packet) { first.send(packet); });
}

Duration serve_updates(Machine& machine, const Now& now, std::uint64_t count, std::uint64_t nodes,
                       const UpdateSpec& what, const std::function<void(ByteView)>& sent) {
  Stopwatch watch;
  Shuffled order(nodes, what.sequence);
  std::vector<mobile::Bytes> packets;
  std::vector<Punted> punted;
  std::uint64_t acknowledged = 0;
  forwarding::PuntMetadata metadata;
  metadata.punt_class = forwarding::PuntClass::Mobility;
  for (std::uint64_t done = 0; done < count; done += packets.size()) {
    packets.clear();
    punted.clear();
    for (std::uint32_t i = 0; i < kChunk && done + i < count; ++i) {
      UpdateSpec spec = what;
      spec.number = order.next();
      packets.push_back(make_update(spec));
    }
    for (const mobile::Bytes& packet : packets) {
      punted.push_back({metadata, packet});
    }
    machine.sent().clear();
    watch.go();
    for (std::size_t i = 0; i < punted.size(); i += kLargestQuantum) {
      const std::size_t turn = std::min<std::size_t>(kLargestQuantum, punted.size() - i);
      machine.prepare(std::span(punted).subspan(i, turn));
      for (const Punted& packet : std::span(punted).subspan(i, turn)) {
        machine.receive(now, packet);
      }
      machine.maintain();
    }
    watch.stop();
    for (std::size_t i = 0; i < machine.sent().size(); ++i) {
      const auto answer = read_answer(machine.sent()[i]);
      acknowledged += answer && answer->status == wire::BindingStatus::Accepted ? 1U : 0U;
      if (sent) {
        sent(machine.sent()[i]);
      }
    }
  }
  machine.sent().clear();
  if (acknowledged != count) {
    throw std::runtime_error(fmt::format("{} of {} Binding Updates were acknowledged;{}",
                                         acknowledged, count, what_it_counted(machine.agent())));
  }
  return watch.total();
}

}  // namespace anyhome::bench
