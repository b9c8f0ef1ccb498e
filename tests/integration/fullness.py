# SPDX-License-Identifier: MIT
"""The cost of a call when many ranges are held: it runs alone, as it measures time."""

import os
import statistics
import time

from client import encode
from harness import UNIT, Daemon, Scratch, case, equal, main


def fill(client, first, last):
    """Allocates for so many pods, a batch at a time."""
    for begin in range(first, last, 200):
        end = min(begin + 200, last)
        client.send(b"".join(encode("Allocate", {"pod": f"p{i}"}, oneway=True) for i in range(begin, end)))
    client.call("GetStatus")


def cost_of_allocate(client, prefix):
    """Seconds of a new pod's Allocate: the best median of ten tries, as the machine has other work."""
    medians = []
    for chunk in range(10):
        times = []
        for i in range(20):
            began = time.perf_counter()
            client.call("Allocate", pod=f"{prefix}{chunk}-{i}")
            times.append(time.perf_counter() - began)
        medians.append(statistics.median(times))
    return min(medians)


@case("an allocation costs about the same at 0 and at 60,000 held")
def same_cost():
    with Scratch("containers:65536:4026466304", "[Pool containers]\n") as scratch, Daemon(scratch) as daemon, \
            daemon.client() as client:
        assert client.call("GetStatus")["pools"][0]["capacity"] > 61000
        empty = cost_of_allocate(client, "a")
        fill(client, 0, 60000)
        pool = client.call("GetStatus")["pools"][0]
        equal(pool["active"], 60200)
        full = cost_of_allocate(client, "b")
        print(f"# {empty * 1e6:.0f} us at 0, {full * 1e6:.0f} us at 60,000")
        assert full < 3 * empty, f"{full * 1e6:.0f} us in place of {empty * 1e6:.0f} us"
        client.socket.close()
        began = time.monotonic()
        daemon.restart()
        print(f"# {time.monotonic() - began:.1f} s to stop and start with 60,400 allocations")
        with daemon.client() as again:
            for i in range(0, 60000, 1000):
                equal(again.call("Get", pod=f"p{i}")["allocation"]["count"], UNIT)
            began = time.perf_counter()
            equal(len(again.list()), 60400)
            print(f"# {time.perf_counter() - began:.2f} s to list them")
        assert os.path.getsize(scratch.database) < 64 << 20


main()
