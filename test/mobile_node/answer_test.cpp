// Every status of a Binding Acknowledgement, and everything that makes one worthless.
#include "common/checksum.h"
#include "test/mobile_node/support.h"

using namespace anyhome;
using namespace anyhome::test;

TEST_CASE("an acknowledgement that does not fit is ignored and counted", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.attach();
  const Bytes good = lab.answer_to(lab.last());
  const auto ignored = [&](const Bytes& packet, Counter counter) {
    const std::uint64_t before = lab.count(counter);
    lab.from_network(packet);
    CHECK(lab.count(counter) == before + 1);
    CHECK(lab.node.state() == State::Registering);
  };
  SECTION("without routing header") {
    ignored(lab.answer_to(lab.last(), {.routing_header = false}),
            Counter::DropWithoutRoutingHeader);
  }
  SECTION("with another home address in it") {
    Bytes other = good;
    other[40 + 23] = std::byte{0x01};
    ignored(other, Counter::DropRoutingHeaderNotOurs);
  }
  SECTION("another sequence number") {
    const auto wrong = static_cast<std::uint16_t>(lab.last().update.sequence.value + 1);
    ignored(lab.answer_to(lab.last(), {.sequence = wrong}), Counter::DropAcknowledgementSequence);
  }
  SECTION("another home agent") {
    SentUpdate update = lab.last();
    update.header.destination = kAgent2.address();
    ignored(lab.answer_to(update), Counter::DropAcknowledgementUnsolicited);
  }
  SECTION("to somebody else's address") {
    SentUpdate update = lab.last();
    update.header.source = kCareOf2.address();
    ignored(lab.answer_to(update), Counter::DropNotForUs);
  }
  SECTION("a wrong checksum") {
    Bytes bad = good;
    bad[64 + 7] ^= std::byte{1};
    ignored(bad, Counter::DropMobilityChecksum);
  }
  SECTION("cut short") {
    Bytes shorter(good.begin(), good.end() - 1);
    ignored(shorter, Counter::DropTruncated);
  }
  SECTION("a fragment") {
    Bytes fragment = good;
    fragment[6] = std::byte{44};
    ignored(fragment, Counter::DropFragment);
  }
  SECTION("twice") {
    lab.from_network(good);
    lab.from_network(good);
    CHECK(lab.count(Counter::DropAcknowledgementUnsolicited) == 1);
    CHECK(lab.node.state() == State::Registered);
  }
  SECTION("bytes behind the packet are padding") {
    Bytes padded = good;
    padded.resize(padded.size() + 7, std::byte{0x55});
    lab.from_network(padded);
    CHECK(lab.node.state() == State::Registered);
  }
}

TEST_CASE("options in front of an acknowledgement", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.attach();
  Bytes packet = lab.answer_to(lab.last());
  // Destination Options between the IPv6 header and the routing header.
  const auto with_option = [&](std::string_view header) {
    Bytes changed = packet;
    const Bytes options = hex(header);
    changed.insert(changed.begin() + 40, options.begin(), options.end());
    changed[6] = std::byte{60};
    store_be16(changed.data() + 4, static_cast<std::uint16_t>(changed.size() - 40));
    return changed;
  };
  SECTION("one that may be skipped") {
    lab.from_network(with_option("2b 00 1e 04 00 00 00 00"));
    CHECK(lab.node.state() == State::Registered);
  }
  SECTION("one that may not") {
    lab.from_network(with_option("2b 00 5e 04 00 00 00 00"));
    CHECK(lab.count(Counter::DropUnwantedOption) == 1);
  }
  SECTION("one that runs past the end") {
    lab.from_network(with_option("2b 00 1e 05 00 00 00 00"));
    CHECK(lab.count(Counter::DropExtensionHeader) == 1);
  }
  SECTION("a header that runs past the end") {
    lab.from_network(with_option("2b ff 1e 04 00 00 00 00"));
    CHECK(lab.count(Counter::DropExtensionHeader) == 1);
  }
  SECTION("a hop-by-hop header in second place") {
    packet = with_option("2b 00 1e 04 00 00 00 00");
    lab.from_network(with_option("00 00 01 04 00 00 00 00"));
    CHECK(lab.count(Counter::DropExtensionHeader) == 1);
  }
  SECTION("a second routing header") {
    Bytes twice = packet;
    twice.insert(twice.begin() + 40, packet.begin() + 40, packet.begin() + 64);
    twice[40] = std::byte{43};
    store_be16(twice.data() + 4, static_cast<std::uint16_t>(twice.size() - 40));
    lab.from_network(twice);
    CHECK(lab.count(Counter::DropExtensionHeader) == 1);
  }
  CHECK(lab.updates.size() == 1);
}

TEST_CASE("status 135: again with the number after the home agent's", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.attach();
  const auto theirs = static_cast<std::uint16_t>(lab.last().update.sequence.value + 5000);
  const Bytes answer =
      lab.answer_to(lab.last(), {.status = BindingStatus::SequenceOutOfWindow, .sequence = theirs});
  lab.from_network(answer);
  REQUIRE(lab.updates.size() == 2);
  CHECK(lab.last().update.sequence.value == static_cast<std::uint16_t>(theirs + 1));
  // A second copy of that answer is old news.
  lab.from_network(answer);
  CHECK(lab.updates.size() == 2);
  CHECK(lab.count(Counter::DropAcknowledgementSequence) == 1);
  lab.answer();
  CHECK(lab.node.state() == State::Registered);
}

TEST_CASE("a home agent that answers 135 for ever is left alone", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.attach();
  for (int i = 0; i < 20; ++i) {
    const auto theirs = static_cast<std::uint16_t>(lab.last().update.sequence.value + 1);
    const std::size_t before = lab.updates.size();
    lab.answer({.status = BindingStatus::SequenceOutOfWindow, .sequence = theirs});
    lab.advance(400ms);
    if (lab.updates.size() == before) {
      break;
    }
  }
  CHECK(lab.updates.size() == 6);
  CHECK(lab.node.state() == State::Rejected);
  CHECK_FALSE(lab.node.stopped());
}

TEST_CASE("statuses that time may heal are tried again, ever more slowly", "[mobile-node]") {
  const auto status =
      GENERATE(BindingStatus::ReasonUnspecified, BindingStatus::AdministrativelyProhibited,
               BindingStatus::InsufficientResources, BindingStatus::HomeRegistrationNotSupported,
               BindingStatus::NotHomeSubnet, BindingStatus::NotHomeAgentForMobileNode);
  INFO(to_string(status));
  Lab lab(basic_settings());
  lab.attach();
  for (int i = 0; i < 6; ++i) {
    lab.answer({.status = status});
    CHECK(lab.node.state() == State::Rejected);
    CHECK_FALSE(lab.node.stopped());
    CHECK(lab.node.last_status() == status);
    const std::size_t before = lab.updates.size();
    while (lab.updates.size() == before) {
      lab.advance(1s);
    }
  }
  CHECK(lab.sending_times() == std::vector<long>{0, 4000, 12000, 28000, 60000, 124000, 188000});
  lab.answer();
  CHECK(lab.node.state() == State::Registered);
}

TEST_CASE("statuses that only the operator can heal stop it", "[mobile-node]") {
  const auto status =
      GENERATE(as<std::uint8_t>{}, 134, 136, 139, 140, 141, 142, 143, 146, 152, 174, 200, 255);
  INFO(int{status});
  Lab lab(basic_settings());
  lab.attach();
  lab.answer({.status = static_cast<BindingStatus>(status)});
  CHECK(lab.node.state() == State::Rejected);
  CHECK(lab.node.stopped());
  lab.advance(1000s);
  CHECK(lab.updates.size() == 1);
  CHECK_FALSE(lab.node.next_deadline());
  lab.register_now();
  CHECK(lab.updates.size() == 2);
  CHECK_FALSE(lab.node.stopped());
}

TEST_CASE("a rejected refresh leaves the binding until it expires", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.register_and_forget();
  lab.register_now();
  lab.answer({.status = BindingStatus::InsufficientResources});
  CHECK(lab.node.state() == State::Registered);
  CHECK_FALSE(lab.node.settled());
  lab.from_host(inner_packet(kHome.address(), kCorrespondent));
  CHECK(lab.sent.size() == 1);
  SECTION("but not when it says that it has none") {
    lab.register_now();
    lab.answer({.status = BindingStatus::NotHomeAgentForMobileNode});
    CHECK(lab.node.state() == State::Rejected);
    CHECK_FALSE(lab.node.binding());
  }
}

TEST_CASE("status 1: prefixes are solicited until an advertisement comes", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.attach();
  lab.answer({.status = BindingStatus::AcceptedPrefixDiscoveryNecessary});
  CHECK(lab.node.state() == State::Registered);
  REQUIRE(lab.sent.size() == 1);
  lab.advance(3s);
  REQUIRE(lab.sent.size() == 2);
  const auto chain = wire::walk_headers(lab.sent[0]);
  REQUIRE(chain);
  CHECK(wire::address_at(lab.sent[0], chain->home_address_at) == kHome.address());
  const ByteView upper = ByteView(lab.sent[0]).subspan(chain->upper_offset);
  CHECK(wire::icmpv6_checksum_ok(kHome.address(), kAgent1.address(), upper));
  const auto solicitation = wire::PrefixSolicitation::parse(upper);
  REQUIRE(solicitation);
  Bytes message(8 + 32);
  Writer writer(message);
  wire::PrefixAdvertisement{solicitation->identifier,
                            false,
                            false,
                            {{64, true, true, true, 100, 50, ip6("2001:db8:0:1::1a")}}}
      .write(writer);
  wire::icmpv6_set_checksum(kAgent1.address(), kHome.address(), message);
  lab.from_network(packet_with(kAgent1.address(), kCareOf1.address(), 58, message, kHome));
  CHECK(lab.count(Counter::PrefixAdvertisementsReceived) == 1);
  lab.advance(100s);
  CHECK(lab.sent.size() == 2);
}

TEST_CASE("no R in the answer means no mobile router support", "[mobile-node]") {
  mobile::Settings settings = basic_settings();
  settings.mobile_router = mobile::MobileRouterMode::Implicit;
  settings.prefixes = {prefix("2001:db8:0:100::/64")};
  Lab lab(settings);
  lab.attach();
  lab.answer();
  CHECK(lab.saw(EventKind::NoMobileRouterSupport));
  // RFC 3963 §5.3: de-registered there.
  REQUIRE(lab.updates.size() == 2);
  CHECK(lab.last().update.lifetime.is_zero());
  CHECK(lab.node.state() == State::Rejected);
  CHECK(lab.node.stopped());
}

TEST_CASE("an acceptance with lifetime 0 is no registration", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.attach();
  lab.answer({.lifetime = Lifetime(0)});
  CHECK(lab.node.state() == State::Rejected);
  CHECK_FALSE(lab.node.stopped());
}

TEST_CASE("any answer ends a de-registration", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.register_and_forget();
  lab.deregister();
  lab.answer({.status = BindingStatus::NotHomeAgentForMobileNode});
  CHECK(lab.node.state() == State::Home);
  CHECK(lab.node.settled());
}

TEST_CASE("an unknown Mobility Header type is answered by a Binding Error", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.register_and_forget();
  Bytes message = hex("3b 00 c8 00 00 00 00 00");
  store_be16(message.data() + 4,
             upper_layer_checksum(kAgent1.address(), kCareOf1.address(), 135, message));
  lab.from_network(packet_with(kAgent1.address(), kCareOf1.address(), 135, message));
  CHECK(lab.count(Counter::DropMobilityUnknownType) == 1);
  REQUIRE(lab.sent.size() == 1);
  const ByteView error = ByteView(lab.sent[0]).subspan(40);
  CHECK(wire::check_mobility_header(error, kCareOf1.address(), kAgent1.address(), {}));
  CHECK(wire::parse_binding_error(error)->status == 2);
}
