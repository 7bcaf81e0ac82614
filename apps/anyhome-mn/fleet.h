// Many mobile nodes behind one care-of address (RFC 6275 allows it: bindings are keyed by home
// address), for signalling load. Node i has the first one's home address and prefixes counted up by
// i. One node is the usual case and costs nothing more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "apps/anyhome-mn/mobile_node.h"
#include "apps/anyhome-mn/settings.h"
#include "apps/anyhome-mn/statistics.h"
#include "common/address.h"
#include "common/time.h"

namespace anyhome::mobile {

struct FleetSettings {
  Settings first;  // "{}" in its identifier becomes i
  std::uint32_t count = 1;
  double registrations_per_second = 0;  // 0: all at once
};

// The address or prefix `steps` further on; a prefix counts in its own size.
Ipv6Address counted_up(const Ipv6Address& first, std::uint32_t steps);
Prefix counted_up(const Prefix& first, std::uint32_t steps);

class Fleet {
 public:
  Fleet(const FleetSettings& settings, std::uint64_t seed);

  // These start with the first node and go on at the configured rate; a later one replaces an
  // earlier one that has not reached all nodes.
  void attach(Now now, const CareOfAddress& care_of, std::size_t access_mtu, Effects& effects);
  void register_now(Now now, Effects& effects);
  void deregister(Now now, Effects& effects);

  void on_network_packet(Now now, ByteView packet, Effects& effects);
  void on_host_packet(Now now, ByteView packet, Effects& effects);
  void on_timer(Now now, Effects& effects);
  [[nodiscard]] std::optional<Instant> next_deadline() const;

  [[nodiscard]] std::span<const MobileNode> nodes() const { return nodes_; }
  // The last command has reached every node, and every node is where it wanted to be.
  [[nodiscard]] bool settled() const;
  [[nodiscard]] std::size_t count_in(State state) const;
  [[nodiscard]] Counters total() const;
  [[nodiscard]] const Statistics& statistics() const { return statistics_; }

 private:
  enum class Command : std::uint8_t {
    Attach,
    Register,
    Deregister,
  };
  struct Sweep {
    Command command;
    Instant started;
    std::uint32_t next = 0;
  };

  void sweep(Now now, Effects& effects);
  [[nodiscard]] Instant sweep_due(const Sweep& sweep) const;
  template <class Action>
  void act(std::uint32_t index, Effects& effects, Action action);
  void reschedule(std::uint32_t index);
  [[nodiscard]] std::optional<std::uint32_t> node_with_home(const Ipv6Address& address) const;
  [[nodiscard]] std::optional<std::uint32_t> owner_of(const Ipv6Address& address) const;
  [[nodiscard]] std::optional<std::uint32_t> addressee(const Received& received) const;
  [[nodiscard]] std::optional<std::uint32_t> addressee_of_icmpv6(const Received& received) const;

  Settings first_;
  double rate_;
  std::vector<MobileNode> nodes_;
  std::vector<std::optional<Instant>> deadlines_;  // per node, as in `queue_`
  std::set<std::pair<Instant, std::uint32_t>> queue_;
  std::set<std::uint32_t> discovering_;
  std::optional<Sweep> sweep_;
  CareOfAddress care_of_;
  std::size_t access_mtu_ = 0;
  Counters stray_;  // packets of no node
  Statistics statistics_;
};

}  // namespace anyhome::mobile
