#include "apps/anyhome-bench/world.h"

#include <stdexcept>

#include <fmt/format.h>

#include "common/prefix.h"
#include "common/wire/ipv6.h"

namespace anyhome::bench {
namespace {

using namespace dataplane;  // NOLINT(google-build-using-namespace)

constexpr std::array<std::uint8_t, 6> kMac{2, 0, 0, 0, 1, 0};
constexpr std::array<std::uint8_t, 6> kRouter{2, 0, 0, 0, 0, 0xaa};
constexpr std::size_t kEthernet = 14;
constexpr std::size_t kInner = 64;               // bytes of the packet inside
constexpr std::uint64_t kGlobal = 1ULL << 32U;   // numbers of global bindings start there
constexpr std::uint64_t kVisitor = 2ULL << 32U;  // those that come and go
constexpr std::uint64_t kNobody = 1ULL << 40U;
constexpr std::uint32_t kMaintenance = 512;

Ipv6Address parse(std::string_view text) { return *Ipv6Address::parse(text); }
Ipv6Address numbered(std::string_view prefix, std::uint64_t number) {
  Ipv6Address address = parse(prefix);
  for (unsigned i = 0; i < 8; ++i) {
    address.octets[15 - i] =
        static_cast<std::uint8_t>(address.octets[15 - i] | (number >> (8 * i) & 0xffU));
  }
  return address;
}

Ipv6Address numbered_high(std::uint64_t half) {
  Ipv6Address address;
  for (unsigned i = 0; i < 8; ++i) {
    address.octets[7 - i] = static_cast<std::uint8_t>(half >> (8 * i));
  }
  return address;
}

const Ipv6Address& agent() {
  static const Ipv6Address address = parse("2001:db8:0:1::1a");
  return address;
}
const Ipv6Address& locator() {
  static const Ipv6Address address = parse("2001:db8:a1::1a");
  return address;
}
const Ipv6Address& peer_locator() {
  static const Ipv6Address address = parse("2001:db8:b2::2a");
  return address;
}
Ipv6Address care_of(std::uint64_t number) { return numbered("2001:db8:f0::", number + 1); }

void put_header(std::vector<std::byte>& frame, const Ipv6Address& source,
                const Ipv6Address& destination, std::uint8_t next_header, std::size_t payload) {
  wire::Ipv6Header header;
  header.source = source;
  header.destination = destination;
  header.next_header = next_header;
  header.payload_length = static_cast<std::uint16_t>(payload);
  header.hop_limit = 64;
  const std::size_t at = frame.size();
  frame.resize(at + wire::kIpv6HeaderSize);
  Writer writer(MutableBytes(frame).subspan(at));
  header.write(writer);
}

Quiescence make_qsbr(std::uint32_t readers) {
  Quiescence qsbr(
      static_cast<rte_rcu_qsbr*>(rte_zmalloc("qsbr", rte_rcu_qsbr_get_memsize(readers), 64)));
  if (qsbr == nullptr || rte_rcu_qsbr_init(qsbr.get(), readers) != 0) {
    throw NoMemory("no memory for the quiescent-state variable");
  }
  return qsbr;
}

template <class Error>
void check(const std::expected<void, Error>& done) {
  if (!done) {
    throw std::runtime_error("the tables are too small for what the benchmark puts into them");
  }
}

}  // namespace

std::string_view name_of(Path path) {
  constexpr std::string_view kNames[] = {"to-mobile-node", "to-haha-link", "from-haha-link",
                                         "from-mobile-node", "miss"};
  return kNames[static_cast<std::size_t>(path)];
}

Ipv6Address World::home(std::uint64_t number) {
  return numbered("2001:db8:0:1:1000::", number + 1);
}

std::string_view name_of(BindingIndex index) {
  return index == BindingIndex::Buckets ? "buckets" : "rte-hash";
}

// Distinct for numbers below 2^32 either way.
std::uint64_t World::route(std::uint64_t number) const {
  constexpr std::uint64_t kDense = 0x2001'0db9'0000'0000;
  constexpr std::uint64_t kScattered = 0x2a00'0000'0000'0000;
  return shape_.scattered ? kScattered | (number * 0x9e3779b1 & 0xffffffff) << 16U
                          : kDense + (number << 16U);
}

World::World(const Shape& shape) : shape_(shape), qsbr_(make_qsbr(shape.readers)) {
  const std::uint32_t bindings = shape.bindings;
  const std::uint32_t routes = shape.routes;
  PipelinePort port;
  port.mac = kMac;
  port.haha = true;
  config_.ports = {port};
  config_.home_prefixes = {PrefixTest(*Prefix::parse("2001:db8:0:1::/64"))};
  config_.own_address = agent();
  config_.own_locator = locator();
  config_.home_agent = AddressTest(agent());
  config_.locator = AddressTest(locator());
  config_.peers.add(Locator(peer_locator()));

  TableSetup setup;
  static unsigned number = 0;
  setup.name = fmt::format("bench{}", number++);
  setup.sizes.max_bindings = 2 * bindings + shape.visitors;
  setup.sizes.max_routes = routes + 16;
  setup.ports = {{kMac, std::nullopt, 1500}};
  setup.home_prefixes = {*Prefix::parse("2001:db8:0:1::/64")};
  setup.binding_index = shape.index;
  setup.qsbr = qsbr_.get();
  setup.socket = -1;
  auto tables = ForwardingTables::create(setup);
  if (!tables) {
    throw NoMemory(tables.error());
  }
  tables_ = std::move(*tables);
  const Ipv6Address gateway = parse("fe80::1");
  const NextHop hop[] = {{0, gateway, 1}};
  check(tables_->set_neighbor(0, gateway, kRouter));
  check(tables_->set_route(*Prefix::parse("::/0"), hop));
  for (std::uint32_t i = 0; i < routes; ++i) {
    check(tables_->set_route(Prefix(numbered_high(route(i)), 48), hop));
    tables_->maintain(kMaintenance);
  }
  check(tables_->apply(forwarding::SetPeer{0, HomeAgentAddress(parse("2001:db8:0:1::2a")),
                                           Locator(peer_locator()), Locator(locator())}));
  while (tables_->maintain(~0U)) {
  }
  for (std::uint64_t i = 0; i < bindings; ++i) {
    check(tables_->apply(forwarding::SetBinding{
        HomeAddress(home(i)), forwarding::BindingKind::Bound, agent(), care_of(i)}));
    check(tables_->apply(forwarding::SetBinding{HomeAddress(home(kGlobal + i)),
                                                forwarding::BindingKind::Global, locator(),
                                                peer_locator(), 1500}));
  }
  while (tables_->maintain(~0U)) {
  }
}

void World::change_something() {
  const std::uint64_t number = changes_ / 3;
  const auto one = changes_ * 0x9e3779b97f4a7c15ULL % shape_.bindings;
  forwarding::ForwardingUpdate update;
  switch (changes_++ % 3) {
    case 0:
      update = forwarding::SetBinding{HomeAddress(home(one)), forwarding::BindingKind::Bound,
                                      agent(), care_of((1ULL << 32U) + changes_)};
      break;
    case 1:
      update = forwarding::SetBinding{HomeAddress(home(kVisitor + number)),
                                      forwarding::BindingKind::Bound, agent(), care_of(number)};
      break;
    default:
      if (number >= shape_.visitors / 2) {
        update =
            forwarding::RemoveBinding{HomeAddress(home(kVisitor + number - shape_.visitors / 2))};
      } else {
        update = forwarding::RemoveBinding{HomeAddress(home(kNobody))};
      }
      break;
  }
  if (!tables_->apply(update)) {
    throw std::runtime_error("a change of the tables was refused");
  }
  if (changes_ % 64 == 0) {
    tables_->maintain(kMaintenance);
  }
}

Template World::make_template(Path path) const {
  Template result;
  std::vector<std::byte>& frame = result.frame;
  for (const auto* mac : {&kMac, &kRouter}) {
    for (const std::uint8_t octet : *mac) {
      frame.push_back(std::byte{octet});
    }
  }
  frame.push_back(std::byte{0x86});
  frame.push_back(std::byte{0xdd});
  const Ipv6Address correspondent = parse("2001:db9:7::1");
  const std::size_t payload = kInner - wire::kIpv6HeaderSize;
  constexpr std::size_t kSource = 8 + 8;  // the last eight bytes of either
  constexpr std::size_t kDestination = 24 + 8;
  const auto low = [](const Ipv6Address& address) {
    std::uint64_t value = 0;
    for (unsigned i = 8; i < 16; ++i) {
      value = value << 8U | address.octets[i];
    }
    return value;
  };
  constexpr std::size_t kIp = kEthernet;
  constexpr std::size_t kTunnelled = kEthernet + wire::kIpv6HeaderSize;
  switch (path) {
    case Path::ToMobileNode:
    case Path::ToLink:
    case Path::Miss: {
      const std::uint64_t first = path == Path::ToLink ? kGlobal : path == Path::Miss ? kNobody : 0;
      put_header(frame, correspondent, home(first), 17, payload);
      result.stamps = {{kIp + kDestination, low(home(first))}};
      break;
    }
    case Path::FromLink:
      put_header(frame, peer_locator(), locator(), 41, kInner);
      put_header(frame, correspondent, home(0), 17, payload);
      result.stamps = {{kTunnelled + kDestination, low(home(0))}, {kIp, 0, Stamp::By::Flow}};
      break;
    case Path::FromMobileNode:
      put_header(frame, care_of(0), agent(), 41, kInner);
      put_header(frame, home(0), correspondent, 17, payload);
      result.stamps = {{kIp + kSource, low(care_of(0))},
                       {kTunnelled + kSource, low(home(0))},
                       {kTunnelled + 24, 0, Stamp::By::Route}};
      break;
  }
  frame.resize(frame.size() + payload);
  frame[frame.size() - payload] = std::byte{0x12};  // UDP ports
  return result;
}

Template World::make_routed() const {
  Template result = make_template(Path::Miss);
  result.stamps = {{kEthernet + 24, 0, Stamp::By::Route}};
  return result;
}

EmptyTables::EmptyTables(std::uint32_t bindings, BindingIndex index) : qsbr_(make_qsbr(1)) {
  TableSetup setup;
  setup.name = "bench-empty";
  setup.sizes.max_bindings = bindings;
  setup.ports = {{kMac, std::nullopt, 1500}};
  setup.socket = -1;
  setup.binding_index = index;
  setup.qsbr = qsbr_.get();
  auto tables = ForwardingTables::create(setup);
  if (!tables) {
    throw NoMemory(tables.error());
  }
  tables_ = std::move(*tables);
}

std::size_t EmptyTables::bytes() const {
  std::size_t bytes = 0;
  for (const TableFill& fill : tables_->report()) {
    bytes += fill.bytes;
  }
  return bytes;
}

}  // namespace anyhome::bench
