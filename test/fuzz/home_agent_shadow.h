// What the home agent's effects amount to: the forwarding tables as far as they can be known from
// what they were told, to be compared with what the home agent believes.
#pragma once

#include <map>
#include <optional>

#include "common/forwarding/forwarding_update.h"
#include "controlplane/home_agent.h"
#include "test/fuzz/target.h"

namespace anyhome::fuzz {

class Shadow {
 public:
  void apply(const forwarding::SetBinding& set) { bindings_[set.home_address.address()] = set; }
  void apply(const forwarding::RemoveBinding& remove) {
    require(bindings_.erase(remove.home_address.address()) == 1 || refused_ == remove.home_address,
            "only what is there is removed");
    std::erase_if(prefixes_, [&](const auto& p) { return p.second == remove.home_address; });
  }
  void apply(const forwarding::SetPrefix& set) {
    require(bindings_.contains(set.owner.address()) || refused_ == set.owner,
            "a prefix belongs to a binding");
    prefixes_[set.prefix] = set.owner;
  }
  void apply(const forwarding::RemovePrefix& remove) {
    require(prefixes_.erase(remove.prefix) == 1 || refused_.has_value(),
            "only a prefix that is there is removed");
  }
  void apply(const forwarding::SetPeer&) {}

  // The core cannot know whether a refusal left an older entry behind, and removes it in any case.
  // Of a global binding it tries again later (rulings §4).
  void refuse(const forwarding::SetBinding& set) {
    refused_ = set.home_address;
    global_refused_ = global_refused_ || set.kind == forwarding::BindingKind::Global;
  }
  void refuse(const forwarding::SetPrefix& set) {
    refused_ = set.owner;
    prefix_refused_ = true;
  }

  void compare(const control::HomeAgent& agent) const {
    std::size_t bound = 0;
    std::size_t global = 0;
    for (const auto& [address, set] : bindings_) {
      const control::Binding* binding = agent.bindings().find(HomeAddress(address));
      if (set.kind == forwarding::BindingKind::Bound) {
        ++bound;
        require(binding != nullptr && binding->registered(), "what the tables have is registered");
        require(binding->care_of_address.address() == set.tunnel_destination,
                "at the care-of address that they have");
      } else {
        ++global;
        require(global_refused_ || (binding != nullptr && binding->global()),
                "what the tables send to a peer is registered there");
      }
    }
    require(bound == agent.bindings().registered(), "what is registered is in the tables");
    require(global_refused_ || global == agent.bindings().global(), "and so is what peers have");
    require(prefix_refused_ || global_refused_ || prefixes_.size() == agent.bindings().prefixes(),
            "and so are the prefixes");
    require(bound <= agent.config().max_bindings, "there are not more bindings than allowed");
  }

 private:
  std::map<Ipv6Address, forwarding::SetBinding> bindings_;
  std::map<Prefix, HomeAddress> prefixes_;
  std::optional<HomeAddress> refused_;
  bool global_refused_ = false;
  bool prefix_refused_ = false;
};

}  // namespace anyhome::fuzz
