# SPDX-License-Identifier: MIT
"""A daemon that answers from a table, for what the real one would not do on demand."""

import json
import os
import queue
import socket
import threading

INTERFACE = "io.subidd.Allocator."
SERVICE = "org.varlink.service."
CREATED = 1_700_000_000_000_000


def allocation(pod, start, **more):
    return {"pod": pod, "pool": "kubelet", "start": start, "count": 65536, "state": "active",
            "origin": "request", "inPool": True, "namespace": "default", "name": "web-0",
            "clientUid": 0, "createdAt": CREATED, **more}


def mapped(value, **more):
    mappings = [{"containerID": 0, "hostID": value["start"], "size": value["count"]}]
    return {"allocation": value, **more, "uidMappings": mappings, "gidMappings": mappings}


def pool(name, **more):
    return {"name": name, "owner": name, "valid": True, "start": 65536, "count": 7208960,
            "unit": 65536, "maxPods": 110, "capacity": 110, "active": 3, "draining": 1,
            "released": 1, "waiting": 1, "foreign": 2, "free": 104, "outside": 0, "findings": [], **more}


WEB = allocation("web", 131072)
GONE = allocation("gone", 196608, state="released", releasedAt=CREATED + 60_000_000)
DRAINING = allocation("busy", 262144, state="draining", releasedAt=CREATED + 60_000_000)
STRANGE = allocation("strange", 4294770688, inPool=False, origin="kubelet", namespace=None,
                     name="a\x1b[31mb\n\x9b\x7fé")
TIED = allocation("tied", 393216, pid=4242)
BARE = {key: value for key, value in allocation("bare", 327680).items()
        if key not in ("namespace", "name")}



def event(sequence, kind, **more):
    return {"sequence": sequence, "time": CREATED + sequence * 1_000_000, "kind": kind, "pod": "web",
            "pool": "kubelet", "start": 131072, "count": 65536, "namespace": "default",
            "name": "web-0", "clientUid": 1000, "clientPid": 4711, **more}


def by_daemon(sequence, kind, **more):
    """An event that no client asked for."""
    return {key: value for key, value in event(sequence, kind, **more).items()
            if key not in ("clientUid", "clientPid")}


# One of each kind, and one that only a newer daemon knows.
EVENTS = [
    event(1, "allocated"), event(2, "bound", pid=4242),
    by_daemon(3, "released", pid=4242, cause="processEnded"), by_daemon(4, "drained"),
    event(5, "revived", clientPid=None), event(6, "released", cause="request"),
    event(7, "allocated", pid=4243, namespace=None, name=None),
    event(8, "released", cause="reconcile"), by_daemon(9, "reused", otherPod="db"),
    by_daemon(10, "adopted", pod="8f1f5d3a-7a3e-4a5e-9f0e-2d7a1c9b4e11", start=196608),
    by_daemon(11, "conflict", pod="b\x1b[31m", start=196608, otherPod="web"),
    by_daemon(12, "vanished", pod="8f1f5d3a-7a3e-4a5e-9f0e-2d7a1c9b4e11", start=196608),
    {"sequence": 13, "time": CREATED + 13_000_000, "kind": "poolChanged", "pool": "kubelet"},
    event(14, "hummed", cause="joy"),
]
BROKEN = pool("broken", valid=False, start=0, count=0, capacity=0, active=0, draining=0, released=0,
              waiting=0, foreign=0, free=0, outside=2, findings=[
                  {"rule": "start-unaligned", "level": "error", "file": "/etc/subuid", "line": 3,
                   "message": "the start 65537 is no multiple of 65536"},
                  {"rule": "no-owner-account", "level": "error",
                   "message": "there is no account broken"},
                  {"rule": "well-known-range", "level": "warning", "file": "/etc/subgid",
                   "message": "it crosses 100000-600100000"}])
STATUS = {"version": "0.1.0", "startedAt": CREATED, "pools": [pool("kubelet"), BROKEN],
          "store": {"path": "/var/lib/subidd/allocations.db", "schema": 2, "allocations": 5,
                    "events": 14, "size": 36864},
          "scan": {"blind": False, "message": None, "lastAt": CREATED + 5_000_000,
                   "processes": 250, "cost": 743},
          "clients": {"connections": 1, "maxConnections": 1024, "refused": 0, "calls": 17}}


class Refused(Exception):
    """An error as the reply: its name and its parameters."""

    def __init__(self, error, **parameters):
        super().__init__(error)
        self.message = {"error": error, "parameters": parameters}


# Pods that stand for an error of each call about them.
REFUSALS = {
    "none": Refused(INTERFACE + "NoSuchAllocation", pod="none"),
    "full": Refused(INTERFACE + "PoolExhausted", pool="kubelet", capacity=110, active=104,
                    draining=3, waiting=2, foreign=1),
    "crowded": Refused(INTERFACE + "PoolExhausted", pool="kubelet", capacity=110, active=109,
                       draining=0, waiting=0, foreign=1),
    "busy-pool": Refused(INTERFACE + "PoolExhausted", pool="kubelet", capacity=110, active=107,
                         draining=3, waiting=0, foreign=0),
    "broken": Refused(INTERFACE + "InvalidPool", pool="broken", rule="start-unaligned",
                      message="/etc/subuid:3: the start 65537 is no multiple of 65536"),
    "large": Refused(INTERFACE + "CountMismatch", pod="large", have=65536, want=131072),
    "taken": Refused(INTERFACE + "RangeTaken", pod="web", start=131072, count=65536),
    "lived-in": Refused(INTERFACE + "RangeTaken", start=131072, count=65536, pid=4242),
    "unproven": Refused(INTERFACE + "RangeTaken", start=131072, count=65536),
    "elsewhere": Refused(INTERFACE + "RangeMismatch", pod="elsewhere", start=131072, count=65536),
    "crooked": Refused(SERVICE + "InvalidParameter", parameter="start"),
    "quota": Refused(INTERFACE + "QuotaExceeded", limit=10),
    "dead": Refused(INTERFACE + "NoSuchProcess", pid=4242),
    "static": Refused(INTERFACE + "OwnedByKubelet", pod="static"),
    "zero": Refused(SERVICE + "InvalidParameter", parameter="pid"),
    "disk": Refused(INTERFACE + "StoreFailed", message="database or disk is full"),
    "denied": Refused(SERVICE + "PermissionDenied"),
    "../evil": Refused(SERVICE + "InvalidParameter", parameter="pod"),
    "choose": Refused(SERVICE + "InvalidParameter", parameter="pool"),
    "odd": Refused(SERVICE + "InvalidParameter", parameter="count"),
    "older": Refused(SERVICE + "MethodNotFound", method=INTERFACE + "Allocate"),
    "other": Refused(SERVICE + "InterfaceNotFound", interface="io.subidd.Allocator"),
    "strange": Refused("com.example.Strange"),
}


def allocate(parameters):
    if parameters.get("pool") == "nowhere":
        raise Refused(INTERFACE + "NoSuchPool", pool="nowhere")
    value = allocation(parameters["pod"], parameters.get("start", 131072), count=parameters.get("count", 65536),
                       **{key: parameters[key] for key in ("namespace", "name", "pid")
                          if key in parameters})
    return mapped(value, outcome={"again": "existing", "back": "revived"}.get(value["pod"], "created"))


def release(parameters):
    pod = parameters["pod"]
    if pod == "unknown":
        return {"released": False}
    if pod == "gone":
        return {"released": False, "allocation": GONE}
    if pod == "busy":
        return {"released": True, "allocation": DRAINING}
    return {"released": True, "allocation": {**GONE, "pod": pod}}


def get(parameters):
    known = {"web": WEB, "gone": GONE, "busy": DRAINING, "bare": BARE, "tied": TIED,
             "strange-one": {**STRANGE, "pod": "strange-one"}}
    return mapped(known[parameters["pod"]])


OWNERS = [WEB, GONE, TIED]


def lookup(parameters):
    number = parameters["id"]
    for value in OWNERS if parameters.get("at", CREATED) >= CREATED else []:
        if value["start"] <= number < value["start"] + value["count"]:
            return {"allocation": value, "containerID": number - value["start"]}
    raise Refused(INTERFACE + "NoSuchAllocation", id=number)


def bind(parameters):
    return {"allocation": {**WEB, "pod": parameters["pod"], "pid": parameters["pid"]}}


def reconcile(parameters):
    """WEB and two more are active."""
    if parameters.get("pool") == "nowhere":
        raise Refused(INTERFACE + "NoSuchPool", pool="nowhere")
    if parameters["createdBefore"] < CREATED:
        return {"released": [], "missing": []}
    active = ["web", "db", "a\x1bb"]
    return {"released": [pod for pod in active if pod not in parameters["pods"]],
            "missing": [pod for pod in parameters["pods"] if pod not in active]}


def listed(parameters):
    if parameters.get("pool") == "nowhere":
        raise Refused(INTERFACE + "NoSuchPool", pool="nowhere")
    if parameters.get("pool") == "many":
        for i in range(20):
            yield {"allocations": [allocation(f"pod-{i}-{j}", 65536) for j in range(256)]}
    rows = [WEB, GONE, DRAINING, BARE, STRANGE] if parameters.get("pool") != "empty" else []
    rows = [row for row in rows if parameters.get("state") in (None, row["state"])]
    yield {"allocations": rows[:2]}
    yield {"allocations": rows[2:]}


def history(parameters):
    if parameters.get("pod") == "many":
        for i in range(20):
            yield {"events": [event(6000 - i * 256 - j, "allocated") for j in range(256)]}
    events = [item for item in reversed(EVENTS)
              if parameters.get("pod") in (None, item.get("pod"))
              and ("id" not in parameters
                   or 0 <= parameters["id"] - item.get("start", parameters["id"] + 1) < item["count"])
              and parameters.get("since", 0) <= item["time"] <= parameters.get("until", 1 << 62)]
    events = events[:parameters.get("limit")]
    yield {"events": events[:3]}
    yield {"events": events[3:]}


FOREIGN = [
    {"pool": "kubelet", "start": 458752, "count": 65536, "pid": 815, "command": "conmon"},
    {"pool": "kubelet", "start": 500000, "count": 3, "pid": 12345, "command": "a\x1b[31m"},
    {"pool": "kubelet", "start": 1048576, "count": 65536, "command": "kubelet"},
    {"pool": "broken", "start": 2097152, "count": 65536}]


def foreign(parameters):
    if parameters.get("pool") == "nowhere":
        raise Refused(INTERFACE + "NoSuchPool", pool="nowhere")
    rows = [row for row in FOREIGN if parameters.get("pool") in (None, row["pool"])]
    yield {"foreign": rows[:1]}
    yield {"foreign": rows[1:]}


def backup(parameters):
    yield {"offset": 0, "size": 10, "data": "Zm9vYmFy"}
    yield {"offset": 6, "size": 10, "data": "AAECAw=="}


STREAMS = {"Backup": backup, "List": listed, "History": history, "ListForeign": foreign}
METHODS = {"Allocate": allocate, "Release": release, "Get": get, "Lookup": lookup, "Bind": bind,
           "Reconcile": reconcile,
           "GetStatus": lambda parameters: STATUS, "Reload": lambda parameters: {"pools": STATUS["pools"]}}


class FakeDaemon:
    """Serves a socket in threads; attributes change what it says."""

    def __init__(self, path):
        self.refusal = None  # of every call
        self.status = None   # in place of STATUS
        self.monitor = queue.SimpleQueue()  # lists of events for a monitor; None: its end
        for _ in range(2):   # the transcripts watch twice
            self.say(EVENTS[5:7], EVENTS[7:9], EVENTS[12:])
        self.path = path
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def say(self, *replies):
        """Gives the next monitor these replies, and then an end."""
        for events in (*replies, None):
            self.monitor.put(events)

    def serve(self):
        while True:
            connection = self.listener.accept()[0]
            threading.Thread(target=self.serve_connection, args=(connection,), daemon=True).start()

    def replies(self, call):
        method = call["method"].removeprefix(INTERFACE)
        parameters = call.get("parameters", {})
        if self.refusal and method != "GetStatus":
            raise self.refusal
        if parameters.get("pod") in REFUSALS:
            raise REFUSALS[parameters["pod"]]
        if method == "Monitor":
            yield {"parameters": {"events": []}, "continues": True}
            yield from ({"parameters": {"events": events}, "continues": True}
                        for events in iter(self.monitor.get, None))
            raise OSError("the daemon goes away")
        if method in STREAMS:
            *first, last = STREAMS[method](parameters)
            yield from ({"parameters": reply, "continues": True} for reply in first)
            yield {"parameters": last}
        elif method == "GetStatus" and self.status:
            yield {"parameters": self.status}
        else:
            yield {"parameters": METHODS[method](parameters)}

    def serve_connection(self, connection):
        with connection, connection.makefile("rb") as stream:
            buffer = b""
            while chunk := stream.read1(65536):
                buffer += chunk
                while b"\0" in buffer:
                    text, buffer = buffer.split(b"\0", 1)
                    try:
                        self.answer(connection, json.loads(text))
                    except OSError:
                        return

    def answer(self, connection, call):
        pod = call.get("parameters", {}).get("pod")
        if pod == "hangup":
            connection.shutdown(socket.SHUT_RDWR)
            return
        if pod == "garbage":
            connection.sendall(b'{"parameters":\0')
            return
        try:
            for reply in self.replies(call):
                connection.sendall(json.dumps(reply).encode() + b"\0")
        except Refused as refusal:
            connection.sendall(json.dumps(refusal.message).encode() + b"\0")

    def close(self):
        os.unlink(self.path)
        self.listener.close()
