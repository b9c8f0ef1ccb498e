# SPDX-License-Identifier: MIT
"""Replies against the model: each must be explained by the events of its round, and they by the replies.

What changed something is found again among the events. What changed nothing must be true of one of the
moments between the changes before and after it on its connection.
"""

import collections

from client import ALLOCATOR, SERVICE
from model_state import BASE_UNIT, DRAINING, RELEASED, check, coarse, free_runs, overlay

EVENT_OF = {"created": "allocated", "revived": "revived"}


class Call:
    """One call of a connection, and its answer once that is there."""

    def __init__(self, method, parameters, uid):
        self.method, self.parameters, self.uid = method, parameters, uid
        self.error = self.reply = self.index = None  # the event that it left
        self.is_answered, self.is_sure = False, True  # sure: no other event could be the one

    def __repr__(self):
        return f"{self.method}({self.parameters}) of {self.uid}: {self.error or ''} {self.reply}"


class Judge:
    """Explains the answers of a round, which are all there, or never will be."""

    def __init__(self, state, checks_in_pool):
        self.state, self.checks_in_pool = state, checks_in_pool
        self.left = collections.defaultdict(list)  # events of clients that no reply explains yet
        self.taken = collections.defaultdict(list)  # and those that one explains
        for index, event in enumerate(state.events):
            if "clientUid" in event and event["kind"] != "reused":
                self.left[self.key_of(event)].append(index)
        self.n_explained = collections.Counter()

    @staticmethod
    def key_of(event):
        kind = "swept" if event.get("cause") == "reconcile" else event["kind"]
        return kind, event["pod"]

    def take(self, call, kind, pod, fits):
        """The event that a reply tells of; two connections may each have left one that looks the same."""
        left, taken = self.left[kind, pod], self.taken[kind, pod]
        found = [index for index in left if fits(self.state.events[index])]
        if not found:
            return None
        call.is_sure &= len(found) == 1 and not any(fits(self.state.events[index]) for index in taken)
        left.remove(found[0])
        taken.append(found[0])
        return found[0]

    def row_fits(self, found, row):
        """Is an Allocation of a reply this row?"""
        if row is None or row.pod == "":
            return False
        wanted = {"pod": row.pod, "pool": "kubelet", "start": self.state.base + row.first * BASE_UNIT,
                  "count": row.n * BASE_UNIT, "state": row.state, "origin": row.origin, "clientUid": row.uid,
                  "createdAt": row.created}
        more = {"namespace": row.namespace, "name": row.name, "pid": row.pid,
                "releasedAt": None if row.state == "active" else row.released}
        wanted |= {name: value for name, value in more.items() if value is not None}
        pool = self.state.pool
        is_in = bool(pool and pool[0] <= row.first and row.first + row.n <= pool[0] + pool[1])
        wanted["inPool"] = is_in if self.checks_in_pool else found["inPool"]
        return found == wanted

    def explain(self, connections, may_be_cut):
        """CONNECTIONS are lists of calls; unanswered ones may have happened, if that can be at all."""
        answered = [call for calls in connections for call in calls if call.is_answered]
        for call in sorted(answered, key=self.may_only_bind):
            call.index = self.find_event(call)
        for calls in connections:
            self.explain_rest(calls)
        unanswered = collections.Counter(self.possible_keys(connections)) if may_be_cut else {}
        for (kind, pod), indexes in self.left.items():
            allowed = unanswered.get(("swept", None), 0) * len(indexes) if kind == "swept" else unanswered.get((kind, pod), 0)
            check(len(indexes) <= allowed, "changed without a call", kind, pod, len(indexes), allowed)

    @staticmethod
    def may_only_bind(call):
        """Its event could be another call's as well: it comes after those whose event is sure."""
        return call.method == "Bind" or (call.method == "Allocate" and not call.error and
                                         call.reply["outcome"] == "existing")

    @staticmethod
    def possible_keys(connections):
        for calls in connections:
            for call in calls:
                if not call.is_answered:
                    pod = call.parameters.get("pod")
                    kinds = {"Allocate": ("allocated", "revived", "bound"), "Release": ("released",),
                             "Bind": ("bound",), "Reconcile": ("swept",)}.get(call.method, ())
                    yield from ((kind, None if kind == "swept" else pod) for kind in kinds)

    def find_event(self, call):
        """The index of the event that the call left, None if it changed nothing."""
        index, pod = None, call.parameters.get("pod")
        if call.error:
            return None
        found = call.reply.get("allocation")
        if call.method == "Allocate":
            if call.reply["outcome"] != "existing":
                index = self.take(call, EVENT_OF[call.reply["outcome"]], pod, lambda event: (
                    event["time"] == found["createdAt"] and event["start"] == found["start"] and
                    event["count"] == found["count"] and event["clientUid"] == call.uid == found["clientUid"]))
                check(index is not None, "acknowledged, but there is no event", call)
            if "pid" in call.parameters:
                index = self.find_bound(call, index)
        elif call.method == "Release" and call.reply["released"]:
            index = self.take(call, "released", pod, lambda event: event["time"] == found["releasedAt"] and
                              event["clientUid"] == call.uid)
            check(index is not None, "acknowledged, but there is no event", call)
        elif call.method == "Bind":
            index = self.find_bound(call, None)
        elif call.method == "Reconcile" and not call.parameters.get("dryRun"):
            for name in call.reply["released"]:
                index = self.take(call, "swept", name, lambda event: event["clientUid"] == call.uid)
                check(index is not None, "acknowledged, but there is no event", call, name)
        if index is not None:
            self.n_explained[call.method] += 1
            self.check_row(call, index)
        return index

    def find_bound(self, call, index):
        """A pid leaves its event right behind that of a new range; or none, if it was bound to it already."""
        pid = call.parameters["pid"]
        bound = self.take(call, "bound", call.parameters["pod"], lambda event: (
            event["pid"] == pid and event["clientUid"] == call.uid and self.made_row(call, event) and
            (index is None or event["sequence"] == self.state.events[index]["sequence"] + 1)))
        check(bound is not None or index is None, "acknowledged, but not bound", call)
        call.is_sure &= index is not None  # a row that is bound already looks like one that it has just bound
        return bound if bound is not None else index

    def made_row(self, call, event):
        """Is the row of the reply the one that the event made?"""
        found, index = call.reply["allocation"], event["sequence"] - self.state.events[0]["sequence"]
        return any(self.row_fits(found, row) for row in self.state.versions_of(found["pod"], index, index + 1))

    def check_row(self, call, index):
        """The reply tells what the event made."""
        found = call.reply.get("allocation")
        if found:
            check(self.made_row(call, self.state.events[index]), "answered what is not so", call)
            check(found["start"] == call.parameters.get("start", found["start"]), "another start", call)
        for name in ("uidMappings", "gidMappings"):
            if name in call.reply:
                check(call.reply[name] == [{"containerID": 0, "hostID": found["start"], "size": found["count"]}],
                      "a wrong mapping", call)

    def explain_rest(self, calls):
        """The calls that changed nothing."""
        high, bounds = len(self.state.events), []
        for call in reversed(calls):
            bounds.append(high)
            if call.index is not None and call.is_sure:
                high = call.index
        low = -1
        for call, high in zip(calls, reversed(bounds)):
            if call.index is not None:
                low = call.index if call.is_sure else low
            elif call.is_answered:
                self.explain_unchanged(call, low, high)

    def explain_unchanged(self, call, low, high):
        error = call.error and call.error.removeprefix(f"{ALLOCATOR}.").removeprefix(f"{SERVICE}.")
        rows = self.state.versions_of(call.parameters["pod"], low, high) if "pod" in call.parameters else []
        moments = self.state.moments[low + 1:high + 1]
        explain = getattr(self, f"explain_{error or call.method}")
        self.n_explained[error or call.method] += 1
        check(explain(call, rows, moments), "not explained by anything", call, rows, low, high)

    def explain_Allocate(self, call, rows, _):
        found = call.reply["allocation"]
        return call.reply["outcome"] == "existing" and call.parameters.get("start", found["start"]) == found["start"] \
            and any(row and row.state == "active" and self.row_fits(found, row) for row in rows)

    def explain_Release(self, call, rows, _):
        if "allocation" not in call.reply:
            return None in rows
        return any(row and row.state != "active" and self.row_fits(call.reply["allocation"], row) for row in rows)

    def explain_Get(self, call, rows, _):
        return any(self.row_fits(call.reply["allocation"], row) for row in rows)

    def explain_Bind(self, call, rows, _):
        return any(row and row.pid == call.parameters["pid"] and self.row_fits(call.reply["allocation"], row)
                   for row in rows)

    def explain_Lookup(self, call, _, __):
        found, first = call.reply["allocation"], self.state.base
        check(found["start"] <= call.parameters["id"] < found["start"] + found["count"] and
              call.reply["containerID"] == call.parameters["id"] - found["start"], "another ID", call)
        if "pod" not in found or found["pod"] == "":
            return False
        check(first <= found["start"], "outside", call)
        return any(self.row_fits(found, row) for row in self.state.versions_of(found["pod"], -1, 1 << 60))

    def explain_Reconcile(self, call, _, __):
        def was_active(pod, wanted):
            return any((row is not None and row.state == "active") == wanted
                       for row in self.state.versions_of(pod, -1, 1 << 60))
        pods, missing = call.parameters["pods"], set(call.reply["missing"])
        return (all(was_active(pod, pod not in missing) for pod in pods) and
                all(was_active(pod, True) and pod not in pods for pod in call.reply["released"]))

    def explain_NoSuchAllocation(self, call, rows, _):
        if call.method == "Lookup":
            unit = (call.parameters["id"] - self.state.base) // BASE_UNIT
            row = self.state.rows.get(self.state.row_at[unit])
            return row is None or row.pod == "" or row.pod in self.state.versions or bool(self.state.events)
        return any(row is None or (call.method == "Bind" and row.state != "active") for row in rows)

    def explain_NoSuchProcess(self, call, _, __):
        return call.parameters["pid"] in self.state.dead

    def explain_PermissionDenied(self, call, rows, _):
        return (call.uid != 0 and "start" in call.parameters) or any(row and row.state == "active" and call.uid not in (0, row.uid) for row in rows)

    def explain_OwnedByKubelet(self, _, rows, __):
        return any(row and row.state == "active" and row.origin == "kubelet" for row in rows)

    def explain_CountMismatch(self, call, rows, _):
        want = call.error_parameters
        return any(row and row.state == "active" and row.n * BASE_UNIT == want["have"] for row in rows) and \
            want["want"] == call.parameters["count"] != want["have"]

    def explain_InvalidPool(self, _, __, moments):
        return any(pool is None for _, pool, _, _ in moments)

    def asked(self, call, size):
        """The units that a call with a start is about."""
        first = (call.parameters["start"] - self.state.base) // BASE_UNIT
        return range(first, first + (call.parameters.get("count", 0) // BASE_UNIT or size))

    def explain_RangeMismatch(self, call, rows, _):
        has = ((call.error_parameters["start"] - self.state.base) // BASE_UNIT,
               call.error_parameters["count"] // BASE_UNIT)
        return call.error_parameters["pod"] == call.parameters["pod"] and any(
            row and row.state != "released" and (row.first, row.n) == has for row in rows) and \
            (call.parameters["start"], call.parameters.get("count")) != \
            (call.error_parameters["start"], call.error_parameters["count"])

    def explain_RangeTaken(self, call, _, moments):
        state, error = self.state, call.error_parameters
        first, end = error["start"] - state.base, error["start"] + error["count"] - state.base
        asked = set().union(*(self.asked(call, size) for _, _, size, _ in moments))
        check(any(first < (unit + 1) * BASE_UNIT and unit * BASE_UNIT < end for unit in asked), "not in the way", call)
        if "pod" in error:
            check("pid" not in error and error["pod"] != call.parameters["pod"], "in its own way", call)
            return any(row and (row.state != "released" or state.delay) and
                       (row.first * BASE_UNIT, (row.first + row.n) * BASE_UNIT) == (first, end)
                       for row in state.versions_of(error["pod"], -1, 1 << 60))
        if any(unit in state.lives or unit in state.doubtful for unit in asked):
            return True
        return "pid" not in error and any(units[unit] in (DRAINING, RELEASED)
                                          for units, _, _, _ in moments for unit in asked if unit < len(units))

    def explain_InvalidParameter(self, call, _, moments):
        if call.error_parameters == {"parameter": "start"}:
            return any(pool and ((asked := self.asked(call, size))[0] < pool[0] or asked[-1] >= sum(pool) or
                                 (asked[0] - pool[0]) % size) for _, pool, size, _ in moments)
        return call.error_parameters == {"parameter": "count"} and \
            any(call.parameters["count"] // BASE_UNIT % size for _, _, size, _ in moments)

    def explain_QuotaExceeded(self, call, _, moments):
        return call.error_parameters["limit"] == self.state.quota and \
            any(n_active.get(call.uid, 0) >= self.state.quota for _, _, _, n_active in moments)

    def explain_PoolExhausted(self, call, _, moments):
        for units, pool, size, _ in moments:
            n = call.parameters.get("count", 0) // BASE_UNIT or size
            if pool is None or n % size:
                continue
            sure = coarse(overlay(units, self.state.doubtful, self.state.lives), *pool, size)
            if sure.find(bytes(n // size)) < 0 and (self.state.delay or not free_runs(sure, n // size)):
                return True
        return False
