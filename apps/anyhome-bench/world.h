// Tables of a size, and frames that exercise one path through them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
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

// What is rewritten in a frame before it is received, drawn at random for each packet: half of an
// address, by the number of a binding or of a route, or the first four bytes of a header, with the
// label of a flow.
struct Stamp {
  enum class By : std::uint8_t { Binding, Route, Flow };
  std::size_t at = 0;  // offset in the frame
  std::uint64_t base = 0;
  By by = By::Binding;
};

struct Template {
  std::vector<std::byte> frame;
  std::vector<Stamp> stamps;
};

class NoMemory : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct FreeQuiescence {
  void operator()(rte_rcu_qsbr* variable) const { rte_free(variable); }
};
using Quiescence = std::unique_ptr<rte_rcu_qsbr, FreeQuiescence>;

struct Shape {
  std::uint32_t bindings = 1000;  // and as many global ones
  std::uint32_t routes = 1000;    // of 48 bits, besides the default route
  bool scattered = false;         // over 2a00::/16, else one after the other
  std::uint32_t visitors = 0;     // bindings more for change_something
  unsigned readers = 2;           // at the same time
  dataplane::BindingIndex index = dataplane::BindingIndex::Buckets;
};
std::string_view name_of(dataplane::BindingIndex index);
// The first one is a home agent's default.
inline constexpr dataplane::BindingIndex kIndexes[] = {dataplane::BindingIndex::Buckets,
                                                       dataplane::BindingIndex::RteHash};

class World {
 public:
  // Throws NoMemory with DPDK's reason.
  explicit World(const Shape& shape);

  [[nodiscard]] const dataplane::PipelineConfig& config() const { return config_; }
  [[nodiscard]] const dataplane::ForwardingTables& tables() const { return *tables_; }
  [[nodiscard]] std::uint32_t bindings() const { return shape_.bindings; }
  [[nodiscard]] std::uint32_t routes() const { return shape_.routes; }
  [[nodiscard]] bool scattered() const { return shape_.scattered; }
  // The first half of the prefix of a route.
  [[nodiscard]] std::uint64_t route(std::uint64_t number) const;
  // A frame to a route's destination, for a plain forwarder.
  [[nodiscard]] Template make_routed() const;
  [[nodiscard]] Template make_template(Path path) const;
  [[nodiscard]] rte_rcu_qsbr* qsbr() const { return qsbr_.get(); }
  // Another care-of address for a binding, or a binding more, or one less of those: what a control
  // thread does, background work included. Throws std::runtime_error when it is refused. Needs
  // visitors.
  void change_something();
  // Bindings, and as many global bindings above them.
  [[nodiscard]] static Ipv6Address home(std::uint64_t number);

 private:
  Shape shape_;
  std::uint64_t changes_ = 0;
  dataplane::PipelineConfig config_;
  Quiescence qsbr_;
  std::unique_ptr<dataplane::ForwardingTables> tables_;
};

// Tables of the daemon's own proportions, with nothing in them.
class EmptyTables {
 public:
  EmptyTables(std::uint32_t bindings, dataplane::BindingIndex index);
  [[nodiscard]] std::size_t bytes() const;

 private:
  Quiescence qsbr_;
  std::unique_ptr<dataplane::ForwardingTables> tables_;
};

}  // namespace anyhome::bench
