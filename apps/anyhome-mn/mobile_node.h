// A mobile node (RFC 6275 §11, RFC 3963 §5, RFC 5142 §6) as a pure function of state, event and
// time: no socket, no clock, no thread. The program around it (daemon.h) and the simulator bring
// packets and time in and carry the effects out.
//
// Three things happen side by side: an exchange with the home agent that is to be the next one
// (`pending_`), the binding that carries traffic until then (`binding_`), and what still has to be
// accepted from home agents and care-of addresses just left (`formers_`, `former_care_ofs_`). That
// is what makes every move and every switch "make before break" (rulings §6).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "apps/anyhome-mn/counters.h"
#include "apps/anyhome-mn/effects.h"
#include "apps/anyhome-mn/exchange.h"
#include "apps/anyhome-mn/packets.h"
#include "apps/anyhome-mn/settings.h"
#include "apps/anyhome-mn/solicitation.h"
#include "common/address.h"
#include "common/bytes.h"
#include "common/time.h"
#include "common/wire/mobility.h"

namespace anyhome::mobile {

enum class State : std::uint8_t {
  Detached,     // never had a care-of address
  Discovering,  // looking for a home agent
  Registering,  // a Binding Update is out; no binding for this care-of address yet
  Registered,
  Deregistering,
  Home,      // de-registered, or asked to be
  Rejected,  // waiting for the next attempt, or for the operator
};
std::string_view to_string(State state);

// An accepted registration.
struct Binding {
  HomeAgentAddress home_agent;
  CareOfAddress care_of;
  SequenceNumber sequence;
  Lifetime lifetime;  // granted
  Instant expires;
  Instant refresh;  // when a Binding Update goes out again
};

class MobileNode {
 public:
  // Rulings §6: a home agent or care-of address just left is listened to for this long.
  static constexpr Duration kFormerTime = std::chrono::seconds(10);
  // RFC 8201 §4: a learnt path MTU is tried to exceed no sooner than after 5 minutes; 10 are
  // advised.
  static constexpr Duration kPathMtuTime = std::chrono::minutes(10);

  // Two nodes with the same settings, seed and inputs do the same.
  MobileNode(Settings settings, std::uint64_t seed);

  // A care-of address, the first one or another one: registers it. `access_mtu` is the MTU of the
  // access link in bytes.
  void attach(Now now, const CareOfAddress& care_of, std::size_t access_mtu, Effects& effects);
  // Sends a Binding Update now, whatever was decided before. Needs a care-of address.
  void register_now(Now now, Effects& effects);
  // Lifetime 0 (RFC 6275 §11.7.1); no tunnel from now on.
  void deregister(Now now, Effects& effects);

  // A whole packet that reached one of the care-of addresses, not fragmented.
  void on_network_packet(Now now, ByteView packet, Effects& effects);
  // The same for a caller that has parsed it.
  void on_received(Now now, const Received& received, Effects& effects);
  // A whole packet from the home address or the mobile network, for the tunnel.
  void on_host_packet(Now now, ByteView packet, Effects& effects);
  void on_timer(Now now, Effects& effects);
  [[nodiscard]] std::optional<Instant> next_deadline() const;

  [[nodiscard]] State state() const;
  // Nothing is under way or went wrong: registered with nothing outstanding, or home.
  [[nodiscard]] bool settled() const;
  // Rejected for good: only `attach` or `register_now` starts again.
  [[nodiscard]] bool stopped() const { return stopped_; }
  [[nodiscard]] const std::optional<Binding>& binding() const { return binding_; }
  [[nodiscard]] const std::optional<CareOfAddress>& care_of() const { return care_of_; }
  // The home agent a Binding Update is out to, else the one of the binding.
  [[nodiscard]] std::optional<HomeAgentAddress> home_agent() const;
  [[nodiscard]] std::optional<wire::BindingStatus> last_status() const { return last_status_; }
  // Of outer packets to the current home agent.
  [[nodiscard]] std::size_t path_mtu(Instant now) const;
  // Of the discovery request that waits for a reply.
  [[nodiscard]] std::optional<std::uint16_t> discovery_identifier() const;
  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] const Settings& settings() const { return settings_; }
  [[nodiscard]] bool owns(const Ipv6Address& address) const;
  // Whether tunnel packets from there are taken at this moment.
  [[nodiscard]] bool accepts_tunnel_from(const HomeAgentAddress& home_agent) const;

 private:
  enum class Goal : std::uint8_t {
    None,
    Away,
    Home,
  };
  struct Context {
    Now now;
    Effects& effects;
  };
  template <class Address>
  struct Former {
    Address address;
    Instant until;
  };

  // mobile_node.cpp: registration
  void start(const Context& ctx);
  void start_discovery(const Context& ctx);
  void begin(const Context& ctx, const HomeAgentAddress& home_agent);
  void transmit(const Context& ctx, Exchange& exchange);
  void send_update(const Context& ctx, const Exchange& exchange, SequenceNumber sequence);
  [[nodiscard]] std::optional<HomeAgentAddress> target() const;
  NtpTimestamp next_timestamp(const Context& ctx);
  void leave(const Context& ctx, const HomeAgentAddress& home_agent);
  void pending_due(const Context& ctx);
  void closing_due(const Context& ctx);
  void discovery_due(const Context& ctx);
  void prefix_discovery_due(const Context& ctx);
  void retry_after(const Context& ctx, const HomeAgentAddress& failed, std::uint8_t status);
  void expire(const Context& ctx);
  [[nodiscard]] unsigned patience() const;

  // answer.cpp: what a Binding Acknowledgement does
  void accepted(const Context& ctx, const wire::BindingAcknowledgement& answer, Instant sent_at);
  void adopt_binding(const Context& ctx, const Exchange& exchange,
                     const wire::BindingAcknowledgement& answer, Lifetime granted, Instant sent_at);
  void deregistered(const Context& ctx, const wire::BindingAcknowledgement& answer);
  void rejected(const Context& ctx, const wire::BindingAcknowledgement& answer);
  void without_mobile_router_support(const Context& ctx);
  bool corrected(const Context& ctx, Exchange& exchange,
                 const wire::BindingAcknowledgement& answer);
  void adopt_sequence(const Context& ctx, Exchange& exchange, SequenceNumber theirs);
  void adopt_clock(const Context& ctx, Exchange& exchange, NtpTimestamp theirs);
  void next_target(const Context& ctx, bool answered, std::uint8_t status);
  void close(const Context& ctx, const HomeAgentAddress& home_agent);

  // receive.cpp: messages from the network
  void receive_mobility(const Context& ctx, const Received& received);
  void receive_acknowledgement(const Context& ctx, const Received& received, ByteView message);
  void receive_switch(const Context& ctx, const Received& received, ByteView message);
  [[nodiscard]] std::optional<Counter> switch_fault(const Received& received,
                                                    const wire::HomeAgentSwitch& offer,
                                                    ByteView message) const;
  void follow_switch(const Context& ctx, const HomeAgentAddress& from,
                     const wire::HomeAgentSwitch& offer);
  void receive_refresh_request(const Context& ctx, const Received& received);
  void receive_binding_error(const Context& ctx, const Received& received, ByteView message);
  void receive_icmpv6(const Context& ctx, const Received& received);
  void receive_discovery_reply(const Context& ctx, const Received& received);
  void receive_prefix_advertisement(const Context& ctx, const Received& received);
  void receive_error(const Context& ctx, const Received& received);

  // forward.cpp: the tunnel
  void receive_tunnel(const Context& ctx, const Received& received);
  void receive_routed(const Context& ctx, const Received& received);
  void tunnel_error(const Context& ctx, const HomeAgentAddress& home_agent, std::uint8_t type,
                    std::uint32_t parameter, ByteView inner);
  void error_to_host(const Context& ctx, std::uint8_t type, std::uint8_t code,
                     std::uint32_t parameter, ByteView offending);
  [[nodiscard]] std::size_t path_mtu_to(const HomeAgentAddress& home_agent, Instant now) const;

  [[nodiscard]] bool is_our_care_of(const Ipv6Address& address) const;
  [[nodiscard]] bool deals_with(const HomeAgentAddress& home_agent) const;
  void event(const Context& ctx, EventKind kind, std::optional<HomeAgentAddress> home_agent = {},
             std::int64_t value = 0, std::uint8_t status = 0);
  std::uint64_t random();

  Settings settings_;
  Counters counters_;
  std::uint64_t random_state_;
  Goal goal_ = Goal::None;

  std::optional<CareOfAddress> care_of_;
  std::size_t access_mtu_ = wire::kMinimumMtu;
  std::vector<Former<CareOfAddress>> former_care_ofs_;

  std::optional<Binding> binding_;
  std::optional<Exchange> pending_;
  std::optional<Exchange> closing_;  // de-registration at a home agent that was left
  std::vector<Former<HomeAgentAddress>> formers_;
  HomeAgentRecords records_;
  std::optional<HomeAgentAddress> last_home_agent_;  // where the last registration succeeded
  std::vector<HomeAgentAddress> candidates_;         // to be tried next, in this order

  Solicitation discovery_{kInitialDhaadTimeout, kDhaadRetries};
  Solicitation prefix_discovery_{kInitialSolicitTimer, kPrefixSolicitationRetries};

  std::optional<Instant> retry_at_;
  Duration backoff_{};
  bool stopped_ = false;
  std::optional<wire::BindingStatus> last_status_;

  Duration clock_offset_{};        // of the home agents' time, from status 144
  NtpTimestamp last_timestamp_{};  // each one sent is greater

  // RFC 4443 §2.4 (f), for errors written to the host.
  double error_tokens_ = 100;
  Instant error_tokens_at_;
};

}  // namespace anyhome::mobile
