// Readers of option values that only the generator has. The error text is the remedy: it stands
// behind option and value.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "apps/anyhome-pktgen/options.h"

namespace anyhome::pktgen {

inline constexpr double kMaxPps = 1e9;
inline constexpr double kMaxSeconds = 1e6;

std::expected<double, std::string> read_real(const std::string& text, double least, double most);
// Per cent to a share.
std::expected<double, std::string> read_percent(const std::string& text);
std::expected<MacAddress, std::string> read_mac(const std::string& text);
// "PPS,SECONDS", set in `profile`.
std::expected<RateProfile, std::string> read_ramp(const std::string& text, RateProfile profile);
std::expected<Rate, std::string> read_packet_rate(const std::string& text);
std::expected<RequestedTraffic, std::string> read_traffic(const std::string& text);
std::expected<PatternSettings, std::string> read_order(const std::string& text);
std::expected<std::vector<UserPacket>, std::string> read_template_file(const std::string& path);
std::expected<std::vector<std::vector<std::byte>>, std::string> read_pcap_file(
    const std::string& path);

}  // namespace anyhome::pktgen
