"""A TCP connection that lives through everything: a steady stream, every byte of it checked."""
import hashlib
import socket
import threading
import time

from .shell import LabError

_BLOCK = 4096


def block(number):
    """The content of a block follows from its number, and no two are alike."""
    return hashlib.sha256(number.to_bytes(8, "big")).digest() * (_BLOCK // 32)


class Transfer:
    """Sends blocks from a node to an address of another, one every `interval` seconds."""

    def __init__(self, lab, source, target, address, interval=0.02):
        self.interval = interval
        self.sent = 0
        self.received = 0        # blocks
        self.wrong = 0
        self.stall = 0.0         # longest time between two pieces received, in seconds
        self.failure = None
        self._stopping = threading.Event()
        self._listener = lab.nodes[target].socket(socket.AF_INET6, socket.SOCK_STREAM)
        self._listener.bind((address, 0))
        self._listener.listen(1)
        self._sender = lab.nodes[source].socket(socket.AF_INET6, socket.SOCK_STREAM)
        self._sender.settimeout(10)
        try:
            self._sender.connect((address, self._listener.getsockname()[1]))
        except OSError as error:
            raise LabError(f"TCP from {source} to {address}: {error}") from None
        self._receiver, _ = self._listener.accept()
        self._threads = [threading.Thread(target=run, args=[work], daemon=True)
                         for run, work in ((self._guard, self._send), (self._guard, self._receive))]
        for thread in self._threads:
            thread.start()

    def _guard(self, work):
        try:
            work()
        except OSError as error:
            self.failure = error

    def _send(self):
        self._sender.settimeout(60)
        while not self._stopping.wait(self.interval):
            self._sender.sendall(block(self.sent))
            self.sent += 1
        self._sender.shutdown(socket.SHUT_WR)

    def _receive(self):
        self._receiver.settimeout(60)
        pending, last = b"", time.monotonic()
        while data := self._receiver.recv(65536):
            now = time.monotonic()
            self.stall, last = max(self.stall, now - last), now
            pending += data
            while len(pending) >= _BLOCK:
                self.wrong += pending[:_BLOCK] != block(self.received)
                self.received += 1
                pending = pending[_BLOCK:]

    def take_stall(self):
        """The longest stall since the last call."""
        stall, self.stall = self.stall, 0.0
        return stall

    @property
    def bytes(self):
        return self.received * _BLOCK

    def finish(self):
        """Ends the stream and waits until all of it has arrived. Whether it did, and rightly."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)
        self.close()
        return self.failure is None and self.wrong == 0 and self.sent == self.received > 0

    def close(self):
        self._stopping.set()
        for each in (self._sender, self._receiver, self._listener):
            each.close()
