// Figures as people and programs read them.
#pragma once

#include <optional>
#include <string_view>

#include "apps/anyhome-bench/figures.h"

namespace anyhome::bench {

void print_heading();
// One row; `exact`: the median of the exact match reference in the same minutes.
void print_row(std::uint32_t bindings, std::string_view index, std::string_view name,
               const Figures& figures, const std::optional<double>& exact);
void print_differences(const Values& before, const Values& after);

// Throw std::runtime_error with the reason.
Values read_json(const std::string& file);
void write_json(const std::string& file, const Values& values);
void write_csv(const std::string& file, const Values& values);

}  // namespace anyhome::bench
