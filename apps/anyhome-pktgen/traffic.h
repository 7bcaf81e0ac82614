// What the generator can send: the kinds of traffic, each named once.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace anyhome::pktgen {

enum class Kind : std::uint8_t {
  Correspondent,
  ReverseTunnel,
  HahaIn,
  HahaOut,
  Register,
  Refresh,
  Move,
  SsReply,
  Pcap,
  BadVersion,
  BadLength,
  BadHopLimit,
  BadHomeAddress,
  BadCareOf,
  BadChecksum,
  BadAuthenticator,
};

enum class Nature : std::uint8_t {
  Measured,    // marked, numbered and expected back
  Signalling,  // answered by other messages
  Foreign,     // out of a file
  Bad,         // not to be forwarded
};

struct KindRow {
  Kind kind;
  std::string_view name;
  Nature nature;
  std::string_view help;
};

inline constexpr auto kKinds = std::to_array<KindRow>({
    {Kind::Correspondent, "correspondent", Nature::Measured,
     "correspondents to home addresses, to come back in tunnels to care-of addresses"},
    {Kind::ReverseTunnel, "reverse-tunnel", Nature::Measured,
     "mobile nodes to correspondents, each out of its care-of address's tunnel"},
    {Kind::HahaIn, "haha-in", Nature::Measured,
     "a peer's HAHA link to home addresses that are bound here"},
    {Kind::HahaOut, "haha-out", Nature::Measured,
     "correspondents to home addresses that the peer serves, to come back over the HAHA link"},
    {Kind::Register, "register", Nature::Signalling,
     "Binding Updates, one for each mobile node in turn"},
    {Kind::Refresh, "refresh", Nature::Signalling,
     "Binding Updates of mobile nodes in the order of --order, from where they are"},
    {Kind::Move, "move", Nature::Signalling, "the same from a new care-of address each time"},
    {Kind::SsReply, "ss-rep", Nature::Signalling,
     "a peer's SS-REPs with global bindings, and its HA-HELLOs"},
    {Kind::Pcap, "pcap", Nature::Foreign, "the frames of --pcap in turn"},
    {Kind::BadVersion, "bad-version", Nature::Bad, "an IP version that is not 6"},
    {Kind::BadLength, "bad-length", Nature::Bad, "a payload length beyond the end of the frame"},
    {Kind::BadHopLimit, "bad-hop-limit", Nature::Bad, "a hop limit of 1"},
    {Kind::BadHomeAddress, "bad-home-address", Nature::Bad,
     "correspondents to addresses of the home prefix that nobody has registered"},
    {Kind::BadCareOf, "bad-care-of", Nature::Bad,
     "reverse tunnels out of a care-of address that is another's"},
    {Kind::BadChecksum, "bad-checksum", Nature::Bad, "Binding Updates with a wrong checksum"},
    {Kind::BadAuthenticator, "bad-authenticator", Nature::Bad,
     "Binding Updates with a wrong authenticator (RFC 4285)"},
});

constexpr std::size_t index_of(Kind kind) { return static_cast<std::size_t>(kind); }
constexpr const KindRow& row_of(Kind kind) { return kKinds[index_of(kind)]; }
constexpr std::string_view to_string(Kind kind) { return row_of(kind).name; }
static_assert(std::ranges::all_of(kKinds, [](const KindRow& row) {
  return &row - kKinds.data() == static_cast<std::ptrdiff_t>(row.kind);
}));

constexpr std::optional<Kind> find_kind(std::string_view name) {
  for (const KindRow& row : kKinds) {
    if (row.name == name) {
      return row.kind;
    }
  }
  return std::nullopt;
}

// Binding Updates and what is wrong with them: per mobile node, with sequence numbers.
constexpr bool is_binding_update(Kind kind) {
  return kind == Kind::Register || kind == Kind::Refresh || kind == Kind::Move ||
         kind == Kind::BadChecksum || kind == Kind::BadAuthenticator;
}

// Over a HAHA link, or about one.
constexpr bool is_haha(Kind kind) {
  return kind == Kind::HahaIn || kind == Kind::HahaOut || kind == Kind::SsReply;
}

// User traffic that we send in a tunnel.
constexpr bool is_tunnelled(Kind kind) {
  return kind == Kind::ReverseTunnel || kind == Kind::HahaIn || kind == Kind::BadCareOf;
}

// Each sender has its own mobile nodes for it.
constexpr bool goes_by_node(Kind kind) {
  return kind != Kind::HahaOut && kind != Kind::SsReply && kind != Kind::Pcap;
}

}  // namespace anyhome::pktgen
