#include "common/wire/haha.h"

#include <array>

namespace anyhome::wire {
namespace {

constexpr std::size_t kCommonSize = 6;
// In a message, with what belongs to it at least, and padding: how many to expect.
constexpr std::size_t kInformationSize = 54;
constexpr std::size_t kStatusSize = 22;
constexpr std::uint8_t kHelloActive = 0x80;
constexpr std::uint8_t kHelloRequest = 0x40;
constexpr std::uint8_t kHelloGlobal = 0x20;
constexpr std::uint8_t kSsAcknowledge = 0x80;
constexpr std::uint8_t kSsGlobal = 0x40;

BindingCacheInformation decode_binding(ByteView data) {
  Reader reader(data);
  BindingCacheInformation binding;
  binding.flags = reader.u16();
  binding.sequence.value = reader.u16();
  binding.lifetime = Lifetime(reader.u16());
  binding.change_counter = reader.u16();
  binding.home_address = HomeAddress(reader.address());
  binding.care_of_address = CareOfAddress(reader.address());
  return binding;
}

SsStatusOption decode_status(ByteView data) {
  Reader reader(data);
  SsStatusOption option;
  option.status = static_cast<SsStatus>(reader.u8());
  reader.skip(3);
  option.home_address = HomeAddress(reader.address());
  return option;
}

IpAddressOption decode_ip_address(ByteView data) {
  Reader reader(data);
  IpAddressOption option;
  option.code = reader.u8();
  option.prefix_length = reader.u8();
  option.address = reader.address();
  return option;
}

std::uint32_t decode_u32(ByteView data) { return Reader(data).u32(); }

// Takes the options of one message apart. The order of the message decides what belongs to what:
// everything behind a BCI belongs to it (protocol digest §16.4, rulings §4).
class SsOptions {
 public:
  SsOptions(StateSynchronization& message, const CodePoints& points)
      : message_(message), points_(points) {}

  // False when the option makes the message malformed.
  bool take(const RawOption& raw) {
    const BindingCacheInformation* last =
        message_.bindings.empty() ? nullptr : &message_.bindings.back();
    const bool reply = message_.type == SsType::Reply;
    if (raw.type == points_.binding_cache_information) {
      if (!length_fits(binding_cache_information_rule(points_), raw.data.size())) {
        return false;
      }
      message_.bindings.push_back(decode_binding(raw.data));
      return true;
    }
    if (raw.type == points_.ss_status) {
      if (length_fits(ss_status_rule(points_), raw.data.size())) {  // A3: else ignored
        message_.statuses.push_back(decode_status(raw.data));
      }
      return true;
    }
    if (raw.type == mh_option::kRestartCounter) {
      if (length_fits(option_rule::kRestartCounter, raw.data.size())) {
        message_.restart_counter = decode_u32(raw.data);
      }
      return true;
    }
    return reply ? take_for_binding(raw, last != nullptr) : take_selector(raw);
  }

 private:
  bool take_for_binding(const RawOption& raw, bool has_binding) {
    const bool known =
        raw.type == mh_option::kTimestamp || raw.type == mh_option::kMobileNetworkPrefix ||
        raw.type == mh_option::kVendorSpecific || raw.type == points_.aaa_information;
    if (!known) {
      return true;
    }
    if (!has_binding) {
      return false;
    }
    BindingCacheInformation& binding = message_.bindings.back();
    if (raw.type == points_.aaa_information) {
      binding.aaa.assign(raw.data.begin(), raw.data.end());
    } else if (raw.type == mh_option::kTimestamp) {
      if (!length_fits(option_rule::kTimestamp, raw.data.size())) {
        return false;
      }
      binding.timestamp = Timestamp{Reader(raw.data).u64()};
    } else if (raw.type == mh_option::kMobileNetworkPrefix) {
      const MobileNetworkPrefix prefix = decode_mobile_network_prefix(raw.data);
      if (!length_fits(option_rule::kMobileNetworkPrefix, raw.data.size()) || !prefix.prefix()) {
        return false;
      }
      binding.prefixes.push_back(prefix);
    } else if (length_fits(option_rule::kVendorSpecific, raw.data.size())) {
      binding.vendor.push_back(decode_vendor_specific(raw.data));
    }
    return true;
  }

  bool take_selector(const RawOption& raw) {
    if (raw.type == points_.ip_address) {
      if (length_fits(ip_address_rule(points_), raw.data.size())) {
        message_.addresses.push_back(decode_ip_address(raw.data));
      }
    } else if (raw.type == mh_option::kMobileNetworkPrefix) {
      if (length_fits(option_rule::kMobileNetworkPrefix, raw.data.size())) {
        message_.prefixes.push_back(decode_mobile_network_prefix(raw.data));
      }
    } else if (raw.type == mh_option::kVendorSpecific) {
      if (length_fits(option_rule::kVendorSpecific, raw.data.size())) {
        message_.vendor.push_back(decode_vendor_specific(raw.data));
      }
    }
    return true;
  }

  StateSynchronization& message_;
  const CodePoints& points_;
};

void write_binding(MessageWriter& writer, const BindingCacheInformation& binding,
                   const CodePoints& points) {
  std::array<std::byte, 40> data{};
  Writer fields(data);
  fields.u16(binding.flags);
  fields.u16(binding.sequence.value);
  fields.u16(binding.lifetime.units());
  fields.u16(binding.change_counter);
  fields.address(binding.home_address.address());
  fields.address(binding.care_of_address.address());
  writer.option(binding_cache_information_rule(points), data);
  if (binding.timestamp) {
    writer.timestamp(*binding.timestamp);
  }
  for (const MobileNetworkPrefix& prefix : binding.prefixes) {
    writer.mobile_network_prefix(prefix);
  }
  if (!binding.aaa.empty()) {
    writer.option(aaa_information_rule(points), binding.aaa);
  }
  for (const VendorSpecific& vendor : binding.vendor) {
    writer.vendor_specific(vendor);
  }
}

void write_status(MessageWriter& writer, const SsStatusOption& status, const CodePoints& points) {
  std::array<std::byte, 20> data{};
  Writer fields(data);
  fields.u8(static_cast<std::uint8_t>(status.status));
  fields.zeros(3);
  fields.address(status.home_address.address());
  writer.option(ss_status_rule(points), data);
}

void write_ip_address(MessageWriter& writer, const IpAddressOption& option,
                      const CodePoints& points) {
  std::array<std::byte, 18> data{};
  Writer fields(data);
  fields.u8(option.code);
  fields.u8(option.prefix_length);
  fields.address(option.address);
  writer.option(ip_address_rule(points), data);
}

}  // namespace

std::expected<HaHello, MobilityError> parse_ha_hello(ByteView message, const CodePoints& points) {
  Reader reader(message);
  reader.skip(kCommonSize);
  HaHello hello;
  hello.sequence.value = reader.u16();
  hello.preference = reader.u16();
  hello.lifetime_seconds = reader.u16();
  hello.interval_seconds = reader.u16();
  hello.group_id = reader.u8();
  const std::uint8_t flags = reader.u8();
  hello.active = (flags & kHelloActive) != 0;
  hello.request = (flags & kHelloRequest) != 0;
  hello.global = (flags & kHelloGlobal) != 0;
  if (!reader.ok()) {
    return std::unexpected(MobilityError::TooShort);
  }
  OptionWalker walker(message, reader.offset());
  while (const auto raw = walker.next()) {
    if (raw->type == mh_option::kRestartCounter &&
        length_fits(option_rule::kRestartCounter, raw->data.size())) {
      hello.restart_counter = decode_u32(raw->data);
    } else if (raw->type == mh_option::kVendorSpecific &&
               length_fits(option_rule::kVendorSpecific, raw->data.size())) {
      VendorSpecific vendor = decode_vendor_specific(raw->data);
      if (vendor.enterprise == points.vendor_enterprise) {
        hello.vendor.push_back(std::move(vendor));
      }
    }
  }
  if (walker.broken()) {
    return std::unexpected(MobilityError::BrokenOptions);
  }
  return hello;
}

std::optional<StateSynchronizationHeader> parse_state_synchronization_header(ByteView message) {
  Reader reader(message);
  reader.skip(kCommonSize);
  StateSynchronizationHeader header;
  header.type = reader.u8();
  const std::uint8_t flags = reader.u8();
  header.acknowledge = (flags & kSsAcknowledge) != 0;
  header.global = (flags & kSsGlobal) != 0;
  header.identifier = reader.u16();
  return reader.ok() ? std::optional(header) : std::nullopt;
}

std::expected<StateSynchronization, SsError> parse_state_synchronization(ByteView message,
                                                                         const CodePoints& points) {
  const auto header = parse_state_synchronization_header(message);
  if (!header) {
    return std::unexpected(SsError::TooShort);
  }
  if (header->type > static_cast<std::uint8_t>(SsType::Acknowledgement)) {
    return std::unexpected(SsError::UnknownType);
  }
  StateSynchronization result;
  result.type = static_cast<SsType>(header->type);
  result.acknowledge = header->acknowledge;
  result.global = header->global;
  result.identifier = header->identifier;
  if (result.type == SsType::Reply) {
    result.bindings.reserve(message.size() / kInformationSize + 1);
  } else if (result.type == SsType::Acknowledgement) {
    result.statuses.reserve(message.size() / kStatusSize + 1);
  }
  SsOptions options(result, points);
  // Figure 5: options start at offset 10, right behind the Identifier (A2).
  OptionWalker walker(message, kCommonSize + 4);
  bool any = false;
  while (const auto raw = walker.next()) {
    any = true;
    if (!options.take(*raw)) {
      return std::unexpected(SsError::Malformed);
    }
  }
  if (walker.broken()) {
    return std::unexpected(SsError::Malformed);
  }
  if (result.type == SsType::Reply) {
    if (!any) {
      return std::unexpected(SsError::NoOption);
    }
    if (result.bindings.empty()) {  // R53: at least one BCI
      return std::unexpected(SsError::Malformed);
    }
  }
  return result;
}

MutableBytes write_ha_hello(MutableBytes buffer, const HaHello& hello, const CodePoints& points,
                            const Locator& source, const Locator& destination) {
  MessageWriter writer(buffer, points.ha_hello);
  Writer& fixed = writer.fixed();
  fixed.u16(hello.sequence.value);
  fixed.u16(hello.preference);
  fixed.u16(hello.lifetime_seconds);
  fixed.u16(hello.interval_seconds);
  fixed.u8(hello.group_id);
  fixed.u8(static_cast<std::uint8_t>((hello.active ? kHelloActive : 0U) |
                                     (hello.request ? kHelloRequest : 0U) |
                                     (hello.global ? kHelloGlobal : 0U)));
  if (hello.restart_counter) {
    writer.restart_counter(*hello.restart_counter);
  }
  for (const VendorSpecific& vendor : hello.vendor) {
    writer.vendor_specific(vendor);
  }
  return writer.finish(source.address(), destination.address());
}

MutableBytes write_state_synchronization(MutableBytes buffer, const StateSynchronization& message,
                                         const CodePoints& points, const Locator& source,
                                         const Locator& destination) {
  MessageWriter writer(buffer, points.state_synchronization);
  Writer& fixed = writer.fixed();
  fixed.u8(static_cast<std::uint8_t>(message.type));
  fixed.u8(static_cast<std::uint8_t>((message.acknowledge ? kSsAcknowledge : 0U) |
                                     (message.global ? kSsGlobal : 0U)));
  fixed.u16(message.identifier);
  for (const BindingCacheInformation& binding : message.bindings) {
    write_binding(writer, binding, points);
  }
  for (const SsStatusOption& status : message.statuses) {
    write_status(writer, status, points);
  }
  for (const IpAddressOption& address : message.addresses) {
    write_ip_address(writer, address, points);
  }
  for (const MobileNetworkPrefix& prefix : message.prefixes) {
    writer.mobile_network_prefix(prefix);
  }
  for (const VendorSpecific& vendor : message.vendor) {
    writer.vendor_specific(vendor);
  }
  if (message.restart_counter) {
    writer.restart_counter(*message.restart_counter);
  }
  return writer.finish(source.address(), destination.address());
}

}  // namespace anyhome::wire
