#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How soon is a range with another pod? 110 units, 100 pods, of which one after the other is replaced.

The distance is 1 if the very next allocation gets what was just released. Several daemons are churned side by
side, each as fast as its draining lets it; ways of choosing that others have are simulated beside it.
Usage: SUBIDD=build/daemon/subidd tests/bench/reuse.py [ALLOCATIONS]
"""

import pathlib
import random
import statistics
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from client import Refused, encode  # noqa: E402
from harness import UNIT, Daemon, Scratch  # noqa: E402

N_UNITS, N_PODS, N_DAEMONS = 110, 100, 8
FIRST_UNITS = 300  # no other test has real processes there


class Churn:
    """Replaces a random pod at a time; ALLOCATE(new pod) and RELEASE(pod) tell the unit that is meant."""

    def __init__(self, seed, allocate, release):
        self.chance, self.allocate, self.release = random.Random(seed), allocate, release
        self.pods, self.released_at, self.distances, self.n = [], {}, [], 0

    def add(self):
        """One more pod."""
        unit = self.allocate(f"pod{self.n}")
        self.n += 1
        if unit in self.released_at:
            self.distances.append(self.n - self.released_at.pop(unit))
        self.pods.append(f"pod{self.n - 1}")

    def run(self, n):
        """Fills the pods up, then replaces so many."""
        for _ in range(N_PODS):
            self.add()
        for _ in range(n):
            pod = self.pods.pop(self.chance.randrange(N_PODS))
            self.released_at[self.release(pod)] = self.n
            self.add()


def churn_daemon(seed, n, results):
    """At the real thing: waits where everything that is not in use drains."""
    with Scratch(f"kubelet:{FIRST_UNITS * UNIT}:{N_UNITS * UNIT}") as scratch, \
            Daemon(scratch, check_files=False) as daemon, daemon.client() as client, daemon.client() as monitor:
        monitor.send(encode("Monitor", more=True))

        def allocate(pod):
            while True:
                try:
                    return client.call("Allocate", pod=pod)["allocation"]["start"]
                except Refused:
                    monitor.reply("Monitor", more=True)
        churn = Churn(seed, allocate, lambda pod: client.call("Release", pod=pod)["allocation"]["start"])
        churn.run(n)
        results.append(churn.distances)


def simulate(choose, n):
    """An allocator that has nothing but its list of free units."""
    free, units = set(range(N_UNITS)), {}

    def allocate(pod):
        units[pod] = choose(free)
        free.remove(units[pod])
        return units[pod]

    def release(pod):
        unit = units.pop(pod)
        free.add(unit)
        return unit
    churn = Churn(1, allocate, release)
    churn.run(n)
    return churn.distances


def scan_from_random(free, chance=random.Random(2)):
    """The kubelet's way: a random start, then the first free one behind it."""
    start = chance.randrange(N_UNITS)
    return next(unit % N_UNITS for unit in range(start, start + N_UNITS) if unit % N_UNITS in free)


def print_line(name, distances):
    """One way of choosing."""
    ordered = sorted(distances)
    print(f"{name:34} {100 * ordered.count(1) / len(ordered):9.2f} % {ordered[0]:7} {ordered[len(ordered) // 100]:9} "
          f"{statistics.median(ordered):8.0f} {ordered[-1]:8} {len(ordered):8}")


def main():
    """All lines."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    results = []
    threads = [threading.Thread(target=churn_daemon, args=(seed, n // N_DAEMONS, results)) for seed in range(N_DAEMONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{N_UNITS} units, {N_PODS} pods; allocations from a unit's release to its next use")
    print(f"{'':34} {'just released':>11} {'least':>5} {'1st perc.':>9} {'median':>8} {'most':>8} {'reuses':>8}")
    print_line("subidd", [distance for found in results for distance in found])
    print_line("simulated: random start (kubelet)", simulate(scan_from_random, 100 * n))
    print_line("simulated: first fit", simulate(min, n))


main()
