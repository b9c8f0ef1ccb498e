# SPDX-License-Identifier: MIT
"""Keeps a host for container runtimes: runtimes_keeper.py own|whole MOUNT PATH FOLDER [TARGET...]

Makes CGROUP, which is PATH in the hierarchy of version 2 at MOUNT, with a child for processes, and a namespace
of mounts. In there /sys/fs/cgroup is either a hierarchy of our own, with CGROUP as its root, or the whole one;
/run is a tmpfs; and each TARGET, an absolute path that is there, shows FOLDER/TARGET. Says "ready", or why it
cannot be, and waits for the end of its input, which also comes if those who asked are killed. Then everything
that lives in CGROUP is killed, and nothing is left: mounts go with the last process.
"""

import ctypes
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys

CLONE_NEWNS, CLONE_NEWCGROUP = 0x00020000, 0x02000000
CGROUPS = "/sys/fs/cgroup"
INNER = "processes"  # runtimes make other children, and then CGROUP may have no processes itself


def write(path, text, folder=None):
    """Into a file of a cgroup."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC, dir_fd=folder)
    with open(fd, "w", encoding="ascii") as file:
        file.write(text)


def namespaces(call, *arguments):
    """unshare(2) or setns(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, call)(*arguments) != 0:
        raise OSError(f"{call}: {os.strerror(ctypes.get_errno())}")


def mount(*arguments):
    """mount(8), or the reason why not."""
    done = subprocess.run(["mount", *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False)
    if done.returncode != 0:
        raise OSError(done.stderr.strip())


def enter(cgroup, is_own, folder, targets):
    """From here on the mounts, and the root of the cgroups if it is to be our own, are others."""
    os.mkdir(INNER, dir_fd=cgroup)
    write("cgroup.procs", "0", cgroup)
    try:
        namespaces("unshare", CLONE_NEWNS | (CLONE_NEWCGROUP if is_own else 0))
    finally:
        write("../cgroup.procs", "0", cgroup)
    mount("--make-rprivate", "/")
    mount("-t", "cgroup2", "none", CGROUPS)
    mount("-t", "tmpfs", "-o", "mode=755", "none", "/run")
    for target in targets:
        mount("--bind", folder / target.lstrip("/"), target)


def kill(cgroup):
    """All that lives in it, and waits until nothing does."""
    write("cgroup.kill", "1", cgroup)
    events = os.open("cgroup.events", os.O_RDONLY | os.O_CLOEXEC, dir_fd=cgroup)
    poll = select.poll()
    poll.register(events, select.POLLPRI)
    while b"populated 1" in os.pread(events, 4096, 0):
        poll.poll(1000)
    os.close(events)


def hierarchies():
    """The roots of all that are mounted, to be found below what covers them."""
    for line in pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        mounted, _, kind = line.partition(" - ")
        if kind.startswith("cgroup"):
            yield os.open(mounted.split()[4], os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def remove(root, path):
    """The cgroup and those in it, from the inside out."""
    try:
        for folder, _, _, _ in os.fwalk(path, topdown=False, dir_fd=root):
            os.rmdir(folder, dir_fd=root)
    except FileNotFoundError:
        pass  # systemd-nspawn makes it in hierarchies of version 1 as well


def main():
    """Its life."""
    is_own, path, folder = sys.argv[1] == "own", sys.argv[3].lstrip("/"), pathlib.Path(sys.argv[4])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    roots, cgroup = list(hierarchies()), None
    outside = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.mkdir(f"{sys.argv[2]}/{path}")
        cgroup = os.open(f"{sys.argv[2]}/{path}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        enter(cgroup, is_own, folder, sys.argv[5:])
        print("ready", flush=True)
        while os.read(0, 4096):
            pass
    except OSError as error:
        print(error, flush=True)
    finally:
        if cgroup is not None:
            kill(cgroup)
            for root in roots:
                remove(root, path)
        if os.readlink(f"/proc/self/fd/{outside}") != os.readlink("/proc/self/ns/mnt"):
            namespaces("setns", outside, CLONE_NEWNS)  # what is mounted in ours cannot be removed from within
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
