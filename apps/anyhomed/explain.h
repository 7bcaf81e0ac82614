// "Why does this packet go where it goes?": the real pipeline over the real tables, on a synthetic
// packet, with every decision written down.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/address.h"
#include "dataplane/pipeline/pipeline_config.h"
#include "dataplane/tables/reader_view.h"

namespace anyhome {

struct ExplainQuestion {
  Ipv6Address destination;
  Ipv6Address source;
  // Set: the packet comes out of a reverse tunnel from this care-of address.
  std::optional<Ipv6Address> tunnelled_from;
  // Set: it comes over the HAHA link of this peer, in that tunnel if there is one.
  std::optional<std::uint16_t> over_link;
  std::uint16_t port = 0;
};

// Lines in the order of the decisions. Changes no counter and sends nothing.
std::vector<std::string> explain(const ExplainQuestion& question,
                                 const dataplane::PipelineConfig& config,
                                 const dataplane::ReaderView& tables);

}  // namespace anyhome
