"""The pages that come from the code are what the code says, and say something about everything."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import click
import pytest

import slips.cli.docs
from slips.cli import app
from slips.examples import example_of
from slips.formats import catalogue, entries, sample_files, vendors

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_build", ROOT / "docs" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_no_page_is_stale(build: ModuleType) -> None:
    assert build.stale(ROOT / "docs") == [], "run 'make docs'"


def test_a_page_that_is_missing_or_changed_is_named_and_fails(
    build: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = {name: build.PAGES[name] for name in ("cli.md", "config.md", "formats.md")}
    assert build.main([], tmp_path, pages) == 0
    assert build.main(["--check"], tmp_path, pages) == 0
    (tmp_path / "cli.md").unlink()
    (tmp_path / "formats.md").write_text("old")
    assert build.main(["--check"], tmp_path, pages) == 1
    named = capsys.readouterr().err.splitlines()
    assert [Path(line.partition(":")[0]).name for line in named] == ["cli.md", "formats.md"]


def commands() -> dict[str, click.Command]:
    return {"": app, **app.commands}


@pytest.mark.parametrize("name", commands())
def test_every_command_and_option_says_what_it_is_for(name: str) -> None:
    command = commands()[name]
    assert command.help
    summary = command.help.partition("\n")[0]
    assert len(summary) <= 65 or not name, "it is cut off in the list of commands"
    for parameter in command.params:
        assert parameter.name == "help" or parameter.help, f"{name}: {parameter.name}"


def test_every_command_is_on_the_page_with_its_options_and_examples() -> None:
    page = slips.cli.docs.reference()
    for name, command in commands().items():
        if not name:
            continue
        section = page.partition(f"## slips {name}\n")[2].partition("\n## ")[0]
        assert section
        if name != "local":
            assert f"$ slips {name}" in section or f"| slips {name}" in section
        for parameter in command.params:
            if isinstance(parameter, click.Option) and parameter.hidden:
                continue  # refused in words
            for option in parameter.opts:
                assert parameter.name == "help" or not option.startswith("-") or option in section, (name, option)


def test_the_page_is_the_same_on_every_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = slips.cli.docs.reference()
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert slips.cli.docs.reference() == wide
    assert "\x1b" not in wide


def test_every_format_is_on_the_page_of_its_vendor_with_its_rules_its_sample_and_an_example(build: ModuleType) -> None:
    for folder in vendors():
        page = build.vendor(folder)
        for entry in entries().values():
            if entry.vendor != folder:
                continue
            each = catalogue()[entry.name]
            section = page.partition(f"\n## {each.name}\n")[2].partition("\n## ")[0]
            assert each.reference in section
            assert all(rule.name in section for rule in each.rules)
            assert all(sample.name in section for sample in sample_files(each.name))
            assert ("Its event" in section) is bool(example_of(each))


def test_a_page_says_what_the_time_of_a_format_is_and_what_its_meta_has(build: ModuleType) -> None:
    okta = build.vendor("okta")
    assert "\n- time: `published`; without a zone it is UTC, or of the mapping's [`timezone`](../handler.md#" in okta
    shown = "`meta.tag` `okta.system`, `meta.timestamp` 1709251199.999 (2024-02-29T23:59:59.999Z), `meta.message` `User"
    assert f"Its event, {shown}" in okta
    assert "Its event:" in build.vendor("readers"), "neither a tag nor a time of its own"


def test_the_page_of_a_vendor_that_is_no_more_is_stale_and_goes(build: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "formats").mkdir()
    (tmp_path / "formats" / "nobody.md").write_text("# Nobody")
    assert tmp_path / "formats" / "nobody.md" in build.stale(tmp_path)


def test_the_list_in_the_readme_has_every_format(build: ModuleType) -> None:
    written = build.readme().partition("<!-- formats -->")[2].partition("<!-- /formats -->")[0]
    assert {*re.findall(r"[(,] ?([a-z0-9-]+)(?=[,)])", written)} == {*catalogue()}
