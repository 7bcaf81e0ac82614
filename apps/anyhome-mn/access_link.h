// The kernel's interfaces as a mobile node sees them: which one, which global address, which MTU.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "apps/anyhome-mn/netlink.h"
#include "common/address.h"

namespace anyhome::mobile {

struct Attachment {
  std::string interface;
  CareOfAddress care_of;
  std::size_t mtu = 0;
};

enum class NoAttachment : std::uint8_t {
  NoSuchInterface,  // or no interface with that address
  Down,
  NoAddress,  // no global address, or duplicate address detection still runs: worth waiting for
};

// `where` is the name of an interface or one of its addresses. A global unicast address is usable
// when it is neither tentative nor failed; deprecated and temporary ones come last. `home_address`
// is never a care-of address here.
std::expected<Attachment, NoAttachment> find_attachment(Netlink& netlink, std::string_view where,
                                                        const HomeAddress& home_address);
std::string_view to_string(NoAttachment reason);

// 0 when there is no such interface.
unsigned interface_index(const std::string& name);

}  // namespace anyhome::mobile
