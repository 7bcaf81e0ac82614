// What makes ordinary programs use the home address, and our own tunnel packets not: rules and one
// route in a table of our own. Everything that was put in is taken out again.
//
//   pref P      from all fwmark T          lookup main    our own packets (sockets with SO_MARK)
//   pref P      from CARE-OF               lookup main    programs that ask for the care-of address
//   pref P+1    to MOBILE-NETWORK-PREFIX   lookup main    into the mobile network
//   pref P+2    from HOME-ADDRESS          lookup T       programs that ask for the home address
//   pref P+2    from MOBILE-NETWORK-PREFIX lookup T       out of the mobile network
//   pref P+3    from all lookup main suppress_prefixlength 0   everything but default routes
//   pref P+4    from all                   lookup T       what would take a default route
//   table T:    default dev TUN src HOME-ADDRESS
//
// T and P are one number (--table). The last two rules can be left out (--default-route no).
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "apps/anyhome-mn/netlink.h"
#include "common/address.h"
#include "common/prefix.h"

namespace anyhome::mobile {

struct RoutingPlan {
  unsigned tun_index = 0;
  std::uint32_t table = 0;              // of the route, first rule preference and mark
  HomeAddress home_address;             // preferred source
  std::vector<Prefix> from_home;        // sources that belong into the tunnel
  std::vector<Prefix> mobile_networks;  // destinations on this side of it
  bool default_route = true;
};

class Routing {
 public:
  // `netlink` has to live longer.
  explicit Routing(Netlink& netlink) : netlink_(netlink) {}
  Routing(const Routing&) = delete;
  Routing& operator=(const Routing&) = delete;
  ~Routing() { remove(); }

  std::expected<void, std::string> install(const RoutingPlan& plan);
  // Another address whose packets take the main table. Doing it twice is no mistake.
  std::expected<void, std::string> allow_care_of(const CareOfAddress& care_of);
  void remove();

 private:
  struct Rule {
    std::uint32_t preference = 0;
    std::uint32_t table = 0;
    std::optional<Prefix> from = std::nullopt;
    std::optional<Prefix> to = std::nullopt;
    std::optional<std::uint32_t> mark = std::nullopt;
    bool without_default_routes = false;
  };

  std::expected<void, std::string> add(const Rule& rule);
  std::expected<void, std::string> check_free(const RoutingPlan& plan);
  std::expected<void, std::string> add_default_route(const RoutingPlan& plan);

  Netlink& netlink_;
  std::uint32_t preference_ = 0;
  std::vector<NetlinkRequest> installed_;
};

}  // namespace anyhome::mobile
