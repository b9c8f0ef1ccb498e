# SPDX-License-Identifier: MIT
"""The edges of the client library and of the libsubid module: exported symbols, version script and header name
the same functions, and the module uses nothing that has no place in a set-user-ID program."""

import re

import checks

SCRIPT = checks.SOURCE_ROOT / "lib" / "libsubidd.sym"
HEADERS = sorted((checks.SOURCE_ROOT / "lib").glob("subidd*.h"))
MODULE_SCRIPT = checks.SOURCE_ROOT / "runtime" / "libsubid_subidd.sym"
MODULE = "runtime/libsubid_subidd.so"
# What shadow looks up by name (nss_init() in its lib/nss.c); the last one in newer versions.
MODULE_FUNCTIONS = {f"shadow_subid_{name}" for name in ("has_range", "list_owner_ranges", "find_subid_owners", "free")}
# The environment, the standard streams, other programs, signals, who one is, state of the process.
FORBIDDEN = re.compile(r"""
    (secure_|__secure_)?getenv | _*environ | putenv | setenv | unsetenv | clearenv
    | stdin | stdout | stderr | v?printf | v?dprintf | puts | putchar | perror | psignal | (v|__v)?syslog | openlog
    | __v?printf_chk | __v?fprintf_chk | v?fprintf | v?warnx? | v?errx? | error
    | system | popen | exec[a-z]+ | posix_spawnp? | v?fork | clone | kill | raise | abort | exit | _exit | atexit
    | signal | sigaction | sigprocmask | pthread_sigmask | alarm | setitimer
    | sete?[ug]id | setre[ug]id | setres[ug]id | setgroups | umask | chdir | chroot | setrlimit
    | dlopen | setlocale | getpw(nam|uid) | getgr(nam|gid) | strtok | strerror | rand | tmpnam""", re.VERBOSE)

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


def forbidden(symbols):
    return [f"it uses {symbol}" for symbol in sorted(symbols) if FORBIDDEN.fullmatch(symbol)]


def undefined(library):
    """The symbols that a shared library takes from others, without their versions."""
    result = checks.run("nm", "-D", "--undefined-only", "--format=posix", library)
    return {line.split()[0].partition("@")[0] for line in result.stdout.splitlines() if line}


def check_module(results):
    """The module's edge, if it was built: it may not have been, for want of shadow's header."""
    module = checks.build_root() / MODULE
    names = set(re.findall(r"(\w+)\s*;", without_comments(MODULE_SCRIPT.read_text(encoding="utf-8"))))
    results.report("the module's version script lists what shadow looks up",
                   differences("libsubid_subidd.sym", names, "shadow", MODULE_FUNCTIONS))
    if not module.exists():
        return
    taken = undefined(module)
    results.report("the module exports what its version script lists",
                   differences("libsubid_subidd.so", exported(module), "libsubid_subidd.sym", names))
    results.report("the module uses nothing that set-user-ID programs should not",
                   forbidden(taken) if taken else ["nothing is undefined in it"])
    flags = checks.run("readelf", "-dW", module).stdout
    results.report("the module is bound at once and stays loaded",
                   [f"{flag} is missing" for flag in ("NOW", "NODELETE") if not re.search(rf"FLAGS_1.*\b{flag}\b", flags)])


def try_on_planted(results):
    script = "SUBIDD_1 {\nglobal:\n\tsubidd_a;\n\tsubidd_b;\nlocal:\n\t*;\n};\n"
    header = "/* A. */\nint subidd_a(int a,\n\t     int b);\n\nint subidd_b(void);\n"
    results.report("reads: a version script",
                   differences("it", listed(script), "it", {"subidd_a@@SUBIDD_1", "subidd_b@@SUBIDD_1"}))
    results.report("reads: a header",
                   differences("it", {name for name, _ in declarations(header)},
                               "it", {"subidd_a", "subidd_b"}))
    results.planted("a function without a comment", uncommented(header))
    results.planted("a module that asks the environment", forbidden({"secure_getenv", "free"}))
    results.report("passes: a module that reads files", forbidden({"open64", "asprintf", "getpwnam_r", "strerrordesc_np"}))
    results.planted("a symbol too many", differences("a", {"x", "y"}, "b", {"x"}))


def main():
    if not SCRIPT.exists():
        checks.skip_all("lib/libsubidd.sym is not there")
    checks.need("nm", "readelf")
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
    check_module(results)
    results.done()


main()
