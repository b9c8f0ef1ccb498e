# SPDX-License-Identifier: MIT
"""The hook files, against the schema 1.0.0 of oci-hooks(5), and who must not see which."""

import json
import re

from harness import case, equal, main
from hook_world import BUILD

# oci-hooks(5), and the runtime specification's hooks; only podman adds precreate.
STAGES = {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}
KINDS = {"version": str, "hook": dict, "when": dict, "stages": list}
HOOK_KINDS = {"path": str, "args": list, "env": list, "timeout": int}
WHEN_KINDS = {"always": bool, "annotations": dict, "commands": list, "hasBindMounts": bool}
EXTENSIONS = {"podman": {"precreate"}, "crio": set()}
WANTED = {"podman": [("50-subidd", "precreate"), ("51-subidd-check", "createRuntime"),
                     ("52-subidd-release", "poststop")],
          "crio": [("50-subidd-check", "createRuntime"), ("51-subidd-release", "poststop")]}


def files(runtime):
    """Those of a runtime, by the names under which they are installed."""
    prefix = f"{runtime}.d-"
    return {path.name.removeprefix(prefix).removesuffix(".json"): json.loads(path.read_text(encoding="utf-8"))
            for path in sorted((BUILD / "runtime").glob(f"{prefix}*.json"))}


def check_members(found, kinds, required):
    """The object has known members of the right type."""
    for name, value in found.items():
        assert isinstance(value, kinds[name]), f"{name}: {value!r}"
    assert required <= found.keys(), found


def check(file, stages):
    """The schema."""
    check_members(file, KINDS, set(KINDS))
    check_members(file["hook"], HOOK_KINDS, {"path"})
    check_members(file["when"], WHEN_KINDS, set())
    equal(file["version"], "1.0.0")
    assert file["when"] and file["stages"] and set(file["stages"]) <= stages, file
    assert file["hook"]["path"].startswith("/"), file
    for key, value in file["when"].get("annotations", {}).items():
        re.compile(key), re.compile(value)


def runtime_case(runtime):
    """A case for each runtime."""
    @case(f"the files of {runtime}")
    def run():
        found = files(runtime)
        for file in found.values():
            check(file, STAGES | EXTENSIONS[runtime])
        equal([(name, *file["stages"]) for name, file in found.items()], WANTED[runtime])
        for name, file in found.items():
            equal(file["hook"]["args"], ["subidd-oci-hook", *file["stages"]], name)


runtime_case("podman")
runtime_case("crio")


@case("a wrong file is seen")
def planted():
    good = files("podman")["51-subidd-check"]
    for change in ({"stages": ["precreate"]}, {"stages": []}, {"when": {}}, {"version": "1.1.0"},
                   {"hook": {"path": "hook"}}, {"when": {"sometimes": True}}, {"stage": "poststop"}):
        try:
            check(good | change, STAGES)
        except (AssertionError, KeyError):
            continue
        raise AssertionError(f"{change} was not seen")


@case("the annotations that ask for a range, and no others")
def selected():
    (pattern, value), = files("podman")["50-subidd"]["when"]["annotations"].items()
    for name in ("io.subidd.userns", "io.kubernetes.cri-o.userns-mode", "userns-mode.crio.io"):
        assert re.search(pattern, name) and re.search(value, "auto") and re.search(value, ""), name
    for name in ("io.subidd.pod", "io.subidd.usernsx", "xio.subidd.userns", "io-subidd.userns"):
        assert not re.search(pattern, name), name
    for name in ("51-subidd-check", "52-subidd-release"):
        equal(files("podman")[name]["when"], {"always": True})


main()
