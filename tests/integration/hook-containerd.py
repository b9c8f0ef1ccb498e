# SPDX-License-Identifier: MIT
"""The OCI hook called for the pods of containerd's CRI, through a base_runtime_spec."""

from harness import UNIT, case, equal, main
from hook_world import World
from runtimes import maps_of, need_program
from runtimes_containerd import IMAGE
from runtimes_cri import NAMESPACES, SANDBOX, Cri

# More messages of the CRI; see runtimes_cri.py.
SECURITY = {"namespace_options": (3, NAMESPACES)}
CONTAINER = {"metadata": (1, {"name": (1, None)}), "image": (2, {"image": (1, None)}), "command": (3, None),
             "linux": (15, {"security_context": (2, SECURITY)})}
CREATE = {"pod_sandbox_id": (1, None), "config": (2, CONTAINER), "sandbox_config": (3, SANDBOX)}
START = {"container_id": (1, None)}


def options(start):
    """What the kubelet asks for."""
    mapping = [{"host_id": start, "container_id": 0, "length": UNIT}]
    return {"mode": 0, "uids": mapping, "gids": mapping}


def run_container(cri, sandbox, pod, start, name="first"):
    """A container of a pod: its first process."""
    spaces = {"namespace_options": {"userns_options": options(start)}}
    config = {"metadata": {"name": name}, "image": {"image": IMAGE}, "command": ["sleep", "1000000"],
              "linux": {"security_context": spaces}}
    pod_config = {"metadata": {"name": pod, "uid": pod, "namespace": "default"}, "hostname": pod,
                  "linux": {"security_context": spaces}}
    reply = cri.call("CreateContainer", CREATE, {"pod_sandbox_id": sandbox, "config": config,
                                                 "sandbox_config": pod_config})
    container = reply[2:].decode()
    cri.call("StartContainer", START, {"container_id": container})
    return cri.pid(container)


def containerd_case(name):
    """A case with a containerd."""
    def add(function):
        def run():
            need_program("containerd", "ctr")
            with World() as world, Cri(world.host, world.base_spec()) as cri:
                function(world, cri)
        return case(f"containerd: {name}", needs_root=True)(run)
    return add


@containerd_case("the range of a pod is recorded with its first container, and given back")
def recorded(world, cri):
    start = world.rig.range(1)
    sandbox = cri.run_pod("uid-1", options(start))
    pid, found = run_container(cri, sandbox, "uid-1", start), world.rig.get("uid-1")
    equal(maps_of(pid), (f"0 {start} {UNIT}",) * 2)
    equal((found["start"], found["state"], found["pid"]), (start, "active", pid))
    equal((found["namespace"], found["name"]), ("default", "uid-1"))
    cri.remove_pod(sandbox)
    world.rig.events.wait("released", "uid-1")


def expect_refused(word, *arguments):
    """The container must not be started, for this reason."""
    try:
        run_container(*arguments)
    except AssertionError as error:
        assert word in str(error), error
    else:
        raise AssertionError("it was started")


@containerd_case("containers of two pods never share a range, though containerd would let them")
def refused(world, cri):
    start = world.rig.range(0)
    first, second = [cri.run_pod(name, options(start)) for name in ("uid-1", "uid-2")]
    expect_refused(f"process {cri.pid(second)} (sleep) lives in", cri, first, "uid-1", start)
    equal(world.rig.client.list(), [])
    cri.remove_pod(second)
    pid = run_container(cri, first, "uid-1", start, "again")
    second = cri.run_pod("uid-2", options(start))
    before = world.rig.snapshot()
    expect_refused("belongs to the pod uid-1", cri, second, "uid-2", start)
    equal(world.rig.snapshot(), before)
    equal(world.rig.get("uid-1")["pid"], pid)
    for sandbox in (first, second):
        cri.remove_pod(sandbox)


main()
