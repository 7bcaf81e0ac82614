#include <algorithm>
#include <memory>
#include <stdexcept>

#include <fmt/format.h>

#include "apps/anyhome-bench/measurements.h"
#include "apps/anyhome-bench/runner.h"
#include "apps/anyhome-bench/turns.h"

namespace anyhome::bench {
namespace {

using dataplane::BindingIndex;

constexpr unsigned kPhasesOfATurn = 4;

// A turn of some phases, the first of which comes after a warm-up.
template <class Run>
Turn turn_of(std::string name, const Runner& runner, SampleSets& samples, Run run) {
  Samples& taken = samples[name];
  return {std::move(name), [&taken, &runner, run] {
            for (unsigned i = 0; i < kPhasesOfATurn; ++i) {
              const Phase phase = run(i == 0 ? runner.warm_up() : 0);
              taken.add(phase.cycles, phase.speed);
            }
          }};
}

// Tables of one size by each index.
void measure_together(const Plan& plan, std::uint32_t size,
                      const std::vector<BindingIndex>& indexes, Record& record) {
  struct Candidate {
    Candidate(const Shape& shape, BestSpeed* best)
        : index(shape.index), world(shape), runner(world, best) {}
    BindingIndex index;
    World world;
    Runner runner;
  };
  std::vector<std::unique_ptr<Candidate>> candidates;
  for (const BindingIndex index : indexes) {
    Shape shape;
    shape.bindings = size;
    shape.index = index;
    candidates.push_back(std::make_unique<Candidate>(shape, plan.best));
  }
  References references(candidates.front()->world);
  SampleSets samples;
  std::vector<Turn> turns;
  for (const Reference reference : kReferences) {
    if (plan.wants(name_of(reference))) {
      Runner& runner = candidates.front()->runner;
      turns.push_back(turn_of(fmt::format("reference/{}/{}", name_of(reference), size), runner,
                              samples, [&, reference](std::uint64_t uncounted) {
                                return runner.run(reference, references, plan.packets, uncounted);
                              }));
    }
  }
  for (const Path path : kPaths) {
    for (const auto& candidate : candidates) {
      if (plan.wants(name_of(path))) {
        Runner& runner = candidate->runner;
        turns.push_back(
            turn_of(fmt::format("path/{}/{}/{}", name_of(path), size, name_of(candidate->index)),
                    runner, samples, [&, path](std::uint64_t uncounted) {
                      return runner.run(path, plan.packets, uncounted);
                    }));
      }
    }
  }
  take_turns(plan, samples, turns);
  record_cycles(plan, samples, record);
}

void note_missing(std::uint32_t size, std::string_view what, const std::exception& why,
                  Record& record) {
  record.notes.push_back(fmt::format("{} bindings, {}: not measured: {}", size, what, why.what()));
}

}  // namespace

void measure_paths(const Plan& plan, Record& record) {
  for (const std::uint32_t size : plan.sizes) {
    if (plan.indexes.size() > 1) {
      try {
        measure_together(plan, size, plan.indexes, record);
        continue;
      } catch (const NoMemory&) {
        record.notes.push_back(fmt::format(
            "{} bindings: one index after the other, memory does not suffice for both at once",
            size));
      }
    }
    for (const BindingIndex index : plan.indexes) {
      try {
        measure_together(plan, size, {index}, record);
      } catch (const NoMemory& error) {
        note_missing(size, name_of(index), error, record);
      }
    }
  }
}

void measure_routes(const Plan& plan, Record& record) {
  for (const auto& [routes, scattered] :
       {std::pair(1000U, false), {100'000U, false}, {100'000U, true}}) {
    Shape shape;
    shape.routes = routes;
    shape.scattered = scattered;
    shape.index = plan.indexes.front();
    const std::string end = fmt::format("{}/{}", routes, scattered ? "scattered" : "dense");
    try {
      World world(shape);
      Runner runner(world, plan.best);
      References references(world);
      SampleSets samples;
      take_turns(plan, samples,
                 {turn_of("routes/from-mobile-node/" + end, runner, samples,
                          [&](std::uint64_t uncounted) {
                            return runner.run(Path::FromMobileNode, plan.packets, uncounted);
                          }),
                  turn_of("routes/lpm/" + end, runner, samples, [&](std::uint64_t uncounted) {
                    return runner.run(Reference::Lpm, references, plan.packets, uncounted);
                  })});
      record_cycles(plan, samples, record);
    } catch (const NoMemory& error) {
      record.notes.push_back(fmt::format("routes, {}: not measured: {}", end, error.what()));
    }
  }
}

void count_paths(const Plan& plan, Record& record) {
  Shape shape;
  shape.bindings = plan.sizes.front();
  shape.index = plan.indexes.front();
  World world(shape);
  Runner runner(world);
  for (const Path path : kPaths) {
    const Phase phase = runner.run(path, plan.packets);
    record.figures[fmt::format("counted/{}", name_of(path))] =
        single(static_cast<double>(phase.packets), "packets");
  }
}

}  // namespace anyhome::bench
