#include "apps/anyhomed/note_log.h"

#include <string_view>

#include "apps/anyhomed/log.h"

namespace anyhome {
namespace {

using control::Note;
using control::NoteKind;

std::string_view reason_of(std::uint32_t reason) {
  constexpr std::string_view kReasons[] = {"nearer", "rescue", "drain", "operator"};
  return reason < std::size(kReasons) ? kReasons[reason] : "unknown";
}

void log_binding(const Note& note, std::string_view peer) {
  const std::string home = note.home_address.to_string();
  const std::string care_of = note.care_of_address.to_string();
  switch (note.kind) {
    case NoteKind::Registered:
      log::info("registered home-address={} care-of-address={} lifetime={}", home, care_of,
                note.value);
      break;
    case NoteKind::Refreshed:
      log::debug("refreshed home-address={} care-of-address={} lifetime={}", home, care_of,
                 note.value);
      break;
    case NoteKind::Moved:
      log::info("moved home-address={} care-of-address={} lifetime={}", home, care_of, note.value);
      break;
    case NoteKind::Deregistered:
      log::info("deregistered home-address={}", home);
      break;
    case NoteKind::Expired:
      log::info("expired home-address={} care-of-address={}", home, care_of);
      break;
    case NoteKind::Removed:
      log::notice("removed home-address={} by=operator", home);
      break;
    case NoteKind::Refused:
      log::info("refused home-address={} care-of-address={} status={} reason={}", home, care_of,
                static_cast<unsigned>(note.status), wire::to_string(note.status));
      break;
    case NoteKind::TableRefused:
      log::warning("table-full home-address={} status=130; raise max-bindings or max-prefixes",
                   home);
      break;
    case NoteKind::PathMtuLowered:
      log::info("path-mtu home-address={} care-of-address={} mtu={}", home, care_of, note.value);
      break;
    case NoteKind::Yielded:
      log::info("yielded home-address={} care-of-address={} to={}", home, care_of, peer);
      break;
    case NoteKind::Restored:
      log::info("restored home-address={} care-of-address={} lifetime={} from={}", home, care_of,
                note.value, peer);
      break;
    case NoteKind::SwitchOffered:
      log::info("switch-offered home-address={} care-of-address={} to={} reason={}", home, care_of,
                peer, reason_of(note.value));
      break;
    default:
      break;
  }
}

void log_set(const Note& note, std::string_view peer) {
  switch (note.kind) {
    case NoteKind::PeerUp:
      log::notice("peer-up peer={}", peer);
      break;
    case NoteKind::PeerDown:
      log::error(
          "peer-down peer={} bindings={}; its mobile nodes are asked over to home agents that live",
          peer, note.value);
      break;
    case NoteKind::PeerLeft:
      log::warning("peer-left peer={} bindings={}; it said good-bye", peer, note.value);
      break;
    case NoteKind::PeerRestarted:
      log::warning("peer-restarted peer={} bindings={}; they serve until it has confirmed them",
                   peer, note.value);
      break;
    case NoteKind::PeerSynchronized:
      log::notice("peer-synchronized peer={} bindings={}", peer, note.value);
      break;
    case NoteKind::SyncLag:
      log::error("sync-lag peer={} oldest-unacknowledged-seconds={}", peer, note.value);
      break;
    case NoteKind::NotMember:
      log::error(
          "not-member peer={}; it says that we are not of its set: compare the peers' "
          "locators in both configurations",
          peer);
      break;
    case NoteKind::MessageRefused:
      log::error("synchronization-refused peer={} status={}", peer, note.value);
      break;
    case NoteKind::GroupMismatch:
      log::error("group-mismatch peer={} its-group-id={}; the set has one group-id", peer,
                 note.value);
      break;
    case NoteKind::ClockSkew:
      log::error("clock-skew peer={} seconds-ahead={}; see to NTP at both", peer, note.value);
      break;
    case NoteKind::UnknownSender:
      log::warning("unknown-sender locator={}; no peer of this set has it",
                   note.care_of_address.to_string());
      break;
    case NoteKind::Isolated:
      log::error("isolated; no peer answers");
      break;
    case NoteKind::Ready:
      log::notice("ready links-up={}", note.value);
      break;
    case NoteKind::DigestMismatch:
      log::warning("digest-mismatch peer={} bucket={}; asking for it", peer, note.value);
      break;
    default:
      break;
  }
}

}  // namespace

bool is_about_set(const Note& note) {
  switch (note.kind) {
    case NoteKind::PeerUp:
    case NoteKind::PeerDown:
    case NoteKind::PeerLeft:
    case NoteKind::PeerRestarted:
    case NoteKind::PeerSynchronized:
    case NoteKind::NotMember:
    case NoteKind::GroupMismatch:
    case NoteKind::ClockSkew:
    case NoteKind::SyncLag:
    case NoteKind::Isolated:
    case NoteKind::Ready:
      return true;
    default:
      return false;
  }
}

void log_note(const Note& note, const config::HomeAgent& config) {
  // Two string_views: of a string and a literal, ?: would make a string that ends here.
  const std::string_view peer = note.peer < config.haha.peers.size()
                                    ? std::string_view(config.haha.peers[note.peer].name)
                                    : std::string_view("self");
  log_binding(note, peer);
  log_set(note, peer);
}

}  // namespace anyhome
