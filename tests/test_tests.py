"""Rules of the tests themselves: what a test file stands on is no other test file, and no fixture hides another."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from for_each import for_each

TESTS = Path(__file__).parent

pytestmark = pytest.mark.once


@cache
def files() -> dict[str, ast.Module]:
    """Each file by its name: read by the worker that runs these tests, not by all that collect them."""
    return {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in TESTS.glob("*.py")}


def plugins() -> set[str]:
    """Modules that test files load as plugins: their fixtures are known to all tests of a run."""
    found: set[str] = set()
    for tree in files().values():
        for node in tree.body:
            match node:
                case ast.Assign(targets=[ast.Name("pytest_plugins")], value=value):
                    found.update(ast.literal_eval(value))
    return found


def fixtures(path: Path) -> list[str]:
    functions = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)]
    return [each.name for each in functions if any("fixture" in ast.unparse(one) for one in each.decorator_list)]


def test_no_test_file_imports_another() -> None:
    imports = [
        f"{name} imports {node.module}"
        for name, tree in files().items()
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("test_")
    ]
    assert not imports, "move what both need to a module of its own"


def test_no_fixture_of_a_plugin_hides_one_of_another() -> None:
    paths = [TESTS / "conftest.py", *(TESTS / f"{name.replace('.', '/')}.py" for name in plugins())]
    counts = Counter(name for path in paths for name in fixtures(path))
    assert counts["cloud"] == 1
    assert [name for name, count in counts.items() if count > 1] == []


CASES = """\
import pytest

@pytest.mark.parametrize("n", range(60))
def test_one(n): ...

@pytest.mark.parametrize("n", range(60))
def test_two(n): ...

@pytest.mark.parametrize("n", range(5))
def test_few(n): ...

@pytest.mark.parametrize("text", ["a" * 200, "a" * 201, "b" * 201, b"a" * 200, b"a" * 201, b"."])
def test_texts(text): ...

@pytest.mark.slow
def test_long(): ...

@pytest.mark.xdist_group("alike")
@pytest.mark.parametrize("n", range(2))
def test_alike(n): ...
"""


ALIKE = """\
import pytest

from for_each import for_each


@pytest.fixture
def least():
    return 2


@for_each("number", range(60))
def test_numbers(number, least):
    if number == 7:
        pytest.skip("seven")
    assert number >= least


@for_each("letters", [("a", "A"), ("b", "B")], lambda letters: letters[0])
def test_letters(letters):
    assert letters[0].upper() == letters[1]
"""


def ran(tmp_path: Path, *options: str) -> list[str]:
    """The lines of a run of `CASES` that name a test, under the rules of the project's tests."""
    return [line for line in output_of(CASES, tmp_path, "-v", *options).splitlines() if "PASSED" in line]


def output_of(tests: str, tmp_path: Path, *options: str) -> str:
    (tmp_path / "test_cases.py").write_text(tests)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  slow\n  cloud\n  soak\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "conftest", "test_cases.py"]
    environment = {"PYTHONPATH": str(TESTS), "PATH": ""}
    done = subprocess.run(
        [*command, *options], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, encoding="utf-8", check=False
    )
    return done.stdout


def test_every_sixth_case_is_another_one_for_each_test(tmp_path: Path) -> None:
    lines = ran(tmp_path, "--every", "6", "-n", "0")
    numbers = {
        name: {int(line.partition("[")[2].partition("]")[0]) for line in lines if f"::test_{name}[" in line}
        for name in ("one", "two", "few")
    }
    assert [len(found) for found in numbers.values()] == [10, 10, 5]
    assert not numbers["one"] & numbers["two"]


def test_a_long_text_is_named_by_its_length(tmp_path: Path) -> None:
    names = [line.partition("[")[2].split("]")[0] for line in ran(tmp_path, "-n", "0") if "::test_texts[" in line]
    short = "a" * 200
    assert names[:3] == [f"{short}0", "text-201-characters0", "text-201-characters1"]
    assert names[3:] == [f"{short}1", "text-201-bytes", "text-1-bytes"]


def test_a_worker_has_all_cases_of_a_test(tmp_path: Path) -> None:
    lines = ran(tmp_path, "-n", "2", "--dist", "loadgroup")
    workers: dict[str, set[str]] = {}
    for line in lines:
        worker, _, name = line.replace("PASSED", "").partition("] ")
        workers.setdefault(name.split("::")[1].partition("[")[0].split()[0], set()).add(worker.split("[")[1])
    assert workers.keys() == {"test_one", "test_two", "test_few", "test_texts", "test_long", "test_alike"}
    assert all(len(found) == 1 for found in workers.values())


def test_a_test_of_alike_cases_runs_all_of_them_and_names_those_that_fail(tmp_path: Path) -> None:
    output = output_of(ALIKE, tmp_path)
    assert "3 of 60 cases failed: 0, 1, 7 (3 sub-exceptions)" in output
    assert "case: 1\n" in output
    assert "assert 1 >= 2" in output
    assert "1 failed, 1 passed" in output


class Request:
    """Stands for the fixture that a test of alike cases asks for its name and options."""

    def __init__(self, name: str = "test_it", every: int = 1, case: Sequence[str] = ()) -> None:
        self.node, self.config = SimpleNamespace(name=name), self
        self.options = {"--every": every, "--case": list(case)}

    def getoption(self, name: str) -> Any:
        return self.options[name]


def tried(cases: Iterable[Any], request: Request) -> list[Any]:
    """The cases with which a test of these alike cases is called."""
    seen: list[Any] = []

    def test(case: Any) -> None:
        seen.append(case)

    for_each("case", cases)(test)(request)
    return seen


def test_every_sixth_of_alike_cases_is_another_one_for_other_tests() -> None:
    found = {tuple(tried(range(60), Request(f"test_{number}", every=6))) for number in range(60)}
    assert found == {tuple(range(first, 60, 6)) for first in range(6)}
    assert all(len(tried("abc", Request(f"test_{number}", every=6))) == 1 for number in range(9))


def test_a_case_is_chosen_by_its_name_and_a_test_that_has_none_of_it_is_skipped() -> None:
    assert tried("abc", Request(case=["c", "z", "a"])) == ["a", "c"]
    with pytest.raises(pytest.skip.Exception, match="no case z"):
        tried("abc", Request(case=["z"]))


def test_a_test_of_no_case_fails() -> None:
    with pytest.raises(AssertionError):
        tried("", Request())
