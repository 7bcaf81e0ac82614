#include "apps/anyhome-bench-control/storm.h"

#include <algorithm>
#include <map>
#include <vector>

#include "apps/anyhome-bench-control/pair.h"
#include "controlplane/control_counters.h"

namespace anyhome::bench {
namespace {

// RFC 6275 §11.8: INITIAL_BINDACK_TIMEOUT, doubled each time up to MAX_BINDACK_TIMEOUT.
constexpr Duration kFirstTimeout = std::chrono::seconds(1);
constexpr unsigned kDoublings = 5;

// Mobile nodes that repeat their Binding Update until it is acknowledged, each time under another
// sequence number (RFC 6275 §11.8); an acknowledgement of an earlier one is none (§11.7.3).
class MobileNodes final : public Source {
 public:
  MobileNodes(std::uint32_t count, Duration spread) : nodes_(count), spread_(spread) {}

  void start(Instant when) {
    start_ = when;
    Shuffled order(nodes_.size(), 1);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const Duration at =
          spread_ * static_cast<std::int64_t>(i) / static_cast<std::int64_t>(nodes_.size());
      due_[when + at].push_back(static_cast<std::uint32_t>(order.next()));
    }
  }

  std::optional<Instant> next() override {
    while (!due_.empty()) {
      auto& [when, numbers] = *due_.begin();
      while (!numbers.empty() && nodes_[numbers.back()].registered) {
        numbers.pop_back();
      }
      if (!numbers.empty()) {
        return when;
      }
      due_.erase(due_.begin());
    }
    return std::nullopt;
  }
  Arrival take() override {
    const Instant when = *next();
    std::vector<std::uint32_t>& numbers = due_.begin()->second;
    const std::uint32_t number = numbers.back();
    numbers.pop_back();
    Node& node = nodes_[number];
    ++node.sent;
    ++messages_;
    due_[when + kFirstTimeout * (1U << std::min(node.sent - 1U, kDoublings))].push_back(number);
    return {when, forwarding::PuntClass::Mobility,
            make_update({.number = number, .sequence = node.sent})};
  }

  void answered(Instant when, const Answer& answer) {
    if (answer.number >= nodes_.size() || answer.status != wire::BindingStatus::Accepted) {
      return;
    }
    Node& node = nodes_[answer.number];
    if (node.registered || answer.sequence != node.sent) {
      return;
    }
    node.registered = true;
    ++registered_;
    last_ = when;
    if (registered_ * 2 == nodes_.size() + nodes_.size() % 2) {
      half_ = when;
    }
    if (registered_ == (nodes_.size() * 99 + 99) / 100) {
      most_ = when;
    }
  }
  [[nodiscard]] bool all_registered() const { return registered_ == nodes_.size(); }
  [[nodiscard]] std::uint64_t messages() const { return messages_; }
  [[nodiscard]] double seconds() const { return seconds_of(last_ - start_); }
  [[nodiscard]] double half_seconds() const { return seconds_of(half_ - start_); }
  [[nodiscard]] double most_seconds() const { return seconds_of(most_ - start_); }

 private:
  struct Node {
    std::uint16_t sent = 0;
    bool registered = false;
  };
  std::vector<Node> nodes_;
  Duration spread_;
  std::map<Instant, std::vector<std::uint32_t>> due_;
  Instant start_;
  Instant half_;
  Instant most_;
  Instant last_;
  std::uint64_t messages_ = 0;
  std::size_t registered_ = 0;
};

}  // namespace

StormFigures measure_storm(const StormSettings& settings) {
  Pair pair({.max_bindings = settings.mobile_nodes, .places = settings.places});
  MobileNodes nodes(settings.mobile_nodes, std::chrono::milliseconds(settings.spread_ms));
  pair[0].listen_to(nodes);
  pair.on_answer([&](unsigned member, Instant when, const Answer& answer) {
    if (member == 0) {
      nodes.answered(when, answer);
    }
  });
  for (unsigned member = 0; member < 2; ++member) {
    pair[member].start(kStart.instant);
  }
  pair.run(std::chrono::minutes(1), "two home agents",
           [&] { return pair[0].agent().serving() && pair[1].agent().serving(); });
  pair[0].forget_longest();
  nodes.start(std::max(pair[0].now(), pair[1].now()));
  pair.run(std::chrono::hours(1), "a storm", [&] { return nodes.all_registered(); });

  StormFigures figures;
  figures.settings = settings;
  figures.seconds = nodes.seconds();
  figures.half_seconds = nodes.half_seconds();
  figures.most_seconds = nodes.most_seconds();
  figures.messages_per_node =
      static_cast<double>(nodes.messages()) / static_cast<double>(settings.mobile_nodes);
  const Station& station = pair[0];
  for (std::size_t i = 0; i < forwarding::kPuntClassCount; ++i) {
    const auto punt_class = static_cast<forwarding::PuntClass>(i);
    const Losses& losses = station.losses(punt_class);
    figures.displaced[i] = station.queues().dropped(punt_class);
    if (punt_class == forwarding::PuntClass::Mobility) {
      figures.beyond_budget = losses.budget;
      figures.ring_full = losses.ring_full;
    } else {
      figures.others_lost += losses.budget + losses.ring_full + figures.displaced[i];
    }
  }
  figures.longest_hello_wait_ms = 1000 * seconds_of(station.longest_hello_wait());
  figures.peer_lost = !pair[0].agent().peers().front().up || !pair[1].agent().peers().front().up;
  figures.told_peer = pair[1].agent().bindings().global();
  figures.queue_bytes = Admission::bytes_for(station.queues().high_water());
  return figures;
}

}  // namespace anyhome::bench
