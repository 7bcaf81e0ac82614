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
  HomeAgent(const config::HomeAgent& config, const Now& start, std::uint64_t hash_seed);

  // Whether new registrations are taken and discovery is answered. Off until the first call.
  void set_serving(bool serving) { core_.serving = serving; }
  [[nodiscard]] bool serving() const { return core_.serving; }

  // A packet for one of our addresses, from its IPv6 header on. Arbitrary bytes are fine.
  void on_packet(const Now& now, const forwarding::PuntMetadata& metadata, ByteView packet,
                 Effects& effects);

  // Everything that is due. To be called when `next_deadline` has come; earlier does no harm.
  void on_timer(const Now& now, Effects& effects);
  [[nodiscard]] std::optional<Instant> next_deadline() const {
    return core_.timers.next_deadline();
  }

  // The tables refused an update out of the effects of the last event. True: it was a registration;
  // the rest of those effects must not be carried out, these are to be instead. False: go on.
  bool on_refused(const Now& now, Effects& effects);

  // Ends a binding by an operator's wish; false when there is none.
  bool remove(const Now& now, const HomeAddress& home_address, Effects& effects);

  [[nodiscard]] const BindingCache& bindings() const { return core_.bindings; }
  [[nodiscard]] const ControlCounters& counters() const { return core_.counters; }
  [[nodiscard]] Instant started() const { return core_.started; }
  [[nodiscard]] const config::HomeAgent& config() const { return core_.config; }
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  Core core_;
};

}  // namespace anyhome::control
