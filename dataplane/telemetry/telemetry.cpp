#include "dataplane/telemetry/telemetry.h"

#include <algorithm>
#include <atomic>

#include <rte_telemetry.h>

namespace anyhome::dataplane {
namespace {

// The library's callbacks get no pointer of ours, so there is this one.
std::atomic<TelemetryServer*> the_server = nullptr;

// The library's JSON is broken by bytes beyond ASCII (it takes them for control characters), and
// its strings are short.
std::string fitting(const std::string& text) {
  constexpr std::string_view kSection = "§";
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (std::string_view(text).substr(i).starts_with(kSection)) {
      result += "section ";
      i += kSection.size() - 1;
    } else {
      result += static_cast<unsigned char>(text[i]) < 0x80 ? text[i] : '?';
    }
  }
  return result.substr(0, RTE_TEL_MAX_STRING_LEN - 1);
}

void add(rte_tel_data* dictionary, const std::string& name, const TelemetryScalar& value) {
  if (const auto* number = std::get_if<std::uint64_t>(&value)) {
    rte_tel_data_add_dict_u64(dictionary, name.c_str(), *number);
  } else {
    rte_tel_data_add_dict_string(dictionary, name.c_str(),
                                 fitting(std::get<std::string>(value)).c_str());
  }
}

void fill(rte_tel_data* data, const TelemetryReply& reply) {
  rte_tel_data_start_dict(data);
  if (!reply.error.empty()) {
    rte_tel_data_add_dict_string(data, "error", fitting(reply.error).c_str());
    return;
  }
  for (const auto& [name, value] : reply.fields) {
    add(data, name, value);
  }
  for (std::size_t i = 0; i < reply.rows.size(); ++i) {
    rte_tel_data* row = rte_tel_data_alloc();
    if (row == nullptr) {
      return;
    }
    rte_tel_data_start_dict(row);
    for (const auto& [name, value] : reply.rows[i]) {
      add(row, name, value);
    }
    if (rte_tel_data_add_dict_container(data, std::to_string(i).c_str(), row, 0) != 0) {
      rte_tel_data_free(row);
      return;
    }
  }
}

int on_command(const char* path, const char* parameters, rte_tel_data* data) {
  TelemetryServer* server = the_server.load();
  constexpr std::string_view kPrefix = "/anyhome/";
  std::string_view command = path;
  command.remove_prefix(std::min(kPrefix.size(), command.size()));
  fill(data, server == nullptr
                 ? TelemetryReply::failure("the agent is stopping")
                 : server->ask({std::string(command), parameters == nullptr ? "" : parameters}));
  return 0;
}

}  // namespace

TelemetryServer::TelemetryServer(std::function<void()> wake) : wake_(std::move(wake)) {
  the_server.store(this);
}

TelemetryServer::~TelemetryServer() {
  close();
  the_server.store(nullptr);
}

void TelemetryServer::add_command(const char* path, const char* help) {
  rte_telemetry_register_cmd(path, on_command, help);
}

TelemetryReply TelemetryServer::ask(TelemetryQuestion question) {
  auto pending = std::make_shared<Pending>();
  pending->question = std::move(question);
  std::unique_lock lock(mutex_);
  if (closed_) {
    return TelemetryReply::failure("the agent is stopping");
  }
  queue_.push_back(pending);
  lock.unlock();
  wake_();
  lock.lock();
  if (!answered_.wait_for(lock, kDeadline, [&] { return pending->answered || closed_; }) ||
      !pending->answered) {
    pending->abandoned = true;
    return TelemetryReply::failure(closed_ ? "the agent is stopping"
                                           : "the control thread did not answer in time");
  }
  return std::move(pending->reply);
}

bool TelemetryServer::answer_one(const Answerer& answerer) {
  std::unique_lock lock(mutex_);
  while (!queue_.empty() && queue_.front()->abandoned) {
    queue_.pop_front();
  }
  if (queue_.empty()) {
    return false;
  }
  const std::shared_ptr<Pending> pending = queue_.front();
  queue_.pop_front();
  lock.unlock();
  TelemetryReply reply = answerer(pending->question);
  lock.lock();
  pending->reply = std::move(reply);
  pending->answered = true;
  lock.unlock();
  answered_.notify_all();
  return true;
}

void TelemetryServer::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  answered_.notify_all();
}

}  // namespace anyhome::dataplane
