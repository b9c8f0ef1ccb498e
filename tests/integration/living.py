# SPDX-License-Identifier: MIT
"""What lives in ranges: processes in user namespaces whose maps we write, and a daemon that looks for them.

Tests that run side by side see each other's processes, so each takes units that no other one has.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

from client import TIMEOUT, Refused
from harness import UNIT, Daemon, Scratch, Skip, case, equal

# Name, first unit, units of a slot, slots. Tests run side by side and see each other's processes, so real
# maps keep away from where others have their pools: units 1 to 4100 or so, and those of subidctl's
# tests from 30521 on. The unit tests live in 33000 to 56519; behind them are the slots of the model.
SMALL = ("units", 10000, 8, 109)
STARTED = ("started", 15000, 8, 125)
RUNTIMES = ("runtimes", 16000, 8, 375)
HOOKS = ("hooks", 19000, 8, 500)
LARGE = ("model", 57200, 1600, 5)
PASS_GAP = 1_000_000  # us between the two passes that end a draining
held, slots_lock = [], threading.Lock()


def take_slot(kind, slot):
    """A name that one process of the machine can have at a time; None if another one has it."""
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        name.bind(f"\0subidd-test-{kind}-{slot}")
    except OSError:
        name.close()
        return None
    return name


def own_units(n, slots=None):
    """The first ID of a run of units that are ours until we end."""
    kind, first, size, n_slots = slots or (SMALL if n <= 256 else LARGE)
    run = []
    with slots_lock:
        for slot in range(n_slots):
            name = take_slot(kind, slot)
            run = run + [name] if name else []
            if len(run) * size >= n:
                held.extend(run)
                return (first + (slot + 1 - len(run)) * size) * UNIT
    raise Skip(f"no {n} units are left on this machine")


def need(*command):
    """Skips the case where such a command is not possible."""
    done = subprocess.run([*command, "true"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          timeout=TIMEOUT, check=False)
    if done.returncode != 0:
        raise Skip(done.stderr.strip())


class Process:
    """Waits for the end of its input, so that it dies with us. Leaving the context ends it."""

    def __init__(self, *command, program=("cat",)):
        self.child = subprocess.Popen([*map(str, command), *program], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.pid = self.child.pid
        try:
            self.tell("ready")
        except (AssertionError, OSError) as error:
            self.end()
            raise Skip(f"{command[0]} does not work here") from error

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def tell(self, word):
        """Waits until it has answered the same."""
        self.child.stdin.write(f"{word}\n".encode())
        self.child.stdin.flush()
        equal(self.child.stdout.readline(), f"{word}\n".encode(), "answer")

    def map(self, name, inside, outside, count):
        """Writes its uid_map or gid_map."""
        with open(f"/proc/{self.pid}/{name}", "w", encoding="ascii") as file:
            file.write(f"{inside} {outside} {count}\n")

    def become_zombie(self):
        """Ends it and leaves it to be waited for."""
        self.child.stdin.close()
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)

    def end(self):
        """All of it, at once."""
        self.child.kill()
        self.child.wait(TIMEOUT)
        for pipe in (self.child.stdin, self.child.stdout):
            try:
                pipe.close()
            except OSError:
                pass


def idle():
    """A process without a namespace of its own."""
    return Process("env")


def mapped(start, count=UNIT, names=("uid_map", "gid_map")):
    """A process in a namespace with that range from its ID 0 on."""
    process = Process("unshare", "--user")
    try:
        for name in names:
            process.map(name, 0, start, count)
    except OSError as error:
        process.end()
        raise Skip(f"no map can be written here: {error.strerror}") from error
    return process


def nested(start, *options):
    """A namespace in the namespace with that range, whose own process is gone."""
    with mapped(start) as outer:
        return Process("nsenter", "--target", outer.pid, "--user", "--setuid", 0, "--setgid", 0,
                       "unshare", "--user", *options)


def zombie(start):
    """A namespace whose only process is a zombie."""
    process = mapped(start)
    process.become_zombie()
    return process


def without_namespace(start):
    """A process that took IDs of the range without any namespace."""
    return Process("setpriv", "--reuid", start + 5, "--regid", start + 7, "--clear-groups")


CHAIN = """
import ctypes, os, select, sys
ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER
ours, theirs = os.pipe()
begin, go = os.pipe()
if os.fork() == 0:
    if ctypes.CDLL(None).unshare(0x10000000) != 0:  # CLONE_NEWUSER
        os._exit(1)
    os.write(theirs, b"%d" % os.getpid())
    os.read(begin, 1)
    while not select.select([0], [], [], 0.0005)[0]:
        if os.fork():
            os._exit(0)
    os._exit(0)
os.close(theirs)
first = os.read(ours, 20).decode()
for name in ("uid_map", "gid_map"):
    with open(f"/proc/{first}/{name}", "w") as file:
        file.write(f"0 {sys.argv[1]} 65536")
print(sys.stdin.readline(), end="", flush=True)
os.write(go, b"x")
try:
    while os.wait():
        pass
except ChildProcessError:
    pass
"""


class Chain(Process):
    """Processes in the range of which each one makes the next and ends at once."""

    def __init__(self, start):
        super().__init__(sys.executable, "-I", "-S", "-c", CHAIN, start, program=())

    def end(self):
        self.child.stdin.close()
        self.child.wait(TIMEOUT)
        self.child.stdout.close()


class Events:
    """A watcher of the daemon."""

    def __init__(self, daemon):
        self.client, self.seen = daemon.client(), []
        self.replies = self.client.stream("Monitor")
        equal(next(self.replies), {"events": []}, "the first reply")

    def close(self):
        """Watches no more."""
        self.client.socket.close()

    def last(self):
        """The sequence of the last one that was seen."""
        return self.seen[-1]["sequence"] if self.seen else 0

    def find(self, kind, pod):
        """The latest one of that kind that was seen."""
        return next((e for e in reversed(self.seen) if (e["kind"], e.get("pod")) == (kind, pod)), None)

    def wait(self, kind, pod, behind=0):
        """The first such event with a sequence above that of BEHIND."""
        while True:
            for event in self.seen:
                if (event["kind"], event.get("pod")) == (kind, pod) and event["sequence"] > behind:
                    return event
            for event in next(self.replies)["events"]:
                self.seen.append(event)
                if event["kind"] == "drained":
                    self.check_drained(event)

    def check_drained(self, event):
        """Never before there can have been two passes since the release."""
        released = self.find("released", event["pod"])
        if released:
            assert event["time"] - released["time"] >= PASS_GAP, f"{event} follows {released}"


class Rig:
    """A daemon with one pool of own units, a client and a watcher."""

    def __init__(self, n_units, daemon_keys="", line=None, config=None, command=None, slots=None):
        self.start = own_units(n_units, slots)
        self.scratch = Scratch(line or f"kubelet:{self.start}:{n_units * UNIT}",
                               config or f"[Daemon]\nScanIntervalSec=1\n{daemon_keys}[Pool kubelet]\nMaxPods=1\n")
        options = {"command": command(self.scratch)} if command else {}
        self.daemon = Daemon(self.scratch, wait=False, **options)
        self.client = self.events = None

    def __enter__(self):
        try:
            self.daemon.wait_ready()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        self.connect()
        return self

    def __exit__(self, *error):
        self.disconnect()
        try:
            self.daemon.__exit__(*error)
        finally:
            self.scratch.__exit__()

    def connect(self):
        """The client and the watcher."""
        self.client, self.events = self.daemon.client(), Events(self.daemon)

    def disconnect(self):
        """Both of them."""
        if self.client:
            self.client.socket.close()
            self.events.close()
        self.client = None

    def end(self, number):
        """Ends the daemon, cleanly or not."""
        self.disconnect()
        if number == signal.SIGKILL:
            self.daemon.kill()
        else:
            self.daemon.stop(number)

    def begin(self):
        """Starts it again."""
        self.daemon.start()
        self.connect()

    def restart(self, number=signal.SIGTERM):
        """Both."""
        self.end(number)
        self.begin()

    def allocate(self, pod, **parameters):
        """The first ID of the pod's range."""
        return self.client.call("Allocate", pod=pod, **parameters)["allocation"]["start"]

    def allocate_many(self, *pods):
        """The same for each."""
        return [self.allocate(pod) for pod in pods]

    def release(self, *pods):
        """They must drain from now on."""
        for pod in pods:
            reply = self.client.call("Release", pod=pod)
            equal((reply["released"], reply["allocation"]["state"]), (True, "draining"), pod)

    def get(self, pod):
        """The allocation."""
        return self.client.call("Get", pod=pod)["allocation"]

    def state(self, pod):
        """Of the pod's allocation."""
        return self.get(pod)["state"]

    def wait_drained(self, *pods):
        """Until nothing lives in their ranges any more; they were released before."""
        for pod in pods:
            while self.state(pod) == "draining":
                self.events.wait("drained", pod, self.events.last())
            equal(self.state(pod), "released", pod)

    def let_passes_go_by(self):
        """As long as it takes a range in which nothing lives to drain, twice."""
        for _ in range(2):
            self.allocate("marker")
            self.release("marker")
            self.wait_drained("marker")

    def pool(self):
        """Of the status; there is one."""
        return self.client.call("GetStatus")["pools"][0]

    def wait_status(self, has_come):
        """Asks until it has; each answer is a turn of the daemon's loop."""
        deadline = time.monotonic() + TIMEOUT
        while not has_come(status := self.client.call("GetStatus")):
            assert time.monotonic() < deadline, status
            time.sleep(0.01)
        return status

    def wait_pass(self):
        """Until a pass has ended that was not over before."""
        before = self.client.call("GetStatus")["scan"]["lastAt"]
        self.wait_status(lambda status: status["scan"]["lastAt"] != before)


def living_case(name, n_units=8, is_slow=True, **options):
    """A case with a daemon that looks at all processes every second."""
    def add(function):
        def run():
            with Rig(n_units, **options) as rig:
                function(rig)
        return case(name, needs_root=True, is_slow=is_slow)(run)
    return add


def refused(call, *arguments, **parameters):
    """The error of a call that must fail, as (name, parameters)."""
    try:
        found = call(*arguments, **parameters)
    except Refused as error:
        return error.error.rpartition(".")[2], error.parameters
    raise AssertionError(f"{found} in place of an error")
