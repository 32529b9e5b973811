"""`slips errors`, `slips error` and `slips drain`."""

from __future__ import annotations

import json

import pytest

from projects import CONFIG, Project
from slips.backends.machine.operations import MachineOperations
from slips.cli import dismiss
from slips.config import load
from slips.errors import UsageError
from slips.model import ErrorItem, ObjectEvent, Sample
from slips.pipeline.choose import Choice, moment
from slips.pipeline.dismiss import Dismissal, Revision

ID = "2a45219e-336f-11e8-a549-af410f2364a8"
ORIGINAL = (
    "2018-03-29T16:35:15.768Z:  2a45219e-336f-11e8-a549-af410f2364a8  slam-test        "
    "logs/2018/03/29/20180329_15.log.gz (1179 byte)"
)
EVENT = ObjectEvent(
    aws_region="ap-northeast-1",
    event_time="2018-04-05T12:00:16.587Z",
    event_name="ObjectCreated:Put",
    bucket_name="slam-test",
    bucket_arn="arn:aws:s3:::slam-test",
    object_key="logs/2018/03/29/20180329_15.log.gz",
    object_size=1779,
    object_etag="fd8fff47866aface4ba9457bba303975",
    dest_stream="slam-xxxx-EventFastStream-WVPZDN4SDQW0",
)
ARGUMENT = """\
[
    {
        "aws_region": "ap-northeast-1",
        "event_time": "2018-04-05T12:00:16.587Z",
        "event_name": "ObjectCreated:Put",
        "bucket_name": "slam-test",
        "bucket_arn": "arn:aws:s3:::slam-test",
        "object_key": "logs/2018/03/29/20180329_15.log.gz",
        "object_size": 1779,
        "object_etag": "fd8fff47866aface4ba9457bba303975",
        "dest_stream": "slam-xxxx-EventFastStream-WVPZDN4SDQW0"
    }
]
"""


# ---- errors


def test_the_line_is_the_originals_then_the_reason(project: Project) -> None:
    event = ObjectEvent(bucket_name="slam-test", object_key="logs/2018/03/29/20180329_15.log.gz", object_size=1179)
    project.fail(ID, events=[event], message=f"{event.url}: record 42: H.recv raised KeyError: 'severity'\nmore")
    assert project.slips("errors").out == (
        f"{ORIGINAL}  handler KeyError: record 42: H.recv raised KeyError: 'severity'\n"
    )


def test_an_item_of_several_objects_has_a_line_for_each(project: Project) -> None:
    events = [ObjectEvent(bucket_name="b", object_key=key) for key in "xy"]
    project.fail("r1", events=events)
    assert [line.split()[3] for line in project.slips("errors").out.splitlines()] == ["x", "y"]


def test_an_item_that_names_no_object_is_shown_kept_by_drain_refused_by_test_and_dismissed(project: Project) -> None:
    project.fail("r1-gone", events=[], stage="dispatch", error_type="GoneError", message="0 of 3 records are there")
    (line,) = project.slips("errors").out.splitlines()
    assert line.endswith(":  r1-gone  (no object is known)  dispatch GoneError: 0 of 3 records are there")
    assert "GoneError" in project.slips("error", "r1-gone").out
    assert "names no object, so that nothing can be replayed" in project.slips("drain").err
    tested = project.slips("test", "-r", "r1-gone")
    assert (tested.status, "names no object; expected one" in tested.err) == (2, True)
    assert project.slips("dismiss", "r1-gone", "-y").status == 0
    assert project.slips("errors").out == "no errors\n"


def test_an_empty_table_says_so(project: Project) -> None:
    assert project.slips("errors").out == "no errors\n"
    assert project.slips("errors", "--json").out == "[]\n"
    assert project.slips("errors", "--group").out == "no errors\n"
    assert project.slips("errors", "--group", "--json").json == []


def test_json_items_have_the_keys_that_scripts_rely_on(project: Project) -> None:
    project.fail("r1")
    project.fail("r2", kind="records", records=[(1, 2), (7, 7)], samples=[Sample(1, "bad", "raw")])
    objects, records = project.slips("errors", "--json").json
    expected = {
        *("request_id", "kind", "stage", "error_type", "message", "failed_at", "attempts", "fingerprint", "argument")
    }
    assert expected <= objects.keys()
    assert objects["kind"] == "object"
    assert objects["argument"][0]["object_key"] == "json/a"
    assert not {"records", "samples"} & objects.keys()
    assert (records["kind"], records["records"]) == ("records", [[1, 2], [7, 7]])
    assert records["samples"] == [{"seq": 1, "reason": "bad", "raw": "raw"}]


def test_a_set_of_records_says_how_many(project: Project) -> None:
    project.fail("r1", kind="records", records=[(1, 2), (7, 7)], stage="parse", message="record 1: not JSON")
    assert "parse KeyError: 3 records, such as record 1: not JSON" in project.slips("errors").out


def ids(project: Project, *filters: str) -> list[str]:
    return [item["request_id"] for item in project.slips("errors", "--json", *filters).json]


@pytest.mark.slow
def test_filters_choose_and_combine(project: Project) -> None:
    project.fail("old", failed_at="2018-01-01T00:00:00.000Z")
    project.fail("new", failed_at="2099-01-01T00:00:00.000Z", key="slow/b", error_type="ValueError")
    project.fail("set", failed_at="2099-01-01T00:00:01.000Z", kind="records", stage="parse")
    assert ids(project) == ["old", "new", "set"]
    assert ids(project, "--since", "2h") == ["new", "set"]
    assert ids(project, "--since", "2018-01-01T00:00:00Z") == ["old", "new", "set"]
    assert ids(project, "--since", "2018-01-01T00:00:01+00:00") == ["new", "set"]
    assert ids(project, "--prefix", "slow/") == ["new"]
    assert ids(project, "--prefix", "my-logs/sl") == ["new"]
    assert ids(project, "--prefix", "s3://my-logs/json/") == ["old", "set"]
    assert ids(project, "--type", "valueerror") == ["new"]
    assert ids(project, "--type", "handler") == ["old", "new"]
    assert ids(project, "--type", "records") == ["set"]
    assert ids(project, "--type", "KeyError", "--since", "1d") == ["set"]
    assert ids(project, "--limit", "2") == ["old", "new"]
    assert project.slips("errors", "--prefix", "none/").out == "no error item fits\n"


def test_since_counts_back_from_now() -> None:
    item = ErrorItem(request_id="r", events=[EVENT], failed_at="1970-01-02T00:00:00.000Z")
    day = 86_400
    for text, now in [("1d", 2 * day), ("90s", day + 60), ("1.5h", day + 5400), ("1w", day)]:
        assert list(Choice(since=text).of([item], now)) == [item], text
    assert list(Choice(since="1d").of([item], 2 * day + 1)) == []


def test_an_item_that_knows_no_time_may_be_of_any() -> None:
    item = ErrorItem(request_id="r", events=[EVENT], failed_at="")
    assert list(Choice(since="1d").of([item])) == [item]


def test_where_the_config_is_of_a_stack_too_nothing_found_is_said_to_be_of_this_machine(project: Project) -> None:
    project.config(CONFIG.replace("  embedded:", "  s3_direct: true\n  embedded:"))
    assert project.slips("errors").out == "no errors on this machine\n"
    assert project.slips("errors", "--group").out == "no errors on this machine\n"
    assert project.slips("errors", "--type", "x").out == "no error item on this machine fits\n"
    assert project.slips("drain").out == "nothing to drain on this machine\n"
    assert project.slips("dismiss", "--all").out == "nothing to dismiss on this machine\n"
    assert "errors: none on this machine\n" in project.slips("status").out
    assert "no error item 'x' on this machine; " in project.slips("error", "x").err
    project.config(CONFIG + "sam: {code_bucket: my-code}\n")
    assert project.slips("errors").out == "no errors on this machine\n"


@pytest.mark.parametrize("text", ["yesterday", "5", "2 h", "", "h", "2018-13-01"])
def test_a_time_that_is_none_is_told_with_examples(text: str) -> None:
    with pytest.raises(UsageError, match=r"--since: .* is no time; expected one such as 2h, 3d or"):
        moment(text, 0, "--since")


def test_groups_put_alike_errors_together_most_frequent_first(project: Project) -> None:
    project.fail("single", fingerprint="beef", failed_at="2018-01-01T00:00:00.000Z")
    for number in range(4):
        project.fail(f"r{number}", failed_at=f"2018-02-0{number + 1}T00:00:00.000Z")
    groups = project.slips("errors", "--group", "--json").json
    assert [(group["fingerprint"], group["count"]) for group in groups] == [("f00d", 4), ("beef", 1)]
    assert (groups[0]["first"], groups[0]["last"]) == ("2018-02-01T00:00:00.000Z", "2018-02-04T00:00:00.000Z")
    assert groups[0]["request_ids"] == ["r0", "r1", "r2", "r3"]
    text = project.slips("errors", "--group").out
    assert text.splitlines()[0].split()[:2] == ["4", "f00d"]
    assert "r0, r1, r2, ...\n" in text
    assert len(project.slips("errors", "--group", "--json", "--limit", "1").json) == 1


# ---- error


def test_the_detail_begins_as_the_originals(project: Project) -> None:
    project.fail(
        ID,
        events=[EVENT],
        traceback="Traceback (most recent call last):\n  somewhere\nKeyError: 'severity'\n",
        attempts=3,
        seq=42,
        records=[(7, 7), (1200, 1201), (1300, None)],
        samples=[Sample(7, "not JSON", "-- \x1b", truncated=True)],
        code_version="0123456789ab",
    )
    out = project.slips("error", ID).out
    assert out.startswith(f"RequestID: {ID}\nArgument:\n{ARGUMENT}")
    rest = out.removeprefix(f"RequestID: {ID}\nArgument:\n{ARGUMENT}")
    assert "Stage:       handler\nType:        KeyError\n" in rest
    assert "Attempts:    3\n" in rest
    assert "Record:      42\nRecords:     7, 1200-1201, 1300-\n" in rest
    assert "Handler:     0123456789ab (so begins the sha256 of its file)\n" in rest
    assert "Traceback:\nTraceback (most recent call last):\n  somewhere\nKeyError: 'severity'\n" in rest
    assert rest.endswith("Samples:\n  record 7: not JSON\n    -- \\x1b ...\n")


def test_the_detail_names_the_handler_of_the_item(project: Project) -> None:
    project.fail(ID, handler="src/alb.py:Alb", code_version="0123456789ab")
    out = project.slips("error", ID).out
    assert "Handler:     src/alb.py:Alb: 0123456789ab (so begins the sha256 of its file)\n" in out
    assert project.slips("errors", "--json").json[0]["handler"] == "src/alb.py:Alb"


def test_json_is_the_argument_only(project: Project) -> None:
    project.fail(ID, events=[EVENT])
    assert project.slips("error", ID, "-f", "json").out == ARGUMENT
    compact = project.slips("error", ID, "-f", "cjson").out
    assert compact == json.dumps(json.loads(ARGUMENT), separators=(",", ":")) + "\n"


def test_the_output_can_go_to_a_file(project: Project) -> None:
    project.fail(ID, events=[EVENT])
    done = project.slips("error", ID, "-f", "json", "-o", "argument.json")
    assert (done.status, done.out) == (0, "")
    assert (project.root / "argument.json").read_text() == ARGUMENT
    assert project.slips("error", ID, "-o", "no/such/directory").status == 2


def test_an_id_may_be_cut_short_while_it_names_one_item(project: Project) -> None:
    for request_id in ("2a45-1", "2a46-1", "8b0b-1", "8b0b-1-2", "8b0b-1-3"):
        project.fail(request_id)
    assert project.slips("error", "2a45").out.startswith("RequestID: 2a45-1\n")
    assert project.slips("error", "8b").out.startswith("RequestID: 8b0b-1\n")
    assert project.slips("error", "8b0b-1-3").out.startswith("RequestID: 8b0b-1-3\n")
    done = project.slips("error", "2a4")
    assert (done.status, done.out) == (2, "")
    assert done.err == "slips: 2 error items begin with '2a4': 2a45-1, 2a46-1; expected more of the id\n"


def test_an_unknown_id_says_where_ids_are(project: Project) -> None:
    for request_id in ("2a45219e", ""):
        done = project.slips("error", request_id)
        assert done.status == 2
        assert done.err == f"slips: no error item '{request_id}'; 'slips errors' lists those that exist\n"


# ---- drain


@pytest.mark.slow
def test_drain_moves_all_items_to_their_lanes_and_run_processes_them(project: Project) -> None:
    project.put("json/a", {"n": 6})
    project.put("slow/b", {"n": 1}, b"nonsense\n")
    assert project.slips("run").status == 1
    project.handler((project.root / "handler.py").read_text().replace('raise KeyError("severity")', "pass"))
    project.put("slow/c", {"n": 1})
    done = project.slips("drain", "--json")
    assert (done.json["drained"], done.json["lanes"], done.status) == (2, {"fast": 1, "slow": 1}, 0)
    assert project.errors() == []
    summary = project.slips("run", "--json").json
    assert (summary["objects"], summary["records"], summary["quarantined"]) == (3, 3, 1)
    assert len(project.errors()) == 1


def test_a_dry_run_shows_and_changes_nothing(project: Project) -> None:
    project.fail("r1")
    done = project.slips("drain", "--dry-run")
    assert done.out == f"{project.slips('errors').out}1 item would be drained: 1 on lane fast\n"
    assert "r1  my-logs          json/a (1179 byte)  handler KeyError: record 7: Count.recv raised" in done.out
    assert project.slips("drain", "--dry-run", "--json").json["drained"] == 1
    assert project.errors() == ["r1"]
    assert project.slips("status", "--json").json["lanes"]["fast"]["waiting"] == 0


def test_a_dry_run_shows_why_each_item_failed_as_errors_does(project: Project) -> None:
    project.fail("lost", events=[])
    project.fail("dropped", events=[ObjectEvent(bucket_name="my-logs", object_key="json/dropped")])
    project.put("json/a", {"n": 1}, b"nonsense\n", b"{}\n", b"rubbish\n")
    project.slips("run")
    project.fail("r2", key="slow/b", error_type="ValueError", message="no\nsecond line")
    config = (project.root / "slips.yml").read_text()
    project.config(config.replace("routing:", "routing:\n  - {prefix: json/dropped, dest: drop}"))
    listed = [line for line in project.slips("errors").out.splitlines() if "lost" not in line and "dropped" not in line]
    dry = project.slips("drain", "--dry-run").out.splitlines()
    assert dry[: len(listed)] == listed
    assert [line.partition(" byte)  ")[2] for line in listed] == [
        "handler ValueError: no",
        "parse RecordError: 2 records, such as record 2: not JSON: Expecting value: line 1 column 1 (char 0)",
    ]
    assert dry[len(listed) :] == [
        "2 items would be drained: 2 on lane fast",
        "1 item dropped by 'routing'",
        "1 item kept: 'slips dismiss' takes out what cannot be replayed",
    ]
    known = {item["request_id"]: item for item in project.slips("errors", "--json").json}
    done = project.slips("drain", "--dry-run", "--json").json
    assert [item["request_id"] for item in done["items"]] == [line.split()[1] for line in listed]
    for item in done["items"]:
        full = known[item["request_id"]]
        assert item == {name: full[name] for name in item}
        assert full.keys() - item.keys() == {"event", "event_truncated", "traceback"} | full.keys() & {"samples"}
    assert "items" not in project.slips("drain", "--json").json


def test_drain_takes_only_what_is_chosen(project: Project) -> None:
    for number in range(4):
        project.fail(f"r{number}", failed_at=f"2018-01-0{number + 1}T00:00:00.000Z")
    project.fail("other", key="slow/x", error_type="ValueError")
    assert project.slips("drain", "r1", "r1").out.startswith("1 item drained: 1 on lane fast; 'slips run'")
    assert project.errors() == ["r0", "r2", "r3", "other"]
    project.slips("drain", "--type", "ValueError")
    project.slips("drain", "--limit", "1")
    project.slips("drain", "--since", "2018-01-04T00:00:00Z")
    assert project.errors() == ["r2"]


def test_an_id_that_names_nothing_drains_nothing(project: Project) -> None:
    project.fail("r1")
    assert project.slips("drain", "r1", "none").status == 2
    assert project.errors() == ["r1"]


def test_records_of_an_overwritten_object_are_kept_and_told(project: Project) -> None:
    project.put("json/a", {"n": 1}, b"nonsense\n")
    project.slips("run")
    project.put("json/a", {"n": 2})
    done = project.slips("drain")
    assert "object overwritten: s3://my-logs/json/a" in done.err
    assert done.out == "nothing to drain\n1 item kept: 'slips dismiss' takes out what cannot be replayed\n"
    assert len(project.errors()) == 1
    assert project.slips("drain", "--json").json["kept"] == 1


def test_records_cut_by_another_reader_are_replayed_whole_and_drain_says_so(project: Project) -> None:
    project.put("json/a", {"n": 1}, b"nonsense\n", {"n": 2})
    project.slips("run")
    project.config((project.root / "slips.yml").read_text().replace("[s3-lines, json]", "[s3-text, json]"))
    done = project.slips("drain")
    assert "replayed whole" in done.err
    assert done.out.startswith("1 item drained")


def test_an_empty_table_is_nothing_to_drain(project: Project) -> None:
    assert project.slips("drain").out == "nothing to drain\n"
    assert project.slips("drain", "--json").json == {
        "drained": 0,
        "lanes": {"fast": 0, "slow": 0},
        "dropped": 0,
        "kept": 0,
        "notes": [],
    }


def test_an_item_whose_object_routing_drops_leaves_the_table_and_is_not_kept(project: Project) -> None:
    project.fail("r1", events=[ObjectEvent(bucket_name="my-logs", object_key="json/a")])
    config = (project.root / "slips.yml").read_text()
    project.config(config.replace("routing:", "routing:\n  - {prefix: json/, dest: drop}"))
    assert project.slips("drain", "--dry-run").out == "1 item dropped by 'routing'\n"
    done = project.slips("drain")
    assert (done.out, project.errors()) == ("1 item dropped by 'routing'\n", [])
    assert done.err == "slips: s3://my-logs/json/a: dropped by a routing rule\n"


# ---- dismiss


@pytest.mark.slow
def test_a_dismissed_item_is_gone_and_its_object_is_not_run_until_it_changes(project: Project) -> None:
    path = str(project.put("json/a", {"n": 6}))
    project.slips("run")
    (request_id,) = project.errors()
    done = project.slips("dismiss", request_id[:6], "-y")
    assert f"  {request_id}  my-logs          json/a (9 byte)  handler KeyError: record 1: " in done.out
    assert (done.status, done.out.splitlines()[-1]) == (0, "1 item dismissed")
    assert project.errors() == []
    assert project.slips("status", "--json").json["ledger"] == {"dismissed": 1}
    assert project.slips("run").out.splitlines()[0] == "nothing to do"
    assert project.slips("run", path, "--json").json["skipped"] == 1
    assert project.slips("run", path, "--again", "--json").json["failed"] == 1
    project.slips("dismiss", "--all", "-y")
    project.put("json/a", {"n": 1}, {"n": 2})
    assert project.slips("run", "--json").json["delivered"] == 2


@pytest.mark.slow
def test_an_object_that_waits_to_be_run_is_run_although_its_item_is_dismissed(project: Project) -> None:
    project.put("json/a", {"n": 6})
    project.slips("run")
    state = project.state()
    (item,) = state.errors.scan()
    state.stream.put("fast", item.events)
    assert state.dismiss(item)
    state.close()
    assert project.slips("run", "--json").json["failed"] == 1


@pytest.mark.slow
def test_records_that_cannot_be_replayed_are_dismissed_and_the_new_content_is_run(project: Project) -> None:
    project.put("json/a", {"n": 1}, b"nonsense\n")
    project.slips("run")
    project.put("json/a", {"n": 1}, {"n": 2})
    assert "'slips dismiss' takes the item out" in project.slips("drain").err
    assert project.slips("dismiss", "--type", "OverwrittenError", "-y").out.endswith("1 item dismissed\n")
    assert project.slips("drain").out == "nothing to drain\n"
    assert project.slips("run", "--json").json["delivered"] == 2


def test_dismissed_items_are_printed_as_errors_prints_them(project: Project) -> None:
    for number in range(3):
        project.fail(f"r{number}", failed_at=f"2018-01-0{number + 1}T00:00:00.000Z")
    listed = project.slips("errors", "--json", "--limit", "2").json
    done = project.slips("dismiss", "--limit", "2", "--json", "-y")
    assert done.json == listed
    assert "  r0  " in done.err
    assert project.errors() == ["r2"]
    assert project.slips("dismiss", "--prefix", "none/", "--json").out == "[]\n"


def test_dismiss_takes_nothing_that_was_not_chosen(project: Project) -> None:
    project.fail("r1")
    done = project.slips("dismiss", "-y")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("slips: dismiss: nothing is chosen; expected an ID, --since, --prefix, --type, --limit")
    assert project.slips("dismiss", "r1", "--all", "-y").status == 2
    assert project.slips("dismiss", "--since", "1d", "-y").out == "nothing to dismiss\n"
    assert project.slips("dismiss", "--undelivered", "-y").status == 2
    assert project.errors() == ["r1"]


def test_without_a_terminal_dismiss_shows_and_refuses(project: Project) -> None:
    project.fail("r1")
    done = project.slips("dismiss", "r1")
    assert done.status == 2
    assert "  r1  " in done.out
    assert done.err == "slips: 1 item not dismissed: there is no terminal to ask on; expected -y; add it\n"
    assert project.errors() == ["r1"]


def test_a_revision_that_was_not_shown_is_not_dismissed(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    item = project.fail("r1")
    state = project.state()
    state.errors.put(item)
    backend = MachineOperations(load(project.root / "slips.yml"), state)
    done = Dismissal()
    shown = [Revision("r1", 1), Revision("gone", 1)]
    assert list(dismiss.evidence(backend, shown, [], done)) == []
    state.close()
    assert done == Dismissal()
    assert capsys.readouterr().err.startswith("slips: r1: changed meanwhile, and stays")
    assert project.errors() == ["r1"]
