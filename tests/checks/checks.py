# SPDX-License-Identifier: MIT
"""What the checks share: the list of sources, and results in TAP.

A check is a function that takes a file's path and text (or whatever it looks at) and returns a list
of problems, each a line for people. Every check is tried on a planted sample before it is believed.
"""

import os
import pathlib
import shutil
import subprocess
import sys

SOURCE_ROOT = pathlib.Path(__file__).resolve().parents[2]


def build_root():
    """The build folder, which meson passes as the first argument."""
    return pathlib.Path(sys.argv[1])


def sources(*suffixes):
    """The project's files, sorted, build folders and hidden ones left out."""
    found = []
    for folder, subfolders, names in os.walk(SOURCE_ROOT):
        subfolders[:] = [name for name in subfolders
                         if not name.startswith((".git", "build")) and name != "__pycache__"]
        found += [pathlib.Path(folder, name) for name in names]
    return sorted(path for path in found if not suffixes or path.name.endswith(suffixes))


def relative(path):
    """The path as people know it."""
    return path.relative_to(SOURCE_ROOT) if path.is_relative_to(SOURCE_ROOT) else path


def run(*command, **options):
    """Runs a command and returns its result, with standard error in the output."""
    return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options)


def need(*tools):
    """Skips the whole check where a tool is missing."""
    for tool in tools:
        if not shutil.which(tool):
            skip_all(f"{tool} is not installed")


def skip_all(reason):
    """Leaves with every result of this check skipped."""
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)


class Results:
    """Prints one TAP line a result; leave the program with done()."""

    def __init__(self):
        self.n_results = 0
        self.n_failed = 0

    def report(self, name, problems):
        """A result: it passed if there is no problem."""
        self.n_results += 1
        self.n_failed += bool(problems)
        print(f"{'not ok' if problems else 'ok'} {self.n_results} - {name}")
        for problem in problems:
            for line in str(problem).splitlines():
                print(f"# {line}")

    def planted(self, name, problems):
        """The check itself is tried: a planted mistake must be found."""
        self.report(f"finds: {name}", [] if problems else ["the check did not see what was planted"])

    def done(self):
        """Closes the TAP stream."""
        print(f"1..{self.n_results}")
        sys.exit(self.n_failed > 0)
