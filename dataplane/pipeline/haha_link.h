// HAHA links: the tunnels between the locators of home agents (draft §5.6, docs/protocol.md).
//
// What may come out of one (R107). The outer source is a peer's locator, the outer destination
// ours, the packet came from the wire, on a port for HAHA links, and the packet inside is for our
// home agent address or for an address that is served here. Anything else could be used to get
// around the checks at the edge.
//
// What may go into one. Native packets for a peer's home agent address, whatever they carry (R90a);
// packets for mobile nodes that are registered with a peer (R85). A packet that has come over a
// link goes into another one only on its way to a mobile node, never back to where it came from
// (R91), and at most three times (hop_class.h).
//
// A packet that was in a mobile node's reverse tunnel inside of the link starts anew: the mobile
// node sent it, we authenticated it, and the home agent whose link carried the tunnel only happened
// to be the nearest. It may go to that very home agent (R102). It cannot loop either, since each
// way through us takes one from its own hop limit.
#pragma once

#include "dataplane/pipeline/parse.h"
#include "dataplane/pipeline/pipeline.h"

namespace anyhome::dataplane {

// A tunnel packet to our locator; `inner_at` is where the packet inside starts.
template <Environment Env>
void Pipeline<Env>::enter_link_exit(W& work, std::size_t inner_at) {
  if (work.origin != Origin::Wire) {
    drop(work, DropReason::HahaNested);
    return;
  }
  const std::uint16_t peer = config_.peers.find(source_of(work));
  if (peer == forwarding::kNoPeer) {
    drop(work, DropReason::HahaStranger);
    return;
  }
  if (!reach_inner_header(work, inner_at) || !open_tunnel(work) || hand_off_linked_fragment(work)) {
    return;
  }
  work.peer = peer;
  work.link_hop_limit = std::to_integer<std::uint8_t>(work.ip[wire::ipv6_offset::kHopLimit]);
  if (!accept_inner(work, Origin::Link)) {
    return;
  }
  ++counts_.from_peer;
  trace("out of the HAHA link of peer {}, hop limit {}: {} -> {}", peer, work.link_hop_limit,
        read_address(source_of(work)), read_address(destination_of(work)));
  classify_linked(work);
}

// A fragment for us that comes through a link is left to whom its like that come natively are left
// to, while it is still as it came in.
template <Environment Env>
[[gnu::always_inline]] inline bool Pipeline<Env>::hand_off_linked_fragment(const W& work) {
  const std::byte* inner = work.ip + work.inner_at;
  if (std::to_integer<std::uint8_t>(inner[wire::ipv6_offset::kNextHeader]) !=
          wire::protocol::kFragment ||
      work.contiguous - work.inner_at < wire::kIpv6HeaderSize + wire::kFragmentHeaderSize ||
      !config_.home_agent.matches(inner + wire::ipv6_offset::kDestination)) [[likely]] {
    return false;
  }
  return hand_off(work, datagram_hash(inner, wire::kIpv6HeaderSize));
}

// Where a packet out of a link may go: to us, or to whom we serve (R89).
template <Environment Env>
[[gnu::always_inline]] inline void Pipeline<Env>::classify_linked(W& work) {
  const std::byte* destination = destination_of(work);
  if (config_.home_agent.matches(destination)) {
    deliver(work, LocalRole::HomeAgent);
  } else if (is_home(destination)) {
    defer(resolve_, work);
  } else if (env_.has_routed_prefixes()) {
    defer(route_, work);  // perhaps a mobile network outside of the pools
  } else {
    drop(work, DropReason::HahaInnerNotOurs);
  }
}

// A packet for a mobile node that is registered with a peer.
template <Environment Env>
[[gnu::always_inline]] inline void Pipeline<Env>::send_to_primary(W& work, const Entry& entry) {
  if (env_.peer_is_dead(entry.peer)) {
    refuse(work, DropReason::PrimaryDead, wire::icmpv6::kDestinationUnreachable,
           wire::icmpv6::kCodeAddressUnreachable, 0);
    return;
  }
  if (work.origin == Origin::Link) {
    if (entry.peer == work.peer) {
      drop(work, DropReason::HahaBack);
      return;
    }
    if (relayed_hop_limit(work.link_hop_limit) == 0) {
      drop(work, DropReason::HahaRelayLimit);
      return;
    }
  }
  work.entry = &entry;
  defer(encapsulate_, work);
}

// A packet for a peer's home agent address, perhaps a Binding Update (R76): not looked into, but
// for what could only be forged.
template <Environment Env>
void Pipeline<Env>::relay_to_peer(W& work, const Entry& entry) {
  if (work.origin == Origin::Link) {
    drop(work, DropReason::HahaMisrouted);
    return;
  }
  if (has_locator_source(work) && carried_by(work).protocol == wire::protocol::kIpv6) {
    drop(work, DropReason::HahaLocatorSource);
    return;
  }
  if (env_.peer_is_dead(entry.peer)) {
    strand(work);
    return;
  }
  trace("for the home agent address of peer {}", entry.peer);
  work.entry = &entry;
  defer(encapsulate_, work);
}

// Nothing is relayed into a dead POP. Its mobile nodes are still sending there; their Binding
// Updates and tunnel packets show the control core whom to call over.
template <Environment Env>
void Pipeline<Env>::strand(W& work) {
  trace("that home agent is dead");
  const Carried carried = carried_by(work);
  if (!carried.fragment && (carried.protocol == wire::protocol::kMobility ||
                            carried.protocol == wire::protocol::kIpv6)) {
    punt(work, forwarding::PuntClass::Stranded);
    return;
  }
  refuse(work, DropReason::PeerDown, wire::icmpv6::kDestinationUnreachable,
         wire::icmpv6::kCodeAddressUnreachable, 0);
}

template <Environment Env>
bool Pipeline<Env>::has_locator_source(const W& work) const {
  const std::byte* source = source_of(work);
  return config_.locator.matches(source) || config_.peers.contains(source);
}

// What is behind the extension headers of a packet, or of the datagram that it is a fragment of.
template <Environment Env>
Carried Pipeline<Env>::carried_by(const W& work) {
  const std::uint8_t next_header = next_header_of(work);
  if (next_header == wire::protocol::kIpv6) [[likely]] {
    return {next_header, false};
  }
  const auto chain = wire::walk_headers(ByteView(work.ip, work.contiguous));
  if (!chain) {
    return {next_header, false};
  }
  return chain->fragment ? Carried{chain->fragment->next_header, true}
                         : Carried{chain->protocol, false};
}

}  // namespace anyhome::dataplane
