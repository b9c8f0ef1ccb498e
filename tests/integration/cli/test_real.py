# SPDX-License-Identifier: MIT
"""subidctl against the real daemon on a scratch root: test_real.py BUILD_FOLDER [--update]"""

import itertools
import json
import os
import pathlib
import re
import select
import signal
import subprocess
import tempfile

import transcript

# A range that no other software has by default, so that no pool has warnings. The transcript has
# the first one of many: this run's own, because a range that another run maps would be foreign.
BASE, SIZE = 2000224256, 196608
SHIFT = SIZE * (os.getpid() % 700)
START = BASE + SHIFT


def shift(text, by):
    """Moves all IDs of the range, and the one behind it, by so many."""
    return re.sub(r"(?<!\d)2\d{9}(?!\d)", lambda match: str(int(match[0]) + by)
                  if 0 <= int(match[0]) + max(by, 0) - START <= SIZE else match[0], text)


FILES = {
    "subuid": f"kubelet:{START}:{SIZE}\n",
    "subgid": f"kubelet:{START}:{SIZE}\n",
    "passwd": "root:x:0:0::/root:/bin/sh\nkubelet:x:999:999::/:/usr/sbin/nologin\n",
    "group": "root:x:0:\nkubelet:x:999:\n",
    "subidd/subidd.conf": "[Pool kubelet]\nMaxPods=3\n",
}

ENVIRONMENT = transcript.environment(SUBIDD_SOCKET="root/run/subidd/io.subidd.Allocator",
                                     SUBIDD_DAEMON=str(transcript.BUILD / "daemon" / "subidd"))


def mask(text):
    """Times, versions and sizes are different each time, and so is the scratch folder."""
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", "TIME", text)
    text = re.sub(r'("(?:createdAt|releasedAt|startedAt)":)\d+', r"\1TIME", text)
    text = re.sub(r"(schema \d+, \d+ allocations, )\d+ events, \d+ bytes", r"\1N events, SIZE bytes", text)
    text = re.sub(r"^(copy: )\d+ bytes", r"\1SIZE bytes", text, flags=re.M)
    text = re.sub(r"\d+ processes in [\d.]+ ms", "N processes in N ms", text)
    text = re.sub(r"\b(PID|process) \d+", r"\1 N", text)
    # a PID makes its column as wide as it is long
    text = re.sub(r"^TIME .*", lambda row: re.sub(" {2,}", "  ", row[0]), text, flags=re.M)
    return shift(text.replace(os.getcwd() + "/", ""), -SHIFT)


def make_root():
    for name, text in FILES.items():
        path = pathlib.Path("root/etc", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")


def make_await():
    """A program: runs a command until it prints a line with the pattern, and prints that."""
    program = pathlib.Path("await")
    program.write_text('#!/bin/sh\npattern=$1\nshift\n'
                       'until "$@" | grep -e "$pattern"; do sleep 0.02; done\n', encoding="ascii")
    program.chmod(0o755)


def start_daemon():
    """Starts the daemon and waits until it says that it is ready."""
    daemon = subprocess.Popen(["subidd", "--root", "root"], env=ENVIRONMENT, text=True,
                              stderr=subprocess.PIPE)
    said = []
    for line in daemon.stderr:
        if line.rstrip().endswith("is ready"):
            return daemon
        said.append(line)
    raise RuntimeError(f"the daemon did not start: {said}")


def start_watch():
    """Watches and returns the process when it has printed an event."""
    process = subprocess.Popen(["subidctl", "--json", "watch"], env=ENVIRONMENT,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    # to bind it to the same process again would be no event
    for pid in itertools.cycle((os.getpid(), os.getppid())):
        if select.select([process.stdout], [], [], 0.02)[0]:
            break
        subprocess.run(["subidctl", "bind", "db", str(pid)], env=ENVIRONMENT,
                       stdout=subprocess.DEVNULL, check=True)
    return process, json.loads(process.stdout.readline())


def test_watch(tap):
    process, event = start_watch()
    tap.equal("watch prints an event", {key: event[key] for key in ("kind", "pod", "start")},
              {"kind": "bound", "pod": "db", "start": START + 65536})
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=60)[1]
    tap.equal("watch ends on SIGINT", (errors, process.returncode), ("", 0))


def test_unshare(tap):
    """unshare(1) takes what -o unshare prints, with the range in root's own entries."""
    name = "unshare takes it"
    if os.geteuid() != 0:
        return tap.skip(name, "mounts need root")
    if subprocess.run(["unshare", "--mount", "unshare", "--user", "true"], stderr=subprocess.DEVNULL,
                      check=False).returncode != 0:
        return tap.skip(name, "no namespaces can be made here")
    pathlib.Path("entries").write_text(f"root:{START}:{SIZE}\n", encoding="ascii")
    script = ("mount --bind entries /etc/subuid && mount --bind entries /etc/subgid && "
              "unshare --user $(subidctl show db -o unshare) cat /proc/self/uid_map /proc/self/gid_map")
    result = subprocess.run(["unshare", "--mount", "sh", "-c", script], env=ENVIRONMENT, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=60)
    return tap.equal(name, result.stdout.split(), ["0", str(START + 65536), "65536"] * 2)


def main():
    tap = transcript.Tap()
    with tempfile.TemporaryDirectory(prefix="subidd-cli-") as folder:
        os.chdir(folder)
        make_root()
        make_await()
        with start_daemon() as daemon:
            try:
                transcript.compare(tap, pathlib.Path(__file__).with_name("real.txt"), ENVIRONMENT, mask,
                                   lambda command: shift(command, SHIFT))
                test_unshare(tap)
                test_watch(tap)
                watch, _ = start_watch()
            finally:
                daemon.terminate()
                daemon.communicate(timeout=60)
        tap.equal("the daemon stops cleanly", daemon.returncode, 0)
        errors = watch.communicate(timeout=60)[1]
        tap.equal("watch ends with the daemon", (errors.split(";")[-1], watch.returncode),
                  (" see journalctl -u subidd\n", 3))
        os.chdir("/")
    tap.done()


main()
