"""Looks at the status page in Chromium: use-page.py PROGRAM [--record].

Starts the demo's clusters and a forwarder with sites, paths, dead servers and a query log in a network namespace of its own
(needs root and Chromium), asks it, and holds the page against what it promises: no finding of axe (WCAG 2.1 AA) in a wide and in a
narrow window, light and dark; nothing wider than the window; problems with cause, age and remedy; a click that shows why;
selection, focus and what is open survive the refresh; a search. With --record it writes config/screenshots.
"""

import contextlib
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from PIL import Image

FILE = """
dns: {{ listen: 127.0.0.1:5310, bare-domain: [prod, staging] }}
admin: {{ listen: 127.0.0.1:9153 }}
log: {{ queries: {{ output: {folder}/queries.log }} }}
clusters:
  prod:
    dns: [127.0.0.1:5301, 127.0.0.1:5399]
    pods: 10.244.0.0/16
    services: 10.96.0.0/16
    hosts: {{ relay1: {{ address: 172.18.14.60 }} }}
    nodes: {{ n1: {{ address: 172.18.14.11, pods: 10.244.1.0/24 }} }}
  staging: {{ dns: 127.0.0.1:5302, pods: 10.245.0.0/16, services: 10.97.0.0/16, hosts: {{ relay2: {{ address: 172.18.14.61 }} }} }}
  lab:
    dns: 127.0.0.1:5397
    pods: 10.61.0.0/16
    services: 10.60.0.0/16
    nodes: {{ n3: {{ address: 172.18.14.13, pods: 10.61.1.0/24 }} }}
sites:
  office: {{ networks: 172.16.0.0/18, router: 172.16.0.1, hosts: {{ dns1: {{ address: 172.16.0.5 }} }} }}
  home: {{ networks: 192.168.77.0/24 }}
paths:
  - {{ from: office, to: prod, via: relay, relays: relay1 }}
  - {{ from: home, to: staging, via: relay, relays: relay2 }}
  - {{ between: [prod, lab], via: vxlan, vxlan: {{ id: 10001, port: 4899, network: 100.127.0.0/24 }} }}
"""
NAMES = ["web.shop.svc.prod.cluster.local", "web.shop.svc.staging.cluster.local", "db.shop.svc.prod.cluster.local",
         "cart.shop.svc.cluster.local", "nosuch.shop.svc.prod.cluster.local", "docs.preview.svc.cluster.local",
         "web.shop.svc.lab.cluster.local", "www.example.com", "kubernetes.default.svc.prod.cluster.local"]
WINDOWS = {"wide": (1180, 1560), "phone": (420, 1700)}
PAGE = "http://127.0.0.1:9153/"
failures = 0


def expect(text, holds, detail=""):
    global failures
    print(f"{'ok   ' if holds else 'FAIL '} {text}{'' if holds else f': {detail}'}", flush=True)
    failures += not holds


def ask(name, times=1):
    """Asks for an address, and does not wait for answers that do not come."""
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0" + struct.pack(">HH", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.05)
        for number in range(times):
            client.sendto(struct.pack(">HHHHHH", number + 1, 0x100, 1, 0, 0, 0) + question, ("127.0.0.1", 5310))
            with contextlib.suppress(TimeoutError):
                client.recv(4096)


def keep_asking():
    """As an office does, with few questions for what is dead."""
    number = 0
    while True:
        name = NAMES[number % len(NAMES)]
        if "lab" not in name or number < 100:
            ask(name, 1 + (number // 50) % 7)
        number += 1
        time.sleep(0.01)


def wait(url):
    for _ in range(100):
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1) as answer:
            return answer.read()
        time.sleep(0.1)
    raise SystemExit(f"{url} does not answer")


def look(browser, axe, folder):
    """Each window in each colour scheme."""
    for window, (width, height) in WINDOWS.items():
        for scheme in ["light", "dark"]:
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            page.goto(PAGE)
            # The page forbids foreign scripts; this one comes by the debugger.
            found = page.evaluate(axe + "\naxe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] })")
            rules = [f"{rule['id']} ({len(rule['nodes'])}): {rule['nodes'][0]['html'][:100]}" for rule in found["violations"]]
            expect(f"axe, {window}, {scheme}: {len(found['passes'])} rules", not rules, rules)
            over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            expect(f"nothing is wider than the window, {window}, {scheme}", over <= 0, over)
            picture = f"{folder}/status-{window}-{scheme}.png"
            page.screenshot(path=picture)
            # A third of the size. The method keeps small areas of a colour, such as the dots of states.
            small = Image.open(picture).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
            small.save(picture, optimize=True)
            page.close()


def use(browser):
    """What a person does."""
    page = browser.new_page(viewport={"width": 1180, "height": 1300})
    page.goto(PAGE)
    text = page.inner_text("body")
    expect("a problem has its cause, its age and what to do",
           all(re.search(words, text) for words in ["lab: no name server answers", r"(?i)since|for \d|ago", "doctor"]), text[:600])
    links = page.locator("a[href^='#why-']")
    expect("servers and paths are links to what is known", links.count() >= 6, links.count())
    page.locator("a[href='#why-cluster-lab'], svg.wide a[href^='#why-']:has-text('lab'), a[href^='#why-']:has-text('lab')").first.click()
    opened = page.locator("details[open]")
    expect("a click opens it", opened.count() == 1 and "refused" in opened.inner_text(), opened.all_inner_texts())
    expect("and the focus goes there", page.evaluate("document.activeElement.tagName") == "SUMMARY")
    path = page.locator("a[href^='#why-']:has-text('relay1')")
    expect("a path is a link too", path.count() > 0)
    expect("the latest answers are there with a query log", "Latest answers" in text, text[-600:])
    # Two refreshes go by while answers come in.
    before = page.inner_text("body")
    page.evaluate("getSelection().selectAllChildren(document.querySelector('details[open]'))")
    chosen = page.evaluate("getSelection().toString()")
    for _ in range(12):
        ask(NAMES[0], 3)
        time.sleep(1)
    expect("the page has new figures", page.inner_text("body") != before)
    expect("the selection survives it", chosen and page.evaluate("getSelection().toString()") == chosen, chosen)
    page.evaluate("getSelection().removeAllRanges()")
    for _ in range(6):
        ask("lab.x.svc.lab.cluster.local", 2)
        time.sleep(1)
    expect("and so does what is open", page.locator("details[open]").count() == 1)
    page.keyboard.press("/")
    page.keyboard.type("web")
    page.wait_for_timeout(800)
    expect("a search finds names", page.locator("#results li").count() >= 1, page.inner_text("#search"))
    page.close()


def main():
    if os.environ.get("CHECK_PAGE_INSIDE") is None:
        os.environ["CHECK_PAGE_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "-n", sys.executable, *sys.argv])
    import axe_playwright_python
    from playwright.sync_api import sync_playwright
    with open(os.path.join(os.path.dirname(axe_playwright_python.__file__), "axe.min.js"), encoding="utf-8") as file:
        axe = file.read()
    program = os.path.realpath(sys.argv[1])
    subprocess.run("ip link set lo up; ip addr add 172.16.0.5/32 dev lo", shell=True, check=True)
    servers = []
    with tempfile.TemporaryDirectory() as folder:
        pictures = "config/screenshots" if "--record" in sys.argv else folder
        path = os.path.join(folder, "namebridge.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(FILE.format(folder=folder))
        try:
            for words in [["--demo", "--control", f"{folder}/demo.sock"], ["--config", path, "--control", f"{folder}/page.sock"]]:
                with open(f"{folder}/log", "ab") as log:
                    servers.append(subprocess.Popen([program, "serve", *words], stdout=log, stderr=log))
                if len(servers) == 1:
                    wait("http://127.0.0.1:5303/health")
            wait(PAGE + "health")
            threading.Thread(target=keep_asking, daemon=True).start()
            # The curve of questions needs a while.
            time.sleep(16)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
                look(browser, axe, pictures)
                use(browser)
                browser.close()
        finally:
            for server in servers:
                server.send_signal(signal.SIGTERM)
            for server in servers:
                server.wait(15)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
