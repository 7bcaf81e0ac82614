#include "dataplane/tables/multipath.h"

#include <algorithm>
#include <numeric>

namespace anyhome::dataplane {

namespace {

using Shares = std::array<std::uint32_t, kMultipathSlots>;  // slots of each member

// 15 slots for weights that do not divide them: at least one each, then by largest remainder.
void share_inexactly(std::span<const MultipathMember> members, std::uint64_t total,
                     Shares& shares) {
  // Weighted slots that member i is short of, times `total`.
  const auto lacking = [&](std::size_t i) {
    return static_cast<std::int64_t>(std::uint64_t{members[i].weight} * kMultipathSlots) -
           static_cast<std::int64_t>(shares[i] * total);
  };
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < members.size(); ++i) {
    shares[i] = std::max(
        1U, static_cast<std::uint32_t>(std::uint64_t{members[i].weight} * kMultipathSlots / total));
    sum += shares[i];
  }
  for (; sum < kMultipathSlots; ++sum) {
    std::size_t most = 0;
    for (std::size_t i = 1; i < members.size(); ++i) {
      most = lacking(i) > lacking(most) ? i : most;
    }
    ++shares[most];
  }
  for (; sum > kMultipathSlots; --sum) {
    // Somebody has more than one slot: there are no more members than slots.
    std::size_t least = 0;
    for (std::size_t i = 1; i < members.size(); ++i) {
      least = shares[least] == 1 || (shares[i] > 1 && lacking(i) < lacking(least)) ? i : least;
    }
    --shares[least];
  }
}

Shares share_out(std::span<const MultipathMember> members) {
  unsigned divisor = members.front().weight;
  std::uint64_t total = 0;
  for (const MultipathMember& member : members) {
    divisor = std::gcd(divisor, member.weight);
    total += member.weight;
  }
  Shares shares{};
  if (total / divisor > kMultipathSlots) {
    share_inexactly(members, total, shares);
    return shares;
  }
  const auto times = static_cast<unsigned>(kMultipathSlots / (total / divisor));
  for (std::size_t i = 0; i < members.size(); ++i) {
    shares[i] = members[i].weight / divisor * times;
  }
  return shares;
}

}  // namespace

SlotLayout lay_out(std::span<const MultipathMember> members) {
  Shares load = share_out(members);
  SlotLayout layout;
  for (std::size_t i = 0; i < members.size(); ++i) {
    for (std::uint32_t n = 0; n < load[i]; ++n) {
      layout.member[layout.used++] = static_cast<std::uint8_t>(i);
    }
  }
  for (std::uint32_t slot = 0; slot < layout.used; ++slot) {
    if (members[layout.member[slot]].usable) {
      continue;
    }
    std::size_t heir = members.size();
    for (std::size_t i = 0; i < members.size(); ++i) {
      // (load + 1) / weight, compared without division.
      if (members[i].usable &&
          (heir == members.size() || std::uint64_t{load[i] + 1} * members[heir].weight <
                                         std::uint64_t{load[heir] + 1} * members[i].weight)) {
        heir = i;
      }
    }
    ++load[heir];
    layout.member[slot] = static_cast<std::uint8_t>(heir);
  }
  return layout;
}

}  // namespace anyhome::dataplane
