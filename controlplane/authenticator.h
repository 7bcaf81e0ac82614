// Who may register what: authentication of Binding Updates as a strategy.
//
// `Rfc4285Authenticator` checks the mobility message authentication option with a key per mobile
// node; `InsecureAuthenticator` believes everybody and exists for labs. ESP will be a third: the
// data path says which security association protected a packet, and the strategy which home address
// that association belongs to.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/address.h"
#include "common/config/config.h"
#include "common/time.h"
#include "common/wire/mobility.h"
#include "controlplane/address_index.h"
#include "controlplane/control_counters.h"
#include "controlplane/hmac_sha1.h"

namespace anyhome::control {

// A decoded Binding Update with what its authenticator covers.
struct UpdateToVerify {
  const wire::BindingUpdate& update;
  ByteView message;  // the Mobility Header
  HomeAddress home_address;
  CareOfAddress care_of_address;
  std::uint32_t security_association = 0;  // of ESP, 0: unprotected
  // The latest time that any home agent of the set has accepted from this mobile node (rulings §9).
  Timestamp floor;
};

// How the answer to a Binding Update has to be protected; says nothing when default-made.
struct ReplyProtection {
  std::optional<std::uint32_t> association;  // index of the RFC 4285 association
  std::optional<NtpTimestamp> timestamp;     // for the replay protection option of the answer
};

struct Authenticated {
  ReplyProtection reply;
};
struct Unauthenticated {};  // discarded without an answer
struct AuthenticationRejected {
  wire::BindingStatus status = wire::BindingStatus::AuthenticationFailed;
  ReplyProtection reply;
};
using AuthenticationResult = std::variant<Authenticated, Unauthenticated, AuthenticationRejected>;

class Authenticator {
 public:
  virtual ~Authenticator() = default;

  [[nodiscard]] virtual AuthenticationResult verify(const Now& now,
                                                    const UpdateToVerify& update) = 0;

  // The last sequence number accepted from this mobile node, if the strategy remembers it beyond
  // the life of a binding to keep old updates from being replayed.
  [[nodiscard]] virtual std::optional<SequenceNumber> last_sequence(
      const HomeAddress& home_address) const = 0;

  // The update has passed every check up to "valid" (protocol digest §7.1, steps 1 to 9).
  virtual void remember(const UpdateToVerify& update) = 0;

  // Adds the options that protect an answer; must be the last thing before `finish`. `care_of` is
  // the IPv6 destination of the answer.
  virtual void protect(wire::MessageWriter& answer, const ReplyProtection& reply,
                       const HomeAddress& home_address, const CareOfAddress& care_of) const = 0;

  // The options for a message that answers nothing (Home Agent Switch, rulings §9).
  [[nodiscard]] virtual ReplyProtection unsolicited(const Now& now,
                                                    const HomeAddress& home_address) const = 0;

  // Whether the update, sent to `home_agent` of our set, is the mobile node's: its authenticator
  // alone, no replay protection (rulings §7).
  [[nodiscard]] virtual bool is_signed_for(const HomeAgentAddress& home_agent,
                                           const UpdateToVerify& update) const = 0;

  // Whether this home address is known by configuration.
  [[nodiscard]] virtual bool knows(const HomeAddress& home_address) const = 0;

  [[nodiscard]] virtual std::size_t memory_bytes() const { return 0; }

  // Two steps toward what is known of a mobile node: where it is, and that itself.
  virtual void prefetch(const HomeAddress& home_address, bool record) const {
    (void)home_address;
    (void)record;
  }
};

std::unique_ptr<Authenticator> make_authenticator(const config::HomeAgent& config);

class InsecureAuthenticator final : public Authenticator {
 public:
  AuthenticationResult verify(const Now& now, const UpdateToVerify& update) override;
  [[nodiscard]] std::optional<SequenceNumber> last_sequence(const HomeAddress&) const override {
    return std::nullopt;
  }
  void remember(const UpdateToVerify&) override {}
  void protect(wire::MessageWriter&, const ReplyProtection&, const HomeAddress&,
               const CareOfAddress&) const override {}
  [[nodiscard]] ReplyProtection unsolicited(const Now&, const HomeAddress&) const override {
    return {};
  }
  [[nodiscard]] bool is_signed_for(const HomeAgentAddress&, const UpdateToVerify&) const override {
    return true;
  }
  [[nodiscard]] bool knows(const HomeAddress&) const override { return true; }
};

// RFC 4285: MN-HA mobility message authentication option, replay protection by sequence number or
// by timestamp.
class Rfc4285Authenticator final : public Authenticator {
 public:
  explicit Rfc4285Authenticator(const config::HomeAgent& config);

  AuthenticationResult verify(const Now& now, const UpdateToVerify& update) override;
  [[nodiscard]] std::optional<SequenceNumber> last_sequence(
      const HomeAddress& home_address) const override;
  void remember(const UpdateToVerify& update) override;
  void protect(wire::MessageWriter& answer, const ReplyProtection& reply,
               const HomeAddress& home_address, const CareOfAddress& care_of) const override;
  [[nodiscard]] ReplyProtection unsolicited(const Now& now,
                                            const HomeAddress& home_address) const override;
  [[nodiscard]] bool is_signed_for(const HomeAgentAddress& home_agent,
                                   const UpdateToVerify& update) const override;
  [[nodiscard]] bool knows(const HomeAddress& home_address) const override;
  [[nodiscard]] std::size_t memory_bytes() const override;
  void prefetch(const HomeAddress& home_address, bool record) const override;

 private:
  struct Association {
    HomeAddress home_address;
    std::uint32_t spi = 0;
    HmacSha1Key key;
    std::optional<std::string> identifier;
    std::optional<SequenceNumber> last_sequence;
    NtpTimestamp last_timestamp;
  };

  [[nodiscard]] std::optional<std::uint32_t> find(const HomeAddress& home_address) const;
  // Index of the association and whether identifier and authenticator are right under `key`;
  // nullopt: there is nothing to check against.
  struct Signature {
    std::uint32_t association = 0;
    bool good = false;
  };
  [[nodiscard]] std::optional<Signature> check(const UpdateToVerify& update,
                                               const HmacSha1Key* other_key) const;
  [[nodiscard]] std::optional<AuthenticationResult> check_timestamp(const Now& now,
                                                                    const UpdateToVerify& update,
                                                                    std::uint32_t index) const;

  const config::HomeAgent& config_;
  std::vector<Association> associations_;
  AddressIndex index_;
  bool timestamps_;
  std::chrono::seconds window_;
};

}  // namespace anyhome::control
