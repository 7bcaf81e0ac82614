"""Echo requests at a steady pace, to see what is lost, and for how long."""
import secrets
import select
import socket
import statistics
import struct
import threading
import time

_ECHO_REQUEST, _ECHO_REPLY, _LARGEST_ERROR = 128, 129, 127
_HEADER = struct.Struct(">BBHHH")  # type, code, checksum (the kernel's), identifier, sequence number
_BODY = struct.Struct(">16sI")     # whose, which
_PATIENCE = 1.0  # seconds; an answer that takes longer is a loss


class Probe:
    """One request every `interval` seconds, from `with` to its end or until `count` of them are sent. The
    kernel at the other end answers."""

    def __init__(self, lab, node, address, source=None, interval=0.02, count=None):
        self.node = node
        self.address = address
        self.interval = interval
        self.count = count
        self.mark = secrets.token_bytes(16)
        self.times = []     # when each request was sent
        self.answers = {}   # seconds until its answer, by number
        self.errors = 0     # ICMPv6 errors about our requests
        self._namespace = lab.nodes[node]
        self._source = source
        self._stopping = threading.Event()

    # ---- Life ----

    def __enter__(self):
        self._socket = self._namespace.socket(socket.AF_INET6, socket.SOCK_RAW,
                                              socket.IPPROTO_ICMPV6)
        self._socket.setblocking(False)
        if self._source is not None:
            self._socket.bind((self._source, 0))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        """Sends no more, and waits for what is on its way."""
        self._stopping.set()
        self._thread.join()
        self._socket.close()

    def _run(self):
        due = time.monotonic()
        while not self._is_over():
            self._send()
            # After a pause of the machine, go on from here instead of sending a burst.
            due = max(due + self.interval, time.monotonic() - self.interval)
            while (left := due - time.monotonic()) > 0:
                self._receive(left)
        end = time.monotonic() + _PATIENCE
        while self.lost and (left := end - time.monotonic()) > 0 and self._undecided():
            self._receive(left)

    def _is_over(self):
        return self._stopping.is_set() if self.count is None else self.sent >= self.count

    def _undecided(self):
        return self.sent > 0 and time.monotonic() - self.times[-1] < _PATIENCE

    def _send(self):
        number = self.sent
        body = _BODY.pack(self.mark, number)
        self.times.append(time.monotonic())
        try:
            self._socket.sendto(_HEADER.pack(_ECHO_REQUEST, 0, 0, 0, number & 0xffff) + body,
                                (self.address, 0))
        except OSError:
            self.errors += 1  # the own kernel says so at once

    def _receive(self, patience):
        if not select.select([self._socket], [], [], patience)[0]:
            return
        data = self._socket.recv(2048)
        at = data.find(self.mark)
        if at < 0:
            return
        if data[0] == _ECHO_REPLY:
            number = _BODY.unpack_from(data, at)[1]
            self.answers.setdefault(number, time.monotonic() - self.times[number])
        elif data[0] <= _LARGEST_ERROR:
            self.errors += 1

    # ---- Result ----

    @property
    def sent(self):
        return len(self.times)

    @property
    def lost(self):
        return self.sent - len(self.answers)

    @property
    def outage(self):
        """The longest time without a request that was answered, in seconds."""
        longest, since = 0.0, None
        for number, sent in enumerate(self.times):
            if number in self.answers:
                if since is not None:
                    longest = max(longest, sent - since)
                since = None
            elif since is None:
                since = sent
        if since is not None:
            longest = max(longest, self.times[-1] + self.interval - since)
        return longest

    @property
    def milliseconds(self):
        """The median round trip."""
        return 1000 * statistics.median(self.answers.values()) if self.answers else float("nan")

    def answered_since(self, moment):
        """Whether a request sent after a moment (time.monotonic()) has been answered."""
        return any(self.times[number] > moment for number in list(self.answers))

    def __str__(self):
        text = f"{self.lost} of {self.sent} lost"
        if self.lost:
            text += f", for at most {self.outage:.2f} s"
        return text
