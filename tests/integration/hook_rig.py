# SPDX-License-Identifier: MIT
"""The OCI hook as runtimes call it: a document on standard input, and no environment."""

import json
import os
import pathlib
import socket
import subprocess
import threading

from client import TIMEOUT
from harness import SANITIZER, SUBIDD, UNIT, Skip, case, equal
from living import HOOKS, Process, Rig

HOOK = os.environ.get("HOOK") or str(pathlib.Path(SUBIDD).resolve().parents[1] / "runtime/subidd-oci-hook")
NAME = "subidd-oci-hook"
POD = "io.subidd.pod"
CRI = "io.kubernetes.cri."
CRIO = "io.kubernetes.cri-o."


def run_hook(stage, document, *options, status=0, wrap=(), stdout=subprocess.PIPE):
    """Runs a stage: what it printed. A refusal is one line on standard error."""
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    done = subprocess.run([str(word) for word in (*wrap, HOOK, *options, stage)], input=data, stdout=stdout,
                          stderr=subprocess.PIPE, env={}, timeout=TIMEOUT, check=False)
    errors = done.stderr.decode()
    assert not SANITIZER.search(errors), errors
    equal(done.returncode, status, f"{stage}: {errors}")
    if status == 0:
        equal(errors, "", "standard error")
        return done.stdout
    equal((done.stdout or b"", errors.count("\n"), errors.startswith(f"{NAME}: {stage}: ")), (b"", 1, True),
          errors)
    return errors


class HookRig(Rig):
    """A daemon, and the hook that asks it."""

    def __init__(self, n_units=8, **options):
        super().__init__(n_units, slots=HOOKS, **options)
        self.run_dir = self.scratch.path / "run/subidd-oci"
        self.bundle = self.scratch.path / "bundle"

    def range(self, unit):
        """The first ID of a unit of the pool."""
        return self.start + unit * UNIT

    def run(self, stage, document, *more, socket=None, **options):
        """Runs a stage."""
        return run_hook(stage, document, "--socket", socket or self.scratch.socket, "--run-dir", self.run_dir,
                        *more, **options)

    def oci_state(self, name, pid, annotations=None):
        """The state of a container, over several lines as crun prints it."""
        state = {"ociVersion": "1.0.0", "id": name, "pid": pid, "bundle": str(self.bundle),
                 "status": "created" if pid else "stopped"}
        if annotations:
            state["annotations"] = annotations
        return json.dumps(state, indent=4).encode() + b"\n"

    def create(self, name, process, annotations=None, status=0):
        """The stage createRuntime."""
        return self.run("createRuntime", self.oci_state(name, process.pid, annotations), status=status)

    def stop(self, name, annotations=None, status=0):
        """The stage poststop."""
        return self.run("poststop", self.oci_state(name, 0, annotations), status=status)

    def configure(self, start=None, size=UNIT, path=None):
        """Writes the configuration of the bundle: with a user namespace if there is a range or a path."""
        linux = {"namespaces": [{"type": "pid"}]}
        if start is not None or path:
            linux["namespaces"].append({"type": "user"} | ({"path": path} if path else {}))
        if start is not None:
            mapping = [{"containerID": 0, "hostID": start, "size": size}]
            linux |= {"uidMappings": mapping, "gidMappings": mapping}
        self.bundle.mkdir(exist_ok=True)
        (self.bundle / "config.json").write_text(json.dumps({"linux": linux}), encoding="utf-8")

    def snapshot(self):
        """All that a refused call must not change."""
        return self.client.list(), self.client.call("GetStatus")["store"]["events"]

    def refuse(self, name, process, *words, annotations=None):
        """createRuntime must refuse, in these words, and change nothing."""
        before = self.snapshot()
        errors = self.create(name, process, annotations, status=1)
        for word in words:
            assert str(word) in errors, f"no {word!r} in {errors!r}"
        equal(self.snapshot(), before, "what there is after a refusal")
        return errors

    def expect_pods(self, **wanted):
        """Pods that are active, each with the first ID of its range."""
        found = {one["pod"]: one["start"] for one in self.client.list(state="active")}
        equal(found, wanted, "active pods")


class Lossy:
    """A way to the daemon on which the reply to a method is lost, and the connection with it."""

    def __init__(self, rig, method):
        self.rig, self.method = rig, f'.{method}"'.encode()
        self.path = rig.scratch.path / "lossy"
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(self.path))
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve)

    def __enter__(self):
        self.thread.start()
        return self.path

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()

    def serve(self):
        """One connection after the other."""
        while True:
            try:
                caller, _ = self.listener.accept()
            except OSError:
                return
            with caller, self.rig.daemon.client() as daemon:
                while (call := read_message(caller)) is not None:
                    daemon.send(call + b"\0")
                    reply = daemon.receive()
                    if self.method in call:
                        break
                    while b'"continues":true' in reply:
                        caller.sendall(reply + b"\0")
                        reply = daemon.receive()
                    caller.sendall(reply + b"\0")


def read_message(connection):
    """One message without its NUL; None at the end."""
    data = b""
    while not data.endswith(b"\0"):
        more = connection.recv(1 << 16)
        if not more:
            return None
        data += more
    return data[:-1]


def hook_case(name, is_slow=False, **options):
    """A case with a HookRig."""
    def add(function):
        def run():
            with HookRig(**options) as rig:
                function(rig)
                rig.client.call("Reconcile", pods=[])  # each that is bound takes a descriptor
        return case(name, needs_root=True, is_slow=is_slow)(run)
    return add


def mapped_as(uids, gids=None):
    """A process in a user namespace with these extents: (first host ID, number of IDs)."""
    process = Process("unshare", "--user")
    try:
        for name, extents in (("uid_map", uids), ("gid_map", gids or uids)):
            lines, inside = "", 0
            for start, count in extents:
                lines += f"{inside} {start} {count}\n"
                inside += count
            with open(f"/proc/{process.pid}/{name}", "w", encoding="ascii") as file:
                file.write(lines)
    except OSError as error:
        process.end()
        raise Skip(f"no map can be written here: {error.strerror}") from error
    return process
