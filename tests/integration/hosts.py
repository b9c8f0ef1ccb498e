# SPDX-License-Identifier: MIT
"""The host that tests start containers on: is it one of its own, and does nothing stay behind?"""

import os
import pathlib
import select
import subprocess
import sys
import tempfile

from client import TIMEOUT
from harness import Skip, case, equal, main
from living import RUNTIMES, own_units
from runtimes import Host, cgroup_path, maps_of, need_program

NAME = "subidd-host-test"


def user_namespace(start):
    """Changes a configuration so that all IDs are those of one unit."""
    def change(config):
        config["linux"]["namespaces"].append({"type": "user"})
        for name in ("uidMappings", "gidMappings"):
            config["linux"][name] = [{"containerID": 0, "hostID": start, "size": 65536}]
    return change


def start_detached(host):
    """Two containers, one of them without any process of a runtime beside it; returns their PIDs."""
    start = own_units(1, RUNTIMES)
    root = host.rootfs(start)
    bundle = host.bundle(root, user_namespace(start), "crun", ("sleep", "1000000"))
    host.run("crun", "create", "--bundle", bundle, NAME)
    host.run("crun", "start", NAME)
    host.run("podman", "--runtime", "crun", "run", "--detach", "--name", "other", f"--uidmap=0:{start}:65536",
             f"--gidmap=0:{start}:65536", "--rootfs", root, "sleep", "1000000")
    pids = host.oci_state("crun", NAME)["pid"], host.podman_pid("other")
    for pid in pids:
        equal(maps_of(pid), (f"0 {start} 65536",) * 2)
    return pids


def has_ended(pid):
    """Or does, in good time."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    with open(fd, "rb"):
        return bool(select.select([fd], [], [], TIMEOUT)[0])


def expect_nothing(folder, cgroup, pids):
    """Neither processes nor folders, nor a container that the machine's own runtimes know."""
    equal([pid for pid in pids if not has_ended(pid)], [], "living")
    equal((os.path.exists(folder), os.path.exists(cgroup)), (False, False), "folders")
    equal([name for name in ("/run/crun", "/run/runc") if os.path.exists(f"{name}/{NAME}")], [], "states")


@case("containers that nobody deletes go with their host", needs_root=True)
def _():
    need_program("crun", "podman", "conmon")
    with Host() as host:
        pids = start_detached(host)
        equal(host.mapped(), sorted(pids), "processes with maps")
    expect_nothing(host.folder, host.cgroup, pids)


@case("they go as well when the test is killed", needs_root=True)
def _():
    need_program("crun", "podman", "conmon")
    with subprocess.Popen([sys.executable, __file__, "--hold"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as test:
        line = test.stdout.readline()
        test.kill()
    if not line:
        raise Skip("no host for runtimes can be made here")
    folder, cgroup, keeper, *pids = line.decode().split()
    assert has_ended(int(keeper)), "the keeper stays"
    expect_nothing(folder, cgroup, map(int, pids))


@case("nor is anything left where none can be made", needs_root=True)
def _():
    need_program("setpriv")
    cgroup_path()
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", sys.executable, __file__,
                               "--hold"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT,
                              env=os.environ | {"TMPDIR": folder}, check=False)
        assert done.returncode == 1 and "Operation not permitted" in done.stderr and "Traceback" not in done.stderr, done
        equal(os.listdir(folder), [], "folders")


@case("its mounts and cgroups are its own", needs_root=True)
def _():
    with Host() as host:
        host.cover("/etc/subuid", "covered\n")
        host.show(host.rootfs(), "/run/shown")
        equal(host.run("cat", "/etc/subuid")[0], "covered\n", "the file that is covered")
        assert "busybox" in host.run("ls", "/run/shown/bin")[0]
        equal(host.run("sh", "-c", "cat /proc/self/cgroup | grep ^0::")[0], "0::/processes\n", "the cgroup")
        equal(os.path.exists("/run/shown"), False, "on the machine")
        assert "covered" not in pathlib.Path("/etc/subuid").read_text(encoding="utf-8")
    expect_nothing(host.folder, host.cgroup, [])


def hold():
    """What the case that is killed does."""
    try:
        host = Host()
    except Skip as reason:
        sys.exit(f"# {reason}")
    pids = start_detached(host)
    print(host.folder, host.cgroup, host.keeper.pid, *pids, flush=True)
    sys.stdin.read()


if sys.argv[1:] == ["--hold"]:
    hold()
else:
    main()
