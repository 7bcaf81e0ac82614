// Arrays in DPDK's memory: hugepages of one NUMA socket, owned, sized once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include <rte_malloc.h>

#include "dataplane/pipeline/entry.h"

namespace anyhome::dataplane {

template <class T>
class RteArray {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  RteArray() = default;

  // `what` names the table in the error. A cache line's alignment, so that 64-byte elements do not
  // straddle two.
  static std::expected<RteArray, std::string> create(const char* what, std::size_t count,
                                                     int socket) {
    RteArray array;
    array.size_ = count;
    // rte_malloc has no such thing as an empty block.
    const std::size_t bytes = std::max<std::size_t>(count, 1) * sizeof(T);
    array.data_.reset(static_cast<T*>(rte_malloc_socket(what, bytes, kCacheLine, socket)));
    if (array.data_ == nullptr) {
      return std::unexpected(
          fmt::format("no memory for {} ({} bytes): give EAL more (-m)", what, bytes));
    }
    std::uninitialized_value_construct_n(array.data_.get(), count);
    return array;
  }

  [[nodiscard]] T& operator[](std::size_t index) { return data_.get()[index]; }
  [[nodiscard]] const T& operator[](std::size_t index) const { return data_.get()[index]; }
  [[nodiscard]] T* data() { return data_.get(); }
  [[nodiscard]] const T* data() const { return data_.get(); }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t bytes() const { return size_ * sizeof(T); }

 private:
  struct Free {
    void operator()(T* data) const { rte_free(data); }
  };
  std::unique_ptr<T, Free> data_;
  std::size_t size_ = 0;
};

}  // namespace anyhome::dataplane
