// The socket overruns for real, and the mirror heals.
#include <cstdlib>
#include <fstream>
#include <random>
#include <set>

#include <unistd.h>

#include "test/net/netlink_fixture.h"

using namespace anyhome;
using namespace anyhome::host;
using namespace anyhome::test;

namespace {

constexpr std::size_t kSmallBuffer = 4096;

// A file of iproute2 commands, run at once.
class Batch {
 public:
  explicit Batch(bool force = false) : force_(force) {}
  void add(const std::string& line) { text_ += line + "\n"; }
  void run() {
    std::string name = "/tmp/anyhome-batch-XXXXXX";
    const int fd = ::mkstemp(name.data());
    REQUIRE(fd >= 0);
    ::close(fd);
    std::ofstream(name) << text_;
    const CommandResult result = test::run((force_ ? "ip -force -batch " : "ip -batch ") + name);
    ::unlink(name.c_str());
    INFO(text_ << result.output);
    REQUIRE((force_ || result.status == 0));
    text_.clear();
  }

 private:
  bool force_;
  std::string text_;
};

std::string describe(const RouteSet* route) {
  if (route == nullptr) {
    return "none";
  }
  std::string text = fmt::format("kind {}", static_cast<unsigned>(route->kind));
  for (const NextHop& hop : route->next_hops) {
    text += fmt::format(" [{} via {} weight {}]", to_number(hop.interface), hop.gateway.to_string(),
                        hop.weight);
  }
  return text;
}

// Routes in which two followers differ, with what the kernel holds.
std::string differences(const HostFollower& one, const HostFollower& other) {
  std::set<Prefix> prefixes;
  for (const auto* follower : {&one, &other}) {
    for (const auto& [route_prefix, route] : follower->view().routes) {
      prefixes.insert(route_prefix);
    }
  }
  std::string text;
  for (const Prefix& at : prefixes) {
    const std::string left = describe(one.route(at));
    const std::string right = describe(other.route(at));
    if (left != right) {
      text += fmt::format("{}: {} but {}\n{}", at.to_string(), left, right,
                          sh("ip -6 route show " + at.to_string()));
    }
  }
  return text;
}

std::string nth_prefix(unsigned number) {
  return fmt::format("2001:db8:{:x}::/48", 0x1000 + number);
}

}  // namespace

TEST_CASE_METHOD(HostFixture, "an overrun heals, and nothing is removed that is still there",
                 "[overrun]") {
  constexpr unsigned kRoutes = 4000;
  auto follower = follow(kSmallBuffer);
  follower.settle();
  const std::size_t before = follower.view().routes.size();
  Batch batch;
  for (unsigned i = 0; i < kRoutes; ++i) {
    batch.add("route add " + nth_prefix(i) + " via 2001:db8:a::2");
  }
  batch.run();
  follower.settle();
  CHECK(follower.netlink().counters().overruns > 0);
  CHECK(follower.view().routes.size() == before + kRoutes);

  // A third goes, a third changes, a third stays, and some are new.
  follower.log().clear();
  const std::uint64_t overruns = follower.netlink().counters().overruns;
  for (unsigned i = 0; i < kRoutes; ++i) {
    if (i % 3 == 0) {
      batch.add("route del " + nth_prefix(i));
    } else if (i % 3 == 1) {
      batch.add("route replace " + nth_prefix(i) + " via 2001:db8:b::2");
    }
  }
  for (unsigned i = kRoutes; i < kRoutes + 500; ++i) {
    batch.add("route add " + nth_prefix(i) + " via 2001:db8:a::2");
  }
  batch.run();
  follower.settle();
  CHECK(follower.netlink().counters().overruns > overruns);
  std::set<Prefix> removed;
  std::size_t wrong = 0;
  for (const HostEvent& event : follower.log()) {
    if (const auto* gone = std::get_if<RouteRemoved>(&event)) {
      removed.insert(gone->prefix);
    }
    wrong += std::holds_alternative<AddressRemoved>(event) ? 1 : 0;
    wrong += std::holds_alternative<LinkRemoved>(event) ? 1 : 0;
  }
  CHECK(wrong == 0);
  CHECK(removed.size() == (kRoutes + 2) / 3);
  for (unsigned i = 0; i < kRoutes; ++i) {
    const Prefix route_prefix = prefix(nth_prefix(i));
    const RouteSet* route = follower.route(route_prefix);
    if (i % 3 == 0) {
      wrong += route != nullptr || !removed.contains(route_prefix) ? 1 : 0;
    } else {
      const InterfaceIndex expected = i % 3 == 1 ? e : w;
      wrong += route == nullptr || route->next_hops.front().interface != expected ? 1 : 0;
    }
  }
  CHECK(wrong == 0);
  auto fresh = follow();
  fresh.settle();
  CHECK(follower.view() == fresh.view());
}

TEST_CASE_METHOD(HostFixture, "routes that change while they are dumped are neither lost nor stale",
                 "[overrun]") {
  constexpr unsigned kRoutes = 3000;
  const std::size_t buffer = GENERATE(std::size_t{8} << 20U, kSmallBuffer);
  INFO("receive buffer " << buffer);
  Batch batch;
  for (unsigned i = 0; i < kRoutes; ++i) {
    batch.add("route add " + nth_prefix(i) + " via 2001:db8:a::2");
  }
  batch.run();
  // One datagram per call, so that the changes fall between two pieces of the dump.
  HostFollower follower({.receive_buffer_bytes = buffer, .datagrams_per_receive = 1}, {w, e});
  follower.settle();
  follower.netlink().watch(home.ifindex());  // asks for a round
  for (unsigned step = 0; step < 8; ++step) {
    follower.receive_once();
  }
  REQUIRE_FALSE(follower.netlink().synchronized());
  follower.log().clear();
  // Removals before the point that the dump has reached, then an addition: the kernel restarts its
  // walk by counting nodes, and skips some.
  for (unsigned i = 0; i < 200; ++i) {
    batch.add("route del " + nth_prefix(i));
  }
  batch.add("route add " + nth_prefix(kRoutes) + " via 2001:db8:a::2");
  batch.run();
  follower.settle();
  CHECK((buffer == kSmallBuffer ? follower.netlink().counters().overruns
                                : follower.netlink().counters().disturbed_rounds) > 0);
  std::size_t removals = 0;
  for (const HostEvent& event : follower.log()) {
    removals += std::holds_alternative<RouteRemoved>(event) ? 1 : 0;
  }
  CHECK(removals == 200);
  auto fresh = follow();
  fresh.settle();
  CHECK(follower.view().routes == fresh.view().routes);
}

TEST_CASE_METHOD(HostFixture, "any changes, lost or not, end in what a fresh dump shows",
                 "[overrun]") {
  const char* replayed = std::getenv("SEED");
  const unsigned seed =
      replayed != nullptr ? static_cast<unsigned>(std::stoul(replayed)) : std::random_device{}();
  std::mt19937 random(seed);
  INFO("replay: SEED=" << seed << " build/test/host-net-tests 'any changes*'");
  const auto pick = [&](unsigned count) { return static_cast<unsigned>(random() % count); };
  sh("ip nexthop add id 1 via 2001:db8:a::2 dev west; ip nexthop add id 2 via 2001:db8:b::2 dev "
     "east;"
     "ip nexthop add id 10 group 1/2");
  auto patient = follow();
  auto hasty = follow(kSmallBuffer);
  const std::array<std::string, 10> routes = {
      "via 2001:db8:a::2",
      "via 2001:db8:a::3",
      "via 2001:db8:b::2",
      "dev west",
      "dev east",
      "nexthop via 2001:db8:a::2 weight 2 nexthop via 2001:db8:b::3",
      "nhid 10",
      "nhid 1",
      "via 2001:db8:a::2 proto ra",
      "via 2001:db8:b::2 proto ra"};
  const std::array<std::string, 6> verbs = {"add", "add", "append", "replace", "del", "del"};
  for (unsigned round = 0; round < 30; ++round) {
    Batch batch(true);  // many of these fail, as they should
    for (unsigned i = 0; i < 40; ++i) {
      const std::string route = nth_prefix(pick(4)) + fmt::format(" metric {} ", 100 + pick(2));
      batch.add(pick(10) == 0
                    ? "route " + verbs[pick(6)] + " blackhole " + route
                    : "route " + verbs[pick(6)] + " " + route + routes[pick(routes.size())]);
      if (pick(20) == 0) {
        batch.add(fmt::format("nexthop replace id {} via 2001:db8:a::{} dev west", 1 + pick(2),
                              2 + pick(4)));
      }
      if (pick(60) == 0) {
        batch.add("nexthop del id 10");
        batch.add("nexthop add id 10 group 1/2");
      }
    }
    batch.run();
    patient.settle();
    hasty.settle();
    auto fresh = follow();
    fresh.settle();
    INFO("round " << round);
    CHECK(differences(patient, fresh) == "");
    REQUIRE(differences(hasty, fresh) == "");
  }
  CHECK(hasty.netlink().counters().overruns > 0);
}
