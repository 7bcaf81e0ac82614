// The options of the global home agent set.
#include "common/config/option_row.h"

namespace anyhome::config {
namespace {

using namespace row;

constexpr View kSet = "Global home agent set";

Result set_seconds(std::chrono::seconds& target, View value, std::int64_t least,
                   std::int64_t most) {
  return assign(target, parse_number<std::int64_t>(value, least, most));
}
std::string show_seconds(std::chrono::seconds value) { return std::to_string(value.count()); }

// c is the configuration, i the section's instance, v the value.
const Option kOptions[] = {
    {kSet, "group-id", "NUMBER", "names the set; the same at all its home agents", false,
     [](Config& c, View, View v) -> Result {
       const auto parsed = parse_number<std::uint8_t>(v);
       if (!parsed) {
         return std::unexpected(parsed.error());
       }
       c.home_agent.haha.group_id = *parsed;
       return {};
     },
     [](const Config& c, View) {
       const auto& group = c.home_agent.haha.group_id;
       return group ? std::to_string(*group) : std::string();
     }},
    {kSet, "peer.*.home-agent-address", "ADDRESS",
     "what mobile nodes of the other home agent register with", false,
     [](Config& c, View i, View v) {
       return assign(named(c.home_agent.haha.peers, i).address, parse_address(v));
     },
     [](const Config& c, View i) {
       return existing(c.home_agent.haha.peers, i).address.to_string();
     }},
    {kSet, "peer.*.locator", "ADDRESS", "provider's address of the other home agent", false,
     [](Config& c, View i, View v) {
       return assign(named(c.home_agent.haha.peers, i).locator, parse_address(v));
     },
     [](const Config& c, View i) {
       return existing(c.home_agent.haha.peers, i).locator.to_string();
     }},
    {kSet, "peer.*.nemo", "yes|no", "the other home agent serves mobile routers", false,
     [](Config& c, View i, View v) {
       return assign(named(c.home_agent.haha.peers, i).nemo, parse_bool(v));
     },
     [](const Config& c, View i) { return show_bool(existing(c.home_agent.haha.peers, i).nemo); }},
    {kSet, "link-is-secure", "yes|no",
     "HAHA links are protected by other means than ESP of ours; has to be said", false,
     [](Config& c, View, View v) {
       return assign(c.home_agent.haha.link_is_secure, parse_bool(v));
     },
     [](const Config& c, View) { return show_bool(c.home_agent.haha.link_is_secure); }},
    {kSet, "set-key", "HEX", "secret of the set, for its digests; the same at all home agents",
     false, [](Config& c, View, View v) { return assign(c.home_agent.haha.set_key, parse_key(v)); },
     [](const Config& c, View) -> std::string {
       return c.home_agent.haha.set_key.empty() ? "" : "(not shown)";
     }},
    // R13.
    {kSet, "hello-interval", "SECONDS", "between two HA-HELLOs to a peer", false,
     [](Config& c, View, View v) {
       return set_seconds(c.home_agent.haha.hello_interval, v, 1, 3600);
     },
     [](const Config& c, View) { return show_seconds(c.home_agent.haha.hello_interval); }},
    {kSet, "hello-lifetime", "SECONDS", "without a HELLO for this long, a peer is down", false,
     [](Config& c, View, View v) {
       return set_seconds(c.home_agent.haha.hello_lifetime, v, 1, 3600);
     },
     [](const Config& c, View) { return show_seconds(c.home_agent.haha.hello_lifetime); }},
    {kSet, "boot-wait", "SECONDS", "how long a silent peer can keep this one from serving", false,
     [](Config& c, View, View v) { return set_seconds(c.home_agent.haha.boot_wait, v, 0, 3600); },
     [](const Config& c, View) { return show_seconds(c.home_agent.haha.boot_wait); }},
    {kSet, "min-links", "NUMBER",
     "HAHA links that have to be up before serving; by default 1 with peers", false,
     [](Config& c, View, View v) -> Result {
       const auto parsed = parse_number<unsigned>(v, 0, 255);
       if (!parsed) {
         return std::unexpected(parsed.error());
       }
       c.home_agent.haha.min_links = *parsed;
       return {};
     },
     [](const Config& c, View) {
       const auto& links = c.home_agent.haha.min_links;
       return links ? std::to_string(*links) : std::string();
     }},
    {kSet, "withdraw-when-isolated", "yes|no",
     "stop serving when no peer answers; otherwise this may be the last one, and serves on", false,
     [](Config& c, View, View v) {
       return assign(c.home_agent.haha.withdraw_when_isolated, parse_bool(v));
     },
     [](const Config& c, View) { return show_bool(c.home_agent.haha.withdraw_when_isolated); }},
    {kSet, "answer-strangers", "yes|no",
     "answer State Synchronization of non-members by status 130, at a low rate", false,
     [](Config& c, View, View v) {
       return assign(c.home_agent.haha.answer_strangers, parse_bool(v));
     },
     [](const Config& c, View) { return show_bool(c.home_agent.haha.answer_strangers); }},
    {kSet, "share-care-of-address", "yes|no",
     "peers are told care-of addresses; they need them when this home agent dies", false,
     [](Config& c, View, View v) {
       return assign(c.home_agent.haha.share_care_of_address, parse_bool(v));
     },
     [](const Config& c, View) { return show_bool(c.home_agent.haha.share_care_of_address); }},
    {kSet, "tombstone-time", "SECONDS", "how long a removed binding is remembered", false,
     [](Config& c, View, View v) {
       return set_seconds(c.home_agent.haha.tombstone_time, v, 10, 86400);
     },
     [](const Config& c, View) { return show_seconds(c.home_agent.haha.tombstone_time); }},
    {kSet, "max-outstanding", "NUMBER", "unacknowledged synchronization messages to one peer",
     false,
     [](Config& c, View, View v) {
       return assign(c.home_agent.haha.max_outstanding, parse_number<std::uint16_t>(v, 1, 16384));
     },
     [](const Config& c, View) { return std::to_string(c.home_agent.haha.max_outstanding); }},
    {kSet, "link-mtu", "BYTES", "path MTU between the locators", false,
     [](Config& c, View, View v) {
       return assign(c.home_agent.haha.link_mtu, parse_number<std::uint16_t>(v, 1280, 9600));
     },
     [](const Config& c, View) { return std::to_string(c.home_agent.haha.link_mtu); }},
    {kSet, "switch-rate", "NUMBER", "mobile nodes asked to change to one home agent per second",
     false,
     [](Config& c, View, View v) {
       return assign(c.home_agent.haha.switch_rate, parse_number<unsigned>(v, 1, 1'000'000));
     },
     [](const Config& c, View) { return std::to_string(c.home_agent.haha.switch_rate); }},
    {kSet, "switch-advice", "SECONDS",
     "how long a mobile node that is asked to change may take before its binding is dropped", false,
     [](Config& c, View, View v) {
       return set_seconds(c.home_agent.haha.switch_advice, v, 4, 3600);
     },
     [](const Config& c, View) { return show_seconds(c.home_agent.haha.switch_advice); }},
    {kSet, "switch-dwell", "SECONDS",
     "a new primary keeps a mobile node for this long; doubled with each return", false,
     [](Config& c, View, View v) {
       return set_seconds(c.home_agent.haha.switch_dwell, v, 0, 3600);
     },
     [](const Config& c, View) { return show_seconds(c.home_agent.haha.switch_dwell); }},
    {kSet, "switch-dwell-max", "SECONDS", "most that doubling makes of it", false,
     [](Config& c, View, View v) {
       return set_seconds(c.home_agent.haha.switch_dwell_max, v, 0, 86400);
     },
     [](const Config& c, View) { return show_seconds(c.home_agent.haha.switch_dwell_max); }},
    {kSet, "strict-switch", "yes|no",
     "refuse by status 129 a mobile node that stays although it was asked to change", false,
     [](Config& c, View, View v) { return assign(c.home_agent.haha.strict_switch, parse_bool(v)); },
     [](const Config& c, View) { return show_bool(c.home_agent.haha.strict_switch); }},
};

}  // namespace

std::span<const Option> haha_options() { return kOptions; }

}  // namespace anyhome::config
