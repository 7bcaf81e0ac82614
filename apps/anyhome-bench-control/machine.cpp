#include "apps/anyhome-bench-control/machine.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <variant>

#include <fmt/format.h>

#include "apps/anyhomed/bring_nearer.h"

namespace anyhome::bench {
namespace {

// Of the control loop, after each round.
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
  carry_out();
  effects_.clear();
  agent_->set_able(now, true, effects_);
  carry_out();
}

void Machine::prepare(std::span<const Punted> packets) const {
  bring_nearer(packets, *agent_, *tables_);
}

void Machine::receive(const Now& now, const Punted& packet) {
  effects_.clear();
  agent_->on_packet(now, packet.metadata, packet.bytes.subspan(packet.metadata.link_header),
                    effects_);
  carry_out();
}

void Machine::on_timer(const Now& now) {
  const auto deadline = agent_->next_deadline();
  if (deadline && *deadline <= now.instant) {
    effects_.clear();
    agent_->on_timer(now, effects_);
    carry_out();
  }
}

void Machine::maintain() { tables_->maintain(kMaintenance); }

void Machine::carry_out() {
  bring_nearer(effects_, *tables_);
  for (const control::Effect& effect : effects_.list()) {
    std::visit(
        [&](const auto& one) {
          using T = std::decay_t<decltype(one)>;
          if constexpr (std::is_same_v<T, control::SendPacket>) {
            sent_.add(effects_.bytes(one));
          } else if constexpr (!std::is_same_v<T, control::ForwardPacket> &&
                               !std::is_same_v<T, control::Note>) {
            if (!tables_->apply(forwarding::ForwardingUpdate(one))) {
              throw std::runtime_error("the tables are too small for the load");
            }
          }
        },
        effect);
  }
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
