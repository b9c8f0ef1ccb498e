#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How fast is the daemon? Every figure beside that of another build, if one is given, taken in turns.

Usage: SUBIDD=build/daemon/subidd tests/bench/speed.py [OTHER/subidd]
"""

import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import database  # noqa: E402
import harness  # noqa: E402
from client import encode  # noqa: E402
from harness import UNIT, Daemon, Scratch  # noqa: E402

N_FILL, N_EVENTS, N_PODS, N_PROCESSES = 36_000, 1_000_000, 60_000, 3_000
N_ROUNDS, N_CALLS = 5, 400
CONFIG = "[Pool containers]\n"
ENTRY = "containers:65536:4026466304"


class Figures:
    """One line a figure, the builds side by side."""

    def __init__(self, names):
        self.names = names

    def line(self, what, unit, values, digits=0):
        """VALUES are those of the builds; None where a build cannot do it."""
        texts = ["-" if value is None else f"{value:.{digits}f}" for value in values]
        ratio = f"{values[0] / values[1]:8.2f}" if len(values) > 1 and all(values) else ""
        print(f"{what:52} {unit:>5} " + " ".join(f"{text:>10}" for text in texts) + ratio, flush=True)


class Build:
    """A build of the daemon at work on a root of its own."""

    def __init__(self, program, config=CONFIG):
        self.scratch = Scratch(ENTRY, config)
        self.daemon = Daemon(self.scratch, check_files=False,
                             command=[program, "--root", str(self.scratch.path)])
        self.client = self.daemon.client()
        self.n = 0

    def close(self):
        """Leaves nothing behind."""
        self.client.socket.close()
        self.daemon.end(signal.SIGTERM)
        self.daemon.notifications.close()
        shutil.rmtree(self.scratch.path)

    def restart(self, prepare=lambda: None):
        """Seconds from the start to READY=1."""
        self.client.socket.close()
        self.daemon.end(signal.SIGTERM)
        prepare()
        began = time.perf_counter()
        self.daemon.start()
        took = time.perf_counter() - began
        self.client = self.daemon.client()
        return took

    def fill(self, n):
        """Allocates for so many pods."""
        for begin in range(0, n, 200):
            self.client.send(b"".join(encode("Allocate", {"pod": f"held{i}"}, oneway=True)
                                      for i in range(begin, begin + 200)))
        self.client.send(encode("Get", {"pod": "held0"}))
        self.client.receive()

    def times(self, n=N_CALLS):
        """Microseconds of Allocate, Get and Release, each called so many times."""
        found = {"Allocate": [], "Get": [], "Release": []}
        for _ in range(n):
            self.n += 1
            for method, took in found.items():
                data = encode(method, {"pod": f"pod{self.n}"})
                began = time.perf_counter()
                self.client.send(data)
                self.client.receive()
                took.append((time.perf_counter() - began) * 1e6)
        return found

    def times_of(self, n=N_CALLS, **parameters):
        """Microseconds of Allocate for new pods with these parameters, of which a start is each one's own."""
        found = []
        for i in range(n):
            self.n += 1
            each = {"start": parameters["start"] - i * UNIT} if "start" in parameters else {}
            data = encode("Allocate", {"pod": f"pod{self.n}", **parameters, **each})
            began = time.perf_counter()
            self.client.send(data)
            assert "error" not in json.loads(self.client.receive())
            found.append((time.perf_counter() - began) * 1e6)
        return found

    def syncs_per_call(self, n=1000):
        """fdatasync(2) calls for each Allocate, by strace(1)."""
        if not shutil.which("strace"):
            return None
        log = self.scratch.path / "strace"
        with subprocess.Popen(["strace", "-f", "-c", "-e", "trace=fdatasync,fsync", "-o", log, "-p",
                               str(self.daemon.process.pid)], stderr=subprocess.PIPE) as trace:
            trace.stderr.readline()  # attached
            for i in range(n):
                self.client.send(encode("Allocate", {"pod": f"sync{i}"}))
                self.client.receive()
            trace.send_signal(signal.SIGINT)
        calls = re.findall(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+).*sync$", log.read_text(encoding="utf-8"), re.MULTILINE)
        return sum(map(int, calls)) / n

    def rate(self, n_clients=64, n=100, batch=25):
        """Allocations a second of so many connections, with some calls on their way on each."""
        clients, barrier = [self.daemon.client() for _ in range(n_clients)], threading.Barrier(n_clients + 1)

        def work(i, client):
            batches = [b"".join(encode("Allocate", {"pod": f"rate{self.n}-{i}-{j + k}"}) for k in range(batch))
                       for j in range(0, n, batch)]
            barrier.wait()
            for data in batches:
                client.send(data)
                for _ in range(batch):
                    client.receive()
        self.n += 1
        threads = [threading.Thread(target=work, args=one) for one in enumerate(clients)]
        for thread in threads:
            thread.start()
        barrier.wait()
        began = time.perf_counter()
        for thread in threads:
            thread.join()
        took = time.perf_counter() - began
        for client in clients:
            client.socket.close()
        return n_clients * n / took


def percentile(values, part):
    """The value that PART of them do not exceed."""
    return sorted(values)[min(int(len(values) * part), len(values) - 1)]


def raw_syncs(n=N_CALLS):
    """Microseconds of an append of 4 KiB and its fdatasync(2)."""
    found = []
    with tempfile.TemporaryFile(buffering=0) as file:
        for _ in range(n):
            began = time.perf_counter()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            found.append((time.perf_counter() - began) * 1e6)
    return found


def measure_calls(figures, builds, what):
    """The builds in turns, so that the machine's moods meet all of them."""
    found, raw = [{} for _ in builds], []
    for _ in range(N_ROUNDS):
        raw += raw_syncs()
        for build, times in zip(builds, found):
            for method, values in build.times().items():
                times.setdefault(method, []).extend(values)
    base = statistics.median(raw)
    figures.line(f"append of 4 KiB + fdatasync, p50, beside {what}", "us", [base])
    for method in ("Allocate", "Get", "Release"):
        figures.line(f"{method}, p50, {what}", "us", [statistics.median(times[method]) for times in found])
        figures.line(f"{method}, p99, {what}", "us", [percentile(times[method], 0.99) for times in found])
    figures.line(f"Allocate to append + fdatasync, {what}", "ratio",
                 [statistics.median(times["Allocate"]) / base for times in found], 2)


def measure_recorded(figures, build):
    """Allocate with a start beside one without."""
    last = int(ENTRY.split(":")[1]) + int(ENTRY.split(":")[2]) - UNIT
    kinds = {"a pod": {}, "a pod with a process": {"pid": os.getpid()}, "a started pod": {"start": last},
             "a started pod, by its process": {"start": last - N_CALLS * N_ROUNDS * UNIT, "pid": os.getpid()}}
    found = {what: [] for what in kinds}
    for i in range(N_ROUNDS):
        for what, parameters in kinds.items():
            shift = {"start": parameters["start"] - i * N_CALLS * UNIT} if "start" in parameters else {}
            found[what] += build.times_of(**parameters | shift)
    for what, values in found.items():
        figures.line(f"Allocate of {what}, p50", "us", [statistics.median(values)])


def measure_start(figures, builds, what, prepare=lambda build: None):
    """The best of some starts."""
    figures.line(f"stop to READY, {what}", "s",
                 [min(build.restart(lambda build=build: prepare(build)) for _ in range(3)) for build in builds], 3)
    figures.line(f"RSS after that, {what}", "MB", [build.daemon.rss() / 1e6 for build in builds], 1)


def once(prepare):
    """Done by the first of some starts."""
    seen = set()

    def run(build):
        if build not in seen:
            seen.add(build)
            prepare(build)
    return run


def add_events(build, n=N_EVENTS):
    """A long history, written behind the daemon's back."""
    with database.edit(build.scratch.database) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(event)")]
        names = ", ".join(f'"{name}"' for name in columns)
        first = connection.execute("SELECT max(sequence) FROM event").fetchone()[0]
        values = ", ".join(f"(sequence + {first} * i)" if name == "sequence" else f'"{name}"' for name in columns)
        connection.execute(f"WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < {n // first}) "
                         f"INSERT INTO event ({names}) SELECT {values} FROM event, k WHERE sequence <= {first}")


def write_pods(folder, n):
    """The kubelet's files of so many pods."""
    for i in range(n):
        ids = [{"hostId": (1 + i) * UNIT, "containerId": 0, "length": UNIT}]
        (folder / f"pod{i}").mkdir(parents=True)
        (folder / f"pod{i}/userns").write_text(json.dumps({"uidMappings": ids, "gidMappings": ids}), encoding="ascii")


def measure_kubelet(figures, program):
    """Folders that are there when it starts for the first time."""
    build = Build(program)
    try:
        write_pods(build.scratch.path / "pods", N_PODS)
        config = CONFIG + "KubeletPodsDirectory=/pods\n"
        took = build.restart(lambda: build.scratch.config(config))
        figures.line(f"stop to READY, {N_PODS} new pods of the kubelet", "s", [took], 2)
        figures.line("the same again", "s", [build.restart()], 2)
        figures.line("active units then", "", [build.client.call("GetStatus")["pools"][0]["active"]])
        figures.line("RSS with them", "MB", [build.daemon.rss() / 1e6], 1)
    finally:
        build.close()


def measure_passes(figures, program):
    """What people feel of the passes, with many processes and always something that drains."""
    children = [subprocess.Popen(["sleep", "1000"]) for _ in range(N_PROCESSES)]
    build = Build(program)
    try:
        build.client.call("Allocate", pod="a")
        build.client.call("Release", pod="a")
        with build.daemon.client() as monitor:
            monitor.send(encode("Monitor", more=True))
            while not any(event["kind"] == "drained" for event in monitor.reply("Monitor", more=True)[0]["events"]):
                pass
        scan = build.client.call("GetStatus")["scan"]
        figures.line(f"a pass over {scan['processes']} processes", "ms", [scan["cost"] / 1e3], 2)
        figures.line("for each 1,000 of them", "ms", [scan["cost"] / scan["processes"]], 2)
        found, until = {"Allocate": [], "Get": [], "Release": []}, time.monotonic() + 10
        while time.monotonic() < until:
            for method, values in build.times(100).items():
                found[method] += values
        for method, values in found.items():
            figures.line(f"{method} beside passes, p50", "us", [statistics.median(values)])
            figures.line(f"{method} beside passes, p99", "us", [percentile(values, 0.99)])
            figures.line(f"{method} beside passes, most", "us", [max(values)])
    finally:
        build.close()
        for child in children:
            child.kill()
            child.wait()


def main():
    """All figures."""
    programs = [harness.SUBIDD, *sys.argv[1:2]]
    figures = Figures(programs)
    print(f"{'':52} {'':5} " + " ".join(f"{name:>10}" for name in ("this", "other")[:len(programs)]) + "   ratio")
    builds = [Build(program) for program in programs]
    try:
        figures.line("RSS when it is new", "MB", [build.daemon.rss() / 1e6 for build in builds], 1)
        figures.line("fdatasync for each Allocate", "", [build.syncs_per_call() for build in builds], 3)
        measure_calls(figures, builds, "0 held")
        measure_recorded(figures, builds[0])
        figures.line("allocations a second, 64 connections", "1/s",
                     [statistics.median(rates) for rates in zip(*[[build.rate() for build in builds] for _ in range(3)])])
        measure_start(figures, builds, "few held")
        for build in builds:
            build.fill(N_FILL)
        measure_calls(figures, builds, "more held")
        measure_start(figures, builds, "more held")
        measure_start(figures, builds[:1], f"{N_EVENTS:,} events", once(add_events))
    finally:
        for build in builds:
            build.close()
    measure_kubelet(figures, programs[0])
    measure_passes(figures, programs[0])


main()
