# SPDX-License-Identifier: MIT
"""Who gets which range, who may ask, and what is refused."""

import json

from client import ALLOCATOR, SERVICE, Refused, encode
from harness import NOBODY, UNIT, Daemon, Scratch, Watch, case, equal, main, overlaps, release

KUBELET = "[Pool kubelet]\nMaxPods=1\n"
TWO_POOLS = "[Pool kubelet]\nMaxPods=1\n[Pool containers]\n"


def units_case(name, n_units=8, config=KUBELET, **options):
    """A case with a daemon whose one pool has so many units, from 65536 on."""
    def add(function):
        def run():
            with Scratch(f"kubelet:{UNIT}:{n_units * UNIT}", config) as scratch, Daemon(scratch) as daemon, \
                    daemon.client() as client:
                function(daemon, client)
        return case(name, **options)(run)
    return add


def allocate(client, pod, **parameters):
    """(outcome, first unit, number of units) of an Allocate in a pool that begins at one unit."""
    reply = client.call("Allocate", pod=pod, **parameters)
    found = reply["allocation"]
    equal(reply["uidMappings"], [{"containerID": 0, "hostID": found["start"], "size": found["count"]}])
    equal(reply["gidMappings"], reply["uidMappings"])
    return reply["outcome"], found["start"] // UNIT - 1, found["count"] // UNIT


@units_case("created, existing, revived")
def outcomes(_, client):
    equal(allocate(client, "a"), ("created", 0, 1))
    equal(allocate(client, "b"), ("created", 1, 1))
    equal(allocate(client, "a"), ("existing", 0, 1))
    client.call("Release", pod="a")
    equal(allocate(client, "a"), ("revived", 0, 1))
    equal(allocate(client, "a", count=UNIT), ("existing", 0, 1))


@units_case("asking again changes nothing, not even the labels")
def idempotent(_, client):
    first = client.call("Allocate", pod="a", namespace="n", name="x")["allocation"]
    equal((first["namespace"], first["name"]), ("n", "x"))
    equal(client.call("Allocate", pod="a", namespace="other", name="y")["allocation"], first)
    equal(client.call("Get", pod="a")["allocation"], first)


@units_case("a release is kept for the pod and repeated without an error", is_slow=True)
def kept(daemon, client):
    client.call("Allocate", pod="a")
    reply = client.call("Release", pod="a")
    equal((reply["released"], reply["allocation"]["state"]), (True, "draining"))
    assert reply["allocation"]["releasedAt"] >= reply["allocation"]["createdAt"]
    again = client.call("Release", pod="a")
    equal((again["released"], again["allocation"]), (False, reply["allocation"]))
    equal(client.call("Release", pod="unknown"), {"released": False})
    equal(client.call("Get", pod="a")["allocation"], reply["allocation"])
    with Watch(daemon) as watch:
        watch.wait("drained", "a")
    drained = reply["allocation"] | {"state": "released"}
    equal(client.call("Get", pod="a")["allocation"], drained)
    equal(client.call("Release", pod="a"), {"released": False, "allocation": drained})


@units_case("a pod that comes back has the times of its return")
def revived_times(_, client):
    first = client.call("Allocate", pod="a", name="x")["allocation"]
    released = client.call("Release", pod="a")["allocation"]
    again = client.call("Allocate", pod="a")["allocation"]
    assert again["createdAt"] >= released["releasedAt"] >= first["createdAt"]
    assert "releasedAt" not in again and again["name"] == "x", again


@units_case("never-used units come first, then the one released longest ago", n_units=4, is_slow=True)
def order(daemon, client):
    for i in range(3):
        equal(allocate(client, f"p{i}"), ("created", i, 1))
    release(daemon, "p1", "p0", "p2")
    equal([allocate(client, pod)[1] for pod in ("q0", "q1", "q2", "q3")], [3, 1, 0, 2])
    client.expect_refused("NoSuchAllocation", "Get", {"pod": "p1"})


@units_case("the order of releases survives a restart", n_units=4, is_slow=True)
def order_restart(daemon, client):
    for i in range(4):
        allocate(client, f"p{i}")
    release(daemon, *(f"p{i}" for i in (2, 0, 3, 1)))
    client.socket.close()
    daemon.restart()
    with daemon.client() as again:
        equal([allocate(again, f"q{i}")[1] for i in range(4)], [2, 0, 3, 1])


@units_case("several units are one run, fresh ones first", is_slow=True)
def runs(daemon, client):
    equal(allocate(client, "a", count=3 * UNIT), ("created", 0, 3))
    equal(allocate(client, "b"), ("created", 3, 1))
    release(daemon, "a")
    equal(allocate(client, "c", count=2 * UNIT), ("created", 4, 2))
    equal(allocate(client, "d", count=3 * UNIT), ("created", 0, 3))
    equal(client.expect_refused("PoolExhausted", "Allocate", {"pod": "e", "count": 3 * UNIT}),
          {"pool": "kubelet", "capacity": 8, "active": 6, "draining": 0, "waiting": 0, "foreign": 0})
    equal(allocate(client, "e", count=2 * UNIT), ("created", 6, 2))


@units_case("no run that is long enough is exhaustion, though units are free", is_slow=True)
def fragments(daemon, client):
    for i in range(8):
        allocate(client, f"p{i}")
    release(daemon, *(f"p{i}" for i in range(0, 8, 2)))
    found = client.expect_refused("PoolExhausted", "Allocate", {"pod": "x", "count": 2 * UNIT})
    equal((found["capacity"], found["active"]), (8, 4))
    equal(client.call("GetStatus")["pools"][0]["free"], 4)


@units_case("a part of a released run goes to another pod, the rest stays free", is_slow=True)
def split(daemon, client):
    equal(allocate(client, "a", count=8 * UNIT), ("created", 0, 8))
    release(daemon, "a")
    equal(allocate(client, "b"), ("created", 0, 1))
    client.expect_refused("NoSuchAllocation", "Get", {"pod": "a"})
    client.expect_refused("NoSuchAllocation", "Lookup", {"id": 2 * UNIT})
    equal(len(client.list()), 1)
    equal(allocate(client, "c", count=7 * UNIT), ("created", 1, 7))


@units_case("a released pod that wants another size gets another range", is_slow=True)
def resized(daemon, client):
    allocate(client, "a", count=2 * UNIT)
    release(daemon, "a")
    equal(allocate(client, "a", count=UNIT), ("created", 2, 1))
    equal(client.call("GetStatus")["pools"][0]["released"], 2)
    client.expect_refused("NoSuchAllocation", "Lookup", {"id": UNIT})


@units_case("another size for a pod that has a range is refused")
def count_mismatch(_, client):
    allocate(client, "a", count=2 * UNIT)
    for want in (UNIT, 3 * UNIT):
        equal(client.expect_refused("CountMismatch", "Allocate", {"pod": "a", "count": want}),
              {"pod": "a", "have": 2 * UNIT, "want": want})
    equal(allocate(client, "a"), ("existing", 0, 2))


@units_case("a count that is no multiple of the unit is refused")
def bad_counts(_, client):
    for count in (1, UNIT - 1, UNIT + 1, 0, -UNIT, 4294967295, 4294967296):
        equal(client.expect_refused("InvalidParameter", "Allocate", {"pod": "a", "count": count}),
              {"parameter": "count"}, str(count))
    client.expect_refused("PoolExhausted", "Allocate", {"pod": "a", "count": 4294901760})
    equal(client.list(), [])


@units_case("exhausted at exactly the capacity, with the numbers", n_units=110, is_slow=True)
def exhaustion(daemon, client):
    for i in range(110):
        equal(allocate(client, f"p{i}"), ("created", i, 1))
    wanted = {"pool": "kubelet", "capacity": 110, "active": 110, "draining": 0, "waiting": 0, "foreign": 0}
    equal(client.expect_refused("PoolExhausted", "Allocate", {"pod": "x"}), wanted)
    equal(allocate(client, "p5"), ("existing", 5, 1))
    with Watch(daemon) as watch:
        client.call("Release", pod="p7")
        equal(client.expect_refused("PoolExhausted", "Allocate", {"pod": "x"}), wanted | {"active": 109, "draining": 1})
        watch.wait("drained", "p7")
    equal(allocate(client, "x"), ("created", 7, 1))
    equal(client.expect_refused("PoolExhausted", "Allocate", {"pod": "p7"}), wanted)
    equal(overlaps(client.list()), [])


@case("units of the reserved range are never handed out")
def reserved():
    with Scratch(f"kubelet:{2147352576 - UNIT}:{3 * UNIT}", KUBELET) as scratch, Daemon(scratch) as daemon, \
            daemon.client() as client:
        equal([client.call("Allocate", pod=p)["allocation"]["start"] for p in "ab"],
              [2147352576 - UNIT, 2147352576 + UNIT])
        equal(client.expect_refused("PoolExhausted", "Allocate", {"pod": "c"})["capacity"], 2)
        client.expect_refused("PoolExhausted", "Allocate", {"pod": "c", "count": 3 * UNIT})


@case("the last unit below the end of all IDs can be had")
def last_unit():
    with Scratch(f"kubelet:{4294901760 - UNIT}:{UNIT}", KUBELET) as scratch, Daemon(scratch) as daemon, \
            daemon.client() as client:
        equal(client.call("Allocate", pod="a")["allocation"]["start"], 4294901760 - UNIT)
        equal(client.call("Lookup", id=4294901759)["containerID"], UNIT - 1)
        client.expect_refused("NoSuchAllocation", "Lookup", {"id": 4294901760})
        equal(client.expect_refused("NoSuchAllocation", "Lookup", {"id": 4294967295}), {"id": 4294967295})


@units_case("Lookup at the borders of a range")
def lookup_borders(_, client):
    allocate(client, "a")
    allocate(client, "b", count=2 * UNIT)
    for found, pod, inside in ((UNIT, "a", 0), (2 * UNIT - 1, "a", UNIT - 1), (2 * UNIT, "b", 0),
                               (4 * UNIT - 1, "b", 2 * UNIT - 1)):
        reply = client.call("Lookup", id=found)
        equal((reply["allocation"]["pod"], reply["containerID"]), (pod, inside))
    for missing in (0, 1, UNIT - 1, 4 * UNIT, 4294967295):
        equal(client.expect_refused("NoSuchAllocation", "Lookup", {"id": missing}), {"id": missing})
    client.call("Release", pod="a")
    equal(client.call("Lookup", id=UNIT)["allocation"]["state"], "draining")


@case("List pages at 256, 257 and 512, in the order of the starts")
def paging():
    with Scratch("kubelet:65536:39321600", KUBELET) as scratch, Daemon(scratch) as daemon, \
            daemon.client() as client:
        equal([len(page["allocations"]) for page in client.stream("List")], [0])
        done = 0
        for total, pages in ((1, [1]), (256, [256]), (257, [256, 1]), (512, [256, 256]), (513, [256, 256, 1])):
            client.send(b"".join(encode("Allocate", {"pod": f"p{i}"}) for i in range(done, total)))
            for _ in range(done, total):
                client.reply("Allocate")
            done = total
            equal([len(page["allocations"]) for page in client.stream("List")], pages, str(total))
        starts = [a["start"] for a in client.list()]
        equal(starts, sorted(set(starts)))
        for i in range(0, 513, 2):
            client.send(encode("Release", {"pod": f"p{i}"}, oneway=True))
        equal(len(client.list(state="draining")), 257)
        equal(len(client.list(state="active", pool="kubelet")), 256)
        equal(client.list(state="released"), [])


@case("List filters by pool and state, and names a pool that is not there")
def filters():
    with Scratch(config=TWO_POOLS) as scratch:
        scratch.entry("kubelet:65536:7208960", "containers:20000000:6553600")
        with Daemon(scratch) as daemon, daemon.client() as client:
            for pod, pool in (("a", "kubelet"), ("b", "containers"), ("c", "containers")):
                client.call("Allocate", pod=pod, pool=pool)
            client.call("Release", pod="c")
            equal([a["pod"] for a in client.list()], ["a", "b", "c"])
            equal([a["pod"] for a in client.list(pool="containers")], ["b", "c"])
            equal([a["pod"] for a in client.list(pool="containers", state="draining")], ["c"])
            equal(client.list(pool="kubelet", state="draining"), [])
            try:
                client.list(pool="nothing")
                raise AssertionError("a pool that is not there was listed")
            except Refused as refused:
                equal((refused.error, refused.parameters), (f"{ALLOCATOR}.NoSuchPool", {"pool": "nothing"}))


@case("with two pools one must be named, but not for a pod that has a range")
def two_pools():
    with Scratch(config=TWO_POOLS) as scratch:
        scratch.entry("kubelet:65536:7208960", "containers:200000000:6553600")
        with Daemon(scratch) as daemon, daemon.client() as client:
            equal(client.expect_refused("InvalidParameter", "Allocate", {"pod": "a"}), {"parameter": "pool"})
            equal(client.call("Allocate", pod="a", pool="containers")["allocation"]["start"], 200000000)
            equal(client.call("Allocate", pod="b", pool="kubelet")["allocation"]["start"], UNIT)
            equal(client.call("Allocate", pod="a")["outcome"], "existing")
            equal(client.expect_refused("InvalidParameter", "Allocate", {"pod": "a", "pool": "kubelet"}),
                  {"parameter": "pool"})
            client.call("Release", pod="a")
            equal(client.call("Allocate", pod="a")["outcome"], "revived")
            client.call("Release", pod="a")
            moved = client.call("Allocate", pod="a", pool="kubelet")
            equal((moved["outcome"], moved["allocation"]["start"]), ("created", 2 * UNIT))
            equal(client.call("Allocate", pod="c", pool="containers")["allocation"]["start"], 200000000 + UNIT)


@units_case("a pool that is not there is named")
def no_such_pool(_, client):
    for pool in ("containers", "", "../kubelet", "KUBELET", "kubelet ", "x" * 300, "x" + "é" * 100):
        equal(client.expect_refused("NoSuchPool", "Allocate", {"pod": "a", "pool": pool}), {"pool": pool})


@case("InvalidPool has the rule, and a message that begins with file and line")
def invalid_pool():
    with Scratch("kubelet:65537:7208960") as scratch, Daemon(scratch) as daemon, daemon.client() as client:
        found = client.expect_refused("InvalidPool", "Allocate", {"pod": "a"})
        equal((found["pool"], found["rule"]), ("kubelet", "start-unaligned"))
        assert found["message"].startswith(f"{scratch.etc}/subuid:1: "), found
        equal(client.list(), [])


@case("InvalidPool without a line names the file")
def invalid_pool_no_line():
    with Scratch() as scratch:
        (scratch.etc / "subuid").unlink()
        with Daemon(scratch) as daemon, daemon.client() as client:
            found = client.expect_refused("InvalidPool", "Allocate", {"pod": "a"})
            equal(found["rule"], "no-entry")
            assert found["message"].startswith(f"{scratch.etc}/subuid: "), found


BAD_KEYS = {
    "a way out": "../evil", "empty": "", "129 bytes": "a" * 129, "a NUL at the end": "a\0", "a NUL": "a\0b",
    "a leading dot": ".a", "a leading dash": "-a", "a leading underscore": "_a", "a slash": "a/b",
    "a slash at the end": "a/", "a newline at the end": "a\n", "a newline": "a\nb", "a blank": "a b", "a tab": "a\t",
    "fullwidth letters": "ａｂｃ", "a combining accent": "e\u0301", "a byte order mark": "\ufeffa",
    "right to left": "a\u202eb", "a zero-width joiner": "a\u200db", "a Cyrillic a": "\u0430", "a superscript": "a\u00b2",
    "an Arabic digit": "\u0661", "DEL": "a\x7f", "a colon": "a:b", "a percent": "a%", "a quote": "a'", "a backslash": "a\\b",
    "4,000 bytes": "a" * 4000, "just a dot": ".", "two dots": "..", "an emoji": "😀",
}


def bad_key_case(what, key):
    """All methods that take a pod refuse it by name, and nothing comes of it."""
    @units_case(f"bad key: {what}")
    def bad_key(_, client):
        for method in ("Allocate", "Release", "Get"):
            for ascii_only in (True, False):
                client.send(json.dumps({"method": f"{ALLOCATOR}.{method}", "parameters": {"pod": key}},
                                       ensure_ascii=ascii_only).encode() + b"\0")
                try:
                    client.reply(method)
                    raise AssertionError(f"{method} took it")
                except Refused as refused:
                    equal((refused.error, refused.parameters), (f"{SERVICE}.InvalidParameter", {"parameter": "pod"}))
        equal(client.list(), [])


for name, bad in BAD_KEYS.items():
    bad_key_case(name, bad)


@units_case("good keys: 1 and 128 bytes, all the characters, names that look odd")
def good_keys(_, client):
    for pod in ("a", "0", "a" * 128, "Az09._-", "1..2", "a--", "00000000-0000-0000-0000-000000000000", "NULL"):
        equal(client.call("Allocate", pod=pod)["allocation"]["pod"], pod)
        equal(client.call("Get", pod=pod)["allocation"]["pod"], pod)


@units_case("keys differ by case")
def case_of_keys(_, client):
    equal(allocate(client, "pod"), ("created", 0, 1))
    equal(allocate(client, "POD"), ("created", 1, 1))


@units_case("labels: 253 bytes of any language, and no control characters")
def labels(_, client):
    for field in ("namespace", "name"):
        for text in ("x", "a" * 253, "é", "'; DROP TABLE allocation; --"):
            pod = f"p{len(client.list())}"
            equal(client.call("Allocate", pod=pod, **{field: text})["allocation"][field], text)
            equal(client.call("Get", pod=pod)["allocation"][field], text)
        for text in ("", "a" * 254, "a\nb", "\x1b[31m", "a\0b", "a\x7f", "é" * 127):
            equal(client.expect_refused("InvalidParameter", "Allocate", {"pod": "x", field: text}),
                  {"parameter": field}, repr(text))


WRITERS = "[Daemon]\nAllowUsers=alice 1500\nAllowGroups=pods\nMaxAllocationsPerUser=2\n" + KUBELET
DENIED = ("Allocate", "Release", "Reload")


@units_case("readers may read and nothing else", config=WRITERS, needs_root=True)
def readers(daemon, client):
    client.call("Allocate", pod="a")
    with daemon.user(NOBODY) as reader:
        reader.call("Get", pod="a")
        reader.call("Lookup", id=UNIT)
        reader.call("GetStatus")
        equal(len(reader.list()), 1)
        for method in ("Allocate", "Release"):
            equal(reader.expect_refused("PermissionDenied", method, {"pod": "a"}), {})
        reader.expect_refused("PermissionDenied", "Reload")
    equal(client.call("Get", pod="a")["allocation"]["state"], "active")


@units_case("writers by user, UID, group and supplementary group", config=WRITERS, needs_root=True)
def writers(daemon, client):
    for uid, options in ((1001, {}), (1500, {}), (3000, {"gid": 2001}), (3001, {"groups": (5, 2001, 7)}),
                         (3002, {"groups": (2001,)})):
        with daemon.user(uid, **options) as user:
            equal(user.call("Allocate", pod=f"u{uid}")["allocation"]["clientUid"], uid)
            user.expect_refused("PermissionDenied", "Reload")
    for uid, options in ((2001, {"gid": 5}), (3000, {}), (3001, {"groups": (2002,)})):
        with daemon.user(uid, **options) as user:
            user.expect_refused("PermissionDenied", "Allocate", {"pod": "x"})
    equal(len(client.list()), 5)


@units_case("a writer releases only its own", config=WRITERS, needs_root=True)
def own_only(daemon, client):
    client.call("Allocate", pod="root")
    with daemon.user(1001) as alice, daemon.user(1500) as other:
        alice.call("Allocate", pod="alice")
        for pod in ("root", "alice"):
            other.expect_refused("PermissionDenied", "Release", {"pod": pod})
        alice.expect_refused("PermissionDenied", "Release", {"pod": "root"})
        equal([a["state"] for a in client.list()], ["active", "active"])
        equal(other.call("Allocate", pod="alice")["allocation"]["clientUid"], 1001)
        other.expect_refused("PermissionDenied", "Release", {"pod": "alice"})
        equal(alice.call("Release", pod="alice")["released"], True)
        equal(other.call("Release", pod="alice")["released"], False)
        equal(client.call("Release", pod="root")["released"], True)


@units_case("the quota counts a user's active allocations, not root's", config=WRITERS, needs_root=True)
def quota(daemon, client):
    for i in range(3):
        client.call("Allocate", pod=f"r{i}")
    with daemon.user(1001) as alice, daemon.user(1500) as other:
        alice.call("Allocate", pod="a0")
        alice.call("Allocate", pod="a1")
        equal(alice.expect_refused("QuotaExceeded", "Allocate", {"pod": "a2"}), {"limit": 2})
        equal(alice.call("Allocate", pod="a1")["outcome"], "existing")
        equal(other.call("Allocate", pod="o0")["outcome"], "created")
        alice.call("Release", pod="a0")
        equal(alice.call("Allocate", pod="a2")["outcome"], "created")
        equal(alice.expect_refused("QuotaExceeded", "Allocate", {"pod": "a0"}), {"limit": 2})
        client.socket.close()
        alice.socket.close()
        other.socket.close()
    daemon.restart()
    with daemon.user(1001) as alice:
        equal(alice.expect_refused("QuotaExceeded", "Allocate", {"pod": "a0"}), {"limit": 2})


@units_case("writers change with a Reload, for connections that are open as well", config=WRITERS, needs_root=True)
def changed_writers(daemon, client):
    with daemon.user(1001) as alice, daemon.user(3000) as other:
        alice.call("Allocate", pod="a")
        daemon.scratch.config("[Daemon]\nAllowUsers=3000\n" + KUBELET)
        client.call("Reload")
        alice.expect_refused("PermissionDenied", "Allocate", {"pod": "b"})
        equal(other.call("Allocate", pod="b")["outcome"], "created")


@units_case("a refused change leaves nothing behind", n_units=2)
def refused_changes(_, client):
    client.call("Allocate", pod="a")
    client.call("Allocate", pod="b")
    client.call("Release", pod="a")
    before = client.list(), client.call("GetStatus")["pools"]
    for pod, parameters in (("a", {"count": 2 * UNIT}), ("c", {"count": 2 * UNIT}), ("c", {"pool": "x"}),
                            ("b", {"count": 2 * UNIT}), ("../c", {})):
        try:
            client.call("Allocate", pod=pod, **parameters)
            raise AssertionError(f"{pod} {parameters}")
        except Refused:
            pass
    equal((client.list(), client.call("GetStatus")["pools"]), before)


main()
