// The data path of a home agent, a burst at a time.
//
//   receive:   parse ─┬─ for us ──── classify ─┬─ tunnel ── decapsulate ─┐
//                     │                        ├─ HAHA link ─────────────┤
//                     │                        └─ punt                   │
//                     ├─ home prefix or mobile network ── resolve ◀──────┤
//                     │                                     │ binding    │
//                     │                                encapsulate       │
//                     └─ anything else ── route ◀───────────┼────────────┘
//                                           └─ adjacency ── rewrite ── transmit
//
// Each stage runs over all packets of the burst before the next one starts, so that table lookups
// are done in bulk and their cache misses overlap. A packet waits in exactly one list between
// stages. What a stage refuses is dropped with a reason, or answered with an ICMPv6 error; errors
// run through the stages once more as packets of our own, at the end of the burst.
//
// Each stage is a file of its own, included below: parse.h, local.h, decapsulate.h, haha_link.h,
// resolve.h, route.h, encapsulate.h, fragment.h, icmp_error.h, rewrite.h.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "common/bytes.h"
#include "common/token_bucket.h"
#include "common/wire/extension.h"
#include "common/wire/icmpv6.h"
#include "common/wire/ipv6.h"
#include "dataplane/pipeline/burst_counts.h"
#include "dataplane/pipeline/ecn.h"
#include "dataplane/pipeline/environment.h"
#include "dataplane/pipeline/flow_hash.h"
#include "dataplane/pipeline/hop_class.h"
#include "dataplane/pipeline/icmp_limiter.h"
#include "dataplane/pipeline/mss_clamp.h"
#include "dataplane/pipeline/next_hop.h"
#include "dataplane/pipeline/pipeline_config.h"
#include "dataplane/pipeline/reassembler.h"
#include "dataplane/pipeline/work.h"

namespace anyhome::dataplane {

// What a packet carries, or the datagram that it is a fragment of.
struct Carried {
  std::uint8_t protocol = 0;
  bool fragment = false;
};

// A Tunnel Encapsulation Limit option inside a packet: its value, and where that is.
struct EncapsulationLimit {
  std::uint8_t value = 0;
  std::uint16_t at = 0;  // 0: there is none
  [[nodiscard]] bool found() const { return at != 0; }
};

template <Environment Env>
class Pipeline {
 public:
  using Packet = typename Env::Packet;

  // Both must outlive the pipeline.
  Pipeline(const PipelineConfig& config, Env& env)
      : config_(config),
        env_(env),
        served_(served_prefixes(config)),
        icmp_limiter_(config.icmp_rates),
        punt_buckets_(make_punt_buckets(config)),
        reassembler_(config.reassembly, config.fragment_seed, env),
        fragment_identification_(config.fragment_seed) {}

  // Frames from a port; at most kMaxBurst.
  void receive(std::uint16_t port, std::span<Packet* const> packets);

  // Frames that another worker has left to this one, and the ports they came in on.
  void take_over(std::span<const std::uint16_t> ports, std::span<Packet* const> packets);

  // IPv6 packets without a link-layer header that originate here: from the kernel through the TUN
  // device, or from the control thread. Signalling goes by routes alone, data through bindings.
  void originate(Origin origin, bool through_bindings, std::span<Packet* const> packets);

  // Now and then, also without packets: gives up what has waited for too long.
  void on_time() { reassembler_.expire(env_.now()); }
  // Packets that wait for the rest of their datagram.
  [[nodiscard]] std::uint32_t fragments_held() const { return reassembler_.held(); }

 private:
  using W = Work<Packet>;
  using DropReason = forwarding::DropReason;
  using Counter = forwarding::Counter;

  // parse.h
  void parse(W& work, std::uint16_t port, Packet* packet);
  bool parse_link_header(W& work, const PipelinePort& port);
  bool parse_unusual_link_header(W& work, const PipelinePort& port);
  bool check_header(W& work);
  bool check_unusual_length(W& work, std::size_t available);
  bool check_source(W& work, const PipelinePort& port);
  void give_to_host(W& work);

  // Which list a packet with a valid header belongs to, by its destination.
  void classify(W& work);
  [[nodiscard]] bool is_home(const std::byte* address) const;
  static bool is_nobody(const std::byte* source);

  // local.h: packets for one of our addresses.
  void deliver(W& work, LocalRole role);
  [[nodiscard]] bool is_tunnel_end(LocalRole role) const;
  void leave_tunnel(W& work, LocalRole role, std::size_t inner_at);
  void deliver_upper_layer(W& work, LocalRole role);
  void deliver_fragment(W& work, LocalRole role, const wire::HeaderChain& chain);
  bool hand_off(const W& work, std::uint32_t hash);
  void refuse_header_chain(W& work, LocalRole role, const wire::ChainProblem& problem);
  [[nodiscard]] forwarding::PuntClass punt_class(const W& work, const wire::HeaderChain& chain,
                                                 LocalRole role) const;
  [[nodiscard]] forwarding::PuntClass icmpv6_class(ByteView message) const;
  void punt(W& work, forwarding::PuntClass punt_class);

  // decapsulate.h
  void enter_tunnel_exit(W& work, std::size_t inner_at);
  bool reach_inner_header(W& work, std::size_t inner_at);
  bool join(W& work, std::size_t wanted);
  void decapsulate();
  bool open_tunnel(W& work);
  const Entry* source_binding(const std::byte* source);
  [[nodiscard]] const std::byte* accepted_care_of(const Entry& entry) const;
  bool accept_inner(W& work, Origin origin);

  // haha_link.h
  void enter_link_exit(W& work, std::size_t inner_at);
  void classify_linked(W& work);
  bool hand_off_linked_fragment(const W& work);
  void send_to_primary(W& work, const Entry& entry);
  void relay_to_peer(W& work, const Entry& entry);
  void strand(W& work);
  [[nodiscard]] bool has_locator_source(const W& work) const;
  static Carried carried_by(const W& work);

  // resolve.h
  void resolve();
  void resolve_misses(const WorkList& misses);
  void dispatch_entry(W& work, const Entry* entry);
  void refuse_unbound(W& work);

  // route.h
  void route();
  void dispatch_leaf(W& work, LeafValue leaf);
  void forward_natively(W& work);

  // encapsulate.h
  void encapsulate();
  void encapsulate_one(W& work);
  void encapsulate_with_options(W& work, const Entry& entry);
  template <bool kLimited>
  void wrap(W& work, const Entry& entry, EncapsulationLimit limit);
  template <bool kLimited>
  static void write_outer_header(const W& work, std::byte* outer, const Entry& entry,
                                 std::uint8_t traffic_class, EncapsulationLimit limit);
  void count_tunnelled(const W& work, EntryKind kind);
  [[nodiscard]] std::uint16_t tunnel_mtu(const Entry& entry, std::uint16_t port_mtu) const;
  [[nodiscard]] std::uint16_t inner_mtu_of(EntryKind kind, std::uint16_t outer_mtu,
                                           std::size_t outer_size) const;
  bool fits_tunnel(W& work, EntryKind kind, std::uint16_t outer_mtu, std::size_t outer_size);
  bool fits_by_fragmenting(W& work, EntryKind kind, std::uint16_t outer_mtu,
                           std::size_t outer_size);
  void clamp_syn(W& work, std::uint16_t inner_mtu);
  void clamp_from_mobile_node(W& work, const Entry& entry);
  static EncapsulationLimit inner_encapsulation_limit(const W& work);
  bool choose_adjacency(W& work, LeafIndex leaf);
  bool choose_unusual_adjacency(W& work, LeafValue leaf);

  // fragment.h
  void send_fragments(W& work);

  // icmp_error.h
  void refuse(W& work, DropReason reason, std::uint8_t type, std::uint8_t code,
              std::uint32_t parameter);
  void refuse(W& work, DropReason reason, std::uint8_t type, std::uint8_t code,
              std::uint32_t parameter, const Ipv6Address& answering);
  [[nodiscard]] bool may_be_answered(const W& work, std::uint8_t type, std::uint8_t code) const;
  bool within_rate(const W& work, std::uint8_t type);
  void send_errors();

  // rewrite.h
  bool decrement_hop_limit(W& work);
  bool next_hop_answers(W& work);
  void send(W& work);
  void send_unusual(W& work, const Adjacency& adjacency);
  void rewrite(W& work);
  void write_link_header(std::byte* frame, const Adjacency& adjacency);
  void transmit(W& work, std::uint32_t length, const Adjacency& adjacency);

  void run_stages();
  void drop(W& work, DropReason reason);
  void defer(WorkList& list, const W& work) {
    list.push(static_cast<unsigned>(&work - work_.data()));
  }

  // Addresses are given as they are: to write one out takes longer than all the rest of a packet,
  // and is done only for an environment that traces.
  template <class T>
  using Shown = std::conditional_t<std::is_same_v<T, Ipv6Address>, std::string, T>;
  template <class T>
  static Shown<T> shown(const T& value) {
    if constexpr (std::is_same_v<T, Ipv6Address>) {
      return value.to_string();
    } else {
      return value;
    }
  }
  template <class... Args>
  void trace([[maybe_unused]] fmt::format_string<Shown<Args>...> format,
             [[maybe_unused]] const Args&... args) {
    if constexpr (Env::kTracing) {
      env_.trace(fmt::format(format, shown(args)...));
    }
  }

  static Ipv6Address read_address(const std::byte* at) {
    Ipv6Address address;
    std::memcpy(address.octets.data(), at, Ipv6Address::kSize);
    return address;
  }
  // RFC 4291 §2.7 and §2.5.6.
  static bool is_multicast(const std::byte* address) { return address[0] == std::byte{0xff}; }
  static bool is_link_local(const std::byte* address) {
    constexpr std::uint16_t kMask = 0xffc0;
    constexpr std::uint16_t kPrefix = 0xfe80;
    return (load_be16(address) & kMask) == kPrefix;
  }
  static const std::byte* source_of(const W& work) { return work.ip + wire::ipv6_offset::kSource; }
  static const std::byte* destination_of(const W& work) {
    return work.ip + wire::ipv6_offset::kDestination;
  }
  static std::uint8_t next_header_of(const W& work) {
    return std::to_integer<std::uint8_t>(work.ip[wire::ipv6_offset::kNextHeader]);
  }
  static std::uint8_t traffic_class_of(const std::byte* ip) {
    return static_cast<std::uint8_t>(load_be16(ip) >> 4U);
  }

  using PuntBuckets = std::array<TokenBucket, forwarding::kPuntClassCount>;
  static PuntBuckets make_punt_buckets(const PipelineConfig& config) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      // A tenth of a second's worth may come at once.
      return PuntBuckets{TokenBucket(config.punt_rates[I], config.punt_rates[I] / 10 + 1)...};
    }
    (std::make_index_sequence<forwarding::kPuntClassCount>{});
  }

  static std::vector<PrefixTest> served_prefixes(const PipelineConfig& config) {
    std::vector<PrefixTest> served = config.home_prefixes;
    for (const PipelinePool& pool : config.pools) {
      served.push_back(pool.test);
    }
    return served;
  }

  const PipelineConfig& config_;
  Env& env_;
  std::vector<PrefixTest> served_;  // home prefixes and pools
  IcmpLimiter icmp_limiter_;
  PuntBuckets punt_buckets_;
  Reassembler<Env> reassembler_;
  std::uint32_t fragment_identification_;

  std::array<W, kMaxBurst> work_;
  BurstCounts counts_;
  WorkList decapsulate_;  // tunnel packets for us
  WorkList resolve_;      // destination inside a home prefix or a pool
  WorkList route_;        // everything else
  WorkList encapsulate_;  // entry known
  WorkList errors_;       // ICMPv6 errors to be sent, in the buffers of what they complain about
};

template <Environment Env>
void Pipeline<Env>::receive(std::uint16_t port, std::span<Packet* const> packets) {
  std::uint64_t bytes = 0;
  for (Packet* const packet : packets) {
    bytes += env_.length(packet);
  }
  env_.count(Counter::Received, packets.size());
  env_.count(Counter::ReceivedBytes, bytes);
  for (unsigned i = 0; i < packets.size(); ++i) {
    parse(work_[i], port, packets[i]);
  }
  run_stages();
}

template <Environment Env>
void Pipeline<Env>::take_over(std::span<const std::uint16_t> ports,
                              std::span<Packet* const> packets) {
  env_.count(Counter::TakenOver, packets.size());
  for (unsigned i = 0; i < packets.size(); ++i) {
    parse(work_[i], ports[i], packets[i]);
  }
  run_stages();
}

template <Environment Env>
void Pipeline<Env>::originate(Origin origin, bool through_bindings,
                              std::span<Packet* const> packets) {
  for (unsigned i = 0; i < packets.size(); ++i) {
    W& work = work_[i];
    work.reset(packets[i]);
    work.origin = origin;
    work.ip = env_.data(work.packet);
    work.contiguous = static_cast<std::uint32_t>(env_.contiguous(work.packet));
    env_.count(Counter::Injected, 1);
    if (!check_header(work)) {
      continue;
    }
    if (through_bindings) {
      classify(work);
    } else {
      defer(route_, work);
    }
  }
  run_stages();
}

template <Environment Env>
void Pipeline<Env>::run_stages() {
  // A packet taken out of a tunnel may be for us again, and may even be a tunnel packet; the number
  // of decapsulations is bounded, so this ends.
  while (!decapsulate_.empty() || !resolve_.empty() || !route_.empty() || !encapsulate_.empty()) {
    decapsulate();
    resolve();
    route();
    encapsulate();
  }
  counts_.pass_on(env_);
  if (!errors_.empty()) {
    send_errors();
  }
}

template <Environment Env>
void Pipeline<Env>::drop(W& work, DropReason reason) {
  trace("dropped: {}: {}", forwarding::info(reason).name, forwarding::info(reason).sentence);
  env_.drop(work.packet, reason);
}

}  // namespace anyhome::dataplane

#include "dataplane/pipeline/decapsulate.h"
#include "dataplane/pipeline/encapsulate.h"
#include "dataplane/pipeline/fragment.h"
#include "dataplane/pipeline/haha_link.h"
#include "dataplane/pipeline/icmp_error.h"
#include "dataplane/pipeline/local.h"
#include "dataplane/pipeline/parse.h"
#include "dataplane/pipeline/resolve.h"
#include "dataplane/pipeline/rewrite.h"
#include "dataplane/pipeline/route.h"
