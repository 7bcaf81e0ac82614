// A Binding Update on its way to one home agent, and what is remembered of each home agent between
// exchanges: sequence numbers and rate (RFC 6275 §11.1, §11.8), path MTU, replay memory.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/address.h"
#include "common/sequence.h"
#include "common/time.h"

namespace anyhome::mobile {

// RFC 6275 §12.
inline constexpr Duration kInitialBindackTimeout = std::chrono::seconds(1);
inline constexpr Duration kInitialBindackTimeoutFirstRegistration = std::chrono::milliseconds(1500);
inline constexpr Duration kMaxBindackTimeout = std::chrono::seconds(32);
inline constexpr std::size_t kMaxUpdateRate = 3;  // per second and home agent

enum class Purpose : std::uint8_t {
  Register,
  Deregister,
};

class Exchange {
 public:
  Exchange(Purpose purpose, const HomeAgentAddress& home_agent, const CareOfAddress& care_of,
           Duration first_timeout, Instant now)
      : purpose_(purpose),
        home_agent_(home_agent),
        care_of_(care_of),
        first_timeout_(first_timeout),
        due_(now) {}

  [[nodiscard]] Purpose purpose() const { return purpose_; }
  [[nodiscard]] const HomeAgentAddress& home_agent() const { return home_agent_; }
  [[nodiscard]] const CareOfAddress& care_of() const { return care_of_; }
  // When the next copy is to go out.
  [[nodiscard]] Instant due() const { return due_; }
  // Copies sent without any answer so far.
  [[nodiscard]] unsigned unanswered() const { return unanswered_; }
  [[nodiscard]] bool was_sent() const { return copies_count_ != 0; }
  [[nodiscard]] unsigned corrections() const { return corrections_; }

  // MAX_UPDATE_RATE: not before.
  void defer(Instant until) { due_ = until; }

  void note_sent(Instant now, SequenceNumber sequence) {
    timeout_ = unanswered_ == 0 ? first_timeout_ : std::min(2 * timeout_, kMaxBindackTimeout);
    ++unanswered_;
    copies_[copies_count_++ % copies_.size()] = {sequence, now};
    due_ = now + timeout_;
  }

  // The answer told us what to do better (status 135, 144, 145): again, at once.
  void correct(Instant now) {
    ++corrections_;
    unanswered_ = 0;
    due_ = now;
  }

  // When the copy with this number went out; nullopt when it is not one of the last eight. All
  // copies say the same, so an answer to an earlier one is as good.
  [[nodiscard]] std::optional<Instant> sent_at(SequenceNumber sequence) const {
    for (std::size_t i = 0; i < std::min(copies_count_, copies_.size()); ++i) {
      if (copies_[i].sequence == sequence) {
        return copies_[i].at;
      }
    }
    return std::nullopt;
  }

 private:
  struct Copy {
    SequenceNumber sequence;
    Instant at;
  };

  Purpose purpose_;
  HomeAgentAddress home_agent_;
  CareOfAddress care_of_;
  Duration first_timeout_;
  Duration timeout_{};
  Instant due_;
  unsigned unanswered_ = 0;
  unsigned corrections_ = 0;
  std::array<Copy, 8> copies_{};
  std::size_t copies_count_ = 0;
};

struct HomeAgentRecord {
  HomeAgentAddress address;
  SequenceNumber last_sequence;  // numbers are per destination (RFC 6275 §11.1)
  std::array<Instant, kMaxUpdateRate> sent{};
  std::size_t sent_count = 0;
  NtpTimestamp last_switch;             // of a Home Agent Switch; 0: none yet
  std::optional<std::size_t> path_mtu;  // learnt, until `path_mtu_until`
  Instant path_mtu_until;
  Instant used;

  // RFC 6275 §11.8: no more than MAX_UPDATE_RATE messages within a second.
  [[nodiscard]] Instant next_update_allowed(Instant now) const {
    if (sent_count < kMaxUpdateRate) {
      return now;
    }
    return std::max(now, sent[sent_count % kMaxUpdateRate] + std::chrono::seconds(1));
  }
  void note_update(Instant now, SequenceNumber sequence) {
    last_sequence = sequence;
    sent[sent_count++ % kMaxUpdateRate] = now;
  }
};

// Bounded: the home agent that was not used for the longest time makes room.
class HomeAgentRecords {
 public:
  static constexpr std::size_t kMaxRecords = 16;

  // `first_sequence` is for a home agent that was not known.
  HomeAgentRecord& get(const HomeAgentAddress& address, Instant now,
                       SequenceNumber first_sequence) {
    HomeAgentRecord* record = find(address);
    if (record == nullptr) {
      if (records_.size() == kMaxRecords) {
        records_.erase(std::ranges::min_element(records_, {}, &HomeAgentRecord::used));
      }
      record = &records_.emplace_back();
      record->address = address;
      record->last_sequence = first_sequence;
    }
    record->used = now;
    return *record;
  }

  HomeAgentRecord* find(const HomeAgentAddress& address) {
    const auto found = std::ranges::find(records_, address, &HomeAgentRecord::address);
    return found == records_.end() ? nullptr : &*found;
  }
  [[nodiscard]] const HomeAgentRecord* find(const HomeAgentAddress& address) const {
    const auto found = std::ranges::find(records_, address, &HomeAgentRecord::address);
    return found == records_.end() ? nullptr : &*found;
  }

  // Another attachment is another path.
  void forget_paths() {
    for (HomeAgentRecord& record : records_) {
      record.path_mtu.reset();
    }
  }

 private:
  std::vector<HomeAgentRecord> records_;
};

}  // namespace anyhome::mobile
