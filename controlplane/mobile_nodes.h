// The mobile nodes an operator has named, found by home address.
#pragma once

#include <cstdint>
#include <vector>

#include "common/config/config.h"
#include "controlplane/address_index.h"

namespace anyhome::control {

class MobileNodes {
 public:
  explicit MobileNodes(const std::vector<config::MobileNode>& nodes)
      : nodes_(nodes), index_(nodes.size()) {
    for (std::uint32_t i = 0; i < nodes.size(); ++i) {
      index_.insert(nodes[i].home_address.address(), i);
    }
  }

  [[nodiscard]] const config::MobileNode* find(const HomeAddress& home_address) const {
    const auto slot = index_.find(
        home_address.address(),
        [this](std::uint32_t i) -> const Ipv6Address& { return nodes_[i].home_address.address(); });
    return slot ? &nodes_[*slot] : nullptr;
  }

 private:
  const std::vector<config::MobileNode>& nodes_;
  AddressIndex index_;
};

}  // namespace anyhome::control
