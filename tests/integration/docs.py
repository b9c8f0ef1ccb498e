# SPDX-License-Identifier: MIT
"""The pages of docs/ as a reader follows them: each block is run, or compared, or says why it is not.

A page is begun on a host where the project is installed and docs/node.md has been followed. Above each block
stands what it is: `<!-- run -->`, for bash; `<!-- refused -->`, one that must fail, with its message behind it;
`<!-- output -->`, what the block before it prints (an ellipsis stands for anything, and a line of it for any lines);
or, for people to see, a line "*Not run by the tests: REASON.*".
"""

import pathlib
import re
import subprocess

from client import TIMEOUT
from harness import SUBIDD, Notifications, Skip, case, cases, equal, main
from runtimes import Host, need_program

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
BUILD = pathlib.Path(SUBIDD).resolve().parents[1]
MARKS = {"<!-- run -->": "run", "<!-- refused -->": "refused", "<!-- output -->": "output"}
NOT_RUN = re.compile(r"\*Not run by the tests[^*]*: [^*]+\.\*")
COVERED = ("/etc", "/usr/local", "/var/lib")  # what pages and the installation write to


def mark_of(above):
    """What a block is, by the lines right above it."""
    return MARKS.get(above) or (NOT_RUN.fullmatch(above) and "not run")


def blocks(page):
    """The (what it is, text, line) of each block of a page."""
    above, text, first = [], None, 0
    for number, line in enumerate((DOCS / page).read_text(encoding="utf-8").splitlines(), 1):
        if text is None and line.startswith("```"):
            text, first = [], number + 1
        elif text is None:
            above = above + [line] if line else []
        elif line == "```":
            mark = mark_of(" ".join(above))
            assert mark, f"docs/{page}:{first}: nothing above the block says what becomes of it: {above}"
            yield mark, "".join(f"{one}\n" for one in text), first
            above, text = [], None
        else:
            text.append(line)
    assert text is None, f"docs/{page}:{first}: the block has no end"


def is_shown(output, wanted):
    """Is that what the page shows?"""
    def escape(line):
        return r"(?:.*\n)*" if line.strip() == "..." else r"[^\n]*".join(map(re.escape, line.split("..."))) + "\n"
    return re.fullmatch("".join(map(escape, wanted.splitlines())), output) is not None


class Node:
    """A host with the project installed in its own /usr/local."""

    def __init__(self, **options):
        self.host = Host(**options)
        self.host.configure(engine='runtime = "runc"')  # crun 1.8 raises a limit, which not everybody may
        self.host.write("storage.conf", '[storage]\ndriver = "overlay"\nrunroot = "/run/containers/storage"\n'
                        'graphroot = "/var/lib/containers/storage"\n')
        self.daemon = self.notifications = None

    def __enter__(self):
        try:
            self.install()
            self.follow("node.md")
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.daemon:
            self.daemon.terminate()
            print("".join(f"# {line}\n" for line in self.daemon.communicate()[0].splitlines()), end="")
        if self.notifications:
            self.notifications.close()
        self.host.__exit__()

    def install(self):
        """What a page changes of the machine lies in the host's folder, and so does what is installed."""
        upper, work = self.host.folder / "covers", self.host.folder / "work"
        for path in COVERED:
            pathlib.Path(f"{upper}{path}").mkdir(parents=True)
            pathlib.Path(f"{work}{path}").mkdir(parents=True)
        done = subprocess.run(["meson", "install", "--no-rebuild", "--quiet", "-C", BUILD, "--destdir", upper],
                              capture_output=True, text=True, check=False)
        equal(done.returncode, 0, done.stdout + done.stderr)
        if not pathlib.Path(f"{upper}/usr/local/bin/subidctl").exists():
            raise Skip("the build has another prefix than /usr/local")
        for path in COVERED:
            self.host.mount("-t", "overlay", "-o", f"lowerdir={path},upperdir={upper}{path},"
                            f"workdir={work}{path}", "overlay", path)
        for path in ("/etc/containers", "/var/lib/containers"):
            self.host.run("mkdir", "-p", path)
            self.host.mount("--bind", f"{self.host.folder}{path}", path)
        self.host.run("ldconfig")

    def start(self):
        """The daemon, as its unit would."""
        self.notifications = Notifications(self.host.folder)
        environment = self.host.environment() | {"NOTIFY_SOCKET": self.notifications.path}
        self.daemon = subprocess.Popen(self.host.command("subidd"), env=environment, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.notifications.log.wait("^READY=1$")

    def bash(self, text):
        """Runs it: (exit status, standard output, standard error)."""
        text = re.sub(r"/usr/(share|libexec)/subidd/", r"/usr/local/\1/subidd/", text)
        # podman's rm races with its own clean-up, and then says that a mount is busy: its issues 10454 and 11594
        text = re.sub(r"^podman rm .*$", r"\g<0> || \g<0>", text, flags=re.M)
        done = subprocess.run(self.host.command("bash", "-euo", "pipefail", "-c", text), text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, env=self.host.environment(),
                              timeout=TIMEOUT, check=False)
        return done.returncode, done.stdout, done.stderr

    def follow(self, page):
        """Does what a page says, from its beginning to its end."""
        output = ""
        for mark, text, line in blocks(page):
            if mark == "not run":
                output = ""
            elif mark in ("run", "refused"):
                status, output, errors = self.bash(text)
                assert (status != 0) == (mark == "refused"), f"docs/{page}:{line}: {status}: {output}{errors}"
                output += errors if mark == "refused" else ""
            elif mark == "output":
                assert is_shown(output, text), f"docs/{page}:{line} shows\n{text}and it is\n{output}"


def page_case(page, *programs, **options):
    """Follows a page, on a node where these programs are."""
    @case(f"docs/{page}", needs_root=True)
    def run():
        need_program("meson", "jq", *programs)
        with Node(**options) as node:
            node.follow(page)


def refusals_unsaid(sequence):
    """The lines of the blocks that must fail, and of which nothing says how: a slip of the pen fails as well."""
    following = [*sequence[1:], ("end", "", 0)]
    return [line for (mark, _, line), (after, text, _) in zip(sequence, following)
            if mark == "refused" and (after != "output" or not text.replace(".", "").strip())]


@case("what a page shows as refused is shown with its message")
def refusals():
    for path in sorted(DOCS.glob("*.md")):
        equal(refusals_unsaid(list(blocks(path.name))), [], f"docs/{path.name}")


@case("links lead to files")
def links():
    for path in (DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))):
        targets = re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8"))
        equal([one for one in targets if not (path.parent / one).exists()], [], f"links of {path.name}")


@case("every page is followed")
def all_pages():
    followed = {one.name.removeprefix("docs/") for one in case_list()} | {"node.md"}
    equal({path.name for path in DOCS.glob("*.md")} - {"README.md"}, followed)


@case("these tests see a block without a mark, and output that is not as shown")
def planted():
    assert is_shown("a 12 b\nx\ny\nend\n", "a ... b\n...\nend\n")
    assert not is_shown("a\nb\n", "a\n")
    equal([mark_of(above) for above in ("<!-- run -->", "*Not run by the tests: why.*", "", "text", "*Not run.*")],
          ["run", "not run", None, None, None])
    assert not is_shown("a b\n", "a ... b\n")
    equal(refusals_unsaid([("refused", "", 1), ("output", "...\n", 2), ("refused", "", 3), ("output", "no\n", 4),
                           ("refused", "", 5)]), [1, 5])


def case_list():
    """The cases that follow a page."""
    return [one for one in cases if one.name.startswith("docs/")]


page_case("runc-crun.md", "runc", "crun")
page_case("systemd-nspawn.md", "systemd-nspawn", own_cgroups=False)
page_case("podman.md", "podman", "conmon", "runc", "crun")
page_case("containerd.md", "containerd", "ctr", "runc")
page_case("cri-o.md")
page_case("kubelet.md", "getsubids")

if __name__ == "__main__":
    main()
