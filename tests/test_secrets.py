"""Which texts of `handler.args` stand for a secret, and what for."""

from __future__ import annotations

from typing import Any

import pytest

from slips.config.secrets import Reference, doubt, mistake, references, resolve

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


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("{{secretmanager:x}}", "{{secretsmanager:x}}"),
        ("{{ secrets-manager:db:key }}", "{{secretsmanager:db:key}}"),
        ("{{SecretsManager/db}}", "{{secretsmanager:db}}"),
        ("{{ssm/x}}", "{{ssm:/x}}"),
        ("{{SSM:/x}}", "{{ssm:/x}}"),
        ("{{sssm:x}}", "{{ssm:x}}"),
        ("{ssm:/x}", "{{ssm:/x}}"),
        ("${ssm:/x}", "{{ssm:/x}}"),
        ("{{{ssm:/x}}}", "{{ssm:/x}}"),
        ("{{ssm:/x}", "{{ssm:/x}}"),
        ("Bearer {{secretmanager:x}}", ""),
        ("{{ssm:}}", ""),
        ("{{ssm}}", ""),
        ("{{SSM:my key}}", ""),
    ],
)
def test_a_near_miss_of_a_placeholder_suggests_the_right_one(text: str, meant: str) -> None:
    told = mistake(text)
    assert told.startswith("would reach the handler as it is; expected a placeholder alone")
    assert told.endswith(f"did you mean '{meant}'?" if meant else "put the text around it together in the handler")


@pytest.mark.parametrize(
    "text",
    ["{{name}}", "{{user:name}}", "{{sms:text}}", "{{vault:/x}}", "{{ secret:x }}", "ssm:/x", "{a: {ssm: 1}}", "{{}}"],
)
def test_a_template_of_the_users_own_is_no_mistake(text: str) -> None:
    assert mistake(text) == ""


@pytest.mark.parametrize(
    ("text", "key"),
    [
        *(("{{env:HOME}}", "env"), ("{{ENV:HOME}}", "env"), ("{{envv:HOME}}", "env"), ("Bearer {{env:X}}", "env")),
        *(("{{file:/run/x}}", "file"), ("{{ files: x }}", "file"), ("{{name}}", ""), ("{{user:name}}", "")),
        *(("{{ssm:/env}}", ""), ("{{ssm:env}}", ""), ("Bearer {{ssm:/x}} {{env:X}}", ""), ("env:HOME", "")),
    ],
)
def test_a_placeholder_for_the_secret_of_a_webhook_is_doubtful_in_args(text: str, key: str) -> None:
    told = doubt(text)
    assert told.startswith(f"reaches the handler as it is: '{{{{{key}:…}}}}' is only for the secret of" if key else "")
    assert bool(told) == bool(key)


@pytest.mark.parametrize("id", ["my key", "/x:latest:1", "/x,y", "arn:aws:s3:::x"])
def test_a_parameter_has_a_name_that_parameters_may_have(id: str) -> None:
    assert mistake(f"{{{{ssm:{id}}}}}").startswith("names no parameter; expected letters")


@pytest.mark.parametrize("id", ["key", "/my/key:3", "/a.b_c-d:latest", PARAMETER, f"{PARAMETER}:3"])
def test_a_name_with_a_version_or_label_is_right(id: str) -> None:
    assert mistake(f"{{{{ssm:{id}}}}}") == ""


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


def test_resolving_puts_secrets_into_a_copy_of_the_args() -> None:
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
