#include "test/sim/mobile.h"

#include <algorithm>
#include <utility>

#include "test/sim/address_plan.h"

namespace anyhome::sim {
namespace {

// Of outer packets on every access network, in bytes.
constexpr std::size_t kAccessMtu = 1500;

}  // namespace

void Mobile::sort(mobile::Effects& effects, MobileOutput& output) {
  for (mobile::Effect& effect : effects) {
    if (auto* sent = std::get_if<mobile::SendToNetwork>(&effect)) {
      output.sent_data = output.sent_data || find_data(sent->packet).has_value();
      output.sent.push_back({std::move(sent->packet)});
    } else if (const auto* delivered = std::get_if<mobile::DeliverToHost>(&effect)) {
      if (const auto data = find_data(delivered->packet)) {
        output.delivered = data;
      }
    } else {
      output.events.push_back(std::get<mobile::Event>(effect));
    }
  }
}

void Mobile::move(const Now& now, unsigned network, Duration linger, MobileOutput& output) {
  std::erase_if(lingering_, [&](const Lingering& old) { return old.until <= now.instant; });
  if (network_ && linger > Duration::zero()) {
    lingering_.push_back({plan::care_of(*network_, index_), now.instant + linger});
  }
  network_ = network;
  mobile::Effects effects;
  node_.attach(now, plan::care_of(network, index_), kAccessMtu, effects);
  sort(effects, output);
}

void Mobile::restart(const Now& now, const mobile::Settings& settings, std::uint64_t seed,
                     MobileOutput& output) {
  node_ = mobile::MobileNode(settings, seed);
  if (network_) {
    move(now, *network_, {}, output);
  }
}

bool Mobile::reachable_at(const Ipv6Address& care_of, Instant now) const {
  if (network_ && plan::care_of(*network_, index_).address() == care_of) {
    return true;
  }
  return std::ranges::any_of(lingering_, [&](const Lingering& old) {
    return old.care_of.address() == care_of && old.until > now;
  });
}

void Mobile::receive(const Now& now, ByteView packet, MobileOutput& output) {
  mobile::Effects effects;
  node_.on_network_packet(now, packet, effects);
  sort(effects, output);
}

void Mobile::send(const Now& now, ByteView packet, MobileOutput& output) {
  mobile::Effects effects;
  node_.on_host_packet(now, packet, effects);
  sort(effects, output);
}

void Mobile::on_timer(const Now& now, MobileOutput& output) {
  mobile::Effects effects;
  node_.on_timer(now, effects);
  sort(effects, output);
}

void Mobile::deregister(const Now& now, MobileOutput& output) {
  mobile::Effects effects;
  node_.deregister(now, effects);
  sort(effects, output);
}

void Mobile::register_now(const Now& now, MobileOutput& output) {
  mobile::Effects effects;
  node_.register_now(now, effects);
  sort(effects, output);
}

std::string_view Mobile::reason_since(const mobile::Counters& before) const {
  for (const mobile::CounterInfo& info : mobile::kCounters) {
    if (info.name.starts_with("drop-") && node_.counters()[info.counter] != before[info.counter]) {
      return info.name;
    }
  }
  return {};
}

}  // namespace anyhome::sim
