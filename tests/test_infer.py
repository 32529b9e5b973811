"""The command `slips infer` on one log: its table, what it says beside it, its JSON and its errors."""

from __future__ import annotations

import gzip
import json

import pytest

from inferred import COMBINED, SOURCE, sample
from projects import CONFIG, Project
from siege_in_s3 import Server
from slips.inference.rank import infer

pytest_plugins = ["moto_server"]
pytestmark = pytest.mark.once


def test_the_best_chain_is_shown_with_what_to_write(project: Project) -> None:
    log = project.put("unknown.gz", gzip.compress(sample("alb")))
    done = project.slips("infer", str(log))
    assert done.status == 0
    assert done.out.splitlines()[1].startswith("alb  ")
    assert done.out.endswith(
        "write into the config, with the prefix of such logs:\n  - prefix: logs/\n    format: alb\n"
    )


def test_a_log_that_is_cut_off_is_proposed_with_that(project: Project) -> None:
    log = project.put("cut.gz", gzip.compress(sample("alb") * 99, mtime=0)[:-20])
    done = project.slips("infer", str(log))
    assert (done.status, done.out.splitlines()[1].startswith("alb  ")) == (0, True)
    assert f"slips: {log}: damaged; looked at what is before that: gzip data ends early after " in done.err
    assert "gzip data ends early" in project.slips("infer", str(log), "--json").json["damage"]
    made = project.slips("init", str(project.root / "made"), "--from", str(log))
    assert (made.status, f"{log}: damaged; looked at what is before that: gzip" in made.err) == (0, True), made.err


def test_the_equals_of_the_best_chain_are_shown(project: Project) -> None:
    done = project.slips("infer", "-", stdin=COMBINED * 3)
    best = done.out.splitlines()[1].split()[0]
    others = sorted({"apache-access", "nginx-access", "traefik", "varnish"} - {best})
    assert f"\nalso: {', '.join(others)} (the same values of these records; " in done.out


def test_a_format_of_no_vendor_that_finds_the_same_is_shown(project: Project) -> None:
    log = b"[2026-11-29 08:00:00,123] ERROR boom (kafka.server.KafkaServer)\n\tat kafka.Kafka.main(Kafka.scala)\n" * 3
    said = "log4j, of no vendor, finds the same values: write it if another program wrote the log\n"
    assert said in project.slips("infer", "-", stdin=log).out
    assert "of no vendor, finds" not in project.slips("infer", "-", stdin=sample("vpc-flow")).out


@pytest.mark.parametrize("log", [b"hello\n", bytes(range(128, 256)) * 9])
def test_a_chain_that_nothing_of_a_log_is_like_comes_not_near_to_it(project: Project, log: bytes) -> None:
    done = project.slips("infer", "-", stdin=log)
    assert (done.status, done.out.splitlines()[0]) == (1, "-: no format; nearest: none")


def test_a_chain_that_reads_no_time_is_proposed_with_the_time_that_events_get(project: Project) -> None:
    said = "no record has a date and a clock that the chain reads: its events have the time of their object\n"
    line = b"08:15:00.123 [main] INFO  com.example.App - started\n"
    assert said in project.slips("infer", "-", stdin=line).out
    assert said not in project.slips("infer", "-", stdin=b"2026-11-29 " + line).out


def test_a_format_that_little_of_the_log_is_like_is_proposed_with_a_doubt(project: Project) -> None:
    """Of an audit log of no known product, some of whose field names one format has."""
    line = {"eventName": "grant", "eventSource": "doors", "awsRegion": "north", "eventTime": "2026-11-29T08:00:00Z"}
    line |= dict.fromkeys(("site", "gate", "badge", "floor", "wing", "guard", "action", "sourceIp"), "a")
    done = project.slips("infer", "-", stdin=f"{json.dumps(line)}\n".encode() * 3)
    best = done.out.splitlines()[1].split()[0]
    assert f"\nlittle of it is like {best}, so it may be of another product: 'slips parse {best} LOG' " in done.out
    assert "'slips formats --new VENDOR/PRODUCT --from LOG'" in done.out
    assert "another product" not in project.slips("infer", "-", stdin=sample("alb")).out
    assert "another product" not in project.slips("infer", "-", stdin=b"2026-11-29T08:00:00Z up\n" * 3).out


def test_json_has_the_chains_with_their_shares(project: Project) -> None:
    done = project.slips("infer", "-", "--json", stdin=sample("okta"))
    assert done.json["log"] == "-"
    first = done.json["candidates"][0]
    assert (first["format"], first["chain"], first["config"]) == ("okta", ["okta"], "okta")
    assert first.keys() == {
        *("format", "also", "chain", "config", "records", "parsed", "times", "likeness", "score", "tags", "reason")
    }
    assert first["tags"] == ["okta.system"]
    assert first["reason"]


def test_a_log_that_no_format_fits_is_told_with_the_nearest(project: Project) -> None:
    log = project.put("letter", b"Dear all,\nsee you at noon.\n")
    done = project.slips("infer", str(log))
    assert (done.status, done.out.partition("; nearest: ")[0]) == (1, f"{log}: no format")
    assert project.slips("infer", str(log), "--json").json["candidates"] == []


@pytest.mark.parametrize(
    ("line", "is_zoneless"),
    [
        (b'{"time": "2026-11-29 08:00:00", "site": "north"}\n', True),
        (b'{"time": "2026-11-29 08:00:00+01:00", "site": "north"}\n', False),
        (b'{"time": 1795939200, "site": "north"}\n', False),
        (b"2026-11-29 08:00:00 INFO it is up\n", True),
    ],
)
def test_times_without_a_zone_are_told(project: Project, line: bytes, is_zoneless: bool) -> None:
    done = project.slips("infer", "-", stdin=line * 3)
    assert (
        "its times name no zone and are read as UTC: if they are of another one, write it" in done.out
    ) == is_zoneless
    assert infer(line * 3, SOURCE).zoneless == is_zoneless


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("nowhere", "nowhere: No such file or directory; expected a log file that can be read"),
        ("empty", "empty: is empty; expected a log"),
        ("damaged.gz", "damaged.gz: "),
        ("s3://", "s3://: expected s3://bucket/prefix/, the name of a bucket"),
        ("s3:///key", "s3:///key: expected s3://bucket/key, the name of an object"),
    ],
)
def test_what_cannot_be_read_is_wrong_input(
    project: Project, monkeypatch: pytest.MonkeyPatch, log: str, reason: str
) -> None:
    monkeypatch.chdir(project.root)
    (project.root / "empty").write_bytes(b" \n")
    (project.root / "damaged.gz").write_bytes(gzip.compress(b"x")[:9])
    done = project.slips("infer", log)
    assert (done.status, done.out) == (2, "")
    assert reason in done.err


@pytest.mark.slow
def test_an_object_in_s3_is_read_there(project: Project, server: Server) -> None:
    client, url = server.client("s3"), server.url
    client.create_bucket(Bucket="far")
    client.put_object(Bucket="far", Key="a b", Body=gzip.compress(sample("alb")))
    assert (
        project.slips("infer", "s3://far/a b", "--json", "--endpoint-url", url).json["candidates"][0]["format"] == "alb"
    )
    missing = project.slips("infer", "s3://far/none", "--endpoint-url", url)
    assert (missing.status, "s3://far/none" in missing.err) == (2, True)


def test_the_config_of_a_project_is_not_needed(project: Project) -> None:
    assert CONFIG
    (project.root / "slips.yml").unlink()
    log = project.put("unknown.log", sample("okta"))
    assert project.slips("infer", str(log)).status == 0
