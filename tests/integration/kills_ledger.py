# SPDX-License-Identifier: MIT
"""What the clients were told, and whether the daemon still says the same after it was killed.

The history is the witness: each event must be the effect of a call, in the order of its connection, and
all events together must make exactly what the daemon lists.
"""

import json

from harness import UNIT

KEPT = ("namespace", "name", "clientUid")  # of an event, for as long as its pod is active


class Wrong(Exception):
    """A promise was broken: kind is "lost", "duplicate" or "corrupt"."""

    def __init__(self, kind, *details):
        super().__init__(f"{kind}: {' '.join(map(str, details))}")
        self.kind = kind


class Call:
    """One, with its reply if there was one."""

    def __init__(self, method, pod):
        self.method, self.pod = method, pod
        self.error, self.reply = None, None

    def answer(self, message):
        """Takes the reply; returns whether it is one that may come."""
        reply = json.loads(message)
        self.error, self.reply = reply.get("error", "").rpartition(".")[2], reply.get("parameters", {})
        if self.error:
            allowed = {"Allocate": ("PoolExhausted",), "Get": ("NoSuchAllocation",)}.get(self.method, ())
            if self.error not in allowed:
                raise Wrong("corrupt", self, "was refused")

    def effect(self):
        """What the history must have of it: (kind, pod, start, time); None: nothing."""
        if self.error or self.method == "Get":
            return None
        found = self.reply.get("allocation")
        if self.method == "Release":
            return ("released", self.pod, found["start"], found["releasedAt"]) if self.reply["released"] else None
        kind = {"created": "allocated", "revived": "revived"}.get(self.reply["outcome"])
        return (kind, self.pod, found["start"], found["createdAt"]) if kind else None

    def __repr__(self):
        return f"{self.method} {self.pod}: {self.error or self.reply}"


def shape(event):
    """As Call.effect() has it."""
    return event["kind"], event["pod"], event["start"], event["time"]


class Ledger:
    """The allocations as the history has made them."""

    def __init__(self):
        self.rows, self.starts, self.sequence = {}, {}, 0  # pod: row; unit: pod
        self.events = []  # all that are to be in the history

    # Events, each checked against what stands when it comes.

    def apply(self, event):
        """Takes one over."""
        if event["sequence"] != self.sequence + 1:
            raise Wrong("lost", "an event is missing before", event, "the last is", self.sequence)
        self.sequence += 1
        self.events.append(event)
        getattr(self, f"on_{event['kind']}", self.on_other)(event)

    def units(self, event):
        return range(event["start"] // UNIT, (event["start"] + event["count"]) // UNIT)

    def on_allocated(self, event):
        holders = {self.starts[unit] for unit in self.units(event) if unit in self.starts}
        if holders or event["pod"] in self.rows:
            raise Wrong("duplicate", event, "while they have it:", holders, self.rows.get(event["pod"]))
        for unit in self.units(event):
            self.starts[unit] = event["pod"]
        self.rows[event["pod"]] = {"start": event["start"], "count": event["count"]}
        self.activate(event)

    def on_revived(self, event):
        row = self.row(event, "draining", "released")
        if event["start"] != row["start"]:
            raise Wrong("corrupt", "another range", event, row)
        self.activate(event)

    def activate(self, event):
        row = {name: event[name] for name in KEPT if name in event}
        self.rows[event["pod"]] = {**row, "pod": event["pod"], "start": event["start"], "count": event["count"],
                                   "state": "active", "createdAt": event["time"]}

    def on_released(self, event):
        self.row(event, "active").update(state="draining", releasedAt=event["time"])

    def on_drained(self, event):
        if "pod" in event:
            self.row(event, "draining")["state"] = "released"

    def on_reused(self, event):
        row = self.row(event, "released")
        for unit in self.units(row):
            del self.starts[unit]
        del self.rows[event["pod"]]

    def on_other(self, event):
        if event["kind"] != "poolChanged":
            raise Wrong("corrupt", "nothing can have done this", event)

    def row(self, event, *states):
        row = self.rows.get(event["pod"])
        if not row or row["state"] not in states:
            raise Wrong("corrupt", event, "though it is", row)
        return row

    # What a connection was told.

    def explain(self, calls, active, known, events):
        """All events of a connection's pods are the effects of its calls: of those that were answered, and
        of the first ones of the others. ACTIVE: its active pods before them, KNOWN: all that had a range."""
        left = iter(events)
        found = next(left, None)
        for call in calls:
            if call.reply is not None:
                expected = call.effect()
                if expected and (not found or shape(found) != expected):
                    raise Wrong("lost", call, "is not in the history, but", found)
                self.check_answer(call, active)
            else:
                expected = self.possible(call, active, known, found)
            if expected:
                self.note(active, found)
                found = next(left, None)
        if found:
            raise Wrong("corrupt", "nobody has asked for", found)

    def possible(self, call, active, known, found):
        """Was the call, which was not answered, done? False also where it has no effect."""
        if call.method == "Get" or not found or (call.pod in active) == (call.method == "Allocate"):
            return False
        kinds = ("released",) if call.method == "Release" else ("allocated", "revived")
        if found["kind"] in kinds and found["pod"] == call.pod:
            return True
        if call.method == "Allocate" and call.pod not in known:
            return False  # there may have been no room
        raise Wrong("corrupt", call, "was left out, but not what came after it:", found)

    def note(self, active, event):
        (active.discard if event["kind"] == "released" else active.add)(event["pod"])

    def check_answer(self, call, active):
        """What has no effect tells the truth all the same."""
        if call.effect():
            return
        is_active = call.pod in active
        if call.error == "NoSuchAllocation" or call.error == "PoolExhausted" or call.method == "Release":
            is_right = not is_active
        elif call.method == "Get":
            is_right = is_active == (call.reply["allocation"]["state"] == "active")
        else:
            is_right = is_active
        if not is_right:
            raise Wrong("corrupt", call, "though it was", "active" if is_active else "not active")

    # All of it.

    def compare(self, listed):
        """The daemon lists exactly what its history says."""
        ends = 0
        for allocation in listed:
            if allocation["start"] < ends:
                raise Wrong("duplicate", allocation, "begins before the one before it ends")
            ends = allocation["start"] + allocation["count"]
            row = {k: v for k, v in allocation.items() if k not in ("pool", "origin", "inPool")}
            if row != self.rows.get(allocation["pod"]):
                raise Wrong("corrupt", allocation, "but the history says", self.rows.get(allocation["pod"]))
        if len(listed) != len(self.rows):
            raise Wrong("lost", set(self.rows) - {allocation["pod"] for allocation in listed})

    def resume(self, sequence, listed):
        """Begins anew with what there is, so that one mistake is counted once."""
        self.sequence, self.events = sequence, []
        self.rows = {a["pod"]: {k: v for k, v in a.items() if k not in ("pool", "origin", "inPool")} for a in listed}
        self.starts = {unit: a["pod"] for a in listed for unit in self.units(a)}
