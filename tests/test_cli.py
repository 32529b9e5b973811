"""What all commands have in common: config file, exit statuses, where texts go."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import slips
from projects import Project
from slips.backends.machine.state import MachineState
from slips.cli import app
from slips.errors import SlipsError


def test_version_is_printed_without_a_project(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    done = Project(tmp_path / "p").slips("--version")
    assert (done.status, done.out) == (0, f"slips {slips.__version__}\n")


def test_without_config_both_names_and_init_are_named(project: Project) -> None:
    (project.root / "slips.yml").unlink()
    done = project.slips("errors")
    assert done.status == 2
    assert all(word in done.err for word in ("slips.yml", "config.yml", "'slips init'"))
    assert done.out == ""


def test_config_yml_is_the_second_choice(project: Project) -> None:
    (project.root / "slips.yml").rename(project.root / "config.yml")
    assert project.slips("errors").status == 0
    project.config("nonsense: 1")
    assert "slips.yml:1" in project.slips("errors").err


def test_another_config_is_named_by_c_and_paths_are_relative_to_it(project: Project) -> None:
    (project.root / "elsewhere").mkdir()
    (project.root / "elsewhere" / "x.yml").write_text(
        (project.root / "slips.yml").read_text().replace("logs\n", "../logs\n")
    )
    (project.root / "elsewhere" / "handler.py").write_text("")
    (project.root / "slips.yml").unlink()
    assert project.slips("-c", "elsewhere/x.yml", "status").status == 0
    assert (project.root / "elsewhere" / "state").is_dir()


def test_each_config_mistake_is_a_line_of_its_own(project: Project) -> None:
    project.config("stack_name: 1\nhandler: {path: handler.py}\nbucket_mappings: {}\n")
    lines = project.slips("run").err.splitlines()
    assert len(lines) >= 3
    assert all(re.match(r"slips: slips\.yml:\d+: ", line) for line in lines)


def test_usage_mistakes_end_with_status_2(project: Project) -> None:
    for args in (
        ["bogus"],
        ["run", "--workers", "0"],
        ["error"],
        ["errors", "--nonsense"],
        ["error", "x", "-f", "xml"],
    ):
        assert project.slips(*args).status == 2, args


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["limit", "fast", "-d", "999"], "-d 999: out of range; expected 0 to 300 s; 'slips limit -h' tells more"),
        (["limit", "fast", "-b", "x"], "-b x: cannot be used; expected 1 to 10,000; 'slips limit -h' tells more"),
        (["limit", "medium"], "LANE medium: cannot be used; expected fast or slow; 'slips limit -h' tells more"),
        (["limit"], "LANE: missing; expected fast or slow; 'slips limit -h' tells more"),
        (["run", "--workers", "0"], "--workers 0: out of range; expected a number from 1; 'slips run -h' tells more"),
        (
            ["error", "x", "-f", "xml"],
            "-f xml: cannot be used; expected text, json or cjson; 'slips error -h' tells more",
        ),
        (
            ["error"],
            "ID: missing; expected id of an error, or fingerprint of a group, or how it begins; "
            "'slips error -h' tells more",
        ),
        (["errors", "--nonsense"], "no such option: --nonsense; 'slips errors -h' tells more"),
        (["--nonsense", "errors"], "no such option: --nonsense; 'slips -h' tells more"),
        (["-c"], "option '-c' requires an argument; 'slips COMMAND -h' tells more"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_options_that_cannot_be_used_are_told_as_all_other_errors(project: Project, args: list[str], text: str) -> None:
    done = project.slips(*args)
    assert (done.status, done.out, done.err) == (2, "", f"slips: {text}\n")


def test_no_command_is_a_question_for_help(project: Project) -> None:
    done = project.slips()
    assert "Commands:" in done.out + done.err


def test_every_command_has_examples_that_name_it(project: Project) -> None:
    for name, command in app.commands.items():
        assert command.callback is not None
        assert f"slips {name}".replace("local", "test") in str(command.callback.__doc__)


@pytest.mark.slow
def test_tracebacks_are_shown_with_v_only(project: Project) -> None:
    quiet, loud = project.shell("error", "none"), project.shell("-v", "error", "none")
    assert quiet.err == "slips: no error item 'none'; 'slips errors' lists those that exist\n"
    assert "Traceback" in loud.err
    assert loud.err.endswith(quiet.err)
    assert (quiet.status, loud.status) == (2, 2)


def test_an_unexpected_exception_is_a_bug_to_report(tmp_path: Path) -> None:
    program = "import sys, slips.cli, slips.project as p; p.write = None; sys.argv[1:] = ['init']; slips.cli.main()"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "please report it" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("read", [True, False])
@pytest.mark.parametrize("command", [["parse", "json", "logs/many"], ["errors"], ["--version"], ["run"]])
def test_a_reader_that_goes_away_ends_the_command_quietly(project: Project, command: list[str], read: bool) -> None:
    project.put("many", *({"n": number} for number in range(20_000)))
    project.fail("r1")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        [sys.executable, "-m", "slips", *command],
        cwd=project.root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        if read:
            process.stdout.readline()
        process.stdout.close()
        assert b"BrokenPipe" not in process.stderr.read()


@pytest.mark.slow
def test_output_survives_any_locale(project: Project) -> None:
    project.fail("r1", key="json/é漢字")
    done = project.shell("errors", PYTHONIOENCODING="ascii")
    assert done.status == 0
    assert "json/\\xe9\\u6f22\\u5b57" in done.out


def test_keys_and_messages_cannot_steer_a_terminal(project: Project) -> None:
    project.fail("r1", key="json/a\x1b[31m\nb", message="bad \x1b]0;title\x07")
    for args in (["errors"], ["error", "r1"], ["errors", "--group"]):
        done = project.slips(*args)
        assert "\x1b" not in done.out, args
        assert "\x07" not in done.out, args
    assert len(project.slips("errors").out.splitlines()) == 1


def test_ctrl_c_elsewhere_promises_no_other_run(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(MachineState, "open", interrupted)
    done = project.slips("errors")
    assert (done.status, done.err) == (130, "slips: interrupted\n")


@pytest.mark.slow
def test_a_terminal_gets_a_bar_and_a_pipe_does_not(project: Project) -> None:
    project.put("json/a", {"n": 1})
    shown = project.terminal("run")
    assert "━" in shown
    assert "1/1" in shown
    project.put("json/b", {"n": 1})
    done = project.shell("run", FORCE_COLOR="", TERM="xterm-256color")
    assert "\x1b" not in done.out + done.err
    assert "━" not in done.err


@pytest.mark.slow
def test_no_color_is_honoured_on_a_terminal(project: Project) -> None:
    project.put("json/a", {"n": 1})
    assert re.search(r"\x1b\[3[0-9;]*m", project.terminal("run"))
    assert not re.search(r"\x1b\[3[0-9;]*m", project.terminal("run", "logs/json", "--again", NO_COLOR="1"))


@pytest.mark.slow
def test_a_terminal_gets_the_reason_on_a_line_of_its_own(project: Project) -> None:
    project.fail("r1")
    assert "(1179 byte)\r\n    handler KeyError" in project.on_terminal("errors")


def test_every_error_of_slips_has_an_exit_status() -> None:
    def subclasses(of: type[SlipsError]) -> list[type[SlipsError]]:
        return [of, *(each for child in of.__subclasses__() for each in subclasses(child))]

    assert {each.exit_status for each in subclasses(SlipsError)} == {1, 2}


@pytest.mark.slow
def test_a_terminal_is_asked_before_anything_is_dismissed(project: Project) -> None:
    project.fail("r1")
    assert "Dismiss 1 item for good? [y/N]: " in project.on_terminal("dismiss", "r1", typed=b"n\n")
    assert project.errors() == ["r1"]
    assert "1 item dismissed" in project.on_terminal("dismiss", "r1", typed=b"y\n")
    assert project.errors() == []
