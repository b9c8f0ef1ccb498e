# SPDX-License-Identifier: MIT
"""The numbers of tools/test: a project whose tests end in every way there is, counted."""

import pathlib
import sys
import tempfile

import checks

COUNT = checks.SOURCE_ROOT / "tools/lib/results.py"
sys.path.insert(0, str(COUNT.parent))
import results  # the module under test, found only now

# Name of a test, its protocol, what it does, and what it counts for: passed, failed, skipped.
TESTS = [
    ("all-good", "tap", "echo 1..2; echo ok 1; echo ok 2", (2, 0, 0)),
    ("one-bad", "tap", "echo 1..2; echo ok 1; echo not ok 2; exit 1", (1, 1, 0)),
    ("one-skipped", "tap", "echo 1..2; echo ok 1; echo 'ok 2 # SKIP not here'", (1, 0, 1)),
    ("all-skipped", "tap", "echo '1..0 # SKIP not here'", (0, 0, 1)),
    ("leaks-behind-the-last", "tap", "echo 1..2; echo ok 1; echo ok 2; exit 1", (2, 1, 0)),
    ("dies-between", "tap", "echo 1..2; echo ok 1; kill -SEGV $$", (1, 1, 0)),
    ("says-nothing", "tap", "exit 0", (0, 1, 0)),
    ("hangs", "tap", "echo 1..2; echo ok 1; exec sleep 60", (1, 1, 0)),
    ("plain-good", "exitcode", "exit 0", (1, 0, 0)),
    ("plain-bad", "exitcode", "exit 1", (0, 1, 0)),
    ("plain-skipped", "exitcode", "exit 77", (0, 0, 1)),
    ("plain-hangs", "exitcode", "exec sleep 60", (0, 1, 0)),
]


def run_all(folder):
    """Runs the tests in a project of their own and returns its build folder."""
    lines = ["project('counted')"]
    for name, protocol, script, _ in TESTS:
        (folder / f"{name}.sh").write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (folder / f"{name}.sh").chmod(0o755)
        lines.append(f"test('{name}', find_program('./{name}.sh'), protocol: '{protocol}', timeout: 1)")
    (folder / "meson.build").write_text("\n".join(lines) + "\n", encoding="utf-8")
    setup = checks.run("meson", "setup", folder / "build", folder)
    tests = checks.run("meson", "test", "-C", folder / "build", "--no-rebuild")
    return folder / "build", setup.stdout + tests.stdout


def main():
    checks.need("meson")
    report = checks.Results()
    with tempfile.TemporaryDirectory() as folder:
        build, output = run_all(pathlib.Path(folder))
        report.report("a run of tests", [] if (build / "meson-logs/testlog.json").exists() else
                      [output])
        counted = {test["name"]: result for test, result in results.read(build)}
        for name, _, _, wanted in TESTS:
            report.report(f"counts {name}", [] if counted.get(name) == wanted else
                          [f"{counted.get(name)} in place of {wanted}"])
        shown = checks.run(COUNT, build).stdout.splitlines()[-1]
        wanted = " ".join(str(sum(numbers)) for numbers in zip(*[test[3] for test in TESTS]))
        report.report("adds them up", [] if shown == wanted else [f"{shown} in place of {wanted}"])
        shown = checks.run(COUNT, folder).stdout.splitlines()[-1]
        report.report("counts a run without results as failed", [] if shown == "0 1 0" else [shown])
    report.done()


main()
