#include "apps/anyhome-bench-control/link.h"

#include "apps/anyhome-bench-control/pair.h"
#include "controlplane/control_counters.h"

namespace anyhome::bench {

LinkFigures measure_link(const LinkSettings& settings) {
  using control::ControlCounter;
  Pair pair({.max_bindings = settings.bindings,
             .places = Admission::kDerivedPlacesMost,
             .window = settings.window,
             .delay = Duration(static_cast<std::int64_t>(settings.round_trip_ms * 1e6 / 2)),
             .loss = settings.loss});
  pair.start_first(settings.bindings);
  const std::uint64_t before = pair.link_bytes();
  const Instant start = pair[0].now();
  pair[1].start(start);
  pair.run(std::chrono::minutes(10), "a home agent behind a lossy link", [&] {
    return pair[1].agent().serving() && pair[1].agent().bindings().global() == settings.bindings;
  });
  LinkFigures figures;
  figures.settings = settings;
  figures.seconds = seconds_of(pair[1].now() - start);
  figures.bytes_per_binding =
      static_cast<double>(pair.link_bytes() - before) / static_cast<double>(settings.bindings);
  const control::ControlCounters& counters = pair[0].agent().counters();
  figures.repeated = static_cast<double>(counters.value(ControlCounter::SyncRepliesRepeated)) /
                     static_cast<double>(counters.value(ControlCounter::SyncRepliesSent));
  return figures;
}

}  // namespace anyhome::bench
