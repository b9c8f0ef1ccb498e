# SPDX-License-Identifier: MIT
"""systemd itself with the installed units: the socket, its place in varlink's registry, and the first call.

A copy of this machine's root in memory (an overlay) is booted by systemd-nspawn(1), once for all cases. The
mounts are those of a namespace of the test's own, so they go with it; /run is one of them.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading

from client import ALLOCATOR, TIMEOUT
from harness import IS_ROOT, SUBIDD, Notifications, Skip, case, equal, main

BUILD = pathlib.Path(SUBIDD).resolve().parents[1]
RUN = pathlib.Path("/run")
ROOT, UPPER = RUN / "root", RUN / "upper"
CGROUPS = pathlib.Path("/sys/fs/cgroup")
NAME = f"subidd-boot-{os.getpid()}"
SOCKET, LINK = f"/run/subidd/{ALLOCATOR}", f"/run/varlink/registry/{ALLOCATOR}"
IN_NAMESPACE = "SUBIDD_BOOT_NAMESPACE"
# Goes into the cgroups, and becomes the command.
ENTER = 'until [ "$1" = -- ]; do echo $$ >"$1/cgroup.procs"; shift; done; shift; exec "$@"'
machine = None  # the one that runs
reason = None  # why there is none


def need():
    """What must be there before anything is done."""
    if not IS_ROOT:
        raise Skip("needs root")
    for program in ("systemd-nspawn", "unshare", "nsenter", "setpriv", "meson"):
        if not shutil.which(program):
            raise Skip(f"{program} is not installed")
    if not pathlib.Path("/lib/systemd/systemd").exists():
        raise Skip("systemd is not installed")
    if IN_NAMESPACE not in os.environ:
        raise Skip("no namespace of mounts can be made here")


def mount(*arguments):
    """mount(8); a machine that may not do that cannot boot another."""
    done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skip(f"cannot mount: {done.stderr.strip()}")


def write(path, text):
    """A file of the machine's root, over the one that this machine has."""
    target = UPPER / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


def prepare():
    """The root: ours, with nothing enabled but the socket, and the project installed in it."""
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", RUN)
    for folder in (ROOT, UPPER, RUN / "work"):
        folder.mkdir()
    system = UPPER / "etc/systemd/system"
    system.mkdir(parents=True)
    os.setxattr(system, "trusted.overlay.opaque", b"y")  # hides what this machine has enabled
    (system / "default.target").symlink_to("/lib/systemd/system/basic.target")
    (system / "sockets.target.wants").mkdir()
    for path, text in (("etc/machine-id", ""), ("etc/fstab", ""), ("etc/subuid", "kubelet:65536:7208960\n"),
                       ("etc/subgid", "kubelet:65536:7208960\n")):
        write(path, text)
    write("etc/passwd", "root:x:0:0::/root:/bin/sh\nkubelet:x:901:901::/:/bin/false\n")
    write("etc/group", "root:x:0:\nkubelet:x:901:\n")
    for command in (["meson", "install", "--no-rebuild", "--quiet", "-C", BUILD, f"--destdir={UPPER}"],
                    ["systemd-sysusers", f"--root={UPPER}"]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        equal(done.returncode, 0, done.stdout + done.stderr)
    unit, = UPPER.glob("**/lib/systemd/system/subidd.socket")
    (system / "sockets.target.wants/subidd.socket").symlink_to(f"/{unit.relative_to(UPPER)}")
    mount("-t", "overlay", "-o", f"lowerdir=/,upperdir={UPPER},workdir={RUN}/work", "overlay", ROOT)


def cgroups():
    """The hierarchies in which systemd makes its own: that of version 2, and its own of version 1."""
    return [path for path in (CGROUPS, CGROUPS / "systemd", CGROUPS / "unified") if (path / "cgroup.procs").exists()]


def make_cgroups():
    """One of our own in each."""
    for path in cgroups():
        try:
            (path / NAME).mkdir()
        except OSError as error:
            raise Skip(f"cannot make a cgroup: {error}") from error


def remove_cgroups():
    """With those that were made below."""
    for path in cgroups():
        for folder in sorted((path / NAME).glob("**/"), reverse=True):
            folder.rmdir()


class Machine:
    """One that boots."""

    def __init__(self):
        self.notifications = Notifications(RUN)
        self.leader = None
        with open(RUN / "log", "w", encoding="utf-8") as log:
            self.nspawn = subprocess.Popen(
                ["sh", "-ec", ENTER, "sh", *(path / NAME for path in cgroups()), "--", "setpriv", "--pdeathsig", "KILL",
                 "systemd-nspawn", "--quiet",
                 "--register=no", "--keep-unit", f"--machine={NAME}", f"--directory={ROOT}", "--private-network",
                 "--link-journal=no", "--resolv-conf=off", "--timezone=off", "--console=pipe", "--notify-ready=yes",
                 "--boot"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=os.environ | {"NOTIFY_SOCKET": self.notifications.path})
        self.waiter = threading.Thread(target=self.wait_end)
        self.waiter.start()

    def wait_end(self):
        """Nothing more is told after it."""
        self.nspawn.wait()
        self.notifications.log.end()

    def wait(self):
        """Until systemd in there says that all is started."""
        try:
            told = self.notifications.log.wait("X_NSPAWN_LEADER_PID=")
            self.leader = int(re.search("X_NSPAWN_LEADER_PID=([0-9]+)", told)[1])
            self.notifications.log.wait("READY=1")
        except AssertionError as error:
            lines = (RUN / "log").read_text(encoding="utf-8", errors="replace").splitlines()
            if self.nspawn.poll() is None:
                raise AssertionError("\n".join([str(error), *lines])) from error
            raise Skip(f"systemd-nspawn cannot boot a machine here: {' '.join(lines[-1:])}") from error

    def run(self, *command, status=0, **environment):
        """What a command prints in there."""
        done = subprocess.run(["nsenter", f"--target={self.leader}", "--mount", "--uts", "--ipc", "--net", "--pid",
                               "--cgroup", "env", f"LD_LIBRARY_PATH={self.libraries()}",
                               *(f"{name}={value}" for name, value in environment.items()), *command],
                              capture_output=True, text=True, timeout=TIMEOUT, check=False)
        equal(done.returncode, status, f"{command}: {done.stdout}{done.stderr}")
        return done.stdout.strip()

    @staticmethod
    def libraries():
        """Where the installation put libsubidd: ldconfig(8) was not run."""
        return "/" + str(next(UPPER.glob("**/libsubidd.so.0")).parent.relative_to(UPPER))

    def close(self):
        """The end of its first process is that of all others."""
        if self.leader and self.nspawn.poll() is None:
            os.kill(self.leader, signal.SIGKILL)
        else:
            self.nspawn.kill()
        self.waiter.join(TIMEOUT)
        self.notifications.close()


@contextlib.contextmanager
def boot():
    """Boots it for all cases, or says why not."""
    global machine, reason
    with contextlib.ExitStack() as stack:
        try:
            need()
            prepare()
            stack.callback(remove_cgroups)
            make_cgroups()
            started = Machine()
            stack.callback(started.close)
            started.wait()
            machine = started
        except Skip as skip:
            reason = str(skip)
        yield


def boot_case(name):
    """A case that gets the machine."""
    def add(function):
        def run():
            if not machine:
                raise Skip(reason)
            function(machine)
        return case(name)(run)
    return add


@boot_case("systemd makes the socket, for its group alone, and the link that varlink's registry names it by")
def registered(m):
    equal(m.run("systemctl", "is-active", "subidd.socket"), "active")
    equal(m.run("stat", "--format=%F %a %U %G", SOCKET), "socket 660 root subidd")
    equal(m.run("readlink", LINK), SOCKET)
    equal(m.run("systemctl", "is-active", "subidd.service", status=3), "inactive")


@boot_case("the first call, by the registry's link, starts the daemon as its own user, and is answered")
def first_call(m):
    found = json.loads(m.run("subidctl", "--json", "allocate", "a", SUBIDD_SOCKET=LINK))
    equal(found["outcome"], "created")
    equal(m.run("systemctl", "show", "--property=ActiveState,NRestarts", "subidd.service"),
          "NRestarts=0\nActiveState=active")
    pid = m.run("systemctl", "show", "--property=MainPID", "--value", "subidd.service")
    equal(m.run("stat", "--format=%U", f"/proc/{pid}"), "subidd")
    equal(m.run("systemctl", "--failed", "--plain", "--no-legend"), "")


@boot_case("a call that comes while the daemon is not there waits in the socket")
def restart(m):
    m.run("systemctl", "stop", "subidd.service")
    equal(json.loads(m.run("subidctl", "--json", "show", "a", SUBIDD_SOCKET=SOCKET))["allocation"]["pod"], "a")


@boot_case("the socket's end takes the link away as well")
def stopped(m):
    m.run("systemctl", "stop", "subidd.socket", "subidd.service")
    for path in (SOCKET, LINK):
        m.run("test", "-e", path, status=1)
        m.run("test", "-L", path, status=1)


if IN_NAMESPACE not in os.environ and IS_ROOT and shutil.which("unshare"):
    command = ["unshare", "--mount", "--propagation", "private"]
    if subprocess.run([*command, "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
        os.environ[IN_NAMESPACE] = "1"
        os.execvp("unshare", [*command, sys.executable, *sys.argv])
with boot():
    main()
