# SPDX-License-Identifier: MIT
"""The CRI of containerd, asked as the kubelet asks it: protobuf in gRPC in HTTP/2, of each the little that a
call of one small message needs. What goes wrong is in containerd's log; we cannot read a gRPC status."""

import re
import socket
import struct
import subprocess

from client import TIMEOUT
from harness import Skip
from runtimes import PATH, need_program
from runtimes_containerd import IMAGE, Containerd

SERVICE = "/runtime.v1.RuntimeService/"
SOCKET = "/run/containerd/containerd.sock"
FIRST_VERSION = (1, 7)  # that knows userns_options: others ignore them, and start without a user namespace
DATA, HEADERS, RESET, SETTINGS, PING, GO_AWAY = 0, 1, 3, 4, 6, 7
END_STREAM = ACK = 1
END_HEADERS = 4

# The messages of the CRI's api.proto, version 1: name -> (number, message or None). Others are refused.
MAPPING = {"host_id": (1, None), "container_id": (2, None), "length": (3, None)}
USER_NAMESPACE = {"mode": (1, None), "uids": (2, MAPPING), "gids": (3, MAPPING)}
NAMESPACES = {"network": (1, None), "pid": (2, None), "ipc": (3, None), "userns_options": (5, USER_NAMESPACE)}
LINUX = {"cgroup_parent": (1, None), "security_context": (2, {"namespace_options": (1, NAMESPACES)})}
METADATA = {"name": (1, None), "uid": (2, None), "namespace": (3, None), "attempt": (4, None)}
SANDBOX = {"metadata": (1, METADATA), "hostname": (2, None), "log_directory": (3, None), "linux": (8, LINUX)}
RUN = {"config": (1, SANDBOX)}
REMOVE = {"pod_sandbox_id": (1, None)}

# Answers as the network plugins of CNI do, without any network: containerd insists on an address.
PLUGIN = """#!/bin/sh
cat >/dev/null
case $CNI_COMMAND in
VERSION) echo '{"cniVersion":"0.4.0","supportedVersions":["0.3.1","0.4.0","1.0.0"]}' ;;
ADD) echo '{"cniVersion":"0.3.1","interfaces":[{"name":"'$CNI_IFNAME'","sandbox":"'$CNI_NETNS'"}],
	"ips":[{"version":"4","address":"192.0.2.2/24","interface":0}]}' ;;
esac
"""
NETWORK = '{"cniVersion":"0.3.1","name":"none","plugins":[{"type":"nothing"}]}\n'

# Without controllers, and without CAP_SYS_RESOURCE to lower oom_score_adj.
CONFIG = """
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{image}"
disable_cgroup = true
disable_apparmor = true
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{folder}/cni"
conf_dir = "{folder}/cni/net.d"
"""


def varint(number):
    """A number of protobuf."""
    data = bytearray()
    while number > 127:
        data.append(number & 127 | 128)
        number >>= 7
    return bytes(data + bytes([number]))


def encode(fields, value):
    """A message; FIELDS is one of the tables above."""
    data = b""
    for name, member in value.items():
        number, message = fields[name]
        for one in member if isinstance(member, list) else [member]:
            if isinstance(one, int):
                data += varint(number << 3) + varint(one)
                continue
            content = one.encode() if isinstance(one, str) else encode(message, one)
            data += varint(number << 3 | 2) + varint(len(content)) + content
    return data


def frame(kind, flags, stream, data):
    """A frame of HTTP/2."""
    return struct.pack(">IBBI", len(data) << 8 | kind, flags, 0, 0)[:5] + struct.pack(">I", stream) + data


def header(name, value):
    """A header as it is, in no table."""
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def call(path, method, message):
    """The bytes of the reply's message, None if there is none, which is an error."""
    headers = {":method": "POST", ":scheme": "http", ":path": SERVICE + method, ":authority": "localhost",
               "content-type": "application/grpc", "te": "trailers"}
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(TIMEOUT)
        connection.connect(str(path))
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, b"") +
                           frame(HEADERS, END_HEADERS, 1, b"".join(header(*one) for one in headers.items())) +
                           frame(DATA, END_STREAM, 1, struct.pack(">BI", 0, len(message)) + message))
        with connection.makefile("rb") as stream:
            data = read_reply(connection, stream)
    return data[5:] if data else None


def read_reply(connection, stream):
    """What comes in frames of data until the end."""
    data = b""
    while head := stream.read(9):
        length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
        content = stream.read(length)
        if kind in (SETTINGS, PING) and not flags & ACK:
            connection.sendall(frame(kind, ACK, 0, content if kind == PING else b""))
        elif kind == DATA:
            data += content
        if kind in (RESET, GO_AWAY) or kind in (DATA, HEADERS) and flags & END_STREAM:
            break
    return data


class Cri(Containerd):
    """A containerd with its CRI and a network of nothing; skips one that is too old."""

    command = ("sleep", "1000000")

    def __init__(self, host, config=""):
        """CONFIG is of the plugin's own: more sections of the configuration."""
        need_program("containerd")
        text = subprocess.run(["containerd", "--version"], stdout=subprocess.PIPE, text=True, check=True,
                              env={"PATH": PATH}).stdout
        version = tuple(map(int, re.search(r" v?(\d+)\.(\d+)\.\d", text).groups()))
        if version < FIRST_VERSION:
            raise Skip("containerd {}.{} does not know userns_options, 1.7 does".format(*version))
        folder = host.folder / "cni"
        (folder / "net.d").mkdir(parents=True)
        (folder / "net.d/10-nothing.conflist").write_text(NETWORK, encoding="utf-8")
        for name in ("nothing", "loopback"):
            (folder / name).write_text(PLUGIN, encoding="utf-8")
            (folder / name).chmod(0o755)
        super().__init__(host, "k8s.io", CONFIG.format(image=IMAGE, folder=host.folder) + config)
        self.path = f"/proc/{host.keeper.pid}/root{SOCKET}"

    def call(self, method, fields, value):
        """The bytes of the reply, or what containerd says went wrong."""
        since = self.log.mark()
        reply = call(self.path, method, encode(fields, value))
        if reply is None:
            raise AssertionError(self.log.wait(f"{method}.*error", since))
        return reply

    def run_pod(self, name, userns_options):
        """Starts a pod's sandbox and returns its ID."""
        config = {"metadata": {"name": name, "uid": name, "namespace": "default"}, "hostname": name,
                  "linux": {"security_context": {"namespace_options": {"userns_options": userns_options}}}}
        reply = self.call("RunPodSandbox", RUN, {"config": config})
        return reply[2:].decode()  # one field, a short text

    def remove_pod(self, sandbox):
        """Stops and removes it."""
        for method in ("StopPodSandbox", "RemovePodSandbox"):
            self.call(method, REMOVE, {"pod_sandbox_id": sandbox})
