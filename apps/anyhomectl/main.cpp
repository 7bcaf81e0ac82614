// anyhomectl: asks a running anyhomed, and tells it a few things.
#include <algorithm>
#include <boost/program_options.hpp>
#include <cstdio>
#include <expected>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "apps/anyhomectl/table.h"
#include "apps/anyhomectl/telemetry_client.h"
#include "apps/anyhomectl/views.h"

namespace anyhome::ctl {
namespace {

namespace po = boost::program_options;
using Json = nlohmann::ordered_json;

constexpr int kFailed = 1;
constexpr int kUsage = 2;

struct Options {
  std::string socket;
  bool json = false;
  bool all = false;
  std::size_t limit = 0;
  std::string match;
  std::string parameters;            // filters, as the daemon takes them
  std::vector<std::string> filters;  // their names
  std::vector<std::string> words;
};

std::string usage(const po::options_description& description) {
  std::string text =
      "Usage: anyhomectl [options] show VIEW\n"
      "       anyhomectl [options] explain ADDRESS [--from ADDRESS] [--tunnel ADDRESS] "
      "[--over-link "
      "PEER]\n"
      "                                    [--port NAME]\n"
      "       anyhomectl [options] remove HOME-ADDRESS\n"
      "       anyhomectl [options] drain [--rate N] | undrain\n"
      "       anyhomectl [options] switch HOME-ADDRESS PEER\n\n"
      "Views:\n";
  for (const View& view : views()) {
    text += fmt::format("  {:<15} {}\n", view.name, view.help);
  }
  std::ostringstream options;
  options << description;
  return text + "\n" + options.str() +
         "\nExit codes: 0 done, 1 the daemon is not there or refused, 2 wrong usage.\n";
}

int fail(const std::string& problem, int code = kFailed) {
  fmt::print(stderr, "anyhomectl: {}\n", problem);
  return code;
}

// Rows on their way out, a chunk at a time: a listing may have millions.
class RowPrinter {
 public:
  RowPrinter(const View& view, bool json) : view_(view), json_(json), table_(view.columns) {}

  void add(const Json& row) {
    rows_.push_back(row);
    if (rows_.size() == kChunk) {
      print_rows();
    }
  }
  void finish() {
    print_rows();
    if (json_) {
      fmt::print("{}]\n", printed_ ? "\n" : "[");
    } else if (!printed_ && !view_.picture) {
      fmt::print("{}", table_.format({}));
    }
  }

 private:
  static constexpr std::size_t kChunk = 1000;

  void print_rows() {
    if (rows_.empty()) {
      return;
    }
    if (json_) {
      for (const Json& row : rows_) {
        fmt::print("{}\n  {}", std::exchange(printed_, true) ? "," : "[", row.dump());
      }
    } else if (view_.picture) {
      for (const Json& row : rows_) {
        fmt::print("{}\n", row.at(std::string(view_.columns.front().key)).get<std::string>());
      }
    } else {
      fmt::print("{}", table_.format(rows_));
    }
    printed_ = true;
    rows_.clear();
  }

  const View& view_;
  bool json_;
  Table table_;
  std::vector<Json> rows_;
  bool printed_ = false;
};

// Whether some cell of the row has the text in it.
bool matches(const Json& row, const std::string& text) {
  return text.empty() || std::ranges::any_of(row, [&](const Json& cell) {
           return (cell.is_string() ? cell.get<std::string>() : cell.dump()).find(text) !=
                  std::string::npos;
         });
}

int show(TelemetryClient& client, const View& view, const Options& options) {
  RowPrinter printer(view, options.json);
  std::size_t rows = 0;
  const auto take = [&](const Json& row) {
    const bool hidden = !options.all && !view.hide_when_zero.empty() &&
                        row.value(view.hide_when_zero, std::uint64_t{0}) == 0;
    if (!hidden && matches(row, options.match)) {
      printer.add(row);
      ++rows;
    }
    return options.limit == 0 || rows < options.limit;
  };
  // The library's command names have no hyphens.
  std::string command(view.name);
  std::ranges::replace(command, '-', '_');
  const auto fields = client.ask_all(command, options.parameters, take);
  if (!fields) {
    return fail(fields.error());
  }
  if (!view.columns.empty()) {
    printer.finish();
  } else if (options.json) {
    fmt::print("{}\n", fields->dump(2));
  } else {
    fmt::print("{}", format_fields(*fields));
  }
  return 0;
}

int explain(TelemetryClient& client, const Options& options) {
  const std::string parameters =
      options.parameters.empty() ? options.words[1] : options.words[1] + "," + options.parameters;
  std::vector<Json> lines;
  const auto done = client.ask_all("explain", parameters, [&](const Json& row) {
    lines.push_back(row.at("decision"));
    return true;
  });
  if (!done) {
    return fail(done.error());
  }
  if (options.json) {
    fmt::print("{}\n", Json(lines).dump(2));
    return 0;
  }
  for (const Json& line : lines) {
    fmt::print("{}\n", line.get<std::string>());
  }
  return 0;
}

// A command that changes something: what to send, and what to say when it is done.
struct Order {
  std::string_view name;
  std::size_t words;  // the command's own included
  std::string_view takes;
  std::string (*parameters)(const Options&);
  std::string (*done)(const Json&);
};

std::string field(const Json& answer, const char* name) {
  const auto& value = answer.at(name);
  return value.is_string() ? value.get<std::string>() : value.dump();
}

constexpr Order kOrders[] = {
    {"remove", 2, "one home address", [](const Options& o) { return o.words[1]; },
     [](const Json& a) { return "removed the binding of " + field(a, "removed"); }},
    {"drain", 1, "nothing but --rate", [](const Options& o) { return o.parameters; },
     [](const Json& a) {
       return "draining " + field(a, "draining") + " mobile nodes, " + field(a, "rate") +
              " per second; \"anyhomectl show status\" says when it is safe to stop";
     }},
    {"undrain", 1, "nothing", [](const Options&) { return std::string(); },
     [](const Json& a) { return "serving: " + field(a, "serving"); }},
    {"switch", 3, "a home address and a peer",
     [](const Options& o) { return o.words[1] + ",to=" + o.words[2]; },
     [](const Json& a) {
       return "asked " + field(a, "home_address") + " over to " + field(a, "to");
     }},
};

const Order* find_order(std::string_view name) {
  for (const Order& order : kOrders) {
    if (order.name == name) {
      return &order;
    }
  }
  return nullptr;
}

int give(TelemetryClient& client, const Order& order, const Options& options) {
  const auto answer = client.ask(std::string(order.name), order.parameters(options));
  if (!answer) {
    return fail(answer.error());
  }
  fmt::print("{}\n", options.json ? answer->dump(2) : order.done(*answer));
  return 0;
}

// What is to be done with the words; a usage error is text.
using Action = int (*)(TelemetryClient&, const View*, const Options&);
std::expected<std::pair<Action, const View*>, std::string> find_action(const Options& options) {
  const auto& words = options.words;
  if (words.empty()) {
    return std::unexpected("say what to do");
  }
  if (words[0] == "show") {
    if (words.size() != 2) {
      return std::unexpected("show takes one view");
    }
    for (const View& view : views()) {
      if (view.name == words[1]) {
        for (const std::string& filter : options.filters) {
          if (std::ranges::find(view.filters, filter) == view.filters.end()) {
            return std::unexpected(fmt::format("show {} takes no --{}", view.name, filter));
          }
        }
        return std::pair<Action, const View*>(
            [](TelemetryClient& c, const View* v, const Options& o) { return show(c, *v, o); },
            &view);
      }
    }
    return std::unexpected(fmt::format("there is no view \"{}\"", words[1]));
  }
  if (words[0] == "explain") {
    if (words.size() != 2) {
      return std::unexpected("explain takes one address");
    }
    return std::pair<Action, const View*>(
        [](TelemetryClient& c, const View*, const Options& o) { return explain(c, o); }, nullptr);
  }
  if (const Order* order = find_order(words[0])) {
    if (words.size() != order->words) {
      return std::unexpected(fmt::format("{} takes {}", order->name, order->takes));
    }
    return std::pair<Action, const View*>(
        [](TelemetryClient& c, const View*, const Options& o) {
          return give(c, *find_order(o.words[0]), o);
        },
        nullptr);
  }
  return std::unexpected(fmt::format("there is no command \"{}\"", words[0]));
}

int main_with(int argc, char** argv) {
  Options options;
  std::string file_prefix;
  po::options_description description("Options");
  description.add_options()("help,h", "this text")("version,V", "print the version")(
      "file-prefix,f", po::value(&file_prefix)->default_value("rte"),
      "--file-prefix that the daemon was given")("socket", po::value(&options.socket),
                                                 "telemetry socket, instead of --file-prefix")(
      "json,j", po::bool_switch(&options.json), "JSON instead of text")(
      "all,a", po::bool_switch(&options.all), "rows that are zero, too")(
      "limit,n", po::value(&options.limit)->default_value(0), "rows at most; 0: all")(
      "match,m", po::value(&options.match), "only rows with this text in some column");
  for (const auto& [name, help] :
       {std::pair("home", "bindings, global-bindings: only this home address"),
        std::pair("care-of", "bindings: only at this care-of address"),
        std::pair("peer", "global-bindings: only of this peer"),
        std::pair("rate", "drain: mobile nodes per second"),
        std::pair("prefix", "bindings: only with this mobile network prefix"),
        std::pair("from", "explain: source of the packet"),
        std::pair("tunnel", "explain: the packet comes in a reverse tunnel from this address"),
        std::pair("over-link",
                  "explain: the packet, or that tunnel, comes over this peer's HAHA link"),
        std::pair("port", "explain: port that it comes in on")}) {
    description.add_options()(name, po::value<std::string>(), help);
  }
  po::options_description everything;
  everything.add(description).add_options()("word", po::value(&options.words));
  po::positional_options_description words;
  words.add("word", -1);
  po::variables_map given;
  try {
    po::store(po::command_line_parser(argc, argv).options(everything).positional(words).run(),
              given);
    po::notify(given);
  } catch (const po::error& error) {
    return fail(std::string(error.what()) + "; see anyhomectl --help", kUsage);
  }
  if (given.contains("help")) {
    fmt::print("{}", usage(description));
    return 0;
  }
  if (given.contains("version")) {
    fmt::print("anyhomectl {}\n", ANYHOME_VERSION);
    return 0;
  }
  for (const char* name :
       {"home", "care-of", "prefix", "peer", "rate", "from", "tunnel", "over-link", "port"}) {
    if (given.contains(name)) {
      options.parameters += fmt::format("{}{}={}", options.parameters.empty() ? "" : ",", name,
                                        given[name].as<std::string>());
      options.filters.emplace_back(name);
    }
  }
  const auto action = find_action(options);
  if (!action) {
    return fail(action.error() + "; see anyhomectl --help", kUsage);
  }
  auto client =
      TelemetryClient::connect(options.socket.empty() ? socket_path(file_prefix) : options.socket);
  if (!client) {
    return fail(client.error());
  }
  return action->first(*client, action->second, options);
}

}  // namespace
}  // namespace anyhome::ctl

int main(int argc, char** argv) {
  try {
    return anyhome::ctl::main_with(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "anyhomectl: {}\n", error.what());
    return 1;
  }
}
