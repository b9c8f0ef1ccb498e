# SPDX-License-Identifier: MIT
"""The OCI hook called by runc and crun, as they are installed, with ranges that subidd gave out or did not."""

import os
import signal

from harness import UNIT, case, equal, main
from hook_rig import POD
from hook_world import World
from runtimes import maps_of, need_program


def runtime_case(name, *runtimes):
    """A case for each runtime."""
    def add(function):
        for runtime in runtimes:
            def run(runtime=runtime):
                need_program(runtime)
                with World() as world:
                    function(world, runtime)
            case(f"{name}: {runtime}", needs_root=True)(run)
        return function
    return add


@runtime_case("the range is recorded, and given back", "runc", "crun")
def recorded(world, runtime):
    start = world.rig.allocate("web")
    with world.start(runtime, "web", world.bundle(runtime, start)):
        pid = world.pid(runtime, "web")
        equal(maps_of(pid), (f"0 {start} {UNIT}",) * 2)
        equal((world.rig.get("web")["pid"], world.rig.state("web")), (pid, "active"))
    assert world.rig.state("web") != "active", world.rig.get("web")
    with world.start(runtime, "other", world.bundle(runtime, world.rig.range(3))):
        found = world.rig.get("other")
        equal((found["start"], found["pid"]), (world.rig.range(3), world.pid(runtime, "other")))


@runtime_case("a second container on the range is refused", "runc", "crun")
def refused(world, runtime):
    start = world.rig.range(0)
    with world.start(runtime, "first", world.bundle(runtime, start)):
        before = world.rig.snapshot()
        _, errors = world.host.run(runtime, "run", "--bundle", world.bundle(runtime, start + 1000, size=1000),
                                   "second", status={"runc": 1, "crun": 255}[runtime])
        equal(world.rig.snapshot(), before)
        equal(world.host.mapped(), [world.pid(runtime, "first")], "who lives in ranges")
        if runtime == "runc":  # which shows what a hook printed
            assert f"the range {start}:{UNIT} belongs to the pod first" in errors, errors
        with world.start(runtime, "third", world.bundle(runtime, start, {POD: "first"})):
            equal(world.rig.get("first")["pid"], world.pid(runtime, "first"))


@runtime_case("one that is killed, and never deleted, gives its range back", "runc", "crun")
def killed(world, runtime):
    with world.rig.daemon.client() as client:
        stream = client.stream("Monitor")
        next(stream)
        container = world.start(runtime, "web", world.bundle(runtime, world.rig.range(0)))
        pid = world.pid(runtime, "web")
        container.process.kill()  # the runtime: nobody deletes the container
        os.kill(pid, signal.SIGKILL)
        container.end()
        seen = []
        while "drained" not in seen:
            seen += [event["kind"] for event in next(stream)["events"]]
        equal(seen, ["allocated", "bound", "released", "drained"])
        equal(world.rig.state("web"), "released")


main()
