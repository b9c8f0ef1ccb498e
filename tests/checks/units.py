# SPDX-License-Identifier: MIT
"""What `meson install` puts in place for systemd, judged by systemd itself."""

import json
import pathlib
import re
import tempfile

import checks

MAX_EXPOSURE = 1.0

UNITS = ["subidd.socket", "subidd.service"]
EXEC = re.compile(r"^(Exec\w+=[-+!@:]*)(/\S+)", re.MULTILINE)


def check_verify(folder):
    """Problems that systemd finds in the units of a folder; it looks for their programs as well."""
    result = checks.run("systemd-analyze", "verify", "--man=no", "--recursive-errors=one",
                        *[folder / unit for unit in UNITS])
    return [result.stdout] if result.returncode or result.stdout else []


def check_exposure(service):
    """Exposure is a number from 0 (tight) to 10."""
    result = checks.run("systemd-analyze", "security", "--offline=true", "--no-pager",
                        f"--threshold={int(MAX_EXPOSURE * 10)}", service)
    last = result.stdout.strip().splitlines()[-1:]
    level = re.search(r"exposure level for \S+: ([0-9.]+)", " ".join(last))
    if not level:
        return [result.stdout]
    if result.returncode or float(level.group(1)) > MAX_EXPOSURE:
        return [f"exposure is {level.group(1)}, at most {MAX_EXPOSURE}"]
    return []


def check_sysusers(file):
    """Would systemd-sysusers make the user and the group on an empty system?"""
    with tempfile.TemporaryDirectory() as root:
        result = checks.run("systemd-sysusers", "--dry-run", f"--root={root}", file)
    return [f"no {kind} subidd: {result.stdout}" for kind in ("user", "group")
            if result.returncode or not re.search(rf"^Creating {kind} 'subidd'", result.stdout,
                                                  re.MULTILINE)]


def check_statuses(service):
    """The exit statuses that no restart helps are those that the daemon's page has, from 2 on."""
    page = (checks.SOURCE_ROOT / "man" / "subidd.8.scd").read_text(encoding="utf-8")
    section = page.split("# EXIT STATUS", 1)[-1].split("\n# ", 1)[0]
    wanted = sorted(set(re.findall(r"^\*(\d+)\*", section, re.MULTILINE)) - {"0", "1"})
    listed = re.findall(r"^RestartPreventExitStatus=(.*)$", service, re.MULTILINE)
    return [] if wanted and listed == [" ".join(wanted)] else [
        f"RestartPreventExitStatus= has {listed}, subidd.8 has {wanted}"]


def check_socket(socket):
    """The socket is where the library looks, named after its interface, and where others look for that name."""
    header = (checks.SOURCE_ROOT / "lib" / "subidd.h").read_text(encoding="utf-8")
    path = re.search(r'^#define SUBIDD_SOCKET_PATH "(.*)"$', header, re.MULTILINE).group(1)
    interface = pathlib.Path(path).name
    wanted = {"ListenStream": path, "Symlinks": f"/run/varlink/registry/{interface}",
              "FileDescriptorName": "varlink"}
    problems = [] if (checks.SOURCE_ROOT / "proto" / f"{interface}.varlink").exists() else [
        f"{interface} is no interface"]
    for key, value in wanted.items():
        found = re.findall(rf"^{key}=(.*)$", socket, re.MULTILINE)
        if found != [value]:
            problems.append(f"{key}= has {found}, not {value}")
    return problems


def install(build, destination):
    """Installs the project below a folder and returns the folder of its prefix there."""
    result = checks.run("meson", "install", "--no-rebuild", "--quiet", "-C", build,
                        f"--destdir={destination}")
    if result.returncode:
        return None, [result.stdout]
    options = json.loads(checks.run("meson", "introspect", "--buildoptions", build).stdout)
    prefix = next(option["value"] for option in options if option["name"] == "prefix")
    return pathlib.Path(f"{destination}{prefix}"), []


def copy_for_verify(units, destination, copy):
    """Copies the units, with the programs that they start where the installation put them."""
    for unit in UNITS:
        text = (units / unit).read_text(encoding="utf-8")
        (copy / unit).write_text(EXEC.sub(rf"\g<1>{destination}\g<2>", text), encoding="utf-8")


def try_on_planted(results, units, destination, folder):
    for name, pattern, text in [
            ("an unknown key", r"\[Service\]", "[Service]\nNoSuchKey=1"),
            ("a program that is missing", r"/subidd$", "/missing"),
    ]:
        copy_for_verify(units, destination, folder)
        service = folder / "subidd.service"
        planted = re.sub(pattern, text, service.read_text(encoding="utf-8"), 1, re.MULTILINE)
        service.write_text(planted, encoding="utf-8")
        results.planted(name, check_verify(folder))
    socket = (folder / "subidd.socket").read_text(encoding="utf-8")
    results.planted("a socket that is not in the registry", check_socket(socket.replace("Symlinks=", "#")))
    results.planted("a socket elsewhere", check_socket(socket.replace("ListenStream=/run", "ListenStream=/tmp")))
    service.write_text("[Service]\nExecStart=/bin/true\n", encoding="utf-8")
    results.planted("a service that is wide open", check_exposure(service))
    (folder / "planted.conf").write_text("u someone -\n", encoding="utf-8")
    results.planted("a missing user", check_sysusers(folder / "planted.conf"))


def main():
    checks.need("systemd-analyze", "systemd-sysusers", "meson")
    results = checks.Results()
    with tempfile.TemporaryDirectory() as folder:
        destination, copy = pathlib.Path(folder, "root"), pathlib.Path(folder, "copy")
        copy.mkdir()
        prefix, problems = install(checks.build_root(), destination)
        results.report("meson install", problems)
        if not prefix:
            results.done()
        units = prefix / "lib/systemd/system"
        try_on_planted(results, units, destination, copy)
        copy_for_verify(units, destination, copy)
        results.report("systemd-analyze verify", check_verify(copy))
        results.report("the socket's places", check_socket(
            (units / "subidd.socket").read_text(encoding="utf-8")))
        results.report("systemd-analyze security", check_exposure(units / "subidd.service"))
        results.report("systemd-sysusers", check_sysusers(prefix / "lib/sysusers.d/subidd.conf"))
        results.report("the drop-in is not in force", [
            str(path) for path in units.rglob("*.service.d")])
        results.report("the exit statuses that no restart helps", check_statuses(
            (units / "subidd.service").read_text(encoding="utf-8")))
    results.done()


main()
