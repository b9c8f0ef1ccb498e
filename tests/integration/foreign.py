# SPDX-License-Identifier: MIT
"""Ranges in use that nobody asked for: reserved while somebody lives in them."""

from contextlib import ExitStack

from harness import UNIT, case, equal, main
from living import Rig, living_case, mapped, nested, refused, without_namespace


def foreign(rig, **parameters):
    """What ListForeign says."""
    return [found for page in rig.client.stream("ListForeign", **parameters) for found in page["foreign"]]


def wait_foreign(rig, n, pool=0):
    """Until so many units of the pool are foreign."""
    rig.wait_status(lambda status: status["pools"][pool]["foreign"] == n)


@living_case("a map that no allocation explains reserves its units while it lives")
def reserved(rig):
    equal(foreign(rig), [])
    start, count = rig.start + 2 * UNIT - 1, UNIT + 2
    with mapped(start, count) as process:
        wait_foreign(rig, 3)
        equal(foreign(rig), [{"pool": "kubelet", "start": start, "count": count, "pid": process.pid,
                              "command": "cat"}])
        equal(rig.pool()["free"], 5)
        starts = rig.allocate_many("a", "b", "c", "d", "e")
        equal([(s - rig.start) // UNIT for s in starts], [0, 4, 5, 6, 7])
        equal(refused(rig.allocate, "f"), ("PoolExhausted", {
            "pool": "kubelet", "capacity": 8, "active": 5, "draining": 0, "waiting": 0, "foreign": 3}))
    wait_foreign(rig, 0)
    equal(foreign(rig), [])
    equal([(s - rig.start) // UNIT for s in rig.allocate_many("f", "g", "h")], [1, 2, 3])


@living_case("what lives before the daemon starts is seen before the first pod gets a range")
def at_start(rig):
    rig.end(9)
    with mapped(rig.start), without_namespace(rig.start + UNIT):
        rig.begin()
        equal(rig.allocate("a"), rig.start + 2 * UNIT)
        equal(rig.pool()["foreign"], 2)
        equal([(found["start"] - rig.start, found["count"]) for found in foreign(rig)],
              [(0, UNIT), (UNIT + 5, 1), (UNIT + 7, 1)])
        equal(rig.allocate("b", count=2 * UNIT), rig.start + 3 * UNIT)


@living_case("a pod whose released range somebody else lives in gets another one")
def released(rig):
    start = rig.allocate("a")
    rig.release("a")
    rig.wait_drained("a")
    with mapped(start):
        wait_foreign(rig, 1)
        equal((rig.state("a"), rig.pool()["released"]), ("released", 0))
        reply = rig.client.call("Allocate", pod="a")
        equal((reply["outcome"], reply["allocation"]["start"]), ("created", start + UNIT))
        equal(refused(rig.client.call, "Lookup", id=start), ("NoSuchAllocation", {"id": start}))
        equal([(s - start) // UNIT for s in rig.allocate_many(*"bcdefg")], [2, 3, 4, 5, 6, 7])
        equal(refused(rig.allocate, "h")[1]["foreign"], 1)
        rig.restart()
        equal(refused(rig.allocate, "h")[1]["foreign"], 1)
    wait_foreign(rig, 0)
    equal(rig.allocate("h"), start)


@living_case("what lives in a range that a pod has, or had until now, is not foreign")
def explained(rig):
    a, b = rig.allocate_many("a", "b")
    rig.release("b")
    with mapped(a), mapped(b), mapped(b + 5, 1):
        rig.let_passes_go_by()
        equal((rig.pool()["foreign"], foreign(rig), rig.state("b")), (0, [], "draining"))
        with mapped(b, 2 * UNIT + 1):  # the marker's range is released, and the next one is fresh
            wait_foreign(rig, 2)
            equal([(found["start"], found["count"]) for found in foreign(rig)], [(b, 2 * UNIT + 1)])
        wait_foreign(rig, 0)
    rig.wait_drained("b")


@living_case("namespaces in foreign namespaces count by themselves")
def inner(rig):
    with nested(rig.start + 3 * UNIT, "--map-root-user") as process:
        wait_foreign(rig, 1)
        equal(foreign(rig), [{"pool": "kubelet", "start": rig.start + 3 * UNIT, "count": 1,
                              "pid": process.pid, "command": "cat"}])
        with mapped(rig.start, 8 * UNIT):
            wait_foreign(rig, 8)
            equal([found["count"] for found in foreign(rig)], [8 * UNIT, 1])
            equal(refused(rig.allocate, "a")[1]["foreign"], 8)
        wait_foreign(rig, 1)
        equal(rig.allocate("a", count=3 * UNIT), rig.start)
        equal(rig.allocate("b", count=4 * UNIT), rig.start + 4 * UNIT)
    wait_foreign(rig, 0)


@living_case("a range that a pod gave back, got again and gave back is its own all the time")
def handed_over(rig):
    start = rig.allocate("a")
    with mapped(start):
        rig.release("a")
        rig.let_passes_go_by()
        equal(rig.client.call("Allocate", pod="a")["outcome"], "revived")
        rig.release("a")
        equal(rig.client.call("Reconcile", pods=[])["released"], [])
        equal((rig.pool()["draining"], rig.pool()["foreign"]), (1, 0))
    rig.wait_drained("a")


@case("a map over two pools is listed with both", needs_root=True, is_slow=True)
def two_pools():
    """Two that lie next to each other."""
    with ExitStack() as stack:
        rig = Rig(16, config="[Daemon]\nScanIntervalSec=1\n[Pool kubelet]\nMaxPods=1\n[Pool containers]\n")
        rig.scratch.entry(f"kubelet:{rig.start}:{8 * UNIT}",
                          f"containers:{rig.start + 8 * UNIT}:{8 * UNIT}")
        stack.enter_context(rig)
        rig.client.call("Reload")
        names = [pool["name"] for pool in rig.client.call("GetStatus")["pools"]]
        with mapped(rig.start + 7 * UNIT, 3 * UNIT), mapped(rig.start):
            wait_foreign(rig, 2, names.index("kubelet"))
            wait_foreign(rig, 2, names.index("containers"))
            equal({name: [(found["start"] - rig.start) // UNIT for found in foreign(rig, pool=name)]
                   for name in names}, {"kubelet": [0, 7], "containers": [7]})
            equal(sorted((found["pool"], (found["start"] - rig.start) // UNIT) for found in foreign(rig)),
                  [("containers", 7), ("kubelet", 0), ("kubelet", 7)])
            equal(rig.allocate("a", pool="kubelet"), rig.start + UNIT)
            equal(rig.allocate("b", pool="containers"), rig.start + 10 * UNIT)
            equal(refused(lambda: foreign(rig, pool="none")), ("NoSuchPool", {"pool": "none"}))


if __name__ == "__main__":
    main()
