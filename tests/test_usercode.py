"""The user's files: imported once, each its own, whatever else the process imports or another thread does."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from slips.usercode import activate, files_being_imported, import_file, imported_files, importing

GUARD = 300.0
NUMBERS = itertools.count()


@pytest.fixture(autouse=True)
def _path() -> Iterator[None]:
    before = list(sys.path)
    yield
    sys.path[:] = before


def write(directory: Path, **files: str) -> Path:
    """Files of these names and contents; the path of the first."""
    directory.mkdir(exist_ok=True)
    for name, text in files.items():
        (directory / f"{name}.py").write_text(text)
    return directory / f"{next(iter(files))}.py"


def unique(word: str) -> str:
    """A module name that no other test has."""
    return f"{word}_{next(NUMBERS)}_{os.getpid()}"


def in_threads(*calls: Callable[[], Any]) -> list[Any]:
    """Begin all calls at the same time. Return the values that they returned, or the exceptions that they raised."""
    results: list[Any] = [None] * len(calls)
    barrier = threading.Barrier(len(calls))

    def call(number: int) -> None:
        barrier.wait()
        try:
            results[number] = calls[number]()
        except Exception as error:  # noqa: BLE001 - shown by the assertion
            results[number] = error

    threads = [threading.Thread(target=call, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_threads_that_import_one_file_get_one_module_that_is_whole(tmp_path: Path) -> None:
    path = write(tmp_path, **{unique("slow"): "import time\ntime.sleep(0.05)\nEND = 1\n"})

    def load() -> tuple[int, Any]:
        module = import_file(path)
        return module.END, module

    (first, *others) = in_threads(*[load] * 4)
    assert first[0] == 1
    assert others == [first] * 3


def test_threads_see_their_own_environment_and_leave_all_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLIPS_TEST_KEPT", "kept")
    before, out = dict(os.environ), sys.stdout
    text = (
        "import os, time\nMINE = os.environ['SLIPS_TEST']\ntime.sleep(0.02)\nKEPT = os.environ['SLIPS_TEST_KEPT']\n"
        "os.environ['SLIPS_TEST_ADDED'] = '1'\nos.environ['SLIPS_TEST_KEPT'] = ''\nprint('imported')\n"
    )

    def load(name: str) -> tuple[str, str]:
        path = write(tmp_path, **{unique(name): text})
        with importing({"SLIPS_TEST": name}):
            module = import_file(path)
        return module.MINE, module.KEPT

    names = ["a", "b", "c", "d"]
    assert in_threads(*(lambda name=name: load(name) for name in names)) == [(name, "kept") for name in names]
    assert dict(os.environ) == before
    assert sys.stdout is out
    assert capsys.readouterr() == ("", "imported\n" * 4)


def test_a_thread_never_finds_the_environment_empty() -> None:
    end = threading.Event()
    missed = []

    def look() -> None:
        while not end.is_set():
            if "PATH" not in os.environ:
                missed.append(1)

    def change() -> None:
        try:
            for number in range(300):
                with importing({f"SLIPS_TEST_{number}": "1"}):
                    pass
        finally:
            end.set()

    assert in_threads(look, change) == [None, None]
    assert not missed


def test_modules_beside_each_file_are_its_own(tmp_path: Path) -> None:
    helper, package = unique("helper"), unique("package")
    for name in ("one", "two"):
        directory = tmp_path / name
        (directory / package).mkdir(parents=True)
        (directory / package / "__init__.py").write_text("")
        write(directory / package, part=f"PLACE = {name!r}\n")
        write(directory, **{helper: f"import handlers_of_test\nPLACE = {name!r}\n"})
        text = f"PLACE = {name!r}\nimport {helper} as helper\nfrom {package}.part import PLACE as PART\n"
        write(directory, handlers_of_test=text)
    one, two = (import_file(tmp_path / name / "handlers_of_test.py") for name in ("one", "two"))
    for module, name in ((one, "one"), (two, "two")):
        assert {module.PLACE, module.helper.PLACE, module.PART} == {name}
        assert module.helper.handlers_of_test is module
    assert sys.modules[helper] is one.helper
    assert sys.path.count(str(tmp_path / "one")) == 1


def test_a_file_that_raises_leaves_no_module_and_hides_none(tmp_path: Path) -> None:
    helper, bad = unique("helper"), unique("bad")
    first = import_file(write(tmp_path / "one", **{unique("good"): f"import {helper}\n", helper: ""}))
    path = write(tmp_path / "two", **{bad: f"import {helper}\n1 / 0\n", helper: ""})
    with pytest.raises(ZeroDivisionError):
        import_file(path)
    assert bad not in sys.modules
    assert sys.modules[helper] is getattr(first, helper)


LAZY = "def late(name):\n    return __import__(name)\n"


def folder_of(root: Path, name: str, **files: str) -> Path:
    """The file of a folder that imports `name` when `late` is called, beside `files`."""
    return write(root / name, handlers_of_lazy=LAZY, **files)


@pytest.mark.parametrize(
    ("text", "error"),
    [("raise OSError('broken')\n", OSError), ("1 +\n", SyntaxError), (None, ModuleNotFoundError)],
    ids=["raises", "no syntax", "absent"],
)
def test_a_file_whose_import_has_failed_is_among_the_imported_ones_so_that_it_is_watched(
    tmp_path: Path, text: str | None, error: type[Exception]
) -> None:
    helper = unique("helper")
    files = {} if text is None else {helper: text}
    path = write(tmp_path, **{unique("handler"): f"import {helper}\n"}, **files)
    with pytest.raises(error):
        import_file(path)
    assert str(tmp_path / f"{helper}.py") in imported_files()


def test_the_files_of_an_import_that_does_not_end_are_known_to_other_threads(tmp_path: Path) -> None:
    helper, begun, go_on = unique("helper"), tmp_path / "begun", tmp_path / "go-on"
    waits = (
        "import pathlib, time\n"
        f"pathlib.Path({str(begun)!r}).touch()\n"
        f"while not pathlib.Path({str(go_on)!r}).exists(): time.sleep(0.01)\n"
    )
    path = write(tmp_path, **{unique("handler"): f"import {helper}\n", helper: waits})
    thread = threading.Thread(target=import_file, args=(path,), daemon=True)
    thread.start()
    end = time.monotonic() + GUARD
    while not begun.exists():
        assert time.monotonic() < end, "the import has not begun"
    try:
        assert str(tmp_path / f"{helper}.py") in files_being_imported()
    finally:
        go_on.touch()
        thread.join(GUARD)


def test_an_import_in_a_function_finds_the_files_beside_its_own_once_they_are_active(tmp_path: Path) -> None:
    helper, package = unique("helper"), unique("package")
    paths = [folder_of(tmp_path, name, **{helper: f"PLACE = {name!r}\nCALLS = []\n"}) for name in ("one", "two")]
    for path in paths:
        write(path.parent / package, part=f"PLACE = {path.parent.name!r}\n")
    modules = [import_file(path) for path in paths]
    for number in (1, 2):
        for path, module in zip(paths, modules, strict=True):
            place = path.parent.name
            activate(path)
            assert {module.late(helper).PLACE, module.late(f"{package}.part").part.PLACE} == {place}
            assert module.late("handlers_of_lazy") is module
            module.late(helper).CALLS.append(1)
            assert len(module.late(helper).CALLS) == number


def test_a_file_in_a_folder_of_the_path_and_one_in_a_folder_below_have_their_own_neighbours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper, other = unique("helper"), unique("other")
    top = folder_of(tmp_path, "top", **{helper: "PLACE = 'top'\n", other: "PLACE = 'top'\n"})
    below = folder_of(top.parent, "below", **{helper: "PLACE = 'below'\n"})
    monkeypatch.syspath_prepend(str(top.parent))  # as Lambda has the root of the package
    one, two = import_file(top), import_file(below)
    activate(below)
    assert (two.late(helper).PLACE, two.late(other).PLACE) == ("below", "top")
    activate(top)
    assert (one.late(helper).PLACE, one.late(other).PLACE) == ("top", "top")


def test_an_installed_module_is_hidden_by_no_file_of_an_active_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = unique("installed")
    write(tmp_path / "site", **{installed: "PLACE = 'site'\n"})
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    paths = [folder_of(tmp_path, name, **{installed: f"PLACE = {name!r}\n"}) for name in ("one", "two")]
    modules = [import_file(path) for path in paths]
    for path, module in zip(paths, modules, strict=True):
        activate(path)
        assert module.late(installed).PLACE == "site"


def test_a_file_sees_no_neighbour_of_a_file_imported_before(tmp_path: Path) -> None:
    helper = unique("helper")
    import_file(write(tmp_path / "one", **{unique("good"): f"import {helper}\n", helper: ""}))
    with pytest.raises(ModuleNotFoundError):
        import_file(write(tmp_path / "two", **{unique("bad"): f"import {helper}\n"}))


def test_importing_a_file_leaves_the_active_folder_as_it_was(tmp_path: Path) -> None:
    helper = unique("helper")
    paths = [folder_of(tmp_path, name, **{helper: f"PLACE = {name!r}\n"}) for name in ("one", "two", "three")]
    modules = [import_file(path) for path in paths[:2]]
    activate(paths[1])
    import_file(paths[2])
    assert modules[1].late(helper).PLACE == "two"


def test_a_file_is_one_module_whatever_folder_is_active(tmp_path: Path) -> None:
    paths = [folder_of(tmp_path, name) for name in ("one", "two")]
    modules = [import_file(path) for path in paths]
    for path in paths:
        activate(path)
        assert [import_file(each) for each in paths] == modules


def test_a_folder_that_is_gone_hides_nothing(tmp_path: Path) -> None:
    helper = unique("helper")
    gone, kept = (folder_of(tmp_path, name, **{helper: f"PLACE = {name!r}\n"}) for name in ("gone", "kept"))
    modules = [import_file(path) for path in (gone, kept)]
    activate(kept)
    shutil.rmtree(gone.parent)
    activate(gone)
    activate(kept)
    assert modules[1].late(helper).PLACE == "kept"
