#include "apps/anyhome-bench-control/machine.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "common/wire/ipv6.h"

namespace anyhome::bench {
namespace {

// As the control loop of the daemon does after each round.
constexpr unsigned kPacketsPerRound = 64;
constexpr std::uint32_t kMaintenance = 512;

}  // namespace

Machine::Machine(const config::HomeAgent& config, const Now& now) : config_(config) {
  qsbr_.reset(static_cast<rte_rcu_qsbr*>(rte_zmalloc("qsbr", rte_rcu_qsbr_get_memsize(1), 64)));
  if (qsbr_ == nullptr || rte_rcu_qsbr_init(qsbr_.get(), 1) != 0) {
    throw std::runtime_error("no memory for the quiescent-state variable");
  }
  static unsigned number = 0;
  dataplane::TableSetup setup;
  setup.name = fmt::format("control{}", number++);
  setup.sizes.max_bindings = config_.max_bindings;
  setup.sizes.max_prefixes = 16;
  setup.sizes.max_prefixes_outside_pools = 16;
  setup.sizes.max_routes = 64;
  setup.sizes.max_neighbors = 64;
  setup.ports = {{{2, 0, 0, 0, 1, 0}, std::nullopt, 1500}};
  setup.home_prefixes = config_.home_prefixes;
  setup.qsbr = qsbr_.get();
  setup.socket = -1;
  setup.hash_seed = number;
  auto tables = dataplane::ForwardingTables::create(setup);
  if (!tables) {
    throw std::runtime_error(tables.error());
  }
  tables_ = std::move(*tables);
  agent_ = std::make_unique<control::HomeAgent>(config_, now, number, 1'800'000'000 + number);
}

void Machine::start(const Now& now) {
  effects_.clear();
  agent_->start(now, effects_);
  carry_out(now, nullptr);
  effects_.clear();
  agent_->set_able(now, true, effects_);
  carry_out(now, nullptr);
}

void Machine::prepare(std::span<const ByteView> packets) const {
  std::vector<HomeAddress> home_addresses;
  for (const ByteView packet : packets) {
    if (const auto home_address = control::HomeAgent::likely_home_address(packet)) {
      home_addresses.push_back(*home_address);
    }
  }
  agent_->prefetch(home_addresses);
  std::as_const(*tables_).prefetch(home_addresses);
}

unsigned Machine::receive(const Now& now, ByteView packet,
                          std::deque<std::vector<std::byte>>* between) {
  effects_.clear();
  agent_->on_packet(now, {}, packet, effects_);
  return carry_out(now, between);
}

unsigned Machine::on_timer(const Now& now, std::deque<std::vector<std::byte>>* between) {
  effects_.clear();
  agent_->on_timer(now, effects_);
  return carry_out(now, between);
}

unsigned Machine::carry_out(const Now& now, std::deque<std::vector<std::byte>>* between) {
  (void)now;
  unsigned sent = 0;
  std::vector<HomeAddress>& changed = changed_;
  changed.clear();
  for (const control::Effect& effect : effects_.list()) {
    if (const auto* set = std::get_if<forwarding::SetBinding>(&effect)) {
      changed.push_back(set->home_address);
    }
  }
  if (changed.size() > 1) {  // of a State Synchronization message
    std::as_const(*tables_).prefetch(changed);
  }
  for (const control::Effect& effect : effects_.list()) {
    std::visit(
        [&](const auto& one) {
          using T = std::decay_t<decltype(one)>;
          if constexpr (std::is_same_v<T, control::SendPacket>) {
            ++sent;
            if (between != nullptr) {
              const ByteView bytes = effects_.bytes(one);
              between->emplace_back(bytes.begin(), bytes.end());
            }
          } else if constexpr (std::is_same_v<T, control::ForwardPacket> ||
                               std::is_same_v<T, control::Note>) {
            return;
          } else if (!tables_->apply(forwarding::ForwardingUpdate(one))) {
            throw std::runtime_error("the tables are too small for the load");
          }
        },
        effect);
  }
  if (++since_maintenance_ == kPacketsPerRound) {
    since_maintenance_ = 0;
    tables_->maintain(kMaintenance);
  }
  return sent;
}

std::size_t Machine::binding_table_bytes() const {
  constexpr std::string_view kNames[] = {"bindings", "former-care-of-addresses", "entries", "keys",
                                         "reclaim-backlog"};
  std::size_t bytes = 0;
  for (const dataplane::TableFill& fill : tables_->report()) {
    bytes += std::ranges::find(kNames, fill.name) != std::end(kNames) ? fill.bytes : 0;
  }
  return bytes;
}

}  // namespace anyhome::bench
