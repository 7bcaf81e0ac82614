// What anyhomectl can show, and the columns of each.
#pragma once

#include <string_view>
#include <vector>

#include "apps/anyhomectl/table.h"

namespace anyhome::ctl {

// Something that can be shown.
struct View {
  std::string_view name;
  std::string_view help;
  std::vector<Column> columns;                 // none: fields, not rows
  std::string_view hide_when_zero;             // rows whose number is 0 are left out without --all
  bool picture = false;                        // rows are lines of text
  std::vector<std::string_view> filters = {};  // options that the daemon takes for it
};

const std::vector<View>& views();

}  // namespace anyhome::ctl
