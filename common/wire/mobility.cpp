#include "common/wire/mobility.h"

#include <algorithm>

#include "common/checksum.h"
#include "common/wire/ipv6.h"

namespace anyhome::wire {
namespace {

constexpr std::size_t kCommonSize = 6;  // of every Mobility Header
constexpr std::size_t kMaxSwitchAddresses = (MessageWriter::kMaxSize - 8) / Ipv6Address::kSize;

// Size of the fixed part of a message, common header included; nullopt for a type unknown to us.
std::optional<std::size_t> fixed_size(std::uint8_t type, const CodePoints& points) {
  if (type == points.ha_hello) {
    return 16;  // draft §5.2.2
  }
  if (type == points.state_synchronization) {
    return 10;  // draft §5.4.2
  }
  switch (type) {
    case mh_type::kBindingRefreshRequest:
    case mh_type::kHomeAgentSwitch:
      return 8;
    case mh_type::kHomeTestInit:
    case mh_type::kCareOfTestInit:
      return 16;
    case mh_type::kHomeTest:
    case mh_type::kCareOfTest:
    case mh_type::kBindingError:
      return 24;
    case mh_type::kBindingUpdate:
    case mh_type::kBindingAcknowledgement:
      return 12;
    default:
      return std::nullopt;
  }
}

template <class T>
void keep_first(std::optional<T>& slot, const T& value) {
  if (!slot) {
    slot = value;
  }
}

void read_authentication(const RawOption& raw, MobilityOptions& options) {
  Reader reader(raw.data);
  MobilityAuthentication authentication;
  authentication.subtype = reader.u8();
  authentication.spi = reader.u32();
  authentication.authenticator_at = raw.data_at + reader.offset();
  authentication.authenticator = reader.rest();
  if (authentication.subtype == kAuthenticationMnHa && !options.mn_ha_authentication) {
    options.mn_ha_authentication = authentication;
    options.identifier_precedes_authentication = options.mobile_node_identifier.has_value();
  }
}

void read_option(const RawOption& raw, MobilityOptions& options) {
  Reader reader(raw.data);
  switch (raw.type) {
    case mh_option::kBindingRefreshAdvice:
      keep_first(options.refresh_advice, Lifetime(reader.u16()));
      break;
    case mh_option::kAlternateCareOf:
      keep_first(options.alternate_care_of, CareOfAddress(reader.address()));
      break;
    case mh_option::kNonceIndices: {
      const std::uint16_t home = reader.u16();
      keep_first(options.nonce_indices, NonceIndices{home, reader.u16()});
      break;
    }
    case mh_option::kBindingAuthorizationData:
      options.has_binding_authorization_data = true;
      break;
    case mh_option::kMobileNetworkPrefix:
      options.mobile_network_prefixes.push_back(decode_mobile_network_prefix(raw.data));
      break;
    case mh_option::kMobileNodeIdentifier: {
      const std::uint8_t subtype = reader.u8();
      keep_first(options.mobile_node_identifier,
                 MobileNodeIdentifier{subtype, as_text(reader.rest())});
      break;
    }
    case mh_option::kAuthentication:
      read_authentication(raw, options);
      break;
    case mh_option::kReplayProtection:
      keep_first(options.replay_protection, NtpTimestamp{reader.u64()});
      break;
    default:
      break;
  }
}

const OptionRule* find_rule(std::uint8_t type) {
  const auto* found = std::ranges::find(kOptionRules, type, &OptionRule::type);
  return found == std::end(kOptionRules) ? nullptr : found;
}

std::expected<MobilityOptions, MobilityError> parse_options(ByteView message, std::size_t first) {
  MobilityOptions options;
  OptionWalker walker(message, first);
  // RFC 6275 §6.2.1: what is not known is skipped; so is what has a length that it cannot have.
  while (const auto raw = walker.next()) {
    const OptionRule* rule = find_rule(raw->type);
    if (rule != nullptr && length_fits(*rule, raw->data.size())) {
      read_option(*raw, options);
    }
  }
  if (walker.broken()) {
    return std::unexpected(MobilityError::BrokenOptions);
  }
  return options;
}

}  // namespace

std::expected<CheckedMobilityHeader, MobilityError> check_mobility_header(
    ByteView bytes, const Ipv6Address& source, const Ipv6Address& destination,
    const CodePoints& points) {
  Reader reader(bytes);
  const std::uint8_t payload_proto = reader.u8();
  const std::size_t size = 8U * (reader.u8() + 1U);
  const std::uint8_t type = reader.u8();
  if (!reader.ok() || size > bytes.size()) {
    return std::unexpected(MobilityError::Truncated);
  }
  const ByteView message = bytes.first(size);
  if (upper_layer_checksum(source, destination, protocol::kMobility, message) != 0) {
    return std::unexpected(MobilityError::BadChecksum);
  }
  const auto fixed = fixed_size(type, points);
  if (!fixed) {
    return std::unexpected(MobilityError::UnknownType);
  }
  if (payload_proto != protocol::kNoNextHeader) {
    return std::unexpected(MobilityError::BadPayloadProto);
  }
  if (size < *fixed) {
    return std::unexpected(MobilityError::TooShort);
  }
  return CheckedMobilityHeader{type, message};
}

std::string_view to_string(BindingStatus status) {
  switch (status) {
    case BindingStatus::Accepted:
      return "accepted";
    case BindingStatus::AcceptedPrefixDiscoveryNecessary:
      return "accepted-prefix-discovery-necessary";
    case BindingStatus::ReasonUnspecified:
      return "reason-unspecified";
    case BindingStatus::AdministrativelyProhibited:
      return "administratively-prohibited";
    case BindingStatus::InsufficientResources:
      return "insufficient-resources";
    case BindingStatus::HomeRegistrationNotSupported:
      return "home-registration-not-supported";
    case BindingStatus::NotHomeSubnet:
      return "not-home-subnet";
    case BindingStatus::NotHomeAgentForMobileNode:
      return "not-home-agent-for-mobile-node";
    case BindingStatus::DuplicateAddressDetectionFailed:
      return "duplicate-address-detection-failed";
    case BindingStatus::SequenceOutOfWindow:
      return "sequence-out-of-window";
    case BindingStatus::RegistrationTypeChangeDisallowed:
      return "registration-type-change-disallowed";
    case BindingStatus::MobileRouterOperationNotPermitted:
      return "mobile-router-operation-not-permitted";
    case BindingStatus::InvalidPrefix:
      return "invalid-prefix";
    case BindingStatus::NotAuthorizedForPrefix:
      return "not-authorized-for-prefix";
    case BindingStatus::ForwardingSetupFailed:
      return "forwarding-setup-failed";
    case BindingStatus::IdentificationMismatch:
      return "identification-mismatch";
    case BindingStatus::IdentificationRequired:
      return "identification-required";
    case BindingStatus::AuthenticationFailed:
      return "authentication-failed";
    case BindingStatus::ProxyRegistrationNotEnabled:
      return "proxy-registration-not-enabled";
    case BindingStatus::InvalidCareOfAddress:
      return "invalid-care-of-address";
  }
  return "status";
}

std::expected<BindingUpdate, MobilityError> parse_binding_update(ByteView message) {
  Reader reader(message);
  reader.skip(kCommonSize);
  BindingUpdate update;
  update.sequence.value = reader.u16();
  update.flags = reader.u16();
  update.lifetime = Lifetime(reader.u16());
  if (!reader.ok()) {
    return std::unexpected(MobilityError::TooShort);
  }
  auto options = parse_options(message, reader.offset());
  if (!options) {
    return std::unexpected(options.error());
  }
  update.options = std::move(*options);
  return update;
}

std::expected<BindingAcknowledgement, MobilityError> parse_binding_acknowledgement(
    ByteView message) {
  Reader reader(message);
  reader.skip(kCommonSize);
  BindingAcknowledgement acknowledgement;
  acknowledgement.status = static_cast<BindingStatus>(reader.u8());
  acknowledgement.flags = reader.u8();
  acknowledgement.sequence.value = reader.u16();
  acknowledgement.lifetime = Lifetime(reader.u16());
  if (!reader.ok()) {
    return std::unexpected(MobilityError::TooShort);
  }
  auto options = parse_options(message, reader.offset());
  if (!options) {
    return std::unexpected(options.error());
  }
  acknowledgement.options = std::move(*options);
  return acknowledgement;
}

std::expected<BindingError, MobilityError> parse_binding_error(ByteView message) {
  Reader reader(message);
  reader.skip(kCommonSize);
  BindingError error;
  error.status = reader.u8();
  reader.skip(1);
  error.home_address = reader.address();
  if (!reader.ok()) {
    return std::unexpected(MobilityError::TooShort);
  }
  return error;
}

std::expected<HomeAgentSwitch, MobilityError> parse_home_agent_switch(ByteView message) {
  Reader reader(message);
  reader.skip(kCommonSize);
  const std::uint8_t count = reader.u8();
  reader.skip(1);
  HomeAgentSwitch result;
  if (!reader.ok() || reader.remaining() < count * Ipv6Address::kSize) {
    return std::unexpected(MobilityError::TooShort);
  }
  for (unsigned i = 0; i < count; ++i) {
    result.home_agents.emplace_back(reader.address());
  }
  auto options = parse_options(message, reader.offset());
  if (!options) {
    return std::unexpected(options.error());
  }
  result.options = std::move(*options);
  return result;
}

MessageWriter start_binding_refresh_request(MutableBytes buffer) {
  MessageWriter writer(buffer, mh_type::kBindingRefreshRequest);
  writer.fixed().u16(0);
  return writer;
}

MessageWriter start_binding_update(MutableBytes buffer, SequenceNumber sequence,
                                   std::uint16_t flags, Lifetime lifetime) {
  MessageWriter writer(buffer, mh_type::kBindingUpdate);
  writer.fixed().u16(sequence.value);
  writer.fixed().u16(flags);
  writer.fixed().u16(lifetime.units());
  return writer;
}

MessageWriter start_binding_acknowledgement(MutableBytes buffer, BindingStatus status,
                                            std::uint8_t flags, SequenceNumber sequence,
                                            Lifetime lifetime) {
  MessageWriter writer(buffer, mh_type::kBindingAcknowledgement);
  writer.fixed().u8(static_cast<std::uint8_t>(status));
  writer.fixed().u8(flags);
  writer.fixed().u16(sequence.value);
  writer.fixed().u16(lifetime.units());
  return writer;
}

MessageWriter start_binding_error(MutableBytes buffer, std::uint8_t status,
                                  const Ipv6Address& home_address) {
  MessageWriter writer(buffer, mh_type::kBindingError);
  writer.fixed().u8(status);
  writer.fixed().u8(0);
  writer.fixed().address(home_address);
  return writer;
}

MessageWriter start_home_agent_switch(MutableBytes buffer,
                                      std::span<const HomeAgentAddress> home_agents) {
  const std::size_t count = std::min(home_agents.size(), kMaxSwitchAddresses);
  MessageWriter writer(buffer, mh_type::kHomeAgentSwitch);
  writer.fixed().u8(static_cast<std::uint8_t>(count));
  writer.fixed().u8(0);
  for (const HomeAgentAddress& home_agent : home_agents.first(count)) {
    writer.fixed().address(home_agent.address());
  }
  return writer;
}

}  // namespace anyhome::wire
