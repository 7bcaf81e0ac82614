#include "apps/anyhome-pktgen/data_frame.h"

#include <algorithm>
#include <cstring>

#include "apps/anyhome-pktgen/node_table.h"
#include "common/wire/ipv6.h"

namespace anyhome::pktgen {
namespace {

using wire::Ipv6Header;
using wire::kIpv6HeaderSize;
namespace offset = wire::ipv6_offset;

constexpr std::size_t kLower = 8;  // of an address

void append(std::vector<std::byte>& to, const Ipv6Header& header) {
  std::array<std::byte, kIpv6HeaderSize> bytes{};
  Writer writer(bytes);
  header.write(writer);
  to.insert(to.end(), bytes.begin(), bytes.end());
}

bool goes_to_mobile_node(Kind kind) {
  return kind != Kind::ReverseTunnel && kind != Kind::BadCareOf;
}

Ipv6Address first_home(Kind kind, const Network& network) {
  return kind == Kind::HahaOut ? network.first_global_home.address() : network.first_home.address();
}

}  // namespace

std::vector<std::byte> ethernet_header(const TrafficSettings& settings, std::uint16_t port) {
  std::vector<std::byte> bytes(18);
  Writer writer(bytes);
  writer.bytes(std::as_bytes(std::span(settings.destination_macs[port])));
  writer.bytes(std::as_bytes(std::span(settings.source_macs[port])));
  if (settings.vlan) {
    writer.u16(kEtherTypeVlan);
    writer.u16(*settings.vlan);
  }
  writer.u16(kEtherTypeIpv6);
  bytes.resize(writer.size());
  return bytes;
}

DataFrame::DataFrame(Kind kind, const TrafficSettings& settings, std::uint16_t port,
                     const UserPacket& packet) {
  const Network& network = settings.network;
  bytes_ = ethernet_header(settings, port);
  const bool to_node = goes_to_mobile_node(kind);
  if (is_tunnelled(kind)) {
    Ipv6Header outer;
    outer.next_header = wire::protocol::kIpv6;
    outer.payload_length = static_cast<std::uint16_t>(packet.bytes.size());
    outer.source = to_node ? network.peer.address() : network.first_care_of.address();
    outer.destination = to_node ? network.locator.address() : network.home_agent.address();
    care_of_at_ = to_node ? 0 : bytes_.size() + offset::kSource + kLower;
    append(bytes_, outer);
  }
  Ipv6Header inner = *Ipv6Header::parse(packet.bytes);
  inner.hop_limit = kind == Kind::BadHopLimit ? 1 : wire::kDefaultHopLimit;
  inner.source = network.first_correspondent;
  inner.destination = first_home(kind, network);
  if (!to_node) {
    std::swap(inner.source, inner.destination);
  }
  const std::size_t inner_at = bytes_.size();
  append(bytes_, inner);
  home_at_ = inner_at + (to_node ? offset::kDestination : offset::kSource) + kLower;
  correspondent_at_ = inner_at + (to_node ? offset::kSource : offset::kDestination) + kLower;
  const std::size_t upper_at = bytes_.size();
  bytes_.insert(bytes_.end(), packet.bytes.begin() + kIpv6HeaderSize, packet.bytes.end());
  checksum_at_ = upper_at + packet.checksum_offset;
  mark_at_ = upper_at + packet.mark_offset;
  // With zeros wherever `write` is going to write.
  store_lower_half(bytes_.data() + home_at_, 0);
  store_lower_half(bytes_.data() + correspondent_at_, 0);
  store_be16(bytes_.data() + checksum_at_, 0);
  std::fill_n(bytes_.begin() + static_cast<std::ptrdiff_t>(mark_at_), kMarkSize, std::byte{0});
  inner = *Ipv6Header::parse(ByteView(bytes_).subspan(inner_at));
  constant_.add_pseudo_header(inner.source, inner.destination, inner.payload_length,
                              inner.next_header);
  constant_.add(ByteView(bytes_).subspan(upper_at));
  if (kind == Kind::BadVersion) {
    bytes_[inner_at] = std::byte{0x40};
  } else if (kind == Kind::BadLength) {
    store_be16(bytes_.data() + inner_at + offset::kPayloadLength,
               static_cast<std::uint16_t>(inner.payload_length + 8));
  }
}

void DataFrame::write(std::byte* to, const Endpoints& endpoints, const Mark& mark) const {
  std::memcpy(to, bytes_.data(), bytes_.size());
  store_lower_half(to + home_at_, endpoints.home);
  store_lower_half(to + correspondent_at_, endpoints.correspondent);
  if (care_of_at_ != 0) {
    store_lower_half(to + care_of_at_, endpoints.care_of);
  }
  mark.write(to + mark_at_);
  ChecksumSum sum = constant_;
  sum.add({to + home_at_, 8});
  sum.add({to + correspondent_at_, 8});
  sum.add({to + mark_at_, kMarkSize});
  const std::uint16_t checksum = sum.finish();
  // RFC 8200 §8.1: UDP's sum of zero is sent as all ones, which is the same number to the others.
  store_be16(to + checksum_at_, checksum == 0 ? 0xffff : checksum);
}

}  // namespace anyhome::pktgen
