// Questions from DPDK's telemetry socket, answered by the control thread.
//
// Telemetry runs a thread per client, several at once and without an lcore id: such a thread must
// touch no table, no mempool and no per-lcore array. So a callback only puts its question into a
// queue, wakes the control thread and waits for the answer, with a deadline; the control thread
// answers between two rounds of its loop, one question at a time, in small pages.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace anyhome::dataplane {

using TelemetryScalar = std::variant<std::uint64_t, std::string>;
using TelemetryRow = std::vector<std::pair<std::string, TelemetryScalar>>;

// A dictionary of fields, and rows that are dictionaries themselves, named "0", "1" and so on: all
// that the library's replies can hold. Names have letters, digits and underscores.
struct TelemetryReply {
  TelemetryRow fields;
  std::vector<TelemetryRow> rows;
  // Set: nothing else counts, and the client sees {"error": ...}.
  std::string error;

  static TelemetryReply failure(std::string text) { return {{}, {}, std::move(text)}; }
};

// Rows of a page: 32 rows of at most 450 bytes stay below the 16 KiB that a reply may have.
inline constexpr std::size_t kTelemetryPage = 32;

struct TelemetryQuestion {
  std::string command;     // "bindings" of "/anyhome/bindings"
  std::string parameters;  // what is behind the comma
};

class TelemetryServer {
 public:
  using Answerer = std::function<TelemetryReply(const TelemetryQuestion&)>;

  // `wake` makes the control thread call `answer_one` soon; called from any thread.
  explicit TelemetryServer(std::function<void()> wake);
  ~TelemetryServer();
  TelemetryServer(const TelemetryServer&) = delete;
  TelemetryServer& operator=(const TelemetryServer&) = delete;

  // Adds "/anyhome/NAME". There can be one server in a process: the library's callbacks carry no
  // pointer of ours.
  void add_command(const char* path, const char* help);

  // The control thread: answers one waiting question. True: there was one.
  bool answer_one(const Answerer& answerer);

  // A callback's side.
  TelemetryReply ask(TelemetryQuestion question);

  // Nothing is asked any more; who waits gets an error.
  void close();

 private:
  struct Pending {
    TelemetryQuestion question;
    TelemetryReply reply;
    bool answered = false;
    bool abandoned = false;
  };

  static constexpr auto kDeadline = std::chrono::seconds(2);

  std::function<void()> wake_;
  std::mutex mutex_;
  std::condition_variable answered_;
  std::deque<std::shared_ptr<Pending>> queue_;
  bool closed_ = false;
};

}  // namespace anyhome::dataplane
