#include "controlplane/registration_rules.h"

namespace anyhome::control {
namespace {

using wire::BindingStatus;

// ---- Validity (protocol digest §7.1, steps 2 to 10) -----------------------------------------

// Step 2. RFC 6275 §9.5.1.
Step source_is_unicast(Core&, Update& update) {
  if (update.source.is_multicast() || update.source.is_unspecified() ||
      update.source.is_loopback()) {
    return Step::discard(ControlCounter::UpdateSourceNotUnicast);
  }
  return Step::go_on();
}

// Step 4. RFC 6275 §9.5.1. Comes before authentication here, which is by home address.
Step home_address_is_routable(Core&, Update& update) {
  if (!update.home_address.address().is_unicast_routable()) {
    return Step::discard(ControlCounter::UpdateHomeAddressNotRoutable);
  }
  return Step::go_on();
}

// Step 5. RFC 6275 §6.1.7.
Step care_of_address_is_routable(Core&, Update& update) {
  if (!update.care_of_address.address().is_unicast_routable()) {
    return Step::discard(ControlCounter::UpdateCareOfNotRoutable);
  }
  return Step::go_on();
}

// Step 3. RFC 6275 §5.1, RFC 4285 §5.
Step is_authentic(Core& core, Update& update) {
  const Timestamp floor = update.entry != nullptr ? update.entry->version.time : Timestamp{};
  const auto result = core.authenticator->verify(
      update.now, {update.message, update.mobility_header, update.home_address,
                   update.care_of_address, update.security_association, floor});
  if (const auto* accepted = std::get_if<Authenticated>(&result)) {
    update.protection = accepted->reply;
    return Step::go_on();
  }
  if (const auto* rejected = std::get_if<AuthenticationRejected>(&result)) {
    update.protection = rejected->reply;
    // An answer to what anybody could have sent is limited like an error.
    if (rejected->status == BindingStatus::AuthenticationFailed &&
        !core.binding_errors.take(update.now.instant)) {
      return Step::discard(ControlCounter::BindingErrorsLimited);
    }
    return Step::reject(rejected->status);
  }
  return Step::discard(ControlCounter::UpdateUnauthenticated);
}

// Step 6. RFC 6275 §10.3.1: must not be in a home registration.
Step has_no_nonce_indices(Core&, Update& update) {
  if (update.has(wire::bu_flag::kHomeRegistration) && update.message.options.nonce_indices) {
    return Step::discard(ControlCounter::UpdateNonceIndices);
  }
  return Step::go_on();
}

// Step 7. RFC 6275 §9.5.1, and the memory that the authenticator keeps beyond a binding's life.
Step sequence_is_newer(Core& core, Update& update) {
  const auto remembered = last_sequence(core, update);
  if (remembered && !update.message.sequence.is_newer_than(*remembered)) {
    return Step::reject(BindingStatus::SequenceOutOfWindow);
  }
  return Step::go_on();
}

// With timestamps, authentication has refused what is older than the registration at the peer
// (rulings §9).
bool is_known_to_be_new(const Core& core) {
  return core.config.authentication == config::Authentication::Rfc4285 &&
         core.config.replay_protection == config::ReplayProtection::Timestamp;
}

// Rulings §6: what comes from a mobile node that has just registered at a peer was delayed, unless
// it can be dated. Its de-registration does no harm; with its new primary dead it may come back at
// once.
Step is_not_of_a_former_mobile_node(Core& core, Update& update) {
  if (update.entry == nullptr || !update.entry->global() || update.removes() ||
      is_known_to_be_new(core)) {
    return Step::go_on();
  }
  const auto former = core.formers.find(core.bindings.slot_of(*update.entry));
  const bool fresh = former != core.formers.end() && update.now.instant < former->second.until &&
                     core.members.of_rank(former->second.successor).up;
  return fresh ? Step::reject(BindingStatus::SequenceOutOfWindow) : Step::go_on();
}

// Step 8. RFC 6275 §9.5.1: bindings here are home registrations, all of them.
Step registration_type_is_the_same(Core&, Update& update) {
  if (update.registered() && !update.has(wire::bu_flag::kHomeRegistration)) {
    return Step::reject(BindingStatus::RegistrationTypeChangeDisallowed);
  }
  return Step::go_on();
}

// Step 10, before step 9 or it could not be reached. RFC 3963 §4.1: R only together with H.
Step mobile_router_registers_at_home(Core&, Update& update) {
  if (update.has(wire::bu_flag::kMobileRouter) && !update.has(wire::bu_flag::kHomeRegistration)) {
    return Step::reject(BindingStatus::MobileRouterOperationNotPermitted);
  }
  return Step::go_on();
}

// Step 9. A home agent is no correspondent node.
Step is_home_registration(Core&, Update& update) {
  if (!update.has(wire::bu_flag::kHomeRegistration)) {
    return Step::discard(ControlCounter::UpdateCorrespondent);
  }
  return Step::go_on();
}

// ---- De-registration ------------------------------------------------------------------------

// Protocol digest §7.4. RFC 6275 §10.3.2.
Step has_binding_to_remove(Core&, Update& update) {
  return update.registered() ? Step::go_on()
                             : Step::reject(BindingStatus::NotHomeAgentForMobileNode);
}

// ---- Registration (steps 12 to 19) ----------------------------------------------------------

// Step 12. Draft §5.1 (R5): not before the home agent is ready; what is registered stays so.
Step serves_registrations(Core& core, Update& update) {
  if (!core.serving() && !update.registered()) {
    return Step::reject(BindingStatus::HomeRegistrationNotSupported);
  }
  return Step::go_on();
}

// Step 13. RFC 6275 §10.3.1; RFC 4887 §5.3 for a home address out of a mobile network prefix.
Step home_address_is_on_home_subnet(Core& core, Update& update) {
  const Ipv6Address& home = update.home_address.address();
  if (!core.in_home_prefix(home) && !(core.config.nemo && core.in_nemo_pool(home))) {
    return Step::reject(BindingStatus::NotHomeSubnet);
  }
  const auto valid_until = core.prefix_end(core.config.prefix_valid_lifetime);
  if (valid_until && *valid_until - update.now.instant < Duration(Lifetime::kUnit)) {
    return Step::reject(BindingStatus::NotHomeSubnet);
  }
  return Step::go_on();
}

// Step 14. RFC 6275 §10.3.1: the option must be there when the mobile node is away from home.
Step has_home_address_option(Core&, Update& update) {
  return update.has_home_address_option ? Step::go_on()
                                        : Step::reject(BindingStatus::ReasonUnspecified);
}

// Step 5, second half (our choice): a care-of address inside a home prefix would be a tunnel into
// ourselves.
Step care_of_address_is_away(Core& core, Update& update) {
  const Ipv6Address& care_of = update.care_of_address.address();
  if (core.in_home_prefix(care_of) || core.in_nemo_pool(care_of) ||
      core.bindings.owner_of_address(care_of) != nullptr ||
      (core.config.locator && core.config.locator->address() == care_of)) {
    return Step::reject(BindingStatus::InvalidCareOfAddress);
  }
  return Step::go_on();
}

// Step 15. RFC 5213 §8.9: proxy registrations are another service.
Step is_no_proxy_registration(Core&, Update& update) {
  return update.has(wire::bu_flag::kProxy)
             ? Step::reject(BindingStatus::ProxyRegistrationNotEnabled)
             : Step::go_on();
}

// Step 15. Policy: with a list of mobile nodes, only those.
Step mobile_node_is_known(Core& core, Update& update) {
  if (core.config.only_known_mobile_nodes &&
      core.mobile_nodes.find(update.home_address) == nullptr) {
    return Step::reject(BindingStatus::AdministrativelyProhibited);
  }
  return Step::go_on();
}

// Step 15. Resources. What is only remembered takes memory too: as much again, and no more.
Step there_is_room(Core& core, Update& update) {
  const bool held = update.entry != nullptr && update.entry->live();
  const std::size_t limit = core.config.max_bindings;
  if ((!held && core.bindings.live() >= limit) ||
      (update.entry == nullptr && core.bindings.entries() >= 2 * limit)) {
    return Step::reject(BindingStatus::InsufficientResources);
  }
  return Step::go_on();
}

// Step 16. RFC 3963 §6.2: host or router for the whole life of a binding.
Step router_flag_is_the_same(Core&, Update& update) {
  if (update.registered() &&
      ((update.entry->flags ^ update.message.flags) & wire::bu_flag::kMobileRouter) != 0) {
    return Step::reject(BindingStatus::RegistrationTypeChangeDisallowed);
  }
  return Step::go_on();
}

// RFC 3963 §4.2: a home agent without NEMO says so.
Step mobile_routers_are_served(Core& core, Update& update) {
  if (update.has(wire::bu_flag::kMobileRouter) && !core.config.nemo) {
    return Step::reject(BindingStatus::MobileRouterOperationNotPermitted);
  }
  return Step::go_on();
}

bool is_authorized(const Core& core, const config::MobileNode* node, const Prefix& prefix) {
  if (node != nullptr && std::ranges::find(node->prefixes, prefix) != node->prefixes.end()) {
    return true;
  }
  return core.config.nemo_any_prefix &&
         std::ranges::any_of(core.config.nemo_pools, [&](const config::NemoPool& pool) {
           return pool.pool.contains(prefix) && prefix.length() == pool.prefix_length;
         });
}

// Step 17. RFC 3963 §6.2, explicit mode: every prefix valid, authorized and free, or none.
Step explicit_prefixes_are_good(Core& core, Update& update) {
  const auto& listed = update.message.options.mobile_network_prefixes;
  if (!update.has(wire::bu_flag::kMobileRouter) || listed.empty()) {
    return Step::go_on();
  }
  if (listed.size() > core.config.max_prefixes_per_mobile_router) {
    return Step::reject(BindingStatus::InsufficientResources);
  }
  const config::MobileNode* node = core.mobile_nodes.find(update.home_address);
  for (const wire::MobileNetworkPrefix& raw : listed) {
    const auto prefix = raw.prefix();
    if (!prefix || prefix->length() == 0 || !prefix->address().is_unicast_routable()) {
      return Step::reject(BindingStatus::InvalidPrefix);
    }
    if (!is_authorized(core, node, *prefix)) {
      return Step::reject(BindingStatus::NotAuthorizedForPrefix);
    }
    if (std::ranges::find(update.prefixes, *prefix) == update.prefixes.end()) {
      update.prefixes.push_back(*prefix);
    }
  }
  return Step::go_on();
}

// Step 18. RFC 3963 §6.2, implicit mode: the prefixes are known here.
Step implicit_prefixes_are_known(Core& core, Update& update) {
  if (!update.has(wire::bu_flag::kMobileRouter) ||
      !update.message.options.mobile_network_prefixes.empty()) {
    return Step::go_on();
  }
  const config::MobileNode* node = core.mobile_nodes.find(update.home_address);
  if (node == nullptr || node->prefixes.empty()) {
    return Step::reject(BindingStatus::ForwardingSetupFailed);
  }
  update.prefixes = node->prefixes;
  return Step::go_on();
}

// RFC 3963 §6.1.2: a prefix that another mobile router uses cannot be forwarded twice.
Step prefixes_are_free(Core& core, Update& update) {
  std::size_t wanted = 0;
  for (const Prefix& prefix : update.prefixes) {
    const HomeAddress* owner = core.bindings.owner_of(prefix);
    if (owner != nullptr && !core.bindings.has_claim(prefix, update.home_address)) {
      // Who has named no prefix is told that its forwarding cannot be set up (RFC 3963 §4.2).
      return Step::reject(update.message.options.mobile_network_prefixes.empty()
                              ? BindingStatus::ForwardingSetupFailed
                              : BindingStatus::NotAuthorizedForPrefix);
    }
    wanted += owner == nullptr ? 1U : 0U;
  }
  if (core.bindings.prefixes() + wanted > core.config.max_prefixes) {
    return Step::reject(BindingStatus::InsufficientResources);
  }
  return Step::go_on();
}

// Step 19. The home link is virtual: the only addresses that can be duplicates are our own, and the
// subnet-router anycast addresses (RFC 4291 §2.6.1).
Step home_address_is_no_duplicate(Core& core, Update& update) {
  const Ipv6Address& home = update.home_address.address();
  const auto is_base = [&](const Prefix& prefix, unsigned length) {
    return length < Prefix::kMaxLength && prefix.contains(home) &&
           Prefix::mask(home, length) == home;
  };
  const bool anycast =
      std::ranges::any_of(core.config.home_prefixes,
                          [&](const Prefix& prefix) { return is_base(prefix, prefix.length()); }) ||
      std::ranges::any_of(core.config.nemo_pools, [&](const config::NemoPool& pool) {
        return is_base(pool.pool, pool.prefix_length);
      });
  const bool of_a_peer = std::ranges::any_of(core.config.haha.peers, [&](const config::Peer& peer) {
    return peer.address.address() == home;
  });
  if (anycast || of_a_peer || home == core.own_address() || core.is_discovery_address(home)) {
    return Step::reject(BindingStatus::DuplicateAddressDetectionFailed);
  }
  return Step::go_on();
}

// A14 (draft §5.5 against RFC 5142 §5): by default a mobile node that was asked to change
// and stays is served on.
Step stays_by_permission(Core& core, Update& update) {
  if (!core.config.haha.strict_switch || !update.registered()) {
    return Step::go_on();
  }
  const auto pending = core.switches.find(core.bindings.slot_of(*update.entry));
  return pending != core.switches.end() && pending->second.sent > 0
             ? Step::reject(BindingStatus::AdministrativelyProhibited)
             : Step::go_on();
}

constexpr Rule kValidity[] = {
    source_is_unicast,
    home_address_is_routable,
    care_of_address_is_routable,
    is_authentic,
    has_no_nonce_indices,
    sequence_is_newer,
    is_not_of_a_former_mobile_node,
    registration_type_is_the_same,
    mobile_router_registers_at_home,
    is_home_registration,
};

constexpr Rule kDeregistration[] = {
    has_binding_to_remove,
};

constexpr Rule kRegistration[] = {
    serves_registrations,       home_address_is_on_home_subnet,
    has_home_address_option,    care_of_address_is_away,
    is_no_proxy_registration,   mobile_node_is_known,
    stays_by_permission,        there_is_room,
    router_flag_is_the_same,    mobile_routers_are_served,
    explicit_prefixes_are_good, implicit_prefixes_are_known,
    prefixes_are_free,          home_address_is_no_duplicate,
};

}  // namespace

std::optional<SequenceNumber> last_sequence(const Core& core, const Update& update) {
  const Binding* entry = update.entry;
  // Of a global binding the number is another home agent's, unless we had the mobile node just now
  // (rulings §3, §6).
  if (entry != nullptr && (entry->registered() || update.now.instant < entry->sequence_until)) {
    return entry->sequence;
  }
  return core.authenticator->last_sequence(update.home_address);
}

std::span<const Rule> validity_rules() { return kValidity; }
std::span<const Rule> deregistration_rules() { return kDeregistration; }
std::span<const Rule> registration_rules() { return kRegistration; }

}  // namespace anyhome::control
