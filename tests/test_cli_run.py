"""`slips run` and `slips status`: what people and scripts are told."""

from __future__ import annotations

import re
from contextlib import closing

import pytest

from fakes import object_event
from projects import CONFIG, HANDLER, Project
from siege_in_s3 import Server

pytest_plugins = ["moto_server"]

KEYS = [
    *("objects", "failed", "skipped", "dropped", "duplicates", "records", "delivered", "filtered", "quarantined"),
    *("events", "bytes", "seconds", "results"),
]


SILENT = "import slips.interface\nclass H(slips.interface.Handler):\n    def recv(self, meta, event): ...\n"


@pytest.mark.slow
def test_json_is_one_object_with_the_keys_that_scripts_rely_on(project: Project) -> None:
    project.put("json/a+b é.log", {"n": 1}, {"n": 2})
    done = project.shell("run", "--json")
    assert (done.status, len(done.out.splitlines())) == (0, 1)
    assert list(done.json)[: len(KEYS)] == KEYS
    assert done.json["results"] == [
        {"object": "s3://my-logs/json/a+b é.log", "handler": "Count", "result": {"seen": 2}}
    ]
    assert (done.json["objects"], done.json["records"], done.json["delivered"], done.json["events"]) == (1, 2, 2, 2)


def test_the_summary_adds_up_for_people(project: Project) -> None:
    project.put("json/a", {"n": 1}, {"n": 2})
    project.put("dropped/b", {"n": 1})
    done = project.slips("run")
    assert done.status == 0
    assert "objects  1; 1 dropped by routing\n" in done.out
    assert "records  2 = 2 delivered + 0 filtered + 0 quarantined\n" in done.out
    assert 'result   s3://my-logs/json/a: Count: {"seen": 2}\n' in done.out
    assert done.err == ""


def test_objects_that_are_no_logs_are_told_apart_with_their_rule(project: Project) -> None:
    project.put("json/a", {"n": 1})
    project.put("json/CloudTrail-Digest/x", {"n": 1})
    project.put("AWSLogs/1/ELBAccessLogTestFile", {"n": 1})
    done = project.slips("run")
    assert (done.status, done.err) == (0, "")
    assert "objects  1; 1 filtered by cloudtrail-digest; 1 filtered by elb-test-file\n" in done.out
    assert "records  1 = 1 delivered + 0 filtered + 0 quarantined\n" in done.out
    assert "objects: 1 done, 2 filtered, as no logs\n" in project.slips("status").out
    project.put("json/aws-logs-write-test", {"n": 1})
    again = project.slips("run", "--json").json
    assert (again["objects"], again["filtered_objects"]) == (0, {"export-test-file": 1})
    project.put("json/b_$folder$")
    assert "nothing to do; 1 filtered by folder-marker\n" in project.slips("run").out


def test_a_quarantined_record_ends_with_status_1_and_says_what_to_do(project: Project) -> None:
    project.put("json/a", {"n": 1}, b"nonsense\n")
    done = project.slips("run")
    assert done.status == 1
    assert "1 quarantined" in done.out
    assert "'slips errors' lists" in done.out


def test_a_failed_object_is_a_line_as_it_happens_and_status_1(project: Project) -> None:
    project.put("json/a", {"n": 6})
    done = project.slips("run")
    assert done.status == 1
    assert done.err == "slips: failed: s3://my-logs/json/a: record 1: Count.recv raised KeyError: 'severity'\n"
    assert "objects  1, of which 1 failed\n" in done.out


def test_records_of_a_failed_object_stand_apart_and_count_once_when_it_is_done(project: Project) -> None:
    project.put("json/a", {"n": 1}, {"n": 1}, {"n": 6})
    project.put("json/b", {"n": 1}, b"no JSON\n")
    out = project.slips("run").out
    assert "objects  2, of which 1 failed\n" in out
    assert "records  2 = 1 delivered + 0 filtered + 1 quarantined; besides 2 of failed objects, not delivered\n" in out
    assert "events   1\n" in out
    project.handler(HANDLER.replace("> self.limit", "> 9"))
    project.slips("drain")
    done = project.slips("run", "--json").json
    counts = {"objects": 2, "failed": 0, "records": 4, "delivered": 3, "quarantined": 1, "events": 3}
    assert {name: done[name] for name in counts} == counts
    assert (done["failed_records"], done["replayed_records"]) == (0, 1)
    project.slips("drain")
    out = project.slips("run").out
    assert "1 = 0 delivered + 0 filtered + 1 quarantined; 1 of them had been quarantined before\n" in out


@pytest.mark.slow
def test_v_tells_of_each_object_and_attempt(project: Project) -> None:
    project.put("json/a", {"n": 6})
    project.put("json/b", {"n": 1})
    done = project.slips("-v", "run")
    assert "s3://my-logs/json/b: done, 1 record, 0 quarantined" in done.err
    assert "attempt 1 failed" in done.err


def test_nothing_to_do_is_said_and_so_is_what_waits_in_the_error_table(project: Project) -> None:
    again = "'slips run PATH --again' processes objects that are done, too"
    assert project.slips("run").out == f"nothing to do\n{again}\n"
    project.put("json/a", {"n": 1})
    project.fail("r1", key="json/a")
    done = project.slips("run")
    assert done.status == 0
    assert "1 object in the error table left alone; 'slips drain'" in done.out
    assert again not in done.out


@pytest.mark.slow
def test_named_objects_that_are_done_are_skipped_unless_again(project: Project) -> None:
    log = project.put("json/a", {"n": 1})
    assert project.slips("run").status == 0
    skipped = project.slips("run", str(log))
    assert "nothing to do; 1 skipped: done already\n" in skipped.out
    assert "'--again'" in skipped.out
    assert project.slips("run", "s3://my-logs/json/", "--again", "--json").json["objects"] == 1


@pytest.mark.slow
def test_what_is_to_do_is_counted_without_what_this_session_leaves(project: Project) -> None:
    for number in range(3):
        project.put(f"json/{number}", {"n": 1})
        project.fail(f"r{number}", key=f"json/{number}")
    project.slips("drain", "r0", "r1")
    assert "1 to do, 1,179 bytes as stored" in project.slips("-v", "run", "s3://my-logs/json/0").err
    assert "0 to do, 0 bytes as stored" in project.slips("-v", "run", "s3://my-logs/json/0").err
    assert "1 to do, 1,179 bytes as stored" in project.slips("-v", "drain", "r2", "--canary", "1").err
    assert "1 to do, 1,179 bytes as stored" in project.slips("-v", "run").err, "that of json/1"


def test_again_without_an_object_is_refused(project: Project) -> None:
    done = project.slips("run", "--again")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("slips: --again: no PATH; expected")


def test_paths_that_name_nothing_are_refused(project: Project) -> None:
    other = project.slips("run", "s3://other/").err
    assert other == "slips: s3://other/: the config has no bucket 'other'; expected one of: my-logs\n"
    for path in ("logs/none", "/", "s3://", "logs"):
        assert project.slips("run", path).status == 2, path


@pytest.mark.slow
def test_prints_of_handlers_are_no_part_of_the_output(project: Project) -> None:
    project.handler(
        "import slips.interface, os\nprint('importing')\n"
        "class H(slips.interface.Handler):\n"
        "    def recv(self, meta, event): print('hello'); os.write(1, b'deep\\n')\n"
    )
    project.put("json/a", {"n": 1})
    done = project.shell("run", "--json")
    assert done.json["objects"] == 1
    assert {"importing", "hello", "deep"} <= set(done.err.splitlines())


@pytest.mark.slow
def test_many_results_are_cut_short_for_people(project: Project) -> None:
    for number in range(12):
        project.put(f"json/{number}", {"n": 1})
    out = project.slips("run").out
    assert out.count("result   ") == 10
    assert "and 2 more ('slips run --json' prints all)" in out


def test_a_handler_without_result_has_no_result_line(project: Project) -> None:
    project.handler(SILENT)
    project.put("json/a", {"n": 1})
    assert "result" not in project.slips("run").out


@pytest.mark.slow
def test_a_handler_that_cannot_be_imported_is_wrong_input(project: Project) -> None:
    project.handler("import nothing_of_this_name\n")
    project.put("json/a", {"n": 1})
    done = project.shell("run")
    assert (done.status, done.out) == (2, "")
    assert "handler.py:1: importing the handler raised ModuleNotFoundError" in done.err
    assert "Traceback" not in done.err


@pytest.mark.slow
def test_an_import_that_fails_in_a_file_beside_the_handler_names_that_file(project: Project) -> None:
    project.handler("import first_of_two_\n")
    (project.root / "first_of_two_.py").write_text("x = 1\nimport second_of_two_\n")
    (project.root / "second_of_two_.py").write_text("\n\ny = nope\n")
    project.put("json/a", {"n": 1})
    assert "second_of_two_.py:3: importing the handler raised NameError" in project.shell("run").err
    (project.root / "second_of_two_.py").write_text("y = (\n")
    assert "second_of_two_.py:1: importing the handler raised SyntaxError" in project.shell("run").err
    (project.root / "second_of_two_.py").write_text("import of_no_project_\n")
    assert "named 'of_no_project_'; expected a file beside the handler, or a package" in project.shell("run").err


def test_a_second_run_is_refused_and_names_the_first(project: Project) -> None:
    state = project.state()
    with state.exclusive():
        done = project.slips("run")
    state.close()
    assert (done.status, done.out) == (2, "")
    assert "in use by process" in done.err


@pytest.mark.slow
def test_a_state_that_cannot_be_used_is_failed_work_with_a_clear_text(project: Project) -> None:
    (project.root / "state").write_text("")
    project.put("json/a", {"n": 1})
    done = project.slips("run")
    assert (done.status, done.out) == (1, "")
    assert "the state cannot be used" in done.err
    assert "Traceback" not in done.err


def test_without_directories_people_are_told_to_name_objects(project: Project) -> None:
    project.config(CONFIG.replace("    buckets:\n      my-logs: logs\n", ""))
    assert "slips run s3://bucket/prefix" in project.slips("run").out


@pytest.mark.slow
def test_objects_in_s3_are_read_from_the_endpoint_that_is_named(project: Project, server: Server) -> None:
    client, url = server.client("s3"), server.url
    client.create_bucket(Bucket="far")
    client.put_object(Bucket="far", Key="json/a b", Body=b'{"n": 1}\n{"n": 9}\n')
    project.config(CONFIG.replace("bucket_mapping:\n", "bucket_mapping:\n  far: [{prefix: json/, format: json}]\n"))
    assert project.slips("run", "s3://far/json/", "--endpoint-url", url).status == 1
    project.handler(SILENT)
    assert project.slips("test", "-r", project.errors()[0], "--endpoint-url", url).status == 0
    sampled = project.slips("sample", "--endpoint-url", url)
    assert [event["object_key"] for event in sampled.json] == ["json/a b"]
    assert project.slips("drain", "--endpoint-url", url).status == 0
    assert project.slips("run", "--json", "--endpoint-url", url).json["delivered"] == 2


# ---- status


def test_status_shows_lanes_objects_and_groups(project: Project) -> None:
    project.put("json/a", {"n": 1})
    project.put("json/b", {"n": 1}, b"no JSON\n")
    project.slips("run")
    assert "objects: 2 done\nerrors: 1 item of 1 object with bad records\n" in project.slips("status").out
    project.fail("drained", key="slow/x")
    project.slips("drain", "drained")
    project.fail("other", fingerprint="beef", message="something else")
    for number in range(3):
        project.fail(f"r{number}")
    out = project.slips("status").out
    assert re.search(r"lane fast: 1 waiting, the oldest for \d+ s\n", out)
    assert "lane slow: 0 waiting\n" in out
    assert "objects: 1 done, 1 failed, 1 waiting on a lane\n" in out
    assert "errors: 5 items of 1 failed object and 1 object with bad records\n" in out
    assert out.index("f00d") < out.index("beef")


def test_status_json_has_the_same(project: Project) -> None:
    project.fail("r1")
    told = project.slips("status", "--json").json
    assert told["lanes"]["fast"] == {"waiting": 0, "oldest_seconds": None, "retrying": 0}
    assert (told["ledger"], told["errors"]) == ({"failed": 1}, {"object": 1})
    assert (told["failed_objects"], told["quarantined_objects"]) == (1, 0)
    assert told["groups"][0]["request_ids"] == ["r1"]


def test_status_shows_objects_whose_last_attempt_failed_and_that_are_tried_again(project: Project) -> None:
    with closing(project.state()) as state:
        state.stream.put("slow", [object_event("slow/a"), object_event("slow/b"), object_event("slow/c")])
        for delivery in state.stream.take(2, {}):
            state.stream.failed_attempt(delivery)
    line = r"slow:? 3 waiting, the oldest for \d+ s, 2 of them tried again after a failed attempt\b"
    assert re.search(f"lane {line}", project.slips("status").out)
    assert re.search(line, project.slips("top", "--count", "1").out)
    for told in (project.slips("status", "--json"), project.slips("top", "--json", "--count", "1")):
        assert [told.json["lanes"][lane]["retrying"] for lane in ("fast", "slow")] == [0, 2]


def test_status_of_nothing(project: Project) -> None:
    assert project.slips("status").out == "lane fast: 0 waiting\nlane slow: 0 waiting\nobjects: none\nerrors: none\n"


def test_a_bucket_without_its_directory_is_told_and_fails_the_run(project: Project) -> None:
    project.bucket.rmdir()
    done = project.slips("run")
    assert done.status == 1
    assert f"{project.bucket}: No such file or directory; expected a directory that can be listed" in done.err


def test_a_locale_in_which_names_are_not_utf_8_is_blamed_and_not_the_name(project: Project) -> None:
    project.put("json/é.json", {"n": 1})
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = project.shell("run", **locale)
    told = "names are read as ascii here, by the locale; expected UTF-8, as S3 keys are; set PYTHONUTF8=1\n"
    assert (done.status, done.err.endswith(told)) == (1, True)
    assert project.shell("run", **{**locale, "PYTHONUTF8": "1"}).status == 0
