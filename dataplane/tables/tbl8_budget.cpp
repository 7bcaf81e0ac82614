#include "dataplane/tables/tbl8_budget.h"

namespace anyhome::dataplane {

namespace {

template <class Visit>
void for_each_table(const Prefix& prefix, Visit&& visit) {
  for (unsigned bits = 24; bits < prefix.length(); bits += 8) {
    visit(Prefix(prefix.address(), bits));
  }
}

}  // namespace

bool Tbl8Budget::admits(const Prefix& prefix) const {
  std::uint32_t missing = 0;
  for_each_table(prefix, [&](const Prefix& table) { missing += tables_.contains(table) ? 0 : 1; });
  return used() + missing <= capacity_;
}

void Tbl8Budget::add(const Prefix& prefix) {
  for_each_table(prefix, [&](const Prefix& table) { ++tables_[table]; });
}

void Tbl8Budget::remove(const Prefix& prefix) {
  for_each_table(prefix, [&](const Prefix& table) {
    const auto found = tables_.find(table);
    if (--found->second == 0) {
      tables_.erase(found);
    }
  });
}

}  // namespace anyhome::dataplane
