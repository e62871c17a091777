"""Writes an OCI image from the portable binary, without a container engine: build-image.py BINARY FOLDER.

The result is a folder in the OCI layout (image-spec 1.0) and the same as one file, which `skopeo copy oci:FOLDER ...`,
`podman load` and `docker load` take. Two runs with the same binary give the same octets.
"""

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile

#: A user of its own number, which no distribution gives to another service.
USER = 65532
#: CAP_NET_BIND_SERVICE, permitted but not effective (vfs_cap_data, revision 2): the program makes it effective, and
#: starts also where the container may not have it.
CAPABILITY = bytes([0, 0, 0, 2, 0, 4, 0, 0]) + bytes(12)
#: By e_machine of elf(5).
ARCHITECTURES = {62: "amd64", 183: "arm64"}
PASSWD = f"root:x:0:0:root:/root:/sbin/nologin\nnamebridge:x:{USER}:{USER}::/:/sbin/nologin\n"
GROUP = f"root:x:0:\nnamebridge:x:{USER}:\n"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


def layer(binary, time):
    """The octets of the only layer, a tar archive."""
    octets = io.BytesIO()
    with tarfile.open(fileobj=octets, mode="w", format=tarfile.PAX_FORMAT) as archive:

        def add(name, content=None, mode=0o644, owner=0, **pax):
            entry = tarfile.TarInfo(name)
            entry.mtime, entry.mode, entry.uid, entry.gid = time, mode, owner, owner
            entry.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            entry.size = len(content or b"")
            entry.pax_headers = pax
            archive.addfile(entry, io.BytesIO(content or b""))

        for folder in ["etc", "etc/ssl", "etc/ssl/certs", "usr", "usr/bin", "usr/share", "usr/share/doc",
                       "usr/share/doc/namebridge", "usr/share/namebridge", "usr/share/namebridge/demo", "var", "var/lib", "run", "root", "proc", "sys", "dev"]:
            add(folder, mode=0o755)
        add("etc/namebridge", mode=0o755)
        for folder in ["run/namebridge", "var/lib/namebridge"]:
            add(folder, mode=0o755, owner=USER)
        add("tmp", mode=0o1777)
        add("etc/passwd", PASSWD.encode())
        add("etc/group", GROUP.encode())
        add("etc/nsswitch.conf", b"passwd: files\ngroup: files\nhosts: files dns\n")
        if os.path.exists(CERTIFICATES):
            with open(CERTIFICATES, "rb") as file:
                add("etc/ssl/certs/ca-certificates.crt", file.read())
        for name in ["LICENSE", "README.md"]:
            with open(name, "rb") as file:
                add(f"usr/share/doc/namebridge/{name}", file.read())
        for name in sorted(os.listdir("config/demo")):
            with open(f"config/demo/{name}", "rb") as file:
                add(f"usr/share/namebridge/demo/{name}", file.read())
        with open(binary, "rb") as file:
            add("usr/bin/namebridge", file.read(), mode=0o755,
                **{"SCHILY.xattr.security.capability": CAPABILITY.decode("latin-1")})
    return octets.getvalue()


def settings(version, architecture, layer_digest, time):
    """The image's configuration."""
    created = subprocess.run(["date", "-u", "-d", f"@{time}", "+%Y-%m-%dT%H:%M:%SZ"], check=True, capture_output=True, text=True)
    return {
        "created": created.stdout.strip(),
        "architecture": architecture,
        "os": "linux",
        "config": {
            "User": f"{USER}:{USER}",
            "ExposedPorts": {"53/tcp": {}, "53/udp": {}, "9153/tcp": {}},
            "Entrypoint": ["/usr/bin/namebridge"],
            "Cmd": ["serve"],
            "WorkingDir": "/",
            # The folder of the control socket, which the health check asks.
            # /dev/shm is the only folder that can be written where an engine makes the image read-only.
            "Env": ["PATH=/usr/bin", "RUNTIME_DIRECTORY=/dev/shm/namebridge"],
            "Volumes": {"/etc/namebridge": {}},
            "StopSignal": "SIGTERM",
            # Docker and Podman read it; Kubernetes has probes of its own. A dead cluster is no reason to restart it.
            "Healthcheck": {
                "Test": ["CMD", "/usr/bin/namebridge", "status", "--live"],
                "Interval": 10_000_000_000, "Timeout": 5_000_000_000, "StartPeriod": 5_000_000_000, "Retries": 3,
            },
            "Labels": {
                "org.opencontainers.image.title": "namebridge",
                "org.opencontainers.image.description": "DNS forwarder and route helper for Kubernetes clusters",
                "org.opencontainers.image.version": version,
                "org.opencontainers.image.licenses": "MIT",
            },
        },
        "rootfs": {"type": "layers", "diff_ids": [layer_digest]},
        "history": [{"created": created.stdout.strip(), "created_by": "build-image.py"}],
    }


class Layout:
    """A folder in the OCI layout."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(os.path.join(folder, "blobs", "sha256"))

    def add(self, octets, kind):
        """Adds a blob; its descriptor."""
        digest = hashlib.sha256(octets).hexdigest()
        with open(os.path.join(self.folder, "blobs", "sha256", digest), "wb") as file:
            file.write(octets)
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(octets)}

    def write(self, name, value):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            json.dump(value, file)


def main(binary, folder):
    version = subprocess.run([*os.environ.get("RUNNER", "").split(), binary, "--version"], check=True, capture_output=True, text=True).stdout.strip()
    git = subprocess.run(["git", "log", "-1", "--format=%at"], capture_output=True, text=True)
    time = int(git.stdout) if git.returncode == 0 else int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
    with open(binary, "rb") as file:
        machine = int.from_bytes(file.read(20)[18:], "little")
    architecture = ARCHITECTURES.get(machine, os.uname().machine)
    shutil.rmtree(folder, ignore_errors=True)
    path = os.path.join(folder, "namebridge")
    layout = Layout(path)
    plain = layer(binary, time)
    packed = layout.add(gzip.compress(plain, 9, mtime=0), "layer.v1.tar+gzip")
    config = settings(version, architecture, "sha256:" + hashlib.sha256(plain).hexdigest(), time)
    config_entry = layout.add(json.dumps(config).encode(), "config.v1+json")
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": config_entry, "layers": [packed]}
    entry = layout.add(json.dumps(manifest).encode(), "manifest.v1+json")
    entry["platform"] = {"architecture": architecture, "os": "linux"}
    entry["annotations"] = {"org.opencontainers.image.ref.name": version,
                            "io.containerd.image.name": f"localhost/namebridge:{version}"}
    layout.write("index.json", {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                                "manifests": [entry]})
    layout.write("oci-layout", {"imageLayoutVersion": "1.0.0"})
    archive = os.path.join(folder, f"namebridge-{version}-{architecture}.oci.tar")
    with tarfile.open(archive, "w") as file:
        for name in ["oci-layout", "index.json", "blobs"]:
            file.add(os.path.join(path, name), arcname=name)
    print(f"Built {path} ({len(plain) / 1e6:.1f} MB, packed {packed['size'] / 1e6:.1f} MB) and {archive}; load it with:")
    print(f"podman load -i {archive}   or   skopeo copy oci:{path}:{version} docker://REGISTRY/namebridge:{version}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
