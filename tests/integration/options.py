# SPDX-License-Identifier: MIT
"""The command line: help, version, mistakes, --check, and where socket and state go."""

import json
import os
import re
import subprocess

from client import ALLOCATOR, INTERFACES
from harness import KUBELET_LINE, SUBIDD, TIMEOUT, UNIT, Daemon, Scratch, case, equal, main, run_subidd

POOL = INTERFACES[ALLOCATOR].types["Pool"]
OPTIONS = ("config", "root", "socket", "state-dir", "log-level", "check", "json", "version", "help")


@case("--help names every option and --version the version")
def help_and_version():
    for option in ("--help", "-h"):
        status, output, errors = run_subidd(option)
        equal((status, errors), (0, ""))
        for name in OPTIONS:
            assert f"--{name}" in output, name
        assert all(len(line) <= 100 for line in output.splitlines())
    status, output, errors = run_subidd("--version")
    equal((status, errors), (0, ""))
    assert re.fullmatch(r"subidd \d+\.\d+\.\d+\n", output), output


WRONG = (["--nothing"], ["-x"], ["word"], ["--check", "word"], ["--root"], ["--socket"], ["--state-dir"], ["--config"],
         ["--log-level"], ["--log-level", "loud"], ["--log-level", ""], ["--json"], ["--root", ""], ["--check=yes"],
         ["--socket", ""], ["--state-dir", ""], ["--config", ""], ["--"  , "word"], ["--check", ""])


def wrong_case(arguments):
    """Status 2, nothing on standard output, and a line that says what is wrong."""
    @case(f"wrong: {' '.join(arguments) or 'nothing'}{' (empty)' if not arguments[-1] else ''}")
    def wrong():
        with Scratch() as scratch:
            root = [] if "--root" in arguments else ["--root", scratch.path]
            status, output, errors = run_subidd(*root, *arguments)
            equal((status, output), (2, ""), errors)
            assert errors.startswith("subidd: ") or "subidd --help" in errors, errors
            assert 1 <= len(errors.splitlines()) <= 2, errors
            assert not scratch.state.exists()


for words in WRONG:
    wrong_case(words)


@case("--check of a good pool exits 0, says its range, and opens no database")
def check_good():
    with Scratch() as scratch:
        status, output, errors = run_subidd("--root", scratch.path, "--check")
        equal((status, errors), (0, ""))
        assert output.startswith("pool kubelet (owner kubelet): valid, 65536:7208960, 110 units"), output
        assert f"warning well-known-range {scratch.etc}/subuid:1: " in output, output
        assert not (scratch.path / "var").exists() and not (scratch.path / "run").exists()


@case("--check of a bad pool exits 1 and shows every finding with file and line")
def check_bad():
    with Scratch() as scratch:
        scratch.write("subuid", "# a comment\nkubelet:65537:7208960\n")
        status, output, errors = run_subidd("--root", scratch.path, "--check")
        equal((status, errors), (1, ""))
        for rule, file in (("start-unaligned", "subuid:2"), ("uid-gid-mismatch", "subgid:1")):
            assert f"error {rule} {scratch.etc}/{file}: " in output, output


@case("--check --json is one object in the shape of the interface")
def check_json():
    with Scratch(config="[Pool kubelet]\n[Pool containers]\n") as scratch:
        status, output, errors = run_subidd("--root", scratch.path, "--check", "--json")
        equal((status, errors), (1, ""))
        pools = json.loads(output)["pools"]
        for pool in pools:
            INTERFACES[ALLOCATOR].check(*POOL, pool, pool["name"])
        equal([(pool["name"], pool["valid"]) for pool in pools], [("kubelet", True), ("containers", False)])
        equal({f["rule"] for f in pools[1]["findings"] if f["level"] == "error"}, {"no-entry"})


@case("--check of a broken configuration exits 1 with file and line")
def check_broken():
    with Scratch(config="[Daemon]\n\nAllowUser=alice\n") as scratch:
        for more in ([], ["--json"]):
            status, output, errors = run_subidd("--root", scratch.path, "--check", *more)
            equal((status, output), (1, ""))
            assert f"{scratch.etc}/subidd/subidd.conf:3: " in errors and "AllowUser" in errors, errors


@case("--check works beside a daemon at work")
def check_beside():
    with Scratch() as scratch, Daemon(scratch) as daemon, daemon.client() as client:
        equal(run_subidd("--root", scratch.path, "--check")[0], 0)
        equal(client.call("Allocate", pod="a")["outcome"], "created")


@case("--check says so when standard output is full")
def check_full():
    with Scratch() as scratch, open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([SUBIDD, "--root", str(scratch.path), "--check"], stdout=full, stderr=subprocess.PIPE,
                              timeout=TIMEOUT, check=False, text=True)
        equal(done.returncode, 1)
        assert "No space" in done.stderr, done.stderr


@case("--config takes the file and its folder of drop-ins, and must be there")
def config_option():
    with Scratch() as scratch:
        scratch.config("[Pool kubelet]\nMaxPods=5\n", "my.conf")
        scratch.config("[Pool kubelet]\nMaxPods=7\n", "my.conf.d/1.conf")
        scratch.config("nonsense", "subidd/subidd.conf")
        status, output, _ = run_subidd("--root", scratch.path, "--config", scratch.etc / "my.conf", "--check")
        equal(status, 0)
        assert "for 7 pods" in output, output
        status, _, errors = run_subidd("--root", scratch.path, "--config", scratch.etc / "none.conf", "--check")
        equal(status, 1)
        assert f"{scratch.etc}/none.conf" in errors, errors


@case("a broken configuration at the start: status 3 with file and line")
def broken_at_start():
    for text, line in (("[Nothing]\n", 1), ("[Pool kubelet]\nMaxPods=many\n", 2), ("x\n", 1), ("[Daemon]\n\n\nA=1\n", 4)):
        with Scratch(config=text) as scratch:
            status, _, errors = run_subidd("--root", scratch.path)
            equal(status, 3)
            assert f"{scratch.etc}/subidd/subidd.conf:{line}: " in errors, errors
            equal(len(errors.splitlines()), 1)
            assert not scratch.socket.exists()


@case("--socket and --state-dir go where they say, folders and all")
def places():
    with Scratch() as scratch:
        scratch.socket, state = scratch.path / "a/b/socket", scratch.path / "c/d/state"
        with Daemon(scratch, "--socket", str(scratch.socket), "--state-dir", str(state)) as daemon, \
                daemon.client() as client:
            equal(client.call("GetStatus")["store"]["path"], f"{state}/allocations.db")
            assert not (scratch.path / "var").exists() and not (scratch.path / "run").exists()


@case("--root works with a relative path and with slashes at its end")
def relative_root():
    with Scratch() as scratch:
        name = scratch.path.name
        for root in (name, f"./{name}", f"{name}//", f"{scratch.path}/"):
            command = [SUBIDD, "--root", root]
            with Daemon(scratch, command=command, cwd=scratch.path.parent) as daemon, daemon.client() as client:
                equal(client.call("GetStatus")["pools"][0]["valid"], True)


@case("log levels: error is silent, debug says more than info")
def log_levels():
    lines = {}
    for level in ("error", "warning", "info", "debug"):
        with Scratch() as scratch, Daemon(scratch, "--log-level", level) as daemon:
            mark = daemon.log.mark()
            if level == "debug":
                scratch.replace("subuid", KUBELET_LINE + "\n")
                daemon.log.wait("have changed", mark)
            daemon.stop()
            lines[level] = len(daemon.log.lines)
    equal((lines["error"], lines["warning"]), (0, 0))
    assert 0 < lines["info"] < lines["debug"], lines


def read_until_ready(environment):
    """What the daemon says on a pipe that it may take for the journal's stream."""
    reading, writing = os.pipe()
    status = os.fstat(writing)
    environment = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"} | {
        name: value.format(dev=status.st_dev, ino=status.st_ino) for name, value in environment.items()}
    lines = []
    with Scratch("kubelet:1:65536") as scratch, open(reading, encoding="utf-8") as output:
        process = subprocess.Popen([SUBIDD, "--root", str(scratch.path)], env=environment, stderr=writing)
        os.close(writing)
        for line in output:
            lines.append(line)
            if "is ready" in line:
                break
        process.terminate()
        equal(process.wait(timeout=TIMEOUT), 0)
    return lines


@case("under the journal each line carries its priority, and not where its variable was only inherited")
def journal():
    for line in read_until_ready({"JOURNAL_STREAM": "{dev}:{ino}"}):
        assert re.match(r"<[346]>", line), line
    for line in read_until_ready({"JOURNAL_STREAM": "1:2"}):
        assert line.startswith("subidd: "), line


@case("with an invalid pool it starts, says why, and serves the rest")
def invalid_at_start():
    with Scratch(f"kubelet:65537:{UNIT}") as scratch, Daemon(scratch) as daemon, daemon.client() as client:
        daemon.log.wait("warning: pool kubelet is invalid: .*subuid")
        equal(client.list(), [])


main()
