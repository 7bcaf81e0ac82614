#include "apps/anyhome-pktgen/frame_sizes.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace anyhome::pktgen {
namespace {

template <class T>
bool read(std::string_view text, T least, T most, T& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && number >= least &&
         number <= most;
}

}  // namespace

FrameSizes::FrameSizes(std::vector<WeightedSize> sizes, std::string name)
    : sizes_(std::move(sizes)), name_(std::move(name)) {
  for (const WeightedSize& size : sizes_) {
    total_ += size.weight;
  }
}

std::expected<FrameSizes, std::string> FrameSizes::parse(std::string_view text) {
  if (text == "imix") {
    // CSIT's IMIX_v4_1 is 28 x 64, 16 x 570, 4 x 1518; of IPv6 the smallest is 78.
    return FrameSizes({{kMinFrame, 28}, {570, 16}, {1518, 4}}, "imix");
  }
  std::vector<WeightedSize> sizes;
  std::string_view rest = text;
  while (true) {
    const std::string_view part = rest.substr(0, rest.find(','));
    const std::size_t equals = part.find('=');
    WeightedSize size;
    if (!read(part.substr(0, equals), kMinFrame, kMaxFrame, size.bytes) ||
        (equals != std::string_view::npos &&
         !read<std::uint32_t>(part.substr(equals + 1), 1, 1'000'000, size.weight))) {
      return std::unexpected(
          fmt::format("give a size from {} to {}, sizes with weights as in "
                      "78=7,570=4,1518=1, or imix",
                      kMinFrame, kMaxFrame));
    }
    sizes.push_back(size);
    if (part.size() == rest.size()) {
      return FrameSizes(std::move(sizes), std::string(text));
    }
    rest.remove_prefix(part.size() + 1);
  }
}

std::uint16_t FrameSizes::largest() const {
  return std::ranges::max_element(sizes_, {}, &WeightedSize::bytes)->bytes;
}

double FrameSizes::mean() const {
  double sum = 0;
  for (const WeightedSize& size : sizes_) {
    sum += static_cast<double>(size.bytes) * size.weight;
  }
  return sum / static_cast<double>(total_);
}

}  // namespace anyhome::pktgen
