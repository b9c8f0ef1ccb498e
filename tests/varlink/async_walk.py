# SPDX-License-Identifier: MIT
"""The certification with the library asyncvarlink: async_walk.py client|server PATH

It derives an interface from the types of a class, so here they are once more, as it wants them.
"""

import asyncio
import collections.abc
import sys
import typing

import asyncvarlink
from asyncvarlink import LastResult, VarlinkInterface, varlinkmethod

import walk

Tuple = typing.TypedDict("Tuple", {"bool": bool, "int": int, "float": float, "string": str})
Pair = typing.TypedDict("Pair", {"first": int, "second": str})
Foos = dict[str, typing.Literal["foo", "bar", "baz"]]
Nested = typing.TypedDict("Nested", {"foo": typing.Optional[list[typing.Optional[Foos]]],
                                     "anon": typing.TypedDict("Anon", {"foo": bool, "bar": bool})})
# Any object by the interface; it always is this one.
Call = typing.TypedDict("Call", {"method": str, "parameters": typing.TypedDict("Map", {"map": dict[str, str]})})
MyType = typing.TypedDict("MyType", {
    "object": Call, "enum": typing.Literal["one", "two", "three"], "struct": Pair, "array": list[str],
    "dictionary": dict[str, str], "stringset": set[str], "nullable": typing.Optional[str],
    "nullable_array_struct": typing.Optional[list[Pair]], "interface": Nested})


def plain(value):
    """Without what is null: it is as good as absent."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items() if item is not None}
    return value


def answer(step, client_id, *got):
    """What a step answers, if the answer of the one before it has come."""
    wants = list(walk.VALUES[walk.NAMES[walk.NAMES.index(step) - 1]].values())
    if client_id != "walk" or [plain(value) for value in got] != wants:
        raise asyncvarlink.GenericVarlinkErrorReply(f"{walk.INTERFACE}.CertificationError", {
            "wants": {"values": repr(wants)}, "got": {"values": repr(got)}})
    values = walk.VALUES[step]
    return values if len(values) > 1 else next(iter(values.values()), None)


class Walk(VarlinkInterface, name=walk.INTERFACE):
    """The methods; a client takes no more than their types."""

    @varlinkmethod(return_parameter="client_id")
    def Start(self) -> str:
        return "walk"

    @varlinkmethod(return_parameter="bool")
    def Test01(self, *, client_id: str) -> bool:
        return answer("Test01", client_id)

    @varlinkmethod(return_parameter="int")
    def Test02(self, *, client_id: str, bool: bool) -> int:
        return answer("Test02", client_id, bool)

    @varlinkmethod(return_parameter="float")
    def Test03(self, *, client_id: str, int: int) -> float:
        return answer("Test03", client_id, int)

    @varlinkmethod(return_parameter="string")
    def Test04(self, *, client_id: str, float: float) -> str:
        return answer("Test04", client_id, float)

    @varlinkmethod
    def Test05(self, *, client_id: str, string: str) -> Tuple:
        return answer("Test05", client_id, string)

    @varlinkmethod(return_parameter="struct")
    def Test06(self, *, client_id: str, bool: bool, int: int, float: float, string: str) -> Tuple:
        return answer("Test06", client_id, bool, int, float, string)

    @varlinkmethod(return_parameter="map")
    def Test07(self, *, client_id: str, struct: Tuple) -> dict[str, str]:
        return answer("Test07", client_id, struct)

    @varlinkmethod(return_parameter="set")
    def Test08(self, *, client_id: str, map: dict[str, str]) -> set[str]:
        return answer("Test08", client_id, map)

    @varlinkmethod(return_parameter="mytype")
    def Test09(self, *, client_id: str, set: set[str]) -> MyType:
        return answer("Test09", client_id, set)

    @varlinkmethod(return_parameter="string")
    def Test10(self, *, client_id: str, mytype: MyType) -> collections.abc.Iterator[str]:
        texts = answer("Test10", client_id, mytype)
        yield from texts[:-1]
        raise LastResult(texts[-1])

    @varlinkmethod
    def Test11(self, *, client_id: str, last_more_replies: list[str]) -> None:
        self.is_told = answer("Test11", client_id, last_more_replies) is None

    @varlinkmethod(return_parameter="all_ok")
    def End(self, *, client_id: str) -> bool:
        return answer("End", client_id) and self.is_told


async def run_client(path):
    """Walks all of it, with what the server answers."""
    transport, protocol = await asyncvarlink.connect_unix_varlink(asyncvarlink.VarlinkClientProtocol, path)
    proxy = protocol.make_proxy(Walk)
    client_id, found = (await proxy.Start())["client_id"], {}
    for name in walk.NAMES[1:]:
        method = getattr(proxy, name)
        if name == "Test10":
            found = {"last_more_replies": [reply["string"] async for reply in method(client_id=client_id, **found)]}
        elif name == "Test11":
            found = await method.oneway(client_id=client_id, **found) or {}
        else:
            found = await method(client_id=client_id, **found)
        assert plain(found) == walk.VALUES[name], f"{name}: {found}"
        print(name)
    transport.close()


async def run_server(path):
    """Until it is killed."""
    registry = asyncvarlink.VarlinkInterfaceRegistry()
    registry.register_interface(Walk())
    server = await asyncvarlink.create_unix_server(registry.protocol_factory, path)
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run({"client": run_client, "server": run_server}[sys.argv[1]](sys.argv[2]))
