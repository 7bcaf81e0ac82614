#include "apps/anyhome-pktgen/pcap_file.h"

#include <fmt/format.h>

namespace anyhome::pktgen {
namespace {

constexpr std::uint32_t kMicroseconds = 0xa1b2c3d4;
constexpr std::uint32_t kNanoseconds = 0xa1b23c4d;
constexpr std::uint32_t kEthernet = 1;

}  // namespace

std::expected<std::vector<std::vector<std::byte>>, std::string> read_pcap(ByteView bytes,
                                                                          std::size_t largest) {
  Reader reader(bytes);
  const std::uint32_t magic = reader.u32();
  const auto is_magic = [](std::uint32_t value) {
    return value == kMicroseconds || value == kNanoseconds;
  };
  const bool swapped = is_magic(__builtin_bswap32(magic));
  if (!swapped && !is_magic(magic)) {
    return std::unexpected(
        std::string("is no pcap file (pcapng has to be converted: tshark -F pcap)"));
  }
  const auto number = [&] {
    const std::uint32_t value = reader.u32();
    return swapped ? __builtin_bswap32(value) : value;
  };
  reader.skip(16);  // version, time zone, accuracy, longest frame
  if (number() != kEthernet) {
    return std::unexpected(std::string("holds no Ethernet frames"));
  }
  std::vector<std::vector<std::byte>> frames;
  while (reader.ok() && reader.remaining() != 0) {
    reader.skip(8);  // time
    const std::uint32_t captured = number();
    const std::uint32_t length = number();
    const ByteView frame = reader.bytes(captured);
    if (!reader.ok() || captured != length || captured > largest || captured == 0) {
      return std::unexpected(fmt::format("frame {}: is cut short, or longer than {} bytes",
                                         frames.size() + 1, largest));
    }
    frames.emplace_back(frame.begin(), frame.end());
  }
  if (frames.empty()) {
    return std::unexpected(std::string("holds no frame"));
  }
  return frames;
}

}  // namespace anyhome::pktgen
