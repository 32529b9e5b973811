"""Objects that are no logs: a named rule filters them, with or without a mapping, unless a mapping asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes import Errors, FakeSite, Ledger, Objects, Streams, config_of, object_event
from invocations import Scene, _fresh_sink, keys
from running import Project, project, results
from slips import testing
from slips.backends.machine.content import stamp_of
from slips.config import Mapping, Route
from slips.errors import UnfinishedError, UsageError
from slips.formats import catalogue
from slips.model import ErrorItem, ObjectEvent, Outcome
from slips.not_logs import RULES, NotLog, rule_of
from slips.pipeline.replay import replay
from slips.pipeline.sample import sample
from slips.routing import assigned

__all__ = ["_fresh_sink", "project"]

DIGEST = "AWSLogs/1/CloudTrail-Digest/eu-west-1/2026/11/28/1_CloudTrail-Digest_eu-west-1_t_eu-west-1_x.json.gz"
NO_LOGS = {
    "folder/": "folder-marker",
    "AWSLogs/1/CloudTrail-Digest/": "folder-marker",
    "a/b_$folder$": "folder-marker",
    DIGEST: "cloudtrail-digest",
    "my/prefix/AWSLogs/o-1/1/CloudTrail-Digest/x": "cloudtrail-digest",
    "CloudTrail-Digest/x": "cloudtrail-digest",
    "AWSLogs/1/ELBAccessLogTestFile": "elb-test-file",
    "ELBAccessLogTestFile": "elb-test-file",
    "p/AWSLogs/1/ELBConnectionLogTestFile": "elb-test-file",
    "AWSLogs/1/ELBHealthCheckLogTestFile": "elb-test-file",
    "AWSLogs/1/Config/ConfigWritabilityCheckFile": "config-test-file",
    "exportedlogs/aws-logs-write-test": "export-test-file",
    "aws-programmatic-access-test-object": "billing-test-file",
}
LOGS = [
    *("AWSLogs/1/CloudTrail/x.json.gz", "AWSLogs/1/CloudTrail-Digest", "AWSLogs/1/CloudTrail-Digests/x", "a"),
    *("AWSLogs/1/CloudTrail-Insight/x", "ELBAccessLogTestFile.gz", "ELBAccessLogTestFile/x", "my-ELBAccessLogTestFile"),
    *("cloudtrail-digest/x", "_$folder$/a", ""),
]


def event(key: str, size: int | None = None) -> ObjectEvent:
    return object_event(
        key, None, object_size=len(key) * (key in LOGS or "folder" not in key) if size is None else size
    )


def by_key(key: str, *mappings: Mapping, size: int = 0) -> Mapping | NotLog | None:
    return assigned({"my-logs": mappings}, event(key, size))


@pytest.mark.parametrize("key", NO_LOGS)
def test_an_object_that_is_no_log_has_a_rule_with_or_without_a_mapping(key: str) -> None:
    for mappings in ([], [Mapping("", ["cloudtrail"])], [Mapping(pattern="**", format=["s3-lines"])]):
        found = by_key(key, *mappings)
        assert isinstance(found, NotLog)
        assert found.name == NO_LOGS[key]


@pytest.mark.parametrize("key", LOGS)
def test_an_object_that_may_be_a_log_has_no_rule(key: str) -> None:
    assert rule_of(key, 0) is None
    assert by_key(key) is None
    mapping = Mapping("", ["cloudtrail"])
    assert by_key(key, mapping) is mapping


def test_a_key_that_ends_with_a_slash_is_a_log_if_the_object_is_not_empty() -> None:
    assert rule_of("logs/", 1) is None
    assert rule_of("logs_$folder$", 1) is None


@pytest.mark.parametrize(
    "mapping",
    [
        Mapping("AWSLogs/1/CloudTrail-Digest/", ["json"]),
        Mapping("AWSLogs/1/CloudTrail-Digest", ["ignore"]),
        Mapping(pattern="**/CloudTrail-Digest/**", format=["json"]),
        Mapping(pattern=r"AWSLogs/*/CloudTrail-Digest/**", format=["json"]),
        Mapping("AWSLogs/", ["cloudtrail-digest"]),
        Mapping("AWSLogs/", ["s3-text", "cloudtrail-digest"]),
        Mapping("", ["cloudtrail-digest"]),
    ],
)
def test_a_mapping_that_names_the_folder_or_has_a_format_for_it_gets_it(mapping: Mapping) -> None:
    others = [Mapping("AWSLogs/1/CloudTrail", ["cloudtrail"]), Mapping("", ["s3-lines"])]
    assert by_key(DIGEST, *others, mapping) is mapping
    assert isinstance(by_key(DIGEST, *others), NotLog)


@pytest.mark.parametrize("text", ["AWSLogs/*/CloudTrail-*/**", "AWSLogs/*/CloudTrail*/**", "AWSLogs/**"])
def test_a_pattern_that_does_not_spell_the_name_out_does_not_ask(text: str) -> None:
    assert isinstance(by_key(DIGEST, Mapping(pattern=text, format=["cloudtrail"])), NotLog)


def test_a_mapping_that_names_the_file_gets_it() -> None:
    mapping = Mapping("AWSLogs/1/ELBAccessLogTestFile", ["s3-lines"])
    assert by_key("AWSLogs/1/ELBAccessLogTestFile", Mapping("", ["s3-lines"]), mapping) is mapping
    assert isinstance(by_key("AWSLogs/1/ELBConnectionLogTestFile", mapping), NotLog)


def test_of_two_mappings_that_ask_the_better_wins() -> None:
    short, long = Mapping("", ["cloudtrail-digest"]), Mapping(pattern="**/CloudTrail-Digest/**", format=["json"])
    assert by_key(DIGEST, short, long) is by_key(DIGEST, long, short) is long


def test_a_folder_has_nothing_that_a_mapping_could_ask_for() -> None:
    assert isinstance(by_key("logs/", Mapping("logs/", ["s3-lines"])), NotLog)


def test_rules_have_names_and_references_of_their_own() -> None:
    names = [rule.name for rule in RULES]
    assert len({*names}) == len(names)
    assert all(rule.reference.startswith("https://docs.aws.amazon.com/") and rule.summary for rule in RULES)
    assert not {*names} & {rule.name for each in catalogue().values() for rule in each.rules}


# ---- on one machine


def put_all(project: Project) -> None:
    for key in NO_LOGS:
        if not key.endswith("/"):
            project.put(key, body=b"" if "folder" in key else b'{"test": 1}\n')


@pytest.mark.parametrize("mappings", [[Mapping("", ["cloudtrail"])], [Mapping("logs/", ["s3-lines"])]])
def test_a_run_filters_objects_that_are_no_logs_unread_and_counts_them_apart(
    project: Project, mappings: list[Mapping]
) -> None:
    project.configure(bucket_mapping={"my-logs": mappings})
    put_all(project)
    summary = project.run()
    assert (summary.objects, summary.records, summary.delivered, summary.filtered, summary.bytes) == (0, 0, 0, 0, 0)
    assert summary.filtered_objects == {
        "billing-test-file": 1,
        "cloudtrail-digest": 3,
        "config-test-file": 1,
        "elb-test-file": 4,
        "export-test-file": 1,
        "folder-marker": 1,
    }
    assert summary.is_clean
    assert project.errors == []
    assert set(project.ledger.values()) == {"filtered"}
    state = project.state()
    assert {one.key: one.outcome.filtered_by for one in state.ledger.scan() if one.outcome} == {
        key: rule for key, rule in NO_LOGS.items() if not key.endswith("/")
    }
    state.close()
    again = project.run()
    assert (again.objects, again.filtered_objects) == (0, {})


def test_a_run_processes_what_a_mapping_asks_for(project: Project) -> None:
    project.configure(bucket_mapping={"my-logs": [Mapping(pattern="**/CloudTrail-Digest/**", format=["s3-lines"])]})
    project.put(DIGEST, "a digest")
    summary = project.run()
    assert (results(summary), summary.filtered_objects) == ({DIGEST: ["a digest"]}, {})


def test_a_rule_of_routing_drops_before(project: Project) -> None:
    project.configure(routing=[Route(pattern="**/CloudTrail-Digest/**", dest="drop")])
    project.put(DIGEST, "a digest")
    assert (project.run().dropped, project.ledger) == (1, {DIGEST: "dropped"})


def failed_before(project: Project, key: str) -> None:
    """The error item and the ledger's entry that the version before made of an object without a mapping."""
    state = project.state()
    stored = object_event(key, None, object_etag=stamp_of((project.bucket / key).stat()))
    message = f"s3://my-logs/{key}: no prefix of 'bucket_mapping' fits"
    item = ErrorItem(request_id="r1", events=[stored], stage="mapping", error_type="MappingError", message=message)
    state.ledger.fail(stored, Outcome(), "r1")
    state.errors.put(item)
    state.close()


def test_a_drain_settles_the_error_item_of_the_version_before(project: Project) -> None:
    project.put(DIGEST, "a digest")
    project.configure(bucket_mapping={"my-logs": [Mapping("logs/", ["s3-lines"])]})
    failed_before(project, DIGEST)
    assert project.run().left_alone == 1
    (replayed,) = project.drain()
    assert replayed.lanes == ["fast"]
    summary = project.run()
    assert (summary.is_clean, summary.filtered_objects) == (True, {"cloudtrail-digest": 1})
    assert (project.errors, project.ledger) == ([], {DIGEST: "filtered"})
    again = project.run()
    assert (again.objects, again.filtered_objects) == (0, {})


# ---- on AWS


def test_main_func_concludes_an_object_that_is_no_log_without_a_look_at_it() -> None:
    scene = Scene(objects={"other": b""})
    digest, folder, log = (object_event(key) for key in (DIGEST, "folder/", "a"))
    done = scene.run(digest, folder, request_id="r1")
    assert (done.succeeded, done.failed, scene.errors.items, keys()) == (2, 0, {}, [])
    assert [scene.ledger.get(each).outcome.filtered_by for each in (digest, folder)] == [  # type: ignore[union-attr]
        "cloudtrail-digest",
        "folder-marker",
    ]
    with pytest.raises(UnfinishedError, match="no such object"):
        scene.run(log, request_id="r2")


def test_an_item_of_records_of_such_an_object_is_replayed_without_a_look_at_it() -> None:
    errors, stream, ledger = Errors(), Streams(), Ledger()
    part = object_event(DIGEST, "slow", records=[(3, 3)], reader="s3-lines")
    errors.put(ErrorItem(request_id="r1", kind="records", events=[part]))
    (item,) = errors.scan()
    site = FakeSite(errors=errors, stream=stream, ledger=ledger, config=config_of())
    assert replay(item, site).lanes == ["slow"]
    assert list(errors.scan()) == []


class Listing(Objects):
    """A bucket with a digest and a log."""

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectEvent]:
        yield from (object_event(key, None, object_size=1) for key in (DIGEST, "AWSLogs/1/CloudTrail/a"))


def test_a_sample_has_no_object_that_is_no_log() -> None:
    config = config_of(bucket_mapping={"my-logs": [Mapping("AWSLogs/", ["s3-lines"])]})
    (sampled,) = sample(config, Listing(), 5, {})
    assert [each.object_key for each in sampled.events] == ["AWSLogs/1/CloudTrail/a"]


# ---- in tests of users


def test_a_test_of_a_handler_runs_what_its_mapping_asks_for(tmp_path: Path) -> None:
    text = "stack_name: a\nhandler: {path: h.py}\nbucket_mapping: {b: [{%s, format: s3-lines}]}\n"
    file = tmp_path / "slips.yml"
    (tmp_path / "h.py").write_text("")
    file.write_text(text % "pattern: '**/CloudTrail-Digest/**'")
    assert testing.run(None, config=file, key=DIGEST, source=b"x\n").delivered == 1
    file.write_text(text % "prefix: AWSLogs/")
    with pytest.raises(UsageError, match="no log, which rule 'cloudtrail-digest' filters; expected the key of a log"):
        testing.run(None, config=file, key=DIGEST, source=b"x\n")
    assert testing.run(None, "s3-lines", b"x\n", key="ELBAccessLogTestFile").delivered == 1
