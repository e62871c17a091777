"""A stand-in for the API server of a cluster with Calico, behind the real kubectl: lists with pages, watches with events,
bookmarks and versions, and failures that can be switched on. `Cluster` holds the objects; `serve` answers for it."""

import http.server
import json
import queue
import threading
import time
import urllib.parse

CALICO = "/apis/crd.projectcalico.org/v1"


def meta(name, namespace=None, **more):
    return {"name": name, **({"namespace": namespace} if namespace else {}), **more}


class Cluster:
    """Objects by list, with one version for all of them, as etcd has it."""

    def __init__(self):
        self.lock = threading.RLock()
        self.version = 1000
        self.oldest = 0  # watches from earlier versions get 410
        self.lists = {}
        self.history = []
        self.watchers = []
        self.singles = {
            "/version": {"gitVersion": "v1.29.3"},
            "/apis": {"kind": "APIGroupList", "groups": [
                {"name": name, "versions": [{"version": "v1"}]}
                for name in ("apps", "networking.k8s.io", "discovery.k8s.io", "crd.projectcalico.org")]},
        }
        self.failure = None  # (status, reason) for every request
        self.later_pages = None  # the same for all pages of a list but the first
        self.requests = 0
        self.put("/apis/apps/v1/daemonsets", {
            "metadata": meta("calico-node", "kube-system"), "status": {"desiredNumberScheduled": 3}})
        self.put("/api/v1/namespaces/kube-system/services", {
            "metadata": meta("kube-dns", "kube-system", labels={"k8s-app": "kube-dns"}),
            "spec": {"clusterIP": "10.96.0.10", "clusterIPs": ["10.96.0.10"],
                     "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}]}})
        self.put("/api/v1/namespaces/kube-system/configmaps", {
            "metadata": meta("coredns", "kube-system"),
            "data": {"Corefile": ".:53 {\n kubernetes cluster.local in-addr.arpa\n}\n"}})
        self.put("/api/v1/namespaces/kube-system/pods", {
            "metadata": meta("kube-apiserver-m", "kube-system", labels={"component": "kube-apiserver"}),
            "spec": {"containers": [{"command": ["kube-apiserver", "--service-cluster-ip-range=10.96.0.0/16"]}]}})
        self.put(CALICO + "/ippools", {
            "metadata": meta("default"),
            "spec": {"cidr": "10.244.0.0/16", "ipipMode": "Always", "vxlanMode": "Never"}})
        self.lists.setdefault("/api/v1/nodes", {})
        self.lists.setdefault(CALICO + "/blockaffinities", {})

    def put(self, path, item):
        with self.lock:
            items = self.lists.setdefault(path, {})
            key = (item["metadata"].get("namespace", ""), item["metadata"]["name"])
            kind = "MODIFIED" if key in items else "ADDED"
            self.version += 1
            item = {**item, "metadata": {**item["metadata"], "resourceVersion": str(self.version)}}
            items[key] = item
            self.tell(path, kind, item)

    def remove(self, path, name, namespace=""):
        with self.lock:
            item = self.lists[path].pop((namespace, name), None)
            if item is None:
                return
            self.version += 1
            item["metadata"]["resourceVersion"] = str(self.version)
            self.tell(path, "DELETED", item)

    def tell(self, path, kind, item):
        line = json.dumps({"type": kind, "object": item}).encode() + b"\n"
        self.history.append((self.version, path, line))
        for watched, lines in self.watchers:
            if watched == path:
                lines.put(line)

    def cut(self):
        """Ends every watch."""
        with self.lock:
            for _, lines in self.watchers:
                lines.put(None)

    def node(self, number, address=None):
        name = f"node{number:04}"
        address = address or f"10.10.{number // 250}.{number % 250 + 1}"
        self.put("/api/v1/nodes", {
            "metadata": meta(name, labels={"kubernetes.io/hostname": name}), "spec": {},
            "status": {
                "addresses": [{"type": "InternalIP", "address": address}],
                "conditions": [{"type": "Ready", "status": "True", "message": "x" * 200}] * 5,
                "images": [{"names": [f"registry.example/{i}@sha256:" + "0" * 64], "sizeBytes": i} for i in range(40)],
                "nodeInfo": {"kubeletVersion": "v1.29.3"}}})

    def block(self, number, block):
        cidr = f"10.244.{block // 4}.{block % 4 * 64}/26"
        self.put(CALICO + "/blockaffinities", {
            "metadata": meta(f"node{number:04}-{block}"),
            "spec": {"cidr": cidr, "node": f"node{number:04}", "state": "confirmed", "deleted": "false"}})

    def unblock(self, number, block):
        self.remove(CALICO + "/blockaffinities", f"node{number:04}-{block}")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, status, body):
        octets = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(octets)))
        self.end_headers()
        self.wfile.write(octets)

    def fail(self, status, reason, message=None):
        self.answer(status, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason,
                             "message": message or reason, "code": status})

    def do_GET(self):
        cluster = self.server.cluster
        cluster.requests += 1
        url = urllib.parse.urlparse(self.path)
        query = {key: values[0] for key, values in urllib.parse.parse_qs(url.query).items()}
        if cluster.failure:
            return self.fail(*cluster.failure)
        if cluster.later_pages and query.get("continue"):
            return self.fail(*cluster.later_pages)
        if url.path in cluster.singles:
            return self.answer(200, cluster.singles[url.path])
        if url.path not in cluster.lists:
            return self.fail(404, "NotFound", "the server could not find the requested resource")
        if query.get("watch"):
            return self.watch(cluster, url.path, query)
        with cluster.lock:
            items = [item for _, item in sorted(cluster.lists[url.path].items())]
            version = cluster.version
        start = int(query.get("continue") or 0)
        end = min(len(items), start + int(query.get("limit") or len(items) or 1))
        self.answer(200, {"kind": "List", "metadata": {
            "resourceVersion": str(version), **({"continue": str(end)} if end < len(items) else {})},
            "items": items[start:end]})

    def watch(self, cluster, path, query):
        start = int(query.get("resourceVersion") or 0)
        lines = queue.Queue()
        with cluster.lock:
            if start and start < cluster.oldest:
                lines.put(json.dumps({"type": "ERROR", "object": {
                    "kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}}).encode() + b"\n")
                lines.put(None)
            for version, watched, line in cluster.history:
                if watched == path and version > start:
                    lines.put(line)
            entry = (path, lines)
            cluster.watchers.append(entry)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        try:
            while True:
                try:
                    line = lines.get(timeout=30)
                except queue.Empty:
                    with cluster.lock:
                        version = cluster.version
                    line = json.dumps({"type": "BOOKMARK", "object": {
                        "metadata": {"resourceVersion": str(version)}}}).encode() + b"\n"
                if line is None or self.server.closing:
                    self.wfile.write(b"0\r\n\r\n")
                    return
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                self.wfile.flush()
        except OSError:
            self.close_connection = True
        finally:
            with cluster.lock:
                cluster.watchers.remove(entry)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    closing = False

    def handle_error(self, request, client):
        pass  # a client that goes away


def serve(cluster, port=0):
    """A running server on loopback; `server_port` is its port."""
    server = Server(("127.0.0.1", port), Handler)
    server.cluster = cluster
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server


def stop(server):
    """Down, as after a power cut: nothing listens any more, and open watches break off."""
    server.closing = True
    server.cluster.cut()
    server.shutdown()
    server.server_close()


def kubeconfig(contexts):
    """A kubeconfig for contexts, each with the port of its server."""
    lines = ["apiVersion: v1", "kind: Config", f"current-context: {next(iter(contexts))}", "clusters:"]
    lines += [f"- name: {name}\n  cluster: {{ server: \"http://127.0.0.1:{port}\" }}" for name, port in contexts.items()]
    lines += ["users:", "- name: jane\n  user: { token: secret }", "contexts:"]
    lines += [f"- name: {name}\n  context: {{ cluster: {name}, user: jane }}" for name in contexts]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    cluster = Cluster()
    for number in range(3):
        cluster.node(number)
        cluster.block(number, number)
    running = serve(cluster, 6443)
    print(kubeconfig({"prod": running.server_port}))
    time.sleep(1_000_000)
