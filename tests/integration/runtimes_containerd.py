# SPDX-License-Identifier: MIT
"""containerd on a runtimes.Host, and an image for it that nobody has to fetch."""

import hashlib
import io
import json
import subprocess
import tarfile
import threading

from client import TIMEOUT
from harness import Log
from runtimes import need_program

IMAGE = "example.org/subidd/busybox:latest"


def add(archive, name, data):
    """A file in a tar archive."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def layer_of(root):
    """A root filesystem as a layer of an image."""
    def as_root(member):
        member.uid = member.gid = 0
        return member
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        archive.add(root, ".", filter=as_root)
    return layer.getvalue()


def write_image(path, root, command):
    """An image as `docker save` has it."""
    layer = layer_of(root)
    config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": list(command), "Env": ["PATH=/bin"]},
              "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]}}
    manifest = [{"Config": "config.json", "RepoTags": [IMAGE], "Layers": ["layer.tar"]}]
    with tarfile.open(path, "w") as archive:
        add(archive, "layer.tar", layer)
        add(archive, "config.json", json.dumps(config).encode())
        add(archive, "manifest.json", json.dumps(manifest).encode())


class Containerd:
    """One that is ready, has the image IMAGE and is asked by ctr(1) without options; without the CRI."""

    command = ("cat",)  # of the image

    def __init__(self, host, namespace="default", config='disabled_plugins = ["io.containerd.grpc.v1.cri"]'):
        """CONFIG is what comes before the first section of the configuration, and more of those."""
        need_program("containerd", "ctr", "containerd-shim-runc-v2", "runc")
        self.host, self.ctr = host, ("ctr", "--namespace", namespace)
        path = host.folder / "containerd.toml"
        path.write_text(f'version = 2\nroot = "{host.folder}/containerd"\nstate = "/run/containerd"\n{config}\n',
                        encoding="utf-8")
        self.log = Log()
        self.process = subprocess.Popen(host.command("containerd", "--config", path), text=True,
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=host.environment())
        self.reader = threading.Thread(target=self.read_log)
        self.reader.start()

    def read_log(self):
        """Runs in a thread of its own until containerd ends."""
        with self.process.stderr as lines:
            for line in lines:
                self.log.add(line.rstrip("\n"))
        self.log.end()

    def __enter__(self):
        try:
            self.log.wait("successfully booted")
            write_image(self.host.folder / "image.tar", self.host.rootfs(), self.command)
            self.host.run(*self.ctr, "image", "import", self.host.folder / "image.tar")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(TIMEOUT)
        self.reader.join(TIMEOUT)

    def pid(self, name):
        """The PID of the first process of a container."""
        for line in self.host.run(*self.ctr, "task", "ls")[0].splitlines():
            words = line.split()
            if words[0] == name:
                return int(words[1])
        raise AssertionError(f"no task {name}")
