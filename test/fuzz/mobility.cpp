// Mobility Headers of any type: the first byte of the input says whether the checksum is made
// right, the rest is the message. Every parser runs on it, whatever its type says; a message whose
// type has a writer is written again and has to read the same.
#include "common/wire/mobility.h"

#include <algorithm>
#include <vector>

#include "common/checksum.h"
#include "common/wire/haha.h"
#include "common/wire/ipv6.h"
#include "test/fuzz/input.h"
#include "test/fuzz/target.h"

namespace anyhome::fuzz {
namespace {

using namespace anyhome::wire;

// Of the documentation prefix; what they are does not matter.
constexpr Ipv6Address kSource{{0x20, 1, 0xd, 0xb8, 0, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0}};
constexpr Ipv6Address kDestination{{0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x1a}};
const CodePoints kPoints;

bool lies_in(ByteView outer, ByteView inner) {
  return inner.empty() || (inner.data() >= outer.data() &&
                           inner.data() + inner.size() <= outer.data() + outer.size());
}

void check_options(ByteView message, const MobilityOptions& options) {
  if (options.mn_ha_authentication) {
    const MobilityAuthentication& authentication = *options.mn_ha_authentication;
    require(lies_in(message, authentication.authenticator), "an authenticator lies in its message");
    require(authentication.authenticator_at + authentication.authenticator.size() <= message.size(),
            "and so does its offset");
  }
  if (options.mobile_node_identifier) {
    const auto text = options.mobile_node_identifier->identifier;
    require(lies_in(message, std::as_bytes(std::span(text))), "an identifier lies in its message");
  }
}

void check_walk(ByteView message, std::size_t first) {
  OptionWalker walker(message, first);
  std::size_t last = first;
  while (const auto raw = walker.next()) {
    require(raw->data_at > last || raw->data_at == first + 2, "the walk goes forward");
    require(raw->data_at + raw->data.size() <= message.size() && lies_in(message, raw->data),
            "an option lies in its message");
    last = raw->data_at;
  }
}

// What was read as a message, written, and read again.
void check_hello(ByteView message) {
  const auto hello = parse_ha_hello(message, kPoints);
  if (!hello) {
    return;
  }
  std::array<std::byte, MessageWriter::kMaxSize> buffer{};
  const ByteView again =
      write_ha_hello(buffer, *hello, kPoints, Locator(kSource), Locator(kDestination));
  if (!again.empty()) {  // padding can make it longer than a message may be
    const auto read = parse_ha_hello(again, kPoints);
    require(read && *read == *hello, "an HA-HELLO is written as it is read");
  }
}

void check_state_synchronization(ByteView message) {
  const auto read = parse_state_synchronization(message, kPoints);
  (void)parse_state_synchronization_header(message);
  if (!read) {
    return;
  }
  std::array<std::byte, MessageWriter::kMaxSize> buffer{};
  const ByteView again =
      write_state_synchronization(buffer, *read, kPoints, Locator(kSource), Locator(kDestination));
  if (!again.empty()) {
    const auto once_more = parse_state_synchronization(again, kPoints);
    require(once_more.has_value(), "what is written of a State Synchronization can be read");
    require(*once_more == *read, "a State Synchronization is written as it is read");
  }
}

void parse_everything(ByteView message) {
  check_walk(message, 6);
  check_walk(message, 12);
  if (const auto update = parse_binding_update(message)) {
    check_options(message, update->options);
  }
  if (const auto acknowledgement = parse_binding_acknowledgement(message)) {
    check_options(message, acknowledgement->options);
    (void)to_string(acknowledgement->status);
  }
  (void)parse_binding_error(message);
  if (const auto offer = parse_home_agent_switch(message)) {
    require(offer->home_agents.size() * Ipv6Address::kSize <= message.size(),
            "a Home Agent Switch has as many addresses as fit");
  }
  check_hello(message);
  check_state_synchronization(message);
}

void make_checksum_right(std::vector<std::byte>& message) {
  constexpr std::size_t kChecksumAt = 4;
  if (message.size() < 8) {
    return;
  }
  const std::size_t size =
      std::min<std::size_t>(message.size(), 8U * (std::to_integer<std::size_t>(message[1]) + 1U));
  store_be16(message.data() + kChecksumAt, 0);
  store_be16(message.data() + kChecksumAt,
             upper_layer_checksum(kSource, kDestination, protocol::kMobility,
                                  ByteView(message).first(size)));
}

}  // namespace

void run(ByteView bytes) {
  Input input(bytes);
  const bool right_checksum = (input.u8() & 1U) != 0;
  const ByteView rest = input.rest();
  parse_everything(rest);
  // A copy of just this size: what is read behind it is seen by the address sanitizer.
  std::vector<std::byte> message(rest.begin(), rest.end());
  if (right_checksum) {
    make_checksum_right(message);
  }
  const auto checked = check_mobility_header(message, kSource, kDestination, kPoints);
  if (checked) {
    require(checked->message.data() == message.data() &&
                checked->message.size() <= message.size() && checked->message.size() % 8 == 0,
            "a checked message is the front of what was given, in whole eights");
    parse_everything(checked->message);
  }
}

}  // namespace anyhome::fuzz
