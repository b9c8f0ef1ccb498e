#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts what a run of `meson test` found: results.py BUILD_FOLDER

Prints "PASSED FAILED SKIPPED" and, on standard error, the logs of the tests that failed. A test that
speaks TAP counts as many times as it has results; one that dies behind a last good result (a leak,
say) counts as failed once more.
"""

import json
import pathlib
import sys
import xml.etree.ElementTree

MAX_LOG_LINES = 200


def tap_results(folder):
    """(passed, failed, skipped) of each test with several results, by its name."""
    counted = {}
    for suite in xml.etree.ElementTree.parse(folder / "testlog.junit.xml").iter("testsuite"):
        cases = [{child.tag for child in case} for case in suite.iter("testcase")]
        failed = sum(bool(case & {"failure", "error"}) for case in cases)
        skipped = sum("skipped" in case for case in cases)
        name = suite.get("name").partition(".")[2]
        counted[name] = (len(cases) - failed - skipped, failed, skipped)
    return counted


def is_good(test):
    """Did it pass, or say that it was skipped? To meson, TAP without a word counts as skipped."""
    if test["result"] == "SKIP" and test["returncode"] == 0:
        return "skip" in test["stdout"].lower()
    return test["result"] in ("OK", "EXPECTEDFAIL", "SKIP")


def result_of(test, counted):
    """(passed, failed, skipped) of one test."""
    good, skip = is_good(test), test["result"] == "SKIP"
    if test["name"] not in counted:
        return (int(good and not skip), int(not good), int(good and skip))
    passed, failed, skipped = counted[test["name"]]
    return (passed, max(failed, int(not good)), skipped)


def show(test):
    """Prints why a test failed: its results that are not ok with what follows, and its errors."""
    print(f"\n=== {test['name']}: {test['result']}", file=sys.stderr)
    print(f"    {' '.join(test['command'])}", file=sys.stderr)
    lines, bad = [], False
    for line in test.get("stdout", "").splitlines():
        if line.startswith(("ok ", "not ok ")):
            bad = line.startswith("not ")
        if bad or not line.startswith("ok "):
            lines.append(line)
    lines += test.get("stderr", "").splitlines()
    print("\n".join(lines[-MAX_LOG_LINES:]), file=sys.stderr)


def read(build):
    """The tests of the last run in a build folder, each with its (passed, failed, skipped)."""
    folder = pathlib.Path(build, "meson-logs")
    with (folder / "testlog.json").open(encoding="utf-8") as log:
        tests = [json.loads(line) for line in log]
    counted = tap_results(folder)
    return [(test, result_of(test, counted)) for test in tests]


def main():
    try:
        run = read(sys.argv[1])
    except (OSError, ValueError, xml.etree.ElementTree.ParseError) as error:
        print(f"no results in {sys.argv[1]}: {error}", file=sys.stderr)
        print(0, 1, 0)
        return
    for test, _ in run:
        if not is_good(test):
            show(test)
    print(*map(sum, zip((0, 0, 0), *[result for _, result in run])))


if __name__ == "__main__":
    main()
