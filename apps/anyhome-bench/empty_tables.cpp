// What tables take before anything is in them: memory, which never grows afterwards, and time.
#include <chrono>

#include <fmt/format.h>

#include "apps/anyhome-bench/measurements.h"

namespace anyhome::bench {

void measure_tables(const Plan& plan, Record& record) {
  for (const std::uint32_t size : {1'000'000U, 10'000'000U}) {
    const auto start = std::chrono::steady_clock::now();
    try {
      const EmptyTables tables(size, plan.indexes.front());
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      record.figures[fmt::format("start-up/empty-tables/{}", size)] =
          single(took.count(), "seconds");
      record.figures[fmt::format("memory/tables-bytes-per-binding/{}", size)] =
          single(static_cast<double>(tables.bytes()) / size, "bytes");
    } catch (const NoMemory& error) {
      record.notes.push_back(
          fmt::format("empty tables for {} bindings: not measured: {}", size, error.what()));
    }
  }
}

}  // namespace anyhome::bench
