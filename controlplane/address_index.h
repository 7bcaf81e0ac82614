// From an address to the slot of a slab: open addressing with linear probing over 8-byte cells.
//
// The keys themselves stay in the slab; a cell holds the slot and 32 bits of the hash, so that a
// probe rarely touches a record that is not the one looked for. Deleting shifts cells back, so
// there are no tombstones and a table that has seen a million deletions is as fast as a new one.
// Iteration order is nobody's business: whoever lists, walks the slab.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/address.h"

namespace anyhome::control {

class AddressIndex {
 public:
  // `expected` keys fit without growing. `seed` keys the hash against chosen collisions.
  explicit AddressIndex(std::size_t expected, std::uint64_t seed = 0) : seed_(seed) {
    cells_.resize(cells_for(expected));
  }

  // `key_of(slot)` gives the address stored in a slot of the slab.
  template <class KeyOf>
  [[nodiscard]] std::optional<std::uint32_t> find(const Ipv6Address& address,
                                                  KeyOf&& key_of) const {
    const std::uint64_t hash = hash_address(address, seed_);
    for (std::size_t at = hash & mask();; at = (at + 1) & mask()) {
      const Cell& cell = cells_[at];
      if (cell.slot == kEmpty) {
        return std::nullopt;
      }
      if (cell.tag == tag(hash) && key_of(cell.slot) == address) {
        return cell.slot;
      }
    }
  }

  // The address must not be in the table.
  void insert(const Ipv6Address& address, std::uint32_t slot) {
    if ((size_ + 1) * 100 > cells_.size() * kMaxLoadPercent) {
      grow();
    }
    place(hash_address(address, seed_), slot);
    ++size_;
  }

  // The address must be in the table, with this slot.
  void erase(const Ipv6Address& address, std::uint32_t slot) {
    std::size_t hole = hash_address(address, seed_) & mask();
    while (cells_[hole].slot != slot) {
      hole = (hole + 1) & mask();
    }
    // Backward-shift deletion: pull every follower that would no longer be found.
    for (std::size_t at = (hole + 1) & mask(); cells_[at].slot != kEmpty; at = (at + 1) & mask()) {
      const std::size_t home = cells_[at].tag & mask();
      if (((at - home) & mask()) >= ((at - hole) & mask())) {
        cells_[hole] = cells_[at];
        hole = at;
      }
    }
    cells_[hole] = Cell{};
    --size_;
  }

  // First step toward `find`: the cell.
  void prefetch(const Ipv6Address& address) const {
    __builtin_prefetch(&cells_[hash_address(address, seed_) & mask()]);
  }
  // What `find` will look at first, by the cells alone; hardly ever another's slot.
  [[nodiscard]] std::optional<std::uint32_t> candidate(const Ipv6Address& address) const {
    const std::uint64_t hash = hash_address(address, seed_);
    for (std::size_t at = hash & mask();; at = (at + 1) & mask()) {
      if (cells_[at].slot == kEmpty) {
        return std::nullopt;
      }
      if (cells_[at].tag == tag(hash)) {
        return cells_[at].slot;
      }
    }
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t memory_bytes() const { return cells_.size() * sizeof(Cell); }
  // What it takes for this many keys.
  [[nodiscard]] static std::size_t planned_bytes(std::size_t keys) {
    return cells_for(keys) * sizeof(Cell);
  }

 private:
  static constexpr std::uint32_t kEmpty = 0xffff'ffff;
  static constexpr std::size_t kMinimumCells = 16;
  static constexpr std::size_t kMaxLoadPercent = 70;

  // The tag is the low half of the hash, so a cell's home is known without its key: tables up to
  // 2^32 cells.
  struct Cell {
    std::uint32_t slot = kEmpty;
    std::uint32_t tag = 0;
  };

  static std::size_t cells_for(std::size_t keys) {
    std::size_t cells = kMinimumCells;
    while (cells * kMaxLoadPercent / 100 < keys) {
      cells *= 2;
    }
    return cells;
  }
  static std::uint32_t tag(std::uint64_t hash) { return static_cast<std::uint32_t>(hash); }
  [[nodiscard]] std::size_t mask() const { return cells_.size() - 1; }

  void place(std::uint64_t hash, std::uint32_t slot) {
    std::size_t at = hash & mask();
    while (cells_[at].slot != kEmpty) {
      at = (at + 1) & mask();
    }
    cells_[at] = Cell{slot, tag(hash)};
  }

  void grow() {
    std::vector<Cell> old(cells_.size() * 2);
    old.swap(cells_);
    for (const Cell& cell : old) {
      if (cell.slot != kEmpty) {
        place(cell.tag, cell.slot);
      }
    }
  }

  std::vector<Cell> cells_;
  std::size_t size_ = 0;
  std::uint64_t seed_;
};

}  // namespace anyhome::control
