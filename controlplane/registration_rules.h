// The rules a Binding Update has to pass; see registration.h.
#pragma once

#include <span>

#include "controlplane/registration.h"

namespace anyhome::control {

enum class Verdict : std::uint8_t {
  Continue,
  Discard,  // silently; `counter` says why
  Reject,   // Binding Acknowledgement with `status`
};

struct Step {
  Verdict verdict = Verdict::Continue;
  ControlCounter counter{};
  wire::BindingStatus status{};

  static constexpr Step go_on() { return {}; }
  static constexpr Step discard(ControlCounter counter) { return {Verdict::Discard, counter, {}}; }
  static constexpr Step reject(wire::BindingStatus status) { return {Verdict::Reject, {}, status}; }
};

using Rule = Step (*)(Core&, Update&);

// The number that the update's has to be newer than; nullopt: any will do.
std::optional<SequenceNumber> last_sequence(const Core& core, const Update& update);

// Steps 2 to 10: is this a valid update at all? What fails here changes nothing.
std::span<const Rule> validity_rules();
// Step 11 on, for a de-registration.
std::span<const Rule> deregistration_rules();
// Step 11 on, for a registration.
std::span<const Rule> registration_rules();

}  // namespace anyhome::control
