"""Commands and options that do not exist: the error names those that the user may have meant; `help` shows help."""

from __future__ import annotations

import pytest

from projects import Project
from slips.cli import app
from slips.cli.usage import ELSEWHERE, TRIED


@pytest.mark.parametrize(
    ("tried", "meant"),
    [
        ("validate", "'check'"),
        ("lint", "'check'"),
        ("version", "'--version'"),
        ("ls", "'errors', 'status' or 'formats'"),
        ("replay", "'drain'"),
        ("tail", "'logs'"),
        ("remove", "'dismiss' or 'destroy'"),
        ("new", "'init'"),
        ("chekc", "'check'"),
        ("valdate", "'check'"),
        ("plan", "'deploy'"),
        ("schema", "'check'"),
        ("dorp", None),
        ("bogus", None),
    ],
)
def test_a_command_that_people_try_leads_to_ours(project: Project, tried: str, meant: str | None) -> None:
    done = project.slips(tried, "--json", "x")
    hint = f"; did you mean {meant}? ('slips -h' lists all)" if meant else "; 'slips -h' tells more"
    assert (done.status, done.out, done.err) == (2, "", f"slips: no such command '{tried}'{hint}\n")


def test_a_hint_names_what_exists_and_hides_nothing() -> None:
    assert {each for commands in TRIED.values() for each in commands.split()} <= {*app.commands, "--version"}
    assert not TRIED.keys() & app.commands.keys()


def test_an_option_with_a_mistake_in_it_leads_to_the_right_one(project: Project) -> None:
    told = "slips: no such option: --dry-rum; did you mean --dry-run? ('slips drain -h' lists all)\n"
    assert project.slips("drain", "--dry-rum").err == told
    assert "did you mean --endpoint-url?" in project.slips("errors", "--endpoint", "x").err


@pytest.mark.parametrize(("command", "option"), ELSEWHERE)
def test_an_option_that_people_try_leads_to_what_does_so(project: Project, command: str, option: str) -> None:
    done = project.slips(command, option, "x")
    told = f"slips: no such option: {option}; {ELSEWHERE[command, option]}\n"
    assert (done.status, done.out, done.err) == (2, "", told)


@pytest.mark.parametrize("command", ["test", "local"])
def test_a_log_in_place_of_object_events_leads_to_what_takes_logs(project: Project, command: str) -> None:
    (project.root / "a.log").write_text("x\n")
    done = project.slips(command, "a.log")
    assert (done.status, done.out) == (2, "")
    assert f"'slips sample --out events.json' writes what 'slips {command} -d events.json' runs" in done.err
    assert "'slips parse FORMAT a.log' shows" in done.err
    assert "did you mean" not in done.err


def test_an_option_without_its_value_leads_to_the_help_of_its_command(project: Project) -> None:
    done = project.slips("drain", "--canary")
    told = "slips: option '--canary' requires an argument; 'slips drain -h' tells more\n"
    assert (done.status, done.err) == (2, told)


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        ("test", "did you mean '-r f00d'? ('slips test -h' lists all)"),
        ("local", "did you mean '-r f00d'? ('slips local -h' lists all)"),
        ("check", "did you mean '-c f00d'? ('slips check -h' lists all)"),
        ("status", "'slips status -h' tells more"),
    ],
)
def test_a_value_without_its_option_leads_to_the_option(project: Project, command: str, hint: str) -> None:
    done = project.slips(command, "f00d", "more")
    told = f"slips: got unexpected extra argument (f00d); {hint}\n"
    assert (done.status, done.out, done.err) == (2, "", told)


@pytest.mark.parametrize(("args", "same"), [(("help",), ("-h",)), (("help", "drain"), ("drain", "-h"))])
def test_help_is_a_word_for_the_option(project: Project, args: tuple[str, ...], same: tuple[str, ...]) -> None:
    done = project.slips(*args)
    assert (done.status, done.out) == (0, project.slips(*same).out)


def test_help_on_a_command_that_does_not_exist_leads_to_ours(project: Project) -> None:
    done = project.slips("help", "lint")
    assert (done.status, done.err) == (
        2,
        "slips: no such command 'lint'; did you mean 'check'? ('slips -h' lists all)\n",
    )


def test_no_command_shows_the_help_and_ends_with_status_2(project: Project) -> None:
    done = project.slips()
    assert (done.status, done.out, done.err) == (2, "", project.slips("-h").out)


@pytest.mark.parametrize("digits", [19, 30])
@pytest.mark.parametrize("command", [("drain", "--dry-run"), ("dismiss", "-y"), ("errors",)])
def test_a_number_beyond_all_counts_limits_nothing(project: Project, command: tuple[str, ...], digits: int) -> None:
    project.put("json/a", b"no json")
    project.slips("run")
    done = project.slips(*command, "--limit", "9" * digits)
    assert (done.status, "Traceback" in done.err) == (0, False)
