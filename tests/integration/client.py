# SPDX-License-Identifier: MIT
"""A varlink client of the tests' own: bytes out, bytes in, and strict about every reply."""

import json
import os
import pathlib
import socket
import subprocess
import sys

import idl

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"
ALLOCATOR, SERVICE = "io.subidd.Allocator", "org.varlink.service"
TIMEOUT = int(os.environ.get("TEST_TIMEOUT", "60"))  # s, of a single wait: nothing should come near it


def text_of(interface):
    """The description as the project ships it."""
    return (PROTO / f"{interface}.varlink").read_text(encoding="utf-8")


INTERFACES = {name: idl.Parser(text_of(name)) for name in (ALLOCATOR, SERVICE)}


class Refused(Exception):
    """The service answered with an error."""

    def __init__(self, error, parameters):
        super().__init__(f"{error} {parameters}")
        self.error, self.parameters = error, parameters


class Closed(Exception):
    """The other side closed the connection."""


def unique(pairs):
    """A JSON object without a member that comes twice."""
    if len(dict(pairs)) != len(pairs):
        raise idl.Wrong(f"a member comes twice: {pairs}")
    return dict(pairs)


def refuse_constant(text):
    """NaN and friends are no JSON."""
    raise idl.Wrong(f"{text} in a reply")


def check_reply(message, method, more):
    """Is the message a reply that this method may give? Returns (error, parameters, continues)."""
    reply = json.loads(message.decode(), object_pairs_hook=unique, parse_constant=refuse_constant)
    if not isinstance(reply, dict):
        raise idl.Wrong(f"no object: {message!r}")
    for name in reply:
        if name not in ("error", "parameters", "continues"):
            raise idl.Wrong(f"the member {name} in {message!r}")
    if "continues" in reply and (reply["continues"] is not True or not more or "error" in reply):
        raise idl.Wrong(f"continues in {message!r}")
    if "parameters" in reply and (not isinstance(reply["parameters"], dict) or not reply["parameters"]):
        raise idl.Wrong(f"parameters in {message!r}")
    parameters = reply.get("parameters", {})
    interface, _, name = (reply.get("error") or method).rpartition(".")
    description = INTERFACES.get(interface)
    if not description:
        raise idl.Wrong(f"an answer of no known interface: {message!r}")
    if "error" in reply:
        if name not in description.errors:
            raise idl.Wrong(f"an error that is not described: {message!r}")
        description.check(*description.errors[name], parameters, name)
    elif name in description.methods:
        description.check(*description.methods[name][1], parameters, name)
    return reply.get("error"), parameters, reply.get("continues", False)


def encode(method, parameters=None, **flags):
    """The bytes of a call; flags and parameters are left out where they say nothing."""
    call = {"method": method if "." in method else f"{ALLOCATOR}.{method}"}
    if parameters:
        call["parameters"] = parameters
    call.update({name: value for name, value in flags.items() if value})
    return json.dumps(call).encode() + b"\0"


class Client:
    """One connection."""

    def __init__(self, target):
        """TARGET is the path of a socket, or a socket that is connected already."""
        if isinstance(target, socket.socket):
            self.socket = target
        else:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.connect(str(target))
        self.socket.settimeout(TIMEOUT)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        """Sends bytes as they are."""
        self.socket.sendall(data)

    def receive(self):
        """One message without its NUL; raises Closed."""
        while b"\0" not in self.buffer:
            try:
                data = self.socket.recv(1 << 20)
            except (ConnectionResetError, BrokenPipeError) as error:
                raise Closed from error
            if not data:
                if self.buffer:
                    raise idl.Wrong(f"half a message: {self.buffer!r}")
                raise Closed
            self.buffer += data
        message, _, self.buffer = self.buffer.partition(b"\0")
        return message

    def reply(self, method, more=False):
        """The next reply, checked: (parameters, continues); raises Refused or Closed."""
        method = method if "." in method else f"{ALLOCATOR}.{method}"
        error, parameters, continues = check_reply(self.receive(), method, more)
        if error:
            raise Refused(error, parameters)
        return parameters, continues

    def ask(self, method, parameters=None):
        """A call with one reply."""
        self.send(encode(method, parameters))
        return self.reply(method)[0]

    def call(self, method, **parameters):
        """The same with the parameters as keywords; None stands for absent."""
        return self.ask(method, {k: v for k, v in parameters.items() if v is not None})

    def stream(self, method, **parameters):
        """Yields the parameters of every reply of a stream."""
        self.send(encode(method, {k: v for k, v in parameters.items() if v is not None}, more=True))
        continues = True
        while continues:
            found, continues = self.reply(method, more=True)
            yield found

    def list(self, **parameters):
        """All allocations of a List."""
        return [a for page in self.stream("List", **parameters) for a in page["allocations"]]

    def expect_closed(self):
        """The connection must end without another message."""
        try:
            message = self.receive()
        except Closed:
            return
        raise AssertionError(f"a message in place of the end: {message!r}")

    def expect_refused(self, error, method, parameters=None):
        """The call must be refused with that error; returns its parameters."""
        try:
            found = self.ask(method, parameters)
        except Refused as refused:
            short = refused.error.removeprefix(f"{ALLOCATOR}.").removeprefix(f"{SERVICE}.")
            assert short == error, f"{refused} in place of {error}"
            return refused.parameters
        raise AssertionError(f"{found} in place of {error}")


CHILD = """
import os, socket, sys
pipe = socket.socket(fileno=0)
uid, gid, *groups = map(int, sys.argv[3:])
os.setgroups(groups)
os.setresgid(gid, gid, gid)
os.setresuid(uid, uid, uid)
for i in range(int(sys.argv[2])):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        s.connect(sys.argv[1])
    except OSError as error:
        pipe.send(error.strerror.encode())
        break
    socket.send_fds(pipe, [b"+"], [s.fileno()])
    s.close()
"""


def connect_as(path, uid, gid=None, groups=(), count=1):
    """Connections made by a child with other credentials, which are theirs for good (unix(7)).

    The child changes them itself: the interpreter may lie where that user cannot go.
    """
    credentials = map(str, (uid, uid if gid is None else gid, *groups))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(TIMEOUT)
    clients = []
    with ours, subprocess.Popen([sys.executable, "-I", "-S", "-c", CHILD, str(path), str(count), *credentials],
                                stdin=theirs) as child:
        theirs.close()
        for _ in range(count):
            word, fds, _, _ = socket.recv_fds(ours, 100, 1)
            if not fds:
                raise OSError(word.decode() or "the child died")
            clients.append(Client(socket.socket(fileno=fds[0])))
        assert child.wait(TIMEOUT) == 0
    return clients if count > 1 else clients[0]


def connect_user(path, uid, **options):
    """One or more connections as a user who may read; the socket is opened to all."""
    os.chmod(path, 0o666)
    return connect_as(path, uid, **options)
