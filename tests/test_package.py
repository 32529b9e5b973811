"""Promises of the package: what functions need is in it, and the same files give the same bytes."""

from __future__ import annotations

import ast
import io
import os
import platform
import re
import shutil
import stat
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest

import chains
from packages import CONFIG, HANDLER, LIBRARY_NAMES, ROOT, Project, cached, project, stand_ins, wheels
from slips.config import PACKAGED, read_packaged
from slips.deploy import modules, package
from slips.deploy.dependencies import PARQUET
from slips.deploy.package import Package

__all__ = ["cached", "project", "stand_ins", "wheels"]
HERE = (f"python3.{sys.version_info.minor}", "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64")


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
assert "slips.formats.aws.waf" in names and len(catalogue()) > 20
assert not {"click", "rich", "yaml", "uv"} & sys.modules.keys()
config = read_packaged(pathlib.Path(task))
import_file(config.resolve(config.handler.path))
for stored in eval(sys.stdin.read()):
    assert decode(io.BytesIO(stored)).stream.read() == b"line", stored
for name in ("slips", "msgspec", "isal", "lz4", "cramjam"):
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

    import cramjam
    import lz4.frame

    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    compress = (gzip.compress, zstd.compress, bz2.compress, lzma.compress, lz4.frame.compress)
    return [*(one(b"line") for one in compress), bytes(cramjam.snappy.compress(b"line"))]


@pytest.mark.slow
def test_libraries_are_those_of_the_runtime_and_the_architecture(real: Callable[[str, str], Path]) -> None:
    task = real("python3.13", "arm64")
    libraries = sorted(task.rglob("*.so"))
    assert {path.relative_to(task).parts[0] for path in libraries} == {"backports", "cramjam", "isal", "lz4", "msgspec"}
    for path in libraries:
        assert path.name.endswith(".cpython-313-aarch64-linux-gnu.so")
        assert path.read_bytes()[18:20] == b"\xb7\0"  # EM_AARCH64
    assert not [path for path in task.rglob("*") if path.suffix == ".pyc" or path.name in package._LEFTOVERS]


def test_of_the_dependencies_only_those_of_people_stay_out() -> None:
    declared = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split("[ >=;]", one)[0] for one in declared}
    of_people = {"boto3", "botocore", "pyyaml", "rich", "click", "uv", "watchfiles", "prometheus-client"}
    assert names == ({*LIBRARY_NAMES} - {*PARQUET}) | of_people


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


# ---- the config


@pytest.mark.slow
def test_the_config_travels_without_what_is_of_this_machine(cached: Project, tmp_path: Path) -> None:
    cached.write(
        "formats.py",
        "from slips.format import FormatOptions, parser\n"
        "class Own(FormatOptions, frozen=True):\n    a: str = ''\n"
        "@parser('x', summary='s', reference='r', takes='text', options=Own)\n"
        "def x(options): return lambda meta, text: {options.a: text}\n",
    )
    cached.write("requirements.txt")
    text = CONFIG.replace(
        "path: src/handler.py", f"path: {cached.root}/src/handler.py\n  requirements: requirements.txt"
    )
    cached.write("slips.yml", text.replace("json]", f"{{'{cached.root}/src/../formats.py:x': {{a: b}}}}]"))
    data = cached.build().data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(tmp_path / "task")
    stored = (tmp_path / "task" / PACKAGED).read_bytes()
    assert str(cached.root).encode() not in stored
    config = read_packaged(tmp_path / "task")
    assert config.root == tmp_path / "task"
    assert config.resolve(config.handlers[0].path).read_text() == HANDLER
    assert (config.backend.embedded, config.handler.requirements) == (None, None)
    assert config.handler.args == {"key": "{{ssm:/my/key}}"}
    chain = config.bucket_mapping["my-logs"][0].format
    assert chain == ["s3-lines", {"formats.py:x": {"a": "b"}}]
    assert [event for _, event in chains.run(chain, b"here", root=config.root).events] == [{"b": "here"}]


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


@pytest.mark.slow
def test_the_package_has_the_modules_that_the_functions_import_and_the_formats_and_no_other(cached: Project) -> None:
    root = ROOT / "src" / "slips"
    files = {dotted(path.relative_to(root.parent)): path for path in root.rglob("*.py")}
    expected = needed("slips.lambdas", files, set())
    for name in files:
        if name.startswith(("slips.formats.", "slips.parsing.readers.", "slips.parsing.declare.")):
            needed(name, files, expected)
    assert slips_in(cached.build()) == expected
    for untaken in modules.UNTAKEN:
        assert any(name.startswith(untaken) for module in expected for name in imported(files[module])), untaken


def test_modules_that_only_people_and_this_machine_use_stay_out(cached: Project) -> None:
    names = zipfile.ZipFile(io.BytesIO(cached.build().data)).namelist()
    own = {name.split("/")[1] for name in names if name.startswith("slips/")}
    assert not own & {"__main__.py", "cli", "deploy", "project.py", "service", "testing.py"}
    assert {"config", "parsing", "codec.py", "pipeline", "backends", "formats", "interface.py"} <= own
    assert {"slips/backends/aws/s3.py", "slips/formats/aws/waf.py"} <= {*names}
    assert not [name for name in names if name.startswith(("slips/backends/machine", "slips/config/check"))]
    assert not [name for name in names if name.startswith("slips/") and not name.endswith(".py")]


@pytest.mark.parametrize("module", ["slips.interface", "slips.format", "slips.times", "slips.errors", "slips.model"])
def test_modules_that_handlers_and_formats_import_are_in_the_package(cached: Project, module: str) -> None:
    assert module in slips_in(cached.build())


# ---- its size


def test_a_package_over_the_limit_names_its_largest_parts(cached: Project) -> None:
    with cached.write("src/model.bin").open("wb") as file:
        file.truncate(251 * 2**20)
    refused = cached.refused()
    assert re.match(r"package: 25[1-9]\.\d MB unzipped, of which src 251\.0 MB, slips \d\.\d MB", refused)
    assert "; at most 250.0 MB were expected by Lambda; require less, or keep data in a bucket" in refused


def test_a_package_tells_its_size_and_its_largest_parts(cached: Project) -> None:
    cached.write("src/noise", os.urandom(8 * 2**20))
    made = cached.build()
    assert made.size == len(made.data)
    assert made.unzipped == sum(one.file_size for one in zipfile.ZipFile(io.BytesIO(made.data)).infolist())
    assert made.largest[0] == ("src", 8 * 2**20 + len(HANDLER))
    assert sum(size for _, size in made.largest) == made.unzipped
    assert re.fullmatch(
        r"[89]\.\d MB zipped, \d+\.\d MB unzipped; largest: src 8\.0 MB, slips \d\.\d MB, .*", made.summary()
    )
