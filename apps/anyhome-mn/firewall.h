// Keeps the kernel from answering type 2 routing headers with Parameter Problem: an nftables table
// of our own that drops them on the way in, behind the packet socket that has seen them already.
//
// `nft` runs as our child for as long as we do, and owns the table: when its standard input ends,
// for whatever reason we are gone, the kernel removes the table.
#pragma once

#include <expected>
#include <string>

#include <sys/types.h>

#include "apps/anyhome-mn/file_descriptor.h"

namespace anyhome::mobile {

class Firewall {
 public:
  // Waits at most two seconds for the table to be there.
  static std::expected<Firewall, std::string> start();

  Firewall(Firewall&& other) noexcept;
  Firewall& operator=(Firewall&&) = delete;
  Firewall(const Firewall&) = delete;
  Firewall& operator=(const Firewall&) = delete;
  ~Firewall();

 private:
  Firewall() = default;

  FileDescriptor input_;  // of the child
  pid_t child_ = -1;
};

}  // namespace anyhome::mobile
