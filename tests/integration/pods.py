# SPDX-License-Identifier: MIT
"""The kubelet's pods folder, made by a test in the kubelet's own format."""

import json
import shutil
import time

from client import TIMEOUT
from harness import UNIT, Daemon, Scratch, Watch, case

FOLDER = "/var/lib/kubelet/pods"
PODS = f"KubeletPodsDirectory={FOLDER}\n"
# only what is watched is heard of in time, and a pool may be small
CONFIG = "[Daemon]\nScanIntervalSec=3600\n[Pool kubelet]\nMaxPods=1\n"
QUICK = CONFIG.replace("3600", "1") + PODS


def range_text(start, count=UNIT):
    """The one line that the kubelet writes."""
    mappings = [{"hostId": start, "containerId": 0, "length": count}]
    return json.dumps({"uidMappings": mappings, "gidMappings": mappings}, separators=(",", ":"))


def unit(number, count=1):
    """The range of units of a pool that begins at one unit, as arguments of put()."""
    return (1 + number) * UNIT, count * UNIT


class Pods:
    """The folder. Its number makes each temporary name another one."""

    def __init__(self, scratch, is_made=True):
        self.path = scratch.path / FOLDER[1:]
        self.number = 0
        if is_made:
            self.path.mkdir(parents=True)

    def make(self, pod):
        """The folder of a pod; returns the path of its file."""
        folder = self.path / pod
        folder.mkdir(exist_ok=True)
        return folder / "userns"

    def write(self, pod, text):
        """As the kubelet does: a file of another name, then the right one."""
        path = self.make(pod)
        self.number += 1
        temporary = path.with_name(f".{self.number:09}")
        temporary.write_bytes(text if isinstance(text, bytes) else text.encode())
        temporary.chmod(0o600)
        temporary.rename(path)

    def put(self, pod, start, count=UNIT):
        """A pod with a range."""
        self.write(pod, range_text(start, count))

    def remove(self, pod):
        """As the kubelet does: the file, then the folder."""
        (self.path / pod / "userns").unlink(missing_ok=True)
        shutil.rmtree(self.path / pod)


class Node:
    """The daemon with its pods folder, a client, and what happens since it is ready."""

    def __init__(self, daemon, pods):
        self.daemon, self.pods, self.scratch = daemon, pods, daemon.scratch
        self.connect()

    def connect(self):
        """Also after a restart."""
        self.watch, self.client = Watch(self.daemon), self.daemon.client()
        self.call = self.client.call

    def close(self):
        """So that the daemon can be looked at alone."""
        self.watch.client.socket.close()
        self.client.socket.close()

    def restart(self, between=lambda: None, kill=False):
        """Stops it, does something, and starts it again."""
        self.close()
        if kill:
            self.daemon.kill()
        else:
            self.daemon.stop()
        between()
        self.daemon.start()
        self.connect()

    def allocation(self, pod):
        """As Get has it."""
        return self.call("Get", pod=pod)["allocation"]

    def allocate(self, pod, **parameters):
        """(outcome, first unit, number of units)"""
        reply = self.call("Allocate", pod=pod, **parameters)
        found = reply["allocation"]
        return reply["outcome"], found["start"] // UNIT - 1, found["count"] // UNIT

    def pool(self):
        """The first one, as GetStatus has it."""
        return self.call("GetStatus")["pools"][0]

    def findings(self):
        """(rule, file, message) of what is wrong with the kubelet's files."""
        return [(f["rule"], f.get("file", "").removeprefix(f"{self.pods.path}/"), f["message"])
                for f in self.pool()["findings"] if f["rule"].startswith("kubelet-")]

    def await_findings(self, *files):
        """Asks until what is wrong is wrong with these; each answer is a turn of the daemon's loop."""
        deadline = time.monotonic() + TIMEOUT
        while sorted(file for _, file, _ in self.findings()) != sorted(files):
            assert time.monotonic() < deadline, f"{self.findings()} in place of {files}"
        return self.findings()

    def history(self, **parameters):
        """The events, oldest first."""
        with self.daemon.client() as client:
            found = [e for page in client.stream("History", **parameters) for e in page["events"]]
        return found[::-1]

    def kinds(self, pod):
        """What happened to a pod, oldest first."""
        return [event["kind"] for event in self.history(pod=pod)]


def pods_case(name, n_units=8, config=CONFIG + PODS, before=lambda pods: None, is_slow=False, parent=None, **options):
    """A case with a daemon over a pods folder, in which BEFORE was at work before the start."""
    def add(function):
        def run():
            with Scratch(f"kubelet:{UNIT}:{n_units * UNIT}", config, parent) as scratch:
                pods = Pods(scratch)
                before(pods)
                with Daemon(scratch, **options) as daemon:
                    node = Node(daemon, pods)
                    function(node)
                    node.close()
        return case(name, is_slow=is_slow)(run)
    return add
