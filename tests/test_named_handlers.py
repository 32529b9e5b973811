"""`path/file.py:Class` names one handler of a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from slips.errors import UsageError
from slips.interface import load_handlers

FILE = """
import slips.interface
from {module} import Imported

class Base(slips.interface.Handler):
    def recv(self, meta, event): ...

class Vpc(Base): ...

class Alb(Base): ...

class Odd(slips.interface.Handler): ...

class Wrong(slips.interface.Handler):
    async def recv(self, meta, event): ...

def helper(): ...
"""
IMPORTED = """
import slips.interface

class Imported(slips.interface.Handler):
    def recv(self, meta, event): ...
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("named")
    (directory / "module_of_named_handlers.py").write_text(IMPORTED)
    path = directory / "file_of_named_handlers.py"
    path.write_text(FILE.replace("{module}", "module_of_named_handlers"))
    return path


@pytest.mark.parametrize("name", ["Alb", "Base", "Imported"])
def test_a_named_class_is_the_only_handler_even_if_it_has_a_subclass_or_is_imported(path: Path, name: str) -> None:
    assert [one.__name__ for one in load_handlers(path, class_name=name)] == [name]


def test_classes_of_one_file_share_its_module(path: Path) -> None:
    (alb,), (vpc,) = (load_handlers(path, class_name=name) for name in ("Alb", "Vpc"))
    assert alb.__base__ is vpc.__base__


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("alb", "no class 'alb'; did you mean 'Alb'?"),
        ("Nothing", "no class 'Nothing'; expected one of Imported, Base, Vpc, Alb, Odd, Wrong"),
        ("", "no class ''; expected one of"),
        ("helper", "'helper' is no class derived from slips.interface.Handler; expected one of"),
        ("slips", "'slips' is no class derived from slips.interface.Handler; expected one of"),
        (
            "Odd",
            "Odd lacks recv; expected a class derived from slips.interface.Handler that defines 'recv' or 'recv_batch'",
        ),
        ("Wrong", "Wrong.recv is an 'async def'"),
    ],
)
def test_a_named_class_that_cannot_be_used_is_wrong_input(path: Path, name: str, problem: str) -> None:
    with pytest.raises(UsageError) as error:
        load_handlers(path, class_name=name)
    assert str(error.value).startswith(str(path))
    assert problem in str(error.value)


def test_mistakes_of_classes_beside_the_named_one_are_no_mistakes_of_it(path: Path) -> None:
    with pytest.raises(UsageError, match="async def"):
        load_handlers(path)
    assert load_handlers(path, class_name="Alb")


def test_a_class_named_in_a_file_without_handlers_is_told_what_was_expected(tmp_path: Path) -> None:
    path = tmp_path / "file_without_handlers.py"
    path.write_text("class Alb: ...\n")
    with pytest.raises(UsageError) as error:
        load_handlers(path, class_name="Abl")
    assert str(error.value) == (
        f"{path}: no class 'Abl'; expected a class derived from slips.interface.Handler that defines 'recv' or "
        "'recv_batch'"
    )
