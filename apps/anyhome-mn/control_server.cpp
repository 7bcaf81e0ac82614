#include "apps/anyhome-mn/control_server.h"

#include <array>
#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace anyhome::mobile {
namespace {

constexpr std::size_t kMaxClients = 16;
constexpr std::size_t kMaxLine = 512;
constexpr ClientId kListener = 0;

std::optional<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return std::nullopt;
  }
  path.copy(address.sun_path, path.size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return static_cast<const sockaddr*>(static_cast<const void*>(&address));
}

FileDescriptor stream() {
  return FileDescriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

}  // namespace

std::expected<ControlServer, std::string> ControlServer::listen(const std::string& path) {
  const auto address = address_of(path);
  if (!address) {
    return std::unexpected(fmt::format("socket path \"{}\" is empty or too long", path));
  }
  const FileDescriptor probe = stream();
  if (::connect(probe.get(), generic(*address), sizeof *address) == 0) {
    return std::unexpected(
        fmt::format("another anyhome-mn listens on {}: stop it or choose another --socket", path));
  }
  struct stat existing {};
  if (errno == ECONNREFUSED && ::lstat(path.c_str(), &existing) == 0 &&
      S_ISSOCK(existing.st_mode)) {
    ::unlink(path.c_str());
  }
  ControlServer server;
  server.listener_ = stream();
  server.epoll_ = FileDescriptor(::epoll_create1(EPOLL_CLOEXEC));
  const mode_t mask = ::umask(0177);  // for root alone
  const int bound = ::bind(server.listener_.get(), generic(*address), sizeof *address);
  const int error = errno;
  ::umask(mask);
  if (bound != 0) {
    return std::unexpected(failure("cannot listen on " + path, error));
  }
  server.path_ = path;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kListener;
  if (::listen(server.listener_.get(), static_cast<int>(kMaxClients)) != 0 ||
      ::epoll_ctl(server.epoll_.get(), EPOLL_CTL_ADD, server.listener_.get(), &event) != 0) {
    return std::unexpected(failure("cannot listen on " + path, errno));
  }
  return server;
}

ControlServer::~ControlServer() {
  if (listener_.valid() && !path_.empty()) {
    ::unlink(path_.c_str());
  }
}

void ControlServer::watch(const Client& client, ClientId id, bool for_writing) const {
  epoll_event event{};
  // A client that waits for its answer is heard of again only when it goes away.
  const std::uint32_t reading = client.asked ? EPOLLRDHUP : EPOLLIN;
  event.events = for_writing ? reading | EPOLLOUT : reading;
  event.data.u64 = id;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, client.fd.get(), &event) != 0) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, client.fd.get(), &event);
  }
}

void ControlServer::accept_all() {
  for (;;) {
    FileDescriptor fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd.valid()) {
      return;
    }
    if (clients_.size() == kMaxClients) {
      continue;  // closed
    }
    Client& client = clients_[++last_id_];
    client.fd = std::move(fd);
    watch(client, last_id_, false);
  }
}

bool ControlServer::serve(Client& client, ClientId id, std::uint32_t events,
                          std::vector<ControlRequest>& out) {
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
    return false;
  }
  if (client.answered) {
    return flush(client);
  }
  if (client.asked) {
    return (events & EPOLLRDHUP) == 0;
  }
  std::array<char, 256> buffer{};
  const ssize_t size = ::read(client.fd.get(), buffer.data(), buffer.size());
  if (size <= 0) {
    return size < 0 && errno == EAGAIN;
  }
  client.input.append(buffer.data(), static_cast<std::size_t>(size));
  const std::size_t end = client.input.find('\n');
  if (end == std::string::npos) {
    return client.input.size() <= kMaxLine;
  }
  client.asked = true;
  watch(client, id, false);
  out.push_back({id, client.input.substr(0, end)});
  return true;
}

// False when there is no more to write, or nobody to write to.
bool ControlServer::flush(Client& client) {
  while (client.written < client.output.size()) {
    const ssize_t size = ::send(client.fd.get(), client.output.data() + client.written,
                                client.output.size() - client.written, MSG_NOSIGNAL);
    if (size < 0) {
      return errno == EAGAIN;
    }
    client.written += static_cast<std::size_t>(size);
  }
  return false;
}

std::vector<ControlRequest> ControlServer::poll() {
  std::vector<ControlRequest> requests;
  std::array<epoll_event, kMaxClients + 1> events{};
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    const ClientId id = event.data.u64;
    if (id == kListener) {
      accept_all();
      continue;
    }
    const auto found = clients_.find(id);
    if (found != clients_.end() && !serve(found->second, id, event.events, requests)) {
      clients_.erase(found);
    }
  }
  return requests;
}

void ControlServer::answer(ClientId id, std::string text) {
  const auto found = clients_.find(id);
  if (found == clients_.end()) {
    return;
  }
  Client& client = found->second;
  client.output = std::move(text);
  client.answered = true;
  if (flush(client)) {
    watch(client, id, true);
  } else {
    clients_.erase(found);
  }
}

}  // namespace anyhome::mobile
