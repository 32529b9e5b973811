"""Rights of the handler on AWS (`handler.policies` of the config): their declaration, and the rules between keys.

Part of the declaration in `config`, and as cheap to import. `deploy.permissions` writes the CloudFormation policies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

PSEUDO = {"AWS::AccountId": "123456789012", "AWS::Partition": "aws", "AWS::Region": "us-east-1"}
"""Pseudo parameters, which CloudFormation replaces, each with an example of its value."""

_PART = rf"(?:[^:\s$]|\$(?!\{{)|\$\{{(?:{'|'.join(PSEUDO)})\}})+"
_PATTERN_PART = r"(?:[!-#%-9;-\xff]|\$(?!\{)|\$\{[^{}]+\})"


def shared_arn(description: str, example: str, pattern: str) -> Meta:
    """Declare an ARN of any account. `PART` in `pattern` stands for a part of an ARN, or a pseudo parameter."""
    return Meta(
        description=description,
        examples=[example],
        pattern=f"^{pattern.replace('PART', _PART)}$",
        extra={"expected": f"an ARN such as {example}", "arn": example.split(":")[2]},
    )


# "x-short": a text may stand for the value, as in `config`; "short" names the key of the mapping for that text.
_TEXT = {"x-short": {"type": "string"}}
_ACTION = Meta(
    pattern=r"^(\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+)$",
    extra={"expected": "service:Action, such as 's3:PutObject' or 's3:Put*'"},
)
# Policies take U+0020 to U+00FF: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_RESOURCE = Meta(
    pattern=rf"^(\*|arn:{_PATTERN_PART}+:{_PATTERN_PART}+:{_PATTERN_PART}*:{_PATTERN_PART}*:({_PATTERN_PART}|[ :])+)$",
    extra={"expected": "an ARN such as 'arn:aws:s3:::my-bucket/*', or '*'", "resource": True},
)
_MATCHED = Meta(pattern=r"^[ -\xff]*$", extra={"expected": "text from U+0020 to U+00FF, which IAM takes"})
_COMPARISON = (
    "String(Not)?(Equals(IgnoreCase)?|Like)|(Numeric|Date)((Not)?Equals|(Less|Greater)Than(Equals)?)"
    "|Arn(Not)?(Equals|Like)|(Not)?IpAddress|Bool|BinaryEquals"
)
_OPERATOR = Meta(
    pattern=f"^((ForAllValues|ForAnyValue):)?(({_COMPARISON})(IfExists)?|Null)$",
    extra={"expected": "an operator of IAM, such as StringEquals"},
)
_Actions = Annotated[list[Annotated[str, _ACTION]], Meta(min_length=1, extra_json_schema=_TEXT)]
_Resources = Annotated[list[Annotated[str, _RESOURCE]], Meta(min_length=1, extra_json_schema=_TEXT)]
_Matched = Annotated[list[Annotated[str, _MATCHED]], Meta(min_length=1, extra_json_schema=_TEXT)]


def _key(description: str, *examples: Any, **constraints: Any) -> Meta:
    return Meta(description=description, examples=list(examples) or None, **constraints)


_ARN = shared_arn(
    "A managed policy. The ARN alone, in place of the mapping, means the same.",
    "arn:aws:iam::123456789012:policy/Out",
    r"arn:PART:iam::PART:policy/\S+",
)
_SID = _key("Name of an IAM statement.", "Out", pattern="^[A-Za-z0-9]+$", extra={"expected": "letters and digits"})
_CONDITION = _key("As in IAM.", {"StringEquals": {"aws:SourceAccount": "${AWS::AccountId}"}}, min_length=1)


class Policy(Struct, frozen=True, omit_defaults=True):
    """Actions on resources, an IAM statement, or the ARN of a managed policy."""

    actions: Annotated[_Actions, _key("What the main func may do.", ["s3:PutObject"])] | None = None
    resources: Annotated[_Resources, _key("On what: goes with `actions`.", ["arn:aws:s3:::my-bucket/*"])] | None = None
    arn: Annotated[str, _ARN] | None = None
    sid: Annotated[str, _SID] | None = field(default=None, name="Sid")
    effect: Annotated[Literal["Allow", "Deny"], _key("Needed in an IAM statement.")] | None = field(
        default=None, name="Effect"
    )
    action: Annotated[_Actions, _key("As in IAM.")] | None = field(default=None, name="Action")
    not_action: Annotated[_Actions, _key("As in IAM.")] | None = field(default=None, name="NotAction")
    resource: Annotated[_Resources, _key("As in IAM.")] | None = field(default=None, name="Resource")
    not_resource: Annotated[_Resources, _key("As in IAM.")] | None = field(default=None, name="NotResource")
    condition: Annotated[dict[Annotated[str, _OPERATOR], dict[str, _Matched]], _CONDITION] | None = field(
        default=None, name="Condition"
    )

    @property
    def patterns(self) -> list[str]:
        """ARNs of the resources that the policy names; `*` may be among them."""
        return [*(self.resources or ()), *(self.resource or ()), *(self.not_resource or ())]


POLICY = Meta(
    extra_json_schema=_TEXT,
    extra={"expected": "actions and resources, an IAM statement, or the ARN of a managed policy", "short": "arn"},
)
"""Declares a Policy that may be written as a text, the ARN of a managed policy."""


# ---- ARNs


def fill_in(arn: str, values: Mapping[str, str] = PSEUDO) -> str:
    """Replace `${AWS::AccountId}` and the other pseudo parameters in an ARN by values."""
    for name, value in values.items():
        arn = arn.replace(f"${{{name}}}", value)
    return arn


def is_placeholder_pattern(arn: str) -> bool:
    """Whether a resource of a policy, `*` and variables aside, lacks a real account or has a gap such as `<x>`."""
    account = re.sub(r"\$\{[^{}]*\}", "*", arn).split(":", 5)[4:5] or [""]
    fine = re.fullmatch(r"|aws|cloudfront|[0-9]{12}|[0-9]*[*?][0-9*?]*", account[0])
    return not fine or re.search("[<>]", arn) is not None


# ---- rules between keys

Where = tuple[str | int, ...]
Level = Literal["error", "warning"]

_FORMS = {
    "actions and resources": ("actions", "resources"),
    "the ARN of a managed policy": ("arn",),
    "an IAM statement": ("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"),
}
_NEEDED: dict[str, list[tuple[str, ...]]] = {
    "actions and resources": [("actions",), ("resources",)],
    "the ARN of a managed policy": [],
    "an IAM statement": [("Effect",), ("Action", "NotAction"), ("Resource", "NotResource")],
}
"""Keys that each form needs: exactly one of each group."""
_VARIABLE = rf"\$\{{({'|'.join(PSEUDO)}|[*?$]|(?!AWS::)[A-Za-z0-9-]+:[^{{}}]+)\}}"


def problems(policies: Sequence[tuple[int, dict[str, Any], set[str]]]) -> Iterator[tuple[Where, str, Level]]:
    """Yield the mistakes between the keys of `handler.policies`: place, text and level of each.

    `policies` has the index, the valid data and all keys of each policy, those with invalid values included.
    """
    sids: set[str] = set()
    for index, data, keys in policies:
        forms = [form for form, names in _FORMS.items() if keys & {*names}]
        if len(forms) == 1:
            yield from (((index,), text, "error") for text in _missing(forms[0], keys))
        else:
            problem = f"{' beside '.join(forms)}" if forms else "is empty"
            yield (index,), f"{problem}; expected one of these: {', '.join(_FORMS)}; write just that", "error"
        sid = data.get("Sid")
        if sid in sids:
            yield (index, "Sid"), f"Sid {sid!r} is there twice; expected each once; rename it", "error"
        sids |= {sid} if sid else set()
        for key, text in _texts(data):
            for wrong in re.finditer(rf"(?!{_VARIABLE})\$\{{[^}}]*\}}?", text):
                pseudo = ", ".join(f"${{{name}}}" for name in PSEUDO)
                expected = f"expected {pseudo}, or one of IAM's such as ${{aws:username}}; mend it"
                yield (index, key), f"{wrong[0]!r} is no variable; {expected}", "error"
        if data.get("Effect") != "Deny" and _has_star(data, "action") and _has_star(data, "resource"):
            text = "allows every action on everything; expected what the handler does, on what it does it to; narrow it"
            yield (index,), text, "warning"


def _missing(form: str, keys: set[str]) -> Iterator[str]:
    for names in _NEEDED[form]:
        present = [name for name in names if name in keys]
        if not present:
            yield f"{' or '.join(names)} is missing; expected it in {form}; add it"
        elif len(present) > 1:
            yield f"{' and '.join(names)} together; expected one of them; take the other away"


def _texts(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """List the texts in which a variable may stand, each with the key above it."""
    for key, value in data.items():
        lists = [value]
        if key == "Condition":
            lists = [each for tests in value.values() for each in tests.values()]
        yield from ((key, text) for each in lists if isinstance(each, list) for text in each if isinstance(text, str))


def _has_star(data: dict[str, Any], key: str) -> bool:
    return "*" in [*data.get(f"{key}s", ()), *data.get(key.title(), ())]
