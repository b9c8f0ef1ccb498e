# SPDX-License-Identifier: MIT
"""A daemon, and a host on which container runtimes call the OCI hook."""

import json
import pathlib

from harness import SUBIDD, UNIT
from hook_rig import HOOK, HookRig
from runtimes import Host

BUILD = pathlib.Path(SUBIDD).resolve().parents[1]
BASE_SPEC = """
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
base_runtime_spec = "{path}"
"""
PODMAN_HOOKS = ("50-subidd", "51-subidd-check", "52-subidd-release")


class World:
    """A daemon, and a host for runtimes with the hook."""

    def __init__(self):
        self.rig, self.host = HookRig(), None

    def __enter__(self):
        self.rig.__enter__()
        try:
            self.host = Host()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(self, *error):
        try:
            if self.host:
                self.host.__exit__(*error)
        finally:
            self.rig.__exit__(*error)

    def hook(self, stage):
        """The command of a stage, as runtimes want it."""
        words = ["subidd-oci-hook", "--socket", str(self.rig.scratch.socket), "--run-dir", str(self.rig.run_dir),
                 stage]
        return {"path": HOOK, "args": words}

    def bundle(self, runtime, start, annotations=None, size=UNIT):
        """A bundle with these mappings, and the hook."""
        def change(config):
            mapping = [{"containerID": 0, "hostID": start, "size": size}]
            config["linux"] |= {"uidMappings": mapping, "gidMappings": mapping}
            config["linux"]["namespaces"].append({"type": "user"})
            config["hooks"] = {stage: [self.hook(stage)] for stage in ("createRuntime", "poststop")}
            config["annotations"] = annotations or {}
        return self.host.bundle(self.host.rootfs(start), change, runtime)

    def start(self, runtime, name, bundle):
        """A container that runs."""
        return self.host.container(runtime, "run", "--bundle", bundle, name)

    def pid(self, runtime, name):
        """Of its first process."""
        return self.host.oci_state(runtime, name)["pid"]

    def install(self):
        """The hook files for podman, as they are built, for this daemon."""
        for name in PODMAN_HOOKS:
            text = (BUILD / f"runtime/podman.d-{name}.json").read_text(encoding="utf-8")
            file = json.loads(text)
            file["hook"] = self.hook(file["hook"]["args"][-1])
            self.host.write(f"oci/hooks.d/{name}.json", json.dumps(file))

    def base_spec(self):
        """The configuration of containerd's CRI, in which what it starts begins with the hook in it."""
        spec = json.loads(self.host.run("ctr", "oci", "spec")[0])
        spec["hooks"] = {stage: [self.hook(stage)] for stage in ("createRuntime", "poststop")}
        path = self.host.folder / "base-spec.json"
        path.write_text(json.dumps(spec), encoding="utf-8")
        return BASE_SPEC.format(path=path)

    def podman(self, *words, root=None, runtime="runc"):
        """The words of `podman run`, interactive, of a root filesystem of host root's, with cat(1)."""
        return ["podman", "--runtime", runtime, "run", "--interactive", *words, "--rootfs",
                root or self.host.rootfs(), "cat"]

    def image(self):
        """The name of an image with busybox, whose files are host root's."""
        root = self.host.rootfs()
        self.host.run("tar", "-C", root, "-cf", root.with_suffix(".tar"), ".")
        self.host.run("podman", "import", root.with_suffix(".tar"), "localhost/box")
        return "localhost/box"

    def places(self):
        """Names of the places of root filesystems."""
        return sorted(path.name for path in self.rig.run_dir.iterdir()) if self.rig.run_dir.exists() else []
