# SPDX-License-Identifier: MIT
"""The history: every change has its event, and says later who had an ID."""

import os
import random
import subprocess
import threading
import time

import database
from client import Refused, encode
from harness import UNIT, equal, main, release
from pods import CONFIG, PODS, QUICK, pods_case, unit

DAY = 86400 * 1000000


def event(kind, pod, start, n_units=1, **members):
    """As an event is to be, but for its sequence and time."""
    return {"kind": kind, "pod": pod, "pool": "kubelet", "start": (1 + start) * UNIT, "count": n_units * UNIT} | members


@pods_case("each change leaves its event, with the client who asked for it", config=QUICK, is_slow=True)
def each_kind(node):
    by = {"clientUid": os.geteuid(), "clientPid": os.getpid()}
    child = subprocess.Popen(["sleep", "1000"])
    node.call("Allocate", pod="a", namespace="n", name="x", pid=child.pid)
    child.kill()
    child.wait()
    node.watch.wait("drained", "a")
    node.call("Allocate", pod="a")
    node.call("Reconcile", pods=["b"])
    node.watch.read()
    node.call("Allocate", pod="a")
    release(node.daemon, "a")
    node.call("Allocate", pod="b", count=8 * UNIT)
    node.pods.put("k", *unit(0))
    node.watch.wait("conflict", "k")
    release(node.daemon, "b")
    node.watch.wait("adopted", "k")
    node.pods.remove("k")
    node.watch.wait("vanished", "k")
    labels = {"namespace": "n", "name": "x"}
    found = [{m: v for m, v in e.items() if m not in ("sequence", "time")} for e in node.history()]
    equal(found, [
        {"kind": "poolChanged", "pool": "kubelet", "start": UNIT, "count": 8 * UNIT},
        event("allocated", "a", 0, **labels, **by), event("bound", "a", 0, pid=child.pid, **labels, **by),
        event("released", "a", 0, cause="processEnded", pid=child.pid, **labels), event("drained", "a", 0, **labels),
        event("revived", "a", 0, **labels, **by), event("released", "a", 0, cause="reconcile", **labels, **by),
        event("revived", "a", 0, **labels, **by), event("released", "a", 0, cause="request", **labels, **by),
        event("drained", "a", 0, **labels), event("reused", "a", 0, otherPod="b", **labels, **by),
        event("allocated", "b", 0, 8, **by), event("conflict", "k", 0, otherPod="b"),
        event("released", "b", 0, 8, cause="request", **by), event("drained", "b", 0, 8),
        event("reused", "b", 0, 8, otherPod="k"), event("adopted", "k", 0), event("vanished", "k", 0)])
    sequences = [e["sequence"] for e in node.history()]
    equal(sequences, list(range(1, len(sequences) + 1)))


def fill(node, n_events):
    """Allocates and releases one pod, an event a call."""
    for begin in range(0, n_events, 200):
        for i in range(begin, min(begin + 200, n_events)):
            node.client.send(encode("Release" if i % 2 else "Allocate", {"pod": f"p{i // 2 % 7}"}, oneway=True))
        node.call("GetStatus")


@pods_case("pages of 256, newest first; by pod, ID, time and limit")
def filters(node):
    fill(node, 1023)  # and one of the pool
    pages = [page["events"] for page in node.client.stream("History")]
    equal([len(page) for page in pages], [256] * 4)
    found = [e for page in pages for e in page]
    equal([e["sequence"] for e in found], list(range(1024, 0, -1)))
    times = [e["time"] for e in found]
    for limit in (1, 255, 256, 257, 512, 1024, 5000, 9223372036854775806):
        equal(node.history(limit=limit), found[:limit][::-1], f"limit {limit}")
    equal(node.history(pod="p3"), [e for e in found if e.get("pod") == "p3"][::-1])
    equal(node.history(pod="none"), [])
    for number in (UNIT - 1, UNIT, 3 * UNIT + 5, 8 * UNIT, 4294967295, 0):
        equal(node.history(id=number),
              [e for e in found if "pod" in e and e["start"] <= number < e["start"] + e["count"]][::-1], f"ID {number}")
    equal(node.history(id=2 * UNIT, pod="p3"),
          [e for e in found if e.get("pod") == "p3" and e["start"] <= 2 * UNIT < e["start"] + e["count"]][::-1])
    for since, until in ((times[700], times[300]), (times[0], None), (None, times[-1]), (0, 0),
                         (times[300], times[700] - 1), (times[0] + 1, None), (times[5], times[5])):
        equal(node.history(since=since, until=until),
              [e for e in found if (since or 0) <= e["time"] <= (times[0] if until is None else until)][::-1])
    for name in ("id", "since", "until", "limit"):
        for value in (-1, 9223372036854775807):
            try:
                node.history(**{name: value})
                raise AssertionError(f"{name} {value}")
            except Refused as refused:
                equal(refused.parameters, {"parameter": name})


@pods_case("what was answered has its event, also after SIGKILL and a restart", n_units=400)
def killed(node):
    chance = random.Random(1)
    for cycle in range(8):
        done = []
        with node.daemon.client() as other:
            calls = [("Release" if i % 3 == 2 else "Allocate", f"c{cycle}-{i // 3}-{i % 3 % 2}") for i in range(60)]
            other.send(b"".join(encode(method, {"pod": pod}) for method, pod in calls))
            for method, pod in calls[:chance.randrange(1, 60)]:
                reply = other.reply(method)[0]
                done.append(({"Release": "released", "Allocate": "allocated"}[method], pod, reply["allocation"]["start"]))
            if cycle % 2 == 0:
                node.daemon.process.kill()
        node.restart(kill=cycle % 2 == 0)
        found = {(e["kind"], e.get("pod"), e["start"]) for e in node.history()}
        assert not set(done) - found, set(done) - found
    sequences = [e["sequence"] for e in node.history()]
    equal(sequences, list(range(1, len(sequences) + 1)))


def past(node, number, at):
    """(pod, state) of an ID at a moment; None if nobody had it."""
    try:
        found = node.call("Lookup", id=number, at=at)["allocation"]
    except Refused as refused:
        assert refused.error.endswith("NoSuchAllocation"), refused
        equal(refused.parameters, {"id": number})
        return None
    equal((found["state"] != "active"), "releasedAt" in found)
    assert found["createdAt"] <= at, found
    return found["pod"], found["state"]


@pods_case("Lookup at every moment of a time line", is_slow=True)
def at_moments(node):
    marks = []

    def mark(*wanted):
        """What units 0 and 1 were between this moment and the next event."""
        marks.append((node.history()[-1]["time"], wanted))
    node.call("Allocate", pod="a", count=2 * UNIT, namespace="n", name="x")
    mark(("a", "active"), ("a", "active"))
    node.call("Release", pod="a")
    mark(("a", "draining"), ("a", "draining"))
    node.call("Allocate", pod="a")
    mark(("a", "active"), ("a", "active"))
    node.call("Release", pod="a")
    node.watch.wait("released", "a")
    mark(("a", "draining"), ("a", "draining"))
    while node.allocation("a")["state"] != "released":
        node.watch.read()
    mark(("a", "released"), ("a", "released"))
    node.call("Allocate", pod="b", count=6 * UNIT)
    node.call("Allocate", pod="c")
    mark(("c", "active"), None)  # nobody comes back to the rest
    release(node.daemon, "c")
    mark(("c", "released"), None)
    node.pods.put("k", *unit(1))
    node.watch.wait("adopted", "k")
    mark(("c", "released"), ("k", "active"))
    equal(past(node, UNIT, marks[0][0] - 1), None)
    equal(past(node, UNIT, 0), None)
    for kill in (False, True):
        for (at, wanted), (end, _) in zip(marks, marks[1:] + [(time.time_ns() // 1000 + 1, None)]):
            for moment in (at, end - 1) if end == marks[-1][0] or wanted[0] != ("c", "active") else (at,):
                equal((past(node, UNIT + 7, moment), past(node, 2 * UNIT + 7, moment)), wanted, f"at {moment - at}")
        equal(past(node, UNIT, time.time_ns() // 1000 + DAY), ("c", "released"))
        equal(past(node, 2 * UNIT, 9223372036854775806), ("k", "active"))
        node.restart(kill=kill)
    found = node.call("Lookup", id=UNIT + 9, at=marks[0][0])
    equal((found["containerID"], found["allocation"]["namespace"], found["allocation"]["count"]), (9, "n", 2 * UNIT))


def insert_events(node, n_events, age):
    """Puts events of some age before those of a stopped daemon's."""
    node.close()
    node.daemon.stop()
    first = time.time_ns() // 1000 - age
    with database.edit(node.scratch.database) as connection:
        last = connection.execute("SELECT max(sequence) FROM event").fetchone()[0]
        connection.execute("DELETE FROM event")
        connection.executemany(
            "INSERT INTO event (sequence, time, kind, cause, pod, pool, start, count) VALUES (?, ?, 0, 0, ?, 'kubelet', ?, ?)",
            ((last + i, first + i, f"old{i % 500}", (1 + i % 8) * UNIT, UNIT) for i in range(n_events)))
    node.daemon.start()
    node.connect()


def prune_case(name, config, n_left):
    """100,000 events go away in pieces between which clients are answered."""
    @pods_case(name, config=CONFIG.replace("3600", "1").replace("[Pool", config + "\n[Pool") + PODS, is_slow=True)
    def pruned(node):
        node.call("Allocate", pod="a")
        insert_events(node, 100000, 100 * DAY)
        latencies = []
        began = time.monotonic()
        while node.call("GetStatus")["store"]["events"] > n_left:
            start = time.perf_counter()
            node.call("Allocate", pod="a")
            latencies.append(time.perf_counter() - start)
            assert time.monotonic() - began < 60, node.call("GetStatus")["store"]
        latencies.sort()
        print(f"# {time.monotonic() - began:.1f} s; a call took {latencies[len(latencies) // 2] * 1e3:.2f} ms, 99 of 100 "
              f"{latencies[len(latencies) * 99 // 100] * 1e3:.1f} ms, at most {latencies[-1] * 1e3:.1f} ms")
        assert latencies[len(latencies) * 99 // 100] < 0.1
        node.call("Allocate", pod="last")
        equal(node.history()[-1]["pod"], "last")
        equal(node.kinds("last"), ["allocated"])


prune_case("old events are removed without long pauses", "HistoryDays=90", 100)
prune_case("events that are too many are removed without long pauses", "HistoryEvents=1000\nHistoryDays=36500", 1000)


@pods_case("a question about 100,000 events keeps nobody waiting")
def questions(node):
    insert_events(node, 100000, 100000 * 1000000)
    slowest, is_over = [0.0], threading.Event()

    def ask():
        with node.daemon.client() as other:
            while not is_over.is_set():
                began = time.perf_counter()
                other.call("GetStatus")
                slowest[0] = max(slowest[0], time.perf_counter() - began)
    thread = threading.Thread(target=ask)
    thread.start()
    try:
        equal(len(node.history(id=UNIT)), 12500)
        equal(len(node.history(pod="old7")), 200)
        equal(node.history(pod="old7", id=2 * UNIT), [])
        equal(node.history(since=time.time_ns() // 1000), [])
        equal(node.history(id=UNIT - 1), [])
        equal(past(node, UNIT, 5), None)
    finally:
        is_over.set()
        thread.join()
    print(f"# others waited up to {slowest[0] * 1e3:.1f} ms")
    assert slowest[0] < 2  # all of the answer at once would be more, also under the sanitizers


main()
