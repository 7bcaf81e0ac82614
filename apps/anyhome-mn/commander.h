// Carries out the commands of the control socket, and the first attachment: some need time, because
// an interface has to get an address or because the client wants to hear the outcome.
#pragma once

#include <list>
#include <optional>
#include <string>

#include "apps/anyhome-mn/control.h"
#include "apps/anyhome-mn/control_server.h"
#include "apps/anyhome-mn/effects.h"
#include "apps/anyhome-mn/fleet.h"
#include "apps/anyhome-mn/host.h"
#include "apps/anyhome-mn/options.h"
#include "common/time.h"

namespace anyhome::mobile {

class Commander {
 public:
  Commander(const Options& options, Host& host, Fleet& fleet, ControlServer& control)
      : options_(options), host_(host), fleet_(fleet), control_(control) {}

  // The attachment of --access.
  void start(Now now, Effects& effects);
  [[nodiscard]] bool start_failed() const { return !start_error_.empty(); }
  [[nodiscard]] const std::string& start_error() const { return start_error_; }

  void take_requests(Now now, Effects& effects);
  void on_timer(Now now, Effects& effects);
  [[nodiscard]] std::optional<Instant> next_deadline() const;
  // Wakes up then, whatever else.
  void set_limit(Instant limit) { limit_ = limit; }

  [[nodiscard]] bool stopped() const { return stopped_; }
  // Answers everybody who still waits.
  void finish();

 private:
  // An attachment that waits for an address.
  struct Move {
    std::optional<ClientId> client;  // nullopt: the first one
    std::string where;
    Instant deadline;
    Instant next_look;
    std::optional<std::chrono::milliseconds> wait;
  };
  // A client that waits for the outcome.
  struct Waiter {
    ClientId client;
    State wanted;
    Instant deadline;
  };

  void take(Now now, const ControlRequest& request, Effects& effects);
  void look(Now now, Effects& effects);
  void failed(const Move& move, const std::string& reason);
  void done_or_wait(Now now, ClientId client, std::optional<std::chrono::milliseconds> wait,
                    State wanted);
  void settle_waiters(Now now);
  [[nodiscard]] std::string unfinished() const;
  [[nodiscard]] std::string status(Now now, bool summary_only) const;
  void succeed(ClientId client, std::string body = {});
  void refuse(ClientId client, const std::string& reason);

  const Options& options_;
  Host& host_;
  Fleet& fleet_;
  ControlServer& control_;
  std::optional<Move> move_;
  std::list<Waiter> waiters_;
  Instant next_settle_;
  std::optional<ClientId> stopper_;
  std::optional<Instant> limit_;
  std::string start_error_;
  bool stopped_ = false;
};

}  // namespace anyhome::mobile
