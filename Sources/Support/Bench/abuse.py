#!/usr/bin/env python3
"""Abuses Namebridge from one address, and measures what honest clients at others notice: `make abuse`.

Two network namespaces of their own are joined by a cable: Namebridge and a cluster's name server (the baseline) stand
in one, all clients in the other, each at an address of its own. The honest clients, a thousand stub resolvers without
cookies, ask 2,000 questions a second together for a thousand names. Needs root.
"""

import argparse
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from clusters import SUFFIX, DOMAIN
from office import PUBLIC, PUBLIC_SERVER, SERVER, Office, enter_namespace
from processes import CPUS, Server, free_port, run, wait_until

ROOT = Path(__file__).resolve().parents[3]
ALL_CPUS = ",".join(map(str, CPUS))
ATTACKER, IDLER, SLOW, HONEST = "10.77.2.66", "10.77.16.", "10.77.3.3", "10.77.8.1"
NAMES = 1_000


class Network(Office):
    """The office with the addresses of those who abuse."""

    def __init__(self):
        super().__init__([ATTACKER, SLOW] + [IDLER + str(number) for number in range(1, 201)])

    def enter(self):
        """Takes this thread to the clients' namespace, so that its new sockets are there."""
        import ctypes
        with open(f"/proc/{self.holder.pid}/ns/net") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0x40000000) != 0:
                raise OSError("setns")


def question(number, suffix=SUFFIX):
    """A question for a name of its own, without an ID."""
    labels = [f"q{number}"] + suffix.split(".")
    name = b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"
    return b"\1\0\0\1\0\0\0\0\0\0" + name + b"\0\1\0\1"


class Rig:
    """Namebridge before the baseline, its memory sampled twice a second."""

    def __init__(self, options, directory, network):
        self.options, self.network = options, network
        self.port, self.upstream_port, self.admin_port = free_port(), free_port(), free_port()
        upstream = self.upstream_port
        path = directory / "namebridge.yaml"
        path.write_text(f"""\
dns:
  listen: ["{SERVER}:{self.port}", "{PUBLIC_SERVER}:{self.port}"]
  clients: [127.0.0.0/8, 10.0.0.0/8, {PUBLIC}/32]
  workers: {options.workers}
admin: {{ listen: ["127.0.0.1:{self.admin_port}"] }}
clusters:
  prod: {{ domain: {DOMAIN}, dns: ["127.0.0.1:{upstream}"], services: [10.0.0.0/8], only-kubernetes-names: false }}
""")
        self.upstream = Server(
            [options.baseline, "answer", str(upstream), "--ttl", "30", "--records", "20"], ALL_CPUS,
            directory / "upstream.log")
        self.namebridge = Server(
            [options.namebridge, "serve", "--config", path, "--control", directory / "control.sock", "--user", "root"],
            ALL_CPUS, directory / "namebridge.log")
        self.sizes, self.done = [], threading.Event()

    def __enter__(self):
        self.upstream.__enter__()
        self.namebridge.__enter__()
        self.sampler = threading.Thread(target=self.sample)
        self.sampler.start()
        if not wait_until(lambda: "serving" in self.namebridge.log.read_text(), 10):
            raise RuntimeError(self.namebridge.last_words())
        return self

    def __exit__(self, *_):
        self.done.set()
        self.sampler.join()
        self.namebridge.__exit__()
        self.upstream.__exit__()

    def sample(self):
        while not self.done.wait(0.5):
            self.sizes.append(self.namebridge.resident_bytes())

    def metrics(self, name):
        """The values of a metric by its labels, as they stand in the text."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}/metrics", timeout=10) as page:
            lines = page.read().decode().splitlines()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name)}

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.namebridge.pid}/fd"))

    def load(self, source, rate, seconds, count=NAMES, suffix=SUFFIX):
        """The baseline's load; a thread whose `report` is there once it has ended. `source`: options that say from where."""
        command = self.network.prefix() + [
            str(self.options.baseline), "load", str(self.port), "--to", SERVER, *source, "--suffix", suffix,
            "--count", str(count), "--rate", str(rate), "--seconds", str(seconds), "--records", "20"]

        def body():
            thread.report = json.loads(run(command, seconds + 30))

        thread = threading.Thread(target=body)
        thread.start()
        return thread

    @staticmethod
    def in_thread(body):
        """Runs `body` in a thread, which may enter another namespace; what it gives back."""
        result = []
        thread = threading.Thread(target=lambda: result.append(body()))
        thread.start()
        thread.join()
        if not result:
            raise RuntimeError("a client failed")
        return result[0]

    def honest(self, seconds=None):
        """The honest clients alone or beside what goes on: their report."""
        source = self.network.load_options()[2:] + ["--pairs"]
        thread = self.load(source, self.options.rate, seconds or self.options.seconds)
        thread.join()
        return thread.report


def figures(report):
    bad = report["lost"] + report["failed"] + report["wrong"]
    return (f"{report['sent']:,} asked, {bad} lost or failed, {report['truncated']} truncated, p50 {report['p50']:.0f} us, p99 {report['p99']:.0f} us, "
            f"longest {report['max'] / 1000:.1f} ms")


class Verdicts:
    """Says what held and what did not."""

    def __init__(self):
        self.failures = 0

    def expect(self, text, holds):
        print(f"  {'ok  ' if holds else 'FAIL'}  {text}", flush=True)
        self.failures += not holds

    def honest(self, report, before):
        """The honest clients lose nothing; their p99 at most doubles, where it is more than a busy machine's noise."""
        print(f"  honest: {figures(report)}")
        bad = sum(report[key] for key in ("lost", "failed", "wrong", "truncated"))
        self.expect("the honest clients lose nothing, and nothing is truncated", bad == 0)
        self.expect(f"their p99 at most doubles ({before['p99']:.0f} to {report['p99']:.0f} us)",
                    report["p99"] <= 2 * max(before["p99"], 500))


def flood(rig, verdicts, before):
    print(f"\n{rig.options.flood:,} random names a second from one client", flush=True)
    attack = rig.load(["--from", ATTACKER], rig.options.flood, rig.options.seconds + 2, count=10_000_000)
    time.sleep(1)
    report = rig.honest()
    attack.join()
    answered = attack.report
    print(f"  attacker: {answered['sent']:,} asked, {answered['received']:,} answered, {answered['failed']:,} failed, "
          f"{answered['lost']:,} without a reply")
    verdicts.honest(report, before)


def idle(rig, verdicts, before):
    wanted = rig.options.connections
    print(f"\n{wanted:,} idle TCP connections from 200 addresses", flush=True)

    def body():
        rig.network.enter()
        streams = []
        for number in range(wanted):
            stream = socket.socket()
            stream.bind((IDLER + str(number % 200 + 1), 0))
            stream.setblocking(False)
            stream.connect_ex((SERVER, rig.port))
            streams.append(stream)
            if number % 100 == 0:
                time.sleep(0.01)
        return streams

    streams = rig.in_thread(body)
    time.sleep(1)
    print(f"  {rig.descriptors():,} descriptors open at the server")
    report = rig.honest()
    verdicts.honest(report, before)

    def reach():
        rig.network.enter()
        with socket.socket() as stream:
            stream.bind((HONEST, 0))
            stream.settimeout(3)
            stream.connect((SERVER, rig.port))
            message = b"\0\1" + question(1)
            stream.sendall(len(message).to_bytes(2, "big") + message)
            return len(stream.recv(512)) > 12

    verdicts.expect("another client gets in over TCP, and its answer", rig.in_thread(reach))
    for stream in streams:
        stream.close()


def slowloris(rig, verdicts, before):
    print("\n60 connections that bring one octet a second", flush=True)
    stop = threading.Event()
    lived = []

    def body():
        rig.network.enter()
        message = b"\0\1" + question(2)
        octets = len(message).to_bytes(2, "big") + message
        streams = []
        for _ in range(60):
            stream = socket.socket()
            stream.bind((SLOW, 0))
            stream.settimeout(3)
            stream.connect((SERVER, rig.port))
            streams.append([stream, time.monotonic(), None])
        for position in range(len(octets)):
            for entry in streams:
                if entry[2]:
                    continue
                try:
                    entry[0].send(octets[position:position + 1])
                    if select.select([entry[0]], [], [], 0)[0] and not entry[0].recv(1):
                        entry[2] = time.monotonic()
                except OSError:
                    entry[2] = time.monotonic()
            if stop.wait(1):
                break
        lived.extend((entry[2] or 0) - entry[1] for entry in streams)
        for entry in streams:
            entry[0].close()

    thread = threading.Thread(target=body)
    thread.start()
    report = rig.honest(max(14, rig.options.seconds))
    stop.set()
    thread.join()
    closed = [life for life in lived if life > 0]
    print(f"  {len(closed)} of {len(lived)} were closed, after {max(closed, default=0):.0f} s at most")
    verdicts.expect("every slow connection is closed within 13 s", len(closed) == 60 and max(closed) < 13)
    verdicts.honest(report, before)


def reflect(rig, verdicts, before):
    print("\nFloods whose source is forged: octets back per octet sent, 20 addresses in each answer", flush=True)
    # What is let through: five seconds' worth and each second's, of 200 for each name and of 20 times that for all.
    allowed = (rig.options.seconds + 6) * 200
    for who, source, server, names, limit in (
            ("a private victim", IDLER + "77", SERVER, 500, None), ("a public victim, one name", PUBLIC, PUBLIC_SERVER, 1, allowed),
            ("a public victim, 500 names", PUBLIC, PUBLIC_SERVER, 500, 20 * allowed)):
        number, sent, replies, back, whole = reflect_at(rig, source, server, names)
        print(f"  {who}: {number:,} questions of {sent:,} octets, {replies:,} replies of {back:,} octets, "
              f"{whole:,} of them whole: {back / sent:.2f}")
        if limit:
            # Each worker counts for itself.
            limit *= rig.options.workers
            verdicts.expect(f"at most {limit:,} whole answers, the others no longer than their questions",
                            whole <= limit and back <= sent + whole * 20 * 16)
        else:
            verdicts.expect("a private client gets every answer", whole == replies > 0)


def reflect_at(rig, source, server, names):
    """Asks for so many names in turns: questions, octets sent, replies, octets back, replies without TC."""

    def body():
        rig.network.enter()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as victim:
            victim.bind((source, 0))
            victim.connect((server, rig.port))
            victim.setblocking(False)
            sent = back = replies = number = whole = 0
            end = time.monotonic() + rig.options.seconds
            while time.monotonic() < end:
                for _ in range(50):
                    number += 1
                    # With EDNS, as who wants large answers asks; the address and UDP headers count on both sides.
                    octets = bytearray(number.to_bytes(4, "big")[2:] + question(number % names))
                    octets[11] = 1
                    octets += b"\0\0\x29\x10\0\0\0\0\0\0\0"
                    try:
                        victim.send(octets)
                        sent += len(octets) + 28
                    except OSError:
                        pass
                while True:
                    try:
                        reply = victim.recv(4096)
                        back += len(reply) + 28
                        replies += 1
                        whole += not reply[2] & 2
                    except BlockingIOError:
                        break
                time.sleep(0.004)
            return number, sent, replies, back, whole

    return rig.in_thread(body)


class Forger(threading.Thread):
    """Tells the kernel `rate` times a second by ICMP that the cluster's server has no such port (RFC 792): about the
    ports in turns that questions go out of now, which a forger elsewhere would have to guess."""

    def __init__(self, server_port, rate):
        super().__init__()
        self.server_port, self.rate, self.sent, self.done = server_port, rate, 0, threading.Event()

    def ports(self):
        """The local ports of UDP sockets that are connected to the server (proc(5), /proc/net/udp)."""
        with open("/proc/self/net/udp") as table:
            rows = [line.split() for line in table][1:]
        ends = [(row[1].split(":")[1], row[2].split(":")[1]) for row in rows if row[3] == "01"]
        return [int(own, 16) for own, far in ends if int(far, 16) == self.server_port]

    def message(self, port):
        """Destination unreachable, port unreachable, with the head of our own datagram."""
        loopback = socket.inet_aton("127.0.0.1")
        head = struct.pack("!BBHHHBBH", 0x45, 0, 60, 1, 0, 64, socket.IPPROTO_UDP, 0) + loopback + loopback
        body = struct.pack("!I", 0) + head + struct.pack("!HHHH", port, self.server_port, 40, 0)
        words = struct.unpack(f"!{(len(body) + 4) // 2}H", struct.pack("!BBH", 3, 3, 0) + body)
        total = sum(words)
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        return struct.pack("!BBH", 3, 3, ~total & 0xFFFF) + body

    def run(self):
        begun = time.monotonic()
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as sender:
            while not self.done.is_set():
                ports = self.ports()
                due = int((time.monotonic() - begun) * self.rate) - self.sent
                for number in range(due if ports else 0):
                    sender.sendto(self.message(ports[number % len(ports)]), ("127.0.0.1", 0))
                    self.sent += 1
                if not ports:
                    self.sent += due
                time.sleep(0.005)


def unreachable(rig, verdicts, _):
    rate = rig.options.unreachable
    print(f"\n{rate:,} forged ICMP port-unreachable a second, each name asked once", flush=True)
    forger = Forger(rig.upstream_port, rate)
    forger.start()
    # Below a name of its own: what the parts before have asked is cached, and no socket would be open.
    attack = rig.load(
        rig.network.load_options()[2:], rig.options.rate, rig.options.seconds, 10_000_000, f"unasked.{SUFFIX}")
    attack.join()
    forger.done.set()
    forger.join()
    report = attack.report
    print(f"  honest: {figures(report)}")
    hints = sum(rig.metrics("namebridge_icmp_errors_total").values())
    verdicts.expect(f"they arrive: {forger.sent:,} sent, {hints:,.0f} sockets were hit", hints > 0)
    verdicts.expect("no answer is lost, and none is a failure", report["lost"] + report["failed"] + report["wrong"] == 0)
    down = [line for line in rig.namebridge.log.read_text().splitlines() if "server down" in line]
    verdicts.expect("the server is never called dead", not down and min(rig.metrics("namebridge_server_up").values()) == 1)


PARTS = {"flood": flood, "idle": idle, "slowloris": slowloris, "reflect": reflect, "unreachable": unreachable}


def parse_arguments():
    parser = argparse.ArgumentParser(prog="make abuse ABUSE=...", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=10, help="of each part (10)")
    parser.add_argument("--rate", type=int, default=2_000, help="of the honest clients (2000)")
    parser.add_argument("--flood", type=int, default=30_000, help="of the attacker (30000)")
    parser.add_argument("--unreachable", type=int, default=1_000, help="ICMP errors a second (1000)")
    parser.add_argument("--part", choices=PARTS, action="append", help="do this alone; may be repeated")
    parser.add_argument("--connections", type=int, default=10_000, help="that idle (10000)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--memory", type=int, default=256, help="that Namebridge may take, in MiB (256)")
    parser.add_argument("--realtime", action="store_true", help="run before all other work of the host")
    parser.add_argument("--baseline", type=Path, default=ROOT / ".build/release/baseline")
    parser.add_argument("--namebridge", type=Path, default=ROOT / ".build/release/namebridge")
    return parser.parse_args()


def main():
    options = parse_arguments()
    if os.geteuid() != 0:
        sys.exit("abuse: needs root, for network namespaces of its own")
    enter_namespace("NAMEBRIDGE_ABUSE")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))  # as an exception: every server's block ends
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    options.baseline, options.namebridge = options.baseline.resolve(), options.namebridge.resolve()
    if options.realtime:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))  # inherited by all that is started
    verdicts, network = Verdicts(), Network()
    print(f"{len(CPUS)} CPUs, load average {os.getloadavg()[0]:.1f}, {options.workers} workers"
          f"{', in real time' if options.realtime else ''}")
    try:
        with tempfile.TemporaryDirectory(prefix="namebridge-abuse-") as name, \
                Rig(options, Path(name), network) as rig:
            rig.honest(2)
            before = rig.honest()
            print(f"\nThe honest clients alone\n  honest: {figures(before)}")
            for part in options.part or PARTS:
                PARTS[part](rig, verdicts, before)
                print(f"  resident: {rig.sizes[-1] / 2**20:.1f} MiB")
            print("\nThroughout")
            largest = max(rig.sizes) / 2**20
            verdicts.expect(f"memory stays below {options.memory} MiB: at most {largest:.1f}", largest < options.memory)
            verdicts.expect("the server has not ended", rig.namebridge.is_running())
    finally:
        network.close()
    print(f"\n{'all held' if verdicts.failures == 0 else f'{verdicts.failures} did not hold'}")
    sys.exit(1 if verdicts.failures else 0)


if __name__ == "__main__":
    main()
