# SPDX-License-Identifier: MIT
"""What the tests of faults share: what clients were told, and whether the daemon stands by it."""

import collections
import contextlib
import hashlib

from client import ALLOCATOR, Closed, Refused
from harness import SUBIDD, equal, overlaps, run_subidd

STORE_FAILED = f"{ALLOCATOR}.StoreFailed"
DAMAGED, LOST = 7, 8  # exit statuses of subidd(8)


class Account:
    """What was told of some pods: of those whose call failed nothing is sure but that it is whole."""

    def __init__(self, daemon):
        self.daemon, self.told, self.unsure = daemon, {}, set()  # pod: (start, is it active?)
        self.counts = collections.Counter()

    def call(self, client, method, pod):
        """Allocate or Release; returns whether it was done."""
        try:
            found = client.call(method, pod=pod)["allocation"]
        except Refused as refused:
            equal(refused.error, STORE_FAILED, f"{method} {pod}: {refused}")
            assert refused.parameters["message"], refused
            self.unsure.add(pod)
            self.counts["failed"] += 1
            return False
        self.told[pod] = (found["start"], method == "Allocate")
        self.unsure.discard(pod)
        self.counts["done"] += 1
        return True

    def work(self, n, prefix):
        """Allocates for N new pods and releases every other one, one call after the other."""
        with self.daemon.client() as client:
            for i in range(n):
                if self.call(client, "Allocate", f"{prefix}{i}") and i % 2:
                    self.call(client, "Release", f"{prefix}{i}")

    def check(self):
        """All that is sure is there, and nothing is there twice; what is unsure is sure from now on."""
        found = listing(self.daemon)
        equal(overlaps(found), [])
        found = {a["pod"]: (a["start"], a["state"] == "active") for a in found}
        sure = {pod: what for pod, what in self.told.items() if pod not in self.unsure}
        equal({pod: found.get(pod) for pod in sure}, sure, "what was told")
        strange = set(found) - set(self.told) - self.unsure
        assert not strange, f"nobody has asked for {strange}"
        for pod in self.unsure:
            self.told.pop(pod, None)
            if pod in found:
                self.told[pod] = found[pod]
        self.unsure.clear()

    def restart(self, kill):
        """Stops or kills the daemon, starts it again, and checks."""
        if kill:
            self.daemon.kill()
        else:
            self.daemon.stop()
        self.daemon.start()
        self.check()


def listing(daemon):
    """All that the daemon has. Draining may end at any time."""
    with daemon.client() as client:
        return [a | {"state": a["state"].replace("draining", "released")} for a in client.list()]


def everything(daemon):
    """The allocations, and the history but for the end of draining."""
    with daemon.client() as client:
        events = [e for page in client.stream("History") for e in page["events"]]
    return listing(daemon), [e | {"sequence": 0} for e in events if e["kind"] != "drained"]


def files_of(folder):
    """Every file of the folder with what is in it."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def put_back(folder, files):
    """Makes these the files of the folder."""
    for path in folder.iterdir():
        path.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o600)


def digests(folder):
    """The same for what a refused start may not touch. SQLite begins a log that has no header anew."""
    return {name: hashlib.sha256(data).hexdigest() for name, data in files_of(folder).items()
            if name != "lock" and (name == "allocations.db" or any(data[:32]) and len(data) > 4096)}


def expect_untouched(scratch, before):
    """What the digests are of is as it was."""
    after = digests(scratch.state)
    equal({name: after.get(name) for name in before}, before)


def expect_refused(scratch, *statuses):
    """The daemon does not start, says why in one line that names the folder, and touches nothing."""
    before = digests(scratch.state)
    for _ in range(2):
        status, _, errors = run_subidd("--root", scratch.path)
        assert status in statuses, f"status {status}: {errors}"
        assert str(scratch.state) in errors and len(errors.splitlines()) == 1, errors
        expect_untouched(scratch, before)


def start_or_refuse(daemon, *statuses):
    """Starts it. Returns whether it runs; it may refuse with one of the statuses, and says why."""
    daemon.start(wait=False)
    try:
        daemon.notifications.log.wait("^READY=1$")
        return True
    except AssertionError:
        status = daemon.process.wait()
        daemon.reader.join()
        text = daemon.log.text()
        assert status in statuses, f"status {status} of {SUBIDD}: {text}"
        assert text.splitlines()[-1].startswith("subidd: error: "), text
        return False


@contextlib.contextmanager
def ignoring(*errors):
    """For what may find the daemon gone."""
    with contextlib.suppress(Closed, BrokenPipeError, ConnectionError, *errors):
        yield
