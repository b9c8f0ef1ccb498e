# SPDX-License-Identifier: MIT
"""subidctl against a transcript: test_cli.py BUILD_FOLDER [--update]

Each block of transcript.txt is a shell command after "$ ", what it prints ("! " marks a line on
standard error) and its exit status. The fake daemon listens at ./socket. --update writes it anew.
"""

import json
import os
import pathlib
import pty
import re
import shlex
import subprocess
import sys
import tempfile

import fake_daemon

BUILD = pathlib.Path(sys.argv[1]).resolve()
TRANSCRIPT = pathlib.Path(__file__).with_name("transcript.txt")


def environment():
    return {"PATH": f"{BUILD / 'cli'}:{os.environ['PATH']}", "TZ": "UTC0", "LC_ALL": "C.UTF-8",
            "SUBIDD_SOCKET": "socket", "SUBIDD_DAEMON": "./daemon", "TERM": "xterm",
            **{key: os.environ[key] for key in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if key in os.environ}}


def run(command):
    """What a block should look like."""
    result = subprocess.run(["/bin/sh", "-c", command], env=environment(), text=True, timeout=60,
                            capture_output=True, stdin=subprocess.DEVNULL, check=False)
    errors = "".join(f"! {line}\n" for line in result.stderr.splitlines())
    return f"$ {command}\n{result.stdout}{errors}=> {result.returncode}\n"


def blocks(text):
    """The blocks of a transcript, with comments as blocks of their own."""
    return re.findall(r"^#.*\n|^\$ (?:.*\n)*?=> \d+\n", text, re.MULTILINE)


def command_of(block):
    return block.split("\n", 1)[0].removeprefix("$ ")


class Tap:
    """Prints results, and what was different."""

    def __init__(self):
        self.n = self.failed = 0

    def equal(self, name, got, wanted):
        self.n += 1
        self.failed += got != wanted
        print(f"{'ok' if got == wanted else 'not ok'} {self.n} - {name.replace('#', '')}")
        if got != wanted:
            for what, text in ("got", got), ("wanted", wanted):
                print("\n".join(f"# {what}: {line}" for line in str(text).splitlines()))


def on_terminal(command, **more):
    """What the command prints on a terminal."""
    leader, follower = pty.openpty()
    with subprocess.Popen(shlex.split(command), env={**environment(), **more}, stdout=follower,
                          stdin=subprocess.DEVNULL):
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
    tap.equal("colour on a terminal", "\x1b[31minvalid\x1b[0m" in on_terminal("subidctl status"), True)
    tap.equal("no colour under NO_COLOR", "\x1b" in on_terminal("subidctl status", NO_COLOR="1"), False)
    tap.equal("an empty NO_COLOR is none", "\x1b" in on_terminal("subidctl status", NO_COLOR=""), True)
    tap.equal("no colour on a dumb terminal", "\x1b" in on_terminal("subidctl status", TERM="dumb"), False)


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
            "list": {"allocations": [row for reply in fake_daemon.listed({})
                                     for row in reply["allocations"]]},
            "list --pool many": {"allocations": [row for reply in fake_daemon.listed({"pool": "many"})
                                                 for row in reply["allocations"]]},
    }.items():
        result = subprocess.run(["subidctl", "--json", *command.split()], env=environment(), text=True,
                                capture_output=True, check=False)
        tap.equal(f"--json {command}", json.loads(result.stdout), wanted)
    for name in "oci", "cri", "kubelet":
        result = subprocess.run(["subidctl", "show", "web", "-o", name], env=environment(), text=True,
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
        result = subprocess.run(["subidctl", "reload"], env=environment(), text=True,
                                capture_output=True, check=False)
        tap.equal(f"reload: {refusal}", (result.stderr, result.returncode), (wanted, 1))
    daemon.refusal = None


def test_sound_pools(tap, daemon):
    daemon.status = {**fake_daemon.STATUS, "pools": [fake_daemon.pool("kubelet")]}
    for command, wanted in (
            ("check", "pool kubelet (owner kubelet): valid, 65536:7208960, 110 units of 65536 for 110 "
                      "pods\n"),
            ("status", "calls        17\n")):
        result = subprocess.run(["subidctl", command], env=environment(), text=True,
                                capture_output=True, check=False)
        tap.equal(f"{command} of sound pools", (result.stdout[-len(wanted):], result.returncode),
                  (wanted, 0))
    daemon.status = None


def test_closed_socket(tap):
    """Somebody who may not open the socket is told how to get in."""
    if os.geteuid() != 0 or not os.access("/usr/bin/setpriv", os.X_OK):
        return
    os.chmod("socket", 0o660)
    os.chmod(".", 0o755)
    got = run("setpriv --reuid=65534 --regid=65534 --clear-groups subidctl list")
    tap.equal("a socket that may not be opened", got.split("\n", 1)[1],
              "! subidctl: cannot connect to the daemon at socket: Permission denied; be root or join "
              "the group subidd\n=> 3\n")


def make_daemon_program():
    """Stands in for subidd --check."""
    program = pathlib.Path("daemon")
    program.write_text('#!/bin/sh\necho "daemon called with: $*"\nexit 1\n', encoding="ascii")
    program.chmod(0o755)


def main():
    text = TRANSCRIPT.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="subidd-cli-") as folder:
        os.chdir(folder)
        make_daemon_program()
        daemon = fake_daemon.FakeDaemon("socket")
        if "--update" in sys.argv:
            TRANSCRIPT.write_text("\n".join(block if block[0] == "#" else run(command_of(block))
                                            for block in blocks(text)), encoding="utf-8")
            return 0
        tap = Tap()
        for block in blocks(text):
            if block[0] == "$":
                tap.equal(command_of(block), run(command_of(block)), block)
        test_colour(tap)
        test_json(tap)
        test_denied_reload(tap, daemon)
        test_sound_pools(tap, daemon)
        test_closed_socket(tap)
        daemon.close()
        os.chdir("/")
    print(f"1..{tap.n}")
    return tap.failed > 0


sys.exit(main())
