// A client of DPDK's telemetry socket (version 2): a line of text in, a JSON document out.
#pragma once

#include <expected>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

namespace anyhome::ctl {

class TelemetryClient {
 public:
  // The error says why there is no daemon, in an operator's words.
  static std::expected<TelemetryClient, std::string> connect(const std::string& path);
  TelemetryClient(TelemetryClient&& other) noexcept;
  TelemetryClient& operator=(TelemetryClient&&) = delete;
  ~TelemetryClient();

  // Asks one question; `parameters` may be empty. An error of the daemon's is an error here.
  std::expected<nlohmann::ordered_json, std::string> ask(const std::string& command,
                                                         const std::string& parameters);

  // Asks page after page and hands each row to `take` until there are no more, or `take` says no.
  // Returns the fields of the first page that are no rows.
  std::expected<nlohmann::ordered_json, std::string> ask_all(
      const std::string& command, const std::string& parameters,
      const std::function<bool(const nlohmann::ordered_json&)>& take);

 private:
  explicit TelemetryClient(int socket) : socket_(socket) {}

  int socket_;
  std::size_t max_reply_ = 16384;
};

// Where the socket of a daemon with this --file-prefix is.
std::string socket_path(const std::string& file_prefix);

}  // namespace anyhome::ctl
