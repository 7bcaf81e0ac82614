#include "apps/anyhome-bench-control/loads.h"

#include <array>
#include <deque>
#include <functional>
#include <stdexcept>

#include <fmt/format.h>

#include <rte_cycles.h>

#include "apps/anyhome-bench-control/machine.h"
#include "apps/anyhome-mn/packets.h"
#include "common/wire/haha.h"
#include "controlplane/binding_cache.h"

namespace anyhome::bench {
namespace {

using mobile::Bytes;

// Packets that are made, untimed, before they are handed over: they are in the cache, as what a
// device has just received is.
constexpr std::uint32_t kChunk = 256;
constexpr std::size_t kTurn = 32;  // that are served together
constexpr std::uint32_t kSpi = 256;

Ipv6Address parse(std::string_view text) { return *Ipv6Address::parse(text); }

Ipv6Address numbered(std::string_view prefix, std::uint64_t number) {
  Ipv6Address address = parse(prefix);
  for (unsigned i = 0; i < 8; ++i) {
    address.octets[15 - i] =
        static_cast<std::uint8_t>(address.octets[15 - i] | (number >> (8 * i) & 0xffU));
  }
  return address;
}

HomeAddress home(std::uint64_t number) {
  return HomeAddress(numbered("2001:db8:0:1:1000::", number + 1));
}
CareOfAddress care_of(std::uint64_t number, unsigned where) {
  return CareOfAddress(numbered("2001:db8:f0::", (std::uint64_t{where} << 40U) + number + 1));
}
HomeAgentAddress agent_address(unsigned member) {
  return HomeAgentAddress(numbered("2001:db8:0:1::", 0x1a + 0x10 * member));
}
Locator locator(unsigned member) {
  return Locator(numbered("2001:db8:a1::", 0x1a + 0x10 * member));
}

// Of each mobile node its own.
std::vector<std::byte> key_of(std::uint64_t number) {
  std::vector<std::byte> key(16, std::byte{0x5a});
  for (unsigned i = 0; i < 8; ++i) {
    key[i] = static_cast<std::byte>(number >> (8 * i));
  }
  return key;
}

config::HomeAgent base_config(std::uint32_t bindings) {
  config::HomeAgent config;
  config.home_prefixes = {*Prefix::parse("2001:db8:0:1::/64")};
  config.address = agent_address(0);
  config.authentication = config::Authentication::InsecureNone;
  config.max_bindings = bindings;
  return config;
}

config::HomeAgent member_config(unsigned own, std::uint32_t bindings) {
  config::HomeAgent config = base_config(bindings);
  config.address = agent_address(own);
  config.locator = locator(own);
  config.haha.group_id = 7;
  config.haha.link_is_secure = true;
  config.haha.set_key.assign(16, std::byte{0x5a});
  config.haha.peers = {{"peer", agent_address(1 - own), locator(1 - own), true}};
  return config;
}

struct Ticks {
  std::uint64_t total = 0;
  std::uint64_t longest = 0;

  template <class Work>
  void measure(Work&& work) {
    const std::uint64_t start = rte_rdtsc_precise();
    work();
    const std::uint64_t spent = rte_rdtsc_precise() - start;
    total += spent;
    longest = std::max(longest, spent);
  }
  [[nodiscard]] double seconds() const {
    return static_cast<double>(total) / static_cast<double>(rte_get_tsc_hz());
  }
};

Rate rate_of(std::string name, const Ticks& ticks, std::uint64_t events, double must, double goal) {
  return {std::move(name), static_cast<double>(events) / ticks.seconds(),
          static_cast<double>(ticks.total) / static_cast<double>(events), must, goal};
}

// Visits 0 .. count-1, each once, in an order that no cache likes: another one for each `variant`,
// or the second visit would find the records in the order in which the first has created them.
class Shuffled {
 public:
  Shuffled(std::uint64_t count, unsigned variant)
      : count_(count), multiplier_(kMultipliers[variant % std::size(kMultipliers)]) {
    while (size_ < count) {
      size_ *= 2;
    }
  }
  std::uint64_t next() {
    do {
      // Of full period: the increment is odd, the multiplier one more than a multiple of four.
      state_ = (state_ * multiplier_ + 1013904223) & (size_ - 1);
    } while (state_ >= count_);
    return state_;
  }

 private:
  static constexpr std::uint64_t kMultipliers[] = {1664525, 22695477, 1103515245, 134775813};

  std::uint64_t count_;
  std::uint64_t multiplier_;
  std::uint64_t size_ = 4;
  std::uint64_t state_ = 0;
};

// Binding Updates, one after the other, each acknowledged.
class Updates {
 public:
  Updates(Machine& machine, bool secure) : machine_(machine), secure_(secure) {}

  Ticks run(std::uint64_t count, std::uint64_t nodes, unsigned where, std::uint16_t sequence) {
    Ticks ticks;
    Shuffled order(nodes, sequence);
    std::vector<Bytes> packets;
    std::uint64_t acknowledged = 0;
    for (std::uint64_t done = 0; done < count; done += packets.size()) {
      packets.clear();
      for (std::uint32_t i = 0; i < kChunk && done + i < count; ++i) {
        packets.push_back(make(order.next(), where, sequence));
      }
      ticks.measure([&] {
        for (std::size_t i = 0; i < packets.size(); ++i) {
          if (i % kTurn == 0) {
            const std::size_t turn = std::min<std::size_t>(kTurn, packets.size() - i);
            machine_.prepare(std::vector<ByteView>(packets.begin() + static_cast<long>(i),
                                                   packets.begin() + static_cast<long>(i + turn)));
          }
          acknowledged += machine_.receive(kStart, packets[i], nullptr);
        }
      });
    }
    if (acknowledged < count) {
      std::string why;
      for (const control::ControlCounterInfo& info : control::kControlCounters) {
        if (const auto n = machine_.agent().counters().value(info.counter); n != 0) {
          why += fmt::format(" {}={}", info.name, n);
        }
      }
      throw std::runtime_error(
          fmt::format("{} of {} Binding Updates were acknowledged;{}", acknowledged, count, why));
    }
    return ticks;
  }

 private:
  Bytes make(std::uint64_t number, unsigned where, std::uint16_t sequence) const {
    mobile::Security security;
    security.key = key_of(number);
    security.spi = kSpi;
    mobile::UpdateContents contents;
    contents.home_address = home(number);
    contents.home_agent = agent_address(0);
    contents.care_of = care_of(number, where);
    contents.sequence = {sequence};
    contents.flags = wire::bu_flag::kAcknowledge | wire::bu_flag::kHomeRegistration;
    contents.lifetime = Lifetime(300);
    if (secure_) {
      contents.security = &security;
      contents.identifier = "mn@example.net";
    }
    return mobile::make_binding_update(contents);
  }

  Machine& machine_;
  bool secure_;
};

void measure_updates(const LoadSettings& settings, bool secure, Results& results) {
  config::HomeAgent config = base_config(settings.bindings);
  if (secure) {
    config.authentication = config::Authentication::Rfc4285;
    config.mobile_nodes.resize(settings.bindings);
    for (std::uint32_t i = 0; i < settings.bindings; ++i) {
      config.mobile_nodes[i].home_address = home(i);
      config.mobile_nodes[i].spi = kSpi;
      config.mobile_nodes[i].key = key_of(i);
    }
  }
  Machine machine(config, kStart);
  config.mobile_nodes.clear();
  machine.start(kStart);
  Updates updates(machine, secure);
  const double must = secure ? 200'000 : 450'000;
  const double goal = secure ? 300'000 : 600'000;
  const std::string how = secure ? "-authenticated" : "";
  const auto add = [&](const char* what, const Ticks& ticks, std::uint64_t events) {
    results.rates.push_back(rate_of(what + how, ticks, events, must, goal));
  };
  const std::uint64_t events = std::min(settings.events, settings.bindings);
  add("registrations", updates.run(settings.bindings, settings.bindings, 0, 1), settings.bindings);
  if (machine.agent().bindings().registered() != settings.bindings) {
    throw std::runtime_error("not everybody is registered");
  }
  add("refreshes", updates.run(events, settings.bindings, 0, 2), events);
  add("movements", updates.run(events, settings.bindings, 1, 3), events);
  if (!secure) {
    results.bytes_per_binding =
        static_cast<double>(control::BindingCache::planned_bytes(settings.bindings) +
                            machine.binding_table_bytes()) /
        settings.bindings;
  }
}

// Two home agents of a set, and time that passes for both.
class Pair {
 public:
  explicit Pair(std::uint32_t bindings) {
    for (unsigned i = 0; i < 2; ++i) {
      machines_[i] = std::make_unique<Machine>(member_config(i, bindings), now_);
    }
  }
  Machine& operator[](unsigned member) { return *machines_[member]; }
  void start(unsigned member) { machines_[member]->start(now_); }

  // Until `done`, for a minute at most; what member `timed` does goes into `ticks`.
  void run_until(unsigned timed, Ticks& ticks, const std::function<bool()>& done) {
    const Instant end = now_.instant + std::chrono::minutes(1);
    while (!done()) {
      if (now_.instant >= end) {
        throw std::runtime_error("the home agents did not synchronize");
      }
      deliver(timed, ticks);
      pass_time(timed, ticks);
    }
  }

 private:
  void deliver(unsigned timed, Ticks& ticks) {
    while (!between_[0].empty() || !between_[1].empty()) {
      for (unsigned to = 0; to < 2; ++to) {
        auto& queue = between_[1 - to];  // what the other one has sent
        if (queue.empty()) {
          continue;
        }
        const std::vector<std::byte> packet = std::move(queue.front());
        queue.pop_front();
        const auto receive = [&] { machines_[to]->receive(now_, packet, &between_[to]); };
        if (to == timed) {
          ticks.measure(receive);
        } else {
          other_.measure(receive);
        }
      }
    }
  }

  void pass_time(unsigned timed, Ticks& ticks) {
    std::optional<Instant> next;
    for (const auto& machine : machines_) {
      if (const auto deadline = machine->agent().next_deadline()) {
        next = std::min(next.value_or(*deadline), *deadline);
      }
    }
    if (!next) {
      throw std::runtime_error("nothing is due");
    }
    const Duration passed = std::max(*next - now_.instant, Duration::zero());
    now_ = {now_.instant + passed, now_.wall + passed};
    for (unsigned i = 0; i < 2; ++i) {
      const auto deadline = machines_[i]->agent().next_deadline();
      if (deadline && *deadline <= now_.instant) {
        const auto work = [&] { machines_[i]->on_timer(now_, &between_[i]); };
        if (i == timed) {
          ticks.measure(work);
        } else {
          other_.measure(work);
        }
      }
    }
  }

 public:
  [[nodiscard]] const Ticks& other() const { return other_; }

 private:
  Now now_ = kStart;
  std::array<std::unique_ptr<Machine>, 2> machines_;
  std::array<std::deque<std::vector<std::byte>>, 2> between_;  // by who has sent it
  Ticks other_;
};

// One home agent has all bindings; the other one boots and takes them over.
void measure_takeover(const LoadSettings& settings, Results& results) {
  Pair pair(settings.bindings);
  pair.start(0);
  Ticks alone;
  // Without the other one it waits for the set to come, and serves then.
  pair.run_until(0, alone, [&] { return pair[0].agent().serving(); });
  Updates updates(pair[0], false);
  updates.run(settings.bindings, settings.bindings, 0, 1);
  pair.start(1);
  Ticks booting;
  pair.run_until(1, booting, [&] {
    return pair[1].agent().serving() && pair[1].agent().bindings().global() == settings.bindings;
  });
  Rate rate = rate_of("global-bindings", booting, settings.bindings, 700'000, 1'200'000);
  results.rates.push_back(std::move(rate));
  results.takeover_seconds = booting.seconds();
  const double hz = static_cast<double>(rte_get_tsc_hz());
  results.longest_step_ms =
      1000 * static_cast<double>(std::max(booting.longest, pair.other().longest)) / hz;
}

}  // namespace

Results run_loads(const LoadSettings& settings) {
  Results results;
  measure_updates(settings, false, results);
  measure_updates(settings, true, results);
  measure_takeover(settings, results);
  return results;
}

}  // namespace anyhome::bench
