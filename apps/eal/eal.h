// What every DPDK program of ours does before and after its own work: tell EAL's arguments from its
// own, start EAL, say what is wrong when it does not start, and end it.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace anyhome::eal {

// "PROGRAM [EAL options] -- [options]": what is in front of the "--", and what is behind it.
struct Arguments {
  std::vector<std::string> eal;  // with the program's name first
  std::vector<std::string> own;
};
Arguments split_arguments(int argc, char** argv);

// Whether --NAME is among them, with a value or without.
bool has_argument(const std::vector<std::string>& arguments, const std::string& name);

// The virtual devices that EAL is told to make, "--vdev=net_pcap0,rx_pcap=FILE" in one word or two.
// EAL starts all the same when it cannot make one.
struct VirtualDevice {
  std::string name;
  std::string text;  // with its arguments
};
std::vector<VirtualDevice> virtual_devices(const std::vector<std::string>& arguments);
// What to say of one that is not there.
std::string explain_missing(const VirtualDevice& device);

// Free hugepages of any size, in bytes.
std::uint64_t free_hugepage_bytes();

// An error says what EAL does not, with a remedy; EAL's own lines stand above it.
std::expected<void, std::string> start(std::string_view program,
                                       std::vector<std::string> arguments);

inline constexpr int kFailed = 1;

// `problem` on standard error, behind whatever EAL has written to standard output; kFailed.
int fail(std::string_view program, std::string_view problem);

// Starts EAL, works, ends EAL. The exit code is the work's, or kFailed when EAL did not start or
// the work threw, and then standard error says why.
int run(std::string_view program, const std::vector<std::string>& arguments,
        const std::function<int()>& work);

}  // namespace anyhome::eal
