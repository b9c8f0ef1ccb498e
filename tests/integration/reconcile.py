# SPDX-License-Identifier: MIT
"""Reconcile: what belongs to no pod of a list is released, and nothing else."""

import threading
import time

from client import encode
from harness import Daemon, Scratch, case, equal, main
from pods import Node, Pods, pods_case, unit

WRITERS = "[Daemon]\nAllowUsers=alice 1500\n[Pool kubelet]\nMaxPods=1\n"


def states(node):
    """By pod."""
    return {a["pod"]: a["state"] for a in node.client.list()}


def fill(node, pods):
    """Allocates for each, and returns their allocations."""
    return [node.call("Allocate", pod=pod)["allocation"] for pod in pods]


@pods_case("the others are released, in the order of their start, with events")
def others(node):
    fill(node, "abcd")
    node.call("Release", pod="d")
    equal(node.call("Reconcile", pods=["c", "a", "d", "x", "c"]), {"released": ["b"], "missing": ["d", "x"]})
    equal(states(node), {"a": "active", "b": "draining", "c": "active", "d": "draining"})
    event = node.history(pod="b")[-1]
    equal((event["kind"], event["cause"], event["clientUid"] >= 0), ("released", "reconcile", True))
    equal(node.history(pod="d")[-1]["cause"], "request")
    equal(node.call("Reconcile", pods=["c", "a"]), {"released": [], "missing": []})
    equal(len(node.history(pod="b")), 2)


@pods_case("an empty list releases all but what the kubelet has", before=lambda pods: pods.put("k", *unit(0)))
def empty(node):
    fill(node, "ab")
    equal(node.call("Reconcile", pods=[], dryRun=True), {"released": ["a", "b"], "missing": []})
    equal(states(node), {"k": "active", "a": "active", "b": "active"})
    equal(node.call("Reconcile", pods=[]), {"released": ["a", "b"], "missing": []})
    equal(states(node), {"k": "active", "a": "draining", "b": "draining"})
    equal(node.call("Reconcile", pods=["k"]), {"released": [], "missing": []})


@pods_case("a dry run says the same and leaves nothing")
def dry_run(node):
    fill(node, "abc")
    before = node.client.list(), node.history()
    told = node.call("Reconcile", pods=["b", "z"], dryRun=True)
    equal((node.client.list(), node.history()), before)
    equal(node.call("Reconcile", pods=["b", "z"], dryRun=False), told)
    equal(told, {"released": ["a", "c"], "missing": ["z"]})


@pods_case("createdBefore: a list cannot release what is younger than it, or has come back since")
def created_before(node):
    a, b, c = fill(node, "abc")
    node.call("Release", pod="a")
    again = node.call("Allocate", pod="a")["allocation"]
    equal(node.call("Reconcile", pods=[], createdBefore=b["createdAt"])["released"], [])
    equal(node.call("Reconcile", pods=[], createdBefore=0)["released"], [])
    equal(node.call("Reconcile", pods=[], createdBefore=c["createdAt"])["released"], ["b"])
    equal(node.call("Reconcile", pods=[], createdBefore=again["createdAt"])["released"], ["c"])
    equal(node.call("Reconcile", pods=[], createdBefore=again["createdAt"] + 1)["released"], ["a"])
    assert a["createdAt"] < again["createdAt"], (a, again)


@case("only allocations of the pool that is named")
def by_pool():
    with Scratch(config="[Pool kubelet]\n[Pool containers]\n") as scratch:
        scratch.entry("kubelet:65536:7208960", "containers:200000000:6553600")
        with Daemon(scratch) as daemon:
            node = Node(daemon, Pods(scratch))
            for pod, pool in (("a", "kubelet"), ("b", "containers"), ("c", "containers")):
                node.call("Allocate", pod=pod, pool=pool)
            equal(node.client.expect_refused("NoSuchPool", "Reconcile", {"pods": [], "pool": "x"}), {"pool": "x"})
            equal(node.call("Reconcile", pods=["b"], pool="containers"), {"released": ["c"], "missing": []})
            equal(states(node), {"a": "active", "b": "active", "c": "draining"})
            node.close()


@case("a writer that is not root releases only its own, a reader nothing", needs_root=True)
def own_only():
    with Scratch(config=WRITERS) as scratch, Daemon(scratch) as daemon:
        node = Node(daemon, Pods(scratch))
        with daemon.user(1001) as alice, daemon.user(1500) as other, daemon.user(65534) as reader:
            fill(node, "r")
            alice.call("Allocate", pod="a")
            other.call("Allocate", pod="o")
            reader.expect_refused("PermissionDenied", "Reconcile", {"pods": []})
            equal(alice.call("Reconcile", pods=["x"], dryRun=True), {"released": ["a"], "missing": ["x"]})
            equal(alice.call("Reconcile", pods=[]), {"released": ["a"], "missing": []})
            equal(states(node), {"r": "active", "a": "draining", "o": "active"})
            equal(node.call("Reconcile", pods=["r"])["released"], ["o"])
        node.close()


@pods_case("elements that cannot be pods are refused, as a garbled key would release its pod's range")
def elements(node):
    fill(node, "ab")
    equal(node.call("Reconcile", pods=["A", "a", "b"]), {"released": [], "missing": ["A"]})
    odd = [["a", text] for text in ("", "../x", "b\n", "é", "x" * 129, "b ")]
    for wrong in (None, "a", {}, [1], [None], ["a", ["b"]], ["a", {}], [True], *odd):
        equal(node.client.expect_refused("InvalidParameter", "Reconcile", {"pods": wrong}), {"parameter": "pods"})
    equal(node.client.expect_refused("InvalidParameter", "Reconcile", {}), {"parameter": "pods"})
    equal(states(node), {"a": "active", "b": "active"})


@pods_case("what was answered survives SIGKILL")
def killed(node):
    fill(node, "abc")
    node.call("Reconcile", pods=["b"])
    node.restart(kill=True)
    equal(states(node)["b"], "active")
    equal([node.kinds(pod)[:2] for pod in "abc"], [["allocated", "released"], ["allocated"], ["allocated", "released"]])


@pods_case("60,000 pods in one message, while others ask", n_units=61000)
def many(node):
    pods = [f"{i:08x}-0000-4000-8000-{i:012x}" for i in range(60000)]
    for begin in range(0, 30000, 500):
        node.client.send(b"".join(encode("Allocate", {"pod": pod}, oneway=True) for pod in pods[begin:begin + 500]))
        node.call("GetStatus")
    for i in range(100):
        node.call("Allocate", pod=f"gone{i}")
    slowest, is_over = [0.0], threading.Event()

    def ask():
        with node.daemon.client() as other:
            while not is_over.is_set():
                began = time.perf_counter()
                other.call("Get", pod=pods[0])
                slowest[0] = max(slowest[0], time.perf_counter() - began)
    thread = threading.Thread(target=ask)
    thread.start()
    try:
        began = time.perf_counter()
        reply = node.call("Reconcile", pods=pods)
        seconds = time.perf_counter() - began
    finally:
        is_over.set()
        thread.join()
    equal((len(reply["released"]), len(reply["missing"])), (100, 30000))
    print(f"# {seconds:.2f} s for the call, others waited up to {slowest[0] * 1e3:.0f} ms")
    slowest[0] = 0
    began = time.perf_counter()
    equal(len(node.call("Reconcile", pods=[])["released"]), 30000)
    print(f"# {time.perf_counter() - began:.2f} s to release 30,000")
    assert seconds < 5, f"{seconds:.2f} s"
    equal(node.pool()["active"], 0)


main()
