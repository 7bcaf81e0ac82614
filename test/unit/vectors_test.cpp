// The sixteen golden vectors: what we build is equal byte for byte, and reads back.
#include <fstream>
#include <map>
#include <sstream>

#include "common/wire/haha.h"
#include "common/wire/mobility.h"
#include "test/support/bytes.h"

using namespace anyhome;
using namespace anyhome::wire;
using anyhome::test::Bytes;
using anyhome::test::dump;
using anyhome::test::hex;
using anyhome::test::ip6;

namespace {

const Locator kL1{*Ipv6Address::parse("2001:db8:a1::1a")};
const Locator kL2{*Ipv6Address::parse("2001:db8:b2::2a")};
const HomeAgentAddress kHa1{*Ipv6Address::parse("2001:db8:0:1::1a")};
const HomeAgentAddress kHa2{*Ipv6Address::parse("2001:db8:0:1::2a")};
const HomeAddress kHome{*Ipv6Address::parse("2001:db8:0:1::100")};
const HomeAddress kHome2{*Ipv6Address::parse("2001:db8:0:1::101")};
const CareOfAddress kCareOf{*Ipv6Address::parse("2001:db8:ff::100")};
const CodePoints kPoints;

struct Vector {
  Ipv6Address source;
  Ipv6Address destination;
  Bytes bytes;
};

// The file's own format: a title behind "* ", a line "src A dst B len N HL n", lines of hex.
std::map<std::string, Vector> load_vectors() {
  std::ifstream file(TEST_DATA_DIR "/vectors.txt");
  REQUIRE(file.good());
  std::map<std::string, Vector> vectors;
  Vector* current = nullptr;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("* ")) {
      current = &vectors[line.substr(2)];
    } else if (line.starts_with("  src ") && current != nullptr) {
      std::istringstream words(line);
      std::string word;
      std::string source;
      std::string destination;
      words >> word >> source >> word >> destination;
      current->source = ip6(source);
      current->destination = ip6(destination);
    } else if (line.starts_with("   ") && line.find(": ") != std::string::npos) {
      const Bytes more = hex(line.substr(line.find(": ")));
      current->bytes.insert(current->bytes.end(), more.begin(), more.end());
    }
  }
  return vectors;
}

const Vector& vector(const std::string& title) {
  static const std::map<std::string, Vector> vectors = load_vectors();
  INFO(title);
  REQUIRE(vectors.contains(title));
  return vectors.at(title);
}

void check_equal(ByteView built, const Vector& expected) {
  INFO("built " << dump(built) << "\nexpected " << dump(expected.bytes));
  CHECK(std::ranges::equal(built, expected.bytes));
  const auto checked =
      check_mobility_header(expected.bytes, expected.source, expected.destination, kPoints);
  CHECK(checked.has_value());
}

void check_hello(const std::string& title, const HaHello& hello) {
  const Vector& expected = vector(title);
  std::array<std::byte, 2048> buffer{};
  check_equal(write_ha_hello(buffer, hello, kPoints, kL1, kL2), expected);
  const auto parsed = parse_ha_hello(expected.bytes, kPoints);
  REQUIRE(parsed.has_value());
  CHECK(*parsed == hello);
}

void check_ss(const std::string& title, const StateSynchronization& message) {
  const Vector& expected = vector(title);
  std::array<std::byte, 2048> buffer{};
  check_equal(write_state_synchronization(buffer, message, kPoints, Locator(expected.source),
                                          Locator(expected.destination)),
              expected);
  const auto parsed = parse_state_synchronization(expected.bytes, kPoints);
  REQUIRE(parsed.has_value());
  CHECK(*parsed == message);
}

BindingCacheInformation binding(std::uint16_t flags, std::uint16_t sequence) {
  BindingCacheInformation info;
  info.flags = flags;
  info.sequence = {sequence};
  info.lifetime = Lifetime(75);
  info.home_address = kHome;
  return info;
}

StateSynchronization reply(std::uint16_t identifier, const BindingCacheInformation& info) {
  StateSynchronization message;
  message.type = SsType::Reply;
  message.acknowledge = true;
  message.global = true;
  message.identifier = identifier;
  message.bindings = {info};
  return message;
}

constexpr std::uint16_t kAh = bu_flag::kAcknowledge | bu_flag::kHomeRegistration;
constexpr std::uint16_t kAhr = kAh | bu_flag::kMobileRouter;
constexpr Timestamp kNewYear{1767225600ULL << 16U};

}  // namespace

TEST_CASE("golden vectors: HA-HELLO", "[vectors][R9]") {
  HaHello hello;
  hello.sequence = {1};
  hello.lifetime_seconds = 30;
  hello.interval_seconds = 10;
  hello.group_id = 7;
  hello.active = hello.request = hello.global = true;
  check_hello("HA-HELLO seq 1 pref 0 life 30 int 10 group 7 A=1 R=1 G=1", hello);

  hello.lifetime_seconds = 3;
  hello.interval_seconds = 1;
  hello.active = false;
  hello.restart_counter = 1767225600;
  check_hello("HA-HELLO seq 1 pref 0 life 3 int 1 group 7 A=0 R=1 G=1 + Restart Counter 1767225600",
              hello);
}

TEST_CASE("golden vectors: State Synchronization replies", "[vectors]") {
  check_ss("SS-REP id 0x0102 A=1 G=1, one BCI (AH, seq 15, life 75=300s, CoA ::)",
           reply(0x0102, binding(kAh, 15)));

  auto router = binding(kAhr, 16);
  router.prefixes = {{64, ip6("2001:db8:0:100::")}};
  check_ss("SS-REP id 0x0103 A=1 G=1, one BCI (AHR) + MNP /64", reply(0x0103, router));

  auto shared = binding(kAh, 15);
  shared.care_of_address = kCareOf;
  shared.timestamp = kNewYear;
  check_ss(
      "SS-REP id 0x0201 A=1 G=1, BCI (AH, seq 15, life 75, n 0, CoA shared) + Timestamp "
      "2026-01-01T00:00:00Z",
      reply(0x0201, shared));

  router.care_of_address = kCareOf;
  router.timestamp = kNewYear;
  router.prefixes = {{64, ip6("2001:db8:0:100::")}, {56, ip6("2001:db8:0:200::")}};
  check_ss("SS-REP id 0x0202 A=1 G=1, BCI (AHR, seq 16, n 0) + Timestamp + MNP /64 + MNP /56",
           reply(0x0202, router));

  auto withdrawal = binding(kAh, 15);
  withdrawal.lifetime = Lifetime(0);
  withdrawal.change_counter = 1;
  withdrawal.timestamp = kNewYear;
  check_ss("SS-REP id 0x0203 withdrawal: same T, n 1, Lifetime 0", reply(0x0203, withdrawal));

  BindingCacheInformation end_mark;
  end_mark.sequence = {7};
  check_ss("SS-REP id 0x0204 end mark answering SS-REQ Identifier 7", reply(0x0204, end_mark));
}

TEST_CASE("golden vectors: State Synchronization requests and acknowledgements",
          "[vectors][R46][R48]") {
  StateSynchronization request;
  request.global = true;
  request.identifier = 7;
  check_ss("SS-REQ id 7 G=1, no options (= all, profile A25)", request);
  request.restart_counter = 1767225600;
  check_ss("SS-REQ id 7 G=1 for everything + Restart Counter 1767225600", request);

  StateSynchronization acknowledgement;
  acknowledgement.type = SsType::Acknowledgement;
  acknowledgement.global = true;
  acknowledgement.identifier = 0x0102;
  acknowledgement.statuses = {{SsStatus::Success, kHome}};
  check_ss("SS-ACK id 0x0102 G=1, status 0 for HoA", acknowledgement);
  acknowledgement.identifier = 0x0104;
  acknowledgement.statuses.push_back({SsStatus::ReasonUnspecified, kHome2});
  check_ss("SS-ACK id 0x0104 G=1, two statuses 0 and 128", acknowledgement);
}

TEST_CASE("golden vectors: Mobile IPv6 messages", "[vectors]") {
  std::array<std::byte, 2048> buffer{};
  {
    const std::string title =
        "BU seq 15 AH life 75 + AltCoA; checksum uses HoA as source (HoA option)";
    MessageWriter writer = start_binding_update(buffer, {15}, kAh, Lifetime(75));
    writer.alternate_care_of(kCareOf);
    check_equal(writer.finish(kHome.address(), kHa1.address()), vector(title));
    const auto parsed = parse_binding_update(vector(title).bytes);
    REQUIRE(parsed.has_value());
    CHECK(parsed->sequence == SequenceNumber{15});
    CHECK(parsed->flags == kAh);
    CHECK(parsed->lifetime == Lifetime(75));
    CHECK(parsed->options.alternate_care_of == kCareOf);
  }
  {
    const std::string title = "BA status 0 seq 15 life 75; checksum uses HoA as destination";
    MessageWriter writer =
        start_binding_acknowledgement(buffer, BindingStatus::Accepted, 0, {15}, Lifetime(75));
    check_equal(writer.finish(kHa1.address(), kHome.address()), vector(title));
    const auto parsed = parse_binding_acknowledgement(vector(title).bytes);
    REQUIRE(parsed.has_value());
    CHECK(parsed->status == BindingStatus::Accepted);
    CHECK(parsed->sequence == SequenceNumber{15});
  }
  {
    const std::string title = "BE status 2, HoA ::";
    MessageWriter writer = start_binding_error(buffer, kBindingErrorUnknownType, {});
    check_equal(writer.finish(kHa1.address(), kL2.address()), vector(title));
    CHECK(parse_binding_error(vector(title).bytes) == BindingError{kBindingErrorUnknownType, {}});
  }
  {
    const std::string title = "HA Switch, 1 address (HA2); checksum uses HoA as destination (RH2)";
    const HomeAgentAddress targets[] = {kHa2};
    MessageWriter writer = start_home_agent_switch(buffer, targets);
    check_equal(writer.finish(kHa1.address(), kHome.address()), vector(title));
    const auto parsed = parse_home_agent_switch(vector(title).bytes);
    REQUIRE(parsed.has_value());
    CHECK(parsed->home_agents == std::vector{kHa2});
  }
}

TEST_CASE("there are sixteen golden vectors", "[vectors]") { CHECK(load_vectors().size() == 16); }
