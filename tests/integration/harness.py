# SPDX-License-Identifier: MIT
"""What the integration tests share: cases in TAP, a scratch root, and the real daemon in it.

Nothing here sleeps or polls: the daemon says when it is ready (sd_notify(3)), what it logs is read as it
comes, and its end is waited for.
"""

import collections
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

from client import TIMEOUT, Client, Refused

SUBIDD = os.environ.get("SUBIDD") or str(pathlib.Path(__file__).resolve().parents[2] / "build/daemon/subidd")
if not os.access(SUBIDD, os.X_OK):
    sys.exit(f"{SUBIDD} is not there: build it, or set SUBIDD")
IS_ROOT = os.geteuid() == 0
SANITIZER = re.compile(r"Sanitizer|runtime error|AddressSan|LeakSan")
NOBODY = 65534
UNIT = 65536
KUBELET_LINE = "kubelet:65536:7208960"


class Skip(Exception):
    """The case cannot be run here, for the reason given."""


Case = collections.namedtuple("Case", "name function needs_root is_slow")
cases = []
slow_at_once = threading.Semaphore(12)  # each holds inotify instances, of which a user has 128


def case(name, needs_root=False, is_slow=False):
    """Makes a function a test case. Slow ones, which wait for a time limit, run beside the others."""
    def add(function):
        cases.append(Case(name, function, needs_root, is_slow))
        return function
    return add


def run_case(one):
    """Its result as (word, rest of the line, lines of diagnostics)."""
    began = time.monotonic()
    try:
        if one.needs_root and not IS_ROOT:
            raise Skip("needs root")
        one.function()
        return "ok", "", [f"{time.monotonic() - began:.2f} s"]
    except Skip as reason:
        return "ok", f" # SKIP {reason}", []
    except Exception:  # every failure is a result
        return "not ok", "", traceback.format_exc().splitlines()


def main():
    """Runs all cases, or those whose names contain an argument, and leaves."""
    wanted = [one for one in cases if all(word in one.name for word in sys.argv[1:])]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # a test that takes too long cleans up as well
    print(f"1..{len(wanted)}", flush=True)
    slow, failed, n_done = {}, 0, 0

    def report(one, word, rest, lines):
        nonlocal failed, n_done
        n_done += 1
        failed += word != "ok"
        print(f"{word} {n_done} - {one.name}{rest}")
        for line in lines:
            print(f"# {line}")
        sys.stdout.flush()

    for one in (one for one in wanted if one.is_slow):
        def work(one=one):
            with slow_at_once:
                slow[one] = (thread, run_case(one))
        thread = threading.Thread(target=work)
        slow[one] = (thread, None)
        thread.start()
    for one in (one for one in wanted if not one.is_slow):
        report(one, *run_case(one))
    for one, (thread, _) in list(slow.items()):
        thread.join()
        report(one, *slow[one][1])
    sys.exit(failed > 0)


def equal(found, wanted, what=""):
    """Raises with both if they differ."""
    assert found == wanted, f"{what}{': ' if what else ''}{found!r} in place of {wanted!r}"


class Scratch:
    """A root of its own, with the kubelet's 110 units and the accounts of a small node."""

    def __init__(self, entry=KUBELET_LINE, config=None, parent=None):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="subidd-", dir=parent))
        self.path.chmod(0o755)
        self.etc = self.path / "etc"
        self.etc.mkdir()
        self.write("passwd", "root:x:0:0::/root:/bin/sh\nkubelet:x:901:901::/:/bin/false\n"
                             "containers:x:902:902::/:/bin/false\nalice:x:1001:1001::/:/bin/sh\n")
        self.write("group", "root:x:0:\nkubelet:x:901:\ncontainers:x:902:\nalice:x:1001:\npods:x:2001:\n")
        self.entry(entry)
        if config is not None:
            self.config(config)
        self.socket = self.path / "run/subidd/io.subidd.Allocator"
        self.state = self.path / "var/lib/subidd"
        self.database = self.state / "allocations.db"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path)

    def write(self, name, text):
        """Writes a file of etc in place."""
        path = self.etc / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def replace(self, name, text):
        """Puts a new file in its place, as editors and useradd(8) do."""
        new = self.etc / f"{name}.new"
        new.write_text(text, encoding="utf-8")
        new.rename(self.etc / name)

    def entry(self, *lines):
        """The lines of both subuid and subgid."""
        for name in ("subuid", "subgid"):
            self.write(name, "".join(line + "\n" for line in lines))

    def config(self, text, name="subidd/subidd.conf"):
        """The configuration, or a drop-in."""
        self.write(name, text)


class Notifications:
    """The socket that sd_notify(3) speaks to."""

    def __init__(self, folder):
        self.path = str(folder / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o666)
        self.log = Log()
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        """Takes every message, so that the daemon never waits for a full socket."""
        while data := self.socket.recv(4096):
            self.log.add(data.decode())

    def close(self):
        """An empty message ends the thread."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"", self.path)
        self.thread.join()
        self.socket.close()
        os.unlink(self.path)


class Log:
    """Lines that come in, and can be waited for."""

    def __init__(self):
        self.lines, self.changed, self.is_ended = [], threading.Condition(), False

    def add(self, line):
        """One more."""
        with self.changed:
            self.lines.append(line)
            self.changed.notify_all()

    def end(self):
        """Nothing more comes."""
        with self.changed:
            self.is_ended = True
            self.changed.notify_all()

    def mark(self):
        """Where the log ends now, to wait for what comes behind."""
        with self.changed:
            return len(self.lines)

    def wait(self, pattern, since=0):
        """The first line behind the mark that the pattern is found in."""
        def find():
            return next((line for line in self.lines[since:] if re.search(pattern, line)), None)
        with self.changed:
            self.changed.wait_for(lambda: find() or self.is_ended, TIMEOUT)
            assert find(), f"no line like {pattern!r}: {self.lines[since:]}"
            return find()

    def text(self):
        """All of it."""
        with self.changed:
            return "\n".join(self.lines)


class Daemon:
    """The real one. Leaving the context stops it and looks at what it leaves behind."""

    def __init__(self, scratch, *options, wait=True, status=0, command=None, check_files=True, passed=None,
                 **popen):
        self.scratch, self.options, self.popen = scratch, options, popen
        self.status, self.check_files = status, check_files
        if passed:
            self.popen["stdin"] = passed
        self.command = command or [SUBIDD, "--root", str(scratch.path), *options]
        self.process = self.log = self.notifications = None
        self.start(wait)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            before = self.process.poll()
            self.end(signal.SIGKILL)
            print(f"# the daemon was {'alive' if before is None else f'gone with status {before}'}")
            print("".join(f"# {line}\n" for line in self.log.lines[-30:]), end="")
        try:
            if self.process.poll() is None:
                self.stop()
        finally:
            self.end(signal.SIGKILL)
            if self.notifications:
                self.notifications.close()

    def start(self, wait=True):
        """Starts it, and waits until it says that it is ready."""
        if self.notifications:
            self.notifications.close()
        self.notifications = Notifications(self.scratch.path)
        self.log = Log()
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("LISTEN_", "WATCHDOG_"))}
        environment |= self.popen.get("env", {}) | {"NOTIFY_SOCKET": self.notifications.path}
        environment.pop("JOURNAL_STREAM", None)
        options = {k: v for k, v in self.popen.items() if k != "env"}
        options.setdefault("stdin", subprocess.DEVNULL)
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, env=environment,
                                        start_new_session=True, **options)
        self.reader = threading.Thread(target=self.read_log)
        self.reader.start()
        if wait:
            self.wait_ready()

    def read_log(self):
        """Runs in a thread of its own until the daemon ends."""
        with self.process.stdout as lines:
            for line in lines:
                self.log.add(line.rstrip("\n"))
        self.log.end()
        self.notifications.log.end()

    def wait_ready(self):
        """READY=1, or a failure with what the daemon said."""
        try:
            self.notifications.log.wait("^READY=1$")
        except AssertionError as error:
            self.end(signal.SIGKILL)
            raise AssertionError(f"it did not become ready: {self.log.text()}") from error

    def client(self):
        """A new connection."""
        return Client(self.scratch.socket)

    def user(self, uid, **options):
        """A connection of another user."""
        from client import connect_user
        return connect_user(self.scratch.socket, uid, **options)

    def files(self):
        """What its descriptors point to."""
        found = []
        for fd in pathlib.Path(f"/proc/{self.process.pid}/fd").iterdir():
            try:
                found.append(os.readlink(fd))
            except FileNotFoundError:
                continue
        return sorted(found)

    def rss(self):
        """Its memory in bytes."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def settle(self, client):
        """Asks until all other connections are gone; each answer is a turn of the loop."""
        deadline = time.monotonic() + TIMEOUT
        while (n := client.call("GetStatus")["clients"]["connections"]) > 1:
            assert time.monotonic() < deadline, f"{n} connections are left"

    def expect_no_files_left(self):
        """Besides its own it may have one connection, which is ours. valgrind, with its own, looks itself."""
        if "CHECK_LOGS" in os.environ:
            return
        with self.client() as client:
            self.settle(client)
            try:
                client.call("Reload")
            except Refused:
                pass  # it has read everything all the same
            counts = collections.Counter(re.sub(r"socket:.*", "socket", path) for path in self.files())
        limits = {"socket": 2, "anon_inode:[eventpoll]": 3, "anon_inode:[timerfd]": 3, "anon_inode:inotify": 3}
        for path, n in counts.items():
            if not path.startswith("pipe:") and n > limits.get(path, 2 if path == "/dev/null" else 1):
                raise AssertionError(f"{n} times {path} open: {counts}")

    def end(self, number):
        """Sends a signal and waits for the end; returns the status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(TIMEOUT)
        self.reader.join(TIMEOUT)
        return status

    def kill(self):
        """SIGKILL."""
        equal(self.end(signal.SIGKILL), -signal.SIGKILL, "status")
        self.expect_clean()

    def stop(self, number=signal.SIGTERM):
        """A clean end, with nothing left behind."""
        if self.check_files and self.scratch.socket.exists():
            self.expect_no_files_left()
        equal(self.end(number), self.status, f"exit status with {self.log.text()}")
        self.expect_clean()

    def wait_end(self, status):
        """It ends by itself."""
        equal(self.process.wait(TIMEOUT), status, "exit status")
        self.reader.join(TIMEOUT)
        self.expect_clean()
        return self.log.text()

    def restart(self):
        """Stops and starts it."""
        self.stop()
        self.start()

    def expect_clean(self):
        """No report of a sanitizer, no process of its session left."""
        found = [line for line in self.log.lines if SANITIZER.search(line)]
        assert not found, "\n".join(self.log.lines)
        for pid in processes_of(self.process.pid):
            await_end(pid)
        left = processes_of(self.process.pid)
        assert not left, f"processes are left: {left}"


class Watch:
    """A Monitor stream: what happens from its making on."""

    def __init__(self, daemon):
        self.client = daemon.client()
        self.stream = self.client.stream("Monitor")
        self.events = []  # that were read
        equal(next(self.stream), {"events": []}, "the first reply")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.socket.close()

    def read(self):
        """The events of one more reply."""
        found = next(self.stream)["events"]
        assert found, "a reply without events"
        self.events += found
        return found

    def wait(self, kind, *pods):
        """Reads on until there was such an event for each of the pods; returns those."""
        def find(pod):
            return next((e for e in self.events if e["kind"] == kind and e.get("pod") == pod), None)
        while not all(map(find, pods)):
            self.read()
        return [find(pod) for pod in pods]


def release(daemon, *pods):
    """Releases them in this order, and waits until nothing lives in their ranges."""
    with Watch(daemon) as watch, daemon.client() as client:
        for pod in pods:
            equal(client.call("Release", pod=pod)["released"], True, pod)
        watch.wait("drained", *pods)


def await_end(pid, timeout=5):
    """Until a process that is being killed has ended, or for so many seconds."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        select.select([fd], [], [], timeout)
    finally:
        os.close(fd)


def processes_of(session):
    """PIDs of a session; zombies that nobody has reaped yet are left out."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):  # a glob fails where one ends under its eyes
        try:
            stat = pathlib.Path("/proc", pid, "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        fields = stat.rpartition(")")[2].split()
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(pid))
    return found


def run_as_nobody(scratch, *arguments):
    """Runs a copy of it as a user who owns nothing, who may not be able to reach the build folder."""
    copy = shutil.copy(SUBIDD, scratch.path / "subidd")
    nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if IS_ROOT else {}
    return run_subidd(*arguments, program=copy, cwd=scratch.path, **nobody)


def run_subidd(*arguments, program=SUBIDD, **options):
    """Runs it to its end: (status, standard output, standard error)."""
    done = subprocess.run([program, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=TIMEOUT, check=False, **options)
    assert not SANITIZER.search(done.stderr), done.stderr
    return done.returncode, done.stdout, done.stderr


def overlaps(allocations):
    """Pairs of allocations that share an ID."""
    ordered = sorted(allocations, key=lambda a: a["start"])
    return [(a, b) for a, b in zip(ordered, ordered[1:]) if a["start"] + a["count"] > b["start"]]
