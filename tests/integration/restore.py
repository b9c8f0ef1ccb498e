# SPDX-License-Identifier: MIT
"""A backup in the place of the database: nothing is handed on that may be in use, and no file is lost."""

import base64
import contextlib
import hashlib
import os
import shutil
import signal
import sqlite3
import subprocess
import time

from client import TIMEOUT
from harness import (IS_ROOT, NOBODY, SUBIDD, UNIT, Daemon, Scratch, case, equal, main, run_as_nobody,
                     run_subidd)
from living import living_case, mapped, refused

IS_SANITIZED = b"__asan_init" in open(SUBIDD, "rb").read()


def back_up(scratch, client, name="backup"):
    """A copy in a file."""
    path = scratch.path / name
    path.write_bytes(b"".join(base64.b64decode(piece["data"]) for piece in client.stream("Backup")))
    return path


def restore(scratch, path):
    """It must work; returns what it said."""
    status, _, errors = run_subidd("--root", scratch.path, "--restore", path)
    equal(status, 0, errors)
    return errors


def kept(scratch):
    """What was kept of the databases before."""
    return sorted(path.name for path in scratch.state.iterdir() if ".before-restore-" in path.name)


def leave(scratch, backup):
    """Nothing is wrong with the database."""


def damage(scratch, backup):
    """A page is not what was written."""
    with open(scratch.database, "r+b") as file:
        file.seek(4096 + 100)
        file.write(b"\xff" * 100)


def put_back(scratch, backup):
    """An older copy is in its place."""
    shutil.copy(backup, scratch.database)


def remove(scratch, backup):
    """It is gone."""
    for file in scratch.state.glob("allocations.db*"):
        file.unlink()


def restored_case(name, wreck, status):
    """What happens to pods that live, after one of the ways to lose a database."""
    @living_case(f"{name}: what lives in a range that the backup does not know of keeps it", n_units=6)
    def run(rig):
        a, b = rig.allocate_many("a", "b")
        backup = back_up(rig.scratch, rig.client)
        c = rig.allocate("c")
        with mapped(a), mapped(c):
            rig.end(signal.SIGTERM)
            wreck(rig.scratch, backup)
            if status:
                equal(run_subidd("--root", rig.scratch.path)[0], status, "status")
            restore(rig.scratch, backup)
            equal(bool(kept(rig.scratch)), wreck is not remove)
            rig.begin()
            equal(rig.get("a")["start"], a)
            rig.wait_status(lambda s: s["pools"][0]["free"] > 0)
            equal(rig.get("a")["state"], "draining")
            equal({k: v for k, v in rig.pool().items() if k in ("draining", "foreign", "free")},
                  {"draining": 1, "foreign": 1, "free": 4})
            taken = rig.allocate_many("d", "a", "c", "b")
            assert a not in taken and c not in taken, taken
            equal(taken[3], b)
            equal(refused(rig.client.call, "Allocate", pod="e")[0], "PoolExhausted")
        rig.wait_status(lambda s: s["pools"][0]["free"] == 2)
        equal(sorted(rig.allocate_many("e", "f")), sorted([a, c]))
        equal([e["kind"] for page in rig.client.stream("History") for e in page["events"]].count("restored"), 1)


restored_case("a sound database", leave, 0)
restored_case("a damaged database", damage, 7)
restored_case("an older database", put_back, 8)
restored_case("no database", remove, 8)


@living_case("after SIGKILL the state's own database is restored with what is in its log", n_units=6)
def own(rig):
    starts = rig.allocate_many("a", "b", "c")
    rig.end(signal.SIGKILL)
    for n in range(1, 3):
        restore(rig.scratch, rig.scratch.database)
        assert len(kept(rig.scratch)) >= n, kept(rig.scratch)
        rig.begin()
        equal([rig.get(pod)["start"] for pod in "abc"], starts)
        equal(refused(rig.client.call, "Allocate", pod="d")[0], "PoolExhausted")
        rig.wait_status(lambda s: s["pools"][0]["free"] == 6)
        equal(rig.allocate_many("a", "b", "c"), starts)
        rig.end(signal.SIGKILL)
    rig.begin()


@living_case("where nobody can look, it waits for BlindDrainSec=", n_units=4, daemon_keys="BlindDrainSec=2\n",
             command=lambda scratch: ["unshare", "--user", "--map-root-user", SUBIDD, "--root", str(scratch.path)])
def blind(rig):
    rig.allocate("a")
    backup = back_up(rig.scratch, rig.client)
    rig.end(signal.SIGTERM)
    restore(rig.scratch, backup)
    began = time.monotonic()
    rig.begin()
    equal(rig.client.call("GetStatus")["scan"]["blind"], True)
    rig.wait_status(lambda s: s["pools"][0]["free"] == 4)
    assert time.monotonic() - began >= 2


def digests(folder):
    """Every file but the lock, with the hash of what is in it."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())
            if path.is_file() and path.name != "lock"}


def foreign(path):
    """The database of another program."""
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE songs (title)")


def turn_into_folder(path):
    path.unlink()
    path.mkdir()


def flip(path):
    """One bit in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2 + 11] ^= 4
    path.write_bytes(data)


UNFIT = {
    "nothing": (1, "No such file", lambda path: path.unlink()),
    "a folder": (6, "no regular file", turn_into_folder),
    "an empty file": (6, "is empty", lambda path: path.write_bytes(b"")),
    "a text": (6, "not a database of subidd", lambda path: path.write_text("no database " * 1000)),
    "another program's database": (6, "not a database of subidd", foreign),
    "a flipped bit": (7, "damaged", flip),
    "half of it": (7, "damaged", lambda path: os.truncate(path, path.stat().st_size // 2 // 4096 * 4096)),
}


@case("files that are no sound backup are named, and nothing is touched")
def unfit():
    with Scratch() as scratch:
        with Daemon(scratch) as daemon, daemon.client() as client:
            client.call("Allocate", pod="a")
            backup = back_up(scratch, client)
            client.socket.close()
            daemon.stop()
            data, before = backup.read_bytes(), digests(scratch.state)
            for name, (wanted, word, spoil) in UNFIT.items():
                spoil(backup)
                status, _, errors = run_subidd("--root", scratch.path, "--restore", backup)
                equal(status, wanted, f"{name}: {errors}")
                assert str(backup) in errors and word in errors, errors
                equal(len(errors.splitlines()), 1, errors)
                equal(digests(scratch.state), before, name)
                if backup.is_dir():
                    backup.rmdir()
                backup.write_bytes(data)
            daemon.start()
            with daemon.client() as after:
                equal(after.call("Get", pod="a")["allocation"]["state"], "active")


@case("not while the daemon runs, and not with --check")
def running():
    with Scratch() as scratch, Daemon(scratch) as daemon, daemon.client() as client:
        client.call("Allocate", pod="a")
        backup = back_up(scratch, client)
        status, _, errors = run_subidd("--root", scratch.path, "--restore", backup)
        equal(status, 4)
        assert str(daemon.process.pid) in errors, errors
        equal(client.call("Allocate", pod="a")["outcome"], "existing")
        equal(run_subidd("--root", scratch.path, "--restore", backup, "--check")[0], 2)
        equal(run_subidd("--root", scratch.path, "--restore", "")[0], 2)


@case("whoever may not write the state folder is told so")
def denied():
    with Scratch() as scratch:
        with Daemon(scratch) as daemon, daemon.client() as client:
            client.call("Allocate", pod="a")
            backup = back_up(scratch, client)
        scratch.path.chmod(0o777)
        before = digests(scratch.state)
        if not IS_ROOT:
            scratch.state.chmod(0o500)
        status, _, errors = run_as_nobody(scratch, "--root", scratch.path, "--restore", backup)
        equal(status, 1)
        assert str(scratch.state) in errors, errors
        scratch.state.chmod(0o700)
        equal(digests(scratch.state), before)


@case("what root restores belongs to the folder's owner", needs_root=True)
def owner():
    with Scratch() as scratch:
        with Daemon(scratch) as daemon, daemon.client() as client:
            client.call("Allocate", pod="a")
            backup = back_up(scratch, client)
        shutil.rmtree(scratch.state)
        scratch.state.mkdir(mode=0o700)
        os.chown(scratch.state, NOBODY, NOBODY)
        restore(scratch, backup)
        for path in scratch.state.iterdir():
            equal((path.stat().st_uid, path.stat().st_mode & 0o777), (NOBODY, 0o600), path.name)


def restore_with_usage(scratch, path):
    """Restores, and returns its most memory in bytes."""
    child = subprocess.Popen([SUBIDD, "--root", scratch.path, "--restore", path], stdin=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    equal(child.returncode, 0, "status")
    return usage.ru_maxrss * 1024


@case("a long history takes no more memory than a short one, and killed at any time it is whole or refused")
def long_history():
    from client import encode
    with Scratch() as scratch, Daemon(scratch) as daemon, daemon.client() as client:
        client.call("Allocate", pod="first")
        short = back_up(scratch, client, "short")
        for i in range(0, 8000, 100):
            client.send(b"".join(encode(method, {"pod": f"p{j % 50}"} | ({"name": "n" * 250} if method == "Allocate" else {}))
                                 for j in range(i, i + 100) for method in ("Allocate", "Release")))
            for _ in range(100):
                client.reply("Allocate")
                client.reply("Release")
        long = back_up(scratch, client, "long")
        assert long.stat().st_size > 4 << 20
        client.socket.close()
        daemon.stop()
        least, most = restore_with_usage(scratch, short), restore_with_usage(scratch, long)
        if not IS_SANITIZED:
            assert most - least < 4 << 20, f"{least} -> {most}"
        for delay in range(0, 300, 20):
            child = subprocess.Popen([SUBIDD, "--root", scratch.path, "--restore", long], stderr=subprocess.DEVNULL,
                                     stdin=subprocess.DEVNULL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(delay / 1000)
            child.kill()
            child.wait(TIMEOUT)
        restore(scratch, long)
        for file in scratch.state.iterdir():
            assert file.name in ("allocations.db", "lock") or ".before-restore-" in file.name, file
        daemon.start()
        with daemon.client() as after:
            equal(after.call("Get", pod="first")["allocation"]["start"], UNIT)


main()
