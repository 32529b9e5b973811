"""A project to be packaged, with wheels of the tests' own so that few installs ask the index."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import sys
import zipfile
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pytest

from slips.config import PACKAGED, Config, load
from slips.deploy.dependencies import LIBRARIES, PARQUET, PINS, ZONES
from slips.deploy.package import Package, build
from slips.errors import UsageError

ROOT = Path(__file__).parents[1]
CONFIG = """\
stack_name: test
backend:
  embedded:
    path: state
    buckets: {my-logs: src/logs}
handler:
  path: src/handler.py
  args: {key: "{{ssm:/my/key}}"}
bucket_mapping:
  my-logs:
    - {prefix: "", format: [s3-lines, json]}
"""
HANDLER = "import slips.interface\n\nclass H(slips.interface.Handler):\n    def recv(self, meta, event): ...\n"


class Project:
    """A directory with a config and a handler, to be packaged."""

    def __init__(self, root: Path, pins: Path = PINS) -> None:
        self.root, self.pins = root, pins
        self.said: list[str] = []
        self.write("slips.yml", CONFIG)
        self.write("src/handler.py", HANDLER)
        self.write("src/logs/.keep")

    def write(self, name: str, content: str | bytes = "") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def configure(self, **replaced: str) -> None:
        """Puts other values of keys into the config: `handler__path="src/b.py"`."""
        text = CONFIG
        for key, value in replaced.items():
            text = re.sub(rf"(?m)^(  +)({key}: ).*$|^()({key}: ).*$", rf"\g<1>\g<2>{value}", text)
        self.write("slips.yml", text)

    def require(self, text: str, name: str = "requirements.txt") -> None:
        self.write(name, text)
        self.write("slips.yml", CONFIG.replace("handler:\n", "handler:\n  requirements: requirements.txt\n"))

    def config(self) -> Config:
        return load(self.root / "slips.yml")

    def build(self, *, verbose: bool = False) -> Package:
        return build(self.config(), self.said.append, verbose=verbose, pins=self.pins)

    def names(self) -> set[str]:
        """Names of the user's files in the package."""
        made = zipfile.ZipFile(io.BytesIO(self.build().data)).namelist()
        return {name for name in made if not name.startswith(("slips/", *SHIPPED)) and name != PACKAGED}

    def refused(self) -> str:
        with pytest.raises(UsageError) as raised:
            self.build()
        return str(raised.value)


def wheel(
    directory: Path,
    name: str,
    number: str = "1.0",
    files: dict[str, str] | None = None,
    requires: tuple[str, ...] = (),
    tag: str = "py3-none-any",
) -> Path:
    """Writes a wheel into `directory`."""
    base = f"{re.sub('[-.]', '_', name)}-{number}"
    about = f"{base}.dist-info"
    contents = {
        **(files if files is not None else {f"{name}/__init__.py": ""}),
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n"
        + "".join(f"Requires-Dist: {one}\n" for one in requires),
        f"{about}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{about}/entry_points.txt": f"[console_scripts]\n{name.partition('.')[0]} = {name}:main\n",
    }
    contents[f"{about}/RECORD"] = "".join(f"{one},,\n" for one in contents) + f"{about}/RECORD,,\n"
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{base}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for one, text in contents.items():
            archive.writestr(one, text)
    return path


LIBRARY_NAMES = (*LIBRARIES, *PARQUET, ZONES, "backports.zstd")
SHIPPED = ("cramjam", "isal", "lz4", "msgspec", "backports")


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheels that are named like slips' libraries, and are almost empty."""
    return _stand_ins(tmp_path_factory.getbasetemp() / "wheels")


@cache  # as pytest makes a session's fixture anew for each file that imports it
def _stand_ins(directory: Path) -> Path:
    directory.mkdir()
    for name in LIBRARY_NAMES:
        files = {"backports/zstd/__init__.py": ""} if name == "backports.zstd" else None
        wheel(
            directory, name, version(name) if name != "backports.zstd" or sys.version_info < (3, 14) else "1.0", files
        )
    pin(directory)
    return directory


def pin(directory: Path) -> None:
    """Writes the pins of slips' libraries, as `PINS` has them."""
    files = sorted(one for name in LIBRARY_NAMES for one in directory.glob(f"{re.sub('[-.]', '_', name)}-*.whl"))
    pins = [f"{'=='.join(one.name.split('-')[:2])} \\\n    --hash=sha256:{_hash(one)}\n" for one in files]
    (directory / "pins.txt").write_text("".join(pins))


@pytest.fixture
def wheels(stand_ins: Path, tmp_path: Path) -> Path:
    """Where uv looks for wheels, by pip's settings, those of the libraries among them."""
    return Path(shutil.copytree(stand_ins, tmp_path / "wheels"))


@pytest.fixture
def project(tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose dependencies come from `wheels`, into a cache of its own."""
    return _project(tmp_path, wheels, tmp_path / "cache", monkeypatch)


@pytest.fixture
def cached(tmp_path: Path, stand_ins: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose dependencies are installed already: for rules that are about the user's files."""
    return _project(tmp_path, stand_ins, stand_ins / "cache", monkeypatch)


def _project(root: Path, wheels: Path, cache_home: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache_home))
    monkeypatch.setenv("UV_CACHE_DIR", str(wheels.parent / "uv"))
    for name, value in {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": 1, "PIP_FIND_LINKS": wheels}.items():
        monkeypatch.setenv(name, str(value))
    return Project(root / "project", wheels / "pins.txt")


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
