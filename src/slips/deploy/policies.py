"""Judges policies: whether that of a topic, queue or KMS key lets a service of AWS act, and whether one of IAM does.
Pure.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any, Literal

Verdict = Literal["allowed", "refused", "unknown"]
_Reach = Literal[0, 1, 2]
"""The part of the needed resources that a statement covers: none, perhaps a part, all."""


def permits(
    policy: dict[str, Any], action: str, source: str | None, account: str, service: str = "s3.amazonaws.com"
) -> bool:
    """Whether a policy lets a service do `action` on behalf of the resource `source` (an ARN) in `account`.

    Without a `source` all conditions count as met: then only the principals of the policy are judged.
    """
    facts = None if source is None else {"aws:sourcearn": source, "aws:sourceaccount": account}
    verdicts = {
        statement["Effect"]
        for statement in _listed(policy.get("Statement", []))
        if _is_about_principal(statement, service)
        and _is_about_action(statement, action)
        and (facts is None or _holds(statement.get("Condition", {}), facts))
    }
    return verdicts == {"Allow"}


def verdict(policy: dict[str, Any], action: str, resource: str) -> Verdict:
    """Judge whether a policy of IAM allows `action` on all ARNs that match the pattern `resource`.

    "unknown" if the policy allows or denies a part of these ARNs, or has conditions, which are not judged here.
    """
    reach: dict[str, _Reach] = {"Allow": 0, "Deny": 0}
    for statement in _listed(policy.get("Statement", [])):
        reach[statement["Effect"]] = max(reach[statement["Effect"]], _reach(statement, action, resource))
    if reach["Deny"] == 2 or reach["Allow"] == 0:
        return "refused"
    return "allowed" if reach == {"Allow": 2, "Deny": 0} else "unknown"


def _reach(statement: dict[str, Any], action: str, resource: str) -> _Reach:
    if not _is_about_action(statement, action):
        return 0
    wanted, others = _parts(resource), "NotResource" in statement
    patterns = [_parts(one) for one in _listed(statement.get("NotResource" if others else "Resource", []))]
    whole = any(_covers(pattern, wanted) for pattern in patterns)
    touched = any(_meets(pattern, wanted) for pattern in patterns)
    if others:
        whole, touched = not touched, not whole
    if not touched:
        return 0
    return 2 if whole and not statement.get("Condition") else 1


def _is_about_action(statement: dict[str, Any], action: str) -> bool:
    def named(key: str) -> bool:
        return any(_fits(pattern.lower(), action.lower()) for pattern in _listed(statement.get(key, [])))

    return not named("NotAction") if "NotAction" in statement else named("Action")


def _is_about_principal(statement: dict[str, Any], service: str) -> bool:
    if "NotPrincipal" in statement:
        return not _names(statement["NotPrincipal"], service)
    return _names(statement.get("Principal", {}), service)


def _names(principal: Any, service: str) -> bool:
    if principal == "*":
        return True
    return "*" in _listed(principal.get("AWS", [])) or service in _listed(principal.get("Service", []))


def _holds(condition: dict[str, dict[str, Any]], facts: dict[str, str]) -> bool:
    """Whether a service's call meets a condition. A condition that cannot be judged counts as not met."""
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


# ---- patterns of ARNs, in parts: `*`, `?`, a character, or a variable such as `${aws:username}`; `${*}` is a star


def _parts(pattern: str) -> list[str]:
    return re.findall(r"\$\{[^}]*\}|.", pattern, re.DOTALL)


def _covers(pattern: list[str], other: list[str]) -> bool:
    """Whether a pattern matches every text that another pattern matches; False if that depends on a variable."""
    places = _past_stars(pattern, {0})
    for part in other:
        after = {at for at in places if pattern[at : at + 1] == ["*"]}
        if part != "*":
            after |= {at + 1 for at in places if pattern[at : at + 1] in ([part], ["?"])}
        places = _past_stars(pattern, after)
    return len(pattern) in places


def _past_stars(pattern: list[str], places: Iterable[int]) -> set[int]:
    """Return places in a pattern, and the places behind each star at these, which may match no character."""
    found, ahead = set[int](), [*places]
    while ahead:
        at = ahead.pop()
        found.add(at)
        if pattern[at : at + 1] == ["*"]:
            ahead.append(at + 1)
    return found


def _meets(pattern: list[str], other: list[str]) -> bool:
    """Whether some text matches both patterns, for some values of their variables."""
    one, two = (["*" if re.match(r"\$\{[^}]{2}", part) else part for part in each] for each in (pattern, other))
    one, two = ([*each, "end"] for each in (one, two))
    seen, ahead = set[tuple[int, int]](), [(0, 0)]
    while ahead:
        place = ahead.pop()
        if place in seen:
            continue
        seen.add(place)
        first, second = one[place[0]], two[place[1]]
        if first == second == "end":
            return True
        if first == "*" or second == "*":
            # A star matches one more part of the other pattern, or ends.
            if second != "end":
                ahead.append((place[0], place[1] + 1))
            if first != "end":
                ahead.append((place[0] + 1, place[1]))
        elif first == second or ("?" in (first, second) and "end" not in (first, second)):
            ahead.append((place[0] + 1, place[1] + 1))
    return False


def _listed(value: Any) -> Collection[Any]:
    return value if isinstance(value, list) else [value]
