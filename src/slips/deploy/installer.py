"""Installs wheels for the functions' platform into a directory, by uv.

In: requirements, and a Platform. Out: a directory filled by `uv pip install --target`. uv's exit status decides; its
words are passed on, never read. Nothing is compiled: code that is built for this machine does not run on Lambda.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from slips.deploy.pip_settings import translated
from slips.deploy.requirement_files import without_credentials
from slips.errors import UsageError

OWN = "slips' own dependencies"
"""The place in error texts about what slips itself needs in the functions."""
_UNSATISFIABLE, _BROKEN = 1, 2
"""Exit statuses of uv: no set of wheels satisfies the requirements, or a file cannot be read or an index reached."""
_DISTURBING = ("UV_COMPILE_BYTECODE", "UV_NO_EDITABLE", "UV_NO_VERIFY_HASHES", "UV_PROJECT", "UV_WORKING_DIR")
"""Variables that people set for work on this machine; slips' own options replace others."""


class Platform(Struct, frozen=True):
    """The platform of the functions: Python's version and the processor."""

    runtime: str
    architecture: str

    def __str__(self) -> str:
        return f"{self.runtime} on {self.architecture}"

    @property
    def version(self) -> str:
        """Version of Python: `3.13`."""
        return self.runtime.removeprefix("python")

    @property
    def machine(self) -> str:
        return "aarch64" if self.architecture == "arm64" else "x86_64"

    @property
    def glibc(self) -> int:
        """Newest glibc 2.N that a wheel may need: of Amazon Linux 2, and from python3.12 on of Amazon Linux 2023."""
        return 26 if self.version == "3.11" else 34

    @property
    def tags(self) -> list[str]:
        """Names of the platform to try in turn. uv knows no 2.26: wheels for it come with 2.28, and are checked."""
        numbers = (17, 28) if self.glibc == 26 else (self.glibc,)
        return [f"{self.machine}-manylinux_2_{number}" for number in numbers]

    def unfit(self, tags: Sequence[str]) -> str | None:
        """Return the tag of a wheel because of which it does not run here; None if it does, for one of its tags."""
        return next(iter(tags), None) if not any(map(self._fits, tags)) else None

    def _fits(self, tag: str) -> bool:
        old = {"manylinux1": 5, "manylinux2010": 12, "manylinux2014": 17}
        made_for = re.search(r"-(manylinux(?:\d+|_2_(\d+)))_(\w+)$", tag)
        if made_for is None:
            return tag.endswith("-any")
        name, number, machine = made_for.groups()
        return int(number or old.get(name, 0)) <= self.glibc and machine == self.machine


class Installer(Struct, frozen=True):
    """Runs uv in `root`, the directory to which paths in files of requirements are relative."""

    root: Path
    target: Platform
    pins: list[str]
    """The versions of slips' own libraries, for error texts."""
    say: Callable[[str], None]
    uv: str = ""
    """Path of uv; empty for the uv of slips' environment."""

    def install(self, requirements: Sequence[str], directory: Path, where: str, *, built: Sequence[str] = ()) -> None:
        """Install what the options `requirements` ask for into `directory`.

        `built` names distributions that are built here from their sources. Raises UsageError that begins with `where`,
        with uv's reason.
        """
        options = [*requirements, "--target", str(directory), "--only-binary", ":all:", "--link-mode", "copy"]
        for name in built:
            options += ["--no-binary", name]
        refresh = (
            [] if os.environ.get("UV_OFFLINE") else ["--refresh"]
        )  # else a rebuilt wheel would come from uv's cache
        first: tuple[int, str] | None = None
        for tag in self.target.tags:
            status, said = self._uv([*options, *refresh, "--python-platform", tag])
            if status == 0:
                return
            first = first or (status, said)
            if status != _UNSATISFIABLE:
                break
        if first is not None:
            options += ["--python-platform", self.target.tags[0]]
            raise UsageError(f"{where}: {self._reason(*first, options, is_own=where == OWN)}")

    def _uv(self, options: Sequence[str]) -> tuple[int, str]:
        """Run `uv pip install`, and return its exit status and its words. Ends uv if this process is interrupted."""
        settings = translated(os.environ)
        command = [
            self.uv or _find_uv(),
            "--color=never",
            "--no-python-downloads",
            "pip",
            "install",
            "--python",
            sys.executable,
        ]
        command += ["--python-version", self.target.version, *settings.options, *options]
        environment = {name: value for name, value in os.environ.items() if name not in _DISTURBING}
        words: list[str] = []
        try:
            process = subprocess.Popen(  # noqa: S603 - uv, as installed with slips
                command,
                cwd=self.root,
                env={**environment, **settings.variables, "UV_NO_WRAP": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
            )
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UsageError(
                f"uv: {command[0]} does not start ({reason}); expected the program that slips requires; install slips "
                "again"
            ) from None
        with process:
            try:
                for line in process.stderr or ():
                    words.append(line.strip())
                    if words[-1].startswith("Downloading "):  # uv shows so what is large
                        self.say(f"  {words[-1]}")
                return process.wait(), _in_one_line(words)
            finally:
                process.kill()

    def _reason(self, status: int, said: str, options: Sequence[str], *, is_own: bool) -> str:
        """Return the rest of the error text: reason, expectation and advice."""
        # Without the network, uv gives a status of its own only for what is wrong on this machine.
        if status == _BROKEN and self._uv([*options, "--offline", "--dry-run"])[0] != _BROKEN:
            return (
                f"the index cannot be reached ({said}); expected it where uv looks; try again when it is, or set "
                "UV_DEFAULT_INDEX or PIP_INDEX_URL to yours"
            )
        if status not in (_UNSATISFIABLE, _BROKEN):
            return f"uv: ended with status {status} ({said}); expected 0, or a reason; try again, or install another uv"
        if is_own:
            return (
                f"uv: {said}; expected {', '.join(self.pins)} for {self.target}, the files that slips was tested with, "
                "where uv looks; add an index that has them, by UV_INDEX or PIP_EXTRA_INDEX_URL"
            )
        return (
            f"uv: {said}; expected wheels for {self.target}, as nothing is compiled here, that fit what slips needs "
            f"({', '.join(self.pins)}); mend the requirements, take another 'handler.runtime' or "
            "'handler.architecture', or build a wheel and name its file"
        )


def _find_uv() -> str:
    try:
        from uv import find_uv_bin

        return find_uv_bin()
    except (ImportError, FileNotFoundError):
        raise UsageError(
            f"uv: not installed for {sys.executable}; expected it there, as slips requires it; install slips again"
        ) from None


def _in_one_line(words: Sequence[str]) -> str:
    """Return uv's words from its first error on, in one line, without credentials in URLs."""
    begin = next((n for n, line in enumerate(words) if re.match("error:|×", line)), 0)
    lines = (re.sub(r"^(?:error:|×|[├╰]─▶|│)\s*", "", line) for line in words[begin:])
    text = re.sub(" (?:cause|Caused by): ", ": ", " ".join(filter(None, lines))) or "said nothing"
    return without_credentials(text).rstrip(".")
