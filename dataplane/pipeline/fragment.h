// Outer fragmentation (RFC 2473 §7.1 (b), RFC 8200 §4.5): a tunnel must carry 1280-byte packets
// even where the path cannot carry them with another header in front.
#pragma once

#include "dataplane/pipeline/pipeline.h"

namespace anyhome::dataplane {

// Cuts an encapsulated packet into fragments of at most `path_mtu` bytes. It is at most 1280 + 48
// bytes long and the path takes 1280, so there are two.
template <Environment Env>
void Pipeline<Env>::send_fragments(W& work) {
  const std::uint32_t identification = fragment_identification_++;
  const std::size_t payload = work.length - wire::kIpv6HeaderSize;
  // All but the last fragment carry a multiple of 8 bytes.
  const std::size_t room =
      (work.path_mtu - wire::kIpv6HeaderSize - wire::kFragmentHeaderSize) & ~std::size_t{7};
  const auto front = static_cast<std::size_t>(work.ip - env_.data(work.packet));
  for (std::size_t at = 0; at < payload; at += room) {
    const std::size_t part = std::min(room, payload - at);
    constexpr std::size_t kHeaders = wire::kIpv6HeaderSize + wire::kFragmentHeaderSize;
    Packet* packet = env_.allocate(kHeaders + part);
    if (packet == nullptr) {
      drop(work, DropReason::NoBuffer);
      return;
    }
    std::byte* ip = env_.data(packet);
    std::memcpy(ip, work.ip, wire::kIpv6HeaderSize);
    store_be16(ip + wire::ipv6_offset::kPayloadLength,
               static_cast<std::uint16_t>(wire::kFragmentHeaderSize + part));
    ip[wire::ipv6_offset::kNextHeader] = std::byte{wire::protocol::kFragment};
    Writer writer(MutableBytes(ip + wire::kIpv6HeaderSize, wire::kFragmentHeaderSize));
    wire::FragmentHeader{next_header_of(work), static_cast<std::uint16_t>(at), at + part < payload,
                         identification}
        .write(writer);
    env_.copy_out(work.packet, front + wire::kIpv6HeaderSize + at, ip + kHeaders, part);
    env_.count(Counter::FragmentsCreated, 1);
    W fragment = work;
    fragment.packet = packet;
    fragment.ip = ip;
    fragment.length = static_cast<std::uint32_t>(kHeaders + part);
    fragment.contiguous = fragment.length;
    fragment.path_mtu = 0;
    rewrite(fragment);
  }
  env_.release(work.packet);
}

}  // namespace anyhome::dataplane
