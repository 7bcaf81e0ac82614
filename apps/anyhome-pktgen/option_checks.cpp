#include "apps/anyhome-pktgen/option_checks.h"

#include <algorithm>

#include <fmt/format.h>

#include "apps/anyhome-pktgen/node_table.h"

namespace anyhome::pktgen {

namespace {

// Which options a kind of traffic cannot do without.
std::vector<std::string_view> needed_by(Kind kind) {
  switch (kind) {
    case Kind::Correspondent:
    case Kind::BadVersion:
    case Kind::BadLength:
    case Kind::BadHopLimit:
    case Kind::BadHomeAddress:
      return {"home-address", "correspondent"};
    case Kind::ReverseTunnel:
    case Kind::BadCareOf:
      return {"home-agent", "home-address", "care-of-address", "correspondent"};
    case Kind::HahaIn:
      return {"home-address", "correspondent", "locator", "peer"};
    case Kind::HahaOut:
      return {"global-home-address", "correspondent"};
    case Kind::Register:
    case Kind::Refresh:
    case Kind::Move:
    case Kind::BadChecksum:
      return {"home-agent", "home-address", "care-of-address"};
    case Kind::BadAuthenticator:
      return {"home-agent", "home-address", "care-of-address", "key"};
    case Kind::SsReply:
      return {"locator", "peer", "global-home-address"};
    case Kind::Pcap:
      return {"pcap"};
  }
  return {};
}
}  // namespace

std::vector<std::string> missing_for(const std::vector<Kind>& kinds, const Options& options) {
  std::map<std::string_view, Kind> missing;
  for (const Kind kind : kinds) {
    for (const std::string_view name : needed_by(kind)) {
      if (!options.given.contains(name)) {
        missing.emplace(name, kind);
      }
    }
  }
  std::vector<std::string> mistakes;
  for (const auto& [name, kind] : missing) {
    mistakes.push_back(fmt::format("--{}: missing; traffic {} needs it", name, to_string(kind)));
  }
  return mistakes;
}

namespace {

void check_needs(const Options& options, Mistakes& mistakes) {
  if (options.action == Action::MobileNodes) {
    // Nothing is sent.
    for (const char* name : {"home-address", "key"}) {
      if (!options.given.contains(name)) {
        mistakes.push_back(fmt::format("--{}: missing; mobile-nodes needs it", name));
      }
    }
    return;
  }
  std::vector<Kind> kinds;
  for (const RequestedTraffic& entry : options.mix) {
    kinds.push_back(entry.kind);
  }
  if (options.register_first || options.action == Action::Register) {
    kinds.push_back(Kind::Register);
  }
  for (const std::string& missing : missing_for(kinds, options)) {
    mistakes.push_back(missing);
  }
  if (!options.given.contains("destination-mac")) {
    mistakes.emplace_back("--destination-mac: missing; give the address of what is under test");
  }
}

// Lists count up in the lower half of an address.
void check_ranges(const Texts& texts, const Network& network, Mistakes& mistakes) {
  const auto fits = [&](std::string_view name, const Ipv6Address& first, std::uint64_t count) {
    if (texts.contains(std::string(name)) && lower_half(first) > ~std::uint64_t{0} - count) {
      mistakes.push_back(
          fmt::format("--{} \"{}\": {} addresses do not fit behind it; give a lower one", name,
                      first.to_string(), count));
    }
  };
  fits("home-address", network.first_home.address(), std::uint64_t{network.nodes} * 2);
  fits("care-of-address", network.first_care_of.address(),
       (std::uint64_t{0xffff} << kMoveShift) + network.nodes);
  fits("correspondent", network.first_correspondent, network.correspondents);
  fits("global-home-address", network.first_global_home.address(), network.global_nodes);
}

void check_trials(const Options& options, Mistakes& mistakes) {
  const auto any = [&](auto what) {
    return std::ranges::any_of(options.mix, what, &RequestedTraffic::kind);
  };
  const bool updates =
      any([](Kind kind) { return row_of(kind).nature != Nature::Bad && is_binding_update(kind); });
  const bool measured = any([](Kind kind) { return row_of(kind).nature == Nature::Measured; });
  if (options.action == Action::Ndr && !measured && !updates &&
      !any([](Kind kind) { return kind == Kind::SsReply; })) {
    mistakes.emplace_back(
        "--traffic: nothing of it is expected back, so no rate can pass; add a kind that is "
        "measured, Binding Updates, or ss-rep");
  }
  const auto lifetime = options.traffic.signalling.lifetime.seconds();
  if (options.action == Action::Run && options.register_first && !updates &&
      options.duration > lifetime) {
    mistakes.push_back(fmt::format(
        "--duration \"{}\": is longer than bindings live ({} s); give more --lifetime, or add "
        "traffic refresh",
        static_cast<double>(options.duration.count()) / 1000, lifetime.count()));
  }
}

}  // namespace

void complete(const Texts& texts, Draft& draft, Mistakes& mistakes) {
  Options& options = draft.options;
  Network& network = options.traffic.network;
  Signalling& signalling = options.traffic.signalling;
  if (!options.sweep_nodes.empty()) {
    network.nodes = std::max(network.nodes, std::ranges::max(options.sweep_nodes));
  }
  if (options.mix.empty()) {
    options.mix.push_back({});
  }
  if (draft.key) {
    signalling.security = mobile::Security{draft.spi.value_or(256), *draft.key, draft.derivation};
    if (!signalling.identifier) {
      mistakes.emplace_back(
          "--identifier: missing; RFC 4285 needs it with --key, as in mn{}@example.net");
    }
  } else {
    for (const char* name : {"spi", "key-derivation"}) {
      if (texts.contains(name)) {
        mistakes.push_back(fmt::format("--{}: means nothing without --key", name));
      }
    }
  }
  const auto& identifier = signalling.identifier;
  if (identifier && network.nodes > 1 && identifier->find("{}") == std::string::npos) {
    mistakes.push_back(fmt::format(
        "--identifier \"{}\": is the same for all nodes; put {{}} where the number goes",
        *identifier));
  }
  signalling.timestamps = draft.timestamps.value_or(draft.key.has_value());
  if (options.ndr.lowest_pps >= options.ndr.highest_pps) {
    mistakes.push_back(fmt::format("--lowest \"{}\": is not below --highest ({})",
                                   options.ndr.lowest_pps, options.ndr.highest_pps));
  }
  if (options.ndr.tolerance <= 0) {
    mistakes.emplace_back("--tolerance: is 0, which no search reaches; give more, 0.1 for one");
  }
  if (options.profile.ramp.count() != 0 && options.rate.unit == Rate::Unit::Maximum) {
    mistakes.emplace_back("--ramp: needs a --rate to reach");
  }
  if (options.count == 0 && options.duration.count() == 0 && options.action == Action::Run) {
    mistakes.emplace_back("--duration \"0\": there is no end without --count; give one of them");
  }
  for (const char* name : {"frame-size", "sweep-frame-sizes"}) {
    if (texts.contains("template") && texts.contains(name)) {
      mistakes.push_back(
          fmt::format("--{}: frames are as large as those of --template; leave one out", name));
    }
  }
  check_trials(options, mistakes);
  // Nothing that goes by the clock where the same bytes are wanted.
  for (const auto& [name, values] : texts) {
    options.given.insert(name);
  }
  options.plays_peer = texts.contains("locator") && texts.contains("peer") && !options.reproducible;
  check_needs(options, mistakes);
  check_ranges(texts, network, mistakes);
}

}  // namespace anyhome::pktgen
