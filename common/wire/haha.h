// Messages between home agents: HA-HELLO (draft §5.2.2) and State Synchronization (draft §5.4.2)
// with their options.
//
// The draft draws the fixed parts and the SS Status option. The layout of Binding Cache
// Information, the Timestamp and Restart Counter that go with it, the vendor sub-types and all type
// numbers are this project's own profile (protocol digest §16, rulings §3-§5).
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <vector>

#include "common/address.h"
#include "common/sequence.h"
#include "common/time.h"
#include "common/wire/code_points.h"
#include "common/wire/mobility.h"

namespace anyhome::wire {

struct HaHello {
  SequenceNumber sequence;
  std::uint16_t preference = 0;  // draft §5.2.2: sent as 0, ignored
  std::uint16_t lifetime_seconds = 0;
  std::uint16_t interval_seconds = 0;
  std::uint8_t group_id = 0;                     // names the set (R9)
  bool active = false;                           // A: accepts new registrations (rulings §1)
  bool request = false;                          // R: asks for a HELLO in return
  bool global = false;                           // G: operated with the Global HAHA specification
  std::optional<std::uint32_t> restart_counter;  // boot epoch (rulings §1)
  std::vector<VendorSpecific> vendor;            // digests (rulings §5)

  friend bool operator==(const HaHello&, const HaHello&) = default;
};

enum class SsType : std::uint8_t {
  Request = 0,
  Reply = 1,
  Acknowledgement = 2,
};

// Draft §5.4.3, figure 6 (R46, R48).
enum class SsStatus : std::uint8_t {
  Success = 0,
  ReasonUnspecified = 128,
  MalformedReply = 129,
  NotInSameGlobalHomeAgentSet = 130,
  NoMobilityOption = 131,
};

struct SsStatusOption {
  SsStatus status = SsStatus::Success;
  HomeAddress home_address;
  friend bool operator==(const SsStatusOption&, const SsStatusOption&) = default;
};

// RFC 5568 §6.4.2's shape. As a selector of an SS-REQ it names one home address.
struct IpAddressOption {
  std::uint8_t code = 0;
  std::uint8_t prefix_length = 128;
  Ipv6Address address;
  friend bool operator==(const IpAddressOption&, const IpAddressOption&) = default;
};

// A Binding Cache Information option and the options that belong to it: all that follow it up to
// the next one (draft §5.4.2, R45).
struct BindingCacheInformation {
  std::uint16_t flags = 0;             // of the Binding Update
  SequenceNumber sequence;             // of the Binding Update
  Lifetime lifetime;                   // of the global binding; 0 withdraws
  std::uint16_t change_counter = 0;    // n (rulings §3)
  HomeAddress home_address;            // `::` in an end mark
  CareOfAddress care_of_address;       // `::` when not disclosed
  std::optional<Timestamp> timestamp;  // T (rulings §3)
  std::vector<MobileNetworkPrefix> prefixes;
  std::vector<std::byte> aaa;
  std::vector<VendorSpecific> vendor;

  friend bool operator==(const BindingCacheInformation&, const BindingCacheInformation&) = default;
};

struct StateSynchronization {
  SsType type = SsType::Request;
  bool acknowledge = false;  // A
  bool global = false;       // G
  std::uint16_t identifier = 0;
  std::vector<BindingCacheInformation> bindings;  // Reply
  std::vector<SsStatusOption> statuses;           // Acknowledgement
  // Selectors of a Request (rulings §4); none of them: everything.
  std::vector<IpAddressOption> addresses;
  std::vector<MobileNetworkPrefix> prefixes;
  std::vector<VendorSpecific> vendor;
  std::optional<std::uint32_t> restart_counter;

  friend bool operator==(const StateSynchronization&, const StateSynchronization&) = default;
};

// Why a State Synchronization message is not what it should be (draft §5.4.3).
enum class SsError : std::uint8_t {
  TooShort,     // the fixed part is incomplete
  UnknownType,  // neither request, reply nor acknowledgement
  NoOption,     // a reply without any option: status 131
  Malformed,    // broken options, a short BCI, or an option before the BCI it belongs to: 129
};

// What can be known of a message without its options; enough to answer a malformed one.
struct StateSynchronizationHeader {
  std::uint8_t type = 0;
  bool acknowledge = false;
  bool global = false;
  std::uint16_t identifier = 0;
};

std::expected<HaHello, MobilityError> parse_ha_hello(ByteView message, const CodePoints& points);
std::optional<StateSynchronizationHeader> parse_state_synchronization_header(ByteView message);
std::expected<StateSynchronization, SsError> parse_state_synchronization(ByteView message,
                                                                         const CodePoints& points);

// The whole message ready to send between two locators; empty when it does not fit the buffer or
// 2048 bytes, what Header Len can say.
MutableBytes write_ha_hello(MutableBytes buffer, const HaHello& hello, const CodePoints& points,
                            const Locator& source, const Locator& destination);
MutableBytes write_state_synchronization(MutableBytes buffer, const StateSynchronization& message,
                                         const CodePoints& points, const Locator& source,
                                         const Locator& destination);

}  // namespace anyhome::wire
