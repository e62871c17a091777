#!/usr/bin/env python3
"""Asks a running server for every address of five clusters that are the same inside: a part of `make map-proof`.

Each cluster has the pods 10.244.0.0/16 and the services 10.96.0.0/16, and a map that gives it outer ranges of its own. For each
of the 5 x 131,072 outer addresses, five questions: its name; the outer address of that name, whose first label may hold the
inner or the outer address; the hint of its HTTPS record; and the address beside its SRV record. What is right is reckoned here
with plain numbers, without the program's own maps.
"""

import argparse
import multiprocessing
import os
import socket
import struct
import sys
import tempfile
import time
from pathlib import Path

from processes import CPUS, Server, free_port, wait_until

ROOT = Path(__file__).resolve().parents[3]
A, PTR, SRV, HTTPS = 1, 12, 33, 65
#: The inner ranges, and the first of the outer ones: that of cluster `n` is `n` /16 above it.
RANGES = ((0x0AF40000, 0x0AC80000), (0x0A600000, 0x0AD00000))
CLUSTERS = range(1, 6)
#: Questions in flight.
WINDOW = 64


def labels(*texts):
    return b"".join(bytes([len(text)]) + text for text in texts)


def dashed(octets):
    return b"%d-%d-%d-%d" % tuple(octets)


def configuration(port, upstream):
    lines = [f'dns:\n  listen: ["127.0.0.1:{port}"]\n  workers: 1\n  cache: {{ size: 8MiB }}\nclusters:\n']
    for number in CLUSTERS:
        inner = [f"{first >> 24}.{first >> 16 & 255}.0.0/16" for first, _ in RANGES]
        outer = [f"{first >> 24}.{(first >> 16 & 255) + number}.0.0/16" for _, first in RANGES]
        lines.append(
            f'  c{number}:\n    names: [c{number}.cluster.local]\n    dns: ["127.0.0.1:{upstream}"]\n'
            f"    pods: [{inner[0]}]\n    services: [{inner[1]}]\n    only-kubernetes-names: false\n"
            f"    map: {{ {inner[0]}: {outer[0]}, {inner[1]}: {outer[1]} }}\n")
    return "".join(lines)


def answer(server):
    """The DNS of each of the clusters: pods by their addresses, and back; other names have no data."""
    domain = labels(b"shop", b"pod", b"cluster", b"local") + b"\0"
    while True:
        question, client = server.recvfrom(4096)
        end, names = 12, []
        while question[end]:
            names.append(question[end + 1:end + 1 + question[end]])
            end += 1 + question[end]
        kind = question[end + 2]
        head, count, extra, data = question[12:end + 5], 1, 0, b""
        owner = b"\xc0\x0c\0" + bytes([kind]) + b"\0\1\0\0\0\x1e"
        if kind == PTR and len(names) == 6:
            name = labels(b"-".join(reversed(names[:4]))) + domain
            data = owner + struct.pack(">H", len(name)) + name
        elif kind in (A, HTTPS, SRV) and names[0 if kind != SRV else 2].count(b"-") == 3:
            address = bytes(int(part) for part in names[0 if kind != SRV else 2].split(b"-"))
            if kind == A:
                data = owner + b"\0\4" + address
            elif kind == HTTPS:
                data = owner + b"\0\x0b\0\1\0\0\4\0\4" + address
            else:
                target = b"\xc0" + bytes([12 + 2 + len(names[0]) + len(names[1])])
                data, extra = owner + b"\0\x08\0\0\0\x64\0\x50" + target, 1
                data += target + b"\0\1\0\1\0\0\0\x1e\0\4" + address
        else:
            count = 0
        server.sendto(question[:2] + struct.pack(">HHHHH", 0x8580, 1, count, 0, extra) + head + data, client)


def questions(hosts):
    """Name, type, and how the answer ends, for each question."""
    for number in CLUSTERS:
        suffix = labels(b"shop", b"pod", b"c%d" % number, b"cluster", b"local") + b"\0"
        for inner_first, outer_first in RANGES:
            for host in hosts:
                inner = (inner_first + host).to_bytes(4, "big")
                outer = (outer_first + (number << 16) + host).to_bytes(4, "big")
                own = labels(dashed(inner)) + suffix
                reverse = labels(*[b"%d" % octet for octet in reversed(outer)], b"in-addr", b"arpa") + b"\0"
                yield reverse, PTR, own
                yield own, A, b"\0\4" + outer
                yield labels(dashed(outer)) + suffix, A, b"\0\4" + outer
                yield own, HTTPS, b"\0\x0b\0\1\0\0\4\0\4" + outer
                yield labels(b"_http", b"_tcp") + own, SRV, b"\0\4" + outer


def is_right(reply, name, kind, end):
    """Whether the reply has the question, one answer to it, and this end."""
    if len(reply) < 12 + len(name) + 16:
        return False
    flags, *counts = struct.unpack_from(">HHHHH", reply, 2)
    start = 12 + len(name) + 4
    return (flags & 0x820F == 0x8000 and counts == [1, 1, 0, 1 if kind == SRV else 0]
            and reply[12:start] == name + bytes([0, kind, 0, 1])
            and reply[start:start + 6] == b"\xc0\x0c" + bytes([0, kind, 0, 1]) and reply.endswith(end))


def ask_all(client, hosts):
    """Asks everything, `WINDOW` questions at a time; how many, and those that were answered wrongly."""
    asked, wrong, source, waiting = 0, [], questions(hosts), {}
    is_over = False
    while True:  # ends: each turn asks, or takes an answer or gives up what waits
        while not is_over and len(waiting) < WINDOW:
            question = next(source, None)
            if question is None:
                is_over = True
                break
            name, kind, _ = question
            waiting[asked & 0xFFFF] = question
            client.send(struct.pack(">HHHHHH", asked & 0xFFFF, 0x0100, 1, 0, 0, 0) + name + bytes([0, kind, 0, 1]))
            asked += 1
        if not waiting:
            return asked, wrong
        try:
            reply = client.recv(4096)
        except TimeoutError:
            wrong += [(name, kind, "silence") for name, kind, _ in waiting.values()]
            waiting.clear()
            continue
        question = waiting.pop(reply[0] << 8 | reply[1], None)
        if question and not is_right(reply, *question):
            wrong.append((*question[:2], reply))


def answers(client):
    """Whether the server answers yet."""
    try:
        client.send(struct.pack(">HHHHHH", 0, 0x0100, 1, 0, 0, 0) + labels(b"localhost") + b"\0\0\1\0\1")
        return len(client.recv(4096)) > 0
    except (ConnectionRefusedError, TimeoutError):
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / ".build/release/namebridge"))
    parser.add_argument("--hosts", type=int, default=0x10000, help="of each range, the first so many (default: all)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        listening.bind(("127.0.0.1", 0))
        port = free_port()
        file = Path(folder) / "namebridge.yaml"
        file.write_text(configuration(port, listening.getsockname()[1]))
        upstream = multiprocessing.get_context("fork").Process(target=answer, args=(listening,), daemon=True)
        upstream.start()
        cpus = ",".join(map(str, CPUS))
        try:
            with Server([options.program, "serve", "--config", str(file)], cpus, Path(folder) / "log") as server:
                client.settimeout(5)
                client.connect(("127.0.0.1", port))
                if not wait_until(lambda: answers(client), 10):
                    sys.exit(f"the server does not answer: {server.last_words()}")
                before, started = os.times(), time.monotonic()
                asked, wrong = ask_all(client, range(options.hosts))
                elapsed, used = time.monotonic() - started, sum(os.times()[:2]) - sum(before[:2])
                print(f"whole ranges: {asked:,} questions, {len(wrong):,} wrong; {elapsed:.0f} s, "
                      f"CPU {server.cpu_seconds():.0f} s of the server, {used:.0f} s of the client")
                if not server.is_running():
                    sys.exit(f"the server has ended: {server.last_words()}")
        finally:
            upstream.terminate()
            upstream.join()
    for name, kind, reply in wrong[:5]:
        print(f"  type {kind} {name}: {reply}")
    sys.exit(1 if wrong or asked == 0 else 0)


if __name__ == "__main__":
    main()
