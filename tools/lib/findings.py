#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints what scan-build found: findings.py FOLDER, which it wrote with -plist. Fails if there is something.

Leaks are left out: version 14 does not know that _cleanup_ frees, so that each owning local is one. The
tests look for leaks, under LeakSanitizer and valgrind.
"""

import pathlib
import plistlib
import sys


def findings(folder):
    """(file, line, checker, description) of each, as often as it was found."""
    for path in pathlib.Path(folder).rglob("*.plist"):
        report = plistlib.loads(path.read_bytes())
        for found in report["diagnostics"]:
            place = found["location"]
            yield report["files"][place["file"]], place["line"], found["check_name"], found["description"]


def is_leak(checker, description):
    """Is it one of those that are left out?"""
    return checker == "unix.Malloc" and "leak" in description


def main():
    reports = list(pathlib.Path(sys.argv[1]).rglob("*.plist"))
    if not reports:
        sys.exit(f"no reports in {sys.argv[1]}")
    found = sorted({one for one in findings(sys.argv[1]) if not is_leak(*one[2:])})
    for file, line, checker, description in found:
        print(f"{file}:{line}: {description} [{checker}]")
    print(f"{len(reports)} files were looked at, {len(found)} findings")
    sys.exit(bool(found))


main()
