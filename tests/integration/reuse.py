# SPDX-License-Identifier: MIT
"""When a released range goes to another pod: late, and whatever the clocks do."""

import signal

import database
from harness import SUBIDD, UNIT, case, equal, main
from living import Rig, living_case, need, refused

YEARS = 10 * 365 * 86400  # s
LONG = "ReuseDelaySec=86400\n"


def unit(rig, pod):
    """The unit that the pod gets, counted from the pool's start."""
    return (rig.allocate(pod) - rig.start) // UNIT


def edit(rig, sql, *values):
    """Changes the database while the daemon is down."""
    with database.edit(rig.scratch.database) as connection:
        connection.execute(sql, values)


def expect_waiting(rig, n):
    """So many released units are nobody's but their pods'."""
    pool = rig.pool()
    equal((pool["released"], pool["waiting"], pool["free"]), (n, n, 0))
    found = refused(rig.allocate, "other")[1]
    equal((found["waiting"], found["active"], found["draining"]), (n, found["capacity"] - n, 0))


def fill(rig):
    """Gives out all, and releases one unit, the second."""
    rig.allocate_many(*(f"p{i}" for i in range(rig.pool()["capacity"])))
    rig.release("p1")
    rig.wait_drained("p1")


@living_case("never-used units first, then the one that has been free for longest", n_units=6)
def order(rig):
    equal([unit(rig, pod) for pod in "abcd"], [0, 1, 2, 3])
    for pod in "cadb":
        rig.release(pod)
        rig.wait_drained(pod)
        rig.restart(signal.SIGKILL)
    equal([unit(rig, f"q{i}") for i in range(6)], [4, 5, 2, 0, 3, 1])


@living_case("the next pod never gets the range just released", n_units=12)
def distance(rig):
    rig.allocate_many(*(f"p{i}" for i in range(10)))
    last = None
    for i in range(4):
        gone = rig.get(f"p{i}")["start"]
        rig.release(f"p{i}")
        rig.wait_drained(f"p{i}")
        got = rig.allocate(f"new{i}")
        assert got not in (gone, last), (got, gone, last)
        last = gone


@living_case("a unit waits for ReuseDelaySec=, also over a restart, and no longer", n_units=2,
             daemon_keys="ReuseDelaySec=3\n")
def delay(rig):
    fill(rig)
    drained = rig.events.find("drained", "p1")["time"]
    expect_waiting(rig, 1)
    rig.restart(signal.SIGKILL)
    expect_waiting(rig, 1)
    rig.wait_status(lambda status: status["pools"][0]["free"] == 1)
    created = rig.client.call("Allocate", pod="other")["allocation"]["createdAt"]
    assert 3_000_000 <= created - drained < 8_000_000, f"{created - drained} us"


@living_case("its own pod need not wait", n_units=2, daemon_keys=LONG)
def own(rig):
    fill(rig)
    expect_waiting(rig, 1)
    equal(rig.client.call("Allocate", pod="p1")["outcome"], "revived")
    rig.release("p1")
    rig.wait_drained("p1")
    expect_waiting(rig, 1)
    rig.scratch.config("[Daemon]\nScanIntervalSec=1\n[Pool kubelet]\nMaxPods=1\n")
    rig.client.call("Reload")
    equal(unit(rig, "other"), 1)


@case("a boot clock that is years off changes nothing", needs_root=True, is_slow=True)
def shifted():
    need("unshare", "--time", "--boottime", "1")
    with Rig(2, LONG) as rig:
        fill(rig)
        plain = rig.daemon.command
        with open("/proc/uptime", encoding="ascii") as file:
            uptime = int(float(file.read().split()[0]))
        for offset in (YEARS, -uptime + 5, 0):
            rig.end(signal.SIGTERM)
            rig.daemon.command = ["unshare", "--time", "--boottime", str(offset), *plain]
            rig.begin()
            expect_waiting(rig, 1)
        rig.client.call("Allocate", pod="p1")
        rig.release("p1")
        rig.wait_drained("p1")
        rig.end(signal.SIGTERM)
        rig.daemon.command = plain
        rig.begin()
        expect_waiting(rig, 1)


@case("a delay ends in time although the boot clock is years off", needs_root=True, is_slow=True)
def shifted_end():
    need("unshare", "--time", "--boottime", "1")
    for offset in (YEARS, -1000):
        with Rig(2, "ReuseDelaySec=2\n", command=lambda scratch, offset=offset: [
                "unshare", "--time", "--boottime", str(offset), SUBIDD, "--root", str(scratch.path)]) as rig:
            fill(rig)
            expect_waiting(rig, 1)
            rig.wait_status(lambda status: status["pools"][0]["free"] == 1)


@living_case("the wall clock's times change nothing", n_units=2, daemon_keys=LONG)
def wall_clock(rig):
    fill(rig)
    for time in (1, 4_000_000_000_000_000):
        rig.end(signal.SIGTERM)
        edit(rig, "UPDATE allocation SET released_at = ? WHERE pod = 'p1'", time)
        edit(rig, "UPDATE event SET time = ?", time)
        rig.begin()
        equal(rig.get("p1")["releasedAt"], time)
        expect_waiting(rig, 1)


@living_case("after a reboot a unit waits on, and its wait ends", n_units=2, daemon_keys="ReuseDelaySec=4\n")
def rebooted(rig):
    fill(rig)
    for _ in range(2):
        rig.end(signal.SIGTERM)
        edit(rig, "UPDATE clock SET boot = '00000000-1111-2222-3333-444444444444', offset = offset - 77")
        rig.begin()
        expect_waiting(rig, 1)
    rig.wait_status(lambda status: status["pools"][0]["free"] == 1)


@living_case("a clock set back behind its own past goes on", n_units=2, daemon_keys="ReuseDelaySec=3\n")
def snapshot(rig):
    fill(rig)
    rig.end(signal.SIGTERM)
    edit(rig, "UPDATE allocation SET clock = clock + 100000000000000 WHERE pod = 'p1'")
    rig.begin()
    expect_waiting(rig, 1)
    rig.wait_status(lambda status: status["pools"][0]["free"] == 1)
    rig.release("p0")
    rig.wait_drained("p0")
    equal(unit(rig, "other"), 1)


if __name__ == "__main__":
    main()
