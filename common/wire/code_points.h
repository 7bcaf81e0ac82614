// Numbers of the Mobility Header, and those the drafts left "TBD".
//
// HA-HELLO, State Synchronization and their options have no assigned code points. The defaults are
// unassigned values near the top of the registries: private, to be used between consenting home
// agents, and configurable so that an operator can move them (R97).
#pragma once

#include <cstdint>

namespace anyhome::wire {

// Mobility Header types (IANA "Mobile IPv6 parameters").
namespace mh_type {
inline constexpr std::uint8_t kBindingRefreshRequest = 0;
inline constexpr std::uint8_t kHomeTestInit = 1;
inline constexpr std::uint8_t kCareOfTestInit = 2;
inline constexpr std::uint8_t kHomeTest = 3;
inline constexpr std::uint8_t kCareOfTest = 4;
inline constexpr std::uint8_t kBindingUpdate = 5;
inline constexpr std::uint8_t kBindingAcknowledgement = 6;
inline constexpr std::uint8_t kBindingError = 7;
inline constexpr std::uint8_t kHomeAgentSwitch = 12;  // RFC 5142
}  // namespace mh_type

// Mobility option types with assigned numbers.
namespace mh_option {
inline constexpr std::uint8_t kPad1 = 0;
inline constexpr std::uint8_t kPadN = 1;
inline constexpr std::uint8_t kBindingRefreshAdvice = 2;
inline constexpr std::uint8_t kAlternateCareOf = 3;
inline constexpr std::uint8_t kNonceIndices = 4;
inline constexpr std::uint8_t kBindingAuthorizationData = 5;
inline constexpr std::uint8_t kMobileNetworkPrefix = 6;   // RFC 3963 §4.3
inline constexpr std::uint8_t kMobileNodeIdentifier = 8;  // RFC 4283
inline constexpr std::uint8_t kAuthentication = 9;        // RFC 4285 §5
inline constexpr std::uint8_t kReplayProtection = 10;     // RFC 4285 §6
inline constexpr std::uint8_t kVendorSpecific = 19;       // RFC 5094
inline constexpr std::uint8_t kTimestamp = 27;            // RFC 5213 §8.8
inline constexpr std::uint8_t kRestartCounter = 28;       // RFC 5847
}  // namespace mh_option

struct CodePoints {
  std::uint8_t ha_hello = 240;                   // Mobility Header type
  std::uint8_t state_synchronization = 241;      // Mobility Header type
  std::uint8_t binding_cache_information = 240;  // mobility option
  std::uint8_t ss_status = 241;                  // mobility option
  std::uint8_t aaa_information = 242;            // mobility option
  std::uint8_t ip_address = 243;                 // mobility option
  std::uint32_t vendor_enterprise = 32473;  // vendor specific option; RFC 5612's example number

  friend bool operator==(const CodePoints&, const CodePoints&) = default;
};

}  // namespace anyhome::wire
