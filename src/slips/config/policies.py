"""Rules between the keys of `handler.policies`, the handler's rights on AWS.

`deploy.permissions` writes the policies of CloudFormation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from slips.config.notes import PSEUDO
from slips.config.problems import Where

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


def mistakes(policies: Sequence[tuple[int, dict[str, Any], set[str]]]) -> Iterator[tuple[Where, str, Level]]:
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
            text = "allows every action on everything; expected what the handler needs, on its resources; narrow it"
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
