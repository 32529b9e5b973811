"""Warnings of `check` about prefixes and patterns: those that fit other keys than they seem to, or none."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from configs import SMALL, _lines, check, errors, mapping, right
from slips.config.reference import json_schema


def warnings(text: str) -> list[str]:
    found, problems = check(text)
    assert found is not None, problems
    return _lines(problems, "warning")


def routed(routing: str, mappings: str = "- {prefix: a/, format: x}") -> str:
    """A config of the bucket `b` whose routing begins on line 2, and its mappings behind."""
    text = mapping(mappings)
    return text.replace(
        "stack_name: a\n", "stack_name: a\nrouting:\n" + "".join(f"  {x}\n" for x in routing.splitlines())
    )


# ---- which keys a mapping or a rule has


def test_a_mapping_and_a_rule_may_have_a_pattern() -> None:
    found = right(routed("- {pattern: '**/debug/**', dest: drop}", "- {pattern: 'a/*/b/**', format: x}"))
    assert (found.routing[0].pattern, found.routing[0].prefix) == ("**/debug/**", None)
    (one,) = found.bucket_mapping["b"]
    assert (one.pattern, one.prefix, one.beginning) == ("a/*/b/**", None, "a/")


def test_a_mapping_has_a_prefix_or_a_pattern_and_a_rule_one_at_most() -> None:
    assert errors(mapping("- {prefix: a, pattern: b, format: x}")) == [
        "6: bucket_mapping.b[0]: 'prefix' and 'pattern'; expected one of them; take one away"
    ]
    assert errors(routed("- {prefix: a, pattern: b, dest: slow}")) == [
        "3: routing[0]: 'prefix' and 'pattern'; expected one of them; take one away"
    ]
    assert errors(mapping("- {format: x}")) == ["6: bucket_mapping.b[0].prefix is missing; expected text; add it"]
    assert errors(mapping("- {prefix: , pattern: , format: x}")) == errors(mapping("- {format: x}"))
    right(mapping("- {prefix: , pattern: a, format: x}"))
    assert errors(mapping("- {prefix: a}")) == [
        "6: bucket_mapping.b[0].format is missing; expected a list of texts, or one text; add it"
    ]


def test_a_pattern_is_a_text_that_is_not_empty() -> None:
    assert errors(mapping("- {pattern: '', format: x}")) == [
        "6: bucket_mapping.b[0].pattern: is empty; expected a pattern of keys, such as 'logs/*.gz'"
    ]
    (problem,) = errors(mapping("- {pattern: 2018, format: x}"))
    assert problem.startswith("6: bucket_mapping.b[0].pattern: '2018' is a number to YAML; expected a pattern of keys")


# ---- one prefix or pattern alone


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (
            "prefix: AWSLogs/*/CloudTrail/",
            "prefix 'AWSLogs/*/CloudTrail/' is literal: its '*' fits only a star in the key; expected 'pattern', where "
            "it is a wildcard; write pattern: 'AWSLogs/*/CloudTrail/**'",
        ),
        (
            "prefix: logs/*",
            "prefix 'logs/*' is literal: its '*' fits only a star in the key; expected 'pattern', where it is a "
            "wildcard; write pattern: 'logs/**'",
        ),
        (
            "prefix: 's3://my-logs/a/'",
            "prefix 's3://my-logs/a/' begins with 's3://' and a bucket; S3 keys do not; expected what follows the "
            "bucket; write 'a/'",
        ),
        (
            "pattern: 's3://my-logs/*'",
            "pattern 's3://my-logs/*' begins with 's3://' and a bucket; S3 keys do not; expected what follows the "
            "bucket; write '*'",
        ),
        ("pattern: '/a/**'", "pattern '/a/**' begins with '/'; S3 keys do not; expected it without; write 'a/**'"),
        (
            "pattern: 'a/*/'",
            "pattern 'a/*/' fits only keys that end with '/', which no log has; expected the keys below; "
            "write 'a/*/**'",
        ),
    ],
)
def test_keys_that_fit_other_objects_than_they_seem_to_are_a_warning(keys: str, told: str) -> None:
    assert warnings(mapping(f"- {{prefix: q/, format: x}}\n- {{{keys}, format: x}}")) == [f"7: {told}"]
    assert warnings(routed(f"- {{{keys}, dest: slow}}")) == [f"3: {told}"]


@pytest.mark.parametrize(
    "keys", ["pattern: 'a\\*/**'", "prefix: 'a?/'", "pattern: 'a/**/b/*.gz'", "prefix: s3/", "prefix: ''"]
)
def test_right_keys_are_no_warning(keys: str) -> None:
    assert warnings(mapping(f"- {{{keys}, format: x}}")) == []


# ---- rules that are never reached


@pytest.mark.parametrize(
    ("before", "rule", "reached"),
    [
        ("- {pattern: 'a/**', dest: slow}", "{prefix: a/, dest: fast}", False),
        ("- {prefix: a/, dest: slow}", "{pattern: 'a/*/x/**', dest: fast}", False),
        ("- {pattern: '*/x/**', dest: slow}", "{pattern: 'a/x/*.gz', dest: fast}", False),
        ("- {pattern: 'a/*', dest: slow}", "{prefix: a/, dest: fast}", True),
        ("- {pattern: 'a/*', dest: slow}", "{pattern: 'a/**', dest: fast}", True),
        ("- {bucket: b, pattern: 'a/**', dest: slow}", "{pattern: 'a/*', dest: fast}", True),
        ("- {pattern: 'a/*', bucket: b, dest: slow}", "{bucket: b, pattern: 'a/x', dest: fast}", False),
    ],
)
def test_a_rule_behind_one_that_fits_all_its_keys_is_a_warning(before: str, rule: str, reached: bool) -> None:
    never = "4: this rule is never reached: that on line 3 matches all of it; expected it further up"
    assert warnings(routed(f"{before}\n- {rule}")) == ([] if reached else [never])


def test_a_rule_behind_several_that_fit_all_its_keys_together_is_a_warning() -> None:
    routing = "- {pattern: 'a/*', dest: slow}\n- {pattern: 'a/*/**', dest: fast}\n- {prefix: a/, dest: slow}"
    assert warnings(routed(routing)) == [
        "5: this rule is never reached: those on lines 3 and 4 match all of it; expected it further up"
    ]


def test_a_rule_for_a_bucket_that_is_not_mapped_is_a_warning() -> None:
    text = SMALL + "routing: [{bucket: my-log, dest: %s}]"
    told = "5: bucket 'my-log' of this rule is not in bucket_mapping; did you mean 'my-logs'?"
    assert warnings(text % "slow") == warnings(text % "drop") == [told]
    assert warnings((text % "slow").replace("my-log,", "other,")) == [
        "5: bucket 'other' of this rule is not in bucket_mapping; expected one of my-logs; mend it"
    ]


def test_a_rule_may_drop_what_a_topic_tells_of_other_buckets() -> None:
    topic = "sns_topics: [{name: a, arn: 'arn:aws:sns:us-east-1:123456789012:a'}]"
    text = SMALL.replace("sns_topics: []", topic) + "routing: [{bucket: other, dest: %s}]"
    assert warnings(text % "drop") == []
    assert len(warnings(text % "slow")) == 1


# ---- mappings that get no object


def test_a_mapping_whose_keys_all_go_to_a_better_one_is_a_warning() -> None:
    text = mapping("- {pattern: 'a/*', format: x}\n- {pattern: 'a/***', format: x}\n- {pattern: 'a/**', format: x}")
    assert warnings(text) == [
        "8: this mapping is hidden: of all keys that its pattern 'a/**' fits, pattern 'a/***' on line 7 takes "
        "precedence; expected some keys of its own; the most literal characters win, on a tie 'prefix', then the "
        "first; change it, or take it away"
    ]


@pytest.mark.parametrize(
    "mappings",
    [
        "- {pattern: 'a/**', format: x}\n- {prefix: a/, format: x}",
        "- {pattern: 'a/*', format: x}\n- {prefix: a/, format: x}",
        "- {pattern: '**/*', format: x}\n- {pattern: '**', format: x}",
    ],
)
def test_a_hidden_mapping_is_found_by_rank_not_by_place(mappings: str) -> None:
    assert [told.partition(": this mapping is hidden")[0] for told in warnings(mapping(mappings))] in (["6"], ["7"])


def test_a_mapping_that_several_hide_together_is_a_warning() -> None:
    text = mapping("- {pattern: '*', format: x}\n- {pattern: '*/**', format: x}\n- {pattern: '**', format: x}")
    (told,) = warnings(text)
    assert told.startswith(
        "8: this mapping is hidden: of all keys that its pattern '**' fits, pattern '*/**' on line 7, pattern '*' on "
        "line 6 take precedence; expected some keys of its own;"
    )
    assert warnings(text.replace("'*/**'", "'*/*'")) == []


def test_a_mapping_for_objects_that_are_no_logs_is_hidden_by_none() -> None:
    both = "- {prefix: a/, format: cloudtrail}\n- {pattern: 'a/**', format: %s}"
    assert len(warnings(mapping(both % "cloudtrail"))) == 1
    assert warnings(mapping(both % "cloudtrail-digest")) == []


def test_the_same_prefix_twice_is_told_once() -> None:
    text = mapping("- {prefix: a, format: x}\n- {prefix: a, format: x}")
    assert errors(text) == ["7: prefix 'a' is there twice, first on line 6; expected it once"]
    assert _lines(check(text)[1], "warning") == []


def test_a_mapping_all_of_whose_objects_routing_drops_is_a_warning() -> None:
    told = (
        "this mapping gets no object: of the rules of 'routing', {} all that its prefix 'a/' fits; expected some to "
        "take a lane; change the rule, or take the mapping away"
    )
    assert warnings(routed("- {dest: drop}")) == [f"8: {told.format('that on line 3 drops')}"]
    several = "- {pattern: 'a/*', dest: drop}\n- {pattern: 'a/*/**', dest: drop}\n- {dest: drop}"
    assert warnings(routed(several)) == [f"10: {told.format('those on lines 3 and 4 drop')}"]
    assert warnings(routed("- {prefix: a/x/, dest: fast}\n- {dest: drop}")) == []
    assert warnings(routed("- {pattern: 'a/*', dest: drop}")) == []


def test_a_mapping_is_told_if_routing_drops_what_better_mappings_leave_to_it() -> None:
    mappings = "- {prefix: a/b/, format: x}\n- {prefix: a/, format: x}"
    assert warnings(routed("- {prefix: a/b/, dest: fast}\n- {dest: drop}", mappings)) == [
        "10: this mapping gets no object: of the rules of 'routing', that on line 4 drops all that its prefix 'a/' fits"
        ", but for keys that other mappings take; expected some to take a lane; change the rule, or take the mapping "
        "away"
    ]
    assert warnings(routed("- {prefix: a/b, dest: fast}\n- {dest: drop}", mappings)) == []
    assert warnings(routed("- {dest: drop}", mappings)) == [
        f"{line}: this mapping gets no object: of the rules of 'routing', that on line 3 drops all that its prefix "
        f"'{prefix}' fits; expected some to take a lane; change the rule, or take the mapping away"
        for line, prefix in ((8, "a/b/"), (9, "a/"))
    ]


def test_a_mapping_that_a_rule_with_its_own_keys_drops_was_turned_off_on_purpose() -> None:
    assert warnings(routed("- {prefix: a/, dest: drop}")) == []


def test_keys_with_a_mistake_hide_no_others() -> None:
    _, problems = check(routed("- {prefix: 1, dest: drop}", "- {prefix: 1, format: x}\n- {pattern: 'a*', format: x}"))
    assert [(one.line, one.level) for one in problems] == [(3, "error"), (8, "error")]


# ---- for editors


@pytest.mark.parametrize(
    ("mapping", "routing", "is_right"),
    [
        ({"prefix": "a", "format": "x"}, {"dest": "slow"}, True),
        ({"pattern": "a/*", "format": "x"}, {"pattern": "a/*", "dest": "slow"}, True),
        ({"prefix": "a", "pattern": "a/*", "format": "x"}, {"dest": "slow"}, False),
        ({"format": "x"}, {"dest": "slow"}, False),
        ({"prefix": "a"}, {"dest": "slow"}, False),
        ({"pattern": "", "format": "x"}, {"dest": "slow"}, False),
        ({"prefix": "a", "format": "x"}, {"prefix": "a", "pattern": "a", "dest": "slow"}, False),
    ],
)
def test_editors_know_that_a_mapping_has_a_prefix_or_a_pattern(
    mapping: dict[str, str], routing: dict[str, str], is_right: bool
) -> None:
    config = {
        "stack_name": "a",
        "handler": {"path": "h.py"},
        "routing": [routing],
        "bucket_mapping": {"b": [mapping]},
    }
    assert Draft202012Validator(json_schema()).is_valid(config) is is_right
