// How many second-level tables ("tbl8") rte_lpm6 needs for the prefixes it is to hold.
//
// rte_lpm6 resolves the first 24 bits by one table and every further 8 bits by a table of 256. It
// fails an addition when it has none left, but by then we have promised: changes are collected and
// applied later. So we count beforehand, exactly: a prefix longer than 24 bits needs a table for
// each of its first 24, 32, ... bits short of its length, shared with every prefix that begins
// alike.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "common/prefix.h"

namespace anyhome::dataplane {

class Tbl8Budget {
 public:
  explicit Tbl8Budget(std::uint32_t groups) : capacity_(groups) {}

  [[nodiscard]] bool admits(const Prefix& prefix) const;
  void add(const Prefix& prefix);
  void remove(const Prefix& prefix);

  [[nodiscard]] std::uint32_t used() const { return static_cast<std::uint32_t>(tables_.size()); }
  [[nodiscard]] std::uint32_t capacity() const { return capacity_; }

 private:
  std::uint32_t capacity_;
  // Table, named by the bits that lead to it, to the prefixes that go through it.
  std::unordered_map<Prefix, std::uint32_t, PrefixHash> tables_;
};

}  // namespace anyhome::dataplane
