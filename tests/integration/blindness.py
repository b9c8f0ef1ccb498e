# SPDX-License-Identifier: MIT
"""A daemon that cannot see all processes says so, and takes its time."""

import os

from harness import SUBIDD, case, equal, main
from living import Rig, mapped, need

BLIND_SEC = 2
KEYS = f"BlindDrainSec={BLIND_SEC}\n"
# Where the map of PID 1 is that of the namespace, and where it looks like the full one.
PLACES = {"a container": ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child"],
          "a namespace like PrivateUsers=": ["unshare", "--user", "--map-root-user"]}


def blind_rig(place, keys=KEYS):
    """A daemon there; it is ended with SIGKILL where unshare(1) stands between."""
    def command(scratch):
        return [*PLACES[place], SUBIDD, "--root", str(scratch.path)]
    need(*PLACES[place])
    return Rig(8, keys, command=command)


def blind_case(place):
    """What is the same in all places."""
    def run():
        with blind_rig(place) as rig:
            rig.daemon.check_files = False
            scan = rig.client.call("GetStatus")["scan"]
            assert scan["blind"] and "is not the full map" in scan["message"], scan
            start = rig.allocate("a")
            with mapped(start):
                rig.release("a")
                rig.wait_pass()
                rig.wait_pass()
                rig.wait_drained("a")  # nothing else is possible
            took = (rig.events.wait("drained", "a")["time"] - rig.events.wait("released", "a")["time"]) / 1e6
            assert BLIND_SEC <= took < BLIND_SEC + 5, f"it drained for {took} s"
            equal(len([line for line in rig.daemon.log.lines if "not all processes can be seen" in line]), 1)
            equal(rig.client.call("Allocate", pod="a")["outcome"], "revived")
            rig.release("a")
            equal(rig.state("a"), "draining", "a second release waits as well: the state")
            rig.end(9)
    case(f"in {place} draining ends after BlindDrainSec=, and status and log say why", needs_root=True,
         is_slow=True)(run)


for name in PLACES:
    blind_case(name)


@case("in a PID namespace of its own it warns of what it cannot see", needs_root=True, is_slow=True)
def contained():
    place = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    need(*place)
    with Rig(8, command=lambda scratch: [*place, SUBIDD, "--root", str(scratch.path)]) as rig:
        rig.daemon.check_files = False
        rig.daemon.log.wait("warning: this is a PID namespace of its own")
        equal(rig.client.call("GetStatus")["scan"]["blind"], False)
        rig.end(9)


@case("a daemon that sees everything does not care about BlindDrainSec=", needs_root=True, is_slow=True)
def sighted():
    with Rig(8, "BlindDrainSec=1\n") as rig:
        is_contained = os.readlink("/proc/self/ns/pid") != "pid:[4026531836]"
        equal("PID namespace of its own" in rig.daemon.log.text(), is_contained, "a warning")
        scan = rig.client.call("GetStatus")["scan"]
        equal((scan["blind"], "message" in scan), (False, False))
        assert scan["processes"] > 1 and scan["cost"] > 0, scan
        with mapped(rig.allocate("a")):
            rig.release("a")
            rig.let_passes_go_by()
            equal(rig.state("a"), "draining")
        rig.wait_drained("a")


@case("what was blind sees again, and nothing ends by the time that went by", needs_root=True, is_slow=True)
def sees_again():
    with blind_rig("a namespace like PrivateUsers=") as rig:
        with mapped(rig.allocate("a")):
            rig.release("a")
            rig.end(9)
            rig.daemon.command = [SUBIDD, "--root", str(rig.scratch.path)]
            rig.begin()
            equal(rig.client.call("GetStatus")["scan"]["blind"], False)
            rig.let_passes_go_by()
            equal(rig.state("a"), "draining")
        rig.wait_drained("a")


@case("the time is taken over by a reload", needs_root=True, is_slow=True)
def reloaded():
    with blind_rig("a namespace like PrivateUsers=", "BlindDrainSec=600\n") as rig:
        rig.daemon.check_files = False
        rig.allocate("a")
        rig.release("a")
        for _ in range(3):
            rig.wait_pass()
        equal(rig.state("a"), "draining")
        rig.scratch.config("[Daemon]\nScanIntervalSec=1\nBlindDrainSec=1\n[Pool kubelet]\nMaxPods=1\n")
        rig.client.call("Reload")
        rig.wait_drained("a")


if __name__ == "__main__":
    main()
