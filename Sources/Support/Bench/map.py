#!/usr/bin/env python3
"""Measures what outer addresses cost: `make bench-map` (root, network namespaces; valgrind for names).

packets  CPU time for each datagram through a relay and a node with stateful firewalls, from the sender to the pod: plain
         forwarding, and through the namespace of a cluster with a map, with sources translated and kept. The sender's own CPU
         time holds the work of all hosts on the way, since devices of namespaces hand packets on at once. Rounds in turn;
         medians and minima.
apply    the first `net apply`, one that has nothing to do, and the removal, with 2,000 pairs of prefixes: neighbours that
         one rule can translate together, and prefixes with gaps between them, each of which needs rules and routes.
names    instructions for each question with and without a map (callgrind): a hit and a miss.
"""

import argparse
import ctypes
import json
import os
import random
import re
import resource
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def run(*words, check=True, **options):
    return subprocess.run(words, check=check, capture_output=True, text=True, **options)


def inside(name):
    """Enters a network namespace for the rest of this process."""
    with open(f"/run/netns/{name}") as file:
        # CLONE_NEWNET of sched.h; `os.setns` came with Python 3.12.
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), 0x4000_0000):
            raise OSError(ctypes.get_errno(), f"the namespace {name} cannot be entered")


class Lab:
    """An office, a relay, a node and a pod in namespaces; the relay has names of namespaces of its own."""

    HOSTS = ("pc", "gate", "n1", "p1")

    def __init__(self, program):
        self.program, self.folder = program, tempfile.TemporaryDirectory()
        self.names = {host: f"nbm{os.getpid()}{host}" for host in self.HOSTS}
        self.holder = None

    def __enter__(self):
        try:
            return self.build()
        except BaseException:
            self.__exit__()
            raise

    def build(self):
        for name in self.names.values():
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        for left, one, right, other in (
            ("pc", "eth0", "gate", "eth0"), ("gate", "wan", "n1", "eth0"), ("n1", "pod", "p1", "eth0"),
        ):
            run("ip", "link", "add", one, "netns", self.names[left], "type", "veth", "peer", "name", other, "netns",
                self.names[right])
            self.ip(left, "link", "set", one, "up")
            self.ip(right, "link", "set", other, "up")
        for host, device, address in (
            ("pc", "eth0", "172.16.0.100/18"), ("gate", "eth0", "172.16.0.5/18"), ("gate", "wan", "192.168.10.1/24"),
            ("n1", "eth0", "192.168.10.11/24"), ("n1", "pod", "10.244.1.1/24"), ("p1", "eth0", "10.244.1.7/24"),
        ):
            self.ip(host, "addr", "add", address, "dev", device)
        self.ip("pc", "route", "add", "default", "via", "172.16.0.5")
        self.ip("p1", "route", "add", "default", "via", "10.244.1.1")
        self.ip("n1", "route", "add", "default", "via", "192.168.10.1")
        for host in ("gate", "n1"):
            run("ip", "netns", "exec", self.names[host], "sysctl", "-qw", "net.ipv4.ip_forward=1")
            # Nodes and relays have firewalls that track connections, with and without a map.
            run("ip", "netns", "exec", self.names[host], "nft", "-f", "-", input="""
                table ip firewall {
                    chain translate {
                        type nat hook postrouting priority srcnat; policy accept;
                        oifname "none" masquerade
                    }
                    chain forward {
                        type filter hook forward priority filter; policy accept;
                        ct state established,related accept
                    }
                }""")
        pid = Path(self.folder.name) / "holder"
        self.holder = subprocess.Popen(
            ["ip", "netns", "exec", self.names["gate"], "unshare", "-m", "--propagation", "private", "sh", "-c",
             f"mount -t tmpfs none /run/netns && echo $$ >{pid}.new && mv {pid}.new {pid}; exec sleep 3600"])
        while not pid.exists():
            time.sleep(0.05)
        self.space = pid.read_text().strip()
        return self

    def __exit__(self, *_):
        if self.holder:
            self.holder.kill()
            self.holder.wait()
        for name in self.names.values():
            run("ip", "netns", "del", name, check=False)
        self.folder.cleanup()

    def ip(self, host, *words):
        run("ip", "-n", self.names[host], *words)

    def net(self, *words):
        """`namebridge net` on the relay; its time, and the CPU time of it and of the tools that it ran, in seconds."""
        start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        run("nsenter", "-t", self.space, "-n", "-m", self.program, "net", *words,
            env={**os.environ, "NAMEBRIDGE_NET_STATE": f"{self.folder.name}/state"})
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return time.monotonic() - start, used

    def file(self, name, text):
        path = Path(self.folder.name) / name
        path.write_text(text)
        return str(path)


def configuration(pairs, node_pods, source):
    """A cluster with a map, and a path from the office to it."""
    inner = json.dumps(list(pairs))
    return f"""
clusters:
  prod:
    dns: ["10.244.1.10"]
    pods: {inner}
    map: {json.dumps(pairs)}
    cni: flannel-host-gw
    nodes: {{ n1: {{ address: "192.168.10.11", pods: {json.dumps(node_pods)} }} }}
sites:
  office:
    networks: ["172.16.0.0/18"]
    router: "172.16.0.1"
    hosts: {{ gate: {{ address: ["172.16.0.5", "192.168.10.1"] }} }}
paths:
  - {{ from: office, to: prod, via: relay, relays: [{{ host: gate, uplink: wan }}], source: {source} }}
"""


def answer(space, address):
    """Answers in `space` the datagrams that ask for it: an own process, whose number is returned."""
    child = os.fork()
    if child:
        return child
    inside(space)
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind((address, 9))
    while True:
        data, sender = receiver.recvfrom(200)
        if data == b"ask":
            receiver.sendto(b"yes", sender)


def establish(sender):
    """Has the first datagrams answered: what tracks connections knows this one then."""
    sender.settimeout(1)
    answers = 0
    for _ in range(20):
        try:
            sender.send(b"ask")
            answers += sender.recv(100) == b"yes"
        except (TimeoutError, ConnectionRefusedError):
            # The receiver is not there yet.
            time.sleep(0.1)
            continue
        if answers == 3:
            return sender.settimeout(None)
    raise OSError("no answers: packets do not pass")


def send(space, address, count, receiver):
    """CPU time for each of `count` datagrams to `address`, in microseconds, as a process of its own in `space` uses it.

    The process `receiver` answers the first ones, and is stopped while the others are sent: it would be woken for each.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        inside(space)
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender.connect((address, 9))
        try:
            establish(sender)
        except OSError as error:
            os.write(writer, str(error).encode())
            os._exit(1)
        os.kill(receiver, signal.SIGSTOP)
        before = resource.getrusage(resource.RUSAGE_SELF)
        data, give = b"x" * 100, sender.send
        for _ in range(count):
            give(data)
        after = resource.getrusage(resource.RUSAGE_SELF)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        os.kill(receiver, signal.SIGCONT)
        os.write(writer, f"{used / count * 1e6}".encode())
        os._exit(0)
    os.close(writer)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reader) as answers:
        text = answers.read()
    if status:
        raise OSError(f"{address}: {text}")
    return float(text)


def packets(options):
    with Lab(options.program) as lab:
        sink = answer(lab.names["p1"], "10.244.1.7")
        try:
            lab.ip("gate", "route", "add", "10.244.1.0/24", "via", "192.168.10.11")
            ways = {"plain": "10.244.1.7", "snat": "10.200.1.7", "keep": "10.200.1.7"}
            files = {
                source: lab.file(
                    f"{source}.yaml", configuration({"10.244.0.0/16": "10.200.0.0/16"}, ["10.244.1.0/24"], source))
                for source in ("snat", "keep")
            }
            found = {way: [] for way in ways}
            for _ in range(options.rounds):
                for way, address in ways.items():
                    if way in files:
                        lab.net("apply", "--config", files[way])
                    send(lab.names["pc"], address, 1_000, sink)
                    found[way].append(send(lab.names["pc"], address, options.packets, sink))
                    if way in files:
                        lab.net("remove")
        finally:
            os.kill(sink, signal.SIGKILL)
            os.waitpid(sink, 0)
    base, least = statistics.median(found["plain"]), min(found["plain"])
    for way, values in found.items():
        print(f"packets {way:5} {statistics.median(values):6.2f} us ({statistics.median(values) / base:.2f}x), "
              f"least {min(values):6.2f} us ({min(values) / least:.2f}x)")


def apply(options):
    for kind, step in (("adjacent", 1), ("apart", 2)):
        numbers = range(0, options.prefixes * step, step)
        pairs = {f"10.{128 + n // 256}.{n % 256}.0/24": f"10.{64 + n // 256}.{n % 256}.0/24" for n in numbers}
        with Lab(options.program) as lab:
            file = lab.file("many.yaml", configuration(pairs, ["10.128.0.0/24"], "keep"))
            first, again, gone = lab.net("apply", "--config", file), lab.net("apply", "--config", file), lab.net("remove")
        for what, (elapsed, used) in (("first apply", first), ("nothing to do", again), ("remove", gone)):
            print(f"apply {options.prefixes} prefixes, {kind}, {what}: {elapsed:.2f} s, CPU {used:.2f} s")


def names(options):
    counts = {kind: instructions(options, kind) for kind in ("plain", "mapped")}
    for index, what in enumerate(("miss", "hit")):
        plain, mapped = counts["plain"][index], counts["mapped"][index]
        print(f"names {what}: {plain:,.0f} instructions, mapped {mapped:,.0f} ({mapped / plain:.3f}x)")


def instructions(options, kind):
    """Instructions for a miss and for a hit."""
    with tempfile.TemporaryDirectory() as folder:
        upstream, port = random.sample(range(20_000, 31_000), 2)
        # The upstream's answers are in 10.0.0.0/8.
        mapping = "    map: { 10.0.0.0/9: 172.0.0.0/9, 10.128.0.0/9: 172.128.0.0/9 }\n" if kind == "mapped" else ""
        file = Path(folder) / "names.yaml"
        file.write_text(
            f'dns:\n  listen: ["127.0.0.1:{port}"]\n  workers: 1\n  cache: {{ size: 64MiB, max-ttl: 1h }}\n'
            f'clusters:\n  prod:\n    names: [prod.example]\n    dns: ["127.0.0.1:{upstream}"]\n'
            f"    pods: [10.0.0.0/9]\n    services: [10.128.0.0/9]\n{mapping}")
        out, log = f"{folder}/out", Path(folder) / "log"
        # Valgrind gives up at debug information that is newer than itself.
        program = f"{folder}/namebridge"
        run("strip", "--strip-debug", "-o", program, options.program)
        processes = [subprocess.Popen([options.baseline, "answer", str(upstream)])]
        with open(log, "wb") as written:
            processes.append(subprocess.Popen(
                ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", program, "serve", "--config", str(file)],
                stdout=written, stderr=written))
        server = str(processes[1].pid)

        def check_alive():
            if processes[1].poll() is not None:
                raise OSError(f"the server has ended: {log.read_text(errors='replace')[-600:]}")

        def load(suffix, count=options.names, seconds=60):
            # Two addresses are expected: each answer counts as wrong, with and without a map, so that both go alike.
            answer = run(options.baseline, "load", str(port), "--suffix", f"{suffix}.svc.prod.example", "--count",
                         str(count), "--once", "--window", "16", "--timeout", "20", "--seconds", str(seconds),
                         "--records", "2", check=False)
            return json.loads(answer.stdout)["wrong"] if answer.stdout else 0

        def total(part):
            """The instructions since the last time, once they are written down."""
            run("callgrind_control", "-d", "part", server)
            while True:
                path = Path(f"{out}.{part}")
                found = re.search(r"^totals: (\d+)", path.read_text() if path.exists() else "", re.M)
                if found:
                    return int(found[1])
                check_alive()
                time.sleep(0.2)

        try:
            while not load("warm.b", 1, 2):
                check_alive()
                time.sleep(0.5)
            load("warm.a")
            run("callgrind_control", "-z", server)
            sent_cold = load("cold.a")
            cold = total(1)
            run("callgrind_control", "-z", server)
            sent_warm = load("cold.a")
            warm = total(2)
        finally:
            for process in processes:
                process.terminate()
                process.wait()
    hit = warm / sent_warm
    # The names are asked in turn: all but the first questions for each are hits.
    asked = min(options.names, sent_cold)
    return (cold - (sent_cold - asked) * hit) / asked, hit


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / ".build/release/namebridge"))
    parser.add_argument("--baseline", default=str(ROOT / ".build/release/baseline"))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--packets", type=int, default=100_000)
    parser.add_argument("--prefixes", type=int, default=2_000)
    parser.add_argument("--names", type=int, default=1_000)
    parser.add_argument("what", nargs="*", default=["packets", "apply"], help="packets, apply, names")
    options = parser.parse_args()
    for what in options.what:
        {"packets": packets, "apply": apply, "names": names}[what](options)


if __name__ == "__main__":
    main()
