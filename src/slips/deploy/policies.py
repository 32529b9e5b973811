"""Policies of topics, queues and keys: whether one lets a service of AWS act. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any


def permits(
    policy: dict[str, Any], action: str, source: str | None, account: str, service: str = "s3.amazonaws.com"
) -> bool:
    """Whether a policy lets a service do `action` on behalf of what has the ARN `source` in `account`.

    Without a `source`, conditions are taken as met: then only whom the policy names is judged.
    """
    facts = None if source is None else {"aws:sourcearn": source, "aws:sourceaccount": account}
    verdicts = {
        statement["Effect"]
        for statement in _listed(policy.get("Statement", []))
        if _names(statement.get("Principal", {}), service)
        and any(_fits(pattern.lower(), action.lower()) for pattern in _listed(statement.get("Action", [])))
        and (facts is None or _holds(statement.get("Condition", {}), facts))
    }
    return verdicts == {"Allow"}


def _names(principal: Any, service: str) -> bool:
    if principal == "*":
        return True
    return "*" in _listed(principal.get("AWS", [])) or service in _listed(principal.get("Service", []))


def _holds(condition: dict[str, dict[str, Any]], facts: dict[str, str]) -> bool:
    """Whether a service's call meets a condition; one that cannot be judged is taken as not met."""
    for operator, wanted in condition.items():
        name = operator.lower().removesuffix("ifexists")
        for key, values in wanted.items():
            fact = facts.get(key.lower(), "")
            if name not in ("stringequals", "stringlike", "arnequals", "arnlike"):
                return False
            exact = name == "stringequals"
            # An account may stand there as a number, too.
            texts = map(str, _listed(values))
            if not any(text == fact if exact else _fits(text, fact) for text in texts):
                return False
    return True


def _fits(pattern: str, text: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text) is not None


def _listed(value: Any) -> Collection[Any]:
    return value if isinstance(value, list) else [value]
