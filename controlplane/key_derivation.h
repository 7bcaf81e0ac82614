// Keys of their own for each home agent of a set, from one key per mobile node (rulings §9):
// the first 16 octets of HMAC-SHA256(key, "anyhome" | home agent address). What is signed for one
// home agent is worth nothing at another.
#pragma once

#include <array>
#include <cstddef>

#include "common/address.h"
#include "common/bytes.h"

namespace anyhome::control {

std::array<std::byte, 16> derive_key(ByteView key, const HomeAgentAddress& home_agent);

}  // namespace anyhome::control
