# SPDX-License-Identifier: MIT
"""Transcripts of shell commands: what the tests compare subidctl with.

Each block is a command after "$ ", what it prints ("! " marks a line on standard error) and its
exit status; blocks are run one after the other in a scratch folder. Lines that begin with # are
headings.
"""

import os
import pathlib
import re
import subprocess
import sys

BUILD = pathlib.Path(sys.argv[1]).resolve()


def environment(**more):
    """What commands run in, the sanitizers' settings included."""
    kept = {key: os.environ[key] for key in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if key in os.environ}
    return {"PATH": f"{BUILD / 'cli'}:{BUILD / 'daemon'}:{os.environ['PATH']}", "TZ": "UTC0",
            "LC_ALL": "C.UTF-8", "TERM": "xterm", **kept, **more}


def same(text):
    return text


def run(command, env, mask=same, fill=same):
    """The block of a command as it is now; MASK replaces what is different each time, FILL puts
    that into the command."""
    result = subprocess.run(["/bin/sh", "-c", fill(command)], env=env, text=True, timeout=60,
                            capture_output=True, stdin=subprocess.DEVNULL, check=False)
    errors = "".join(f"! {line}\n" for line in result.stderr.splitlines())
    return f"$ {command}\n{mask(result.stdout)}{mask(errors)}=> {result.returncode}\n"


def compare(tap, path, env, mask=same, fill=same):
    """Compares each block of the file with what its command does; with --update writes it anew."""
    blocks = re.findall(r"^#.*\n|^\$ (?:.*\n)*?=> \d+\n", path.read_text(encoding="utf-8"), re.MULTILINE)
    done = []
    for block in blocks:
        if block[0] == "$":
            command = block.split("\n", 1)[0].removeprefix("$ ")
            done.append(run(command, env, mask, fill))
            if "--update" not in sys.argv:
                tap.equal(command, done[-1], block)
        else:
            done.append(block)
    if "--update" in sys.argv:
        path.write_text("\n".join(done), encoding="utf-8")


class Tap:
    """Prints results, and what was different."""

    def __init__(self):
        self.n = self.failed = 0

    def skip(self, name, reason):
        """What cannot be tried here says so by name."""
        self.n += 1
        print(f"ok {self.n} - {name} # SKIP {reason}")

    def equal(self, name, got, wanted):
        """A result: it passed if both are the same."""
        self.n += 1
        self.failed += got != wanted
        print(f"{'ok' if got == wanted else 'not ok'} {self.n} - {name.replace('#', '')}")
        if got != wanted:
            for what, text in ("got", got), ("wanted", wanted):
                print("\n".join(f"# {what}: {line}" for line in str(text).splitlines()))

    def done(self):
        """Closes the TAP stream and leaves the program."""
        print(f"1..{self.n}")
        sys.exit(self.failed > 0)
