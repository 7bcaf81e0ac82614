// Global bindings (draft §5.4): the ordered register of each home address, told to the peers and
// learnt from them.
//
// Whatever happens to a home address here gets a version (version.h) and is marked for every peer;
// what a peer says is applied if and only if its version is greater than the recorded one. This is
// all the ordering there is: it does not matter who says a thing, over which way, or how often.
#pragma once

#include "common/wire/haha.h"
#include "controlplane/core.h"

namespace anyhome::control {

// The version of a Binding Update that is accepted now: its RFC 4285 timestamp where that is what
// protects against replay, else our clock, but always later than anything known (rulings §3).
Version version_of_update(const Core& core, const Binding& binding, const Now& now,
                          const std::optional<NtpTimestamp>& stamp);

// What the digest of the binding's owner says of it; to be called around every change of version,
// care-of address or prefixes.
void take_out_of_digest(Core& core, Binding& binding);
void put_into_digest(Core& core, Binding& binding);

// The peers are to be told what the binding is now; its version has been raised.
void tell_peers(Core& core, Binding& binding, const Now& now);
// The timer at two thirds of the peers' copies: whether they have to be refreshed (R50).
void refresh_copies(Core& core, Binding& binding, const Now& now);

// A binding of ours ends: its path goes with the caller's effects, its prefixes here, what remains
// is the memory of its sequence number and its version, told to the peers as a withdrawal (R58).
void withdraw(Core& core, Binding& binding, const Now& now, Effects& effects);
// The record of a global binding ends by its lifetime or because its owner does not know it any
// more.
void drop_global(Core& core, Binding& binding, const Now& now, Effects& effects);
// The path over the HAHA link to the primary (R40, R86).
void forward_over_link(Core& core, const Binding& binding, Effects& effects);
// The former care-of address of a binding that went to a peer is not believed any longer.
void forget_former(Core& core, BindingSlot slot, const Now& now, Effects& effects);

// RFC 3963 §6.2: these prefixes replace those of the binding. Of several claimants of one prefix
// the oldest binding is active, everywhere the same (rulings §11).
void replace_prefixes(Core& core, Binding& binding, std::vector<Prefix> prefixes, Effects& effects);

// One Binding Cache Information out of a peer's SS-REP (R64-R66, R68); the status is for the
// SS-ACK.
wire::SsStatus apply_information(Core& core, PeerState& peer,
                                 const wire::BindingCacheInformation& information, const Now& now,
                                 Effects& effects);

// Ends what `peer` has not confirmed in its last answer; part of the work at a time. False: done.
bool sweep_unconfirmed(Core& core, const Now& now, Effects& effects, unsigned budget);

}  // namespace anyhome::control
