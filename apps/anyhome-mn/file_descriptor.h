// A file descriptor that is closed once.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <string.h>
#include <unistd.h>

namespace anyhome::mobile {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  void reset() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
    fd_ = -1;
  }

 private:
  int fd_ = -1;
};

// "WHAT: reason", the reason being that of an errno value.
inline std::string failure(std::string_view what, int error) {
  return std::string(what) + ": " + ::strerror(error);
}

}  // namespace anyhome::mobile
