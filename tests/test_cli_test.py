"""`slips test`, its other name `slips local`, and `slips sample`."""

from __future__ import annotations

import json
import os
import re
import signal

import pytest

from projects import CONFIG, Project

BAD = b"nonsense\n"


# ---- test


@pytest.mark.slow
def test_a_stored_error_shows_its_event_and_the_traceback_and_stays(project: Project) -> None:
    project.put("json/a", {"n": 1}, {"n": 6})
    project.slips("run")
    (request_id,) = project.errors()
    done = project.slips("test", "-r", request_id)
    assert done.status == 1
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} INFO \[\w+\.py:\d+\] Event: \[\n    \{\n", done.err)
    assert "line 9, in recv\n    raise KeyError(\"severity\")\nKeyError: 'severity'\n" in done.err
    assert project.errors() == [request_id]


@pytest.mark.slow
def test_a_mended_handler_shows_its_result(project: Project) -> None:
    project.put("json/a", {"n": 1}, {"n": 6})
    project.slips("run")
    project.handler((project.root / "handler.py").read_text().replace('raise KeyError("severity")', "pass"))
    done = project.slips("test", "-r", project.errors()[0][:6])
    assert done.status == 0
    assert "s3://my-logs/json/a: 2 records = 2 delivered + 0 filtered + 0 quarantined; 2 events\n" in done.out
    assert '  result of Count: {"seen": 2}\n' in done.out
    assert len(project.errors()) == 1


@pytest.mark.slow
def test_quarantined_records_are_shown_with_their_reasons(project: Project) -> None:
    project.put("json/a", {"n": 1}, BAD, {"n": 2})
    project.slips("run")
    done = project.slips("test", "-r", project.errors()[0])
    assert done.status == 1
    assert "1 record = 0 delivered + 0 filtered + 1 quarantined; 0 events\n" in done.out
    assert re.search(r"  record 2: not JSON.*\n    nonsense\n", done.out)


@pytest.mark.slow
def test_records_that_another_reader_numbered_are_tried_as_the_whole_object(project: Project) -> None:
    project.put("json/a", {"n": 1}, BAD, {"n": 2})
    project.slips("run")
    project.config(CONFIG.replace("[s3-lines, json]", "[s3-text, json]"))
    done = project.slips("test", "-r", project.errors()[0])
    assert done.status == 1
    assert "was cut by 'json-lines/3', now by 'json-documents/3': replayed whole, not just its records\n" in done.err
    assert "3 records = 2 delivered + 0 filtered + 1 quarantined; 2 events\n" in done.out
    assert "Traceback" not in done.err


@pytest.mark.slow
def test_events_come_from_a_file_as_a_list_or_one(project: Project) -> None:
    project.put("json/a", {"n": 1})
    project.put("json/b", {"n": 1}, {"n": 2})
    events = [{"bucket_name": "my-logs", "object_key": key, "unknown": 1} for key in ("json/a", "json/b")]
    (project.root / "list.json").write_text(json.dumps(events))
    (project.root / "one.json").write_text(json.dumps(events[1]))
    assert project.slips("test", "-d", "list.json").out.count("result of Count") == 2
    assert "2 records" in project.slips("test", "-d", "one.json").out
    assert project.slips("local", "-d", "one.json").out == project.slips("test", "-d", "one.json").out


@pytest.mark.slow
def test_every_event_is_tried_whatever_becomes_of_the_others(project: Project) -> None:
    project.put("json/b", {"n": 1})
    events = [{"bucket_name": "my-logs", "object_key": key} for key in ("json/missing", "json/b")]
    (project.root / "events.json").write_text(json.dumps(events))
    done = project.slips("test", "-d", "events.json")
    assert done.status == 1
    assert "failed in stage storage: s3://my-logs/json/missing" in done.err
    assert "s3://my-logs/json/b: 1 record = 1 delivered" in done.out


@pytest.mark.slow
def test_args_override_those_of_the_config(project: Project) -> None:
    project.handler(
        "import slips.interface\n"
        "class H(slips.interface.Handler):\n"
        "    def setup(self, args): self.args = args\n"
        "    def recv(self, meta, event): ...\n"
        "    def result(self): return self.args\n"
    )
    project.put("json/a", {})
    (project.root / "e.json").write_text('{"bucket_name": "my-logs", "object_key": "json/a"}')
    given = ["-a", "limit=7", "-a", "name=a=b", "-a", "list=[1]", "-a", '{"deep": {"x": null}}']
    out = project.slips("test", "-d", "e.json", *given).out
    told = json.loads(out.partition("result of H: ")[2].splitlines()[0])
    assert told == {"limit": 7, "name": "a=b", "list": [1], "deep": {"x": None}}


TELLS = """
import slips.interface

class {name}(slips.interface.Handler):
    def setup(self, args): self.args = args
    def recv(self, meta, event): ...
    def result(self): return self.args
"""


@pytest.fixture
def several(project: Project) -> Project:
    """Objects below `json/` have the default handler, those below `slow/` have one of their own."""
    config = CONFIG.replace(
        "prefix: slow/\n", "prefix: slow/\n      handler: {path: 'slow.py:Slow', args: {index: s}}\n"
    )
    project.config(config)
    project.handler(TELLS.format(name="Main"))
    (project.root / "slow.py").write_text(TELLS.format(name="Slow") + TELLS.format(name="Other"))
    for key in ("json/a", "slow/a", "slow/b"):
        project.put(key, {})
    events = [{"bucket_name": "my-logs", "object_key": key} for key in ("json/a", "slow/a", "slow/b")]
    (project.root / "all.json").write_text(json.dumps(events))
    (project.root / "slow.json").write_text(json.dumps(events[1:]))
    return project


@pytest.mark.slow
def test_each_event_runs_through_the_handler_of_its_mapping_and_args_override_those_of_each(several: Project) -> None:
    done = several.slips("test", "-d", "all.json", "-a", "limit=7", "-a", "more=1")
    assert done.status == 0
    assert re.findall(r"Handler: (.*)", done.err) == ["Main in handler.py", "Slow in slow.py"]
    told = [json.loads(text) for text in re.findall(r"result of \w+: (.*)", done.out)]
    assert told == [{"limit": 7, "more": 1}, *[{"index": "s", "limit": 7, "more": 1}] * 2]


@pytest.mark.slow
def test_a_broken_handler_that_no_event_uses_is_not_loaded(several: Project) -> None:
    several.handler("1 / 0\n")
    done = several.slips("test", "-d", "slow.json")
    assert (done.status, re.findall(r"Handler: (.*)", done.err)) == (0, ["Slow in slow.py"])


@pytest.mark.slow
def test_a_broken_handler_fails_its_events_and_others_are_tried(several: Project) -> None:
    several.handler("1 / 0\n")
    done = several.slips("test", "-d", "all.json")
    assert (done.status, done.out.count("result of Slow")) == (1, 2)
    assert "handler.py:1: importing the handler raised ZeroDivisionError" in done.err
    assert "failed in stage worker: s3://my-logs/json/a: " in done.err


@pytest.mark.slow
def test_events_whose_handlers_are_all_broken_are_wrong_input(several: Project) -> None:
    (several.root / "slow.py").write_text("1 / 0\n")
    done = several.slips("test", "-d", "slow.json")
    assert (done.status, done.out) == (2, "")
    assert "slow.py:1: importing the handler raised ZeroDivisionError" in done.err


TYPED = """
import msgspec
import slips.interface

class Login(msgspec.Struct):
    user: str

class Slow(slips.interface.Handler):
    event_type = Login
    def recv(self, meta, event): ...
"""


@pytest.mark.slow
def test_event_types_that_no_format_of_the_events_can_serve_are_wrong_input(several: Project) -> None:
    config = (several.root / "slips.yml").read_text()
    several.config(config.replace("{index: s}}\n      format: json", "{index: s}}\n      format: s3-lines"))
    (several.root / "slow.py").write_text(TYPED)
    mistake = "my-logs: slow/: Slow.event_type: Login requires 'user', and format 's3-lines' has no such field"
    done = several.slips("test", "-d", "slow.json")
    assert (done.status, done.out, done.err.count(mistake)) == (2, "", 1)
    assert "Processing" not in done.err
    done = several.slips("test", "-d", "all.json")
    assert (done.status, done.out.count("result of Main")) == (1, 1)
    assert done.err.index(mistake) < done.err.index("Processing")


@pytest.mark.slow
def test_prints_and_logs_of_handlers_go_to_standard_error(project: Project) -> None:
    project.handler(
        "import logging, slips.interface\nprint('importing')\n"
        "class H(slips.interface.Handler):\n"
        "    def recv(self, meta, event): print('hello'); logging.info('noted'); logging.debug('detail')\n"
    )
    project.put("json/a", {})
    (project.root / "e.json").write_text('{"bucket_name": "my-logs", "object_key": "json/a"}')
    done = project.shell("test", "-d", "e.json")
    assert done.out.startswith("s3://my-logs/json/a: 1 record")
    assert {"importing", "hello"} <= set(done.err.splitlines())
    assert re.search(r" INFO \[handler\.py:\d\] noted\n", done.err)
    assert "detail" not in done.err
    assert "detail" in project.shell("test", "-d", "e.json", "-v").err


@pytest.mark.slow
def test_a_handler_that_takes_its_process_down_leaves_its_traceback(project: Project) -> None:
    project.handler(
        "import os, signal\n"
        "import slips.interface\n"
        "class H(slips.interface.Handler):\n"
        "    def recv(self, meta, event):\n"
        "        os.kill(os.getpid(), signal.SIGSEGV)\n"
    )
    project.put("json/a", {})
    (project.root / "e.json").write_text('{"bucket_name": "my-logs", "object_key": "json/a"}')
    done = project.shell("test", "-d", "e.json")
    assert done.status == -signal.SIGSEGV
    assert re.search(r'Segmentation fault\n(.*\n)*  File ".*handler\.py", line 5 in recv\n', done.err)


def test_wrong_input_is_told_with_status_2(project: Project) -> None:
    (project.root / "bad.json").write_text('[{"bucket_name": "b"}]')
    (project.root / "no.json").write_text("{")
    (project.root / "e.json").write_text("[]")
    for args, words in (
        ([], "either -r ID or -d FILE"),
        (["-r", "x", "-d", "e.json"], "either -r ID or -d FILE"),
        (["-r", "x"], "no error item 'x'"),
        (["-d", "none.json"], "none.json: No such file"),
        (["-d", "bad.json"], "object_key"),
        (["-d", "no.json"], "expected a JSON list of object events"),
        (["-d", "e.json"], "e.json: holds no object event, so that nothing can be tested; expected one at least; "),
        (["-d", "e.json", "-a", "novalue"], "-a 'novalue': no key=value"),
        (["-d", "e.json", "-a", "{1"], "no JSON object"),
    ):
        done = project.slips("test", *args)
        assert (done.status, done.out) == (2, ""), args
        assert words in done.err


@pytest.mark.slow
def test_the_handler_is_told_that_it_is_a_test_and_people_that_it_is_real(project: Project) -> None:
    project.handler(
        "import slips.interface\n"
        "class H(slips.interface.Handler):\n"
        "    def recv(self, meta, event): self.told = meta.is_test\n"
        "    def result(self): return self.told\n"
    )
    project.put("json/a", {"n": 1})
    assert project.slips("run", "--json").json["results"][0]["result"] is False
    (project.root / "e.json").write_text('{"bucket_name": "my-logs", "object_key": "json/a"}')
    done = project.shell("test", "-d", "e.json")
    assert "  result of H: true\n" in done.out
    assert done.err.count("the handler is tested with real effects: what it sends or writes is sent and written;") == 1


# ---- sample


def test_the_newest_objects_of_each_mapping_are_sampled(project: Project) -> None:
    project.config(CONFIG + "    - prefix: json/deep/\n      format: json\n    - prefix: none/\n      format: json\n")
    for age, key in enumerate(("json/new", "json/deep/x", "json/older", "json/oldest", "slow/y", "dropped/z", "other")):
        os.utime(project.put(key, {"n": 1}), (1_000_000 - age, 1_000_000 - age))
    project.put("json/empty")
    done = project.slips("sample", "-n", "2")
    assert [event["object_key"] for event in done.json] == ["json/new", "json/older", "slow/y", "json/deep/x"]
    assert "s3://my-logs/none/: no object to sample" in done.err
    assert done.status == 0


@pytest.mark.slow
def test_a_sample_is_what_test_takes(project: Project) -> None:
    project.put("json/a b+c é", {"n": 1})
    done = project.slips("sample", "--out", "events.json")
    assert done.out == ""
    assert done.err.endswith("events.json: 1 object written; 'slips test -d events.json' runs the handler on it\n")
    done = project.slips("sample", "--out", "my events.json")
    assert """ 'slips test -d 'my events.json'' runs the handler on it\n""" in done.err
    assert project.slips("test", "-d", "events.json").status == 0
    text = (project.root / "events.json").read_bytes()
    assert project.slips("test", "-d", "-", stdin=text).status == 0


def test_a_bucket_that_cannot_be_listed_does_not_hide_the_others(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    project.config(CONFIG + "  far:\n    - prefix: ''\n      format: json\n")
    project.put("json/a", {"n": 1})
    done = project.slips("sample", "--endpoint-url", "http://127.0.0.1:1")
    assert [event["object_key"] for event in done.json] == ["json/a"]
    assert "s3://far/" in done.err
    assert done.status == 1
