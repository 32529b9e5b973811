"""Promises of the package about a project with a handler for each mapping."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from packages import HANDLER, Project, cached, project, stand_ins, wheel, wheels
from slips.config import PACKAGED

__all__ = ["cached", "project", "stand_ins", "wheels"]

THREE = """\
stack_name: test
handler:
  path: src/handler.py
  args: {of: default}
  requirements: requirements.txt
bucket_mapping:
  my-logs:
    - {prefix: "", format: json}
    - {prefix: alb/, format: json, handler: alb/handler.py}
    - {prefix: vpc/, format: json, handler: {path: ./deep/vpc/../vpc/handler.py, args: {of: vpc}}}
    - {prefix: nlb/, format: json, handler: "alb/handler.py:H"}
"""


def configure(project: Project, text: str) -> None:
    project.write("slips.yml", text.replace("  requirements: requirements.txt\n", ""))


def packaged(project: Project) -> dict[str, object]:
    with zipfile.ZipFile(io.BytesIO(project.build().data)) as archive:
        assert len(archive.namelist()) == len(set(archive.namelist()))
        config: dict[str, object] = json.loads(archive.read(PACKAGED))
    return config


@pytest.fixture
def three(cached: Project) -> Project:
    """A project with three handlers in three folders, all of one name."""
    configure(cached, THREE)
    for folder in ("alb", "deep/vpc"):
        cached.write(f"{folder}/handler.py", HANDLER)
    return cached


def test_the_files_around_each_handler_go_in_and_no_others(three: Project) -> None:
    for name in ("alb/rules.csv", "deep/vpc/lib/a.txt", "deep/other.py", "other/a.py", "src/words.txt"):
        three.write(name)
    assert three.names() == {
        *("src/handler.py", "src/words.txt", "alb/handler.py", "alb/rules.csv"),
        *("deep/vpc/handler.py", "deep/vpc/lib/a.txt"),
    }


def test_the_package_is_the_same_whatever_the_order_of_the_mappings(three: Project) -> None:
    first = zipfile.ZipFile(io.BytesIO(three.build().data))
    again = three.build()
    assert three.build().data == again.data
    lines = THREE.splitlines(keepends=True)
    configure(three, "".join([*lines[:-4], *reversed(lines[-4:])]))
    second = zipfile.ZipFile(io.BytesIO(three.build().data))
    assert first.namelist() == second.namelist()


def test_each_mapping_keeps_its_handler_and_args_in_the_packaged_config(three: Project) -> None:
    config = packaged(three)
    assert (config["handler"]["path"], config["handler"]["args"]) == ("src/handler.py", {"of": "default"})  # type: ignore[index]
    mappings = config["bucket_mapping"]["my-logs"]  # type: ignore[index]
    assert [one.get("handler") for one in mappings] == [
        None,
        {"path": "alb/handler.py", "args": {}},
        {"path": "deep/vpc/handler.py", "args": {"of": "vpc"}},
        {"path": "alb/handler.py:H", "args": {}},
    ]


def test_a_default_handler_that_no_mapping_uses_stays_out_with_its_args(three: Project) -> None:
    configure(three, THREE.replace('    - {prefix: "", format: json}\n', ""))
    assert three.names() == {"alb/handler.py", "deep/vpc/handler.py"}
    config = packaged(three)
    assert (config["handler"]["path"], config["handler"]["args"]) == (None, {})  # type: ignore[index]


def test_a_project_without_a_default_handler_is_packed(three: Project) -> None:
    lines = THREE.splitlines(keepends=True)
    configure(three, "".join([lines[0], *lines[5:7], *lines[8:]]))
    assert three.names() == {"alb/handler.py", "deep/vpc/handler.py"}


NESTED = THREE.replace("alb/handler.py", "src/alb/handler.py").replace("./deep/vpc/../vpc/", "")


def test_folders_of_handlers_may_lie_in_each_other_and_beside_the_config(cached: Project) -> None:
    configure(cached, NESTED)
    for name in ("src/alb/handler.py", "handler.py"):
        cached.write(name, HANDLER)
    for name in ("src/alb/a.csv", "src/b.csv", "c.csv", "docs/d.csv", "lib/__init__.py"):
        cached.write(name)
    names = {"src/handler.py", "src/b.csv", "src/alb/handler.py", "src/alb/a.csv"}
    assert cached.names() == {*names, "handler.py", "c.csv", "lib/__init__.py"}
    packaged(cached)


def test_patterns_are_relative_to_the_folder_of_each_handler(cached: Project) -> None:
    kept = "  include: [certs/ca.pem]\n  exclude: [big/all.csv, tests]\n"
    configure(cached, NESTED.replace("  args: {of: default}\n", kept))
    for name in ("src/alb/handler.py", "handler.py"):
        cached.write(name, HANDLER)
    for folder in ("src", "src/alb", "src/lib"):
        for name in ("certs/ca.pem", "big/all.csv", "big/few.csv", "tests/a.py"):
            cached.write(f"{folder}/{name}")
    names = {name for name in cached.names() if "/" in name}
    assert names == {
        *("src/handler.py", "src/certs/ca.pem", "src/big/few.csv"),
        *("src/alb/handler.py", "src/alb/certs/ca.pem", "src/alb/big/few.csv", "src/alb/big/all.csv"),
        *("src/lib/big/all.csv", "src/lib/big/few.csv"),
    }
    (said,) = [line for line in cached.said if line.startswith("left out: ")]
    assert said.startswith("left out: src/lib/certs/ca.pem: ")


def test_a_folder_that_is_excluded_goes_in_if_a_handler_lies_in_it(cached: Project) -> None:
    configure(cached, NESTED.replace("  args: {of: default}\n", "  exclude: [alb]\n"))
    for name in ("src/alb/handler.py", "handler.py"):
        cached.write(name, HANDLER)
    cached.write("src/other/alb/a.py")
    assert cached.names() == {"src/handler.py", "src/alb/handler.py", "handler.py"}


@pytest.mark.parametrize("default", ["src/handler.py", "handler.py"])
def test_formats_beside_a_handler_go_in_as_its_patterns_say(three: Project, default: str) -> None:
    three.write(default, HANDLER)
    text = THREE.replace("src/handler.py", default).replace(
        "format: json, handler: alb", "format: [s3-lines, 'alb/formats/own.py:own'], handler: alb"
    )
    configure(three, text.replace("  args: {of: default}\n", "  exclude: [formats/big.csv]\n"))
    own = "from slips.format import parser\n@parser('own', summary='s', reference='r', takes='text')\n"
    three.write("alb/formats/own.py", f"{own}def own(meta, text): return {{}}\n")
    three.write("alb/formats/big.csv")
    assert three.names() == {default, "alb/handler.py", "alb/formats/own.py", "deep/vpc/handler.py"}


@pytest.mark.parametrize("is_absolute", [False, True])
def test_a_handler_outside_of_the_project_is_refused_with_its_mapping(three: Project, is_absolute: bool) -> None:
    path = three.write("../elsewhere.py", HANDLER).resolve() if is_absolute else "../elsewhere.py"
    three.write("../elsewhere.py", HANDLER)
    configure(three, THREE.replace("handler: alb/handler.py}", f"handler: {path}}}"))
    said = three.refused()
    assert "bucket_mapping.my-logs[1].handler" in said
    assert "expected a path below" in said


def test_mistakes_of_all_handlers_are_told_at_once(three: Project) -> None:
    three.write("alb/handler.py", HANDLER.replace("recv", "receive"))
    three.write("deep/vpc/handler.py", "import os\n\n1 / 0\n")
    said = three.refused().splitlines()
    assert not any("src/handler.py" in line for line in said)
    assert any("alb/handler.py: H lacks recv" in line for line in said)
    assert any("vpc/handler.py:3: importing the handler raised ZeroDivisionError" in line for line in said)


def test_files_that_are_no_python_are_told_of_all_folders(three: Project) -> None:
    three.write("alb/broken.py", "def")
    three.write("deep/vpc/broken.py", "x = (")
    said = three.refused().splitlines()
    assert [line.rpartition("/")[0].removeprefix(f"{three.root}/") for line in said] == ["alb", "deep/vpc"]


@pytest.mark.slow
def test_each_handler_may_need_a_module_of_the_requirements(project: Project, wheels: object) -> None:
    wheel(wheels, "first_needed")  # type: ignore[arg-type]
    wheel(wheels, "second_needed")  # type: ignore[arg-type]
    project.write("slips.yml", THREE)
    project.write("requirements.txt", "first_needed\nsecond_needed\n")
    project.write("alb/handler.py", f"import first_needed\n{HANDLER}")
    project.write("deep/vpc/handler.py", f"import second_needed\n{HANDLER}")
    assert "alb/handler.py" in project.names()
    told = [line.partition(" is not")[0] for line in project.said if "not imported here" in line]
    assert told == [
        "alb/handler.py: not imported here, where 'first_needed'",
        "./deep/vpc/../vpc/handler.py: not imported here, where 'second_needed'",
    ]
    project.write("deep/vpc/handler.py", f"import third_needed\n{HANDLER}")
    said = project.refused()
    assert "vpc/handler.py:1: importing the handler raised ModuleNotFoundError" in said
    assert "third_needed" in said
    project.write("deep/vpc/handler.py", HANDLER)
    project.write("alb/handler.py", f"import first_needed\n{HANDLER.replace('class H', 'class G')}")
    assert "alb/handler.py: no class 'H'; expected it, as the config names it" in project.refused()
    project.write("alb/handler.py", "import first_needed\nfrom more import Own as H\n")
    project.write(
        "slips.yml", "".join(one for one in THREE.splitlines(keepends=True) if "alb/ha" not in one or ":H" in one)
    )
    project.write("alb/more.py", "from handler import nothing")
    assert "alb/more.py" in project.names()
