# SPDX-License-Identifier: MIT
"""System calls of the real daemon that fail, by strace(1): what it answers then, and what is left later."""

import os
import resource
import shutil
import signal
import socket
import subprocess
import threading

from client import TIMEOUT, Client
from faults import DAMAGED, Account, ignoring, start_or_refuse
from harness import Daemon, Log, Scratch, Skip, case, equal, main

FAULTS = [(name, error) for name in ("pwrite64", "fdatasync") for error in ("EIO", "ENOSPC")] + [("pread64", "EIO")]
AT_START = ("openat", "pread64", "pwrite64", "fdatasync", "fsync", "ftruncate", "rename", "unlink", "flock", "fcntl")


def need_strace():
    """Skips the case where it is missing, or nothing can be traced."""
    if not shutil.which("strace"):
        raise Skip("strace is missing")
    done = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skip(f"strace cannot trace: {done.stderr.strip()}")


class Fault:
    """Calls of a running process fail for as long as the context lasts."""

    def __init__(self, daemon, call, error, when):
        self.command = ["strace", "-f", "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={when}",
                        "-o", daemon.scratch.path / "trace", "-p", str(daemon.process.pid)]
        self.trace, self.daemon = daemon.scratch.path / "trace", daemon

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.log = Log()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()
        self.log.wait("attached")
        return self

    def read(self):
        with self.process.stderr as lines:
            for line in lines:
                self.log.add(line)
        self.log.end()

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(TIMEOUT)
        self.reader.join()

    def n_injected(self):
        """How often it has happened."""
        return self.trace.read_text(encoding="utf-8", errors="replace").count("(INJECTED)")


def run_faults(call, error, whens):
    """Each in turn, over one daemon; it works on in between, and is killed or stopped after each."""
    @case(f"{call} fails with {error}: StoreFailed or done, and it goes on later")
    def failing():
        need_strace()
        n_injected = 0
        with Scratch() as scratch, Daemon(scratch, check_files=False) as daemon:
            account = Account(daemon)
            account.work(4, "before")
            for i, when in enumerate(whens):
                with Fault(daemon, call, error, when) as fault:
                    account.work(6, f"during{i}-")
                n_injected += fault.n_injected()
                account.check()
                n_failed = account.counts["failed"]
                account.work(4, f"after{i}-")
                equal(account.counts["failed"], n_failed, f"calls failed after the fault {when} was gone")
                account.restart(kill=i % 2 == 0)
            print(f"# {n_injected} faults, {dict(account.counts)}")


for name, problem in FAULTS:
    run_faults(name, problem, ("1", "2", "3", "5", "1+", "2+", "3+2"))


def start_faults(call, error):
    """The n-th call of a start, for every n until the start does not come so far."""
    @case(f"{call} fails with {error} in a start: it starts or says why, and all is there")
    def failing():
        need_strace()
        n_started = n_refused = 0
        no_leaks = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}  # it would trace as well
        with Scratch() as scratch, Daemon(scratch, check_files=False, env=no_leaks) as daemon:
            account, plain = Account(daemon), daemon.command
            account.work(8, "p")
            for kill in (True, False):
                for n in range(1, 400):
                    daemon.end(signal.SIGKILL if kill else signal.SIGTERM)
                    trace = scratch.path / "trace"
                    daemon.command = ["strace", "-D", "-f", "-qq", "-P", scratch.state, "-P", scratch.database,
                                      "-P", f"{scratch.database}-wal", "-P", scratch.state / "lock", "-o", trace,
                                      "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={n}", *plain]
                    if start_or_refuse(daemon, 1, DAMAGED):
                        n_started += 1
                        account.check()
                    else:
                        n_refused += 1
                    daemon.end(signal.SIGKILL)
                    text = trace.read_text(encoding="utf-8", errors="replace")
                    daemon.command = plain
                    daemon.start()
                    account.check()
                    if "(INJECTED)" not in text:
                        break
            print(f"# {n_started} started, {n_refused} refused")


for name in AT_START:
    start_faults(name, "EIO")


@case("no descriptor is left: what comes then is closed, the others notice nothing, and it recovers")
def descriptors():
    with Scratch() as scratch, Daemon(scratch, check_files=False) as daemon, daemon.client() as first:
        account = Account(daemon)
        account.call(first, "Allocate", "a")
        limits = resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE)
        n_open = max(map(int, os.listdir(f"/proc/{daemon.process.pid}/fd"))) + 1
        resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (n_open + 3, limits[1]))
        others = [Client(connect(scratch)) for _ in range(40)]
        for i in range(20):
            account.call(first, "Allocate", f"p{i}")
        equal(account.counts["failed"], 0)
        n_served = 0
        for other in others:
            with ignoring(TimeoutError):
                other.socket.settimeout(5)
                other.call("GetStatus")
                n_served += 1
            other.socket.close()
        print(f"# {n_served} of {len(others)} were served")
        assert n_served < len(others), "the limit had no effect"
        resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, limits)
        with daemon.client() as late:
            account.call(late, "Release", "p1")
        equal(account.counts["failed"], 0)
        account.check()
        account.restart(kill=True)


def connect(scratch):
    """A connection that may be closed at once."""
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    one.connect(str(scratch.socket))
    return one


main()
