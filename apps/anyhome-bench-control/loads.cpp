#include "apps/anyhome-bench-control/loads.h"

#include <algorithm>
#include <stdexcept>

#include <rte_cycles.h>

#include "apps/anyhome-bench-control/pair.h"
#include "controlplane/binding_cache.h"

namespace anyhome::bench {
namespace {

constexpr double kGlobalsMust = 700'000;
constexpr double kGlobalsGoal = 1'200'000;

double milliseconds_of(Duration duration) { return 1000 * seconds_of(duration); }

Rate rate_of(std::string name, Duration busy, std::uint64_t events, double must, double goal) {
  const double per_second = static_cast<double>(events) / seconds_of(busy);
  return {std::move(name), per_second, static_cast<double>(rte_get_tsc_hz()) / per_second, must,
          goal};
}

void measure_updates(const LoadSettings& settings, bool secure, UpdateFigures& figures) {
  config::HomeAgent config = single_config(settings.bindings);
  if (secure) {
    authenticate(config, settings.bindings);
  }
  Machine machine(config, kStart);
  config.mobile_nodes.clear();
  machine.start(kStart);
  const auto measure = [&](const char* name, std::uint64_t count, const UpdateSpec& what) {
    const Duration busy = serve_updates(machine, kStart, count, settings.bindings, what);
    figures.rates.push_back(rate_of(std::string(name) + (secure ? "-authenticated" : ""), busy,
                                    count, secure ? 200'000 : 450'000, secure ? 300'000 : 600'000));
  };
  const std::uint64_t events = std::min(settings.events, settings.bindings);
  measure("registrations", settings.bindings, {.sequence = 1, .secure = secure});
  if (machine.agent().bindings().registered() != settings.bindings) {
    throw std::runtime_error("not everybody is registered");
  }
  measure("refreshes", events, {.sequence = 2, .secure = secure});
  measure("movements", events, {.where = 1, .sequence = 3, .secure = secure});
  if (!secure) {
    figures.bytes_per_binding =
        static_cast<double>(control::BindingCache::planned_bytes(settings.bindings) +
                            machine.binding_table_bytes()) /
        settings.bindings;
  }
}

// Mobile nodes that nobody has heard of yet: one Binding Update each millisecond.
class Probes final : public Source {
 public:
  Probes(unsigned member, std::uint64_t first, std::uint64_t count)
      : member_(member), first_(first), sent_(count), waits_() {}

  void start(Instant when) { next_ = when; }
  void stop() { next_ = std::nullopt; }
  std::optional<Instant> next() override { return number_ < sent_.size() ? next_ : std::nullopt; }
  Arrival take() override {
    const Instant at = *next_;
    sent_[number_] = at;
    next_ = at + std::chrono::milliseconds(1);
    return {at, forwarding::PuntClass::Mobility,
            make_update({.number = first_ + number_++, .sequence = 1}, member_)};
  }

  void answered(Instant when, const Answer& answer) {
    if (answer.number >= first_ && answer.number < first_ + sent_.size()) {
      waits_.push_back(when - sent_[answer.number - first_]);
    }
  }
  // Throws std::runtime_error unless each was answered.
  [[nodiscard]] Waits waits() {
    if (waits_.size() != number_ || waits_.empty()) {
      throw std::runtime_error("a Binding Update was not answered");
    }
    std::ranges::sort(waits_);
    return {waits_.size(), milliseconds_of(waits_[(waits_.size() - 1) * 99 / 100]),
            milliseconds_of(waits_.back())};
  }
  [[nodiscard]] bool all_answered() const { return waits_.size() == number_; }

 private:
  unsigned member_;
  std::uint64_t first_;
  std::vector<Instant> sent_;
  std::vector<Duration> waits_;
  std::optional<Instant> next_;
  std::size_t number_ = 0;
};

constexpr std::uint32_t kProbes = 20'000;  // of each of two
constexpr std::uint32_t kPlaces = 262144;

// Two home agents, and mobile nodes that register with either while the other work is done.
struct ProbedPair {
  explicit ProbedPair(std::uint32_t bindings)
      : pair({.max_bindings = bindings + 2 * kProbes, .places = kPlaces}),
        giver(0, bindings, kProbes),
        taker(1, bindings + kProbes, kProbes) {
    pair[0].listen_to(giver);
    pair[1].listen_to(taker);
    pair.on_answer([this](unsigned member, Instant when, const Answer& answer) {
      (member == 0 ? giver : taker).answered(when, answer);
    });
  }
  ProbedPair(const ProbedPair&) = delete;
  ProbedPair& operator=(const ProbedPair&) = delete;

  // No more of them; those that are under way get their answers.
  void end_probes() {
    giver.stop();
    taker.stop();
    pair.run(std::chrono::seconds(1), "the last answers",
             [this] { return giver.all_answered() && taker.all_answered(); });
  }

  Pair pair;
  Probes giver;
  Probes taker;
};

TakeoverFigures figures_of(ProbedPair& probed, Duration busy, const char* name,
                           std::uint64_t bindings) {
  TakeoverFigures figures;
  figures.rate = rate_of(name, busy, bindings, kGlobalsMust, kGlobalsGoal);
  figures.seconds = seconds_of(busy);
  figures.at_giver = probed.giver.waits();
  figures.at_taker = probed.taker.waits();
  figures.longest_round_ms =
      milliseconds_of(std::max(probed.pair[0].longest_round(), probed.pair[1].longest_round()));
  return figures;
}

}  // namespace

UpdateFigures measure_updates(const LoadSettings& settings) {
  UpdateFigures figures;
  measure_updates(settings, false, figures);
  measure_updates(settings, true, figures);
  return figures;
}

TakeoverFigures measure_bootstrap(const LoadSettings& settings) {
  ProbedPair probed(settings.bindings);
  Pair& pair = probed.pair;
  pair.start_first(settings.bindings);
  const Duration before = pair[1].busy();
  pair[0].forget_longest();
  pair[1].start(pair[0].now());
  probed.giver.start(pair[0].now());
  probed.taker.start(pair[1].now());
  pair.run(std::chrono::minutes(1), "a booting home agent", [&] {
    return pair[1].agent().serving() && pair[1].agent().bindings().global() >= settings.bindings;
  });
  const Duration busy = pair[1].busy() - before;
  probed.end_probes();
  return figures_of(probed, busy, "global-bindings", settings.bindings);
}

TakeoverFigures measure_synchronization(const LoadSettings& settings) {
  ProbedPair probed(settings.bindings);
  Pair& pair = probed.pair;
  for (unsigned member = 0; member < 2; ++member) {
    pair[member].start(kStart.instant);
  }
  pair.run(std::chrono::minutes(1), "two home agents",
           [&] { return pair[0].agent().serving() && pair[1].agent().serving(); });
  // All that it has to tell is there at once.
  pair.register_at_first(settings.bindings);
  const Duration before = pair[1].busy();
  pair[0].forget_longest();
  pair[1].forget_longest();
  const Instant start = std::max(pair[0].now(), pair[1].now());
  probed.giver.start(start);
  probed.taker.start(start);
  pair.run(std::chrono::minutes(1), "a home agent of the set",
           [&] { return pair[1].agent().bindings().global() >= settings.bindings; });
  const Duration busy = pair[1].busy() - before;
  probed.end_probes();
  return figures_of(probed, busy, "global-bindings-live", settings.bindings);
}

}  // namespace anyhome::bench
