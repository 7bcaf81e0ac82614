#include "controlplane/sync_stream.h"

#include <algorithm>

namespace anyhome::control {
namespace {

constexpr std::size_t kIdentifiers = 65536;
// Not below what a busy peer may take to answer.
constexpr Duration kShortestTimeout = std::chrono::milliseconds(250);

}  // namespace

void SyncStream::mark(BindingSlot slot) {
  if (slot >= marked_.size()) {
    marked_.resize(std::max<std::size_t>(slot + 1, marked_.size() * 2));
  }
  if (!marked_[slot]) {
    marked_[slot] = true;
    order_.push_back(slot);
  }
}

std::optional<BindingSlot> SyncStream::take() {
  if (order_.empty()) {
    return std::nullopt;
  }
  const BindingSlot slot = order_.front();
  order_.pop_front();
  marked_[slot] = false;
  return slot;
}

void SyncStream::forget_backlog() {
  order_.clear();
  std::fill(marked_.begin(), marked_.end(), false);
}

std::optional<Instant> SyncStream::oldest() const {
  std::optional<Instant> oldest;
  for (const auto& [identifier, message] : outstanding_) {
    oldest = std::min(oldest.value_or(message.first_sent), message.first_sent);
  }
  return oldest;
}

bool SyncStream::has_identifier(Instant now) {
  while (!quarantine_.empty() && quarantine_.front().first <= now) {
    quarantined_[quarantine_.front().second] = false;
    quarantine_.pop_front();
  }
  return identifiers_used() < kIdentifiers - 1;
}

std::uint16_t SyncStream::open(Instant now, std::vector<SyncItem> items, bool dump) {
  quarantined_.resize(kIdentifiers);
  std::uint16_t identifier = last_identifier_;
  do {
    identifier = static_cast<std::uint16_t>(identifier == 0xffff ? 1 : identifier + 1);
  } while (quarantined_[identifier] || outstanding_.contains(identifier));
  last_identifier_ = identifier;
  Outstanding& message = outstanding_[identifier];
  message.items = std::move(items);
  message.first_sent = now;
  message.dump = dump;
  dump_outstanding_ += dump ? 1U : 0U;
  schedule(identifier, message, now + timeout_);
  return identifier;
}

void SyncStream::schedule(std::uint16_t identifier, Outstanding& message, Instant at) {
  tries_.erase({message.next_try, identifier});
  message.next_try = at;
  tries_.insert({at, identifier});
}

SyncStream::Credit SyncStream::acknowledge(Instant now, std::uint16_t identifier,
                                           const HomeAddress& home_address) {
  const auto found = outstanding_.find(identifier);
  if (found == outstanding_.end()) {
    return {};
  }
  std::vector<SyncItem>& items = found->second.items;
  const auto item = std::ranges::find(items, home_address, &SyncItem::home_address);
  if (item == items.end()) {
    return {};
  }
  // Karn: what was sent twice says nothing about the time an answer takes.
  if (found->second.tries == 1) {
    const Duration sample = (now - found->second.first_sent) * 4;
    timeout_ = std::clamp((timeout_ * 7 + sample) / 8, kShortestTimeout, kFirstTimeout);
  }
  Credit credit{*item, items.size() == 1};
  items.erase(item);
  if (credit.finished) {
    close(now, identifier);
  }
  return credit;
}

std::optional<Instant> SyncStream::next_try() const {
  return tries_.empty() ? std::nullopt : std::optional(tries_.begin()->first);
}

std::optional<std::uint16_t> SyncStream::due(Instant now) const {
  return !tries_.empty() && tries_.begin()->first <= now ? std::optional(tries_.begin()->second)
                                                         : std::nullopt;
}

void SyncStream::retried(Instant now, std::uint16_t identifier) {
  Outstanding& message = outstanding_.at(identifier);
  ++message.tries;
  Duration wait = timeout_;
  for (unsigned i = 1; i < message.tries && wait < kLongestTimeout; ++i) {
    wait *= 2;
  }
  schedule(identifier, message, now + std::min(wait, kLongestTimeout));
}

std::vector<SyncItem> SyncStream::close(Instant now, std::uint16_t identifier) {
  const auto found = outstanding_.find(identifier);
  std::vector<SyncItem> left = std::move(found->second.items);
  dump_outstanding_ -= found->second.dump ? 1U : 0U;
  tries_.erase({found->second.next_try, identifier});
  outstanding_.erase(found);
  quarantined_[identifier] = true;
  quarantine_.emplace_back(now + kQuarantine, identifier);
  return left;
}

std::vector<SyncItem> SyncStream::abandon(Instant now, std::uint16_t identifier) {
  return close(now, identifier);
}

void SyncStream::suspend(Instant now) {
  while (!outstanding_.empty()) {
    for (const SyncItem& item : close(now, outstanding_.begin()->first)) {
      if (item.is_news()) {
        mark(item.slot);
      }
    }
  }
}

void SyncStream::reset() { *this = SyncStream(max_outstanding_); }

}  // namespace anyhome::control
