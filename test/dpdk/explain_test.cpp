// What `explain` says about bindings of both kinds, other home agents' addresses and packets over
// HAHA links; on real tables.
#include "apps/anyhomed/explain.h"

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/ranges.h>

#include "test/dpdk/tables_fixture.h"

using namespace anyhome;
using namespace anyhome::test;

namespace {

class Explainer {
 public:
  Explainer() : tables_(make_tables(small_setup(qsbr_))) {
    config_.ports.resize(2);
    config_.ports[0].haha = true;
    config_.home_prefixes = {PrefixTest(prefix("2001:db8:0:1::/64"))};
    config_.pools = {{PrefixTest(prefix("2001:db8:100::/40")), 64}};
    config_.own_address = ip6("2001:db8:0:1::a");
    config_.own_locator = own_.address();
    config_.home_agent = AddressTest(config_.own_address);
    config_.locator = AddressTest(own_.address());
    config_.peers.add(osaka_);
    const std::vector<NextHop> gateway = {{0, ip6("fe80::1")}};
    REQUIRE(tables_->set_route(prefix("2001:db8::/32"), gateway));
    REQUIRE(tables_->set_neighbor(0, ip6("fe80::1"), mac(1)));
    REQUIRE(tables_->set_peer(HomeAgentAddress(ip6("2001:db8:0:1::b")), osaka_, own_, 0));
    REQUIRE(tables_->apply(bound(1, "2001:db8:c::1")));
    REQUIRE(tables_->apply(forwarding::SetBinding{home(2), forwarding::BindingKind::Global,
                                                  own_.address(), osaka_.address(), 1500,
                                                  CareOfAddress(ip6("2001:db8:c::2"))}));
    settle(*tables_);
  }

  std::string operator()(const ExplainQuestion& question) const {
    return fmt::format("{}\n", fmt::join(explain(question, config_, tables_->readers()), "\n"));
  }
  ForwardingTables& tables() { return *tables_; }

 private:
  Qsbr qsbr_;
  std::unique_ptr<ForwardingTables> tables_;
  Locator own_{ip6("2001:db8:a::1")};
  Locator osaka_{ip6("2001:db8:b::1")};
  PipelineConfig config_;
};

// Each of them, in this order.
void check_says(const std::string& text, const std::vector<std::string>& parts) {
  std::size_t at = 0;
  for (const std::string& part : parts) {
    INFO("looking for \"" << part << "\" in:\n" << text);
    at = text.find(part, at);
    REQUIRE(at != std::string::npos);
  }
}

const Ipv6Address kCorrespondent = Ipv6Address::parse("2001:db8:cc::1").value();

}  // namespace

TEST_CASE("explain: a mobile node here", "[explain]") {
  check_says(Explainer()({home(1).address(), kCorrespondent, {}, {}, 0}),
             {"received on port 0: 2001:db8:cc::1 -> ",
              "registered here: tunnel 2001:db8:0:1::a -> 2001:db8:c::1",
              "encapsulated: 2001:db8:0:1::a -> 2001:db8:c::1", "sent on port 0"});
}

TEST_CASE("explain: a mobile node elsewhere", "[explain]") {
  Explainer ask;
  const ExplainQuestion question{home(2).address(), kCorrespondent, {}, {}, 0};
  check_says(ask(question),
             {"registered with another home agent: tunnel 2001:db8:a::1 -> 2001:db8:b::1",
              "encapsulated: 2001:db8:a::1 -> 2001:db8:b::1", "sent on port 0"});
  REQUIRE(ask.tables().set_peer(HomeAgentAddress(ip6("2001:db8:0:1::b")),
                                Locator(ip6("2001:db8:b::1")), Locator(ip6("2001:db8:a::1")), 0,
                                forwarding::PeerReach::Dead));
  check_says(ask(question), {"registered with another home agent", "refused: primary-dead",
                             "answered with ICMPv6 type 1 code 3 to 2001:db8:cc::1"});
}

TEST_CASE("explain: another home agent's own address", "[explain]") {
  Explainer ask;
  const ExplainQuestion question{ip6("2001:db8:0:1::b"), kCorrespondent, {}, {}, 0};
  check_says(ask(question),
             {"another home agent's own address", "for the home agent address of peer 0",
              "encapsulated: 2001:db8:a::1 -> 2001:db8:b::1", "sent on port 0"});
  REQUIRE(ask.tables().set_peer(HomeAgentAddress(ip6("2001:db8:0:1::b")),
                                Locator(ip6("2001:db8:b::1")), Locator(ip6("2001:db8:a::1")), 0,
                                forwarding::PeerReach::Dead));
  check_says(ask(question), {"that home agent is dead", "refused: peer-down"});
}

TEST_CASE("explain: over a link", "[explain]") {
  const Explainer ask;
  SECTION("to a mobile node here") {
    check_says(
        ask({home(1).address(), kCorrespondent, {}, 0, 0}),
        {"received on port 0: 2001:db8:b::1 -> 2001:db8:a::1", "the destination is ours (locator)",
         "out of the HAHA link of peer 0, hop limit 250: 2001:db8:cc::1 -> ", "registered here",
         "sent on port 0"});
  }
  SECTION("back to where it came from") {
    check_says(ask({home(2).address(), kCorrespondent, {}, 0, 0}),
               {"out of the HAHA link of peer 0", "dropped: haha-back"});
  }
  SECTION("a mobile node's tunnel in there") {
    check_says(ask({kCorrespondent, home(1).address(), ip6("2001:db8:c::1"), 0, 0}),
               {"out of the HAHA link of peer 0", "the destination is ours (home agent address)",
                "taken out of the reverse tunnel", "sent on port 0"});
  }
  SECTION("on a port that is not for links") {
    check_says(ask({home(1).address(), kCorrespondent, {}, 0, 1}), {"dropped: haha-port"});
  }
}

TEST_CASE("explain: a former care-of address", "[explain]") {
  const Explainer ask;
  check_says(ask({kCorrespondent, home(2).address(), ip6("2001:db8:c::2"), {}, 0}),
             {"taken out of the reverse tunnel", "sent on port 0"});
  check_says(ask({kCorrespondent, home(2).address(), ip6("2001:db8:c::3"), {}, 0}),
             {"outer source 2001:db8:c::3 is not the care-of address 2001:db8:c::2",
              "dropped: tunnel-care-of-mismatch"});
}
