#include "apps/anyhomectl/telemetry_client.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

namespace anyhome::ctl {
namespace {

using Json = nlohmann::ordered_json;

// Longer than the daemon lets a question wait.
constexpr timeval kTimeout{5, 0};

bool is_row(const std::string& key) {
  return !key.empty() && key.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace

std::string socket_path(const std::string& file_prefix) {
  // As DPDK finds its run-time directory (eal_create_runtime_dir); systemd sets the first one.
  std::string base = "/var/run";
  if (const char* given = std::getenv("RUNTIME_DIRECTORY"); given != nullptr) {
    base = given;
  } else if (geteuid() != 0) {
    const char* xdg = std::getenv("XDG_RUNTIME_DIR");
    base = xdg != nullptr ? xdg : "/tmp";
  }
  return fmt::format("{}/dpdk/{}/dpdk_telemetry.v2", base, file_prefix);
}

std::expected<TelemetryClient, std::string> TelemetryClient::connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return std::unexpected(fmt::format("the path {} is too long for a socket", path));
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  TelemetryClient client(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  setsockopt(client.socket_, SOL_SOCKET, SO_RCVTIMEO, &kTimeout, sizeof kTimeout);
  setsockopt(client.socket_, SOL_SOCKET, SO_SNDTIMEO, &kTimeout, sizeof kTimeout);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): what the socket API wants
  if (::connect(client.socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    if (error == EACCES || error == EPERM) {
      return std::unexpected(fmt::format("no access to {}: run anyhomectl as root", path));
    }
    return std::unexpected(
        fmt::format("no anyhomed answers at {} ({}); is it running, and with this --file-prefix?",
                    path, std::strerror(error)));
  }
  std::vector<char> hello(1024);
  const ssize_t size = recv(client.socket_, hello.data(), hello.size(), 0);
  if (size == 0) {
    return std::unexpected("anyhomed is busy: ten clients are connected already; try again");
  }
  const Json info =
      size < 0 ? Json() : Json::parse(hello.begin(), hello.begin() + size, nullptr, false);
  if (!info.is_object()) {
    return std::unexpected(fmt::format("what answers at {} is no DPDK program", path));
  }
  client.max_reply_ = info.value("max_output_len", client.max_reply_);
  return client;
}

TelemetryClient::TelemetryClient(TelemetryClient&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), max_reply_(other.max_reply_) {}

TelemetryClient::~TelemetryClient() {
  if (socket_ >= 0) {
    close(socket_);
  }
}

std::expected<Json, std::string> TelemetryClient::ask(const std::string& command,
                                                      const std::string& parameters) {
  const std::string path = "/anyhome/" + command;
  const std::string question = parameters.empty() ? path : path + "," + parameters;
  if (send(socket_, question.data(), question.size(), MSG_NOSIGNAL) < 0) {
    return std::unexpected("anyhomed has gone away");
  }
  std::vector<char> buffer(max_reply_ + 1024);
  const ssize_t size = recv(socket_, buffer.data(), buffer.size(), 0);
  if (size <= 0) {
    return std::unexpected(size == 0 ? "anyhomed has gone away"
                                     : "anyhomed does not answer; its control thread may be stuck");
  }
  Json document = Json::parse(buffer.begin(), buffer.begin() + size, nullptr, false);
  if (!document.is_object() || !document.contains(path)) {
    return std::unexpected("anyhomed answered something that is not what was asked");
  }
  Json answer = document[path];
  if (answer.is_null()) {
    return std::unexpected(fmt::format(
        "the daemon does not know {}: it is still starting, or no anyhomed of this version", path));
  }
  if (answer.contains("error")) {
    return std::unexpected(answer["error"].get<std::string>());
  }
  return answer;
}

std::expected<Json, std::string> TelemetryClient::ask_all(
    const std::string& command, const std::string& parameters,
    const std::function<bool(const Json&)>& take) {
  Json fields = Json::object();
  std::string cursor;
  for (bool first = true;; first = false) {
    std::string asked = parameters;
    if (!cursor.empty()) {
      asked += (asked.empty() ? "cursor=" : ",cursor=") + cursor;
    }
    const auto answer = ask(command, asked);
    if (!answer) {
      return answer;
    }
    cursor.clear();
    for (const auto& [key, value] : answer->items()) {
      if (key == "next") {
        cursor = std::to_string(value.get<std::uint64_t>());
      } else if (!is_row(key)) {
        if (first) {
          fields[key] = value;
        }
      } else if (!take(value)) {
        return fields;
      }
    }
    if (cursor.empty()) {
      return fields;
    }
  }
}

}  // namespace anyhome::ctl
