#include "apps/anyhome-pktgen/ndr.h"

#include <algorithm>

namespace anyhome::pktgen {
namespace {

// A sender that gets less out than this part of what it was told is at its limit.
constexpr double kSenderKeptUp = 0.98;

}  // namespace

NdrSearch::NdrSearch(const NdrSettings& settings)
    : settings_(settings), trying_(settings.highest_pps) {}

std::optional<double> NdrSearch::next() const { return trying_; }

bool NdrSearch::near_enough(double low, double high) const {
  return high - low <= settings_.tolerance * high;
}

void NdrSearch::record(const TrialOutcome& outcome) {
  ++trials_;
  const bool pass = outcome.sent != 0 && static_cast<double>(outcome.lost) <=
                                             settings_.loss * static_cast<double>(outcome.sent);
  if (outcome.sent_pps < kSenderKeptUp * *trying_) {
    limited_by_sender_ = true;
    // What was sent is a rate of its own; between it and what was asked there is nothing to find.
    trying_ = std::max(outcome.sent_pps, settings_.lowest_pps);
  }
  if (pass && ++repeats_passed_ < settings_.repeats) {
    return;
  }
  repeats_passed_ = 0;
  conclude(pass);
}

void NdrSearch::conclude(bool pass) {
  const double tried = *trying_;
  lowest_tried_ = lowest_tried_ || tried <= settings_.lowest_pps;
  if (pass) {
    passed_ = std::max(passed_.value_or(0), tried);
    if (!failed_) {
      trying_.reset();  // passed at the top
      return;
    }
  } else {
    failed_ = std::min(failed_.value_or(tried), tried);
    if (tried < settings_.highest_pps) {
      limited_by_sender_ = false;  // the limit lies below what the sender can do
    }
  }
  if (passed_ ? near_enough(*passed_, *failed_) : lowest_tried_) {
    trying_.reset();
    return;
  }
  const double low = passed_.value_or(settings_.lowest_pps);
  const double middle = (low + *failed_) / 2;
  trying_ = !passed_ && near_enough(low, *failed_) ? settings_.lowest_pps : middle;
}

unsigned NdrSearch::trials_left() const {
  if (!trying_) {
    return 0;
  }
  unsigned steps = 1;
  double low = passed_.value_or(settings_.lowest_pps);
  const double high = failed_.value_or(settings_.highest_pps);
  while (!near_enough(low, high) && steps < 64) {
    low = (low + high) / 2;
    ++steps;
  }
  return steps * settings_.repeats - repeats_passed_;
}

}  // namespace anyhome::pktgen
