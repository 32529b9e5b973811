"""Promises of the compiled modules in the package: cold starts take them, and no user's file has one."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

from packages import CONFIG, Project, cached, stand_ins, wheels
from slips.deploy.compiled import compiled as compiled_of
from slips.deploy.member import Member
from slips.deploy.package import Package, build

__all__ = ["cached", "stand_ins", "wheels"]
HERE, OTHER = (f"python3.{minor}" for minor in (sys.version_info.minor, 11 if sys.version_info.minor != 11 else 13))


def deployed(project: Project, runtime: str) -> Package:
    project.write("slips.yml", CONFIG.replace("handler:\n", f"handler:\n  runtime: {runtime}\n"))
    return build(project.config(), compiles=True, pins=project.pins)


def compiled(made: Package) -> set[str]:
    return {name for name in zipfile.ZipFile(io.BytesIO(made.data)).namelist() if name.endswith(".pyc")}


def test_a_cold_start_compiles_no_module(cached: Project, tmp_path: Path) -> None:
    task = tmp_path / "task"
    zipfile.ZipFile(io.BytesIO(deployed(cached, HERE).data)).extractall(task)
    for source in (*(task / "slips").rglob("*.py"), *(task / "isal").rglob("*.py")):
        source.write_text("this is no Python")
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", ALONE, str(task)], capture_output=True, text=True, timeout=300
    )
    assert (done.stdout, done.stderr) == (f"{task}/slips/position.py\n", "")


ALONE = """
import sys
sys.path.insert(0, sys.argv[1])
import isal, slips.position
print(slips.position.map_cells.__code__.co_filename)
"""


def test_all_modules_but_those_of_the_user_are_compiled(cached: Project) -> None:
    made = deployed(cached, HERE)
    sources = {
        name
        for name in zipfile.ZipFile(io.BytesIO(made.data)).namelist()
        if name.endswith(".py") and not name.startswith("src/")
    }
    assert {name.replace("__pycache__/", "").partition(".")[0] + ".py" for name in compiled(made)} == sources


def test_a_module_that_this_python_cannot_compile_goes_in_as_it_is() -> None:
    files = {
        "a/b.py": Member(content=b"x = 1"),
        "a/template.py": Member(content=b"{{ name }} = 1 1"),
        "a/c.txt": Member(),
    }
    assert [*dict(compiled_of(HERE, files))] == [f"a/__pycache__/b.{sys.implementation.cache_tag}.pyc"]


def test_functions_of_another_python_have_the_sources_alone(cached: Project) -> None:
    assert compiled(deployed(cached, OTHER)) == set()


def test_compiled_modules_change_no_key(cached: Project) -> None:
    made = deployed(cached, HERE)
    assert made.key == cached.build().key
    assert made.data != cached.build().data
