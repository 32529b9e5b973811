"""`slips infer` on a directory, and on a prefix of a bucket: a proposal for each kind of log."""

from __future__ import annotations

import gzip
import os
from collections.abc import Mapping
from typing import Any

import pytest

import slips.cli.unknown_logs
import slips.inference.kinds
from inferred import sample
from projects import Project
from siege_in_s3 import Server
from slips.cli.output import table
from slips.cli.proposals import in_words
from slips.errors import UsageError
from slips.inference.containers import Head
from slips.inference.kinds import Sorted, shape_of, sort_by_kind
from slips.inference.rank import Inferred, infer
from slips.model import ObjectEvent

pytest_plugins = ["moto_server"]
pytestmark = pytest.mark.once


TRAIL = "AWSLogs/{}/CloudTrail/eu-west-1/2026/11/{}/{}_CloudTrail_eu-west-1_20261129T0800Z_x.json"
LOGS = {
    **{TRAIL.format(account, day, account): sample("cloudtrail") for account in (111, 222) for day in (28, 29)},
    "AWSLogs/111/elb/eu-west-1/2026/11/29/111_a.log": sample("alb"),
    "audit/2026-11-28.log": sample("auditd"),
    "audit/2026-11-29.log": sample("auditd"),
    "mixed/okta.json": sample("okta"),
    "mixed/letter.txt": b"Dear all,\nsee you at noon.\n",
}


def sorted_(logs: Mapping[str, bytes]) -> tuple[Sorted, list[str]]:
    """The kinds of some logs, and the keys of those that were opened."""
    opened: list[str] = []

    def head(each: ObjectEvent) -> Head:
        opened.append(each.object_key)
        if logs[each.object_key] == b"damaged":
            raise UsageError("damaged")
        return Head(logs[each.object_key])

    events = [
        ObjectEvent(bucket_name="b", object_key=key, object_size=len(body), event_time="2026-11-29T08:00:00Z")
        for key, body in sorted(logs.items())
    ]
    return sort_by_kind(events, head, lambda _: None), opened


def mappings(found: Sorted) -> dict[str, str]:
    return {
        selector: kind.best.format if kind.best else ""
        for kind in found.kinds
        for selector in ([kind.prefix] if kind.prefix is not None else kind.patterns)
    }


@pytest.mark.slow
def test_each_kind_of_log_in_a_folder_gets_its_proposal() -> None:
    found, opened = sorted_(LOGS)
    assert mappings(found) == {
        "AWSLogs/*/CloudTrail/eu-west-*/**": "cloudtrail",
        "AWSLogs/*/elb/eu-west-*/**": "alb",
        "audit/": "auditd",
        "mixed/okta.json": "okta",
        "mixed/letter.txt": "",
    }
    assert [len(kind.objects) for kind in found.kinds] == [4, 2, 1, 1, 1]
    assert len(opened) == 3 + 2 + 1 + 1 + 1
    assert found.left_out == []


def test_logs_of_one_kind_are_below_their_folder_without_dates() -> None:
    found, _ = sorted_({f"trail/2026/11/{day}/a.json": sample("cloudtrail") for day in (28, 29)})
    assert mappings(found) == {"trail/": "cloudtrail"}
    assert found.kinds[0].patterns == ["trail/**"]


def test_a_log_beside_others_of_one_name_that_is_of_another_kind_is_told() -> None:
    logs = {f"x/{number}.log": sample("alb") for number in (1, 2)}
    found, _ = sorted_({**logs, "x/3.log": sample("auditd")[:900]})
    assert mappings(found) == {"x/*.log": "alb", "x/3.log": "auditd"}


def test_logs_whose_names_begin_alike_have_that_for_prefix_if_no_others_begin_so() -> None:
    logs = {f"web-{number}.log": sample("alb") for number in (1, 2)} | {"app.json": sample("okta")}
    assert mappings(sorted_(logs)[0]) == {"web-": "alb", "app.json": "okta"}
    rotated = {"web-3.log.gz": sample("alb"), "x/odd*1.log": sample("auditd"), "x/odd.json": sample("okta")}
    assert mappings(sorted_(logs | rotated)[0]) == {
        "web-": "alb",
        "app.json": "okta",
        "x/odd\\**.log": "auditd",
        "x/odd.json": "okta",
    }
    others = {"web-old.json": sample("okta")}
    assert mappings(sorted_(logs | others)[0]) == {"web-*.log": "alb", "app.json": "okta", "web-old.json": "okta"}


def test_logs_of_many_names_in_a_folder_are_tried_with_its_chains_first(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def counted(content: bytes, source: ObjectEvent, **about: Any) -> Inferred:
        tried.append(source.object_key)
        return infer(content, source, **about)

    monkeypatch.setattr(slips.inference.kinds, "infer", counted)
    found, _ = sorted_({f"web/{name}.log": sample("alb") for name in ("ann", "bob", "chloe")})
    assert mappings(found) == {"web/": "alb"}
    assert tried == ["web/ann.log"]


def test_blank_and_damaged_objects_do_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = sorted_({"a/blank.log": b"\n\n", "b/bad.gz": b"damaged", "c/alb.log": sample("alb")})
    assert mappings(found) == {"b/": "", "c/": "alb"}
    assert found.kinds[0].found.reason == "damaged"


@pytest.mark.parametrize("bound", ["SHAPES", "OPENED", "OPENED_BYTES"])
def test_what_is_beyond_the_bounds_is_left_out_and_counted(bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slips.inference.kinds, bound, 1)
    found, opened = sorted_({"a/x.log": sample("alb"), "b/y.log": sample("auditd"), "b/y1.log": sample("auditd")})
    assert (mappings(found), opened) == ({"a/": "alb"}, ["a/x.log"])
    assert sorted(each.object_key for each in found.left_out) == ["b/y.log", "b/y1.log"]


@pytest.mark.parametrize(
    ("key", "shape"),
    [
        ("app/2026-11-29T08:00:00Z.log", "app/*.log"),
        ("app/20261129T0800Z_x.gz", "app/*_x.gz"),
        ("a/2026/11/29/b.json", "a/*/*/*/b.json"),
        ("a/3f2504e0-4f89-11d3-9a0c-0305e82c3301.json", "a/*.json"),
        ("deadbeef.log", "deadbeef.log"),
        ("k8s/web-7.log.1", "k8s/web-*.log.*"),
        ("odd*/a\\b", "odd\\*/a\\\\b"),
        ("odd*1.log", "odd\\**.log"),
    ],
)
def test_dates_numbers_and_identifiers_in_keys_are_stars(key: str, shape: str) -> None:
    assert shape_of(key) == shape


@pytest.mark.slow
def test_a_directory_gets_what_to_write_for_each_of_its_kinds(project: Project) -> None:
    folder = project.root / "logs"
    for key, body in LOGS.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(body) if key.startswith("audit") else body)
    (folder / "empty.log").touch()
    done = project.slips("infer", str(folder))
    assert done.status == 0
    assert "audit/*.log: 2 files" in done.out
    assert done.out.endswith(
        "write into the config, below the bucket of these logs:\n"
        "  - pattern: AWSLogs/*/CloudTrail/eu-west-*/**\n    format: cloudtrail\n"
        "  - prefix: audit/\n    format: auditd\n"
        "  - pattern: AWSLogs/*/elb/eu-west-*/**\n    format: alb\n"
        "  - pattern: mixed/okta.json\n    format: okta\n"
    )
    found = project.slips("infer", f"{folder}/", "--json").json
    assert (found["files"], found["left_out"], found["listed_all"]) == (len(LOGS), 0, True)
    assert [kind["candidates"][0]["config"] for kind in found["kinds"][:2]] == ["cloudtrail", "auditd"]
    assert found["kinds"][1]["prefix"] == "audit/"


def test_a_directory_without_a_log_of_any_format_ends_with_status_1(project: Project) -> None:
    (project.root / "letters").mkdir()
    done = project.slips("infer", str(project.root / "letters"))
    assert (done.status, "no file that has bytes; expected a folder with logs" in done.err) == (2, True)
    (project.root / "letters/blank.txt").write_text("\n")
    done = project.slips("infer", str(project.root / "letters"))
    assert (done.status, "all its files are blank; expected a folder with logs" in done.err) == (2, True)
    (project.root / "letters/one.txt").write_text("Dear all,\nsee you at noon.\n")
    assert project.slips("infer", str(project.root / "letters")).status == 1


@pytest.mark.slow
def test_what_cannot_be_listed_is_told_though_the_listing_ends_at_its_bound(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slips.cli.unknown_logs, "LISTED", 1)
    folder = project.root / "many"
    folder.mkdir()
    (folder / os.fsdecode(b"a\xff.log")).write_bytes(sample("alb"))
    for name in ("b.log", "c.log", "d.log"):
        (folder / name).write_bytes(sample("alb"))
    done = project.slips("infer", str(folder))
    assert (done.status, "the name is not UTF-8; expected one, as S3 keys are; rename the file" in done.err) == (
        1,
        True,
    )


@pytest.mark.slow
def test_a_folder_of_which_not_all_could_be_listed_and_read_ends_with_status_1(project: Project) -> None:
    folder = project.root / "part"
    (folder / "x").mkdir(parents=True)
    (folder / "x/web.log").write_bytes(sample("alb"))
    assert project.slips("infer", str(folder)).status == 0
    (folder / "bad.gz").write_bytes(gzip.compress(b"x")[:9])
    done = project.slips("infer", str(folder))
    assert (done.status, "bad.gz: cannot be read: gzip data ends early" in done.out) == (1, True), done.out
    assert "prefix: x/\n    format: alb\n" in done.out
    (folder / "bad.gz").unlink()
    (folder / os.fsdecode(b"a\xff.log")).write_bytes(sample("alb"))
    done = project.slips("infer", str(folder), "--json")
    (problem,) = done.json["unlisted"]
    assert (done.status, "the name is not UTF-8" in problem, len(done.json["kinds"])) == (1, True, 1)


def test_a_log_that_cannot_be_read_is_told_as_that_with_its_name_once() -> None:
    reason = "/logs/x/web.log: Permission denied; expected a log file that can be read"
    found = Inferred([], [], reason, is_unread=True)
    assert in_words("x/web.log", found) == (
        "x/web.log: cannot be read: Permission denied; expected a log file that can be read"
    )


def test_a_chain_that_is_wider_than_the_terminal_widens_no_column(capsys: pytest.CaptureFixture[str]) -> None:
    chain = f"[{{csv: {{columns: {['column'] * 54}}}}}]"
    table([("chain", "parsed", ""), (chain, "50% of 2", "rows"), ("timestamp", "100% of 2", "lines")], widest=60)
    assert capsys.readouterr().out.splitlines() == [
        "chain      parsed",
        chain,
        "           50% of 2   rows",
        "timestamp  100% of 2  lines",
    ]


@pytest.mark.slow
def test_the_kinds_below_a_prefix_in_s3_are_told(project: Project, server: Server) -> None:
    client = server.client("s3")
    client.create_bucket(Bucket="far")
    for number in (1, 2):
        client.put_object(Bucket="far", Key=f"in/alb/{number}.gz", Body=gzip.compress(sample("alb")))
    client.put_object(Bucket="far", Key="in/", Body=b"")
    client.put_object(Bucket="far", Key="other/a", Body=sample("okta"))
    (kind,) = project.slips("infer", "s3://far/in/", "--json", "--endpoint-url", server.url).json["kinds"]
    assert (kind["files"], kind["prefix"], kind["candidates"][0]["format"]) == (2, "in/alb/", "alb")
    assert "prefix: other/\n    format: okta\n" in project.slips("infer", "s3://far", "--endpoint-url", server.url).out
    missing = project.slips("infer", "s3://none/", "--endpoint-url", server.url)
    assert (missing.status, "s3://none/" in missing.err) == (2, True)
