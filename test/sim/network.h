// The network between POPs, mobile nodes and correspondents: it loses, duplicates, delays, reorders
// and cuts, by chance out of one seed.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>
#include <utility>
#include <vector>

#include "common/time.h"
#include "test/sim/address_plan.h"
#include "test/sim/data_plane.h"
#include "test/sim/event_queue.h"
#include "test/sim/history.h"
#include "test/sim/ledger.h"
#include "test/sim/packet.h"
#include "test/sim/random.h"
#include "test/sim/topology.h"

namespace anyhome::sim {

// What happens to packets of one kind of path.
struct PathQuality {
  double loss = 0;       // share of packets that vanish
  double duplicate = 0;  // share of packets that arrive twice
  Duration jitter{};     // added, by chance; more than the distance of two packets reorders them
};

enum class EndKind : std::uint8_t {
  Pop,
  Site,  // mobile nodes and correspondents; which one follows from the destination address
};

struct End {
  EndKind kind = EndKind::Site;
  std::uint32_t index = 0;
  friend bool operator==(const End&, const End&) = default;
};

// A packet under way.
struct Transit {
  Packet packet;
  End from;
  End to;
  Port port = Port::Internet;  // it comes in on, at a POP
};

// A member of the set that is not as it should be.
struct PeerFault {
  // Gets and sends HELLOs, but no State Synchronization at all.
  bool deaf = false;
  // Share of SS-REPs to it that lose one binding on the way: it acknowledges only the others.
  double forgets = 0;
};

class Network {
 public:
  Network(Topology& topology, EventQueue& queue, Ledger& ledger, History& history, Random random);

  PathQuality haha;      // between locators
  PathQuality internet;  // everything else

  void send(Instant now, End from, Packet packet);
  // The packet of an Arrival event; its slot is free afterwards.
  Transit take(std::uint32_t slot);

  // Links between two POPs, one direction each.
  void cut(PopIndex from, PopIndex to, bool cut);
  [[nodiscard]] bool is_cut(PopIndex from, PopIndex to) const {
    return cuts_[from * topology_.pops() + to];
  }
  PeerFault& fault(PopIndex pop) { return faults_[pop]; }
  // Every impairment ends.
  void heal();
  [[nodiscard]] bool perfect() const;
  // The longest a packet of a HAHA link may take.
  [[nodiscard]] Duration longest_link_delay() const;

  // A data packet's copy ends here.
  void lose(Instant now, const Packet& packet, std::string_view reason);

 private:
  struct Route {
    End to;
    Duration delay{};
    const PathQuality* quality = nullptr;
    Port port = Port::Internet;
  };
  [[nodiscard]] std::expected<Route, std::string_view> route(const End& from,
                                                             const Ipv6Address& destination) const;
  bool tamper(Packet& packet, const Route& route);
  void deliver(Instant at, const Transit& transit);

  Topology& topology_;
  EventQueue& queue_;
  Ledger& ledger_;
  History& history_;
  Random random_;
  std::vector<Transit> slots_;
  std::vector<std::uint32_t> free_;
  std::vector<bool> cuts_;
  std::vector<PeerFault> faults_;
};

}  // namespace anyhome::sim
