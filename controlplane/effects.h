// What the control core wants done: an ordered list, valid until the next event.
//
// The order is part of the protocol. A table entry comes before the Binding Acknowledgement that
// promises it; a de-registration is acknowledged before its path goes. Packets lie in one growing
// buffer that is reused from event to event, so that a registration allocates nothing here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "common/address.h"
#include "common/bytes.h"
#include "common/forwarding/forwarding_update.h"
#include "common/forwarding/punt.h"
#include "common/wire/mobility.h"

namespace anyhome::control {

// A complete IPv6 packet from us. Signalling is routed by its destination alone, never through a
// binding (RFC 6275 §9.3: packets with a Mobility Header bypass the binding cache).
struct SendPacket {
  std::size_t offset = 0;
  std::size_t length = 0;
  friend bool operator==(const SendPacket&, const SendPacket&) = default;
};

// A packet that goes the way of data: through the binding of its destination, if there is one.
struct ForwardPacket {
  std::size_t offset = 0;
  std::size_t length = 0;
  friend bool operator==(const ForwardPacket&, const ForwardPacket&) = default;
};

// What an operator may want to read in the log, one line each.
enum class NoteKind : std::uint8_t {
  Registered,
  Refreshed,
  Moved,
  Deregistered,
  Expired,
  Removed,
  Refused,
  TableRefused,
  PathMtuLowered,
  // About the set; `peer` says who.
  Yielded,        // the mobile node registered at that peer
  Restored,       // a binding of ours from before a restart
  SwitchOffered,  // Home Agent Switch toward that peer, or ourselves
  PeerUp,
  PeerDown,          // silent for its lifetime
  PeerLeft,          // said so
  PeerRestarted,     // another boot epoch
  PeerSynchronized,  // its answer to our request is complete; value: its bindings here
  SyncLag,           // what was told it is not acknowledged; value: seconds
  NotMember,         // it says that we are not of its set
  MessageRefused,    // it could not read what we sent; value: the status
  GroupMismatch,
  ClockSkew,      // value: seconds that its timestamps are ahead
  UnknownSender,  // `care_of_address` is its locator
  Isolated,       // no peer answers
  Ready,
  DigestMismatch,  // value: the bucket that is asked for
};

struct Note {
  NoteKind kind = NoteKind::Registered;
  HomeAddress home_address;
  CareOfAddress care_of_address;
  wire::BindingStatus status = wire::BindingStatus::Accepted;
  std::uint32_t value = 0;  // lifetime in seconds, or MTU in bytes
  std::uint16_t peer = forwarding::kNoPeer;
  friend bool operator==(const Note&, const Note&) = default;
};

constexpr Note peer_note(NoteKind kind, std::uint16_t peer, std::uint32_t value = 0) {
  return {kind, {}, {}, wire::BindingStatus::Accepted, value, peer};
}

using Effect =
    std::variant<forwarding::SetBinding, forwarding::RemoveBinding, forwarding::SetPrefix,
                 forwarding::RemovePrefix, forwarding::SetPeer, SendPacket, ForwardPacket, Note>;

class Effects {
 public:
  void clear() {
    list_.clear();
    used_ = 0;
  }
  [[nodiscard]] const std::vector<Effect>& list() const { return list_; }
  [[nodiscard]] bool empty() const { return list_.empty(); }
  [[nodiscard]] ByteView bytes(const SendPacket& packet) const {
    return ByteView(buffer_).subspan(packet.offset, packet.length);
  }
  [[nodiscard]] ByteView bytes(const ForwardPacket& packet) const {
    return ByteView(buffer_).subspan(packet.offset, packet.length);
  }

  template <class T>
  void add(const T& effect) {
    list_.emplace_back(effect);
  }

  // Room for a packet of up to `size` bytes; what was written becomes an effect by `send` or
  // `forward`. Invalidated by the next `room`.
  MutableBytes room(std::size_t size) {
    if (buffer_.size() < used_ + size) {
      buffer_.resize(used_ + size);
    }
    return MutableBytes(buffer_).subspan(used_, size);
  }
  void send(std::size_t length) { add(SendPacket{claim(length), length}); }
  void forward(std::size_t length) { add(ForwardPacket{claim(length), length}); }

 private:
  std::size_t claim(std::size_t length) {
    const std::size_t at = used_;
    used_ += length;
    return at;
  }

  std::vector<Effect> list_;
  std::vector<std::byte> buffer_;
  std::size_t used_ = 0;
};

}  // namespace anyhome::control
