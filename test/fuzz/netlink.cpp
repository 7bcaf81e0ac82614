// Datagrams as the kernel's routing socket gives them out, and what the mirrors of routes and
// neighbours make of what is read: any bytes give messages or a count of malformed ones.
#include <vector>

#include "dataplane/io/netlink_parse.h"
#include "test/fuzz/target.h"

namespace anyhome::fuzz {

void run(ByteView input) {
  // The kernel's buffers are aligned; a copy of just this size shows what is read behind it.
  const std::vector<std::byte> datagram(input.begin(), input.end());
  std::vector<host::NetlinkMessage> messages;
  host::ParseCounters counters;
  host::parse_netlink(datagram, messages, counters);
  // 16 bytes of header in front of each.
  require(messages.size() + counters.malformed + counters.unsupported <= input.size() / 16 + 1,
          "there are no more messages than headers");
  for (const host::NetlinkMessage& message : messages) {
    if (const auto* route = std::get_if<host::RouteMessage>(&message.body)) {
      require(route->prefix.length() <= Prefix::kMaxLength, "a prefix is at most 128 bits long");
    }
    if (const auto* address = std::get_if<host::AddressMessage>(&message.body)) {
      require(address->address.prefix_length <= Prefix::kMaxLength,
              "an address's prefix is at most 128 bits long");
    }
  }
}

}  // namespace anyhome::fuzz
