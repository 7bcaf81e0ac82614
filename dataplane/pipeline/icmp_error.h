// ICMPv6 errors (RFC 4443 §2.4): when one may be sent, how often, and what it quotes.
//
// An error is built in the buffer of the packet it is about: the packet becomes the quote, 48 bytes
// go in front. It then runs through resolution like any packet of ours; its destination may well be
// a mobile node.
#pragma once

#include "dataplane/pipeline/pipeline.h"

namespace anyhome::dataplane {

// The packet is refused: counted as a drop, and answered if that is allowed.
template <Environment Env>
[[gnu::noinline]] void Pipeline<Env>::refuse(W& work, DropReason reason, std::uint8_t type,
                                             std::uint8_t code, std::uint32_t parameter) {
  refuse(work, reason, type, code, parameter, config_.own_address);
}

template <Environment Env>
void Pipeline<Env>::refuse(W& work, DropReason reason, std::uint8_t type, std::uint8_t code,
                           std::uint32_t parameter, const Ipv6Address& answering) {
  trace("refused: {}: {}", forwarding::info(reason).name, forwarding::info(reason).sentence);
  if (!may_be_answered(work, type, code)) {
    env_.count(Counter::IcmpForbidden, 1);
    env_.drop(work.packet, reason);
    return;
  }
  if (!within_rate(work, type)) {
    env_.count(Counter::IcmpRateLimited, 1);
    env_.drop(work.packet, reason);
    return;
  }
  constexpr std::size_t kQuote =
      wire::kMinimumMtu - wire::kIpv6HeaderSize - wire::kIcmpv6HeaderSize;
  constexpr std::size_t kHeaders = wire::kIpv6HeaderSize + wire::kIcmpv6HeaderSize;
  // The checksum needs the quote in one piece; what cannot be joined is not quoted.
  std::size_t quote = std::min<std::size_t>(work.length, kQuote);
  const auto front = static_cast<std::size_t>(work.ip - env_.data(work.packet));
  if (work.contiguous < quote) [[unlikely]] {
    if (env_.make_contiguous(work.packet, front + quote)) {
      work.ip = env_.data(work.packet) + front;
    } else {
      quote = work.contiguous;
    }
  }
  const Ipv6Address destination = read_address(source_of(work));
  std::byte* ip = work.ip - kHeaders;
  env_.truncate(work.packet, front + quote);
  if (!env_.set_front(work.packet, ip)) {
    env_.drop(work.packet, DropReason::NoHeadroom);
    return;
  }
  env_.count_drop(reason);
  wire::Ipv6Header header;
  header.payload_length = static_cast<std::uint16_t>(wire::kIcmpv6HeaderSize + quote);
  header.next_header = wire::protocol::kIcmpv6;
  header.source = answering;
  header.destination = destination;
  Writer writer(MutableBytes(ip, kHeaders));
  header.write(writer);
  wire::Icmpv6Header{type, code, 0, parameter}.write(writer);
  wire::icmpv6_set_checksum(
      header.source, header.destination,
      MutableBytes(ip + wire::kIpv6HeaderSize, wire::kIcmpv6HeaderSize + quote));
  constexpr Counter kByType[] = {Counter::IcmpUnreachableSent, Counter::IcmpPacketTooBigSent,
                                 Counter::IcmpTimeExceededSent, Counter::IcmpParameterProblemSent};
  env_.count(kByType[type - wire::icmpv6::kDestinationUnreachable], 1);
  trace("answered with ICMPv6 type {} code {} to {}", type, code, destination);
  defer(errors_, work);
}

// RFC 4443 §2.4 (e).
template <Environment Env>
bool Pipeline<Env>::may_be_answered(const W& work, std::uint8_t type, std::uint8_t code) const {
  using namespace wire::icmpv6;
  if (work.origin == Origin::Error || work.origin == Origin::Control) {
    return false;
  }
  const std::byte* source = source_of(work);
  if (is_multicast(source) || is_link_local(source) || is_zero(load_address(source))) {
    return false;
  }
  const bool multicast_allowed =
      type == kPacketTooBig || (type == kParameterProblem && code == kCodeUnknownOption);
  if (is_multicast(destination_of(work)) && !multicast_allowed) {
    return false;
  }
  // What floods are made of need not be walked through.
  const std::uint8_t next_header = next_header_of(work);
  return next_header == wire::protocol::kUdp || next_header == wire::protocol::kTcp ||
         !wire::may_be_icmpv6_error(ByteView(work.ip, work.contiguous));
}

template <Environment Env>
bool Pipeline<Env>::within_rate(const W& work, std::uint8_t type) {
  const Instant now = env_.now();
  switch (type) {
    case wire::icmpv6::kDestinationUnreachable:
      return icmp_limiter_.take_unreachable(now);
    case wire::icmpv6::kPacketTooBig: {
      const Ipv6Address source = read_address(source_of(work));
      const Ipv6Address destination = read_address(destination_of(work));
      return icmp_limiter_.take_packet_too_big(
          now, static_cast<std::uint32_t>(hash_address(source, hash_address(destination))));
    }
    default:
      return icmp_limiter_.take_other(now);
  }
}

template <Environment Env>
void Pipeline<Env>::send_errors() {
  const WorkList list = errors_;
  errors_.clear();
  std::array<Packet*, kMaxBurst> packets;
  for (unsigned i = 0; i < list.size(); ++i) {
    packets[i] = work_[list[i]].packet;
  }
  // Errors are never answered by errors, so this does not come back here with any.
  originate(Origin::Error, true, std::span<Packet* const>(packets.data(), list.size()));
}

}  // namespace anyhome::dataplane
