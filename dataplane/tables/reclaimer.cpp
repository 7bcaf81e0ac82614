#include "dataplane/tables/reclaimer.h"

#include <algorithm>
#include <bit>

namespace anyhome::dataplane {

Reclaimer::Reclaimer(rte_rcu_qsbr* qsbr, std::uint32_t capacity, GracePeriod grace_period)
    : qsbr_(qsbr),
      grace_period_(grace_period),
      mask_(std::bit_ceil(std::max(capacity, 2U)) - 1),
      items_(std::size_t{mask_} + 1) {}

void Reclaimer::retire(RetiredKind kind, std::uint32_t index) {
  items_[tail_ & mask_] = Retired{kind, index};
  ++tail_;
  high_water_ = std::max(high_water_, backlog());
}

void Reclaimer::advance() {
  if (closed_ != tail_ && batch_count_ < kMaxBatches) {
    // The increment of the token is a release: a worker that reports this token has seen every
    // store that unpublished what the batch holds, and can find none of it again.
    batches_[(first_batch_ + batch_count_) % kMaxBatches] = {rte_rcu_qsbr_start(qsbr_), tail_};
    ++batch_count_;
    closed_ = tail_;
  }
  while (batch_count_ > 0 && is_due(batches_[first_batch_].token)) {
    safe_ = batches_[first_batch_].end;
    first_batch_ = (first_batch_ + 1) % kMaxBatches;
    --batch_count_;
  }
}

bool Reclaimer::is_due(std::uint64_t token) const {
  return grace_period_ == GracePeriod::Ignored || rte_rcu_qsbr_check(qsbr_, token, false) == 1;
}

}  // namespace anyhome::dataplane
