#include "apps/anyhome-mn/routing.h"

#include <cerrno>

#include <fmt/format.h>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

namespace anyhome::mobile {
namespace {

// rtm_protocol and rule protocol of what we put in; anyhomed's is 250.
constexpr std::uint8_t kProtocol = 251;

}  // namespace

std::expected<void, std::string> Routing::add(const Rule& rule) {
  NetlinkRequest request(RTM_NEWRULE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
  fib_rule_hdr header{};
  header.family = AF_INET6;
  header.action = FR_ACT_TO_TBL;
  header.table = rule.table < 256 ? static_cast<std::uint8_t>(rule.table)
                                  : static_cast<std::uint8_t>(RT_TABLE_UNSPEC);
  header.src_len = rule.from ? static_cast<std::uint8_t>(rule.from->length()) : std::uint8_t{0};
  header.dst_len = rule.to ? static_cast<std::uint8_t>(rule.to->length()) : std::uint8_t{0};
  request.header(header);
  if (rule.from) {
    request.attribute(FRA_SRC, rule.from->address());
  }
  if (rule.to) {
    request.attribute(FRA_DST, rule.to->address());
  }
  if (rule.mark) {
    request.attribute_u32(FRA_FWMARK, *rule.mark);
  }
  request.attribute_u32(FRA_PRIORITY, rule.preference);
  request.attribute_u32(FRA_TABLE, rule.table);
  if (rule.without_default_routes) {
    request.attribute_u32(FRA_SUPPRESS_PREFIXLEN, 0);
  }
  request.attribute_u8(FRA_PROTOCOL, kProtocol);
  const int error = netlink_.change(request);
  // A process that was killed leaves its rules behind; the same rule is as good, and is removed.
  if (error != 0 && error != EEXIST) {
    return std::unexpected(failure(
        fmt::format("cannot add a routing rule with preference {}", rule.preference), error));
  }
  installed_.push_back(std::move(request));
  return {};
}

// Somebody else's route in our table would carry our traffic away.
std::expected<void, std::string> Routing::check_free(const RoutingPlan& plan) {
  bool taken = false;
  NetlinkRequest request(RTM_GETROUTE, NLM_F_DUMP);
  rtmsg header{};
  header.rtm_family = AF_INET6;
  request.header(header);
  const int error = netlink_.dump(std::move(request), [&](ByteView message) {
    for_each_attribute(message, sizeof(rtmsg), [&](std::uint16_t type, ByteView data) {
      std::uint32_t table = 0;
      if (type == RTA_TABLE && data.size() == sizeof table) {
        std::memcpy(&table, data.data(), sizeof table);
        taken = taken || table == plan.table;
      }
    });
  });
  if (error != 0) {
    return std::unexpected(failure("cannot read the routes", error));
  }
  if (taken) {
    return std::unexpected(fmt::format(
        "routing table {} is in use, by another anyhome-mn? Choose another --table", plan.table));
  }
  return {};
}

std::expected<void, std::string> Routing::add_default_route(const RoutingPlan& plan) {
  NetlinkRequest request(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
  rtmsg header{};
  header.rtm_family = AF_INET6;
  header.rtm_table = RT_TABLE_UNSPEC;
  header.rtm_protocol = kProtocol;
  header.rtm_scope = RT_SCOPE_UNIVERSE;
  header.rtm_type = RTN_UNICAST;
  request.header(header);
  request.attribute_u32(RTA_TABLE, plan.table);
  request.attribute_u32(RTA_OIF, plan.tun_index);
  request.attribute(RTA_PREFSRC, plan.home_address.address());
  if (const int error = netlink_.change(std::move(request)); error != 0) {
    return std::unexpected(
        failure(fmt::format("cannot add the default route of table {}", plan.table), error));
  }
  return {};
}

std::expected<void, std::string> Routing::install(const RoutingPlan& plan) {
  if (auto result = check_free(plan); !result) {
    return result;
  }
  if (auto result = add_default_route(plan); !result) {
    return result;
  }
  preference_ = plan.table;
  std::vector<Rule> rules;
  rules.push_back({.preference = preference_, .table = RT_TABLE_MAIN, .mark = plan.table});
  for (const Prefix& prefix : plan.mobile_networks) {
    rules.push_back({.preference = preference_ + 1, .table = RT_TABLE_MAIN, .to = prefix});
  }
  for (const Prefix& prefix : plan.from_home) {
    rules.push_back({.preference = preference_ + 2, .table = plan.table, .from = prefix});
  }
  if (plan.default_route) {
    rules.push_back(
        {.preference = preference_ + 3, .table = RT_TABLE_MAIN, .without_default_routes = true});
    rules.push_back({.preference = preference_ + 4, .table = plan.table});
  }
  for (const Rule& rule : rules) {
    if (auto result = add(rule); !result) {
      return result;
    }
  }
  return {};
}

std::expected<void, std::string> Routing::allow_care_of(const CareOfAddress& care_of) {
  return add({.preference = preference_,
              .table = RT_TABLE_MAIN,
              .from = Prefix(care_of.address(), Prefix::kMaxLength)});
}

void Routing::remove() {
  // The last first, so that no program is left with half of them. The route goes with the device.
  for (; !installed_.empty(); installed_.pop_back()) {
    (void)netlink_.change(installed_.back().as(RTM_DELRULE, NLM_F_ACK));
  }
}

}  // namespace anyhome::mobile
