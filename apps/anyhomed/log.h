// Log lines for operators, through DPDK's log: one line an event, "what key=value key=value".
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <rte_log.h>

namespace anyhome::log {

// Registers our log type; lines before that go out as DPDK's "user1".
void open();
// One of error, warning, notice, info, debug.
void set_level(std::string_view level);
// What is written instead of DPDK's stream while nothing has been configured: plain standard error.
void write(unsigned level, const std::string& line);

template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(RTE_LOG_ERR, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(RTE_LOG_WARNING, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void notice(fmt::format_string<Args...> format, Args&&... args) {
  write(RTE_LOG_NOTICE, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(RTE_LOG_INFO, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  write(RTE_LOG_DEBUG, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace anyhome::log
