# SPDX-License-Identifier: MIT
"""The limits of the contract, each at its border, and what a greedy or slow client can do to others."""

import contextlib
import pathlib
import resource
import select
import socket
import subprocess
import sys
import time

from client import SERVICE, Closed, encode
from harness import NOBODY, SUBIDD, UNIT, Daemon, Scratch, Skip, case, equal, main

READER_MESSAGE, WRITER_MESSAGE = 64 * 1024, 4 * 1024 * 1024
CONNECTIONS, CONNECTIONS_PER_UID, PATIENCE = 1024, 128, 30
IS_SANITIZED = b"__asan_init" in pathlib.Path(SUBIDD).read_bytes()


def message(size):
    """A call of that many bytes, its NUL not counted."""
    head, tail = f'{{"method":"{SERVICE}.GetInfo","a.b":"'.encode(), b'"}'
    return head + b"x" * (size - len(head) - len(tail)) + tail + b"\0"


def expect_message(client, size, is_taken):
    """A message of that size is answered, or ends the connection."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        client.send(message(size))
    if is_taken:
        client.reply(f"{SERVICE}.GetInfo")
    else:
        client.expect_closed()


@case("a writer's message of 4 MiB is taken, one byte more ends the connection")
def writer_message():
    with Scratch() as scratch, Daemon(scratch) as daemon, daemon.client() as client, daemon.client() as other:
        for _ in range(3):
            expect_message(client, WRITER_MESSAGE, True)
        expect_message(client, WRITER_MESSAGE + 1, False)
        other.call("GetStatus")


@case("a reader's message of 64 KiB is taken, one byte more ends the connection", needs_root=True)
def reader_message():
    with Scratch() as scratch, Daemon(scratch) as daemon, daemon.client() as other:
        with daemon.user(NOBODY) as client:
            for _ in range(3):
                expect_message(client, READER_MESSAGE, True)
            expect_message(client, READER_MESSAGE + 1, False)
        with daemon.user(NOBODY) as client:
            client.send(b"x" * (READER_MESSAGE + 1))
            client.expect_closed()
        other.call("GetStatus")


@case("a writer who is not root may send 4 MiB", needs_root=True)
def other_writer_message():
    with Scratch(config="[Daemon]\nAllowUsers=alice\n") as scratch, Daemon(scratch) as daemon:
        with daemon.user(1001) as client:
            expect_message(client, WRITER_MESSAGE, True)
            expect_message(client, WRITER_MESSAGE + 1, False)


def raise_file_limit(n_files):
    """This process and the daemons that it starts need descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < n_files:
        raise Skip(f"no more than {hard} descriptors are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, n_files), hard))


@case("1,024 connections are served, and the next one is closed at once", needs_root=True)
def connections():
    raise_file_limit(4096)
    with Scratch() as scratch, Daemon(scratch) as daemon, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(daemon.client()) for _ in range(CONNECTIONS)]
        status = clients[-1].call("GetStatus")["clients"]
        equal((status["connections"], status["maxConnections"], status["refused"]), (CONNECTIONS, CONNECTIONS, 0))
        for _ in range(3):
            with daemon.client() as one_too_many:
                one_too_many.expect_closed()
        for client in clients:
            client.send(encode(f"{SERVICE}.GetInfo"))
        for client in clients:
            client.reply(f"{SERVICE}.GetInfo")
        equal(clients[0].call("GetStatus")["clients"]["refused"], 3)
        clients[5].socket.close()
        clients[0].call("GetStatus")
        with daemon.client() as client:
            equal(client.call("Allocate", pod="a")["outcome"], "created")


@case("128 connections of a user are served, the next one is closed, others come in", needs_root=True)
def connections_of_a_user():
    raise_file_limit(4096)
    with Scratch() as scratch, Daemon(scratch) as daemon, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(c) for c in daemon.user(NOBODY, count=CONNECTIONS_PER_UID)]
        for client in clients:
            client.call("GetStatus")
        with daemon.user(NOBODY) as one_too_many:
            one_too_many.expect_closed()
        with daemon.user(1001) as other, daemon.client() as root:
            equal(other.call("GetStatus")["clients"]["refused"], 1)
            equal(root.call("Allocate", pod="a")["outcome"], "created")
        clients[7].socket.close()
        clients[0].call("GetStatus")
        with daemon.user(NOBODY) as again:
            again.call("GetStatus")


@case("a low limit of descriptors is raised where that is allowed", needs_root=True)
def raised_limit():
    raise_file_limit(4096)
    with Scratch() as scratch, contextlib.ExitStack() as stack:
        limit = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 4096))}
        with Daemon(scratch, **limit) as daemon, daemon.client() as first:
            equal(first.call("GetStatus")["clients"]["maxConnections"], CONNECTIONS)
            clients = [stack.enter_context(daemon.client()) for _ in range(CONNECTIONS - 1)]
            clients[-1].call("GetStatus")
            stack.close()


@case("with few descriptors for the daemon its pools stay valid however many connect")
def few_descriptors():
    raise_file_limit(4096)
    with Scratch() as scratch, contextlib.ExitStack() as stack:
        limit = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))}
        with Daemon(scratch, **limit) as daemon:
            first = stack.enter_context(daemon.client())
            first.call("Allocate", pod="a")
            assert first.call("GetStatus")["clients"]["maxConnections"] < 256
            clients = [stack.enter_context(daemon.client()) for _ in range(400)]
            equal(first.call("Reload")["pools"][0]["valid"], True)
            equal(first.call("Allocate", pod="b")["outcome"], "created")
            with contextlib.suppress(Closed, BrokenPipeError):
                clients[-1].call("GetStatus")
            for client in clients:
                client.socket.close()
            equal(first.call("Reload")["pools"][0]["valid"], True)
            first.socket.close()


def wait_closed(client, tick=None, began=None):
    """Waits for the end without taking what was sent; returns how long it took, since BEGAN if given."""
    began = began or time.monotonic()
    poll = select.poll()
    poll.register(client.socket, select.POLLHUP)
    while not poll.poll(1000 if tick else 3 * PATIENCE * 1000):
        assert time.monotonic() - began < 3 * PATIENCE, "it was not closed"
        if tick:
            tick()
    return time.monotonic() - began


def expect_patience(seconds):
    """Closed after the time limit, not before, and not much later."""
    assert PATIENCE - 1 < seconds < PATIENCE + 15, f"closed after {seconds:.1f} s"


@case("a started message that never ends is dropped after 30 s, while others go on", is_slow=True)
def unfinished_message():
    with Scratch() as scratch, Daemon(scratch) as daemon, daemon.client() as silent, daemon.client() as client:
        client.call("GetStatus")
        began = time.monotonic()
        silent.send(encode("Get", {"pod": "a"})[:-1])

        def go_on():
            client.call("Get", pod="b")
        client.call("Allocate", pod="b")
        expect_patience(wait_closed(silent, go_on, began))
        client.call("GetStatus")


@case("a byte a second does not keep a started message alive", is_slow=True)
def dripping_message():
    with Scratch() as scratch, Daemon(scratch) as daemon, daemon.client() as client:
        began = time.monotonic()
        client.send(b"{")

        def drip():
            with contextlib.suppress(BrokenPipeError):
                client.send(b" ")
        expect_patience(wait_closed(client, drip, began))


@case("a connection that is idle between messages is not dropped", is_slow=True)
def idle_connection():
    with Scratch() as scratch, Daemon(scratch) as daemon, daemon.client() as idle, daemon.client() as other:
        idle.call("Allocate", pod="a")
        other.send(b"{")
        wait_closed(other)
        equal(idle.call("Get", pod="a")["allocation"]["pod"], "a")


def fill(client, n_pods):
    """Allocates for many pods, no more at a time than the sockets hold."""
    for first in range(0, n_pods, 100):
        client.send(b"".join(encode("Allocate", {"pod": f"pod-{i}", "namespace": "n" * 200, "name": "m" * 200})
                             for i in range(first, first + 100)))
        for _ in range(100):
            client.reply("Allocate")


@case("slow readers of a long list are made to wait, cost no memory, and are dropped after 30 s", is_slow=True)
def slow_readers():
    with Scratch(f"kubelet:65536:{4000 * UNIT}") as scratch, Daemon(scratch) as daemon, daemon.client() as client, \
            contextlib.ExitStack() as stack:
        fill(client, 4000)
        client.list()
        before = daemon.rss()
        slow = [stack.enter_context(daemon.client()) for _ in range(50)]
        began = time.monotonic()
        for one in slow:
            one.send(encode("List", more=True))
            one.socket.recv(1)  # the first reply has come, and nothing more is taken
        equal(client.call("GetStatus")["clients"]["connections"], 51)
        grown = daemon.rss() - before
        assert IS_SANITIZED or grown < 50 * 400 * 1024, f"{grown} bytes more"
        expect_patience(wait_closed(slow[0], lambda: client.call("GetStatus"), began))
        data = bytearray()
        with contextlib.suppress(ConnectionResetError):
            while more := slow[0].socket.recv(1 << 20):
                data += more
        assert data.count(b"\0") < 4000 // 256, "it got the whole list"
        equal(len(client.list()), 4000)


@case("a reader that takes its time gets the whole list")
def patient_reader():
    with Scratch(f"kubelet:65536:{2000 * UNIT}") as scratch, Daemon(scratch) as daemon, daemon.client() as client:
        fill(client, 2000)
        with daemon.client() as slow:
            slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.send(encode("List", more=True))
            data = bytearray()
            while data.count(b"\0") < 8:
                data += slow.socket.recv(1500)
            equal(data.count(b'"pod":'), 2000)


@case("replies that nobody takes do not stop the others")
def greedy_pipeliner():
    with Scratch(f"kubelet:65536:{2000 * UNIT}") as scratch, Daemon(scratch) as daemon, daemon.client() as client:
        fill(client, 1000)
        with daemon.client() as greedy:
            greedy.socket.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                for _ in range(20000):
                    greedy.socket.send(encode("List", more=True))
            equal(client.call("Allocate", pod="other")["outcome"], "created")
            assert IS_SANITIZED or daemon.rss() < 100 * 1024 * 1024


FLOOD = """
import socket, sys
sockets = [socket.socket(socket.AF_UNIX) for i in range(64)]
for s in sockets:
    s.connect(sys.argv[1])
    s.send(b"{")
print("ready", flush=True)
try:
    while True:
        for s in sockets:
            s.send(b" ")
except OSError:
    pass
"""


@case("clients that send a byte at a time do not put a change off")
def flood():
    command = [sys.executable, "-I", "-S", "-c", FLOOD]
    with Scratch(f"kubelet:65536:{1000 * UNIT}") as scratch, Daemon(scratch) as daemon, daemon.client() as client, \
            contextlib.ExitStack() as stack:
        for _ in range(3):
            process = stack.enter_context(subprocess.Popen([*command, str(scratch.socket)], stdout=subprocess.PIPE))
            stack.callback(process.kill)
            process.stdout.readline()
        slowest = 0
        for i in range(60):
            began = time.monotonic()
            client.call("Allocate", pod=f"p{i}")
            slowest = max(slowest, time.monotonic() - began)
        assert slowest < (10 if IS_SANITIZED else 1.5), f"an Allocate took {slowest:.1f} s"


@case("without enough descriptors it says what it lacks, or starts all the same")
def few_descriptors():
    for n_files in range(4, 24):
        limit = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (n_files, n_files))}
        with Scratch() as scratch, Daemon(scratch, wait=False, check_files=False, **limit) as daemon:
            daemon.log.wait("subidd: (error: |.*is ready)")
            if "ready" not in daemon.log.text():
                daemon.wait_end(1)


main()
