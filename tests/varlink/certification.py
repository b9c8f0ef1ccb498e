# SPDX-License-Identifier: MIT
"""The certification: our client at our server, and both at bytes that nothing of ours has made."""

import json
import socket
import subprocess

import walk
from programs import CLIENT, Raw, run_client, server
from client import TIMEOUT
from harness import SANITIZER, case, equal, main

ALL = "".join(f"{name}\n" for name in walk.NAMES)
OTHER_ID = "0123456789abcdef" * 2


@case("our client walks all of it at our server, again and again")
def ours():
    with server() as path:
        for _ in range(3):
            equal(run_client(path), (0, ALL, ""))


@case("our client at our server over descriptors that are connected already")
def connected():
    ours_, theirs = socket.socketpair()
    with server(passed=theirs), ours_:
        equal(run_client(f"fd:{ours_.fileno()}", pass_fds=[ours_.fileno()]), (0, ALL, ""))


def start(raw):
    """Begins a walk: its identifier."""
    raw.send(walk.call("Start", ""))
    message = raw.message()
    client_id = json.loads(message[:-1])["parameters"]["client_id"]
    equal(message, walk.replies("Start", client_id))
    return client_id


def go_to(raw, name):
    """Walks up to the step before that one; returns the identifier."""
    client_id = start(raw)
    for before in walk.NAMES[1:walk.NAMES.index(name)]:
        raw.send(walk.call(before, client_id))
        raw.expect(walk.replies(before, client_id), before)
    return client_id


@case("each reply of our server, to the byte")
def replies():
    with server() as path, Raw(path) as raw:
        client_id = go_to(raw, "End")
        raw.send(walk.call("End", client_id))
        raw.expect(walk.replies("End", client_id))
        raw.socket.shutdown(socket.SHUT_WR)
        raw.expect_end()


def serve_client(what, answer):
    """Our client at a server that sends what ANSWER makes of each right message; every call is looked at."""
    ours_, theirs = socket.socketpair()
    with Raw(ours_) as raw, theirs, subprocess.Popen([CLIENT, f"fd:{theirs.fileno()}"], pass_fds=[theirs.fileno()],
                                                     stdout=subprocess.PIPE, text=True) as client:
        theirs.close()
        for name in walk.NAMES:
            raw.expect(walk.call(name, OTHER_ID), name)
            for message in walk.replies(name, OTHER_ID).split(b"\0")[:-1]:
                for part in answer(message):
                    raw.send(part)
        raw.expect_end()
        equal((client.communicate(timeout=TIMEOUT)[0], client.returncode), (ALL, 0), what)


@case("each call of our client, to the byte, and not one more")
def calls():
    serve_client("whole", lambda message: [message + b"\0"])


@case("our client takes replies a byte at a time")
def replies_bytewise():
    serve_client("bytewise", lambda message: [bytes([byte]) for byte in message + b"\0"])


@case("our client takes false flags, vendors' members and blanks in replies")
def replies_otherwise():
    def dress(message):
        flag = b"" if b'"continues"' in message else b',"continues":false'
        return [b" " + message[:-1] + flag + b',"org.example.trace" : [1, {"a":null}] }\n\0']
    serve_client("dressed", dress)


@case("our client takes parameters that the interface does not name: a newer server may have more")
def replies_with_more():
    serve_client("more", lambda message: [message.replace(b'"parameters":{', b'"parameters":{"newer":[1],', 1) + b"\0"])


def all_calls(client_id):
    """All but Start: (calls, replies)."""
    return (b"".join(walk.call(name, client_id) for name in walk.NAMES[1:]),
            b"".join(walk.replies(name, client_id) for name in walk.NAMES[1:]))


@case("the whole walk in one write is answered in its order")
def pipelined():
    with server() as path, Raw(path) as raw:
        ours_, theirs = all_calls(start(raw))
        raw.send(ours_)
        raw.expect(theirs)


@case("the whole walk a byte at a time")
def bytewise():
    with server() as path, Raw(path) as raw:
        ours_, theirs = all_calls(start(raw))
        for byte in ours_:
            raw.send(bytes([byte]))
        raw.expect(theirs)


@case("the whole walk, and the writing half shut down before the first reply")
def half_closed():
    with server() as path, Raw(path) as raw:
        ours_, theirs = all_calls(start(raw))
        raw.send(ours_)
        raw.socket.shutdown(socket.SHUT_WR)
        raw.expect(theirs)
        raw.expect_end()


@case("two walks on one connection, and one walk on two connections")
def interleaved():
    with server() as path, Raw(path) as one, Raw(path) as other:
        first, second = start(one), start(one)
        assert first != second
        for name in walk.NAMES[1:]:
            for raw, client_id in ((one, first), (other, second)):
                raw.send(walk.call(name, client_id))
                raw.expect(walk.replies(name, client_id), name)


OTHER_TUPLE = walk.TUPLE.replace("3.141592653589793", "3.14159")
WRONG = {
    "Test02": ['"bool":false'],
    "Test03": ['"int":2', '"int":-1', '"int":9223372036854775807'],
    "Test04": ['"float":1.0000000000000002', '"float":-1', '"float":0'],
    "Test05": ['"string":"pong"', '"string":"ping\\n"', '"string":""'],
    "Test06": [OTHER_TUPLE, walk.TUPLE.replace("false", "true"), walk.TUPLE.replace("2,", "3,", 1)],
    "Test07": [f'"struct":{{{OTHER_TUPLE}}}', f'"struct":{{{walk.TUPLE.replace("lot", "bit")}}}'],
    "Test08": ['"map":{}', '"map":{"foo":"Foo"}', '"map":{"foo":"Foo","bar":"Foo"}',
               '"map":{"foo":"Foo","bar":"Bar","baz":"Baz"}'],
    "Test09": ['"set":{}', '"set":{"one":{},"two":{}}', '"set":{"one":{},"two":{},"three":{},"four":{}}'],
    "Test10": [f'"mytype":{walk.TYPES.replace(old, new)}' for old, new in (
        ('"enum":"two"', '"enum":"three"'), ("[null", '[{"a":"baz"}'), ('"bar"},null', '"bar"}'),
        ('"Foo"', '"FOO"'), ('"first":1', '"first":0'), ('"one","two","three"]', '"one","three","two"]'),
        ('"anon":{"foo":true', '"anon":{"foo":false'), ('"interface"', '"nullable":"","interface"'),
        ('"interface"', '"nullable_array_struct":[],"interface"'))],
}


@case("a wrong value is answered with what was wanted and what came, and ends the walk")
def wrong_values():
    with server() as path, Raw(path) as raw:
        for name, values in WRONG.items():
            for value in values:
                client_id = go_to(raw, name)
                right, wrong = walk.call(name, client_id), walk.call(name, client_id, value)
                assert right != wrong, value
                raw.send(wrong)
                raw.expect(walk.certification_error(right, wrong), name)
                raw.send(right)
                raw.expect(walk.CLIENT_ID_ERROR, name)


SAME = {
    "Test04": ['"float":1', '"float":10e-1', '"float":1.00'],
    "Test08": ['"map":{"bar":"Bar","foo":"Foo"}', '"map":{"\\u0062ar":"B\\u0061r","foo":"Foo"}'],
    "Test10": [f'"mytype":{walk.TYPES.replace(old, new)}' for old, new in (
        ('"interface"', '"nullable":null,"nullable_array_struct":null,"interface"'),
        ('"first":1,"second":"2"', '"second":"2","first":1'))],
}


@case("another way to write the same values is as good")
def same_values():
    with server() as path, Raw(path) as raw:
        for name, values in SAME.items():
            for value in values:
                client_id = go_to(raw, name)
                call = walk.call(name, client_id, value)
                assert call != walk.call(name, client_id)
                raw.send(b" " + call[:-1].replace(b":", b" : ", 1) + b"\n\0")
                raw.expect(walk.replies(name, client_id), name)


MISTYPED = {
    "Test02": ['"bool":1', '"bool":"true"', '"bool":null', ""],
    "Test03": ['"int":1.0', '"int":"1"', '"int":true'],
    "Test04": ['"float":"1.0"', '"float":1e999', '"float":null'],
    "Test05": ['"string":1', '"string":["ping"]'],
    "Test07": [f'"struct":{{{walk.TUPLE},"more":1}}', '"struct":{}', '"struct":[]'],
    "Test08": ['"map":["foo"]', '"map":{"foo":1}', '"map":{"foo":null}'],
    "Test09": ['"set":["one"]', '"set":{"one":true}', '"set":{"one":{"a":1}}'],
    "Test10": [f'"mytype":{walk.TYPES.replace(old, new)}' for old, new in (
        ('"enum":"two"', '"enum":"four"'), ('"enum":"two"', '"enum":2'), ('"object":{', '"object":"","x":{'),
        ("[null", '[{"a":"qux"}'), ("[null", '["foo"'), ('"foo":true', '"foo":1'), ('"first":1', '"first":1.5'),
        ('"interface"', '"nullable_array_struct":[{"first":1}],"interface"'))],
}


@case("a wrong type is refused with the name of the parameter, and nothing is lost")
def wrong_types():
    with server() as path, Raw(path) as raw:
        for name, values in MISTYPED.items():
            client_id = go_to(raw, name)
            for value in values:
                raw.send(walk.call(name, client_id, value))
                field = walk.ANSWERS[walk.NAMES[walk.NAMES.index(name) - 1]].split('"')[1]
                raw.expect(walk.invalid(field), value)
            raw.send(walk.call(name, client_id, walk.ANSWERS[walk.NAMES[walk.NAMES.index(name) - 1]] + ',"extra":1'))
            raw.expect(walk.invalid("extra"))
            raw.send(walk.call(name, client_id))
            raw.expect(walk.replies(name, client_id))


@case("a step that is left out, come back to or made twice is refused with the one that was wanted")
def wrong_order():
    with server() as path, Raw(path) as raw:
        for here, there in (("Test01", "Test02"), ("Test02", "Test01"), ("Test05", "Test09"), ("Test10", "End"),
                            ("End", "Test10"), ("Test01", "End")):
            client_id = go_to(raw, here)
            wrong = walk.call(there, client_id)
            raw.send(wrong)
            raw.expect(walk.certification_error(walk.call(here, client_id), wrong), there)
            raw.send(walk.call(here, client_id))
            raw.expect(walk.CLIENT_ID_ERROR)


@case("an identifier that was never given, was ended or is another's is refused in every step")
def unknown_ids():
    with server() as path, Raw(path) as raw:
        ended = go_to(raw, "End")
        raw.send(walk.call("End", ended))
        raw.expect(walk.replies("End", ended))
        for client_id in (ended, OTHER_ID, "", "x", ended.upper()):
            for name in walk.NAMES[1:]:
                raw.send(walk.call(name, client_id, flags="" if name == "Test11" else None))
                raw.expect(walk.CLIENT_ID_ERROR, name)


@case("identifiers expire")
def expired():
    with server("--lifetime", "0") as path, Raw(path) as raw:
        client_id = start(raw)
        raw.send(walk.call("Test01", client_id))
        raw.expect(walk.CLIENT_ID_ERROR)


@case("a hundred walks at a time; of one more the first gives way")
def limited():
    with server() as path, Raw(path) as raw:
        ids = [start(raw) for _ in range(101)]
        equal(len(set(ids)), 101)
        raw.send(walk.call("Test01", ids[0]))
        raw.expect(walk.CLIENT_ID_ERROR)
        for client_id in ids[1:]:
            raw.send(walk.call("Test01", client_id))
            raw.expect(walk.replies("Test01", client_id))


@case("a flag that a step has not is refused, as is one that it lacks")
def wrong_flags():
    with server() as path, Raw(path) as raw:
        more = walk.call("Start", "", flags=',"more":true')
        raw.send(more)
        raw.expect(walk.certification_error(walk.call("Start", ""), more))
        for name in ("Test01", "Test06", "End", "Test11"):
            client_id = go_to(raw, name)
            wrong = walk.call(name, client_id, flags=',"more":true')
            raw.send(wrong)
            raw.expect(walk.certification_error(walk.call(name, client_id), wrong), name)
        client_id = go_to(raw, "Test11")
        wrong = walk.call("Test11", client_id, flags="")
        raw.send(wrong)
        raw.expect(walk.certification_error(walk.call("Test11", client_id), wrong))
        client_id = go_to(raw, "Test01")
        raw.send(walk.call("Test01", client_id, flags=',"oneway":true') + walk.call("Test01", client_id))
        raw.expect(walk.CLIENT_ID_ERROR)
        client_id = go_to(raw, "Test10")
        raw.send(walk.call("Test10", client_id, flags=""))
        raw.expect(walk.error("org.varlink.service.ExpectedMore"))
        raw.send(walk.call("Test10", client_id))
        raw.expect(walk.replies("Test10", client_id))


@case("a oneway call is never answered, right or wrong, but it counts")
def oneway():
    with server() as path, Raw(path) as raw:
        client_id = go_to(raw, "Test11")
        for wrong in (walk.call("Test11", OTHER_ID), walk.call("Test11", client_id, '"last_more_replies":[1]'),
                      walk.call("Nothing", client_id, "", ',"oneway":true'),
                      walk.call("Test10", client_id, flags=',"oneway":true'),
                      walk.call("Start", "", flags=',"oneway":true')):
            raw.send(wrong)
        raw.send(walk.call("Test11", client_id) + walk.call("End", client_id))
        raw.expect(walk.replies("End", client_id))
        client_id = go_to(raw, "Test11")
        raw.send(walk.call("Test11", client_id, '"last_more_replies":["Reply number 1"]')
                 + walk.call("End", client_id))
        raw.expect(walk.CLIENT_ID_ERROR)


def plain(parameters):
    """The reply with these parameters, or the bytes that are given."""
    return parameters if isinstance(parameters, bytes) else walk.reply(parameters)


TEN = [walk.reply(f'"string":"{text}"', text != walk.REPLIES[-1]) for text in walk.REPLIES]
MISTAKES = [
    ("Start", '"client_id":1'), ("Start", ""), ("Start", walk.reply('"client_id":"a"', True)),
    ("Test01", '"bool":false'), ("Test01", '"bool":1'), ("Test01", ""), ("Test01", b'{"parameters":[]}\0'),
    ("Test01", b"{}{}\0"), ("Test01", b'{"parameters":{"bool":true},"extra":1}\0'), ("Test01", b"\0"),
    ("Test01", walk.CLIENT_ID_ERROR), ("Test01", walk.invalid("client_id")),
    ("Test02", '"int":1.0'), ("Test02", '"int":"1"'), ("Test02", '"int":2'), ("Test03", '"float":"1.0"'),
    ("Test03", '"float":1.5'), ("Test04", '"string":"pong"'), ("Test05", OTHER_TUPLE),
    ("Test06", f'"struct":{{{OTHER_TUPLE}}}'), ("Test07", '"map":{"foo":"Foo","bar":1}'),
    ("Test07", '"map":["foo"]'), ("Test08", '"set":["one","two","three"]'), ("Test08", '"set":{"one":{}}'),
    ("Test09", f'"mytype":{walk.TYPES.replace("two", "2")}'),
    ("Test10", b"".join(TEN[:9]) + walk.reply('"string":"Reply number 11"')),
    ("Test10", b"".join(TEN[:8]) + walk.reply('"string":"Reply number 9"')),
    ("Test10", b"".join(TEN[:8] + TEN[9:])), ("Test10", b"".join(TEN[1:])),
    ("Test10", walk.reply('"text":"Reply number 1"', True)), ("Test10", TEN[0] + walk.CLIENT_ID_ERROR),
    ("Test10", b'{"error":"a.b.C","continues":true}\0'),
    ("End", '"all_ok":false'), ("End", '"all_ok":null'), ("End", ""),
]
# What comes where nothing may come is seen with the next call that has a reply.
LATE_MISTAKES = [
    ("Test10", b"".join(TEN) + TEN[0]), ("Test11", walk.reply("")), ("Test11", walk.CLIENT_ID_ERROR),
    ("Test11", walk.reply("") + walk.reply(walk.ANSWERS["End"])),
]


def mistaken(name, answer):
    """Our client's end at a server that makes one mistake: what it says on standard error."""
    ours_, theirs = socket.socketpair()
    with Raw(ours_) as raw, theirs, subprocess.Popen(
            [CLIENT, f"fd:{theirs.fileno()}"], pass_fds=[theirs.fileno()], stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True) as client:
        theirs.close()
        for step in walk.NAMES[:walk.NAMES.index(name)]:
            raw.expect(walk.call(step, OTHER_ID))
            raw.send(walk.replies(step, OTHER_ID))
        raw.message()
        raw.send(answer)
        raw.socket.shutdown(socket.SHUT_WR)
        errors = client.communicate(timeout=TIMEOUT)[1]
        equal(client.returncode, 1, f"{name} {answer}: {errors}")
        assert not SANITIZER.search(errors), errors
        return errors


@case("our client sees each mistake of a server, and says in which step it was")
def mistakes():
    for name, answer in MISTAKES:
        errors = mistaken(name, plain(answer))
        assert errors.startswith(f"{name}: "), (name, answer, errors)
    for name, answer in LATE_MISTAKES:
        errors = mistaken(name, answer)
        assert errors.startswith("End: "), (name, answer, errors)


@case("our client says what the server wanted")
def error_shown():
    wrong, right = walk.call("Test02", OTHER_ID, '"bool":false'), walk.call("Test02", OTHER_ID)
    errors = mistaken("Test02", walk.certification_error(right, wrong))
    assert errors.startswith("Test02: ") and right[:-1].decode() in errors and wrong[:-1].decode() in errors, errors


main()
