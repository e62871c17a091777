#!/usr/bin/env python3
"""Measures what a reload costs by the number of clusters: `make bench-reload`.

The file is changed a little each time, so that nothing is known beforehand. CPU time is that of the whole
process, user and system; the time is that until the server says that it has reloaded. The longest gap between
two signs of life to the service manager says whether a watchdog would have ended the server.
"""

import argparse
import os
import signal
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path

from processes import CLOCK_TICKS, CPUS, Server, free_port

ROOT = Path(__file__).resolve().parents[3]


def configuration(clusters, port, generation):
    """A file of so many clusters, each with one suffix; the last one's server differs by generation."""
    lines = [f'dns:\n  listen: ["127.0.0.1:{port}"]\n  clients: [127.0.0.0/8]\n  workers: 1\nclusters:\n']
    for number in range(clusters):
        network = f"{10 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"
        server = 11 + generation % 100 if number == clusters - 1 else 10
        lines.append(
            f"  c{number}:\n    names: [c{number}.k8s.example.com]\n    dns: [{network}.{server}]\n"
            f"    services: [{network}.0/24]\n")
    return "".join(lines)


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def signs_of_life(manager, until):
    """Waits for a READY=1; gives the longest gap between two WATCHDOG=1 on the way."""
    last, longest = time.monotonic(), 0
    while time.monotonic() < until:
        text = manager.recv(4096).decode()
        if text.startswith("WATCHDOG=1") or text.startswith("READY=1"):
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
        if text.startswith("READY=1"):
            return longest
    raise TimeoutError("the server has not reloaded")


def measure(program, clusters, rounds):
    """CPU seconds, seconds and longest gap of each round."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        port = free_port()
        file = folder / "namebridge.yaml"
        file.write_text(configuration(clusters, port, 0))
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        manager.bind(str(folder / "notify"))
        manager.settimeout(60)
        environment = {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "400000"}
        command = [str(program), "serve", "--config", str(file), "--control", str(folder / "control")]
        results = []
        with Server(command, ",".join(map(str, CPUS)), folder / "log", environment) as server:
            signs_of_life(manager, time.monotonic() + 60)
            # Probes of servers that do not exist cost CPU time, too: what they take is measured first.
            before = cpu_seconds(server.pid)
            time.sleep(2)
            idle = (cpu_seconds(server.pid) - before) / 2
            for generation in range(1, rounds + 1):
                file.write_text(configuration(clusters, port, generation))
                drain(manager)
                start, before = time.monotonic(), cpu_seconds(server.pid)
                os.kill(server.pid, signal.SIGHUP)
                gap = signs_of_life(manager, start + 60)
                seconds = time.monotonic() - start
                results.append((max(0, cpu_seconds(server.pid) - before - idle * seconds), seconds, gap))
                if not server.is_running():
                    sys.exit(f"the server has ended: {server.last_words()}")
                time.sleep(1)
        return results


def drain(manager):
    """Drops what the manager has been told."""
    manager.setblocking(False)
    try:
        while manager.recv(4096):
            pass
    except BlockingIOError:
        pass
    manager.settimeout(60)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=Path, default=ROOT / ".build/release/namebridge")
    parser.add_argument("--clusters", type=int, nargs="+", default=[1_000, 5_000, 13_000])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print("| clusters | CPU (s) | CPU per cluster (us) | until reloaded (s) | longest gap of the watchdog (s) |")
    print("|---|---|---|---|---|")
    for clusters in options.clusters:
        rounds = measure(options.program, clusters, options.rounds)
        cpu, seconds, gap = (statistics.median(column) for column in zip(*rounds))
        print(f"| {clusters:,} | {cpu:.2f} | {cpu / clusters * 1e6:.0f} | {seconds:.2f} | {gap:.2f} |", flush=True)


if __name__ == "__main__":
    main()
