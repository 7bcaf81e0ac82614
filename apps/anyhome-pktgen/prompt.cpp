#include "apps/anyhome-pktgen/prompt.h"

#include <cstdio>
#include <optional>
#include <sstream>
#include <string>

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "apps/anyhome-mn/option_values.h"
#include "apps/anyhome-pktgen/option_checks.h"
#include "apps/anyhome-pktgen/values.h"

namespace anyhome::pktgen {
namespace {

constexpr std::string_view kPrompt = "pktgen> ";
constexpr int kPollMilliseconds = 100;

class Prompt {
 public:
  Prompt(Options options, Generator& generator, std::function<bool()> interrupted)
      : options_(std::move(options)),
        generator_(generator),
        actions_(options_, generator, std::move(interrupted)) {}

  int run() {
    say(kPrompt);
    while (!quit_ && !actions_.interrupted()() && read_some()) {
    }
    if (started_) {
      stop({});
    }
    return failed_ && isatty(STDIN_FILENO) == 0 ? kFailed : kDone;
  }

 private:
  struct Command {
    std::string_view words;
    std::string_view argument;
    std::string_view help;
    void (Prompt::*act)(const std::string& argument);
  };
  static const std::vector<Command>& commands();

  static void say(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  }

  // Whole lines are carried out; false at the end of the input.
  bool read_some() {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (poll(&input, 1, kPollMilliseconds) <= 0) {
      return true;
    }
    std::array<char, 512> buffer{};
    const ssize_t count = read(STDIN_FILENO, buffer.data(), buffer.size());
    const bool end_of_input = count <= 0;
    if (!end_of_input) {
      pending_.append(buffer.data(), static_cast<std::size_t>(count));
    } else if (!pending_.empty()) {
      pending_ += '\n';
    }
    for (std::size_t end = pending_.find('\n'); end != std::string::npos && !quit_;
         end = pending_.find('\n')) {
      const std::string line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      obey(line);
      if (!quit_) {
        say(kPrompt);
      }
    }
    return !end_of_input;
  }

  void refuse(const std::string& why) {
    failed_ = true;
    say(why + "\n");
  }

  void obey(const std::string& line) {
    std::istringstream words(line);
    std::string word;
    std::string text;
    while (words >> word) {
      text += (text.empty() ? "" : " ") + word;
    }
    if (text.empty()) {
      return;
    }
    for (const Command& command : commands()) {
      const bool exact = text == command.words;
      if (exact || text.starts_with(std::string(command.words) + " ")) {
        const std::string argument = exact ? "" : text.substr(command.words.size() + 1);
        if (command.argument.empty() && !argument.empty()) {
          break;
        }
        (this->*command.act)(argument);
        return;
      }
    }
    refuse(fmt::format("\"{}\": there is no such command; see help", text));
  }

  template <class T, class Target>
  void set(std::expected<T, std::string> value, Target& target) {
    if (!value) {
      refuse(value.error());
    } else {
      target = *std::move(value);
    }
  }

  void start(const std::string&) {
    if (generator_.sending()) {
      return refuse("is sending already; stop first");
    }
    auto request = actions_.request();
    if (!request) {
      return refuse(request.error());
    }
    generator_.start(*request);
    started_ = true;
  }
  void report() {
    say(render(describe(actions_.wait(), !options_.reproducible), Format::Table));
    started_ = false;
  }
  void stop(const std::string&) {
    if (!started_) {
      return refuse("nothing is being sent");
    }
    generator_.stop();
    report();
  }
  void wait(const std::string&) {
    if (!started_ || (options_.count == 0 && options_.duration.count() == 0)) {
      return refuse("there is nothing that ends by itself; see set count and set duration");
    }
    report();
  }
  void register_nodes(const std::string&) {
    if (generator_.sending()) {
      return refuse("is sending; stop first");
    }
    // All of them, whoever has been before.
    generator_.nodes().forget_registered();
    const auto result = actions_.register_nodes(generator_.traffic().network.nodes);
    if (!result) {
      return refuse(result.error());
    }
    say(render(describe(*result), Format::Table));
    failed_ = failed_ || !result->complete();
  }
  void search(const std::string&) {
    if (generator_.sending()) {
      return refuse("is sending; stop first");
    }
    const SearchResult result = actions_.search();
    say(render(describe(result.results), Format::Table));
    if (result.problem) {
      refuse(*result.problem);
    }
  }
  void set_rate(const std::string& text) { set(read_packet_rate(text), options_.rate); }
  void set_frame_size(const std::string& text) {
    if (!options_.traffic.templates.empty()) {
      return refuse("frames are as large as those of --template");
    }
    auto sizes = FrameSizes::parse(text);
    // Ports and buffers are as large as the options wanted them.
    if (sizes && sizes->largest() > std::max<unsigned>(options_.traffic.sizes.largest(), 1518)) {
      sizes = std::unexpected(
          fmt::format("is larger than --frame-size was ({})", options_.traffic.sizes.name()));
    }
    set(std::move(sizes), generator_.traffic().sizes);
  }
  void set_traffic(const std::string& text) {
    std::istringstream words(text);
    std::vector<RequestedTraffic> mix;
    std::vector<Kind> kinds;
    for (std::string word; words >> word;) {
      const auto entry = read_traffic(word);
      if (!entry) {
        return refuse(entry.error());
      }
      mix.push_back(*entry);
      kinds.push_back(entry->kind);
    }
    const auto missing = missing_for(kinds, options_);
    if (mix.empty() || !missing.empty()) {
      return refuse(mix.empty() ? "give at least one kind"
                                : fmt::format("{}", fmt::join(missing, "\n")));
    }
    if (const auto placed = generator_.place(mix); !placed) {
      return refuse(placed.error());
    }
    options_.mix = std::move(mix);
  }
  void set_nodes(const std::string& text) {
    // There is room for as many as the options said.
    set(mobile::read_number<std::uint32_t>(text, 1, generator_.nodes().size()),
        generator_.traffic().network.nodes);
  }
  void set_order(const std::string& text) { set(read_order(text), generator_.traffic().pattern); }
  void set_count(const std::string& text) {
    set(mobile::read_number<std::uint64_t>(text, 0, ~std::uint64_t{0}), options_.count);
  }
  void set_duration(const std::string& text) {
    set(mobile::read_seconds(text, 0, 1e6), options_.duration);
  }
  void set_burst(const std::string& text) {
    set(mobile::read_number<std::uint32_t>(text, 1, 1'000'000), options_.profile.burst);
  }
  void show_stats(const std::string&) {
    say(render(describe(generator_.result(), true), Format::Table));
  }
  void show_ports(const std::string&) {
    for (const dataplane::Port& port : generator_.ports().all()) {
      const auto statistics = port.statistics();
      say(fmt::format("{} ({}): link {}, sent {}, received {}, missed {}, no buffer {}\n",
                      port.name(), port.driver(), port.link().up ? "up" : "down", statistics.sent,
                      statistics.received, statistics.missed, statistics.no_buffer));
    }
  }
  void help(const std::string&) {
    for (const Command& command : commands()) {
      say(fmt::format("  {:<38} {}\n", fmt::format("{} {}", command.words, command.argument),
                      command.help));
    }
  }
  void quit(const std::string&) { quit_ = true; }

  Options options_;
  Generator& generator_;
  Actions actions_;
  std::string pending_;
  bool started_ = false;
  bool quit_ = false;
  bool failed_ = false;
};

const std::vector<Prompt::Command>& Prompt::commands() {
  static const std::vector<Command> all = {
      {"start", "", "send as set", &Prompt::start},
      {"stop", "", "stop sending, and say what came back", &Prompt::stop},
      {"wait", "", "until all is sent, and say what came back", &Prompt::wait},
      {"register", "", "register all mobile nodes", &Prompt::register_nodes},
      {"ndr", "", "search for the highest rate that loses no more than --loss", &Prompt::search},
      {"set rate", "PPS|PERCENT%|max", "from the next start on, as all that is set",
       &Prompt::set_rate},
      {"set traffic", "KIND[=WEIGHT][@DEVICE]...", "all kinds that are to be sent",
       &Prompt::set_traffic},
      {"set nodes", "NUMBER", "mobile nodes, no more than --nodes", &Prompt::set_nodes},
      {"set frame-size", "BYTES|imix|...", "", &Prompt::set_frame_size},
      {"set order", "sequential|uniform|zipf[=S]", "", &Prompt::set_order},
      {"set burst", "NUMBER", "", &Prompt::set_burst},
      {"set count", "NUMBER", "packets, 0 for no limit", &Prompt::set_count},
      {"set duration", "SECONDS", "0 for no limit", &Prompt::set_duration},
      {"show stats", "", "of the run under way, or the last one", &Prompt::show_stats},
      {"show ports", "", "what drivers have counted", &Prompt::show_ports},
      {"help", "", "this list", &Prompt::help},
      {"quit", "", "the end", &Prompt::quit},
  };
  return all;
}

}  // namespace

int run_prompt(const Options& options, Generator& generator, Actions& actions) {
  return Prompt(options, generator, actions.interrupted()).run();
}

}  // namespace anyhome::pktgen
