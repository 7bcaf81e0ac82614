#include "apps/anyhome-pktgen/run_request.h"

#include <algorithm>
#include <limits>

#include "apps/anyhome-pktgen/data_frame.h"
#include "apps/anyhome-pktgen/node_table.h"
#include "apps/anyhome-pktgen/signalling.h"
#include "common/wire/ipv6.h"

namespace anyhome::pktgen {
namespace {

// Without FCS.
double mean_frame_bytes(const TrafficSettings& settings, const TrafficEntry& entry) {
  const auto ethernet = static_cast<double>(ethernet_header(settings, entry.port).size());
  if (entry.kind == Kind::Pcap) {
    double bytes = 0;
    for (const auto& frame : settings.pcap_frames) {
      bytes += static_cast<double>(frame.size());
    }
    return bytes / static_cast<double>(std::max<std::size_t>(settings.pcap_frames.size(), 1));
  }
  if (entry.kind == Kind::SsReply) {
    return ethernet + static_cast<double>(state_reply(settings, 0, 1, WallTime{}).size());
  }
  if (is_binding_update(entry.kind)) {
    const std::uint32_t last = settings.network.nodes - 1;
    return ethernet + static_cast<double>(binding_update(settings, entry.kind, last, last,
                                                         SequenceNumber{1}, WallTime{})
                                              .size());
  }
  double packet = settings.sizes.mean() - kFcs - kEthernetHeader;
  if (!settings.templates.empty()) {
    packet = 0;
    for (const UserPacket& each : settings.templates) {
      packet +=
          static_cast<double>(each.bytes.size()) / static_cast<double>(settings.templates.size());
    }
  }
  return ethernet + packet + (is_tunnelled(entry.kind) ? wire::kIpv6HeaderSize : 0);
}

}  // namespace

std::size_t busy_senders(const std::vector<TrafficEntry>& mix, std::size_t senders,
                         std::uint32_t nodes) {
  const bool by_node =
      std::ranges::any_of(mix, [](const TrafficEntry& entry) { return goes_by_node(entry.kind); });
  return by_node ? std::min<std::size_t>(senders, nodes) : senders;
}

SenderShare share_of(const RunRequest& request, std::size_t sender, std::size_t senders) {
  SenderShare share;
  if (sender >= senders) {
    share.count = 0;
    return share;
  }
  share.rate = request.rate.share(senders);
  if (request.count != 0) {
    // What is over goes to the first ones.
    share.count = request.count / senders + (sender < request.count % senders ? 1 : 0);
  }
  if (request.duration.count() != 0) {
    share.duration = request.duration;
  }
  return share;
}

double mean_wire_bytes(const TrafficSettings& settings, const std::vector<TrafficEntry>& mix) {
  double bytes = 0;
  double weights = 0;
  for (const TrafficEntry& entry : mix) {
    bytes += entry.weight * (mean_frame_bytes(settings, entry) + kFcs + kWireOverhead);
    weights += entry.weight;
  }
  return bytes / weights;
}

}  // namespace anyhome::pktgen
