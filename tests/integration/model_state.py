# SPDX-License-Identifier: MIT
"""The dumbest possible model: who has which units, by the events that the daemon has told.

Each event is checked against what stands when it comes: may it happen at all? The units are the base ones
of 65536 IDs, counted from the start of the test's own range.
"""

import collections
import re
import typing

BASE_UNIT = 65536
FRESH, RELEASED, DRAINING, ACTIVE, UNSURE = range(5)  # of a unit; UNSURE: the daemon may find it in use
STATES = {"released": RELEASED, "draining": DRAINING, "active": ACTIVE}
TO_FREE = bytes.maketrans(bytes((FRESH, RELEASED)), bytes((FRESH, FRESH)))
DRAIN_USEC = 1_000_000  # what two passes lie apart
WAIT_MARGIN_USEC = 50_000  # the release and the request have each read the clock for themselves


class Row(typing.NamedTuple):
    """An allocation; without a pod if nobody can come back to it."""
    pod: str
    first: int
    n: int
    state: str
    origin: str
    uid: int
    created: int
    namespace: str = None
    name: str = None
    pid: int = None
    released: int = None
    order: int = 0
    drained: int = 0


def check(condition, what, *details):
    """Raises with the details unless the condition holds."""
    if not condition:
        raise AssertionError(f"{what}: {' '.join(map(str, details))}")


def overlay(units, *doubtful):
    """Units with those in the sets made UNSURE."""
    found = bytearray(units)
    for unit in set().union(*doubtful):
        found[unit] = UNSURE
    return bytes(found)


def free_runs(units, n):
    """Where N or more units stand free."""
    return [match.start() for match in re.finditer(b"(?=\0{%d})" % n, units.translate(TO_FREE))]


def coarse(units, first, n, size):
    """The states of a pool's units, each SIZE base units."""
    window = units[first:first + n]
    return window if size == 1 else bytes(max(window[i:i + size]) for i in range(0, n, size))


class State:
    """What the events say. Leaves a record of the round at work: see begin_round()."""

    def __init__(self, base, n_units):
        self.base, self.n_units = base, n_units
        self.units, self.row_at, self.orders = bytearray(n_units), [None] * n_units, [0] * n_units
        self.rows, self.pods = {}, {}  # by the first unit; the first unit by the pod
        self.pool, self.unit_size, self.next_unit_size = None, 1, 1
        self.sequence, self.order, self.quota = 0, 0, 0
        self.n_active = collections.Counter()  # by the client's UID
        self.lives = {}  # unit: the pod that real processes in it belong to, or None
        self.doubtful = set()  # units that the daemon may take for foreign
        self.dead, self.delay = set(), 0  # PIDs; us of ReuseDelaySec
        self.reused, self.sweep, self.to_sweep = set(), None, None
        self.recorded = set()  # (pod, first unit, PID) of calls of this round with a start
        self.kinds = collections.Counter()
        self.begin_round()

    def begin_round(self):
        """Forgets the record: the events, and what stood before and after each of them."""
        self.events, self.versions = [], {}
        self.moments = [(bytes(self.units), self.pool, self.unit_size, dict(self.n_active))]

    def row_of(self, pod):
        """The row of a pod now, or None."""
        first = self.pods.get(pod)
        return None if first is None else self.rows[first]

    def versions_of(self, pod, low, high):
        """Its rows at any time behind the event LOW (-1: the beginning) and before HIGH."""
        found = self.versions.get(pod)
        if not found:
            return [self.row_of(pod)]
        last = max(i for i, (index, _) in enumerate(found) if index <= low)
        return [row for i, (index, row) in enumerate(found) if i >= last and index < high]

    def apply(self, event):
        """Takes one more event, which must be the next one and possible."""
        check(event["sequence"] == self.sequence + 1, "a gap in the history", event, self.sequence)
        self.sequence += 1
        self.kinds[event["kind"]] += 1
        if event.get("cause") != "reconcile":
            self.end_sweep()
        getattr(self, "on_" + event["kind"])(event)
        self.events.append(event)
        self.moments.append((bytes(self.units), self.pool, self.unit_size, dict(self.n_active)))

    # Rows.

    def note(self, pod):
        """The pod's row changes with the event at work; what it was before the round is kept once."""
        if pod and pod not in self.versions:
            self.versions[pod] = [(-1, self.row_of(pod))]

    def put(self, row, old=None):
        """A new row, or one in place of OLD, with the same range."""
        self.note(row.pod)
        if old and old.pod != row.pod:
            self.note(old.pod)
            self.pods.pop(old.pod, None)
            self.versions[old.pod].append((len(self.events), None))
        if old and old.state == "active":
            self.n_active[old.uid] -= 1
        if row.state == "active":
            self.n_active[row.uid] += 1
        self.rows[row.first] = row
        state = STATES[row.state]
        for unit in range(row.first, row.first + row.n):
            self.units[unit], self.row_at[unit], self.orders[unit] = state, row.first, row.order
        if row.pod:
            self.pods[row.pod] = row.first
            self.versions[row.pod].append((len(self.events), row))

    def remove(self, row):
        """Its units are fresh then."""
        self.note(row.pod)
        del self.rows[row.first]
        for unit in range(row.first, row.first + row.n):
            self.units[unit], self.row_at[unit], self.orders[unit] = FRESH, None, 0
        if row.pod:
            self.pods.pop(row.pod)
            self.versions[row.pod].append((len(self.events), None))

    def overlapping(self, first, n):
        """Rows that have one of the units."""
        return [self.rows[start] for start in dict.fromkeys(self.row_at[first:first + n]) if start is not None]

    def range_of(self, event):
        """(first, n) in base units."""
        first, odd = divmod(event["start"] - self.base, BASE_UNIT)
        n, rest = divmod(event["count"], BASE_UNIT)
        check(odd == rest == 0 and n > 0 and 0 <= first <= self.n_units - n, "a strange range", event)
        return first, n

    def own_row(self, event):
        """The row that the event is about."""
        row = self.row_of(event["pod"])
        check(row and self.range_of(event) == (row.first, row.n), "an event without its row", event, row)
        return row

    def check_not_lived_in(self, event, first, n):
        """Nobody else's processes may live in what a pod is given, but for those that a caller calls its own."""
        for unit in range(first, first + n):
            if self.lives.get(unit, event["pod"]) is None and any(
                    recorded[:2] == (event["pod"], first) and recorded[2] for recorded in self.recorded):
                self.lives[unit] = event["pod"]
            check(self.lives.get(unit, event["pod"]) == event["pod"], "given while something lives in it",
                  event, self.lives.get(unit))

    def next_order(self):
        """Of releases."""
        self.order += 1
        return self.order

    def clear(self, event, first, n):
        """Makes room for a pod's new range: only released rows may give way, and each says so."""
        own = self.row_of(event["pod"])
        if own:
            check(own.state != "active", "a second range", event, own)
            self.put(own._replace(pod="", namespace=None, name=None), own)
        for row in self.overlapping(first, n):
            check(row.state == "released", "given while it is not free", event, row)
            check(not row.pod or row.pod in self.reused, "taken without an event", event, row)
            waited = event["time"] - row.drained
            is_own = own and (row.first, row.n) == (own.first, own.n)
            check(is_own or event["kind"] == "adopted" or waited >= self.delay - WAIT_MARGIN_USEC,
                  "given before its time", event, row, self.delay)
            self.remove(row)
            for start, end in ((row.first, first), (first + n, row.first + row.n)):
                if start < end:
                    self.put(row._replace(pod="", namespace=None, name=None, first=start, n=end - start))
        self.reused.clear()

    # Choices.

    def sure_units(self, time):
        """The units as far as it is sure what the daemon makes of them."""
        waiting = set()
        for row in self.rows.values() if self.delay else ():
            if row.state == "released" and time - row.drained < self.delay + WAIT_MARGIN_USEC:
                waiting.update(range(row.first, row.first + row.n))
        return overlay(self.units, self.doubtful, self.lives, waiting)

    def check_choice(self, event, first, n):
        """Fresh units come first, from the pool's start; then those released longest ago."""
        (pool_first, pool_n), size = self.pool, self.unit_size
        check(pool_first <= first and first + n <= pool_first + pool_n and (first - pool_first) % size == n % size == 0,
              "outside of the pool's units", event, self.pool, size)
        if any(recorded[:2] == (event["pod"], first) for recorded in self.recorded):
            return
        sure = coarse(self.sure_units(event["time"]), pool_first, pool_n, size)
        fresh = sure.find(bytes(n // size))
        if not any(self.units[first:first + n]):
            check(fresh < 0 or first <= pool_first + fresh * size, "not the first fresh unit", event, fresh)
            return
        check(fresh < 0, "a used unit though there was a fresh one", event, fresh)
        window = self.orders[pool_first:pool_first + pool_n]
        latest = list(map(max, *(window[i:] for i in range(n)))) if n > 1 else window
        oldest = min((latest[at * size] for at in free_runs(sure, n // size)), default=self.order)
        check(latest[first - pool_first] <= oldest, "not the one released longest ago", event, oldest)

    # Events, each by its kind.

    def labels(self, event):
        """Those of a row that it leaves."""
        return {"namespace": event.get("namespace"), "name": event.get("name")}

    def check_quota(self, event):
        """Of a client that is not root."""
        uid = event["clientUid"]
        check(uid == 0 or self.n_active[uid] < self.quota, "over the quota", event, self.n_active[uid])

    def on_allocated(self, event):
        first, n = self.range_of(event)
        check(self.pool, "from an invalid pool", event)
        self.check_quota(event)
        self.check_not_lived_in(event, first, n)
        own, rows = self.row_of(event["pod"]), self.overlapping(first, n)
        check(all(row.state == "released" for row in rows), "given twice", event, rows)
        check(not own or own.state != "active", "a second range", event, own)
        self.check_choice(event, first, n)
        self.clear(event, first, n)
        self.put(Row(event["pod"], first, n, "active", "request", event["clientUid"], event["time"],
                     **self.labels(event)))

    def on_revived(self, event):
        row = self.own_row(event)
        check(row.state != "active" and self.pool, "revived though it was not released", event, row)
        self.check_quota(event)
        self.check_not_lived_in(event, row.first, row.n)
        self.put(row._replace(state="active", origin="request", uid=event["clientUid"], created=event["time"],
                              released=None, **self.labels(event)), row)

    def drain(self, event, row):
        """Its end begins."""
        self.put(row._replace(state="draining", released=event["time"], pid=None, order=self.next_order()), row)

    def on_released(self, event):
        row, cause = self.own_row(event), event["cause"]
        check(row.state == "active" and row.origin == "request", "released though it was not active", event, row)
        if cause == "processEnded":
            check(row.pid == event["pid"] and row.pid in self.dead, "released while its process lives", event, row)
        else:
            check(event["clientUid"] in (0, row.uid), "released by another", event, row)
        if cause == "reconcile":
            self.sweep_row(event)
        self.drain(event, row)

    def on_vanished(self, event):
        row = self.own_row(event)
        check(row.state == "active" and row.origin == "kubelet", "vanished though it was not there", event, row)
        self.drain(event, row)

    def on_drained(self, event):
        first, n = self.range_of(event)
        row = self.rows.get(first)
        check(row and row.n == n and row.state == "draining" and row.pod == event.get("pod", ""),
              "drained though it was not draining", event, row)
        check(event["time"] - row.released >= DRAIN_USEC, "drained too early", event, row)
        check(not any(unit in self.lives for unit in range(first, first + n)), "drained while something lives in it",
              event, row)
        self.put(row._replace(state="released", order=self.next_order(), drained=event["time"]), row)

    def on_reused(self, event):
        row = self.own_row(event)
        check(row.state == "released" and event["otherPod"] != row.pod, "reused though it was not free", event, row)
        self.reused.add(row.pod)

    def on_bound(self, event):
        row = self.own_row(event)
        check(row.state == "active" and row.origin == "request", "bound though it was not active", event, row)
        self.put(row._replace(pid=event["pid"]), row)

    def on_adopted(self, event):
        first, n = self.range_of(event)
        row = self.row_of(event["pod"])
        is_same = row and (row.first, row.n) == (first, n)
        new = Row(event["pod"], first, n, "active", "kubelet", 0, event["time"], **self.labels(event))
        if is_same:
            check(row.state != "active" or row.origin == "request", "adopted again", event, row)
            self.put(new, row)
        else:
            self.clear(event, first, n)
            self.put(new)

    def on_conflict(self, event):
        first, n = self.range_of(event)
        own, other = self.row_of(event["pod"]), self.row_of(event.get("otherPod"))
        check(any(row.state != "released" for row in self.overlapping(first, n)) or (own and own.state == "active"),
              "a conflict with nobody", event)
        check(not other or other.state != "released", "a conflict with what is free", event, other)

    def on_poolChanged(self, event):
        self.pool = self.range_of(event) if "start" in event else None
        self.unit_size = self.next_unit_size

    # Reconcile: its events come in a row, and at the first of them the answer is clear.

    def expect_sweep(self, uid, pods, before):
        """A Reconcile is sent in this round: nobody else sends one."""
        self.sweep = (uid, frozenset(pods), before)

    def swept(self):
        """Who must be released by it as things are."""
        uid, pods, before = self.sweep
        return {row.pod for row in self.rows.values() if row.state == "active" and row.origin == "request" and
                uid in (0, row.uid) and row.created < before and row.pod not in pods}

    def sweep_row(self, event):
        if self.to_sweep is None:
            check(self.sweep, "a Reconcile that nobody sent", event)
            self.to_sweep = self.swept()
        check(event["pod"] in self.to_sweep, "released by Reconcile without a reason", event)
        self.to_sweep.remove(event["pod"])

    def end_sweep(self):
        """Nothing may be left out."""
        check(not self.to_sweep, "not released by Reconcile", self.to_sweep)
        if self.to_sweep is not None:
            self.sweep = self.to_sweep = None
