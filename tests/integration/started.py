# SPDX-License-Identifier: MIT
"""Ranges that pods were started with: recorded by Allocate with a start, or what is in the way is told."""

import base64
import json
import os
import signal

from client import encode
from harness import SUBIDD, UNIT, case, equal, main, run_subidd
from living import STARTED, Rig, idle, living_case, mapped, nested, refused, zombie

TWO_POOLS = "[Daemon]\nScanIntervalSec=1\n[Pool kubelet]\nMaxPods=1\n[Pool containers]\nIdsPerPod=131072\n"
KUBELET = "[Daemon]\nScanIntervalSec=1\n[Pool kubelet]\nMaxPods=1\nKubeletPodsDirectory=/pods\n"


def started_case(name, n_units=8, **options):
    """A case with units of this test's own."""
    return living_case(name, n_units, slots=STARTED, **options)


def at(rig, unit):
    """The first ID of a unit of the pool."""
    return rig.start + unit * UNIT


def record(rig, pod, unit, **parameters):
    """(outcome, first unit, number of units) of an Allocate with a start."""
    reply = rig.client.call("Allocate", pod=pod, start=at(rig, unit), **parameters)
    found = reply["allocation"]
    equal((found["pod"], found["state"]), (pod, "active"))
    equal(reply["uidMappings"], [{"containerID": 0, "hostID": found["start"], "size": found["count"]}])
    equal(reply["gidMappings"], reply["uidMappings"])
    return reply["outcome"], (found["start"] - rig.start) // UNIT, found["count"] // UNIT


def bad_start(rig, **parameters):
    """The start must be refused."""
    equal(refused(rig.client.call, "Allocate", **parameters), ("InvalidParameter", {"parameter": "start"}), parameters)


def expect_taken(rig, pod, unit, taken, n=1, by=None, pid=None, **parameters):
    """So many units from TAKEN on are in the way: of a pod, of a process, or of nobody known."""
    wanted = {"pod": by, "start": at(rig, taken), "count": n * UNIT, "pid": pid}
    equal(refused(record, rig, pod, unit, **parameters),
          ("RangeTaken", {key: value for key, value in wanted.items() if value is not None}))


def expect_mismatch(rig, pod, unit, has, n=1, **parameters):
    """The pod has another range."""
    equal(refused(record, rig, pod, unit, **parameters),
          ("RangeMismatch", {"pod": pod, "start": at(rig, has), "count": n * UNIT}))


def kinds(rig, since=0):
    """The events behind one of that number, oldest first, as (kind, pod, other pod)."""
    found = [event for page in rig.client.stream("History") for event in page["events"]]
    return [(e["kind"], e.get("pod"), e.get("otherPod")) for e in reversed(found) if e["sequence"] > since]


def newest(rig):
    """The number of the last event."""
    return [event["sequence"] for page in rig.client.stream("History", limit=1) for event in page["events"]][0]


def wait_foreign(rig, n, pool=0):
    """Until so many units of the pool are foreign."""
    rig.wait_status(lambda status: status["pools"][pool]["foreign"] == n)


@started_case("created, existing, revived, also over restarts")
def outcomes(rig):
    equal(record(rig, "a", 3), ("created", 3, 1))
    rig.restart(signal.SIGKILL)
    equal(record(rig, "a", 3), ("existing", 3, 1))
    equal(record(rig, "a", 3, count=UNIT, pool="kubelet", name="x"), ("existing", 3, 1))
    equal(rig.get("a").get("name"), None)
    rig.release("a")
    equal(record(rig, "a", 3, name="x"), ("revived", 3, 1))
    equal(rig.get("a")["name"], "x")
    rig.release("a")
    rig.wait_drained("a")
    equal(record(rig, "a", 3), ("revived", 3, 1))
    equal(record(rig, "b", 5, count=2 * UNIT, namespace="n"), ("created", 5, 2))
    rig.restart(signal.SIGKILL)
    equal([(a["pod"], a["start"], a["count"]) for a in rig.client.list()],
          [("a", at(rig, 3), UNIT), ("b", at(rig, 5), 2 * UNIT)])
    equal([kind for kind, pod, _ in kinds(rig) if pod], ["allocated", "released", "revived", "released", "drained",
                                                         "revived", "allocated"])
    equal([(s - rig.start) // UNIT for s in rig.allocate_many("c", "d", "e", "f", "g")], [0, 1, 2, 4, 7])


@started_case("only root may give a start", daemon_keys="AllowUsers=alice\n")
def access(rig):
    with rig.daemon.user(1001) as alice:
        equal(alice.expect_refused("PermissionDenied", "Allocate", {"pod": "a", "start": at(rig, 3)}), {})
        # before anything is looked at
        alice.expect_refused("PermissionDenied", "Allocate", {"pod": "a", "start": 1, "pool": "none", "pid": 1})
        equal(alice.expect_refused("InvalidParameter", "Allocate", {"pod": "a", "start": 0}), {"parameter": "start"})
        equal(alice.call("Allocate", pod="a")["outcome"], "created")
        alice.expect_refused("PermissionDenied", "Allocate", {"pod": "a", "start": rig.start})
    with rig.daemon.user(2**31 + 5) as reader:
        reader.expect_refused("PermissionDenied", "Allocate", {"pod": "b", "start": at(rig, 3)})
    equal(record(rig, "a", 0), ("existing", 0, 1))
    equal(rig.get("a")["clientUid"], 1001)


@started_case("a start that is not a unit's of the pool is refused")
def bad_starts(rig):
    before = rig.client.call("GetStatus")["store"]["events"]
    for start in (rig.start - UNIT, rig.start - 1, rig.start + 1, at(rig, 1) - 1, at(rig, 8), 0, 1, -1, UNIT,
                  2147352576, 4294901760, 4294967295, 4294967296):
        bad_start(rig, pod="a", start=start)
        bad_start(rig, pod="a", start=start, pool="kubelet")
    for unit, n in ((7, 2), (0, 9), (1, 65535)):
        bad_start(rig, pod="a", start=at(rig, unit), count=n * UNIT)
    for start in ("65536", 65536.5, True, [at(rig, 1)]):
        bad_start(rig, pod="a", start=start)
    for count in (1, UNIT - 1, UNIT + 1, 4294967295):
        equal(refused(record, rig, "a", 1, count=count), ("InvalidParameter", {"parameter": "count"}))
    equal(refused(record, rig, "a", 1, pool="none"), ("NoSuchPool", {"pool": "none"}))
    equal(rig.client.call("GetStatus")["store"]["events"], before, "events")
    equal(rig.client.call("Allocate", pod="a", start=None)["allocation"]["start"], rig.start)


@started_case("the reserved range is nobody's", n_units=1, line=f"kubelet:{2147352576 - 2 * UNIT}:{4 * UNIT}")
def reserved(rig):
    rig.start = 2147352576 - 2 * UNIT
    bad_start(rig, pod="a", start=2147352576)
    bad_start(rig, pod="a", start=at(rig, 1), count=2 * UNIT)
    equal(record(rig, "a", 1), ("created", 1, 1))
    equal(record(rig, "b", 3), ("created", 3, 1))


@started_case("a pod has one range")
def mismatch(rig):
    record(rig, "a", 3, count=2 * UNIT)
    for unit, count in ((2, None), (3, None), (3, 3 * UNIT), (4, None), (5, 2 * UNIT)):
        expect_mismatch(rig, "a", unit, has=3, n=2, count=count)
    with mapped(at(rig, 3), 2 * UNIT):
        rig.release("a")
        rig.wait_pass()
        expect_mismatch(rig, "a", 5, has=3, n=2)
        equal(rig.state("a"), "draining")
    rig.wait_drained("a")
    # what it had gives way, and nobody comes back to it
    equal(record(rig, "a", 4, count=2 * UNIT), ("created", 4, 2))
    equal(refused(rig.client.call, "Lookup", id=at(rig, 3))[0], "NoSuchAllocation")
    equal((rig.pool()["released"], rig.pool()["active"]), (1, 2))


@started_case("another pod's range is taken: active, draining, and until it has waited", daemon_keys="ReuseDelaySec=3600\n")
def taken(rig):
    record(rig, "a", 2, count=2 * UNIT)
    for unit, n in ((2, 1), (3, 1), (1, 2), (3, 2), (0, 8)):
        expect_taken(rig, "b", unit, taken=2, n=2, by="a", count=n * UNIT)
    with mapped(at(rig, 3)) as process:
        rig.release("a")
        rig.wait_pass()
        expect_taken(rig, "b", 3, taken=2, n=2, by="a")
        expect_taken(rig, "b", 3, taken=2, n=2, by="a", pool="kubelet")
        # nobody's process makes another pod's range its own
        equal(refused(record, rig, "b", 3, pid=process.pid)[1]["pod"], "a")
    rig.wait_drained("a")
    expect_taken(rig, "b", 3, taken=2, n=2, by="a")
    sequence = newest(rig)
    rig.scratch.config("[Daemon]\nScanIntervalSec=1\n[Pool kubelet]\nMaxPods=1\n")
    rig.client.call("Reload")
    equal(record(rig, "b", 3), ("created", 3, 1))
    equal(kinds(rig, sequence), [("reused", "a", "b"), ("allocated", "b", None)])
    equal(refused(rig.get, "a")[0], "NoSuchAllocation")
    rig.scratch.config("[Daemon]\nScanIntervalSec=1\nReuseDelaySec=3600\n[Pool kubelet]\nMaxPods=1\n")
    rig.client.call("Reload")
    # to what is left of it no pod can come back, and it waits all the same
    expect_taken(rig, "c", 2, taken=2)
    rig.release("b")
    rig.wait_drained("b")
    equal(record(rig, "b", 3, count=2 * UNIT), ("created", 3, 2))


@case("the pool is the one that the range lies in", needs_root=True, is_slow=True)
def pools():
    with Rig(16, config=TWO_POOLS, slots=STARTED) as rig:
        rig.scratch.entry(f"kubelet:{rig.start}:{4 * UNIT}", f"containers:{at(rig, 4)}:{8 * UNIT}")
        rig.client.call("Reload")
        equal(refused(rig.allocate, "a"), ("InvalidParameter", {"parameter": "pool"}))
        equal(record(rig, "a", 1), ("created", 1, 1))
        equal(record(rig, "b", 6), ("created", 6, 2))
        equal([rig.get(pod)["pool"] for pod in "ab"], ["kubelet", "containers"])
        bad_start(rig, pod="c", start=at(rig, 3), count=2 * UNIT)
        bad_start(rig, pod="c", start=at(rig, 5))
        bad_start(rig, pod="c", start=at(rig, 2), pool="containers")
        bad_start(rig, pod="a", start=at(rig, 1), pool="containers")
        equal(refused(record, rig, "b", 6, pool="kubelet", count=2 * UNIT), ("InvalidParameter", {"parameter": "pool"}))
        # one of them breaks: what lies in no other one may be its
        rig.scratch.entry(f"kubelet:{rig.start}:{4 * UNIT}", f"containers:{at(rig, 4)}:x")
        rig.client.call("Reload")
        for pool in (None, "containers"):
            name, parameters = refused(record, rig, "c", 8, pool=pool)
            equal((name, parameters["pool"], parameters["rule"]), ("InvalidPool", "containers", "malformed-entry"))
        equal(record(rig, "c", 2), ("created", 2, 1))


@started_case("what lies outside of the pool as it is now stays in the way")
def outside(rig):
    record(rig, "a", 1)
    record(rig, "b", 6, count=2 * UNIT)
    rig.scratch.config("[Daemon]\nScanIntervalSec=1\n[Pool other]\nOwner=kubelet\nRules=basic\nIdsPerPod=131072\n")
    rig.client.call("Reload")
    expect_taken(rig, "c", 0, taken=1, by="a")
    equal(record(rig, "b", 6), ("existing", 6, 2))
    equal((rig.get("b")["pool"], rig.get("b")["inPool"]), ("kubelet", False))
    rig.release("b")
    equal(record(rig, "b", 6), ("revived", 6, 2))
    equal((rig.get("b")["pool"], rig.get("b")["inPool"]), ("other", True))
    equal(refused(record, rig, "b", 6, pool="kubelet"), ("NoSuchPool", {"pool": "kubelet"}))


def put_file(rig, pod, unit):
    """The kubelet's own."""
    folder = rig.scratch.path / "pods" / pod
    folder.mkdir(parents=True, exist_ok=True)
    ids = [{"hostId": at(rig, unit), "containerId": 0, "length": UNIT}]
    (folder / ".1").write_text(json.dumps({"uidMappings": ids, "gidMappings": ids}), encoding="ascii")
    (folder / ".1").rename(folder / "userns")


@started_case("the kubelet's ranges", config=KUBELET)
def kubelet(rig):
    put_file(rig, "k", 2)
    rig.events.wait("adopted", "k")
    with mapped(at(rig, 2)) as process:
        equal(record(rig, "k", 2, pid=process.pid), ("existing", 2, 1))
        assert "pid" not in rig.get("k"), rig.get("k")
        equal(rig.get("k")["origin"], "kubelet")
        expect_mismatch(rig, "k", 3, has=2)
        expect_taken(rig, "a", 2, taken=2, by="k")
        equal(refused(record, rig, "a", 2, pid=process.pid)[1]["pod"], "k")
    # a file that gives another pod's range away is believed by nobody, also when that is free again
    with mapped(at(rig, 5)) as process:
        record(rig, "a", 5, pid=process.pid)
        put_file(rig, "m", 5)
        rig.events.wait("conflict", "m")
        equal(record(rig, "a", 5), ("existing", 5, 1))
        expect_taken(rig, "m", 5, taken=5, by="a")
    rig.events.wait("released", "a")


@started_case("with a process the allocation ends when that does")
def bound(rig):
    with mapped(at(rig, 3)) as process:
        equal(record(rig, "a", 3, pid=process.pid), ("created", 3, 1))
        equal(rig.get("a")["pid"], process.pid)
        sequence = rig.events.wait("bound", "a")["sequence"]
        equal(record(rig, "a", 3, pid=process.pid), ("existing", 3, 1))
        equal(kinds(rig, sequence), [])
    equal(rig.events.wait("released", "a")["cause"], "processEnded")
    equal(refused(record, rig, "a", 3, pid=process.pid), ("NoSuchProcess", {"pid": process.pid}))
    with zombie(at(rig, 3)) as gone:
        equal(refused(record, rig, "a", 3, pid=gone.pid), ("NoSuchProcess", {"pid": gone.pid}))
    # that its process has no range is for others to judge
    with idle() as process:
        equal(record(rig, "b", 4, pid=process.pid), ("created", 4, 1))


@started_case("a foreign range is refused, unless a process that maps it belongs to the pod")
def foreign(rig):
    with mapped(at(rig, 3), 2 * UNIT) as process, idle() as other, nested(at(rig, 6), "--map-root-user") as inner:
        wait_foreign(rig, 3)
        expect_taken(rig, "a", 3, taken=3, n=2, pid=process.pid)
        for pid in (other.pid, inner.pid, os.getpid(), 1):
            equal(refused(record, rig, "a", 4, pid=pid),
                  ("RangeTaken", {"start": at(rig, 3), "count": 2 * UNIT, "pid": process.pid}), pid)
        equal(refused(record, rig, "a", 6),
              ("RangeTaken", {"start": at(rig, 6), "count": 1, "pid": inner.pid}))
        equal(record(rig, "a", 3, pid=process.pid), ("created", 3, 1))
        equal(rig.pool()["foreign"], 2)
        equal(record(rig, "b", 4, pid=process.pid), ("created", 4, 1))
        equal(record(rig, "c", 6, pid=inner.pid), ("created", 6, 1))
        for _ in range(2):
            rig.wait_pass()
            equal((rig.pool()["foreign"], list(rig.client.stream("ListForeign"))), (0, [{"foreign": []}]))
        # it is the pod's own until it is gone, whatever is released
        rig.release("a")
        rig.wait_pass()
        rig.wait_pass()
        equal(rig.state("a"), "draining")
        equal(record(rig, "a", 3, pid=process.pid), ("revived", 3, 1))
        rig.restart(signal.SIGKILL)
        equal((rig.pool()["foreign"], rig.state("a"), rig.state("b")), (0, "active", "active"))
    rig.wait_status(lambda status: status["pools"][0]["active"] == 0)


@started_case("one map is enough, by the UIDs or by the GIDs")
def one_map(rig):
    for unit, name in ((2, "uid_map"), (4, "gid_map")):
        with mapped(at(rig, unit), names=(name,)) as process:
            wait_foreign(rig, 1)
            equal(record(rig, name, unit, pid=process.pid), ("created", unit, 1))
            wait_foreign(rig, 0)


@started_case("what the search has not seen yet is the pod's own when it sees it")
def unseen(rig):
    rig.wait_pass()
    with mapped(at(rig, 3)) as process:
        equal(record(rig, "a", 3, pid=process.pid), ("created", 3, 1))
        for _ in range(2):
            rig.wait_pass()
            equal((rig.pool()["foreign"], rig.pool()["active"]), (0, 1))


@started_case("a released range in which somebody lives: of the pod itself, or of another")
def released(rig):
    record(rig, "a", 3)
    rig.release("a")
    rig.wait_drained("a")
    with mapped(at(rig, 3)) as process:
        wait_foreign(rig, 1)
        for pod in "ab":
            expect_taken(rig, pod, 3, taken=3, pid=process.pid)
        equal(record(rig, "a", 3, pid=process.pid), ("revived", 3, 1))
        sequence = rig.events.wait("bound", "a")["sequence"]
    rig.events.wait("released", "a", sequence)
    rig.wait_drained("a")
    sequence = newest(rig)
    with mapped(at(rig, 3)) as process:
        equal(record(rig, "b", 3, pid=process.pid), ("created", 3, 1))
        equal(kinds(rig, sequence), [("reused", "a", "b"), ("allocated", "b", None), ("bound", "b", None)])


def back_up(rig):
    """A copy of the database in a file."""
    path = rig.scratch.path / "backup"
    path.write_bytes(b"".join(base64.b64decode(piece["data"]) for piece in rig.client.stream("Backup")))
    return path


def restore(rig, path):
    """Puts it back in place of all that came later."""
    rig.end(signal.SIGTERM)
    equal(run_subidd("--root", rig.scratch.path, "--restore", path)[0], 0)
    rig.begin()


@started_case("after a restore nobody's word counts until all is seen, also of a pod that had the range",
              daemon_keys="BlindDrainSec=3600\n",
              command=lambda scratch: ["unshare", "--user", "--map-root-user", SUBIDD, "--root", str(scratch.path)])
def unproven(rig):
    a, _ = rig.allocate_many("a", "b")
    backup = back_up(rig)
    c = rig.allocate("c")
    with mapped(c) as in_c, mapped(a) as in_a:
        restore(rig, backup)
        for pid in (None, in_c.pid):
            equal(refused(record, rig, "c", 2, pid=pid), ("RangeTaken", {"start": c, "count": UNIT}))
        expect_taken(rig, "c", 1, taken=1, by="b")
        expect_mismatch(rig, "a", 2, has=0)
        equal(refused(rig.allocate, "a")[0], "PoolExhausted")
        for pid in (None, in_a.pid):
            equal(refused(record, rig, "a", 0, pid=pid), ("RangeTaken", {"start": a, "count": UNIT}))
        equal((rig.pool()["active"], rig.pool()["draining"]), (0, 8))


@started_case("once all is seen after a restore, what lives there can be recorded", n_units=6)
def restored(rig):
    a, b = rig.allocate_many("a", "b")
    backup = back_up(rig)
    c = rig.allocate("c")
    with mapped(a) as in_a, mapped(b) as in_b, mapped(c) as in_c:
        restore(rig, backup)
        equal(refused(record, rig, "d", 0)[1]["pod"], "a")
        rig.wait_status(lambda s: s["pools"][0]["free"] > 0)
        equal(record(rig, "a", 0, pid=in_a.pid), ("revived", 0, 1))
        # seen now, and explained
        expect_taken(rig, "c", 2, taken=2, pid=in_c.pid)
        equal(record(rig, "c", 2, pid=in_c.pid), ("created", 2, 1))
        # of a row that was restored, drains, and is lived in, too: another pod may have got it since
        equal((rig.state("b"), refused(record, rig, "d", 1)[1]["pod"]), ("draining", "b"))
        expect_mismatch(rig, "b", 4, has=1)
        expect_taken(rig, "b", 1, taken=1, pid=in_b.pid)
        equal(record(rig, "b", 1, pid=in_b.pid), ("revived", 1, 1))
    rig.wait_status(lambda status: status["pools"][0]["active"] == 0)


@started_case("many at a time over one connection, and one range for the first of them")
def pipelined(rig):
    calls = [{"pod": f"p{i}", "start": at(rig, i // 2)} for i in range(16)]
    rig.client.send(b"".join(encode("Allocate", call) for call in calls))
    for i, call in enumerate(calls):
        if i % 2 == 0:
            equal(rig.client.reply("Allocate")[0]["allocation"]["start"], call["start"])
        else:
            equal(refused(rig.client.reply, "Allocate"),
                  ("RangeTaken", {"pod": f"p{i - 1}", "start": call["start"], "count": UNIT}))
    rig.client.send(encode("Allocate", {"pod": "q", "start": at(rig, 1)}, oneway=True))
    equal(len(rig.client.list()), 8)


if __name__ == "__main__":
    main()
