# SPDX-License-Identifier: MIT
"""Copies of the database while it is in use."""

import base64
import contextlib
import sqlite3
import threading

from client import ALLOCATOR, SERVICE, Refused, encode
from harness import NOBODY, SUBIDD, UNIT, Daemon, Scratch, case, equal, main

CONTAINERS = "[Pool containers]\n"
BIG = f"containers:200000:{4096 * UNIT}"
IS_SANITIZED = b"__asan_init" in open(SUBIDD, "rb").read()


def take(client):
    """A whole copy, each piece where the one before it ended."""
    data, size = b"", None
    for piece in client.stream("Backup"):
        equal(piece["offset"], len(data), "offset")
        equal(piece["size"], size or piece["size"], "size")
        size = piece["size"]
        part = base64.b64decode(piece["data"], validate=True)
        assert 0 < len(part) <= 48 * 1024, len(part)
        data += part
    equal(len(data), size, "size of the copy")
    return data


def read(scratch, data):
    """The states of the pods in a copy, and its number of events; it must be sound."""
    path = scratch.path / "copy.db"
    path.write_bytes(data)
    with contextlib.closing(sqlite3.connect(path)) as database:
        equal(database.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        states = dict(database.execute("SELECT pod, state FROM allocation WHERE pod IS NOT NULL"))
        return states, database.execute("SELECT count(*) FROM event").fetchone()[0]


def call_many(client, *calls):
    """Sends them, a hundred at a time, and waits for the answers."""
    for i in range(0, len(calls), 100):
        client.send(b"".join(encode(*call) for call in calls[i:i + 100]))
        for method, _ in calls[i:i + 100]:
            client.reply(method)


def fill(client, n_pods):
    """Allocates for so many."""
    call_many(client, *[("Allocate", {"pod": f"p{i}"}) for i in range(n_pods)])


def churn(client, n, name):
    """Fills the history: what is released comes back."""
    call_many(client, *[call for i in range(n) for call in (
        ("Allocate", {"pod": f"{name[:100]}{i % 1000}", "name": name, "namespace": name}),
        ("Release", {"pod": f"{name[:100]}{i % 1000}"}))])


class Load:
    """Clients that allocate and release until they are told to stop."""

    def __init__(self, daemon, n_clients=8):
        self.daemon, self.is_over, self.failures = daemon, threading.Event(), []
        self.known = [{} for _ in range(n_clients)]  # what each was answered: pod -> state
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(n_clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self.threads:
            thread.join()
        assert not self.failures, self.failures

    def run(self, i):
        """In a thread of its own. A pod is not touched again, so that what is known of it stays."""
        try:
            with self.daemon.client() as client:
                for n in range(400):
                    if self.is_over.is_set():
                        break
                    client.call("Allocate", pod=f"l{i}-{n}")
                    if n % 3:
                        client.call("Release", pod=f"l{i}-{n}")
                    self.known[i][f"l{i}-{n}"] = n % 3
        except Exception as error:  # told when it ends
            self.failures.append(error)

    def answered(self):
        """All that is known now."""
        return {pod: state for known in self.known for pod, state in list(known.items())}


@case("a copy under load is a sound database, with all that was answered before the call")
def under_load():
    with Scratch(BIG, CONTAINERS) as scratch, Daemon(scratch) as daemon, daemon.client() as client:
        fill(client, 1000)
        with Load(daemon) as load:
            for _ in range(8):
                before = load.answered()
                states, n_events = read(scratch, take(client))
                assert n_events >= 1000 + len(before), n_events
                for pod, released in before.items():
                    assert bool(states[pod]) == bool(released), f"{pod} is {states[pod]}"
                assert sum(pod.startswith("p") for pod in states) == 1000


@case("what was answered in the same turn is in the copy as well")
def same_turn():
    with Scratch() as scratch, Daemon(scratch) as daemon, daemon.client() as client:
        for i in range(20):
            client.send(encode("Allocate", {"pod": f"p{i}"}) + encode("Backup", more=True))
            client.reply("Allocate")
            data, more = b"", True
            while more:
                piece, more = client.reply("Backup", more=True)
                data += base64.b64decode(piece["data"])
            assert f"p{i}" in read(scratch, data)[0]


@case("only root may, and only as a stream", needs_root=True)
def refused():
    with Scratch(config=f"[Daemon]\nAllowUsers={NOBODY}\n") as scratch, Daemon(scratch) as daemon:
        with daemon.user(NOBODY) as client:
            client.call("Allocate", pod="a")
            client.send(encode("Backup", more=True))
            try:
                client.reply("Backup", more=True)
                raise AssertionError("a copy for anybody")
            except Refused as error:
                equal(error.error, f"{SERVICE}.PermissionDenied")
        with daemon.client() as client:
            client.expect_refused("ExpectedMore", "Backup")


@case("one at a time; one whose client goes away makes room")
def one_at_a_time():
    with Scratch(BIG, CONTAINERS) as scratch, Daemon(scratch) as daemon, daemon.client() as client:
        fill(client, 2000)
        with daemon.client() as slow:
            next(slow.stream("Backup"))
            try:
                take(client)
                raise AssertionError("two at a time")
            except Refused as error:
                equal(error.error, f"{ALLOCATOR}.StoreFailed")
                assert "another" in error.parameters["message"], error.parameters
            client.call("Allocate", pod="meanwhile")
        daemon.settle(client)
        assert "meanwhile" in read(scratch, take(client))[0]


@case("a copy that is too slow is given up, and the log is small again")
def too_slow():
    with Scratch(BIG, CONTAINERS) as scratch, Daemon(scratch) as daemon, daemon.client() as client:
        name, log = "n" * 253, scratch.database.with_name("allocations.db-wal")
        churn(client, 1000, name)
        with daemon.client() as slow:
            stream = slow.stream("Backup")
            next(stream)
            for _ in range(100):
                size = log.stat().st_size
                churn(client, 300, name)
                if log.stat().st_size < size:
                    break
            assert size > 32 << 20, size
            try:
                for _ in stream:
                    pass
                raise AssertionError("the log grew without an end")
            except Refused as error:
                assert "too many changes" in error.parameters["message"], error.parameters
        churn(client, 10, name)
        equal(log.stat().st_size, 4 << 20, "log")
        read(scratch, take(client))


@case("a long history takes no more memory than a short one")
def memory():
    with Scratch(BIG, CONTAINERS) as scratch, Daemon(scratch) as daemon, daemon.client() as client:
        take(client)
        churn(client, 8000, "n" * 200)
        before = daemon.rss()
        data = take(client)
        assert len(data) > 4 << 20, len(data)
        if not IS_SANITIZED:
            assert daemon.rss() - before < 2 << 20, f"{before} -> {daemon.rss()}"
        read(scratch, data)


main()
