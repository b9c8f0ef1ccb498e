# SPDX-License-Identifier: MIT
"""Many clients at a time."""

import collections
import random
import threading

from client import ALLOCATOR, Refused
from harness import UNIT, Daemon, Scratch, case, equal, main, overlaps

N_CLIENTS = 64
CONTAINERS = "[Pool containers]\n"


def together(work, n_threads=N_CLIENTS):
    """Runs WORK(number) in threads that begin at once; returns what they return."""
    results, errors, barrier = [None] * n_threads, [], threading.Barrier(n_threads)

    def run(i):
        try:
            barrier.wait()
            results[i] = work(i)
        except Exception as error:  # told below
            errors.append(error)
    threads = [threading.Thread(target=run, args=(i,)) for i in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


@case("64 clients take 4,096 units until none is left: all of them, each once")
def exhaust():
    with Scratch("containers:200000:268435456", CONTAINERS) as scratch, Daemon(scratch) as daemon:
        def take(i):
            taken = []
            with daemon.client() as client:
                while True:
                    try:
                        reply = client.call("Allocate", pod=f"c{i}-{len(taken)}")
                    except Refused as refused:
                        equal(refused.error, f"{ALLOCATOR}.PoolExhausted")
                        equal(refused.parameters, {"pool": "containers", "capacity": 4096, "active": 4096, "draining": 0,
                                                   "waiting": 0, "foreign": 0})
                        return taken
                    equal(reply["outcome"], "created")
                    taken.append((reply["allocation"]["pod"], reply["allocation"]["start"]))
        taken = [one for found in together(take) for one in found]
        equal(sorted(start for _, start in taken), [200000 + i * UNIT for i in range(4096)])
        with daemon.client() as client:
            equal({(a["pod"], a["start"]) for a in client.list()}, set(taken))
            pool = client.call("GetStatus")["pools"][0]
            equal((pool["active"], pool["free"], pool["released"]), (4096, 0, 0))


@case("64 clients ask for the same pods: each pod is created once")
def same_pods():
    with Scratch(f"kubelet:65536:{400 * UNIT}") as scratch, Daemon(scratch) as daemon:
        def ask(i):
            order = list(range(100))
            random.Random(i).shuffle(order)
            with daemon.client() as client:
                found = [client.call("Allocate", pod=f"p{n}") for n in order]
            return [(r["outcome"], r["allocation"]["pod"], r["allocation"]["start"]) for r in found]
        replies = [reply for found in together(ask) for reply in found]
        equal(collections.Counter(outcome for outcome, _, _ in replies), {"created": 100, "existing": 6300})
        equal(len({(pod, start) for _, pod, start in replies}), 100)
        with daemon.client() as client:
            equal(overlaps(client.list()), [])


@case("64 clients allocate and release at random: no range is with two pods at a time")
def mixed():
    holders, lock = {}, threading.Lock()
    with Scratch(f"kubelet:65536:{200 * UNIT}") as scratch, Daemon(scratch) as daemon:
        def live(i):
            chance, held, refused = random.Random(i), {}, 0
            with daemon.client() as client:
                for n in range(60):
                    if held and chance.random() < 0.45:
                        pod = chance.choice(sorted(held))
                        with lock:
                            for unit in held.pop(pod):
                                del holders[unit]
                        equal(client.call("Release", pod=pod)["released"], True)
                        continue
                    count = UNIT * chance.choice((1, 1, 1, 2, 3))
                    try:
                        found = client.call("Allocate", pod=f"c{i}-{n}", count=count)["allocation"]
                    except Refused as error:
                        equal(error.error, f"{ALLOCATOR}.PoolExhausted")
                        refused += 1
                        continue
                    units = range(found["start"] // UNIT, (found["start"] + found["count"]) // UNIT)
                    with lock:
                        for unit in units:
                            assert unit not in holders, f"unit {unit} is with {holders[unit]} and {found['pod']}"
                            holders[unit] = found["pod"]
                    held[found["pod"]] = units
            return refused
        refused = sum(together(live))
        with daemon.client() as client:
            found = client.list()
            equal(overlaps(found), [])
            active = {unit: a["pod"] for a in found if a["state"] == "active"
                      for unit in range(a["start"] // UNIT, (a["start"] + a["count"]) // UNIT)}
            equal(active, holders)
            pool = client.call("GetStatus")["pools"][0]
            equal((pool["active"], pool["active"] + pool["draining"] + pool["free"]), (len(holders), 200))
        assert refused > 0 or len(holders) < 200
        daemon.restart()
        with daemon.client() as client:
            equal([(a["pod"], a["start"], a["state"] == "active") for a in client.list()],
                  [(a["pod"], a["start"], a["state"] == "active") for a in found])


@case("readers beside writers see whole lists without overlaps")
def readers():
    with Scratch(f"kubelet:65536:{600 * UNIT}") as scratch, Daemon(scratch) as daemon:
        def work(i):
            with daemon.client() as client:
                for n in range(40):
                    if i % 2:
                        client.call("Allocate", pod=f"c{i}-{n % 15}")
                        if n % 3 == 0:
                            client.call("Release", pod=f"c{i}-{n % 15}")
                    else:
                        found = client.list()
                        equal(overlaps(found), [])
                        equal(len({a["pod"] for a in found}), len(found))
        together(work, 32)


main()
