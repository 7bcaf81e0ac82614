// Getting mobile nodes registered: Binding Updates round by round, those of the peer by SS-REPs.
#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "apps/anyhome-pktgen/actions.h"
#include "apps/anyhome-pktgen/signalling.h"
#include "common/wire/haha.h"

namespace anyhome::pktgen {
namespace {

// What has no answer so long after the last one is sent again.
constexpr std::chrono::milliseconds kNoAnswer{200};
// Before the second round, then twice as long each time: what is under test may have just started.
constexpr std::chrono::milliseconds kFirstPause{100};
constexpr std::chrono::milliseconds kLongestPause{32'000};  // RFC 6275 §12: MAX_BINDACK_TIMEOUT
constexpr std::chrono::milliseconds kLook{10};              // whether it is interrupted

}  // namespace

std::expected<RunRequest, std::string> Actions::request_of(Kind kind, std::string_view port) const {
  RunRequest request;
  auto mix = generator_.place({RequestedTraffic{kind, 1, std::string(port)}});
  if (!mix) {
    return std::unexpected(mix.error());
  }
  auto pps = generator_.packets_per_second(options_.register_rate, *mix);
  if (!pps) {
    return std::unexpected(pps.error());
  }
  request.mix = std::move(*mix);
  request.rate.pps = *pps;
  return request;
}

void Actions::pause_before(std::uint32_t round) const {
  constexpr std::uint32_t kMostDoublings = 16;
  const auto until =
      Clock::now() +
      (round == 0
           ? std::chrono::milliseconds{0}
           : std::min(kFirstPause * (1 << std::min(round - 1, kMostDoublings)), kLongestPause));
  while (Clock::now() < until && !interrupted_()) {
    std::this_thread::sleep_for(kLook);
  }
}

std::expected<RegistrationResult, std::string> Actions::register_nodes(std::uint32_t nodes) {
  RegistrationResult total;
  total.nodes = nodes;
  std::string_view port;
  for (const RequestedTraffic& entry : options_.mix) {
    // Out of the port that mobile nodes are behind, where the mix tells it.
    if (is_binding_update(entry.kind) || entry.kind == Kind::ReverseTunnel) {
      port = entry.port;
    }
  }
  auto request = request_of(Kind::Register, port);
  if (!request) {
    return std::unexpected(request.error());
  }
  request->only_unregistered = true;
  const std::uint32_t before = std::exchange(generator_.traffic().network.nodes, nodes);
  total.registered = generator_.nodes().registered_among(nodes);
  request->drain = kNoAnswer;
  while (total.registered != nodes && total.rounds < options_.register_rounds && !interrupted_()) {
    pause_before(total.rounds);
    const RunResult result = run(*request);
    ++total.rounds;
    total.updates += result.sent();
    total.seconds += result.seconds;
    for (std::size_t i = 0; i < total.acknowledgements.size(); ++i) {
      total.acknowledgements[i] += result.acknowledgements[i];
    }
    total.registered = generator_.nodes().registered_among(nodes);
  }
  generator_.traffic().network.nodes = before;
  if (auto done = announce(total); !done) {
    return std::unexpected(done.error());
  }
  return total;
}

std::expected<void, std::string> Actions::announce(RegistrationResult& total) {
  const auto entry = std::ranges::find(options_.mix, Kind::HahaOut, &RequestedTraffic::kind);
  if (entry == options_.mix.end() || !options_.plays_peer) {
    return {};
  }
  const TrafficSettings& traffic = generator_.traffic();
  auto request = request_of(Kind::SsReply, entry->port);
  if (!request) {
    return std::unexpected(request.error());
  }
  const std::uint32_t each = bindings_in_message(traffic);
  total.global_nodes = traffic.network.global_nodes;
  request->count = (total.global_nodes + each - 1) / each;
  request->rate.pps /= each;
  request->drain = kNoAnswer;
  for (std::uint32_t round = 0;
       round < options_.register_rounds && !interrupted_() && total.announced != total.global_nodes;
       ++round) {
    pause_before(round);
    // Whom the last message tells of twice is not known to be among those that were not taken.
    const RunResult result = run(*request);
    const std::uint64_t not_taken =
        result.state_records_sent() -
        std::min(result.state_records_sent(),
                 result.state_records[static_cast<std::size_t>(wire::SsStatus::Success)]);
    total.announced = static_cast<std::uint32_t>(
        total.global_nodes - std::min<std::uint64_t>(total.global_nodes, not_taken));
    for (std::size_t i = 0; i < total.state_records.size(); ++i) {
      total.state_records[i] += result.state_records[i];
    }
  }
  return {};
}

std::expected<void, std::string> Actions::keep_registered(std::uint32_t nodes) {
  if (!options_.register_first ||
      (nodes <= registered_nodes_ && Clock::now() < registered_until_)) {
    return {};
  }
  if (Clock::now() >= registered_until_) {
    generator_.nodes().forget_registered();
  }
  const auto start = Clock::now();
  const auto registered = register_nodes(nodes);
  if (!registered) {
    return std::unexpected(registered.error());
  }
  if (!registered->complete()) {
    return std::unexpected(registered->to_string());
  }
  registered_nodes_ = nodes;
  registered_until_ = start + generator_.traffic().signalling.lifetime.seconds() / 2;
  return {};
}

}  // namespace anyhome::pktgen
