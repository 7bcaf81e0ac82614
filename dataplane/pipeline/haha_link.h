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
//
// Whose a packet of a link is. All of a link have one source and one destination, so one receive
// queue gets them all; the workers share them by flow. The flow is what the peer has written into
// the outer flow label (RFC 6438), so whoever receives a packet need not look behind the outer
// header of what it is going to give away. The owner of a packet depends on nothing but the packet:
// whoever gets one that is not its own passes it on, and nothing goes in circles.
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
  if (!reach_inner_header(work, inner_at) || !open_tunnel(work) ||
      hand_off(work, owner_of_linked(work))) {
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

// Gives away what is another worker's, and returns how many of the burst are kept. Which of them
// are is as good as random, so it must not be a branch for each.
template <Environment Env>
unsigned Pipeline<Env>::share(std::uint16_t port, std::span<Packet* const> packets,
                              std::array<Packet*, kMaxBurst>& kept) {
  struct Given {
    Packet* packet;
    std::uint32_t worker;
  };
  std::array<Given, kMaxBurst> given;
  unsigned keeping = 0;
  unsigned giving = 0;
  const std::size_t link_header = config_.ports[port].link_header_size();
  for (Packet* const packet : packets) {
    const std::uint32_t owner = owner_of_frame(packet, link_header);
    kept[keeping] = packet;
    given[giving] = {packet, owner};
    const unsigned ours = owner == config_.worker ? 1 : 0;
    keeping += ours;
    giving += 1 - ours;
  }
  for (unsigned i = 0; i < giving; ++i) {
    env_.hand_off(given[i].packet, given[i].worker, port);
  }
  return keeping;
}

// Of a frame that nothing is known about, by its first bytes. What is not plainly a labelled packet
// of a peer's stays: if it is a link's all the same, owner_of_linked will say whose. Strangers
// could otherwise aim what all queues receive at one worker.
template <Environment Env>
[[gnu::always_inline]] inline std::uint32_t Pipeline<Env>::owner_of_frame(
    Packet* packet, std::size_t link_header) const {
  const std::byte* ip = env_.data(packet) + link_header;
  if (env_.contiguous(packet) < link_header + wire::kIpv6HeaderSize ||
      load_be16(ip - 2) != kEthertypeIpv6 ||
      !config_.locator.matches(ip + wire::ipv6_offset::kDestination) ||
      std::to_integer<std::uint8_t>(ip[wire::ipv6_offset::kNextHeader]) != wire::protocol::kIpv6 ||
      flow_label_of(ip) == 0 || !config_.peers.contains(ip + wire::ipv6_offset::kSource)) {
    return config_.worker;
  }
  return worker_of(label_hash(flow_label_of(ip)));
}

// Of a packet of a link whose inner header is within reach. Fragments for us meet where their like
// that come natively do. A peer that writes no flow labels (ours do, and never 0) has the flow
// looked for inside; one that writes the same label always has one worker for all.
template <Environment Env>
[[gnu::always_inline]] inline std::uint32_t Pipeline<Env>::owner_of_linked(const W& work) const {
  if (config_.workers == 1) {
    return config_.worker;
  }
  const std::byte* inner = work.ip + work.inner_at;
  const std::size_t contiguous = work.contiguous - work.inner_at;
  if (std::to_integer<std::uint8_t>(inner[wire::ipv6_offset::kNextHeader]) ==
          wire::protocol::kFragment &&
      contiguous >= wire::kIpv6HeaderSize + wire::kFragmentHeaderSize &&
      config_.home_agent.matches(inner + wire::ipv6_offset::kDestination)) [[unlikely]] {
    return worker_of(datagram_hash(inner, wire::kIpv6HeaderSize));
  }
  const std::uint32_t label = flow_label_of(work.ip);
  return worker_of(label != 0 ? label_hash(label) : flow_hash(inner, contiguous));
}

// Leaves a packet to the worker whose it is, as it came in. False: that is this one.
template <Environment Env>
[[gnu::always_inline]] inline bool Pipeline<Env>::hand_off(W& work, std::uint32_t worker) {
  if (worker == config_.worker || work.origin != Origin::Wire) {
    return false;
  }
  env_.hand_off(work.packet, worker, work.port);
  return true;
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
