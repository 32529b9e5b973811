"""`slips.testing`: what users import to test their handler takes the real path and hides nothing."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

import slips.interface
import slips.testing
from projects import CONFIG, Project
from slips.errors import DecompressionError, FormatError, HandlerError, RecordError, UsageError
from slips.model import MetaData


class Count(slips.interface.Handler):
    def setup(self, args: dict[str, Any]) -> None:
        self.args, self.seen = args, 0

    def recv(self, meta: MetaData, event: dict[str, Any]) -> None:
        self.seen += 1
        event.clear()

    def result(self) -> Any:
        return {"seen": self.seen, **self.args}


class Raises(slips.interface.Handler):
    def recv(self, meta: MetaData, event: dict[str, Any]) -> None:
        raise LookupError("mine")


JSON = ["s3-lines", "json"]


def test_three_lines_give_events_result_and_quarantine() -> None:
    seen = slips.testing.run(Count, JSON, b'{"n": 1}\nnonsense\n{"n": 2}\n', args={"a": 1})
    assert seen.result == {"seen": 2, "a": 1}
    assert seen.events == [{"n": 1}, {"n": 2}]
    assert [meta.seq for meta in seen.metas] == [1, 3]
    assert [(bad.seq, bad.raw) for bad in seen.quarantine] == [(2, "nonsense")]
    assert "not JSON" in seen.quarantine[0].reason
    assert (seen.records, seen.delivered, seen.quarantined, seen.filtered) == (3, 2, 1, {})


def test_events_are_those_that_the_handler_was_given_whatever_it_does_to_them() -> None:
    assert slips.testing.run(Count, JSON, b'{"n": {"m": 1}}').events == [{"n": {"m": 1}}]


def test_the_handlers_exception_is_raised_as_itself() -> None:
    with pytest.raises(LookupError, match="mine") as raised:
        slips.testing.run(Raises, JSON, b"{}")
    assert raised.value.__cause__ is None
    assert raised.traceback[-1].name == "recv"


def test_an_exception_keeps_its_own_cause() -> None:
    class Chained(slips.interface.Handler):
        def recv(self, meta: object, event: object) -> None:
            raise ValueError from LookupError("root")

    with pytest.raises(ValueError) as raised:  # noqa: PT011 - its cause is what counts
        slips.testing.run(Chained, JSON, b"{}")
    assert isinstance(raised.value.__cause__, LookupError)


def test_a_handler_that_exits_does_not_end_the_test_run_unseen() -> None:
    class Exits(slips.interface.Handler):
        def recv(self, meta: object, event: object) -> None:
            raise SystemExit(3)

    with pytest.raises(SystemExit):
        slips.testing.run(Exits, JSON, b"{}")


def test_a_log_is_decompressed_as_in_a_run(tmp_path: Path) -> None:
    path = tmp_path / "any name"
    path.write_bytes(gzip.compress(b'{"n": 1}\n'))
    assert slips.testing.run(Count, JSON, path).result == {"seen": 1}
    with pytest.raises(DecompressionError):
        slips.testing.run(Count, JSON, path.read_bytes()[:-9])


def test_without_a_handler_it_only_parses() -> None:
    seen = slips.testing.run(None, JSON, b'{"n": 1}')
    assert (seen.events, seen.result, seen.results) == ([{"n": 1}], None, {})


def test_a_format_is_given_options_as_in_a_config() -> None:
    step = {"csv": {"delimiter": ";"}}
    for format_ in (step, [step]):
        assert slips.testing.run(None, format_, b"a;b\n1;2\n").events == [{"a": "1", "b": "2"}]


def test_a_handler_file_may_have_several_handlers(tmp_path: Path) -> None:
    path = tmp_path / "two.py"
    path.write_text(
        "import slips.interface\n"
        "class A(slips.interface.Handler):\n"
        "    def recv(self, meta, event): event['a'] = 1\n"
        "    def result(self): return 'a'\n"
        "class B(slips.interface.Handler):\n"
        "    def recv(self, meta, event): self.keys = sorted(event)\n"
        "    def result(self): return self.keys\n"
    )
    seen = slips.testing.run(path, JSON, b'{"n": 1}')
    assert seen.results == {"A": "a", "B": ["n"]}
    with pytest.raises(ValueError, match="A, B"):
        _ = seen.result


def test_the_objects_key_and_time_can_be_given() -> None:
    log = b"Dec 31 23:59:59 host proc: text\n"
    seen = slips.testing.run(None, "syslog", log, key="logs/a+b.log", event_time="2024-01-01T00:00:05Z")
    assert seen.metas[0].timestamp == 1704067199
    assert seen.metas[0].source.object_key == "logs/a+b.log"


def test_a_files_name_and_last_change_are_its_key_and_time(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("{}")
    os.utime(path, (1_000_000, 1_000_000))
    (meta,) = slips.testing.run(None, "json", path).metas
    assert (meta.timestamp, meta.source.object_key) == (1_000_000, "a.jsonl")


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(RecordError, match="event_time"):
        slips.testing.run(None, "json", b"{}", event_time="yesterday")


def test_on_error_means_what_it_means_in_the_config() -> None:
    log = b'{"n": 1}\nnonsense\n'
    assert slips.testing.run(Count, JSON, log, on_error="skip").filtered == {"on_error: skip": 1}
    with pytest.raises(FormatError, match="record 2"):
        slips.testing.run(Count, JSON, log, on_error="fail")


def test_a_wrong_mapping_fails_as_in_a_run() -> None:
    with pytest.raises(FormatError, match="look at its 'format'"):
        slips.testing.run(Count, JSON, b"nonsense\n" * 10)


def test_an_unknown_format_says_what_was_perhaps_meant() -> None:
    with pytest.raises(FormatError, match="did you mean 'json'"):
        slips.testing.run(Count, "jsno", b"")


def test_a_format_of_ones_own_is_relative_to_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text("def upper(meta, event):\n    return {k.upper(): v for k, v in event.items()}\n")
    monkeypatch.chdir(tmp_path)
    assert slips.testing.run(None, ["s3-lines", "json", "mine.py:upper"], b'{"n": 1}').events == [{"N": 1}]


def test_args_given_are_not_changed_by_the_handler() -> None:
    class Changes(slips.interface.Handler):
        def setup(self, args: dict[str, Any]) -> None:
            args["users"].append("x")

        def recv(self, meta: object, event: object) -> None: ...

    args: dict[str, Any] = {"users": []}
    slips.testing.run(Changes, "json", json.dumps({}).encode(), args=args)
    assert args == {"users": []}


# ---- what a log may be


@pytest.mark.parametrize(
    ("format", "source"),
    [
        (JSON, '{"n": 1}\n{"n": 2}\n'),
        (JSON, [{"n": 1}, {"n": 2}]),
        ("json", [{"n": 1}, {"n": 2}]),
        (["json-records:a.b"], [{"n": 1}, {"n": 2}]),
        (["json-records:a.b"], {"n": 1}),
    ],
)
def test_a_log_may_be_text_or_events(format: str | list[str], source: Any) -> None:
    seen = slips.testing.run(Count, format, source)
    assert seen.events == [{"n": 1}, {"n": 2}][: seen.records]
    assert seen.records == (len(source) if isinstance(source, list) else 2 if isinstance(source, str) else 1)


def test_events_of_a_vendor_are_written_into_its_container() -> None:
    event = {"eventName": "ConsoleLogin", "eventType": "AwsConsoleSignIn", "eventTime": "2026-03-02T08:00:01Z"}
    seen = slips.testing.run(Count, "cloudtrail", [event, event])
    assert (seen.delivered, seen.metas[0].tag) == (2, "aws.cloudtrail.AwsConsoleSignIn")


def test_a_document_of_a_vendor_is_not_written_into_another() -> None:
    document = {"Records": [{"eventType": "AwsApiCall", "eventName": name} for name in ("one", "two")]}
    assert [event["eventName"] for event in slips.testing.run(None, "cloudtrail", document).events] == ["one", "two"]


@pytest.mark.parametrize("format", ["csv", "syslog", "paloalto", ["s3-lines"], "fluentd-json"])
def test_events_are_refused_where_the_format_reads_no_json(format: str | list[str]) -> None:
    with pytest.raises(UsageError, match=r"^source is dict, and \[.*\] reads no JSON; expected a log; pass its text"):
        slips.testing.run(None, format, {"a": "1"})


def test_an_unknown_on_error_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^on_error is 'explode'; expected 'quarantine', 'skip' or 'fail'$"):
        slips.testing.run(None, "json", {"a": 1}, on_error="explode")  # type: ignore[arg-type]


def test_a_text_that_names_a_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "log.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"pass Path\(…\)"):
        slips.testing.run(Count, JSON, "log.json")


def test_surrogates_of_a_text_are_the_bytes_they_stand_for() -> None:
    assert slips.testing.run(None, "s3-lines", "caf\udce9").events == [{"message": "caf\udce9"}]


def test_a_test_says_that_it_is_one() -> None:
    assert [meta.is_test for meta in slips.testing.run(Count, JSON, b"{}\n[{}, {}]\n").metas] == [True] * 3


def test_a_method_that_returns_a_coroutine_fails_the_test() -> None:
    class Later(slips.interface.Handler):
        def recv(self, meta: object, event: object) -> Any:
            async def later() -> None: ...

            return later()

    with pytest.raises(HandlerError, match=r"Later.recv returned a coroutine"):
        slips.testing.run(Later, JSON, b"{}")


# ---- the project as it is configured


HANDLER = """\
import os
import slips.interface

LOADED = os.environ["SLIPS_TEST_WORD"]

class Mine(slips.interface.Handler):
    def setup(self, args): self.args = args
    def recv(self, meta, event): self.word = os.environ["SLIPS_TEST_WORD"]
    def result(self): return [LOADED, self.word, self.args]
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.handler(HANDLER)
    made.config(
        CONFIG.replace("args: {limit: 5}", "args: {limit: 5}\n  environment: {SLIPS_TEST_WORD: mine}").replace(
            "    - prefix: slow/\n      format: json", "    - prefix: slow/\n      format: json\n      on_error: skip"
        )
        + "limits: {record_bytes: 64KiB}\n"
    )
    return made


def test_handler_args_environment_limits_and_mapping_are_those_of_the_config(project: Project) -> None:
    config = project.root / "slips.yml"
    log = '{"n": 1}\n' + "x" * 70_000
    seen = slips.testing.run(config=config, key="slow/a", source=log, args={"more": 1})
    assert seen.result == ["mine", "mine", {"limit": 5, "more": 1}]
    assert (seen.mapping.prefix, seen.filtered) == ("slow/", {"on_error: skip": 1})
    assert seen.metas[0].source.url == "s3://my-logs/slow/a"
    assert slips.testing.run(config=str(config), key="json/a", source=log).quarantined == 1
    assert "SLIPS_TEST_WORD" not in os.environ


def test_without_a_log_it_is_the_file_of_that_key(project: Project) -> None:
    project.put("json/a", {"n": 1}, {"n": 2})
    seen = slips.testing.run(config=project.root / "slips.yml", key="json/a")
    assert seen.delivered == 2
    with pytest.raises(UsageError, match=r"no file 'json/b' below logs; expected one, .* pass source="):
        slips.testing.run(config=project.root / "slips.yml", key="json/b")


def test_arguments_replace_the_settings_of_the_config(project: Project) -> None:
    seen = slips.testing.run(Count, "json", {"n": 1}, config=project.root / "slips.yml", key="slow/a", on_error="fail")
    assert (seen.result, seen.mapping.on_error) == ({"seen": 1, "limit": 5}, "fail")


def test_an_error_names_the_argument_that_a_test_of_a_project_lacks(project: Project) -> None:
    config = project.root / "slips.yml"
    with pytest.raises(UsageError, match="no key; expected"):
        slips.testing.run(config=config, source="{}")
    with pytest.raises(UsageError, match=r"fits no mapping; expected .* my-logs: 'json/'"):
        slips.testing.run(config=config, key="other", source="{}")
    with pytest.raises(UsageError, match="expected handler, format and source, or a config"):
        slips.testing.run(Count)
    project.config(config.read_text().replace("limits:", "  other:\n    - {prefix: '', format: json}\nlimits:"))
    with pytest.raises(UsageError, match="of the buckets my-logs, other; expected one; pass bucket="):
        slips.testing.run(config=config, key="json/a", source="{}")
    assert slips.testing.run(None, config=config, bucket="other", key="json/a", source="{}").records == 1


def test_placeholders_of_secrets_need_their_values(project: Project) -> None:
    config = project.root / "slips.yml"
    config.write_text(config.read_text().replace("{limit: 5}", "{limit: '{{ssm:/limit}}'}"))
    with pytest.raises(UsageError, match=r"handler.py: its args have placeholders of secrets.* pass args="):
        slips.testing.run(config=config, key="json/a", source="{}")
    assert slips.testing.run(config=config, key="json/a", source="{}", args={"limit": 1}).result[2] == {"limit": 1}


SEVERAL = """\
import slips.interface
from words import WORD

class First(slips.interface.Handler):
    def setup(self, args): self.args = args
    def recv(self, meta, event): ...
    def result(self): return [type(self).__name__, WORD, self.args]

class Second(First): ...
class Third(First): ...
"""


@pytest.fixture
def several(project: Project) -> Project:
    """A project in which the mapping `json/` has a class of another file, and `slow/` all of them."""
    (project.root / "own").mkdir()
    for name, text in (("own/handler.py", SEVERAL), ("own/words.py", "WORD = 'own'"), ("words.py", "WORD = 'other'")):
        (project.root / name).write_text(text)
    config = (project.root / "slips.yml").read_text()
    json_own = "- prefix: json/\n      handler: {path: 'own/handler.py:Second', args: {more: 2}}"
    config = config.replace("- prefix: json/", json_own)
    project.config(config.replace("- prefix: slow/", "- prefix: slow/\n      handler: own/handler.py"))
    return project


def test_the_handler_of_a_mapping_is_tested_by_the_key_of_an_object(several: Project) -> None:
    config = several.root / "slips.yml"
    seen = slips.testing.run(config=config, key="json/a", source="{}")
    assert seen.results == {"Second": ["Second", "own", {"more": 2}]}
    assert seen.mapping.handler is not None
    assert slips.testing.run(config=config, key="json/a", source="{}", args={"n": 1}).result[2] == {"more": 2, "n": 1}
    assert slips.testing.run(config=config, key="slow/a", source="{}").results == {
        name: [name, "own", {}] for name in ("Second", "Third")
    }
    default = slips.testing.run(config=config, key="dropped/a", source="{}")
    assert default.result == ["mine", "mine", {"limit": 5}]


def test_one_class_of_a_file_is_tested_by_its_name(several: Project) -> None:
    path = several.root / "own" / "handler.py"
    assert slips.testing.run(f"{path}:Third", "json", "{}").results.keys() == {"Third"}
    assert slips.testing.run(Path(f"{path}:First"), "json", "{}").results.keys() == {"First"}
    with pytest.raises(UsageError, match=r"no class 'Thirt'; did you mean 'Third'"):
        slips.testing.run(f"{path}:Thirt", "json", "{}")


def test_a_class_is_tested_with_the_args_that_its_mapping_gives(several: Project) -> None:
    seen = slips.testing.run(Count, config=several.root / "slips.yml", key="json/a", source="{}", args={"limit": 1})
    assert seen.result == {"seen": 1, "more": 2, "limit": 1}


def test_placeholders_of_a_mappings_handler_need_their_values(several: Project) -> None:
    config = several.root / "slips.yml"
    config.write_text(config.read_text().replace("{more: 2}", "{more: '{{ssm:/more}}'}"))
    with pytest.raises(UsageError, match=r"own/handler.py:Second: its args have placeholders .* pass args="):
        slips.testing.run(config=config, key="json/a", source="{}")
    assert slips.testing.run(config=config, key="slow/a", source="{}").records == 1
    assert slips.testing.run(config=config, key="json/a", source="{}", args={"more": 1}).records == 1
