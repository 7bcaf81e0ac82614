// What is going to happen, in the order of time; what falls on one instant happens in the order in
// which it was asked for, so that a run depends on nothing but its seed.
#pragma once

#include <cstdint>
#include <queue>
#include <vector>

#include "common/time.h"

namespace anyhome::sim {

enum class EventKind : std::uint8_t {
  Arrival,      // subject: slot of the packet in the network
  AgentTimer,   // subject: POP; stale unless `generation` is the POP's
  MobileTimer,  // subject: mobile node; likewise
  Route,        // subject: site * POPs + POP: a route's announcement or withdrawal gets there
  Action,       // subject: index in the scenario's list
  Data,         // subject: flow that sends
};

struct Event {
  Instant at;
  std::uint64_t order = 0;
  std::uint32_t subject = 0;
  std::uint32_t generation = 0;
  EventKind kind = EventKind::Arrival;
};

class EventQueue {
 public:
  void push(Instant at, EventKind kind, std::uint32_t subject, std::uint32_t generation = 0) {
    events_.push(Event{at, order_++, subject, generation, kind});
  }
  [[nodiscard]] bool empty() const { return events_.empty(); }
  [[nodiscard]] Instant next() const { return events_.top().at; }
  Event pop() {
    const Event event = events_.top();
    events_.pop();
    return event;
  }
  [[nodiscard]] std::size_t size() const { return events_.size(); }

 private:
  struct Later {
    bool operator()(const Event& left, const Event& right) const {
      return left.at != right.at ? left.at > right.at : left.order > right.order;
    }
  };
  std::priority_queue<Event, std::vector<Event>, Later> events_;
  std::uint64_t order_ = 0;
};

}  // namespace anyhome::sim
