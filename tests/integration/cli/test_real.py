# SPDX-License-Identifier: MIT
"""subidctl against the real daemon on a scratch root: test_real.py BUILD_FOLDER [--update]"""

import os
import pathlib
import re
import subprocess
import tempfile

import transcript

# A range that no other software has by default, so that no pool has warnings.
FILES = {
    "subuid": "kubelet:2000224256:196608\n",
    "subgid": "kubelet:2000224256:196608\n",
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
    text = re.sub(r"\d+ processes in [\d.]+ ms", "N processes in N ms", text)
    return text.replace(os.getcwd() + "/", "")


def make_root():
    for name, text in FILES.items():
        path = pathlib.Path("root/etc", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")


def start_daemon():
    """Starts the daemon and waits until it says that it is ready."""
    daemon = subprocess.Popen(["subidd", "--root", "root"], env=ENVIRONMENT, text=True,
                              stderr=subprocess.PIPE)
    for line in daemon.stderr:
        if line.rstrip().endswith("is ready"):
            return daemon
    raise RuntimeError("the daemon did not start")


def test_unshare(tap):
    """unshare(1) takes what -o unshare prints, with the range in root's own entries."""
    name = "unshare takes it"
    if os.geteuid() != 0:
        return tap.skip(name, "mounts need root")
    if subprocess.run(["unshare", "--mount", "unshare", "--user", "true"], stderr=subprocess.DEVNULL,
                      check=False).returncode != 0:
        return tap.skip(name, "no namespaces can be made here")
    pathlib.Path("entries").write_text("root:2000224256:196608\n", encoding="ascii")
    script = ("mount --bind entries /etc/subuid && mount --bind entries /etc/subgid && "
              "unshare --user $(subidctl show db -o unshare) cat /proc/self/uid_map /proc/self/gid_map")
    result = subprocess.run(["unshare", "--mount", "sh", "-c", script], env=ENVIRONMENT, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=60)
    return tap.equal(name, result.stdout.split(), ["0", "2000289792", "65536"] * 2)


def main():
    tap = transcript.Tap()
    with tempfile.TemporaryDirectory(prefix="subidd-cli-") as folder:
        os.chdir(folder)
        make_root()
        with start_daemon() as daemon:
            try:
                transcript.compare(tap, pathlib.Path(__file__).with_name("real.txt"), ENVIRONMENT, mask)
                test_unshare(tap)
            finally:
                daemon.terminate()
                daemon.communicate(timeout=60)
        tap.equal("the daemon stops cleanly", daemon.returncode, 0)
        os.chdir("/")
    tap.done()


main()
