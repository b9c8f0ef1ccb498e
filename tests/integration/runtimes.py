# SPDX-License-Identifier: MIT
"""Container runtimes as they are installed, on a host of their own, and the maps that their containers got.

A Host has mounts and cgroups of its own (see runtimes_keeper.py), so that podman, crun, runc, ctr and others are
called as anybody calls them, without options that lead them elsewhere: /run, /etc/containers and
/var/lib/containers are the host's. Whatever still lives when the context is left, or when the test is killed,
is killed, and nothing stays behind. Processes and the network are the machine's.

    with Host() as host, Rig(8, slots=living.RUNTIMES) as rig:
        root = host.rootfs(owner=rig.allocate("web"))
        with host.container("podman", "run", "--interactive", "--rm", "--name", "web", *options,
                            "--rootfs", root, "cat") as container:
            equal(maps_of(host.podman_pid("web")), (f"0 {start} 65536",) * 2)
"""

import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile

from client import TIMEOUT
from harness import Skip, equal

KEEPER = pathlib.Path(__file__).with_name("runtimes_keeper.py")
TARGETS = ("/etc/containers", "/var/lib/containers")
BUSYBOX = "/usr/bin/busybox"
APPLETS = ("sh", "cat", "echo", "id", "ls", "mkdir", "mount", "sleep", "stat", "touch", "true")
PATH = f"{os.environ.get('PATH', '/usr/bin:/bin')}:/usr/sbin:/sbin"
LEADING = ("CONTAINERS_", "CONTAINERD_", "CONTAINER_", "XDG_", "NOTIFY_", "LISTEN_")
FOLDERS = ("bin", "dev", "etc", "proc", "run", "sys", "tmp", "usr")


def need_program(*names):
    """Skips the case if one of the programs is not installed."""
    for name in names:
        if not shutil.which(name, path=PATH):
            raise Skip(f"{name} is not installed")


def own_limit(kind, most):
    """As options of podman have it. Limits are only lowered: to raise one needs CAP_SYS_RESOURCE."""
    hard = resource.getrlimit(kind)[1]
    return min(hard, most) if hard != resource.RLIM_INFINITY else most


def cgroup_path():
    """Where the cgroups of version 2 are mounted, and the path of our own one there, which has no end."""
    own = re.search(r"^0::(/.*)$", pathlib.Path("/proc/self/cgroup").read_text(encoding="utf-8"), re.M)
    for line in pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        mount, _, kind = line.partition(" - ")
        if kind.startswith("cgroup2 ") and own:
            return mount.split()[4], own[1].rstrip("/")
    raise Skip("no cgroups of version 2 are mounted here")


def maps_of(pid):
    """The uid_map and the gid_map of a process, a line an extent, one blank between the numbers."""
    return tuple("\n".join(" ".join(line.split()) for line in
                           pathlib.Path(f"/proc/{pid}/{name}").read_text(encoding="ascii").splitlines())
                 for name in ("uid_map", "gid_map"))


class Host:
    """A place for runtimes; `folder` holds what it has of its own, and is seen under the same path inside."""

    def __init__(self, *more_targets, own_cgroups=True):
        """Besides TARGETS, MORE_TARGETS of the machine show folders of the host's. Without OWN_CGROUPS what
        runs in it sees the whole hierarchy of the cgroups: systemd-nspawn wants to know what is in its root."""
        need_program("unshare", "nsenter")
        self.own_cgroups, (mounted, path) = own_cgroups, cgroup_path()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="subidd-host-"))
        self.folder.chmod(0o755)
        self.containers = self.folder / "etc/containers"
        self.variables = {}  # more of them, for what runs inside
        path = f"{path}/{self.folder.name}"
        self.cgroup = pathlib.Path(mounted + path)
        self.path = "" if own_cgroups else path  # of its cgroup, as seen inside
        targets = [target for target in (*TARGETS, *more_targets) if os.path.isdir(target)]
        for target in (*TARGETS, *more_targets):
            pathlib.Path(self.folder, target.lstrip("/")).mkdir(parents=True)
        self.configure()
        keep = [sys.executable, "-I", "-S", KEEPER, "own" if own_cgroups else "whole", mounted, path,
                self.folder, *targets]
        self.keeper = subprocess.Popen(keep, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                       start_new_session=True)
        answer = self.keeper.stdout.readline().strip()
        if answer != "ready":
            self.end()
            raise Skip(f"no host for runtimes can be made here: {answer}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
        equal((self.folder.exists(), self.cgroup.exists()), (False, False), "left behind")

    def end(self):
        """Kills what lives in it, removes all of it."""
        self.keeper.stdin.close()
        self.keeper.wait(TIMEOUT)
        self.keeper.stdout.close()

    def configure(self, engine="", containers=""):
        """Writes the configuration of podman, with more lines for two of its sections."""
        limits = [f"nofile={own_limit(resource.RLIMIT_NOFILE, 1024)}",
                  f"nproc={own_limit(resource.RLIMIT_NPROC, 4096)}"]
        self.write("containers.conf", f'[containers]\ndefault_ulimits = {json.dumps(limits)}\n'
                   f'netns = "none"\npids_limit = 0\nlog_driver = "none"\n{containers}\n'
                   f'[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n'
                   f'hooks_dir = ["/etc/containers/oci/hooks.d"]\nlock_type = "file"\n{engine}\n')
        self.write("storage.conf", f'[storage]\ndriver = "vfs"\nrunroot = "/run/containers/storage"\n'
                   f'graphroot = "{self.folder}/var/lib/containers/storage"\n')
        self.write("policy.json", '{"default":[{"type":"insecureAcceptAnything"}]}\n')

    def write(self, name, text):
        """A file of /etc/containers, as oci/hooks.d/NAME.json is."""
        path = self.containers / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def command(self, *words):
        """The command, to be run inside the host."""
        enter = f'echo 0 >/sys/fs/cgroup{self.path}/processes/cgroup.procs && exec "$@"'
        return ["nsenter", f"--target={self.keeper.pid}", "--mount", *["--cgroup"][:self.own_cgroups], "--",
                "sh", "-c", enter, "sh", *map(str, words)]

    def run(self, *words, status=0, **options):
        """Runs it inside to its end: (standard output, standard error). A STATUS of None stands for any.

        What it leaves running, such as a container that was created, may keep both of them open.
        """
        options.setdefault("stdin", subprocess.DEVNULL)
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
            done = subprocess.run(self.command(*words), stdout=output, stderr=errors, timeout=TIMEOUT, check=False,
                                  env=self.environment(), **options)
            found = []
            for file in (output, errors):
                file.seek(0)
                found.append(file.read())
        if status is not None:
            equal(done.returncode, status, f"{words}: {''.join(found)}")
        return tuple(found)

    def environment(self):
        """Ours, without what would lead the runtimes elsewhere."""
        ours = {k: v for k, v in os.environ.items() if not k.startswith(LEADING)}
        return ours | {"PATH": PATH} | self.variables

    def mount(self, *arguments):
        """mount(8) inside the host; what is mounted goes with it."""
        self.run("mount", *arguments)

    def show(self, path, target):
        """What is at PATH is shown at TARGET, which is made in /run, inside the host."""
        self.run("mkdir" if os.path.isdir(path) else "touch", target)
        self.mount("--bind", path, target)

    def cover(self, path, text):
        """A file of the machine that has another text inside the host."""
        own = self.folder / f"covers-{path.replace('/', '-')}"
        is_new = not own.exists()
        own.write_text(text, encoding="utf-8")
        if is_new:
            self.mount("--bind", own, path)

    def rootfs(self, owner=0):
        """The path of a new root filesystem with busybox, all of it of that user and group."""
        if not os.path.exists(BUSYBOX):
            raise Skip("busybox-static is not installed")
        root = pathlib.Path(tempfile.mkdtemp(prefix="rootfs-", dir=self.folder))
        root.chmod(0o755)
        for name in FOLDERS:
            (root / name).mkdir()
        shutil.copy(BUSYBOX, root / "bin/busybox")
        for name in APPLETS:
            (root / "bin" / name).symlink_to("busybox")
        for path in (root, *root.rglob("*")):
            os.chown(path, owner, owner, follow_symlinks=False)
        return root

    def bundle(self, root, change=None, runtime="runc", args=("cat",)):
        """The folder of a new OCI bundle: what `RUNTIME spec` writes, without a terminal and limits."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="bundle-", dir=self.folder))
        self.run(runtime, "spec", "--bundle", folder)
        path = folder / "config.json"
        config = json.loads(path.read_text(encoding="utf-8"))
        config["process"] |= {"terminal": False, "args": list(args)}
        config["process"].pop("rlimits", None)
        config["linux"].pop("resources", None)  # crun 1.8 raises a limit before it filters devices
        config["root"] = {"path": str(root), "readonly": False}
        config["linux"]["cgroupsPath"] = f"/{folder.name}"
        if change:
            change(config)
        path.write_text(json.dumps(config), encoding="utf-8")
        return folder

    def container(self, *words, **options):
        """Starts it inside: a Container, once its program, which must be cat(1), answers."""
        return Container(self.command(*words), env=self.environment(), **options)

    def pids(self):
        """All that lives in the host but the keeper."""
        found = []
        for path in self.cgroup.rglob("cgroup.procs"):
            found += map(int, path.read_text(encoding="ascii").split())
        return sorted(found)

    def mapped(self):
        """The PIDs of those who live in another user namespace than we do."""
        ours, found = os.readlink("/proc/self/ns/user"), []
        for pid in self.pids():
            try:
                if os.readlink(f"/proc/{pid}/ns/user") != ours:
                    found.append(pid)
            except OSError:
                continue
        return found

    def oci_state(self, runtime, name):
        """What `RUNTIME state` says: status, pid and more."""
        return json.loads(self.run(runtime, "state", name)[0])

    def podman_pid(self, name):
        """The PID of the first process of podman's container."""
        return int(self.run("podman", "inspect", "--format", "{{.State.Pid}}", name)[0])


class Container:
    """A container whose cat(1) answers. Leaving the context ends its input and waits for its end."""

    def __init__(self, command, **options):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, **options)
        self.errors = None
        try:
            self.tell("ready")
        except (AssertionError, OSError) as error:
            self.process.kill()
            raise AssertionError(self.process.communicate(timeout=TIMEOUT)[1].strip()) from error

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        status = self.end()
        if not kind:
            equal(status, 0, f"status: {self.errors}")

    def tell(self, word):
        """Waits until it has answered the same."""
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        equal(self.process.stdout.readline(), f"{word}\n", "answer")

    def end(self):
        """Ends its input; the status of the runtime's command. What that complained of is in `errors`."""
        if self.errors is None:
            self.errors = self.process.communicate(timeout=TIMEOUT)[1]
        return self.process.returncode
