#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints what gcovr counted, by folder, with the lowest files: coverage.py SUMMARY LEAST

Fails if fewer than LEAST percent of the lines of daemon/, proto/ or lib/, or of nothing at all, were run.
"""

import collections
import json
import sys

N_LOWEST = 15
COUNTS = ("line_covered", "line_total", "branch_covered", "branch_total")


def percent(part, whole):
    """Of nothing it is all."""
    return 100 * part / whole if whole else 100.0


def row(name, counts):
    """A line of the table."""
    lines, branches = counts[:2], counts[2:]
    print(f"{name:30} {percent(*lines):5.1f} % of {lines[1]:5} lines"
          f" {percent(*branches):5.1f} % of {branches[1]:5} branches")


def main():
    with open(sys.argv[1], encoding="utf-8") as summary:
        files = {one["filename"]: [one[name] for name in COUNTS] for one in json.load(summary)["files"]}
    folders = collections.defaultdict(lambda: [0] * len(COUNTS))
    for name, counts in files.items():
        parts = name.split("/")
        for folder in {parts[0] + "/", "/".join(parts[:-1]) + "/"}:
            folders[folder] = [a + b for a, b in zip(folders[folder], counts)]
    for name, counts in sorted(folders.items()):
        row(name, counts)
    print("The lowest files:")
    for name, counts in sorted(files.items(), key=lambda item: percent(*item[1][:2]))[:N_LOWEST]:
        row(name, counts)
    low = [name for name in ("daemon/", "proto/", "lib/")
           if name not in folders or percent(*folders[name][:2]) < float(sys.argv[2])]
    if low:
        sys.exit(f"less than {sys.argv[2]} % of the lines were run: {', '.join(low)}")


main()
