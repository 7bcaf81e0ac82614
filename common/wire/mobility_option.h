// Mobility options (RFC 6275 §6.2): one table says what every option looks like, one walker takes
// a message's options apart, one writer puts them where their alignment wants them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "common/address.h"
#include "common/bytes.h"
#include "common/prefix.h"
#include "common/time.h"
#include "common/wire/code_points.h"

namespace anyhome::wire {

// A row of the option table. `alignment` n and `offset` m mean that the option's type byte stands
// at a position n·k + m counted from the start of the Mobility Header.
struct OptionRule {
  std::string_view name;
  std::uint8_t type = 0;
  std::uint8_t min_length = 0;  // of the data, as the Length byte counts it
  bool exact = true;            // false: longer is allowed
  std::uint8_t alignment = 1;
  std::uint8_t offset = 0;
};

namespace option_rule {
inline constexpr OptionRule kBindingRefreshAdvice{"binding-refresh-advice", 2, 2, true, 2, 0};
inline constexpr OptionRule kAlternateCareOf{"alternate-care-of-address", 3, 16, true, 8, 6};
inline constexpr OptionRule kNonceIndices{"nonce-indices", 4, 4, true, 2, 0};
inline constexpr OptionRule kBindingAuthorizationData{
    "binding-authorization-data", 5, 1, false, 8, 2};
inline constexpr OptionRule kMobileNetworkPrefix{"mobile-network-prefix", 6, 18, true, 8, 4};
inline constexpr OptionRule kMobileNodeIdentifier{"mobile-node-identifier", 8, 2, false, 1, 0};
// Aligned to 4n+1 by RFC 4285; 8n+5 satisfies that and lets 12 bytes of authenticator end the
// message without padding behind it, because the option has to be the last one.
inline constexpr OptionRule kAuthentication{"mobility-message-authentication", 9, 6, false, 8, 5};
inline constexpr OptionRule kReplayProtection{"message-replay-protection", 10, 8, true, 8, 2};
inline constexpr OptionRule kVendorSpecific{"vendor-specific", 19, 5, false, 4, 2};
inline constexpr OptionRule kTimestamp{"timestamp", 27, 8, true, 8, 2};
inline constexpr OptionRule kRestartCounter{"restart-counter", 28, 4, true, 4, 2};
}  // namespace option_rule

// The fixed table, for code that shows or checks options it does not name itself.
inline constexpr OptionRule kOptionRules[] = {
    option_rule::kBindingRefreshAdvice, option_rule::kAlternateCareOf,
    option_rule::kNonceIndices,         option_rule::kBindingAuthorizationData,
    option_rule::kMobileNetworkPrefix,  option_rule::kMobileNodeIdentifier,
    option_rule::kAuthentication,       option_rule::kReplayProtection,
    option_rule::kVendorSpecific,       option_rule::kTimestamp,
    option_rule::kRestartCounter,
};

// Options whose type is configurable (protocol profile §16). Lengths are minima: an option longer
// than we know is accepted and the surplus ignored (rulings §4).
constexpr OptionRule binding_cache_information_rule(const CodePoints& points) {
  return {"binding-cache-information", points.binding_cache_information, 40, false, 8, 2};
}
constexpr OptionRule ss_status_rule(const CodePoints& points) {
  return {"ss-status", points.ss_status, 20, true, 8, 2};
}
constexpr OptionRule aaa_information_rule(const CodePoints& points) {
  return {"aaa-information", points.aaa_information, 0, false, 1, 0};
}
constexpr OptionRule ip_address_rule(const CodePoints& points) {
  return {"ip-address", points.ip_address, 18, true, 8, 4};
}

// Whether data of this length is acceptable for the option.
constexpr bool length_fits(const OptionRule& rule, std::size_t length) {
  return rule.exact ? length == rule.min_length : length >= rule.min_length;
}

// One option as it lies in a message; `data` is without the type and length bytes.
struct RawOption {
  std::uint8_t type = 0;
  std::size_t data_at = 0;  // offset of `data` from the start of the Mobility Header
  ByteView data;
};

// Walks the options of a message. Padding is skipped. After `next()` returned nullopt, `broken()`
// says whether the chain ended properly or ran past the end (protocol digest §1).
class OptionWalker {
 public:
  // `message` is the whole Mobility Header, `first` the offset at which its options start.
  OptionWalker(ByteView message, std::size_t first) : message_(message), at_(first) {}

  std::optional<RawOption> next();
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  ByteView message_;
  std::size_t at_;
  bool broken_ = false;
};

// ---- Contents of single options -------------------------------------------------------------

struct NonceIndices {
  std::uint16_t home = 0;
  std::uint16_t care_of = 0;
  friend bool operator==(const NonceIndices&, const NonceIndices&) = default;
};

// RFC 3963 §4.3. The length is what the wire said: a value above 128 is the receiver's to refuse.
struct MobileNetworkPrefix {
  std::uint8_t length = 0;
  Ipv6Address address;

  [[nodiscard]] std::optional<Prefix> prefix() const {
    return length <= Prefix::kMaxLength ? std::optional(Prefix(address, length)) : std::nullopt;
  }
  friend bool operator==(const MobileNetworkPrefix&, const MobileNetworkPrefix&) = default;
};

inline constexpr std::uint8_t kIdentifierSubtypeNai = 1;  // RFC 4283 §3.1

// RFC 4283 §3. The identifier is a view into the message.
struct MobileNodeIdentifier {
  std::uint8_t subtype = kIdentifierSubtypeNai;
  std::string_view identifier;
  friend bool operator==(const MobileNodeIdentifier&, const MobileNodeIdentifier&) = default;
};

inline constexpr std::uint8_t kAuthenticationMnHa = 1;   // RFC 4285 §5.1
inline constexpr std::uint8_t kAuthenticationMnAaa = 2;  // RFC 4285 §5.2
inline constexpr std::size_t kAuthenticatorSize = 12;    // HMAC-SHA1-96

// RFC 4285 §5. The authenticator covers the Mobility Header from its first byte through the SPI;
// `data_at` is where it starts.
struct MobilityAuthentication {
  std::uint8_t subtype = kAuthenticationMnHa;
  std::uint32_t spi = 0;
  ByteView authenticator;
  std::size_t authenticator_at = 0;
};

// RFC 5094.
struct VendorSpecific {
  std::uint32_t enterprise = 0;
  std::uint8_t subtype = 0;
  std::vector<std::byte> data;
  friend bool operator==(const VendorSpecific&, const VendorSpecific&) = default;
};

MobileNetworkPrefix decode_mobile_network_prefix(ByteView data);
VendorSpecific decode_vendor_specific(ByteView data);

// ---- Writing --------------------------------------------------------------------------------

// Builds one Mobility Header message in a caller's buffer: fixed part, options, padding, Header
// Len and checksum. Nothing is written beyond the buffer; `finish` answers empty on overflow.
class MessageWriter {
 public:
  // The largest Mobility Header: Header Len is 8 bits (RFC 6275 §6.1.1).
  static constexpr std::size_t kMaxSize = 2048;

  MessageWriter(MutableBytes buffer, std::uint8_t type);

  // The fixed part goes here, right after construction.
  Writer& fixed() { return writer_; }
  [[nodiscard]] std::size_t size() const { return writer_.size(); }

  void refresh_advice(Lifetime interval);
  void alternate_care_of(const CareOfAddress& care_of);
  void nonce_indices(const NonceIndices& indices);
  void mobile_network_prefix(const MobileNetworkPrefix& prefix);
  void mobile_node_identifier(const MobileNodeIdentifier& identifier);
  void replay_protection(NtpTimestamp timestamp);
  void timestamp(Timestamp timestamp);
  void restart_counter(std::uint32_t counter);
  void vendor_specific(const VendorSpecific& vendor);
  // Any option: pads to the rule's alignment, writes type, length and data.
  void option(const OptionRule& rule, ByteView data);
  // Room for an authenticator of `kAuthenticatorSize` zero bytes; must be the last option. Returns
  // its offset: what the authenticator covers are the bytes before it, with Header Len in place.
  std::size_t authentication(std::uint8_t subtype, std::uint32_t spi);

  // Pads to a multiple of 8 and fills in Header Len. Idempotent.
  MutableBytes close();
  // `close` and the checksum; `source` and `destination` are those of the pseudo-header, that is
  // with a home address in place of the care-of address (RFC 6275 §6.1.1).
  MutableBytes finish(const Ipv6Address& source, const Ipv6Address& destination);

 private:
  // Pads so that the next byte stands at alignment·k + offset.
  void pad_to(std::size_t alignment, std::size_t offset);
  void open(const OptionRule& rule, std::size_t length);

  Writer writer_;
};

}  // namespace anyhome::wire
