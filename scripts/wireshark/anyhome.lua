-- Wireshark dissector of the messages between anyhome's home agents: HA-HELLO, State Synchronization and
-- their options, and of Home Agent Switch, whose addresses Wireshark 4.0 takes for options.
--
--   wireshark -X lua_script:scripts/wireshark/anyhome.lua capture.pcap
--   tshark -X lua_script:scripts/wireshark/anyhome.lua -r capture.pcap -Y anyhome -V
--
-- or copy it into the folder for personal Lua plugins. Wireshark has no table for Mobility Header types, so
-- this takes over next header 135 and hands everything that is not its own to Wireshark's dissector.
--
-- The fixed parts and SS Status are draft-wakikawa-mext-global-haha-spec-01, figures 4 to 6. Type numbers,
-- Binding Cache Information and vendor sub-types are anyhome's own profile (docs/protocol.md); the numbers
-- are preferences. What a receiver would discard or answer by an error is marked as malformed.

local anyhome = Proto("anyhome", "Global HAHA (anyhome)")

local MOBILITY_HEADER = 135
local HOME_AGENT_SWITCH = 12
local NO_NEXT_HEADER = 59

-- Mobility options that are the same everywhere.
local PAD1, PADN, REFRESH_ADVICE, PREFIX, AUTHENTICATION, REPLAY_PROTECTION = 0, 1, 2, 6, 9, 10
local VENDOR, TIMESTAMP, RESTART_COUNTER = 19, 27, 28

local SUBTYPE_DIGEST, SUBTYPE_BUCKET, SUBTYPE_RETURNED = 1, 2, 3

local prefs = anyhome.prefs
prefs.hello = Pref.uint("Mobility Header type of HA-HELLO", 240, "mh-type-ha-hello")
prefs.ss = Pref.uint("Mobility Header type of State Synchronization", 241,
                     "mh-type-state-synchronization")
prefs.bci = Pref.uint("Option type of Binding Cache Information", 240,
                      "mobility-option-binding-cache-information")
prefs.status = Pref.uint("Option type of SS Status", 241, "mobility-option-ss-status")
prefs.aaa = Pref.uint("Option type of AAA Information", 242, "mobility-option-aaa-information")
prefs.address = Pref.uint("Option type of IP Address", 243, "mobility-option-ip-address")
prefs.enterprise = Pref.uint("Enterprise number of vendor options", 32473, "vendor-enterprise")
prefs.switch = Pref.bool("Dissect Home Agent Switch", true, "instead of Wireshark's own dissector")

-- ---- Fields -----------------------------------------------------------------------------------

local SS_REQ, SS_REP, SS_ACK = 0, 1, 2
local ss_types = {[SS_REQ] = "SS-REQ", [SS_REP] = "SS-REP", [SS_ACK] = "SS-ACK"}
local statuses = {
  [0] = "success", [128] = "reason unspecified", [129] = "malformed SS-REP",
  [130] = "not in the same global home agent set", [131] = "no mobility option",
}
local subtypes = {
  [SUBTYPE_DIGEST] = "digest", [SUBTYPE_BUCKET] = "bucket of the digest",
  [SUBTYPE_RETURNED] = "returned copy",
}

local f = {
  payload_proto = ProtoField.uint8("anyhome.payload_proto", "Payload Proto"),
  header_length = ProtoField.uint8("anyhome.header_length", "Header Len", base.DEC, nil, nil,
                                   "in units of 8 bytes, without the first"),
  mh_type = ProtoField.uint8("anyhome.mh_type", "MH Type"),
  checksum = ProtoField.uint16("anyhome.checksum", "Checksum", base.HEX),

  hello_sequence = ProtoField.uint16("anyhome.hello.sequence", "Sequence number"),
  hello_preference = ProtoField.uint16("anyhome.hello.preference", "Home agent preference"),
  hello_lifetime = ProtoField.uint16("anyhome.hello.lifetime", "Home agent lifetime", base.UNIT_STRING,
                                     {" s"}),
  hello_interval = ProtoField.uint16("anyhome.hello.interval", "Hello interval", base.UNIT_STRING,
                                     {" s"}),
  hello_group = ProtoField.uint8("anyhome.hello.group", "Group ID"),
  hello_flags = ProtoField.uint8("anyhome.hello.flags", "Flags", base.HEX),
  hello_a = ProtoField.bool("anyhome.hello.active", "A: accepts registrations", 8, nil, 0x80),
  hello_r = ProtoField.bool("anyhome.hello.request", "R: asks for a HELLO", 8, nil, 0x40),
  hello_g = ProtoField.bool("anyhome.hello.global", "G: Global HAHA", 8, nil, 0x20),

  ss_type = ProtoField.uint8("anyhome.ss.type", "Type", base.DEC, ss_types),
  ss_flags = ProtoField.uint8("anyhome.ss.flags", "Flags", base.HEX),
  ss_a = ProtoField.bool("anyhome.ss.acknowledge", "A: acknowledgement wanted", 8, nil, 0x80),
  ss_g = ProtoField.bool("anyhome.ss.global", "G: Global HAHA", 8, nil, 0x40),
  ss_identifier = ProtoField.uint16("anyhome.ss.identifier", "Identifier"),
  ss_acknowledged_by = ProtoField.framenum("anyhome.ss.acknowledged_in", "Acknowledged in",
                                           base.NONE, frametype.ACK),
  ss_acknowledges = ProtoField.framenum("anyhome.ss.acknowledges", "Acknowledges", base.NONE,
                                        frametype.ACK),
  ss_again = ProtoField.framenum("anyhome.ss.retransmission_of", "Retransmission of", base.NONE,
                                 frametype.RETRANS_PREV),

  switch_count = ProtoField.uint8("anyhome.switch.count", "Number of addresses"),
  switch_address = ProtoField.ipv6("anyhome.switch.home_agent", "Home agent address"),

  option = ProtoField.bytes("anyhome.option", "Option"),
  option_type = ProtoField.uint8("anyhome.option.type", "Type"),
  option_length = ProtoField.uint8("anyhome.option.length", "Length"),
  option_data = ProtoField.bytes("anyhome.option.data", "Data"),

  bci_flags = ProtoField.uint16("anyhome.bci.flags", "Flags of the Binding Update", base.HEX),
  bci_sequence = ProtoField.uint16("anyhome.bci.sequence", "Sequence number"),
  bci_lifetime = ProtoField.uint16("anyhome.bci.lifetime", "Lifetime", base.UNIT_STRING, {" × 4 s"}),
  bci_change = ProtoField.uint16("anyhome.bci.change", "Change counter n"),
  bci_home = ProtoField.ipv6("anyhome.bci.home_address", "Home address"),
  bci_care_of = ProtoField.ipv6("anyhome.bci.care_of_address", "Care-of address"),
  bci_kind = ProtoField.string("anyhome.bci.kind", "What it is"),

  status = ProtoField.uint8("anyhome.status", "Status", base.DEC, statuses),
  status_home = ProtoField.ipv6("anyhome.status.home_address", "Home address"),

  timestamp = ProtoField.absolute_time("anyhome.timestamp", "Timestamp T", base.UTC),
  timestamp_raw = ProtoField.uint64("anyhome.timestamp.raw", "Timestamp T, 48.16 bits", base.HEX),
  restart = ProtoField.uint32("anyhome.restart_counter", "Restart Counter (boot epoch)"),
  prefix_length = ProtoField.uint8("anyhome.prefix.length", "Prefix length"),
  prefix = ProtoField.ipv6("anyhome.prefix", "Prefix"),
  address_code = ProtoField.uint8("anyhome.address.code", "Option code"),
  address_length = ProtoField.uint8("anyhome.address.prefix_length", "Prefix length"),
  address = ProtoField.ipv6("anyhome.address", "Address"),
  advice = ProtoField.uint16("anyhome.refresh_advice", "Refresh interval", base.UNIT_STRING,
                             {" × 4 s"}),
  enterprise = ProtoField.uint32("anyhome.vendor.enterprise", "Enterprise number"),
  subtype = ProtoField.uint8("anyhome.vendor.subtype", "Sub-type", base.DEC, subtypes),
  digest_identifier = ProtoField.uint16("anyhome.digest.identifier", "Last Identifier"),
  digest_bits = ProtoField.uint8("anyhome.digest.bits", "k: there are 2^k buckets"),
  digest_bucket = ProtoField.uint16("anyhome.digest.bucket", "Bucket"),
  digest_count = ProtoField.uint32("anyhome.digest.count", "Bindings"),
  digest_sum = ProtoField.uint64("anyhome.digest.sum", "Sum", base.HEX),
}
anyhome.fields = f

-- ---- Judgements -------------------------------------------------------------------------------

local function judgement(name, text, group, severity)
  return ProtoExpert.new("anyhome.expert." .. name, text, group, severity)
end
local function malformed(name, text)
  return judgement(name, text, expert.group.MALFORMED, expert.severity.ERROR)
end
local function odd(name, text, severity)
  return judgement(name, text, expert.group.PROTOCOL, severity)
end

local e = {
  truncated = malformed("truncated", "The message is longer than the packet"),
  header = malformed("header", "The packet ends within the Mobility Header"),
  too_short = malformed("too_short", "Header Len is too small for this message"),
  payload_proto = malformed("payload_proto", "Payload Proto is not 59"),
  option_truncated = malformed("option_truncated", "An option runs over the end of the message"),
  option_short = malformed("option_short", "The option is too short"),
  option_early = malformed("option_early",
                           "The option belongs to a Binding Cache Information, but none came before"),
  ss_type = malformed("ss_type", "Neither request, reply nor acknowledgement"),
  no_binding = malformed("no_binding", "A reply without Binding Cache Information"),
  no_status = malformed("no_status", "An acknowledgement without SS Status"),
  prefix_length = malformed("prefix_length", "Longer than 128"),
  checksum = judgement("checksum", "Bad checksum", expert.group.CHECKSUM, expert.severity.ERROR),

  not_global = odd("not_global", "G is clear: no member of a global home agent set takes this",
                   expert.severity.WARN),
  ack_not_wanted = odd("ack_not_wanted", "A is clear in a reply (draft 5.4.3: MUST be set)",
                       expert.severity.WARN),
  reserved = odd("reserved", "Reserved bits are set", expert.severity.NOTE),
  preference = odd("preference", "Preference is not 0", expert.severity.NOTE),
  lifetime = odd("lifetime", "Lifetime is shorter than the interval", expert.severity.WARN),
  leaving = odd("leaving", "The home agent leaves", expert.severity.CHAT),
  no_epoch = odd("no_epoch", "No Restart Counter: a restart cannot be seen", expert.severity.NOTE),
  no_timestamp = odd("no_timestamp", "No Timestamp: counts as 0, the oldest", expert.severity.NOTE),
  timestamp_late = odd("timestamp_late", "Not the first option of its binding", expert.severity.NOTE),
  host_bits = odd("host_bits", "Bits are set behind the prefix", expert.severity.WARN),
  refused = odd("refused", "The peer refuses", expert.severity.WARN),
  again = judgement("retransmission", "Retransmission", expert.group.SEQUENCE, expert.severity.NOTE),
}
anyhome.experts = {}
for _, each in pairs(e) do
  table.insert(anyhome.experts, each)
end

-- ---- Checksum ---------------------------------------------------------------------------------

local sources = Field.new("ipv6.src")
local destinations = Field.new("ipv6.dst")
local routed_home = Field.new("ipv6.routing.mipv6.home_address")

local function last(extractor)
  local found = {extractor()}
  return found[#found]
end

local function words(range)
  local sum = 0
  for at = 0, range:len() - 2, 2 do
    sum = sum + range(at, 2):uint()
  end
  return sum
end

-- RFC 6275 section 6.1.1: over the addresses, the length, the next header and the message. Behind a type 2
-- routing header the home address is the destination (section 6.4).
local function checksum_is_good(message, kind)
  local source, destination = last(sources), last(destinations)
  if not source or not destination then
    return true  -- nothing to check against
  end
  if kind == HOME_AGENT_SWITCH and last(routed_home) then
    destination = last(routed_home)
  end
  local sum = words(source.range) + words(destination.range) + message:len() + MOBILITY_HEADER +
              words(message)
  while sum > 0xffff do
    sum = bit32.band(sum, 0xffff) + bit32.rshift(sum, 16)
  end
  return sum == 0xffff
end

-- ---- Options ----------------------------------------------------------------------------------

local function show_digest(tree, data)
  if data:len() < 9 then
    tree:add_proto_expert_info(e.option_short)
    return
  end
  tree:add(f.digest_identifier, data(0, 2))
  tree:add(f.digest_bits, data(2, 1))
  tree:add(f.digest_bucket, data(3, 2)):append_text(" (first of those that follow)")
  tree:add(f.digest_count, data(5, 4))
  local bucket = data(3, 2):uint()
  for at = 9, data:len() - 8, 8 do
    tree:add(f.digest_sum, data(at, 8)):prepend_text("Bucket " .. bucket .. " ")
    bucket = bucket + 1
  end
end

local function show_bucket(tree, data)
  if data:len() < 3 then
    tree:add_proto_expert_info(e.option_short)
    return
  end
  tree:add(f.digest_bits, data(0, 1))
  tree:add(f.digest_bucket, data(1, 2))
end

local function show_vendor(tree, data)
  tree:add(f.enterprise, data(0, 4))
  if data(0, 4):uint() ~= prefs.enterprise then
    tree:add(f.option_data, data(4))
    return
  end
  local subtype, rest = data(4, 1):uint(), data:len() > 5 and data(5) or nil
  tree:add(f.subtype, data(4, 1))
  tree:append_text(": " .. (subtypes[subtype] or "sub-type " .. subtype))
  if subtype == SUBTYPE_DIGEST or subtype == SUBTYPE_BUCKET then
    if not rest then
      tree:add_proto_expert_info(e.option_short)
    elseif subtype == SUBTYPE_DIGEST then
      show_digest(tree, rest)
    else
      show_bucket(tree, rest)
    end
  elseif rest then
    tree:add(f.option_data, rest)
  end
end

local function show_timestamp(tree, data)
  -- Seconds in 48 bits, of which Wireshark can tell the date of 31, and 1/65536 of a second in 16.
  local seconds, fraction = data(0, 6):uint64():tonumber(), data(6, 2):uint()
  local time = NSTime.new(math.min(seconds, 0x7fffffff), math.floor(fraction * 1000000000 / 65536))
  tree:add(f.timestamp, data(0, 8), time)
  tree:add(f.timestamp_raw, data(0, 8))
end

local function show_prefix(tree, data)
  local length = data(1, 1):uint()
  if data(0, 1):uint() ~= 0 then
    tree:add_proto_expert_info(e.reserved)
  end
  local shown = tree:add(f.prefix_length, data(1, 1))
  tree:add(f.prefix, data(2, 16))
  tree:append_text(string.format(": %s/%d", tostring(data(2, 16):ipv6()), length))
  if length > 128 then
    shown:add_proto_expert_info(e.prefix_length)
    return
  end
  for at = 0, 15 do
    local kept = math.max(0, math.min(8, length - 8 * at))
    if bit32.band(data(2 + at, 1):uint(), bit32.rshift(0xff, kept)) ~= 0 then
      tree:add_proto_expert_info(e.host_bits)
      break
    end
  end
end

local function show_address(tree, data)
  tree:add(f.address_code, data(0, 1))
  tree:add(f.address_length, data(1, 1))
  tree:add(f.address, data(2, 16))
  tree:append_text(": " .. tostring(data(2, 16):ipv6()))
end

local function show_restart(tree, data)
  tree:add(f.restart, data(0, 4)):append_text(" (" .. os.date("!%F %T UTC", data(0, 4):uint()) .. ")")
end

-- The names of the bits that are set.
local function letters(flags, names)
  local text = ""
  for _, each in ipairs(names) do
    if bit32.band(flags, each[1]) ~= 0 then
      text = text .. each[2]
    end
  end
  return text == "" and "-" or text
end

local bu_flags = {{0x8000, "A"}, {0x4000, "H"}, {0x2000, "L"}, {0x1000, "K"}, {0x0800, "M"},
                  {0x0400, "R"}, {0x0200, "P"}, {0x0100, "F"}}
local hello_flags = {{0x80, "A"}, {0x40, "R"}, {0x20, "G"}}
local ss_flags = {{0x80, "A"}, {0x40, "G"}}

local function is_unspecified(range)
  return range:bytes():tohex() == string.rep("0", 32)
end

-- Returns what goes into the Info column.
local function show_binding(tree, data)
  local lifetime, home = data(4, 2):uint(), data(8, 16)
  tree:add(f.bci_flags, data(0, 2)):append_text(" (" .. letters(data(0, 2):uint(), bu_flags) .. ")")
  tree:add(f.bci_sequence, data(2, 2))
  tree:add(f.bci_lifetime, data(4, 2)):append_text(string.format(" = %d s", 4 * lifetime))
  tree:add(f.bci_change, data(6, 2))
  tree:add(f.bci_home, home)
  tree:add(f.bci_care_of, data(24, 16))
  local kind
  if is_unspecified(home) then
    kind = "end mark of request " .. data(2, 2):uint()
  elseif lifetime == 0 then
    kind = tostring(home:ipv6()) .. " withdrawn"
  else
    kind = string.format("%s at %s for %d s", tostring(home:ipv6()), tostring(data(24, 16):ipv6()),
                         4 * lifetime)
  end
  tree:add(f.bci_kind, kind):set_generated()
  tree:append_text(": " .. kind)
  return kind, is_unspecified(home)
end

local function show_status(tree, data)
  local status = data(0, 1):uint()
  local shown = tree:add(f.status, data(0, 1))
  if data(1, 3):uint() ~= 0 then
    tree:add_proto_expert_info(e.reserved)
  end
  tree:add(f.status_home, data(4, 16))
  local text = string.format("%s: %s", tostring(data(4, 16):ipv6()), statuses[status] or status)
  tree:append_text(": " .. text)
  if status ~= 0 then
    shown:add_proto_expert_info(e.refused)
  end
  return text
end

-- Least lengths, names, who shows the data. Where the numbers are preferences, so this is made for each
-- message.
local function option_kinds()
  return {
    [REFRESH_ADVICE] = {"Binding Refresh Advice", 2,
                        function(tree, data) tree:add(f.advice, data(0, 2)) end},
    [PREFIX] = {"Mobile Network Prefix", 18, show_prefix, of_binding = true},
    [AUTHENTICATION] = {"Mobility Message Authentication", 5},
    [REPLAY_PROTECTION] = {"Message Replay Protection", 8},
    [VENDOR] = {"Vendor Specific", 5, show_vendor, of_binding = true},
    [TIMESTAMP] = {"Timestamp", 8, show_timestamp, of_binding = true},
    [RESTART_COUNTER] = {"Restart Counter", 4, show_restart},
    [prefs.bci] = {"Binding Cache Information", 40, show_binding},
    [prefs.status] = {"SS Status", 20, show_status},
    [prefs.aaa] = {"AAA Information", 0, of_binding = true},
    [prefs.address] = {"IP Address", 18, show_address},
  }
end

-- Walks over the options from an offset. `visit(type, tree, kind, ...)` is called for each that is no
-- padding, after it has been shown; the rest is what showing returned.
local function each_option(message, at, tree, visit)
  local kinds = option_kinds()
  while at < message:len() do
    local kind = message(at, 1):uint()
    if kind == PAD1 then
      at = at + 1
    else
      local left = message:len() - at
      local length = left >= 2 and message(at + 1, 1):uint() or 0
      if left < 2 or left - 2 < length then
        tree:add(f.option, message(at)):add_proto_expert_info(e.option_truncated)
        return
      end
      if kind ~= PADN then
        local known = kinds[kind]
        local data = length > 0 and message(at + 2, length) or nil
        local subtree = tree:add(f.option, message(at, 2 + length))
        subtree:set_text(known and known[1] or "Option " .. kind)
        subtree:add(f.option_type, message(at, 1))
        subtree:add(f.option_length, message(at + 1, 1))
        local first, second
        local good = not known or length >= known[2]
        if not good then
          subtree:add_proto_expert_info(e.option_short)
        elseif known and known[3] then
          first, second = known[3](subtree, data)
        elseif data then
          subtree:add(f.option_data, data)
        end
        visit(kind, subtree, known, first, second)
      end
      at = at + 2 + length
    end
  end
end

-- ---- Messages ---------------------------------------------------------------------------------

local function show_hello(message, pinfo, tree)
  local flags = message(15, 1):uint()
  tree:add(f.hello_sequence, message(6, 2))
  local preference = tree:add(f.hello_preference, message(8, 2))
  local lifetime = tree:add(f.hello_lifetime, message(10, 2))
  tree:add(f.hello_interval, message(12, 2))
  tree:add(f.hello_group, message(14, 1))
  local shown = tree:add(f.hello_flags, message(15, 1))
  shown:add(f.hello_a, message(15, 1))
  shown:add(f.hello_r, message(15, 1))
  shown:add(f.hello_g, message(15, 1))
  if bit32.band(flags, 0x1f) ~= 0 then
    shown:add_proto_expert_info(e.reserved)
  end
  if bit32.band(flags, 0x20) == 0 then
    shown:add_proto_expert_info(e.not_global)
  end
  if message(8, 2):uint() ~= 0 then
    preference:add_proto_expert_info(e.preference)
  end
  if message(10, 2):uint() == 0 then
    lifetime:add_proto_expert_info(e.leaving)
  elseif message(10, 2):uint() < message(12, 2):uint() then
    lifetime:add_proto_expert_info(e.lifetime)
  end
  local epoch, digest = false, false
  each_option(message, 16, tree, function(kind)
    epoch = epoch or kind == RESTART_COUNTER
    digest = digest or kind == VENDOR
  end)
  if not epoch then
    tree:add_proto_expert_info(e.no_epoch)
  end
  return string.format("HA-HELLO seq %d group %d [%s] lifetime %d s%s", message(6, 2):uint(),
                       message(14, 1):uint(),
                       letters(flags, hello_flags),
                       message(10, 2):uint(), digest and ", digest" or "")
end

-- Frames of messages by direction, type and Identifier; told anew for each capture.
local sent = {}
function anyhome.init()
  sent = {}
end

-- Identifiers are counted by the sender of the reply, for each peer (requests have a count of their own).
local function relate(kind, identifier, message, pinfo, tree)
  local from, to = tostring(pinfo.src), tostring(pinfo.dst)
  local reply = kind == SS_ACK and to .. from or from .. to
  local key = string.format("%s %s %d", reply, kind == SS_REQ and "q" or "p", identifier)
  local known = sent[key] or {}
  sent[key] = known
  if kind == SS_ACK then
    known.ack = known.ack or pinfo.number
    if known.frame then
      tree:add(f.ss_acknowledges, known.frame):set_generated()
    end
    return
  end
  if not known.frame or known.frame > pinfo.number then
    known.frame = pinfo.number
  elseif known.frame < pinfo.number then
    local again = tree:add(f.ss_again, known.frame)
    again:set_generated()
    again:add_proto_expert_info(e.again)
  end
  if kind == SS_REP and known.ack then
    tree:add(f.ss_acknowledged_by, known.ack):set_generated()
  end
end

local function show_ss(message, pinfo, tree)
  local kind, flags, identifier = message(6, 1):uint(), message(7, 1):uint(), message(8, 2):uint()
  local shown_kind = tree:add(f.ss_type, message(6, 1))
  local shown = tree:add(f.ss_flags, message(7, 1))
  shown:add(f.ss_a, message(7, 1))
  shown:add(f.ss_g, message(7, 1))
  tree:add(f.ss_identifier, message(8, 2))
  if bit32.band(flags, 0x3f) ~= 0 then
    shown:add_proto_expert_info(e.reserved)
  end
  if bit32.band(flags, 0x40) == 0 then
    shown:add_proto_expert_info(e.not_global)
  end
  if not ss_types[kind] then
    shown_kind:add_proto_expert_info(e.ss_type)
  elseif kind == SS_REP and bit32.band(flags, 0x80) == 0 then
    shown:add_proto_expert_info(e.ack_not_wanted)
  end

  local texts, bindings, answers, epoch = {}, 0, 0, false
  -- What is known of the binding that is being walked through.
  local binding, end_mark, options, timed
  local function close_binding()
    if binding and not end_mark and not timed then
      binding:add_proto_expert_info(e.no_timestamp)
    end
  end
  each_option(message, 10, tree, function(option, subtree, known, text, is_end_mark)
    if option == prefs.bci then
      close_binding()
      binding, end_mark, options, timed = subtree, is_end_mark, 0, false
      bindings = bindings + 1
    elseif option == prefs.status then
      answers = answers + 1
    elseif option == RESTART_COUNTER then
      epoch = true
    elseif kind == SS_REP and known and known.of_binding then
      if not binding then
        subtree:add_proto_expert_info(e.option_early)
      elseif option == TIMESTAMP then
        timed = true
        if options > 0 then
          subtree:add_proto_expert_info(e.timestamp_late)
        end
      end
      options = (options or 0) + 1
    end
    if (option == prefs.bci or option == prefs.status) and text then
      table.insert(texts, text)
    end
  end)
  close_binding()
  if kind == SS_REP and bindings == 0 then
    tree:add_proto_expert_info(e.no_binding)
  elseif kind == SS_ACK and answers == 0 then
    tree:add_proto_expert_info(e.no_status)
  elseif kind == SS_REQ and not epoch then
    tree:add_proto_expert_info(e.no_epoch)
  end
  relate(kind, identifier, message, pinfo, tree)

  local what = #texts > 2 and string.format("%s and %d more", texts[1], #texts - 1)
               or table.concat(texts, ", ")
  return string.format("%s %d [%s] %s", ss_types[kind] or "SS type " .. kind, identifier,
                       letters(flags, ss_flags), what)
end

local function show_switch(message, pinfo, tree)
  local count = message(6, 1):uint()
  local shown = tree:add(f.switch_count, message(6, 1))
  if message(7, 1):uint() ~= 0 then
    tree:add_proto_expert_info(e.reserved)
  end
  if 8 + 16 * count > message:len() then
    shown:add_proto_expert_info(e.too_short)
    return "Home Agent Switch"
  end
  local addresses = {}
  for i = 0, count - 1 do
    tree:add(f.switch_address, message(8 + 16 * i, 16))
    table.insert(addresses, tostring(message(8 + 16 * i, 16):ipv6()))
  end
  each_option(message, 8 + 16 * count, tree, function() end)
  return "Home Agent Switch to " .. (count > 0 and table.concat(addresses, ", ") or "discovery")
end

-- ---- Mobility Header --------------------------------------------------------------------------

-- Who had next header 135 before.
local protocols = DissectorTable.get("ip.proto")
local wireshark = protocols:get_dissector(MOBILITY_HEADER)

local function message_of(kind)
  if kind == prefs.hello then
    return "HA-HELLO", 16, show_hello
  elseif kind == prefs.ss then
    return "State Synchronization", 10, show_ss
  elseif kind == HOME_AGENT_SWITCH and prefs.switch then
    return "Home Agent Switch", 8, show_switch
  end
  return nil
end

-- When it runs over the end of the packet it has said so by then; that is no error of this script.
local function leave_to_wireshark(tvb, pinfo, tree)
  local good, taken = pcall(wireshark.call, wireshark, tvb, pinfo, tree)
  return good and taken or tvb:captured_len()
end

function anyhome.dissector(tvb, pinfo, tree)
  if tvb:reported_len() < 8 then  -- RFC 6275 section 6.1.1
    tree:add_proto_expert_info(e.header)
    return tvb:captured_len()
  elseif tvb:captured_len() < 8 then
    return 0
  end
  local kind = tvb(2, 1):uint()
  local name, fixed, show = message_of(kind)
  if not name then
    return leave_to_wireshark(tvb, pinfo, tree)
  end
  local size = 8 * (tvb(1, 1):uint() + 1)
  pinfo.cols.protocol = "HAHA"
  pinfo.cols.info = name
  local there = math.min(size, tvb:captured_len())
  local root = tree:add(anyhome, tvb(0, there), "Global HAHA, " .. name)
  local proto = root:add(f.payload_proto, tvb(0, 1))
  local length = root:add(f.header_length, tvb(1, 1))
  length:append_text(string.format(" = %d bytes", size))
  root:add(f.mh_type, tvb(2, 1)):append_text(" (" .. name .. ")")
  local checksum = root:add(f.checksum, tvb(4, 2))
  if tvb(0, 1):uint() ~= NO_NEXT_HEADER then
    proto:add_proto_expert_info(e.payload_proto)
  end
  if tvb(3, 1):uint() ~= 0 then
    root:add_proto_expert_info(e.reserved)
  end
  if size > tvb:reported_len() then
    length:add_proto_expert_info(e.truncated)
    return tvb:captured_len()
  elseif size > tvb:captured_len() then
    return tvb:captured_len()  -- the capture is cut short; that is nobody's mistake
  end
  local message = tvb(0, size)
  checksum:append_text(checksum_is_good(message, kind) and " (good)" or " (bad)")
  if not checksum_is_good(message, kind) then
    checksum:add_proto_expert_info(e.checksum)
  end
  if size < fixed then
    length:add_proto_expert_info(e.too_short)
    return size
  end
  pinfo.cols.info = show(message, pinfo, root)
  return size
end

protocols:add(MOBILITY_HEADER, anyhome)
