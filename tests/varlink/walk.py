# SPDX-License-Identifier: MIT
"""org.varlink.certification as bytes: what each side must send, to the letter."""

import json

INTERFACE = "org.varlink.certification"
NAMES = ["Start", *[f"Test{i:02}" for i in range(1, 12)], "End"]

TUPLE = '"bool":false,"int":2,"float":3.141592653589793,"string":"a lot of string"'
DICTIONARY = '{"foo":"Foo","bar":"Bar"}'
SET = '{"one":{},"two":{},"three":{}}'
TYPES = (f'{{"object":{{"method":"{INTERFACE}.Test09","parameters":{{"map":{DICTIONARY}}}}},'
         f'"enum":"two","struct":{{"first":1,"second":"2"}},"array":["one","two","three"],'
         f'"dictionary":{DICTIONARY},"stringset":{SET},'
         '"interface":{"foo":[null,{"foo":"foo","bar":"bar"},null,{"one":"foo","two":"bar"}],'
         '"anon":{"foo":true,"bar":false}}}')
REPLIES = [f"Reply number {i}" for i in range(1, 11)]

# What a method answers, which are the parameters of the next one behind the identifier.
ANSWERS = {
    "Start": "",
    "Test01": '"bool":true',
    "Test02": '"int":1',
    "Test03": '"float":1.0',
    "Test04": '"string":"ping"',
    "Test05": TUPLE,
    "Test06": f'"struct":{{{TUPLE}}}',
    "Test07": f'"map":{DICTIONARY}',
    "Test08": f'"set":{SET}',
    "Test09": f'"mytype":{TYPES}',
    "Test10": '"last_more_replies":[' + ",".join(f'"{reply}"' for reply in REPLIES) + "]",
    "Test11": "",
    "End": '"all_ok":true',
}


def with_sets(value):
    """Libraries have sets of strings where the interface has maps of empty objects."""
    if isinstance(value, dict):
        if value and all(item == {} for item in value.values()):
            return set(value)
        return {name: with_sets(item) for name, item in value.items()}
    return value


# The same as values.
VALUES = {name: with_sets(json.loads(f"{{{text}}}")) for name, text in ANSWERS.items()}
FLAGS = {"Test10": ',"more":true', "Test11": ',"oneway":true'}


def call(name, client_id, parameters=None, flags=None):
    """The bytes of a call, as our client makes them; a part may be another one."""
    if parameters is None:
        parameters = "" if name == "Start" else ANSWERS[NAMES[NAMES.index(name) - 1]]
    if name != "Start":
        parameters = f'"client_id":"{client_id}"' + (f",{parameters}" if parameters else "")
    flags = FLAGS.get(name, "") if flags is None else flags
    inner = f'"parameters":{{{parameters}}},' if parameters else ""
    return f'{{{inner}"method":"{INTERFACE}.{name}"{flags}}}\0'.encode()


def reply(parameters, continues=False):
    """The bytes of one reply."""
    members = [f'"parameters":{{{parameters}}}'] if parameters else []
    members += ['"continues":true'] if continues else []
    return f'{{{",".join(members)}}}\0'.encode()


def replies(name, client_id):
    """All bytes that answer a call."""
    if name == "Start":
        return reply(f'"client_id":"{client_id}"')
    if name == "Test10":
        return b"".join(reply(f'"string":"{text}"', text != REPLIES[-1]) for text in REPLIES)
    return b"" if name == "Test11" else reply(ANSWERS[name])


def error(name, parameters=""):
    """The bytes of an error."""
    inner = f'"parameters":{{{parameters}}},' if parameters else ""
    return f'{{{inner}"error":"{name}"}}\0'.encode()


def certification_error(wants, got):
    """The error that has both calls in it."""
    return error(f"{INTERFACE}.CertificationError",
                 f'"wants":{wants[:-1].decode()},"got":{got[:-1].decode()}')


CLIENT_ID_ERROR = error(f"{INTERFACE}.ClientIdError")


def invalid(parameter):
    """A parameter that the service refuses."""
    return error("org.varlink.service.InvalidParameter", f'"parameter":"{parameter}"')
