# SPDX-License-Identifier: MIT
"""Random operations by several clients at the real daemon, against the dumbest possible model.

MODEL_SEED=N tries the same operations again, as far as the daemon's own timing allows; MODEL_OPERATIONS=N
says how many there are.
"""

import collections
import os
import random
import signal
import time

import idl
from client import Closed, Refused, encode
from harness import IS_ROOT, Daemon, Scratch, case, equal, main
from model_moves import Moves
from model_replies import Judge
from model_state import BASE_UNIT, State, check
from model_world import BROKEN, SLOT_UNITS, Entries, Kubelet, Processes, take_slot

N_OPERATIONS = int(os.environ.get("MODEL_OPERATIONS", "200000"))
SEED = int(os.environ.get("MODEL_SEED", str(random.SystemRandom().randrange(1 << 32))))
QUOTA = 150
USERS = {0: 5, 1001: 2, 902: 1} if IS_ROOT else {os.geteuid(): 8}  # and their connections
DOUBT_PASSES = 3  # the daemon goes by the last two, and the first that ends may have begun before
ROUNDS_PER_SETTLING = 15
CUT_CHANCE = 0.08  # of a round to end with the daemon


class Walk:
    """The daemon, its clients, the node around it, and the model of it all."""

    def __init__(self, scratch, base, seed):
        self.chance = random.Random(seed)
        self.state = State(base, SLOT_UNITS)
        self.state.quota = QUOTA
        self.processes, self.scratch = Processes(), scratch
        self.entries = Entries(scratch, base, QUOTA)
        self.kubelet = Kubelet(scratch.path / "pods", base)
        self.daemon = Daemon(scratch, check_files=False)
        self.moves = Moves(self)
        self.events, self.n_compared, self.explained = [], 0, collections.Counter()
        self.last_pass, self.n_passes, self.doubts = 0, 0, []  # doubts: (pass after which they end, units)
        self.n_done, self.n_cuts, self.cut_at = 0, collections.Counter(), -1
        self.connect()

    def connect(self):
        """All connections, and the events that came while there was none."""
        self.control, self.monitor = self.daemon.client(), self.daemon.client()
        self.clients = [client for uid, n in USERS.items() for client in self.connect_as(uid, n)]
        self.monitor.send(encode("Monitor", more=True))
        equal(self.monitor.reply("Monitor", more=True)[0]["events"], [])
        missed = []
        with self.daemon.client() as client:
            for page in client.stream("History"):
                missed += page["events"]
                if not page["events"] or missed[-1]["sequence"] <= self.state.sequence:
                    break
        check(not missed or missed[0]["sequence"] >= self.state.sequence, "told events are lost", missed[:1])
        for event in reversed([event for event in missed if event["sequence"] > self.state.sequence]):
            self.apply(event)

    def connect_as(self, uid, n):
        if uid == os.geteuid():
            clients = [self.daemon.client() for _ in range(n)]
        else:
            clients = self.daemon.user(uid, count=n)
            clients = clients if n > 1 else [clients]
        for client in clients:
            client.uid = uid
        return clients

    def disconnect(self):
        for client in (self.control, self.monitor, *self.clients):
            client.socket.close()

    def close(self):
        """Leaves nothing behind."""
        self.processes.kill_all()
        self.disconnect()

    def apply(self, event):
        self.state.apply(event)
        self.events.append(event)

    def read_events(self):
        """One message of the monitor; raises Closed."""
        for event in self.monitor.reply("Monitor", more=True)[0]["events"]:
            if event["sequence"] > self.state.sequence:
                self.apply(event)

    def sync(self):
        """Takes all events that are there now, and sees whether passes have ended."""
        newest = next(self.control.stream("History", limit=1))["events"]
        while newest and self.state.sequence < newest[0]["sequence"]:
            self.read_events()
        self.state.end_sweep()
        last_at = self.control.call("GetStatus")["scan"].get("lastAt", 0)
        if last_at != self.last_pass:
            self.n_passes += 1
            self.last_pass = last_at
            self.end_doubts()

    # What the daemon may take for in use, or not yet.

    def doubt(self, units):
        """For as long as a pass may have seen them in another way than they are now."""
        self.doubts.append((self.n_passes + DOUBT_PASSES, frozenset(units)))
        self.mark_doubts()

    def mark_doubts(self):
        self.state.doubtful = self.kubelet.units().union(*(units for _, units in self.doubts))

    def end_doubts(self):
        self.doubts = [doubt for doubt in self.doubts if doubt[0] > self.n_passes]
        self.moves.confirm_foreign()
        self.mark_doubts()

    # Rounds.

    def round(self):
        """Some connections send a batch each; things happen at the node meanwhile; all is explained."""
        batches = self.moves.make_batches(self.clients)
        cut = self.chance.random() < CUT_CHANCE
        how = self.chance.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM))
        self.cut_at = self.chance.randrange(1, 400) if cut else -1
        self.state.begin_round()
        n_pool_changes = self.state.kinds["poolChanged"]
        for client, calls in batches:
            client.send(b"".join(encode(call.method, call.parameters) for call in calls))
            self.n_done += len(calls)
        if cut:
            self.cut(batches, how)
        else:
            self.moves.disturb()
            for client, calls in batches:
                for call in calls:
                    self.read_reply(client, call)
        self.sync()
        judge = Judge(self.state, self.state.kinds["poolChanged"] == n_pool_changes)
        judge.explain([calls for _, calls in batches], cut)
        self.explained.update(judge.n_explained)
        self.state.sweep = None
        self.state.recorded.clear()

    def read_reply(self, client, call):
        try:
            call.reply, _ = client.reply(call.method)
        except Refused as refused:
            call.error, call.error_parameters = refused.error, refused.parameters
        call.is_answered = True

    def read_all(self, batches):
        """Every whole reply that was sent before the end."""
        for client, calls in batches:
            try:
                for call in calls:
                    if not call.is_answered:
                        self.read_reply(client, call)
            except (Closed, idl.Wrong) as end:
                check(isinstance(end, Closed) or "half a message" in str(end), "at the end", end)
        try:
            while True:
                self.read_events()
        except (Closed, idl.Wrong) as end:
            check(isinstance(end, Closed) or "half a message" in str(end), "at the end", end)

    def cut(self, batches, how):
        """The daemon ends while calls are on their way; what it has answered must be there later."""
        client, calls = batches[0]
        for call in calls[:self.cut_at]:
            self.read_reply(client, call)
        self.daemon.end(how)
        self.daemon.expect_clean()
        self.n_cuts[how.name] += 1
        self.read_all(batches)
        self.disconnect()
        self.moves.disturb_offline()
        self.doubt(self.state.lives)
        self.daemon.start()
        self.connect()

    # Settling: nothing is on its way, so that everything can be compared.

    def unsettled(self):
        """What at the node the daemon has not seen yet."""
        state, files = self.state, self.kubelet.files
        found = [(row, "its process is dead") for row in state.rows.values()
                 if row.state == "active" and row.pid in state.dead]
        found += [(row, "it has no file") for row in state.rows.values()
                  if row.origin == "kubelet" and row.state == "active" and not files.get(row.pod)]
        for pod, ids in files.items():
            row = state.row_of(pod)
            is_there = row and row.state == "active" and row.origin == "kubelet" and (row.first, row.n) == ids
            if ids and ids != BROKEN and not is_there and not self.is_blocked(pod, *ids):
                found.append((pod, ids, row, "its file is not taken over"))
        return found

    def is_blocked(self, pod, first, n):
        """Is anything in the way of the kubelet's range?"""
        own = self.state.row_of(pod)
        return (own and own.state == "active" and own.origin == "request" and (own.first, own.n) != (first, n)) or any(
            row.state != "released" and (row.pod, row.first, row.n) != (pod, first, n)
            for row in self.state.overlapping(first, n))

    def undrained(self):
        """Ranges that nothing lives in any more."""
        lived_in = set(self.state.lives).union(*(units for _, units, _ in self.moves.foreign))
        return [(row, "it drains") for row in self.state.rows.values()
                if row.state == "draining" and lived_in.isdisjoint(range(row.first, row.first + row.n))]

    def settle(self, drained=False):
        """Waits for events until all is seen, then compares everything."""
        self.state.begin_round()
        self.sync()
        while left := self.unsettled() + (self.undrained() if drained else []):
            try:
                self.read_events()
            except TimeoutError as error:
                raise AssertionError(f"nothing happens: {left}") from error
        self.compare_list()
        self.compare_history()
        self.compare_lookups()
        self.compare_counts()

    def compare_list(self):
        """Nothing is missing, nothing is there twice, all is as it was told."""
        while True:
            sequence = self.state.sequence
            found = self.control.list()
            self.sync()
            if self.state.sequence == sequence:
                break
        judge = Judge(self.state, True)
        equal([a["pod"] for a in found], [row.pod for _, row in sorted(self.state.rows.items()) if row.pod])
        for allocation in found:
            row = self.state.row_of(allocation["pod"])
            check(judge.row_fits(allocation, row), "listed as it is not", allocation, row)

    def compare_history(self, everything=False):
        """What is kept is what was told."""
        wanted = self.events if everything else self.events[self.n_compared:]
        sequence, found = self.state.sequence, []
        for page in self.control.stream("History", limit=max(len(wanted), 1)):
            found += page["events"]
        self.sync()
        self.n_compared = len(self.events)
        if self.state.sequence == sequence and wanted:
            equal(found, wanted[::-1])

    def compare_lookups(self):
        """Who has an ID, now and at the moment of a change."""
        for _ in range(10):
            unit, offset = self.chance.randrange(SLOT_UNITS), self.chance.randrange(BASE_UNIT)
            row = self.state.rows.get(self.state.row_at[unit])
            try:
                found = self.control.call("Lookup", id=self.state.base + unit * BASE_UNIT + offset)
                pod = found["allocation"]["pod"]
            except Refused:
                pod = ""
            self.sync()
            again = self.state.rows.get(self.state.row_at[unit])
            check(pod in [r.pod if r else "" for r in (row, again)], "another owner", unit, pod, row, again)

    def compare_counts(self):
        """The numbers of the status."""
        while True:
            sequence = self.state.sequence
            pool = self.control.call("GetStatus")["pools"][0]
            self.sync()
            if self.state.sequence == sequence:
                break
        rows = [row for row in self.state.rows.values() if row.pod]
        ours = self.state.pool
        equal(pool["valid"], ours is not None)
        equal(pool["outside"], sum(not ours or row.first < ours[0] or row.first + row.n > sum(ours) for row in rows))
        if ours:
            units = bytearray(self.state.units[ours[0]:sum(ours)])
            size = self.state.unit_size
            units = [max(units[i:i + size]) for i in range(0, len(units), size)]
            equal((pool["active"], pool["draining"]), (units.count(3), units.count(2)), "units in use")
            check(pool["released"] + pool["foreign"] >= units.count(1), "too few released units", pool)


def replay(events, state):
    """The history alone gives the same allocations."""
    rows = {}
    for event in events:
        if event["kind"] in ("allocated", "revived", "adopted"):
            rows[event["pod"]] = ("active", event["start"], event["count"])
        elif event["kind"] in ("released", "vanished"):
            rows[event["pod"]] = ("draining", event["start"], event["count"])
        elif event["kind"] == "drained" and "pod" in event:
            rows[event["pod"]] = ("released", event["start"], event["count"])
        elif event["kind"] == "reused":
            del rows[event["pod"]]
    wanted = {row.pod: (row.state, state.base + row.first * BASE_UNIT, row.n * BASE_UNIT)
              for row in state.rows.values() if row.pod}
    equal(rows, wanted, "the history alone")


@case(f"{N_OPERATIONS} random operations by several clients, seed {SEED}")
def walk_at_random():
    base, lock = take_slot()
    with lock, Scratch() as scratch:
        began = time.monotonic()
        walk = Walk(scratch, base, SEED)
        with walk.daemon:
            try:
                while walk.n_done < N_OPERATIONS:
                    for _ in range(ROUNDS_PER_SETTLING):
                        walk.round()
                        walk.moves.between_rounds()
                    walk.settle()
                walk.settle(drained=True)
                walk.compare_history(everything=True)
                replay(walk.events, walk.state)
            except BaseException:
                print(f"# MODEL_SEED={SEED}: failed after {walk.n_done} operations, {walk.state.sequence} events")
                raise
            finally:
                walk.close()
        print(f"# {walk.n_done} operations, {walk.state.sequence} events in {time.monotonic() - began:.0f} s, "
              f"{walk.n_passes} passes seen; {dict(walk.n_cuts)}")
        for counter in (walk.state.kinds, walk.explained, walk.moves.counts):
            print(f"# {dict(sorted(counter.items()))}")


main()
