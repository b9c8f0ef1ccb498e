# SPDX-License-Identifier: MIT
"""The kubelet's files where something is wrong: conflicts, odd files, folders that are not there."""

import os
import shutil
import signal

from harness import IS_ROOT, NOBODY, SUBIDD, UNIT, Skip, Daemon, Scratch, case, equal, main, overlaps, release
from pods import CONFIG, PODS, QUICK, Node, Pods, pods_case, range_text, unit

CONFLICT = "warning: .*the kubelet gave"


def expect_conflict(node, pod, *texts, n_events=1):
    """One event, one finding and one warning, with both names; what the kubelet has is handed to nobody."""
    node.watch.wait("conflict", pod)
    (rule, _, message), = node.await_findings(f"{pod}/userns")
    equal(rule, "kubelet-conflict")
    for text in (pod, *texts):
        assert text in message, message
    node.daemon.log.wait(f"the kubelet gave .* to pod {pod},")
    lines = [line for line in node.daemon.log.lines if "the kubelet gave" in line and f"to pod {pod}," in line]
    equal(len(lines), n_events, "warnings")
    for text in texts:
        assert text in lines[0] and ": warning: " in lines[0], lines
    events = [e for e in node.history(pod=pod) if e["kind"] == "conflict"]
    equal(len(events), n_events, "events")
    return events[-1]


@pods_case("a range of ours: nothing changes, until ours is gone", config=QUICK, is_slow=True)
def ours(node):
    node.allocate("ours", namespace="shop", name="web-0")
    before = node.allocation("ours")
    node.pods.put("theirs", *unit(0))
    event = expect_conflict(node, "theirs", "ours", "shop/web-0", "65536:65536")
    equal((event["start"], event["count"], event["otherPod"]), (UNIT, UNIT, "ours"))
    equal(node.allocation("ours"), before)
    node.client.expect_refused("NoSuchAllocation", "Get", {"pod": "theirs"})
    equal(node.allocate("ours"), ("existing", 0, 1))
    release(node.daemon, "ours")
    node.watch.wait("adopted", "theirs")
    equal(node.kinds("ours"), ["allocated", "released", "drained", "reused"])
    node.await_findings()
    equal(node.allocation("theirs")["start"], UNIT)
    equal(overlaps(node.client.list()), [])


@pods_case("a range of ours that drains goes to nobody that is not the kubelet's", is_slow=True)
def ours_draining(node):
    node.allocate("ours")
    node.call("Release", pod="ours")
    node.pods.put("theirs", *unit(0))
    expect_conflict(node, "theirs", "ours")
    equal(node.allocate("ours"), ("created", 1, 1))


@pods_case("a range of ours that was released: it is the kubelet's now", is_slow=True)
def ours_released(node):
    node.allocate("ours", count=2 * UNIT)
    release(node.daemon, "ours")
    node.pods.put("theirs", *unit(1))
    node.watch.wait("adopted", "theirs")
    event, = node.watch.wait("reused", "ours")
    equal((event["otherPod"], "clientUid" in event), ("theirs", False))
    node.client.expect_refused("NoSuchAllocation", "Get", {"pod": "ours"})
    equal((node.pool()["active"], node.pool()["released"]), (1, 1))
    equal(node.allocate("ours"), ("created", 2, 1))


@pods_case("a range that overlaps ours in part: none of its units is handed out", config=QUICK, is_slow=True)
def partly(node):
    node.allocate("ours", count=2 * UNIT)
    node.pods.put("theirs", *unit(1, 3))
    expect_conflict(node, "theirs", "ours", "131072:196608")
    pool = node.pool()
    equal((pool["active"], pool["foreign"], pool["free"]), (2, 2, 4))
    foreign, = (f for page in node.client.stream("ListForeign") for f in page["foreign"])
    equal(foreign, {"pool": "kubelet", "start": 2 * UNIT, "count": 3 * UNIT, "command": "kubelet"})
    equal([node.allocate(f"q{i}")[1] for i in range(4)], [4, 5, 6, 7])
    equal(node.client.expect_refused("PoolExhausted", "Allocate", {"pod": "x"})["foreign"], 2)
    node.pods.remove("theirs")
    node.await_findings()
    equal([node.allocate(f"r{i}")[1] for i in range(2)], [2, 3])


@pods_case("two pods with one range: the first has it, then the second", config=QUICK, is_slow=True)
def two_pods(node):
    node.pods.put("a", *unit(0))
    node.watch.wait("adopted", "a")
    node.pods.put("b", *unit(0))
    expect_conflict(node, "b", "pod a has")
    node.pods.remove("a")
    node.watch.wait("adopted", "b")
    node.await_findings()
    equal(node.kinds("a")[:2], ["adopted", "vanished"])
    equal(overlaps(node.client.list()), [])


@pods_case("a pod that asked before gets another range of the kubelet", config=QUICK, is_slow=True)
def itself(node):
    node.allocate("a")
    node.pods.put("a", *unit(3))
    expect_conflict(node, "a", "65536:65536", "262144:65536")
    equal((node.allocation("a")["start"], node.allocation("a")["origin"]), (UNIT, "request"))
    equal([node.allocate(f"q{i}")[1] for i in range(6)], [1, 2, 4, 5, 6, 7])
    equal(node.call("Release", pod="a")["released"], True)
    node.watch.wait("adopted", "a")
    node.await_findings()
    equal((node.allocation("a")["start"], node.allocation("a")["origin"]), (4 * UNIT, "kubelet"))


@pods_case("a conflict is warned of once, however often it is looked at", config=QUICK)
def once(node):
    node.allocate("ours")
    node.pods.put("theirs", *unit(0))
    expect_conflict(node, "theirs", "ours")
    for i in range(50):
        node.pods.put("theirs", *unit(0))
        node.pods.put(f"q{i}", *unit(1))
        node.pods.remove(f"q{i}")
        node.call("Reload")
    expect_conflict(node, "theirs", "ours")


@pods_case("a conflict goes on after a restart, and after SIGKILL", config=QUICK, is_slow=True)
def conflict_restart(node):
    node.allocate("ours")
    node.pods.put("theirs", *unit(0))
    expect_conflict(node, "theirs", "ours")
    for kill in (False, True):
        node.restart(kill=kill)
        node.await_findings("theirs/userns")
        equal([a["pod"] for a in node.client.list()], ["ours"])
    node.call("Release", pod="ours")
    node.restart(kill=True)
    node.await_findings("theirs/userns")
    node.watch.wait("adopted", "theirs")
    node.await_findings()


GOOD = range_text(UNIT)
MALFORMED = {
    "no JSON": "65536:65536\n", "cut off": GOOD[:-1], "twice": GOOD + GOOD, "an array": f"[{GOOD}]", "null": "null",
    "nothing mapped": '{"uidMappings":[],"gidMappings":[]}', "no GIDs": GOOD.split(',"gid')[0] + "}",
    "a NUL": GOOD + "\0", "a member twice": GOOD[:-1] + ',"uidMappings":[]}', "a blank": " ",
    "hex": GOOD.replace("65536", "0x10000"), "a fraction": GOOD.replace("65536", "65536.5"),
    "negative": GOOD.replace(":65536", ":-65536"), "length 0": range_text(UNIT, 0), "huge": GOOD.replace("65536", "9" * 30),
    "texts": GOOD.replace("65536", '"65536"'), "too deep": GOOD[:-1] + ',"x":' + "[" * 40 + "]" * 40 + "}",
    "too large": GOOD + " " * 70000, "bad UTF-8": b"\xff" + GOOD.encode(), "old": GOOD.replace("hostId", "hostID"),
}
ODD = {
    "UIDs only": GOOD.split(',"gid')[0] + ',"gidMappings":[]}',
    "different": range_text(UNIT).replace('65536', '131072', 1), "not from 0": GOOD.replace(':0,', ':1,'),
    "below": range_text(0), "host root": range_text(1000, 1), "past the end": range_text(4294901760, 65536),
    "beyond": range_text(4294836224, 4294836224),
}


def place(name):
    """A pod's name for a case of the tables."""
    return "p-" + "".join(c if c.isalnum() else "-" for c in name)


@pods_case("malformed files are findings, one each, and no allocations",
           before=lambda pods: [pods.write(place(name), text) for name, text in (MALFORMED | ODD).items()])
def malformed(node):
    found = node.findings()
    equal(sorted(file for _, file, _ in found), sorted(f"{place(name)}/userns" for name in MALFORMED | ODD))
    assert {rule for rule, _, _ in found} == {"kubelet-pods"} and all(message for _, _, message in found), found
    equal(node.client.list(), [])
    equal(node.allocate("a", count=UNIT)[0], "created")
    for name in MALFORMED | ODD:
        node.pods.remove(place(name))
    node.await_findings()


@pods_case("a file that goes bad leaves what it was; one that is mended is taken over",
           before=lambda pods: pods.put("a", *unit(0)))
def goes_bad(node):
    for text in list(MALFORMED.values())[:4]:
        node.pods.write("a", text)
        node.await_findings("a/userns")
        equal((node.allocation("a")["state"], node.kinds("a")), ("active", ["adopted"]))
    node.pods.put("a", *unit(0))
    node.await_findings()
    node.pods.write("a", GOOD[:-1])
    node.await_findings("a/userns")
    node.restart()
    node.await_findings("a/userns")
    equal(node.allocation("a")["state"], "active")
    node.pods.put("a", *unit(5))
    node.watch.wait("adopted", "a")
    equal(node.allocation("a")["start"], 6 * UNIT)


@pods_case("symbolic links, FIFOs and folders in a file's place, and a pod of that name")
def in_its_place(node):
    (node.scratch.path / "elsewhere").mkdir()
    (node.scratch.path / "elsewhere/userns").write_text(GOOD, encoding="utf-8")
    node.pods.make("link").symlink_to(node.scratch.path / "elsewhere/userns")
    os.mkfifo(node.pods.make("fifo"))
    node.pods.make("folder").mkdir()
    (node.pods.path / "linked").symlink_to(node.scratch.path / "elsewhere")
    node.pods.put("userns", *unit(2))
    node.watch.wait("adopted", "userns")
    node.await_findings("link/userns", "fifo/userns", "folder/userns", "linked/userns")
    equal([a["pod"] for a in node.client.list()], ["userns"])
    shutil.rmtree(node.pods.path / "folder")
    node.pods.put("folder", *unit(3))
    node.watch.wait("adopted", "folder")


@pods_case("folders whose name is no pod's", before=lambda pods: [pods.put(name, *unit(i)) for i, name in enumerate(
    ("-a", "a b", "ü", "a\nb", "x" * 129, "y" * 128))])
def bad_names(node):
    equal([(a["pod"], a["start"] // UNIT) for a in node.client.list()], [("y" * 128, 6)])
    equal(len(node.findings()), 5)
    assert not any("\n" in line for line in node.daemon.log.lines)
    equal(node.pool()["foreign"], 5)
    equal(node.allocate("a"), ("created", 6, 1))


@pods_case("a range that is not in the pool, or cut otherwise, is an allocation with a finding", config=QUICK,
           before=lambda pods: [pods.put("far", 100 * UNIT), pods.put("across", *unit(7, 3)),
                                pods.put("between", 2 * UNIT + 5), pods.put("small", *unit(4, 1)[:1], 10)])
def out_of_place(node):
    equal({a["pod"]: a["inPool"] for a in node.client.list()},
          {"between": True, "small": True, "across": False, "far": False})
    equal(sorted(file for _, file, _ in node.findings()),
          sorted(f"{name}/userns" for name in ("far", "across", "between", "small")))
    equal(node.pool()["outside"], 2)
    equal([node.allocate(f"q{i}")[1] for i in range(4)], [0, 3, 5, 6])
    node.client.expect_refused("PoolExhausted", "Allocate", {"pod": "x"})
    node.scratch.entry(f"kubelet:{UNIT}:{200 * UNIT}")
    node.call("Reload")
    node.await_findings("between/userns", "small/userns")
    equal(node.pool()["outside"], 0)


@case("files that only root can read: findings to a daemon that is not root")
def unreadable():
    if not IS_ROOT:
        raise Skip("needs root")
    with Scratch(config=CONFIG + PODS) as scratch:
        pods = Pods(scratch)
        for i, (pod, mode) in enumerate((("closed", 0o600), ("open", 0o644))):
            pods.put(pod, *unit(i))
            (pods.path / pod).chmod(0o755)
            (pods.path / pod / "userns").chmod(mode)
        pods.make("dark")
        (pods.path / "dark").chmod(0)
        copy = shutil.copy(SUBIDD, scratch.path / "subidd")
        os.chown(scratch.path, NOBODY, NOBODY)
        for path in (scratch.path / "var", scratch.path / "var/lib"):
            os.chown(path, NOBODY, NOBODY)
        with Daemon(scratch, command=[copy, "--root", str(scratch.path)], user=NOBODY, group=NOBODY,
                    extra_groups=[]) as daemon:
            node = Node(daemon, pods)
            equal([a["pod"] for a in node.client.list()], ["open"])
            found = node.await_findings("closed/userns", "dark/userns")
            assert all("ermission denied" in message for _, _, message in found), found
            (pods.path / "closed/userns").chmod(0o644)
            node.watch.wait("adopted", "closed")
            pods.path.chmod(0)
            node.close()
            daemon.end(signal.SIGTERM)
            daemon.start()
            node.connect()
            equal([a["pod"] for a in node.client.list()], ["closed", "open"])
            assert len(node.findings()) == 1 and "ermission denied" in node.findings()[0][2], node.findings()
            pods.path.chmod(0o755)
            node.close()


main()
