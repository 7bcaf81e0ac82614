#include "controlplane/authenticator.h"

#include <algorithm>

#include "controlplane/key_derivation.h"

namespace anyhome::control {
namespace {

using wire::BindingStatus;

// RFC 4285 §5.1: First(96, HMAC_SHA1(key, care-of address | home address | MH data)), MH data being
// the Mobility Header up to and including the SPI, with a checksum of zero.
HmacSha1Key::Digest sign(const HmacSha1Key& key, const CareOfAddress& care_of,
                         const HomeAddress& home_address, ByteView covered) {
  constexpr std::size_t kChecksumAt = 4;
  constexpr std::array<std::byte, 2> kZeroChecksum{};
  const ByteView pieces[] = {
      std::as_bytes(std::span(care_of.address().octets)),
      std::as_bytes(std::span(home_address.address().octets)),
      covered.first(kChecksumAt),
      kZeroChecksum,
      covered.subspan(kChecksumAt + kZeroChecksum.size()),
  };
  return key.sign(pieces);
}

}  // namespace

std::unique_ptr<Authenticator> make_authenticator(const config::HomeAgent& config) {
  if (config.authentication == config::Authentication::Rfc4285) {
    return std::make_unique<Rfc4285Authenticator>(config);
  }
  return std::make_unique<InsecureAuthenticator>();
}

AuthenticationResult InsecureAuthenticator::verify(const Now&, const UpdateToVerify&) {
  return Authenticated{};
}

Rfc4285Authenticator::Rfc4285Authenticator(const config::HomeAgent& config)
    : config_(config),
      index_(config.mobile_nodes.size()),
      timestamps_(config.replay_protection == config::ReplayProtection::Timestamp),
      window_(config.timestamp_window) {
  associations_.reserve(config.mobile_nodes.size());
  for (const config::MobileNode& node : config.mobile_nodes) {
    index_.insert(node.home_address.address(), static_cast<std::uint32_t>(associations_.size()));
    associations_.push_back({node.home_address,
                             node.spi,
                             config.keys_per_home_agent
                                 ? HmacSha1Key(derive_key(node.key, config.address))
                                 : HmacSha1Key(node.key),
                             node.identifier,
                             std::nullopt,
                             {}});
  }
}

std::optional<std::uint32_t> Rfc4285Authenticator::find(const HomeAddress& home_address) const {
  return index_.find(home_address.address(), [this](std::uint32_t slot) -> const Ipv6Address& {
    return associations_[slot].home_address.address();
  });
}

std::optional<Rfc4285Authenticator::Signature> Rfc4285Authenticator::check(
    const UpdateToVerify& update, const HmacSha1Key* other_key) const {
  const wire::MobilityOptions& options = update.update.options;
  const auto& authentication = options.mn_ha_authentication;
  if (!authentication || !options.identifier_precedes_authentication) {
    return std::nullopt;
  }
  const auto index = find(update.home_address);
  if (!index || associations_[*index].spi != authentication->spi) {
    return std::nullopt;
  }
  const Association& association = associations_[*index];
  const bool identified = !association.identifier ||
                          (options.mobile_node_identifier->subtype == wire::kIdentifierSubtypeNai &&
                           options.mobile_node_identifier->identifier == *association.identifier);
  const auto digest =
      sign(other_key != nullptr ? *other_key : association.key, update.care_of_address,
           update.home_address, update.message.first(authentication->authenticator_at));
  return Signature{
      *index, identified && equal_in_constant_time(ByteView(digest).first(wire::kAuthenticatorSize),
                                                   authentication->authenticator)};
}

AuthenticationResult Rfc4285Authenticator::verify(const Now& now, const UpdateToVerify& update) {
  // RFC 4285 §5: a missing option is a silent discard; so is an SPI without an association, and a
  // message without the identifier that has to stand before the option.
  const auto signature = check(update, nullptr);
  if (!signature) {
    return Unauthenticated{};
  }
  const std::uint32_t index = signature->association;
  if (!signature->good) {
    return AuthenticationRejected{BindingStatus::AuthenticationFailed, {index, std::nullopt}};
  }
  if (timestamps_) {
    if (auto rejected = check_timestamp(now, update, index)) {
      return *rejected;
    }
  }
  return Authenticated{{index, update.update.options.replay_protection}};
}

std::optional<AuthenticationResult> Rfc4285Authenticator::check_timestamp(
    const Now& now, const UpdateToVerify& update, std::uint32_t index) const {
  const auto& stamp = update.update.options.replay_protection;
  if (!stamp) {
    return AuthenticationRejected{BindingStatus::IdentificationRequired, {index, std::nullopt}};
  }
  // What another home agent of the set has accepted counts as well: its T (rulings §9).
  const NtpTimestamp last =
      std::max(associations_[index].last_timestamp, NtpTimestamp::from(update.floor.to_wall()));
  // Nothing is accepted that lies farther ahead than the window. If something does, it was by
  // another clock, or ours has been set back since: we go on from there, or nobody could come
  // before we are there again (I15).
  const bool ours_is_late = last.to_wall() > now.wall + Duration(window_);
  const Duration distance = stamp->to_wall() - (ours_is_late ? last.to_wall() : now.wall);
  if (distance <= window_ && distance >= -window_ && *stamp > last &&
      Timestamp::from(stamp->to_wall()) > update.floor) {
    return std::nullopt;
  }
  // The answer carries our high 32 bits and the mobile node's low ones (RFC 4285 §6); ours are
  // taken late enough for the next stamp to be newer than the last accepted one (rulings §9).
  const NtpTimestamp late{last.value + (1ULL << 32U)};
  const NtpTimestamp ours = std::max(NtpTimestamp::from(now.wall), late);
  constexpr std::uint64_t kLow = 0xffff'ffffULL;
  return AuthenticationRejected{
      BindingStatus::IdentificationMismatch,
      {index, NtpTimestamp{(ours.value & ~kLow) | (stamp->value & kLow)}}};
}

std::optional<SequenceNumber> Rfc4285Authenticator::last_sequence(
    const HomeAddress& home_address) const {
  const auto index = find(home_address);
  // With timestamps an old update is known by its age, and a mobile node may start anew.
  return index && !timestamps_ ? associations_[*index].last_sequence : std::nullopt;
}

void Rfc4285Authenticator::remember(const UpdateToVerify& update) {
  if (const auto index = find(update.home_address)) {
    Association& association = associations_[*index];
    association.last_sequence = update.update.sequence;
    if (const auto& stamp = update.update.options.replay_protection) {
      association.last_timestamp = std::max(association.last_timestamp, *stamp);
    }
  }
}

void Rfc4285Authenticator::protect(wire::MessageWriter& answer, const ReplyProtection& reply,
                                   const HomeAddress& home_address,
                                   const CareOfAddress& care_of) const {
  if (!reply.association) {
    return;
  }
  const Association& association = associations_[*reply.association];
  if (association.identifier) {
    answer.mobile_node_identifier({wire::kIdentifierSubtypeNai, *association.identifier});
  }
  if (reply.timestamp) {
    answer.replay_protection(*reply.timestamp);
  }
  const std::size_t at = answer.authentication(wire::kAuthenticationMnHa, association.spi);
  const MutableBytes message = answer.close();
  if (message.empty()) {
    return;
  }
  const auto digest = sign(association.key, care_of, home_address, message.first(at));
  std::ranges::copy(ByteView(digest).first(wire::kAuthenticatorSize), message.subspan(at).begin());
}

ReplyProtection Rfc4285Authenticator::unsolicited(const Now& now,
                                                  const HomeAddress& home_address) const {
  return {find(home_address), NtpTimestamp::from(now.wall)};
}

bool Rfc4285Authenticator::is_signed_for(const HomeAgentAddress& home_agent,
                                         const UpdateToVerify& update) const {
  if (!config_.keys_per_home_agent) {
    const auto signature = check(update, nullptr);
    return signature && signature->good;
  }
  const auto index = find(update.home_address);
  if (!index) {
    return false;
  }
  const HmacSha1Key key(derive_key(config_.mobile_nodes[*index].key, home_agent));
  const auto signature = check(update, &key);
  return signature && signature->good;
}

bool Rfc4285Authenticator::knows(const HomeAddress& home_address) const {
  return find(home_address).has_value();
}

void Rfc4285Authenticator::prefetch(const HomeAddress& home_address, bool record) const {
  if (!record) {
    index_.prefetch(home_address.address());
  } else if (const auto index = index_.candidate(home_address.address())) {
    constexpr std::size_t kLine = 64;
    const auto* bytes = reinterpret_cast<const std::byte*>(&associations_[*index]);  // NOLINT
    for (std::size_t offset = 0; offset < sizeof(Association); offset += kLine) {
      __builtin_prefetch(bytes + offset);
    }
  }
}

std::size_t Rfc4285Authenticator::memory_bytes() const {
  return associations_.capacity() * sizeof(Association) + index_.memory_bytes();
}

}  // namespace anyhome::control
