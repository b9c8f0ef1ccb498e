# SPDX-License-Identifier: MIT
"""The client library's edge: exported symbols, version script and headers name the same functions."""

import re

import checks

SCRIPT = checks.SOURCE_ROOT / "lib" / "libsubidd.sym"
HEADERS = sorted((checks.SOURCE_ROOT / "lib").glob("subidd*.h"))

NODE = re.compile(r"^(\w+)\s*\{(.*?)\}", re.MULTILINE | re.DOTALL)
GLOBAL = re.compile(r"global:(.*?)(?:local:|$)", re.DOTALL)
FUNCTION = re.compile(r"\b(subidd_\w+)\([^;{]*;")


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


def listed(script):
    """The symbols of a version script, as nm shows them: name@@VERSION."""
    return {f"{name}@@{version}"
            for version, body in NODE.findall(without_comments(script))
            for part in GLOBAL.findall(body)
            for name in re.findall(r"(\w+)\s*;", part)}


def exported(library):
    """The symbols that a shared library defines for others; versions themselves left out."""
    result = checks.run("nm", "-D", "--defined-only", "--format=posix", library)
    if result.returncode:
        return {result.stdout.strip()}
    words = [line.split() for line in result.stdout.splitlines()]
    return {word[0] for word in words if word[1] != "A"}


def declarations(header):
    """Yields (function, line before its declaration) for each function of a header."""
    lines = header.splitlines()
    inside, start = False, 0
    for number, line in enumerate(lines):
        comment = line.lstrip().startswith(("/*", "*"))
        if not comment and re.match(r"[a-z]", line) and not line.startswith(("typedef", "extern")):
            start = number if not inside else start
            inside = True
        if inside and line.rstrip().endswith((";", "{")):
            match = FUNCTION.search(" ".join(lines[start:number + 1]))
            if match:
                yield match.group(1), lines[start - 1] if start else ""
            inside = False


def differences(a_name, a_set, b_name, b_set):
    return ([f"{symbol} is in {a_name} and not in {b_name}" for symbol in sorted(a_set - b_set)] +
            [f"{symbol} is in {b_name} and not in {a_name}" for symbol in sorted(b_set - a_set)])


def uncommented(header):
    return [f"{name}() has no comment right above it" for name, before in declarations(header)
            if not before.rstrip().endswith("*/")]


def try_on_planted(results):
    script = "SUBIDD_1 {\nglobal:\n\tsubidd_a;\n\tsubidd_b;\nlocal:\n\t*;\n};\n"
    header = "/* A. */\nint subidd_a(int a,\n\t     int b);\n\nint subidd_b(void);\n"
    results.report("reads: a version script",
                   differences("it", listed(script), "it", {"subidd_a@@SUBIDD_1", "subidd_b@@SUBIDD_1"}))
    results.report("reads: a header",
                   differences("it", {name for name, _ in declarations(header)},
                               "it", {"subidd_a", "subidd_b"}))
    results.planted("a function without a comment", uncommented(header))
    results.planted("a symbol too many", differences("a", {"x", "y"}, "b", {"x"}))


def main():
    if not SCRIPT.exists():
        checks.skip_all("lib/libsubidd.sym is not there")
    checks.need("nm")
    results = checks.Results()
    try_on_planted(results)
    header = "".join(path.read_text(encoding="utf-8") for path in HEADERS)
    names = listed(SCRIPT.read_text(encoding="utf-8"))
    results.report("the version script lists the headers' functions",
                   differences("the headers", {name for name, _ in declarations(header)},
                               "libsubidd.sym", {name.split("@")[0] for name in names}))
    results.report("the library exports what the version script lists",
                   differences("libsubidd.so", exported(checks.build_root() / "lib" / "libsubidd.so"),
                               "libsubidd.sym", names))
    results.report("every function of the headers has a comment", uncommented(header))
    results.done()


main()
