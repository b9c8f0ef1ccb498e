# SPDX-License-Identifier: MIT
"""Allocations that are tied to processes, and end with them."""

import os
import signal
import sys
import threading
import time
from contextlib import ExitStack

import database
from client import encode
from harness import SUBIDD, equal, main
from living import Process, idle, living_case, mapped, refused

ALICE = 1001
AT_ONCE = 500_000  # us in which a release must follow the end of a process, on a busy machine


def expect_released(rig, pod, since=0):
    """The pod was released because its process has ended."""
    event = rig.events.wait("released", pod, since)
    equal((event["cause"], "clientUid" in event, "clientPid" in event), ("processEnded", False, False))
    assert rig.state(pod) in ("draining", "released"), rig.get(pod)
    assert "pid" not in rig.get(pod), rig.get(pod)
    return event


def bind(rig, pod, pid):
    """Ties it."""
    equal(rig.client.call("Bind", pod=pod, pid=pid)["allocation"]["pid"], pid, pod)


@living_case("an allocation ends with its process, at once")
def ends(rig):
    with idle() as a, idle() as b:
        equal(rig.client.call("Allocate", pod="a", pid=a.pid)["allocation"]["pid"], a.pid)
        rig.allocate("b")
        bind(rig, "b", b.pid)
        equal((rig.get("b")["pid"], rig.state("b")), (b.pid, "active"))
        rig.wait_pass()
        for pod, process in (("a", a), ("b", b)):
            ended = rig.client.call("Allocate", pod=f"{pod}-clock")["allocation"]["createdAt"]
            process.become_zombie()
            event = expect_released(rig, pod)
            assert 0 <= event["time"] - ended < AT_ONCE, f"{event['time'] - ended} us after the end"
            equal(event["pid"], process.pid)
    rig.wait_drained("a", "b")
    equal(rig.client.call("Allocate", pod="a")["outcome"], "revived")
    assert "pid" not in rig.get("a")


@living_case("another process takes the place of the first one")
def rebound(rig):
    with idle() as first, idle() as second:
        rig.client.call("Allocate", pod="a", pid=first.pid)
        bind(rig, "a", second.pid)
        n_events = rig.client.call("GetStatus")["store"]["events"]
        bind(rig, "a", second.pid)
        equal(rig.client.call("Allocate", pod="a", pid=second.pid)["outcome"], "existing")
        equal(rig.client.call("GetStatus")["store"]["events"], n_events, "events when nothing changes")
        first.end()
        rig.wait_pass()
        rig.wait_pass()
        equal((rig.state("a"), rig.get("a")["pid"]), ("active", second.pid))
        rig.restart()
        equal(rig.state("a"), "active")
        with idle() as third:
            equal(rig.client.call("Allocate", pod="a", pid=third.pid)["allocation"]["pid"], third.pid)
            second.end()
            rig.wait_pass()
            equal(rig.state("a"), "active")
        expect_released(rig, "a")


@living_case("several pods of one process, and one that is released before it ends")
def shared(rig):
    with idle() as process:
        for pod in "abc":
            rig.client.call("Allocate", pod=pod, pid=process.pid)
        rig.release("c")
        assert "pid" not in rig.get("c"), rig.get("c")
        equal(rig.client.call("Allocate", pod="c")["outcome"], "revived")
    expect_released(rig, "a")
    expect_released(rig, "b")
    rig.wait_pass()
    equal(rig.state("c"), "active")


@living_case("what is no living process is refused and changes nothing")
def no_process(rig):
    rig.allocate_many("a", "gone")
    rig.release("gone")
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    with idle() as zombie, idle() as reaped, idle() as alive:
        bind(rig, "a", alive.pid)
        zombie.become_zombie()
        reaped.end()
        before = rig.client.list(), rig.client.call("GetStatus")["store"]["events"]
        for pid in (zombie.pid, reaped.pid, thread.native_id, 2**22 + 1, 2**31 - 1):
            for pod in ("a", "new", "gone"):
                equal(refused(rig.client.call, "Allocate", pod=pod, pid=pid), ("NoSuchProcess", {"pid": pid}))
            equal(refused(rig.client.call, "Bind", pod="a", pid=pid), ("NoSuchProcess", {"pid": pid}))
        for pid in (0, -1, 2**31, 2**32 + alive.pid):
            equal(refused(rig.client.call, "Bind", pod="a", pid=pid), ("InvalidParameter", {"parameter": "pid"}))
            equal(refused(rig.client.call, "Allocate", pod="a", pid=pid),
                  ("InvalidParameter", {"parameter": "pid"}))
        for pod in ("gone", "unknown"):
            equal(refused(rig.client.call, "Bind", pod=pod, pid=alive.pid), ("NoSuchAllocation", {"pod": pod}))
        equal((rig.client.list(), rig.client.call("GetStatus")["store"]["events"]), before)
    stop.set()
    thread.join()


def end_while_down(rig, number):
    """Of two processes one ends while the daemon is down."""
    rig.daemon.check_files = False  # each has a descriptor
    with idle() as first, idle() as second:
        rig.client.call("Allocate", pod="a", pid=first.pid)
        rig.client.call("Allocate", pod="b", pid=second.pid)
        rig.end(number)
        first.end()
        rig.begin()
        equal([rig.state("a"), rig.state("b")], ["draining", "active"])
        equal(rig.get("b")["pid"], second.pid)
    expect_released(rig, "b")
    event = next(rig.client.stream("History", pod="a"))["events"][0]
    equal((event["kind"], event["cause"], event["pid"]), ("released", "processEnded", first.pid))


@living_case("a process ends while the daemon is stopped")
def ends_while_stopped(rig):
    end_while_down(rig, signal.SIGTERM)


@living_case("a process ends while the daemon is killed")
def ends_while_killed(rig):
    end_while_down(rig, signal.SIGKILL)


@living_case("after a reboot, or behind a PID that was used again, is another process", n_units=16)
def other_process(rig):
    edits = {"boot": "boot = '00000000-1111-2222-3333-444444444444'", "start": "process_start = process_start + 1",
             "earlier": "process_start = process_start - 100", "same": "process_start = process_start"}
    rig.daemon.check_files = False
    with idle() as process:
        for pod in edits:
            rig.client.call("Allocate", pod=pod, pid=process.pid)
        rig.end(signal.SIGTERM)
        with database.edit(rig.scratch.database) as connection:
            for pod, edit in edits.items():
                equal(connection.execute(f"UPDATE allocation SET {edit} WHERE pod = ?", [pod]).rowcount, 1)
        rig.begin()
        equal({pod: rig.state(pod) for pod in edits},
              {"boot": "draining", "start": "draining", "earlier": "draining", "same": "active"})


SAME_PID = """
import ctypes, os, struct, sys
pid = ctypes.c_int(int(sys.argv[1]))
args = (ctypes.c_uint64 * 11)(*[0] * 11)
args[4], args[8], args[9] = 17, ctypes.addressof(pid), 1  # SIGCHLD, set_tid
child = ctypes.CDLL(None, use_errno=True).syscall(435, args, ctypes.sizeof(args))  # clone3
if child == 0:
    os.execvp("cat", ["cat"])
os.close(0)
os.close(1)
sys.exit(0 if child == pid.value and os.waitpid(child, 0) else 1)
"""


def expect_not_mistaken(rig, while_down):
    """The PID of a bound process goes to another one."""
    first = idle()
    rig.client.call("Allocate", pod="a", pid=first.pid)
    rig.client.call("Allocate", pod="b", pid=first.pid)
    if while_down:
        rig.end(signal.SIGKILL)
    first.end()
    with Process(sys.executable, "-I", "-S", "-c", SAME_PID, first.pid, program=()):
        if while_down:
            rig.begin()
            equal(rig.state("a"), "draining")
        else:
            expect_released(rig, "a")
        rig.wait_drained("a", "b")
        rig.client.call("Allocate", pod="a", pid=first.pid)
        equal(rig.get("a")["pid"], first.pid)
    expect_released(rig, "a", rig.events.last())


@living_case("a PID is used again while the daemon runs")
def pid_again(rig):
    expect_not_mistaken(rig, False)


@living_case("a PID is used again while the daemon is down")
def pid_again_down(rig):
    expect_not_mistaken(rig, True)


def few_files(n):
    """A command that starts the daemon with so many descriptors."""
    return lambda scratch: ["prlimit", f"--nofile={n}:{n}", SUBIDD, "--root", str(scratch.path)]


@living_case("a PID is used again that no descriptor was left for", command=few_files(128))
def pid_again_polled(rig):
    expect_not_mistaken(rig, False)


@living_case("a user other than root ties only its own", daemon_keys="AllowUsers=alice\n")
def users(rig):
    with rig.daemon.user(ALICE) as alice, idle() as process:
        rig.allocate("ours")
        equal(alice.call("Allocate", pod="own", pid=process.pid)["allocation"]["clientUid"], ALICE)
        equal(refused(alice.call, "Bind", pod="ours", pid=process.pid)[0], "PermissionDenied")
        equal(refused(alice.call, "Allocate", pod="ours", pid=process.pid)[0], "PermissionDenied")
        equal(alice.call("Allocate", pod="ours")["outcome"], "existing")
        assert "pid" not in rig.get("ours")
        equal(alice.call("Bind", pod="own", pid=os.getpid())["allocation"]["pid"], os.getpid())
        bind(rig, "own", process.pid)
    expect_released(rig, "own")
    with rig.daemon.user(ALICE + 1) as nobody:
        equal(refused(nobody.call, "Bind", pod="ours", pid=os.getpid())[0], "PermissionDenied")


def ask_many(rig, method, calls):
    """Many calls, then the answers to all."""
    rig.client.send(b"".join(encode(method, parameters) for parameters in calls))
    return [rig.client.reply(method)[0] for _ in calls]


def expect_watched(rig, n, or_fewer=False):
    """So many processes have a descriptor. Another one may be looked at just now, and is closed again."""
    found = rig.daemon.files().count("anon_inode:[pidfd]")
    assert (0 if or_fewer else n) <= found <= n + 1, f"{found} processes are watched in place of {n}"


@living_case("thousands are tied where there are few descriptors", n_units=1600, command=few_files(1200))
def thousands(rig):
    with ExitStack() as stack:
        processes = [stack.enter_context(idle()) for _ in range(4)]
        pieces = []
        for piece in range(4):
            began = time.monotonic()
            ask_many(rig, "Allocate", [{"pod": f"p{i}", "pid": processes[i % 4].pid}
                                       for i in range(400 * piece, 400 * (piece + 1))])
            pieces.append(time.monotonic() - began)
        print("# 400 tied in", ", ".join(f"{piece:.2f} s" for piece in pieces))
        assert pieces[3] < 3 * pieces[0] + 1, "the more are tied, the longer it takes"
        expect_watched(rig, 1200 - 64 - 1024)
        processes[0].end()
        rig.wait_status(lambda status: status["pools"][0]["active"] == 1200)
        equal({rig.state(f"p{i}") for i in range(0, 1600, 4)} & {"active"}, set())
        rig.restart(signal.SIGKILL)
        processes[1].end()
        rig.wait_status(lambda status: status["pools"][0]["active"] == 800)
        rig.end(signal.SIGKILL)
        processes[2].end()
        rig.begin()
        equal(rig.pool()["active"], 400, "active ones before the first answer")
        equal({rig.state(f"p{i}") for i in range(3, 1600, 4)}, {"active"})
        expect_watched(rig, 1200 - 64 - 1024, or_fewer=True)
    rig.wait_status(lambda status: status["pools"][0]["active"] == 0)
    equal(rig.daemon.files().count("anon_inode:[pidfd]"), 0, "descriptors that are left")


@living_case("processes are followed, and watchers told, where the history keeps one event",
             daemon_keys="HistoryEvents=1\n")
def short_history(rig):
    with ExitStack() as stack:
        processes = [stack.enter_context(idle()) for _ in range(8)]
        clients = [stack.enter_context(rig.daemon.client()) for _ in processes]
        rig.daemon.process.send_signal(signal.SIGSTOP)  # so that all calls share one commit
        for i, client in enumerate(clients):
            client.send(encode("Allocate", {"pod": f"p{i}", "pid": processes[i].pid}))
        rig.daemon.process.send_signal(signal.SIGCONT)
        for i, client in enumerate(clients):
            equal(client.reply("Allocate")[0]["allocation"]["pid"], processes[i].pid)
        for i, process in enumerate(processes):
            process.end()
            expect_released(rig, f"p{i}")


@living_case("a bound process in the range itself keeps it draining after its release by a list")
def reconciled(rig):
    start = rig.allocate("a")
    with mapped(start) as process:
        bind(rig, "a", process.pid)
        equal(rig.client.call("Reconcile", pods=[])["released"], ["a"])
        assert "pid" not in rig.get("a")
        rig.let_passes_go_by()
        equal(rig.state("a"), "draining")
    rig.wait_drained("a")
    equal([e["kind"] for e in rig.events.seen if e.get("pod") == "a"],
          ["allocated", "bound", "released", "drained"])


if __name__ == "__main__":
    main()
