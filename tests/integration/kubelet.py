# SPDX-License-Identifier: MIT
"""What the kubelet allocates by itself: its files, in whatever order they come and go."""

import os
import shutil
import statistics
import time

from harness import UNIT, equal, main, overlaps
from pods import QUICK, pods_case, range_text, unit

MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # so that the disk is not what is measured


def put_three(pods):
    """Three pods with a range, one without, and one of which there is only the folder."""
    for i in range(3):
        pods.put(f"p{i}", *unit(i))
    pods.write("host", "")
    pods.make("fresh")


@pods_case("files that stand at the start are allocations of the kubelet", before=put_three)
def at_start(node):
    found = node.client.list()
    equal([(a["pod"], a["start"], a["count"], a["state"], a["origin"], a["inPool"]) for a in found],
          [(f"p{i}", (1 + i) * UNIT, UNIT, "active", "kubelet", True) for i in range(3)])
    events = node.history()
    equal([e["kind"] for e in events], ["poolChanged"] + ["adopted"] * 3)
    assert not any("clientUid" in e or "clientPid" in e for e in events), events
    equal(node.call("Lookup", id=2 * UNIT + 5)["allocation"]["pod"], "p1")
    equal(node.findings(), [])
    pool = node.pool()
    equal((pool["active"], pool["foreign"], pool["free"]), (3, 0, 5))
    equal([node.allocate(f"q{i}")[1] for i in range(5)], [3, 4, 5, 6, 7])
    equal(node.client.expect_refused("PoolExhausted", "Allocate", {"pod": "x"})["active"], 8)


@pods_case("what the kubelet has nobody else may change", before=put_three)
def owned(node):
    before = node.client.list()
    reply = node.call("Allocate", pod="p1", namespace="n", name="x")
    equal((reply["outcome"], reply["allocation"]), ("existing", before[1]))
    equal(reply["uidMappings"], [{"containerID": 0, "hostID": 2 * UNIT, "size": UNIT}])
    equal(node.client.expect_refused("OwnedByKubelet", "Release", {"pod": "p1"}), {"pod": "p1"})
    equal(node.client.expect_refused("OwnedByKubelet", "Bind", {"pod": "p1", "pid": os.getpid()}), {"pod": "p1"})
    equal(node.client.expect_refused("OwnedByKubelet", "Allocate", {"pod": "p1", "pid": os.getpid()}), {"pod": "p1"})
    node.client.expect_refused("CountMismatch", "Allocate", {"pod": "p1", "count": 2 * UNIT})
    equal(node.call("Reconcile", pods=["p0", "gone"]), {"released": [], "missing": ["gone"]})
    equal(node.client.list(), before)
    equal(len(node.history()), 4)


def arrival(name, make):
    """A way in which a pod's file can come to stand."""
    @pods_case(f"adopted: {name}")
    def adopted(node):
        make(node.pods)
        event, = node.watch.wait("adopted", "a")
        equal((event["start"], event["count"], event["pool"]), (UNIT, UNIT, "kubelet"))
        equal(node.allocation("a")["origin"], "kubelet")
        equal(node.kinds("a"), ["adopted"])
        equal(node.allocate("b"), ("created", 1, 1))


def make_aside(pods):
    """A pod's folder where nobody watches."""
    aside = pods.path.parent / "aside"
    aside.mkdir()
    (aside / "userns").write_text(range_text(UNIT), encoding="utf-8")
    return aside


def write_slowly(pods):
    """In pieces, as an editor would."""
    with open(pods.make("a"), "w", encoding="utf-8", buffering=1) as file:
        for piece in range_text(UNIT).split("["):
            file.write(piece if piece[0] == "{" and "uid" in piece else "[" + piece)
            file.flush()


def write_empty_first(pods):
    """Without a user namespace at first."""
    pods.write("a", "")
    pods.put("a", UNIT)


def link_into_place(pods):
    """As another program may put a file into place."""
    aside = make_aside(pods)
    os.link(aside / "userns", pods.make("a"))


for how, function in (
        ("the folder, then a file of a temporary name, then its own", lambda pods: pods.put("a", UNIT)),
        ("a file that is written in place", lambda pods: pods.make("a").write_text(range_text(UNIT), encoding="utf-8")),
        ("a file that is written in pieces", write_slowly),
        ("a folder that is moved in with its file", lambda pods: make_aside(pods).rename(pods.path / "a")),
        ("an empty file, then the range", write_empty_first),
        ("a hard link", link_into_place)):
    arrival(how, function)


def departure(name, leave, **options):
    """A way in which a pod can go."""
    @pods_case(f"vanished: {name}", before=lambda pods: pods.put("a", UNIT), is_slow=True, **options)
    def vanished(node):
        leave(node.pods)
        event, = node.watch.wait("vanished", "a")
        assert "clientUid" not in event and "cause" not in event, event
        found = node.allocation("a")
        equal((found["state"], found["origin"]), ("draining", "kubelet"))
        equal(node.client.expect_refused("PoolExhausted", "Allocate", {"pod": "x", "count": 8 * UNIT})["draining"], 1)
        node.watch.wait("drained", "a")
        equal(node.allocation("a")["state"], "released")
        equal(node.kinds("a"), ["adopted", "vanished", "drained"])
        equal(node.call("Release", pod="a")["released"], False)
        equal(node.allocate("x", count=8 * UNIT), ("created", 0, 8))
        equal([e["otherPod"] for e in node.history(pod="a")[3:]], ["x"])


for how, function in (
        ("its file is opened and emptied", lambda pods: (pods.path / "a/userns").write_text("", encoding="utf-8")),
        ("its file is replaced by an empty one", lambda pods: pods.write("a", "")),
        ("its file is unlinked", lambda pods: (pods.path / "a/userns").unlink()),
        ("its file gets another name", lambda pods: (pods.path / "a/userns").rename(pods.path / "a/old")),
        ("its folder is removed", lambda pods: pods.remove("a")),
        ("its folder is moved away", lambda pods: (pods.path / "a").rename(pods.path.parent / "away"))):
    departure(how, function)
departure("its file is cut off behind the watch's back", lambda pods: os.truncate(pods.path / "a/userns", 0),
          config=QUICK)


@pods_case("a range in place of another one: the old one drains, the new one is there at once", is_slow=True,
           before=lambda pods: pods.put("a", *unit(0)))
def replaced(node):
    node.pods.put("a", *unit(3))
    node.watch.wait("vanished", "a")
    node.watch.wait("adopted", "a")
    equal((node.allocation("a")["start"], node.pool()["draining"]), (4 * UNIT, 1))
    equal([node.allocate(f"q{i}")[1] for i in range(6)], [1, 2, 4, 5, 6, 7])
    node.client.expect_refused("PoolExhausted", "Allocate", {"pod": "x"})
    while not any(e["kind"] == "drained" for e in node.watch.events):
        node.watch.read()
    equal(node.allocate("x"), ("created", 0, 1))
    equal(overlaps(node.client.list()), [])


@pods_case("a folder that takes the place of another one is the pod's", before=lambda pods: pods.put("a", *unit(0)))
def folder_replaced(node):
    aside = make_aside(node.pods)
    (aside / "userns").write_text(range_text(3 * UNIT), encoding="utf-8")
    (node.pods.path / "a").rename(node.pods.path.parent / "away")
    aside.rename(node.pods.path / "a")
    event, = node.watch.wait("adopted", "a")
    equal(event["start"], 3 * UNIT)
    # and it is this one that is looked at from now on
    (node.pods.path / "a/userns").unlink()
    while node.allocation("a")["state"] == "active":
        node.watch.read()


@pods_case("a folder that changes its name changes its pod", before=lambda pods: pods.put("a", *unit(0)),
           config=QUICK, is_slow=True)
def renamed(node):
    (node.pods.path / "a").rename(node.pods.path / "b")
    node.watch.wait("adopted", "b")
    equal(node.kinds("a"), ["adopted", "vanished", "drained", "reused"])
    equal(node.kinds("b"), ["adopted"], "the kubelet's own range drains, and that is no conflict")
    node.await_findings()


@pods_case("what is no pod's file is no allocation")
def ignored(node):
    node.pods.make("a").with_name(".123456").write_text(range_text(UNIT), encoding="utf-8")
    (node.pods.path / "a/plugins").mkdir()
    (node.pods.path / "a/plugins/userns").write_text(range_text(UNIT), encoding="utf-8")
    (node.pods.path / "a/userns.old").write_text(range_text(UNIT), encoding="utf-8")
    (node.pods.path / "file").write_text(range_text(UNIT), encoding="utf-8")
    (node.pods.path / "userns").write_text(range_text(UNIT), encoding="utf-8")
    shutil.copytree(node.pods.path / "a", node.pods.path / ".hidden")
    (node.pods.path / ".hidden/userns").write_text(range_text(UNIT), encoding="utf-8")
    node.pods.write("b", "")
    node.pods.put("last", *unit(7))
    node.watch.wait("adopted", "last")
    equal([a["pod"] for a in node.client.list()], ["last"])
    node.await_findings("file/userns", "userns/userns")  # there should be folders only


@pods_case("a pod that asked before, then its file: one allocation, of the kubelet", is_slow=True)
def asked_before(node):
    equal(node.allocate("a", namespace="n", name="x"), ("created", 0, 1))
    node.pods.put("a", *unit(0))
    node.watch.wait("adopted", "a")
    found = node.allocation("a")
    equal((found["origin"], found["namespace"], found["name"]), ("kubelet", "n", "x"))
    node.client.expect_refused("OwnedByKubelet", "Release", {"pod": "a"})
    node.pods.remove("a")
    node.watch.wait("drained", "a")
    equal(node.allocate("a"), ("revived", 0, 1))
    equal(node.allocation("a")["origin"], "request")
    node.pods.put("a", *unit(0))
    while node.allocation("a")["origin"] != "kubelet":
        node.watch.read()
    equal(node.kinds("a"), ["allocated", "adopted", "vanished", "drained", "revived", "adopted"])


@pods_case("a pod that comes back while its range drains", before=lambda pods: pods.put("a", *unit(0)))
def comes_back(node):
    for _ in range(20):
        node.pods.remove("a")
        node.pods.put("a", *unit(0))
    node.pods.put("last", *unit(1))
    node.watch.wait("adopted", "last")
    equal((node.allocation("a")["state"], node.allocation("a")["origin"]), ("active", "kubelet"))
    equal(node.findings(), [])


def put_many(pods):
    """As many pods as a node can ever have, by the shortest way."""
    for i in range(60000):
        path = f"{pods.path}/{i:08x}-0000-4000-8000-{i:012x}"
        os.mkdir(path)
        file = os.open(f"{path}/userns", os.O_WRONLY | os.O_CREAT)
        os.write(file, range_text((1 + i + (i >= 32765)) * UNIT).encode())  # not in the reserved range
        os.close(file)


@pods_case("60,000 pods are taken over at the start", n_units=61000, before=put_many, parent=MEMORY)
def many(node):
    equal(node.pool()["active"], 60000)
    seconds = []
    for _ in range(3):
        node.restart(lambda: seconds.append(time.monotonic()))
        seconds[-1] = time.monotonic() - seconds[-1]
    print(f"# ready {min(seconds):.2f} s after the start with 60,000 pods")
    assert min(seconds) < 20, f"{seconds}"  # 2 s where nothing else is at work
    latencies = []
    for i in range(200):
        began = time.perf_counter()
        equal(node.allocate(f"q{i}")[0], "created")
        latencies.append(time.perf_counter() - began)
    print(f"# Allocate beside them: {statistics.median(latencies) * 1e3:.2f} ms, at most {max(latencies) * 1e3:.1f} ms")


@pods_case("1,000 pods come and go while others ask", n_units=2200, is_slow=True)
def churn(node):
    slowest = 0
    for i in range(1000):
        node.pods.put(f"k{i}", *unit(2100 - i))
        if i >= 100:
            node.pods.remove(f"k{i - 100}")
        began = time.perf_counter()
        equal(node.allocate(f"r{i}")[0], "created")  # other tests on the node have ranges as well
        slowest = max(slowest, time.perf_counter() - began)
    node.watch.wait("adopted", *(f"k{i}" for i in range(900, 1000)))
    node.watch.wait("vanished", *(e["pod"] for e in node.history() if e["kind"] == "adopted" and e["pod"] < "k9"))
    found = {a["pod"]: a for a in node.client.list()}
    equal(overlaps(found.values()), [])
    equal(sorted(pod for pod, a in found.items() if a["origin"] == "kubelet" and a["state"] == "active"),
          sorted(f"k{i}" for i in range(900, 1000)))
    print(f"# the slowest Allocate took {slowest * 1e3:.1f} ms")


main()
