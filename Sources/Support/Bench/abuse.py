#!/usr/bin/env python3
"""Abuses Namebridge from one address, and measures what an honest client at another one notices: `make abuse`.

Two network namespaces of their own are joined by a cable: Namebridge and a cluster's name server (the baseline) stand
in one, all clients in the other, each at an address of its own. The honest client asks 2,000 questions a second for
a thousand names, after one over TCP that proves its address. Needs root.
"""

import argparse
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from clusters import SUFFIX, DOMAIN
from processes import Server, free_port, run, wait_until

ROOT = Path(__file__).resolve().parents[3]
CPUS = [str(cpu) for cpu in sorted(os.sched_getaffinity(0))]
SERVER, HONEST, ATTACKER, IDLER, SLOW = "10.77.0.1", "10.77.1.2", "10.77.2.66", "10.77.16.", "10.77.3.3"
NAMES = 1_000


class Network:
    """The cable between our namespace and that of the clients, which lives as long as this object."""

    def __init__(self):
        self.holder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sleep", "3600"], stdin=subprocess.DEVNULL)
        own = os.readlink("/proc/self/ns/net")
        there = f"/proc/{self.holder.pid}/ns/net"
        if not wait_until(lambda: os.path.exists(there) and os.readlink(there) != own, 5):
            raise RuntimeError("no second network namespace")
        for command in (f"ip link add server type veth peer name clients netns {self.holder.pid}",
                        "ip link set lo up", f"ip addr add {SERVER}/16 dev server", "ip link set server up"):
            subprocess.run(command.split(), check=True)
        for command in ["ip link set lo up", "ip link set clients up"] + [
                f"ip addr add {address}/16 dev clients" for address in
                [HONEST, ATTACKER, SLOW] + [IDLER + str(number) for number in range(1, 201)]]:
            self.inside(command.split())

    def prefix(self):
        return ["nsenter", "--net", "--target", str(self.holder.pid)]

    def inside(self, command):
        subprocess.run(self.prefix() + command, check=True)

    def enter(self):
        """Takes this thread to the clients' namespace, so that its new sockets are there."""
        import ctypes
        with open(f"/proc/{self.holder.pid}/ns/net") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0x40000000) != 0:
                raise OSError("setns")

    def close(self):
        self.holder.kill()
        self.holder.wait()


def question(number, suffix=SUFFIX):
    """A question for a name that nobody else asks for, without an ID."""
    labels = [f"q{number}"] + suffix.split(".")
    name = b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"
    return b"\1\0\0\1\0\0\0\0\0\0" + name + b"\0\1\0\1"


class Rig:
    """Namebridge before the baseline, its memory sampled twice a second."""

    def __init__(self, options, directory, network):
        self.options, self.network = options, network
        self.port, upstream = free_port(), free_port()
        path = directory / "namebridge.yaml"
        path.write_text(f"""\
dns:
  listen: ["{SERVER}:{self.port}"]
  workers: {options.workers}
clusters:
  prod: {{ domain: {DOMAIN}, dns: ["127.0.0.1:{upstream}"], services: [10.0.0.0/8], only-kubernetes-names: false }}
""")
        self.upstream = Server(
            [options.baseline, "answer", str(upstream), "--ttl", "30"], ",".join(CPUS), directory / "upstream.log")
        self.namebridge = Server(
            [options.namebridge, "serve", "--config", path, "--control", directory / "control.sock", "--user", "root"],
            ",".join(CPUS), directory / "namebridge.log")
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

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.namebridge.pid}/fd"))

    def load(self, source, rate, seconds, count=NAMES):
        """The baseline's load from one of the clients' addresses; a thread whose `report` is there once it has ended."""
        command = self.network.prefix() + [
            str(self.options.baseline), "load", str(self.port), "--to", SERVER, "--from", source, "--suffix", SUFFIX,
            "--count", str(count), "--rate", str(rate), "--seconds", str(seconds)]

        def body():
            thread.report = json.loads(run(command, seconds + 30))

        thread = threading.Thread(target=body)
        thread.start()
        return thread

    def prove(self, source):
        """One question over TCP, as a client asks that was answered with TC."""
        def body():
            self.network.enter()
            with socket.socket() as stream:
                stream.bind((source, 0))
                stream.settimeout(5)
                stream.connect((SERVER, self.port))
                message = b"\0\1" + question(0)
                stream.sendall(len(message).to_bytes(2, "big") + message)
                stream.recv(512)

        self.in_thread(body)

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
        """The honest client alone or beside what goes on: its report."""
        self.prove(HONEST)
        thread = self.load(HONEST, self.options.rate, seconds or self.options.seconds)
        thread.join()
        return thread.report


def figures(report):
    bad = report["lost"] + report["failed"] + report["wrong"]
    return (f"{report['sent']:,} asked, {bad} lost or failed, p50 {report['p50']:.0f} us, p99 {report['p99']:.0f} us, "
            f"longest {report['max'] / 1000:.1f} ms")


class Verdicts:
    """Says what held and what did not."""

    def __init__(self):
        self.failures = 0

    def expect(self, text, holds):
        print(f"  {'ok  ' if holds else 'FAIL'}  {text}", flush=True)
        self.failures += not holds

    def honest(self, report, before):
        """The honest client loses nothing; its p99 at most doubles, where it is more than a busy machine's noise."""
        print(f"  honest: {figures(report)}")
        self.expect("the honest client loses nothing", report["lost"] + report["failed"] + report["wrong"] == 0)
        self.expect(f"its p99 at most doubles ({before['p99']:.0f} to {report['p99']:.0f} us)",
                    report["p99"] <= 2 * max(before["p99"], 500))


def flood(rig, verdicts, before):
    print(f"\n{rig.options.flood:,} random names a second from one client", flush=True)
    attack = rig.load(ATTACKER, rig.options.flood, rig.options.seconds + 2, count=10_000_000)
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
    print("\nA flood whose source is forged: octets back per octet sent", flush=True)

    def body():
        rig.network.enter()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as victim:
            victim.bind((IDLER + "77", 0))
            victim.connect((SERVER, rig.port))
            victim.setblocking(False)
            sent = back = replies = number = 0
            end = time.monotonic() + rig.options.seconds
            while time.monotonic() < end:
                for _ in range(50):
                    number += 1
                    # With EDNS, as who wants large answers asks; the address and UDP headers count on both sides.
                    octets = bytearray(number.to_bytes(4, "big")[2:] + question(number % 500))
                    octets[11] = 1
                    octets += b"\0\0\x29\x10\0\0\0\0\0\0\0"
                    try:
                        victim.send(octets)
                        sent += len(octets) + 28
                    except OSError:
                        pass
                while True:
                    try:
                        back += len(victim.recv(4096)) + 28
                        replies += 1
                    except BlockingIOError:
                        break
                time.sleep(0.004)
            return number, sent, replies, back

    number, sent, replies, back = rig.in_thread(body)
    print(f"  {number:,} questions of {sent:,} octets, {replies:,} replies of {back:,} octets: {back / sent:.3f}")
    verdicts.expect("at most 1.0 times its octets come back, beside 8 KiB a second",
                    back <= sent + 8 * 1024 * (rig.options.seconds + 1))


def parse_arguments():
    parser = argparse.ArgumentParser(prog="make abuse ABUSE=...", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=10, help="of each part (10)")
    parser.add_argument("--rate", type=int, default=2_000, help="of the honest client (2000)")
    parser.add_argument("--flood", type=int, default=30_000, help="of the attacker (30000)")
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
    if os.environ.get("NAMEBRIDGE_ABUSE") != "inside":
        os.environ["NAMEBRIDGE_ABUSE"] = "inside"
        os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])
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
            print(f"\nThe honest client alone\n  honest: {figures(before)}")
            for part in (flood, idle, slowloris, reflect):
                part(rig, verdicts, before)
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
