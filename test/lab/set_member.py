"""A member of the home agent set that shares nothing with anyhomed: what docs/protocol.md says that home
agents owe each other, on a raw socket. Its data path and its mobile nodes are in set_member_packets.py.

It behaves, unless told otherwise: see the attributes below "How to misbehave".
"""
import collections
import dataclasses
import ipaddress
import select
import socket
import struct
import threading
import time

import haha_wire as wire
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from set_member_packets import Packets

HELLO_INTERVAL, HELLO_LIFETIME = 1, 3
REQUEST_PAUSES = (1, 2, 4, 8, 16)
PER_MESSAGE = 8  # bindings, whatever belongs to them


@dataclasses.dataclass
class Entry:
    """What is known of a home address: a binding, or, when it has no lifetime, that there is none."""
    binding: wire.Binding
    version: wire.Version
    expires: float

    @property
    def lives(self):
        return self.binding.lifetime > 0 and time.monotonic() < self.expires

    def copy(self, returned=False):
        left = max(0, int(self.expires - time.monotonic())) // 4 * 4
        return dataclasses.replace(self.binding, lifetime=left if self.lives else 0, returned=returned)


@dataclasses.dataclass
class Sent:
    """An SS-REP under way: home address and version of each binding; the end mark has none."""
    contents: dict
    end_mark: wire.Binding
    returned: set
    tries: int = 0
    due: float = 0


@dataclasses.dataclass
class Request:
    identifier: int
    options: list
    bucket: int = None
    tries: int = 0
    due: float = 0
    confirmed: set = dataclasses.field(default_factory=set)


class Member:
    """Another home agent of the set."""

    def __init__(self, name, home_agent, locator):
        self.name, self.home_agent, self.locator = name, home_agent, locator
        self.epoch = None
        self.begin_again()

    def begin_again(self):
        self.hello_sequence = None
        self.heard = self.answered = self.answered_by_us = float("-inf")
        self.lifetime = 0
        self.active = False
        self.left = False
        self.outstanding = {}
        self.last_sent = 0
        self.last_received = 0
        self.request = None
        self.synchronized = False
        self.different = set()

    @property
    def is_up(self):
        """It has answered us: both ways work."""
        return not self.left and time.monotonic() - self.answered < self.lifetime


class SetMember(Packets):
    def __init__(self, link, home_agent, locator, members, group, set_key, prefixes, mobile_nodes):
        """members: name -> (home agent address, locator); mobile_nodes: home address -> (SPI, key) of
        those that may register here."""
        self.link, self.home_agent, self.locator = link, home_agent, locator
        self.members = {name: Member(name, *addresses) for name, addresses in members.items()}
        self.group, self.set_key = group, set_key
        self.prefixes = [ipaddress.ip_network(prefix) for prefix in prefixes]
        self.mobile_nodes = mobile_nodes
        self.epoch = int(time.time())
        self.active = False  # A: from when it is ready on
        self.register = {}
        self.counters = collections.Counter()
        self.hosts = set()  # home addresses that are played here
        # (member, what): (when, detail) of the last that there were.
        self.trace = collections.defaultdict(lambda: collections.deque(maxlen=1000))
        # How to misbehave.
        self.acknowledges = True
        self.is_deaf = False    # to State Synchronization
        self.losing = set()     # members whose next SS-REP is lost on its way to us
        self.forgetting = set()  # members whose next SS-REP is acknowledged, and forgotten
        self.silent_about = set()  # home addresses that nobody is told of unasked
        self.lock = threading.RLock()
        self.running = True
        self.hello_sequence = 0
        self.hello_due = 0
        self.cursor = collections.Counter()
        self.thread = threading.Thread(target=self._run, daemon=True)

    # ---- Life ----

    def start(self):
        self.thread.start()

    def stop(self):
        self.running = False
        self.thread.join()
        self.link.socket.close()

    def restart(self):
        """It crashes, and is back with nothing."""
        with self.lock:
            self.epoch += 1
            self.active = False
            self.register.clear()
            self.hello_sequence = 0
            for member in self.members.values():
                member.begin_again()
            self._say_hello()

    def leave(self):
        with self.lock:
            for member in self.members.values():
                self._hello(member, answer=False, lifetime=0)
            self.running = False

    @property
    def is_ready(self):
        return all(member.is_up and member.synchronized for member in self.members.values())

    def _run(self):
        while self.running:
            if select.select([self.link.socket], [], [], 0.05)[0]:
                data, address = self.link.socket.recvfrom(65536)
                if address[2] != socket.PACKET_OUTGOING:
                    with self.lock:
                        self._received(data)
            with self.lock:
                self._tick(time.monotonic())

    def _received(self, data):
        # There may be thousands of these in a second, too many for a parser that knows everything.
        if data[12:14] == b"\x86\xdd" and data[20] == wire.MOBILITY and data[38:54] == wire.packed(
                self.locator):
            if self.is_deaf and data[56] == wire.SYNC:
                return
            size = int.from_bytes(data[18:20], "big")
            self._mobility(wire.text(data[22:38]), data[54:54 + size])
        else:
            self._take(Ether(data))

    def _tick(self, now):
        if self.link.router_mac is None:
            return self._solicit()
        if now >= self.hello_due:
            self._say_hello()
        for member in self.members.values():
            if not member.is_up:
                continue
            if not member.synchronized and member.request is None:
                self._ask(member, [])
            request = member.request
            if request is not None and now >= request.due:
                request.due = now + REQUEST_PAUSES[min(request.tries, 4)]
                request.tries += 1
                self._send(member, wire.sync(wire.REQUEST, request.identifier, [
                    *request.options, wire.restart(self.epoch)]))
            for identifier, sent in list(member.outstanding.items()):
                if now >= sent.due:
                    self._transmit(member, identifier, sent)

    def _send(self, member, message):
        self.link.send(wire.packet(self.locator, member.locator, message))

    def _member(self, locator):
        return next((one for one in self.members.values() if one.locator == locator), None)

    # ---- HELLO ----

    def _say_hello(self):
        self.hello_due = time.monotonic() + HELLO_INTERVAL
        self.active = self.active or self.is_ready
        for member in self.members.values():
            self._hello(member, answer=True)

    def _hello(self, member, answer, lifetime=HELLO_LIFETIME):
        self.hello_sequence = (self.hello_sequence + 1) & 0xffff
        sums, count = self._sums(self.locator)
        options = [wire.restart(self.epoch)]
        for _ in range(2):
            first = self.cursor[member.name]
            options.append(wire.digest_option(member.last_sent, first, count, sums))
            self.cursor[member.name] = first + wire.SUMS if first + wire.SUMS < wire.BUCKETS else 0
        self._send(member, wire.hello(self.hello_sequence, lifetime, HELLO_INTERVAL, self.group,
                                      self.active, answer, options))

    def _hello_received(self, member, message):
        sequence, _, lifetime, _, group, flags = struct.unpack_from(">HHHHBB", message, 6)
        if group != self.group or not flags & 0x20:
            self.counters["hello of another set"] += 1
            return
        options = list(wire.options_of(message, 16))
        epoch = next((struct.unpack(">I", value)[0] for kind, value in options
                      if kind == wire.RESTART), None)
        if epoch is None:
            self.counters["hello without epoch"] += 1
            return
        if member.epoch is not None and epoch < member.epoch:
            self.counters["hello of an earlier life"] += 1
            return
        if epoch != member.epoch:
            member.begin_again()
            member.epoch = epoch
        elif member.hello_sequence is not None and not (
                0 < (sequence - member.hello_sequence) & 0xffff < 0x8000):
            self.counters["stale hello"] += 1
            return
        member.hello_sequence = sequence
        member.heard, member.lifetime = time.monotonic(), lifetime
        member.active, member.left = bool(flags & 0x80), lifetime == 0
        self.counters["hello"] += 1
        if flags & 0x40:
            # One answer in a second (A7).
            if member.heard - member.answered_by_us >= 1:
                member.answered_by_us = member.heard
                self._hello(member, answer=False)
        else:
            member.answered = member.heard
            self.trace[member.name, "answer"].append((member.heard, sequence))
        for kind, value in options:
            subtype, data = kind == wire.VENDOR and wire.vendor_of(value) or (None, None)
            if subtype == wire.DIGEST:
                self._compare(member, data)

    # ---- Digests ----

    def _sums(self, locator):
        """Of the live bindings whose owner has a locator."""
        sums, count = [0] * wire.BUCKETS, 0
        for home, entry in self.register.items():
            if entry.version.locator == wire.packed(locator) and entry.lives:
                bucket = wire.bucket_of(self.set_key, home)
                sums[bucket] = (sums[bucket] + wire.sum_of(
                    self.set_key, home, entry.version, entry.binding.care_of,
                    entry.binding.prefixes)) & (1 << 64) - 1
                count += 1
        return sums, count

    def _compare(self, member, data):
        last, bits, count, theirs = wire.digest_of(data)
        if (bits != wire.DIGEST_BITS or not member.synchronized or member.request is not None
                or last != member.last_received):
            return
        ours, our_count = self._sums(member.locator)
        self.counters["buckets compared"] += len(theirs)
        self.counters["buckets with something"] += sum(value != 0 for value in theirs.values())
        different = {bucket for bucket, value in theirs.items() if value != ours[bucket]}
        twice = different & member.different
        member.different = (member.different - set(theirs)) | different
        self.counters["different"] += len(different)
        if count != our_count:
            self.counters["different count"] += 1
        if twice:
            bucket = min(twice)
            self.counters["buckets asked for"] += 1
            self._ask(member, [wire.vendor(wire.BUCKET, struct.pack(">BH", wire.DIGEST_BITS, bucket))],
                      bucket)

    # ---- State Synchronization: asking, and being asked ----

    def _identifier(self, member):
        member.last_sent = member.last_sent % 0xffff + 1
        return member.last_sent

    def _ask(self, member, options, bucket=None):
        # It is no SS-REP: its number is its own, and an end mark brings it back.
        self.counters["requests"] += 1
        member.request = Request(self.counters["requests"] & 0xffff, options, bucket)

    def _asked(self, member, message):
        self.counters["asked"] += 1
        identifier = struct.unpack_from(">H", message, 8)[0]
        homes, everything = None, True
        for kind, value in wire.options_of(message, 10):
            subtype, data = kind == wire.VENDOR and wire.vendor_of(value) or (None, None)
            if kind == wire.ADDRESS and value[2:] != bytes(16):
                homes, everything = [wire.text(value[2:])], False
            elif kind == wire.PREFIX:
                wanted = f"{wire.text(value[2:18])}/{value[1]}"
                homes = [home for home, entry in self._own() if wanted in entry.binding.prefixes]
                everything = False
            elif subtype == wire.BUCKET:
                bucket = struct.unpack_from(">BH", data)[1]
                homes = [home for home, _ in self._own()
                         if wire.bucket_of(self.set_key, home) == bucket]
                everything = False
        if everything:
            homes = [home for home, _ in self._own()]
        returned = [home for home, entry in self.register.items() if everything and entry.lives
                    and entry.version.locator == wire.packed(member.locator)]
        self._tell(member, homes, returned, wire.Binding("::", sequence=identifier))

    def _own(self):
        return [(home, entry) for home, entry in self.register.items()
                if entry.version.locator == wire.packed(self.locator) and entry.lives]

    # ---- State Synchronization: telling ----

    def _tell(self, member, homes, returned=(), end_mark=None):
        homes = [*homes, *returned]
        for at in range(0, max(len(homes), 1), PER_MESSAGE):
            part = homes[at:at + PER_MESSAGE]
            last = at + PER_MESSAGE >= len(homes)
            contents = {home: self.register[home].version if home in self.register
                        else wire.Version() for home in part}
            identifier = self._identifier(member)
            member.outstanding[identifier] = Sent(contents, end_mark if last else None, set(returned))
            self._transmit(member, identifier, member.outstanding[identifier])

    def _transmit(self, member, identifier, sent):
        bindings = []
        for home, version in list(sent.contents.items()):
            entry = self.register.get(home)
            if entry is None:
                bindings.append(wire.Binding(home))  # nothing is known of it
            elif entry.version == version:
                bindings.append(entry.copy(home in sent.returned))
            else:
                del sent.contents[home]  # superseded
        if sent.end_mark:
            bindings.append(sent.end_mark)
        if not bindings:
            del member.outstanding[identifier]
            return
        self.counters["replies sent" if sent.tries == 0 else "replies repeated"] += 1
        sent.due = time.monotonic() + REQUEST_PAUSES[min(sent.tries, 4)]
        sent.tries += 1
        self._send(member, wire.reply(identifier, bindings))

    def _acknowledged(self, member, message):
        identifier = struct.unpack_from(">H", message, 8)[0]
        sent = member.outstanding.get(identifier)
        for kind, value in wire.options_of(message, 10):
            if kind != wire.STATUS or len(value) != 20:
                continue
            home, status = wire.text(value[4:]), value[0]
            self.counters[f"status {status}"] += 1
            self.trace[member.name, "status"].append((time.monotonic(),
                                                       (identifier, home, status)))
            if sent is None:
                continue
            if home == "::":
                sent.end_mark = None
            sent.contents.pop(home, None)
        if sent is not None and not sent.contents and sent.end_mark is None:
            del member.outstanding[identifier]

    def give(self, home, lifetime=600, prefixes=(), care_of="::", sequence=1, stamp=None):
        """A mobile node is with us from now on, or, without lifetime, no more."""
        with self.lock:
            known = self.register.get(home)
            if lifetime == 0:
                binding = dataclasses.replace(known.binding, lifetime=0,
                                              change=known.binding.change + 1)
            else:
                stamp = stamp or max(int(time.time() * 65536), known.version.time + 1 if known else 0)
                binding = wire.Binding(home, lifetime, care_of, 0xC400 if prefixes else 0xC000,
                                       sequence, 0, stamp, tuple(prefixes))
            self._have(binding)
            return binding

    def _have(self, binding):
        self.register[binding.home] = Entry(
            binding, wire.Version(binding.time, wire.packed(self.locator), binding.change),
            time.monotonic() + binding.lifetime)
        if binding.home not in self.silent_about:
            for member in self.members.values():
                self._tell(member, [binding.home])

    # ---- State Synchronization: being told ----

    def _told(self, member, message):
        self.counters["replies"] += 1
        identifier = struct.unpack_from(">H", message, 8)[0]
        if not message[7] & 0x40:
            return
        if member.name in self.losing:
            self.losing.remove(member.name)
            self.trace[member.name, "lost"].append((time.monotonic(), identifier))
            return
        try:
            bindings = wire.bindings_of(wire.options_of(message, 10))
        except wire.Malformed:
            self._acknowledge(member, identifier, {"::": 129})
            return
        if not bindings:
            self._acknowledge(member, identifier, {"::": 131})
            return
        self.trace[member.name, "told"].append((time.monotonic(), (identifier, bindings)))
        if not self.acknowledges:
            return
        if (identifier - member.last_received) & 0xffff < 0x8000:
            member.last_received = identifier
        if member.name in self.forgetting and not bindings[-1].is_end_mark:
            self.forgetting.remove(member.name)
        else:
            for binding in bindings:
                self._apply(member, binding)
        self._acknowledge(member, identifier, {binding.home: 0 for binding in bindings})

    def _acknowledge(self, member, identifier, statuses):
        self._send(member, wire.acknowledgement(identifier, statuses))

    def _apply(self, member, binding):
        if binding.is_end_mark:
            self._end_of_answer(member, binding.sequence)
        elif binding.returned:
            # Our own, of an earlier life (rulings §5).
            if binding.home not in self.register:
                self.counters["restored"] += 1
                self._have(dataclasses.replace(binding, change=binding.change + 1, returned=False))
        else:
            if member.request is not None:
                member.request.confirmed.add(binding.home)
            version = wire.Version(binding.time, wire.packed(member.locator), binding.change)
            known = self.register.get(binding.home)
            if known is None or version > known.version:
                self.register[binding.home] = Entry(binding, version,
                                                    time.monotonic() + binding.lifetime)
                self.counters["applied"] += 1

    def _end_of_answer(self, member, identifier):
        request = member.request
        if request is None or request.identifier != identifier:
            return
        member.request = None
        member.synchronized = True
        # What its owner has not repeated is no more.
        for home, entry in list(self.register.items()):
            if (entry.version.locator == wire.packed(member.locator) and home not in request.confirmed
                    and request.bucket in (None, wire.bucket_of(self.set_key, home))):
                del self.register[home]

    # ---- Mobility Headers to the locator ----

    def _mobility(self, source, message):
        member = self._member(source)
        if member is None:
            self.counters["strangers"] += 1
            return
        if wire.checksum(source, self.locator, message) != 0 or message[0] != wire.NOTHING:
            self.counters["damaged"] += 1
            return
        if message[2] == wire.HELLO:
            self._hello_received(member, message)
        elif message[2] == wire.SYNC:
            (self._asked, self._told, self._acknowledged)[message[6]](member, message)

    # ---- Asking, from a test ----

    def knows(self, home):
        """The binding that lives, if there is one."""
        with self.lock:
            entry = self.register.get(home)
            return entry.copy() if entry and entry.lives else None

    def events(self, member, what, since=0.0):
        with self.lock:
            return [(when, detail) for when, detail in self.trace[member, what] if when >= since]

    def inject(self, member, message, source=None):
        """Any message at all, from any address."""
        with self.lock:
            self.link.send(wire.packet(source or self.locator, self.members[member].locator, message))

    def tunnel_from(self, source, member, inner):
        with self.lock:
            self.link.send(IPv6(src=source, dst=self.members[member].locator, nh=41, hlim=255) / inner)
