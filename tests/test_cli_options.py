"""The global options: before the command and behind it, and the environment, which they beat."""

from __future__ import annotations

import click
import pytest

from projects import Project
from slips.cli import app
from slips.cli.command import Command
from slips.cli.options import GLOBAL, Options, options

GIVEN = {
    "config": ("-c", "other.yml"),
    "verbose": ("-v",),
    "stack": ("-s", "prod"),
    "aws": ("--aws",),
    "region": ("--region", "eu-west-1"),
    "endpoint_url": ("--endpoint-url", "http://127.0.0.1:4566"),
}
ARGUMENTS = {
    "push": ["x"],
    "error": ["r1"],
    "limit": ["fast"],
    "infer": ["x"],
    "parse": ["json", "x"],
    "package": ["--out", "made"],
    "completion": ["bash"],
}
LIMITED = {
    "init": {"verbose", "region", "endpoint_url"},
    "formats": {"config", "verbose"},
    "infer": {"verbose", "region", "endpoint_url"},
    "parse": {"verbose"},
    "completion": {"verbose"},
    "check": {"config", "verbose", "stack", "aws"},
}
"""Commands to which not all global options mean something."""


ASKING = {"deploy", "destroy", "dismiss", "audit"}
"""Commands that ask before they do something."""


def accepted(name: str) -> set[str]:
    return LIMITED.get(name, {*GIVEN})


def parsed(before: tuple[str, ...], name: str, behind: tuple[str, ...]) -> Options:
    """The global options of `slips BEFORE NAME BEHIND`, without running the command."""
    root = app.make_context("slips", [*before, name, *behind, *ARGUMENTS.get(name, [])])
    command = app.commands[name]
    return options(command.make_context(name, [*behind, *ARGUMENTS.get(name, [])], parent=root))


def test_every_global_option_is_tried_here() -> None:
    assert GIVEN.keys() == GLOBAL.keys()


@pytest.mark.parametrize("name", app.commands)
def test_a_global_option_means_the_same_before_and_behind_the_command(name: str) -> None:
    for option in accepted(name):
        before, behind = parsed(GIVEN[option], name, ()), parsed((), name, GIVEN[option])
        assert before == behind, option
        assert getattr(behind, option) not in {None, False}
        assert parsed(GIVEN[option], name, GIVEN[option]) == before, "twice the same is no conflict"


@pytest.mark.parametrize("name", LIMITED)
def test_a_global_option_without_meaning_is_no_option_of_the_command(name: str) -> None:
    own = {each.name for each in app.commands[name].params}
    for option in GIVEN.keys() - accepted(name) - own:
        with pytest.raises(click.NoSuchOption):
            parsed((), name, GIVEN[option])


@pytest.mark.parametrize(
    ("option", "shown"),
    [("config", "-c"), ("stack", "-s"), ("region", "--region"), ("endpoint_url", "--endpoint-url")],
)
def test_two_values_of_a_global_option_are_refused(project: Project, option: str, shown: str) -> None:
    name, value = GIVEN[option]
    other = "http://else" if option == "endpoint_url" else "else"
    done = project.slips(name, other, "errors", name, value)
    problem = f"{shown}: '{other}' before the command and '{value}' behind it; expected one of them"
    assert (done.status, done.out, done.err) == (2, "", f"slips: {problem}\n")


@pytest.mark.parametrize("name", app.commands)
def test_the_help_of_a_command_names_its_global_options_in_few_lines(project: Project, name: str) -> None:
    text = project.slips(name, "-h").out
    own, _, shared = text.partition("Global options, explained by 'slips -h':\n")
    for option in accepted(name):
        shown = GIVEN[option][0] in shared or f"  {GIVEN[option][0]}" in own
        assert shown == ((name, option) not in {("run", "stack"), ("run", "aws"), ("up", "stack"), ("up", "aws")}), (
            option
        )
    assert len(shared.splitlines()) <= 2


def test_v_behind_the_command_shows_tracebacks(project: Project) -> None:
    assert "Traceback" in project.slips("error", "none", "-v").err


@pytest.mark.parametrize("args", [("-s", "test", "run"), ("run", "-s", "test"), ("--aws", "run"), ("run", "--aws")])
def test_run_refuses_a_stack_in_words(project: Project, args: tuple[str, ...]) -> None:
    done = project.slips(*args)
    assert done.status == 2
    assert "run: always works on this machine; expected neither -s nor --aws" in done.err


# ---- the environment


def test_slips_config_names_the_config(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.root / "slips.yml").rename(project.root / "mine.yml")
    assert project.slips("status").status == 2
    monkeypatch.setenv("SLIPS_CONFIG", "mine.yml")
    assert project.slips("status").status == 0
    for args in (("-c", "none.yml", "status"), ("status", "-c", "none.yml")):
        assert "none.yml: no such file" in project.slips(*args).err
    long = project.slips("-c", "x" * 300, "status")
    assert (long.status, "x: file name too long; expected the configuration" in long.err) == (2, True)


@pytest.mark.parametrize(
    ("path", "problem"),
    [("old.yml", "no such file or directory"), ("src", "is a directory"), ("x" * 300, "file name too long")],
    ids=["missing", "directory", "long"],
)
def test_a_path_in_slips_config_that_is_no_file_is_told_with_the_variable(
    project: Project, monkeypatch: pytest.MonkeyPatch, path: str, problem: str
) -> None:
    (project.root / "src").mkdir(exist_ok=True)
    monkeypatch.setenv("SLIPS_CONFIG", path)
    done = project.slips("status")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"slips: SLIPS_CONFIG: {path}: {problem}; expected the configuration; ")


def test_slips_stack_names_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPS_STACK", "staging")
    assert parsed((), "errors", ()).stack == "staging"
    assert parsed(("-s", "prod"), "errors", ()).stack == "prod"
    assert parsed((), "errors", ("-s", "prod")).stack == "prod"


def test_aws_asks_for_the_stack_of_the_config_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPS_STACK", "staging")
    assert parsed(("--aws",), "errors", ()).stack is None
    assert parsed((), "errors", ("--aws",)).stack is None
    assert parsed(("--aws", "-s", "prod"), "errors", ()).stack == "prod"
    assert parsed(("-s", "prod"), "errors", ("--aws",)).stack == "prod"
    assert parsed(("--aws",), "errors", ("-s", "prod")).stack == "prod"


def test_an_empty_variable_is_none(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPS_STACK", "")
    monkeypatch.setenv("SLIPS_CONFIG", "")
    assert project.slips("errors").out == "no errors\n"


def test_commands_that_always_work_on_this_machine_do_not_look_at_slips_stack(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPS_STACK", "staging")
    project.put("json/a", {"n": 1})
    assert project.slips("run").status == 0
    assert project.slips("parse", "json", "logs/json/a").status == 0
    (project.root / "new").mkdir()
    assert project.slips("init", "new/mine").status == 0


def test_every_command_is_of_the_kind_that_accepts_global_options() -> None:
    assert all(isinstance(each, Command) for each in app.commands.values())


def test_commands_that_ask_and_those_that_put_objects_on_lanes_take_one_flag_that_answers() -> None:
    flags = {
        name: tuple(parameter.opts)
        for name, command in app.commands.items()
        for parameter in command.params
        if "-y" in parameter.opts or "--yes" in parameter.opts
    }
    assert flags == dict.fromkeys({*ASKING, "drain", "push"}, ("-y", "--yes"))


@pytest.mark.slow
def test_a_drain_and_a_push_with_yes_do_what_they_do_without(project: Project) -> None:
    project.put("json/a", {"n": 1})
    project.put("json/b", {"n": 1})
    project.fail("r1", "json/a")
    assert project.slips("drain", "-y", "--json").json["drained"] == 1
    assert project.slips("push", "s3://my-logs/json/b", "--yes").status == 0
    assert project.slips("run", "--json").json["objects"] == 2
