#include "apps/anyhome-mn/daemon.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <random>

#include <fmt/format.h>
#include <signal.h>

#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "apps/anyhome-mn/access_link.h"
#include "apps/anyhome-mn/access_socket.h"
#include "apps/anyhome-mn/commander.h"
#include "apps/anyhome-mn/control_server.h"
#include "apps/anyhome-mn/firewall.h"
#include "apps/anyhome-mn/fleet.h"
#include "apps/anyhome-mn/host.h"
#include "apps/anyhome-mn/status.h"

namespace anyhome::mobile {
namespace {

// Packets taken from one socket before the others have their turn.
constexpr int kPacketsPerTurn = 64;
constexpr std::chrono::seconds kDeregisterPatience{3};

Now read_clocks() {
  const auto monotonic = std::chrono::steady_clock::now().time_since_epoch();
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  return {Instant{std::chrono::duration_cast<Duration>(monotonic)},
          WallTime{std::chrono::duration_cast<Duration>(wall)}};
}

// A tunnel packet with extension headers in front (RFC 2473's encapsulation limit, say) is seen by
// the packet socket because of these, and by the raw socket when the kernel has worked through
// them. Behind a type 2 routing header it does not get that far.
bool comes_by_tunnel_socket_too(ByteView packet) {
  const auto received = parse_received(packet);
  return received && received->protocol == wire::protocol::kIpv6 && !received->routing_home;
}

// SIGINT and SIGTERM as a readable descriptor.
FileDescriptor open_signals() {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGINT);
  sigaddset(&wanted, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &wanted, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  return FileDescriptor(::signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC));
}

class Daemon {
 public:
  Daemon(const Options& options, Host& host, ControlServer& control)
      : options_(options),
        host_(host),
        fleet_(options.fleet, std::random_device{}()),
        commander_(options, host, fleet_, control),
        control_(control),
        verbosity_(options.verbosity.value_or(options.fleet.count > 1 ? Verbosity::Quiet
                                                                      : Verbosity::Events)) {}

  int run();

 private:
  void loop(const std::function<bool()>& finished);
  void wait_for_events();
  void from_network(Now now, bool tunnel);
  void from_host(Now now);
  void carry_out();
  void report(const Event& event) const;
  bool watch(int fd);

  const Options& options_;
  Host& host_;
  Fleet fleet_;
  Commander commander_;
  ControlServer& control_;
  Verbosity verbosity_;
  FileDescriptor epoll_;
  FileDescriptor signals_;
  Effects effects_;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(1U << 17U);
  bool signalled_ = false;
};

bool Daemon::watch(int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void Daemon::report(const Event& event) const {
  const bool shown = verbosity_ == Verbosity::Verbose ||
                     (verbosity_ == Verbosity::Events && !is_routine(event.kind));
  if (shown) {
    fmt::print(stderr, "anyhome-mn: {}\n", describe(event));
  }
}

void Daemon::carry_out() {
  for (const Effect& effect : effects_) {
    if (const auto* out = std::get_if<SendToNetwork>(&effect)) {
      host_.send(out->packet);
    } else if (const auto* in = std::get_if<DeliverToHost>(&effect)) {
      host_.deliver(in->packet);
    } else {
      report(std::get<Event>(effect));
    }
  }
  effects_.clear();
}

void Daemon::from_network(Now now, bool tunnel) {
  for (int i = 0; i < kPacketsPerTurn; ++i) {
    const ByteView packet = tunnel ? host_.sockets().receive_tunnel(buffer_)
                                   : host_.sockets().receive_signalling(buffer_);
    if (packet.empty()) {
      return;
    }
    if (tunnel || !comes_by_tunnel_socket_too(packet)) {
      fleet_.on_network_packet(now, packet, effects_);
      carry_out();
    }
  }
}

void Daemon::from_host(Now now) {
  for (int i = 0; i < kPacketsPerTurn; ++i) {
    const ByteView packet = host_.tun().read(buffer_);
    if (packet.empty()) {
      return;
    }
    fleet_.on_host_packet(now, packet, effects_);
    carry_out();
  }
}

void Daemon::wait_for_events() {
  const Now before = read_clocks();
  std::optional<Instant> deadline = fleet_.next_deadline();
  if (const auto other = commander_.next_deadline(); other && (!deadline || *other < *deadline)) {
    deadline = other;
  }
  int timeout = -1;
  if (deadline) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - before.instant);
    timeout = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
  }
  std::array<epoll_event, 8> events{};
  const int count =
      ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout);
  const Now now = read_clocks();
  for (int i = 0; i < count; ++i) {
    const int fd = events[static_cast<std::size_t>(i)].data.fd;
    if (fd == host_.sockets().signalling_fd()) {
      from_network(now, false);
    } else if (fd == host_.sockets().tunnel_fd()) {
      from_network(now, true);
    } else if (fd == host_.tun().fd()) {
      from_host(now);
    } else if (fd == signals_.get()) {
      signalfd_siginfo info{};
      signalled_ = ::read(signals_.get(), &info, sizeof info) > 0 || signalled_;
    } else if (fd == control_.fd()) {
      commander_.take_requests(now, effects_);
    }
  }
}

void Daemon::loop(const std::function<bool()>& finished) {
  while (!finished()) {
    wait_for_events();
    const Now now = read_clocks();
    fleet_.on_timer(now, effects_);
    commander_.on_timer(now, effects_);
    carry_out();
  }
}

int Daemon::run() {
  epoll_ = FileDescriptor(::epoll_create1(EPOLL_CLOEXEC));
  signals_ = open_signals();
  if (!watch(host_.sockets().signalling_fd()) || !watch(host_.sockets().tunnel_fd()) ||
      !watch(host_.tun().fd()) || !watch(signals_.get()) || !watch(control_.fd())) {
    fmt::print(stderr, "anyhome-mn: {}\n", failure("cannot wait for events", errno));
    return 1;
  }
  commander_.start(read_clocks(), effects_);
  carry_out();
  loop([this] { return signalled_ || commander_.stopped() || commander_.start_failed(); });
  if (commander_.start_failed()) {
    fmt::print(stderr, "anyhome-mn: {}\n", commander_.start_error());
    return 1;
  }
  if (options_.deregister_on_stop) {
    fleet_.deregister(read_clocks(), effects_);
    carry_out();
    const Instant end = read_clocks().instant + kDeregisterPatience;
    commander_.set_limit(end);
    loop([this, end] { return fleet_.settled() || read_clocks().instant >= end; });
  }
  fmt::print("{}", summary_line(fleet_, host_.counters_json()));
  commander_.finish();
  return 0;
}

}  // namespace

int run_daemon(const Options& options) {
  auto control = ControlServer::listen(options.socket);
  if (!control) {
    fmt::print(stderr, "anyhome-mn: {}\n", control.error());
    return 1;
  }
  auto host = Host::open(options);
  if (!host) {
    fmt::print(stderr, "anyhome-mn: {}\n", host.error());
    return 1;
  }
  return Daemon(options, **host, *control).run();
}

}  // namespace anyhome::mobile
