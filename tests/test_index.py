"""The index of formats: what a run imports of them, and how the index is written."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from for_each import for_each
from projects import Project
from slips.formats import catalogue, find, names

ROOT = Path(__file__).parents[1]
GUARD = 300
SEEN = """\
import sys
import slips.interface


class Seen(slips.interface.Handler):
    def recv(self, meta, event): ...

    def result(self):
        return sorted(name for name in sys.modules if name.startswith("slips.formats."))
"""

SHOWS = """\
import sys
from slips.cli import main

try:
    main()
finally:
    print(*(name for name in sys.modules if name.startswith("slips.formats.")), file=sys.stderr)
"""


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "docs")  # it imports a module beside it
    spec = importlib.util.spec_from_file_location("docs_index", ROOT / "docs" / "index.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_a_run_of_one_format_imports_the_module_of_that_format_and_no_other(project: Project) -> None:
    config = (project.root / "slips.yml").read_text()
    project.config(config.replace("[s3-lines, json]", "cloudtrail").replace("format: json", "format: cloudtrail"))
    project.handler(SEEN)
    project.put("json/a", b'{"Records": [{"eventName": "ConsoleLogin"}]}')
    done = subprocess.run(
        [sys.executable, "-c", SHOWS, "run", "--json"],
        cwd=project.root,
        capture_output=True,
        encoding="utf-8",
        timeout=GUARD,
    )
    (worker,) = [each["result"] for each in json.loads(done.stdout)["results"]]
    assert worker == ["slips.formats._index", "slips.formats.aws", "slips.formats.aws.cloudtrail"]
    assert {*done.stderr.splitlines()[-1].split()} == {*worker}


@for_each("name", names())
def test_the_index_has_each_format_by_its_own_name(name: str) -> None:
    found = find(name)
    assert found is not None
    assert found.name == name
    assert found is catalogue()[name]


def test_a_name_that_no_format_has_is_none() -> None:
    assert find("syslgo") is None
    assert find("") is None


def declare(folder: Path, module: str, text: str) -> None:
    (folder / f"{module}.py").write_text(f"from slips.format import parser\n{text}")


def test_the_index_names_the_module_that_declares_not_one_that_imports(
    index: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "indexed_formats"
    package.mkdir()
    (package / "__init__.py").touch()
    declare(package, "door", "@parser('door-log', summary='s', reference='r')\ndef door(meta, event): return event\n")
    declare(package, "alarm", "from indexed_formats.door import door\nDOOR: object = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    text = index.write({"indexed_formats": package})
    assert '    "door-log": ("indexed_formats.door", "door"),\n' in text
    assert text.count("indexed_formats") == 1


def test_two_formats_of_one_name_are_refused(
    index: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "doubled_formats"
    package.mkdir()
    (package / "__init__.py").touch()
    for module in ("a", "b"):
        declare(package, module, f"{module} = parser('x', summary='s', reference='r')(lambda meta, event: event)\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match=r"'x' is declared twice, in doubled_formats.a.a and in doubled_formats.b.b"):
        index.write({"doubled_formats": package})
