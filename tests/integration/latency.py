# SPDX-License-Identifier: MIT
"""What the search for processes costs the clients: next to nothing, however many there are."""

import sys
import time

from harness import case, equal, main
from living import Process, Rig, mapped

N_PROCESSES, N_CALLS, N_TRIES = 3000, 4000, 3
LIMIT = 0.005  # s that a request may wait for a pass
COST_LIMIT = 30_000  # us of a pass per 1,000 processes; 15 ms where nothing else runs

CROWD = """
import os, signal, sys
ours, theirs = os.pipe()
for _ in range(int(sys.argv[1])):
    if os.fork() == 0:
        os.close(theirs)
        os.read(ours, 1)
        os._exit(0)
print(sys.stdin.readline(), end="", flush=True)
sys.stdin.read()
os.close(theirs)
try:
    while os.wait():
        pass
except ChildProcessError:
    pass
"""


class Crowd(Process):
    """So many processes that do nothing; they end with us."""

    def __init__(self, n):
        super().__init__(sys.executable, "-I", "-S", "-c", CROWD, n, program=())

    def end(self):
        self.child.stdin.close()
        self.child.wait()
        self.child.stdout.close()


def measure(rig):
    """Sorted durations of many calls, of which some change something."""
    durations = []
    for i in range(N_CALLS):
        began = time.perf_counter()
        if i % 20 == 0:
            rig.client.call("Allocate", pod=f"p{i // 20 % 40}")
        else:
            rig.client.call("Get", pod="p0")
        durations.append(time.perf_counter() - began)
    return sorted(durations)


def describe(what, durations):
    """A line of figures; returns the 99th percentile."""
    at = {name: durations[int(len(durations) * part)] for name, part in
          (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 0.99999))}
    print(f"# {what}: " + ", ".join(f"{name} {1e6 * value:.0f} us" for name, value in at.items()))
    return at["p99"]


@case("no request waits for a pass over thousands of processes", needs_root=True)
def waits():
    with Rig(64) as rig:
        rig.allocate_many(*(f"p{i}" for i in range(40)))
        alone = describe("alone", measure(rig))
        with Crowd(N_PROCESSES), mapped(rig.allocate("draining")):
            rig.release("draining")
            rig.wait_pass()
            rig.wait_pass()
            first = rig.client.call("GetStatus")["scan"]["lastAt"]
            # a pass is there each time; what else the machine does is not
            crowded = min(describe(f"with {N_PROCESSES} processes", measure(rig)) for _ in range(N_TRIES))
            rig.wait_pass()
            scan = rig.client.call("GetStatus")["scan"]
            assert scan["lastAt"] > first and scan["processes"] >= N_PROCESSES, scan
            cost = scan["cost"] * 1000 // scan["processes"]
            print(f"# a pass over {scan['processes']} processes: {scan['cost']} us, {cost} us per 1,000")
            equal(rig.state("draining"), "draining")
        assert crowded < LIMIT + 2 * alone, f"{crowded} s in place of {alone} s"
        assert cost < COST_LIMIT, f"{cost} us per 1,000 processes"


if __name__ == "__main__":
    main()
