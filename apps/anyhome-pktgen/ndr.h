// The search for the highest rate that loses no more than allowed, as a state machine.
//
// RFC 2544 §26.1 by bisection: the highest rate first, then the middle of the highest that passed
// and the lowest that failed, until these are as near to each other as the tolerance says. A rate
// passes when each of its repeats does. A trial in which the sender did not get the rate out says
// nothing about the other side, but that the search has to stay below what was sent.
#pragma once

#include <cstdint>
#include <optional>

namespace anyhome::pktgen {

struct NdrSettings {
  double lowest_pps = 1'000;
  double highest_pps = 1'000'000;
  double tolerance = 0.01;  // of the rate found
  double loss = 0;          // share of the packets that may be lost
  unsigned repeats = 1;
};

struct TrialOutcome {
  double sent_pps = 0;
  std::uint64_t sent = 0;
  std::uint64_t lost = 0;
};

class NdrSearch {
 public:
  explicit NdrSearch(const NdrSettings& settings);

  // The rate to try next; nothing when the search is over.
  [[nodiscard]] std::optional<double> next() const;
  void record(const TrialOutcome& outcome);

  // The highest rate that passed; nothing when not even the lowest did.
  [[nodiscard]] std::optional<double> found() const { return passed_; }
  // The sender was the limit, not what it was measuring.
  [[nodiscard]] bool limited_by_sender() const { return limited_by_sender_; }
  [[nodiscard]] unsigned trials() const { return trials_; }
  // An upper bound for what is left to do.
  [[nodiscard]] unsigned trials_left() const;

 private:
  [[nodiscard]] bool near_enough(double low, double high) const;
  void conclude(bool pass);

  NdrSettings settings_;
  std::optional<double> passed_;
  std::optional<double> failed_;
  std::optional<double> trying_;
  bool lowest_tried_ = false;
  bool limited_by_sender_ = false;
  unsigned repeats_passed_ = 0;
  unsigned trials_ = 0;
};

}  // namespace anyhome::pktgen
