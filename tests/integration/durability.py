# SPDX-License-Identifier: MIT
"""What was answered stays: restarts, SIGKILL, full disks, and databases that cannot be used."""

import contextlib
import hashlib
import os
import pathlib
import random
import resource
import shutil
import signal
import sqlite3
import stat

import database
from client import ALLOCATOR, Closed, Refused, encode
from harness import IS_ROOT, NOBODY, UNIT, Daemon, Scratch, case, equal, main, overlaps, run_as_nobody, run_subidd


def fill(daemon, n_pods=5):
    """Allocates for some pods, releases the first, and returns the listing."""
    with daemon.client() as client:
        for i in range(n_pods):
            client.call("Allocate", pod=f"p{i}", namespace="ns", name=f"name-{i}")
        client.call("Release", pod="p0")
        return listing(daemon)


def listing(daemon):
    """All that the daemon has. Draining may end at any time."""
    with daemon.client() as client:
        return [a | {"state": a["state"].replace("draining", "released")} for a in client.list()]


@case("a restart keeps every member of every allocation")
def restart():
    with Scratch() as scratch, Daemon(scratch) as daemon:
        before = fill(daemon)
        daemon.restart()
        equal(listing(daemon), before)


@case("SIGKILL between calls loses nothing")
def kill_between():
    with Scratch() as scratch, Daemon(scratch) as daemon:
        before = fill(daemon)
        for i in range(10):
            daemon.kill()
            daemon.start()
            equal(listing(daemon), before)
            with daemon.client() as client:
                client.call("Allocate", pod=f"more{i}")
                before = listing(daemon)


class Script:
    """A random series of calls, and what the pods' states are after each."""

    def __init__(self, cycle, states):
        self.states, self.calls = [dict(states)], []
        chance = random.Random(cycle)
        for i in range(400):
            state = dict(self.states[-1])
            active = [pod for pod, what in state.items() if what == "active"]
            if active and (chance.random() < 0.4 or len(active) > 90):
                pod = chance.choice(active)
                self.calls.append(("Release", pod))
                state[pod] = "released"
            else:
                pod = f"c{cycle}-{i}"
                self.calls.append(("Allocate", pod))
                state[pod] = "active"
            self.states.append(state)

    def data(self):
        """The bytes to send."""
        return b"".join(encode(method, {"pod": pod}) for method, pod in self.calls)


def run_until_killed(daemon, script, n_replies):
    """Kills the daemon when so many replies have come; returns how many came in all, with the ranges."""
    ranges, done = {}, 0
    with daemon.client() as client:
        client.send(script.data())
        with contextlib.suppress(Closed):
            while True:
                method, pod = script.calls[done]
                reply = client.reply(method)[0]
                ranges[pod] = reply["allocation"]["start"]
                done += 1
                if done == n_replies:
                    daemon.process.send_signal(signal.SIGKILL)
                if done == len(script.calls):
                    break
    daemon.kill()
    return done, ranges


@case("SIGKILL during calls: what was answered is there, the rest is a prefix of the calls")
def kill_during():
    states = {}
    with Scratch(f"kubelet:65536:{4000 * UNIT}") as scratch, Daemon(scratch) as daemon:
        for cycle in range(30):
            script = Script(cycle, states)
            done, ranges = run_until_killed(daemon, script, random.Random(cycle).randrange(1, 400))
            daemon.start()
            found = listing(daemon)
            equal(overlaps(found), [], f"cycle {cycle}")
            states = {a["pod"]: a["state"] for a in found}
            assert states in script.states[done:], f"cycle {cycle}: not as after {done} calls or more"
            starts = {a["pod"]: a["start"] for a in found}
            for pod, start in ranges.items():
                equal(starts[pod], start, f"cycle {cycle}: {pod}")


@case("SIGKILL while it starts leaves a state that it starts from")
def kill_during_start():
    with Scratch() as scratch, Daemon(scratch, wait=False, check_files=False) as daemon:
        for i in range(20):
            daemon.log.wait("pool kubelet" if i % 2 else "")
            daemon.end(signal.SIGKILL)
            daemon.start(wait=False)
        daemon.wait_ready()
        equal(len(fill(daemon)), 5)


@case("a second daemon on the same state folder leaves with status 4 and harms nothing")
def second_on_state():
    with Scratch() as scratch, Daemon(scratch) as daemon:
        before = fill(daemon)
        status, _, errors = run_subidd("--root", scratch.path, "--socket", scratch.path / "other")
        equal(status, 4)
        assert str(scratch.state) in errors and str(daemon.process.pid) in errors, errors
        equal(listing(daemon), before)
        assert not (scratch.path / "other").exists()
        daemon.restart()
        equal(listing(daemon), before)


@case("a second daemon on the same socket leaves with status 4 and leaves the socket alone")
def second_on_socket():
    with Scratch() as scratch, Daemon(scratch) as daemon:
        before = fill(daemon)
        status, _, errors = run_subidd("--root", scratch.path, "--state-dir", scratch.path / "other")
        equal(status, 4)
        assert str(scratch.socket) in errors, errors
        equal(listing(daemon), before)


@case("the lock goes with a killed daemon")
def lock_of_the_dead():
    with Scratch() as scratch, Daemon(scratch) as daemon:
        daemon.kill()
        daemon.start()


def digests(folder):
    """Every file of the folder with the hash of what is in it, but the lock and a log that is empty."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())
            if path.is_file() and path.name != "lock" and not (path.name.endswith("-wal") and
                                                               path.stat().st_size == 0)}


def refused_state(name, status, make, word=""):
    """A daemon that ran before, a state folder that MAKE has changed, and how it is refused, twice."""
    @case(f"{name}: status {status}, and nothing is touched")
    def refused():
        with Scratch() as scratch:
            with Daemon(scratch) as daemon:
                fill(daemon)
            make(scratch)
            before = digests(scratch.state)
            for _ in range(2):
                found, _, errors = run_subidd("--root", scratch.path)
                equal(found, status, errors)
                assert str(scratch.database) in errors and word in errors, errors
                equal(len(errors.splitlines()), 1, errors)
                equal(digests(scratch.state), before)
            assert not scratch.socket.exists()


def change_database(statement):
    """Changes it as another program would."""
    def change(scratch):
        with database.edit(scratch.database) as connection:
            connection.execute(statement)
    return change


def newer_in_log(scratch):
    """A newer schema that stands in the write-ahead log alone, as after a crash."""
    copy = scratch.path / "copy"
    copy.mkdir()
    with contextlib.closing(sqlite3.connect(scratch.database, isolation_level=None)) as connection:
        connection.execute("PRAGMA user_version = 99")
        for file in scratch.state.glob("allocations.db*"):
            if not file.name.endswith("-shm"):
                shutil.copy(file, copy)
    for file in copy.iterdir():
        shutil.copy(file, scratch.state)


def foreign(scratch):
    """A database of another program, where ours never was."""
    shutil.rmtree(scratch.state)
    scratch.state.mkdir(mode=0o700)
    change_database("CREATE TABLE songs (title)")(scratch)


def foreign_text(scratch):
    """No database at all, where ours never was."""
    shutil.rmtree(scratch.state)
    scratch.state.mkdir(mode=0o700)
    scratch.database.write_text("This is not a database. " * 100, encoding="utf-8")


def damage(offset, data):
    """Writes over a part of the file."""
    def change(scratch):
        with open(scratch.database, "r+b") as file:
            file.seek(offset)
            file.write(data)
    return change


def cut(scratch):
    """Only the first page is left."""
    os.truncate(scratch.database, 4096)


def in_place(scratch):
    """A folder where the database was."""
    scratch.database.unlink()
    scratch.database.mkdir()


refused_state("a newer schema", 5, change_database("PRAGMA user_version = 99"), "99")
refused_state("a newer schema in the write-ahead log", 5, newer_in_log, "99")
refused_state("another program's application ID", 6, change_database("PRAGMA application_id = 1"))
refused_state("another program's tables", 6, foreign)
refused_state("a text file", 6, foreign_text)
refused_state("a folder in place of the database", 6, in_place)
refused_state("a damaged header", 7, damage(0, b"\xff" * 100))
refused_state("a damaged page", 7, damage(4096, b"\xff" * 4096))
refused_state("a database that was cut", 7, cut)
refused_state("a database that is gone", 8, lambda scratch: scratch.database.unlink(), "lock")
refused_state("a database that is empty", 8, lambda scratch: os.truncate(scratch.database, 0), "lock")


@case("the state folder is 0700, whatever the umask, and one that is open is shut")
def private_folder():
    with Scratch() as scratch, Daemon(scratch, umask=0) as daemon:
        equal(stat.S_IMODE(scratch.state.stat().st_mode), 0o700)
        for file in scratch.state.iterdir():
            equal(stat.S_IMODE(file.stat().st_mode), 0o600, file.name)
        daemon.stop()
        scratch.state.chmod(0o777)
        daemon.start()
        equal(stat.S_IMODE(scratch.state.stat().st_mode), 0o700)


@case("a state folder that cannot be written is refused with its name")
def read_only_folder():
    with Scratch() as scratch:
        scratch.path.chmod(0o777)
        scratch.state.mkdir(parents=True)
        if IS_ROOT:
            os.chown(scratch.state, NOBODY, NOBODY)
        scratch.state.chmod(0o500)
        status, _, errors = run_as_nobody(scratch, "--root", scratch.path, "--socket", scratch.path / "s")
        equal(status, 1)
        assert str(scratch.state) in errors and "denied" in errors, errors
        scratch.state.chmod(0o700)


@case("a state folder of another user is refused with its name", needs_root=True)
def folder_of_another():
    with Scratch() as scratch:
        scratch.path.chmod(0o777)
        scratch.state.mkdir(parents=True, mode=0o755)
        status, _, errors = run_as_nobody(scratch, "--root", scratch.path, "--socket", scratch.path / "s")
        equal(status, 1)
        assert str(scratch.state) in errors, errors


@case("a full disk: StoreFailed, nothing is lost or given twice, and it goes on when there is room")
def full_disk():
    with Scratch() as scratch, Daemon(scratch, restore_signals=False) as daemon, daemon.client() as client:
        limits = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE)
        done, failed = {}, 0
        for i in range(100):
            if i % 25 == 20:
                resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (8192, limits[1]))
            if i % 25 == 24:
                resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, limits)
            try:
                done[f"p{i}"] = client.call("Allocate", pod=f"p{i}")["allocation"]
            except Refused as refused:
                equal(refused.error, f"{ALLOCATOR}.StoreFailed")
                assert refused.parameters["message"], refused
                failed += 1
        assert failed > 0, "the limit had no effect"
        found = client.list()
        equal(overlaps(found), [])
        equal({a["pod"]: a for a in found if a["pod"] in done}, done)
        assert client.call("Allocate", pod="after")["outcome"] == "created"
        client.socket.close()
        daemon.restart()
        equal({a["pod"]: a for a in listing(daemon) if a["pod"] in done}, done)


@case("a full disk fails all calls that were pipelined into one commit")
def full_disk_pipelined():
    with Scratch() as scratch, Daemon(scratch, restore_signals=False) as daemon, daemon.client() as client:
        limits = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (0, limits[1]))
        others = [daemon.client() for _ in range(10)]
        for i, other in enumerate(others):
            other.send(encode("Allocate", {"pod": f"p{i}"}) + encode("Get", {"pod": f"p{i}"}))
        for other in others:
            for method, error in (("Allocate", "StoreFailed"), ("Get", "NoSuchAllocation")):
                try:
                    other.reply(method)
                    raise AssertionError(f"{method} was answered")
                except Refused as refused:
                    equal(refused.error, f"{ALLOCATOR}.{error}")
            other.socket.close()
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, limits)
        equal(client.list(), [])
        equal(client.call("Allocate", pod="a")["outcome"], "created")


def moved_away(name, make):
    """A database that is replaced while it is in use: no change may be promised any more."""
    @case(f"a database that is {name} while in use: changes fail instead of being lost")
    def moved():
        with Scratch() as scratch, Daemon(scratch, check_files=False) as daemon:
            fill(daemon)
            with daemon.client() as client:
                make(scratch)
                client.expect_refused("StoreFailed", "Allocate", {"pod": "lost"})
                client.expect_refused("StoreFailed", "Release", {"pod": "p1"})


moved_away("deleted", lambda scratch: scratch.database.unlink())
moved_away("renamed", lambda scratch: scratch.database.rename(scratch.state / "old"))


@case("the daemon alone has the database open, with no descriptor that a child inherits")
def alone():
    with Scratch() as scratch, Daemon(scratch) as daemon:
        fill(daemon)
        try:
            with contextlib.closing(sqlite3.connect(scratch.database, timeout=0)) as connection:
                connection.execute("SELECT * FROM allocation").fetchall()
            raise AssertionError("another program could read it")
        except sqlite3.OperationalError as error:
            assert "locked" in str(error), error
        for info in os.listdir(f"/proc/{daemon.process.pid}/fdinfo"):
            try:
                text = pathlib.Path(f"/proc/{daemon.process.pid}/fdinfo/{info}").read_text(encoding="utf-8")
            except FileNotFoundError:
                continue  # one of a load of the node's files, closed meanwhile
            flags = int(text.split("flags:")[1].split()[0], 8)
            assert int(info) < 3 or flags & os.O_CLOEXEC, f"{info} is inherited"


main()
