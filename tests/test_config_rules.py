"""Promises of the config about ARNs, and rules between keys."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from configs import SMALL, _lines, check, errors, handler, mapping, right
from slips.config.arns import given_arns, placeholder_arns
from slips.config.check import check as check_config


def warnings(text: str) -> list[str]:
    found, problems = check(text)
    assert found is not None, problems
    return _lines(problems, "warning")


# ---- ARNs


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:sns:ap-northeast-1:1234xxxxxx:seclog-event",
        "arn:aws:sns:ap-northeast-1:12345678901:seclog-event",
        "arn:aws:sns:REGION:123456789012:seclog-event",
        "arn:aws:sns:us-east-1:123456789012:<topic>",
    ],
)
def test_placeholder_arns_are_warnings_and_listed_for_deploy(arn: str) -> None:
    text = SMALL.replace("sns_topics: []", f"sns_topics: [{{name: a, arn: '{arn}'}}]")
    assert warnings(text) == [
        f"2: backend.sns_topics[0].arn: '{arn}' is a placeholder; expected an ARN with a region and an account of "
        "12 digits; 'deploy' will refuse it"
    ]
    assert placeholder_arns(right(text)) == [arn]


ARNS = {
    "role_arn: {event_pusher: %s}": "iam::%s:role/a",
    "role_arn: {dispatcher: %s}": "iam::%s:role/a",
    "role_arn: {reporter: %s}": "iam::%s:role/a",
    "role_arn: {drain: %s}": "iam::%s:role/path/a",
    "kinesis_stream_fast_arn: %s": "kinesis:us-east-1:%s:stream/a",
    "kinesis_stream_slow_arn: %s": "kinesis:us-gov-west-1:%s:stream/a",
    "dynamodb_arn: %s": "dynamodb:cn-north-1:%s:table/a",
    "dlq_sns_arn: %s": "sns:us-east-1:%s:a.b",
    "kms_key_arns: [%s]": "kms:us-east-1:%s:key/0f1e2d3c",
}


@pytest.mark.parametrize("key", ARNS)
def test_every_arn_is_checked(key: str) -> None:
    def with_arn(arn: str) -> str:
        return SMALL.replace("sns_topics: []", "sns_topics: [], " + key % f"'{arn}'")

    real, placeholder = (f"arn:aws:{ARNS[key] % account}" for account in ("123456789012", "1234xxxxxx"))
    assert warnings(with_arn(real)) == placeholder_arns(right(with_arn(real))) == []
    assert len(warnings(with_arn(placeholder))) == 1
    assert placeholder_arns(right(with_arn(placeholder))) == [placeholder]
    for wrong in ("arn:aws:s3:::bucket", "seclog", real.replace(":aws:", ""), f"{real} x"):
        (problem,) = errors(with_arn(wrong))
        assert f"'{wrong}' does not fit; expected an ARN such as arn:aws:" in problem


def test_deploy_looks_at_the_arns_of_the_stacks_own_account_by_key_or_name_of_the_source() -> None:
    topic, role, key = (
        "arn:aws:sns:us-east-1:123456789012:a",
        "arn:aws:iam::123456789012:role/MainFunc",
        "arn:aws:kms:ap-northeast-1:123456789012:key/0f1e2d3c",
    )
    text = handler(f"role_arn: {role}").replace(
        "sns_topics: []",
        f"sns_topics: [{{name: A, arn: '{topic}'}}], kms_key_arns: ['{key}'], alarm_sns_arn: '{topic}'",
    )
    assert [(one.key, one.arn) for one in given_arns(right(text)) if one.home == "stack"] == [
        ("backend.sns_topics A", topic),
        ("backend.alarm_sns_arn", topic),
        ("handler.role_arn", role),
    ]


@pytest.mark.parametrize(
    ("key", "service", "kind"),
    [
        ("sns_topics: [{name: A, arn: %s}]", "sns", "topic"),
        ("sqs_queues: [{name: A, arn: %s}]", "sqs", "queue"),
        ("dlq_sns_arn: %s", "sns", "topic"),
        ("alarm_sns_arn: %s", "sns", "topic"),
    ],
)
def test_fifo_topics_and_queues_are_refused(key: str, service: str, kind: str) -> None:
    arn = f"arn:aws:{service}:us-east-1:123456789012:logs"
    text = SMALL.replace("sns_topics: []", key % f"'{arn}.fifo'")
    (problem,) = errors(text)
    assert f"'{arn}.fifo' is a FIFO {kind}, to which neither S3 nor alarms nor" in problem
    right(text.replace(".fifo", ".fifo-not"))


def test_the_handlers_role_is_an_arn_too() -> None:
    text = handler("role_arn: arn:aws:iam::1234xxxxxx:role/a")
    assert placeholder_arns(right(text)) == ["arn:aws:iam::1234xxxxxx:role/a"]
    twice = text.replace("sns_topics: []", "role_arn: {drain: arn:aws:iam::1234xxxxxx:role/a}")
    assert placeholder_arns(right(twice)) == ["arn:aws:iam::1234xxxxxx:role/a"]
    assert "expected an ARN" in errors(handler("role_arn: a"))[0]


# ---- rules between keys


def test_a_prefix_that_is_there_twice_is_an_error_in_one_bucket_only() -> None:
    assert errors(mapping("- {prefix: a, format: x}\n- {prefix: b, format: x}\n- {prefix: a, format: x}")) == [
        "8: prefix 'a' is there twice, first on line 6; expected it once"
    ]
    assert errors(mapping("- {prefix: a, format: x}\n" * 3))[1].startswith(
        "8: prefix 'a' is there twice, first on line 6"
    )
    assert errors(SMALL.replace("{my-logs: [", "{other: [{prefix: a/, format: x}], my-logs: [")) == []


def test_a_prefix_that_begins_with_a_slash_is_a_warning() -> None:
    assert warnings(mapping("- {prefix: /a, format: x}")) == [
        "6: prefix '/a' begins with '/'; S3 keys do not; expected it without; write 'a'"
    ]
    assert warnings(SMALL + "routing: [{prefix: /a, dest: slow}]") == [
        "5: prefix '/a' begins with '/'; S3 keys do not; expected it without; write 'a'"
    ]


@pytest.mark.parametrize(
    ("first", "second", "reached"),
    [
        ("{dest: drop}", "{bucket: a, dest: slow}", False),
        ("{prefix: '', dest: drop}", "{prefix: a, dest: slow}", False),
        ("{bucket: a, dest: drop}", "{bucket: a, prefix: b/, dest: slow}", False),
        ("{prefix: b/, dest: drop}", "{bucket: a, prefix: b/c/, dest: slow}", False),
        ("{bucket: a, dest: drop}", "{bucket: b, dest: slow}", True),
        ("{bucket: a, dest: drop}", "{dest: slow}", True),
        ("{prefix: b/c/, dest: drop}", "{prefix: b/, dest: slow}", True),
    ],
)
def test_a_routing_rule_behind_a_wider_one_is_a_warning(first: str, second: str, reached: bool) -> None:
    text = SMALL.replace("{my-logs: [", "{b: [{prefix: q/, format: x}], a: [{prefix: r/, format: x}], my-logs: [")
    found = [each for each in warnings(text + f"routing:\n  - {first}\n  - {second}") if "no object" not in each]
    never = ["7: this rule is never reached: that on line 6 matches all of it; expected it further up"]
    assert found == ([] if reached else never)


def test_a_routing_rule_with_a_mistake_hides_no_other() -> None:
    _, problems = check(SMALL + "routing:\n  - {bucket: 1, dest: slow}\n  - {bucket: my-logs, dest: slow}")
    assert [(one.line, one.level) for one in problems] == [(6, "error")]


def test_a_config_without_a_source_of_logs_is_a_warning() -> None:
    assert warnings(SMALL.replace("backend: {sns_topics: []}", "backend: {}")) == [
        "2: no log can arrive; expected backend.sns_topics, sqs_queues, eventbridge or s3_direct (AWS), or "
        "backend.embedded (this machine); add one"
    ]
    assert warnings(SMALL.replace("sns_topics: []", "embedded: {buckets: {my-logs: data}}")) == []


def test_embedded_buckets_and_mappings_should_name_each_other() -> None:
    assert warnings(SMALL.replace("sns_topics: []", "embedded: {buckets: {my-log: data}}")) == [
        "2: bucket 'my-log' has no mapping; expected one in bucket_mapping; add it",
        "4: bucket 'my-logs' has no directory on this machine; did you mean 'my-log'?",
    ]


KINESIS = "arn:aws:kinesis:us-east-1:123456789012:stream"
STREAMS = f"backend:\n  kinesis_stream_fast_arn: {KINESIS}/a\n  kinesis_stream_slow_arn: {KINESIS}/b\n  "


def test_one_stream_for_both_lanes_is_an_error_as_each_object_would_be_dispatched_twice() -> None:
    both = SMALL.replace("backend: {", f"{STREAMS}").replace("sns_topics: []}", "sns_topics: []")
    assert errors(both) == []
    assert errors(both.replace("stream/b", "stream/a")) == [
        "4: backend.kinesis_stream_slow_arn: the same stream as backend.kinesis_stream_fast_arn on line 3, whose "
        "events both lanes would dispatch; expected a stream for each lane; name another, or let 'deploy' make it"
    ]


@pytest.mark.parametrize("key", ["stream_shards: 2", "stream_retention_hours: 48"])
def test_settings_of_streams_beside_two_given_streams_are_a_warning(key: str) -> None:
    both = SMALL.replace("backend: {", f"{STREAMS}").replace("sns_topics: []}", f"sns_topics: []\n  {key}")
    (told,) = warnings(both)
    assert told.startswith(f"6: backend.{key.partition(':')[0]} changes nothing: both streams are given")
    assert warnings(both.replace("  kinesis_stream_slow_arn", "  #")) == []


def test_variables_of_lambda_are_refused_but_for_a_config_that_runs_on_this_machine_too() -> None:
    own = handler("environment:\n  A: x\n  AWS_REGION: x")
    text = "6: handler.environment.AWS_REGION is Lambda's own; expected another name; rename it"
    assert errors(own) == [text]
    assert warnings(own.replace("sns_topics: []", "embedded: {buckets: {b: d}}")) == [
        f"{text}; 'deploy' will refuse it"
    ]


def test_arns_of_two_regions_are_an_error() -> None:
    arns = (
        "backend:\n  sns_topics: [{name: A, arn: 'arn:aws:sns:us-east-1:123456789012:a'}]\n"
        "  kms_key_arns: ['arn:aws:kms:us-west-2:123456789012:key/a']\n"
        "  role_arn: {drain: 'arn:aws:iam::123456789012:role/a'}\n"
        "  dynamodb_arn: arn:aws:dynamodb:REGION:123456789012:table/T"
    )
    text = SMALL.replace("backend: {sns_topics: []}", arns)
    assert errors(text.replace("REGION", "us-east-1")) == []
    own = "permissions_boundary: 'arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/P'\n"
    assert errors(text.replace("REGION", "us-east-1") + own) == []
    assert errors(text.replace("REGION", "eu-west-1")) == [
        "6: backend.dynamodb_arn: 'arn:aws:dynamodb:eu-west-1:123456789012:table/T' is of eu-west-1, but "
        "backend.sns_topics[0].arn on line 3 of us-east-1; expected one region, that of the stack; name another"
    ]
    assert errors(text.replace("REGION:123456789012", "eu-west-1:1234xxxxxx")) == []


@pytest.mark.parametrize(
    ("key", "part"),
    [
        ("dynamodb_arn", "dynamodb:us-east-1:123456789012:table/T/index/x"),
        ("kinesis_stream_fast_arn", "kinesis:us-east-1:123456789012:stream/a/consumer/b:1"),
        ("dlq_sns_arn", "sns:us-east-1:123456789012:topic:0f1e2d3c"),
    ],
)
def test_an_arn_of_a_part_is_none_of_the_whole(key: str, part: str) -> None:
    (problem,) = errors(SMALL.replace("sns_topics: []", f"sns_topics: [], {key}: 'arn:aws:{part}'"))
    assert f"backend.{key}: 'arn:aws:{part}' does not fit; expected an ARN such as" in problem


def test_topics_have_names_that_differ() -> None:
    topic = "{name: a, arn: 'arn:aws:sns:us-east-1:123456789012:a'}"
    assert errors(SMALL.replace("sns_topics: []", f"sns_topics: [{topic}, {topic}]")) == [
        "2: name 'a' is there twice, first on line 2; expected it once"
    ]


def test_a_vpc_needs_subnets_and_security_groups() -> None:
    assert errors(handler("subnet_ids: [subnet-1]")) == [
        "4: handler.subnet_ids without handler.security_group_ids; expected both or none; add it"
    ]
    assert errors(handler("security_group_ids: [sg-1]\nsubnet_ids: [subnet-1]")) == []


def test_a_mistake_in_a_chain_has_the_line_of_the_name_it_quotes() -> None:
    def two_problems(_names: Sequence[str], root: Path) -> list[str]:
        assert root == Path.cwd()
        return ["format 'jsn' is not known", "format 'last' reads objects; expected it before 'jsn'", "it is odd"]

    text = mapping("- prefix: a\n  format:\n    - s3-lines\n    - jsn\n    - last\n")
    assert _lines(check(text, check_chain=two_problems)[1], "error") == [
        "7: it is odd",
        "9: format 'jsn' is not known",
        "10: format 'last' reads objects; expected it before 'jsn'",
    ]


def test_chains_are_checked_against_the_catalogue() -> None:
    _, problems = check_config(mapping("- {prefix: a, format: no-such-format}"), files=False)
    (problem,) = _lines(problems, "error")
    assert problem.startswith("6: format 'no-such-format' is not known")


def test_chains_are_checked_even_where_the_rest_of_the_mapping_is_wrong() -> None:
    text = mapping("- {prefix: 1, format: jsn, on_error: x}\n- {format: jsn}\n- {prefix: a, format: [123]}")
    _, problems = check(text, check_chain=lambda names, _root: [f"format {names[0]!r} is not known"])
    assert [one.line for one in problems if one.message.startswith("format ")] == [6, 7]


def test_a_parser_of_texts_behind_events_without_one_is_a_warning_at_its_step() -> None:
    assert warnings(mapping("- {prefix: a, format: [s3-lines, json]}\n- prefix: b\n  format: [okta, syslog]")) == [
        "8: format 'syslog' reads a text in 'message' or 'log', and events of 'okta' are not known to have one; "
        "expected a header in its place, such as 'docker-json'; try the chain with 'slips parse'"
    ]


def test_buckets_of_a_wrong_type_are_no_missing_directories() -> None:
    _, problems = check(SMALL.replace("sns_topics: []", "embedded: {buckets: [data]}"))
    assert [(problem.level, problem.message.partition(";")[0]) for problem in problems] == [
        ("error", "backend.embedded.buckets: found a list")
    ]
