"""The clusters' servers of a differential run: an address for each sequence of a batch, answers by grammar."""

import collections
import selectors
import socket
import struct
import threading

from grammar import answers, plain_answer
from wire import Message


def seed_of(name):
    """The seed in the first label (`c123`), or None for a name that is answered plainly."""
    label = name.split(".")[0].lower()
    return int(label[1:]) if label[:1] == "c" and label[1:].isdigit() else None


class StandIn(threading.Thread):
    """Answers at one port of the given addresses, over UDP and TCP, until it is stopped."""

    def __init__(self, addresses, port):
        super().__init__(daemon=True)
        self.selector = selectors.DefaultSelector()
        #: How often each seed was asked for, by the forwarder at hand.
        self.attempts = collections.Counter()
        self.streams = {}
        self.is_stopped = False
        for address in addresses:
            datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            datagram.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            datagram.bind((address, port))
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            listener.listen(64)
            for endpoint, handler in ((datagram, self._datagram), (listener, self._accept)):
                endpoint.setblocking(False)
                self.selector.register(endpoint, selectors.EVENT_READ, handler)

    def forget(self):
        """Begins anew, for the next forwarder."""
        self.attempts.clear()

    def stop(self):
        self.is_stopped = True
        self.join(2)

    def run(self):
        while not self.is_stopped:
            for key, _ in self.selector.select(0.2):
                try:
                    key.data(key.fileobj)
                except OSError:
                    self._close(key.fileobj)

    def _replies(self, octets, is_tcp):
        try:
            seed = seed_of(Message(octets).question[0])
        except (ValueError, IndexError, TypeError, struct.error):
            return []
        if seed is None:
            return plain_answer(octets)
        attempt = self.attempts[seed]
        self.attempts[seed] += 1
        return answers(octets, seed, is_tcp, attempt)

    def _datagram(self, endpoint):
        octets, client = endpoint.recvfrom(65535)
        for reply in self._replies(octets, False):
            endpoint.sendto(reply, client)

    def _accept(self, listener):
        stream, _ = listener.accept()
        stream.setblocking(False)
        self.streams[stream] = b""
        self.selector.register(stream, selectors.EVENT_READ, self._stream)

    def _stream(self, stream):
        octets = stream.recv(65535)
        if not octets:
            return self._close(stream)
        self.streams[stream] += octets
        while len(buffer := self.streams[stream]) >= 2:  # each turn takes a message off
            length = struct.unpack(">H", buffer[:2])[0]
            if len(buffer) < 2 + length:
                break
            self.streams[stream] = buffer[2 + length:]
            for reply in self._replies(buffer[2:2 + length], True):
                stream.sendall(struct.pack(">H", len(reply)) + reply)

    def _close(self, endpoint):
        if endpoint in self.streams:
            self.selector.unregister(endpoint)
            del self.streams[endpoint]
            endpoint.close()
