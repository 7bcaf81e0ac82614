// Many mobile nodes behind one care-of address, their statistics and their JSON.
#include "apps/anyhome-mn/fleet.h"

#include "apps/anyhome-mn/status.h"
#include "test/mobile_node/support.h"

using namespace anyhome;
using namespace anyhome::test;
using mobile::Fleet;

namespace {

mobile::FleetSettings many(std::uint32_t count, double rate = 0) {
  mobile::FleetSettings settings;
  settings.first = secure_settings();
  settings.first.identifier = "mn{}@example.net";
  settings.first.mobile_router = mobile::MobileRouterMode::Explicit;
  settings.first.prefixes = {prefix("2001:db8:0:100::/64")};
  settings.count = count;
  settings.registrations_per_second = rate;
  return settings;
}

struct Update {
  HomeAddress home;
  wire::BindingUpdate update;
  Bytes packet;
};

std::vector<Update> updates_in(const Effects& effects) {
  std::vector<Update> result;
  for (const auto& effect : effects) {
    if (const auto* out = std::get_if<mobile::SendToNetwork>(&effect)) {
      const auto chain = wire::walk_headers(out->packet);
      REQUIRE(chain);
      Update update;
      update.packet = out->packet;
      update.home = HomeAddress(wire::address_at(out->packet, chain->home_address_at));
      update.update =
          *wire::parse_binding_update(ByteView(update.packet).subspan(chain->upper_offset));
      result.push_back(std::move(update));
    }
  }
  return result;
}

Bytes acknowledgement(const Update& update, const mobile::Security& security) {
  std::array<std::byte, 256> buffer{};
  wire::MessageWriter writer = wire::start_binding_acknowledgement(
      buffer, BindingStatus::Accepted, wire::ba_flag::kMobileRouter, update.update.sequence,
      Lifetime(75));
  const std::size_t at = writer.authentication(1, security.spi);
  const MutableBytes message = writer.close();
  const auto authenticator = mobile::compute_authenticator(security.key, kCareOf1.address(),
                                                           update.home, message.first(at));
  std::ranges::copy(authenticator, message.begin() + static_cast<std::ptrdiff_t>(at));
  return packet_with(kAgent1.address(), kCareOf1.address(), 135,
                     writer.finish(kAgent1.address(), update.home.address()), update.home);
}

}  // namespace

TEST_CASE("addresses and prefixes are counted up", "[fleet]") {
  CHECK(mobile::counted_up(ip6("2001:db8::ff"), 1) == ip6("2001:db8::100"));
  CHECK(mobile::counted_up(ip6("2001:db8::ffff:ffff:ffff:ffff"), 2) == ip6("2001:db8:0:1::1"));
  CHECK(mobile::counted_up(prefix("2001:db8:0:ff::/64"), 2) == prefix("2001:db8:0:101::/64"));
  CHECK(mobile::counted_up(prefix("2001:db8:0:100::/56"), 3) == prefix("2001:db8:0:400::/56"));
}

TEST_CASE("each node registers for itself", "[fleet]") {
  Fleet fleet(many(300), 1);
  Now now{Instant{1h}, kStartOfTime};
  Effects effects;
  fleet.attach(now, kCareOf1, 1500, effects);
  const auto updates = updates_in(effects);
  REQUIRE(updates.size() == 300);
  CHECK(updates[299].home.address() == ip6("2001:db8:0:1::22b"));
  CHECK(updates[299].update.options.mobile_node_identifier->identifier == "mn299@example.net");
  CHECK(updates[299].update.options.mobile_network_prefixes[0].prefix() ==
        prefix("2001:db8:0:22b::/64"));
  CHECK_FALSE(fleet.settled());
  now.instant += 5ms;
  for (const Update& update : updates) {
    effects.clear();
    fleet.on_network_packet(now, acknowledgement(update, *many(1).first.security), effects);
  }
  CHECK(fleet.settled());
  CHECK(fleet.count_in(State::Registered) == 300);
  CHECK(fleet.statistics().by_status[0] == 300);
  CHECK(fleet.statistics().latency.count() == 300);
  CHECK(fleet.statistics().latency.average_us() == 5000);
  // Data finds its node, too.
  const Ipv6Address home7 = mobile::counted_up(kHome.address(), 7);
  effects.clear();
  fleet.on_network_packet(
      now,
      packet_with(kAgent1.address(), kCareOf1.address(), 41, inner_packet(kCorrespondent, home7)),
      effects);
  fleet.on_network_packet(now,
                          packet_with(kAgent1.address(), kCareOf1.address(), 41,
                                      inner_packet(kCorrespondent, ip6("2001:db8:0:107::9"))),
                          effects);
  fleet.on_host_packet(now, inner_packet(home7, kCorrespondent), effects);
  CHECK(effects.size() == 3);
  CHECK(fleet.nodes()[7].counters()[Counter::TunnelPacketsReceived] == 2);
  CHECK(fleet.nodes()[7].counters()[Counter::TunnelPacketsSent] == 1);
  // And what is for nobody is counted.
  fleet.on_network_packet(now,
                          packet_with(kAgent1.address(), kCareOf1.address(), 41,
                                      inner_packet(kCorrespondent, ip6("2001:db8:0:1::ffff"))),
                          effects);
  CHECK(fleet.total()[Counter::DropTunnelInnerNotOurs] == 1);
}

TEST_CASE("registrations start at the given rate", "[fleet]") {
  Fleet fleet(many(100, 50), 1);
  Now now{Instant{1h}, kStartOfTime};
  Effects effects;
  fleet.attach(now, kCareOf1, 1500, effects);
  CHECK(updates_in(effects).size() == 1);
  for (int i = 0; i < 50; ++i) {
    REQUIRE(fleet.next_deadline());
    CHECK(*fleet.next_deadline() <= now.instant + 20ms);
    now.instant += 20ms;
    fleet.on_timer(now, effects);
  }
  CHECK(fleet.nodes()[50].state() == State::Registering);
  CHECK(fleet.nodes()[51].state() == State::Detached);
}

TEST_CASE("retransmissions come from the nodes' own timers", "[fleet]") {
  Fleet fleet(many(10), 1);
  Now now{Instant{1h}, kStartOfTime};
  Effects effects;
  fleet.attach(now, kCareOf1, 1500, effects);
  effects.clear();
  now.instant += 1499ms;
  fleet.on_timer(now, effects);
  CHECK(effects.empty());
  now.instant += 1ms;
  fleet.on_timer(now, effects);
  CHECK(updates_in(effects).size() == 10);
  CHECK(*fleet.next_deadline() == now.instant + 3s);
}

TEST_CASE("latency quantiles", "[fleet]") {
  mobile::LatencyHistogram histogram;
  CHECK(histogram.percentile_us(99) == 0);
  for (int i = 1; i <= 1000; ++i) {
    histogram.add(std::chrono::microseconds(i));
  }
  CHECK(histogram.min_us() == 1);
  CHECK(histogram.max_us() == 1000);
  CHECK(histogram.average_us() == 500);
  CHECK(histogram.percentile_us(50) >= 500);
  CHECK(histogram.percentile_us(50) <= 516);
  CHECK(histogram.percentile_us(99) >= 990);
  CHECK(histogram.percentile_us(99) <= 1000);
  histogram.add(10h);  // longer than it can tell
  CHECK(histogram.count() == 1001);
}

TEST_CASE("the status as JSON", "[fleet]") {
  Lab lab(secure_settings());
  lab.register_and_forget();
  const std::string line = mobile::node_line(lab.node, lab.now, mobile::CounterDetail::NonZero);
  CHECK(line ==
        "{\"home-address\": \"2001:db8:0:1::100\", \"identifier\": \"mn1@example.net\", "
        "\"state\": \"registered\", \"settled\": true, \"home-agent\": \"2001:db8:0:1::1a\", "
        "\"care-of-address\": \"2001:db8:ff::100\", \"tunnel-mtu\": 1460, "
        "\"bound-home-agent\": \"2001:db8:0:1::1a\", \"bound-care-of-address\": "
        "\"2001:db8:ff::100\", \"sequence\": " +
            std::to_string(lab.node.binding()->sequence.value) +
            ", \"lifetime\": 300, \"lifetime-left-ms\": 300000, \"last-status\": 0, "
            "\"last-status-name\": \"accepted\", \"counters\": {\"binding-updates-sent\": 1, "
            "\"acknowledgements-accepted\": 1}}\n");
  CHECK(mobile::quoted("a\"b\\c\n") == "\"a\\\"b\\\\c\\u000a\"");
}
