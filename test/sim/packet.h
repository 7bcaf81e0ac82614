// A packet on its way through the simulated network, and the data packets that are followed by
// name.
//
// A data packet carries a number behind its IPv6 header; tunnels come and go around it, the number
// stays readable.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/address.h"
#include "common/bytes.h"
#include "common/wire/mobility.h"

namespace anyhome::sim {

using Bytes = std::vector<std::byte>;
using DataId = std::uint64_t;

struct Packet {
  Bytes bytes;              // from the IPv6 header on
  std::uint8_t links = 0;   // HAHA links it has come over
  std::uint8_t visits = 0;  // POPs it has passed
  bool forged = false;      // an adversary's
};

// IPv6, UDP and the number.
Bytes make_data(const Ipv6Address& source, const Ipv6Address& destination, DataId id);

struct DataView {
  DataId id = 0;
  Ipv6Address source;
  Ipv6Address destination;
};
// The data packet that `packet` is, or that it carries in tunnels; nullopt for everything else, an
// ICMPv6 error that quotes one included.
std::optional<DataView> find_data(ByteView packet);

// The innermost packet of tunnels without extension headers; `packet` itself when there is none.
ByteView innermost(ByteView packet);

// A Binding Acknowledgement that goes by type 2 routing header.
struct Acknowledgement {
  HomeAddress home_address;
  wire::BindingStatus status = wire::BindingStatus::Accepted;
  Lifetime lifetime;

  [[nodiscard]] bool is_registration() const {
    return wire::is_accepted(status) && !lifetime.is_zero();
  }
};
std::optional<Acknowledgement> find_acknowledgement(ByteView packet);

// "2001:db8:..::1 > 2001:db8:..::2 [binding-update 17]" for histories.
std::string describe(ByteView packet);

}  // namespace anyhome::sim
