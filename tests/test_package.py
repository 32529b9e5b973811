"""The zip of the functions: what is in it, what never is, and that the same project gives the same bytes."""

from __future__ import annotations

import ast
import hashlib
import io
import os
import platform
import re
import shutil
import socket
import stat
import subprocess
import sys
import tarfile
import threading
import time
import tomllib
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import boto3
import pytest

from slips.config import PACKAGED, Config, load, parse, read_packaged
from slips.deploy import modules, package
from slips.deploy.dependencies import LIBRARIES, PINS, Platform
from slips.deploy.package import LEFT_OUT_NAMED, Package, build
from slips.errors import UsageError

ROOT = Path(__file__).parents[1]
HERE = (f"python3.{sys.version_info.minor}", "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64")
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


# ---- wheels of our own, so that few installs ask the index


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


LIBRARY_NAMES = (*LIBRARIES, "backports.zstd")
SHIPPED = ("isal", "lz4", "msgspec", "backports")


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheels that are named like slips' libraries, and are almost empty."""
    directory = tmp_path_factory.mktemp("wheels")
    for name in LIBRARY_NAMES:
        files = {"backports/zstd/__init__.py": ""} if name == "backports.zstd" else None
        wheel(directory, name, version(name) if name in LIBRARIES or sys.version_info < (3, 14) else "1.0", files)
    pin(directory)
    return directory


def pin(directory: Path) -> None:
    """Writes the pins of slips' libraries, as `PINS` has them."""
    files = sorted(one for name in LIBRARY_NAMES for one in directory.glob(f"{name.replace('.', '_')}-*.whl"))
    pins = [f"{'=='.join(one.name.split('-')[:2])} \\\n    --hash=sha256:{_hash(one)}\n" for one in files]
    (directory / "pins.txt").write_text("".join(pins))


@pytest.fixture
def wheels(stand_ins: Path, tmp_path: Path) -> Path:
    """Where pip looks for wheels, those of the libraries among them."""
    return Path(shutil.copytree(stand_ins, tmp_path / "wheels"))


@pytest.fixture
def project(tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose dependencies come from `wheels`, into a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return Project(tmp_path / "project", wheels / "pins.txt")


@pytest.fixture
def cached(tmp_path: Path, stand_ins: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose dependencies are installed already: for rules that are about the user's files."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(stand_ins / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(stand_ins))
    return Project(tmp_path / "project", stand_ins / "pins.txt")


# ---- the real thing


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """Unpacks the package for a runtime and an architecture, with the libraries of the index."""

    def unpacked(runtime: str, architecture: str) -> Path:
        directory = tmp_path_factory.mktemp("real")
        project = Project(directory / "project")
        text = CONFIG.replace("handler:\n", f"handler:\n  runtime: {runtime}\n  architecture: {architecture}\n")
        project.write("slips.yml", text)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_CACHE_HOME", str(directory / "cache"))
            made = project.build()
        with zipfile.ZipFile(io.BytesIO(made.data)) as archive:
            archive.extractall(directory / "task")
        return directory / "task"

    return unpacked


@pytest.mark.slow
def test_every_deployed_module_is_imported_from_the_package_alone(real: Callable[[str, str], Path]) -> None:
    task = real(*HERE)
    shutil.copytree(Path(boto3.__file__).parents[1], task.parent / "runtime", ignore=_all_but_boto)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", ALONE, str(task), str(task.parent / "runtime")],
        input=repr(_compressed()),
        capture_output=True,
        encoding="utf-8",
        cwd=task.parent,
    )
    assert (done.stdout, done.stderr) == ("as it should be\n", "")


ALONE = """
import io, pathlib, pkgutil, sys
task, runtime = sys.argv[1:]
sys.path[:0] = [task, runtime]
import slips.pipeline.process
from slips.codec import decode
from slips.config import read_packaged
from slips.formats import catalogue
from slips.usercode import import_file

names = [found.name for found in pkgutil.walk_packages(slips.__path__, "slips.")]
for name in names:
    __import__(name)
assert "slips.formats.aws" in names and len(catalogue()) > 20
assert not {"typer", "rich", "yaml", "pip"} & sys.modules.keys()
config = read_packaged(pathlib.Path(task))
import_file(config.resolve(config.handler.path))
for stored in eval(sys.stdin.read()):
    assert decode(io.BytesIO(stored)).stream.read() == b"line", stored
for name in ("slips", "msgspec", "isal", "lz4"):
    assert sys.modules[name].__file__.startswith(task), name
print("as it should be")
"""


def _all_but_boto(directory: str, names: list[str]) -> list[str]:
    """For the copy of what Lambda's runtime has: boto3 and what it needs, nothing of slips'."""
    needed = {"boto3", "botocore", "jmespath", "s3transfer", "urllib3", "dateutil", "six.py"}
    top = Path(directory) == Path(boto3.__file__).parents[1]
    return [name for name in names if (top and name not in needed) or name in ("data", "__pycache__")]


def _compressed() -> list[bytes]:
    import bz2
    import gzip
    import lzma

    import lz4.frame

    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return [one(b"line") for one in (gzip.compress, zstd.compress, bz2.compress, lzma.compress, lz4.frame.compress)]


@pytest.mark.slow
def test_libraries_are_those_of_the_runtime_and_the_architecture(real: Callable[[str, str], Path]) -> None:
    task = real("python3.13", "arm64")
    libraries = sorted(task.rglob("*.so"))
    assert {path.relative_to(task).parts[0] for path in libraries} == {"backports", "isal", "lz4", "msgspec"}
    for path in libraries:
        assert path.name.endswith(".cpython-313-aarch64-linux-gnu.so")
        assert path.read_bytes()[18:20] == b"\xb7\0"  # EM_AARCH64
    assert not [path for path in task.rglob("*") if path.suffix == ".pyc" or path.name in package._LEFTOVERS]


def test_of_the_dependencies_only_those_of_people_stay_out() -> None:
    declared = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split("[ >=;]", one)[0] for one in declared}
    assert names == {*LIBRARY_NAMES, "boto3", "pip", "pyyaml", "rich", "typer"}


@pytest.mark.parametrize(
    ("runtime", "architecture", "newest", "other"),
    [
        ("python3.11", "x86_64", "manylinux_2_26_x86_64", "manylinux_2_28_x86_64"),
        ("python3.12", "arm64", "manylinux_2_34_aarch64", "manylinux_2_35_aarch64"),
        ("python3.14", "x86_64", "manylinux_2_34_x86_64", "manylinux_2_34_aarch64"),
    ],
)
def test_wheels_fit_the_c_library_of_the_runtime(runtime: str, architecture: str, newest: str, other: str) -> None:
    platforms = Platform(runtime, architecture).platforms
    assert platforms[0] == newest
    assert other not in platforms
    assert f"manylinux_2_17_{'aarch64' if architecture == 'arm64' else architecture}" in platforms


# ---- the same bytes


@pytest.mark.slow
def test_the_same_project_gives_the_same_bytes_wherever_and_whenever(
    cached: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["src/z.py", "src/data/b.csv", "src/a.py", "src/run.sh"]
    other = Project(tmp_path / "elsewhere" / "copy", cached.pins)
    before = os.umask(0o077)
    try:
        for name in names:
            cached.write(name, name)
        (cached.root / "src/run.sh").chmod(0o700)
        first = cached.build()
        os.umask(0)
        for name in reversed(names):
            os.utime(other.write(name, name), (1, 1))
        (other.root / "src/run.sh").chmod(0o777)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # installed again
        monkeypatch.setenv("LC_ALL", "C")
        monkeypatch.chdir(tmp_path)
        second = other.build()
    finally:
        os.umask(before)
    assert first.data == second.data
    assert first.key == second.key


def test_files_have_fixed_times_and_keep_only_whether_they_run(cached: Project) -> None:
    cached.write("src/run.sh").chmod(0o777)
    cached.write("src/a.py").chmod(0o606)
    archive = zipfile.ZipFile(io.BytesIO(cached.build().data))
    assert archive.namelist() == sorted(archive.namelist())
    assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    modes = {one.filename: one.external_attr >> 16 for one in archive.infolist()}
    assert modes["src/run.sh"] == stat.S_IFREG | 0o755
    assert modes["src/a.py"] == stat.S_IFREG | 0o644
    assert set(modes.values()) == {stat.S_IFREG | 0o755, stat.S_IFREG | 0o644}


@pytest.mark.slow
@pytest.mark.parametrize("change", ["content", "mode", "name", "config"])
def test_a_change_changes_the_key(cached: Project, change: str) -> None:
    path = cached.write("src/a.txt", "a")
    before = cached.build().key
    assert re.fullmatch("slips-[0-9a-f]{40}.zip", before)
    if change == "content":
        path.write_text("b")
    elif change == "mode":
        path.chmod(0o755)
    elif change == "name":
        path.rename(path.with_name("b.txt"))
    else:
        cached.write("slips.yml", CONFIG.replace("/my/key", "/my/other"))
    assert cached.build().key != before


# ---- the user's files


@pytest.mark.slow
def test_all_below_the_directory_of_the_handler_goes_in_but_what_is_of_this_machine(cached: Project) -> None:
    for name in (
        "rules.yml",
        "data/words.csv",
        "deep/er/module.py",
        "pkg/__init__.py",
        "naïve.py",
        "empty",
        "tests/t.py",
    ):
        cached.write(f"src/{name}")
    for name in (
        *(".env", ".git/config", ".hidden/a.py", "__pycache__/a.pyc", "old.pyc", "node_modules/a/b.js"),
        *("venv/pyvenv.cfg", "venv/lib/a.py", "deep/env/pyvenv.cfg", "logs/a.json"),
    ):
        cached.write(f"src/{name}")
    cached.write("src/prod.yml", "# of another stack\nstack_name: prod\n")
    for name in ("README.md", "other/a.py", "state/db"):
        cached.write(name)
    assert cached.names() == {
        *("src/handler.py", "src/rules.yml", "src/data/words.csv", "src/deep/er/module.py", "src/pkg/__init__.py"),
        *("src/naïve.py", "src/empty", "src/tests/t.py"),
    }


SECRETS = (
    *("id_rsa", "ID_RSA", "id_ed25519.pub", "server.pem", "a.P12", "tls.key", "credentials", "Credentials.JSON"),
    *(".netrc", "terraform.tfstate", "terraform.tfstate.backup", "secrets.yaml", "prod.env", ".env"),
    *("users.db", "users.sqlite3", "users.sqlite-wal", "old.mdb"),
    *("handler.py~", ".handler.py.swp", "handler.py.bak", "handler.py.orig", "#notes.txt#"),
)


def test_files_that_look_like_secrets_are_left_out_and_named(cached: Project) -> None:
    for name in SECRETS:
        cached.write(f"src/{name}", "secret")
        cached.write(f"src/deep/er/{name}", "secret")
    for name in ("secrets.py", "credentials.py", "key.py", "deep/public.txt", "keys/a.txt", "monkey", ".hidden"):
        cached.write(f"src/{name}")
    assert cached.names() == {
        f"src/{name}"
        for name in ("handler.py", "secrets.py", "credentials.py", "key.py", "deep/public.txt", "keys/a.txt", "monkey")
    }
    (said,) = [line for line in cached.said if line.startswith("left out: ")]
    names = sorted(f"src/{folder}{name}" for name in SECRETS for folder in ("", "deep/er/"))
    assert said == (
        f"left out: {', '.join(names)}: like secrets, databases or leftovers of editors; name in 'handler.include' "
        "what the handler needs"
    )
    said_by_check: list[str] = []
    package.check(cached.config(), said_by_check.append)
    assert said_by_check == [said]


def test_what_the_config_includes_goes_in_and_what_it_excludes_stays_out(cached: Project) -> None:
    for name in (
        *("certs/ca.pem", "certs/ca.key", "other.pem", "geo.db", "deep/geo.db", ".netrc", ".env", ".git/geo.db"),
        *("tests/test_a.py", "tests/a.json", "deep/tests/b.py", "big.csv", "small.csv", "data/big.csv", "lib/a/b.txt"),
    ):
        cached.write(f"src/{name}")
    cached.write(
        "slips.yml",
        CONFIG.replace(
            "handler:\n",
            "handler:\n  include: [certs/*.pem, geo.db, ./.netrc]\n  exclude: [tests, ./big.csv, lib/a/]\n",
        ),
    )
    assert cached.names() == {
        f"src/{name}"
        for name in ("handler.py", "certs/ca.pem", "geo.db", "deep/geo.db", ".netrc", "small.csv", "data/big.csv")
    }
    (said,) = [line for line in cached.said if line.startswith("left out: ")]
    assert said.startswith("left out: src/.env, src/certs/ca.key, src/other.pem: ")


def test_many_files_that_are_left_out_are_counted(cached: Project) -> None:
    for number in range(LEFT_OUT_NAMED + 1_000):
        cached.write(f"src/{number:04}.bak")
    made = cached.build()
    (said,) = [line for line in cached.said if line.startswith("left out: ")]
    assert "src/0049.bak and 1,000 more: " in said
    assert "src/0050.bak" not in said
    assert made.left_out == [f"src/{number:04}.bak" for number in range(LEFT_OUT_NAMED + 1_000)]  # for programs all


def test_beside_the_config_only_files_and_importable_packages_go_in(cached: Project) -> None:
    cached.write("slips.yml", CONFIG.replace("src/handler.py", "handler.py").replace("src/logs", "logs"))
    cached.write("handler.py", HANDLER)
    for name in ("rules.csv", "lib/__init__.py", "lib/sub/a.txt", "docs/a.md", "logs/__init__.py"):
        cached.write(name)
    cached.write("staging.yaml", "stack_name: staging\n")
    assert cached.names() == {"handler.py", "rules.csv", "lib/__init__.py", "lib/sub/a.txt"}


def test_formats_of_ones_own_go_in_with_what_is_around_them(cached: Project) -> None:
    text = CONFIG.replace("[s3-lines, json]", "[s3-lines, 'formats/door.py:door', 'beside.py:x']")
    door = (
        "from slips.format import parser\n"
        "@parser('door', summary='s', reference='r', takes='text')\ndef door(meta, text): return {}\n"
        "@parser('x', summary='s', reference='r')\ndef x(meta, event): return event\n"
    )
    for name in ("formats/door.py", "beside.py"):
        cached.write(name, door)
    for name in ("formats/table.csv", "formats/sub/a.py", "helper.py", "private.txt", "lib/__init__.py"):
        cached.write(name)
    cached.write("slips.yml", text)
    assert cached.names() == {
        *("src/handler.py", "formats/door.py", "formats/table.csv", "formats/sub/a.py", "beside.py", "helper.py"),
    }


def test_links_inside_the_project_are_followed(cached: Project) -> None:
    cached.write("common/a.py", "here")
    (cached.root / "src/common").symlink_to("../common")
    (cached.root / "src/b.py").symlink_to(cached.root / "common" / "a.py")
    made = zipfile.ZipFile(io.BytesIO(cached.build().data))
    assert made.read("src/common/a.py") == made.read("src/b.py") == b"here"


def test_what_package_wrote_for_other_tools_stays_out(cached: Project) -> None:
    cached.write("src/build/slips-package.json", "{}")
    cached.write("src/build/slips_stack.py")
    cached.write("src/builder/a.py")
    assert cached.names() == {"src/handler.py", "src/builder/a.py"}


def test_sockets_and_pipes_stay_out(cached: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(cached.root / "src" / "z-pipe")  # behind the socket: to read it would hang
    monkeypatch.chdir(cached.root / "src")  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("socket")
        assert cached.names() == {"src/handler.py"}


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("/etc/hostname", "leads to /etc/hostname, out of the project; expected a target below {root}; copy it there"),
        ("nothing", "there is no {root}/src/nothing; expected a file of the project; mend the path or the link"),
        ("../.env", "leads to {root}/.env; what has a '.' in front of its name never goes into a package; rename it"),
        (".", "a link to a directory that it lies in; expected an end; remove it"),
    ],
)
def test_links_that_lead_astray_are_named(cached: Project, target: str, said: str) -> None:
    cached.write(".env")
    (cached.root / "src/link").symlink_to(target)
    assert said.format(root=cached.root) in cached.refused()
    assert f"{cached.root}/src/link: " in cached.refused()


def test_links_in_a_circle_are_named(cached: Project) -> None:
    (cached.root / "src/a/b").mkdir(parents=True)
    (cached.root / "src/a/b/back").symlink_to("../../a")
    said = "a link to a directory that it lies in; expected an end; remove it"
    assert cached.refused() == f"{cached.root}/src/a/b/back: {said}"


def test_a_handler_outside_of_the_project_is_refused(cached: Project) -> None:
    outside = cached.root.parent / "handler.py"
    outside.write_text(HANDLER)
    cached.write("slips.yml", CONFIG.replace("src/handler.py", "../handler.py"))
    expected = f"'../handler.py'; expected a path below {cached.root}, which is packaged; move it there"
    assert cached.refused() == f"handler.path: {expected}"
    (cached.root / "out").symlink_to(cached.root.parent)
    cached.write("slips.yml", CONFIG.replace("src/handler.py", "out/handler.py"))
    assert cached.refused().startswith(f"handler.path: 'out/handler.py': leads to {outside}, out of the project")
    cached.write(".src/handler.py", HANDLER)
    cached.write("slips.yml", CONFIG.replace("src/handler.py", ".src/handler.py"))
    assert "never goes into a package" in cached.refused()


@pytest.mark.parametrize("name", ["caf\udce9.py", unicodedata.normalize("NFD", "é.py")])
def test_names_that_differ_between_systems_are_refused(cached: Project, name: str) -> None:
    cached.write(f"src/{name}")
    assert "; expected a name that is alike everywhere; rename it" in cached.refused()


def test_files_that_cannot_be_read_are_named(cached: Project) -> None:
    path = cached.write("src/gone.txt")
    expected = rf"^{path}: no such file or directory; expected files for the package; make it readable$"
    with pytest.raises(UsageError, match=expected):
        build(
            cached.config(), lambda _: path.unlink(missing_ok=True), pins=cached.pins
        )  # while dependencies are installed


@pytest.mark.parametrize(
    ("name", "hidden", "whose"),
    [
        ("msgspec.py", "msgspec", "which the package needs"),
        ("isal/__init__.py", "isal", "which the package needs"),
        ("slips.py", "slips", "which the package needs"),
        ("boto3.py", "boto3", "which the functions need"),
        ("json.py", "json", "of Python itself"),
        ("queue/__init__.py", "queue", "of Python itself"),
        (PACKAGED, PACKAGED, "which the package needs"),
    ],
)
def test_files_that_would_hide_others_are_refused(cached: Project, name: str, hidden: str, whose: str) -> None:
    cached.write("slips.yml", CONFIG.replace("src/handler.py", "handler.py"))
    cached.write("handler.py", HANDLER)
    cached.write(name)
    top = name.partition("/")[0]
    assert cached.refused() == (
        f"{top}: would hide '{hidden}', {whose}; expected another name; rename it or move it into a directory"
    )


def test_a_directory_called_slips_is_refused_and_one_like_a_module_of_python_is_not(cached: Project) -> None:
    cached.write("slips.yml", CONFIG.replace("src/handler.py", "email/handler.py"))
    cached.write("email/handler.py", HANDLER)
    assert cached.names() == {"email/handler.py"}
    cached.write("slips.yml", CONFIG.replace("src/handler.py", "slips/handler.py"))
    cached.write("slips/handler.py", HANDLER)
    assert "slips: would hide 'slips'" in cached.refused()


# ---- the config


@pytest.mark.slow
def test_the_config_travels_without_what_is_of_this_machine(cached: Project, tmp_path: Path) -> None:
    cached.write(
        "formats.py", "from slips.format import parser\n@parser('x', summary='s', reference='r')\ndef x(m, e): ...\n"
    )
    cached.write("requirements.txt")
    text = CONFIG.replace(
        "path: src/handler.py", f"path: {cached.root}/src/handler.py\n  requirements: requirements.txt"
    )
    cached.write("slips.yml", text.replace("json]", f"json, '{cached.root}/src/../formats.py:x']"))
    data = cached.build().data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(tmp_path / "task")
    stored = (tmp_path / "task" / PACKAGED).read_bytes()
    assert str(cached.root).encode() not in stored
    config = read_packaged(tmp_path / "task")
    assert config.root == tmp_path / "task"
    assert config.resolve(config.handler.path).read_text() == HANDLER
    assert (config.backend.embedded, config.handler.requirements) == (None, None)
    assert config.handler.args == {"key": "{{ssm:/my/key}}"}
    assert config.bucket_mapping["my-logs"][0].format == ["s3-lines", "json", "formats.py:x"]


# ---- slips


def slips_in(packed: Package) -> set[str]:
    """The modules of slips in a package."""
    names = zipfile.ZipFile(io.BytesIO(packed.data)).namelist()
    return {dotted(Path(name)) for name in names if name.startswith("slips/")}


def dotted(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path) -> Iterator[str]:
    """What a file imports anywhere but for type checkers alone."""
    tree = ast.parse(path.read_text())
    for block in ast.walk(tree):
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            block.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names))


def needed(module: str, files: dict[str, Path], found: set[str]) -> set[str]:
    """A module and all that it needs, with the packages that they are in."""
    if module in files and module not in found and not module.startswith(modules.UNTAKEN):
        found.add(module)
        for name in (module.rpartition(".")[0], *imported(files[module])):
            needed(name, files, found)
    return found


def test_the_package_has_the_modules_that_the_functions_import_and_the_formats_and_no_other(cached: Project) -> None:
    root = ROOT / "src" / "slips"
    files = {dotted(path.relative_to(root.parent)): path for path in root.rglob("*.py")}
    expected = needed("slips.lambdas", files, set())
    for name in files:
        if name.startswith("slips.formats."):
            needed(name, files, expected)
    assert slips_in(cached.build()) == expected
    for untaken in modules.UNTAKEN:
        assert any(name.startswith(untaken) for module in expected for name in imported(files[module])), untaken


def test_what_only_people_and_this_machine_use_stays_out(cached: Project) -> None:
    names = zipfile.ZipFile(io.BytesIO(cached.build().data)).namelist()
    own = {name.split("/")[1] for name in names if name.startswith("slips/")}
    assert not own & {"__main__.py", "cli", "deploy", "project.py", "service", "testing.py"}
    assert {"config", "chain.py", "codec.py", "pipeline", "backends", "formats", "interface.py"} <= own
    assert {"slips/backends/aws/s3.py", "slips/formats/aws.py"} <= {*names}
    assert not [name for name in names if name.startswith(("slips/backends/machine", "slips/config/check"))]
    assert not [name for name in names if "samples" in name]


@pytest.mark.parametrize("module", ["slips.interface", "slips.format", "slips.times", "slips.errors", "slips.model"])
def test_what_handlers_and_formats_import_is_in_the_package(cached: Project, module: str) -> None:
    assert module in slips_in(cached.build())


# ---- what is required


@pytest.mark.once
@pytest.mark.slow
def test_requirements_go_in_without_leftovers_of_the_installer(project: Project, wheels: Path) -> None:
    kept = ("acme/__init__.py", "acme/tests/data.bin", "acme/.hidden")
    wheel(wheels, "acme", files=dict.fromkeys((*kept, "acme/__pycache__/cached.nbi", "acme/old.pyc"), ""))
    project.require("acme\n")
    assert project.names() == {
        *("src/handler.py", *kept),
        *("acme-1.0.dist-info/METADATA", "acme-1.0.dist-info/WHEEL", "acme-1.0.dist-info/entry_points.txt"),
    }


@pytest.mark.once
@pytest.mark.slow
def test_markers_are_judged_for_the_functions_not_for_this_machine(project: Project, wheels: Path) -> None:
    wheel(wheels, "acme", requires=("late; python_version >= '3.13'", "early; python_version < '3.13'"))
    for name in ("late", "early", "windows", "arm"):
        wheel(wheels, name)
    project.require("acme\nwindows; sys_platform == 'win32'\narm; platform_machine == 'aarch64'\n")
    found = {name.partition("/")[0] for name in project.names()}
    assert {"acme", "late", "arm"} <= found
    assert not {"early", "windows"} & found


@pytest.mark.once
@pytest.mark.slow
def test_an_unchanged_file_of_requirements_never_asks_the_index_again(
    project: Project, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(wheels, "acme")
    project.require("-r \\\n  more.txt\n")
    project.write("more.txt", "acme -c limits.txt\n".replace(" -c", "\n-c"))
    project.write("limits.txt", "acme<2\n")
    first = project.build()
    assert project.said[0] == "dependencies: installing requirements.txt and slips' own for python3.13 on arm64"
    assert "  acme==1.0" in project.said
    assert all(re.fullmatch(r"  [\w.]+==[\w.]+", line) for line in project.said[1:])
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels / "nowhere"))
    project.said.clear()
    assert project.build().data == first.data
    assert project.said == ["dependencies: as before"]
    project.build(verbose=True)
    assert re.fullmatch(r"dependencies: as before, from \S+; remove that directory .*", project.said[-1])
    project.write("limits.txt", "acme<3\n")
    assert "Cannot install acme" in project.refused()


@pytest.mark.once
@pytest.mark.slow
def test_what_lies_on_this_machine_is_installed_anew_each_time(project: Project, wheels: Path) -> None:
    wheel(project.root / "vendor", "acme", files={"acme.py": "one"})
    project.require("./vendor/acme-1.0-py3-none-any.whl\n")
    first = project.build()
    wheel(project.root / "vendor", "acme", files={"acme.py": "two"})
    assert project.build().key != first.key
    assert not list((project.root.parent / "cache/slips/packages").iterdir())


@pytest.mark.once
@pytest.mark.slow
def test_requirements_with_variables_are_not_kept(
    project: Project, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("acme", "zeta"):
        wheel(wheels, name)
    project.require("${WANTED}\n")
    for name in ("acme", "zeta"):
        monkeypatch.setenv("WANTED", name)
        assert f"{name}/__init__.py" in project.names()


@pytest.mark.once
@pytest.mark.slow
def test_requirements_that_lie_elsewhere_are_not_kept(project: Project, wheels: Path) -> None:
    elsewhere = project.write("elsewhere.txt")
    project.require(f"-r {elsewhere.as_uri()}\n")
    for name in ("acme", "zeta"):
        wheel(wheels, name)
        elsewhere.write_text(name)
        assert f"{name}/__init__.py" in project.names()


@pytest.mark.once
@pytest.mark.slow
def test_neither_settings_of_pip_nor_files_of_the_project_disturb_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("PIP_NO_BINARY", ":all:")
    project.write("json.py", "raise SystemExit('no module of pip')")
    assert project.names() == {"src/handler.py"}


@pytest.mark.once
@pytest.mark.slow
def test_an_index_that_cannot_be_reached_is_told(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # nobody listens there
    monkeypatch.setenv("PIP_RETRIES", "1")
    project.require("acme\n")
    assert re.match(
        r"requirements.txt: the index cannot be reached \(.*refused.*\); expected it where pip looks", project.refused()
    )


@pytest.mark.once
@pytest.mark.slow
def test_requirements_with_hashes_are_checked_and_slips_own_still_go_in(project: Project, wheels: Path) -> None:
    acme = wheel(wheels, "acme")
    project.require(f"acme==1.0 \\\n  --hash=sha256:{_hash(acme)}\n")
    made = zipfile.ZipFile(io.BytesIO(project.build().data)).namelist()
    assert {"acme/__init__.py", "msgspec/__init__.py", "backports/zstd/__init__.py"} <= set(made)
    project.require(f"acme==1.0 --hash=sha256:{0:064d}\n")
    assert "requirements.txt: pip: THESE PACKAGES DO NOT MATCH THE HASHES" in project.refused()


@pytest.mark.once
@pytest.mark.slow
def test_hashed_requirements_may_name_slips_libraries_but_in_no_other_version(project: Project, wheels: Path) -> None:
    for names in (("msgspec",), LIBRARY_NAMES):
        files = [next(wheels.glob(f"{name.replace('.', '_')}-*")) for name in names]
        numbers = [file.name.split("-")[1] for file in files]
        lines = zip(names, numbers, map(_hash, files), strict=True)
        project.require("".join(f"{name}=={number} --hash=sha256:{digest}\n" for name, number, digest in lines))
        made = zipfile.ZipFile(io.BytesIO(project.build().data)).namelist()
        assert {"msgspec/__init__.py", "isal/__init__.py", "backports/zstd/__init__.py"} <= set(made)
    other = wheel(wheels, "msgspec", "0.1")
    project.require(f"msgspec==0.1 --hash=sha256:{_hash(other)}\n")
    assert project.refused() == (
        f"requirements.txt: has msgspec 0.1; expected {version('msgspec')}, which slips uses; take that version"
    )


@pytest.mark.once
@pytest.mark.slow
def test_slips_own_dependencies_are_installed_by_their_hashes(project: Project, wheels: Path) -> None:
    wheel(wheels, "acme")
    for requirement in ("", "acme\n", "acme\nmsgspec>=0.1\n"):
        project.require(requirement)
        made = zipfile.ZipFile(io.BytesIO(project.build().data))
        assert made.read("msgspec/__init__.py") == b""
    (wheels.parent / "cache").rename(wheels.parent / "forgotten")
    wheel(wheels, "msgspec", version("msgspec"), {"msgspec/__init__.py": "import evil\n"})
    for requirement in ("", "acme\n", "acme\nmsgspec>=0.1\n"):
        project.require(requirement)
        assert "slips' own dependencies: pip: THESE PACKAGES DO NOT MATCH THE HASHES" in project.refused()


def test_the_hashes_are_those_that_the_tests_run_with() -> None:
    run = (ROOT / "requirements" / "run.txt").read_text()
    entries = re.findall(r"(?m)^([\w-]+)==.*(?:\n +.*)*\n", PINS.read_text())
    assert entries == ["backports-zstd", *LIBRARIES]
    for entry in re.finditer(r"(?m)^[\w-]+==.*(?:\n +.*)*\n", PINS.read_text()):
        assert entry[0] in run, "'make lock' writes src/slips/deploy/requirements.txt anew"


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.once
@pytest.mark.slow
def test_boto3_goes_in_if_it_is_asked_for(project: Project, wheels: Path) -> None:
    wheel(wheels, "boto3", "1.2")
    project.require("boto3\n")
    assert "boto3/__init__.py" in project.names()
    said = "dependencies: boto3 1.2 goes in as asked for; Lambda's runtime has one already"
    assert project.said[-1] == said
    project.build()
    assert project.said[-1] == said


@pytest.mark.once
@pytest.mark.slow
def test_a_slips_of_its_own_is_refused(project: Project, wheels: Path) -> None:
    wheel(wheels, "slips")
    project.require("slips\n")
    assert project.refused() == (
        "requirements.txt: brings a 'slips' of its own; expected none beside the package's; remove it there"
    )


def sdist(directory: Path, name: str) -> None:
    with tarfile.open(directory / f"{name}-1.0.tar.gz", "w:gz") as archive:
        about = tarfile.TarInfo(f"{name}-1.0/PKG-INFO")
        archive.addfile(about, io.BytesIO(b""))


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "there"),
    [
        *((asked, "source") for asked in ("acme", "acme==1.0", "acme[extra]", "acme[extra]==1.0")),
        *(("acme", there) for there in ("win_amd64", "cp314-cp314")),
    ],
)
def test_a_requirement_without_a_wheel_for_the_functions_is_named(
    project: Project, wheels: Path, asked: str, there: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if there == "source":
        sdist(wheels, "acme")
    else:
        wheel(wheels, "acme", tag=f"cp313-cp313-{there}" if there == "win_amd64" else f"{there}-manylinux_2_28_aarch64")
    page = project.write("index.html", "".join(f'<a href="{one.as_uri()}">{one.name}</a>' for one in wheels.iterdir()))
    monkeypatch.setenv("PIP_FIND_LINKS", str(page))  # pip tells then on which page it found a link
    project.require(f"{asked}\n")
    named = asked.replace("[extra]==", "==")  # pip's words
    assert project.refused() == (
        f"requirements.txt: '{named}' has no wheel for python3.13 on arm64; expected one, since nothing is compiled "
        "here; take another version of it, 'handler.runtime' or 'handler.architecture', or build a wheel and name its "
        "file"
    )


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("acme==2.0\n", "Could not find a version that satisfies the requirement acme==2.0 (from versions: 1.0)"),
        ("msgspec==0.1\n", "conflicting dependencies. The conflict is caused by: The user requested msgspec=="),
        ("acme ====== 1\n", "Invalid requirement: 'acme ====== 1'"),
        ("-r missing.txt\n", "Could not open requirements file: [Errno 2] No such file or directory: "),
    ],
)
def test_what_pip_refuses_is_told_in_its_words(project: Project, wheels: Path, text: str, said: str) -> None:
    wheel(wheels, "acme")
    wheel(wheels, "msgspec", "0.1")
    project.require(text)
    refused = project.refused()
    assert refused.startswith("requirements.txt: pip: ")
    assert said in refused
    assert "; expected what can be installed for python3.13 on arm64 beside what slips needs (backports" in refused


@pytest.mark.once
def test_a_file_of_requirements_that_is_not_there_is_named(project: Project) -> None:
    config = parse(
        CONFIG.replace("handler:\n", "handler:\n  requirements: nope.txt\n"), str(project.root / "slips.yml")
    )
    with pytest.raises(
        UsageError, match=r"^handler.requirements: there is no file 'nope.txt'; expected what pip is to"
    ):
        build(config)


BACKEND = """\
import zipfile

def _build(directory, tag, files):
    name = f"mylib-1.0-{tag}.whl"
    with zipfile.ZipFile(f"{directory}/{name}", "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
        archive.writestr("mylib-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: mylib\\nVersion: 1.0\\n")
        archive.writestr("mylib-1.0.dist-info/WHEEL", f"Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: {tag}\\n")
        archive.writestr("mylib-1.0.dist-info/RECORD", "")
    return name

def build_wheel(directory, settings=None, metadata=None):
    return _build(directory, TAG, {"mylib.py": "1"})

def build_editable(directory, settings=None, metadata=None):
    return _build(directory, "py3-none-any", {"mylib.pth": "/somewhere"})
"""


def local_library(project: Project, tag: str = "py3-none-any") -> None:
    project.write("lib/pyproject.toml", "[build-system]\nrequires = []\nbuild-backend = 'back'\nbackend-path = ['.']\n")
    project.write("lib/back.py", f"TAG = {tag!r}\n{BACKEND}")


@pytest.mark.once
@pytest.mark.slow
def test_a_directory_may_be_required_relative_to_the_config(project: Project) -> None:
    local_library(project)
    project.require("./lib\n")
    assert "mylib.py" in project.names()


@pytest.mark.once
@pytest.mark.slow
def test_an_editable_requirement_is_refused(project: Project) -> None:
    local_library(project)
    project.require("-e ./lib\n")
    assert project.refused() == (
        "requirements.txt: 'mylib' is editable; expected files to copy into the package; write its path without '-e'"
    )


@pytest.mark.once
@pytest.mark.slow
def test_what_was_compiled_here_is_refused(project: Project) -> None:
    here = f"cp3{sys.version_info.minor}-cp3{sys.version_info.minor}-linux_{platform.machine()}"
    local_library(project, here)
    project.require("./lib\n")
    assert f"requirements.txt: 'mylib' was built for this machine ({here}); expected pure Python" in project.refused()


# ---- the cache


@pytest.mark.once
@pytest.mark.slow
def test_a_deploy_that_was_killed_leaves_nothing_that_is_used(project: Project) -> None:
    cache = project.root.parent / "cache/slips/packages"
    for name in ("unfinished-old", "unfinished-new"):
        (cache / name / "installed/1/msgspec").mkdir(parents=True)
    os.utime(cache / "unfinished-old", (1, 1))
    assert "msgspec/__init__.py" in zipfile.ZipFile(io.BytesIO(project.build().data)).namelist()
    assert not (cache / "unfinished-old").exists()
    assert (cache / "unfinished-new").exists()  # perhaps another deploy's, which goes on


@pytest.mark.once
@pytest.mark.slow
def test_deploys_at_the_same_time_do_not_disturb_each_other(project: Project) -> None:
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.append(project.build().key)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 3
    assert len(set(made)) == 1
    assert len(list((project.root.parent / "cache/slips/packages").iterdir())) == 1


@pytest.mark.once
@pytest.mark.slow
def test_an_install_that_fails_leaves_nothing_behind(project: Project) -> None:
    project.require("acme\n")
    project.refused()
    assert not list((project.root.parent / "cache/slips/packages").iterdir())


@pytest.mark.once
def test_a_cache_that_cannot_be_made_is_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(project.write("file")))
    assert "file/slips/packages: not a directory; expected a directory to keep dependencies in" in project.refused()


@pytest.mark.once
@pytest.mark.slow
def test_what_no_deploy_has_used_for_a_month_is_forgotten(project: Project, tmp_path: Path) -> None:
    def directories() -> set[str]:
        return {one.name for one in (tmp_path / "cache" / "slips" / "packages").iterdir()}

    def age(name: str, days: int) -> None:
        then = time.time() - days * 86_400
        os.utime(tmp_path / "cache" / "slips" / "packages" / name, (then, then))

    project.build()
    (first,) = directories()
    age(first, 40)
    project.build()  # uses it
    project.require("# one\n")
    project.build()
    assert first in directories()
    age(first, 31)
    project.require("# two\n")
    project.build()
    assert first not in directories()
    assert len(directories()) == 2


# ---- whether it can run


def test_files_that_are_no_python_are_told_all_at_once_with_their_lines(cached: Project) -> None:
    cached.write("src/a.py", "x = 1\ndef (:\n")
    cached.write("src/deep/b.py", "return 1\n")
    cached.write("src/handler.py", HANDLER + "x = (\n")
    found = sorted(line.partition(";")[0] for line in cached.refused().splitlines())
    assert found == [
        f"{cached.root}/src/a.py:2: invalid syntax",
        f"{cached.root}/src/deep/b.py:1: 'return' outside function",
        f"{cached.root}/src/handler.py:5: '(' was never closed",
    ]


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        ("class H:\n    def recv(self, meta, event): ...\n", "handler.py: no class derived from"),
        (HANDLER + "1 / 0\n", "handler.py:5: importing the handler raised ZeroDivisionError"),
        ("import slips.interface\n\nclass H(slips.interface.Handler): ...\n", "H lacks recv"),
        ("import acme\n" + HANDLER, "handler.py:1: importing the handler raised ModuleNotFoundError"),
    ],
)
def test_a_handler_that_cannot_run_is_refused(cached: Project, handler: str, said: str) -> None:
    cached.write("src/handler.py", handler)
    assert said in cached.refused()
    with pytest.raises(UsageError, match=re.escape(said)):
        package.check(cached.config(), cached.said.append)


def test_what_importing_the_handler_prints_is_no_output(cached: Project, capsys: pytest.CaptureFixture[str]) -> None:
    cached.write("src/handler.py", HANDLER + "print('hello')\n")
    cached.build()
    assert capsys.readouterr() == ("", "hello\n")


@pytest.mark.once
@pytest.mark.slow
def test_a_handler_may_need_what_only_the_functions_have(project: Project, wheels: Path) -> None:
    wheel(wheels, "acme.tools", files={"acme.py": ""})
    project.require("acme.tools\n")
    project.write("src/handler.py", "import acme.parts\n" + HANDLER)
    package.check(project.config(), project.said.append)
    assert "where 'acme' is not installed" in project.said[-1]
    assert "acme.py" in project.names()
    project.write("src/handler.py", "import acme\n")
    assert "no class derived from slips.interface.Handler" in project.refused()
    project.write("src/handler.py", "import acmes\n" + HANDLER)
    told = project.refused()
    assert "named 'acmes'; expected a file beside the handler, or a package" in told
    assert told.count("expected") == 1


def test_a_handler_may_need_what_a_layer_brings(cached: Project) -> None:
    cached.write("src/handler.py", "import acme\n" + HANDLER)
    assert "expected a file beside the handler" in cached.refused()
    with pytest.raises(UsageError) as told:
        package.check(cached.config(), cached.said.append)
    assert str(told.value).count("expected") == 1
    layer = "arn:aws:lambda:us-east-1:123456789012:layer:acme:1"
    cached.write("slips.yml", CONFIG.replace("handler:\n", f"handler:\n  layers: ['{layer}']\n"))
    cached.build()
    assert cached.said[-1] == (
        "handler: not imported here, where 'acme' is not installed; one of handler.layers must have it"
    )
    package.check(cached.config(), cached.said.append)


def test_what_only_deploy_looks_at_changes_no_code(cached: Project) -> None:
    before = cached.build().key
    rights = """\
  layers: ["arn:aws:lambda:us-east-1:123456789012:layer:acme:1"]
  policies: [{actions: s3:PutObject, resources: "arn:aws:s3:::out/*"}]
  tracing: true
"""
    stack = "tags: {team: a}\npermissions_boundary: arn:aws:iam::123456789012:policy/Boundary\n"
    cached.write("slips.yml", stack + CONFIG.replace("handler:\n", f"handler:\n{rights}"))
    assert cached.build().key == before


# ---- its size


def test_a_package_over_the_limit_names_its_largest_parts(cached: Project) -> None:
    with cached.write("src/model.bin").open("wb") as file:
        file.truncate(251 * 2**20)
    refused = cached.refused()
    assert re.match(r"package: 251\.\d MB unzipped, of which src 251\.0 MB, slips 0\.\d MB", refused)
    assert "; at most 250.0 MB were expected by Lambda; require less, or keep data in a bucket" in refused


def test_a_package_tells_its_size_and_its_largest_parts(cached: Project) -> None:
    cached.write("src/noise", os.urandom(2 * 2**20))
    made = cached.build()
    assert made.size == len(made.data)
    assert made.unzipped == sum(one.file_size for one in zipfile.ZipFile(io.BytesIO(made.data)).infolist())
    assert made.largest[0] == ("src", 2 * 2**20 + len(HANDLER))
    assert sum(size for _, size in made.largest) == made.unzipped
    assert re.fullmatch(r"2\.\d MB zipped, 2\.\d MB unzipped; largest: src 2\.0 MB, slips 0\.\d MB, .*", made.summary())
