// Fragments of datagrams that are addressed to us, until they are whole (RFC 8200 §4.5).
//
// Tunnels need it: what an agent or a mobile node has to fragment outside, because the path takes
// no more, can be opened only in one piece. It is also where strangers can make us keep things, so
// everything is bounded, and arranged so that a flood hurts those who send it:
//
// * Datagrams wait in buckets of eight, chosen by a keyed hash of their source. One half of the
//   buckets is for peers, which nobody else's packets get into.
// * A full bucket gives up the oldest datagram of the source that has most in it; so whoever floods
//   loses its own. The two fragments of a tunnel packet arrive one behind the other, and need their
//   place for microseconds.
// * A bucket keeps its share of the bytes, and one datagram at most half of that, in at most eight
//   fragments, for `timeout`.
// * A fragment that overlaps another ends the datagram, and what comes of it later is dropped, too
//   (RFC 5722). Exact copies are let go (RFC 8200 §4.5).
//
// Nothing is copied: the fragments' buffers become the segments of the whole.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "common/address.h"
#include "common/time.h"
#include "common/wire/extension.h"
#include "dataplane/pipeline/ecn.h"
#include "dataplane/pipeline/environment.h"
#include "dataplane/pipeline/reassembly_limits.h"
#include "dataplane/pipeline/work.h"

namespace anyhome::dataplane {

template <Environment Env>
class Reassembler {
  using Packet = typename Env::Packet;
  using W = Work<Packet>;
  using DropReason = forwarding::DropReason;

 public:
  static constexpr std::size_t kWays = 8;

  // `seed` keys the choice of buckets. `env` outlives the reassembler.
  Reassembler(const ReassemblyLimits& limits, std::uint32_t seed, Env& env)
      : limits_(limits),
        seed_(seed),
        env_(env),
        // At least one bucket for peers and one for all others.
        half_(limits.datagrams == 0 ? 0 : std::max<std::size_t>(limits.datagrams / kWays / 2, 1)),
        buckets_(2 * half_) {}
  ~Reassembler() {
    for (Bucket& bucket : buckets_) {
      for (Datagram& datagram : bucket.ways) {
        for (std::size_t i = 0; i < datagram.count; ++i) {
          env_.release(datagram.fragments[i].packet);
        }
      }
    }
  }
  Reassembler(const Reassembler&) = delete;
  Reassembler& operator=(const Reassembler&) = delete;

  // Takes the fragment in `work` over. True: it was the last one missing, and `work` is now the
  // whole datagram. False: it waits, or has been dropped.
  bool add(W& work, const wire::HeaderChain& chain, bool from_peer, Instant now) {
    if (half_ == 0) {
      env_.drop(work.packet, DropReason::FragmentForUs);
      return false;
    }
    const wire::FragmentHeader& header = *chain.fragment;
    const std::size_t payload_at = chain.upper_offset + wire::kFragmentHeaderSize;
    const std::uint32_t length = work.length - static_cast<std::uint32_t>(payload_at);
    // All but the last are whole multiples of 8 bytes, and none reaches beyond the largest packet.
    constexpr std::uint32_t kLargest = 65535;
    if (length == 0 || (header.more && length % 8 != 0) ||
        header.offset_bytes + length + chain.upper_offset - wire::kIpv6HeaderSize > kLargest) {
      env_.drop(work.packet, DropReason::FragmentMalformed);
      return false;
    }
    const Key key = key_of(work, header.identification);
    Bucket& bucket = bucket_of(key, from_peer);
    Datagram* datagram = find(bucket, key, now);
    if (datagram == nullptr) {
      datagram = open(bucket, key, now);
    }
    if (datagram->spoiled) {
      env_.drop(work.packet, *datagram->spoiled);
      return false;
    }
    return insert(bucket, *datagram, work, chain, length) && finish(bucket, *datagram, work);
  }

  // Gives up what has waited for too long. Cheap where nothing waits; accurate to an eighth of the
  // timeout.
  void expire(Instant now) {
    if (waiting_ == 0 || now < next_look_) {
      return;
    }
    next_look_ = now + limits_.timeout / 8;
    for (Bucket& bucket : buckets_) {
      for (Datagram& datagram : bucket.ways) {
        if (datagram.used && now >= datagram.deadline) {
          give_up(bucket, datagram, DropReason::FragmentTimeout);
        }
      }
    }
  }

  // Fragments that are kept.
  [[nodiscard]] std::uint32_t held() const { return held_; }

 private:
  struct Key {
    Ipv6Address source;
    Ipv6Address destination;
    std::uint32_t identification = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct Fragment {
    Packet* packet = nullptr;
    std::uint32_t payload_at = 0;  // from the packet's first byte
    std::uint16_t offset = 0;
    std::uint32_t length = 0;
    [[nodiscard]] std::uint32_t end() const { return offset + length; }
  };
  struct Datagram {
    Key key;
    Instant deadline{};
    bool used = false;
    std::optional<DropReason> spoiled;  // keeps its place, so that later fragments are known
    bool congestion = false;
    bool not_capable = false;
    std::uint8_t count = 0;
    std::uint8_t decapsulations = 0;
    std::uint32_t bytes = 0;        // kept of it, with headers
    std::uint32_t received = 0;     // of its payload
    std::uint32_t whole = 0;        // once the last fragment is known
    W first;                        // of the fragment at 0
    std::uint16_t fragment_at = 0;  // where its fragment header is, from its IPv6 header
    std::uint16_t protocol_at = 0;  // the byte that names that header
    std::uint8_t protocol = 0;      // of what is fragmented
    std::array<Fragment, kMaxFragments> fragments;  // by offset
  };
  struct Bucket {
    std::array<Datagram, kWays> ways;
    std::uint32_t bytes = 0;
  };

  static Key key_of(const W& work, std::uint32_t identification) {
    Key key;
    std::memcpy(key.source.octets.data(), work.ip + wire::ipv6_offset::kSource, Ipv6Address::kSize);
    std::memcpy(key.destination.octets.data(), work.ip + wire::ipv6_offset::kDestination,
                Ipv6Address::kSize);
    key.identification = identification;
    return key;
  }

  Bucket& bucket_of(const Key& key, bool from_peer) {
    const std::size_t slot = hash_address(key.source, seed_) % half_;
    return buckets_[from_peer ? slot : half_ + slot];
  }

  [[nodiscard]] std::uint32_t bucket_bytes() const {
    return limits_.bytes / static_cast<std::uint32_t>(buckets_.size());
  }

  Datagram* find(Bucket& bucket, const Key& key, Instant now) {
    for (Datagram& datagram : bucket.ways) {
      if (datagram.used && datagram.key == key) {
        if (now < datagram.deadline) {
          return &datagram;
        }
        give_up(bucket, datagram, DropReason::FragmentTimeout);
      }
    }
    return nullptr;
  }

  Datagram* open(Bucket& bucket, const Key& key, Instant now) {
    Datagram* place = nullptr;
    for (Datagram& datagram : bucket.ways) {
      place = datagram.used ? place : &datagram;
    }
    if (place == nullptr) {
      place = victim(bucket, nullptr);
      give_up(bucket, *place, DropReason::FragmentEvicted);
    }
    if (waiting_ == 0) {
      next_look_ = now + limits_.timeout;
    }
    ++waiting_;
    *place = Datagram{};
    place->used = true;
    place->key = key;
    place->deadline = now + limits_.timeout;
    return place;
  }

  // The oldest datagram of the source that has most in the bucket, but for `spared`.
  Datagram* victim(Bucket& bucket, const Datagram* spared) {
    Datagram* chosen = nullptr;
    std::ptrdiff_t most = 0;
    for (Datagram& datagram : bucket.ways) {
      if (!datagram.used || &datagram == spared) {
        continue;
      }
      const std::ptrdiff_t share = std::ranges::count_if(bucket.ways, [&](const Datagram& other) {
        return other.used && other.key.source == datagram.key.source;
      });
      if (share > most || (share == most && datagram.deadline < chosen->deadline)) {
        chosen = &datagram;
        most = share;
      }
    }
    return chosen;
  }

  // Puts the fragment into its place. False: it was dropped, perhaps with all the others.
  bool insert(Bucket& bucket, Datagram& datagram, W& work, const wire::HeaderChain& chain,
              std::uint32_t length) {
    const wire::FragmentHeader& header = *chain.fragment;
    const std::uint32_t end = header.offset_bytes + length;
    const auto fragments = std::span(datagram.fragments).first(datagram.count);
    const auto next =
        std::ranges::lower_bound(fragments, header.offset_bytes, {}, &Fragment::offset);
    const std::size_t at = static_cast<std::size_t>(next - fragments.begin());
    if (next != fragments.end() && is_copy(work, chain, length, *next)) {
      env_.drop(work.packet, DropReason::FragmentDuplicate);
      return false;
    }
    const bool overlaps = (at > 0 && fragments[at - 1].end() > header.offset_bytes) ||
                          (next != fragments.end() && next->offset < end) ||
                          // Two different ends, or something behind the end.
                          (datagram.whole != 0 &&
                           (end > datagram.whole || (!header.more && end != datagram.whole))) ||
                          (!header.more && !fragments.empty() && fragments.back().end() > end);
    if (overlaps) {
      spoil(bucket, datagram, work, DropReason::FragmentOverlap);
      return false;
    }
    if (datagram.count == kMaxFragments || datagram.bytes + work.length > bucket_bytes() / 2) {
      spoil(bucket, datagram, work, DropReason::FragmentLimit);
      return false;
    }
    make_room(bucket, datagram, work.length);
    std::copy_backward(fragments.begin() + static_cast<std::ptrdiff_t>(at), fragments.end(),
                       fragments.end() + 1);
    const auto front = static_cast<std::uint32_t>(work.ip - env_.data(work.packet));
    const auto payload_at =
        static_cast<std::uint32_t>(chain.upper_offset + wire::kFragmentHeaderSize);
    datagram.fragments[at] = {work.packet, front + payload_at, header.offset_bytes, length};
    ++datagram.count;
    ++held_;
    datagram.received += length;
    datagram.bytes += work.length;
    bucket.bytes += work.length;
    datagram.whole = header.more ? datagram.whole : end;
    datagram.decapsulations = std::max(datagram.decapsulations, work.decapsulations);
    note_ecn(datagram, work.ip);
    if (header.offset_bytes == 0) {
      datagram.first = work;
      datagram.fragment_at = chain.upper_offset;
      datagram.protocol_at = chain.protocol_at;
      datagram.protocol = header.next_header;
    }
    return datagram.whole != 0 && datagram.received == datagram.whole;
  }

  // Byte for byte what is there already.
  bool is_copy(const W& work, const wire::HeaderChain& chain, std::uint32_t length,
               const Fragment& known) const {
    if (known.offset != chain.fragment->offset_bytes || known.length != length) {
      return false;
    }
    const std::size_t at = static_cast<std::size_t>(work.ip - env_.data(work.packet)) +
                           chain.upper_offset + wire::kFragmentHeaderSize;
    std::array<std::byte, 256> mine;
    std::array<std::byte, 256> theirs;
    for (std::uint32_t done = 0; done < length;) {
      const std::size_t part = std::min<std::size_t>(mine.size(), length - done);
      env_.copy_out(work.packet, at + done, mine.data(), part);
      env_.copy_out(known.packet, known.payload_at + done, theirs.data(), part);
      if (std::memcmp(mine.data(), theirs.data(), part) != 0) {
        return false;
      }
      done += static_cast<std::uint32_t>(part);
    }
    return true;
  }

  // No datagram has more than half of the bucket, so the others have something to give.
  void make_room(Bucket& bucket, const Datagram& datagram, std::uint32_t bytes) {
    while (bucket.bytes + bytes > bucket_bytes()) {
      give_up(bucket, *victim(bucket, &datagram), DropReason::FragmentEvicted);
    }
  }

  // RFC 3168 §5.3: one mark marks the whole, unless a part says that nobody understands marks.
  static void note_ecn(Datagram& datagram, const std::byte* ip) {
    const auto ecn = static_cast<std::uint8_t>((load_be16(ip) >> 4U) & kEcnMask);
    datagram.congestion = datagram.congestion || ecn == kEcnCongestion;
    datagram.not_capable = datagram.not_capable || ecn == kEcnNotCapable;
  }

  void release_fragments(Bucket& bucket, Datagram& datagram, DropReason reason) {
    for (std::size_t i = 0; i < datagram.count; ++i) {
      env_.drop(datagram.fragments[i].packet, reason);
    }
    forget_fragments(bucket, datagram);
  }
  void forget_fragments(Bucket& bucket, Datagram& datagram) {
    held_ -= datagram.count;
    bucket.bytes -= datagram.bytes;
    datagram.bytes = 0;
    datagram.count = 0;
  }

  void spoil(Bucket& bucket, Datagram& datagram, W& work, DropReason reason) {
    release_fragments(bucket, datagram, reason);
    env_.drop(work.packet, reason);
    datagram.spoiled = reason;
  }

  void give_up(Bucket& bucket, Datagram& datagram, DropReason reason) {
    release_fragments(bucket, datagram, reason);
    datagram.used = false;
    --waiting_;
  }

  // The first fragment with the others behind it, without fragment header: as if it had come whole.
  bool finish(Bucket& bucket, Datagram& datagram, W& work) {
    if (datagram.congestion && datagram.not_capable) {
      give_up(bucket, datagram, DropReason::CongestionNotExpected);
      return false;
    }
    work = datagram.first;
    work.decapsulations = datagram.decapsulations;
    close_gap(datagram, work);
    for (std::size_t i = 1; i < datagram.count; ++i) {
      Packet* tail = datagram.fragments[i].packet;
      env_.set_front(tail, env_.data(tail) + datagram.fragments[i].payload_at);
      env_.append(work.packet, tail);
    }
    work.length = datagram.fragment_at + datagram.whole;
    const auto front = static_cast<std::size_t>(work.ip - env_.data(work.packet));
    work.contiguous = static_cast<std::uint32_t>(
        std::min<std::size_t>(env_.contiguous(work.packet) - front, work.length));
    if (datagram.congestion) {
      store_be16(work.ip, static_cast<std::uint16_t>(load_be16(work.ip) | (kEcnCongestion << 4U)));
    }
    store_be16(work.ip + wire::ipv6_offset::kPayloadLength,
               static_cast<std::uint16_t>(work.length - wire::kIpv6HeaderSize));
    env_.count(forwarding::Counter::Reassembled, 1);
    forget_fragments(bucket, datagram);
    datagram.used = false;
    --waiting_;
    return true;
  }

  // The headers move over the fragment header, the link-layer header with them if it is still one.
  void close_gap(const Datagram& datagram, W& work) {
    work.ip[datagram.protocol_at] = std::byte{datagram.protocol};
    std::byte* from = work.ip - work.link_header;
    std::memmove(from + wire::kFragmentHeaderSize, from, work.link_header + datagram.fragment_at);
    env_.set_front(work.packet, from + wire::kFragmentHeaderSize);
    work.ip += wire::kFragmentHeaderSize;
  }

  ReassemblyLimits limits_;
  std::uint32_t seed_;
  Env& env_;
  std::size_t half_;
  std::vector<Bucket> buckets_;  // peers', then all others'
  std::uint32_t waiting_ = 0;    // datagrams
  std::uint32_t held_ = 0;       // fragments
  Instant next_look_{};
};

}  // namespace anyhome::dataplane
