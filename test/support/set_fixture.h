// Several home agents of one set, wired together by a network that loses what a test wants lost.
//
// Packets between locators are carried at once, in order; everything else that a home agent sends
// is kept for the test to look at. Time is one for all, and moves when the test says so.
#pragma once

#include <catch2/catch.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "common/wire/haha.h"
#include "controlplane/home_agent.h"
#include "test/support/home_agent_fixture.h"

namespace anyhome::test {

inline HomeAgentAddress member_address(unsigned i) {
  Ipv6Address address = kAgent.address();
  address.octets[15] = static_cast<std::uint8_t>(0x1a + i * 0x10);
  return HomeAgentAddress(address);
}
inline Locator member_locator(unsigned i) {
  Ipv6Address address = *Ipv6Address::parse("2001:db8:a1::1a");
  address.octets[5] = static_cast<std::uint8_t>(0xa1 + i * 0x11);
  return Locator(address);
}

config::HomeAgent member_config(unsigned own, unsigned members);

// A message between two locators.
struct SetMessage {
  unsigned from = 0;
  unsigned to = 0;
  Bytes packet;

  [[nodiscard]] ByteView message() const { return ByteView(packet).subspan(wire::kIpv6HeaderSize); }
  [[nodiscard]] std::optional<wire::HaHello> hello() const;
  [[nodiscard]] std::optional<wire::StateSynchronization> sync() const;
  [[nodiscard]] std::optional<wire::StateSynchronization> sync(wire::SsType type) const;
};

// What a home agent sent to a mobile node.
struct SentByMember {
  unsigned from = 0;
  Sent sent;
};

class SetFixture {
 public:
  using Configure = std::function<void(unsigned, config::HomeAgent&)>;

  // With `start` they are started, ready and serving when the constructor returns.
  explicit SetFixture(unsigned members = 3, bool start = true, Configure configure = {});

  control::HomeAgent& agent(unsigned i) { return *agents_[i]; }
  [[nodiscard]] unsigned members() const { return static_cast<unsigned>(configs_.size()); }

  // Starts a member anew, with nothing but a later boot epoch.
  void restart(unsigned i);
  // A member that is down gets nothing and does nothing.
  void kill(unsigned i) { alive_[i] = false; }
  // A member that stood still goes on with what it knew: its timers come first.
  void wake(unsigned i) { alive_[i] = true; }

  // Time passes; everything due happens in its order.
  void run_for(Duration duration);
  // A Binding Update for `spec.destination`, handed to member `i` itself, or over the link of
  // `forwarder`. Returns the status that it answers.
  std::optional<wire::BindingStatus> update(unsigned i, const UpdateSpec& spec,
                                            std::optional<unsigned> forwarder = std::nullopt);
  // A packet from anywhere to member `i`.
  void receive(unsigned i, const Bytes& packet, const forwarding::PuntMetadata& metadata = {});
  // A message between locators, sent by whoever the test wants to be.
  void send_message(unsigned to, const Locator& from, const wire::StateSynchronization& message);
  void send_message(unsigned to, const Locator& from, const wire::HaHello& message);

  // True: the message is lost. Asked for each.
  std::function<bool(const SetMessage&)> lose = [](const SetMessage&) { return false; };
  // Every message between locators so far, lost ones too.
  std::vector<SetMessage> messages;
  // Everything sent to elsewhere, the oldest first.
  std::vector<SentByMember> elsewhere;
  // Effects that are no packets, per member.
  std::vector<std::vector<control::Effect>> effects;

  [[nodiscard]] const control::Binding* binding(unsigned i, const HomeAddress& home = kHome) const {
    return agents_[i]->bindings().find(home);
  }
  // What everybody has: "R" registered, "G2" global at member 2, "-" nothing live, "x" dead.
  [[nodiscard]] std::string view(const HomeAddress& home = kHome) const;
  [[nodiscard]] std::vector<control::Note> notes(unsigned i, control::NoteKind kind) const;
  [[nodiscard]] std::vector<SentByMember> switches() const;
  [[nodiscard]] std::uint64_t count(unsigned i, control::ControlCounter counter) const {
    return agents_[i]->counters().value(counter);
  }

  Now now{Instant{std::chrono::seconds(1000)}, WallTime{std::chrono::seconds(1767225600)}};

 private:
  void take(unsigned i, const control::Effects& effects);
  void carry();
  void start(unsigned i);

  std::vector<config::HomeAgent> configs_;
  std::vector<std::unique_ptr<control::HomeAgent>> agents_;
  std::vector<bool> alive_;
  std::deque<SetMessage> on_the_way_;
  control::Effects scratch_;
  std::uint32_t epoch_ = 1767225600;
};

}  // namespace anyhome::test
