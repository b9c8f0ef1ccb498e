# SPDX-License-Identifier: MIT
"""The database and its log deleted, replaced, cut, flipped or shut, behind a daemon that runs or rests.

Whatever is done: the daemon says so, or all is as it was. Nothing that was told is lost without a word.
"""

import os
import random
import subprocess

from client import ALLOCATOR, Refused
from faults import (DAMAGED, LOST, Account, digests, everything, expect_refused, expect_untouched, files_of,
                    listing, put_back, start_or_refuse)
from harness import UNIT, Daemon, Scratch, Skip, case, equal, main, run_subidd

WAL = "allocations.db-wal"
WIDE = f"kubelet:65536:{1000 * UNIT}"


def unlink(name):
    """Deletes the file."""
    def change(scratch, _):
        (scratch.state / name).unlink(missing_ok=True)
    return change


def older(with_log):
    """An older copy of the database in a new file, with its own log, or beside the one that is there."""
    def change(scratch, old):
        new = scratch.state / "new"
        new.write_bytes(old["allocations.db"])
        new.rename(scratch.database)
        if with_log:
            unlink(WAL)(scratch, old)
            if WAL in old:
                (scratch.state / WAL).write_bytes(old[WAL])
    return change


def older_in_place(scratch, old):
    """The same by a program that writes into the file."""
    with open(scratch.database, "r+b") as file:
        file.write(old["allocations.db"])
        file.truncate()


def cut(name, part):
    """Only that part of the file is left."""
    def change(scratch, _):
        path = scratch.state / name
        if path.exists():
            os.truncate(path, int(path.stat().st_size * part))
    return change


def flip(name, seed):
    """A few bits, none of them where nothing is."""
    def change(scratch, _):
        path, chance = scratch.state / name, random.Random(seed)
        if not path.exists() or not any(data := path.read_bytes()):
            return
        with open(path, "r+b") as file:
            for at in chance.sample([i for i, byte in enumerate(data[:1 << 18]) if byte], 8):
                file.seek(at)
                file.write(bytes([data[at] ^ 1 << chance.randrange(8)]))
    return change


HOPELESS = {"the database deleted": unlink("allocations.db"), "an older copy": older(False),
            "an older copy with its log": older(True), "an older copy written in place": older_in_place,
            "the database empty": cut("allocations.db", 0)}
DAMAGES = {"the database cut in two": cut("allocations.db", 0.5),
           "the database cut a little": cut("allocations.db", 0.999),
           "the database cut to its first page": cut("allocations.db", 1e-9),
           **{f"bits flipped in the database, {i}": flip("allocations.db", i) for i in range(2)}}
LOG_DAMAGES = {"the log deleted": unlink(WAL), "the log empty": cut(WAL, 0), "the log cut in two": cut(WAL, 0.5),
               "the log cut to less than a header": cut(WAL, 1e-5),
               **{f"bits flipped in the log, {i}": flip(WAL, i) for i in range(2)}}


def make_old(daemon):
    """Some work; returns the files as they were two clean stops before its end: the log knows nothing of
    what came between those two."""
    account = Account(daemon)
    account.work(6, "old")
    daemon.stop()
    old = files_of(daemon.scratch.state)
    daemon.start()
    account.work(100, "between")
    daemon.stop()
    daemon.start()
    account.work(6, "new")
    account.check()
    return old, account


def everything_or_told(daemon, before):
    """A page of the history is looked at when it is asked for: then its damage is told."""
    try:
        return everything(daemon)
    except Refused as refused:
        equal(refused.error, f"{ALLOCATOR}.StoreFailed")
        assert "cleaning" in refused.parameters["message"], refused
        return listing(daemon), before[1]


def resting(name, change, kill, must=None):
    """The daemon rests after a clean stop, or was killed; MUST: "refuse", "start", None: either."""
    @case(f"{name}, after {'SIGKILL' if kill else 'a clean stop'}: " +
          {"refuse": "it is refused", "start": "all is there", None: "it is refused, or all is there"}[must])
    def damaged():
        with Scratch(WIDE) as scratch, Daemon(scratch, check_files=False) as daemon:
            old, _ = make_old(daemon)
            before = everything(daemon)
            (daemon.kill if kill else daemon.stop)()
            good = files_of(scratch.state)
            change(scratch, old)
            untouched = digests(scratch.state)
            if start_or_refuse(daemon, DAMAGED, LOST):
                equal(everything_or_told(daemon, before), before)
                assert must != "refuse", "it started, though all is there"
                daemon.kill()
            else:
                assert must != "start", f"it was refused: {daemon.log.text()}"
                expect_untouched(scratch, untouched)
                expect_refused(scratch, DAMAGED, LOST)
            put_back(scratch.state, good)
            daemon.start()
            equal(everything(daemon), before, "after the good files were put back")


def running(name, change, kill, must_fail=False):
    """The daemon runs on, and is stopped or killed later."""
    @case(f"{name} while it runs, then {'SIGKILL' if kill else 'a clean stop'}: nothing is lost without a word")
    def damaged():
        with Scratch(WIDE) as scratch, Daemon(scratch, check_files=False) as daemon:
            old, account = make_old(daemon)
            good, before = files_of(scratch.state), dict(account.told)
            change(scratch, old)
            account.work(10, "during")
            assert not must_fail or account.told == before, f"{account.told.keys() - before.keys()} were promised"
            daemon.end(9 if kill else 15)
            daemon.expect_clean()
            if start_or_refuse(daemon, DAMAGED, LOST):
                account.check()
                account.work(4, "after")
                account.check()
            else:
                put_back(scratch.state, good)
                daemon.start()


for is_kill in (False, True):
    for title, function in HOPELESS.items():
        resting(title, function, is_kill, "refuse")
        running(title, function, is_kill, must_fail="deleted" in title)
    for title, function in DAMAGES.items():
        resting(title, function, is_kill)
    for title, function in LOG_DAMAGES.items():
        resting(title, function, is_kill, None if is_kill or "flipped" in title else "start")
    for title in ("the database cut in two", "bits flipped in the database, 0"):
        running(title, DAMAGES[title], is_kill)
    for title in ("the log deleted", "the log empty", "the log cut in two", "bits flipped in the log, 0"):
        running(title, LOG_DAMAGES[title], is_kill)


@case("the lock deleted while it runs: a second daemon still cannot have the folder")
def lock_deleted():
    with Scratch(WIDE) as scratch, Daemon(scratch, check_files=False) as daemon:
        _, account = make_old(daemon)
        (scratch.state / "lock").unlink()
        status, _, errors = run_subidd("--root", scratch.path, "--socket", scratch.path / "other")
        equal(status, 4, errors)
        account.work(4, "more")
        account.check()


@case("the files made read-only while it runs: it goes on, and all is there later")
def chmod_running():
    with Scratch(WIDE) as scratch, Daemon(scratch, check_files=False) as daemon:
        _, account = make_old(daemon)
        for path in scratch.state.iterdir():
            path.chmod(0o400)
        account.work(10, "during")
        equal(account.counts["failed"], 0)
        daemon.kill()
        for path in scratch.state.iterdir():
            path.chmod(0o600)
        daemon.start()
        account.check()


def shut(name, close, reopen):
    """Nothing can be written for a while."""
    @case(f"{name}: it is refused or answers StoreFailed, and goes on later", needs_root=True)
    def closed():
        with Scratch(WIDE) as scratch:
            scratch.state.mkdir(parents=True, mode=0o700)
            mount(scratch, "tmpfs", "-t", "tmpfs", "-o", "size=16m,mode=700")
            try:
                with Daemon(scratch, check_files=False) as daemon:
                    _, account = make_old(daemon)
                    daemon.kill()
                    close(scratch)
                    try:
                        if start_or_refuse(daemon, 1):
                            account.work(4, "during")
                            equal(account.counts["failed"], 4)
                            account.check()
                            daemon.kill()
                    finally:
                        reopen(scratch)
                    daemon.start()
                    account.check()
                    account.work(4, "after")
                    account.check()
            finally:
                subprocess.run(["umount", scratch.state], check=True)


def mount(scratch, what, *options):
    """Mounts something at the state folder."""
    done = subprocess.run(["mount", *options, what, scratch.state], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skip(f"cannot mount: {done.stderr.strip()}")


def remount(flag):
    """Makes the file system read-only or not."""
    def change(scratch):
        subprocess.run(["mount", "-o", f"remount,{flag}", scratch.state], check=True)
    return change


def immutable(sign):
    """The files of the folder; chattr(1) knows which file systems can do it."""
    def change(scratch):
        files = [path for path in scratch.state.iterdir() if path.name != "lock"]
        done = subprocess.run(["chattr", f"{sign}i", *files], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Skip(f"chattr: {done.stderr.strip()}")
    return change


shut("a read-only file system", remount("ro"), remount("rw"))
shut("immutable files", immutable("+"), immutable("-"))

FULL_PAIRS = 1000


@case("a full file system: 99% of 1,000 pairs are done, and the others change nothing", needs_root=True)
def full():
    with Scratch(WIDE) as scratch:
        scratch.state.mkdir(parents=True, mode=0o700)
        mount(scratch, "tmpfs", "-t", "tmpfs", "-o", "size=16m,mode=700")
        try:
            with Daemon(scratch, check_files=False) as daemon:
                _, account = make_old(daemon)
                fill(scratch.state / "filler")
                n_done = pairs(daemon, account)
                print(f"# {n_done} of {FULL_PAIRS} pairs were done at 0 bytes free; {dict(account.counts)}")
                account.check()
                daemon.kill()
                if start_or_refuse(daemon, 1):
                    account.check()
                    daemon.kill()
                (scratch.state / "filler").unlink()
                daemon.start()
                account.check()
                account.work(4, "after")
                account.check()
                assert n_done >= 0.99 * FULL_PAIRS, f"only {n_done}"
        finally:
            subprocess.run(["umount", scratch.state], check=True)


def fill(path):
    """Takes every block that is left."""
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    found = os.statvfs(path)
    equal(found.f_bavail, 0, "blocks left")


def pairs(daemon, account):
    """Allocates and releases; how many times both were done. What fails changes nothing."""
    n_done = 0
    with daemon.client() as client:
        for i in range(FULL_PAIRS):
            pod = f"pair{i % 50}"
            before = account.told.get(pod, (0, False))[1]
            if not account.call(client, "Allocate", pod):
                account.check()
                equal(account.told.get(pod, (0, False))[1], before, f"{pod} after StoreFailed")
            elif account.call(client, "Release", pod):
                n_done += 1
            else:
                account.check()
                equal(account.told[pod][1], True, f"{pod} after StoreFailed")
    return n_done


if __name__ == "__main__":
    main()
