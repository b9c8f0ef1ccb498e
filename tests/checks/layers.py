# SPDX-License-Identifier: MIT
"""Which layer may use which, proved twice: over the #include lines, and over the linker's symbols."""

import pathlib
import re

import checks

# A layer is a path prefix. It may use itself and the layers named here, and of other people's
# libraries those named as headers (a prefix of what stands between the angle brackets).
CODEC = ["common", "proto", "<json-c/"]
LAYERS = {
    "common": [],
    "proto": ["common", "<json-c/"],
    "daemon/core": ["common"],
    "daemon/node": CODEC + ["daemon/core", "<ini.h>", "<yaml.h>"],
    "daemon/store": ["common", "daemon/core", "<sqlite3.h>"],
    "daemon/allocator": ["common", "daemon/core", "daemon/store"],
    "daemon/varlink": CODEC + ["daemon/call"],
    "daemon/call": CODEC + ["daemon/varlink"],
    "daemon/methods": CODEC + ["daemon/core", "daemon/node", "daemon/store", "daemon/allocator",
                               "daemon/varlink", "daemon/call"],
    "daemon/output": CODEC,
    "daemon/input": CODEC,
    "daemon/peer": ["common", "daemon/varlink"],
    "daemon/connection": CODEC + ["daemon/call", "daemon/input", "daemon/output", "daemon/peer", "daemon/varlink",
                                  "<systemd/"],
    "daemon/turns": ["common", "daemon/connection", "<systemd/"],
    "daemon/server": CODEC + ["daemon/connection", "daemon/turns", "daemon/varlink", "<systemd/"],
    "daemon/log": ["common"],
    "daemon/main": ["common", "daemon/", "<systemd/"],
    "lib": CODEC,
    "lib/examples": ["lib/subidd.h"],
    "cli": ["common", "lib/subidd.h"],
    # the libsubid module: no JSON library, and of the client library only what moves messages
    "runtime/subid": ["common", "proto/frame", "proto/json.h", "proto/scan", "lib/transport", "daemon/core",
                      "daemon/node", "<shadow/"],
    "runtime": ["common", "lib/subidd"],
    "runtime/hook": ["common", "lib/subidd", "<json-c/", "daemon/core/allocation.h", "daemon/core/idmap.h",
                     "daemon/core/pool.h", "daemon/core/range.h", "daemon/node/file.h"],
    "runtime/hook-main": ["common", "lib/subidd", "runtime/hook", "<systemd/"],
}

# What a symbol of somebody else's library begins with, and the header that brings it.
FOREIGN = {"sqlite3_": "<sqlite3.h>", "json_": "<json-c/", "sd_": "<systemd/",
           "yaml_": "<yaml.h>", "ini_": "<ini.h>", "subid_": "<shadow/"}

# core/ is pure: of libc it may use what neither touches the world nor keeps state.
PURE_HEADERS = {"assert.h", "ctype.h", "errno.h", "inttypes.h", "limits.h", "stdarg.h", "stdbool.h",
                "search.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h"}
PURE_SYMBOLS = re.compile(r"""
    (mem|str)[a-z]+ | bcmp | v?(s|sn|as)printf | [mc]alloc | realloc(array)? | free | qsort(_r)? | bsearch
    | t(search|find|delete|walk_r|destroy)
    | abort | stpn?cpy | stpcpy
    | __(errno_location|assert_fail|stack_chk_fail|ctype_[a-z]+_loc|[a-z]+_chk|isoc99_sscanf)
    | __?(asan|ubsan|lsan|sanitizer|gcov|start|stop|odr_asan)[A-Za-z0-9_.]* | __tls_get_addr
    | _GLOBAL_OFFSET_TABLE_ """, re.VERBOSE)

# The libraries that the finished files may name.
LINKED = {"cli/subidctl": {"libsubidd", "libc"}, "lib/libsubidd.so": {"libjson-c", "libc"},
          "runtime/libsubid_subidd.so": {"libinih", "libc"},
          "runtime/subidd-oci-hook": {"libjson-c", "libsystemd", "libc"}}
SANITIZERS = {"libasan", "libubsan", "libgcc_s", "libm"}

INCLUDE = re.compile(r'^\s*#\s*include\s*(<[^>]*>|"[^"]*")', re.MULTILINE)
INCLUDE_PATHS = ["daemon", "proto", "common", "lib"]


def layer_of(path):
    """The layer of a path relative to the source folder, None if there is none."""
    return max((layer for layer in LAYERS if str(path).startswith(layer)), key=len, default=None)


def may_use(layer, what):
    """May the layer use the header <...> or the project's file?"""
    return any(what.startswith(allowed) for allowed in LAYERS[layer] + [layer])


def may_use_header_of(layer, other):
    """May the layer use one header of the other, as the commands use the library's?"""
    return any(allowed.startswith(other + "/") for allowed in LAYERS[layer])


def check_includes(path, text):
    """Problems of one file's #include lines; PATH is relative to the source folder."""
    layer, problems = layer_of(path), []
    if not layer:
        return [f"{path}: its layer is not in the table of this check"]
    for include in INCLUDE.findall(text):
        name = include[1:-1]
        if include[0] == "<":
            if include.startswith(tuple(FOREIGN.values())) and not may_use(layer, include):
                problems.append(f"{path}: {layer} may not include {include}")
            if layer == "daemon/core" and name not in PURE_HEADERS:
                problems.append(f"{path}: {layer} is pure and may not include {include}")
            continue
        folders = [path.parent] + [pathlib.Path(folder) for folder in INCLUDE_PATHS]
        found = [folder / name for folder in folders if (checks.SOURCE_ROOT / folder / name).exists()]
        if not found and not name.endswith("config.h"):
            problems.append(f"{path}: {include} is in no folder that includes are looked for in")
        elif found and not may_use(layer, str(found[0])):
            problems.append(f"{path}: {layer} may not include {include}")
    return problems


def check_symbols(layer, undefined, defined_in):
    """Problems of a layer's undefined symbols; DEFINED_IN says which layers define a symbol."""
    problems = []
    for symbol in sorted(undefined):
        homes = defined_in.get(symbol, set())
        foreign = [header for prefix, header in FOREIGN.items() if symbol.startswith(prefix)]
        if homes:
            if not any(may_use(layer, home) or may_use_header_of(layer, home) for home in homes):
                problems.append(f"{layer} calls {symbol} of {', '.join(sorted(homes))}")
        elif foreign and not may_use(layer, foreign[0]):
            problems.append(f"{layer} calls {symbol}")
        elif layer == "daemon/core" and not PURE_SYMBOLS.fullmatch(symbol):
            problems.append(f"{layer} is pure and calls {symbol}")
    return problems


def source_of(compiled):
    """The source of an object file, both relative: daemon/libstore.a.p/store.c.o, daemon/store.c."""
    folder, name = compiled.parent.parent, compiled.name.removesuffix(".o")
    return pathlib.Path("proto" if name.startswith("meson-generated_") else folder, name)


def symbols(compiled):
    """The (undefined, defined) symbols of an object file, each a set."""
    undefined, defined = set(), set()
    result = checks.run("nm", "--format=posix", compiled)
    for line in result.stdout.splitlines():
        words = line.split()
        if len(words) >= 2 and words[1] in "Uw":
            undefined.add(words[0])
        elif len(words) >= 2 and words[1].isupper():
            defined.add(words[0])
    return undefined, defined


def check_linked(name, path):
    result = checks.run("objdump", "-p", path)
    needed = set(re.findall(r"NEEDED\s+([^.\s]+)", result.stdout))
    extra = needed - LINKED[name] - SANITIZERS - {"ld-linux-x86-64", "ld-linux-aarch64"}
    if not needed:
        return [f"{path}: {result.stdout}"]
    return [f"{name} is linked with {library}" for library in sorted(extra)]


def try_on_planted(results):
    core, cli = pathlib.Path("daemon/core/x.c"), pathlib.Path("cli/x.c")
    results.planted("core that includes the node", check_includes(core, '#include "node/node.h"\n'))
    results.planted("core that reads the clock", check_includes(core, "#include <time.h>\n"))
    results.planted("a command that knows JSON", check_includes(cli, "# include <json-c/json.h>\n"))
    results.planted("a file of no layer", check_includes(pathlib.Path("daemon/x.c"), ""))
    results.planted("an include that is nowhere", check_includes(core, '#include "nowhere.h"\n'))
    results.report("passes: core that includes itself",
                   check_includes(core, '#include "core/range.h"\n#include <errno.h>\n'))
    results.report("passes: objects in folders of any target", [
        compiled for compiled, source in [
            ("daemon/core/libcore.a.p/range.c.o", "daemon/core/range.c"),
            ("daemon/subidd.p/main.c.o", "daemon/main.c"),
            ("daemon/libserver.a.p/meson-generated_.._proto_x.c.o", "proto/meson-generated_.._proto_x.c"),
        ] if str(source_of(pathlib.Path(compiled))) != source])
    results.planted("core that opens a file", check_symbols("daemon/core", {"open64"}, {}))
    results.planted("an allocator with SQL", check_symbols("daemon/allocator", {"sqlite3_step"}, {}))
    results.planted("a call of a higher layer",
                    check_symbols("daemon/store", {"x_do"}, {"x_do": {"daemon/allocator"}}))
    results.report("passes: core that formats", check_symbols(
        "daemon/core", {"vasprintf", "__vasprintf_chk", "memcpy", "free"}, {}))


def main():
    checks.need("nm", "objdump")
    results, build = checks.Results(), checks.build_root()
    try_on_planted(results)
    for path in map(checks.relative, checks.sources(".c", ".h")):
        if path.parts[0] != "tests":
            text = (checks.SOURCE_ROOT / path).read_text(encoding="utf-8")
            results.report(f"includes of {path}", check_includes(path, text))

    uses, defined_in = {}, {}
    for compiled in sorted(build.rglob("*.c.o")):
        source = source_of(compiled.relative_to(build))
        if source.parts[0] not in ("tests", "meson-private"):
            uses[source], defined = symbols(compiled)
            for symbol in defined:
                defined_in.setdefault(symbol, set()).add(layer_of(source) or str(source))
    for source, undefined in uses.items():
        layer = layer_of(source)
        results.report(f"calls of {source}", check_symbols(layer, undefined, defined_in) if layer
                       else [f"{source}: its layer is not in the table of this check"])
    for name in LINKED:
        if (build / name).exists():
            results.report(f"libraries of {name}", check_linked(name, build / name))
    results.done()


main()
