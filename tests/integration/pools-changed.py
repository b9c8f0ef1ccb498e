# SPDX-License-Identifier: MIT
"""A pool that changes under its allocations: nothing is lost, nothing overlaps, and it goes on."""

from harness import UNIT, Daemon, Scratch, Watch, case, equal, main, overlaps, release
from pods import Node, Pods

POOL = "[Daemon]\nScanIntervalSec=1\n[Pool kubelet]\nMaxPods=1\n"
START, N_UNITS = 2 * UNIT, 8


def shrink(scratch):
    """The end is cut off."""
    scratch.entry(f"kubelet:{START}:{2 * UNIT}")


def move(scratch):
    """Beside where it was."""
    scratch.entry(f"kubelet:{100 * UNIT}:{N_UNITS * UNIT}")


def recut(scratch):
    """Units of twice the size."""
    scratch.config(POOL + f"IdsPerPod={2 * UNIT}\n")


def delete(scratch):
    """No entry."""
    scratch.entry("alice:65536:65536")


def rename(scratch):
    """Another owner, and its range."""
    scratch.config(POOL + "Owner=containers\nRules=basic\n")
    scratch.entry(f"kubelet:{START}:{N_UNITS * UNIT}", f"containers:{200 * UNIT}:{N_UNITS * UNIT}")


def drop(scratch):
    """Another pool is all there is."""
    scratch.config(POOL.replace("kubelet", "other") + "Owner=containers\n")
    scratch.entry(f"containers:{200 * UNIT}:{N_UNITS * UNIT}")


# the change; how many of the eight are in the pool then; where a new pod begins, None: nowhere
CHANGES = {
    "shrunk": (shrink, 2, None), "moved": (move, 0, 100 * UNIT), "cut anew": (recut, 8, None),
    "deleted": (delete, 0, None), "of another owner": (rename, 0, 200 * UNIT), "dropped": (drop, 0, 200 * UNIT),
}


def prepare(node):
    """Of the first and of the last ones: one is released, one drains, the others are active."""
    for i in range(N_UNITS):
        node.call("Allocate", pod=f"p{i}", namespace="n", name=f"x{i}")
    release(node.daemon, "p0", "p7")
    node.call("Release", pod="p1")
    node.call("Release", pod="p6")


def check_kept(node, n_in_pool):
    """All are there as before, and can be looked up by pod and ID."""
    found = node.client.list()
    equal([(a["pod"], a["start"], a["count"]) for a in found if a["pod"][0] == "p"],
          [(f"p{i}", START + i * UNIT, UNIT) for i in range(N_UNITS)])
    equal(sum(a["inPool"] for a in found), n_in_pool)
    equal({a["state"] for a in found if a["pod"] in ("p2", "p3", "p4", "p5")}, {"active"})
    for allocation in found:
        equal(node.allocation(allocation["pod"]), allocation)
        reply = node.call("Lookup", id=allocation["start"] + 5)
        equal((reply["allocation"]["pod"], reply["containerID"]), (allocation["pod"], 5))
        if allocation["state"] == "active" and all(pool["valid"] for pool in node.call("GetStatus")["pools"]):
            reply = node.call("Allocate", pod=allocation["pod"])
            equal((reply["outcome"], reply["allocation"]), ("existing", allocation))


def check_new(node, start, error):
    """New pods get what overlaps nothing, or a refusal that has a name."""
    if start is None:
        node.client.expect_refused(error, "Allocate", {"pod": "new", "count": 4 * UNIT})
        return
    equal(node.call("Allocate", pod="new")["allocation"]["start"], start)
    equal(node.call("Allocate", pod="p0")["allocation"]["start"], start + UNIT)
    equal(overlaps(node.client.list()), [])


def check_release(node):
    """What lies outside is released and drains like anything else."""
    with Watch(node.daemon) as watch:
        for pod in ("p2", "p5"):
            reply = node.call("Release", pod=pod)
            equal((reply["released"], reply["allocation"]["state"]), (True, "draining"))
        watch.wait("drained", "p2", "p5")
    equal({node.allocation(pod)["state"] for pod in ("p2", "p5", "p1", "p6")}, {"released"})


def n_pool_events(node):
    """So often did the pool change."""
    return sum(e["kind"] == "poolChanged" for e in node.history())


def changed_case(name, change, n_in_pool, start, is_live):
    """By a live edit, or while the daemon is down."""
    @case(f"a pool that is {name} {'while it runs' if is_live else 'while it is down'}", is_slow=True)
    def changed():
        with Scratch(f"kubelet:{START}:{N_UNITS * UNIT}", POOL) as scratch, Daemon(scratch) as daemon:
            node = Node(daemon, Pods(scratch))
            prepare(node)
            equal(n_pool_events(node), 1)
            if is_live:
                change(scratch)
                node.call("Reload")
            else:
                node.restart(lambda: change(scratch))
            check_kept(node, n_in_pool)
            equal(n_pool_events(node), 2)
            check_new(node, start, "InvalidPool" if change is delete else "PoolExhausted")
            check_release(node)
            node.restart(kill=True)
            node.call("Reload")
            equal(n_pool_events(node), 2)
            equal(overlaps(node.client.list()), [])
            node.restart(lambda: (scratch.config(POOL), scratch.entry(f"kubelet:{START}:{N_UNITS * UNIT}")))
            equal(n_pool_events(node), 2 if name == "dropped" else 3)
            found = {a["pod"]: a for a in node.client.list()}
            equal([found[f"p{i}"]["start"] for i in (1, 2, 3, 4, 5, 6, 7)], [START + i * UNIT for i in (1, 2, 3, 4, 5, 6, 7)])
            equal(node.call("Allocate", pod="p2")["outcome"], "revived")
            equal(overlaps(node.client.list()), [])
            node.close()


for what, (function, n_left, first) in CHANGES.items():
    for live in (True, False):
        changed_case(what, function, n_left, first, live)


main()
