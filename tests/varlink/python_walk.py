# SPDX-License-Identifier: MIT
"""The certification with the varlink project's Python library: python_walk.py client|server PATH

What is sent and taken is the library's work; here is only what is to be sent, and what must have come.
"""

import os
import pathlib
import sys

import varlink

import walk

HERE = pathlib.Path(__file__).resolve().parent


def run_client(path):
    """Walks all of it, with what the server answers."""
    with varlink.Client.new_with_address(f"unix:{path}").open(walk.INTERFACE) as service:
        client_id = service.Start()["client_id"]
        answer = {}
        for name in walk.NAMES[1:]:
            parameters = [client_id, *answer.values()]
            if name == "Test10":
                texts = [reply["string"] for reply in service.Test10(*parameters, _more=True)]
                answer = {"last_more_replies": texts}
            elif name == "Test11":
                service.Test11(*parameters, _oneway=True)
                answer = {}
            else:
                answer = getattr(service, name)(*parameters)
            assert answer == walk.VALUES[name], f"{name}: {answer}"
            print(name)


service_ = varlink.Service(vendor="subidd", product="Certification in Python", version="1",
                           url="https://varlink.org", interface_dir=str(HERE))


class WalkError(varlink.VarlinkError):
    """CertificationError with what was wanted and what came."""

    def __init__(self, wants, got):
        super().__init__({"error": f"{walk.INTERFACE}.CertificationError",
                          "parameters": {"wants": {"value": repr(wants)}, "got": {"value": repr(got)}}})


def make_method(name, before):
    """A method that wants the answer of the one before it."""
    arguments = [*walk.VALUES[before]]

    def check(client_id, values, oneway):
        wants = walk.VALUES[before]
        got = dict(zip(arguments, values))
        if client_id != "walk" or got != wants or oneway != (name == "Test11"):
            raise WalkError(wants, got)

    def one(self, client_id, *values, _oneway=False):
        check(client_id, values, _oneway)
        return walk.VALUES[name] or None

    def several(self, client_id, *values, _more=False):
        check(client_id, values, False)
        assert _more
        for text in walk.REPLIES:
            yield {"string": text, "_continues": text != walk.REPLIES[-1]}
    return several if name == "Test10" else one


def start(_):
    """Start."""
    return {"client_id": "walk"}


members = {name: make_method(name, before) for before, name in zip(walk.NAMES, walk.NAMES[1:])}
service_.interface(walk.INTERFACE)(type("Walk", (), {"Start": start, **members}))


class Handler(varlink.RequestHandler):
    """A connection of the library's."""
    service = service_


def run_server(path):
    """Until it is killed."""
    with varlink.ThreadingServer(f"unix:{path}", Handler) as server:
        print("ready", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    {"client": run_client, "server": run_server}[sys.argv[1]](sys.argv[2])
    sys.stdout.flush()
    os._exit(0)
