// What a binding costs a control core, measured on the real heap.
#pragma once

#include <cstddef>

namespace anyhome::sim {

struct MemoryCost {
  double empty = 0;        // bytes of a control core without bindings
  double per_binding = 0;  // bytes more for each global binding
};

// A home agent of a set of `pops` is given bindings by a peer's State Synchronization messages.
MemoryCost measure_memory(unsigned pops);

}  // namespace anyhome::sim
