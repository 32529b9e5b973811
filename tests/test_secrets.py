"""Which texts of `handler.args` stand for a secret, and what for."""

from __future__ import annotations

from typing import Any

import pytest

from slips.secrets import Reference, references, resolve

SECRET = "arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:prod/db-AbCdEf"
PARAMETER = "arn:aws:ssm:ap-northeast-1:123456789012:parameter/my/key"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ssm:/my/key}}", Reference("ssm", "/my/key")),
        ("{{ssm:key}}", Reference("ssm", "key")),
        ("{{ssm:/my/key:3}}", Reference("ssm", "/my/key:3")),  # a version, which the service understands
        (f"{{{{ssm:{PARAMETER}}}}}", Reference("ssm", PARAMETER)),
        ("{{secretsmanager:prod/db}}", Reference("secretsmanager", "prod/db")),
        ("{{secretsmanager:prod/db:password}}", Reference("secretsmanager", "prod/db", "password")),
        ("{{secretsmanager:prod/db:a:b}}", Reference("secretsmanager", "prod/db", "a:b")),
        ("{{secretsmanager:prod/db:}}", Reference("secretsmanager", "prod/db")),
        (f"{{{{secretsmanager:{SECRET}}}}}", Reference("secretsmanager", SECRET)),
        (f"{{{{secretsmanager:{SECRET}:password}}}}", Reference("secretsmanager", SECRET, "password")),
        ("  {{ ssm:/my/key }}\n", Reference("ssm", "/my/key")),
        ("{{\tsecretsmanager:db:my key }}", Reference("secretsmanager", "db", "my key")),
    ],
)
def test_a_placeholder_names_a_parameter_or_a_secret_and_perhaps_a_key_of_it(text: str, expected: Reference) -> None:
    assert Reference.of(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "value",
        "{{}}",
        "{{ssm:}}",
        "{{ssm}}",
        "{{vault:/my/key}}",
        "{{SSM:/my/key}}",
        "{ssm:/my/key}",
        "{{ssm:/my/key}",
        "{{{ssm:/my/key}}}",
        "{{ssm:/a}}{{ssm:/b}}",
        "https://{{ssm:/host}}/",
        "Bearer {{ssm:/token}}",
    ],
)
def test_any_other_text_is_plain(text: str) -> None:
    assert Reference.of(text) is None
    assert list(references({"a": text})) == []
    assert resolve(text, lambda reference: f"<{reference.id}>") == text


ARGS: dict[str, Any] = {
    "plain": "value",
    "key": "{{ssm:/a}}",
    "deep": {"list": ["{{secretsmanager:db:user}}", ["{{ssm:/b}}", 1]], "none": None},
    "numbers": [1, 2.5, True],
    "{{ssm:/name}}": "names stay",
}


def test_placeholders_are_found_however_deep_in_the_order_of_the_args() -> None:
    assert [(one.service, one.id, one.key) for one in references(ARGS)] == [
        ("ssm", "/a", None),
        ("secretsmanager", "db", "user"),
        ("ssm", "/b", None),
    ]


def test_what_is_fetched_takes_their_place_and_the_args_themselves_stay() -> None:
    before = repr(ARGS)
    fetched = {"/a": "A", "db": {"any": "value"}, "/b": "{{ssm:/not-again}}"}
    assert resolve(ARGS, lambda reference: fetched[reference.id]) == {
        "plain": "value",
        "key": "A",
        "deep": {"list": [{"any": "value"}, ["{{ssm:/not-again}}", 1]], "none": None},
        "numbers": [1, 2.5, True],
        "{{ssm:/name}}": "names stay",
    }
    assert repr(ARGS) == before


def test_an_error_of_fetching_passes() -> None:
    def fetch(reference: Reference) -> str:
        raise LookupError(reference.id)

    with pytest.raises(LookupError, match="/a"):
        resolve(ARGS, fetch)
