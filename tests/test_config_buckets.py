"""Buckets of this machine that are in S3: how the config has them, and who reads that."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path

import botocore.session
import msgspec
import pytest

from configs import SMALL, errors
from projects import Project
from slips.config import Config, parse
from slips.config.buckets import BESIDE_SECONDS, POLL_SECONDS, S3Bucket, Webhook
from slips.config.reference import json_schema, page
from slips.config.server_urls import mistake_in_url


def config_of(buckets: str) -> Config:
    return parse(SMALL.replace("sns_topics: []", f"embedded: {{buckets: {{{buckets}}}}}"))


def bucket_of(keys: str) -> S3Bucket:
    embedded = config_of(f"b: {{s3: real{keys}}}").backend.embedded
    assert embedded is not None
    return embedded.in_s3["b"]


def test_a_text_is_a_directory_and_a_mapping_a_bucket_in_s3() -> None:
    embedded = config_of("a: logs, b: {s3: real}").backend.embedded
    assert embedded is not None
    assert embedded.directories == {"a": "logs"}
    assert embedded.in_s3 == {"b": S3Bucket(s3="real")}


def test_both_forms_survive_the_way_into_a_worker() -> None:
    config = config_of(
        "a: logs, b: {s3: real, prefix: x/, webhook: {listen: 'localhost:1'}}, c: {s3: c, webhook: true}"
    )
    assert msgspec.convert(json.loads(json.dumps(msgspec.to_builtins(config))), Config) == config


@pytest.mark.parametrize(
    ("written", "seconds"), [("30s", 30), ("5m", 300), ("6h", 21_600), ("2d", 172_800), ("'7 m'", 420), ("90", 90)]
)
def test_a_time_may_be_written_with_its_unit(written: str, seconds: int) -> None:
    assert bucket_of(f", poll: {written}").poll_seconds == seconds


@pytest.mark.parametrize("written", ["5min", "1:30", "-5m", "1.5h", "5 mm", "400d", "'5'", "5M", "5MiB"])
def test_a_time_in_other_words_is_a_mistake(written: str) -> None:
    text = SMALL.replace("sns_topics: []", f"embedded: {{buckets: {{b: {{s3: b, poll: {written}}}}}}}")
    (problem,) = errors(text)
    assert "buckets.b.poll: " in problem
    assert "expected a time such as 30s, 5m, 6h or 2d, or a number of seconds" in problem


def test_a_bucket_that_is_announced_is_listed_now_and_then() -> None:
    queue = "https://sqs.eu-west-1.amazonaws.com/123456789012/q"
    assert bucket_of("").poll_seconds == POLL_SECONDS
    assert bucket_of(f", sqs: '{queue}'").poll_seconds == BESIDE_SECONDS
    assert bucket_of(", webhook: true").poll_seconds == BESIDE_SECONDS
    assert bucket_of(", webhook: true, poll: 0").poll_seconds == 0


def test_prefixes_below_another_are_listed_with_that_one() -> None:
    bucket = bucket_of(", prefix: [b/c/, a/, b/, b/c/d]")
    assert bucket.prefixes == ["a/", "b/"]
    assert (bucket.has("b/c/d/e"), bucket.has("c/")) == (True, False)
    assert bucket_of(", prefix: []").prefixes == bucket_of("").prefixes == [""]


def test_true_stands_for_a_webhook_with_its_defaults() -> None:
    assert bucket_of(", webhook: true").listener == Webhook("127.0.0.1:9465", None)
    assert bucket_of(", webhook: false").listener is bucket_of("").listener is None
    assert bucket_of(", webhook: {secret: '{{env:X}}'}").listener == Webhook("127.0.0.1:9465", "{{env:X}}")


def test_editors_accept_both_forms() -> None:
    schema = json_schema()["$defs"]
    forms = schema["Embedded"]["properties"]["buckets"]["additionalProperties"]["anyOf"]
    assert [one.get("type", one.get("$ref")) for one in forms] == ["string", "#/$defs/S3Bucket"]
    assert schema["S3Bucket"]["required"] == ["s3"]
    poll = json.dumps(schema["S3Bucket"]["properties"]["poll"])
    assert "^[0-9]+ ?[smhd]$" in poll
    assert '"x-short"' not in poll


def test_the_reference_shows_times_as_people_write_them() -> None:
    assert (
        "| `backend.embedded.buckets.NAME.window` | a time such as 30s, 5m, 6h or 2d, or a number of seconds | `2d` |"
        in (page())
    )


URLS = {
    "https://s3.example.com": "",
    "http://localhost:9000/": "",
    "http://127.0.0.1:65535": "",
    "https://[::1]": "",
    "http://[fe80::1%eth0]:80": "",
    "https://a-b.c1.": "",
    "http://a:": "",
    "https://[::1": "'[::1' is no host with a port; expected a name, an IPv4 address, or an IPv6 address within "
    "brackets; write it as 'https://[::1]', with a port as 'https://[::1]:9000'",
    "http://2001:db8::1": "write it as 'http://[2001:db8::1]', with",
    "https://a]": "write it as 'https://[::1]', with",
    "https://a:80:90": "write it as 'https://s3.example.com', with",
    "https://:80": "':80' is no host with a port",
    "https://[a]": "'a' is no IPv6 address; expected one within brackets, such as '[::1]'; mend it",
    "https://[127.0.0.1]": "'127.0.0.1' is no IPv6 address",
    "https://127.0.0.256": "'127.0.0.256' is no IPv4 address; expected four numbers from 0 to 255",
    "https://a_b.c": "'a_b.c' is no name of a host; expected letters, digits and '-', at most 63 between dots",
    "https://-a": "'-a' is no name of a host",
    "https://a..b": "'a..b' is no name of a host",
    f"https://{'a' * 64}": "is no name of a host",
    f"https://{'.'.join(['a' * 60] * 5)}": "at most 255 in all",
    "https://a:99999": "port 99999 does not exist; expected one from 1 to 65535; mend it",
    "https://a:0": "port 0 does not exist",
    "https://a:-1": "port '-1' does not exist",
    "https://a:one": "port one does not exist",
    "ftp://a": "'ftp://a' is no URL of a server; expected one such as 'https://s3.example.com'",
}
"""URLs, each with what `mistake_in_url` says of it, or a part of that."""


@pytest.mark.parametrize("url", URLS)
def test_the_url_of_a_server_that_cannot_be_is_a_mistake_with_words_what_to_write(url: str) -> None:
    mistake = mistake_in_url(url) or ""
    assert URLS[url] in mistake
    assert bool(URLS[url]) == bool(mistake)
    if not mistake:
        botocore.session.Session().create_client("s3", "eu-west-1", endpoint_url=url)


def test_the_option_of_the_endpoint_refuses_what_the_config_does(project: Project) -> None:
    for args in (("errors", "--endpoint-url", "http://a:99999"), ("--endpoint-url", "http://a:99999", "run")):
        done = project.slips(*args)
        problem = "'http://a:99999': port 99999 does not exist; expected one from 1 to 65535; mend it"
        assert (done.status, done.out, done.err) == (2, "", f"slips: --endpoint-url: {problem}\n")


def test_check_shows_where_a_bucket_is(project: Project) -> None:
    text = (project.root / "slips.yml").read_text()
    s3 = "{s3: real-logs, prefix: [json/, slow/], endpoint_url: 'http://127.0.0.1:9'}"
    project.config(text.replace("my-logs: logs", f"my-logs: {s3}"))
    done = project.slips("check")
    assert done.status == 0
    assert "bucket my-logs: s3://real-logs/json/, s3://real-logs/slow/ at http://127.0.0.1:9\n" in done.out


def test_the_page_shows_buckets_that_are_right() -> None:
    text = (Path(__file__).parents[1] / "docs" / "service.md").read_text()
    section = text.partition("## S3 as a source")[2].partition("\n## ")[0]
    blocks = [textwrap.dedent(block) for block in re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)]
    assert len(blocks) >= 3
    for block in blocks:
        keys = block if block.startswith("backend:") else f"backend:\n  embedded:\n    buckets:\n{indented(block)}"
        assert errors(SMALL.replace("backend: {sns_topics: []}\n", keys)) == []


def indented(block: str) -> str:
    return textwrap.indent(block, " " * 6)
