"""What passes while `failover.py` breaks things: a client in the office and a server in the pod, each a process in the network
namespace of its host. The clock is CLOCK_MONOTONIC, which all of them share."""

import json
import selectors
import socket
import struct
import subprocess
import sys
import threading
import time


class Traffic:
    """The client, from outside."""

    #: The server's port for datagrams and new connections.
    PORT = 9700
    #: Its port for connections that are held.
    HELD_PORT = 9600

    def __init__(self, lab, address, name):
        """With a name new connections and datagrams go to the address that the resolver of the host gives for it."""
        for host, words in (("p1", ["server"]), ("pc", ["client", address, name or ""])):
            process = subprocess.Popen(
                [*lab.on(host), sys.executable, __file__, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            lab.processes.append(process)
            self.process = process

    def ask(self, *words):
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def flows(self):
        """True while both new connections and datagrams pass."""
        return self.ask("flows")

    def address(self):
        """The address that new connections go to; None if the name has none."""
        return self.ask("address")

    def hold(self, count):
        """Closes those that were held, and opens so many; how many there are."""
        return self.ask("hold", count)

    def exchange(self):
        """How many of the held connections carry an octet both ways, within the time that TCP may take to try again."""
        return self.ask("exchange")

    def gaps(self, since):
        """The longest times without a new connection and without a datagram since then, in seconds."""
        return self.ask("gaps", since)


class Client:
    """The client itself."""

    DATAGRAM_PAUSE, CONNECTION_PAUSE, TIMEOUT = 0.005, 0.02, 0.5

    def __init__(self, address, name):
        self.fixed, self.name = address, name
        self.current = None if name else address
        self.datagrams, self.connections, self.held = [], [], []
        for body in (self.send, self.connect, *([self.resolve] if name else [])):
            threading.Thread(target=body, daemon=True).start()

    def resolve(self):
        """Asks the resolver of the host before each connection, as clients do."""
        labels = b"".join(bytes([len(label)]) + label.encode() for label in self.name.split("."))
        number = 0
        while True:
            number = (number + 1) % 65536
            question = struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + labels + struct.pack(">BHH", 0, 1, 1)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
                asker.settimeout(1)
                try:
                    asker.sendto(question, ("127.0.0.1", 53))
                    self.current = self.first(asker.recv(4096))
                except OSError:
                    self.current = None
            time.sleep(0.02)

    def first(self, answer):
        """The address of the first record, which is one of an address, behind the question; None without one."""
        if answer[3] & 15 or not answer[7]:
            return None
        place = 12
        while answer[place]:
            place += answer[place] + 1
        place += 5
        place += 2 if answer[place] >= 192 else len(self.name) + 2
        return socket.inet_ntoa(answer[place + 10:place + 14])

    def send(self):
        link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        link.setblocking(False)
        due = time.monotonic()
        while True:
            address = self.current
            if address:
                try:
                    link.sendto(struct.pack(">d", time.monotonic()), (address, Traffic.PORT))
                except OSError:
                    pass  # the way is broken just now
            due += self.DATAGRAM_PAUSE
            while True:
                try:
                    self.datagrams.append(struct.unpack(">d", link.recv(64))[0])
                except OSError:
                    break
            time.sleep(max(0, due - time.monotonic()))

    def connect(self):
        selector = selectors.DefaultSelector()
        due = time.monotonic()
        opening = {}
        while True:
            now = time.monotonic()
            if now >= due and self.current:
                due = max(due + self.CONNECTION_PAUSE, now - 0.1)
                link = socket.socket()
                link.setblocking(False)
                # Closed with a reset, so that no ports are kept.
                link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                link.connect_ex((self.current, Traffic.PORT))
                opening[link] = now
                selector.register(link, selectors.EVENT_WRITE)
            elif now >= due:
                due = now + self.CONNECTION_PAUSE
            for key, _ in selector.select(max(0.001, due - time.monotonic())):
                if not key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    self.connections.append(opening[key.fileobj])
                self.end(selector, opening, key.fileobj)
            for link in [link for link, began in opening.items() if began < now - self.TIMEOUT]:
                self.end(selector, opening, link)

    @staticmethod
    def end(selector, opening, link):
        selector.unregister(link)
        del opening[link]
        link.close()

    def flows(self):
        now = time.monotonic()
        return all(times and now - times[-1] < 0.1 for times in (self.datagrams, self.connections))

    def hold(self, count):
        for link in self.held:
            link.close()
        self.held = []
        for _ in range(count):
            try:
                self.held.append(socket.create_connection((self.current or self.fixed, Traffic.HELD_PORT), timeout=3))
            except OSError:
                pass  # it is not counted
        return self.exchange()

    def exchange(self):
        """How many of the held connections carry an octet to the server and back."""
        selector = selectors.DefaultSelector()
        for link in self.held:
            link.setblocking(False)
            try:
                link.send(b"x")
                selector.register(link, selectors.EVENT_READ)
            except OSError:
                pass  # it has died
        alive, end = 0, time.monotonic() + 15
        while selector.get_map() and time.monotonic() < end:
            for key, _ in selector.select(0.1):
                try:
                    alive += 1 if key.fileobj.recv(1) else 0
                except OSError:
                    pass  # it has died
                selector.unregister(key.fileobj)
        return alive

    def gaps(self, since):
        return [self.gap(times, since) for times in (self.connections, self.datagrams)]

    @staticmethod
    def gap(times, since):
        """The longest time between two that passed, the later of which began after `since`; None if none did."""
        times = sorted(times[:])
        gaps = [later - earlier for earlier, later in zip(times, times[1:]) if later > since]
        return max(gaps, default=None)

    def serve(self):
        for line in sys.stdin:
            word, *arguments = json.loads(line)
            result = self.current if word == "address" else getattr(self, word)(*arguments)
            print(json.dumps(result), flush=True)


def serve():
    """Sends datagrams back, accepts connections, and sends back what comes on those of the other port."""
    selector = selectors.DefaultSelector()
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.bind(("0.0.0.0", Traffic.PORT))
    selector.register(link, selectors.EVENT_READ, "datagram")
    for port in (Traffic.PORT, Traffic.HELD_PORT):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("0.0.0.0", port))
        listener.listen(512)
        selector.register(listener, selectors.EVENT_READ, "held" if port == Traffic.HELD_PORT else "new")
    while True:
        for key, _ in selector.select():
            try:
                if key.data == "datagram":
                    message, sender = link.recvfrom(64)
                    link.sendto(message, sender)
                elif key.data == "new":
                    key.fileobj.accept()[0].close()
                elif key.data == "held":
                    selector.register(key.fileobj.accept()[0], selectors.EVENT_READ, "connection")
                else:
                    octets = key.fileobj.recv(64)
                    if octets:
                        key.fileobj.send(octets)
                    else:
                        selector.unregister(key.fileobj)
                        key.fileobj.close()
            except OSError:
                if key.data == "connection":
                    selector.unregister(key.fileobj)
                    key.fileobj.close()


if __name__ == "__main__":
    serve() if sys.argv[1] == "server" else Client(sys.argv[2], sys.argv[3]).serve()
