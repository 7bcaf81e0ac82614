// What anyhomed counts itself, between the control core, the workers and the kernel: each name
// typed once, here. Of the kernel's part, `host`, there is nothing in static mode.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace anyhome {

enum class DaemonCounter : std::uint8_t {
  InjectNoBuffer,
  InjectRingFull,
  TableUpdatesRefused,
  ToKernel,
  FromKernel,
  KernelDidNotTake,
  KernelEntriesRefused,
  NetlinkOverruns,
};
inline constexpr std::size_t kDaemonCounterCount =
    static_cast<std::size_t>(DaemonCounter::NetlinkOverruns) + 1;

struct DaemonCounterInfo {
  DaemonCounter counter;
  std::string_view part;
  std::string_view name;
  std::string_view sentence;
};

inline constexpr std::array<DaemonCounterInfo, kDaemonCounterCount> kDaemonCounters = {{
    {DaemonCounter::InjectNoBuffer, "control", "inject-no-buffer",
     "Packets of the control thread and the host lost because their pool was empty."},
    {DaemonCounter::InjectRingFull, "control", "inject-ring-full",
     "Packets of the control thread and the host lost because a worker was behind."},
    {DaemonCounter::TableUpdatesRefused, "control", "table-updates-refused",
     "Updates of bindings and prefixes that a forwarding table refused."},
    {DaemonCounter::ToKernel, "host", "to-kernel", "Packets given to the kernel."},
    {DaemonCounter::FromKernel, "host", "from-kernel", "Packets taken from the kernel."},
    {DaemonCounter::KernelDidNotTake, "host", "kernel-did-not-take",
     "Packets that a twin or the TUN device did not take."},
    {DaemonCounter::KernelEntriesRefused, "host", "kernel-entries-refused",
     "Addresses, routes and neighbours of the kernel for which a table had no room."},
    {DaemonCounter::NetlinkOverruns, "host", "netlink-overruns",
     "Times that the kernel's notifications were lost; all was read again."},
}};

// Of `displaced-CLASS`, one for each class of packets for the control thread.
inline constexpr std::string_view kDisplacedSentence =
    "Packets of this class given up, oldest first, because too many waited for the control thread.";

static_assert(
    [] {
      for (std::size_t i = 0; i < kDaemonCounterCount; ++i) {
        if (kDaemonCounters[i].counter != static_cast<DaemonCounter>(i)) {
          return false;
        }
      }
      return true;
    }(),
    "the table lists the counters in the enumeration's order");

}  // namespace anyhome
