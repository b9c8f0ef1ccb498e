# SPDX-License-Identifier: MIT
"""The node around the daemon: processes that live in ranges, the kubelet's files, the pool's entries."""

import ctypes
import json
import os
import shutil
import signal
import socket

from harness import UNIT

CLONE_NEWUSER = 0x10000000
SLOT_FIRST, SLOT_UNITS, N_SLOTS = 57200, 1600, 5  # behind what other tests take for real namespaces
BROKEN = "broken"  # a file that says nothing


def take_slot():
    """A range that no other run of this test has: (its first ID, what keeps it)."""
    for slot in range(N_SLOTS):
        lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            lock.bind(f"\0subidd-test-model-{slot}")
            return (SLOT_FIRST + slot * SLOT_UNITS) * UNIT, lock
        except OSError:
            lock.close()
    raise AssertionError("all slots are taken")


def sleep_for_ever(ready, go):
    """A child with a user namespace, once it has got its maps."""
    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)
    if go is not None:
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER) != 0:
            os._exit(1)
        os.write(ready, b"x")
        os.read(go, 1)
    os.closerange(0, 4096)
    while True:
        signal.pause()


class Processes:
    """Real children; each is reaped when it is killed."""

    def __init__(self):
        self.alive = {}  # PID: the (first ID, count) that it maps, or None

    def start(self, ids=None):
        """Returns the PID of a child, which maps the range if one is given."""
        ready, go = os.pipe(), os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                sleep_for_ever(ready[1], go[0] if ids else None)
            finally:
                os._exit(1)
        if ids:
            os.read(ready[0], 1)
            for name in ("uid_map", "gid_map"):
                with open(f"/proc/{pid}/{name}", "w", encoding="ascii") as file:
                    file.write(f"0 {ids[0]} {ids[1]}\n")
            os.write(go[1], b"x")
        for fd in (*ready, *go):
            os.close(fd)
        self.alive[pid] = ids
        return pid

    def kill(self, pid):
        """Nothing is left of it."""
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return self.alive.pop(pid)

    def kill_all(self):
        """At the end."""
        for pid in list(self.alive):
            self.kill(pid)


class Kubelet:
    """The pods folder; remembers which range each file names."""

    def __init__(self, folder, base):
        self.folder, self.base = folder, base
        self.files = {}  # pod: (first, n) in units, None if it names none, or BROKEN
        self.named = {}  # pod: units that its file has named; while it is broken they stay out of use
        folder.mkdir(parents=True)

    def write(self, pod, first, n):
        """The kubelet's exact format, under a temporary name first."""
        ids = [{"hostId": self.base + first * UNIT, "containerId": 0, "length": n * UNIT}]
        self.put(pod, json.dumps({"uidMappings": ids, "gidMappings": ids}, separators=(",", ":")))
        self.files[pod] = (first, n)
        self.named.setdefault(pod, set()).update(range(first, first + n))

    def empty(self, pod):
        """A pod without a user namespace."""
        self.put(pod, "")
        self.files[pod] = None

    def break_file(self, pod):
        """What is half written says nothing, and takes nothing away."""
        self.put(pod, '{"uidMappings":[')
        self.files[pod] = BROKEN

    def put(self, pod, text):
        """In one step."""
        (self.folder / pod).mkdir(exist_ok=True)
        new = self.folder / pod / ".1234"
        new.write_text(text, encoding="ascii")
        new.chmod(0o600)
        new.rename(self.folder / pod / "userns")

    def remove(self, pod, whole):
        """The file, or all of the pod."""
        if whole:
            shutil.rmtree(self.folder / pod, ignore_errors=True)
        else:
            (self.folder / pod / "userns").unlink(missing_ok=True)
        self.files.pop(pod, None)
        self.named.pop(pod, None)

    def units(self):
        """All that the daemon may keep for some file."""
        return set().union(*self.named.values())


class Entries:
    """The node's subuid and subgid, and the configuration."""

    SIZES = ((0, 1), (0, 1), (0, 0.75), (0.25, 0.75), (0.5, 0.5), (0, 0.05))  # (start, size) in the slot

    def __init__(self, scratch, base, quota):
        self.scratch, self.base, self.quota = scratch, base, quota
        self.unit_size, self.delay = 1, 0
        self.set_pool(0)
        self.write_config()

    def set_pool(self, which):
        """One of the sizes; None: no entry at all."""
        lines = []
        if which is not None:
            first, n = (int(part * SLOT_UNITS) for part in self.SIZES[which])
            lines = [f"kubelet:{self.base + first * UNIT}:{n * UNIT}"]
        for name in ("subuid", "subgid"):
            self.scratch.replace(name, "".join(line + "\n" for line in lines))

    def write_config(self):
        """What Reload is for."""
        self.scratch.config(
            f"[Daemon]\nAllowUsers=alice containers\nMaxAllocationsPerUser={self.quota}\n"
            f"ReuseDelaySec={self.delay}\nScanIntervalSec=1\n"
            f"[Pool kubelet]\nMaxPods=1\nIdsPerPod={self.unit_size * UNIT}\nKubeletPodsDirectory=/pods\n")
