// Messages of another home agent of the set, every field of them out of an input.
#pragma once

#include <chrono>

#include "common/time.h"
#include "common/wire/haha.h"
#include "test/fuzz/input.h"
#include "test/support/bytes.h"

namespace anyhome::fuzz {

inline constexpr unsigned kPeers = 2;

inline HomeAddress home(unsigned number) {
  Ipv6Address address = test::ip6("2001:db8:0:1::100");
  address.octets[15] = static_cast<std::uint8_t>(number % 4U);
  return HomeAddress(address);
}

inline HomeAgentAddress peer_address(unsigned peer) {
  Ipv6Address address = test::ip6("2001:db8:0:1::2a");
  address.octets[15] = static_cast<std::uint8_t>(0x2a + 0x10 * peer);
  return HomeAgentAddress(address);
}

inline Locator peer_locator(unsigned peer) {
  Ipv6Address address = test::ip6("2001:db8:b2::2a");
  address.octets[5] = static_cast<std::uint8_t>(0xb2 + 0x11 * peer);
  return Locator(address);
}

// Near `now`: 128 is now, one more is a quarter of a second later.
inline Timestamp read_timestamp(Input& input, const Now& now) {
  const auto quarters = static_cast<int>(input.u8()) - 128;
  return Timestamp::from(now.wall + std::chrono::milliseconds(quarters * 250));
}

inline wire::MobileNetworkPrefix read_prefix(Input& input) {
  Ipv6Address network = test::ip6("2001:db8:8000::");
  const std::uint8_t which = input.u8();
  network.octets[7] = which % 8;
  return {static_cast<std::uint8_t>(Input::bit(which, 7) ? which : 64), network};
}

inline wire::HaHello read_hello(Input& input, const Now&) {
  wire::HaHello hello;
  hello.sequence.value = input.u16();
  hello.lifetime_seconds = input.u8();
  hello.interval_seconds = input.u8();
  const std::uint8_t flags = input.u8();
  hello.group_id = Input::bit(flags, 4) ? 8 : 7;
  hello.active = Input::bit(flags, 0);
  hello.request = Input::bit(flags, 1);
  hello.global = !Input::bit(flags, 2);
  if (!Input::bit(flags, 3)) {
    hello.restart_counter = 1'767'225'600U + input.u8();
  }
  if (Input::bit(flags, 5)) {  // a digest, perhaps
    const ByteView data = input.bytes(input.u8());
    hello.vendor.push_back(
        {wire::CodePoints{}.vendor_enterprise, input.u8(), {data.begin(), data.end()}});
  }
  return hello;
}

inline wire::BindingCacheInformation read_binding(Input& input, const Now& now) {
  wire::BindingCacheInformation binding;
  const std::uint8_t how = input.u8();
  binding.flags = input.u16();
  binding.sequence.value = input.u8();
  binding.lifetime = Lifetime(input.u8());
  binding.change_counter = input.u8();
  if (!Input::bit(how, 0)) {
    binding.home_address = home(input.u8());  // else an end mark
  }
  if (Input::bit(how, 1)) {
    binding.care_of_address = CareOfAddress(test::ip6("2001:db8:ff::100"));
  }
  if (!Input::bit(how, 2)) {
    binding.timestamp = read_timestamp(input, now);
  }
  for (unsigned i = how >> 6U; i > 0; --i) {
    binding.prefixes.push_back(read_prefix(input));
  }
  if (Input::bit(how, 3)) {
    binding.aaa.assign(input.u8() % 32U, std::byte{0x77});
  }
  return binding;
}

inline wire::StateSynchronization read_synchronization(Input& input, const Now& now) {
  wire::StateSynchronization message;
  const std::uint8_t how = input.u8();
  message.type = static_cast<wire::SsType>(how % 3U);
  message.acknowledge = Input::bit(how, 2);
  message.global = !Input::bit(how, 3);
  message.identifier = input.u16();
  const unsigned count = how >> 6U;
  for (unsigned i = 0; i < count; ++i) {
    switch (message.type) {
      case wire::SsType::Reply:
        message.bindings.push_back(read_binding(input, now));
        break;
      case wire::SsType::Request:
        message.addresses.push_back({0, input.u8(), home(input.u8()).address()});
        break;
      case wire::SsType::Acknowledgement:
        message.statuses.push_back({static_cast<wire::SsStatus>(input.u8()), home(input.u8())});
        break;
    }
  }
  if (Input::bit(how, 4)) {
    message.restart_counter = 1'767'225'600U + input.u8();
  }
  if (Input::bit(how, 5)) {
    message.prefixes.push_back(read_prefix(input));
  }
  return message;
}

}  // namespace anyhome::fuzz
