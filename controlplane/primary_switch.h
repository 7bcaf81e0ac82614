// Home Agent Switch (RFC 5142) as the set uses it: toward a nearer home agent (draft §5.5), away
// from a dead one (rulings §7), away from one that is about to stop, and by an operator's wish.
//
// A switch is pending from the offer to its end: a newer version of the home address, a
// de-registration, a refusal, the end of the binding, the loss of the target. It is sent when the
// target has acknowledged what we know of the mobile node, at most at a rate per target, and again
// after 5, 10, 20, 20 ... seconds.
#pragma once

#include "controlplane/core.h"

namespace anyhome::control {

// A valid Binding Update came over the link from `forwarder`, which is therefore nearer to the
// mobile node (R75a, R78, R79). Does nothing while the mobile node has just come, or the target
// takes nobody.
void offer_nearer(Core& core, Binding& binding, const PeerState& forwarder, const Now& now);

// Asks the mobile node of a dead home agent to register here, from `at` on.
void offer_rescue(Core& core, Binding& binding, const CareOfAddress& care_of, Instant at);

// An operator's wish; false: not our mobile node, or the peer takes nobody.
bool offer_by_operator(Core& core, const HomeAddress& home_address, const PeerState& target,
                       const Now& now);

[[nodiscard]] bool is_being_switched(const Core& core, const Binding& binding);
void cancel_switch(Core& core, BindingSlot slot);

// `peer` has acknowledged this version.
void switch_target_knows(Core& core, const PeerState& peer, BindingSlot slot,
                         const Version& version, const Now& now);
void switch_timer(Core& core, BindingSlot slot, const Now& now, Effects& effects);

// A Binding Error of status 2 for this home address: the mobile node does not know the message.
// False: it was not asked.
bool switch_refused(Core& core, const HomeAddress& home_address);
// The peer takes nobody any more.
void switch_target_lost(Core& core, const PeerState& peer);

// A packet for the address of a dead home agent (rulings §7).
void process_stranded(Core& core, const Now& now, ByteView packet, Effects& effects);

// Work in slices: mobile nodes of dead peers, and our own during a drain. True: there is more now.
bool rescue_some(Core& core, const Now& now, unsigned budget);
bool drain_some(Core& core, const Now& now, unsigned budget);

}  // namespace anyhome::control
