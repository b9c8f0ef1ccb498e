# SPDX-License-Identifier: MIT
"""Monitor: what happens, to any number of watchers, each event once and in order."""

import random
import threading

from client import Closed, Refused, encode
from harness import UNIT, Daemon, Scratch, Watch, case, equal, main
from pods import pods_case, unit


def read_to(watch, sequence):
    """Reads on up to an event."""
    while not watch.events or watch.events[-1]["sequence"] < sequence:
        watch.read()
    return watch.events


@pods_case("what others do is told, as the history has it", before=lambda pods: pods.put("k", *unit(0)))
def told(node):
    with node.daemon.client() as other:
        other.call("Allocate", pod="a", namespace="n", name="x", count=2 * UNIT)
        other.call("Allocate", pod="a")
        other.call("Release", pod="a")
        other.call("Release", pod="a")
        other.call("Allocate", pod="a", pid=node.daemon.process.pid)
        node.pods.put("l", *unit(7))
        last, = node.watch.wait("adopted", "l")
    equal([(e["kind"], e["pod"]) for e in node.watch.events],
          [("allocated", "a"), ("released", "a"), ("revived", "a"), ("bound", "a"), ("adopted", "l")])
    history = node.history()
    equal([e["kind"] for e in history[:2]], ["poolChanged", "adopted"])
    equal(node.watch.events, [e for e in history[2:] if e["sequence"] <= last["sequence"]])
    first = node.watch.events[0]
    equal((first["start"], first["count"], first["namespace"], first["name"]), (2 * UNIT, 2 * UNIT, "n", "x"))


@pods_case("what is refused or asked twice is no event")
def nothing_told(node):
    node.call("Allocate", pod="a")
    for method, parameters in (("Allocate", {"pod": "a"}), ("Release", {"pod": "x"}), ("Reconcile", {"pods": ["a"]}),
                               ("Reconcile", {"pods": [], "dryRun": True}), ("Get", {"pod": "a"}), ("Reload", {})):
        node.client.ask(method, parameters)
    node.client.expect_refused("NoSuchAllocation", "Bind", {"pod": "x", "pid": 1})
    node.client.expect_refused("CountMismatch", "Allocate", {"pod": "a", "count": 2 * UNIT})
    node.call("Allocate", pod="last")
    node.watch.wait("allocated", "last")
    equal([e["pod"] for e in node.watch.events], ["a", "last"])


@pods_case("without more it is refused, and takes no parameters")
def expected_more(node):
    equal(node.client.expect_refused("ExpectedMore", "Monitor"), {})
    node.client.send(encode("Monitor", {"pod": "a"}, more=True))
    try:
        node.client.reply("Monitor", more=True)
        raise AssertionError("it took a parameter")
    except Refused as refused:
        equal(refused.parameters, {"parameter": "pod"})


@pods_case("a watcher sees only what is on disk", n_units=400)
def committed(node):
    """Who sees an event, kills the daemon, and finds it there."""
    for i in range(10):
        with node.daemon.client() as other:
            other.send(b"".join(encode("Allocate" if n % 2 else "Release", {"pod": f"p{i}-{n // 2}"}, oneway=True)
                                for n in range(1, 40)))
            node.watch.read()
            seen = node.watch.events[:]
        node.restart(kill=True)
        found = {e["sequence"]: e for e in node.history()}
        equal([found.get(e["sequence"]) for e in seen], seen)


@pods_case("a stream goes on over a Reload, and ends with the daemon")
def reload(node):
    node.scratch.entry(f"kubelet:{UNIT}:{9 * UNIT}")
    node.call("Reload")
    event, = node.watch.read()
    equal((event["kind"], event["pool"], event["start"], event["count"]), ("poolChanged", "kubelet", UNIT, 9 * UNIT))
    node.call("Allocate", pod="a")
    node.watch.wait("allocated", "a")
    node.watch.client.send(encode("Get", {"pod": "a"}))  # waits behind the stream
    node.call("Release", pod="a")
    node.watch.wait("released", "a")
    node.client.socket.close()
    node.daemon.end(15)
    try:
        node.watch.read()
        raise AssertionError("an event of a daemon that is gone")
    except Closed:
        pass
    node.daemon.start()
    node.connect()


@pods_case("100 watchers all see the same; those that leave bother nobody")
def hundred(node):
    watches = [Watch(node.daemon) for _ in range(100)]
    for i in range(20):
        node.call("Allocate", pod="a")
        node.call("Release", pod="a")
        watches.pop().client.socket.close()
    last = node.history()[-1]["sequence"]
    events = read_to(node.watch, last)
    for watch in watches:
        equal(read_to(watch, last), events)
        watch.client.socket.close()
    equal(len(events), 40)


@case("64 clients at work: each watcher sees what the history has, once and in order")
def under_load():
    with Scratch(f"kubelet:65536:{4000 * UNIT}") as scratch, Daemon(scratch) as daemon:
        watches = [Watch(daemon) for _ in range(5)]
        is_over = threading.Event()

        def live(i):
            chance = random.Random(i)
            with daemon.client() as client:
                for n in range(60):
                    client.call(chance.choice(("Allocate", "Release")), pod=f"c{i}-{n % 5}")
        threads = [threading.Thread(target=live, args=(i,)) for i in range(64)]
        readers = [threading.Thread(target=lambda watch=watch: [watch.wait("allocated", "last"), is_over.set()])
                   for watch in watches]
        for thread in threads + readers:
            thread.start()
        for thread in threads:
            thread.join()
        with daemon.client() as client:
            client.call("Allocate", pod="last")
            for thread in readers:
                thread.join()
            found = [e for page in client.stream("History") for e in page["events"]][::-1]
        equal([e["sequence"] for e in found], list(range(1, len(found) + 1)))
        first = watches[0].events[0]["sequence"]
        for watch in watches:
            n_seen = len(watch.events)
            equal(watch.events, found[first - 1:first - 1 + n_seen])
            watch.client.socket.close()
        assert len(found) > 1500, len(found)


@case("a watcher that does not read is dropped in the end, and nobody else loses anything", is_slow=True)
def stuck():
    with Scratch(f"kubelet:65536:{400 * UNIT}") as scratch, Daemon(scratch) as daemon, daemon.client() as client, \
            Watch(daemon) as good:
        bad = Watch(daemon)
        n_calls = 0
        while client.call("GetStatus")["clients"]["connections"] == 3:
            client.send(b"".join(encode(method, {"pod": f"p{i}", "name": "x" * 250} if method == "Allocate" else
                                        {"pod": f"p{i}"}, oneway=True)
                                 for i in range(100) for method in ("Allocate", "Release")))
            n_calls += 200
            last = [e for page in client.stream("History", limit=1) for e in page["events"]][0]["sequence"]
            read_to(good, last)
            assert n_calls < 2000000
        sequences = [e["sequence"] for e in good.events]
        equal(sequences, list(range(sequences[0], sequences[0] + len(sequences))))
        assert len(sequences) >= n_calls, (len(sequences), n_calls)
        print(f"# dropped after {n_calls} changes")
        bad.client.socket.close()


main()
