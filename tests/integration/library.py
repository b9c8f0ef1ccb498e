# SPDX-License-Identifier: MIT
"""libsubidd's example programs, and started calls under poll(2) and sd-event, with the real daemon."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

from client import TIMEOUT
from harness import SANITIZER, UNIT, Daemon, Scratch, Skip, case, equal, main

BUILD = pathlib.Path(os.environ["BUILD"])
EXAMPLES = BUILD / "lib/examples"
SOURCES = pathlib.Path(__file__).resolve().parents[2] / "lib/examples"


def run(command, **options):
    """Runs a command to its end: (status, standard output, standard error)."""
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=TIMEOUT, check=False, **options)
    assert not SANITIZER.search(done.stderr), done.stderr
    return done.returncode, done.stdout, done.stderr


def runtime(scratch, *words, program=EXAMPLES / "example-runtime", **options):
    """The example of a runtime's two calls."""
    return run([program, *words, scratch.socket], **options)


class Loop:
    """The example of an event loop: lines in, lines out, nobody waits for the other."""

    def __init__(self, scratch):
        self.process = subprocess.Popen([EXAMPLES / "example-event-loop", scratch.socket], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def say(self, text):
        """Takes no time: the program reads whatever the daemon does."""
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def hear(self):
        """The next line."""
        return self.process.stdout.readline().rstrip("\n")

    def end(self):
        """All that is left, when its input ends."""
        text, _ = self.process.communicate(timeout=TIMEOUT)
        assert not SANITIZER.search(text), text
        equal(self.process.returncode, 0, text)
        return text.splitlines()


def check_two_calls(scratch, daemon, **options):
    """Creates a pod twice and deletes it twice."""
    mapping = [{"containerID": 0, "hostID": UNIT, "size": UNIT}]
    wanted = {"uidMappings": mapping, "gidMappings": mapping, "namespaces": [{"type": "user"}]}
    for _ in range(2):
        status, text, errors = runtime(scratch, "create", "pod-1", **options)
        equal((status, errors), (0, ""))
        equal(json.loads(text), wanted)
    with daemon.client() as client:
        equal([(a["pod"], a["state"]) for a in client.list()], [("pod-1", "active")])
        for _ in range(2):
            equal(runtime(scratch, "delete", "pod-1", **options), (0, "", ""))
        assert client.call("Get", pod="pod-1")["allocation"]["state"] != "active"


@case("a runtime's two calls: the OCI mappings of a pod, and their end")
def two_calls():
    with Scratch() as scratch, Daemon(scratch) as daemon:
        check_two_calls(scratch, daemon)
        equal(runtime(scratch, "delete", "unknown"), (0, "", ""))
        equal(run([EXAMPLES / "example-runtime", "create"])[0], 2)


@case("a runtime says what is wrong, and what can be done about it")
def sentences():
    with Scratch(f"kubelet:{UNIT}:{UNIT}", config="[Pool kubelet]\nMaxPods=1\n") as scratch:
        with Daemon(scratch) as daemon:
            equal(runtime(scratch, "create", "a")[0], 0)
            equal(runtime(scratch, "create", "b"), (1, "", (
                "runtime: the pool kubelet has no room: of 1 units 1 are active, 0 draining, 0 waiting to be used "
                "again, 0 foreign. Delete pods, or give the pool a larger range: see \"subidctl status\".\n")))
            scratch.entry(f"kubelet:{UNIT + 1}:{UNIT}")
            with daemon.client() as client:
                client.call("Reload")
            status, text, errors = runtime(scratch, "create", "c")
            equal((status, text), (1, ""))
            assert errors.startswith("runtime: the pool kubelet is invalid (start-unaligned): "), errors
            assert errors.endswith(" is mended: see \"subidctl check\".\n"), errors
            equal(runtime(scratch, "create", "a b")[2],
                  "runtime: the daemon refused the parameter pod. The pod cannot be served like that.\n")
        equal(runtime(scratch, "create", "a"), (1, "", (
            f"runtime: cannot connect to the daemon at {scratch.socket}: No such file or directory. Try again when "
            "subidd runs: see \"systemctl status subidd\".\n")))


@case("poll(2): many pods at once, each with a range of its own")
def under_poll():
    with Scratch() as scratch, Daemon(scratch), Loop(scratch) as loop:
        loop.say("".join(f"create p{i}\n" for i in range(110)) + "create one-too-many\nnonsense\n")
        lines = [loop.hear() for _ in range(112)]
        equal(lines.count("nonsense: cannot be done"), 1)
        lines.remove("nonsense: cannot be done")
        found = [re.fullmatch(r"(p\d+): created with (\d+):65536", line) for line in lines[:110]]
        equal([match[1] for match in found], [f"p{i}" for i in range(110)])
        equal(len({match[2] for match in found}), 110)
        assert lines[110].startswith("one-too-many: the pool kubelet has no room"), lines[110]
        loop.say("".join(f"delete p{i}\n" for i in range(110)))
        equal(loop.end(), [f"p{i}: deleted" for i in range(110)])


@case("poll(2): a daemon that hangs or is away keeps nobody waiting")
def hanging():
    with Scratch(f"kubelet:{UNIT}:{2000 * UNIT}") as scratch, Daemon(scratch) as daemon, Loop(scratch) as loop:
        loop.say("create before\n")
        equal(loop.hear(), f"before: created with {UNIT}:{UNIT}")
        os.kill(daemon.process.pid, signal.SIGSTOP)
        # more than sockets and pipes hold: the program has to go on reading
        loop.say("".join(f"delete {'x' * 120}-{i:04}\n" for i in range(8000)))
        os.kill(daemon.process.pid, signal.SIGCONT)
        for i in range(8000):
            equal(loop.hear(), f"{'x' * 120}-{i:04}: deleted")
        daemon.kill()
        loop.say("create between\n")
        equal(loop.hear(), f"between: cannot connect to the daemon at {scratch.socket}: Connection refused")
        daemon.start()
        loop.say("create after\n")
        equal(loop.hear(), f"after: created with {2 * UNIT}:{UNIT}")
        loop.say("create before\n")
        equal(loop.end(), [f"before: created with {UNIT}:{UNIT}"])


@case("poll(2): a daemon that is killed under way fails what it did not answer, once")
def killed():
    with Scratch(f"kubelet:{UNIT}:{2000 * UNIT}") as scratch, Daemon(scratch) as daemon, Loop(scratch) as loop:
        os.kill(daemon.process.pid, signal.SIGSTOP)
        loop.say("".join(f"create p{i}\n" for i in range(100)))
        daemon.kill()
        for i in range(100):
            assert loop.hear() in (
                f"p{i}: the daemon at {scratch.socket} closed the connection before it answered",
                f"p{i}: cannot connect to the daemon at {scratch.socket}: Connection refused"), i
        daemon.start()
        loop.say("".join(f"create p{i}\n" for i in range(100)))
        lines = loop.end()
        equal(len({re.fullmatch(r"p\d+: created with (\d+):65536", line)[1] for line in lines}), 100)


@case("sd-event: two clients in one loop, one of which hears what the other does")
def under_sd_event():
    with Scratch(f"kubelet:{UNIT}:{1000 * UNIT}") as scratch, Daemon(scratch):
        equal(run([BUILD / "tests/integration/library-sd-event", scratch.socket, 300]),
              (0, "300 created, 300 deleted, 300 allocated, 300 released\n", ""))


def install(folder):
    """Installs what was built into a folder. Returns that of the pkg-config file."""
    if os.environ["SANITIZE"] != "none":
        raise Skip("the library that was built needs the sanitizer's own flags")
    for tool in ("meson", "pkg-config", "cc"):
        if not shutil.which(tool):
            raise Skip(f"{tool} is not installed")
    status, text, errors = run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", folder])
    equal(status, 0, text + errors)
    found, = folder.rglob("libsubidd.pc")
    return found.parent


def flags(folder, pc, *words):
    """What pkg-config says about the installed library."""
    found = {"PKG_CONFIG_LIBDIR": str(pc), "PKG_CONFIG_SYSROOT_DIR": str(folder)}
    status, text, errors = run(["pkg-config", *words, "libsubidd"], env=os.environ | found)
    equal(status, 0, errors)
    return text.split()


@case("the examples are installed, and build and run with what pkg-config says")
def installed():
    with tempfile.TemporaryDirectory(prefix="subidd-install-") as name, Scratch() as scratch, \
            Daemon(scratch) as daemon:
        folder = pathlib.Path(name)
        pc = install(folder)
        for source in sorted(SOURCES.glob("*.c")):
            copy, = folder.rglob(f"doc/subidd/examples/{source.name}")
            equal(copy.read_bytes(), source.read_bytes(), source.name)
            equal(run(["cc", "-std=gnu99", "-Wall", "-Wextra", "-Werror", "-o", folder / source.stem, copy,
                       *flags(folder, pc, "--cflags", "--libs")]), (0, "", ""), source.name)
        library = os.environ | {"LD_LIBRARY_PATH": str(pc.parent)}
        check_two_calls(scratch, daemon, program=folder / "runtime", env=library)
        if shutil.which("clang"):
            equal(run(["clang", "-x", "c++", "-std=c++11", "-Wall", "-Werror", "-fsyntax-only", "-include", "subidd.h",
                       "/dev/null", *flags(folder, pc, "--cflags")]), (0, "", ""))


main()
