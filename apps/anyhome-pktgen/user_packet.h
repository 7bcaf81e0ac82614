// A user's packet that frames are made of: generated, of a size, or a template out of a capture.
//
// Its addresses are not the ones that are sent: DataFrame puts them in, and the mark, and what of
// the checksum follows from these.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "apps/anyhome-pktgen/mark.h"
#include "common/bytes.h"

namespace anyhome::pktgen {

struct UserPacket {
  std::vector<std::byte> bytes;     // from the IPv6 header on; the upper-layer header follows it
  std::size_t checksum_offset = 0;  // both behind the IPv6 header
  std::size_t mark_offset = 0;
};

// UDP, with the mark right behind its header; `size` counts the Ethernet frame with its FCS.
UserPacket generated_packet(std::uint16_t size);

// Where the mark is in a packet that is made after a template: at the end, but at an even place, so
// that it can be summed up by itself. `payload`: behind the IPv6 header.
constexpr std::size_t trailing_mark(std::size_t payload) {
  return (payload - kMarkSize) & ~std::size_t{1};
}

// After an Ethernet frame of a capture. One without room for a mark is lengthened. An error says
// what the frame is not.
std::expected<UserPacket, std::string> template_packet(ByteView frame);
// After each frame, in order; the first that is none is the error.
std::expected<std::vector<UserPacket>, std::string> template_packets(
    const std::vector<std::vector<std::byte>>& frames);

}  // namespace anyhome::pktgen
