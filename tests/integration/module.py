# SPDX-License-Identifier: MIT
"""The libsubid module under the machine's own getsubids, newuidmap, newgidmap and podman, unmodified."""

import contextlib
import ctypes
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from client import TIMEOUT
from harness import UNIT, Daemon, Skip, case, equal, main
from hosted import ALICE, Node
from living import Process

FIRST, N_UNITS = 11000, 16  # our units are 11000 to 14999
OTHERS = 12000 * UNIT  # where the other owners have their ranges
BOB = 1002
FAILED = (1, "", "Error fetching ranges\n")


def line(owner, start, count=UNIT):
    """Of subuid."""
    return f"{owner}:{start}:{count}"


def given(owner, *ranges):
    """What getsubids prints for them."""
    return 0, "".join(f"{i}: {owner} {start} {count}\n" for i, (start, count) in enumerate(ranges)), ""


class Rig:
    """A node with alice, who has a line by name and one by UID, and bob, who has none; and its daemon."""

    def __init__(self, config=None, lines=()):
        self.node = Node(FIRST, N_UNITS, [line("alice", OTHERS), line(ALICE, OTHERS + UNIT), *lines], config)
        with open(self.node.etc / "passwd", "a", encoding="ascii") as file:
            file.write(f"bob:x:{BOB}:{BOB}::/:/bin/sh\n")
        try:
            self.daemon = Daemon(self.node)
        except BaseException:
            self.node.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *error):
        try:
            self.daemon.__exit__(*error)
        finally:
            self.node.__exit__()

    def allocate(self, pod):
        """The first ID of its range."""
        with self.daemon.client() as client:
            return client.call("Allocate", pod=pod)["allocation"]["start"]

    def reload(self):
        """The daemon takes the files in now."""
        with self.daemon.client() as client:
            return client.call("Reload")["pools"]

    def expect(self, owner, wanted, user=None):
        """What getsubids says of both kinds."""
        for kind in ([], ["-g"]):
            equal(self.node.run("getsubids", *kind, owner, user=user), wanted, f"{owner} {kind}")

    def pool(self):
        """Of the kubelet, as it was written down."""
        return self.node.start, self.node.count


def node_case(name, **options):
    """A case on such a node."""
    def add(function):
        def run():
            with Rig(**options) as rig:
                function(rig)
        return case(name, needs_root=True)(run)
    return add


@node_case("getsubids: the owner of a pool, by name and by UID")
def pool_owner(rig):
    """What the kubelet calls."""
    rig.expect("kubelet", given("kubelet", rig.pool()))
    rig.expect("901", given("901", rig.pool()))


@node_case("getsubids: a pool's range is the daemon's, and an invalid pool is an error",
           config=f"[Pool kubelet]\nMaxPods={N_UNITS}\n[Pool containers]\nMaxPods=1\n",
           lines=[line("containers", OTHERS + 10 * UNIT, 2 * UNIT + 5)])
def validated(rig):
    """A remainder is cut off; an overlap makes it invalid."""
    start = OTHERS + 10 * UNIT
    rig.expect("containers", given("containers", (start, 2 * UNIT)))
    lines = [line("kubelet", *rig.pool()), line("containers", start, 2 * UNIT), line("alice", OTHERS),
             line("bob", rig.node.start + UNIT)]
    rig.node.entry(*lines)
    equal([pool["valid"] for pool in rig.reload()], [False, True], "valid")
    rig.expect("kubelet", FAILED)
    rig.expect("containers", given("containers", (start, 2 * UNIT)))
    rig.expect("bob", given("bob", (rig.node.start + UNIT, UNIT)))
    rig.node.entry(*lines[:-1])
    rig.reload()
    rig.expect("kubelet", given("kubelet", rig.pool()))


@node_case("getsubids: pods with an active allocation, and no others")
def pods(rig):
    """It never makes one."""
    first, second = rig.allocate("pod-1"), rig.allocate("0b1c-2")
    rig.expect("pod-1", given("pod-1", (first, UNIT)))
    rig.expect("0b1c-2", given("0b1c-2", (second, UNIT)))
    rig.expect("pod-3", FAILED)
    with rig.daemon.client() as client:
        client.call("Release", pod="pod-1")
        rig.expect("pod-1", FAILED)
        equal(client.call("GetStatus")["pools"][0]["active"], 1, "active")


@node_case("getsubids: every other owner has what the files say, also for ordinary users")
def others(rig):
    """By name and by UID, as without the module."""
    alice = given("alice", (OTHERS, UNIT), (OTHERS + UNIT, UNIT))
    for user in (None, ALICE):
        rig.expect("alice", alice, user)
        rig.expect("bob", FAILED, user)
        rig.expect("nobody-at-all", FAILED, user)
    rig.node.source("files")
    equal(rig.node.run("getsubids", "alice"), alice, "without the module")


@node_case("getsubids: who may not ask the daemon gets an error, and his own lines")
def forbidden(rig):
    """The socket is for its group."""
    rig.allocate("pod-1")
    rig.node.socket.chmod(0o660)
    for owner in ("kubelet", "pod-1"):
        rig.expect(owner, FAILED, ALICE)
    rig.expect("alice", given("alice", (OTHERS, UNIT), (OTHERS + UNIT, UNIT)), ALICE)


@node_case("getsubids: without a daemon the files still answer for the others")
def dead(rig):
    """Killed, so that its socket stays."""
    rig.allocate("pod-1")
    rig.daemon.kill()
    for owner in ("kubelet", "pod-1", "nobody-at-all"):
        rig.expect(owner, FAILED)
    rig.expect("alice", given("alice", (OTHERS, UNIT), (OTHERS + UNIT, UNIT)))
    rig.daemon.start()
    rig.expect("kubelet", given("kubelet", rig.pool()))


@node_case("getsubids: a daemon that hangs costs about a second")
def hanging(rig):
    """Stopped, so that the kernel takes the connection and nobody answers."""
    rig.daemon.process.send_signal(signal.SIGSTOP)
    try:
        for owner, wanted in ("kubelet", FAILED), ("alice", given("alice", (OTHERS, UNIT), (OTHERS + UNIT, UNIT))):
            began = time.monotonic()
            equal(rig.node.run("getsubids", owner), wanted, owner)
            took = time.monotonic() - began
            assert 0.9 < took < TIMEOUT / 2, f"{owner} took {took:.2f} s"
    finally:
        rig.daemon.process.send_signal(signal.SIGCONT)


def can_load(name):
    """Is there such a library?"""
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


@node_case("libsubid: the owners of an ID")
def owners(rig):
    """By the library itself, which getsubids does not ask this."""
    program = ("import ctypes, sys\nlibrary = ctypes.CDLL(sys.argv[2])\n"
               "for kind in 'uid', 'gid':\n"
               "    found = ctypes.POINTER(ctypes.c_uint)()\n"
               "    n = getattr(library, f'subid_get_{kind}_owners')(int(sys.argv[1]), ctypes.byref(found))\n"
               "    print(n, [found[i] for i in range(n)])\n")
    names = [name for name in ("libsubid.so.4", "libsubid.so.5") if can_load(name)]
    if not names:
        raise Skip("there is no libsubid.so.4 or .5")
    rig.allocate("pod-1")
    for number, wanted in ((rig.node.start, "1 [901]"), (OTHERS, f"1 [{ALICE}]"), (OTHERS + UNIT, f"1 [{ALICE}]"),
                           (OTHERS + 2 * UNIT, "0 []")):
        status, output, _ = rig.node.run(sys.executable, "-I", "-c", program, number, names[0])
        equal((status, output), (0, f"{wanted}\n" * 2), number)


STATUSES = """
import ctypes, os, sys
module = ctypes.CDLL("libsubid_subidd.so")
module.shadow_subid_free.argtypes = [ctypes.c_void_p]
module.shadow_subid_has_range.argtypes = [ctypes.c_char_p, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_int, ctypes.c_void_p]
before = len(os.listdir("/proc/self/fd"))
for word in sys.argv[1:]:
    owner, kind = word.split("/")
    pointer, n, has = ctypes.c_void_p(1), ctypes.c_int(-1), ctypes.c_bool(True)
    status = module.shadow_subid_list_owner_ranges(owner.encode(), int(kind), ctypes.byref(pointer), ctypes.byref(n))
    assert n.value == 0 or status == 0, (status, n.value)
    assert (pointer.value is None) == (n.value == 0), (pointer.value, n.value)
    module.shadow_subid_free(pointer)
    has_status = module.shadow_subid_has_range(owner.encode(), 1, 1, int(kind), ctypes.byref(has))
    assert not has.value
    print(word, status, n.value, has_status)
assert len(os.listdir("/proc/self/fd")) == before
"""


@node_case("the statuses of its functions, as shadow has them")
def statuses(rig):
    """0 an answer, 1 an unknown owner, 2 no connection, 3 another error."""
    def expect(*wanted):
        status, output, _ = rig.node.run(sys.executable, "-I", "-c", STATUSES, *(one.split()[0] for one in wanted))
        equal((status, output.splitlines()), (0, list(wanted)), "answers")

    rig.allocate("pod-1")
    expect("kubelet/1 0 1 0", "kubelet/2 0 1 0", "pod-1/1 0 1 0", "alice/2 0 2 0", "bob/1 0 0 0", "nobody-at-all/1 1 0 0",
           "kubelet/0 3 0 3", "kubelet/3 3 0 3")
    rig.daemon.kill()
    expect("kubelet/1 2 0 2", "pod-1/2 2 0 2", "alice/1 0 2 2", "bob/1 2 0 2")
    rig.daemon.start()
    rig.node.entry(line("kubelet", rig.node.start + 1), "alice:0x10:5")
    rig.reload()
    expect("kubelet/1 3 0 3", "alice/2 3 0 3")


class Waiting(Process):
    """A process of a user in a new user namespace, whose maps newuidmap is to write."""

    def __init__(self, user):
        super().__init__("setpriv", "--reuid", user, "--regid", user, "--clear-groups", "unshare", "--user")

    def maps(self):
        """Both of them, as lists of numbers."""
        return [list(map(int, pathlib.Path(f"/proc/{self.pid}/{name}").read_text(encoding="ascii").split()))
                for name in ("uid_map", "gid_map")]


def expect_map(rig, user, wanted, *numbers, **options):
    """Do both programs write such a map, or refuse it?"""
    with Waiting(user) as process:
        for program in ("newuidmap", "newgidmap"):
            status, _, errors = rig.node.run(program, process.pid, *numbers, user=user, **options)
            equal(status, 0 if wanted else 1, errors)
            assert wanted or "not allowed" in errors, errors
        equal(process.maps(), [list(numbers)] * 2 if wanted else [[], []], "maps")


@node_case("newuidmap, newgidmap: an ordinary user maps the lines that are his, and nothing else")
def ordinary(rig):
    """One range from two lines is his as well."""
    pod = rig.allocate("pod-1")
    expect_map(rig, ALICE, True, 0, OTHERS, UNIT)
    expect_map(rig, ALICE, True, 0, OTHERS + 5, 2 * UNIT - 5)
    for start, count in ((OTHERS + UNIT, UNIT + 1), (OTHERS - 1, 2), (pod, UNIT), (rig.node.start + UNIT, 1), (1, 1)):
        expect_map(rig, ALICE, False, 0, start, count)


@node_case("newuidmap, newgidmap: a user whose name is a pod maps that pod's range")
def pod_user(rig):
    """So a runtime without root gets a range of its own."""
    expect_map(rig, BOB, False, 0, rig.node.start, UNIT)
    start = rig.allocate("bob")
    expect_map(rig, BOB, True, 0, start, UNIT)
    expect_map(rig, BOB, False, 0, start + 1, UNIT)
    with rig.daemon.client() as client:
        client.call("Release", pod="bob")
    expect_map(rig, BOB, False, 0, start, UNIT)


def stop_after_check(rig, process, pod):
    """Starts newuidmap as alice and stops it between its check of the pod's range and the map. Many pieces of
    her own lines, and a file that is long, take it a while."""
    numbers = [0, pod, UNIT]
    for i in range(100):
        numbers += [UNIT + i, OTHERS + i, 1]
    with rig.daemon.client() as client:
        def asked():
            """How often anybody did."""
            return client.call("GetStatus")["clients"]["calls"]

        before, own = asked(), 0
        newuidmap = subprocess.Popen(rig.node.command("newuidmap", process.pid, *numbers, user=ALICE),
                                     stdin=subprocess.DEVNULL)
        while newuidmap.poll() is None and asked() - before <= (own := own + 1):
            pass
    newuidmap.send_signal(signal.SIGSTOP)
    return newuidmap


@node_case("newuidmap: stopped behind its check it does not live until the range is another pod's",
           lines=[line(f"other-{i}", 13000 * UNIT + i, 1) for i in range(20000)])
def stopped(rig):
    """It could map a range that its pod has no more."""
    with Waiting(ALICE) as process:
        newuidmap = stop_after_check(rig, process, rig.allocate("alice"))
        try:
            equal(newuidmap.wait(TIMEOUT), -signal.SIGKILL, "newuidmap")
        finally:
            newuidmap.kill()
            newuidmap.wait()
        equal(process.maps(), [[], []], "maps")


@node_case("newuidmap, newgidmap: the files' owners need no daemon")
def dead_map(rig):
    """Nor does it cost them time."""
    rig.daemon.kill()
    expect_map(rig, ALICE, True, 0, OTHERS, UNIT)
    expect_map(rig, ALICE, False, 0, rig.node.start, UNIT)
    rig.daemon.start()


@contextlib.contextmanager
def evil_socket(rig):
    """A socket that nobody may come to."""
    path = rig.node.path / "evil"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o666)
        listener.listen()
        yield path
        listener.setblocking(False)
        try:
            listener.accept()
        except BlockingIOError:
            return
        raise AssertionError("the module was led elsewhere")


@node_case("the environment is not looked at")
def environment(rig):
    """Nor does it lead the module to another root, daemon or configuration."""
    start = rig.allocate("bob")
    with evil_socket(rig) as path:
        words = {name: str(path) for name in (
            "SUBIDD_SOCKET", "SUBIDD_CONFIG", "SUBIDD_ROOT", "SUBIDD", "VARLINK_ADDRESS", "HOME", "XDG_CONFIG_HOME",
            "XDG_RUNTIME_DIR", "TMPDIR", "NSSWITCH", "NSS_WRAPPER_PASSWD", "SUBUID_FILE", "MALLOC_TRACE",
            "RES_OPTIONS", "LOCALDOMAIN", "HOSTALIASES", "LOCPATH", "GETCONF_DIR", "JSON_C_SEED", "TZ", "LANG",
        )} | {"PATH": os.environ["PATH"]}
        equal(rig.node.run("getsubids", "kubelet", env=words), given("kubelet", rig.pool()), "kubelet")
        equal(rig.node.run("getsubids", "bob", env=words), given("bob", (start, UNIT)), "bob")
        expect_map(rig, BOB, True, 0, start, UNIT, env=words)
        expect_map(rig, ALICE, False, 0, start, UNIT, env=words)


@node_case("it opens fixed paths alone, close-on-exec, and closes them")
def paths(rig):
    """What getsubids does between loading the module and printing."""
    if not shutil.which("strace"):
        raise Skip("strace is not installed")
    trace = rig.node.path / "trace"
    equal(rig.node.run("strace", "-o", trace, "getsubids", "alice"),
          given("alice", (OTHERS, UNIT), (OTHERS + UNIT, UNIT)), "alice")
    calls = trace.read_text(encoding="utf-8").partition("libsubid_subidd.so")[2].partition("\n")[2].splitlines()
    began = next(i for i, call in enumerate(calls) if '"/etc/passwd"' in call)
    opened, sockets, closed = [], 0, 0
    for call in calls[began:]:
        name, _, rest = call.partition("(")
        if name == "openat" and not rest.endswith("ENOENT (No such file or directory)"):
            assert "O_CLOEXEC" in rest and "O_RDONLY" in rest, call
            opened.append(rest.split('"')[1])
        sockets += name == "socket" and "SOCK_CLOEXEC" in rest
        assert name != "socket" or "SOCK_CLOEXEC" in rest, call
        assert name != "connect" or '"/run/subidd/io.subidd.Allocator"' in rest, call
        assert not name.startswith(("rt_sig", "kill", "clone", "fork", "exec", "set")) or name == "setsockopt", call
        closed += name == "close"
    equal(opened, ["/etc/passwd", "/etc/subidd/subidd.conf", "/etc/subuid"], "opened")
    equal((sockets, closed), (1, len(opened) + 1), "sockets, closed")


# Run as the first process of its own PID namespace, so that conmon and the container end with it.
PODMAN = """
folder=$1 runtime=$2
shift 2
podman() {
  command podman --root "$folder/root" --runroot "$folder/run" --tmpdir "$folder/tmp" --cgroup-manager cgroupfs \\
    --log-level error --runtime "$runtime" "$@"
}
# crun 1.8 does not take both versions of control groups; this is our own namespace
if [ "$runtime" = crun ]; then umount /sys/fs/cgroup/unified 2>/dev/null || :; fi
podman import --quiet "$folder/image.tar" image >/dev/null
podman run --detach --name it --network none "$@" image /bin/cat /dev/zero >/dev/null
pid=$(podman inspect --format '{{.State.Pid}}' it)
cat "/proc/$pid/uid_map" "/proc/$pid/gid_map"
podman rm --force --time 0 it >/dev/null 2>&1 || :
"""


def remove_control_groups(name):
    """Those of that name, and what is in them, once nothing lives there."""
    for top in pathlib.Path("/sys/fs/cgroup").glob(f"**/{name}"):
        for folder, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(FileNotFoundError):
                os.rmdir(folder)


def make_image(folder):
    """A root filesystem with nothing but busybox in it."""
    busybox = shutil.which("busybox")
    if not busybox or not is_static(busybox):
        raise Skip("busybox-static is not installed")
    root = folder / "rootfs"
    for name in ("bin", "dev", "etc", "proc", "sys", "tmp"):
        (root / name).mkdir(parents=True)
    shutil.copy(busybox, root / "bin/busybox")
    (root / "bin/cat").symlink_to("busybox")
    subprocess.run(["tar", "-C", root, "-cf", folder / "image.tar", "."], check=True, timeout=TIMEOUT)


def is_static(program):
    """Does it need no loader?"""
    return "INTERP" not in subprocess.run(["readelf", "-lW", program], capture_output=True, text=True, check=False).stdout


def limits_of(name):
    """What podman may set here: no more than it has, and it never raises its own beyond a million files."""
    kind, most = {"nofile": (resource.RLIMIT_NOFILE, 1 << 20), "nproc": (resource.RLIMIT_NPROC, 1 << 15)}[name]
    hard = resource.getrlimit(kind)[1]
    hard = most if hard == resource.RLIM_INFINITY else min(hard, most)
    return ["--ulimit", f"{name}={hard}:{hard}"]


def run_podman(rig, runtime):
    """A container on the range of a pod, whose maps are looked at from outside. Where podman cannot start one
    with plain flags, the module is not to blame."""
    for program in ("podman", "bash", runtime):
        if not shutil.which(program):
            raise Skip(f"{program} is not installed")
    make_image(rig.node.path)
    if pathlib.Path("/etc/containers").is_dir():
        shutil.copytree("/etc/containers", rig.node.etc / "containers", symlinks=True)
    rig.allocate("pod-0")
    start = rig.allocate("pod-1")

    def run(*flags):
        """Its maps; fails with what podman said."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=rig.node.path))
        (folder / "image.tar").symlink_to(rig.node.path / "image.tar")
        try:
            status, output, errors = rig.node.run(
                "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-ec", PODMAN, "bash", folder,
                runtime, *limits_of("nofile"), *limits_of("nproc"), "--cgroup-parent", f"/{rig.node.path.name}",
                *flags)
        finally:
            remove_control_groups(rig.node.path.name)
        assert status == 0, errors.replace("\n", " ").strip()
        return [list(map(int, one.split())) for one in output.splitlines()]

    try:
        run("--uidmap", f"0:{start}:{UNIT}", "--gidmap", f"0:{start}:{UNIT}")
    except AssertionError as error:
        raise Skip(f"podman cannot run containers with {runtime} here: {error}") from error
    equal(run("--subuidname", "pod-1", "--subgidname", "pod-1"), [[0, start, UNIT]] * 2, "maps")


@node_case("podman --subuidname POD --subgidname POD, with runc")
def podman_runc(rig):
    """Its process has the pod's range."""
    run_podman(rig, "runc")


@node_case("podman --subuidname POD --subgidname POD, with crun")
def podman_crun(rig):
    """The same."""
    run_podman(rig, "crun")


@node_case("podman: a pod that has no range starts no container")
def podman_unknown(rig):
    """Neither a made up one nor one of another."""
    if not shutil.which("podman"):
        raise Skip("podman is not installed")
    folder = rig.node.path / "podman"
    status, _, errors = rig.node.run("podman", "--root", folder / "root", "--runroot", folder / "run", "--tmpdir",
                                     folder / "tmp", "--cgroup-manager", "cgroupfs", "create", "--pull", "never",
                                     "--subuidname", "pod-9", "--subgidname", "pod-9", "image", "true")
    assert status != 0 and "subid" in errors, errors


main()
