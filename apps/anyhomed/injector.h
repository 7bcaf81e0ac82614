// Packets of the control thread and of the kernel on their way to the workers.
#pragma once

#include <cstdint>

#include "apps/anyhomed/data_plane.h"
#include "common/bytes.h"
#include "dataplane/io/mbuf.h"

namespace anyhome {

struct InjectorCounters {
  std::uint64_t no_buffer = 0;
  std::uint64_t ring_full = 0;
};

class Injector {
 public:
  explicit Injector(DataPlane& plane)
      : plane_(plane), note_offset_(dataplane::mbuf_note_offset()) {}

  // An IPv6 packet, to be looked up by a worker. False: counted and gone.
  bool send(dataplane::InjectKind kind, ByteView packet);
  // A finished frame for a port, whose VLAN tag is put in here.
  bool send_frame(std::uint16_t port, ByteView frame);

  [[nodiscard]] const InjectorCounters& counters() const { return counters_; }

 private:
  rte_mbuf* allocate(std::size_t size);
  bool push(rte_mbuf* packet, dataplane::InjectMetadata metadata, std::size_t worker);

  DataPlane& plane_;
  int note_offset_;
  InjectorCounters counters_;
};

}  // namespace anyhome
