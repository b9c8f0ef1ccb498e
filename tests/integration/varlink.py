# SPDX-License-Identifier: MIT
"""The protocol: framing, envelope, parameters, errors and introspection, as UAPI.20 has them.

Rules that are tried elsewhere:
    limits of messages, connections and time               limits.py
    sockets that are passed, listening or connected        activation.py
    the socket's name, its link in the registry            ../checks/units.py, boot.py
    replies that hold several entries, for --collect       allocate.py, history.py, ../varlink/foreign.py
    what a client sends and takes                          ../varlink/certification.py, ../unit/client/
    clients and servers of others                          ../varlink/foreign.py
"""

import json
import socket

import idl
from client import ALLOCATOR, INTERFACES, SERVICE, Closed, Refused, encode, text_of
from harness import Daemon, Scratch, case, equal, main


def daemon_case(name, **options):
    """A case that gets a daemon and a connection."""
    def add(function):
        def run():
            with Scratch() as scratch, Daemon(scratch) as daemon, daemon.client() as client:
                function(daemon, client)
        return case(name, **options)(run)
    return add


GET_INFO = encode(f"{SERVICE}.GetInfo")


@daemon_case("a call that comes byte by byte is answered")
def byte_by_byte(_, client):
    for byte in encode("Allocate", {"pod": "a"}):
        client.send(bytes([byte]))
    equal(client.reply("Allocate")[0]["outcome"], "created")


@daemon_case("several calls in one write are answered in their order")
def one_write(_, client):
    pods = [f"p{i}" for i in range(100)]
    client.send(b"".join(encode("Allocate", {"pod": pod}) for pod in pods))
    equal([client.reply("Allocate")[0]["allocation"]["pod"] for _ in pods], pods)


@daemon_case("reads and changes that are pipelined keep their order")
def mixed_order(_, client):
    client.send(encode("Get", {"pod": "a"}) + encode("Allocate", {"pod": "a"}) + encode("Get", {"pod": "a"})
                + encode("Release", {"pod": "a"}) + encode("Get", {"pod": "a"}))
    try:
        client.reply("Get")
        raise AssertionError("Get came before Allocate and found something")
    except Refused as refused:
        equal(refused.parameters, {"pod": "a"})
    client.reply("Allocate")
    equal(client.reply("Get")[0]["allocation"]["state"], "active")
    equal(client.reply("Release")[0]["released"], True)
    equal(client.reply("Get")[0]["allocation"]["state"], "draining")


@daemon_case("one and a half calls in a write, and the other half later")
def halves(_, client):
    call = encode("Get", {"pod": "a"})
    client.send(GET_INFO + call[:20])
    client.reply(f"{SERVICE}.GetInfo")
    client.send(call[20:])
    try:
        client.reply("Get")
    except Refused as refused:
        equal(refused.error, f"{ALLOCATOR}.NoSuchAllocation")


@daemon_case("calls behind a stream wait until it is over")
def behind_stream(_, client):
    for i in range(3):
        client.call("Allocate", pod=f"p{i}")
    client.send(encode("List", more=True) + encode("Release", {"pod": "p1"}) + encode("List", more=True))
    equal([a["state"] for a in client.reply("List", more=True)[0]["allocations"]], ["active"] * 3)
    equal(client.reply("Release")[0]["released"], True)
    equal([a["state"] for a in client.reply("List", more=True)[0]["allocations"]],
          ["active", "draining", "active"])


@daemon_case("a oneway call is done and not answered")
def oneway(_, client):
    client.send(encode("Allocate", {"pod": "a"}, oneway=True) + encode("Get", {"pod": "a"}))
    equal(client.reply("Get")[0]["allocation"]["pod"], "a")


@daemon_case("a oneway call is not answered with an error either")
def oneway_errors(_, client):
    for method, parameters in (("Get", {"pod": "x"}), ("Get", {}), ("Nothing", {}), ("x.y.Z", {}),
                               ("List", {}), ("Allocate", {"pod": "../x"}), ("Lookup", {"id": "a"})):
        client.send(encode(method, parameters, oneway=True))
    client.send(GET_INFO)
    client.reply(f"{SERVICE}.GetInfo")


@daemon_case("a oneway call before the end of the connection is done")
def oneway_and_gone(daemon, client):
    with daemon.client() as other:
        other.send(encode("Allocate", {"pod": "a"}, oneway=True))
        other.socket.shutdown(socket.SHUT_WR)
        other.expect_closed()
    equal(client.call("Get", pod="a")["allocation"]["state"], "active")


@daemon_case("a client that has shut its half down gets all replies, then the end")
def half_close(_, client):
    client.send(encode("Allocate", {"pod": "a"}) + encode("List", more=True) + GET_INFO)
    client.socket.shutdown(socket.SHUT_WR)
    client.reply("Allocate")
    equal(len(client.reply("List", more=True)[0]["allocations"]), 1)
    client.reply(f"{SERVICE}.GetInfo")
    client.expect_closed()


@daemon_case("a client that has shut its half down gets the reply of a Reload")
def half_close_reload(_, client):
    client.send(encode("Reload"))
    client.socket.shutdown(socket.SHUT_WR)
    equal(client.reply("Reload")[0]["pools"][0]["name"], "kubelet")
    client.expect_closed()


@daemon_case("a client that has shut its half down gets what a stream tells later, until it goes")
def half_close_stream(daemon, client):
    with daemon.client() as other:
        stream = other.stream("Monitor")
        equal(next(stream), {"events": []})
        other.socket.shutdown(socket.SHUT_WR)
        for pod in ("a", "b"):
            client.call("Allocate", pod=pod)
            equal([event["pod"] for event in next(stream)["events"]], [pod])
    daemon.settle(client)


@daemon_case("what comes behind a stream that never ends is not looked at, and does not end it")
def behind_endless_stream(daemon, client):
    with daemon.client() as other:
        other.send(encode("Monitor", more=True) + encode("Release", {"pod": "a"}) + b"no JSON\0")
        equal(other.reply("Monitor", more=True)[0], {"events": []})
        client.call("Allocate", pod="a")
        equal([event["kind"] for event in other.reply("Monitor", more=True)[0]["events"]], ["allocated"])
        equal(client.call("Get", pod="a")["allocation"]["state"], "active")
    daemon.settle(client)


@daemon_case("a client that goes away during its Reload harms nobody")
def gone_in_reload(daemon, client):
    for _ in range(20):
        with daemon.client() as other:
            other.send(encode("Reload"))
    equal(client.call("Reload")["pools"][0]["valid"], True)


@daemon_case("half a message and then the end: closed without an answer")
def half_message(_, client):
    client.send(encode("Allocate", {"pod": "a"})[:30])
    client.socket.shutdown(socket.SHUT_WR)
    client.expect_closed()


@daemon_case("absent, null and empty parameters are the same")
def empty_parameters(_, client):
    for parameters in ("", ',"parameters":null', ',"parameters":{}'):
        client.send(f'{{"method":"{ALLOCATOR}.GetStatus"{parameters}}}\0'.encode())
        client.reply("GetStatus")


@daemon_case("a parameter that is null counts as absent")
def null_parameter(_, client):
    equal(client.ask("Allocate", {"pod": "a", "pool": None, "count": None, "namespace": None, "name": None})
          ["outcome"], "created")
    equal(client.expect_refused("InvalidParameter", "Get", {"pod": None}), {"parameter": "pod"})


@daemon_case("flags that are false and vendors' members are accepted")
def vendor_members(_, client):
    client.send(json.dumps({"method": f"{SERVICE}.GetInfo", "oneway": False, "more": False, "upgrade": False,
                            "org.example.trace": {"a": [1]}, "x.y": None}).encode() + b"\0")
    client.reply(f"{SERVICE}.GetInfo")


@daemon_case("blanks around the tokens of a call are accepted")
def blanks(_, client):
    client.send(b' \t\r\n{ "method" :\n"org.varlink.service.GetInfo" } \r\n\0')
    client.reply(f"{SERVICE}.GetInfo")


def call_text(members):
    """A call with these members behind its method."""
    return f'{{"method":"{SERVICE}.GetInfo",{members}}}\0'.encode()


CLOSING = {
    "no JSON": b"hello\0",
    "an empty message": b"\0",
    "half an object": b'{"method":"org.varlink.service.GetInfo"\0',
    "something behind the object": GET_INFO[:-1] + b"{}\0",
    "an array": b'[{"method":"org.varlink.service.GetInfo"}]\0',
    "a string": b'"method"\0',
    "null": b"null\0",
    "a number": b"1\0",
    "no method": b'{"parameters":{}}\0',
    "an empty object": b"{}\0",
    "a method that is null": b'{"method":null}\0',
    "a method that is a number": b'{"method":1}\0',
    "a method with a NUL": b'{"method":"org.varlink.service.GetInfo\\u0000"}\0',
    "parameters that are an array": call_text('"parameters":[]'),
    "parameters that are a string": call_text('"parameters":""'),
    "parameters that are false": call_text('"parameters":false'),
    "a flag that is null": call_text('"more":null'),
    "a flag that is a number": call_text('"oneway":1'),
    "a flag that is a string": call_text('"upgrade":"true"'),
    "oneway and more": call_text('"oneway":true,"more":true'),
    "oneway and upgrade": call_text('"oneway":true,"upgrade":true'),
    "more and upgrade": call_text('"more":true,"upgrade":true'),
    "oneway, more and upgrade": call_text('"oneway":true,"more":true,"upgrade":true'),
    "a member that is unknown": call_text('"extra":1'),
    "a member of a reply": call_text('"continues":true'),
    "a method that comes twice": call_text(f'"method":"{SERVICE}.GetInfo"'),
    "a parameter that comes twice": call_text('"parameters":{"a":1,"a":1}'),
    "a vendor's member that comes twice": call_text('"a.b":1,"a.b":1'),
    "a comma at the end": b'{"method":"org.varlink.service.GetInfo",}\0',
    "a comment": b'{/**/"method":"org.varlink.service.GetInfo"}\0',
    "single quotes": b"{'method':'org.varlink.service.GetInfo'}\0",
    "a raw control character": b'{"method":"org.varlink.service.GetInfo","a.b":"\x01"}\0',
    "NaN": call_text('"a.b":NaN'),
    "a number with a leading zero": call_text('"a.b":01'),
    "a number without digits behind the point": call_text('"a.b":1.'),
    "a plus sign": call_text('"a.b":+1'),
    "True": call_text('"more":True'),
    "a lone high surrogate": call_text('"a.b":"\\ud800"'),
    "a lone low surrogate": call_text('"a.b":"\\udc00x"'),
    "a wrong escape": call_text('"a.b":"\\x41"'),
    "a NUL in the name of a member": call_text('"parameters":{"a\\u0000b":1}'),
    "a byte order mark": b"\xef\xbb\xbf" + GET_INFO,
    "an overlong NUL": b'{"method":"org.varlink.service.GetInfo","a.b":"\xc0\x80"}\0',
    "an overlong slash": b'{"method":"org.varlink.service.GetInfo","a.b":"\xe0\x80\xaf"}\0',
    "a surrogate in UTF-8": b'{"method":"org.varlink.service.GetInfo","a.b":"\xed\xa0\x80"}\0',
    "past the end of Unicode": b'{"method":"org.varlink.service.GetInfo","a.b":"\xf4\x90\x80\x80"}\0',
    "a cut UTF-8 sequence": b'{"method":"org.varlink.service.GetInfo","a.b":"\xe2\x82"}\0',
    "Latin-1": b'{"method":"org.varlink.service.GetInfo","a.b":"\xe9"}\0',
    "nine levels in a vendor's member": call_text('"a.b":' + "[" * 8 + "]" * 8),
    "nine levels in the parameters": call_text('"parameters":{"a":' + "[" * 7 + "]" * 7 + "}"),
    "a hundred thousand brackets": call_text('"a.b":' + "[" * 100000),
}


def close_case(what, data):
    """A connection is closed on DATA, whatever follows; calls before it are answered, others live on."""
    @daemon_case(f"closes on: {what}")
    def close(daemon, client):
        with daemon.client() as victim:
            victim.send(GET_INFO)
            victim.reply(f"{SERVICE}.GetInfo")
            try:
                victim.send(data + encode("Allocate", {"pod": "behind"}))
            except BrokenPipeError:
                pass
            victim.expect_closed()
        client.expect_refused("NoSuchAllocation", "Get", {"pod": "behind"})


for name, bytes_ in CLOSING.items():
    close_case(name, bytes_)


@daemon_case("eight levels are accepted")
def eight_levels(_, client):
    client.send(call_text('"a.b":' + "[" * 7 + "]" * 7))
    client.reply(f"{SERVICE}.GetInfo")
    deep = []
    for _ in range(5):
        deep = [deep]
    equal(client.expect_refused("InvalidParameter", "Get", {"pod": deep}), {"parameter": "pod"})


@daemon_case("an unknown interface, method and parameter are named")
def unknown_names(_, client):
    for method, error, parameters in (
            ("io.example.Thing", "InterfaceNotFound", {"interface": "io.example"}),
            (f"{ALLOCATOR}x.Get", "InterfaceNotFound", {"interface": f"{ALLOCATOR}x"}),
            ("org.varlink.Service.GetInfo", "InterfaceNotFound", {"interface": "org.varlink.Service"}),
            (f"{ALLOCATOR}.Nothing", "MethodNotFound", {"method": f"{ALLOCATOR}.Nothing"}),
            (f"{ALLOCATOR}.get", "MethodNotFound", {"method": f"{ALLOCATOR}.get"}),
            (f"{ALLOCATOR}.", "MethodNotFound", {"method": f"{ALLOCATOR}."}),
            (f"{SERVICE}.Get", "MethodNotFound", {"method": f"{SERVICE}.Get"})):
        equal(client.expect_refused(error, method, {"whatever": 1}), parameters, method)
    for method, wanted in (("Get", {"pod": "a"}), ("GetStatus", {}), ("Reload", {}), ("Lookup", {"id": 1}),
                           ("Allocate", {"pod": "a"}), ("Release", {"pod": "a"}),
                           (f"{SERVICE}.GetInfo", {})):
        equal(client.expect_refused("InvalidParameter", method, wanted | {"extra": None}),
              {"parameter": "extra"}, method)
    client.expect_refused("NoSuchAllocation", "Get", {"pod": "a"})


@daemon_case("a method without a dot and an empty one are refused, not fatal")
def no_dot(_, client):
    for method in ("GetInfo", ""):
        client.send(json.dumps({"method": method}).encode() + b"\0")
        try:
            client.reply(f"{SERVICE}.GetInfo")
            raise AssertionError("it was answered")
        except Refused as refused:
            equal((refused.error, refused.parameters), (f"{SERVICE}.MethodNotFound", {"method": method}))


VALUES = {"null": None, "bool": True, "int": 1, "fraction": 1.5, "whole fraction": 1.0, "string": "a",
          "array": [], "object": {}}
FITTING = {"string": ("string",), "int": ("int",), "bool": ("bool",), "array": ("array",)}
STREAMS = ("List", "ListForeign", "History", "Monitor", "Backup")


def type_case(interface, method, field, kind, others):
    """Every wrong type for one parameter is refused with its name, and changes nothing."""
    @daemon_case(f"types of {method}({field})")
    def types(_, client):
        inner = kind[1] if kind[0] == "maybe" else kind
        fine = FITTING.get(inner[1] if inner[0] == "basic" else inner[0], ())
        fine += ("null",) if inner != kind else ()
        for name, value in VALUES.items():
            if name in fine:
                continue
            client.send(encode(f"{interface}.{method}", others | {field: value}, more=method in STREAMS))
            try:
                client.reply(f"{interface}.{method}", more=method in STREAMS)
                raise AssertionError(f"{name} was accepted")
            except Refused as refused:
                equal((refused.error, refused.parameters),
                      (f"{SERVICE}.InvalidParameter", {"parameter": field}), name)
        equal(client.list(), [])


GOOD = {"pod": "a", "id": 1, "pid": 1, "pods": [], "interface": SERVICE}
for description in INTERFACES.values():
    for method_name, (inputs, _) in description.methods.items():
        for field_name, field_kind in inputs[1].items():
            rest = {n: GOOD[n] for n, k in inputs[1].items() if n != field_name and k[0] != "maybe"}
            type_case(description.name, method_name, field_name, field_kind, rest)


@daemon_case("numbers that are out of range or no whole numbers are refused")
def numbers(_, client):
    for method, parameter, rest in (("Lookup", "id", ""), ("Allocate", "count", '"pod":"a",'),
                                    ("Allocate", "pid", '"pod":"a",'), ("Bind", "pid", '"pod":"a",')):
        for number in ("-1", "4294967296", "9223372036854775807", "9223372036854775808",
                       "18446744073709551615", "18446744073709551616", "1" + "0" * 40, "-9223372036854775809",
                       "1e3", "1.0", "65536.0", "-0.0", "1E400", '"65536"'):
            client.send(f'{{"method":"{ALLOCATOR}.{method}","parameters":{{{rest}"{parameter}":{number}}}}}\0'
                        .encode())
            try:
                client.reply(method)
                raise AssertionError(f"{method} took {number}")
            except Refused as refused:
                equal((refused.error, refused.parameters),
                      (f"{SERVICE}.InvalidParameter", {"parameter": parameter}), number)


@daemon_case("a streaming method without more is refused")
def expected_more(_, client):
    for method in STREAMS:
        equal(client.expect_refused("ExpectedMore", method), {})
    client.expect_refused("ExpectedMore", "List", {"pool": "nothing"})


@daemon_case("a method that does not stream answers once to more")
def more_once(_, client):
    for method in ("GetStatus", f"{SERVICE}.GetInfo"):
        client.send(encode(method, more=True) * 2)
        for _ in range(2):
            equal(client.reply(method, more=True)[1], False)
    client.send(encode("Get", {"pod": "a"}, more=True))
    try:
        client.reply("Get", more=True)
    except Refused as refused:
        equal(refused.error, f"{ALLOCATOR}.NoSuchAllocation")


@daemon_case("one flag is true and the others are false")
def one_flag(_, client):
    flags = {"oneway": False, "more": False, "upgrade": False}
    for call in ({"method": f"{ALLOCATOR}.Allocate", "parameters": {"pod": "a"}} | flags | {"oneway": True},
                 {"method": f"{ALLOCATOR}.List"} | flags | {"more": True}):
        client.send(json.dumps(call).encode() + b"\0")
    equal([a["pod"] for a in client.reply("List", more=True)[0]["allocations"]], ["a"])


@daemon_case("descriptors that come with a call are let go, however many they are")
def descriptors(daemon, client):
    with open(daemon.scratch.path / "passed", "wb") as file:
        for _ in range(20):
            socket.send_fds(client.socket, [GET_INFO], [file.fileno()] * 250)
            client.reply(f"{SERVICE}.GetInfo")
        assert file.name not in daemon.files()


@daemon_case("an upgrade is refused and the connection stays")
def upgrade(_, client):
    client.send(encode("GetStatus", upgrade=True))
    try:
        client.reply("GetStatus")
        raise AssertionError("it was upgraded")
    except Refused as refused:
        assert refused.error.startswith(SERVICE), refused
    client.call("GetStatus")


@daemon_case("GetInfo says who it is and what it speaks")
def get_info(daemon, client):
    info = client.ask(f"{SERVICE}.GetInfo")
    equal(sorted(info), ["interfaces", "product", "url", "vendor", "version"])
    equal(sorted(info["interfaces"]), [ALLOCATOR, SERVICE])
    equal(len(info["interfaces"]), len(set(info["interfaces"])))
    equal(info["product"], "subidd")
    equal(info["version"], client.call("GetStatus")["version"])
    assert all(info.values()), info
    assert daemon


@daemon_case("the descriptions are the files of the project, and documented throughout")
def descriptions(_, client):
    for name in (ALLOCATOR, SERVICE):
        found = client.ask(f"{SERVICE}.GetInterfaceDescription", {"interface": name})["description"]
        equal(found, text_of(name))
        parsed = idl.Parser(found)
        equal(parsed.name, name)
        for member, comment in parsed.comments.items():
            assert comment, f"{name}: {member} has no comment"
        for member, values in parsed.enums.items():
            words = [" ".join(parsed.comments[other]) for other, same in parsed.enums.items() if same == values]
            assert any(all(value in text for value in values) for text in words), f"{name}: {member} {values}"
    equal(client.expect_refused("InterfaceNotFound", f"{SERVICE}.GetInterfaceDescription",
                                {"interface": "io.example"}), {"interface": "io.example"})


@case("the grammar of these tests refuses what narrow parsers refuse")
def grammar():
    head = "# x\ninterface a.b\n"
    for text in ("type T (a: [][]int)", "type T (a: [string]())", "type T (a: ())", "type T ()", "type T (a: any)",
                 "type T (a-b, c)", "method m() -> ()", "type T (a: int,)",
                 "error E (a, b)", "type T (a: int, b)", "type T (a: U)", "type T (a: ??int)",
                 "type T (a: int)\ntype T (a: int)", "type T (a: int, a: int)"):
        try:
            idl.Parser(head + text + "\n")
        except idl.Wrong:
            continue
        raise AssertionError(f"{text} was accepted")
    parsed = idl.Parser(head + "# y\ntype T (\n  # z\n  a: ?[]int, b: [string]string, c: (x, y))\n"
                               "# v\nmethod M(a: int) -> (t: T)\n")
    # a comment is that of one thing, and not of the next as well
    equal(parsed.comments, {"a.b": ["x"], "T": ["y"], "T.a": ["z"], "T.b": [], "T.c": [], "M": ["v"], "M.a": [],
                            "M.t": []})
    equal(parsed.enums, {"T.c": ["x", "y"]})


@case("the checks of these tests see replies that are wrong")
def checks():
    from client import check_reply
    good = {"released": False}
    check_reply(json.dumps({"parameters": good}).encode(), f"{ALLOCATOR}.Release", False)
    for reply, more in (({"parameters": good, "continues": False}, True), ({"parameters": good, "continues": True}, False),
                        ({"parameters": {}}, False), ({"parameters": {"released": 0}}, False),
                        ({"parameters": good | {"x": 1}}, False), ({"parameters": good, "x.y": 1}, False),
                        ({"parameters": good | {"allocation": None}}, False), ({"error": "a.b.C"}, False),
                        ({"error": f"{SERVICE}.InvalidParameter"}, False), ({"error": f"{ALLOCATOR}.Oops"}, False)):
        try:
            check_reply(json.dumps(reply).encode(), f"{ALLOCATOR}.Release", more)
        except idl.Wrong:
            continue
        raise AssertionError(f"{reply} was accepted")


@daemon_case("a thousand pipelined calls come back in order, whatever they are")
def many_calls(_, client):
    client.send(b"".join(encode("Lookup", {"id": i}) for i in range(1000)))
    for i in range(1000):
        try:
            client.reply("Lookup")
        except Refused as refused:
            equal(refused.parameters, {"id": i})


@daemon_case("names that need escapes come back as they were")
def escapes(_, client):
    for name in ('"', "\\", "\n", "\x7f", "é", "\u2028", "😀", "a/b", "x" * 1000):
        equal(client.expect_refused("InvalidParameter", "Get", {"pod": "a", name: 1}), {"parameter": name})
    try:
        client.ask("GetStatus")
    except Closed as error:
        raise AssertionError("closed") from error


main()
