# SPDX-License-Identifier: MIT
"""What may happen next: calls of the clients, and events at the node. All follow from the seed."""

import collections

from harness import IS_ROOT
from model_replies import Call
from model_state import BASE_UNIT
from model_world import SLOT_UNITS

N_PODS, N_KUBELET_PODS = 1400, 60
MAX_BATCH = 180
MAX_BOUND, MAX_NAMESPACES = 40, 25  # processes at a time
KEEP_SHARE = 0.9  # of the pods, in a list for Reconcile


class Moves:
    """Chooses; the walk carries out what goes to the daemon."""

    def __init__(self, walk):
        self.walk, self.state, self.chance = walk, walk.state, walk.chance
        self.counts = collections.Counter()
        self.bound, self.foreign = [], []  # PIDs; (PID, units, pass after which it is known)
        self.housed = []  # (PID, units) of processes in a pod's range
        self.earlier = [0]  # times for createdBefore

    # Calls.

    def pod(self):
        """Mostly of the many, sometimes of the few whom everybody asks for, or of the kubelet."""
        kind = self.chance.random()
        if kind < 0.1:
            return f"hot{self.chance.randrange(12)}"
        if kind < 0.13:
            return f"k{self.chance.randrange(N_KUBELET_PODS)}"
        return f"p{self.chance.randrange(N_PODS)}"

    def allocate(self):
        parameters = {"pod": self.pod()}
        count, label, bind = self.chance.random(), self.chance.random(), self.chance.random()
        n, pid = self.chance.randrange(1, 6), self.chance.random()
        if count < 0.12:
            parameters["count"] = n * BASE_UNIT
        if label < 0.2:
            parameters["namespace"], parameters["name"] = f"ns{n}", f"name{n}"
        if bind < 0.02 and self.bound:
            parameters["pid"] = self.bound[int(pid * len(self.bound))]
        self.add_start(parameters)
        return "Allocate", parameters

    def add_start(self, parameters):
        """Some pods were started with a range: one that they or others have, any, or a foreign process's."""
        is_started, kind, unit = self.chance.random() < 0.08, self.chance.random(), self.chance.randrange(SLOT_UNITS)
        if not is_started:
            return
        row = self.state.row_of(parameters["pod"]) if kind < 0.4 else self.state.rows.get(self.state.row_at[unit])
        foreign = [one for one in self.housed if any(self.state.lives.get(u, "") is None for u in one[1])]
        if kind > 0.85 and foreign:
            parameters["pid"], units = foreign[int((kind - 0.85) / 0.15 * len(foreign))]
            unit = units[0]
        elif kind < 0.8 and row:
            unit = row.first
            if row.n > 1 or "count" in parameters:
                parameters["count"] = row.n * BASE_UNIT
        parameters["start"] = self.state.base + unit * BASE_UNIT
        self.state.recorded.add((parameters["pod"], unit, parameters.get("pid")))

    def bind(self):
        pid = self.chance.random()
        return "Bind", {"pod": self.pod(), "pid": self.bound[int(pid * len(self.bound))] if self.bound else 1}

    def lookup(self):
        return "Lookup", {"id": self.state.base + self.chance.randrange(SLOT_UNITS * BASE_UNIT)}

    def reconcile(self, is_dry_run):
        """A list with most of the pods, and the time when it was taken."""
        pods = [f"p{i}" for i in range(N_PODS)] + [f"hot{i}" for i in range(12)]
        kept = [pod for pod in pods if self.chance.random() < KEEP_SHARE]
        parameters = {"pods": kept, "createdBefore": self.chance.choice(self.earlier)}
        return "Reconcile", parameters | ({"dryRun": True} if is_dry_run else {})

    def call(self):
        kind = self.chance.random()
        if kind < 0.47:
            return self.allocate()
        if kind < 0.80:
            return "Release", {"pod": self.pod()}
        if kind < 0.93:
            return "Get", {"pod": self.pod()}
        return self.bind() if kind < 0.95 else self.lookup()

    def make_batches(self, clients):
        """[(client, calls)] for a round: at most one Reconcile that changes anything."""
        used = self.chance.sample(clients, self.chance.randrange(1, len(clients) + 1))
        size = self.chance.randrange(1, MAX_BATCH)
        batches = [(client, [Call(*self.call(), client.uid) for _ in range(size)]) for client in used]
        if self.chance.random() < 0.15:
            client, calls = batches[-1]
            call = Call(*self.reconcile(self.chance.random() < 0.3), client.uid)
            if "dryRun" not in call.parameters:
                self.state.expect_sweep(client.uid, call.parameters["pods"], call.parameters["createdBefore"])
            calls.insert(self.chance.randrange(len(calls) + 1), call)
        self.count(f"{len(used)} clients")
        return batches

    def count(self, what, n=1):
        self.counts[what] += n

    # The node, while calls are on their way.

    def disturb(self):
        """Some of what needs nobody's answer."""
        if self.chance.random() < 0.3:
            self.end_process()
        if self.chance.random() < 0.5:
            for _ in range(self.chance.randrange(1, 5)):
                self.touch_kubelet()
        if self.chance.random() < 0.05:
            self.edit_pool()
            self.walk.control.call("Reload")

    def disturb_offline(self):
        """The same while the daemon is down."""
        for _ in range(self.chance.randrange(3)):
            self.end_process()
            self.touch_kubelet()
        if self.chance.random() < 0.3:
            self.edit_pool()
        if IS_ROOT and self.chance.random() < 0.5:
            self.leave_house()

    def edit_pool(self):
        which = self.chance.randrange(len(self.walk.entries.SIZES) + 1)
        self.walk.entries.set_pool(which if which < len(self.walk.entries.SIZES) else None)
        self.count("pool edits")

    def end_process(self):
        which = self.chance.random()
        if self.bound:
            pid = self.bound.pop(int(which * len(self.bound)))
            self.state.dead.add(pid)
            self.walk.processes.kill(pid)
            self.count("processes ended")

    def touch_kubelet(self):
        """Its files come, change, break and go; some name what others have."""
        kubelet, kind = self.walk.kubelet, self.chance.random()
        pod = f"k{self.chance.randrange(N_KUBELET_PODS)}" if self.chance.random() < 0.8 else self.pod()
        first, n = self.chance.randrange(SLOT_UNITS - 3), self.chance.choice((1, 1, 1, 2))
        self.walk.doubt(kubelet.units())
        if kind < 0.45:
            kubelet.write(pod, first, n)
        elif kind < 0.55:
            kubelet.empty(pod)
        elif kind < 0.6:
            kubelet.break_file(pod)
        else:
            kubelet.remove(pod, kind < 0.9)
        self.walk.doubt(range(first, first + n))
        self.count("kubelet files")

    # The node, between the rounds.

    def between_rounds(self):
        """What needs to know how things stand."""
        self.earlier = self.earlier[-4:] + [self.state.events[-1]["time"] if self.state.events else 0]
        if len(self.bound) < MAX_BOUND:
            pid = self.walk.processes.start()
            self.state.dead.discard(pid)
            self.bound.append(pid)
        kind, house, leave, reload = (self.chance.random() for _ in range(4))
        if IS_ROOT and kind < 0.3 and len(self.housed) + len(self.foreign) < MAX_NAMESPACES:
            (self.enter_house if house < 0.7 else self.enter_foreign)()
        if leave < 0.2:
            self.leave_house()
        if reload < 0.03:
            self.change_settings()

    def enter_house(self):
        """A process begins to live in the range of a pod."""
        at = self.chance.random()
        active = sorted(row.pod for row in self.state.rows.values() if row.state == "active" and row.pod)
        if not active:
            return
        row = self.state.row_of(active[int(at * len(active))])
        units = range(row.first, row.first + row.n)
        pid = self.walk.processes.start((self.state.base + row.first * BASE_UNIT, row.n * BASE_UNIT))
        self.state.dead.discard(pid)
        self.walk.sync()
        if self.state.row_of(row.pod) != row or any(unit in self.state.lives for unit in units):
            self.walk.processes.kill(pid)
            self.walk.doubt(units)
            return
        self.state.lives.update(dict.fromkeys(units, row.pod))
        self.housed.append((pid, units))
        self.count("processes in a pod's range")

    def enter_foreign(self):
        """A process of nobody's; the daemon knows of it after a pass."""
        first = self.chance.randrange(SLOT_UNITS)
        if first in self.state.lives:
            return
        pid = self.walk.processes.start((self.state.base + first * BASE_UNIT, BASE_UNIT))
        self.state.dead.discard(pid)
        self.foreign.append((pid, range(first, first + 1), self.walk.n_passes + 2))
        self.walk.doubt(range(first, first + 1))
        self.count("foreign processes")

    def confirm_foreign(self):
        """From now on such a unit can be given to nobody but the one who has it."""
        known = [one for one in self.foreign if one[2] <= self.walk.n_passes]
        self.foreign = [one for one in self.foreign if one not in known]
        for pid, units, _ in known:
            for unit in units:
                row = self.state.rows.get(self.state.row_at[unit])
                is_theirs = row and row.state != "released" and row.pod
                if unit not in self.state.lives:
                    self.state.lives[unit] = row.pod if is_theirs else None
            self.housed.append((pid, units))

    def leave_house(self):
        """One of them ends."""
        which = self.chance.random()
        if self.housed:
            pid, units = self.housed.pop(int(which * len(self.housed)))
            for unit in units:
                self.state.lives.pop(unit, None)
            self.walk.doubt(units)
            self.state.dead.add(pid)
            self.walk.processes.kill(pid)
            self.count("processes left a range")

    def change_settings(self):
        """How long released units wait, or how many IDs a unit has."""
        entries, state = self.walk.entries, self.state
        delay, size = self.chance.choice((0, 0, 0, 1, 2)), self.chance.choice((1, 1, 2))
        entries.delay, entries.unit_size = delay, size
        entries.write_config()
        state.next_unit_size = size
        state.delay = min(state.delay, delay * 1_000_000)
        state.begin_round()
        self.walk.control.call("Reload")
        self.walk.sync()
        state.delay = delay * 1_000_000
        self.count("settings")
