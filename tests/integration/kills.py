# SPDX-License-Identifier: MIT
"""The daemon is killed again and again while clients are at work; every acknowledged call is looked for.

KILLS=N cycles; KILLS_SEED=N makes the same calls again, as far as the daemon's own timing allows.
"""

import collections
import contextlib
import json
import os
import random
import select
import signal
import time

from client import TIMEOUT, Closed, Refused, encode
from harness import SANITIZER, UNIT, Daemon, Scratch, Watch, case, main
from kills_ledger import Call, Ledger, Wrong

N_CYCLES = int(os.environ.get("KILLS", "40"))
SEED = int(os.environ.get("KILLS_SEED", str(random.SystemRandom().randrange(1 << 32))))
N_LINES, N_CALLS, N_PODS, N_ACTIVE, N_UNITS = 4, 60, 150, 60, 450
N_EVENTS = 20_000  # kept, so that old ones are removed meanwhile
REST_EVERY = 200  # cycles, as nothing ends its draining in the short life of a daemon
TERM_CHANCE, START_CHANCE = 0.1, 0.1  # to be stopped cleanly; to be killed once more while it starts
KINDS = ("lost", "duplicate", "corrupt")


class Line:
    """One client that sends all its calls at once. Its pods are its own."""

    def __init__(self, daemon, number, ledger, chance):
        self.client, self.prefix = daemon.client(), f"c{number}-"
        rows = {pod: row for pod, row in ledger.rows.items() if pod.startswith(self.prefix)}
        self.known, self.active = set(rows), {pod for pod, row in rows.items() if row["state"] == "active"}
        self.calls, self.n_answered, self.is_ended = [], 0, False
        likely = set(self.active)
        for _ in range(chance.randrange(1, N_CALLS)):
            pod = f"{self.prefix}{chance.randrange(N_PODS)}"
            method = chance.choices(("Allocate", "Release", "Get"), (5, 4, 1))[0]
            if likely and (method == "Release" or len(likely) > N_ACTIVE):
                method, pod = "Release", chance.choice(sorted(likely))
            (likely.add if method == "Allocate" else likely.discard)(pod)
            self.calls.append(Call(method, pod))

    def send(self):
        """All of them; the daemon may be dead by now."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.client.send(b"".join(encode(call.method, self.parameters(call)) for call in self.calls))

    def parameters(self, call):
        """The size and the labels of a pod are always the same."""
        if call.method != "Allocate":
            return {"pod": call.pod}
        number = int(call.pod[len(self.prefix):])
        found = {"pod": call.pod, "count": UNIT * (2 if number % 5 == 0 else 1)}
        return found | ({"namespace": "ns", "name": f"name-{number}"} if number % 2 else {})

    def read(self):
        """What has come, or the end."""
        try:
            data = self.client.socket.recv(1 << 18)
        except ConnectionResetError:
            data = b""
        self.is_ended = not data
        *messages, self.client.buffer = (self.client.buffer + data).split(b"\0")
        for message in messages:
            call = self.calls[self.n_answered]
            self.n_answered += 1
            call.answer(message)

    def close(self):
        """Reads on until there is no more."""
        while not self.is_ended:
            self.read()
        self.client.socket.close()


class Loop:
    """The daemon in its cycles."""

    def __init__(self, scratch, seed):
        self.chance, self.ledger, self.counts = random.Random(seed), Ledger(), collections.Counter()
        self.daemon = Daemon(scratch, "--log-level", "warning", check_files=False)
        self.lines, self.duration = [], 0.01  # s that a cycle's calls take

    def cycle(self):
        """Work, the end in the middle of it, a new start, and the check."""
        self.lines = [Line(self.daemon, i, self.ledger, self.chance) for i in range(N_LINES)]
        for line in self.lines:
            line.send()
        is_clean = self.chance.random() < TERM_CHANCE
        self.work_until(self.chance.random() * 1.1 * self.duration)
        self.end(signal.SIGTERM if is_clean else signal.SIGKILL)
        for line in self.lines:
            line.close()
        self.counts["acknowledged"] += sum(line.n_answered for line in self.lines)
        self.start()
        self.check()
        self.counts["cycles"] += 1

    def work_until(self, seconds):
        """Reads replies until the moment has come, or there are no more."""
        began, poll, open_lines = time.monotonic(), select.poll(), {}
        for line in self.lines:
            poll.register(line.client.socket, select.POLLIN)
            open_lines[line.client.socket.fileno()] = line
        while open_lines and (left := began + seconds - time.monotonic()) > 0:
            for fd, _ in poll.poll(left * 1000):
                line = open_lines[fd]
                line.read()
                if line.n_answered == len(line.calls) or line.is_ended:
                    poll.unregister(fd)
                    del open_lines[fd]
        if not open_lines:
            self.duration = max(0.9 * self.duration + 0.1 * (time.monotonic() - began), 0.001)
        else:
            self.duration = min(1.02 * self.duration, 0.2)

    def end(self, number):
        """Kills it, or stops it."""
        status = self.daemon.end(number)
        self.counts[number.name] += 1
        wanted = 0 if number == signal.SIGTERM else -number
        text = self.daemon.log.text()
        assert status == wanted and not SANITIZER.search(text), f"{status} in place of {wanted}: {text}"

    def start(self):
        """Some starts are cut short as well, at any moment."""
        while self.chance.random() < START_CHANCE:
            self.daemon.start(wait=False)
            select.select([], [], [], self.chance.random() * 0.03)
            self.daemon.end(signal.SIGKILL)
            self.counts["starts"] += 1
        self.daemon.start()

    # The check.

    def check(self):
        """Everything that was acknowledged, and everything that is there."""
        try:
            with self.daemon.client() as client:
                events = self.read_events(client)
                for event in events:
                    self.ledger.apply(event)
                for line in self.lines:
                    own = [e for e in events if e.get("pod", "").startswith(line.prefix) and
                           e["kind"] in ("allocated", "revived", "released")]
                    self.ledger.explain(line.calls, line.active, line.known, own)
                self.lines = []
                self.compare(client)
        except Wrong as wrong:
            self.count(wrong)

    def count(self, wrong):
        """Goes on with what there is."""
        self.counts[wrong.kind] += 1
        print(f"# cycle {self.counts['cycles']}: {wrong}"[:2000], flush=True)
        self.lines = []
        with self.daemon.client() as client:
            self.ledger.resume(self.newest(client), listing(client))

    def newest(self, client):
        """The sequence of the last event."""
        found = stream(client, "History", "events", limit=1)
        return found[0]["sequence"] if found else 0

    def read_events(self, client):
        """Those that are new, oldest first; more may come while they are read."""
        last = self.ledger.sequence
        while True:
            newest = self.newest(client)
            if newest < last:
                raise Wrong("lost", f"the history ends at {newest}, and did at {last}")
            if newest == last:
                return []
            found = stream(client, "History", "events", limit=newest - last)
            if self.newest(client) == newest:
                return found[::-1]

    def compare(self, client):
        """What is listed while nothing happens."""
        while True:
            found = listing(client)
            events = self.read_events(client)
            if not events:
                return self.ledger.compare(found)
            for event in events:
                self.ledger.apply(event)

    def rest(self):
        """Until nothing drains any more; then the whole history is looked at."""
        with Watch(self.daemon) as watch:
            self.check()
            while any(row["state"] == "draining" for row in self.ledger.rows.values()):
                watch.read()
                self.check()
        with self.daemon.client() as client:
            found = stream(client, "History", "events")[::-1]
        wanted = self.ledger.events = self.ledger.events[-len(found):]
        if found[-len(wanted):] != wanted:
            self.count(Wrong("corrupt", "the history is another one than was told before"))


def stream(client, method, what, **parameters):
    """All of a stream, unchecked, as there is much of it."""
    client.send(encode(method, parameters, more=True))
    found, continues = [], True
    while continues:
        reply = json.loads(client.receive())
        if "error" in reply:
            raise Refused(reply["error"], reply.get("parameters"))
        found += reply["parameters"][what]
        continues = reply.get("continues", False)
    return found


def listing(client):
    """All allocations."""
    return stream(client, "List", "allocations")


@case(f"{N_CYCLES} times SIGKILL under load, seed {SEED}: nothing lost, nothing given twice, nothing corrupt")
def kills():
    config = f"[Daemon]\nHistoryEvents={N_EVENTS}\n[Pool kubelet]\n"
    with Scratch(f"kubelet:65536:{N_UNITS * UNIT}", config) as scratch:
        loop, began = Loop(scratch, SEED), time.monotonic()
        counts = loop.counts
        with loop.daemon:
            loop.check()
            while counts["cycles"] < N_CYCLES:
                loop.cycle()
                if counts["cycles"] % REST_EVERY == 0 or counts["cycles"] == N_CYCLES:
                    loop.rest()
        print(f"# {counts['cycles']} cycles ({counts['SIGKILL']} SIGKILL, {counts['SIGTERM']} SIGTERM, "
              f"{counts['starts']} in a start) in {time.monotonic() - began:.0f} s, {counts['acknowledged']} calls "
              f"acknowledged, " + ", ".join(f"{counts[kind]} {kind}" for kind in KINDS))
        assert counts["acknowledged"] > N_CYCLES and not any(counts[kind] for kind in KINDS), counts


if __name__ == "__main__":
    main()
