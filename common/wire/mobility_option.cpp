#include "common/wire/mobility_option.h"

#include "common/checksum.h"
#include "common/wire/ipv6.h"

namespace anyhome::wire {
namespace {

constexpr std::size_t kHeaderLengthOffset = 1;
constexpr std::size_t kChecksumOffset = 4;

}  // namespace

std::optional<RawOption> OptionWalker::next() {
  while (at_ < message_.size()) {
    const auto type = std::to_integer<std::uint8_t>(message_[at_]);
    if (type == mh_option::kPad1) {
      ++at_;
      continue;
    }
    const std::size_t left = message_.size() - at_;
    const std::size_t length = left < 2 ? 0 : std::to_integer<std::size_t>(message_[at_ + 1]);
    if (left < 2 || left - 2 < length) {
      broken_ = true;
      at_ = message_.size();
      return std::nullopt;
    }
    const RawOption option{type, at_ + 2, message_.subspan(at_ + 2, length)};
    at_ += 2 + length;
    if (type != mh_option::kPadN) {
      return option;
    }
  }
  return std::nullopt;
}

MobileNetworkPrefix decode_mobile_network_prefix(ByteView data) {
  Reader reader(data);
  reader.skip(1);
  MobileNetworkPrefix prefix;
  prefix.length = reader.u8();
  prefix.address = reader.address();
  return prefix;
}

VendorSpecific decode_vendor_specific(ByteView data) {
  Reader reader(data);
  VendorSpecific vendor;
  vendor.enterprise = reader.u32();
  vendor.subtype = reader.u8();
  const ByteView rest = reader.rest();
  vendor.data.assign(rest.begin(), rest.end());
  return vendor;
}

MessageWriter::MessageWriter(MutableBytes buffer, std::uint8_t type)
    : writer_(buffer.first(buffer.size() < kMaxSize ? buffer.size() : kMaxSize)) {
  writer_.u8(protocol::kNoNextHeader);
  writer_.u8(0);  // Header Len, known in close()
  writer_.u8(type);
  writer_.u8(0);
  writer_.u16(0);  // checksum
}

void MessageWriter::pad_to(std::size_t alignment, std::size_t offset) {
  const std::size_t missing = (offset + alignment - writer_.size() % alignment) % alignment;
  if (missing == 1) {
    writer_.u8(mh_option::kPad1);
  } else if (missing > 1) {
    writer_.u8(mh_option::kPadN);
    writer_.u8(static_cast<std::uint8_t>(missing - 2));
    writer_.zeros(missing - 2);
  }
}

void MessageWriter::open(const OptionRule& rule, std::size_t length) {
  pad_to(rule.alignment, rule.offset);
  writer_.u8(rule.type);
  writer_.u8(static_cast<std::uint8_t>(length));
}

void MessageWriter::option(const OptionRule& rule, ByteView data) {
  open(rule, data.size());
  writer_.bytes(data);
}

void MessageWriter::refresh_advice(Lifetime interval) {
  open(option_rule::kBindingRefreshAdvice, 2);
  writer_.u16(interval.units());
}

void MessageWriter::alternate_care_of(const CareOfAddress& care_of) {
  open(option_rule::kAlternateCareOf, Ipv6Address::kSize);
  writer_.address(care_of.address());
}

void MessageWriter::nonce_indices(const NonceIndices& indices) {
  open(option_rule::kNonceIndices, 4);
  writer_.u16(indices.home);
  writer_.u16(indices.care_of);
}

void MessageWriter::mobile_network_prefix(const MobileNetworkPrefix& prefix) {
  open(option_rule::kMobileNetworkPrefix, 2 + Ipv6Address::kSize);
  writer_.u8(0);
  writer_.u8(prefix.length);
  writer_.address(prefix.address);
}

void MessageWriter::mobile_node_identifier(const MobileNodeIdentifier& identifier) {
  open(option_rule::kMobileNodeIdentifier, 1 + identifier.identifier.size());
  writer_.u8(identifier.subtype);
  writer_.bytes(std::as_bytes(std::span(identifier.identifier)));
}

void MessageWriter::replay_protection(NtpTimestamp timestamp) {
  open(option_rule::kReplayProtection, 8);
  writer_.u64(timestamp.value);
}

void MessageWriter::timestamp(Timestamp timestamp) {
  open(option_rule::kTimestamp, 8);
  writer_.u64(timestamp.value);
}

void MessageWriter::restart_counter(std::uint32_t counter) {
  open(option_rule::kRestartCounter, 4);
  writer_.u32(counter);
}

void MessageWriter::vendor_specific(const VendorSpecific& vendor) {
  open(option_rule::kVendorSpecific, 5 + vendor.data.size());
  writer_.u32(vendor.enterprise);
  writer_.u8(vendor.subtype);
  writer_.bytes(vendor.data);
}

std::size_t MessageWriter::authentication(std::uint8_t subtype, std::uint32_t spi) {
  open(option_rule::kAuthentication, 5 + kAuthenticatorSize);
  writer_.u8(subtype);
  writer_.u32(spi);
  const std::size_t at = writer_.size();
  writer_.zeros(kAuthenticatorSize);
  return at;
}

MutableBytes MessageWriter::close() {
  pad_to(8, 0);
  writer_.patch_u8(kHeaderLengthOffset, static_cast<std::uint8_t>(writer_.size() / 8 - 1));
  return writer_.ok() ? writer_.written() : MutableBytes{};
}

MutableBytes MessageWriter::finish(const Ipv6Address& source, const Ipv6Address& destination) {
  const MutableBytes message = close();
  if (message.empty()) {
    return message;
  }
  writer_.patch_u16(kChecksumOffset, 0);
  writer_.patch_u16(kChecksumOffset,
                    upper_layer_checksum(source, destination, protocol::kMobility, message));
  return message;
}

}  // namespace anyhome::wire
