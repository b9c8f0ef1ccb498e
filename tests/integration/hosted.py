# SPDX-License-Identifier: MIT
"""A node in a mount namespace: the machine's own programs see a scratch root's /etc and /run, and nothing else
is touched. So set-user-ID programs, which no variable can lead elsewhere, read our nsswitch.conf, accounts and
subuid, find our module, and reach our daemon."""

import os
import pathlib
import shutil
import subprocess
import sys

from client import TIMEOUT
from harness import IS_ROOT, UNIT, Scratch, Skip
from living import need

MODULE = os.environ.get("SUBID_MODULE") or str(
    pathlib.Path(__file__).resolve().parents[2] / "build/runtime/libsubid_subidd.so")
ALICE = 1001
ENTER = ('mount --bind "$0/etc" /etc && mount --bind "$0/run" /run && exec "$@"')


class Node(Scratch):
    """A scratch root with the module in it, as `subid: subidd` wants it."""

    def __init__(self, first_unit, n_units, lines=(), config=None):
        if not IS_ROOT:
            raise Skip("needs root")
        if not os.access(MODULE, os.R_OK):
            raise Skip(f"{MODULE} was not built")
        if "__asan" in subprocess.run(["nm", "-D", MODULE], capture_output=True, text=True, check=False).stdout:
            raise Skip("the module was built for a sanitizer, the programs of the machine were not")
        need("unshare", "--mount", "--propagation", "private")
        self.start, self.count = first_unit * UNIT, n_units * UNIT
        super().__init__(f"kubelet:{self.start}:{self.count}", config or f"[Pool kubelet]\nMaxPods={n_units}\n")
        self.entry(f"kubelet:{self.start}:{self.count}", *lines)
        self.source("subidd")
        (self.path / "run").mkdir()
        if pathlib.Path("/etc/login.defs").exists():
            shutil.copy("/etc/login.defs", self.etc)
        self.install()

    def source(self, name):
        """What nsswitch.conf names for subordinate IDs."""
        self.write("nsswitch.conf", f"passwd: files\ngroup: files\nsubid: {name}\n")

    def install(self):
        """Puts the module where the loader looks, which takes a cache of our own."""
        library = self.path / "lib"
        library.mkdir()
        shutil.copy(MODULE, library)
        configuration = self.path / "ld.so.conf"
        configuration.write_text(f"{library}\n", encoding="ascii")
        subprocess.run(["/sbin/ldconfig", "-X", "-f", configuration, "-C", self.etc / "ld.so.cache"], check=True,
                       timeout=TIMEOUT)

    def command(self, *words, user=None):
        """The words that run a command in it."""
        if not shutil.which(words[0]):
            raise Skip(f"{words[0]} is not installed")
        become = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups"] if user else []
        return [*map(str, ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, self.path,
                           *become, *words])]

    def run(self, *words, user=None, **options):
        """Runs a command in it: (status, standard output, standard error)."""
        done = subprocess.run(self.command(*words, user=user), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=TIMEOUT, check=False, **options)
        print("".join(f"# {words[0]}: {line}\n" for line in done.stderr.splitlines()), end="", file=sys.stdout)
        return done.returncode, done.stdout, done.stderr
