// Binding Updates: RFC 6275 §10.3 and RFC 3963 §6, in the order of protocol digest §7.1.
//
// A Binding Update runs through a list of rules, each one a function that says "go on", "discard
// silently" or "answer with this status". The lists at the top of registration.cpp read like the
// documents; the first rule that objects decides.
#pragma once

#include <vector>

#include "controlplane/core.h"

namespace anyhome::control {

// A received Binding Update, taken apart.
struct Update {
  Now now;
  const wire::BindingUpdate& message;
  ByteView mobility_header;
  Ipv6Address source;  // of the IPv6 header
  bool has_home_address_option = false;
  HomeAddress home_address;
  CareOfAddress care_of_address;
  std::uint32_t security_association = 0;
  std::uint16_t peer = forwarding::kNoPeer;  // the home agent that forwarded it over its HAHA link

  // Filled in on the way.
  Binding* entry = nullptr;  // registered or remembered, when there is one
  ReplyProtection protection;
  std::vector<Prefix> prefixes;  // to be forwarded (RFC 3963), empty for a mobile host

  [[nodiscard]] bool removes() const {  // RFC 6275 §10.3.1: lifetime 0, or at home
    return message.lifetime.is_zero() || care_of_address.address() == home_address.address();
  }
  [[nodiscard]] bool has(std::uint16_t flag) const { return message.has(flag); }
  [[nodiscard]] bool registered() const { return entry != nullptr && entry->registered(); }
};

// Processes one Binding Update sent to our home agent address.
void process_binding_update(Core& core, Update update, Effects& effects);

// The timer of a binding fired: expiry, a Binding Refresh Request, or the end of a memory.
void binding_timer(Core& core, BindingSlot slot, const Now& now, Effects& effects);

// A forwarding table refused an effect of the last event. If that was a registration, it is undone
// as a whole and answered by status 130; the effects still to come from it must not be carried out.
// False: it was something else, and is tried again if it was a global binding.
bool undo_refused_update(Core& core, const Now& now, const forwarding::ForwardingUpdate& refused,
                         Effects& effects);

// Ends a binding by an operator's wish; false when there is none.
bool remove_binding(Core& core, const HomeAddress& home_address, const Now& now, Effects& effects);

// A lowered path MTU for the tunnel of a binding (RFC 2473 §7.1, RFC 8201 §4).
void lower_path_mtu(Core& core, Binding& binding, std::uint16_t path_mtu, const Now& now,
                    Effects& effects);

}  // namespace anyhome::control
