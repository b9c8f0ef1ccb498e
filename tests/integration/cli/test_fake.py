# SPDX-License-Identifier: MIT
"""subidctl against a daemon that answers from a table: test_fake.py BUILD_FOLDER [--update]"""

import json
import os
import pathlib
import pty
import queue
import re
import shlex
import signal
import subprocess
import tempfile

import fake_daemon
import transcript

ENVIRONMENT = transcript.environment(SUBIDD_SOCKET="socket", SUBIDD_DAEMON="./daemon")


def on_terminal(command, with_input=False, **more):
    """What the command prints on a terminal."""
    leader, follower = pty.openpty()
    with subprocess.Popen(shlex.split(command), env={**ENVIRONMENT, **more}, stdout=follower,
                          stderr=follower, stdin=follower if with_input else subprocess.DEVNULL):
        os.close(follower)
        text = b""
        try:
            while chunk := os.read(leader, 4096):
                text += chunk
        except OSError:
            pass
    os.close(leader)
    return text.decode()


def test_colour(tap):
    try:
        for fd in pty.openpty():
            os.close(fd)
    except OSError as error:
        return tap.skip("colours on a terminal", error)
    tap.equal("colour on a terminal", "\x1b[31minvalid\x1b[0m" in on_terminal("subidctl status"), True)
    tap.equal("no colour under NO_COLOR", "\x1b" in on_terminal("subidctl status", NO_COLOR="1"), False)
    tap.equal("an empty NO_COLOR is none", "\x1b" in on_terminal("subidctl status", NO_COLOR=""), True)
    tap.equal("a list is not read from a terminal", on_terminal("subidctl reconcile", True),
              "subidctl: standard input is a terminal: name the pods that live, or pipe them in; see "
              "subidctl reconcile --help\r\n")
    tap.equal("a terminal with --none-alive is no list",
              on_terminal("subidctl reconcile --none-alive --dry-run", True).splitlines()[0],
              "web: would be released")
    return tap.equal("no colour on a dumb terminal", "\x1b" in on_terminal("subidctl status", TERM="dumb"), False)


def test_json(tap):
    """What --json prints is what the daemon sent."""
    for command, wanted in {
            "allocate web": fake_daemon.allocate({"pod": "web"}),
            "show gone": fake_daemon.get({"pod": "gone"}),
            "release web": fake_daemon.release({"pod": "web"}),
            "whois 131105": fake_daemon.lookup({"id": 131105}),
            "status": fake_daemon.STATUS,
            "reload": {"pools": fake_daemon.STATUS["pools"]},
            "check": {"pools": fake_daemon.STATUS["pools"]},
            "bind web 5": fake_daemon.bind({"pod": "web", "pid": 5}),
            "history": {"events": fake_daemon.EVENTS[::-1]},
            "list --foreign": {"foreign": fake_daemon.FOREIGN},
            "list": {"allocations": [row for reply in fake_daemon.listed({})
                                     for row in reply["allocations"]]},
            "list --pool many": {"allocations": [row for reply in fake_daemon.listed({"pool": "many"})
                                                 for row in reply["allocations"]]},
    }.items():
        result = subprocess.run(["subidctl", "--json", *command.split()], env=ENVIRONMENT, text=True,
                                capture_output=True, check=False)
        tap.equal(f"--json {command}", json.loads(result.stdout), wanted)
    for name in "oci", "cri", "kubelet":
        result = subprocess.run(["subidctl", "show", "web", "-o", name], env=ENVIRONMENT, text=True,
                                capture_output=True, check=True)
        tap.equal(f"-o {name} is one line of JSON", (bool(json.loads(result.stdout)),
                                                    result.stdout.count("\n")), (True, 1))


def test_denied_reload(tap, daemon):
    for refusal, wanted in (
            (fake_daemon.Refused(fake_daemon.SERVICE + "PermissionDenied"),
             "subidctl: the daemon does not permit this; be root\n"),
            (fake_daemon.Refused(fake_daemon.INTERFACE + "InvalidConfiguration", message="unknown key",
                                 file="/etc/subidd/subidd.conf", line=4),
             "subidctl: the daemon's configuration is broken: /etc/subidd/subidd.conf:4: unknown key; "
             "mend it and try again; the one before stays in force\n")):
        daemon.refusal = refusal
        result = subprocess.run(["subidctl", "reload"], env=ENVIRONMENT, text=True,
                                capture_output=True, check=False)
        tap.equal(f"reload: {refusal}", (result.stderr, result.returncode), (wanted, 1))
    daemon.refusal = None


def test_sound_pools(tap, daemon):
    daemon.status = {**fake_daemon.STATUS, "pools": [fake_daemon.pool("kubelet")]}
    for command, wanted in (
            ("check", "pool kubelet (owner kubelet): valid, 65536:7208960, 110 units of 65536 for 110 "
                      "pods\n"),
            ("status", "calls        17\n")):
        result = subprocess.run(["subidctl", command], env=ENVIRONMENT, text=True,
                                capture_output=True, check=False)
        tap.equal(f"{command} of sound pools", (result.stdout[-len(wanted):], result.returncode),
                  (wanted, 0))
    for scan, wanted in (
            ({"blind": True, "message": "PID 1 is in a user namespace", "processes": 3, "cost": 1},
             "blind: PID 1 is in a user namespace; a released range is free after BlindDrainSec= alone"),
            ({"blind": True, "processes": 3, "cost": 1},
             "blind: not all processes can be seen; a released range is free after BlindDrainSec= alone"),
            ({"blind": False, "processes": 0, "cost": 0}, "none was done so far")):
        daemon.status = {**fake_daemon.STATUS, "scan": scan}
        result = subprocess.run(["subidctl", "status"], env=ENVIRONMENT, text=True,
                                capture_output=True, check=False)
        tap.equal(f"status: {wanted}", re.findall(r"^scan +(.*)$", result.stdout, re.M), [wanted])
    daemon.status = None


def watch(daemon):
    """Starts to watch and returns the process when it has printed an event."""
    daemon.monitor = queue.SimpleQueue()
    daemon.monitor.put(fake_daemon.EVENTS[:1])
    process = subprocess.Popen(["subidctl", "--json", "watch"], env=ENVIRONMENT,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return process, json.loads(process.stdout.readline())


def test_watch(tap, daemon):
    """Each event is printed at once; signals and a reader that leaves end it in good order."""
    for number in signal.SIGINT, signal.SIGTERM:
        process, event = watch(daemon)
        tap.equal(f"watch prints before {number.name}", event, fake_daemon.EVENTS[0])
        process.send_signal(number)
        tap.equal(f"watch ends on {number.name}", (*process.communicate(timeout=60), process.returncode),
                  ("", "", 0))
    process, _ = watch(daemon)
    process.stdout.close()
    tap.equal("watch ends when its reader leaves", (process.wait(timeout=60), process.stderr.read()),
              (0, ""))
    process.stderr.close()
    process, _ = watch(daemon)
    daemon.say(fake_daemon.EVENTS[1:2], fake_daemon.EVENTS[2:4])
    output, errors = process.communicate(timeout=60)
    tap.equal("watch goes on", [json.loads(line) for line in output.splitlines()],
              fake_daemon.EVENTS[1:4])
    tap.equal("watch ends with the daemon", (errors, process.returncode), (
        "subidctl: the daemon at socket has closed the connection; see journalctl -u subidd\n", 3))


def facts(rows):
    """A table of facts as it is printed."""
    return "".join(f"{name:<22}{value}\n" for name, value in rows.items())


def web(**changes):
    """The facts of an allocation."""
    return facts({"pod": "web", "namespace/name": "default/web-0", "pool": "kubelet",
                  "range": "131072:65536, the IDs 131072-196607", "state": "active",
                  "origin": "request", "client": "UID 0", "created": "2023-11-14T22:13:20+00:00",
                  **changes})


HOST = "subidctl: UID 0 is the host's own: in no pool\nsubidctl: GID 0 is the host's own: in no pool\n"


def whois(tap, name, arguments, wanted, status=0):
    result = subprocess.run(["subidctl", "whois", *arguments], env=ENVIRONMENT, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    tap.equal(f"whois of {name}", (result.stdout, result.returncode), (wanted, status))


def ids(kind, host, inside):
    return facts({f"{kind} on the host": host, f"{kind} in the container": inside})


def test_whois_file(tap):
    """The owner and the group of a file, and of a link itself."""
    if os.geteuid() != 0:
        return tap.skip("whois of files", "giving files away needs root")
    for name, owner in ("both", (131105, 131106)), ("owner", (131072, 0)), ("free", (500000, 0)), \
            ("two", (131072, 196609)):
        pathlib.Path(name).touch()
        os.chown(name, *owner)
    os.symlink("both", "link")
    whois(tap, "a file", ["--file", "both"], facts({"file": "both"}) + ids("UID", 131105, 33) +
          ids("GID", 131106, 34) + web())
    whois(tap, "a file of a group of the host", ["--file", "owner"], facts({"file": "owner"}) +
          ids("UID", 131072, 0) + web() + "GID 0 is the host's own: in no pool\n")
    whois(tap, "a link", ["--file", "link"], HOST, 1)
    whois(tap, "a file of an unused ID", ["--file", "free"],
          "subidctl: UID 500000 is no pod's, but lies in the pool kubelet\n" +
          HOST.split("\n", 1)[1], 1)
    whois(tap, "a file of two pods", ["--file", "two"], facts({"file": "two"}) +
          ids("UID", 131072, 0) + web() + ids("GID", 196609, 1) +
          web(pod="gone", range="196608:65536, the IDs 196608-262143", state="released",
              released="2023-11-14T22:14:20+00:00"))
    output = subprocess.run(["subidctl", "--json", "whois", "--file", "owner"], env=ENVIRONMENT,
                            stdout=subprocess.PIPE, check=True).stdout
    return tap.equal("--json whois of a file", json.loads(output),
                     {"uid": {"id": 131072, **fake_daemon.lookup({"id": 131072})}, "gid": {"id": 0}})


def test_whois_process(tap):
    """A process is found by its own IDs, or by the maps of its user namespace."""
    if os.geteuid() != 0:
        return tap.skip("whois of processes", "other UIDs need root")
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, user=131105, group=131106,
                          extra_groups=[]) as process:
        pid = str(process.pid)
        whois(tap, "a process", ["--pid", pid], facts({"process": f"{pid} (cat)"}) +
              ids("UID", 131105, 33) + ids("GID", 131106, 34) + web())
        whois(tap, "a process at another time", ["--pid", pid, "--at", "@1600000000.5"],
              "subidctl: UID 131105 was no pod's at 2020-09-13T12:26:40+00:00, as far as is known\n"
              "subidctl: GID 131106 was no pod's at 2020-09-13T12:26:40+00:00, as far as is known\n", 1)
    whois(tap, "a process of the host", ["--pid", str(os.getpid())], HOST, 1)
    whois(tap, "a process that has ended", ["--pid", pid], f"subidctl: there is no process {pid}\n", 1)
    return test_whois_namespace(tap)


def test_whois_namespace(tap):
    # no other test has real maps in this range
    start = 65536 * (33000 + (os.getpid() % 210) * 112)
    fake_daemon.OWNERS.append(fake_daemon.allocation("web", start))
    with subprocess.Popen(["unshare", "--user", "cat"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            os.write(process.stdin.fileno(), b"x")
            process.stdout.read(1)   # unshare has become cat
            for name in "uid_map", "gid_map":
                pathlib.Path(f"/proc/{process.pid}/{name}").write_text(f"0 {start} 65536\n",
                                                                        encoding="ascii")
            whois(tap, "a user namespace", ["--pid", str(process.pid)],
                  facts({"process": f"{process.pid} (cat)",
                         "found by": "the maps of its user namespace"}) +
                  ids("UID", start, 0) + ids("GID", start, 0) +
                  web(range=f"{start}:65536, the IDs {start}-{start + 65535}"))
            output = subprocess.run(["subidctl", "--json", "whois", "--pid", str(process.pid)],
                                    env=ENVIRONMENT, stdout=subprocess.PIPE, check=True).stdout
            return tap.equal("--json whois of a user namespace", list(json.loads(output)),
                             ["uidMap", "gidMap"])
        except OSError as error:
            return tap.skip("whois of a user namespace", f"none can be made here: {error}")
        finally:
            process.stdin.close()


def test_closed_socket(tap):
    """Somebody who may not open the socket is told how to get in."""
    name = "a socket that may not be opened"
    if os.geteuid() != 0:
        return tap.skip(name, "becoming another user needs root")
    os.chmod("socket", 0o660)
    os.chmod(".", 0o755)
    got = transcript.run("setpriv --reuid=65534 --regid=65534 --clear-groups subidctl list",
                         ENVIRONMENT)
    # where lines are counted, libgcov tells that another user may not write them down
    got = "".join(line for line in got.splitlines(True) if not line.startswith("! profiling:"))
    return tap.equal(name, got.split("\n", 1)[1],
                     "! subidctl: cannot connect to the daemon at socket: Permission denied; be root or join "
                     "the group subidd\n=> 3\n")


def make_daemon_program():
    """Stands in for subidd --check."""
    program = pathlib.Path("daemon")
    program.write_text('#!/bin/sh\necho "daemon called with: $*"\nexit 1\n', encoding="ascii")
    program.chmod(0o755)


def main():
    wanted = pathlib.Path(__file__).with_name("fake.txt")
    tap = transcript.Tap()
    with tempfile.TemporaryDirectory(prefix="subidd-cli-") as folder:
        os.chdir(folder)
        make_daemon_program()
        daemon = fake_daemon.FakeDaemon("socket")
        transcript.compare(tap, wanted, ENVIRONMENT)
        test_colour(tap)
        test_json(tap)
        test_denied_reload(tap, daemon)
        test_sound_pools(tap, daemon)
        test_watch(tap, daemon)
        test_whois_file(tap)
        test_whois_process(tap)
        test_closed_socket(tap)
        daemon.close()
        os.chdir("/")
    tap.done()


main()
