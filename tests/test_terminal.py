"""Whatever keys, records, messages and configs hold, no command lets it steer the terminal."""

from __future__ import annotations

import ast
import io
import json
import logging
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from projects import CONFIG, Project
from slips.cli import app
from slips.cli.logs import show
from slips.model import ObjectEvent, Outcome, Sample
from slips.operations import LogLine
from slips.print_streams import PIECE, in_pieces
from slips.printable import LogFormatter, lines, one_line
from slips.telemetry import JsonLines

HOSTILE = "\x1b]0;t\x07\x1b[7;5mh\x9b35;5m\x7f\u202e\u2066\u200b\r\x08\x0b[red]:smile:\t\nslips: all is done"
"""Sets a title, colours, the direction of writing; moves the cursor; says what slips did not say."""
RAW = ["\x1b]0;", "\x1b[7;5m", "\x07", "\x9b", "\x7f", "\u202e", "\u2066", "\u200b", "\x08", "\x0b"]
KEY = f"json/{HOSTILE}"
COMMANDS = [
    ["run"],
    ["-v", "run", f"logs/{KEY}", "--again"],
    ["run", f"none/{HOSTILE}"],
    ["run", "--json"],
    ["up", "--grace", HOSTILE],
    ["errors"],
    ["errors", "--json"],
    ["errors", "--group"],
    ["errors", "--group", "--json"],
    ["error", HOSTILE],
    ["error", HOSTILE, "-f", "json"],
    ["error", HOSTILE, "-f", "cjson"],
    ["error", f"group {HOSTILE}"],
    ["error", f"no {HOSTILE}"],
    ["-v", "error", f"no {HOSTILE}"],
    ["test", "-r", HOSTILE],
    ["test", "-d", "events.json", "-v"],
    ["test", "-d", f"none {HOSTILE}"],
    ["local", "-d", "events.json", "-a", f"{HOSTILE}=1"],
    ["drain", "--dry-run"],
    ["drain", "--dry-run", "--json"],
    ["drain", "--canary", "2"],
    ["drain", "--canary", "2", "--json"],
    ["dismiss", HOSTILE],
    ["dismiss", HOSTILE, "--json", "-y"],
    ["status"],
    ["status", "--json"],
    ["push", f"logs/{KEY}"],
    ["push", f"s3://{HOSTILE}", "--json"],
    ["push", f"none/{HOSTILE}"],
    ["audit"],
    ["audit", "--json"],
    ["audit", "--mapping", HOSTILE],
    ["audit", f"s3://{HOSTILE}", "--report", f"none/{HOSTILE}"],
    ["top", "--count", "1"],
    ["top", "--count", "1", "--json"],
    ["top", "--interval", HOSTILE],
    ["tap", "--since", "1000000d", "--limit", "1"],
    ["tap", "--since", "1000000d", "--limit", "1", "--json"],
    ["tap", "--mapping", HOSTILE],
    ["tap", "--rate", HOSTILE],
    ["limit", HOSTILE],
    ["limit", "fast", "-d", HOSTILE],
    ["limit", "fast", "--bytes-per-day", HOSTILE],
    ["limit", "fast", "--pause", "--reason", HOSTILE],
    ["logs", HOSTILE],
    ["sample"],
    ["sample", "--out", f"none/{HOSTILE}/x"],
    ["console", "--host", f"no {HOSTILE}"],
    ["deploy", "--dry-run"],
    ["package", "--out", f"made {HOSTILE}"],
    ["package", "-s", HOSTILE, "--out", "made", "--json"],
    ["destroy", HOSTILE],
    ["check"],
    ["check", "--json"],
    ["-c", "bad.yml", "check"],
    ["completion", "zsh"],
    ["-c", f"none {HOSTILE}", "check"],
    ["init", f"made {HOSTILE}"],
    ["init", "--aws", "--stack", HOSTILE],
    ["formats", HOSTILE],
    ["formats", f"{HOSTILE}.py:x"],
    ["infer", f"logs/{KEY}"],
    ["infer", f"logs/{KEY}", "--json"],
    ["infer", f"none/{HOSTILE}"],
    ["infer", "logs"],
    ["init", "made", "--from", "logs"],
    ["init", "made", "--from", f"none/{HOSTILE}"],
    ["parse", "s3-lines,json", f"logs/{KEY}"],
    ["parse", "s3-lines,json", f"logs/{KEY}", "--timezone", HOSTILE],
    ["-v", "parse", "s3-lines,json", f"logs/{KEY}", "--time", HOSTILE],
    ["parse", HOSTILE, f"none/{HOSTILE}"],
    ["parse", "json", f"none/{HOSTILE}"],
    [f"--{HOSTILE}"],
    [HOSTILE],
]
STARTING = {"run", "up", "drain"}
"""Commands that start processes, which write to the terminal, too."""
TRACED = {"run", "error", "test", "local"}
"""Commands that show tracebacks or log lines of handlers, whose lines stay lines."""
HANDLER = f"""
import logging, slips.interface

class Hostile(slips.interface.Handler):
    def recv(self, meta, event):
        logging.getLogger("mine").warning("got %s", event["x"])
        if event["n"] == 2:
            raise ValueError(event["x"])

    def result(self):
        return {{"said": {HOSTILE!r}}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.handler(HANDLER)
    project.config(f"description: {json.dumps(HOSTILE)}\n{CONFIG}")
    bad = CONFIG.replace("stack_name: test", f"stack_name: {json.dumps(HOSTILE)}\n{json.dumps(HOSTILE)}: 1")
    (project.root / "bad.yml").write_text(bad.replace("dest: slow", f"dest: {json.dumps(HOSTILE)}"))
    project.put(KEY, {"n": 1, "x": HOSTILE}, HOSTILE.replace("\n", " ").encode() + b"\n")
    project.put(f"{KEY}-2", {"n": 2, "x": HOSTILE})
    project.put(f"slow/{HOSTILE}", b"{")
    with closing(project.state()) as state:  # for 'tap'
        state.ledger.fail(ObjectEvent(bucket_name="my-logs", object_key=KEY), Outcome(), HOSTILE)
    (project.root / "events.json").write_text(
        json.dumps([ObjectEvent(bucket_name="my-logs", object_key=key).to_dict() for key in (KEY, f"{KEY}-2")])
    )
    event = ObjectEvent(bucket_name=f"b{HOSTILE}", object_key=KEY, lane="fast")
    project.fail(
        HOSTILE,
        kind="records",
        events=[event],
        stage=HOSTILE,
        error_type=HOSTILE,
        message=HOSTILE,
        traceback=HOSTILE,
        failed_at=HOSTILE,
        fingerprint=f"group {HOSTILE}",
        code_version=HOSTILE,
        records=[(1, 1)],
        samples=[Sample(1, HOSTILE, HOSTILE)],
    )
    return project


def test_the_table_has_every_command() -> None:
    named = {word for command in COMMANDS for word in command}
    assert app.commands.keys() <= named


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: one_line(" ".join(command))[:40])
def test_no_command_prints_what_could_steer_a_terminal_into_a_pipe(project: Project, command: Sequence[str]) -> None:
    done = project.slips(*command)
    steering = {c for c in done.out + done.err if not (c.isprintable() or c in "\n\t")}
    assert steering == set(), done
    if not TRACED & {*command}:
        assert "\nslips: all is done" not in done.out + done.err
    assert "this is a bug" not in done.err


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: one_line(" ".join(command))[:40])
def test_no_command_prints_what_could_steer_a_terminal_on_one(project: Project, command: Sequence[str]) -> None:
    on_terminal = project.terminal if STARTING & {*command} else project.on_terminal
    shown = on_terminal(*command, typed=b"n\n").replace("\r\n", "\n")
    assert [raw for raw in RAW if raw in shown] == [], shown
    assert "😄" not in shown, "it is text, not markup"


@pytest.mark.slow
@pytest.mark.parametrize("command", [["errors", "--group"], ["dismiss", HOSTILE]])
def test_a_terminal_shows_the_same_of_a_command_in_a_process_of_its_own(project: Project, command: list[str]) -> None:
    assert project.on_terminal(*command, typed=b"n\n") == project.terminal(*command, typed=b"n\n")


@pytest.mark.slow
def test_json_is_valid_whatever_it_holds(project: Project) -> None:
    project.slips("run")
    for command in (["errors", "--json"], ["status", "--json"], ["error", HOSTILE, "-f", "json"], ["run", "--json"]):
        assert project.shell(*command).json is not None
    (item,) = [each for each in project.slips("errors", "--json").json if each["request_id"] == HOSTILE]
    assert item["samples"][0]["raw"] == HOSTILE
    argument = project.slips("error", HOSTILE).out.partition("Argument:\n")[2].partition("\n]\n")[0]
    assert json.loads(f"{argument}]")[0]["object_key"] == KEY


@pytest.mark.slow
def test_a_key_is_no_markup(project: Project) -> None:
    assert "[red]:smile:" in project.terminal("run")


def test_lines_of_the_functions_of_a_stack_are_safe(capsys: pytest.CaptureFixture[str]) -> None:
    messages = [HOSTILE, json.dumps({"message": HOSTILE, "level": HOSTILE, "exception": HOSTILE, HOSTILE: HOSTILE})]
    for json_ in (False, True):
        show([LogLine("1", 0.0, HOSTILE, each) for each in messages], json_, endless=False)
    out = capsys.readouterr().out
    assert {c for c in out if not c.isprintable()} <= {"\n", "\t"}


def test_log_lines_keep_their_line_ends_and_nothing_else_that_steers() -> None:
    shown = logging.StreamHandler(io.StringIO())
    shown.setFormatter(LogFormatter())
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "x.py", 7, "%s", (HOSTILE,), sys.exc_info())
    text = shown.format(record)
    assert {c for c in text if not c.isprintable()} == {"\n", "\t"}
    assert "Traceback" in text
    assert "ERROR [x.py:7] \\x1b]0;t\\x07" in text


def test_characters_that_do_not_print_are_spelled_out() -> None:
    assert one_line("é漢🎉 \x1b[31m\u202e\n\t\ud800") == "é漢🎉 \\x1b[31m\\u202e\\n\\t\\ud800"
    assert lines("é\x1b\n\t\x85\u2028") == "é\\x1b\n\t\\x85\\u2028"


def test_commands_print_through_the_functions_that_make_text_safe() -> None:
    import slips.cli

    for path in Path(str(slips.cli.__file__)).parent.glob("*.py"):
        called = {
            ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
        }
        raw = {"print", "sys.stdout.write", "sys.stderr.write", "click.echo", "click.secho", "traceback.print_exc"}
        assert not called & raw or path.name == "output.py", path


def test_a_log_line_is_cut_where_its_message_is_giant() -> None:
    record = logging.LogRecord("mine", logging.WARNING, "handler.py", 1, "%s!", ("é" * 3_000_000,), None)
    text = LogFormatter().format(record)
    assert text.endswith("é… (3,000,001 characters, cut)")
    assert len(text) < 1_100_000
    json_line = json.loads(JsonLines().format(record))
    assert json_line["message"].endswith("é… (3,000,001 characters, cut)")


@pytest.mark.parametrize("text", ["x" * 200_000, "é\n\t\x1b" * 50_000])
def test_a_long_text_is_spelled_out_as_a_short_one(text: str) -> None:
    assert lines(text) == text.replace("\x1b", "\\x1b")
    assert one_line(text) == text.replace("\x1b", "\\x1b").replace("\n", "\\n").replace("\t", "\\t")


class Kept(io.StringIO):
    """Remembers the longest text that it was given at once."""

    longest = 0

    def write(self, text: str) -> int:
        self.longest = max(self.longest, len(text))
        return super().write(text)


def test_a_long_print_goes_on_in_pieces() -> None:
    kept = Kept()
    stream = in_pieces(kept)
    print("a", "é" * 1_000_000, file=stream)
    stream.writelines(["b" * 100_000, "c"])
    stream.flush()
    assert kept.getvalue() == "a " + "é" * 1_000_000 + "\n" + "b" * 100_000 + "c"
    assert kept.longest == PIECE
    assert stream.getvalue() == kept.getvalue()  # type: ignore[attr-defined]
