#!/usr/bin/env python3
"""Searches on the status page with a real browser: `make check-page` (Chromium, no display; no privileges).

A forwarder for two stand-in clusters, one of them with outer addresses, and Chromium without a window, driven over its pipe. Only
keys are pressed, as without a mouse: names are found by name, by cluster and by address, with the state of the path, and
copied. Then the same at the width of a telephone: nothing may be wider than the screen, and what is pressed must be large enough.
Pictures of both are left in the folder of `--pictures`.
"""

import argparse
import base64
import json
import os
import re
import socket
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
#: The services of the first cluster by the last octet of their address; the second one has `web.shop` alone.
SERVICES = {7: "web.shop", 8: "db.shop", 9: "api.pay", 10: "a-service-with-a-name-that-is-as-long-as-names-may-be-in-any-cluster.of-a-long-namespace"}
TELEPHONE = 360


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wire(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


class ClusterDNS(threading.Thread):
    """Answers for the services of one cluster: A and PTR; everything else does not exist."""

    def __init__(self, services):
        super().__init__(daemon=True)
        self.services = services
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.start()

    def run(self):
        while True:
            question, client = self.socket.recvfrom(4096)
            end = question.index(b"\0", 12) + 5
            asked, kind = question[12:end - 4].lower(), question[end - 3]
            data = None
            for host, service in self.services.items():
                if kind == 1 and asked == wire(f"{service}.svc.cluster.local"):
                    data = bytes([10, 96, 0, host])
                if kind == 12 and asked == wire(f"{host}.0.96.10.in-addr.arpa"):
                    data = wire(f"{service}.svc.cluster.local")
            answer = b"" if data is None else b"\xc0\x0c\0" + bytes([kind]) + b"\0\1" + struct.pack(">IH", 30, len(data)) + data
            flags = b"\x85\x83" if data is None else b"\x85\x80"
            self.socket.sendto(
                question[:2] + flags + b"\0\1" + struct.pack(">HHH", int(data is not None), 0, 0) + question[12:end] + answer, client)


class Browser:
    """Chromium, driven by its DevTools protocol over two pipes (its descriptors 3 and 4)."""

    def __init__(self, folder):
        to_browser, self.output = os.pipe()
        self.input, from_browser = os.pipe()
        # Its descriptors 3 and 4 are what the shell makes of ours.
        command = (
            f'exec chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run '
            f'--user-data-dir={folder}/profile --remote-debugging-pipe 3<&{to_browser} 4>&{from_browser}')
        self.process = subprocess.Popen(
            ["sh", "-c", command], pass_fds=(to_browser, from_browser), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(folder)}, start_new_session=True)
        os.close(to_browser)
        os.close(from_browser)
        self.rest, self.number, self.session = b"", 0, None

    def ask(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.output, json.dumps(message).encode() + b"\0")
        while True:  # ends: the browser answers each question, or closes the pipe
            while b"\0" not in self.rest:
                octets = os.read(self.input, 65536)
                assert octets, "the browser has ended"
                self.rest += octets
            text, self.rest = self.rest.split(b"\0", 1)
            answer = json.loads(text)
            if answer.get("id") == self.number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def open(self, address):
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.ask("Page.enable")
        self.go(address)

    def go(self, address):
        self.ask("Page.navigate", url=address)
        wait(lambda: self.value("document.readyState === 'complete' && !!document.getElementById('find')"), "the page is shown")

    def value(self, expression):
        result = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def press(self, key, code=None, text=None, number=0):
        event = {"key": key, "code": code or key, "windowsVirtualKeyCode": number}
        self.ask("Input.dispatchKeyEvent", type="keyDown", **event, **({"text": text} if text else {}))
        self.ask("Input.dispatchKeyEvent", type="keyUp", **event)

    def type(self, text):
        for letter in text:
            self.press(letter, text=letter, number=ord(letter.upper()) if letter.isalnum() else 0)

    def size(self, width, height, is_telephone):
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if is_telephone else 1,
                 mobile=is_telephone)

    def picture(self, path):
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))

    def end(self):
        os.close(self.output)
        os.close(self.input)
        try:
            os.killpg(self.process.pid, 15)
        except ProcessLookupError:
            pass
        self.process.wait()


def wait(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.05)


class Check:
    """What is expected, one line each."""

    def __init__(self):
        self.passed, self.failed = 0, 0

    def that(self, is_right, what, seen=None):
        self.passed, self.failed = self.passed + bool(is_right), self.failed + (not is_right)
        print(f"{'ok' if is_right else 'NOT OK'}  {what}" + ("" if is_right else f": {seen!r}"), flush=True)


def results(browser):
    """The names that are shown, each with the words beside it."""
    return dict(browser.value(
        "[...document.querySelectorAll('#results li')].map(row => "
        "[row.querySelector('code').textContent, row.querySelector('small').textContent])"))


def find(browser, text):
    """Empties the field with the keyboard, types, and waits for the answer."""
    browser.press("Escape", number=27)
    wait(lambda: browser.value("document.getElementById('find').value === '' && !document.getElementById('found').textContent"),
         "Escape empties the search")
    browser.type(text)
    wait(lambda: browser.value("document.getElementById('found').textContent !== ''"), f"an answer to {text}")
    return results(browser)


def search_with_keys(browser, check):
    browser.press("/", code="Slash", text="/", number=191)
    check.that(browser.value("document.activeElement.id") == "find", "/ leads into the search")
    check.that(browser.value("document.getElementById('find').value") == "", "and is not typed into it")
    outline = browser.value("getComputedStyle(document.getElementById('find')).outlineStyle")
    check.that(outline != "none", "the focus is seen", outline)
    found = find(browser, "web")
    check.that(set(found) == {"web.shop.svc.prod.cluster.local", "web.shop.svc.staging.cluster.local"}, "by name", found)
    check.that(found.get("web.shop.svc.prod.cluster.local", "").startswith("prod, 10.208.0.7"),
               "with its cluster and outer address", found)
    check.that("path up" in found.get("web.shop.svc.prod.cluster.local", ""), "with the state of the path", found)
    check.that(browser.value("document.getElementById('found').getAttribute('role')") == "status"
               and browser.value("document.getElementById('found').textContent") == "2 names", "the number is announced")
    found = find(browser, "staging")
    check.that(set(found) == {"web.shop.svc.staging.cluster.local"}, "by cluster", found)
    found = find(browser, "10.208.0.9")
    check.that(set(found) == {"api.pay.svc.prod.cluster.local"}, "by address", found)
    found = find(browser, "nosuchname")
    check.that(not found and browser.value("document.getElementById('found').textContent") == "No known name matches.",
               "nothing is said to be nothing", found)
    found = find(browser, "web prod")
    check.that(set(found) == {"web.shop.svc.prod.cluster.local"}, "by several words", found)
    browser.press("Tab", number=9)
    check.that(browser.value("document.activeElement.getAttribute('aria-label')") == "Copy web.shop.svc.prod.cluster.local",
               "Tab leads to the button that copies", browser.value("document.activeElement.outerHTML"))
    browser.press("Enter", text="\r", number=13)
    wait(lambda: browser.value("document.activeElement.textContent") == "Copied", "the button says so")
    copied = browser.value("navigator.clipboard.readText()")
    check.that(copied == "web.shop.svc.prod.cluster.local", "the name is in the clipboard", copied)


def search_on_telephone(browser, check):
    browser.press("/", code="Slash", text="/", number=191)
    find(browser, "svc")
    widths = browser.value("[document.documentElement.scrollWidth, innerWidth]")
    check.that(widths[0] <= TELEPHONE and widths[1] == TELEPHONE, "nothing is wider than the telephone", widths)
    sizes = browser.value(
        "[...document.querySelectorAll('#search input, #search button')].map(one => { const box = one.getBoundingClientRect();"
        " return [box.width, box.height, box.right] })")
    check.that(len(sizes) > 4 and all(width >= 24 and height >= 24 for width, height, _ in sizes),
               "what is pressed is at least 24 pixels wide and high", sizes)
    check.that(all(right <= TELEPHONE for _, _, right in sizes), "and inside of the screen", sizes)


def write_configuration(folder, servers):
    dns, admin = free_port(socket.SOCK_DGRAM), free_port()
    path = folder / "namebridge.yaml"
    path.write_text(f"""
dns: {{ listen: ["127.0.0.1:{dns}"], workers: 1 }}
admin: {{ listen: ["127.0.0.1:{admin}"] }}
sites: {{ office: {{ networks: [127.0.0.0/8] }} }}
clusters:
  prod:
    dns: ["127.0.0.1:{servers[0].port}"]
    services: [10.96.0.0/28]
    nodes: {{ n1: {{ address: 192.0.2.11 }} }}
    map: {{ 10.96.0.0/28: 10.208.0.0/28 }}
  staging: {{ dns: ["127.0.0.1:{servers[1].port}"] }}
paths:
  - {{ from: office, to: prod, via: routed, targets: [services], probe: {{ every: 200ms, targets: ["127.0.0.1:{admin}"] }} }}
""")
    return path, dns, admin


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default=ROOT / ".build/release/namebridge", type=Path)
    parser.add_argument("--pictures", type=Path, help="a folder for pictures; default: none are kept")
    options = parser.parse_args()
    program, check = str(options.program.resolve()), Check()
    with tempfile.TemporaryDirectory(prefix="namebridge-page-") as name:
        folder = Path(name)
        pictures = options.pictures or folder
        pictures.mkdir(parents=True, exist_ok=True)
        path, dns, admin = write_configuration(folder, [ClusterDNS(SERVICES), ClusterDNS({7: "web.shop"})])
        control = ["--control", str(folder / "control.sock")]
        log = open(folder / "log", "w")
        server = subprocess.Popen([program, "serve", "--config", str(path), *control], stdout=log, stderr=log)
        browser = None
        try:
            def walked():
                result = subprocess.run([program, "browse", "prod", "--walk", *control], capture_output=True, text=True)
                return "web.shop.svc.prod" in result.stdout
            wait(walked, "a walk finds the names")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.connect(("127.0.0.1", dns))
                client.settimeout(5)
                client.send(b"\0\7\1\0\0\1\0\0\0\0\0\0" + wire("web.shop.svc.staging.cluster.local") + b"\0\1\0\1")
                client.recv(4096)
            browser = Browser(folder)
            origin = f"http://127.0.0.1:{admin}"
            browser.ask("Browser.grantPermissions", origin=origin, permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
            browser.open(origin + "/")
            browser.size(1280, 900, False)
            search_with_keys(browser, check)
            browser.picture(pictures / "search.png")
            browser.size(TELEPHONE, 740, True)
            browser.go(origin + "/?telephone")
            search_on_telephone(browser, check)
            browser.picture(pictures / "search-telephone.png")
        finally:
            if browser:
                browser.end()
            server.terminate()
            server.wait()
            text = (folder / "log").read_text()
            if check.failed or not check.passed:
                print(text[-2000:])
    print(f"{check.passed} passed, {check.failed} failed")
    raise SystemExit(1 if check.failed else 0)


if __name__ == "__main__":
    main()
