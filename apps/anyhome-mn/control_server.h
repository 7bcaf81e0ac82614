// The server's end of the control socket: accepts, collects one line per client, sends what it is
// given without ever blocking the program.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "apps/anyhome-mn/file_descriptor.h"

namespace anyhome::mobile {

using ClientId = std::uint64_t;

struct ControlRequest {
  ClientId client = 0;
  std::string line;
};

class ControlServer {
 public:
  // Removes a socket that nobody listens on any more; refuses one that is in use.
  static std::expected<ControlServer, std::string> listen(const std::string& path);

  ControlServer(ControlServer&& other) noexcept = default;
  ControlServer& operator=(ControlServer&&) = delete;
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;
  ~ControlServer();

  // Readable when there is work for `poll`.
  [[nodiscard]] int fd() const { return epoll_.get(); }
  // Accepts, reads and writes what is possible now; returns the requests that are complete.
  std::vector<ControlRequest> poll();
  // The answer, after which the client is closed. Does nothing for a client that is gone.
  void answer(ClientId client, std::string text);

 private:
  struct Client {
    FileDescriptor fd;
    std::string input;
    std::string output;
    std::size_t written = 0;
    bool asked = false;     // its line is complete
    bool answered = false;  // close when all is written
  };

  ControlServer() = default;
  void accept_all();
  // False when the client is to be removed.
  bool serve(Client& client, ClientId id, std::uint32_t events, std::vector<ControlRequest>& out);
  static bool flush(Client& client);
  void watch(const Client& client, ClientId id, bool for_writing) const;

  std::string path_;
  FileDescriptor listener_;
  FileDescriptor epoll_;
  std::map<ClientId, Client> clients_;
  ClientId last_id_ = 0;
};

}  // namespace anyhome::mobile
