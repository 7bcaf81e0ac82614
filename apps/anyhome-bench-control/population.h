// Mobile nodes and home agents of the loads, by number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <vector>

#include "apps/anyhome-mn/effects.h"
#include "common/address.h"
#include "common/bytes.h"
#include "common/config/config.h"
#include "common/sequence.h"
#include "common/wire/mobility.h"

namespace anyhome::bench {

// Each mobile node has its own home address, care-of address and key.
HomeAddress home_of(std::uint64_t number);
std::uint64_t number_of(const HomeAddress& home_address);
std::vector<std::byte> key_of(std::uint64_t number);

struct UpdateSpec {
  std::uint64_t number = 0;
  unsigned where = 0;  // another one is another care-of address
  std::uint16_t sequence = 0;
  bool secure = false;  // RFC 4285
};
// To home agent 0.
mobile::Bytes make_update(const UpdateSpec& spec, unsigned member = 0);

// A Binding Acknowledgement on its way to a mobile node; nullopt: another packet.
struct Answer {
  std::uint64_t number = 0;
  std::uint16_t sequence = 0;
  wire::BindingStatus status = wire::BindingStatus::Accepted;
};
std::optional<Answer> read_answer(ByteView packet);

// A home agent by itself, and one of two.
config::HomeAgent single_config(std::uint32_t max_bindings);
config::HomeAgent member_config(unsigned own, std::uint32_t max_bindings);
// Knows the keys of so many mobile nodes.
void authenticate(config::HomeAgent& config, std::uint32_t mobile_nodes);

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

}  // namespace anyhome::bench
