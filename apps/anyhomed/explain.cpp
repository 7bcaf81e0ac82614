#include "apps/anyhomed/explain.h"

#include <memory>

#include "common/wire/ipv6.h"
#include "dataplane/pipeline/heap_packet.h"
#include "dataplane/pipeline/pipeline.h"
#include "dataplane/worker/mbuf_environment.h"

namespace anyhome {
namespace {

using namespace dataplane;

// Real tables, heap packets, and everything that would have an effect only told.
class ExplainEnvironment : public TableAccess {
 public:
  using Packet = HeapPacket;
  static constexpr bool kTracing = true;

  using TableAccess::TableAccess;

  static std::byte* data(Packet* packet) { return packet->data(); }
  static std::size_t contiguous(const Packet* packet) { return packet->contiguous(); }
  static std::size_t length(const Packet* packet) { return packet->length(); }
  static bool set_front(Packet* packet, const std::byte* front) { return packet->set_front(front); }
  static void truncate(Packet* packet, std::size_t size) { packet->truncate(size); }
  static bool make_contiguous(Packet* packet, std::size_t size) {
    return packet->make_contiguous(size);
  }
  static void copy_out(const Packet* packet, std::size_t at, std::byte* to, std::size_t size) {
    packet->copy_out(at, to, size);
  }
  static void append(Packet* head, Packet* tail) { head->append(*tail); }
  Packet* allocate(std::size_t size) {
    packets_.push_back(std::make_unique<Packet>(std::vector<std::byte>(size)));
    return packets_.back().get();
  }
  static void drop(Packet*, forwarding::DropReason) {}
  static void count_drop(forwarding::DropReason) {}
  static void release(Packet*) {}
  static void transmit(std::uint16_t, Packet*) {}
  static void hand_off(Packet*, std::uint32_t, std::uint16_t) {}
  static bool punt(Packet*, const forwarding::PuntMetadata&) { return true; }
  static void note_used(AdjacencyIndex) {}
  static void count(forwarding::Counter, std::uint64_t) {}
  static Instant now() { return Instant(std::chrono::hours(1)); }  // every bucket is full
  void trace(std::string line) { lines_.push_back(std::move(line)); }

  Packet* add(const std::vector<std::byte>& bytes) {
    packets_.push_back(std::make_unique<Packet>(bytes));
    return packets_.back().get();
  }
  std::vector<std::string> take_lines() { return std::move(lines_); }

 private:
  std::vector<std::unique_ptr<Packet>> packets_;  // freed at the end, all of them
  std::vector<std::string> lines_;
};

static_assert(Environment<ExplainEnvironment>);

void write_header(Writer& writer, const Ipv6Address& source, const Ipv6Address& destination,
                  std::uint8_t next_header, std::size_t payload, std::uint8_t hop_limit = 64) {
  wire::Ipv6Header header;
  header.hop_limit = hop_limit;
  header.source = source;
  header.destination = destination;
  header.next_header = next_header;
  header.payload_length = static_cast<std::uint16_t>(payload);
  header.write(writer);
}

// 64 bytes of UDP payload behind the headers.
std::vector<std::byte> make_frame(const ExplainQuestion& question, const PipelineConfig& config) {
  constexpr std::size_t kPayload = 64;
  const PipelinePort& port = config.ports[question.port];
  std::vector<std::byte> frame(port.link_header_size() + 3 * wire::kIpv6HeaderSize + kPayload);
  Writer writer(frame);
  for (const std::uint8_t octet : port.mac) {
    writer.u8(octet);
  }
  writer.zeros(6);
  if (port.vlan) {
    writer.u16(0x8100);
    writer.u16(*port.vlan);
  }
  writer.u16(0x86dd);
  if (question.over_link) {
    // As the first home agent sends it, a few routers later.
    constexpr std::uint8_t kHopLimit = 250;
    write_header(writer, config.peers.locator(*question.over_link), config.own_locator,
                 wire::protocol::kIpv6,
                 (question.tunnelled_from ? 2 : 1) * wire::kIpv6HeaderSize + kPayload, kHopLimit);
  }
  if (question.tunnelled_from) {
    write_header(writer, *question.tunnelled_from, config.own_address, wire::protocol::kIpv6,
                 wire::kIpv6HeaderSize + kPayload);
  }
  write_header(writer, question.source, question.destination, wire::protocol::kUdp, kPayload);
  writer.zeros(kPayload);
  frame.resize(writer.size());
  return frame;
}

}  // namespace

std::vector<std::string> explain(const ExplainQuestion& question, const PipelineConfig& config,
                                 const ReaderView& tables) {
  ExplainEnvironment environment(tables);
  HeapPacket* packet = environment.add(make_frame(question, config));
  // 32 KiB of limiter: not for the stack of whoever asks.
  const auto pipeline = std::make_unique<Pipeline<ExplainEnvironment>>(config, environment);
  pipeline->receive(question.port, std::span<HeapPacket* const>(&packet, 1));
  return environment.take_lines();
}

}  // namespace anyhome
