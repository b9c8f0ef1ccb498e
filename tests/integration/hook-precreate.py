# SPDX-License-Identifier: MIT
"""The OCI hook's stages precreate and poststop."""

import copy
import json
import os
import pathlib
import shutil
import subprocess
import sys

from client import TIMEOUT
from harness import UNIT, case, equal, main
from hook_rig import CRI, HOOK, NAME, POD, Lossy, hook_case
from living import Process, idle, mapped, need

CONFIG = json.loads((pathlib.Path(__file__).parents[1] / "fuzz/corpus/hook/podman").read_text(encoding="utf-8"))
ID = "c0ffee" * 10 + "abcd"  # in that file
USERNS = "io.subidd.userns"
SANDBOX = "io.kubernetes.cri-o.SandboxID"
BIND = ["rprivate", "nosuid", "noexec", "nodev"]


class Container:
    """A configuration as podman would ask with, and a root filesystem for it."""

    def __init__(self, rig, mode="auto", name=None, **annotations):
        self.rig, self.config, self.options = rig, copy.deepcopy(CONFIG), ("--id", name) if name else ()
        self.root = rig.scratch.path / "rootfs"
        self.root.mkdir(exist_ok=True)
        self.userdata = rig.scratch.path / f"overlay-containers/{ID}/userdata"
        self.userdata.mkdir(parents=True, exist_ok=True)
        self.config["root"]["path"] = str(self.root)
        for mount in self.config["mounts"]:
            if "/overlay-containers/" in mount.get("source", ""):
                path = self.userdata / pathlib.Path(mount["source"]).name
                mount["source"] = str(path)
                path.mkdir(exist_ok=True) if path.name == "shm" else path.touch()
        self.config["annotations"] |= {USERNS: mode, **annotations}

    def namespace(self, kind, path=None):
        """Replaces a namespace of its own by the host's, or by that at the path."""
        namespaces = self.config["linux"]["namespaces"]
        namespaces[:] = [one for one in namespaces if one["type"] != kind]
        if path:
            namespaces.append({"type": kind, "path": path})

    def mount(self, destination, config=None):
        """Of the configuration, or of that of the hook."""
        return next(one for one in (config or self.config)["mounts"] if one["destination"] == destination)

    def run(self):
        """What the hook makes of it. The mount goes with the namespace in which it was made."""
        return json.loads(self.rig.run("precreate", self.config, *self.options, wrap=("unshare", "--mount")))

    def refuse(self, *words, **options):
        """It must be refused, and nothing may be left."""
        before = self.rig.client.list(state="active"), self.places()
        errors = self.rig.run("precreate", self.config, wrap=("unshare", "--mount"), status=1, **options)
        for word in words:
            assert str(word) in errors, f"no {word!r} in {errors!r}"
        equal((self.rig.client.list(state="active"), self.places()), before)
        return errors

    def places(self):
        """Of root filesystems."""
        return sorted(self.rig.run_dir.iterdir()) if self.rig.run_dir.exists() else []


def precreate_case(name, **options):
    """A case with mounts of its own."""
    def add(function):
        def run(rig):
            need("unshare", "--mount")
            function(rig)
        return hook_case(name, **options)(run)
    return add


@precreate_case("a configuration gets a range, and keeps everything else")
def whole(rig):
    container = Container(rig)
    found = container.run()
    start = rig.get(ID)["start"]
    mapping = [{"containerID": 0, "hostID": start, "size": UNIT}]
    wanted = container.config
    wanted["linux"]["namespaces"].append({"type": "user"})
    wanted["linux"] |= {"uidMappings": mapping, "gidMappings": mapping}
    wanted["root"]["path"] = str(rig.run_dir / ID / "rootfs")
    wanted["annotations"][POD] = ID
    for name in wanted | found:
        equal(found.get(name), wanted.get(name), name)
    equal([list(found), found["linux"]["seccomp"]], [list(wanted), wanted["linux"]["seccomp"]], "order, numbers")
    equal(rig.get(ID)["pid"], os.getpid(), "the runtime")
    for path in container.userdata.iterdir():
        equal((path.stat().st_uid, path.stat().st_gid), (0, 0) if path.is_dir() else (start, start), str(path))


@precreate_case("one that asks for nothing stays as it is")
def unasked(rig):
    container = Container(rig)
    del container.config["annotations"][USERNS]
    equal(container.run(), container.config)
    rig.expect_pods()


@precreate_case("all forms of the annotation")
def modes(rig):
    def mappings(kind):
        return [(one["containerID"], one["hostID"], one["size"]) for one in found["linux"][f"{kind}Mappings"]]

    for number, name in enumerate((USERNS, "io.kubernetes.cri-o.userns-mode", "userns-mode.crio.io")):
        container = Container(rig, name=f"small{number}")
        mode = container.config["annotations"].pop(USERNS).removeprefix("auto") + "auto:size=1000"
        container.config["annotations"][name] = mode
        found, start = container.run(), rig.get(f"small{number}")["start"]
        equal((mappings("uid"), rig.get(f"small{number}")["count"]), ([(0, start, 1000)], UNIT), name)
    container = Container(rig, f"auto:size={UNIT + 1};pool=kubelet", name="large")
    found = container.run()
    equal((mappings("gid"), rig.get("large")["count"]), ([(0, rig.get("large")["start"], UNIT + 1)], 2 * UNIT))
    user = {"uid": 1000, "gid": 2000, "additionalGids": [5, 3000]}
    container = Container(rig, "auto:keep-id=true;size=2500", name="kept")
    container.config["process"]["user"] |= user
    found, start = container.run(), rig.get("kept")["start"]
    equal(mappings("uid"), [(0, start, 1000), (1000, 1000, 1), (1001, start + 1001, 1499)])
    equal(mappings("gid"), [(0, start, 5), (5, 5, 1), (6, start + 6, 1994), (2000, 2000, 1),
                            (2001, start + 2001, 499), (3000, 3000, 1)])
    container = Container(rig, "auto:map-to-root=true")
    container.config["process"]["user"] |= user
    found, start = container.run(), rig.get(ID)["start"]
    equal((mappings("uid"), mappings("gid")), tuple([(0, one, 1), (1, start + 1, UNIT - 1)] for one in (1000, 2000)))
    equal(found["process"]["user"], container.config["process"]["user"] | {"uid": 0, "gid": 0})
    owners = {path.stat().st_uid for path in container.userdata.iterdir() if path.is_file()}
    equal(owners, {1000}, "the owner of small files")


@precreate_case("what the annotation cannot mean is refused before anything is allocated")
def wrong_modes(rig):
    cases = [("", "auto"), ("private", "auto"), ("auto:", "KEY=VALUE"), ("auto:size=0", "size"),
             ("auto:uidmapping=0:1:1", "uidmapping"), ("auto:keep-id=true;map-to-root=true", "together"),
             ("auto:pool=none", "none"), (f"auto:size={9 * UNIT}", "range")]
    for mode, word in cases:
        Container(rig, mode).refuse(word)
    for mode in ("auto:keep-id=true", "auto:map-to-root=true"):
        Container(rig, mode).refuse("not for root")
    container = Container(rig, "auto:keep-id=true")
    container.config["process"]["user"] |= {"uid": rig.range(2), "gid": 1000}
    container.refuse(f"UID {rig.range(2)}", "pool kubelet")
    container = Container(rig, "auto:size=100")
    container.config["process"]["user"] |= {"uid": 100}
    container.refuse("UID 100", "size=")


@precreate_case("an ID that is to be kept, and is in the range of a pod outside the pool, is refused")
def kept(rig):
    rig.allocate_many("a", "b")
    rig.scratch.entry(f"kubelet:{rig.range(2)}:{6 * UNIT}")
    rig.client.call("Reload")
    container = Container(rig, "auto:keep-id=true")
    container.config["process"]["user"] |= {"uid": rig.range(0) + 5, "gid": 1000}
    container.refuse("pod a's")


@precreate_case("a user namespace by flags is refused")
def flags(rig):
    container = Container(rig)
    container.config["linux"]["uidMappings"] = [{"containerID": 0, "hostID": 5, "size": 5}]
    container.refuse("already has a user namespace; leave either the flags or the annotation out")
    container = Container(rig)
    container.namespace("user", "/proc/1/ns/user")
    container.refuse("already has a user namespace")


@precreate_case("mounts that a user namespace cannot make are changed, or it is said why not")
def mounts(rig):
    container = Container(rig)
    container.namespace("network", "/run/netns/x")
    found = container.run()
    equal(container.mount("/sys", found), {"destination": "/sys", "type": "bind", "source": "/sys",
                                           "options": [*BIND, "rbind", "ro"]})
    for kind in ("network", "pid", "ipc"):
        container.namespace(kind)
    found = container.run()
    for path, flag, access in (("/sys", "rbind", "ro"), ("/proc", "rbind", "rw"), ("/dev/mqueue", "bind", "rw")):
        equal(container.mount(path, found), {"destination": path, "type": "bind", "source": path,
                                             "options": [*BIND, flag, access]})
    rig.client.call("Release", pod=ID)
    for kind, path in (("pid", "/proc"), ("ipc", "/dev/mqueue")):
        container = Container(rig)
        container.namespace(kind, "/proc/1/ns/x")
        container.refuse(path, f"joins the {kind} namespace /proc/1/ns/x", f"--{kind}=private")
    container = Container(rig, "auto:size=5")
    assert "gid=5" not in container.mount("/dev/pts", container.run())["options"]


@precreate_case("the ID is found, or it is said where it should be")
def ids(rig):
    container = Container(rig)
    container.config["linux"]["cgroupsPath"] = f"machine.slice:libpod:{ID[::-1]}"
    container.run()
    rig.expect_pods(**{ID[::-1]: rig.range(0)})
    container.config["linux"]["cgroupsPath"] = "/user.slice/x"
    container.run()
    rig.expect_pods(**{ID[::-1]: rig.range(0), ID: rig.range(1)})
    container.config["linux"]["cgroupsPath"] = f"/x/libpod-payload-{ID[::-1]}"
    container.run()
    rig.expect_pods(**{ID[::-1]: rig.range(0), ID: rig.range(1)})
    container.config["mounts"] = []
    container.config["linux"]["cgroupsPath"] = "/user.slice/x"
    container.refuse("libpod-ID", "-containers/ID/userdata/")


@precreate_case("the files of a container whose network is joined do not tell the ID")
def joined_network(rig):
    container = Container(rig)
    container.config["linux"].pop("cgroupsPath")
    other = container.userdata.parents[1] / ID[::-1] / "userdata"
    container.mount("/etc/hosts")["source"] = str(other / "hosts")
    mounts = container.config["mounts"]
    mounts.sort(key=lambda mount: str(other) not in mount.get("source", ""))
    container.run()
    rig.expect_pods(**{ID: rig.range(0)})
    mounts.remove(container.mount("/run/.containerenv"))
    container.refuse(ID, ID[::-1], "--id")


@precreate_case("a pool must be chosen where there are several", n_units=16)
def several(rig):
    rig.scratch.entry(f"kubelet:{rig.start}:{8 * UNIT}", f"containers:{rig.range(8)}:{8 * UNIT}")
    rig.scratch.config("[Pool kubelet]\nMaxPods=1\n[Pool containers]\nMaxPods=1\n")
    rig.client.call("Reload")
    Container(rig).refuse("pool=NAME")
    Container(rig, "auto:pool=none").refuse("none")
    found = Container(rig, f"auto:pool=containers;size={UNIT + 1}").run()
    equal((found["linux"]["uidMappings"][0]["hostID"], rig.get(ID)["count"]), (rig.range(8), 2 * UNIT))


@precreate_case("a failure leaves no allocation, and one that was there before stays")
def failures(rig):
    container = Container(rig)
    container.config["root"]["path"] = str(rig.scratch.path / "no-such-root")
    container.refuse("no-such-root")
    rig.expect_pods()
    rig.allocate(ID)
    container.refuse("no-such-root")
    rig.expect_pods(**{ID: rig.range(0)})
    assert "pid" not in rig.get(ID)
    container = Container(rig, f"auto:size={UNIT + 1}")
    container.refuse(f"has {UNIT} IDs", "size=")
    rig.client.call("Release", pod=ID)
    container = Container(rig)
    with open("/dev/full", "wb") as full:
        container.refuse("cannot write", stdout=full)
    for gid in (-1, 2**32, 1.5, "0"):
        container.config["process"]["user"]["gid"] = gid
        container.refuse("process.user.gid")


@precreate_case("where the reply is lost, what was allocated is given back")
def lossy(rig):
    with Lossy(rig, "Allocate") as path:
        Container(rig).refuse("cannot get a range", socket=path)
        rig.expect_pods()
        rig.allocate(ID)
        Container(rig).refuse("cannot get a range", socket=path)
        rig.expect_pods(**{ID: rig.range(0)})


@precreate_case("a pod that lives keeps what it is bound to")
def living(rig):
    with mapped(rig.range(0)) as first:
        rig.create("first", first, {SANDBOX: ID[::-1]})
        container = Container(rig, **{SANDBOX: ID[::-1]})
        equal(container.run()["linux"]["uidMappings"][0]["hostID"], rig.range(0))
        equal(rig.get(ID[::-1])["pid"], first.pid)


@precreate_case("an image, whose annotations podman hands on, does not choose whom its container lives with")
def of_image(rig):
    with mapped(rig.range(0)) as victim:
        rig.create("victim", victim)
        Container(rig, **{POD: "victim"}).refuse(POD, "victim")
        for name in (SANDBOX, CRI + "sandbox-uid", "io.kubernetes.pod.uid"):
            container = Container(rig, **{name: "victim"})
            equal(container.run()["linux"]["uidMappings"][0]["hostID"], rig.range(1), name)
        equal(rig.get("victim")["pid"], victim.pid)
    Container(rig, **{"io.kubernetes.cri-o.userns-mode": "auto:size=1"}).refuse("differ")


@precreate_case("the range of a runtime that gives up is freed")
def given_up(rig):
    container = Container(rig)
    (rig.scratch.path / "config.json").write_text(json.dumps(container.config), encoding="utf-8")
    script = f"{HOOK} --socket {rig.scratch.socket} --run-dir {rig.run_dir} precreate " \
        f"<{rig.scratch.path}/config.json >/dev/null; exec cat"
    with Process("unshare", "--mount", "sh", "-c", program=(script,)) as runtime:
        equal(rig.get(ID)["pid"], runtime.pid)
    rig.events.wait("released", ID)


@hook_case("poststop gives the range back")
def stopped(rig):
    rig.stop("unknown")
    rig.allocate("web")
    rig.configure(rig.range(0))
    rig.stop("web")
    assert rig.state("web") != "active"
    rig.stop("web")
    rig.allocate("web")
    shutil.rmtree(rig.bundle)
    rig.stop("web")
    assert rig.state("web") != "active", "the bundle is gone"
    rig.allocate("uid-1")
    rig.configure(rig.get("uid-1")["start"])
    rig.stop("c0ffee", {CRI + "sandbox-uid": "uid-1"})
    rig.expect_pods()
    rig.stop("-no-pod")


@hook_case("poststop leaves what other containers of the pod live in, and what never was the container's")
def left(rig):
    with mapped(rig.range(0)) as other, idle() as runtime:
        rig.create("web", other)
        rig.configure(rig.range(0))
        rig.stop("web")
        rig.client.call("Allocate", pod="next", pid=runtime.pid)
        rig.stop("next")
        equal(rig.state("next"), "active", "whose range the container did not have")
        for options in ({}, {"start": rig.range(1), "path": "/proc/1/ns/user"}):
            rig.configure(**options)
            rig.stop("next")
        rig.expect_pods(web=rig.range(0), next=rig.range(1))
        rig.configure(rig.range(1))
        rig.stop("next")
        rig.expect_pods(web=rig.range(0))


@hook_case("poststop without the daemon says so, and removes what is mounted")
def away(rig):
    place = rig.run_dir / "web"
    (place / "rootfs").mkdir(parents=True)
    (place / "pod").write_text("web", encoding="ascii")
    rig.end(15)
    errors = rig.stop("web", status=1)
    assert "systemctl start subidd.socket" in errors, errors
    equal(place.exists(), False)
    rig.configure()
    rig.stop("plain")
    rig.begin()


@precreate_case("places of pods that are gone are swept")
def swept(rig):
    rig.allocate("lives")
    for pod in ("lives", "gone"):
        (rig.run_dir / pod / "rootfs").mkdir(parents=True)
        (rig.run_dir / pod / "pod").write_text(pod, encoding="ascii")
    Container(rig).run()
    equal(sorted(path.name for path in rig.run_dir.iterdir()), sorted(["lives", ID]))


@precreate_case("who is not podman tells the ID")
def told_id(rig):
    for options in ({}, {"name": "web"}):
        container = Container(rig, **options)
        container.config["linux"].pop("cgroupsPath")
        container.config["mounts"] = []
        if not options:
            container.refuse("--id")
    equal(container.run()["root"]["path"], str(rig.run_dir / "web/rootfs"))
    equal([one["pod"] for one in rig.client.list(state="active")], ["web"])


@case("bad usage")
def usage():
    for words, status in ((["--help"], 0), (["-h"], 0), (["--version"], 0), ([], 2), (["prestart"], 2),
                          (["poststop", "x"], 2), (["--socket"], 2), (["--no-such"], 2),
                          (["--socket", "/" + "x" * 200, "poststop"], 2)):
        done = subprocess.run([HOOK, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, env={},
                              timeout=TIMEOUT, check=False)
        equal((done.returncode, bool(done.stdout), bool(done.stderr)), (status, status == 0, status != 0), words)


JOURNAL = """
import os, socket, subprocess, sys
subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
os.makedirs("/run/systemd/journal")
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journal.bind("/run/systemd/journal/socket")
done = subprocess.run(sys.argv[1:], input=b"{}", stderr=subprocess.PIPE)
sys.stdout.buffer.write(done.stderr + journal.recv(1 << 16))
"""


@case("the reason is in the journal as well", needs_root=True)
def journal():
    need("unshare", "--mount")
    command = ["unshare", "--mount", sys.executable, "-I", "-S", "-c", JOURNAL, HOOK, "poststop"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=TIMEOUT, check=True)
    errors, *message = done.stdout.splitlines()
    reason = errors.removeprefix(f"{NAME}: ")
    assert reason.startswith("poststop: the container's state"), errors
    for line in (f"MESSAGE={reason}", "PRIORITY=3", f"SYSLOG_IDENTIFIER={NAME}"):
        assert line in message, message


main()
