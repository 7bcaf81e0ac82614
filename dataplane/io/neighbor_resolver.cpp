#include "dataplane/io/neighbor_resolver.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace anyhome::host {
namespace {

// A neighbour that nobody used for so many times `ask_again` is forgotten.
constexpr int kForgottenAfter = 3;

}  // namespace

bool NeighborResolver::hold(Instant now, const NeighborKey& neighbor,
                            const forwarding::PuntMetadata& metadata, ByteView packet) {
  on_timer(now);
  const auto known = by_neighbor_.find(neighbor);
  const bool is_new = known == by_neighbor_.end();
  if (is_new && !admit_new_neighbor(now)) {
    count(WaitingDrop::NewNeighborRate, 1);
    return false;
  }
  if (!is_new && known->second->packets.size() >= options_.packets_per_neighbor) {
    known->second->packets.pop_front();
    --packets_;
    count(WaitingDrop::NeighborQueueFull, 1);
  }
  Queue::iterator at = is_new ? queue_.end() : known->second;
  if (is_new) {
    at = queue_.insert(queue_.end(), Waiting{neighbor, now + options_.answer_within, {}});
    by_neighbor_.emplace(neighbor, at);
    note_asked(now, neighbor);
  }
  at->packets.push_back({metadata, {packet.begin(), packet.end()}});
  ++packets_;
  make_room();
  return is_new;
}

// Answers come within milliseconds, so what has waited longest is least likely to get one; a scan
// must not keep those out who would answer.
void NeighborResolver::make_room() {
  while (packets_ > options_.packets) {
    const auto oldest = queue_.begin();
    count(WaitingDrop::WaitingRoomFull, 1);
    oldest->packets.pop_front();
    --packets_;
    if (oldest->packets.empty()) {
      remove(oldest);
    }
  }
}

bool NeighborResolver::used(Instant now, const NeighborKey& neighbor) {
  const auto known = asked_.find(neighbor);
  if (known == asked_.end()) {
    if (!admit_new_neighbor(now)) {
      return false;
    }
    note_asked(now, neighbor);
    return asked_.contains(neighbor);
  }
  if (now - known->second < options_.ask_again) {
    return false;
  }
  known->second = now;
  return true;
}

void NeighborResolver::on_neighbor(const NeighborChanged& change,
                                   std::vector<WaitingPacket>& ready) {
  if (change.state == NeighborState::Unresolved) {
    return;
  }
  const NeighborKey neighbor{change.interface, change.address};
  if (change.state != NeighborState::Usable) {
    asked_.erase(neighbor);
  }
  const auto known = by_neighbor_.find(neighbor);
  if (known == by_neighbor_.end()) {
    return;
  }
  if (change.state != NeighborState::Usable) {
    discard(known->second, change.state == NeighborState::Failed ? WaitingDrop::NeighborFailed
                                                                 : WaitingDrop::NeighborRemoved);
    return;
  }
  std::ranges::move(known->second->packets, std::back_inserter(ready));
  remove(known->second);
}

void NeighborResolver::on_timer(Instant now) {
  while (!queue_.empty() && queue_.front().deadline <= now) {
    asked_.erase(queue_.front().neighbor);
    discard(queue_.begin(), WaitingDrop::NoAnswer);
  }
}

std::optional<Instant> NeighborResolver::next_deadline() const {
  return queue_.empty() ? std::nullopt : std::optional(queue_.front().deadline);
}

bool NeighborResolver::admit_new_neighbor(Instant now) {
  if (options_.new_neighbors_per_second == 0) {
    return false;
  }
  constexpr Duration kBurst = std::chrono::seconds(1);
  const Duration cost = kBurst / options_.new_neighbors_per_second;
  const Instant full_at = std::max(bucket_full_at_, now) + cost;
  if (full_at - now > kBurst) {
    return false;
  }
  bucket_full_at_ = full_at;
  return true;
}

// A table that is full of neighbours in use takes no more; the kernel forgets those earlier, and
// they are resolved anew.
void NeighborResolver::note_asked(Instant now, const NeighborKey& neighbor) {
  if (asked_.size() >= options_.neighbors && !asked_.contains(neighbor)) {
    std::erase_if(asked_, [&](const auto& item) {
      return now - item.second > kForgottenAfter * options_.ask_again;
    });
    if (asked_.size() >= options_.neighbors) {
      return;
    }
  }
  asked_[neighbor] = now;
}

void NeighborResolver::discard(Queue::iterator at, WaitingDrop drop) {
  count(drop, at->packets.size());
  remove(at);
}

NeighborResolver::Queue::iterator NeighborResolver::remove(Queue::iterator at) {
  packets_ -= at->packets.size();
  by_neighbor_.erase(at->neighbor);
  return queue_.erase(at);
}

}  // namespace anyhome::host
