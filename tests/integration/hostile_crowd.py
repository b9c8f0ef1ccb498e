# SPDX-License-Identifier: MIT
"""The hostile clients of hostile.py, as a program of its own: SOCKET.

Says "ready" when all are connected, goes on until its standard input says something, and then how often each kind
did what it does: a line each. It ends with a failure when the daemon does what it must not.
"""

import collections
import os
import select
import socket
import sys
import time

PATH = sys.argv[1]
READER_MESSAGE, WRITER_MESSAGE = 64 * 1024, 4 * 1024 * 1024
READER_VALUES, WRITER_VALUES = 1024, 65 * 1024
INFO = b'{"method":"org.varlink.service.GetInfo","a.b":'
STREAMS = ("List", "History", "Monitor")
did = collections.Counter()
poll = select.epoll()
clients = {}


def connect(uid):
    """A socket that the kernel knows as that user's (unix(7))."""
    s = socket.socket(socket.AF_UNIX)
    os.seteuid(uid)
    try:
        s.connect(PATH)
    finally:
        os.seteuid(0)
    s.setblocking(False)
    return s


def call(method, more=False, parameters="{}"):
    """The bytes of a call."""
    flag = ',"more":true' if more else ""
    return f'{{"method":"io.subidd.Allocator.{method}","parameters":{parameters}{flag}}}\0'.encode()


class Client:
    """One hostile client; it comes again when it was closed."""
    uid = 70000
    events = select.EPOLLIN

    def __init__(self, uid=None):
        self.uid = self.uid if uid is None else uid
        self.open()

    def open(self):
        """Connects, and begins."""
        self.socket = connect(self.uid)
        clients[self.socket.fileno()] = self
        poll.register(self.socket, self.events)
        self.left = b""
        self.begin()

    def close(self):
        """Is no more."""
        poll.unregister(self.socket)
        del clients[self.socket.fileno()]
        self.socket.close()

    def send(self, data=b""):
        """As much as the socket takes; the rest when it takes more."""
        self.left += data
        try:
            self.left = self.left[self.socket.send(self.left):] if self.left else b""
        except BlockingIOError:
            pass
        except (BrokenPipeError, ConnectionResetError):
            self.left = b""
        poll.modify(self.socket, self.events | (select.EPOLLOUT if self.left else 0))

    def on(self, events):
        """Something has happened."""
        if events & select.EPOLLOUT and self.left:
            self.send()
        if events & (select.EPOLLIN | select.EPOLLHUP):
            try:
                data = self.socket.recv(1 << 20)
            except BlockingIOError:
                return
            except ConnectionResetError:
                data = b""
            if data:
                self.heard(data)
            else:
                self.closed()

    def begin(self):
        """What it does first."""

    def heard(self, data):
        """Something came."""

    def closed(self):
        """The daemon ended it."""
        self.close()
        self.open()


class Drip(Client):
    """A byte a second, of a message that never ends."""
    uid = 70001

    def begin(self):
        self.send(b"{")

    def drip(self):
        did["drips"] += 1
        self.send(b" ")


class Deaf(Client):
    """Asks for long answers, and never reads them."""
    events = 0

    def begin(self):
        did["deaf"] += 1
        self.send(b"".join(call(method, more=True) for method in STREAMS) * 8)

    def on(self, events):
        if events & select.EPOLLHUP:
            self.closed()
        elif events & select.EPOLLOUT and self.left:
            self.send()


class Flood(Client):
    """As many calls as the daemon takes, many at once."""
    uid = 70004
    batch = call("Get", parameters='{"pod":"p1"}') * 30

    def begin(self):
        self.n = 0
        self.send(self.batch)

    def heard(self, data):
        self.n += data.count(0)
        did["floods"] += data.count(0)
        if self.n >= 30:
            self.begin()


class Stream(Client):
    """Long answers, one after the other."""
    uid = 70005

    def begin(self):
        self.send(call("List", more=True))

    def heard(self, data):
        did["pages"] += data.count(0)
        if data.endswith(b"\0") and b'"continues"' not in data[-40:]:
            self.begin()


class Crowded(Client):
    """One too many of a user: closed at once."""
    uid = 70004

    def heard(self, data):
        sys.exit("one connection too many was served")

    def closed(self):
        did["refusals"] += 1
        self.close()
        resting.append(Crowded)


class Attack(Client):
    """A message that is taken, or that ends the connection; then the next one."""

    def __init__(self, uid, attacks):
        self.attacks, self.at = attacks, 0
        super().__init__(uid)

    def begin(self):
        self.since = time.monotonic()
        self.send(self.attacks[self.at][0])
        if self.attacks[self.at][0].endswith(b"HALF"):
            self.socket.shutdown(socket.SHUT_WR)

    def next(self):
        did["attacks" if self.uid else "large"] += 1
        self.at = (self.at + 1) % len(self.attacks)

    def heard(self, data):
        if not self.attacks[self.at][1]:
            sys.exit(f"answered: {self.attacks[self.at][0][:100]} {data[:100]}")
        if data.endswith(b"\0"):
            self.next()
            self.go_on()

    def go_on(self):
        """At once; but a writer, who is trusted more, with one a second."""
        if self.uid:
            self.begin()
        else:
            resting.append(self.begin)

    def closed(self):
        if self.attacks[self.at][1]:
            sys.exit(f"number {self.at} of user {self.uid} was closed after {time.monotonic() - self.since:.1f} s, with {len(self.left)} bytes left")
        self.next()
        self.close()
        if self.uid:
            self.open()
        else:
            resting.append(self.open)


def padded(size):
    """A call of so many bytes."""
    return INFO + b'"' + b"x" * (size - len(INFO) - 3) + b'"}' + b"\0"


def valued(n):
    """A call with so many values: the envelope has 5 with its members, the array is one of them."""
    return INFO + b"[" + b",".join([b"1"] * (n - 5)) + b"]}\0"


def attacks(message, values):
    """Each with whether it is answered."""
    return [(padded(message), True), (padded(message + 1), False),
            (valued(values), True), (valued(values + 1), False),
            (INFO + b"[" * 6 + b"]" * 6 + b"}\0", True), (INFO + b"[" * 1000 + b"]" * 1000 + b"}\0", False),
            (INFO + b"[" + b",".join([b"[]"] * 21000) + b"]}\0", False),
            (INFO + b"{" + b",".join(b'"%d":0' % i for i in range(200_000 if values > 9999 else 6000)) + b"}}\0", False),
            (os.urandom(3000).replace(b"\0", b"x") + b"\0", False), (b"\0", False), (b'{"method":HALF', False)]


resting = []  # what is done in the next second


def main():
    """Until it is told to end."""
    for _ in range(100):
        Drip()
    for uid in (70006, 70007, 70008):
        for _ in range(125):
            Deaf(uid)
    for _ in range(128):
        Flood()
    for _ in range(50):
        Stream()
    readers, writers = attacks(READER_MESSAGE, READER_VALUES), attacks(WRITER_MESSAGE, WRITER_VALUES)
    for i in range(20):
        Attack(70009, readers[i % 11:] + readers[:i % 11])
    for i in range(3):
        Attack(0, writers[4 * i:] + writers[:4 * i])
    for uid in (70010, 70011, 70012):
        for _ in range(108):
            Client(uid)
    Crowded()
    print("ready", flush=True)
    poll.register(0, select.EPOLLIN)
    dripped = time.monotonic()
    while True:
        for fd, events in poll.poll(0.1):
            if fd == 0:
                for name in ("drips", "deaf", "floods", "pages", "refusals", "attacks", "large"):
                    print(name, did[name])
                return
            if fd in clients:
                clients[fd].on(events)
        if time.monotonic() > dripped + 1:
            dripped = time.monotonic()
            for client in [c for c in clients.values() if isinstance(c, Drip)]:
                client.drip()
            due, resting[:] = resting[:], []
            for again in due:
                again()


main()
