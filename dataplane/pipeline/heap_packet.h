// A packet on the heap, with everything the pipeline asks of an rte_mbuf: headroom, and segments.
// What unit tests, fuzzers and `explain` run the pipeline on.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "common/bytes.h"

namespace anyhome::dataplane {

// RTE_PKTMBUF_HEADROOM of a default build is 128 bytes; at least 112 are asked for at start-up
// (docs/architecture.md): 40 + 40 of IPv6, 14 to 18 of Ethernet, 14 left for ESP.
inline constexpr std::size_t kHeapHeadroom = 128;

class HeapPacket {
 public:
  // Bytes of the first segment; `tailroom` is what `make_contiguous` may use.
  explicit HeapPacket(ByteView bytes, std::size_t tailroom = 256)
      : storage_(kHeapHeadroom + bytes.size() + tailroom),
        front_(kHeapHeadroom),
        end_(kHeapHeadroom + bytes.size()) {
    std::ranges::copy(bytes, storage_.begin() + kHeapHeadroom);
  }

  void append_segment(ByteView bytes) { rest_.insert(rest_.end(), bytes.begin(), bytes.end()); }

  [[nodiscard]] std::byte* data() { return storage_.data() + front_; }
  [[nodiscard]] std::size_t contiguous() const { return end_ - front_; }
  [[nodiscard]] std::size_t length() const { return contiguous() + rest_.size(); }

  bool set_front(const std::byte* front) {
    // Compared as integers: the place may lie before the buffer.
    const auto at = reinterpret_cast<std::uintptr_t>(front);               // NOLINT
    const auto begin = reinterpret_cast<std::uintptr_t>(storage_.data());  // NOLINT
    if (at < begin || at > begin + end_) {
      return false;
    }
    front_ = at - begin;
    return true;
  }

  void truncate(std::size_t size) {
    if (size < contiguous()) {
      end_ = front_ + size;
      rest_.clear();
    } else {
      rest_.resize(size - contiguous());
    }
  }

  bool make_contiguous(std::size_t size) {
    if (size <= contiguous()) {
      return true;
    }
    const std::size_t missing = size - contiguous();
    if (missing > rest_.size() || end_ + missing > storage_.size()) {
      return false;
    }
    std::copy_n(rest_.begin(), missing, storage_.begin() + static_cast<std::ptrdiff_t>(end_));
    rest_.erase(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(missing));
    end_ += missing;
    return true;
  }

  void copy_out(std::size_t at, std::byte* to, std::size_t size) const {
    for (std::size_t i = at; i < at + size; ++i) {
      *to++ = i < contiguous() ? storage_[front_ + i] : rest_[i - contiguous()];
    }
  }

  void append(const HeapPacket& tail) { append_segment(tail.bytes()); }

  [[nodiscard]] std::vector<std::byte> bytes() const {
    std::vector<std::byte> all(length());
    copy_out(0, all.data(), all.size());
    return all;
  }

 private:
  std::vector<std::byte> storage_;
  std::size_t front_;
  std::size_t end_;  // of the first segment, in storage_
  std::vector<std::byte> rest_;
};

}  // namespace anyhome::dataplane
