// ICMPv6 messages: discovery, prefix discovery and errors with what they quote. What was read is
// written again and has to read the same.
#include "common/wire/icmpv6.h"

#include <vector>

#include "common/wire/extension.h"
#include "test/fuzz/target.h"

namespace anyhome::fuzz {
namespace {

using namespace anyhome::wire;

constexpr Ipv6Address kSource{{0x20, 1, 0xd, 0xb8, 0, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0}};
constexpr Ipv6Address kDestination{{0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x1a}};

template <class Message>
void check_round_trip(ByteView bytes) {
  const auto message = Message::parse(bytes);
  if (!message) {
    return;
  }
  // Nothing that is read can be longer than what it was read from, but for what is skipped.
  std::vector<std::byte> buffer(bytes.size());
  Writer writer(buffer);
  message->write(writer);
  require(writer.ok(), "a message is not longer when it is written again");
  const auto again = Message::parse(writer.written());
  require(again && *again == *message, "a message is written as it is read");
}

void check_discovery_reply(ByteView bytes) {
  const auto reply = DiscoveryReply::parse(bytes);
  if (reply && reply->home_agents.size() <= kMaxDiscoveryAddresses) {
    check_round_trip<DiscoveryReply>(bytes);
  }
}

}  // namespace

void run(ByteView input) {
  check_round_trip<DiscoveryRequest>(input);
  check_round_trip<PrefixSolicitation>(input);
  check_round_trip<PrefixAdvertisement>(input);
  check_discovery_reply(input);
  if (const auto quoted = parse_icmpv6_error(input)) {
    require(quoted->packet.size() >= kIpv6HeaderSize && quoted->packet.size() < input.size(),
            "an error quotes what is behind its header");
    (void)walk_headers(quoted->packet);
  }
  std::vector<std::byte> message(input.begin(), input.end());
  icmpv6_set_checksum(kSource, kDestination, message);
  require(message.size() < kIcmpv6HeaderSize || icmpv6_checksum_ok(kSource, kDestination, message),
          "a checksum that was filled in is right");
}

}  // namespace anyhome::fuzz
