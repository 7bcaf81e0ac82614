// Which lcore has which queues, what each sender has of a run, and what a share of a link comes to.
#include <set>

#include "apps/anyhome-pktgen/composer.h"
#include "apps/anyhome-pktgen/lcore_plan.h"
#include "apps/anyhome-pktgen/run_request.h"
#include "test/pktgen/traffic_fixture.h"

using namespace anyhome;
using namespace anyhome::pktgen;
using namespace std::chrono_literals;

namespace {

// Each of the queues, once.
std::set<std::pair<unsigned, unsigned>> queues_of(const LcorePlan& plan,
                                                  std::vector<PortQueue> LcorePlan::Queues::*side) {
  std::set<std::pair<unsigned, unsigned>> queues;
  for (const LcorePlan::Queues& lcore : plan.lcores) {
    for (const PortQueue& queue : lcore.*side) {
      CHECK(queues.emplace(queue.port, queue.queue).second);
    }
  }
  return queues;
}

}  // namespace

TEST_CASE("one lcore sends and receives", "[pktgen]") {
  const auto plan = plan_lcores(1, 0, 1, {{7, 16, 16, false}});
  REQUIRE(plan);
  CHECK(plan->senders == 1);
  CHECK(plan->receivers == 1);
  REQUIRE(plan->lcores.size() == 1);
  REQUIRE(plan->lcores[0].transmit.size() == 1);
  CHECK(plan->lcores[0].transmit[0].port == 7);
  CHECK(plan->lcores[0].receive.size() == 1);
}

TEST_CASE("half of the lcores send, and each queue is one lcore's", "[pktgen]") {
  const auto plan = plan_lcores(5, 0, 4, {{0, 16, 16, false}, {1, 1, 16, false}});
  REQUIRE(plan);
  CHECK(plan->senders == 3);
  CHECK(plan->receivers == 2);
  // A port with one queue has one reader.
  CHECK(plan->receive_queues == std::vector<std::uint16_t>{2, 1});
  CHECK(queues_of(*plan, &LcorePlan::Queues::transmit).size() == 6);
  CHECK(queues_of(*plan, &LcorePlan::Queues::receive).size() == 3);
  for (std::size_t lcore = 0; lcore < 5; ++lcore) {
    CHECK(plan->lcores[lcore].transmit.size() == (lcore < 3 ? 2 : 0));
    CHECK(plan->lcores[lcore].receive.empty() == (lcore < 3));
  }
  // Ports are told apart by their place, too.
  CHECK(plan->lcores[0].transmit[1].index == 1);
}

TEST_CASE("rings that lead back are read on all queues that are sent into", "[pktgen]") {
  const auto plan = plan_lcores(3, 2, 1, {{0, 16, 16, true}});
  REQUIRE(plan);
  CHECK(plan->receivers == 1);
  CHECK(queues_of(*plan, &LcorePlan::Queues::receive) ==
        queues_of(*plan, &LcorePlan::Queues::transmit));
  CHECK(plan->lcores[2].receive.size() == 2);
  // A sender more than there are rings to come back by.
  CHECK_FALSE(plan_lcores(3, 2, 1, {{0, 1, 16, true}}));
  CHECK(plan_lcores(3, 2, 1, {{0, 1, 16, false}}));
}

TEST_CASE("no more senders than lcores, queues and marks", "[pktgen]") {
  CHECK_FALSE(plan_lcores(2, 3, 1, {{0, 16, 16, false}}));
  CHECK_FALSE(plan_lcores(4, 3, 1, {{0, 16, 2, false}}));
  CHECK_FALSE(plan_lcores(4, 3, kMaxStreams / 2, {{0, 16, 16, false}}));
  // What nobody has asked for is less without a word.
  const auto plan = plan_lcores(8, 0, 1, {{0, 16, 2, false}});
  REQUIRE(plan);
  CHECK(plan->senders == 2);
  CHECK(plan->receivers == 6);
}

TEST_CASE("the senders' shares of a run are the run", "[pktgen]") {
  RunRequest request;
  request.mix = {{Kind::Correspondent, 1, 0}};
  request.rate.pps = 9000;
  request.rate.ramp_from_pps = 900;
  request.count = 1001;
  request.duration = 5s;
  std::uint64_t count = 0;
  double pps = 0;
  for (std::size_t sender = 0; sender < 3; ++sender) {
    const SenderShare share = share_of(request, sender, 3);
    CHECK((share.count == 333 || share.count == 334));
    CHECK(share.duration == 5s);
    CHECK(share.rate.ramp_from_pps == 300);
    count += share.count;
    pps += share.rate.pps;
  }
  CHECK(count == 1001);
  CHECK(pps == 9000);
  CHECK(share_of(request, 3, 3).count == 0);
  request.count = 0;
  request.duration = 0s;
  CHECK(share_of(request, 0, 3).count == ~std::uint64_t{0});
  CHECK(share_of(request, 0, 3).duration > 1h);
}

TEST_CASE("a sender without mobile nodes leaves its part to the others", "[pktgen]") {
  CHECK(busy_senders({{Kind::Correspondent, 1, 0}}, 4, 2) == 2);
  CHECK(busy_senders({{Kind::HahaOut, 1, 0}}, 4, 2) == 4);
  CHECK(busy_senders({{Kind::HahaOut, 1, 0}, {Kind::Move, 1, 0}}, 4, 1) == 1);
}

TEST_CASE("a share of a link counts what each kind takes on the wire", "[pktgen]") {
  const auto kind = GENERATE(Kind::Correspondent, Kind::ReverseTunnel, Kind::HahaIn, Kind::Move,
                             Kind::SsReply, Kind::BadCareOf, Kind::Pcap);
  const bool tagged = GENERATE(false, true);
  TrafficSettings with = settings_of(kind);
  with.sizes = *FrameSizes::parse("256");
  with.pcap_frames = {std::vector<std::byte>(60), std::vector<std::byte>(100)};
  if (tagged) {
    with.vlan = 7;
  }
  NodeTable nodes(100, 1);
  Composer composer(with, nodes, {});
  std::vector<std::byte> frame(composer.largest());
  double bytes = 0;
  for (int i = 0; i < 100; ++i) {
    bytes +=
        static_cast<double>(composer.compose(frame, 0, WallTime{}).size + kFcs + kWireOverhead);
  }
  CHECK(mean_wire_bytes(with, with.mix) == bytes / 100);
}

TEST_CASE("a share of a link goes by the weights of the mix", "[pktgen]") {
  const std::vector<TrafficEntry> mix = {{Kind::Correspondent, 3, 0}, {Kind::ReverseTunnel, 1, 0}};
  CHECK(mean_wire_bytes(settings_of(mix), mix) == (3 * 98 + 138) / 4.0);
}
