# SPDX-License-Identifier: MIT
"""The manual pages name every option, verb, rule and key that there is, and none that is not."""

import re

import checks

DAEMON = "daemon/subidd"
CLIENT = "cli/subidctl"
HOOK = "runtime/subidd-oci-hook"
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def page(name):
    return (checks.SOURCE_ROOT / "man" / f"{name}.scd").read_text(encoding="utf-8")


def section(text, title):
    return text.split(f"\n# {title}\n", 1)[-1].split("\n# ", 1)[0]


def differences(documented, there):
    return ([f"{word} is not in the page" for word in sorted(there - documented)] +
            [f"{word} is only in the page" for word in sorted(documented - there)])


def options_of(text):
    """The long options of a help text or of a page, whose dashes may stand behind backslashes."""
    return set(OPTION.findall(text.replace("\\", "")))


def help_of(results, name, program, *words):
    """The help of a program, None if it was not built or fails."""
    path = checks.build_root() / program
    if not path.exists():
        results.report(f"{name}: {program} was built", [f"{path} is not there"])
        return None
    result = checks.run(path, *words, "--help")
    results.report(f"{name}: {program} {' '.join(words)} --help", [result.stdout] if
                   result.returncode or not result.stdout else [])
    return result.stdout


def check_rules():
    header = (checks.SOURCE_ROOT / "daemon/core/finding.h").read_text(encoding="utf-8")
    there = {name.lower().replace("_", "-") for name in re.findall(r"^\tRULE_(\w+)", header, re.M)}
    rules = section(page("subidd.conf.5"), "RULES")
    return differences(set(re.findall(r"^\*([a-z-]+)\* \(", rules, re.M)), there)


def check_keys():
    """Each documented key is one that the reader of the configuration knows."""
    readers = sorted((checks.SOURCE_ROOT / "daemon/node").glob("config*.c"))
    known = set(re.findall(r'"([A-Z][A-Za-z]+)"', "".join(map(lambda p: p.read_text(), readers))))
    keys = set(re.findall(r"^\*([A-Z][A-Za-z]+)=\*$", page("subidd.conf.5"), re.M))
    return [f"{key} is only in the page" for key in sorted(keys - known)] if keys else ["no keys"]


DECLARATION = re.compile(r"^(?:[a-z][\w\s*]*?\b|typedef void \(\*)(subidd_\w+)\)?\([^;]*;", re.MULTILINE)


def declarations(text):
    """The declarations of the library's functions and callbacks, by name, without line breaks."""
    return {match[1]: " ".join(match[0].split()).replace("( ", "(") for match in DECLARATION.finditer(text)}


def check_functions():
    """The page declares what the library exports and its callbacks, each as the headers do."""
    lib = checks.SOURCE_ROOT / "lib"
    exported = set(re.findall(r"^\t(subidd_\w+);", (lib / "libsubidd.sym").read_text(encoding="utf-8"), re.M))
    headers = re.sub(r"/\*.*?\*/", "", "".join(path.read_text(encoding="utf-8") for path in lib.glob("subidd*.h")),
                     flags=re.DOTALL)
    there = {line for name, line in declarations(headers).items() if name in exported or line.startswith("typedef")}
    return differences(set(declarations(page("libsubidd.3")).values()), there) if exported else ["no functions"]


def plain(roff):
    """The lines of a formatted page as people see them, without what stands before and behind."""
    text = roff.replace(r"\-", "-").replace(r"\&", "").replace(r"\(aq", "'").replace(r"\\", "\0")
    return {line.replace(r"\e", "\\").replace("\0", "\\").strip() for line in text.splitlines()}


def check_example():
    """The page shows the example as it is. It is built only where scdoc is installed."""
    built = checks.build_root() / "man/libsubidd.3"
    if not built.exists():
        return []
    shown = plain(built.read_text(encoding="utf-8"))
    source = (checks.SOURCE_ROOT / "lib/examples/runtime.c").read_text(encoding="utf-8")
    return [f"not in the page: {line}" for line in source.splitlines() if line.strip() not in shown | {""}]


def check_verbs(results):
    documented = set(re.findall(r"^\*([a-z]+)\*", section(page("subidctl.1"), "VERBS"), re.M))
    text = help_of(results, "subidctl.1", CLIENT)
    if text is None:
        return
    results.report("subidctl.1 names every verb",
                   [f"{verb} is only in the page" for verb in sorted(documented)
                    if not re.search(rf"^\s+{verb}\b", text, re.M)] +
                   [f"{verb} is not in the page" for verb in re.findall(r"^  ([a-z]+)\b", text, re.M)
                    if verb not in documented])
    there = options_of(text)
    for verb in sorted(documented):
        there |= options_of(help_of(results, "subidctl.1", CLIENT, verb) or "")
    results.report("subidctl.1 names every option", differences(options_of(page("subidctl.1")) - {
        "--private-users", "--uidmap", "--gidmap"}, there))


def main():
    results = checks.Results()
    results.planted("an option that the page lacks", differences(options_of("*--socket* _PATH_"),
                                                                 options_of("--socket --json")))
    results.planted("an option that is only in the page", differences(options_of("*--old*"), set()))
    results.report("subidd.conf.5 names every rule", check_rules())
    results.report("subidd.conf.5 names keys that there are", check_keys())
    text = help_of(results, "subidd.8", DAEMON)
    if text is not None:
        results.report("subidd.8 names every option",
                       differences(options_of(section(page("subidd.8"), "OPTIONS")),
                                   options_of(text)))
    text = help_of(results, "subidd-oci-hook.8", HOOK)
    if text is not None:
        results.report("subidd-oci-hook.8 names every option",
                       differences(options_of(section(page("subidd-oci-hook.8"), "OPTIONS")),
                                   options_of(text)))
    check_verbs(results)
    results.planted("a function that the page declares otherwise", differences(
        set(declarations("int subidd_a(int a);\n").values()), {"int subidd_a(long a);"}))
    results.report("reads: declarations over several lines", differences(
        set(declarations("typedef void (*subidd_c)(int);\nint\nsubidd_a(\n\tint a,\n  int b);\n").values()),
        {"typedef void (*subidd_c)(int);", "int subidd_a(int a, int b);"}))
    results.report("libsubidd.3 declares every function", check_functions())
    results.report("libsubidd.3 shows the example", check_example())
    results.done()


main()
