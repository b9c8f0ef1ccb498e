# SPDX-License-Identifier: MIT
"""Nothing is handed on while anything lives in it, and it is free soon after."""

import signal
from contextlib import ExitStack

from client import encode
from harness import UNIT, equal, main
from living import (Chain, living_case, mapped, nested, refused, without_namespace, zombie)

# What lives in a range that begins at START.
LIVES = {
    "process": mapped,
    "nested": lambda start: nested(start, "--map-root-user"),
    "unmapped": nested,
    "zombie": zombie,
    "taken": without_namespace,
    "gids": lambda start: mapped(start, names=["gid_map"]),
    "uids": lambda start: mapped(start, names=["uid_map"]),
    "first": lambda start: mapped(start, 1),
    "last": lambda start: mapped(start + UNIT - 1, 1),
    "chain": Chain,
}


@living_case("a range drains while anything lives in it, and no longer", n_units=16)
def lives(rig):
    pods = list(LIVES)
    starts = rig.allocate_many(*pods)
    with ExitStack() as processes:
        for pod, start in zip(pods, starts):
            processes.enter_context(LIVES[pod](start))
        rig.release(*pods)
        rig.let_passes_go_by()
        equal([rig.state(pod) for pod in pods], ["draining"] * len(pods), "states")
        equal({k: v for k, v in rig.pool().items() if k in ("draining", "foreign", "released")},
              {"draining": len(pods), "foreign": 0, "released": 1})
    rig.wait_drained(*pods)
    equal(rig.pool()["draining"], 0)
    assert [rig.allocate(pod) for pod in pods] == starts


@living_case("a range of several units drains as a whole")
def several_units(rig):
    start = rig.allocate("a", count=3 * UNIT)
    with mapped(start + 3 * UNIT - 1, 1):
        rig.release("a")
        rig.let_passes_go_by()
        equal(rig.pool()["draining"], 3)
    rig.wait_drained("a")
    equal(rig.pool()["released"], 4)


@living_case("a map over two ranges keeps both, and one process of two keeps its own")
def two_pods(rig):
    a, b = rig.allocate_many("a", "b")
    equal(b, a + UNIT)
    with mapped(a + UNIT - 1, 2):
        with mapped(a), mapped(b):
            rig.release("a", "b")
            rig.let_passes_go_by()
        rig.let_passes_go_by()
        equal([rig.state("a"), rig.state("b")], ["draining"] * 2)
    with mapped(b):
        rig.wait_drained("a")
        equal(rig.state("b"), "draining")
    rig.wait_drained("b")


@living_case("a process that starts between the two passes puts it back")
def between(rig):
    start, _ = rig.allocate_many("a", "b")
    rig.release("a", "b")
    rig.wait_pass()
    with mapped(start):
        equal(rig.state("a"), "draining", "nothing may end after a single pass: the state")
        rig.wait_drained("b")
        equal(rig.state("a"), "draining")
        rig.wait_pass()
        last_seen = rig.client.call("GetStatus")["scan"]["lastAt"]
    rig.wait_drained("a")
    assert rig.events.find("drained", "a")["time"] - last_seen >= 2_000_000, rig.events.seen


@living_case("a process that ends between two passes is not forgotten by the second")
def seen_once(rig):
    start = rig.allocate("a")
    with mapped(start):
        rig.release("a")
        rig.wait_pass()
        rig.wait_pass()
        last_seen = rig.client.call("GetStatus")["scan"]["lastAt"]
    rig.wait_drained("a")
    assert rig.events.find("drained", "a")["time"] - last_seen >= 2_000_000, rig.events.seen


@living_case("a pod that comes back while its range drains has it again, and gives it back again")
def revived(rig):
    start, _ = rig.allocate_many("a", "b")
    with mapped(start):
        for _ in range(3):
            rig.release("a")
            reply = rig.client.call("Allocate", pod="a")
            equal((reply["outcome"], reply["allocation"]["start"]), ("revived", start))
        rig.release("b")
        rig.wait_pass()
        equal(rig.client.call("Allocate", pod="b")["outcome"], "revived")
        rig.release("b")  # the pass before does not count any more: see Events.check_drained()
        rig.wait_drained("b")
        equal((rig.state("a"), rig.pool()["draining"]), ("active", 0))
        rig.release("a")
        rig.let_passes_go_by()
        equal(rig.state("a"), "draining")
    rig.wait_drained("a")
    equal(rig.client.call("Allocate", pod="a")["outcome"], "revived")


def stages(rig, number):
    """Ends the daemon at every stage of a range's way."""
    start, _, _ = rig.allocate_many("a", "b", "c")
    with mapped(start):
        rig.restart(number)
        equal(rig.state("a"), "active")
        rig.release("a", "b")
        rig.restart(number)
        equal(rig.state("a"), "draining")
        rig.wait_drained("b")
        rig.restart(number)
        equal([rig.state("a"), rig.state("b")], ["draining", "released"])
        rig.release("c")
        rig.wait_pass()
        rig.restart(number)
        began = rig.client.call("GetStatus")["startedAt"]
        equal([rig.state("a"), rig.state("c")], ["draining"] * 2)
        rig.wait_drained("c")
        assert rig.events.find("drained", "c")["time"] - began >= 1_000_000, "the first pass was forgotten"
        equal(rig.state("a"), "draining")
        rig.end(number)
    rig.begin()
    rig.wait_drained("a")
    rig.restart(number)
    equal([rig.client.call("Allocate", pod=pod)["outcome"] for pod in "abc"], ["revived"] * 3)


@living_case("the daemon is stopped at every stage")
def stopped(rig):
    stages(rig, signal.SIGTERM)


@living_case("the daemon is killed at every stage")
def killed(rig):
    stages(rig, signal.SIGKILL)


def send_many(rig, method, pods):
    """Calls for all pods, then the answers to all."""
    rig.client.send(b"".join(encode(method, {"pod": pod}) for pod in pods))
    return [rig.client.reply(method)[0]["allocation"] for _ in pods]


@living_case("a thousand ranges drain at once, and the one that lives among them does not", n_units=1200)
def thousand(rig):
    pods = [f"p{i}" for i in range(1200)]
    starts = [found["start"] for found in send_many(rig, "Allocate", pods)]
    with mapped(starts[3]), mapped(starts[1100]):
        assert {found["state"] for found in send_many(rig, "Release", pods)} == {"draining"}
        while rig.pool()["draining"] > 2:
            rig.events.wait("drained", pods[-1])
            rig.wait_pass()
        equal([rig.state(pods[3]), rig.state(pods[1100])], ["draining"] * 2)
        took = rig.events.find("drained", "p1199")["time"] - rig.events.find("released", "p1199")["time"]
        print(f"# 1,198 ranges drained in {took / 1e6:.2f} s")
    rig.wait_drained(pods[3], pods[1100])
    equal([e["kind"] for e in rig.events.seen].count("drained"), 1200, "events of the ends")


@living_case("draining ranges are never handed out, and exhaustion names them", n_units=112)
def churn(rig):
    old = [f"old{i}" for i in range(6)]
    kept = rig.allocate_many(*old)
    with ExitStack() as processes:
        for start in kept:
            processes.enter_context(mapped(start))
        rig.release(*old)
        for turn in range(2):
            pods = [f"{turn}-{i}" for i in range(106)]
            starts = [found["start"] for found in send_many(rig, "Allocate", pods)]
            equal(len(set(starts) | set(kept)), 112)
            equal(refused(rig.allocate, "more"), ("PoolExhausted", {
                "pool": "kubelet", "capacity": 112, "active": 106, "draining": 6, "waiting": 0, "foreign": 0}))
            send_many(rig, "Release", pods)
            equal(refused(rig.allocate, "more")[1]["draining"], 112)
            rig.wait_drained(*pods)
            equal([rig.state(pod) for pod in old], ["draining"] * 6)
    rig.wait_drained(*old)


@living_case("what lies outside of a changed pool drains as well", n_units=16)
def outside(rig):
    start, _ = rig.allocate_many("a", "b")
    with mapped(start):
        rig.release("a")
        rig.scratch.entry(f"kubelet:{rig.start + 8 * UNIT}:{8 * UNIT}")
        rig.client.call("Reload")
        rig.release("b")
        rig.wait_drained("b")
        rig.let_passes_go_by()
        found = rig.get("a")
        equal((found["state"], found["inPool"], rig.pool()["outside"]), ("draining", False, 2))
        rig.restart()
    rig.wait_drained("a")
    equal((rig.get("a")["inPool"], rig.pool()["released"]), (False, 1))
    rig.scratch.entry("alice:100000:65536")
    rig.client.call("Reload")
    equal((rig.pool()["valid"], rig.state("a")), (False, "released"))


if __name__ == "__main__":
    main()
