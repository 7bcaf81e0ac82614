#include "apps/anyhomed/sizing.h"

#include "apps/anyhomed/admission.h"
#include "apps/anyhomed/log.h"
#include "controlplane/binding_cache.h"

namespace anyhome {

std::uint32_t control_queue_places(const config::Config& config) {
  return config.data_path.control_queue != 0
             ? config.data_path.control_queue
             : Admission::derived_places(config.home_agent.max_bindings);
}

void log_sizing(const config::Config& config, const DataPlane& plane) {
  std::size_t tables = 0;
  for (const dataplane::TableFill& fill : plane.tables().report()) {
    log::info("table name={} capacity={} bytes={}", fill.name, fill.capacity, fill.bytes);
    tables += fill.bytes;
  }
  const dataplane::PacketPool& packets = plane.worker_pool();
  const dataplane::PacketPool& control = plane.control_pool();
  log::info("pool name=packets buffers={} bytes={}", packets.size(), packets.bytes());
  log::info("pool name=control buffers={} bytes={}", control.size(), control.bytes());
  const std::uint32_t places = control_queue_places(config);
  const std::size_t queue = Admission::bytes_for(places);
  log::info("queue name=control places={} bytes={}", places, queue);
  const std::size_t buffers = packets.bytes() + control.bytes();
  const std::size_t rings = plane.ring_places() * sizeof(void*);
  // Grows with the bindings; everything else is taken now, all but the queue out of EAL's memory.
  const std::size_t records = control::BindingCache::planned_bytes(config.home_agent.max_bindings);
  log::notice(
      "sizing max-bindings={} tables-bytes={} buffers-bytes={} rings-bytes={} "
      "control-queue-bytes={} control-bytes-when-full={} total-bytes={} "
      "bytes-per-binding={}",
      config.home_agent.max_bindings, tables, buffers, rings, queue, records,
      tables + buffers + rings + queue + records,
      (tables + records) / config.home_agent.max_bindings);
}

}  // namespace anyhome
