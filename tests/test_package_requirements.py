"""Promises of the package about what the handler requires, and the cache of what was installed."""

from __future__ import annotations

import io
import os
import platform
import re
import sys
import tarfile
import threading
import time
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from packages import CONFIG, LIBRARY_NAMES, ROOT, Project, _hash, cached, project, stand_ins, wheel, wheels
from slips.config import parse
from slips.deploy.dependencies import LIBRARIES, PARQUET, PINS, ZONES
from slips.deploy.package import build
from slips.errors import UsageError

__all__ = ["cached", "project", "stand_ins", "wheels"]


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
    project.require("-r more.txt\n")
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
    assert "Because acme was not found" in project.refused()


@pytest.mark.once
@pytest.mark.slow
def test_requirements_on_this_machine_are_installed_anew_each_time(project: Project, wheels: Path) -> None:
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
    for name in ("one", "two"):
        wheel(wheels / name, "acme", files={f"{name}.py": ""})
    project.require("--find-links ${PLACE}\nacme\n")
    for name in ("one", "two"):
        monkeypatch.setenv("PLACE", str(wheels / name))
        assert f"{name}.py" in project.names()


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
def test_neither_settings_of_installers_nor_files_of_the_project_disturb_the_install(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIP_USER", "UV_SYSTEM_PYTHON", "UV_NO_VERIFY_HASHES", "UV_COMPILE_BYTECODE", "UV_NO_BUILD"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("UV_PYTHON", "3.99")
    monkeypatch.setenv("UV_WORKING_DIR", "/nowhere")
    monkeypatch.setenv("UV_LINK_MODE", "symlink")
    project.write("uv.toml", "[pip]\ntarget = 'elsewhere'\nverify-hashes = false\n")
    project.write("uv.py", "raise SystemExit('not the installer')")
    assert project.names() == {"src/handler.py"}


@pytest.mark.once
@pytest.mark.slow
def test_constraints_of_a_project_of_uv_hold_for_the_requirements(project: Project, wheels: Path) -> None:
    wheel(wheels, "acme")
    wheel(wheels, "acme", "2.0")
    project.write("pyproject.toml", "[tool.uv]\nconstraint-dependencies = ['acme<2']\n")
    project.require("acme\n")
    project.build()
    assert "  acme==1.0" in project.said


@pytest.mark.once
@pytest.mark.slow
def test_an_index_that_cannot_be_reached_is_told(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # nobody listens there
    monkeypatch.setenv("PIP_RETRIES", "1")
    project.require("acme\n")
    assert re.match(
        r"requirements.txt: the index cannot be reached \(.*refused.*\); expected it where uv looks", project.refused()
    )


@pytest.mark.once
@pytest.mark.slow
def test_requirements_with_hashes_are_checked_and_slips_own_still_go_in(project: Project, wheels: Path) -> None:
    acme = wheel(wheels, "acme")
    project.require(f"acme==1.0 \\\n  --hash=sha256:{_hash(acme)}\n")
    made = zipfile.ZipFile(io.BytesIO(project.build().data)).namelist()
    assert {"acme/__init__.py", "msgspec/__init__.py", "backports/zstd/__init__.py"} <= set(made)
    project.require(f"acme==1.0 --hash=sha256:{0:064d}\n")
    refused = project.refused()
    assert re.match("requirements.txt: uv: Failed to download `acme==1.0`:? Hash mismatch for `acme==1.0`", refused)
    assert f"{0:064d}" in refused


@pytest.mark.once
@pytest.mark.slow
def test_hashed_requirements_may_name_slips_libraries_but_in_no_other_version(project: Project, wheels: Path) -> None:
    for names in (("msgspec",), LIBRARY_NAMES):
        files = [next(wheels.glob(f"{re.sub('[-.]', '_', name)}-*")) for name in names]
        numbers = [file.name.split("-")[1] for file in files]
        lines = zip(names, numbers, map(_hash, files), strict=True)
        project.require("".join(f"{name}=={number} --hash=sha256:{digest}\n" for name, number, digest in lines))
        made = zipfile.ZipFile(io.BytesIO(project.build().data)).namelist()
        assert {"msgspec/__init__.py", "isal/__init__.py", "backports/zstd/__init__.py"} <= set(made)
    other = wheel(wheels, "msgspec", "0.1")
    project.require(f"msgspec==0.1 --hash=sha256:{_hash(other)}\n")
    assert project.refused() == (
        f"requirements.txt:1: has msgspec 0.1; expected {version('msgspec')}, which slips uses; take that version"
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
        assert "slips' own dependencies: uv: Failed to download `msgspec==" in project.refused()
        assert "Hash mismatch" in project.refused()
    next(wheels.glob("msgspec-*")).unlink()
    project.require("acme\n")
    assert re.match(
        r"slips' own dependencies: uv: No solution .*msgspec.*; expected .*msgspec==.* for python3.13 on arm64, "
        r"the files that slips was tested with, where uv looks; add an index that has them, by UV_INDEX or PIP_EXTRA_",
        project.refused(),
    )


def test_the_hashes_are_those_that_the_tests_run_with() -> None:
    run = (ROOT / "requirements" / "run.txt").read_text()
    entries = re.findall(r"(?m)^([\w-]+)==.*(?:\n +.*)*\n", PINS.read_text())
    assert entries == sorted(["backports-zstd", *LIBRARIES, *PARQUET, ZONES])
    for entry in re.finditer(r"(?m)^[\w-]+==.*(?:\n +.*)*\n", PINS.read_text()):
        assert entry[0] in run, "'make lock' writes src/slips/deploy/requirements.txt anew"


@pytest.mark.once
@pytest.mark.slow
def test_boto3_goes_in_if_it_is_asked_for(project: Project, wheels: Path) -> None:
    wheel(wheels, "boto3", "2.0")
    project.require("boto3\n")
    assert "boto3/__init__.py" in project.names()
    said = "dependencies: boto3 2.0 goes in as asked for; Lambda's runtime has one already"
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
    project: Project, wheels: Path, asked: str, there: str
) -> None:
    if there == "source":
        sdist(wheels, "acme")
    else:
        wheel(wheels, "acme", tag=f"cp313-cp313-{there}" if there == "win_amd64" else f"{there}-manylinux_2_28_aarch64")
    project.require(f"{asked}\n")
    refused = project.refused()
    assert re.match(r"requirements.txt: uv: No solution .*acme.* no (usable )?wheels", refused)
    assert "; expected wheels for python3.13 on arm64, as nothing is compiled here, that fit what slips" in refused
    assert refused.endswith(
        "; mend the requirements, take another 'handler.runtime' or 'handler.architecture', or build a wheel and name "
        "its file"
    )


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("acme==2.0\n", "No solution found when resolving dependencies: Because there is no version of acme==2.0"),
        ("msgspec==0.1\n", "Because you require msgspec==0.1 and msgspec=="),
        ("acme ====== 1\n", 'no such comparison operator "======"'),
        ("-r missing.txt\n", "Error parsing included file in `requirements.txt` at position 0: failed to read"),
    ],
)
def test_refusals_of_uv_are_quoted(project: Project, wheels: Path, text: str, said: str) -> None:
    wheel(wheels, "acme")
    wheel(wheels, "msgspec", "0.1")
    project.require(text)
    refused = project.refused()
    assert refused.startswith("requirements.txt: uv: ")
    assert said in refused
    assert ", that fit what slips needs (backports" in refused
    assert "\n" not in refused


@pytest.mark.once
def test_a_file_of_requirements_that_is_not_there_is_named(project: Project) -> None:
    config = parse(
        CONFIG.replace("handler:\n", "handler:\n  requirements: nope.txt\n"), str(project.root / "slips.yml")
    )
    with pytest.raises(
        UsageError, match=r"^handler.requirements: there is no file 'nope.txt'; expected the requirements"
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
    project.write(
        "lib/pyproject.toml",
        "[build-system]\nrequires = []\nbuild-backend = 'back'\nbackend-path = ['.']\n"
        "[project]\nname = 'mylib'\nversion = '1.0'\n",
    )
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
@pytest.mark.parametrize("alike", [True, False])
def test_libraries_compiled_on_this_machine_are_refused(project: Project, *, alike: bool) -> None:
    minor, machine = sys.version_info.minor, platform.machine()
    here = f"cp3{minor}-cp3{minor}-linux_{machine}"
    local_library(project, here)
    project.require("./lib\n")
    runtime = f"python3.{minor if alike else minor - 1 if minor > 11 else minor + 1}"
    architecture = "x86_64" if machine == "x86_64" else "arm64"
    text = (project.root / "slips.yml").read_text()
    settings = f"handler:\n  runtime: {runtime}\n  architecture: {architecture}\n"
    project.write("slips.yml", text.replace("handler:\n", settings))
    own = f"'mylib' was built for this machine ({here}); expected pure Python"
    of_uv = f"uv: Failed to build `mylib @ {project.root.as_uri()}/lib`"  # if its version looks at the tag
    assert project.refused().startswith(
        (f"requirements.txt: {own}", *([] if alike else [f"requirements.txt: {of_uv}"]))
    )


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
def test_packages_unused_for_a_month_are_deleted(project: Project, tmp_path: Path) -> None:
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


def test_the_functions_of_a_config_that_reads_parquet_have_its_library(project: Project) -> None:
    assert not any(name.startswith("arro3") for name in project.names())
    project.write("slips.yml", CONFIG.replace("[s3-lines, json]", "[zip, parquet]"))
    assert {"arro3-core/__init__.py", "arro3-io/__init__.py"} <= {*project.names()}
