# SPDX-License-Identifier: MIT
"""The OCI hook called by podman, as it is installed, through the hook files that are installed for it."""

import os
import signal

from harness import UNIT, Skip, case, equal, main
from hook_world import World
from runtimes import maps_of, need_program

AUTO = ("--annotation", "io.subidd.userns=auto")


def podman_case(name):
    """A case with podman, runc and the hook."""
    def add(function):
        def run():
            need_program("podman", "conmon", "runc")
            with World() as world:
                world.install()
                function(world)
        return case(f"podman: {name}", needs_root=True)(run)
    return add


def look(world, name, start, pod=None):
    """The container lives in the range, and so does the pod."""
    pid = world.host.podman_pid(name)
    equal(maps_of(pid), (f"0 {start} {UNIT}",) * 2, name)
    found = world.rig.get(pod or world.host.run("podman", "inspect", "--format", "{{.Id}}", name)[0].strip())
    equal((found["start"], found["state"]), (start, "active"), name)
    return pid, found


def start(world, runtime, root):
    """A container with the annotation, or the reason why there can be none here."""
    try:
        return world.host.container(*world.podman("--rm", "--name", "web", *AUTO, root=root, runtime=runtime))
    except AssertionError as error:
        if "setrlimit" in str(error):
            raise Skip(f"{runtime} of this version wants to raise a limit, and may not") from error
        raise


def alone_case(runtime):
    """podman may use either."""
    @podman_case(f"the annotation alone gives a container a range, whose root filesystem it can use: {runtime}")
    def run(world):
        need_program(runtime)
        root = world.host.rootfs()
        with start(world, runtime, root):
            pid, found = look(world, "web", world.rig.range(0))
            equal((found["pid"], world.places()), (pid, [found["pod"]]))
            world.host.run("podman", "exec", "web", "sh", "-c", "echo 192.0.2.1 host >>/etc/hosts && touch /new")
            equal([(root / name).stat().st_uid for name in ("bin", "new")], [0, 0], "owners on the disk")
        world.host.run("podman", "container", "cleanup", "--all")
        equal(world.places(), [])
        world.rig.events.wait("released", found["pod"])
        world.rig.wait_drained(found["pod"])


alone_case("runc")
alone_case("crun")


@podman_case("a container that is started again gets its range again")
def again(world):
    create = world.podman("--name", "web", *AUTO)
    create[create.index("run")] = "create"
    world.host.run(*create)
    for _ in range(2):
        with world.host.container("podman", "--runtime", "runc", "start", "--attach", "--interactive", "web"):
            pid, found = look(world, "web", world.rig.range(0))
            equal(found["pid"], pid)
        world.host.run("podman", "container", "cleanup", "web")
        equal((world.places(), world.rig.state(found["pod"]) != "active"), ([], True))
        world.rig.allocate("next")
    remove(world, "rm", "web")


@podman_case("flags over the range of another container are refused")
def over(world):
    need_program("crun")
    with world.host.container(*world.podman("--rm", "--name", "web", *AUTO)):
        pid, found = look(world, "web", world.rig.range(0))
        mapping = f"0:{found['start']}:{UNIT}"
        command = world.podman("--rm", "--name", "thief", "--uidmap", mapping, "--gidmap", mapping,
                               root=world.host.rootfs(found["start"]))
        _, errors = world.host.run(*command, status=126)
        assert f"belongs to the pod {found['pod']}" in errors, errors
        equal(world.host.mapped(), [pid], "who lives in ranges")
        # podman does not know web's mapping and gives a placeholder, which runc 1.1.15 compares and refuses
        command = world.podman("--rm", "--name", "friend", "--userns", "container:web",
                               root=world.host.rootfs(found["start"]), runtime="crun")
        with world.host.container(*command):
            equal(maps_of(world.host.podman_pid("friend")), maps_of(pid))
        equal(world.rig.get(found["pod"])["pid"], pid)


@podman_case("flags and the annotation together are refused, and leave nothing")
def both(world):
    mapping = f"0:{world.rig.range(2)}:{UNIT}"
    world.host.run(*world.podman("--rm", "--uidmap", mapping, "--gidmap", mapping, *AUTO), status=126)
    world.host.run(*world.podman("--rm", "--annotation", "io.subidd.userns=private"), status=126)
    equal((world.places(), world.rig.client.list()), ([], []))


@podman_case("a creation that fails later leaves nothing")
def fails(world):
    command = world.podman("--rm", *AUTO)
    command[-1] = "/no-such-program"
    world.host.run(*command, status=127)
    world.rig.wait_drained(*[one["pod"] for one in world.rig.client.list(state="draining")])
    equal([one["state"] for one in world.rig.client.list()], ["released"])
    with world.host.container(*world.podman("--rm", "--name", "web", *AUTO)):
        _, found = look(world, "web", world.rig.range(1))
        equal(world.places(), [found["pod"]], "what the next container left")


@podman_case("the containers of a pod share its range")
def pod(world):
    name = world.host.run("podman", "pod", "create", "--infra=false", "pod")[0].strip()
    options = ("--rm", "--pod", "pod", *AUTO)
    with world.host.container(*world.podman("--name", "first", *options)):
        pid, _ = look(world, "first", world.rig.range(0), name)
        with world.host.container(*world.podman("--name", "second", *options)):
            _, found = look(world, "second", world.rig.range(0), name)
            equal(found["pid"], pid)
        equal(world.rig.state(name), "active")
    with world.host.container(*world.podman("--rm", "--name", "other", *AUTO)):
        look(world, "other", world.rig.range(1))


@podman_case("the containers of a pod join the user namespace that flags gave to it")
def infra(world):
    image, start = world.image(), world.rig.range(3)
    world.host.run("podman", "--runtime", "runc", "pod", "create", "--share-parent=false", "--name", "pod",
                   "--infra-image", image, "--infra-command", "sleep 600", "--share", "net,ipc,uts",
                   *(f"--{kind}map=0:{start}:{UNIT}" for kind in ("uid", "gid")))
    out, _ = world.host.run("podman", "--runtime", "runc", "run", "--rm", "--pod", "pod", image, "cat",
                            "/proc/self/uid_map")
    equal(out.split(), ["0", str(start), str(UNIT)])
    one, = world.rig.client.list()
    equal((one["start"], one["state"]), (start, "active"))
    remove(world, "pod", "rm", "--force", "--time", "0", "pod")
    world.rig.events.wait("released", one["pod"])


@podman_case("an image on an overlay, whose files stay those of the container's root")
def overlay(world):
    storage = (world.host.containers / "storage.conf").read_text(encoding="utf-8")
    world.host.write("storage.conf", storage.replace('"vfs"', '"overlay"'))
    image = world.image()
    world.host.run("podman", "--runtime", "runc", "create", "--name", "web", *AUTO, image, "sh", "-c",
                   "cat /proc/self/uid_map; stat -c %u:%g / /bin/busybox; cat /mark; id -u >/mark")
    equal(start_again(world, []), world.rig.range(0))
    world.rig.wait_drained(*[one["pod"] for one in world.rig.client.list()])
    others = {world.rig.allocate(f"other-{i}"): f"other-{i}" for i in range(8)}
    equal(world.rig.client.call("Reconcile", pods=[others[world.rig.range(0)]])["missing"], [])
    world.rig.wait_drained(*[one["pod"] for one in world.rig.client.list(state="draining")])
    assert start_again(world, ["0"]) != world.rig.range(0)
    equal(world.places(), [])


def remove(world, *words):
    """podman races with its own clean-up and may find /dev/shm busy (its issues 10454 and 11594): tried twice."""
    *command, name = ("podman", "--runtime", "runc", *words)
    world.host.run(*command, name, status=None)
    world.host.run(*command, "--ignore", name)


def start_again(world, mark):
    """Starts the overlay's container, which sees its files and its mark of the last time: the start of its range."""
    out, errors = world.host.run("podman", "--runtime", "runc", "start", "--attach", "web", status=None)
    uid_map, *rest = out.splitlines()
    equal(rest, ["0:0", "0:0", *mark], errors)
    world.host.run("podman", "container", "cleanup", "web")
    inside, start, count = map(int, uid_map.split())
    equal((inside, count), (0, UNIT))
    return start


@podman_case("a container that is killed, and never deleted, gives its range back")
def killed(world):
    container = world.host.container(*world.podman("--name", "web", *AUTO))
    pid, found = look(world, "web", world.rig.range(0))
    conmon = int(world.host.run("podman", "inspect", "--format", "{{.State.ConmonPid}}", "web")[0])
    os.kill(conmon, signal.SIGKILL)  # nobody calls poststop
    os.kill(pid, signal.SIGKILL)
    world.rig.events.wait("released", found["pod"])
    world.rig.wait_drained(found["pod"])
    equal(world.places(), [found["pod"]])
    with world.host.container(*world.podman("--rm", "--name", "next", *AUTO)):
        _, after = look(world, "next", world.rig.range(1))
        equal(world.places(), [after["pod"]], "what was swept")
    container.process.kill()
    container.end()


main()
