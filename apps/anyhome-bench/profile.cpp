// Where a packet's cycles go: a timer interrupts forwarding every 25 microseconds and notes
// what instruction it was at. Stages are not timed one by one, because their work overlaps; reading
// the clock between them would take that away.
#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <stdexcept>
#include <system_error>

#include <dlfcn.h>
#include <fmt/format.h>
#include <ucontext.h>
#include <unistd.h>

#include "apps/anyhome-bench/calibration.h"
#include "apps/anyhome-bench/measurements.h"
#include "apps/anyhome-bench/runner.h"
#include "apps/anyhome-bench/turns.h"

namespace anyhome::bench {
namespace {

constexpr long kIntervalNanoseconds = 25'000;
constexpr unsigned kSampledPhases = 8;  // for each that is not

// For the signal's handler, which may touch nothing else.
std::array<std::uintptr_t, 1U << 16U> g_noted;
std::atomic<std::size_t> g_count{0};

void note_instruction(int /*signal*/, siginfo_t* /*info*/, void* context) {
  if (!Runner::is_forwarding()) {
    return;
  }
  const std::size_t place = g_count.load(std::memory_order_relaxed);
  if (place < g_noted.size()) {
    const auto* const interrupted = static_cast<const ucontext_t*>(context);
    g_noted[place] = static_cast<std::uintptr_t>(interrupted->uc_mcontext.gregs[REG_RIP]);
    g_count.store(place + 1, std::memory_order_relaxed);
  }
}

void check(int result, const char* what) {
  if (result != 0) {
    throw std::system_error(errno, std::generic_category(), what);
  }
}

// Interrupts this thread as long as it lives.
class Sampler {
 public:
  Sampler() {
    struct sigaction action {};
    action.sa_sigaction = note_instruction;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    check(sigaction(SIGPROF, &action, &before_), "sigaction");
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGPROF;
    event._sigev_un._tid = gettid();
    check(timer_create(CLOCK_MONOTONIC, &event, &timer_), "timer_create");
    itimerspec every{};
    every.it_interval.tv_nsec = kIntervalNanoseconds;
    every.it_value.tv_nsec = kIntervalNanoseconds;
    g_count = 0;
    check(timer_settime(timer_, 0, &every, nullptr), "timer_settime");
  }
  ~Sampler() {
    timer_delete(timer_);
    sigaction(SIGPROF, &before_, nullptr);
  }
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

 private:
  struct sigaction before_ {};
  timer_t timer_{};
};

// "FILE OFFSET", as addr2line wants them.
std::string place_of(std::uintptr_t address) {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(address), &info) == 0 || info.dli_fname == nullptr) {
    return "??? 0";
  }
  return fmt::format("{} {:#x}", info.dli_fname,
                     address - reinterpret_cast<std::uintptr_t>(info.dli_fbase));
}

}  // namespace

void measure_stages(const Plan& plan, Record& record) {
  Shape shape;
  shape.index = plan.indexes.front();
  World world(shape);
  Runner runner(world);
  for (const Path path : kPaths) {
    const std::string name = fmt::format("stage-cycles/{}/total", name_of(path));
    auto& places = record.profile[std::string(name_of(path))];
    SampleSets samples;
    // Phases without interruptions say what the path costs, those between them where that goes.
    const auto run = [&] {
      const Phase plain = runner.run(path, plan.packets, runner.warm_up());
      samples[name].add(plain.cycles, plain.speed);
      for (unsigned i = 0; i < kSampledPhases; ++i) {
        // The runner's own calibrations are interrupted, too.
        Speed speed = current_speed();
        {
          const Sampler sampler;
          runner.run(path, plan.packets);
        }
        speed = slowest(speed, current_speed());
        if (is_quiet(speed, plan.best->speed())) {
          for (std::size_t note = 0; note < g_count; ++note) {
            ++places[place_of(g_noted[note])];
          }
        }
      }
    };
    take_turns(plan, samples, {{name, run}});
    record_cycles(plan, samples, record);
  }
}

}  // namespace anyhome::bench
