"""Promises about a config with mistakes, for commands that need only a part of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from slips.config import load
from slips.config.load import load_partly
from slips.config.needs import DRAINING, OPERATING, STACK_NAME
from slips.errors import ConfigError

LINES = """\
stack_name: sample
backend:
  embedded: {path: state, buckets: {my-logs: logs}}
  lane: {slow: {delay: 3}}
  log_level: info
handler: {path: handler.py}
routing: [{prefix: a/, dest: slow}]
bucket_mapping: {my-logs: [{prefix: a/, format: json}]}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    (tmp_path / "handler.py").touch()
    path = tmp_path / "slips.yml"
    path.write_text(LINES)
    return path


def change(file: Path, old: str, new: str) -> Path:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    return file


def test_a_config_without_mistakes_is_read_as_a_whole(file: Path) -> None:
    assert load_partly(file, OPERATING) == (load(file), 0)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("handler.py}", "nowhere.py}"),
        ("format: json", "format: jsn"),
        ("dest: slow", "dest: slo"),
        ("handler:", "handlr: {x: 1}\nhandler:"),
        ("log_level: info", "log_level: loud"),
        ("log_level: info", "sns_topics: [{name: a, arn: b}]"),
        ("bucket_mapping:", "bucket_mappings:"),
        ("bucket_mapping:", "# bucket_mapping:"),
        ("bucket_mapping: {", "bucket_mapping: !!set {"),
        ("stack_name: sample", "stack_name: my_stack"),
        ("stack_name: sample", "description: x"),
        ("handler: {", "on: 1\nhandler: {"),
    ],
)
def test_a_mistake_elsewhere_hides_no_state_of_this_machine(file: Path, old: str, new: str) -> None:
    config, mistakes = load_partly(change(file, old, new), OPERATING)
    assert mistakes
    assert config.state_directory == file.parent / "state"
    assert (config.backend.lane.slow.delay, config.file) == (3, str(file))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("path: state", "path: [state]", ":3: backend.embedded.path: found a list; expected text"),
        ("delay: 3", "delay: x", ":4: backend.lane.slow.delay: 'x' is text"),
        ("backend:", "backend: 3\nx:", ":2: backend: '3' is a number; expected a mapping"),
        ("stack_name: sample", "stack_name: [sample", ":1: not valid YAML: a bracket is opened and not closed"),
        (LINES, "hello", ":1: the file: 'hello' is text; expected a mapping"),
        (LINES, "", ":1: the file is empty"),
    ],
)
def test_a_mistake_in_what_is_needed_is_an_error_without_the_others(file: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_partly(change(file, old, new), OPERATING)
    (problem,) = error.value.problems
    assert problem.startswith(f"{file}{told}")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("dest: slow", "dest: slo", "routing[0].dest"),
        ("format: json", "format: jsn", "format 'jsn' is not known"),
        ("stack_name: sample", "stack_name: my_stack", "stack_name"),
    ],
)
def test_a_drain_needs_routing_and_mappings_too(file: Path, old: str, new: str, told: str) -> None:
    change(file, "handler.py}", "nowhere.py}")
    config, mistakes = load_partly(file, DRAINING)
    assert mistakes == 1
    assert ([one.dest for one in config.routing], [*config.bucket_mapping]) == (["slow"], ["my-logs"])
    with pytest.raises(ConfigError) as error:
        load_partly(change(file, old, new), DRAINING)
    (problem,) = error.value.problems
    assert told in problem


def test_a_stack_is_named_by_a_config_that_is_wrong_in_all_else(file: Path) -> None:
    for old, new in (("path: state", "path: []"), ("delay: 3", "delay: x"), ("format: json", "format: []")):
        change(file, old, new)
    config, mistakes = load_partly(file, STACK_NAME)
    assert (config.stack_name, mistakes) == ("sample", 3)


def test_a_mistake_that_an_alias_repeats_concerns_each_place(file: Path) -> None:
    file.write_text(
        LINES.replace("delay: 3", "delay: *d").replace("stack_name", "limits: {expansion_ratio: &d x}\nstack_name")
    )
    with pytest.raises(ConfigError):
        load_partly(file, OPERATING)
