#include "apps/anyhomed/log.h"

#include <array>

namespace anyhome::log {
namespace {

int log_type = RTE_LOGTYPE_USER1;

constexpr std::string_view word(unsigned level) {
  switch (level) {
    case RTE_LOG_ERR:
      return "error: ";
    case RTE_LOG_WARNING:
      return "warning: ";
    default:
      return "";
  }
}

}  // namespace

void open() {
  const int registered = rte_log_register("anyhome");
  if (registered >= 0) {
    log_type = registered;
  }
}

void set_level(std::string_view level) {
  struct Row {
    std::string_view name;
    unsigned level;
  };
  constexpr std::array kRows = {Row{"error", RTE_LOG_ERR}, Row{"warning", RTE_LOG_WARNING},
                                Row{"notice", RTE_LOG_NOTICE}, Row{"info", RTE_LOG_INFO},
                                Row{"debug", RTE_LOG_DEBUG}};
  for (const Row& row : kRows) {
    if (row.name == level) {
      rte_log_set_level(static_cast<unsigned>(log_type), row.level);
    }
  }
}

void write(unsigned level, const std::string& line) {
  rte_log(level, static_cast<unsigned>(log_type), "anyhome: %s%s\n", word(level).data(),
          line.c_str());
}

}  // namespace anyhome::log
