#include "test/sim/world.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "test/sim/address_plan.h"
#include "test/sim/settings.h"

namespace anyhome::sim {
namespace {

// Events on one instant before somebody is taken to be spinning.
constexpr std::uint32_t kMostAtOnce = 100'000;

}  // namespace

World::World(const Scenario& scenario, std::size_t history_lines)
    : scenario_(scenario),
      random_(scenario.seed ^ 0x5eed'0f'ac7'10'4ULL),
      history_(history_lines),
      topology_(scenario.topology, random_),
      network_(topology_, queue_, ledger_, history_, random_.split()) {
  network_.haha = scenario.haha;
  network_.internet = scenario.internet;
  for (const auto& [pop, fault] : scenario.faults) {
    network_.fault(pop) = fault;
  }
  for (PopIndex pop = 0; pop < scenario.topology.pops; ++pop) {
    pops_.push_back(std::make_unique<Pop>(pop, home_agent_config(scenario, pop), random_.next()));
    pop_clocks_.push_back(scenario.pops[pop].clock_offset);
  }
  for (std::uint32_t mobile = 0; mobile < scenario.mobiles.size(); ++mobile) {
    mobiles_.emplace_back(mobile, mobile_settings(scenario, mobile), random_.next());
    mobile_clocks_.push_back(scenario.mobiles[mobile].clock_offset);
  }
  pop_timers_.resize(pops_.size());
  mobile_timers_.resize(mobiles_.size());
  for (std::uint32_t action = 0; action < scenario_.actions.size(); ++action) {
    queue_.push(kStart + scenario_.actions[action].at, EventKind::Action, action);
  }
  for (std::uint32_t flow = 0; flow < scenario_.flows.size(); ++flow) {
    const Duration first = random_.between(Duration{}, scenario_.flows[flow].interval);
    queue_.push(kStart + scenario_.flows_from + first, EventKind::Data, flow);
  }
}

bool World::run_until(Duration time) {
  const Instant end = kStart + time;
  std::uint32_t at_once = 0;
  while (!violation_ && !queue_.empty() && queue_.next() <= end) {
    const Event event = queue_.pop();
    at_once = event.at == now_ ? at_once + 1 : 0;
    if (at_once > kMostAtOnce) {
      fail("time-passes", fmt::format("{} events on one instant", at_once));
      break;
    }
    now_ = event.at;
    ++events_;
    process(event);
    for (const Ledger::Loss& loss : ledger_.take_losses()) {
      tell([&](Watcher& watcher) { watcher.on_lost(*this, loss); });
    }
  }
  if (!violation_) {
    now_ = std::max(now_, end);
  }
  return !violation_;
}

void World::fail(std::string invariant, std::string what) {
  if (!violation_) {
    history_.add(now_, "VIOLATED {}: {}", invariant, what);
    violation_ = Violation{std::move(invariant), std::move(what), now_};
  }
}

void World::process(const Event& event) {
  switch (event.kind) {
    case EventKind::Arrival:
      arrive(network_.take(event.subject));
      break;
    case EventKind::AgentTimer:
      if (event.generation == pop_timers_[event.subject].generation) {
        pop_timers_[event.subject].armed = false;
        PopOutput output;
        pops_[event.subject]->on_timer(now_at_pop(event.subject), output);
        finish_pop(event.subject, output);
      }
      break;
    case EventKind::MobileTimer:
      if (event.generation == mobile_timers_[event.subject].generation) {
        mobile_timers_[event.subject].armed = false;
        MobileOutput output;
        mobiles_[event.subject].on_timer(now_at_mobile(event.subject), output);
        finish_mobile(event.subject, output);
      }
      break;
    case EventKind::Route:
      if (topology_.learn(event)) {
        const PopIndex pop = event.subject % topology_.pops();
        history_.add(now_, "site{} {} pop{}", event.subject / topology_.pops(),
                     topology_.announced(pop) ? "hears of" : "forgets", pop);
      }
      break;
    case EventKind::Action:
      act(scenario_.actions[event.subject]);
      break;
    case EventKind::Data:
      send_data(event.subject);
      break;
  }
}

// ---- Packets ------------------------------------------------------------------------------------

void World::transmit(End from, Packet packet) {
  history_.add(now_, "{}{} sends {}", from.kind == EndKind::Pop ? "pop" : "site", from.index,
               history_.wanted() ? describe(packet.bytes) : "");
  tell([&](Watcher& watcher) { watcher.on_sent(*this, from, packet); });
  network_.send(now_, from, std::move(packet));
}

void World::inject(SiteIndex site, Bytes packet) {
  history_.add(now_, "adversary at site{} sends {}", site,
               history_.wanted() ? describe(packet) : "");
  Packet forged{std::move(packet)};
  forged.forged = true;
  network_.send(now_, {EndKind::Site, site}, std::move(forged));
}

void World::inject_into_link(PopIndex from, Bytes packet) {
  history_.add(now_, "pop{} strays: {}", from, history_.wanted() ? describe(packet) : "");
  Packet forged{std::move(packet)};
  forged.forged = true;
  network_.send(now_, {EndKind::Pop, from}, std::move(forged));
}

void World::arrive(Transit transit) {
  if (transit.to.kind == EndKind::Pop) {
    arrive_at_pop(transit);
  } else {
    arrive_at_site(transit);
  }
}

void World::arrive_at_pop(const Transit& transit) {
  Pop& pop = *pops_[transit.to.index];
  if (!pop.up()) {
    network_.lose(now_, transit.packet, "dead-pop");
    return;
  }
  history_.add(now_, "pop{} gets {}{}", pop.index(), transit.packet.forged ? "forged " : "",
               history_.wanted() ? describe(transit.packet.bytes) : "");
  PopOutput output;
  pop.receive(now_at_pop(pop.index()), transit.port, transit.packet, output);
  finish_pop(pop.index(), output);
}

void World::arrive_at_site(const Transit& transit) {
  const auto header = wire::Ipv6Header::parse(transit.packet.bytes);
  const Whereabouts where = plan::locate(header->destination);
  if (where.place == Place::Correspondent) {
    if (const auto data = find_data(transit.packet.bytes)) {
      deliver_data(data->id, *data, data->destination == header->destination);
    }
    return;
  }
  if (where.host >= mobiles_.size() ||
      !mobiles_[where.host].reachable_at(header->destination, now_)) {
    network_.lose(now_, transit.packet, "gone-from-care-of-address");
    return;
  }
  Mobile& mobile = mobiles_[where.host];
  const auto data = find_data(transit.packet.bytes);
  const mobile::Counters before = mobile.node().counters();
  history_.add(now_, "mobile{} gets {}", where.host,
               history_.wanted() ? describe(transit.packet.bytes) : "");
  MobileOutput output;
  mobile.receive(now_at_mobile(where.host), transit.packet.bytes, output);
  if (output.delivered) {
    deliver_data(output.delivered->id, *output.delivered,
                 mobile.node().owns(output.delivered->destination));
  } else if (data) {
    const std::string_view reason = mobile.reason_since(before);
    if (reason.empty()) {
      fail("every-packet-accounted",
           fmt::format("mobile{} swallowed data {}", where.host, data->id));
    }
    network_.lose(now_, transit.packet, fmt::format("mobile-{}", reason));
  }
  finish_mobile(where.host, output);
}

void World::deliver_data(DataId id, const DataView& data, bool at_right_place) {
  if (!at_right_place) {
    fail("data-arrives-where-it-is-sent",
         fmt::format("data {} for {} came out elsewhere", id, data.destination.to_string()));
  }
  if (id < kFirstForged && !ledger_.deliver(id)) {
    fail("every-packet-accounted", fmt::format("data {} arrived more often than it was sent", id));
  }
  tell([&](Watcher& watcher) { watcher.on_delivered(*this, id); });
}

void World::send_data(std::uint32_t index) {
  if (!flows_running_) {
    return;
  }
  const Flow& flow = scenario_.flows[index];
  queue_.push(now_ + flow.interval, EventKind::Data, index);
  Mobile& mobile = mobiles_[flow.mobile];
  const bool by_mobile = flow.kind == FlowKind::FromMobile || flow.kind == FlowKind::BetweenMobiles;
  // What a mobile node sends between a move and its registration is lost by nature (rulings §6).
  if (!mobile.network() ||
      (by_mobile && scenario_.theme == Theme::Calm && !mobile.registered_here())) {
    return;
  }
  const Ipv6Address correspondent =
      plan::correspondent(flow.kind == FlowKind::BetweenMobiles ? 0 : flow.other, index);
  const DataId id = ledger_.send(now_, index);
  tell([&](Watcher& watcher) { watcher.on_data(*this, id); });
  if (!by_mobile) {
    const Ipv6Address destination =
        flow.kind == FlowKind::ToNetwork
            ? plan::in_mobile_network(scenario_.mobiles[flow.mobile].networks.front())
            : plan::home(flow.mobile).address();
    transmit({EndKind::Site, topology_.correspondents(flow.other)},
             {make_data(correspondent, destination, id)});
    return;
  }
  const Ipv6Address destination =
      flow.kind == FlowKind::FromMobile ? correspondent : plan::home(flow.other).address();
  const mobile::Counters before = mobile.node().counters();
  MobileOutput output;
  mobile.send(now_at_mobile(flow.mobile),
              make_data(plan::home(flow.mobile).address(), destination, id), output);
  if (!output.sent_data) {
    ledger_.lose(id, fmt::format("mobile-{}", mobile.reason_since(before)));
  }
  finish_mobile(flow.mobile, output);
}

// ---- POPs and mobile nodes
// ------------------------------------------------------------------------

void World::finish_pop(PopIndex index, PopOutput& output) {
  Pop& pop = *pops_[index];
  if (output.vanished) {
    fail("every-packet-accounted", fmt::format("pop{} swallowed data {}", index, *output.vanished));
  }
  for (const PopOutput::Ended& ended : output.ended) {
    history_.add(now_, "pop{} drops data {}: {}", index, ended.id, ended.reason);
    ledger_.lose(ended.id, ended.reason);
  }
  if (topology_.announced(index) != pop.serving()) {
    history_.add(now_, "pop{} {} the home prefix", index,
                 pop.serving() ? "announces" : "withdraws");
    topology_.announce(now_, index, pop.serving(), queue_, random_);
  }
  tell([&](Watcher& watcher) { watcher.after_pop(*this, index, output); });
  for (Packet& packet : output.sent) {
    transmit({EndKind::Pop, index}, std::move(packet));
  }
  arm_pop(index);
}

void World::finish_mobile(std::uint32_t index, MobileOutput& output) {
  Mobile& mobile = mobiles_[index];
  for (const mobile::Event& event : output.events) {
    history_.add(now_, "mobile{} {}", index, history_.wanted() ? mobile::describe(event) : "");
  }
  tell([&](Watcher& watcher) { watcher.after_mobile(*this, index, output); });
  for (Packet& packet : output.sent) {
    transmit({EndKind::Site, topology_.access(mobile.network().value_or(0))}, std::move(packet));
  }
  arm_mobile(index);
}

void World::arm_pop(PopIndex index) {
  Armed& timer = pop_timers_[index];
  const auto deadline = pops_[index]->next_deadline();
  if (!deadline) {
    timer.armed = false;
    ++timer.generation;
    return;
  }
  const Instant at = std::max(*deadline, now_);
  if (!timer.armed || timer.at != at) {
    timer = {at, timer.generation + 1, true};
    queue_.push(at, EventKind::AgentTimer, index, timer.generation);
  }
}

void World::arm_mobile(std::uint32_t index) {
  Armed& timer = mobile_timers_[index];
  const auto deadline = mobiles_[index].next_deadline();
  if (!deadline) {
    timer.armed = false;
    ++timer.generation;
    return;
  }
  const Instant at = std::max(*deadline, now_);
  if (!timer.armed || timer.at != at) {
    timer = {at, timer.generation + 1, true};
    queue_.push(at, EventKind::MobileTimer, index, timer.generation);
  }
}

// ---- Actions
// --------------------------------------------------------------------------------------

void World::act(const Action& action) {
  history_.add(now_, "action {} {} {}", to_string(action.kind), action.subject, action.object);
  switch (action.kind) {
    case ActionKind::Move:
    case ActionKind::Deregister:
    case ActionKind::Register:
    case ActionKind::Reconfigure:
      act_on_mobile(action);
      break;
    case ActionKind::Start:
    case ActionKind::Crash:
    case ActionKind::Drain:
    case ActionKind::Undrain:
      act_on_pop(action);
      break;
    case ActionKind::Cut:
    case ActionKind::Mend:
      network_.cut(action.subject, action.object, action.kind == ActionKind::Cut);
      break;
    case ActionKind::StepPopClock:
      pop_clocks_[action.subject] += action.amount;
      break;
    case ActionKind::StepMobileClock:
      mobile_clocks_[action.subject] += action.amount;
      break;
    case ActionKind::Deafen:
      network_.fault(action.subject).deaf = action.object != 0;
      break;
    case ActionKind::Replay:
      break;  // the adversary's, who is told below
    case ActionKind::Calm:
      calm();
      break;
  }
  tell([&](Watcher& watcher) { watcher.on_action(*this, action); });
}

void World::act_on_mobile(const Action& action) {
  MobileOutput output;
  Mobile& mobile = mobiles_[action.subject];
  const Now now = now_at_mobile(action.subject);
  if (action.kind == ActionKind::Move) {
    mobile.move(now, action.object, scenario_.linger, output);
  } else if (action.kind == ActionKind::Deregister) {
    mobile.deregister(now, output);
  } else if (action.kind == ActionKind::Reconfigure) {
    mobile.restart(now, mobile_settings(scenario_, action.subject, true), random_.next(), output);
  } else {
    mobile.register_now(now, output);
  }
  finish_mobile(action.subject, output);
}

void World::act_on_pop(const Action& action) {
  switch (action.kind) {
    case ActionKind::Start:
      start_pop(action.subject);
      break;
    case ActionKind::Crash:
      crash_pop(action.subject);
      break;
    default:
      if (pops_[action.subject]->up()) {
        PopOutput output;
        pops_[action.subject]->drain(now_at_pop(action.subject), action.kind == ActionKind::Drain,
                                     output);
        finish_pop(action.subject, output);
      }
      break;
  }
}

void World::start_pop(PopIndex index) {
  if (pops_[index]->up()) {
    return;
  }
  PopOutput output;
  pops_[index]->start(now_at_pop(index), output);
  finish_pop(index, output);
}

void World::crash_pop(PopIndex index) {
  if (!pops_[index]->up()) {
    return;
  }
  pops_[index]->crash();
  arm_pop(index);
  // Nobody can tell of it but BFD; until then packets go into the void.
  topology_.announce(now_ + scenario_.bfd, index, false, queue_, random_);
}

void World::calm() {
  network_.heal();
  for (PopIndex pop = 0; pop < pops_.size(); ++pop) {
    if (!scenario_.pops[pop].missing) {
      start_pop(pop);
    }
    if (pops_[pop]->up() && pops_[pop]->agent().draining()) {
      PopOutput output;
      pops_[pop]->drain(now_at_pop(pop), false, output);
      finish_pop(pop, output);
    }
  }
}

}  // namespace anyhome::sim
