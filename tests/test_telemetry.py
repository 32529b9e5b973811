"""What functions say: every line a JSON object, metrics as CloudWatch's embedded format demands."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from fakes import object_event
from metrics import check_metrics
from slips import telemetry
from slips.model import Outcome
from slips.pipeline.ended import Failure, Success
from slips.telemetry import UNITS, JsonLines, Meter

NOW = 1522341316.0
EVENT = replace(object_event("a"), event_time="2018-03-29T16:35:15.500Z")


class Clock:
    """Every look at it takes a second."""

    def __init__(self) -> None:
        self.now = NOW - 1

    def __call__(self) -> float:
        self.now += 1
        return self.now


class Scene:
    """A meter and the lines that it writes."""

    def __init__(self) -> None:
        self.output = io.StringIO()
        self.meter = Meter("prod", self.output, Clock())

    def lines(self) -> list[dict[str, Any]]:
        self.meter.emit()
        found = [json.loads(line) for line in self.output.getvalue().splitlines()]
        for line in found:
            check_metrics(line)
        return found


def success(lane: Any = "fast", **outcome: Any) -> Success:
    return Success(replace(EVENT, lane=lane), Outcome(**outcome))


def failure(**outcome: Any) -> Failure:
    return Failure(EVENT, "handler", "KeyError", "s3://my-logs/a: why", True, outcome=Outcome(**outcome))


# ---- metrics


def test_a_clock_that_is_set_back_makes_no_negative_duration() -> None:
    times = iter((100.0, 40.0))
    output = io.StringIO()
    meter = Meter("prod", output, lambda: next(times, 40.0))
    meter.succeeded(success(records=1, delivered=1), 0)
    meter.emit()
    assert json.loads(output.getvalue())["Duration"] == [0.0]


def test_a_line_of_a_logger_with_half_a_character_in_its_name_is_written() -> None:
    record = logging.LogRecord("a\ud800", logging.INFO, "f.py", 1, "text", None, None)
    assert json.loads(JsonLines().format(record))["logger"] == r"a\ud800"


def test_the_objects_of_a_lane_are_added_up_in_one_line() -> None:
    scene = Scene()
    scene.meter.succeeded(success(records=10, delivered=7, filtered=2, quarantined=1), 1)
    scene.meter.succeeded(success(records=5, delivered=5), 0)
    scene.meter.failed(failure(records=3, delivered=3), True)
    scene.meter.passed_over(EVENT, "done")
    (line,) = scene.lines()
    assert {name: line[name] for name in UNITS if UNITS[name] == "Count"} == {
        "Objects": 3,
        "Records": 15,
        "Delivered": 12,
        "Filtered": 2,
        "Quarantined": 1,
        "Failed": 1,
        "Duplicates": 1,
        "ErrorItems": 2,
    }
    assert (line["Stack"], line["Lane"]) == ("prod", "fast")
    assert line["Lag"] == [1.5, 2.5, 3.5]
    assert line["Duration"] == [1000.0] * 3


def test_an_object_that_is_no_log_is_logged_with_the_rule_that_filtered_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene()
    with caplog.at_level(logging.INFO, "slips"):
        scene.meter.succeeded(success(filtered_by="cloudtrail-digest"), 0)
    (record,) = caplog.records
    assert record.getMessage() == "filtered, as it is no log"
    assert record.__dict__["facts"]["filtered_by"] == "cloudtrail-digest"
    (line,) = scene.lines()
    assert (line["Objects"], "Delivered" in line, "Filtered" in line) == (1, False, False)


def test_an_object_that_was_stopped_counts_once_when_its_last_part_is_done() -> None:
    scene = Scene()
    stopped = success(records=10, delivered=10)
    scene.meter.succeeded(replace(stopped, rest=replace(EVENT, records=[(11, None)])), 0)
    scene.meter.succeeded(success(records=5, delivered=5), 0)
    (line,) = scene.lines()
    assert (line["Objects"], line["Records"], line["Delivered"]) == (1, 15, 15)


def test_each_lane_has_its_line() -> None:
    scene = Scene()
    scene.meter.succeeded(success("slow", records=1, delivered=1), 0)
    scene.meter.succeeded(success("fast", records=2, delivered=2), 0)
    assert {line["Lane"]: line["Records"] for line in scene.lines()} == {"slow": 1, "fast": 2}


def test_an_attempt_that_will_be_made_again_counts_no_object_and_no_record() -> None:
    scene = Scene()
    scene.meter.failed(failure(records=3, delivered=3), False)
    (line,) = scene.lines()
    assert not {"Objects", "Failed", "Records", "ErrorItems"} & set(line)


def test_an_event_that_the_reporter_reports_is_a_failed_object() -> None:
    scene = Scene()
    scene.meter.reported(EVENT, "why")
    (line,) = scene.lines()
    assert (line["Objects"], line["Failed"], line["ErrorItems"]) == (1, 1, 1)


def test_nothing_done_is_no_line_and_nothing_is_told_twice() -> None:
    scene = Scene()
    assert scene.lines() == []
    scene.meter.succeeded(success(), 0)
    assert len(scene.lines()) == 1
    assert len(scene.lines()) == 1


def test_an_event_sent_back_is_no_duplicate() -> None:
    scene = Scene()
    scene.meter.passed_over(EVENT, "sent back")
    assert scene.lines() == []


def test_every_value_is_told_however_many_objects_there_were() -> None:
    scene = Scene()
    for _ in range(250):
        scene.meter.succeeded(success(records=1, delivered=1), 0)
    lines = scene.lines()
    assert sum(line.get("Objects", 0) for line in lines) == 250
    assert [len(line["Duration"]) for line in lines] == [100, 100, 50]
    assert sum(len(line["Lag"]) for line in lines) == 250


def test_an_object_without_a_time_has_no_lag() -> None:
    scene = Scene()
    scene.meter.succeeded(Success(replace(EVENT, event_time=""), Outcome()), 0)
    (line,) = scene.lines()
    assert "Lag" not in line


# ---- log lines


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    """What loggers write to a handler like Lambda's."""
    root, output = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers, telemetry.log.level
    root.handlers = [logging.StreamHandler(output)]
    yield output
    root.handlers = handlers
    telemetry.log.setLevel(level)


def lines_of(said: io.StringIO) -> list[dict[str, Any]]:
    assert said.getvalue().endswith("\n")
    return [json.loads(line) for line in said.getvalue().splitlines()]


@pytest.fixture
def libraries() -> Iterator[list[logging.Logger]]:
    """The loggers of AWS's libraries, as no test has touched them."""
    found = [logging.getLogger(name) for name in ("botocore", "boto3", "urllib3")]
    before = [each.level for each in found]
    for each in found:
        each.setLevel(logging.NOTSET)
    yield found
    for each, level in zip(found, before, strict=True):
        each.setLevel(level)


def test_the_libraries_of_aws_say_nothing_below_a_warning_unless_the_user_wants_it(
    said: io.StringIO, libraries: list[logging.Logger]
) -> None:
    logging.getLogger().setLevel(logging.INFO)
    libraries[0].setLevel(logging.DEBUG)
    telemetry.set_up("MainFunc", "r1")
    for each in libraries:
        each.getChild("credentials").info("found, says %s", each.name)
    assert [line["message"] for line in lines_of(said)] == ["found, says botocore"]


def test_the_users_own_lines_are_json_about_the_invocation(said: io.StringIO) -> None:
    telemetry.set_up("MainFunc", "r1")
    logging.getLogger("mine").warning("sent %d\nof %d", 3, 4)
    (line,) = lines_of(said)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "WARNING",
        "logger": "mine",
        "message": "sent 3\nof 4",
        "function": "MainFunc",
        "request_id": "r1",
    }


@pytest.mark.parametrize(("level", "shown"), [(None, ["info"]), ("debug", ["debug", "info"]), ("error", [])])
def test_the_level_of_slips_own_lines_is_a_setting(
    said: io.StringIO, monkeypatch: pytest.MonkeyPatch, level: str | None, shown: list[str]
) -> None:
    if level:
        monkeypatch.setenv("SLIPS_LOG_LEVEL", level)
    telemetry.log.setLevel(logging.NOTSET)
    telemetry.set_up("MainFunc", "r1")
    telemetry.log.debug("debug")
    telemetry.log.info("info")
    logging.getLogger("mine").warning("the user's own")
    assert [line["message"] for line in lines_of(said)] == [*shown, "the user's own"]


def test_the_next_invocation_has_its_own_id_and_no_line_comes_twice(said: io.StringIO) -> None:
    for request_id in ("r1", "r2"):
        telemetry.set_up("MainFunc", request_id)
        telemetry.log.info("hello")
    assert [line["request_id"] for line in lines_of(said)] == ["r1", "r2"]


def test_an_exception_is_in_its_line(said: io.StringIO) -> None:
    telemetry.set_up("MainFunc", "r1")
    try:
        raise ValueError("\udcff why")
    except ValueError:
        logging.getLogger("mine").exception("oh")
    (line,) = lines_of(said)
    assert "ValueError: \\udcff why" in line["exception"]


def test_the_outcome_of_each_object_is_a_line_with_its_numbers(said: io.StringIO) -> None:
    telemetry.set_up("MainFunc", "r1")
    scene = Scene()
    scene.meter.succeeded(success(records=2, delivered=1, filtered=1, rules={"noise": 1}, results={"H": {"n": 1}}), 0)
    scene.meter.failed(replace(failure(), traceback="Traceback…"), True)
    scene.meter.passed_over(EVENT, "done")
    done, failed, passed = lines_of(said)
    assert scene.lines() == []
    for line in (done, failed, passed):
        check_metrics(line)
    assert (done["Objects"], done["Records"], done["Delivered"], done["Filtered"]) == (1, 2, 1, 1)
    assert "Quarantined" not in done
    assert (failed["Objects"], failed["Failed"], failed["ErrorItems"], passed["Duplicates"]) == (1, 1, 1, 1)
    assert (done["object"], done["records"], done["rules"]) == ("s3://my-logs/a", 2, {"noise": 1})
    assert done["results"] == {"H": {"n": 1}}
    assert (failed["level"], failed["stage"], failed["error_type"]) == ("ERROR", "handler", "KeyError")
    assert failed["traceback"] == "Traceback…"
    assert (passed["message"], passed["object"]) == ("passed over: done", "s3://my-logs/a")


def test_metrics_of_lines_that_are_not_written_are_told_in_the_end(said: io.StringIO) -> None:
    telemetry.set_up("MainFunc", "r1")
    telemetry.log.setLevel(logging.WARNING)
    scene = Scene()
    for _ in range(2):
        scene.meter.succeeded(success(records=2, delivered=2), 0)
    scene.meter.failed(failure(), True)
    (failed,) = lines_of(said)
    (line,) = scene.lines()
    assert (failed["Failed"], line["Objects"], line["Records"], len(line["Duration"])) == (1, 2, 4, 2)


def test_two_handlers_count_an_object_once(said: io.StringIO) -> None:
    logging.getLogger().addHandler(logging.StreamHandler(said))
    telemetry.set_up("MainFunc", "r1")
    Scene().meter.succeeded(success(), 0)
    assert [line.get("Objects") for line in lines_of(said)] == [1, None]


def test_the_line_of_a_usual_object_is_short(said: io.StringIO) -> None:
    telemetry.set_up("MainFunc", "r1")
    etag = "9b2cf535f27731c974343645a3985328"
    Scene().meter.succeeded(success(records=10, delivered=10, etag=etag, identity=etag), 0)
    assert len(said.getvalue()) < 900
    assert said.getvalue().count(etag) == 1


def test_a_long_result_is_not_in_the_log(said: io.StringIO) -> None:
    telemetry.set_up("MainFunc", "r1")
    Scene().meter.succeeded(success(results={"H": "x" * 1_000_000}), 0)
    assert len(said.getvalue()) < 2_000


def test_without_any_handler_lines_go_to_standard_output(
    said: io.StringIO, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    telemetry.set_up("MainFunc", "r1")
    telemetry.log.info("hello")
    assert json.loads(capsys.readouterr().out)["message"] == "hello"
    assert said.getvalue() == ""
    assert sys.stdout is not None


def test_lambdas_own_handler_writes_one_line_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    class Sink:
        """Lambda's log sink: writes what it is given, as it is."""

        def log(self, text: str) -> None:
            sys.stdout.write(text)

    class LambdaLoggerHandler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            Sink().log(self.format(record))

    root, level = logging.getLogger(), telemetry.log.level
    handlers, root.handlers = root.handlers, [LambdaLoggerHandler()]
    try:
        telemetry.set_up("MainFunc", "r1")
        telemetry.log.info("one")
        telemetry.log.info("two")
    finally:
        root.handlers = handlers
        telemetry.log.setLevel(level)
    assert [json.loads(line)["message"] for line in capsys.readouterr().out.splitlines()] == ["one", "two"]


def test_in_lambdas_json_format_lines_go_to_standard_output_and_levels_are_those_of_the_text_format(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Framed(logging.Handler):
        """The runtime's own."""

        log_sink = None

        def emit(self, record: logging.LogRecord) -> None:
            raise AssertionError("in a frame")

    root, level = logging.getLogger(), telemetry.log.level
    monkeypatch.setenv("AWS_LAMBDA_LOG_FORMAT", "JSON")
    monkeypatch.setattr(root, "handlers", [Framed()])
    before = root.level
    root.setLevel(logging.DEBUG)  # as the runtime does
    try:
        for request_id in ("r1", "r2"):
            telemetry.set_up("MainFunc", request_id)
            telemetry.log.info("ours")
            logging.getLogger("mine").info("not asked for")
            root.setLevel(logging.WARNING if request_id == "r1" else root.level)
    finally:
        root.setLevel(before)
        telemetry.log.setLevel(level)
    assert [json.loads(line)["message"] for line in capsys.readouterr().out.splitlines()] == ["ours", "ours"]


def test_a_formatter_alone_writes_odd_texts_as_json() -> None:
    record = logging.LogRecord("n", logging.INFO, "", 0, "odd \udcff\u2028\x00 text", None, None)
    assert json.loads(JsonLines().format(record))["message"] == "odd \\udcff\u2028\x00 text"


@pytest.mark.parametrize("arguments", [(), ("x", 1, 2), ({},)])
def test_a_wrong_log_call_of_the_user_is_a_line_not_an_exception(arguments: tuple[Any, ...]) -> None:
    record = logging.LogRecord("mine", logging.INFO, "handler.py", 1, "%d %s", arguments, None)
    line = json.loads(JsonLines().format(record))
    assert line["message"].startswith("'%d %s'") or line["message"] == "%d %s"


def test_facts_are_those_of_slips_whatever_users_call_theirs() -> None:
    record = logging.LogRecord("mine", logging.INFO, "handler.py", 1, "text", (), None)
    record.facts = 1
    assert json.loads(JsonLines().format(record))["message"] == "text"
