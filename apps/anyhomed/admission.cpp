#include "apps/anyhomed/admission.h"

#include <memory>
#include <new>
#include <utility>

#include <sys/mman.h>

namespace anyhome {
namespace {

// Of a packet that waits longer than the cache remembers: its metadata and a Binding Update.
constexpr std::size_t kBytesAhead = 192;
constexpr std::size_t kLine = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20U;

}  // namespace

Admission::Admission(std::uint32_t places) : capacity_(places) {
  const std::size_t bytes = std::size_t{places} * sizeof(Block);
  const std::size_t page = bytes >= kHugePage ? kHugePage : kLine;
  blocks_.reset(static_cast<Block*>(std::aligned_alloc(page, (bytes + page - 1) / page * page)));
  if (blocks_ == nullptr) {
    throw std::bad_alloc();
  }
  if (page == kHugePage) {
    (void)madvise(blocks_.get(), bytes, MADV_HUGEPAGE);  // where there are none, small ones will do
  }
  // Touched now: a storm is no time for ten thousand page faults.
  std::uninitialized_value_construct_n(blocks_.get(), places);
  links_.resize(places);
  for (std::uint32_t place = 0; place < places; ++place) {
    links_[place].rest = place + 1 < places ? place + 1 : kNone;
  }
}

Admission::Room Admission::make_room(std::size_t places, PuntClass newcomer) {
  Room room;
  if (places > capacity_) {
    ++dropped_[static_cast<std::size_t>(newcomer)];
    return {1, false};
  }
  while (capacity_ - used_ < places) {
    Queue* longest = longest_queue();
    if (longest == nullptr) {  // all that is left is being served
      ++dropped_[static_cast<std::size_t>(newcomer)];
      return {room.displaced + 1, false};
    }
    give_back(take_first(*longest));
    if (longest->packets != 0) {
      prefetch_for_writing(longest->first);  // the next one to go, if it goes on like this
    }
    ++dropped_[static_cast<std::size_t>(longest - queues_.data())];
    ++room.displaced;
  }
  room.enough = true;
  return room;
}

// The one with most places; of several the least urgent.
Admission::Queue* Admission::longest_queue() {
  Queue* longest = nullptr;
  for (Queue& queue : queues_) {
    if (queue.packets != 0 && (longest == nullptr || queue.places >= longest->places)) {
      longest = &queue;
    }
  }
  return longest;
}

std::uint32_t Admission::take_places(std::size_t count) {
  std::uint32_t first = kNone;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t place = std::exchange(free_, links_[free_].rest);
    links_[place] = {kNone, first};
    first = place;
  }
  if (free_ != kNone) {
    prefetch_for_writing(free_);
  }
  used_ += static_cast<std::uint32_t>(count);
  high_water_ = std::max(high_water_, used_);
  return first;
}

void Admission::append(PuntClass punt_class, std::uint32_t first, std::size_t places) {
  Queue& queue = queues_[static_cast<std::size_t>(punt_class)];
  (queue.packets == 0 ? queue.first : links_[queue.last].following) = first;
  queue.last = first;
  ++queue.packets;
  queue.places += static_cast<std::uint32_t>(places);
  ++held_;
}

std::uint32_t Admission::take_first(Queue& queue) {
  const std::uint32_t first = queue.first;
  queue.first = links_[first].following;
  --queue.packets;
  for (std::uint32_t place = first; place != kNone; place = links_[place].rest) {
    --queue.places;
  }
  --held_;
  return first;
}

unsigned Admission::take_turn(PuntClass punt_class, std::span<std::uint32_t> places) {
  Queue& queue = queues_[static_cast<std::size_t>(punt_class)];
  const unsigned count = std::min(quantum(punt_class), queue.packets);
  for (unsigned i = 0; i < count; ++i) {
    places[i] = take_first(queue);
    for (std::size_t offset = 0; offset < kBytesAhead; offset += kLine) {
      __builtin_prefetch(&blocks_[places[i]].data[offset]);
    }
  }
  return count;
}

void Admission::give_back(std::uint32_t first) {
  for (std::uint32_t place = first; place != kNone;) {
    const std::uint32_t rest = links_[place].rest;
    links_[place].rest = std::exchange(free_, place);
    --used_;
    place = rest;
  }
}

void Admission::prefetch_for_writing(std::uint32_t place) const {
  const auto* bytes = static_cast<const std::byte*>(static_cast<const void*>(&blocks_[place]));
  for (std::size_t offset = 0; offset < kBytesAhead; offset += kLine) {
    __builtin_prefetch(bytes + offset, 1);
  }
}

Punted Admission::beginning(std::uint32_t first) const {
  const Block& block = blocks_[first];
  return {block.metadata,
          ByteView(block.data).first(std::min<std::size_t>(block.size, kDataBytes))};
}

Punted Admission::whole(std::uint32_t first) {
  const Block& block = blocks_[first];
  if (block.size <= kDataBytes) {
    return beginning(first);
  }
  scratch_.clear();
  for (std::uint32_t place = first; place != kNone; place = links_[place].rest) {
    const std::size_t piece = std::min<std::size_t>(block.size - scratch_.size(), kDataBytes);
    const auto& data = blocks_[place].data;
    scratch_.insert(scratch_.end(), data.begin(),
                    data.begin() + static_cast<std::ptrdiff_t>(piece));
  }
  return {block.metadata, scratch_};
}

}  // namespace anyhome
