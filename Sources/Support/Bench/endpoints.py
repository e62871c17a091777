#!/usr/bin/env python3
"""Measures how soon a rebuilt pod's new address is answered: `make bench-endpoints` (kubectl, dnsperf; no privileges).

A stand-in API server behind the real kubectl has a headless service, and a stand-in DNS server answers for the cluster. `namebridge
follow` watches the EndpointSlices, and `namebridge serve` answers clients: dnsperf with many names, and one that asks for the
service all the time. Every few seconds the service gets another address. In every second turn the cluster's DNS learns of it
0.2 s after the event, as one does that watches the same API server. Measured are the times from the event to the first answer with
the new address; the old one must never come again.
"""

import argparse
import os
import random
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import apiserver

ROOT = Path(__file__).resolve().parents[3]
SLICES = "/apis/discovery.k8s.io/v1/endpointslices"
NAME = "web.shop.svc.prod.cluster.local"


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wire(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


class ClusterDNS:
    """Answers A of every name with an address of its own, and of the service with `address`; other types have no data."""

    def __init__(self):
        self.address = "10.244.0.1"
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            question, client = self.socket.recvfrom(4096)
            end = question.index(b"\0", 12) + 5
            name = question[12:end - 4].lower()
            count, answer = 0, b""
            if question[end - 4:end - 2] == b"\0\1":
                address = self.address if name == wire("web.shop.svc.cluster.local") else "10.244.9.9"
                count, answer = 1, b"\xc0\x0c\0\1\0\1" + struct.pack(">IH", 30, 4) + socket.inet_aton(address)
            self.socket.sendto(
                question[:2] + b"\x85\x80\0\1" + struct.pack(">HHH", count, 0, 0) + question[12:end] + answer, client)


def slice_of(address):
    return {"metadata": apiserver.meta("web-abc", "shop", labels={"kubernetes.io/service-name": "web"}),
            "addressType": "IPv4", "endpoints": [{"addresses": [address]}]}


class Asker:
    """Asks for the service all the time, and notes each answer."""

    def __init__(self, port):
        self.port, self.seen, self.stopping = port, [], False
        self.thread = threading.Thread(target=self.run)

    def run(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.connect(("127.0.0.1", self.port))
            one.settimeout(1)
            while not self.stopping:
                number = random.randrange(65536)
                one.send(struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + wire(NAME) + b"\0\1\0\1")
                try:
                    answer = one.recv(4096)
                except OSError:
                    continue
                if struct.unpack(">H", answer[:2])[0] == number and answer[6:8] != b"\0\0":
                    self.seen.append((time.monotonic(), socket.inet_ntoa(answer[-4:])))
                time.sleep(0.002)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default=ROOT / ".build/release/namebridge", type=Path)
    parser.add_argument("--seconds", default=60, type=int)
    parser.add_argument("--rate", default=5000, type=int, help="questions a second of dnsperf; 0: none")
    options = parser.parse_args()
    program, dns = str(options.program.resolve()), ClusterDNS()
    cluster = apiserver.Cluster()
    cluster.node(0)
    cluster.put(SLICES, slice_of(dns.address))
    server = apiserver.serve(cluster)
    folder = Path(tempfile.mkdtemp(prefix="namebridge-endpoints-"))
    port = free_port(socket.SOCK_DGRAM)
    (folder / "kubeconfig").write_text(apiserver.kubeconfig({"prod": server.server_port}))
    (folder / "names").write_text("".join(f"s{number}.shop.svc.prod.cluster.local A\n" for number in range(2000)))
    (folder / "namebridge.yaml").write_text(f"""
dns: {{ listen: ["127.0.0.1:{port}"], workers: 1 }}
clusters:
  prod:
    dns: ["127.0.0.1:{dns.port}"]
    follow: {{ context: prod, kubeconfig: {folder}/kubeconfig, endpoints: true }}
""")
    environment = {**os.environ, "NAMEBRIDGE_FACTS": f"{folder}/clusters", "HOME": str(folder)}
    log = open(folder / "log", "w")
    processes, asker = [], Asker(port)
    try:
        for words in (["serve"], ["follow"]):
            processes.append(subprocess.Popen(
                [program, *words, "--config", f"{folder}/namebridge.yaml", "--control", f"{folder}/control.sock"],
                stderr=log, stdout=log, env=environment))
        start = time.monotonic()
        while not any(path == SLICES for path, _ in cluster.watchers):
            assert time.monotonic() - start < 120, (folder / "log").read_text()[-3000:]
            time.sleep(0.1)
        asker.thread.start()
        if options.rate:
            processes.append(subprocess.Popen(
                ["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", f"{folder}/names", "-Q", str(options.rate),
                 "-l", str(options.seconds)], stdout=log, stderr=log))
        events = []
        for turn in range(options.seconds // 3):
            address = f"10.244.{turn // 250 + 1}.{turn % 250 + 1}"
            is_late = turn % 2 == 1
            if not is_late:
                dns.address = address
            cluster.put(SLICES, slice_of(address))
            events.append((time.monotonic(), address, is_late))
            if is_late:
                time.sleep(0.2)
                dns.address = address
            time.sleep(3)
        asker.stopping = True
        asker.thread.join()
        for is_late in (False, True):
            times, again = [], 0
            for index, (when, address, late) in enumerate(events):
                if late != is_late:
                    continue
                end = events[index + 1][0] if index + 1 < len(events) else float("inf")
                answers = [(at, one) for at, one in asker.seen if when <= at < end]
                first = next((at for at, one in answers if one == address), None)
                times.append(float("inf") if first is None else first - when)
                again += sum(1 for at, one in answers if first is not None and at > first and one != address)
            times.sort()
            print(f"{'DNS 0.2 s behind' if is_late else 'DNS at once'}: new address answered after p50 "
                  f"{times[len(times) // 2] * 1000:.0f} ms, longest {times[-1] * 1000:.0f} ms, of {len(times)};"
                  f" old address afterwards: {again} times", flush=True)
        print(f"{len(asker.seen)} answers to the one client", flush=True)
        for line in (folder / "log").read_text().splitlines():
            if "Queries per second" in line or "Queries lost" in line or "Average Latency" in line:
                print("dnsperf:", " ".join(line.split()), flush=True)
    finally:
        asker.stopping = True
        for process in processes:
            process.terminate()
            process.wait()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
