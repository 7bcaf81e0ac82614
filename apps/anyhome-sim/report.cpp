// The report of a planned network: for people, as CSV, as a picture.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <spawn.h>
#include <unistd.h>

#include <sys/wait.h>

#include "apps/anyhome-sim/plan.h"

extern char** environ;

namespace anyhome::sim {
namespace {

constexpr std::array kPercents = {50.0, 90.0, 99.0, 99.9, 100.0};

Traffic mean(const PlanReport& report, Traffic PopReport::*part) {
  Traffic sum;
  for (const PopReport& pop : report.pops) {
    sum.messages += (pop.*part).messages;
    sum.bytes += (pop.*part).bytes;
  }
  const auto pops = static_cast<double>(report.pops.size());
  return {sum.messages / pops, sum.bytes / pops};
}

Traffic most(const PlanReport& report, Traffic PopReport::*part) {
  Traffic most;
  for (const PopReport& pop : report.pops) {
    most.messages = std::max(most.messages, (pop.*part).messages);
    most.bytes = std::max(most.bytes, (pop.*part).bytes);
  }
  return most;
}

std::string traffic_line(const PlanReport& report, std::string_view name,
                         Traffic PopReport::*part) {
  const Traffic average = mean(report, part);
  const Traffic maximum = most(report, part);
  return fmt::format("  {:<34}{:>12.1f}{:>14.0f}{:>12.1f}{:>14.0f}\n", name, average.messages,
                     average.bytes, maximum.messages, maximum.bytes);
}

std::string distribution_line(std::string_view name, const Distribution& distribution) {
  std::string line = fmt::format("  {:<34}", name);
  if (distribution.empty()) {
    return line + "none was seen\n";
  }
  for (const double percent : kPercents) {
    line += distribution.resolves(percent)
                ? fmt::format("{:>10.3f}", distribution.percentile(percent))
                : fmt::format("{:>10}", "-");
  }
  return line + fmt::format("{:>10}\n", distribution.samples.size());
}

// "name,part,statistic,value"
void csv_traffic(std::string& csv, std::size_t pop, std::string_view part, const Traffic& traffic) {
  csv += fmt::format("pop{},{},messages-per-second,{:.3f}\n", pop, part, traffic.messages);
  csv += fmt::format("pop{},{},bytes-per-second,{:.1f}\n", pop, part, traffic.bytes);
}

void csv_distribution(std::string& csv, std::string_view name, const Distribution& distribution) {
  csv += fmt::format("all,{},samples,{}\n", name, distribution.samples.size());
  for (unsigned percent = 1; percent <= 100 && !distribution.empty(); ++percent) {
    csv += fmt::format("all,{},percentile-{},{:.6f}\n", name, percent,
                       distribution.percentile(percent));
  }
}

// A distribution as gnuplot reads it inline.
std::string curve(const Distribution& distribution) {
  std::string data;
  constexpr std::size_t kMostPoints = 400;
  const std::size_t step = std::max<std::size_t>(1, distribution.samples.size() / kMostPoints);
  for (std::size_t i = 0; i < distribution.samples.size(); i += step) {
    data += fmt::format(
        "{:.6f} {:.4f}\n", std::max(distribution.samples[i], 1e-4),
        100.0 * static_cast<double>(i + 1) / static_cast<double>(distribution.samples.size()));
  }
  return data;
}

struct Curve {
  std::string_view title;
  const Distribution* distribution;
};

std::string gnuplot_script(const PlanReport& report, const std::string& file) {
  std::string script = fmt::format(
      "set terminal {}\nset output '{}'\nset multiplot layout 2,1 title "
      "'{} home agents, {} mobile nodes, {} moves per hour, loss {}%'\n",
      file.ends_with(".png") ? "pngcairo size 1000,900"
                             : "svg size 1000,900 dynamic background 'white'",
      file, report.options.pops, report.options.mobile_nodes, report.options.moves_per_hour,
      report.options.loss * 100);
  std::vector<Curve> curves;
  for (const Curve& one :
       {Curve{"a Binding Update known by all peers", &report.convergence},
        Curve{"without service after a move", &report.move_outage},
        Curve{"without service, own home agent dead", &report.death_outage},
        Curve{"without service, the one on the way dead", &report.death_outage_others}}) {
    if (!one.distribution->empty()) {
      curves.push_back(one);
    }
  }
  script +=
      "set logscale x\nset xlabel 'seconds'\nset ylabel '% of cases'\nset yrange [0:100]\n"
      "set key bottom right\nset grid\n";
  for (std::size_t i = 0; i < curves.size(); ++i) {
    script += fmt::format("$c{} << EOD\n{}EOD\n", i, curve(*curves[i].distribution));
  }
  for (std::size_t i = 0; i < curves.size(); ++i) {
    script += fmt::format("{}$c{} with lines lw 2 title '{}'", i == 0 ? "plot " : ", ", i,
                          curves[i].title);
  }
  script +=
      "\nunset logscale x\nset yrange [0:*]\nset xlabel 'POP'\nset ylabel 'bytes per second sent'\n"
      "set key top right\nset style data histograms\nset style histogram rowstacked\n"
      "set style fill solid 0.8\nset boxwidth 0.8\n$t << EOD\n";
  for (const PopReport& pop : report.pops) {
    script += fmt::format("{:.1f} {:.1f} {:.1f}\n", pop.hello.bytes, pop.synchronization.bytes,
                          pop.signalling.bytes);
  }
  return script +
         "EOD\nplot $t using 1 title 'HA-HELLO', '' using 2 title 'State Synchronization', '' "
         "using 3 "
         "title 'mobile nodes'' signalling'\nunset multiplot\n";
}

// Runs gnuplot on a script; false: it did not work.
bool run_gnuplot(const std::string& script_file) {
  std::string program = "gnuplot";
  std::string argument = script_file;
  char* const arguments[] = {program.data(), argument.data(), nullptr};
  pid_t child = 0;
  if (posix_spawnp(&child, program.c_str(), nullptr, nullptr, arguments, environ) != 0) {
    return false;
  }
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

std::string describe(const PlanReport& report) {
  const PlanOptions& options = report.options;
  std::string text = fmt::format(
      "{} home agents, {} mobile nodes, {} moves per hour each ({:.0f}% of them near the same home "
      "agent), lifetime {} s, loss {}%, {} ms across\n"
      "  exactly simulated: all {} home agents and every message between them; {} of the mobile "
      "nodes\n"
      "  scaled by {:.1f}: what is proportional to mobile nodes (marked *). HELLOs are not.\n",
      options.pops, options.mobile_nodes, options.moves_per_hour, options.local_moves * 100,
      options.lifetime.count(), options.loss * 100, options.farthest_ms, options.pops,
      report.simulated, report.scale);
  text +=
      fmt::format("\nsent by a POP per second, over {:.0f} s\n  {:<34}{:>12}{:>14}{:>12}{:>14}\n",
                  report.measured_seconds, "", "messages", "bytes", "most", "most bytes");
  text += traffic_line(report, "HA-HELLO", &PopReport::hello);
  text += traffic_line(report, "State Synchronization *", &PopReport::synchronization);
  text += traffic_line(report, "mobile nodes' signalling *", &PopReport::signalling);
  text +=
      fmt::format("  on its way to one peer at a time *: {:.2f} messages{}\n", report.outstanding,
                  report.outstanding < 32
                      ? "; each tells of one change (from 32 on they are filled up)"
                      : "; more than 32, so they are filled up and there are less than said here");
  text += fmt::format("\nseconds\n  {:<34}", "");
  for (const double percent : kPercents) {
    text += fmt::format("{:>9}%", percent);
  }
  text += fmt::format("{:>10}\n", "cases");
  text += distribution_line("Binding Update known by a peer", report.per_peer);
  text += distribution_line("Binding Update known by all peers", report.convergence);
  text += distribution_line("without service after a move", report.move_outage);
  text += distribution_line("  when its home agent dies", report.death_outage);
  text += distribution_line("  when the one on the way dies", report.death_outage_others);
  if (report.superseded != 0 || report.unconverged != 0) {
    text += fmt::format("  overtaken by the next update: {}; not known everywhere at the end: {}\n",
                        report.superseded, report.unconverged);
  }
  constexpr double kMiB = 1024.0 * 1024.0;
  text += fmt::format(
      "\nmemory of a control core: {:.0f} bytes per mobile node, measured on 200000 of them; "
      "{:.1f} MiB "
      "for all *\n(the forwarding tables' memory is apart: anyhomectl show pools)\n",
      report.bytes_per_binding, report.bytes_per_agent / kMiB);
  text += fmt::format("\n{} events in {:.1f} s\n", report.events, report.cpu_seconds);
  return text;
}

std::string to_csv(const PlanReport& report) {
  std::string csv = "who,what,statistic,value\n";
  csv += fmt::format("all,mobile-nodes,simulated,{}\nall,mobile-nodes,scale,{:.3f}\n",
                     report.simulated, report.scale);
  for (std::size_t pop = 0; pop < report.pops.size(); ++pop) {
    csv_traffic(csv, pop, "hello", report.pops[pop].hello);
    csv_traffic(csv, pop, "synchronization", report.pops[pop].synchronization);
    csv_traffic(csv, pop, "signalling", report.pops[pop].signalling);
  }
  csv_distribution(csv, "known-by-a-peer", report.per_peer);
  csv_distribution(csv, "known-by-all-peers", report.convergence);
  csv_distribution(csv, "outage-of-a-move", report.move_outage);
  csv_distribution(csv, "outage-own-home-agent-dead", report.death_outage);
  csv_distribution(csv, "outage-home-agent-on-the-way-dead", report.death_outage_others);
  csv += fmt::format(
      "all,memory,bytes-per-mobile-node,{:.1f}\nall,memory,bytes-per-home-agent,{:.0f}\n",
      report.bytes_per_binding, report.bytes_per_agent);
  return csv;
}

std::expected<void, std::string> plot(const PlanReport& report, const std::string& file) {
  const std::string script =
      (std::filesystem::temp_directory_path() / fmt::format("anyhome-sim-{}.gnuplot", getpid()))
          .string();
  {
    std::ofstream out(script);
    out << gnuplot_script(report, file);
    if (!out.flush()) {
      return std::unexpected(fmt::format("{} cannot be written", script));
    }
  }
  const bool drawn = run_gnuplot(script);
  std::filesystem::remove(script);
  if (!drawn) {
    return std::unexpected(std::string("gnuplot did not draw it; install gnuplot-nox"));
  }
  return {};
}

}  // namespace anyhome::sim
