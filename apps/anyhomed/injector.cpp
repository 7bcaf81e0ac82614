#include "apps/anyhomed/injector.h"

#include <cstring>

#include "common/address.h"
#include "common/wire/ipv6.h"

namespace anyhome {
namespace {

constexpr std::size_t kMacAddresses = 12;  // in front of the ethertype
constexpr std::size_t kVlanTag = 4;

}  // namespace

rte_mbuf* Injector::allocate(std::size_t size) {
  rte_mbuf* packet = rte_pktmbuf_alloc(plane_.control_pool().get());
  if (packet == nullptr || size > rte_pktmbuf_tailroom(packet)) {
    rte_pktmbuf_free(packet);
    ++counters_.no_buffer;
    return nullptr;
  }
  packet->data_len = static_cast<std::uint16_t>(size);
  packet->pkt_len = static_cast<std::uint32_t>(size);
  return packet;
}

bool Injector::push(rte_mbuf* packet, dataplane::InjectMetadata metadata, std::size_t worker) {
  dataplane::note_of(packet, note_offset_).inject = metadata;
  if (!plane_.injects(worker).push(packet)) {
    ++counters_.ring_full;
    rte_pktmbuf_free(packet);
    return false;
  }
  return true;
}

bool Injector::send(dataplane::InjectKind kind, ByteView bytes) {
  if (bytes.size() < wire::kIpv6HeaderSize) {
    return false;
  }
  rte_mbuf* packet = allocate(bytes.size());
  if (packet == nullptr) {
    return false;
  }
  std::memcpy(rte_pktmbuf_mtod(packet, void*), bytes.data(), bytes.size());
  // One worker for each destination: the order of what goes there is kept.
  Ipv6Address destination;
  std::memcpy(destination.octets.data(), bytes.data() + wire::ipv6_offset::kDestination,
              Ipv6Address::kSize);
  return push(packet, {kind, 0}, hash_address(destination) % plane_.workers());
}

bool Injector::send_frame(std::uint16_t port, ByteView frame) {
  const auto& vlan = plane_.pipeline_config().ports[port].vlan;
  const std::size_t tag = vlan ? kVlanTag : 0;
  if (frame.size() < kMacAddresses + 2) {
    return false;
  }
  rte_mbuf* packet = allocate(frame.size() + tag);
  if (packet == nullptr) {
    return false;
  }
  auto* at = rte_pktmbuf_mtod(packet, std::byte*);
  std::memcpy(at, frame.data(), kMacAddresses);
  if (vlan) {
    store_be16(at + kMacAddresses, 0x8100);
    store_be16(at + kMacAddresses + 2, *vlan);
  }
  std::memcpy(at + kMacAddresses + tag, frame.data() + kMacAddresses, frame.size() - kMacAddresses);
  return push(packet, {dataplane::InjectKind::Frame, port}, plane_.transmitting_worker(port));
}

}  // namespace anyhome
