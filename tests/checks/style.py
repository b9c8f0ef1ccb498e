# SPDX-License-Identifier: MIT
"""Formatting, length of functions and files, licence lines, shell scripts."""

import pathlib
import re
import tempfile

import checks

MAX_FUNCTION = 60
MAX_FILE = 400

LICENSED = (".c", ".h", ".py", ".sh", ".scd", ".socket", ".service", ".in", ".sym", "meson.build")
SPDX = re.compile(r"^(/\*|//|#|;) SPDX-License-Identifier: MIT( \*/)?$")
SHEBANG = re.compile(r"^#!.*\b(bash|sh)$")


def functions(lines):
    """Yields (name line, first, last) of each function; lines count from 1.

    clang-format puts the braces of a function, and of nothing else, alone at the start of a line.
    """
    head = opened = None
    for number, line in enumerate(lines, 1):
        if opened:
            if line == "}":
                yield lines[head - 1], head, number
                head = opened = None
        elif line == "{":
            head, opened = head or number, number
        elif not line or line[0] in "#}/" or line.endswith((";", "*/", "{")):
            head = None
        elif not line[0].isspace() or line.lstrip()[0] not in "*":
            head = head or number
    if opened:
        yield lines[head - 1], head, len(lines) + MAX_FUNCTION


def check_functions(path, text):
    return [f"{path}:{first}: {last - first + 1} lines, at most {MAX_FUNCTION}: {name}"
            for name, first, last in functions(text.splitlines())
            if last - first + 1 > MAX_FUNCTION]


def check_length(path, text):
    n_lines = len(text.splitlines())
    return [f"{path}: {n_lines} lines, at most {MAX_FILE}"] if n_lines > MAX_FILE else []


def check_license(path, text):
    if not text.strip() or any(SPDX.match(line) for line in text.splitlines()[:2]):
        return []
    return [f"{path}: no SPDX-License-Identifier line at the top"]


def check_format(path):
    result = checks.run("clang-format", "--dry-run", "-Werror", "--style=file", path)
    return [result.stdout] if result.returncode else []


def check_shell(path):
    result = checks.run("shellcheck", "--external-sources", "--source-path=SCRIPTDIR", path)
    return [result.stdout] if result.returncode else []


def is_shell(path, text):
    return path.suffix == ".sh" or bool(SHEBANG.match(text.split("\n", 1)[0]))


def is_licensed(path, text):
    return path.name.endswith(LICENSED) or text.startswith("#!")


def a_function(n_lines):
    return "int x;\n\nint f(int a,\n      int b)\n{\n" + "\ta++;\n" * (n_lines - 4) + "}\n"


def try_on_planted(results):
    """Shows that each check sees a mistake, and none where there is none."""
    results.planted("a function that is too long", check_functions("x.c", a_function(61)))
    results.planted("a function without an end", check_functions("x.c", "int f(void)\n{\n\ta();\n"))
    results.report("passes: a function of 60 lines", check_functions("x.c", a_function(60)))
    tables = "static const int t[] = {\n" + "\t1,\n" * 99 + "};\n\nstruct s {\n\tint a;\n};\n"
    results.report("passes: a long table", check_functions("x.c", tables))
    results.planted("a file that is too long", check_length("x.c", "\n" * (MAX_FILE + 1)))
    results.planted("a missing licence line", check_license("x.c", "int a;\n"))
    with tempfile.TemporaryDirectory() as folder:
        style = checks.SOURCE_ROOT / ".clang-format"
        pathlib.Path(folder, ".clang-format").write_text(style.read_text())
        source, script = pathlib.Path(folder, "x.c"), pathlib.Path(folder, "x.sh")
        source.write_text("int f(void) {\n  return 0;\n}\n")
        script.write_text("#!/bin/bash\necho $1\n")
        results.planted("a badly formatted file", check_format(source))
        results.planted("an unquoted variable", check_shell(script))


def check_file(path, text):
    """All that applies to a file; None if nothing does."""
    name, found = checks.relative(path), []
    if path.suffix in (".c", ".h"):
        found += [check_format(path), check_functions(name, text), check_length(name, text)]
    if is_shell(path, text):
        found.append(check_shell(path))
    if is_licensed(path, text):
        found.append(check_license(name, text))
    return sum(found, []) if found else None


def main():
    checks.need("clang-format", "shellcheck")
    results = checks.Results()
    try_on_planted(results)
    for path in checks.sources():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        problems = check_file(path, text)
        if problems is not None:
            results.report(f"style of {checks.relative(path)}", problems)
    results.done()


main()
