#include <algorithm>
#include <memory>
#include <stdexcept>

#include <fmt/format.h>

#include "apps/anyhome-bench/measurements.h"
#include "apps/anyhome-bench/runner.h"

namespace anyhome::bench {
namespace {

using dataplane::BindingIndex;

// Tables of one size by each index. Paths and references take turns, round by round: what slows one
// down slows down its neighbours.
void measure_together(const Plan& plan, std::uint32_t size,
                      const std::vector<BindingIndex>& indexes, Record& record) {
  struct Candidate {
    explicit Candidate(const Shape& shape) : index(shape.index), world(shape), runner(world) {}
    BindingIndex index;
    World world;
    Runner runner;
  };
  std::vector<std::unique_ptr<Candidate>> candidates;
  for (const BindingIndex index : indexes) {
    Shape shape;
    shape.bindings = size;
    shape.index = index;
    candidates.push_back(std::make_unique<Candidate>(shape));
  }
  References references(candidates.front()->world);
  std::map<std::string, Samples> samples;
  const auto note = [&](std::string name, const Phase& phase, unsigned round) {
    if (round != 0) {  // the first one warms up
      samples[std::move(name)].add(phase.cycles, phase.quiet);
    }
  };
  for (unsigned round = 0; round <= plan.rounds; ++round) {
    for (const Reference reference : kReferences) {
      if (plan.wants(name_of(reference))) {
        note(fmt::format("reference/{}/{}", name_of(reference), size),
             candidates.front()->runner.run(reference, references, plan.packets), round);
      }
    }
    for (const Path path : kPaths) {
      for (const auto& candidate : candidates) {
        if (plan.wants(name_of(path))) {
          note(fmt::format("path/{}/{}/{}", name_of(path), size, name_of(candidate->index)),
               candidate->runner.run(path, plan.packets), round);
        }
      }
    }
  }
  for (const auto& [name, taken] : samples) {
    record.figures[name] = taken.figure();
  }
  const auto exact = record.figures.find(fmt::format("reference/exact-match/{}", size));
  for (const auto& candidate : candidates) {
    const std::string end = fmt::format("to-mobile-node/{}/{}", size, name_of(candidate->index));
    const auto path = record.figures.find("path/" + end);
    if (path != record.figures.end() && path->second.quiet && exact != record.figures.end() &&
        exact->second.quiet) {
      record.figures["to-exact-match/" + end] =
          single(*path->second.quiet / *exact->second.quiet, "times");
    }
  }
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
      Runner runner(world);
      References references(world);
      Samples path;
      Samples lpm;
      for (unsigned round = 0; round <= plan.rounds; ++round) {
        const Phase of_path = runner.run(Path::FromMobileNode, plan.packets);
        const Phase of_lpm = runner.run(Reference::Lpm, references, plan.packets);
        if (round != 0) {
          path.add(of_path.cycles, of_path.quiet);
          lpm.add(of_lpm.cycles, of_lpm.quiet);
        }
      }
      record.figures["routes/from-mobile-node/" + end] = path.figure();
      record.figures["routes/lpm/" + end] = lpm.figure();
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
