// Random operations against a model that has no leaves, no copies and no background: a few maps,
// and a search through all of them. Whatever the order of operations, both agree when the work is
// done, and nothing is left when everything is taken away.
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>
#include <utility>
#include <variant>

#include "dataplane/tables/entry_content.h"
#include "test/dpdk/tables_fixture.h"
#include "test/support/seed.h"

using namespace anyhome;
using namespace anyhome::test;

namespace {

struct Model {
  using Key = std::pair<std::uint16_t, Ipv6Address>;  // port, address
  std::map<Prefix, std::vector<NextHop>> routes;      // empty: prohibited
  std::map<Key, AdjacencyState> neighbors;            // Forward or Failed
  std::map<Prefix, unsigned> prefixes;                // outside of the pools: owner
  std::map<unsigned, Ipv6Address> bindings;           // number: care-of address
  std::set<Ipv6Address> locals;
  bool port_up[2] = {true, true};

  [[nodiscard]] const std::pair<const Prefix, std::vector<NextHop>>* route_to(
      const Ipv6Address& address) const {
    const std::pair<const Prefix, std::vector<NextHop>>* best = nullptr;
    for (const auto& route : routes) {
      if (route.first.contains(address) &&
          (best == nullptr || route.first.length() > best->first.length())) {
        best = &route;
      }
    }
    return best;
  }

  // A neighbour on a connected prefix of its port.
  [[nodiscard]] const std::pair<const Key, AdjacencyState>* host(const Ipv6Address& address) const {
    const auto* route = route_to(address);
    if (address.is_link_local() || route == nullptr || route->second.size() != 1 ||
        route->second[0].gateway) {
      return nullptr;
    }
    const auto found = neighbors.find({route->second[0].port, address});
    return found == neighbors.end() ? nullptr : &*found;
  }

  [[nodiscard]] std::optional<unsigned> prefix_owner(const Ipv6Address& address,
                                                     unsigned& length) const {
    std::optional<unsigned> owner;
    for (const auto& [prefix, number] : prefixes) {
      if (prefix.contains(address) && (!owner || prefix.length() > length)) {
        owner = number;
        length = prefix.length();
      }
    }
    return owner;
  }

  [[nodiscard]] bool usable(const NextHop& hop) const {
    if (!port_up[hop.port]) {
      return false;
    }
    const auto found = neighbors.find({hop.port, hop.gateway.value_or(Ipv6Address{})});
    return !hop.gateway || (found != neighbors.end() && found->second == AdjacencyState::Forward);
  }
};

class World {
 public:
  explicit World(unsigned seed) : random_(seed), tables_(make_tables(small_setup(qsbr_))) {
    empty_ = usage(*tables_);
  }

  void step() {
    switch (pick(10)) {
      case 0:
      case 1:
        return set_route();
      case 2:
        return remove_route();
      case 3:
        return change_neighbor();
      case 4:
        return set_binding();
      case 5:
        return remove_binding();
      case 6:
        return change_prefix();
      case 7:
        return change_local();
      case 8: {
        const auto port = static_cast<std::uint16_t>(pick(2));
        model_.port_up[port] = !model_.port_up[port];
        REQUIRE(tables_->set_port_up(port, model_.port_up[port]));
        return;
      }
      default:
        tables_->maintain(pick(8));
    }
  }

  void check() {
    settle(*tables_);
    const ReaderView& view = tables_->readers();
    for (unsigned i = 0; i < 300; ++i) {
      check_address(i < 8 ? gateway(i) : random_address());
    }
    for (const auto& [number, care_of] : model_.bindings) {
      const Entry* entry = find_entry(view, home(number).address());
      REQUIRE(entry != nullptr);
      REQUIRE(entry->destination == care_of);
      REQUIRE(entry->leaf == find_leaf(view, care_of));
    }
    REQUIRE(tables_->match_failures() == 0);
    REQUIRE(tables_->host_routes_refused() == 0);
  }

  void take_everything_away() {
    while (!model_.routes.empty()) {
      remove_route();
    }
    for (const auto& [key, state] : model_.neighbors) {
      REQUIRE(tables_->remove_neighbor(key.first, key.second));
    }
    for (const auto& [number, care_of] : model_.bindings) {
      REQUIRE(tables_->apply(forwarding::RemoveBinding{home(number)}));
    }
    for (const Ipv6Address& local : model_.locals) {
      REQUIRE(tables_->remove_local(local));
    }
    settle(*tables_);
    REQUIRE(usage(*tables_) == empty_);
  }

 private:
  unsigned pick(std::size_t below) { return static_cast<unsigned>(random_() % below); }

  // Few bits of few octets: everything nests in everything.
  Ipv6Address random_address() {
    Ipv6Address address = ip6("2001:db8:400c::");
    for (const std::size_t octet : {4U, 6U, 7U, 15U}) {
      address.octets[octet] = static_cast<std::uint8_t>(address.octets[octet] + pick(3));
    }
    return address;
  }
  Prefix random_prefix() {
    constexpr unsigned kLengths[] = {0, 32, 40, 48, 56, 60, 64, 120, 128};
    return {random_address(), kLengths[pick(std::size(kLengths))]};
  }
  // Some are on connected prefixes, some link-local.
  static Ipv6Address gateway(unsigned number) {
    Ipv6Address address = number < 4 ? ip6("2001:db8:400c::") : ip6("fe80::");
    address.octets[15] = static_cast<std::uint8_t>(number % 4);
    return address;
  }

  void set_route() {
    const Prefix prefix = random_prefix();
    if (model_.routes.size() > 40 && !model_.routes.contains(prefix)) {
      return;
    }
    std::vector<NextHop> hops;
    const unsigned kind = pick(5);
    if (kind == 1) {
      hops.push_back({static_cast<std::uint16_t>(pick(2)), std::nullopt, 1});
    } else if (kind > 1) {
      const unsigned first = pick(8);
      const unsigned count = 1 + pick(3);
      for (unsigned i = 0; i < count; ++i) {
        hops.push_back({static_cast<std::uint16_t>(i % 2), gateway((first + i) % 8), 1 + i});
      }
    }
    if (hops.empty()) {
      REQUIRE(tables_->set_prohibited_route(prefix));
    } else {
      REQUIRE(tables_->set_route(prefix, hops));
    }
    model_.routes[prefix] = hops;
  }

  void remove_route() {
    if (model_.routes.empty()) {
      return;
    }
    auto victim = model_.routes.begin();
    std::advance(victim, static_cast<long>(pick(model_.routes.size())));
    REQUIRE(tables_->remove_route(victim->first));
    model_.routes.erase(victim);
  }

  void change_neighbor() {
    const auto port = static_cast<std::uint16_t>(pick(2));
    const Ipv6Address address = gateway(pick(8));
    switch (pick(3)) {
      case 0:
        REQUIRE(tables_->remove_neighbor(port, address));
        model_.neighbors.erase({port, address});
        return;
      case 1:
        REQUIRE(tables_->neighbor_failed(port, address));
        model_.neighbors[{port, address}] = AdjacencyState::Failed;
        return;
      default:
        REQUIRE(tables_->set_neighbor(port, address, mac(static_cast<std::uint8_t>(random_()))));
        model_.neighbors[{port, address}] = AdjacencyState::Forward;
    }
  }

  void set_binding() {
    const unsigned number = pick(30);
    forwarding::SetBinding update = bound(number, "::");
    update.tunnel_destination = random_address();
    REQUIRE(tables_->apply(update));
    model_.bindings[number] = update.tunnel_destination;
  }

  void remove_binding() {
    const unsigned number = pick(30);
    REQUIRE(tables_->apply(forwarding::RemoveBinding{home(number)}));
    model_.bindings.erase(number);
    std::erase_if(model_.prefixes, [&](const auto& item) { return item.second == number; });
  }

  void change_prefix() {
    const Prefix prefix = random_prefix();
    if (pick(2) == 0) {
      REQUIRE(tables_->apply(forwarding::RemovePrefix{prefix}));
      model_.prefixes.erase(prefix);
    } else if (!model_.bindings.empty() &&
               (model_.prefixes.size() < 16 || model_.prefixes.contains(prefix))) {
      const unsigned owner = model_.bindings.begin()->first;
      REQUIRE(tables_->apply(forwarding::SetPrefix{prefix, home(owner)}));
      model_.prefixes[prefix] = owner;
    }
  }

  void change_local() {
    const Ipv6Address address = random_address();
    if (pick(2) == 0) {
      REQUIRE(tables_->remove_local(address));
      model_.locals.erase(address);
    } else if (model_.locals.size() < 8 || model_.locals.contains(address)) {
      REQUIRE(tables_->set_local(address, LocalRole::Host));
      model_.locals.insert(address);
    }
  }

  void check_address(const Ipv6Address& address) {
    const ReaderView& view = tables_->readers();
    const LeafValue value = find_value(view, address);
    INFO(address.to_string() << " leads to kind " << static_cast<int>(value.kind()));
    if (model_.locals.contains(address)) {
      REQUIRE(value.kind() == LeafKind::Local);
      return;
    }
    const auto* route = model_.route_to(address);
    const auto* host = model_.host(address);
    unsigned prefix_length = 0;
    const auto owner = model_.prefix_owner(address, prefix_length);
    const unsigned other_length = host != nullptr    ? 128
                                  : route != nullptr ? route->first.length()
                                                     : 0;
    if (owner && prefix_length >= other_length) {
      REQUIRE(value.kind() == LeafKind::Binding);
      REQUIRE(view.prefix_entries[value.index()].load() ==
              find_entry(view, home(*owner).address()));
    } else if (host != nullptr) {
      REQUIRE(value.kind() == LeafKind::Adjacency);
      const Adjacency& adjacency = view.adjacencies[value.index()];
      REQUIRE(adjacency.next_hop == address);
      REQUIRE(adjacency.port == host->first.first);
      REQUIRE(adjacency.state == host->second);
    } else if (route == nullptr) {
      REQUIRE(value.kind() == LeafKind::NoRoute);
    } else {
      check_route(address, value, route->second);
    }
  }

  void check_route(const Ipv6Address& address, LeafValue value, const std::vector<NextHop>& hops) {
    if (hops.empty()) {
      REQUIRE(value.kind() == LeafKind::Prohibited);
      return;
    }
    std::set<Ipv6Address> usable;
    std::set<Ipv6Address> all;
    for (const NextHop& hop : hops) {
      all.insert(hop.gateway.value_or(Ipv6Address{}));
      if (model_.usable(hop)) {
        usable.insert(hop.gateway.value_or(Ipv6Address{}));
      }
    }
    const std::vector<Ipv6Address> found = next_hops(tables_->readers(), address);
    if (usable.empty()) {
      REQUIRE(found.size() == 1);
      REQUIRE(all.contains(found[0]));
    } else {
      REQUIRE(std::set<Ipv6Address>(found.begin(), found.end()) == usable);
    }
  }

  std::minstd_rand random_;
  Qsbr qsbr_;
  std::unique_ptr<ForwardingTables> tables_;
  std::vector<std::uint64_t> empty_;
  Model model_;
};

}  // namespace

TEST_CASE("tables agree with a model of them after any operations", "[tables][property]") {
  const unsigned seed = random_seed();
  for (unsigned round = 0; round < 20; ++round) {
    INFO(replay_line(seed + round, "dpdk-tests", "[tables][property]"));
    World world(seed + round);
    for (unsigned i = 0; i < 40; ++i) {
      for (unsigned n = 0; n < 25; ++n) {
        world.step();
      }
      world.check();
    }
    world.take_everything_away();
  }
}
