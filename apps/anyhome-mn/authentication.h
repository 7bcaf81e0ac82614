// RFC 4285: the MN-HA mobility message authentication option.
//
// Authentication Data = first 96 bits of HMAC-SHA1(key, care-of address | home address | Mobility
// Header from its first byte through the SPI, its checksum taken as zero).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "apps/anyhome-mn/settings.h"
#include "common/address.h"
#include "common/bytes.h"
#include "common/wire/mobility.h"

namespace anyhome::mobile {

using Authenticator = std::array<std::byte, wire::kAuthenticatorSize>;

// HMAC-SHA1, all 160 bits (RFC 2104, RFC 2202).
std::array<std::byte, 20> hmac_sha1(ByteView key, ByteView data);

// The key that is used with this home agent.
std::vector<std::byte> key_for(const Security& security, const HomeAgentAddress& home_agent);

// `covered` is the message up to and including the SPI; its checksum bytes count as zero.
Authenticator compute_authenticator(ByteView key, const Ipv6Address& care_of,
                                    const HomeAddress& home_address, ByteView covered);

enum class Verdict : std::uint8_t {
  Valid,
  Missing,  // no MN-HA option, or not the last one
  Bad,      // another SPI, another length, another authenticator
};

// `options` are those of `message`. `care_of` is the address the message was sent to on the wire
// (rulings §9 for Home Agent Switch).
Verdict verify(const Security& security, const HomeAgentAddress& home_agent,
               const Ipv6Address& care_of, const HomeAddress& home_address, ByteView message,
               const wire::MobilityOptions& options);

}  // namespace anyhome::mobile
