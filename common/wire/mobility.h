// Mobility Header messages (RFC 6275 §6.1, RFC 5142 §4) except those between home agents, which
// are in haha.h.
//
// Receiving is two steps, because RFC 6275 §9.2 wants its checks in one order: `check_mobility_
// header` looks at checksum, type, payload protocol and length; the `parse` functions then read a
// message of known type. All parsers are total. Messages hold views into the packet they came from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>
#include <vector>

#include "common/address.h"
#include "common/bytes.h"
#include "common/sequence.h"
#include "common/time.h"
#include "common/wire/code_points.h"
#include "common/wire/mobility_option.h"

namespace anyhome::wire {

// Why a Mobility Header is not looked into (protocol digest §1), in the order of the checks.
enum class MobilityError : std::uint8_t {
  Truncated,        // shorter than its Header Len says: silent
  BadChecksum,      // silent
  UnknownType,      // Binding Error status 2
  BadPayloadProto,  // Parameter Problem code 0 at byte 0
  TooShort,         // Header Len below the type's fixed part: Parameter Problem code 0 at byte 1
  BrokenOptions,    // an option runs past the end: silent
};

struct CheckedMobilityHeader {
  std::uint8_t type = 0;
  ByteView message;  // exactly 8 * (Header Len + 1) bytes
};

// `bytes` starts at the Mobility Header and may be longer than it. `source` and `destination` are
// those of the pseudo-header: with a Home Address option the home address is the source, behind a
// type 2 routing header the final destination (RFC 6275 §6.1.1, §9.2).
std::expected<CheckedMobilityHeader, MobilityError> check_mobility_header(
    ByteView bytes, const Ipv6Address& source, const Ipv6Address& destination,
    const CodePoints& points);

// Every option of RFC 6275, 3963, 4283 and 4285 a message may carry. Of an option that may appear
// once the first one counts; unknown options and options of a wrong length are skipped.
struct MobilityOptions {
  std::optional<Lifetime> refresh_advice;
  std::optional<CareOfAddress> alternate_care_of;
  std::optional<NonceIndices> nonce_indices;
  std::vector<MobileNetworkPrefix> mobile_network_prefixes;
  std::optional<MobileNodeIdentifier> mobile_node_identifier;
  std::optional<MobilityAuthentication> mn_ha_authentication;
  bool identifier_precedes_authentication = false;  // RFC 4285 §5.1 demands it
  std::optional<NtpTimestamp> replay_protection;
  bool has_binding_authorization_data = false;
};

// RFC 6275 §6.1.7 and the registry built on it.
namespace bu_flag {
inline constexpr std::uint16_t kAcknowledge = 0x8000;
inline constexpr std::uint16_t kHomeRegistration = 0x4000;
inline constexpr std::uint16_t kLinkLocal = 0x2000;
inline constexpr std::uint16_t kKeyManagement = 0x1000;
inline constexpr std::uint16_t kMobileRouter = 0x0400;  // RFC 3963 §4.1
inline constexpr std::uint16_t kProxy = 0x0200;         // RFC 5213 §8.1
}  // namespace bu_flag

namespace ba_flag {
inline constexpr std::uint8_t kKeyManagement = 0x80;
inline constexpr std::uint8_t kMobileRouter = 0x40;
}  // namespace ba_flag

// Binding Acknowledgement status (IANA "Status Codes"); below 128 is accepted.
enum class BindingStatus : std::uint8_t {
  Accepted = 0,
  AcceptedPrefixDiscoveryNecessary = 1,
  ReasonUnspecified = 128,
  AdministrativelyProhibited = 129,
  InsufficientResources = 130,
  HomeRegistrationNotSupported = 131,
  NotHomeSubnet = 132,
  NotHomeAgentForMobileNode = 133,
  DuplicateAddressDetectionFailed = 134,
  SequenceOutOfWindow = 135,
  RegistrationTypeChangeDisallowed = 139,
  MobileRouterOperationNotPermitted = 140,  // RFC 3963 §4.2
  InvalidPrefix = 141,
  NotAuthorizedForPrefix = 142,
  ForwardingSetupFailed = 143,
  IdentificationMismatch = 144,       // RFC 4285 §9: MIPV6-ID-MISMATCH
  IdentificationRequired = 145,       // MIPV6-MESG-ID-REQD
  AuthenticationFailed = 146,         // MIPV6-AUTH-FAIL
  ProxyRegistrationNotEnabled = 152,  // RFC 5213 §8.9
  InvalidCareOfAddress = 174,
};

constexpr bool is_accepted(BindingStatus status) { return static_cast<std::uint8_t>(status) < 128; }
// The operator's word for a status ("sequence-out-of-window"); "status" for one not listed above.
std::string_view to_string(BindingStatus status);

struct BindingRefreshRequest {
  friend bool operator==(const BindingRefreshRequest&, const BindingRefreshRequest&) = default;
};

struct BindingUpdate {
  SequenceNumber sequence;
  std::uint16_t flags = 0;
  Lifetime lifetime;
  MobilityOptions options;

  [[nodiscard]] bool has(std::uint16_t flag) const { return (flags & flag) != 0; }
};

struct BindingAcknowledgement {
  BindingStatus status = BindingStatus::Accepted;
  std::uint8_t flags = 0;
  SequenceNumber sequence;
  Lifetime lifetime;
  MobilityOptions options;
};

inline constexpr std::uint8_t kBindingErrorUnknownBinding = 1;
inline constexpr std::uint8_t kBindingErrorUnknownType = 2;

struct BindingError {
  std::uint8_t status = 0;
  Ipv6Address home_address;  // `::` when the offending packet had no Home Address option
  friend bool operator==(const BindingError&, const BindingError&) = default;
};

struct HomeAgentSwitch {
  std::vector<HomeAgentAddress> home_agents;  // empty: the mobile node is to run discovery
  MobilityOptions options;
};

// Parsers take the `message` of a checked header of the type they are named after.
std::expected<BindingUpdate, MobilityError> parse_binding_update(ByteView message);
std::expected<BindingAcknowledgement, MobilityError> parse_binding_acknowledgement(
    ByteView message);
std::expected<BindingError, MobilityError> parse_binding_error(ByteView message);
std::expected<HomeAgentSwitch, MobilityError> parse_home_agent_switch(ByteView message);

// Starting points for writing: the type and the fixed part. Options, then `finish`, are the
// caller's, in the order they are to stand.
MessageWriter start_binding_refresh_request(MutableBytes buffer);
MessageWriter start_binding_update(MutableBytes buffer, SequenceNumber sequence,
                                   std::uint16_t flags, Lifetime lifetime);
MessageWriter start_binding_acknowledgement(MutableBytes buffer, BindingStatus status,
                                            std::uint8_t flags, SequenceNumber sequence,
                                            Lifetime lifetime);
MessageWriter start_binding_error(MutableBytes buffer, std::uint8_t status,
                                  const Ipv6Address& home_address);
// At most 127 addresses, what Header Len can count.
MessageWriter start_home_agent_switch(MutableBytes buffer,
                                      std::span<const HomeAgentAddress> home_agents);

}  // namespace anyhome::wire
