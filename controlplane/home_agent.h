// The home agent: a pure function of state, event and time.
//
// Packets and timers come in with the current time, ordered effects come out. There is no clock, no
// socket, no thread, no log and no randomness in here; the same object runs in the daemon, in unit
// tests and in a simulator. docs/architecture.md, "The control core".
#pragma once

#include <optional>

#include "common/forwarding/punt.h"
#include "controlplane/core.h"

namespace anyhome::control {

class HomeAgent {
 public:
  // `hash_seed` keys the tables against chosen collisions; it changes nothing that can be observed.
  // `boot_epoch` is greater than that of every earlier life of this home agent (rulings §1).
  HomeAgent(const config::HomeAgent& config, const Now& start, std::uint64_t hash_seed,
            std::uint32_t boot_epoch = 1);

  // To be called once, first: what the tables need to know of the set, and the first HELLOs.
  void start(const Now& now, Effects& effects);

  // Whether the host could serve: workers run, ports are there. Off until the first call.
  void set_able(const Now& now, bool able, Effects& effects);
  // Whether new registrations are taken, discovery is answered and the home prefix is to be
  // announced: able, synchronized with the set, and not draining (draft §5.1, rulings §2).
  [[nodiscard]] bool serving() const { return core_.serving(); }
  [[nodiscard]] bool ready() const { return core_.ready; }

  // Asks the mobile nodes over to other home agents, so many per second, and takes no new ones.
  // False: there is nobody to take them.
  bool drain(const Now& now, unsigned per_second, Effects& effects);
  void undrain(const Now& now, Effects& effects);
  [[nodiscard]] bool draining() const { return core_.drain.active; }
  // Draining, and nobody is left who would miss us: it is safe to stop.
  [[nodiscard]] bool drained() const;
  // HELLO with lifetime 0 to everybody: the peers need not find out by silence.
  void leave(const Now& now, Effects& effects);
  // Asks one mobile node over to a peer, by an operator's wish; false when that cannot be.
  bool switch_to(const Now& now, const HomeAddress& home_address, PeerIndex peer, Effects& effects);

  // A packet for one of our addresses, from its IPv6 header on. Arbitrary bytes are fine.
  void on_packet(const Now& now, const forwarding::PuntMetadata& metadata, ByteView packet,
                 Effects& effects);

  // What events about these home addresses will touch is brought nearer, of all of them together.
  void prefetch(std::span<const HomeAddress> home_addresses) const;
  // The home address that a Binding Update in the usual form is about; nullopt: another packet.
  // `packet` as above.
  [[nodiscard]] static std::optional<HomeAddress> likely_home_address(ByteView packet);

  // What is due, a bounded part of it in one call. To be called when `next_deadline` has come,
  // which says whether there is more; earlier does no harm.
  void on_timer(const Now& now, Effects& effects);
  [[nodiscard]] std::optional<Instant> next_deadline() const;

  // The tables refused an update out of the effects of the last event. True: it was a registration;
  // the rest of those effects must not be carried out, these are to be instead. False: go on.
  bool on_refused(const Now& now, const forwarding::ForwardingUpdate& refused, Effects& effects);

  // Ends a binding by an operator's wish; false when there is none.
  bool remove(const Now& now, const HomeAddress& home_address, Effects& effects);

  [[nodiscard]] const BindingCache& bindings() const { return core_.bindings; }
  [[nodiscard]] const ControlCounters& counters() const { return core_.counters; }
  [[nodiscard]] Instant started() const { return core_.started; }
  [[nodiscard]] const config::HomeAgent& config() const { return core_.config; }
  [[nodiscard]] std::size_t memory_bytes() const;
  [[nodiscard]] const std::vector<PeerState>& peers() const { return core_.members.peers(); }
  // The peer that is primary of this global binding.
  [[nodiscard]] const PeerState& primary_of(const Binding& binding) const {
    return core_.members.of_rank(binding.version.member);
  }
  // Options that came with a global binding (R65); nullptr: none.
  [[nodiscard]] const Supplement* supplement_of(const Binding& binding) const {
    const auto found = core_.supplements.find(core_.bindings.slot_of(binding));
    return found == core_.supplements.end() ? nullptr : &found->second;
  }
  [[nodiscard]] std::uint32_t boot_epoch() const { return core_.boot_epoch; }
  [[nodiscard]] std::size_t pending_switches() const { return core_.switches.size(); }

 private:
  // What every event ends with: work in slices, and what is to be told to the peers.
  void finish(const Now& now, Effects& effects);

  Core core_;
};

}  // namespace anyhome::control
