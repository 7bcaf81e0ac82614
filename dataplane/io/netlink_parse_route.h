// Routes and `ip nexthop` objects out of netlink messages; the rest is in netlink_parse.cpp, the
// only user.
#pragma once

#include <linux/netlink.h>

#include "common/bytes.h"
#include "dataplane/io/netlink_attribute.h"
#include "dataplane/io/netlink_parse.h"

namespace anyhome::host::netlink {

// False: malformed.
bool parse_route(const nlmsghdr& message, ByteView payload, Body& body, ParseCounters& counters);
bool parse_nexthop(bool removed, ByteView payload, Body& body);

}  // namespace anyhome::host::netlink
