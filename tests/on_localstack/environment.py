"""Makes the virtual environment of LocalStack: Python 3.13, and pinned packages of PyPI and npm.

The environment is kept until the pins change. A missing Python, Node.js or registry raises Skip with the reason; any
other failure is an error.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACE = ROOT / ".venv-localstack"
REQUIREMENTS = ROOT / "requirements" / "localstack.txt"
NODE_FILES = tuple(Path(__file__).with_name(name) for name in ("package.json", "package-lock.json"))
VERSION = (3, 13)
"""The Python that LocalStack's last free edition runs on; 3.12 fails when LocalStack is imported."""
_UNREACHABLE = re.compile(
    "NewConnectionError|NameResolutionError|ConnectTimeoutError|ProxyError|Max retries exceeded|Read timed out"
    "|Connection(?: was)? (?:refused|reset|broken)|No route to host|Network is unreachable"
    "|E(?:NOTFOUND|CONNREFUSED|CONNRESET|TIMEDOUT|HOSTUNREACH|NETUNREACH|AI_AGAIN)"
)
"""Words of pip and npm for a registry that cannot be reached."""


class Skip(Exception):
    """LocalStack cannot run on this machine; the text is the reason."""


def ready() -> Path:
    """Makes the environment if it is missing or of other pins. Returns its Python."""
    if not (shutil.which("node") and shutil.which("npm")):
        raise Skip("no Node.js with npm on PATH, which LocalStack's Kinesis and DynamoDB need")
    python, stamp, pinned = PLACE / "bin" / "python", PLACE / "pinned", _pinned()
    if stamp.is_file() and stamp.read_text() == pinned and _runs(str(python)):
        return python
    base = next((found for found in _candidates() if _runs(found)), None)
    if base is None:
        raise Skip(f"no Python {'.'.join(map(str, VERSION))} on PATH or of pyenv, which LocalStack needs")
    print(f"making {PLACE.name}, which takes a few minutes ...", flush=True)
    shutil.rmtree(PLACE, ignore_errors=True)
    install("PyPI", base, "-m", "venv", str(PLACE))
    pip = (str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install")
    install("PyPI", *pip, "--require-hashes", "--requirement", str(REQUIREMENTS))
    for file in NODE_FILES:
        shutil.copy(file, PLACE)
    # Install scripts would only build a store on disk, and dynalite keeps its tables in memory.
    install("npm's registry", "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    stamp.write_text(pinned)
    return python


def _pinned() -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in (REQUIREMENTS, *NODE_FILES))).hexdigest()


def _candidates() -> Iterator[str]:
    """Paths where `.ci/run` looks for Pythons, too: PATH, then pyenv."""
    name = ".".join(map(str, VERSION))
    for command in (f"python{name}", "python3"):
        if found := shutil.which(command):
            yield found
    pyenv = shutil.which("pyenv")
    if pyenv and (root := subprocess.run([pyenv, "root"], capture_output=True, text=True, check=False).stdout.strip()):
        for folder in sorted(Path(root).glob(f"versions/{name}.*")):
            yield str(folder / "bin" / "python3")


def _runs(python: str) -> bool:
    """Whether the Python is of VERSION and can make an environment. A shim of pyenv exists without running."""
    script = f"import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != {VERSION})"
    try:
        return subprocess.run([python, "-c", script], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def install(registry: str, *command: str) -> None:
    """Runs an installer. Raises Skip if it cannot reach its registry, RuntimeError if it fails otherwise."""
    folder = PLACE if PLACE.is_dir() else ROOT
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        told = done.stdout + done.stderr
        if _UNREACHABLE.search(told):
            raise Skip(f"{registry} cannot be reached")
        raise RuntimeError(f"{' '.join(command)} failed with status {done.returncode}:\n{told.strip()[-4_000:]}")
