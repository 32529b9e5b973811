"""Starts commands under the rules of a unit of systemd, or of a container, as far as a machine without these can.

The command sees the machine's files read-only, with a /tmp of its own, and one directory that it may write. It has no
capabilities, gains none, and is another user if such a one can read Python. What cannot be had is a reason to skip.
"""

from __future__ import annotations

import os
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

import slips

GUARD = 300.0
"""Seconds after which something hangs."""
INSIDE = Path("/mnt")
"""Where the sandbox has its own directory, which is below /tmp outside."""
OTHER = 65_534
"""The number of a user that owns nothing."""


class Sandbox:
    """A directory `root`, of which commands in the sandbox may write `writable` alone; they see it at INSIDE."""

    def __init__(self, root: Path) -> None:
        self.root, self.writable = root, root / "writable"
        self.writable.mkdir(mode=0o700)
        self.user = OTHER if _can_be_other() else 0
        if self.user:
            os.chown(self.writable, self.user, self.user)

    def start(
        self, command: Sequence[str], environment: Mapping[str, str], *, files: int = 1024
    ) -> subprocess.Popen[str]:
        """Start a command with these variables alone, and at most so many open files."""
        user = ["--reuid", str(self.user), "--regid", str(self.user), "--clear-groups"] if self.user else []
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        limit = files if most == resource.RLIM_INFINITY else min(files, most)
        confined = ["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", *user, "--", *command]
        root, inside = shlex.quote(str(self.root)), shlex.quote(str(INSIDE))
        steps = [
            f"mount --bind {root} {inside}",
            "mount -t tmpfs -o mode=1777 tmpfs /tmp",
            "mount -o remount,bind,ro /",
            f"mount -o remount,bind,ro {inside}",
            f"mount --bind {inside}/writable {inside}/writable",
            f"mount -o remount,bind,rw {inside}/writable",
            f"cd {inside}/writable",
            f"ulimit -n {limit}; ulimit -c 0",
            f"exec {shlex.join(confined)}",
        ]
        return subprocess.Popen(
            ["unshare", "--mount", "--", "sh", "-ec", "\n".join(steps)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=dict(environment),
        )

    def inside(self, path: Path) -> str:
        """Return the path in the sandbox of a file of `root`."""
        return str(INSIDE / path.relative_to(self.root))


@contextmanager
def sandbox() -> Iterator[Sandbox]:
    """Make a sandbox. Skips the test if this machine cannot have one."""
    if missing := _missing():
        pytest.skip(f"no sandbox: {missing}")
    root = Path(tempfile.mkdtemp(prefix="slips-sandbox-"))  # not tmp_path: only its owner can read above it
    root.chmod(0o755)
    try:
        yield Sandbox(root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


@cache
def _missing() -> str:
    """The reason why this machine has no sandbox; empty if it has one."""
    tools = [each for each in ("unshare", "setpriv", "mount") if shutil.which(each) is None]
    if tools:
        return f"this machine has no {', '.join(tools)}"
    if os.geteuid() != 0:
        return "only root can make one"
    if any(Path(each).resolve().is_relative_to("/tmp") for each in (sys.prefix, sys.base_prefix, slips.__file__)):
        return "Python or slips is below /tmp, of which a sandbox has its own"
    with (
        tempfile.TemporaryDirectory() as made,
        Sandbox(Path(made)).start(["true"], {"PATH": os.environ["PATH"]}) as process,
    ):
        _, err = process.communicate(timeout=GUARD)
    return err.strip() if process.returncode else ""


@cache
def _can_be_other() -> bool:
    """Whether another user can run this Python with slips."""
    command = ["setpriv", "--reuid", str(OTHER), "--regid", str(OTHER), "--clear-groups", "--", sys.executable]
    # In a further process: setpriv itself finds Python with the rights of root.
    further = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', 'import slips']))"
    done = subprocess.run([*command, "-c", further], capture_output=True, timeout=GUARD)
    return done.returncode == 0
