#!/usr/bin/env python3
"""Keeps Namebridge busy for a long time with all that can happen at once, and says what it came to: `make soak`.

A thousand clients at addresses of their own ask over UDP at a steady rate; others over TCP; others send what is no question; the cache is emptied and the
configuration read again; one of the cluster's two servers, Knot DNS and NSD, dies and comes back, in turns. Memory,
descriptors and threads are noted all the while. All of it lives in a network namespace of its own. Needs root.
"""

import argparse
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import clusters
from office import SERVER, Office, enter_namespace
from processes import Server, free_port, wait_until

ROOT = Path(__file__).resolve().parents[3]
CPUS = [str(cpu) for cpu in sorted(os.sched_getaffinity(0))]


class Soak:
    """Namebridge, its servers, and all that is done to them until `done`."""

    def __init__(self, options, directory, office):
        self.options, self.directory, self.office = options, directory, office
        self.port = free_port()
        ports = [free_port(), free_port()]
        self.servers = [clusters.RealServer(program, port, directory, ",".join(CPUS))
                        for program, port in zip(("knotd", "nsd"), ports)]
        self.path = directory / "namebridge.yaml"
        self.path.write_text(clusters.configuration(self.port, ports, "16MiB", options.workers, on=SERVER))
        self.control = directory / "control.sock"
        self.log = directory / "namebridge.log"
        self.namebridge = Server(
            [options.namebridge, "serve", "--config", self.path, "--control", self.control, "--user", "root"],
            ",".join(CPUS), self.log)
        self.done = threading.Event()
        self.random = random.Random(options.seed)
        self.counts = {"TCP answers": 0, "TCP without an answer": 0, "broken messages": 0, "flushes": 0,
                       "reloads": 0, "server deaths": 0}
        self.samples = []
        self.loads = []

    def command(self, *words):
        """One of the program's own commands; true where it held."""
        return subprocess.run([self.options.namebridge, *words, "--control", self.control],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20).returncode == 0

    # each of these but `kill_servers` runs in a thread of its own until the end

    def load(self):
        """Ten seconds of load after ten seconds of load."""
        while not self.done.is_set():
            self.loads.append(clusters.load(
                self.options.baseline, CPUS[-1], self.port, ["--rate", str(self.options.rate), "--seconds", "10"], 60,
                self.office))

    def ask_over_tcp(self):
        """Two questions on each connection."""
        while not self.done.wait(0.05):
            number = self.random.randrange(clusters.NAMES)
            name = b"".join(bytes([len(label)]) + label.encode()
                            for label in [f"n{number}"] + clusters.SUFFIX.split(".")) + b"\0"
            message = b"\0\7\1\0\0\1\0\0\0\0\0\0" + name + b"\0\1\0\1"
            try:
                with socket.create_connection((SERVER, self.port), timeout=5) as stream:
                    for _ in range(2):
                        stream.sendall(len(message).to_bytes(2, "big") + message)
                        reply = stream.recv(2048)
                        good = len(reply) > 14 and reply[5] & 15 == 0
                        self.counts["TCP answers" if good else "TCP without an answer"] += 1
            except OSError:
                self.counts["TCP without an answer"] += 1

    def send_broken(self):
        """Random octets, with a question's beginning as often as not, over UDP and now and then TCP."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            datagrams.connect((SERVER, self.port))
            datagrams.setblocking(False)
            while not self.done.wait(0.01):
                octets = self.random.randbytes(self.random.randrange(80))
                if self.random.random() < 0.5:
                    octets = b"\0\1\1\0\0\1\0\0\0\0\0\1" + octets
                self.counts["broken messages"] += 1
                try:
                    if self.random.random() < 0.1:
                        with socket.create_connection((SERVER, self.port), timeout=1) as stream:
                            stream.sendall(octets)
                    else:
                        datagrams.send(octets)
                        datagrams.recv(4096)
                except OSError:
                    pass

    def change(self):
        """A flush, or the configuration read again."""
        has_reload = b"reload" in subprocess.run(
            [self.options.namebridge, "--help"], capture_output=True, timeout=20).stdout
        turn = 0
        while not self.done.wait(3):
            turn += 1
            what = "reload" if has_reload and turn % 2 else "flush"
            if self.command(what):
                self.counts["reloads" if what == "reload" else "flushes"] += 1

    def kill_servers(self, end):
        """One dies and comes back, then the other. In the main thread: a child dies with the one that started it."""
        turn = 0
        while time.monotonic() + 12 < end and self.namebridge.is_running():
            time.sleep(8)
            server = self.servers[turn % 2]
            turn += 1
            server.kill()
            self.counts["server deaths"] += 1
            time.sleep(4)
            server.start()
            server.wait_until_heard()
        time.sleep(max(0, end - time.monotonic()))

    def sample(self):
        begin = time.monotonic()
        while not self.done.wait(2):
            process = f"/proc/{self.namebridge.pid}"
            try:
                self.samples.append((
                    time.monotonic() - begin, self.namebridge.resident_bytes(), len(os.listdir(process + "/fd")),
                    len(os.listdir(process + "/task"))))
            except OSError:
                return

    def run(self):
        for server in self.servers:
            server.start()
        for server in self.servers:
            server.wait_until_heard()
        with self.namebridge:
            if not clusters.is_ready(self.office, self.port):
                raise RuntimeError(f"namebridge answers nothing: {self.namebridge.last_words()}")
            works = [self.load, self.ask_over_tcp, self.send_broken, self.change, self.sample]
            threads = [threading.Thread(target=work) for work in works]
            for thread in threads:
                thread.start()
            self.kill_servers(time.monotonic() + self.options.minutes * 60)
            self.done.set()
            for thread in threads:
                thread.join()
            # All is over: what it still holds, it holds for good.
            time.sleep(12)
            self.sample_at_rest()
            lives = self.namebridge.is_running() and clusters.is_ready(self.office, self.port)
        return lives

    def sample_at_rest(self):
        process = f"/proc/{self.namebridge.pid}"
        self.rest = (len(os.listdir(process + "/fd")), len(os.listdir(process + "/task")))

    def end(self):
        self.done.set()
        for server in self.servers:
            server.end()


def report(soak, lives):
    """Prints the figures and the verdicts; the number of those that do not hold."""
    sent, lost, failed, wrong, truncated = (
        sum(load[key] for load in soak.loads) for key in ("sent", "lost", "failed", "wrong", "truncated"))
    p99 = sorted(load["p99"] for load in soak.loads)
    print(f"UDP: {sent:,} asked, {lost} lost, {failed} failed, {wrong} wrong, {truncated} truncated, "
          f"p99 {p99[len(p99) // 2] / 1000:.2f} ms (median of {len(p99)} loads), "
          f"longest {max(load['max'] for load in soak.loads) / 1000:.0f} ms")
    print(", ".join(f"{value:,} {key}" for key, value in soak.counts.items()))
    settled = [sample for sample in soak.samples if sample[0] >= soak.samples[-1][0] / 4]
    third = max(1, len(settled) // 3)
    early = max(sample[1] for sample in settled[:third]) / 2**20
    late = max(sample[1] for sample in settled[-third:]) / 2**20
    descriptors = [sample[2] for sample in soak.samples]
    threads = {sample[3] for sample in settled}
    print(f"resident: {early:.1f} MiB early, {late:.1f} MiB late; descriptors {min(descriptors)} to {max(descriptors)}, "
          f"{soak.rest[0]} at rest; threads {', '.join(map(str, sorted(threads)))}, {soak.rest[1]} at rest")
    died = soak.log.read_text().count("died signal=")
    verdicts = [
        ("the server lives and answers", lives and died == 0),
        ("no answer was wrong, or truncated", wrong + truncated == 0),
        ("less than one question in 10,000 was lost or failed", (lost + failed) * 10_000 <= sent),
        # What the allocator takes at once when tables grow comes in steps of some MiB, and stays.
        ("memory does not grow: late at most 1.1 times early and 4 MiB", late <= early * 1.1 + 4),
        ("descriptors come back", soak.rest[0] <= min(descriptors) + 40),
        ("the number of threads stays", soak.rest[1] == min(threads) and max(threads) <= min(threads) + 2),
    ]
    for text, holds in verdicts:
        print(f"{'ok  ' if holds else 'FAIL'}  {text}")
    return sum(not holds for _, holds in verdicts)


def main():
    parser = argparse.ArgumentParser(prog="make soak SOAK=...", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=int, default=5_000, help="questions a second over UDP (5000)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1, help="of what is random")
    parser.add_argument("--baseline", type=Path, default=ROOT / ".build/release/baseline")
    parser.add_argument("--namebridge", type=Path, default=ROOT / ".build/release/namebridge")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("soak: needs root, for a network namespace of its own")
    enter_namespace("NAMEBRIDGE_SOAK")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))  # as an exception: every server's block ends
    options.baseline, options.namebridge = options.baseline.resolve(), options.namebridge.resolve()
    print(f"{len(CPUS)} CPUs, load average {os.getloadavg()[0]:.1f}, {options.minutes:g} minutes, "
          f"{options.rate:,} questions a second, {options.workers} workers", flush=True)
    office = Office()
    with tempfile.TemporaryDirectory(prefix="namebridge-soak-") as name:
        soak = Soak(options, Path(name), office)
        try:
            lives = soak.run()
        finally:
            soak.end()
            office.close()
        failures = report(soak, lives)
        if failures:
            print("".join(f"  {line}\n" for line in soak.log.read_text().splitlines()[-20:]))
    print("all held" if failures == 0 else f"{failures} did not hold")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
