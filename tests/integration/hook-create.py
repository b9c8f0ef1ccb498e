# SPDX-License-Identifier: MIT
"""The OCI hook's stage createRuntime, with processes in real user namespaces in place of containers."""

import os

from harness import UNIT, equal, main
from hook_rig import CRI, CRIO, POD, Lossy, hook_case, mapped_as
from living import Process, idle, mapped, need, nested, without_namespace


def beside(process):
    """Another process in the same user namespace."""
    return Process("nsenter", "--target", process.pid, "--user", "--setuid", 0, "--setgid", 0, "env")


@hook_case("a range of a pool is recorded for the container, and bound to its process")
def records(rig):
    with mapped(rig.range(1)) as container:
        rig.create("web", container)
        found = rig.get("web")
        equal((found["start"], found["count"], found["state"], found["pid"]),
              (rig.range(1), UNIT, "active", container.pid))
        before = rig.snapshot()
        rig.create("web", container)
        equal(rig.snapshot(), before, "what a second call changed")
    rig.events.wait("released", "web")
    rig.wait_drained("web")
    with mapped(rig.range(1)) as container:
        rig.create("web", container)
        equal(rig.get("web")["pid"], container.pid)


@hook_case("a container without a user namespace of its own needs no daemon")
def no_namespace(rig):
    rig.end(15)
    with idle() as plain, mapped_as([(0, 2**32 - 1)]) as full, mapped_as([(1000, 1)]) as low:
        for process in (plain, full, low):
            rig.create("web", process)
        errors = rig.create("web", plain, {"io.subidd.userns": "auto"}, status=1)
        assert "precreate was not called" in errors, errors
    rig.begin()


@hook_case("in a user namespace of its own, as with rootless runtimes, the hook does nothing")
def rootless(rig):
    need("unshare", "--user", "--map-root-user")
    before = rig.snapshot()
    with mapped(rig.range(0)) as container:
        rig.run("createRuntime", rig.oci_state("web", container.pid), wrap=("unshare", "--user", "--map-root-user"))
    config = {"annotations": {"io.subidd.userns": "auto"}}
    errors = rig.run("precreate", config, wrap=("unshare", "--user", "--map-root-user"), status=1)
    assert "only root" in errors, errors
    equal(rig.snapshot(), before)


@hook_case("what is in no pool is nobody's business")
def elsewhere(rig):
    with mapped(rig.range(8) + UNIT) as container:
        before = rig.snapshot()
        rig.create("web", container)
        equal(rig.snapshot(), before)


@hook_case("the pod, its namespace and its name come from the annotations")
def annotated(rig):
    cases = [
        ("uid-1", {CRI + "sandbox-uid": "uid-1", CRI + "sandbox-id": "5a", CRI + "sandbox-namespace": "default",
                   CRI + "sandbox-name": "web-0", CRI + "container-type": "sandbox"}, ("default", "web-0")),
        ("uid-2", {CRIO + "SandboxID": "5b", CRIO + "Labels": '{"io.kubernetes.pod.uid":"uid-2",'
                   '"io.kubernetes.pod.name":"db-0","io.kubernetes.pod.namespace":"prod"}'}, ("prod", "db-0")),
        ("web", {POD: "web"}, (None, None)),
        ("5c", {"io.container.manager": "libpod", CRIO + "SandboxID": "5c"}, (None, None)),
    ]
    for unit, (pod, annotations, names) in enumerate(cases):
        with mapped(rig.range(unit)) as container:
            rig.create("c0ffee", container, annotations)
            found = rig.get(pod)
            equal((found["start"], found["pid"]), (rig.range(unit), container.pid), pod)
            equal((found.get("namespace"), found.get("name")), names, pod)


@hook_case("the containers of a pod share its range, and the first one keeps it")
def siblings(rig):
    annotations = {CRI + "sandbox-uid": "pod"}
    with mapped(rig.range(0)) as sandbox:
        rig.create("sandbox", sandbox, annotations)
        with beside(sandbox) as joined, mapped(rig.range(0)) as own:
            for name, container in (("joined", joined), ("own", own)):
                rig.create(name, container, annotations)
                equal(rig.get("pod")["pid"], sandbox.pid, name)
    rig.events.wait("released", "pod")


@hook_case("one that joins the user namespace of another pod has nothing of its own")
def joined(rig):
    with mapped(rig.range(0)) as first:
        rig.create("first", first)
        with beside(first) as second:
            before = rig.snapshot()
            rig.create("second", second)
            equal(rig.snapshot(), before)


@hook_case("the range of another pod is refused")
def taken(rig):
    rig.allocate("other")
    with mapped(rig.range(0)) as container:
        rig.refuse("web", container, f"{rig.range(0)}:{UNIT}", "pod other", "subidctl allocate web",
                   f"{POD}=other")
        rig.create("web", container, {POD: "other"})
        equal(rig.get("other")["pid"], container.pid)
    with mapped_as([(rig.range(1), UNIT - 1), (rig.range(2) - 1, 1)]) as container:
        rig.allocate("next")
        rig.refuse("web", container, "pod next")


@hook_case("a range of which a pod still has something alive is refused")
def draining(rig):
    with mapped(rig.range(0)) as left:
        rig.create("other", left)
        rig.release("other")
        with mapped(rig.range(0)) as container:
            rig.refuse("web", container, "was the pod other's", "another range")
            rig.create("other", container)
            equal((rig.state("other"), rig.get("other")["pid"]), ("active", container.pid))


@hook_case("a range that its pod may still come back to is refused", daemon_keys="ReuseDelaySec=3600\n")
def waiting(rig):
    rig.allocate("other")
    rig.release("other")
    rig.wait_drained("other")
    with mapped(rig.range(0)) as container:
        rig.refuse("web", container, "was the pod other", "another range")
        rig.create("other", container)
        equal(rig.get("other")["pid"], container.pid)


@hook_case("a range that was released, and that nobody waits for, is the next pod's")
def released(rig):
    rig.allocate("other")
    rig.release("other")
    rig.wait_drained("other")
    with mapped(rig.range(0)) as container:
        rig.create("web", container)
        rig.expect_pods(web=rig.range(0))


@hook_case("where the reply is lost, what was recorded is given back")
def lossy(rig):
    with mapped(rig.range(0)) as container, Lossy(rig, "Allocate") as path:
        rig.run("createRuntime", rig.oci_state("web", container.pid), socket=path, status=1)
        equal([event["kind"] for event in next(rig.client.stream("History", pod="web"))["events"]],
              ["released", "bound", "allocated"])
        rig.allocate("web")
        rig.run("createRuntime", rig.oci_state("web", container.pid), socket=path, status=1)
        rig.expect_pods(web=rig.range(0))


@hook_case("a process of somebody else in the range is named")
def intruder(rig):
    with mapped(rig.range(0)) as other, mapped(rig.range(0)) as container:
        rig.refuse("web", container, f"process {other.pid} (cat)", f"{rig.range(0)}:{UNIT}")
        rig.allocate("web")
        rig.refuse("web", container, f"process {other.pid} (cat)")
    with nested(rig.range(1)) as without_map, mapped(rig.range(1)) as container:
        rig.refuse("web2", container, f"process {without_map.pid}")
    with without_namespace(rig.range(2)) as user, mapped(rig.range(2)) as container:
        rig.refuse("web3", container, f"process {user.pid}")


@hook_case("what cannot belong to one pod is refused")
def pieces(rig):
    one, three = (rig.range(0), UNIT), (rig.range(2), UNIT)
    with mapped_as([one, three]) as container:
        rig.refuse("web", container, "two pieces", f"{rig.range(0)}:{UNIT}", f"{rig.range(2)}:{UNIT}")
    with mapped_as([one], [three]) as container:
        rig.refuse("web", container, "UIDs", "GIDs", f"{rig.range(0)}:{UNIT}", f"{rig.range(2)}:{UNIT}")
    with mapped_as([one], [(1000, 1)]) as container:
        rig.refuse("web", container, "GIDs in no pool")
    with mapped_as([(1000, 1)], [one]) as container:
        rig.refuse("web", container, "UIDs in no pool")
    with mapped_as([(rig.range(1), UNIT), one]) as container:
        rig.create("turned", container)
        equal((rig.get("turned")["start"], rig.get("turned")["count"]), (rig.range(0), 2 * UNIT))


@hook_case("a container with less than a unit takes the whole of it")
def small(rig):
    with mapped_as([(rig.range(3) + 1000, 10), (1000, 1)]) as container:
        rig.create("web", container)
        equal((rig.get("web")["start"], rig.get("web")["count"]), (rig.range(3), UNIT))
        with mapped_as([(rig.range(3) + 2000, 10)]) as other:
            rig.refuse("other", other, "pod web")
    with mapped_as([(rig.range(5) - 5, 10)]) as container:
        rig.create("border", container)
        equal((rig.get("border")["start"], rig.get("border")["count"]), (rig.range(4), 2 * UNIT))


@hook_case("a container with a part of its pod's units is the pod's")
def part(rig):
    rig.allocate("web", count=3 * UNIT)
    with mapped(rig.range(1)) as container:
        rig.create("web", container)
        equal((rig.get("web")["count"], rig.get("web")["pid"]), (3 * UNIT, container.pid))
    with mapped_as([(rig.range(2), 2 * UNIT)]) as container:
        rig.refuse("web", container, f"{rig.range(0)}:{3 * UNIT}")


@hook_case("a pod that has another range is refused")
def mismatch(rig):
    rig.allocate("web")
    with mapped(rig.range(4)) as container:
        rig.refuse("web", container, f"has the range {rig.range(0)}:{UNIT}", f"{rig.range(4)}:{UNIT}",
                   "subidctl release web")


@hook_case("an invalid pool keeps what is allocated in it")
def invalid(rig):
    rig.allocate_many("web", "other")
    rig.scratch.replace("subgid", f"kubelet:{rig.start}:{7 * UNIT}\n")
    rig.client.call("Reload")
    assert not rig.pool()["valid"]
    with mapped(rig.range(1)) as container:
        rig.refuse("new", container, "pod other")
    with mapped(rig.range(0)) as container:
        rig.create("web", container)
        equal(rig.get("web")["pid"], container.pid)
        before = rig.snapshot()
        rig.create("web", container)
        equal(rig.snapshot(), before)
    rig.events.wait("released", "web")
    with mapped(rig.range(0)) as container:
        if rig.state("web") == "draining":
            rig.refuse("web", container, "in no valid pool")


@hook_case("without the daemon a container with a user namespace is refused")
def away(rig):
    rig.end(15)
    with mapped(rig.range(0)) as container:
        errors = rig.create("web", container, status=1)
        assert "systemctl start subidd.socket" in errors, errors
    rig.begin()
    equal(rig.client.list(), [])


@hook_case("a state that is none is refused")
def nonsense(rig):
    with mapped(rig.range(0)) as container:
        deep = b'{"id":"web","pid":%d,"x":' % container.pid + b"[" * 40 + b"]" * 40 + b"}"
        for document in (b"", b"{", b"[]", b"null", b'"x"', b"{}x", b"{}", b'{"id":1}', b'{"id":""}', deep,
                         b'{"id":"a/b","pid":1}', b'{"id":"..","pid":1}', b'{"id":"web","pid":-1}',
                         b'{"id":"web","pid":4294967296}', b'{"id":"web","pid":"1"}', b'{"id":"web","pid":1.5}',
                         b'{"id":"web"}', b'{"id":"web","pid":4194305}', b" " * (16 << 20) + b"{}"):
            rig.run("createRuntime", document, status=1)
        errors = rig.create("-web", container, status=1)
        assert POD in errors and "-web" in errors, errors
        rig.create("-web", container, {POD: "web"})
    equal(os.path.exists(rig.run_dir), False, "a folder that nobody needs")


main()
