#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Other people's clients and servers of varlink against ours: foreign.py [--root FOLDER [--suite NAME]] [WORD...]

Tried are the Go and the Python implementation of the varlink project, asyncvarlink, and varlinkctl of systemd 257 or
newer, those of them that are installed. Debian 12 has only the first (varlink-go), Debian 13 most: tools/runtimes
runs this test there as well. --root takes what is not Go's out of FOLDER, a Debian sid or of another suite, which
debootstrap makes there first if there is none (root, 300 MB):

    tests/varlink/foreign.py --root /var/tmp/sid
"""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

import walk
from programs import SERVER, folder, listening, run_client, running, server
from client import ALLOCATOR, SERVICE, TIMEOUT, text_of
from harness import KUBELET_LINE, SUBIDD, UNIT, Daemon, Scratch, Skip, case, equal, main

HERE = pathlib.Path(__file__).resolve().parent


def option(name, default=None):
    """Takes an option out of the arguments: what stands behind it."""
    if name not in sys.argv:
        return default
    at = sys.argv.index(name)
    value = sys.argv[at + 1]
    del sys.argv[at:at + 2]
    return value


ROOT, SUITE = option("--root"), option("--suite", "sid")
ROOT = ROOT and pathlib.Path(ROOT).absolute()
GO = "varlink-go-certification"


def make_root():
    """A newer Debian, with what Debian 12 has not."""
    if (ROOT / "made").exists():
        return
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        sys.exit(f"foreign.py: {ROOT} can be made by root alone, and with debootstrap")
    print(f"# making a Debian {SUITE} in {ROOT}", flush=True)
    subprocess.run(["debootstrap", "--variant=minbase", "--include=systemd,python3-varlink", SUITE, ROOT],
                   stdout=subprocess.DEVNULL, check=True)
    # in sid alone
    subprocess.run(["chroot", ROOT, "apt-get", "install", "-q", "-y", "--no-install-recommends",
                    "python3-asyncvarlink", "python3-varlink-tests"],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    (ROOT / "made").touch()


def varlinkctl():
    """Its command: of the other root with the libraries of that one."""
    if not ROOT:
        if not shutil.which("varlinkctl"):
            raise Skip("varlinkctl is not installed (systemd 257 and newer have it)")
        return ["varlinkctl"]
    libraries = next((ROOT / "usr/lib").glob("*-linux-gnu*"))
    loader = next((ROOT / "usr").glob("lib*/**/ld-linux*"))
    return [loader, "--library-path", f"{libraries}:{libraries}/systemd", ROOT / "usr/bin/varlinkctl"]


def run_varlinkctl(*arguments, status=0, text=None):
    """What it prints; it must end with that status."""
    done = subprocess.run([*varlinkctl(), *map(str, arguments)], capture_output=True, text=True, input=text,
                          timeout=TIMEOUT, check=False)
    equal(done.returncode, status, f"{arguments}: {done.stdout}{done.stderr}")
    return done.stdout + (done.stderr if status else "")


# Newer versions put an errno's text, or words of their own, in place of the errors of org.varlink.service.
IN_WORDS = {"InvalidParameter": "Invalid argument", "ExpectedMore": "without 'more' flag",
            "MethodNotFound": "No such device or address"}


def expect_error(error, *arguments):
    """varlinkctl must show it."""
    out = run_varlinkctl("call", *arguments, status=1)
    assert error in out or IN_WORDS.get(error.removeprefix(f"{SERVICE}."), error) in out, f"{error}: {out}"


def go():
    """The path of the Go implementation's program."""
    if not shutil.which(GO):
        raise Skip(f"{GO} is not installed (the package varlink-go)")
    return shutil.which(GO)


def python(*arguments, module="varlink", package="python3-varlink of Debian 13"):
    """The command and the environment for the Python implementation."""
    environment = os.environ | ({"PYTHONPATH": str(ROOT / "usr/lib/python3/dist-packages")} if ROOT else {})
    found = subprocess.run([sys.executable, "-c", f"import {module}"], cwd="/", env=environment,
                           stderr=subprocess.DEVNULL, check=False)
    if found.returncode:
        raise Skip(f"the module {module} of Python is not installed ({package})")
    return [sys.executable, "-u", *arguments], environment


def own_python():
    """Our walk on their library."""
    return python(HERE / "python_walk.py")


def own_async():
    """The same on another library."""
    return python(HERE / "async_walk.py", module="asyncvarlink", package="python3-asyncvarlink of Debian sid")


def their_python():
    """Their walk on their library."""
    return python("-m", "varlink.tests.test_certification", module="varlink.tests.test_certification",
                  package="python3-varlink-tests of Debian sid")


@contextlib.contextmanager
def go_server():
    """Theirs, which says nothing when it listens: so it gets a socket that does."""
    with folder() as path, listening(path / "socket") as sock:
        with running([sys.executable, "-I", "-S", "-c", GO_PASS, go(), "-varlink", f"unix:{path}/socket"], stdin=sock):
            yield path / "socket"


GO_PASS = """
import os, sys
os.dup2(0, 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[1], sys.argv[1:])
"""


@case("the client of the Go implementation at our server")
def go_client():
    program = go()
    with server() as path:
        done = subprocess.run([program, "-client", "-varlink", f"unix:{path}"], capture_output=True, text=True,
                              timeout=TIMEOUT, check=False)
        assert done.stdout.endswith("Test11: ''\nEnd: 'true'\n"), done


@case("our client at the server of the Go implementation")
def at_go_server():
    with go_server() as path:
        # it has other names in one of its maps than the other servers
        status, out, errors = run_client("--any-values", path)
        equal((status, out, errors), (0, "".join(f"{name}\n" for name in walk.NAMES), ""))


def python_cases(library, make_command):
    """Our walk on a library of others, as client and as server."""
    @case(f"a client on {library} at our server")
    def client():
        command, environment = make_command()
        with server() as path:
            done = subprocess.run([*command, "client", path], capture_output=True, text=True, env=environment,
                                  timeout=TIMEOUT, check=False)
            equal((done.returncode, done.stdout), (0, "".join(f"{name}\n" for name in walk.NAMES[1:])), done.stderr)

    @case(f"our client at a server on {library}")
    def at_server():
        command, environment = make_command()
        with folder() as path, running([*command, "server", path / "socket"], stdout=subprocess.PIPE,
                                       env=environment) as process:
            equal(process.stdout.readline(), "ready\n")
            equal(run_client(path / "socket"), (0, "".join(f"{name}\n" for name in walk.NAMES), ""))


python_cases("the Python implementation", own_python)
python_cases("asyncvarlink", own_async)


@case("the Python implementation's own client at our server")
def their_python_client():
    command, environment = their_python()
    with server() as path:
        done = subprocess.run([*command, "--client", f"--varlink=unix:{path}"], cwd="/", capture_output=True,
                              text=True, env=environment, timeout=TIMEOUT, check=False)
        equal(done.returncode, 0, done.stderr)
        assert done.stdout.endswith("End: {'all_ok': True}\nCertification passed\n"), done.stdout


@case("our client at the Python implementation's own server")
def at_their_python_server():
    command, environment = their_python()
    with folder() as path, running([*command, f"--varlink=unix:{path}/socket"], cwd="/", stdout=subprocess.PIPE,
                                   env=environment) as process:
        assert process.stdout.readline().startswith("Listening on ")
        equal(run_client(path / "socket"), (0, "".join(f"{name}\n" for name in walk.NAMES), ""))


@case("the generator of the Go implementation takes the descriptions")
def go_generator():
    program = shutil.which("varlink-go-interface-generator")
    if not program:
        raise Skip("varlink-go-interface-generator is not installed (the package varlink-go)")
    for name in (ALLOCATOR, SERVICE):
        with folder() as path:
            # version 0.4 knows no capitals in the name of an interface, which systemd's own have as well
            (path / "x.varlink").write_text(text_of(name).replace(f"interface {name}", f"interface {name.lower()}"),
                                            encoding="utf-8")
            done = subprocess.run([program, path / "x.varlink"], capture_output=True, text=True, timeout=TIMEOUT,
                                  check=False)
            equal((done.returncode, len(list(path.glob("*.go")))), (0, 1), done.stdout + done.stderr)


@case("the parser of the Python implementation takes the descriptions")
def python_parser():
    command, environment = python()
    for name in (ALLOCATOR, SERVICE):
        done = subprocess.run([*command, "-c", PARSE], input=text_of(name), cwd="/", env=environment,
                              capture_output=True, text=True, timeout=TIMEOUT, check=False)
        equal((done.returncode, done.stdout), (0, name + "\n"), done.stderr)


PARSE = "import sys, varlink; print(varlink.scanner.Interface(sys.stdin.read()).name)"


def walk_with_varlinkctl(address):
    """All steps; each is a connection of its own."""
    client_id = json.loads(run_varlinkctl("call", "-j", address, f"{walk.INTERFACE}.Start", "{}"))["client_id"]
    answer = {}
    for name in walk.NAMES[1:]:
        flag = {"Test10": ["--more"], "Test11": ["--oneway"]}.get(name, [])
        out = run_varlinkctl("call", "-j", *flag, address, f"{walk.INTERFACE}.{name}",
                             json.dumps({"client_id": client_id} | answer))
        found = [json.loads(text) for text in out.replace("\x1e", "\n").split("\n") if text]
        answer = {"last_more_replies": [reply["string"] for reply in found]} if flag == ["--more"] else \
            found[0] if found else {}
        equal(answer, json.loads(f"{{{walk.ANSWERS[name]}}}"), name)


@case("varlinkctl walks at our server, each call a connection of its own")
def ctl_walk():
    varlinkctl()
    with server() as path:
        walk_with_varlinkctl(path)


@case("varlinkctl starts our server by exec:, with a connected socket")
def ctl_exec():
    out = run_varlinkctl("call", "-j", f"exec:{SERVER}", f"{walk.INTERFACE}.Start", "{}")
    equal(len(json.loads(out)["client_id"]), 32)


@case("varlinkctl shows the error that our server answers with")
def ctl_error():
    varlinkctl()
    with server() as path:
        expect_error(f"{walk.INTERFACE}.ClientIdError", path, f"{walk.INTERFACE}.End", '{"client_id":"x"}')
        expect_error(f"{SERVICE}.InvalidParameter", path, f"{walk.INTERFACE}.Test02", '{"client_id":"x","bool":1}')
        expect_error(f"{SERVICE}.ExpectedMore", path, f"{walk.INTERFACE}.Test10", '{"client_id":"x"}')


@contextlib.contextmanager
def subidd(n_pods=0):
    """The daemon itself; yields it and its socket's path."""
    varlinkctl()
    with Scratch(entry=f"kubelet:{UNIT}:{UNIT * 2000}") as scratch, Daemon(scratch) as daemon:
        with daemon.client() as client:
            for i in range(n_pods):
                client.call("Allocate", pod=f"p{i}")
        yield daemon, scratch.socket


@case("varlinkctl reads who subidd is, and parses both its descriptions")
def ctl_introspect():
    with subidd() as (_, path):
        info = json.loads(run_varlinkctl("info", "-j", path))
        equal((info["product"], sorted(info["interfaces"])), ("subidd", [ALLOCATOR, SERVICE]))
        for name in (ALLOCATOR, SERVICE):
            done = subprocess.run([*varlinkctl(), "introspect", path, name], capture_output=True, text=True,
                                  timeout=TIMEOUT, check=True)
            assert "Failed to parse" not in done.stderr, done.stderr
            for line in text_of(name).splitlines():
                if line.startswith(("method ", "error ", "type ")):
                    assert line.split("(")[0].strip() in done.stdout, line
            run_varlinkctl("validate-idl", text=text_of(name))


@case("varlinkctl allocates, asks, releases, and is refused")
def ctl_calls():
    with subidd() as (_, path):
        def call(method, parameters, *flags):
            return run_varlinkctl("call", "-j", *flags, path, f"{ALLOCATOR}.{method}", json.dumps(parameters))
        equal(json.loads(call("Allocate", {"pod": "a", "pool": None}))["outcome"], "created")
        call("Allocate", {"pod": "b"}, "--oneway")
        equal(json.loads(call("Get", {"pod": "b"}))["allocation"]["start"], 2 * UNIT)
        equal(json.loads(call("Lookup", {"id": UNIT + 5}))["containerID"], 5)
        equal(json.loads(call("Release", {"pod": "a"}))["released"], True)
        for method, parameters, error in (("Get", {"pod": "x"}, f"{ALLOCATOR}.NoSuchAllocation"),
                                          ("Get", {}, f"{SERVICE}.InvalidParameter"),
                                          ("List", {}, f"{SERVICE}.ExpectedMore"),
                                          ("Nothing", {}, f"{SERVICE}.MethodNotFound")):
            expect_error(error, path, f"{ALLOCATOR}.{method}", json.dumps(parameters))


@case("varlinkctl --collect takes more allocations and events than it takes replies")
def ctl_collect():
    with subidd(n_pods=1500) as (_, path):
        for method, member in (("List", "allocations"), ("History", "events")):
            pages = json.loads(run_varlinkctl("call", "-j", "--collect", path, f"{ALLOCATOR}.{method}", "{}"))
            found = [item for page in pages for item in page[member]]
            assert len(found) >= 1500 and len(pages) <= 8, f"{len(found)} in {len(pages)}"


IN_REGISTRY = ('mount -t tmpfs tmpfs /run && mkdir -p /run/varlink/registry && ln -s "$1" /run/varlink/registry/ && '
               'shift && exec "$@"')


@case("varlinkctl finds subidd by its link in the registry", needs_root=True)
def ctl_registry():
    if "list-registry" not in run_varlinkctl("--help"):
        raise Skip("this varlinkctl knows no registry (that of systemd 262 does)")
    with subidd() as (_, path):
        done = subprocess.run(["unshare", "--mount", "sh", "-ec", IN_REGISTRY, "sh", path, *varlinkctl(),
                               "list-registry"], capture_output=True, text=True, timeout=TIMEOUT, check=False)
        equal(done.returncode, 0, done.stderr)
        assert f"{ALLOCATOR} unix:{path}" in done.stdout, done.stdout


@case("varlinkctl starts subidd by exec:, with a connected socket, and subidd leaves with it")
def ctl_exec_subidd():
    varlinkctl()
    with Scratch(entry=KUBELET_LINE) as scratch:
        script = scratch.path / "start"
        script.write_text(f"#!/bin/sh\nexec {SUBIDD} --root {scratch.path}\n", encoding="utf-8")
        script.chmod(0o755)
        for outcome in ("created", "existing"):
            out = run_varlinkctl("call", "-j", f"exec:{script}", f"{ALLOCATOR}.Allocate", '{"pod":"a"}')
            equal(json.loads(out)["outcome"], outcome)


if ROOT:
    make_root()
main()
