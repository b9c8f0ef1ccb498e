# SPDX-License-Identifier: MIT
"""The two programs of the certification, and folders and sockets for them."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from client import TIMEOUT, Client  # noqa: E402
from harness import SANITIZER, equal  # noqa: E402

SERVER, CLIENT = (os.environ.get(f"CERTIFICATION_{side}") or str(
    pathlib.Path(__file__).resolve().parents[2] / f"build/tests/varlink/certification-{side.lower()}")
    for side in ("SERVER", "CLIENT"))

# Makes its standard input the socket that was passed, and becomes the program.
PASS = """
import os, sys
os.dup2(0, 3)
os.dup2(os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC), 0)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES="varlink")
os.execv(sys.argv[1], sys.argv[1:])
"""


@contextlib.contextmanager
def folder():
    """One of a test's own; others may go in, but not look around."""
    path = tempfile.mkdtemp(prefix="subidd-varlink-")
    try:
        yield pathlib.Path(path)
    finally:
        shutil.rmtree(path)


def listening(path):
    """A listening socket: calls wait in it until a server takes them."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.bind(str(path))
    sock.listen(64)
    return sock


@contextlib.contextmanager
def running(command, number=signal.SIGTERM, **options):
    """A program until the end of the block, where it is sent a signal, or without one ends by itself."""
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options) as process:
        try:
            yield process
            if number and process.poll() is None:
                process.send_signal(number)
            errors = process.communicate(timeout=TIMEOUT)[1]
            assert not SANITIZER.search(errors), errors
        finally:
            process.kill()


@contextlib.contextmanager
def server(*options, passed=None):
    """Our server behind a socket of its own, whose path is yielded; or at a connected one, with which it leaves."""
    with folder() as path, contextlib.ExitStack() as stack:
        sock = passed or stack.enter_context(listening(path / "socket"))
        command = [sys.executable, "-I", "-S", "-c", PASS, SERVER, *options]
        with running(command, None if passed else signal.SIGTERM, stdin=sock) as process:
            sock.close()
            yield path / "socket"
        equal(process.returncode, 0, "the server's status")


def run_client(*arguments, **options):
    """Our client to its end: (status, standard output, standard error)."""
    done = subprocess.run([CLIENT, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=TIMEOUT, check=False, **options)
    assert not SANITIZER.search(done.stderr), done.stderr
    return done.returncode, done.stdout, done.stderr


class Raw(Client):
    """Bytes out, bytes in: nothing is looked at."""

    def message(self):
        """Up to the next NUL, and with it."""
        while b"\0" not in self.buffer:
            data = self.socket.recv(1 << 16)
            assert data, f"the end, behind {self.buffer!r}"
            self.buffer += data
        message, nul, self.buffer = self.buffer.partition(b"\0")
        return message + nul

    def expect(self, wanted, what=""):
        """The next bytes must be these messages."""
        for message in wanted.split(b"\0")[:-1]:
            equal(self.message(), message + b"\0", what)

    def expect_end(self):
        """Nothing more may come."""
        data = self.buffer + self.socket.recv(1 << 16)
        assert not data, f"more has come: {data!r}"
