#include "apps/anyhome-mn/commander.h"

#include <algorithm>

#include <fmt/format.h>

#include "apps/anyhome-mn/status.h"

namespace anyhome::mobile {
namespace {

// How often an interface is looked at that has no address yet.
constexpr std::chrono::milliseconds kLookInterval{50};
// How often the nodes are asked whether they are where a client wants them, and the time that
// asking one of very many may take.
constexpr std::chrono::milliseconds kSettleInterval{10};
constexpr std::chrono::microseconds kSettleTimePerNode{1};

}  // namespace

void Commander::succeed(ClientId client, std::string body) {
  control_.answer(client, std::move(body) + std::string(kOk) + "\n");
}

void Commander::refuse(ClientId client, const std::string& reason) {
  control_.answer(client, std::string(kErrorPrefix) + reason + "\n");
}

void Commander::start(Now now, Effects& effects) {
  move_ = Move{std::nullopt, options_.access, now.instant + options_.address_wait, now.instant,
               std::nullopt};
  look(now, effects);
}

void Commander::take_requests(Now now, Effects& effects) {
  for (const ControlRequest& request : control_.poll()) {
    take(now, request, effects);
  }
}

void Commander::take(Now now, const ControlRequest& request, Effects& effects) {
  const auto command = parse_command(request.line);
  if (!command) {
    refuse(request.client, command.error());
    return;
  }
  const bool attached = fleet_.nodes().front().care_of().has_value();
  switch (command->verb) {
    case Verb::Status:
      succeed(request.client, status(now, command->argument == "summary"));
      break;
    case Verb::Stop:
      stopper_ = request.client;
      stopped_ = true;
      break;
    case Verb::Move:
      if (move_) {
        failed(*move_, "another move took its place");
      }
      move_ = Move{request.client, command->argument, now.instant + options_.address_wait,
                   now.instant, command->wait};
      look(now, effects);
      break;
    case Verb::Home:
      fleet_.deregister(now, effects);
      done_or_wait(now, request.client, command->wait, State::Home);
      break;
    case Verb::Register:
      if (!attached) {
        refuse(request.client, "there is no care-of address yet: move first");
        break;
      }
      fleet_.register_now(now, effects);
      done_or_wait(now, request.client, command->wait, State::Registered);
      break;
  }
}

void Commander::failed(const Move& move, const std::string& reason) {
  const std::string text = fmt::format("cannot move to {}: {}", move.where, reason);
  if (move.client) {
    refuse(*move.client, text);
  } else {
    start_error_ = text;
  }
}

// Attaches when it is possible now, gives up when it is too late.
void Commander::look(Now now, Effects& effects) {
  if (!move_ || move_->next_look > now.instant) {
    return;
  }
  const auto attachment = host_.find(move_->where);
  if (!attachment) {
    if (now.instant < move_->deadline) {
      move_->next_look = now.instant + kLookInterval;
      return;
    }
    const Move move = *std::exchange(move_, std::nullopt);
    failed(move, std::string(to_string(attachment.error())));
    return;
  }
  const Move move = *std::exchange(move_, std::nullopt);
  if (const auto result = host_.attach(*attachment); !result) {
    failed(move, result.error());
    return;
  }
  fleet_.attach(now, attachment->care_of, attachment->mtu, effects);
  if (move.client) {
    done_or_wait(now, *move.client, move.wait, State::Registered);
  }
}

void Commander::done_or_wait(Now now, ClientId client,
                             std::optional<std::chrono::milliseconds> wait, State wanted) {
  if (wait) {
    waiters_.push_back({client, wanted, now.instant + *wait});
    next_settle_ = now.instant;
  } else {
    succeed(client);
  }
}

// Why a waiter did not get what it waited for.
std::string Commander::unfinished() const {
  std::string text = "not there in time:";
  for (const State state : {State::Registered, State::Registering, State::Discovering,
                            State::Rejected, State::Deregistering, State::Home}) {
    if (const std::size_t count = fleet_.count_in(state); count != 0) {
      text += fmt::format(" {} {}", count, to_string(state));
    }
  }
  if (const auto status = fleet_.nodes().front().last_status()) {
    text += fmt::format(", last status {} ({})", static_cast<unsigned>(*status),
                        wire::to_string(*status));
  }
  return text;
}

void Commander::settle_waiters(Now now) {
  const bool settled = fleet_.settled();
  const bool hopeless = fleet_.nodes().size() == 1 && fleet_.nodes().front().stopped() && !settled;
  std::erase_if(waiters_, [&](const Waiter& waiter) {
    if (settled && fleet_.count_in(waiter.wanted) == fleet_.nodes().size()) {
      succeed(waiter.client);
      return true;
    }
    if (now.instant >= waiter.deadline || hopeless) {
      refuse(waiter.client, unfinished());
      return true;
    }
    return false;
  });
}

void Commander::on_timer(Now now, Effects& effects) {
  look(now, effects);
  if (!waiters_.empty() && next_settle_ <= now.instant) {
    settle_waiters(now);
    next_settle_ = now.instant + kSettleInterval + kSettleTimePerNode * fleet_.nodes().size();
  }
}

std::optional<Instant> Commander::next_deadline() const {
  std::optional<Instant> result = limit_;
  const auto consider = [&](Instant instant) {
    result = result ? std::min(*result, instant) : instant;
  };
  if (move_) {
    consider(move_->next_look);
  }
  if (!waiters_.empty()) {
    consider(next_settle_);
  }
  return result;
}

std::string Commander::status(Now now, bool summary_only) const {
  std::string text;
  if (!summary_only) {
    const CounterDetail detail =
        fleet_.nodes().size() == 1 ? CounterDetail::All : CounterDetail::NonZero;
    for (const MobileNode& node : fleet_.nodes()) {
      text += node_line(node, now, detail);
    }
  }
  return text + summary_line(fleet_, host_.counters_json());
}

void Commander::finish() {
  for (const Waiter& waiter : waiters_) {
    refuse(waiter.client, "it was stopped meanwhile");
  }
  if (stopper_) {
    succeed(*stopper_);
  }
}

}  // namespace anyhome::mobile
