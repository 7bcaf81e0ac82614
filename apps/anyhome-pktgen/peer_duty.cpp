#include "apps/anyhome-pktgen/peer_duty.h"

#include <cstring>

#include <fmt/format.h>

#include <rte_errno.h>

#include "apps/anyhome-pktgen/data_frame.h"
#include "apps/anyhome-pktgen/signalling.h"

namespace anyhome::pktgen {
namespace {

constexpr std::chrono::seconds kHelloInterval{1};
// Answers that wait for the sender: more than a window of what is under test.
constexpr unsigned kAnswers = 1024;

}  // namespace

std::expected<std::unique_ptr<PeerDuty>, std::string> PeerDuty::create(
    const TrafficSettings& settings, std::uint16_t port, rte_mempool* pool) {
  std::unique_ptr<PeerDuty> duty(new PeerDuty(settings, port, pool));
  duty->answers_.reset(rte_ring_create("pktgen_answers", kAnswers, SOCKET_ID_ANY, RING_F_SC_DEQ));
  if (!duty->answers_) {
    return std::unexpected(
        fmt::format("no memory for answers of the peer: {}", rte_strerror(rte_errno)));
  }
  return duty;
}

rte_mbuf* PeerDuty::make(const std::vector<std::byte>& packet, std::uint16_t port) const {
  const std::vector<std::byte> ethernet = ethernet_header(settings_, port);
  const std::size_t size = ethernet.size() + packet.size();
  rte_mbuf* frame = packet.empty() ? nullptr : rte_pktmbuf_alloc(pool_);
  if (frame == nullptr || size > rte_pktmbuf_tailroom(frame)) {
    rte_pktmbuf_free(frame);
    return nullptr;
  }
  auto* data = rte_pktmbuf_mtod(frame, std::byte*);
  std::memcpy(data, ethernet.data(), ethernet.size());
  std::memcpy(data + ethernet.size(), packet.data(), packet.size());
  frame->data_len = static_cast<std::uint16_t>(size);
  frame->pkt_len = static_cast<std::uint32_t>(size);
  frame->port = port;
  return frame;
}

void PeerDuty::take(ByteView packet, std::uint16_t port) {
  rte_mbuf* frame = make(answer_state(settings_, packet), port);
  if (frame != nullptr && rte_ring_enqueue(answers_.get(), frame) != 0) {
    rte_pktmbuf_free(frame);
  }
}

PeerDuty::Frame PeerDuty::next(std::chrono::nanoseconds now, WallTime wall) {
  if (now >= next_hello_) {
    next_hello_ = now + kHelloInterval;
    // By the clock, so that the numbers of another run of the program go on.
    const auto seconds = std::chrono::floor<std::chrono::seconds>(wall.time_since_epoch());
    const SequenceNumber sequence{static_cast<std::uint16_t>(seconds.count())};
    return {make(hello(settings_, sequence), port_), port_};
  }
  void* answer = nullptr;
  if (rte_ring_dequeue(answers_.get(), &answer) != 0) {
    return {};
  }
  auto* frame = static_cast<rte_mbuf*>(answer);
  return {frame, frame->port};
}

}  // namespace anyhome::pktgen
