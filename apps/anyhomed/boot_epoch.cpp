#include "apps/anyhomed/boot_epoch.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "apps/anyhomed/log.h"

namespace anyhome {

std::uint32_t next_boot_epoch(const std::string& file, WallTime now) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  std::uint32_t epoch = static_cast<std::uint32_t>(std::max<std::int64_t>(seconds, 1));
  std::uint32_t last = 0;
  if (std::ifstream in(file); in >> last) {
    epoch = std::max(epoch, last + 1);
  }
  std::error_code failed;
  std::filesystem::create_directories(std::filesystem::path(file).parent_path(), failed);
  const std::string fresh = file + ".new";
  {
    std::ofstream out(fresh, std::ios::trunc);
    out << epoch << '\n';
  }
  std::filesystem::rename(fresh, file, failed);
  if (failed) {
    log::warning(
        "state-file {} cannot be written ({}): should the clock be set back before the next "
        "start, peers will not know this home agent again",
        file, failed.message());
  }
  return epoch;
}

}  // namespace anyhome
