// Which next hop each slot of a multipath group belongs to.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/pipeline/entry.h"

namespace anyhome::dataplane {

struct MultipathMember {
  unsigned weight = 1;  // at least 1
  bool usable = true;
};

struct SlotLayout {
  std::uint32_t used = 0;
  std::array<std::uint8_t, kMultipathSlots> member{};  // index into the members
};

// 1..kMultipathSlots members, at least one usable. Slots are shared out by weight as if all were
// usable, as many as keep the shares exact where 15 slots can; then those of unusable members go to
// the least loaded usable ones. So a next hop that fails moves its own flows and no others, and
// they come back to it when it does.
SlotLayout lay_out(std::span<const MultipathMember> members);

}  // namespace anyhome::dataplane
