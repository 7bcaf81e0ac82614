#include "apps/anyhome-pktgen/values.h"

#include <charconv>
#include <cmath>
#include <fstream>
#include <span>
#include <sstream>

#include <fmt/format.h>

#include "apps/anyhome-mn/option_values.h"
#include "apps/anyhome-pktgen/pcap_file.h"

namespace anyhome::pktgen {
namespace {

using mobile::read_number;

bool parse_real(std::string_view text, double& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && std::isfinite(number);
}

}  // namespace

std::expected<double, std::string> read_real(const std::string& text, double least, double most) {
  double number = 0;
  if (!parse_real(text, number) || number < least || number > most) {
    return std::unexpected(fmt::format("give a number from {} to {}", least, most));
  }
  return number;
}

std::expected<double, std::string> read_percent(const std::string& text) {
  auto percent = read_real(text, 0, 100);
  if (percent) {
    *percent /= 100;
  }
  return percent;
}

std::expected<MacAddress, std::string> read_mac(const std::string& text) {
  MacAddress mac{};
  for (std::size_t i = 0; i < mac.size(); ++i) {
    const char* at = text.data() + 3 * i;
    if (text.size() != 17 || (i != 0 && at[-1] != ':') ||
        std::from_chars(at, at + 2, mac[i], 16).ptr != at + 2) {
      return std::unexpected(std::string("give six octets as in 02:00:00:00:00:01"));
    }
  }
  return mac;
}

std::expected<RateProfile, std::string> read_ramp(const std::string& text, RateProfile profile) {
  const std::size_t comma = text.find(',');
  double seconds = 0;
  if (comma == std::string::npos ||
      !parse_real(std::string_view(text).substr(0, comma), profile.ramp_from_pps) ||
      !parse_real(std::string_view(text).substr(comma + 1), seconds) || profile.ramp_from_pps < 0 ||
      seconds <= 0 || seconds > kMaxSeconds) {
    return std::unexpected(std::string("give packets per second to start from, and seconds"));
  }
  profile.ramp = std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
  return profile;
}

std::expected<Rate, std::string> read_packet_rate(const std::string& text) {
  Rate rate;
  if (text == "max") {
    return rate;
  }
  const bool percent = text.ends_with('%');
  rate.unit = percent ? Rate::Unit::PercentOfLink : Rate::Unit::PacketsPerSecond;
  if (!parse_real(std::string_view(text).substr(0, text.size() - (percent ? 1 : 0)), rate.value) ||
      rate.value <= 0 || rate.value > (percent ? 100 : kMaxPps)) {
    return std::unexpected(fmt::format(
        "give packets per second up to {}, a share of the link as in 10%, or max", kMaxPps));
  }
  return rate;
}

std::expected<RequestedTraffic, std::string> read_traffic(const std::string& text) {
  RequestedTraffic traffic;
  const std::size_t at = text.find('@');
  const std::string front = text.substr(0, at);
  if (at != std::string::npos) {
    traffic.port = text.substr(at + 1);
  }
  const std::size_t equals = front.find('=');
  const auto kind = find_kind(front.substr(0, equals));
  bool good = kind.has_value() && (at == std::string::npos || !traffic.port.empty());
  if (equals != std::string::npos) {
    const auto weight = read_number<std::uint32_t>(front.substr(equals + 1), 1, 1'000'000);
    good = good && weight;
    traffic.weight = weight.value_or(1);
  }
  if (!good) {
    std::string names;
    for (const KindRow& row : kKinds) {
      names += fmt::format("{}{}", names.empty() ? "" : ", ", row.name);
    }
    return std::unexpected(
        fmt::format("give KIND, KIND=WEIGHT or KIND=WEIGHT@DEVICE; kinds are {}", names));
  }
  traffic.kind = *kind;
  return traffic;
}

std::expected<PatternSettings, std::string> read_order(const std::string& text) {
  if (text == "sequential") {
    return PatternSettings{Order::Sequential, 1};
  }
  if (text == "uniform") {
    return PatternSettings{Order::Uniform, 1};
  }
  double exponent = 1;
  if (text == "zipf" ||
      (text.starts_with("zipf=") && parse_real(std::string_view(text).substr(5), exponent) &&
       exponent > 0 && exponent <= 10)) {
    return PatternSettings{Order::Zipf, exponent};
  }
  return std::unexpected(
      std::string("give sequential, uniform, zipf, or zipf=EXPONENT above 0 and up to 10"));
}
std::expected<std::vector<std::vector<std::byte>>, std::string> read_pcap_file(
    const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  if (!file) {
    return std::unexpected(std::string("cannot be read; give a file"));
  }
  const std::string text = content.str();
  return read_pcap(std::as_bytes(std::span(text)), kMaxFrame - kFcs);
}

std::expected<std::vector<UserPacket>, std::string> read_template_file(const std::string& path) {
  const auto frames = read_pcap_file(path);
  return frames ? template_packets(*frames) : std::unexpected(frames.error());
}

}  // namespace anyhome::pktgen
