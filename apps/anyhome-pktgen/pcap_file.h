// The frames of a pcap file, to be sent again.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <vector>

#include "common/bytes.h"

namespace anyhome::pktgen {

// Of the classic format with Ethernet frames, in either byte order, of micro- or nanoseconds. An
// error says what the bytes are not.
std::expected<std::vector<std::vector<std::byte>>, std::string> read_pcap(ByteView bytes,
                                                                          std::size_t largest);

}  // namespace anyhome::pktgen
