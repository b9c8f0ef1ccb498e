# SPDX-License-Identifier: MIT
"""Pools that change while the daemon runs: edits, reloads, ranges that move, and a getsubids(1) that hangs."""

import os
import pathlib
import shutil
import signal
import time

from client import ALLOCATOR, Refused, encode
from harness import KUBELET_LINE, UNIT, Daemon, Scratch, case, equal, main, overlaps, release

LARGER = f"kubelet:65536:{200 * UNIT}"
LOG_LARGER = r"pool kubelet: 65536:13107200, 200 units"
LOG_INVALID = "pool kubelet is invalid: "


def pool_of(client, name="kubelet"):
    """The pool as GetStatus shows it."""
    return next(pool for pool in client.call("GetStatus")["pools"] if pool["name"] == name)


def edit_case(name):
    """An edit of the files while the daemon runs; the case says what is to be logged."""
    def add(function):
        def run():
            with Scratch() as scratch, Daemon(scratch) as daemon, daemon.client() as client:
                held = client.call("Allocate", pod="held")["allocation"]
                function(scratch, daemon, client)
                equal(client.call("Get", pod="held")["allocation"]["start"], held["start"])
        return case(name)(run)
    return add


def hang_up(daemon):
    """SIGHUP, and what it tells systemd; all notifications of reloads before must have come."""
    mark = daemon.notifications.log.mark()
    daemon.process.send_signal(signal.SIGHUP)
    daemon.notifications.log.wait("RELOADING=1", mark)
    daemon.notifications.log.wait("^READY=1$", mark)


def await_edit(daemon, edit, pattern):
    """Edits, and waits for the line that tells of it."""
    mark = daemon.log.mark()
    edit()
    return daemon.log.wait(pattern, mark)


@edit_case("taken over: files replaced by rename, time and again")
def by_rename(scratch, daemon, client):
    for line, pattern in ((LARGER, LOG_LARGER), (KUBELET_LINE, "110 units")) * 3:
        await_edit(daemon, lambda line=line: [scratch.replace(n, line + "\n") for n in ("subuid", "subgid")], pattern)
    equal(pool_of(client)["capacity"], 110)


@edit_case("taken over: files rewritten in place")
def in_place(scratch, daemon, client):
    for line, pattern in ((LARGER, LOG_LARGER), (KUBELET_LINE, "110 units")) * 3:
        await_edit(daemon, lambda line=line: scratch.entry(line), pattern)
    equal(pool_of(client)["capacity"], 110)


@edit_case("taken over: files appended to and cut")
def appended(scratch, daemon, _):
    def append():
        with open(scratch.etc / "subuid", "a", encoding="utf-8") as file:
            file.write("alice:131072:65536\n")
    await_edit(daemon, append, f"{LOG_INVALID}.*overlaps-entry")

    def cut():
        with open(scratch.etc / "subuid", "r+", encoding="utf-8") as file:
            file.truncate(len(KUBELET_LINE) + 1)
    await_edit(daemon, cut, "110 units")


def deleted_case(name, pattern):
    """Each of the files can go and come back."""
    @edit_case(f"taken over: {name} deleted and made again")
    def deleted(scratch, daemon, client):
        path = scratch.etc / name
        text = path.read_text(encoding="utf-8")
        for _ in range(3):
            await_edit(daemon, path.unlink, pattern)
            equal(pool_of(client)["valid"], False)
            await_edit(daemon, lambda: path.write_text(text, encoding="utf-8"), "110 units")


deleted_case("subuid", f"{LOG_INVALID}.*no-entry")
deleted_case("subgid", f"{LOG_INVALID}.*no-entry")
deleted_case("passwd", f"{LOG_INVALID}.*(no-owner-account|overlaps-account)")


@edit_case("taken over: an account in the range comes and goes")
def accounts(scratch, daemon, _):
    for name, line in (("passwd", "bob:x:65600:65600::/:/bin/sh\n"), ("group", "bobs:x:65600:\n")):
        text = (scratch.etc / name).read_text(encoding="utf-8")
        found = await_edit(daemon, lambda: scratch.replace(name, text + line), f"{LOG_INVALID}.*overlaps-account")
        assert f"/etc/{name}" in found, found
        await_edit(daemon, lambda: scratch.replace(name, text), "110 units")


@case("taken over: the target of a link is rewritten, replaced, deleted, and another link is put there")
def links():
    with Scratch() as scratch:
        real = scratch.path / "real"
        real.mkdir()
        for name in ("subuid", "subgid"):
            shutil.move(scratch.etc / name, real / name)
            (scratch.etc / name).symlink_to(f"../real/{name}")

        def write(line, name="new"):
            for file in ("subuid", "subgid"):
                (real / name).write_text(line + "\n", encoding="utf-8")
                (real / name).rename(real / file)

        def rewrite(line):
            for file in ("subuid", "subgid"):
                (real / file).write_text(line + "\n", encoding="utf-8")

        def relink():
            (real / "other").write_text(KUBELET_LINE + "\n", encoding="utf-8")
            for file in ("subuid", "subgid"):
                (scratch.etc / "link").symlink_to("../real/other")
                (scratch.etc / "link").rename(scratch.etc / file)
        with Daemon(scratch) as daemon:
            await_edit(daemon, lambda: rewrite(LARGER), LOG_LARGER)
            await_edit(daemon, lambda: write(KUBELET_LINE), "110 units")
            await_edit(daemon, lambda: write(LARGER), LOG_LARGER)
            await_edit(daemon, relink, "110 units")
            await_edit(daemon, lambda: (real / "other").unlink(), f"{LOG_INVALID}.*no-entry")
            await_edit(daemon, lambda: (real / "other").write_text(LARGER + "\n", encoding="utf-8"), LOG_LARGER)


@case("taken over: the whole folder etc is replaced")
def folder_replaced():
    with Scratch() as scratch, Daemon(scratch) as daemon:
        def replace():
            shutil.copytree(scratch.etc, scratch.path / "new")
            (scratch.path / "new/subuid").write_text(LARGER + "\n", encoding="utf-8")
            (scratch.path / "new/subgid").write_text(LARGER + "\n", encoding="utf-8")
            scratch.etc.rename(scratch.path / "old")
            (scratch.path / "new").rename(scratch.etc)
        await_edit(daemon, replace, LOG_LARGER)
        await_edit(daemon, lambda: scratch.entry(KUBELET_LINE), "110 units")


@case("taken over: a KubeletConfiguration that comes, changes and goes, folder and all")
def kubelet_config():
    with Scratch() as scratch, Daemon(scratch) as daemon, daemon.client() as client:
        folder = scratch.path / "var/lib/kubelet"
        folder.mkdir(parents=True)
        await_edit(daemon, lambda: (folder / "config.yaml").write_text("maxPods: 500\n"), f"{LOG_INVALID}.*too-small")
        await_edit(daemon, lambda: (folder / "config.yaml").write_text("maxPods: 50\n"), "110 units")
        equal(pool_of(client)["maxPods"], 50)
        await_edit(daemon, lambda: (folder / "config.yaml").write_text("userNamespaces:\n  idsPerPod: 131072\n"),
                   f"{LOG_INVALID}.*start-")
        await_edit(daemon, lambda: shutil.rmtree(folder), "110 units")


@case("a Reload waits for what was written before it")
def reload_is_a_barrier():
    with Scratch() as scratch, Daemon(scratch) as daemon, daemon.client() as client:
        for i in range(20):
            n_units = 110 + i
            scratch.entry(f"kubelet:65536:{n_units * UNIT}")
            equal(client.call("Reload")["pools"][0]["capacity"], n_units)


@case("many clients that Reload at a time are all answered")
def many_reloads():
    with Scratch() as scratch, Daemon(scratch) as daemon:
        clients = [daemon.client() for _ in range(50)]
        for _ in range(5):
            for client in clients:
                client.send(encode("Reload") * 2)
            for client in clients:
                for _ in range(2):
                    equal(client.reply("Reload")[0]["pools"][0]["valid"], True)
        for client in clients:
            client.socket.close()


@case("drop-ins count in their order, by SIGHUP and by Reload")
def drop_ins():
    with Scratch(config="[Pool kubelet]\nMaxPods=10\n") as scratch, Daemon(scratch) as daemon, daemon.client() as client:
        scratch.config("[Pool kubelet]\nMaxPods=20\n", "subidd/subidd.conf.d/20.conf")
        scratch.config("[Pool kubelet]\nMaxPods=30\n", "subidd/subidd.conf.d/10.conf")
        scratch.config("[Pool kubelet]\nMaxPods=99\n", "subidd/subidd.conf.d/99.conf.bak")
        hang_up(daemon)
        equal(pool_of(client)["maxPods"], 20)
        scratch.config("[Pool kubelet]\nMaxPods=40\n", "subidd/subidd.conf.d/30.conf")
        hang_up(daemon)
        equal(pool_of(client)["maxPods"], 40)
        shutil.rmtree(scratch.etc / "subidd/subidd.conf.d")
        equal(client.call("Reload")["pools"][0]["maxPods"], 10)


@case("a broken configuration on reload: file and line, and the old one stays in force")
def broken_reload():
    with Scratch(config="[Pool kubelet]\nMaxPods=10\n") as scratch, Daemon(scratch) as daemon, daemon.client() as client:
        client.call("Allocate", pod="a")
        for text, line in (("[Pool kubelet]\nMaxPods=x\n", 2), ("[Nothing]\n", 1), ("[Pool kubelet]\n\nRules=odd\n", 3),
                           ("[Pool ../x]\n", 1), ("\ufeff[Daemon]\nA\n", 2), ("[Daemon]\nAllowUsers=\x01\n", 2)):
            scratch.config(text)
            found = client.expect_refused("InvalidConfiguration", "Reload")
            equal((found["file"], found["line"]), (f"{scratch.etc}/subidd/subidd.conf", line), text)
            assert found["message"] and "\n" not in found["message"], found
            equal(pool_of(client)["maxPods"], 10)
            equal(client.call("Allocate", pod="a")["outcome"], "existing")
        scratch.config("")
        scratch.config("[Pool kubelet]\nNo=1\n", "subidd/subidd.conf.d/1.conf")
        found = client.expect_refused("InvalidConfiguration", "Reload")
        equal((found["file"], found["line"]), (f"{scratch.etc}/subidd/subidd.conf.d/1.conf", 2))
        # the files are taken over all the same, under the configuration in force
        await_edit(daemon, lambda: scratch.entry(LARGER), LOG_LARGER)
        equal(pool_of(client)["maxPods"], 10)


def allocate_all(client, pods, **parameters):
    """Allocates for each; returns the starts."""
    return [client.call("Allocate", pod=pod, **parameters)["allocation"]["start"] for pod in pods]


def check_outside(client, pods, starts):
    """Allocations outside of their pool are shown as such, found, and in nobody's way."""
    equal([a["inPool"] for a in client.list() if a["pod"] in pods], [False] * len(pods))
    for pod, start in zip(pods, starts):
        equal(client.call("Get", pod=pod)["allocation"]["start"], start)
        equal(client.call("Lookup", id=start)["allocation"]["pod"], pod)
    equal(pool_of(client)["outside"], len(pods))


SMALL = "[Pool kubelet]\nMaxPods=1\n"


@case("a shrunk pool keeps what lies outside, and never hands it out again", is_slow=True)
def shrunk():
    with Scratch(f"kubelet:65536:{8 * UNIT}", SMALL) as scratch, Daemon(scratch) as daemon, daemon.client() as client:
        starts = allocate_all(client, "abcdefgh")
        await_edit(daemon, lambda: scratch.entry(f"kubelet:65536:{4 * UNIT}"), "4 units")
        check_outside(client, "efgh", starts[4:])
        equal(client.call("Allocate", pod="e")["outcome"], "existing")
        equal(client.expect_refused("PoolExhausted", "Allocate", {"pod": "x"})["active"], 4)
        equal(client.call("Release", pod="e")["released"], True)
        client.expect_refused("PoolExhausted", "Allocate", {"pod": "e"})
        release(daemon, "a")
        equal(client.call("Allocate", pod="e")["allocation"]["start"], UNIT)
        client.socket.close()
        daemon.restart()
        with daemon.client() as again:
            equal(overlaps(again.list()), [])
            equal(pool_of(again)["outside"], 3)
            await_edit(daemon, lambda: scratch.entry(f"kubelet:65536:{8 * UNIT}"), "8 units")
            equal(pool_of(again)["outside"], 0)
            equal(again.call("Allocate", pod="new")["allocation"]["start"], 5 * UNIT)


@case("a moved pool: new ranges never overlap old ones, even where it comes back to them")
def moved():
    with Scratch(f"kubelet:65536:{8 * UNIT}", SMALL) as scratch, Daemon(scratch) as daemon, daemon.client() as client:
        old = allocate_all(client, "abcd")
        await_edit(daemon, lambda: scratch.entry(f"kubelet:{3 * UNIT}:{8 * UNIT}"), "196608:")
        equal([a["inPool"] for a in client.list()], [False, False, True, True])
        new = allocate_all(client, "efghij")
        equal(new, [5 * UNIT + i * UNIT for i in range(6)])
        client.expect_refused("PoolExhausted", "Allocate", {"pod": "x"})
        equal(overlaps(client.list()), [])
        await_edit(daemon, lambda: scratch.entry(f"kubelet:65536:{8 * UNIT}"), "pool kubelet: 65536:")
        client.expect_refused("PoolExhausted", "Allocate", {"pod": "x"})
        check_outside(client, "ij", new[4:])
        assert old


@case("another unit size: units that an old range touches are not free", is_slow=True)
def other_unit():
    with Scratch(f"kubelet:131072:{8 * UNIT}", SMALL) as scratch, Daemon(scratch) as daemon, daemon.client() as client:
        allocate_all(client, "abc")
        release(daemon, "a", "b")
        scratch.config(SMALL + f"IdsPerPod={2 * UNIT}\n")
        equal(client.call("Reload")["pools"][0]["capacity"], 4)
        equal(client.call("Allocate", pod="c")["allocation"]["count"], UNIT)
        equal(allocate_all(client, "xyz"), [2 * UNIT + 4 * UNIT, 2 * UNIT + 6 * UNIT, 2 * UNIT])
        client.expect_refused("PoolExhausted", "Allocate", {"pod": "w"})
        equal(client.call("Allocate", pod="c")["allocation"]["start"], 4 * UNIT)
        equal(overlaps(client.list()), [])
        client.expect_refused("NoSuchAllocation", "Get", {"pod": "a"})
        scratch.config(SMALL)
        equal(client.call("Reload")["pools"][0]["capacity"], 8)
        equal(client.call("Allocate", pod="w")["allocation"]["start"], 5 * UNIT)
        equal(overlaps(client.list()), [])


@case("the owner is gone: all is kept, looked up and released; nothing new")
def owner_gone():
    with Scratch() as scratch, Daemon(scratch) as daemon, daemon.client() as client:
        starts = allocate_all(client, "ab")
        await_edit(daemon, lambda: scratch.entry("alice:65536:65536"), f"{LOG_INVALID}.*no-entry")
        check_outside(client, "ab", starts)
        client.expect_refused("InvalidPool", "Allocate", {"pod": "c"})
        equal(client.call("Release", pod="b")["released"], True)
        client.socket.close()
        daemon.restart()
        with daemon.client() as again:
            equal([a["state"] == "active" for a in again.list()], [True, False])
            await_edit(daemon, lambda: scratch.entry(KUBELET_LINE), "110 units")
            equal(again.call("Allocate", pod="b")["outcome"], "revived")


@case("the pool is gone from the configuration: its allocations stay and can be released")
def pool_gone():
    with Scratch(config="[Pool kubelet]\n[Pool containers]\n") as scratch:
        scratch.entry(KUBELET_LINE, "containers:200000000:6553600")
        with Daemon(scratch) as daemon, daemon.client() as client:
            client.call("Allocate", pod="c", pool="containers")
            scratch.config("[Pool kubelet]\n")
            equal([pool["name"] for pool in client.call("Reload")["pools"]], ["kubelet"])
            found = client.call("Get", pod="c")["allocation"]
            equal((found["pool"], found["inPool"]), ("containers", False))
            equal(client.call("Allocate", pod="c")["outcome"], "existing")
            named = {"pod": "c", "pool": "containers"}
            equal(client.expect_refused("NoSuchPool", "Allocate", named), {"pool": "containers"})
            equal(len(client.list(pool="containers")), 1)
            equal(client.call("Release", pod="c")["released"], True)
            equal(client.call("Allocate", pod="c")["allocation"]["pool"], "kubelet")


@case("two pools that overlap are both invalid, until one is moved")
def overlapping_pools():
    with Scratch(config="[Pool kubelet]\n[Pool containers]\n") as scratch:
        scratch.entry(KUBELET_LINE, "containers:200000:268435456")
        with Daemon(scratch) as daemon, daemon.client() as client:
            for name in ("kubelet", "containers"):
                found = client.expect_refused("InvalidPool", "Allocate", {"pod": "a", "pool": name})
                equal(found["rule"], "overlaps-entry")
                assert found["message"].startswith(f"{scratch.etc}/sub"), found
            await_edit(daemon, lambda: scratch.entry(KUBELET_LINE, "containers:20000000:268435456"),
                       "pool containers: 20000000:268435456, 4096 units")
            equal(client.call("Allocate", pod="a", pool="containers")["allocation"]["start"], 20000000)
            equal(client.call("Allocate", pod="b", pool="kubelet")["allocation"]["start"], UNIT)


@case("a range that moves to another pool is not given twice", is_slow=True)
def range_changes_pool():
    with Scratch(config="[Pool kubelet]\nMaxPods=1\n[Pool containers]\n") as scratch:
        scratch.entry(f"kubelet:65536:{4 * UNIT}", f"containers:{10 * UNIT}:{4 * UNIT}")
        with Daemon(scratch) as daemon, daemon.client() as client:
            allocate_all(client, "ab", pool="kubelet")
            release(daemon, "b")
            scratch.entry(f"containers:65536:{4 * UNIT}", f"kubelet:{10 * UNIT}:{4 * UNIT}")
            client.call("Reload")
            equal(allocate_all(client, "xyz", pool="containers"), [3 * UNIT, 4 * UNIT, 2 * UNIT])
            client.expect_refused("PoolExhausted", "Allocate", {"pod": "w", "pool": "containers"})
            equal(client.call("Get", pod="a")["allocation"]["inPool"], False)
            equal(overlaps(client.list()), [])


GETSUBIDS = "[Pool kubelet]\nSource=getsubids\n"
ANSWER = "#!/bin/sh\necho '0: kubelet 65536 7208960'\n"


def put_getsubids(scratch, text):
    """A getsubids(1) of the test's own."""
    folder = scratch.path / "usr/bin"
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / "new"
    new.write_text(text, encoding="utf-8")
    new.chmod(0o755)
    new.rename(folder / "getsubids")


@case("getsubids is asked, and its failure is shown with what it said")
def getsubids():
    with Scratch("nobody:1:1", GETSUBIDS) as scratch:
        put_getsubids(scratch, ANSWER)
        with Daemon(scratch) as daemon, daemon.client() as client:
            equal(client.call("Allocate", pod="a")["allocation"]["start"], UNIT)
            await_edit(daemon, lambda: put_getsubids(scratch, "#!/bin/sh\necho 'Error fetching ranges' >&2\nexit 1\n"),
                       LOG_INVALID)
            found = client.expect_refused("InvalidPool", "Allocate", {"pod": "b"})
            assert "Error fetching ranges" in found["message"] and "/usr/bin/getsubids" in found["message"], found
            await_edit(daemon, lambda: put_getsubids(scratch, ANSWER), "110 units")


@case("while getsubids hangs all calls are answered, and the Reload is in the end")
def hanging_getsubids():
    with Scratch(config=GETSUBIDS) as scratch:
        put_getsubids(scratch, ANSWER)
        with Daemon(scratch) as daemon, daemon.client() as client, daemon.client() as waiting:
            pipe = scratch.path / "pipe"
            os.mkfifo(pipe)
            put_getsubids(scratch, f"#!/bin/sh\nread line <{pipe}\n{ANSWER}")
            waiting.send(encode("Reload"))
            with open(pipe, "w", encoding="utf-8"):  # opens when the script reads: it hangs now
                began = time.monotonic()
                equal(client.call("Allocate", pod="a")["outcome"], "created")
                equal(client.call("Release", pod="a")["released"], True)
                equal(pool_of(client)["valid"], True)
                assert time.monotonic() - began < 2.5, "it was slow meanwhile"
                found = waiting.reply("Reload")[0]["pools"][0]
            equal(found["valid"], False)
            assert "did not answer" in found["findings"][0]["message"], found
            put_getsubids(scratch, ANSWER)
            equal(client.call("Reload")["pools"][0]["valid"], True)


@case("SIGTERM while getsubids hangs ends the daemon soon, with no process left")
def stop_while_hanging():
    with Scratch(config=GETSUBIDS) as scratch:
        put_getsubids(scratch, ANSWER)
        with Daemon(scratch, check_files=False) as daemon, daemon.client() as client:
            pipe = scratch.path / "pipe"
            os.mkfifo(pipe)
            put_getsubids(scratch, f"#!/bin/sh\nread line <{pipe}\n")
            client.send(encode("Reload"))
            with open(pipe, "w", encoding="utf-8"):
                daemon.stop()


@case("edits at random while pods come and go: never an overlap, never a loss")
def edits_at_random():
    with Scratch(f"kubelet:65536:{40 * UNIT}", SMALL) as scratch, Daemon(scratch) as daemon, daemon.client() as client:
        held = {}
        for i in range(120):
            if i % 6 == 0:
                start = (1 + i * 7 % 20) * UNIT
                scratch.entry(f"kubelet:{start}:{(20 + i % 25) * UNIT}" if i % 18 else "kubelet:1:1")
                client.call("Reload")
            try:
                held[f"p{i}"] = client.call("Allocate", pod=f"p{i}")["allocation"]["start"]
            except Refused as refused:
                assert refused.error in (f"{ALLOCATOR}.PoolExhausted", f"{ALLOCATOR}.InvalidPool"), refused
            if i % 3 == 0 and held:
                gone = sorted(held)[i % len(held)]
                client.call("Release", pod=gone)
                del held[gone]
        found = client.list()
        equal(overlaps(found), [])
        equal({a["pod"]: a["start"] for a in found if a["state"] == "active"}, held)
        assert pathlib.Path(scratch.database).exists()


main()
