#include "test/sim/data_plane.h"

#include <array>
#include <cstring>
#include <utility>

#include "common/wire/ipv6.h"
#include "dataplane/pipeline/heap_packet.h"
#include "dataplane/pipeline/pipeline.h"

namespace anyhome::sim {
namespace {

using namespace dataplane;

constexpr std::size_t kLinkHeader = 14;
constexpr std::uint16_t kEthernetIpv6 = 0x86dd;
constexpr std::array<std::uint8_t, 6> kMac = {2, 0, 0, 0, 0, 1};
// The routes of a POP: everything that is not its own goes to the Internet.
constexpr LeafIndex kInternetLeaf = 1;
constexpr AdjacencyIndex kInternet = 0;
// Of what enters a HAHA link (docs/protocol.md, rulings §8).
constexpr std::uint8_t kLinkHopLimit = 255;

// Tables and buffers, as the pipeline asks for them.
class TableEnvironment {
 public:
  using Packet = HeapPacket;
  static constexpr bool kTracing = false;

  TableEnvironment() {
    internet_.link_header_size = kLinkHeader;
    internet_.state = AdjacencyState::Forward;
    internet_.mtu = 1500;
    Writer(std::span(internet_.link_header).subspan(kLinkHeader - 2)).u16(kEthernetIpv6);
  }

  // ---- Packets ----
  static std::byte* data(Packet* packet) { return packet->data(); }
  static std::size_t contiguous(const Packet* packet) { return packet->contiguous(); }
  static std::size_t length(const Packet* packet) { return packet->length(); }
  static bool set_front(Packet* packet, const std::byte* front) { return packet->set_front(front); }
  static void truncate(Packet* packet, std::size_t size) { packet->truncate(size); }
  static bool make_contiguous(Packet* packet, std::size_t size) {
    return packet->make_contiguous(size);
  }
  static void copy_out(const Packet* packet, std::size_t at, std::byte* to, std::size_t size) {
    packet->copy_out(at, to, size);
  }
  void append(Packet* head, Packet* tail) {
    head->append(*tail);
    release(tail);
  }
  Packet* allocate(std::size_t size) { return hold(std::make_unique<Packet>(Bytes(size))); }
  void drop(Packet* packet, forwarding::DropReason reason) {
    count_drop(reason);
    release(packet);
  }
  void count_drop(forwarding::DropReason reason) { outcome->dropped.push_back(reason); }
  void release(Packet* packet) {
    std::erase_if(packets_, [packet](const auto& held) { return held.get() == packet; });
  }
  void transmit(std::uint16_t /*port*/, Packet* packet) {
    const Bytes frame = packet->bytes();
    outcome->sent.emplace_back(frame.begin() + kLinkHeader, frame.end());
    release(packet);
  }
  // There is one worker.
  void hand_off(Packet* packet, std::uint32_t /*worker*/, std::uint16_t /*port*/) {
    drop(packet, forwarding::DropReason::HandoffRingFull);
  }
  bool punt(Packet* packet, const forwarding::PuntMetadata& metadata) {
    const Bytes bytes = packet->bytes();
    outcome->punted.push_back({metadata, Bytes(bytes.begin() + metadata.link_header, bytes.end())});
    release(packet);
    return true;
  }

  // ---- Tables ----
  std::uint64_t lookup_bindings(const std::byte* const* keys, unsigned count,
                                const Entry** found) const {
    std::uint64_t hits = 0;
    for (unsigned i = 0; i < count; ++i) {
      Ipv6Address key;
      std::memcpy(key.octets.data(), keys[i], Ipv6Address::kSize);
      const auto entry = entries.find(key);
      found[i] = entry == entries.end() ? nullptr : &entry->second;
      hits |= entry == entries.end() ? 0ULL : 1ULL << i;
    }
    return hits;
  }
  static void lookup_routes(const Ipv6Address* /*addresses*/, unsigned count, LeafIndex* leaves) {
    std::fill_n(leaves, count, kInternetLeaf);
  }
  static LeafValue leaf(LeafIndex index) {
    return index == kInternetLeaf ? LeafValue::of(LeafKind::Adjacency, kInternet) : LeafValue{};
  }
  [[nodiscard]] const Adjacency& adjacency(AdjacencyIndex /*index*/) const { return internet_; }
  static const MultipathGroup* groups() { return nullptr; }
  static const Entry* prefix_entry(std::uint32_t /*index*/) { return nullptr; }
  [[nodiscard]] const Ipv6Address& former_care_of_address(std::uint32_t index) const {
    return formers[index];
  }
  [[nodiscard]] bool peer_is_dead(std::uint16_t peer) const {
    return peer < dead_peers.size() && dead_peers[peer];
  }
  static bool has_routed_prefixes() { return false; }  // all of them are out of the pool

  static void note_used(AdjacencyIndex /*index*/) {}
  static void count(forwarding::Counter /*counter*/, std::uint64_t /*by*/) {}
  [[nodiscard]] Instant now() const { return time; }
  static void trace(const std::string& /*line*/) {}

  Packet* hold(std::unique_ptr<Packet> packet) {
    return packets_.emplace_back(std::move(packet)).get();
  }

  std::unordered_map<Ipv6Address, Entry, AddressHash> entries;
  std::vector<bool> dead_peers;
  std::vector<Ipv6Address> formers = {Ipv6Address{}};  // 0 is none
  Outcome* outcome = nullptr;
  Instant time;

 private:
  std::vector<std::unique_ptr<Packet>> packets_;
  Adjacency internet_;
};
static_assert(Environment<TableEnvironment>);

PipelineConfig make_config(const config::HomeAgent& agent) {
  PipelineConfig pipeline;
  pipeline.ports.resize(2);
  for (PipelinePort& port : pipeline.ports) {
    port.mac = kMac;
  }
  pipeline.ports[static_cast<std::size_t>(Port::Haha)].haha = true;
  for (const Prefix& prefix : agent.home_prefixes) {
    pipeline.home_prefixes.emplace_back(prefix);
  }
  for (const config::NemoPool& pool : agent.nemo_pools) {
    pipeline.pools.push_back({PrefixTest(pool.pool), pool.prefix_length});
  }
  pipeline.own_address = agent.address.address();
  pipeline.home_agent = AddressTest(agent.address.address());
  if (agent.locator) {
    pipeline.locator = AddressTest(agent.locator->address());
  }
  for (const config::Peer& peer : agent.haha.peers) {
    pipeline.peers.add(peer.locator);
  }
  pipeline.link_mtu = agent.haha.link_mtu;
  pipeline.code_points = agent.code_points;
  pipeline.has_host = false;
  return pipeline;
}

Entry tunnel(EntryKind kind, const Ipv6Address& source, const Ipv6Address& destination,
             std::uint16_t path_mtu, std::uint16_t peer) {
  Entry entry;
  entry.hop_limit = kind == EntryKind::Bound ? wire::kDefaultHopLimit : kLinkHopLimit;
  entry.source = source;
  entry.destination = destination;
  entry.leaf = kInternetLeaf;
  entry.path_mtu = path_mtu;
  entry.peer = peer;
  entry.kind = kind;
  return entry;
}

Entry local(LocalRole role) {
  Entry entry;
  entry.kind = EntryKind::Local;
  entry.role = role;
  return entry;
}

}  // namespace

struct DataPlane::Machine {
  explicit Machine(const config::HomeAgent& agent)
      : config(make_config(agent)), pipeline(config, environment) {
    environment.entries[agent.discovery_address.value_or(
        agent.home_prefixes.front().home_agents_anycast())] = local(LocalRole::Discovery);
    environment.dead_peers.resize(agent.haha.peers.size());
  }
  const PipelineConfig config;
  TableEnvironment environment;
  Pipeline<TableEnvironment> pipeline;
};

DataPlane::DataPlane(const config::HomeAgent& config)
    : pools_(config.nemo_pools), machine_(std::make_unique<Machine>(config)) {}
DataPlane::~DataPlane() = default;

void DataPlane::apply(const forwarding::ForwardingUpdate& update) {
  auto& entries = machine_->environment.entries;
  if (const auto* set = std::get_if<forwarding::SetBinding>(&update)) {
    bindings_[set->home_address] = *set;
    const bool bound = set->kind == forwarding::BindingKind::Bound;
    entries[set->home_address.address()] =
        tunnel(bound ? EntryKind::Bound : EntryKind::Global, set->tunnel_source,
               set->tunnel_destination, set->path_mtu,
               bound ? forwarding::kNoPeer
                     : machine_->config.peers.find(bytes_of(set->tunnel_destination)));
    if (set->former_care_of_address != CareOfAddress{}) {
      entries[set->home_address.address()].set_former(
          static_cast<std::uint32_t>(machine_->environment.formers.size()));
      machine_->environment.formers.push_back(set->former_care_of_address.address());
    }
    refresh_prefixes_of(set->home_address);
  } else if (const auto* remove = std::get_if<forwarding::RemoveBinding>(&update)) {
    bindings_.erase(remove->home_address);
    entries.erase(remove->home_address.address());
    refresh_prefixes_of(remove->home_address);
  } else if (const auto* prefix = std::get_if<forwarding::SetPrefix>(&update)) {
    prefixes_[prefix->prefix] = prefix->owner;
    refresh_prefixes_of(prefix->owner);
  } else if (const auto* gone = std::get_if<forwarding::RemovePrefix>(&update)) {
    prefixes_.erase(gone->prefix);
    entries.erase(gone->prefix.address());
  } else if (const auto* peer = std::get_if<forwarding::SetPeer>(&update)) {
    entries[peer->address.address()] =
        tunnel(EntryKind::Peer, peer->own_locator.address(), peer->locator.address(),
               forwarding::kPathMtuUnknown, peer->peer);
    machine_->environment.dead_peers[peer->peer] = peer->reach == forwarding::PeerReach::Dead;
  }
}

// A prefix has a copy of its owner's entry, and goes with it.
void DataPlane::refresh_prefixes_of(const HomeAddress& owner) {
  auto& entries = machine_->environment.entries;
  const auto entry = entries.find(owner.address());
  for (auto prefix = prefixes_.begin(); prefix != prefixes_.end();) {
    if (prefix->second != owner) {
      ++prefix;
    } else if (entry == entries.end()) {
      entries.erase(prefix->first.address());
      prefix = prefixes_.erase(prefix);
    } else {
      const Entry copy = entry->second;
      entries[prefix->first.address()] = copy;
      ++prefix;
    }
  }
}

void DataPlane::receive(Instant now, Port port, ByteView packet, Outcome& outcome) {
  Bytes frame(kLinkHeader + packet.size());
  Writer writer(frame);
  writer.bytes(std::as_bytes(std::span(kMac)));
  writer.zeros(kLinkHeader - 2 - kMac.size());
  writer.u16(kEthernetIpv6);
  writer.bytes(packet);
  machine_->environment.time = now;
  machine_->environment.outcome = &outcome;
  HeapPacket* held = machine_->environment.hold(std::make_unique<HeapPacket>(frame));
  machine_->pipeline.receive(static_cast<std::uint16_t>(port),
                             std::span<HeapPacket* const>(&held, 1));
}

void DataPlane::originate(Instant now, bool through_bindings, ByteView packet, Outcome& outcome) {
  machine_->environment.time = now;
  machine_->environment.outcome = &outcome;
  HeapPacket* held = machine_->environment.hold(std::make_unique<HeapPacket>(packet));
  machine_->pipeline.originate(Origin::Control, through_bindings,
                               std::span<HeapPacket* const>(&held, 1));
}

const forwarding::SetBinding* DataPlane::binding(const HomeAddress& home_address) const {
  const auto found = bindings_.find(home_address);
  return found == bindings_.end() ? nullptr : &found->second;
}

std::size_t DataPlane::bindings() const { return bindings_.size(); }

const std::map<Prefix, HomeAddress>& DataPlane::prefixes() const { return prefixes_; }

}  // namespace anyhome::sim
