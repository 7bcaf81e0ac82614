#include "apps/anyhome-bench-control/station.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "common/wire/code_points.h"
#include "common/wire/ipv6.h"
#include "dataplane/pipeline/pipeline_config.h"

namespace anyhome::bench {
namespace {

using forwarding::PuntClass;

// As ControlLoop does.
constexpr unsigned kServedBetweenLooks = 8;

// Between home agents; a worker would say so.
PuntClass class_of(ByteView packet) {
  constexpr std::size_t kTypeAt = wire::kIpv6HeaderSize + 2;
  const bool hello =
      packet.size() > kTypeAt && packet[kTypeAt] == std::byte{wire::CodePoints{}.ha_hello};
  return hello ? PuntClass::HahaHello : PuntClass::HahaSync;
}

}  // namespace

void Link::send(Instant at, ByteView packet) {
  ++packets_;
  bytes_ += packet.size();
  free_ = std::max(at, free_) + kPerByte * static_cast<std::int64_t>(packet.size());
  if (!lost_(random_)) {
    under_way_.push_back({free_ + delay_, class_of(packet), {packet.begin(), packet.end()}});
  }
}

std::optional<Instant> Link::next() {
  return under_way_.empty() ? std::nullopt : std::optional(under_way_.front().at);
}

Arrival Link::take() {
  Arrival arrival = std::move(under_way_.front());
  under_way_.pop_front();
  return arrival;
}

Station::Station(const config::HomeAgent& config, std::uint32_t places, const Now& start)
    : start_(start), machine_(config, start), queues_(places), clock_(start.instant) {
  for (std::size_t i = 0; i < forwarding::kPuntClassCount; ++i) {
    std::uint32_t rate = dataplane::PipelineConfig{}.punt_rates[i];
    if (static_cast<PuntClass>(i) == PuntClass::Mobility) {
      rate = std::max(rate, 10 * places);  // as DataPlane has it
    }
    budgets_.emplace_back(rate, rate / 10 + 1);
  }
}

void Station::start(Instant when) {
  clock_ = std::max(clock_, when);
  for (Source* source : sources_) {  // what came before has met nobody
    while (source->next().value_or(Instant::max()) <= clock_) {
      source->take();
    }
  }
  machine_.start(wall_now());
  started_ = true;
  hand_out();
}

Instant Station::next_action() {
  if (!started_) {
    return Instant::max();
  }
  if (!queues_.empty()) {
    return clock_;
  }
  Instant next = machine_.agent().next_deadline().value_or(Instant::max());
  for (Source* source : sources_) {
    next = std::min(next, source->next().value_or(Instant::max()));
  }
  return std::max(next, clock_);
}

void Station::pause() {
  clock_ += watch_.stop();
  for (; hellos_served_ > 0 && !hellos_.empty(); --hellos_served_) {
    longest_hello_wait_ = std::max(longest_hello_wait_, clock_ - hellos_.front());
    hellos_.pop_front();
  }
}

void Station::arrive(Arrival arrival) {
  const auto index = static_cast<std::size_t>(arrival.punt_class);
  if (!budgets_[index].take(arrival.at)) {
    ++losses_[index].budget;
  } else if (ring_.size() >=
             forwarding::punt_limit(arrival.punt_class, config::DataPath{}.punt_ring)) {
    ++losses_[index].ring_full;
  } else {
    ring_.push_back(std::move(arrival));
  }
}

void Station::look() {
  ring_.clear();
  while (true) {
    Source* first = nullptr;
    Instant when = Instant::max();
    for (Source* source : sources_) {
      const Instant next = source->next().value_or(Instant::max());
      if (next < when) {
        first = source;
        when = next;
      }
    }
    if (first == nullptr || when > clock_) {
      break;
    }
    arrive(first->take());
  }
  const std::uint64_t lost_hellos = queues_.dropped(PuntClass::HahaHello);
  for (const Arrival& arrival : ring_) {
    if (arrival.punt_class == PuntClass::HahaHello) {
      hellos_.push_back(arrival.at);
    }
  }
  watch_.go();
  forwarding::PuntMetadata metadata;
  for (const Arrival& arrival : ring_) {
    metadata.punt_class = arrival.punt_class;
    queues_.push(metadata, arrival.packet);
  }
  clock_ += watch_.stop();
  for (std::uint64_t i = lost_hellos; i < queues_.dropped(PuntClass::HahaHello); ++i) {
    hellos_.pop_front();
  }
}

void Station::hand_out() {
  Outbox& sent = machine_.sent();
  for (std::size_t i = 0; i < sent.size(); ++i) {
    on_sent_(clock_, sent[i]);
  }
  sent.clear();
}

void Station::round() {
  clock_ = next_action();
  const Instant begin = clock_;
  look();
  const Now now = wall_now();
  unsigned since = 0;
  watch_.go();
  queues_.serve_round(
      [&](PuntClass punt_class, std::span<const Punted> packets) {
        if (punt_class == PuntClass::Mobility) {
          machine_.prepare(packets);
        }
      },
      [&](const Punted& packet) {
        machine_.receive(now, packet);
        hellos_served_ += packet.metadata.punt_class == PuntClass::HahaHello ? 1U : 0U;
        if (++since == kServedBetweenLooks) {
          since = 0;
          pause();
          hand_out();
          look();
          watch_.go();
        }
      });
  machine_.on_timer(now);
  pause();
  hand_out();
  look();
  watch_.go();
  machine_.maintain();
  pause();
  longest_round_ = std::max(longest_round_, clock_ - begin);
}

void run(std::span<Station* const> stations, Duration at_most, const char* what,
         const std::function<bool()>& done) {
  Instant end = Instant::min();
  for (const Station* station : stations) {
    end = std::max(end, station->now() + at_most);
  }
  while (!done()) {
    Station* first = *std::ranges::min_element(
        stations, {}, [](Station* station) { return station->next_action(); });
    if (first->next_action() >= end) {
      throw std::runtime_error(fmt::format("{}: not within {:.0f} s", what, seconds_of(at_most)));
    }
    first->round();
  }
}

}  // namespace anyhome::bench
