# SPDX-License-Identifier: MIT
"""A thousand hostile clients, all that they can do at the same time, beside one that behaves well."""

import contextlib
import os
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import time

from client import SERVICE, TIMEOUT, Refused, encode
from harness import SUBIDD, UNIT, Daemon, Scratch, case, equal, main

IS_SANITIZED = b"__asan_init" in pathlib.Path(SUBIDD).read_bytes()
N_ROUNDS, N_TRIES, N_CALLS, N_PODS = 3, 5, 150, 3000
AT_LEAST = 2.5  # s, so that those who send a byte a second have their turn
TIMES = 2  # what p99 may be, of what it is without them, besides the slack
SLACK = 0.005  # s: a slice of the scheduler, where crowd and daemon keep two processors busy by themselves

# Of the daemon, in bytes. Readers are 7 users with at most 128 connections each, of which each may have a
# message of 64 KiB at work and a reply of 256 allocations in its buffer (128 KiB with these names, 256 KiB where
# it has just grown); three writers have a message of 4 MiB each (a buffer of 4 MiB, the text that json-c keeps, and
# what it is while it grows); and there is what the daemon has alone.
MEMORY = 900 * (64 + 256) * 1024 + 3 * 6 * 4 * 1024 * 1024 + 24 * 1024 * 1024

CROWD = pathlib.Path(__file__).with_name("hostile_crowd.py")


class Crowd:
    """The hostile clients, in a process of their own. It says what it has done when it is asked to end."""

    def __init__(self, daemon):
        self.process = subprocess.Popen([sys.executable, "-I", "-S", CROWD, daemon.scratch.socket],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        equal(self.process.stdout.readline(), "ready\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def end(self):
        """What each kind did, by its name."""
        said, _ = self.process.communicate("end\n", TIMEOUT)
        equal(self.process.returncode, 0, "status of the crowd")
        return {name: int(n) for name, n in (line.split() for line in said.splitlines())}


def peak(daemon):
    """The most memory that it ever had."""
    status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


def fill(client):
    """A long list and a long history."""
    for first in range(0, N_PODS, 200):
        client.send(b"".join(encode("Allocate", {"pod": f"p{i}", "namespace": "n" * 60}, oneway=True)
                             for i in range(first, first + 200)))
    client.call("GetStatus")


def measure(client, prefix):
    """Medians and p99 in seconds, of Get and of Allocate."""
    found = {"Get": [], "Allocate": []}
    for i in range(N_CALLS):
        for method, pod in (("Get", f"p{i}"), ("Allocate", f"{prefix}-{i}")):
            data = encode(method, {"pod": pod})
            began = time.perf_counter()
            client.send(data)
            client.receive()
            found[method].append(time.perf_counter() - began)
        client.call("Release", pod=f"{prefix}-{i}")
    return {method: (statistics.median(values), sorted(values)[int(N_CALLS * 0.99)])
            for method, values in found.items()}


def describe(what, rounds):
    """The medians of the rounds, by method; tells them too."""
    found = {method: tuple(statistics.median(one[method][i] for one in rounds) for i in (0, 1)) for method in rounds[0]}
    for method, (p50, p99) in found.items():
        print(f"# {method} {what}: p50 {p50 * 1e6:.0f} us, p99 {p99 * 1e6:.0f} us", flush=True)
    return found


def expect_many(client):
    """They are closed and come again all the time; after a while nearly all are there at once."""
    until, n = time.monotonic() + TIMEOUT, 0
    while n < 950:
        assert time.monotonic() < until, f"only {n} connections"
        n = client.call("GetStatus")["clients"]["connections"]


@case("1,000 hostile clients at once do not hold up one that behaves well, nor eat the memory", needs_root=True)
def hostile():
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with Scratch("containers:65536:4026466304", "[Pool containers]\n") as scratch, Daemon(scratch) as daemon, \
            daemon.client() as client:
        os.chmod(scratch.socket, 0o666)
        fill(client)
        print(f"# at most {peak(daemon) / 1e6:.0f} MB alone")
        alone = describe("alone", [measure(client, f"a{i}") for i in range(N_ROUNDS)])
        with Crowd(daemon) as crowd:
            expect_many(client)
            began, n_tries, is_held_up = time.monotonic(), 0, True
            while time.monotonic() - began < AT_LEAST or (is_held_up and n_tries < N_TRIES):
                among = describe("among them", [measure(client, f"b{n_tries}-{j}") for j in range(N_ROUNDS)])
                is_held_up &= any(among[method][1] > TIMES * alone[method][1] + SLACK for method in alone)
                n_tries += 1
            did = crowd.end()
        print("# " + ", ".join(f"{name} {n}" for name, n in sorted(did.items())))
        assert all(did.values()), did
        most = peak(daemon)
        print(f"# at most {most / 1e6:.0f} MB of {MEMORY / 1e6:.0f} MB")
        assert IS_SANITIZED or not is_held_up, f"{among} in place of {alone}"
        assert IS_SANITIZED or most < MEMORY, f"{most} bytes"
        equal(client.call("Get", pod="p1")["allocation"]["count"], UNIT)


if __name__ == "__main__":
    main()
