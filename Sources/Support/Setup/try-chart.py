"""Runs what the Helm chart gives, as a node would: try-chart.py PROGRAM. Needs root, kubectl, openssl, dnsmasq and dig.

The chart is rendered by Helm's engine with `follow` on. Each container of the DaemonSet runs with its user, arguments, environment and
volumes, without capabilities, in a network namespace whose API server is a stand-in over TLS that allows what the chart's roles allow
and nothing else. Then the probes are asked as the kubelet does, and names are asked.
"""

import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path

import yaml
from helm_python.chart import Chart

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Bench"))
import apiserver  # noqa: E402

VALUES = {"follow": {"enabled": True, "kubectlImage": "registry.example/kubectl:1.32"},
          "clusters": {"here": {"follow": {"context": "here", "endpoints": True}}}}
TOKEN = "a-token-of-the-service-account"
failures = 0


def expect(text, holds, detail=""):
    global failures
    print(f"{'ok   ' if holds else 'FAIL '} {text}{'' if holds else f': {detail}'}", flush=True)
    failures += not holds


class Roles:
    """The chart's roles."""

    def __init__(self, objects):
        self.rules = [(o["metadata"].get("namespace"), rule) for o in objects if o["kind"] in ("Role", "ClusterRole") for rule in o["rules"]]
        self.denied = []

    def allow(self, target):
        """Whether a GET is allowed; every account may read what API groups there are."""
        url = urllib.parse.urlsplit(target)
        found = re.fullmatch(r"/(?:api|apis/(?P<group>[^/]+))/[^/]+/(?:namespaces/(?P<ns>[^/]+)/)?(?P<kind>[a-z]+)(?:/(?P<name>[^/]+))?", url.path)
        if not found:
            return True
        verb = "get" if found["name"] else "watch" if "watch=" in url.query else "list"
        for namespace, rule in self.rules:
            if (namespace in (None, found["ns"]) and (found["group"] or "") in rule["apiGroups"] and found["kind"] in rule["resources"]
                    and verb in rule["verbs"]):
                return True
        self.denied.append(f"{verb} {url.path}")
        return False


def guarded(roles):
    """The stand-in's handler behind authentication and roles."""
    class Guarded(apiserver.Handler):
        def do_GET(self):
            known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
            if known and roles.allow(self.path):
                return super().do_GET()
            code = 403 if known else 401
            text = json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
                               "reason": "Forbidden" if known else "Unauthorized"}).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
            return None
    return Guarded


def start(container, folder, mounts, program, log):
    """Runs a container with its user, environment and mounts, and without capabilities."""
    lines = [f"mount --bind {folder}/hosts /etc/hosts"]
    for mount in container["volumeMounts"]:
        lines += [f"mkdir -p {mount['mountPath']}", f"mount --bind {mounts[mount['name']]} {mount['mountPath']}"]
    environment = {"PATH": "/usr/bin", **{one["name"]: one["value"] for one in container.get("env", [])}}
    words = ["env", "-i", *(f"{key}={value}" for key, value in environment.items()), program, *container["args"]]
    lines.append('exec setpriv --reuid 65532 --regid 65532 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"')
    return subprocess.Popen(["unshare", "-m", "sh", "-ec", "\n".join(lines), "sh", *words], stdout=log, stderr=log)


def probe(container, name):
    """The status of a probe as the kubelet asks for it; None without an answer."""
    what = container[name]["httpGet"]
    try:
        with urllib.request.urlopen(f"http://{what['host']}:{what['port']}{what['path']}", timeout=container[name].get("timeoutSeconds", 1)) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def until(check, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return True
        time.sleep(0.1)
    return False


def dig(name):
    return subprocess.run(["dig", "+short", "+time=1", "+tries=1", "-p", "1053", "@127.0.0.1", name], capture_output=True, text=True).stdout.strip()


def main():
    if os.environ.get("TRY_CHART_INSIDE") is None:
        os.environ["TRY_CHART_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "-n", "-m", sys.executable, *sys.argv])
    program = os.path.realpath(sys.argv[1])
    subprocess.run("ip link set lo up; ip addr add 10.96.0.10/32 dev lo", shell=True, check=True)
    rendered = Chart.load("config/helm/namebridge").render(VALUES, name="namebridge", namespace="kube-system")
    objects = [one for text in rendered.values() for one in yaml.safe_load_all(text) if one]
    pod = next(one for one in objects if one["kind"] == "DaemonSet")["spec"]["template"]["spec"]
    containers = {one["name"]: one for one in pod["containers"]}
    expect("the pod runs as a user without rights, and mounts no token by itself",
           pod["securityContext"]["runAsUser"] == 65532 and pod["automountServiceAccountToken"] is False, pod["securityContext"])
    expect("the container that answers the network has no token", all(m["name"] != "token" for m in containers["namebridge"]["volumeMounts"]))
    processes = []
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        os.chmod(folder, 0o755)
        # A volume covers /tmp, where the program may be.
        program = shutil.copy(program, folder)
        mounts = {one["name"]: os.path.join(folder, one["name"]) for one in pod["volumes"]}
        for name, path in mounts.items():
            os.mkdir(path)
            os.chown(path, 65532, 65532)
        data = next(one for one in objects if one["kind"] == "ConfigMap")["data"]
        for name, text in data.items():
            Path(mounts["configuration"], name).write_text(text)
        # What the first container copies from its image.
        subprocess.run(["cp", "/usr/bin/kubectl", mounts["tools"]], check=True)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=kubernetes", "-addext",
                        "subjectAltName=DNS:kubernetes.default.svc", "-keyout", f"{folder}/key.pem", "-out", f"{mounts['token']}/ca.crt"],
                       check=True, capture_output=True)
        Path(mounts["token"], "token").write_text(TOKEN)
        Path(folder, "hosts").write_text("127.0.0.1 localhost kubernetes.default.svc\n")
        subprocess.run(["chown", "-R", "65532:65532", mounts["token"]], check=True)
        cluster, roles = apiserver.Cluster(), Roles(objects)
        for number in range(3):
            cluster.node(number)
            cluster.block(number, number)
        for path in ["endpointslices", "namespaces/kube-system/endpointslices"]:
            cluster.lists.setdefault(f"/apis/discovery.k8s.io/v1/{path}", {})
        server = apiserver.Server(("127.0.0.1", 443), guarded(roles))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{mounts['token']}/ca.crt", f"{folder}/key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.cluster = cluster
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with open(f"{folder}/log", "w", encoding="utf-8") as log:
            try:
                # The cluster's DNS.
                processes.append(subprocess.Popen(["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--listen-address=10.96.0.10",
                                                   "--bind-interfaces", "--local=/cluster.local/", "--address=/web.shop.svc.cluster.local/10.96.12.7"], stdout=log, stderr=log))
                began = time.monotonic()
                for container in containers.values():
                    processes.append(start(container, folder, mounts, program, log))
                started = until(lambda: probe(containers["namebridge"], "startupProbe") == 200)
                expect("the probe of the start is answered", started, Path(folder, "log").read_text()[-1500:])
                expect("follow writes the facts of the cluster", until(lambda: os.path.exists(f"{mounts['facts']}/clusters/here.yaml") or any(Path(mounts['facts']).rglob("here.yaml"))),
                       Path(folder, "log").read_text()[-3000:])
                answered = until(lambda: dig("web.shop.svc.here.cluster.local") == "10.96.12.7")
                expect(f"the first answer is there after {time.monotonic() - began:.1f} s", answered, Path(folder, "log").read_text()[-3000:])
                expect("a plain name is answered too", dig("web.shop.svc.cluster.local") == "10.96.12.7")
                expect("the pod is ready", until(lambda: probe(containers["namebridge"], "readinessProbe") == 200))
                time.sleep(2)
                expect("the roles allow all that follow asks", not roles.denied, sorted(set(roles.denied)))
                processes[0].terminate()
                processes[0].wait()
                expect("without the cluster's DNS it is not ready", until(lambda: probe(containers["namebridge"], "readinessProbe") == 503, 60))
                expect("and not started again for that", probe(containers["namebridge"], "livenessProbe") == 200)
            finally:
                for process in processes[::-1]:
                    process.terminate()
                for process in processes:
                    process.wait(15)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
