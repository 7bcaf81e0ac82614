// What became of every data packet.
//
// A packet is followed by its number from its sender to wherever its copies end: each is delivered,
// or dropped for a reason that has a name. A copy that ends in neither way is a fault of what is
// being simulated, or of the simulator.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/time.h"
#include "test/sim/packet.h"

namespace anyhome::sim {

class Ledger {
 public:
  struct Entry {
    Instant sent;
    std::uint32_t flow = 0;
    std::uint16_t alive = 0;      // copies under way
    std::uint16_t delivered = 0;  // copies that arrived
  };

  DataId send(Instant now, std::uint32_t flow) {
    entries_.push_back({now, flow, 1, 0});
    ++alive_;
    return entries_.size() - 1;
  }
  // The network has made another copy.
  void duplicate(DataId id) {
    if (Entry* entry = find(id)) {
      ++entry->alive;
      ++alive_;
    }
  }
  // False: there was no copy under way that could have arrived.
  bool deliver(DataId id) { return end(id, true); }
  bool lose(DataId id, std::string_view reason) {
    if (!end(id, false)) {
      return false;
    }
    ++lost_[std::string(reason)];
    recent_.push_back({id, std::string(reason)});
    return true;
  }

  struct Loss {
    DataId id = 0;
    std::string reason;
  };
  // What was lost since the last call.
  std::vector<Loss> take_losses() { return std::exchange(recent_, {}); }

  [[nodiscard]] const Entry* at(DataId id) const {
    return id < entries_.size() ? &entries_[id] : nullptr;
  }
  [[nodiscard]] std::uint64_t sent() const { return entries_.size(); }
  [[nodiscard]] std::uint64_t delivered() const { return delivered_; }
  [[nodiscard]] std::uint64_t alive() const { return alive_; }
  // By reason.
  [[nodiscard]] const std::map<std::string, std::uint64_t>& lost() const { return lost_; }
  // The first packet with a copy that ended nowhere; only to be asked when nothing is under way.
  [[nodiscard]] std::optional<DataId> unaccounted() const {
    for (DataId id = 0; id < entries_.size(); ++id) {
      if (entries_[id].alive != 0) {
        return id;
      }
    }
    return std::nullopt;
  }

 private:
  Entry* find(DataId id) { return id < entries_.size() ? &entries_[id] : nullptr; }
  bool end(DataId id, bool delivered) {
    Entry* entry = find(id);
    if (entry == nullptr || entry->alive == 0) {
      return false;
    }
    --entry->alive;
    --alive_;
    if (delivered) {
      ++entry->delivered;
      ++delivered_;
    }
    return true;
  }

  std::vector<Entry> entries_;
  std::map<std::string, std::uint64_t> lost_;
  std::vector<Loss> recent_;
  std::uint64_t alive_ = 0;
  std::uint64_t delivered_ = 0;
};

}  // namespace anyhome::sim
