# SPDX-License-Identifier: MIT
"""Sockets passed by systemd, the daemon's own socket, signals, and what sd_notify(3) is told."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time

from client import TIMEOUT, Client, Closed, encode
from harness import KUBELET_LINE, SUBIDD, UNIT, Daemon, Scratch, Skip, case, equal, main, run_subidd

# Gives its standard input to the program as the descriptors that systemd would pass.
PASS = """
import os, sys
n = int(sys.argv[1])
for i in range(n):
    os.dup2(0, 10 + i)
for i in range(n):
    os.dup2(10 + i, 3 + i)
    os.close(10 + i)
os.dup2(os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC), 0)
os.environ.update(LISTEN_FDS=str(n), LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES=":".join(["varlink"] * n))
os.execv(sys.argv[2], sys.argv[2:])
"""


def passing(scratch, passed, count=1, **options):
    """The daemon with a socket passed COUNT times."""
    command = [sys.executable, "-I", "-S", "-c", PASS, str(count), SUBIDD, "--root", str(scratch.path)]
    return Daemon(scratch, command=command, passed=passed, **options)


def listening(path, kind=socket.SOCK_STREAM):
    """A listening socket that blocks, as systemd passes it."""
    sock = socket.socket(socket.AF_UNIX, kind)
    path.parent.mkdir(parents=True, exist_ok=True)
    sock.bind(str(path))
    if kind != socket.SOCK_DGRAM:
        sock.listen(64)
    return sock


@case("a listening socket that was passed is served, and stays when the daemon goes")
def passed_listening():
    with Scratch() as scratch, listening(scratch.socket) as sock:
        with passing(scratch, sock) as daemon:
            with daemon.client() as one, daemon.client() as two:
                equal(two.call("Allocate", pod="b")["outcome"], "created")
                equal(one.call("Allocate", pod="a")["outcome"], "created")
        assert scratch.socket.exists(), "the daemon removed a socket that is not its own"
        with passing(scratch, sock) as daemon, daemon.client() as client:
            equal(len(client.list()), 2)


@case("a call that waits in the passed socket's backlog is answered")
def backlog():
    with Scratch() as scratch, listening(scratch.socket) as sock, Client(scratch.socket) as early:
        early.send(encode("Allocate", {"pod": "a"}))
        with passing(scratch, sock):
            equal(early.reply("Allocate")[0]["outcome"], "created")
            early.socket.close()


@case("systemd-socket-activate starts it with the first connection")
def socket_activate():
    if not shutil.which("systemd-socket-activate"):
        raise Skip("systemd-socket-activate is not installed")
    with Scratch() as scratch:
        scratch.socket.parent.mkdir(parents=True)
        command = ["systemd-socket-activate", "-l", str(scratch.socket), "-E", f"NOTIFY_SOCKET={scratch.path}/notify",
                   SUBIDD, "--root", str(scratch.path)]
        with Daemon(scratch, command=command, wait=False) as daemon:
            daemon.log.wait("Listening on")
            with daemon.client() as first, daemon.client() as second:
                equal(second.call("Allocate", pod="a")["outcome"], "created")
                equal(first.call("Allocate", pod="a")["outcome"], "existing")
            daemon.wait_ready()


@case("a connected socket that was passed is served, and the daemon leaves when it closes")
def passed_connected():
    ours, theirs = socket.socketpair()
    with Scratch() as scratch, theirs, passing(scratch, theirs) as daemon, Client(ours) as client:
        theirs.close()
        equal(client.call("Allocate", pod="a")["outcome"], "created")
        equal(client.call("GetStatus")["clients"]["connections"], 1)
        assert not scratch.socket.exists(), "it listens as well"
        client.socket.close()
        daemon.wait_end(0)


@case("a connected socket that breaks the protocol ends the daemon cleanly")
def passed_connected_broken():
    ours, theirs = socket.socketpair()
    with Scratch() as scratch, theirs, passing(scratch, theirs) as daemon, Client(ours) as client:
        theirs.close()
        client.send(b"x\0")
        client.expect_closed()
        daemon.wait_end(0)


@case("a connected socket with its writing half shut is answered before the daemon leaves")
def passed_connected_half():
    ours, theirs = socket.socketpair()
    with Scratch() as scratch, theirs, Client(ours) as client:
        client.send(encode("Allocate", {"pod": "a"}))
        client.socket.shutdown(socket.SHUT_WR)
        with passing(scratch, theirs, wait=False) as daemon:
            theirs.close()
            equal(client.reply("Allocate")[0]["outcome"], "created")
            client.expect_closed()
            daemon.wait_end(0)


def refused_case(name, kind, count):
    """A socket that cannot be used is refused with a line that says so."""
    @case(name)
    def refused():
        with Scratch() as scratch, listening(scratch.path / "other", kind) as sock, \
                passing(scratch, sock, count, wait=False) as daemon:
            log = daemon.wait_end(1)
            assert "socket that was passed" in log, log
            assert not scratch.socket.exists()


refused_case("a datagram socket is refused", socket.SOCK_DGRAM, 1)
refused_case("a sequential packet socket is refused", socket.SOCK_SEQPACKET, 1)
refused_case("two sockets are refused", socket.SOCK_STREAM, 2)


def signal_case(number):
    """Each of the two ends the daemon cleanly; it takes its own socket away."""
    @case(f"{number.name} ends it cleanly and removes its socket")
    def ends():
        with Scratch() as scratch, Daemon(scratch) as daemon:
            with daemon.client() as client:
                client.call("Allocate", pod="a")
            daemon.stop(number)
            assert not scratch.socket.exists()
            assert "STOPPING=1" in daemon.notifications.log.lines
            log = (scratch.state / "allocations.db-wal").read_bytes()
            equal(log[:32], bytes(32), "the database was not closed")


signal_case(signal.SIGTERM)
signal_case(signal.SIGINT)


@case("calls that were sent before SIGTERM are answered or not done")
def answered_or_not():
    with Scratch() as scratch, Daemon(scratch) as daemon:
        with daemon.client() as client:
            client.send(b"".join(encode("Allocate", {"pod": f"p{i}"}) for i in range(100)))
            equal(daemon.end(signal.SIGTERM), 0)
            daemon.expect_clean()
            seen = 0
            try:
                while True:
                    client.reply("Allocate")
                    seen += 1
            except Closed:
                pass
        daemon.start()
        with daemon.client() as client:
            found = len(client.list())
            assert found >= seen, f"{seen} were answered, {found} are there"


@case("open connections do not keep it from ending")
def open_connections():
    with Scratch() as scratch, Daemon(scratch, check_files=False) as daemon:
        clients = [daemon.client() for _ in range(20)]
        for client in clients:
            client.call("GetStatus")
        daemon.stop()
        for client in clients:
            client.expect_closed()
            client.socket.close()


@case("the socket has mode 0660 and the folder above lets others in")
def modes():
    with Scratch() as scratch, Daemon(scratch, umask=0):
        equal(stat.S_IMODE(scratch.socket.stat().st_mode), 0o660)
        equal(stat.S_IMODE(scratch.socket.parent.stat().st_mode), 0o755)


@case("a socket that a killed daemon left is replaced")
def stale():
    with Scratch() as scratch, Daemon(scratch) as daemon:
        daemon.kill()
        assert scratch.socket.exists()
        daemon.start()
        with daemon.client() as client:
            client.call("GetStatus")


def in_the_way(name, make, word):
    """What is no socket stays, and the message names the path."""
    @case(name)
    def refused():
        with Scratch() as scratch:
            scratch.socket.parent.mkdir(parents=True)
            make(scratch.socket)
            status, _, errors = run_subidd("--root", scratch.path)
            equal(status, 1)
            assert str(scratch.socket) in errors and word in errors, errors
            assert os.path.lexists(scratch.socket), "it was removed"


in_the_way("a plain file at the socket's path is refused and stays", lambda path: path.write_text("x"), "File exists")
in_the_way("a folder at the socket's path is refused and stays", lambda path: path.mkdir(), "File exists")
in_the_way("a link at the socket's path is refused and stays", lambda path: path.symlink_to("x"), "File exists")


@case("a socket path that is too long is refused")
def too_long():
    with Scratch() as scratch:
        status, _, errors = run_subidd("--root", scratch.path, "--socket", scratch.path / ("x" * 108))
        equal(status, 1)
        assert "too long" in errors, errors


@case("a server of another kind at the path is not replaced")
def other_server():
    with Scratch() as scratch, listening(scratch.socket):
        status, _, errors = run_subidd("--root", scratch.path)
        equal(status, 4)
        assert str(scratch.socket) in errors, errors


@case("SIGHUP tells RELOADING with its time, then READY")
def reloading():
    with Scratch() as scratch, Daemon(scratch) as daemon:
        for _ in range(3):
            mark = daemon.notifications.log.mark()
            before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            daemon.process.send_signal(signal.SIGHUP)
            found = daemon.notifications.log.wait("RELOADING=1", mark)
            daemon.notifications.log.wait("^READY=1$", mark)
            told = int(found.split("MONOTONIC_USEC=")[1].split("\n")[0])
            assert before <= told <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000, found


@case("READY follows a SIGHUP that changes which files are read")
def ready_after_other_files():
    with Scratch() as scratch, Daemon(scratch) as daemon:
        scratch.write("kubelet.yaml", "maxPods: 50\n")
        scratch.config("[Pool kubelet]\nKubeletConfig=/etc/kubelet.yaml\n")
        mark = daemon.notifications.log.mark()
        daemon.process.send_signal(signal.SIGHUP)
        daemon.notifications.log.wait("RELOADING=1", mark)
        daemon.notifications.log.wait("^READY=1$", mark)


@case("READY follows a SIGHUP whose configuration is broken")
def ready_after_broken():
    with Scratch() as scratch, Daemon(scratch) as daemon:
        scratch.config("[Pool kubelet]\nNothing=1\n")
        mark = daemon.notifications.log.mark()
        daemon.process.send_signal(signal.SIGHUP)
        daemon.notifications.log.wait("^READY=1$", mark)
        daemon.log.wait("subidd.conf:2: .*stays")


@case("every RELOADING ends with READY, however SIGHUP, Reload and edits mix")
def mixed_reloads():
    with Scratch() as scratch, Daemon(scratch) as daemon, daemon.client() as client:
        for i in range(30):
            daemon.process.send_signal(signal.SIGHUP)
            client.send(encode("Reload") * (i % 3))
            scratch.entry(KUBELET_LINE if i % 2 else f"kubelet:65536:{200 * UNIT}")
            for _ in range(i % 3):
                client.reply("Reload")
        client.call("Reload")
        log = daemon.notifications.log
        log.wait("^READY=1$", max(i for i, line in enumerate(log.lines) if "RELOADING" in line))


@case("the watchdog is fed")
def watchdog():
    with Scratch() as scratch, Daemon(scratch, env={"WATCHDOG_USEC": "400000"}) as daemon:
        for _ in range(3):
            daemon.notifications.log.wait("WATCHDOG=1", daemon.notifications.log.mark())


@case("READY comes only when the socket can be connected to")
def ready_means_ready():
    for _ in range(5):
        with Scratch() as scratch, Daemon(scratch), Client(scratch.socket) as client:
            client.call("GetStatus")


@case("it needs nobody to notify")
def without_notify():
    environment = {k: v for k, v in os.environ.items() if k != "NOTIFY_SOCKET"}
    with Scratch() as scratch, subprocess.Popen([SUBIDD, "--root", str(scratch.path)], env=environment,
                                                stderr=subprocess.PIPE, text=True) as process:
        assert any("is ready" in line for line in process.stderr)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=TIMEOUT)
        equal(process.returncode, 0)


main()
