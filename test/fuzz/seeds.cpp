// Writes the seeds of every corpus: the golden vectors, captured netlink messages, the packets that
// the unit tests use, and short stories for the targets that have a state.
//
//   fuzz-seeds DIRECTORY      (test/fuzz/corpus)
//
// Lines of a corpus that start with "found-" are inputs that once did harm; they are kept.
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/option_table.h"
#include "test/fuzz/corpus.h"
#include "test/support/sample_packets.h"

namespace anyhome::fuzz {
namespace {

using namespace anyhome::test;

using Inputs = std::vector<CorpusInput>;

// ---- Bytes of the formats that input.h reads ------------------------------------------------

class Encoder {
 public:
  Encoder& u8(unsigned value) {
    bytes_.push_back(static_cast<std::byte>(value));
    return *this;
  }
  Encoder& u16(unsigned value) { return u8(value >> 8U).u8(value & 0xffU); }
  Encoder& string(const Bytes& bytes) {
    u16(static_cast<unsigned>(bytes.size()));
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  [[nodiscard]] Bytes take() const { return bytes_; }

 private:
  Bytes bytes_;
};

Bytes text_bytes(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

// ---- Data files -----------------------------------------------------------------------------

// "* TITLE" and lines of "   00: 3b 01 ..." (test/data/vectors.txt).
Inputs vectors() {
  Inputs found;
  std::ifstream file(TEST_DATA_DIR "/vectors.txt");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("* ")) {
      found.push_back({fmt::format("vector-{}", found.size() + 1), {}});
    } else if (const std::size_t colon = line.find(": ");
               line.starts_with("   ") && colon != std::string::npos && !found.empty()) {
      const Bytes more = hex(line.substr(colon + 2));
      found.back().bytes.insert(found.back().bytes.end(), more.begin(), more.end());
    }
  }
  return found;
}

// A name, and lines of indented bytes (test/data/netlink.txt). Long dumps are cut: what is cut off
// is more of the same.
Inputs netlink_messages() {
  constexpr std::size_t kLongest = 1500;
  Inputs found;
  std::ifstream file(TEST_DATA_DIR "/netlink.txt");
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') {
      continue;
    }
    if (line.front() != ' ') {
      found.push_back({line, {}});
    } else if (!found.empty()) {
      const Bytes more = hex(line);
      found.back().bytes.insert(found.back().bytes.end(), more.begin(), more.end());
    }
  }
  for (CorpusInput& input : found) {
    std::ranges::replace(input.name, ' ', '-');
    if (input.bytes.size() > kLongest) {
      input.bytes.resize(kLongest);
    }
  }
  return found;
}

Inputs sample_inputs() {
  Inputs inputs;
  for (SamplePacket& packet : sample_packets()) {
    inputs.push_back({packet.name, std::move(packet.bytes)});
  }
  return inputs;
}

// ---- The corpora ----------------------------------------------------------------------------

Inputs mobility() {
  Inputs inputs;
  for (const CorpusInput& vector : vectors()) {
    inputs.push_back({vector.name, joined(Bytes{std::byte{1}}, vector.bytes)});
  }
  // Every option of a Binding Update.
  inputs.push_back(
      {"update-with-options", hex("01 3b 0b 05 00 0000 0001 c400 0096 0100"
                                  "0310 20010db800ff00000000000000000100 0612 0040 "
                                  "20010db8800000050000000000000000 0102 0000"
                                  "080a 01 6d6e316e65742e 6e01 0100 0a08 0000000000000000")});
  inputs.push_back(
      {"acknowledgement-with-advice", hex("01 3b 02 06 00 0000 00 40 0001 0096 0202 0040"
                                          "0100 0102 0000 0000")});
  return inputs;
}

Inputs icmpv6() {
  Inputs inputs = {
      {"discovery-request", hex("90 00 0000 004d 8000")},
      {"discovery-reply", hex("91 00 0000 004d 8000 20010db800000001000000000000001a"
                              "20010db800000001000000000000002a")},
      {"prefix-solicitation", hex("92 00 0000 0005 0000")},
      {"prefix-advertisement", hex("93 00 0000 0005 c000 0304 40e0 00015180 00000e10 00000000"
                                   "20010db800000001000000000000001a 0501 0000 000005dc")},
  };
  const PipelineFixture f;
  for (const unsigned type : {1U, 2U, 3U, 4U}) {
    Bytes message = hex("00 00 0000 00000500");
    message[0] = static_cast<std::byte>(type);
    inputs.push_back(
        {fmt::format("error-{}", type),
         joined(message, tunnel(f.agent, f.care_of, build({f.correspondent, f.home})))});
  }
  return inputs;
}

Inputs config() {
  Inputs inputs;
  const config::Config defaults;
  std::string all;
  for (const config::Option& option : config::options()) {
    std::string name(option.name);
    if (const std::size_t star = name.find('*'); star != std::string::npos) {
      name.replace(star, 1, "a");
    }
    const std::string line = fmt::format("{} = {}\n", name, option.show(defaults, "a"));
    all += line;
    inputs.push_back({fmt::format("option-{}", name), text_bytes(line)});
  }
  inputs.push_back(
      {"values", text_bytes("home-prefix = 2001:db8:0:1::/64\n"
                            "home-agent-address = 2001:db8:0:1::1a\n"
                            "locator = 2001:db8:a1::1a\n"
                            "nemo-pool = 2001:db8:8000::/36,64\n"
                            "mobile-node.a.home-address = 2001:db8:0:1::100\n"
                            "mobile-node.a.key = 000102030405060708090a0b0c0d0e0f\n"
                            "mobile-node.a.spi = 256\n"
                            "port.a.device = net_null0\nport.a.vlan = 7\n"
                            "port.a.address = 2001:db8:a1::1a/64\n"
                            "route = 2001:db8::/32 via 2001:db8:a1::1 port a\n"
                            "neighbor = 2001:db8:a1::1 mac 02:00:00:00:00:01 port a\n")});
  return inputs;
}

// An update of home_agent.cpp.
Encoder& update(Encoder& out, unsigned home, unsigned care_of, unsigned sequence, unsigned lifetime,
                unsigned flags = 0xc000, unsigned extras = 0) {
  return out.u8(2).u8(home).u8(care_of).u16(sequence).u16(flags).u16(lifetime).u8(extras);
}

Inputs home_agent() {
  Inputs inputs;
  for (const unsigned settings : {0x00U, 0x01U, 0x03U, 0x24U, 0x58U}) {
    Encoder life;
    life.u8(settings).u8(0);
    update(life, 0, 0, 1, 75);
    update(life, 1, 0, 1, 75);
    update(life, 0, 1, 2, 75);                           // moves
    life.u8(4).u16(7000);                                // 280 s
    update(life, 0, 1, 3, 75);                           // refreshes
    life.u8(6).u8(2).u16(1300).string(Bytes(64)).u8(1);  // Packet Too Big about its tunnel
    update(life, 0, 1, 4, 0);                            // goes home
    life.u8(4).u16(0xffff);                              // everything runs out
    inputs.push_back({fmt::format("life-{:02x}", settings), life.take()});
    Encoder router;
    router.u8(settings).u8(0);
    update(router, 0, 0, 1, 75, 0xc400, 0xc0).u8(5).u8(0).u8(6).u8(0).u8(7).u8(0);
    update(router, 0, 0, 2, 75, 0xc400, 0x40).u8(5).u8(0);
    router.u8(5).u8(0);  // removed by an operator
    inputs.push_back({fmt::format("router-{:02x}", settings), router.take()});
    Encoder refused;
    refused.u8(settings).u8(0).u8(0x82).u8(0).u8(0).u16(1).u16(0xc400).u16(75).u8(0x80);
    refused.u8(5).u8(0).u8(6).u8(0);
    inputs.push_back({fmt::format("refused-{:02x}", settings), refused.take()});
  }
  for (const unsigned settings : {0x00U, 0x08U, 0x20U}) {
    Encoder set;
    set.u8(settings).u8(1);
    for (const unsigned peer : {0U, 1U}) {
      set.u8(8).u8(peer).u16(1).u8(30).u8(1).u8(0x01).u8(0);  // HELLO
      // The end of its dump: nothing.
      set.u8(9).u8(peer).u8(0x41).u16(1).u8(0x01).u16(0).u8(0).u8(0).u8(0).u8(128);
    }
    set.u8(4).u16(25);
    update(set, 0, 0, 1, 75);  // ours
    // Theirs: home 1, and then home 0, later than ours, with a prefix.
    set.u8(9).u8(0).u8(0x45).u16(2).u8(0x42).u16(0xc400).u8(5).u8(75).u8(0).u8(1).u8(129).u8(3);
    set.u8(4).u16(50);
    set.u8(9).u8(1).u8(0x45).u16(3).u8(0x02).u16(0xc000).u8(9).u8(75).u8(0).u8(0).u8(132);
    set.u8(9).u8(0).u8(0x40).u16(4).u8(128).u8(0);      // asks for one
    set.u8(9).u8(0).u8(0x42).u16(1).u8(0).u8(0);        // acknowledges
    set.u8(7).u8(5).u8(0).u8(1);                        // switch
    set.u8(7).u8(2).u8(10).u8(4).u16(500).u8(7).u8(3);  // drain, undrain
    set.u8(9).u8(1).u8(0x45).u16(4).u8(0x02).u16(0xc000).u8(9).u8(0).u8(1).u8(0).u8(132);  // gone
    set.u8(8).u8(0).u16(2).u8(0).u8(1).u8(0x01).u8(0);                                     // leaves
    set.u8(4).u16(0xffff);
    inputs.push_back({fmt::format("set-{:02x}", settings), set.take()});
  }
  for (const CorpusInput& packet : sample_inputs()) {
    Encoder one;
    one.u8(0).u8(0);
    update(one, 0, 0, 1, 75);
    one.u8(1).u8(2).u8(0).u8(0).string(packet.bytes);
    inputs.push_back({packet.name, one.take()});
  }
  return inputs;
}

Inputs mobile_node() {
  Inputs inputs;
  for (const unsigned settings : {0x00U, 0x01U, 0x0aU, 0x32U, 0x40U}) {
    Encoder life;
    life.u8(settings);
    life.u8(7).u8(3).u8(1).u8(2);                // discovery is answered
    life.u8(6).u8(0x10).u16(75).u8(0x40).u8(0);  // accepted
    life.u8(2).string(
        build({ip6("2001:db8:0:1::100"), ip6("2001:db8:c::1")}));  // a packet into the tunnel
    life.u8(3).u16(20'000);                                        // 100 s
    life.u8(4).u8(1).u16(1400);                                    // moves
    life.u8(6).u8(0x14).u16(75).u8(0).u16(60).u8(0);               // accepted, with advice
    life.u8(7).u8(2).u8(1).u8(1).u8(0);                            // Home Agent Switch
    life.u8(6).u8(0x11).u8(135).u16(75).u8(0).u8(0);               // sequence out of window
    life.u8(7).u8(0).u8(7).u8(1).u8(2);                            // refresh request, Binding Error
    life.u8(13).u8(3).u16(0xffff);                                 // goes home
    inputs.push_back({fmt::format("life-{:02x}", settings), life.take()});
  }
  const PipelineFixture f;
  const auto from_network = [&](const char* name, const Bytes& packet) {
    Encoder one;
    one.u8(0).u8(6).u8(0).u16(75).u8(0).u8(1).string(packet);
    inputs.push_back({name, one.take()});
  };
  from_network("from-tunnel", tunnel(f.agent, f.care_of, build({f.correspondent, f.home})));
  from_network("too-big",
               icmp(ip6("2001:db8:99::1"), f.care_of,
                    joined(hex("02 00 0000 00000578"),
                           tunnel(f.care_of, f.agent, build({f.home, f.correspondent})))));
  from_network("prefix-advertisement", icmp(f.agent, f.care_of,
                                            hex("93 00 0000 0005 c000 0304 40e0 00015180 00000e10"
                                                "00000000 20010db800000001000000000000001a")));
  from_network("acknowledgement", build({f.agent, f.care_of, 43, 64, 0, 0,
                                         hex("87 02 02 01 00000000 20010db8000000010000000000000100"
                                             "3b 01 06 00 607d 0000 000f 004b 0102 0000")}));
  return inputs;
}

// A record of pipeline.cpp.
void record(Encoder& out, unsigned kind, unsigned addresses, unsigned first_buffer,
            const Bytes& bytes) {
  out.u8(kind).u8(addresses).u8(first_buffer).string(bytes);
}

Inputs pipeline() {
  constexpr unsigned kRaw = 0;
  constexpr unsigned kFramed = 1;
  constexpr unsigned kAddressed = 2;
  constexpr unsigned kTunnelled = 3;
  constexpr unsigned kHost = 4;
  constexpr unsigned kControl = 5;
  constexpr unsigned kOneBuffer = 255;
  constexpr unsigned kKeep = 255;
  Inputs inputs;
  for (const CorpusInput& packet : sample_inputs()) {
    Encoder one;
    one.u8(0).u8(0).u8(0).u8(0);
    record(one, kFramed, kKeep, kOneBuffer, packet.bytes);
    inputs.push_back({packet.name, one.take()});
    Encoder chained;  // headers over two buffers, a small path, everything else out of the ordinary
    chained.u8(0x02).u8(0x59).u8(0).u8(0);
    record(chained, kFramed, kKeep, 60, packet.bytes);
    record(chained, kFramed | 8U, kKeep, 30, packet.bytes);
    record(chained, kHost, kKeep, kOneBuffer, packet.bytes);
    record(chained, kControl, kKeep, kOneBuffer, packet.bytes);
    inputs.push_back({packet.name + "-chained", chained.take()});
  }
  Encoder burst;
  burst.u8(0).u8(0xe0).u8(0x30).u8(0);
  for (unsigned i = 0; i < 8; ++i) {
    record(burst, kAddressed, i * 37U, kOneBuffer, sized(100 + i * 200));
    record(burst, kTunnelled, i * 29U, kOneBuffer, Bytes(48));
  }
  inputs.push_back({"burst", burst.take()});
  Encoder poor;  // no buffers, no room in the ring, small budgets
  poor.u8(0x10).u8(0x10).u8(0x05).u8(0);
  record(poor, kFramed, kKeep, kOneBuffer, sample_inputs()[2].bytes);
  record(poor, kRaw, 0, kOneBuffer, hex("ffffffffffff 02000000ff01 0806 0001"));
  inputs.push_back({"poor", poor.take()});
  return inputs;
}

const char* const kHeader =
    "# Written by fuzz-seeds; lines that start with found- are inputs that once did harm, and "
    "stay.\n";

void write(const std::string& directory, const char* target, Inputs inputs) {
  const std::string path = fmt::format("{}/{}.txt", directory, target);
  Inputs before;
  read_corpus(path, before);
  for (CorpusInput& input : before) {
    if (input.name.starts_with("found-")) {
      inputs.push_back(std::move(input));
    }
  }
  std::ofstream file(path);
  file << kHeader;
  for (const CorpusInput& input : inputs) {
    file << input.name << ' ';
    for (const std::byte byte : input.bytes) {
      file << fmt::format("{:02x}", std::to_integer<unsigned>(byte));
    }
    file << '\n';
  }
}

}  // namespace
}  // namespace anyhome::fuzz

int main(int argc, char** argv) {
  using namespace anyhome::fuzz;
  if (argc != 2) {
    std::fputs("usage: fuzz-seeds DIRECTORY\n", stderr);
    return 2;
  }
  const std::string directory = argv[1];
  write(directory, "headers", sample_inputs());
  write(directory, "mobility", mobility());
  write(directory, "icmpv6", icmpv6());
  write(directory, "netlink", netlink_messages());
  write(directory, "config", config());
  write(directory, "home_agent", home_agent());
  write(directory, "mobile_node", mobile_node());
  write(directory, "pipeline", pipeline());
  return 0;
}
