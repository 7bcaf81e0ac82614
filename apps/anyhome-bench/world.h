// Tables of a size, and frames that exercise one path through them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include "common/address.h"
#include "dataplane/pipeline/pipeline_config.h"
#include "dataplane/tables/forwarding_tables.h"

namespace anyhome::bench {

// The paths of design targets; what each does is in world.cpp.
enum class Path : std::uint8_t { ToMobileNode, ToLink, FromLink, FromMobileNode, Miss };
inline constexpr Path kPaths[] = {Path::ToMobileNode, Path::ToLink, Path::FromLink,
                                  Path::FromMobileNode, Path::Miss};
std::string_view name_of(Path path);

// What is rewritten in a frame before it is received: addresses by a binding's number.
struct Stamp {
  std::size_t at = 0;  // offset of the last 8 bytes of an address; their order is big-endian
  std::uint64_t base = 0;
};

struct Template {
  std::vector<std::byte> frame;
  std::vector<Stamp> stamps;
  std::size_t destination_at = 0;  // where a plain forwarder finds the destination
};

class World {
 public:
  // Throws std::runtime_error with DPDK's reason when memory does not suffice.
  World(std::uint32_t bindings, std::uint32_t routes, dataplane::BindingIndex index);

  [[nodiscard]] const dataplane::PipelineConfig& config() const { return config_; }
  [[nodiscard]] const dataplane::ForwardingTables& tables() const { return *tables_; }
  [[nodiscard]] std::uint32_t bindings() const { return bindings_; }
  [[nodiscard]] Template make_template(Path path) const;
  [[nodiscard]] rte_rcu_qsbr* qsbr() const { return qsbr_.get(); }
  // Another care-of address for a binding, or a binding more, or one less of those: what a control
  // thread does, background work included. Throws std::runtime_error when it is refused.
  void change_something();
  // Bindings, and as many global bindings above them.
  [[nodiscard]] static Ipv6Address home(std::uint64_t number);

 private:
  struct Free {
    void operator()(rte_rcu_qsbr* variable) const { rte_free(variable); }
  };
  std::uint32_t bindings_;
  std::uint64_t changes_ = 0;
  dataplane::PipelineConfig config_;
  std::unique_ptr<rte_rcu_qsbr, Free> qsbr_;
  std::unique_ptr<dataplane::ForwardingTables> tables_;
};

}  // namespace anyhome::bench
