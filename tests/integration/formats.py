# SPDX-License-Identifier: MIT
"""What subidctl -o prints, fed to the program it is for: did the process that was started get these maps?"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

from client import TIMEOUT
from harness import SUBIDD, UNIT, Daemon, Scratch, Watch, case, equal, main
from living import RUNTIMES, Rig, mapped
from pods import QUICK, Pods
from runtimes import PATH, Host, maps_of, need_program
from runtimes_containerd import IMAGE, Containerd
from runtimes_cri import Cri

SUBIDCTL = os.environ.get("SUBIDCTL") or str(pathlib.Path(SUBIDD).resolve().parents[1] / "cli/subidctl")
N_UNITS = 8
PODS = (("single", 1), ("several", 3))
OPTIONS = ("podman", "ctr", "nspawn", "unshare")
JSON = ("oci", "cri", "kubelet")
SHELLS = (["sh"], ["bash"], ["busybox", "sh"])


class World:
    """A daemon with two pods, and a host where `subidctl` asks it."""

    def __init__(self, **options):
        self.rig = Rig(N_UNITS, slots=RUNTIMES)
        self.options, self.host, self.pods = options, None, []

    def __enter__(self):
        self.rig.__enter__()
        try:
            self.host = Host(**self.options)
            self.host.variables = {"PATH": f"{os.path.dirname(SUBIDCTL)}:{PATH}",
                                   "SUBIDD_SOCKET": str(self.rig.scratch.socket)}
            for pod, n_units in PODS:
                start = self.rig.allocate(pod, count=n_units * UNIT)
                self.pods.append((pod, start, f"0 {start} {n_units * UNIT}"))
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(self, *error):
        try:
            self.rig.__exit__(*error)
        finally:
            if self.host:
                self.host.__exit__(*error)

    def subidctl(self, *words):
        """What it prints."""
        return self.host.run("subidctl", *words)[0]

    def paste(self, pod, form, command):
        """A container that is started by a command with $ids; none if there are no IDs."""
        return self.host.container("sh", "-c", f"ids=$(subidctl show {pod} -o {form}) && exec {command}")

    def look(self, pid, wanted, pod):
        """The process has the pod's range and nothing else, and is the only one that was given any."""
        equal((maps_of(pid), self.host.mapped()), ((wanted, wanted), [pid]), pod)


def format_case(name, *programs, **options):
    """A case for each pod of a World; it is told the pod's name, first ID and map."""
    def add(function):
        def run():
            need_program(*programs)
            with World(**options) as world:
                for pod, start, wanted in world.pods:
                    function(world, pod, start, wanted)
        return case(name, needs_root=True)(run)
    return add


def podman_case(runtime):
    """podman may use either."""
    @format_case(f"-o podman: podman run with {runtime}", "podman", "conmon", runtime)
    def run(world, pod, start, wanted):
        command = f"podman --runtime {runtime} run --interactive --rm --name {pod} $ids " \
            f"--rootfs {world.host.rootfs(start)} cat"
        with world.paste(pod, "podman", command):
            world.look(world.host.podman_pid(pod), wanted, pod)


podman_case("runc")
podman_case("crun")


@case("-o ctr: ctr run of containerd", needs_root=True)
def _():
    with World() as world, Containerd(world.host) as containerd:
        for pod, _, wanted in world.pods:
            # no cgroup need have a weight, and the image's files become the range's
            command = f"ctr run --rm --cpu-shares 0 --snapshotter native $ids {IMAGE} {pod}"
            with world.paste(pod, "ctr", command):
                world.look(containerd.pid(pod), wanted, pod)


def nspawn_case(form, option):
    """It takes the plain range as well."""
    @format_case(f"-o {form}: systemd-nspawn {option}", "systemd-nspawn", own_cgroups=False)
    def run(world, pod, start, wanted):
        command = "systemd-nspawn --quiet --register=no --keep-unit --console=pipe --link-journal=no " \
            f"--resolv-conf=off --timezone=off {option} --directory={world.host.rootfs(start)} cat"
        with world.paste(pod, form, command):
            world.look(world.host.mapped()[0], wanted, pod)


nspawn_case("nspawn", "$ids")
nspawn_case("range", "--private-users=$ids")


@format_case("-o unshare: unshare, and newuidmap that it calls", "unshare", "newuidmap", "newgidmap")
def _(world, pod, start, wanted):
    for name in ("subuid", "subgid"):
        world.host.cover(f"/etc/{name}", f"root:{start}:{wanted.split()[2]}\n")
    with world.paste(pod, "unshare", "unshare --user $ids cat") as container:
        world.look(container.process.pid, wanted, pod)


def oci_case(runtime):
    """Both read the same configuration."""
    @format_case(f"-o oci: {runtime}, in what {runtime} spec writes", runtime)
    def run(world, pod, start, wanted):
        def change(config):
            fragment = json.loads(world.subidctl("show", pod, "-o", "oci"))
            equal(sorted(fragment), ["gidMappings", "namespaces", "uidMappings"], "members")
            config["linux"]["namespaces"] += fragment.pop("namespaces")
            config["linux"] |= fragment
        bundle = world.host.bundle(world.host.rootfs(start), change, runtime)
        with world.host.container(runtime, "run", "--bundle", bundle, pod):
            world.look(world.host.oci_state(runtime, pod)["pid"], wanted, pod)

    @format_case(f"-o json: {runtime}, with the mappings of the reply", runtime)
    def run_json(world, pod, start, wanted):
        def change(config):
            reply = json.loads(world.subidctl("show", pod, "-o", "json"))
            config["linux"]["namespaces"].append({"type": "user"})
            config["linux"] |= {name: reply[name] for name in ("uidMappings", "gidMappings")}
        bundle = world.host.bundle(world.host.rootfs(start), change, runtime)
        with world.host.container(runtime, "run", "--bundle", bundle, pod):
            world.look(world.host.oci_state(runtime, pod)["pid"], wanted, pod)


oci_case("runc")
oci_case("crun")


@format_case("-o cri: the fields of UserNamespace in the CRI")
def _(world, pod, start, wanted):
    count = int(wanted.split()[2])
    found = json.loads(world.subidctl("show", pod, "-o", "cri"))
    mappings = [{"host_id": start, "container_id": 0, "length": count}]
    equal(found, {"mode": 0, "uids": mappings, "gids": mappings}, pod)  # 0 is POD
    with mapped(found["uids"][0]["host_id"], found["gids"][0]["length"]) as process:
        equal(maps_of(process.pid), (wanted, wanted), pod)


@case("-o cri: a pod of containerd, started through its CRI", needs_root=True)
def _():
    with World() as world, Cri(world.host) as cri:
        for pod, _, wanted in world.pods:
            sandbox = cri.run_pod(pod, json.loads(world.subidctl("show", pod, "-o", "cri")))
            world.look(cri.pid(sandbox), wanted, pod)
            cri.remove_pod(sandbox)


@format_case("-o kubelet: the daemon's own reader of the kubelet's files")
def _(world, pod, start, wanted):
    count = int(wanted.split()[2])
    with Scratch(f"kubelet:{world.rig.start}:{N_UNITS * UNIT}", QUICK) as scratch:
        pods = Pods(scratch)
        with Daemon(scratch) as daemon, Watch(daemon) as watch, daemon.client() as client, mapped(start, count) as it:
            pods.write(pod, world.subidctl("show", pod, "-o", "kubelet"))
            watch.wait("adopted", pod)
            found = client.call("Get", pod=pod)
            equal((found["allocation"]["origin"], maps_of(it.pid)), ("kubelet", (wanted, wanted)), pod)
            for name in ("uidMappings", "gidMappings"):
                equal(found[name], [{"containerID": 0, "hostID": start, "size": count}], name)


@case("what is printed goes through a shell as it is", needs_root=True)
def _():
    with World() as world:
        folder = world.host.folder / "names"
        folder.mkdir()
        for name in "0123456789:=,-m{}[]u":  # what a pattern could stand for
            (folder / name).touch()
        for pod, start, wanted in world.pods:
            for form in OPTIONS + JSON + ("range",):
                text = world.subidctl("show", pod, "-o", form)
                assert re.fullmatch(r"[ -&(-~]+\n", text), text  # one line, and nothing that ends quotes
                equal(world.subidctl("allocate", pod, "--count", wanted.split()[2], "-o", form), text, "allocate")
                for shell in filter(lambda shell: shutil.which(shell[0]), SHELLS):
                    paste(folder, shell, form, text, world.host.environment(), pod)


def paste(folder, shell, form, text, environment, pod):
    """As words where it is options, else between quotes; typed in, and by substitution."""
    line = text.rstrip("\n")
    words = line.split(" ") if form in OPTIONS else [line]
    pasted = f"{line} $(subidctl show {pod} -o {form})" if form in OPTIONS else \
        f"'{line}' \"$(subidctl show {pod} -o {form})\""
    done = subprocess.run([*shell, "-c", f"printf '%s\\n' {pasted}"], cwd=folder, env=environment, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=TIMEOUT, check=True)
    equal(done.stdout.splitlines(), words * 2, f"{form} through {' '.join(shell)}")


@case("where there is no range nothing is started", needs_root=True)
def _():
    need_program("podman")
    with World() as world:
        root = world.host.rootfs()
        for status, ask in ((1, "allocate other --count 524288"), (1, "show other"), (3, "--socket /x show other")):
            command = f"ids=$(subidctl {ask} -o podman) && podman run $ids --rootfs {root} true"
            output, errors = world.host.run("sh", "-c", command, status=status)
            assert not output and errors.startswith("subidctl: ") and errors.count("\n") == 1, errors
        equal(world.host.run("podman", "ps", "--all", "--quiet")[0], "", "containers")


@case("the range of a container that is killed and never deleted comes free", needs_root=True, is_slow=True)
def _():
    need_program("podman", "conmon", "crun")
    with World() as world:
        pod, start, wanted = world.pods[0]
        command = f"podman --runtime crun run --interactive --name {pod} $ids " \
            f"--rootfs {world.host.rootfs(start)} cat"
        container = world.paste(pod, "podman", command)
        pid = world.host.podman_pid(pod)
        world.look(pid, wanted, pod)
        world.subidctl("bind", pod, str(pid))
        os.kill(pid, signal.SIGKILL)
        equal(container.end(), 128 + signal.SIGKILL, "status of podman")
        world.rig.events.wait("released", pod)
        world.rig.wait_drained(pod)


main()
