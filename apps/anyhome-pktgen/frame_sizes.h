// Frame sizes, alone and in mixes.
//
// A size is that of the user's Ethernet frame with its checksum (FCS), as in RFC 2544 and in CSIT's
// reports; a tunnel header comes on top. The smallest frame that holds IPv6, UDP and our mark
// is 78.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "apps/anyhome-pktgen/ethernet.h"
#include "apps/anyhome-pktgen/random.h"

namespace anyhome::pktgen {

inline constexpr std::uint16_t kMinFrame = 78;
inline constexpr std::uint16_t kMaxFrame = 9018;

struct WeightedSize {
  std::uint16_t bytes = kMinFrame;
  std::uint32_t weight = 1;
  friend bool operator==(const WeightedSize&, const WeightedSize&) = default;
};

class FrameSizes {
 public:
  FrameSizes() : FrameSizes({WeightedSize{}}, "78") {}

  // "78", "imix", or sizes with weights "78=7,570=4,1518=1". An error says what would be right.
  static std::expected<FrameSizes, std::string> parse(std::string_view text);

  [[nodiscard]] const std::vector<WeightedSize>& sizes() const { return sizes_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::uint16_t largest() const;
  [[nodiscard]] double mean() const;

  // Index into sizes().
  std::size_t choose(Random& random) const {
    if (sizes_.size() == 1) {
      return 0;
    }
    std::uint64_t at = random.below(total_);
    std::size_t i = 0;
    while (at >= sizes_[i].weight) {
      at -= sizes_[i++].weight;
    }
    return i;
  }

  friend bool operator==(const FrameSizes&, const FrameSizes&) = default;

 private:
  FrameSizes(std::vector<WeightedSize> sizes, std::string name);

  std::vector<WeightedSize> sizes_;
  std::string name_;
  std::uint64_t total_ = 0;
};

}  // namespace anyhome::pktgen
