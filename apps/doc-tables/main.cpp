// doc-tables: prints the tables of the documentation out of the tables of the code.
//
// Options, counters, drop reasons and statuses are each typed once, in a header that the programs
// use. `scripts/docs` puts what this prints into docs/, and a test fails when the two differ. Not
// installed; no DPDK, so that documentation can be made wherever the pure layers build.
#include <cstdio>
#include <ranges>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "apps/anyhome-mn/counters.h"
#include "apps/anyhomed/daemon_counters.h"
#include "common/config/option_table.h"
#include "common/forwarding/counters.h"
#include "common/forwarding/drop_reason.h"
#include "common/forwarding/punt.h"
#include "common/wire/mobility.h"
#include "controlplane/control_counters.h"
#include "dataplane/io/neighbor_resolver.h"
#include "dataplane/tables/refusal.h"

namespace anyhome {
namespace {

// A cell of a table: what would end the cell is escaped.
std::string cell(std::string_view text) {
  std::string result;
  for (const char c : text) {
    result += c == '|' ? std::string("\\|") : std::string(1, c);
  }
  return result;
}

// A cell in fixed width; nothing when there is nothing to show.
std::string code(std::string_view text) {
  return text.empty() ? std::string() : fmt::format("`{}`", cell(text));
}

// What an option accepts: its placeholder, and the range of a number as the parser itself tells it
// when it refuses something.
std::string accepts(const config::Option& option) {
  constexpr std::string_view kRange = "not a whole number from ";
  config::Config scratch;
  const auto refused = option.set(scratch, "name", "");
  if (refused || !refused.error().starts_with(kRange)) {
    return code(option.argument);
  }
  std::string range = refused.error().substr(kRange.size());
  range.erase(std::min(range.find(','), range.size()));
  return fmt::format("{}, {}", code(option.argument), range);
}

std::string default_of(const config::Option& option) {
  if (option.repeatable) {
    return "none; may be repeated";
  }
  const std::string shown = option.show(config::Config{}, "");
  return shown == "::" ? std::string() : code(shown);
}

// "port.*.mtu" is the key `mtu` of a section [port.NAME].
std::string section_of(std::string_view name) {
  const std::size_t star = name.find(".*.");
  return star == std::string_view::npos ? std::string()
                                        : fmt::format("[{}.NAME]", name.substr(0, star));
}

void print_options() {
  std::string_view group;
  std::string section;
  for (const config::Option& option : config::options()) {
    const std::string own_section = section_of(option.name);
    const bool new_group = option.group != group;
    if (new_group) {
      fmt::print("\n### {}\n", option.group);
    }
    if (new_group || own_section != section) {
      if (!own_section.empty()) {
        fmt::print("\nIn a section `{}`:\n", own_section);
      }
      fmt::print("\n| option | takes | default | meaning |\n|---|---|---|---|\n");
    }
    group = option.group;
    section = own_section;
    const std::size_t star = option.name.find(".*.");
    const std::string_view key =
        star == std::string_view::npos ? option.name : option.name.substr(star + 3);
    fmt::print("| {} | {} | {} | {} |\n", code(key), accepts(option), default_of(option),
               cell(option.help));
  }
}

void print_drops() {
  fmt::print("| reason | meaning | demanded by |\n|---|---|---|\n");
  for (const forwarding::DropReasonInfo& info : forwarding::kDropReasons) {
    fmt::print("| {} | {} | {} |\n", code(info.name), cell(info.sentence), cell(info.reference));
  }
}

void print_counter(std::string_view name, std::string_view sentence) {
  fmt::print("| {} | {} |\n", code(name), cell(sentence));
}

template <class Table>
void print_counters(const Table& table) {
  fmt::print("| counter | meaning |\n|---|---|\n");
  for (const auto& info : table) {
    print_counter(info.name, info.sentence);
  }
}

template <class Table>
void print_part(const Table& table, std::string_view part) {
  for (const DaemonCounterInfo& info : table) {
    if (info.part == part) {
      print_counter(info.name, info.sentence);
    }
  }
}

void print_control_counters() {
  print_counters(control::kControlCounters);
  print_part(kDaemonCounters, "control");
  for (const std::string_view punt_class : forwarding::kPuntClassNames) {
    print_counter(fmt::format("displaced-{}", punt_class), kDisplacedSentence);
  }
}

void print_host_counters() {
  fmt::print("| counter | meaning |\n|---|---|\n");
  print_part(kDaemonCounters, "host");
  for (const host::WaitingDropInfo& info : host::kWaitingDrops) {
    print_counter(fmt::format("waiting-{}", info.name), info.sentence);
  }
}

// Statuses of Binding Acknowledgements that have a name here.
void print_statuses() {
  const std::string_view nameless = wire::to_string(static_cast<wire::BindingStatus>(255));
  fmt::print("| status | name |\n|---|---|\n");
  for (unsigned status = 0; status < 255; ++status) {
    const std::string_view name = wire::to_string(static_cast<wire::BindingStatus>(status));
    if (name != nameless) {
      fmt::print("| {} | {} |\n", status, code(name));
    }
  }
}

void print_punt_classes() {
  for (const auto& name : forwarding::kPuntClassNames) {
    fmt::print("{}{}", code(name), &name == &forwarding::kPuntClassNames.back() ? "\n" : ", ");
  }
}

void print_refusals() {
  for (const auto& name : dataplane::kTableRefusalNames) {
    fmt::print("{}{}", code(name), &name == &dataplane::kTableRefusalNames.back() ? "\n" : ", ");
  }
}

void print_data_path_counters() { print_counters(forwarding::kCounters); }
void print_mobile_node_counters() { print_counters(mobile::kCounters); }

struct Table {
  std::string_view name;
  void (*print)();
};
constexpr Table kTables[] = {
    {"options", print_options},
    {"drops", print_drops},
    {"data-path-counters", print_data_path_counters},
    {"control-counters", print_control_counters},
    {"host-counters", print_host_counters},
    {"mobile-node-counters", print_mobile_node_counters},
    {"statuses", print_statuses},
    {"punt-classes", print_punt_classes},
    {"table-refusals", print_refusals},
};

int run(std::string_view wanted) {
  for (const Table& table : kTables) {
    if (table.name == wanted) {
      table.print();
      return 0;
    }
  }
  fmt::print(stderr, "Usage: doc-tables TABLE, one of:");
  for (const Table& table : kTables) {
    fmt::print(stderr, " {}", table.name);
  }
  fmt::print(stderr, "\n");
  return 2;
}

}  // namespace
}  // namespace anyhome

int main(int argc, char** argv) { return anyhome::run(argc == 2 ? argv[1] : ""); }
