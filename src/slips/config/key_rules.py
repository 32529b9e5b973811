"""Checks the prefixes and patterns of routing and mappings: those that fit other keys than they seem to, or none.

All are warnings but for a mapping with both or neither. What a whole pattern covers is decided exactly, by `pattern`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from slips.config.problems import Problems, Where, quote, show
from slips.config.values import INVALID, right_items
from slips.not_logs import is_for_no_logs
from slips.pattern import Pattern, always, covers, may_share, selecting
from slips.step import name_of

_KEYS = ("prefix", "pattern")
_S3 = "s3://"


class _Entry(Struct, frozen=True):
    """A rule of `routing`, or a mapping, with keys that are certain."""

    line: int
    keys: Pattern
    about: str
    """`prefix 'a/'`, as the config has it."""
    bucket: str | None = None
    dest: str = ""
    is_pattern: bool = False
    is_for_no_logs: bool = False
    """Whether the format of the mapping is made for objects that are no logs."""


class KeyRules:
    """Checks the keys of `routing` and `bucket_mapping`, from the right values of a file."""

    def __init__(
        self, problems: Problems, routing: list[Any], mapping: dict[str, list[Any]], backend: dict[str, Any]
    ) -> None:
        self._problems, self._routing, self._mapping, self._backend = problems, routing, mapping, backend

    def check(self) -> None:
        """Report every mistake."""
        routes = [
            entry
            for index, rule in right_items(self._routing)
            if (entry := self._entry(rule, ("routing", index), needed=False)) is not None
        ]
        self._check_buckets()
        self._check_routes(routes)
        for bucket, mappings in self._mapping.items():
            entries = [
                entry
                for index, mapping in right_items(mappings)
                if (entry := self._entry(mapping, ("bucket_mapping", bucket, index), needed=True)) is not None
            ]
            self._check_mappings(entries, [route for route in routes if route.bucket in (None, bucket)])

    def _entry(self, entry: dict[str, Any], here: Where, *, needed: bool) -> _Entry | None:
        """Check the keys of a rule or a mapping alone. Return them; None if a mistake makes them uncertain."""
        lines = self._problems.lines
        given = [key for key in _KEYS if (*here, key) in lines]
        if len(given) > 1:
            self._problems.error(
                (*here, "pattern"), f"{show(here)}: 'prefix' and 'pattern'; expected one of them; take one away"
            )
            return None
        if not given and needed:
            self._problems.error((*here, "prefix"), f"{show((*here, 'prefix'))} is missing; expected text; add it")
            return None
        for key in _KEYS:
            if key in entry:
                self._check_text(key, entry[key], (*here, key))
        if any((*here, key) in lines and key not in entry for key in (*_KEYS, "bucket")):
            return None
        prefix, pattern = entry.get("prefix"), entry.get("pattern")
        return _Entry(
            self._problems.line(here),
            selecting(prefix, pattern),
            f"prefix {quote(prefix or '')}" if pattern is None else f"pattern {quote(pattern)}",
            entry.get("bucket"),
            entry.get("dest", ""),
            pattern is not None,
            is_for_no_logs([name_of(step) for step in entry.get("format", []) if step is not INVALID]),
        )

    def _check_text(self, key: str, text: str, where: Where) -> None:
        """Report a prefix or pattern that fits no key of S3, or others than it seems to."""
        what = f"{key} {quote(text)}"
        if text.startswith(_S3):
            rest = text.removeprefix(_S3).partition("/")[2]
            self._problems.warn(
                where,
                f"{what} begins with '{_S3}' and a bucket; S3 keys do not; expected what follows the bucket; "
                f"write {quote(rest)}",
            )
        elif text.startswith("/"):
            self._problems.warn(
                where,
                f"{what} begins with '/'; S3 keys do not; expected it without; write {quote(text.lstrip('/'))}",
            )
        if key == "prefix" and "*" in text:
            self._problems.warn(
                where,
                f"{what} is literal: its '*' fits only a star in the key; expected 'pattern', where it is a wildcard; "
                f"write pattern: {quote(text.rstrip('*') + '**')}",
            )
        if key == "pattern" and text.endswith("/"):
            self._problems.warn(
                where,
                f"{what} fits only keys that end with '/', which no log has; expected the keys below; "
                f"write {quote(text + '**')}",
            )

    def _check_buckets(self) -> None:
        """Report rules for a bucket that is not mapped, whose objects never arrive, or become error items."""
        import difflib  # not at the start of a function on AWS

        # A topic or queue may have objects of more buckets than those that are mapped: a rule may drop them.
        shares = any(self._backend.get(key) for key in ("sns_topics", "sqs_queues"))
        here_too = (self._backend.get("embedded") or {}).get("buckets", {})
        for index, rule in right_items(self._routing):
            bucket = rule.get("bucket")
            if bucket is None or ("bucket_mapping", bucket) in self._problems.lines:
                continue
            if rule.get("dest") == "drop" and (shares or bucket in here_too):
                continue
            close = difflib.get_close_matches(bucket, self._mapping, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(self._mapping)}; mend it"
            self._problems.warn(
                ("routing", index, "bucket"), f"bucket {quote(bucket)} of this rule is not in bucket_mapping; {hint}"
            )

    def _check_routes(self, routes: Sequence[_Entry]) -> None:
        """Report rules that are never reached, as those before match all that they match."""
        for number, route in enumerate(routes):
            before = [one for one in routes[:number] if one.bucket in (None, route.bucket)]
            if found := _covering(before, route):
                all_of_it = "that on line {} matches" if len(found) == 1 else "those on lines {} match"
                told = all_of_it.format(_lines(found))
                self._problems.warn(route.line, f"this rule is never reached: {told} all of it; expected it further up")

    def _check_mappings(self, mappings: Sequence[_Entry], routes: Sequence[_Entry]) -> None:
        """Report mappings of a bucket that get no object: better ones take all, or `routes` drop all."""
        # The best first: sorting keeps the order of those that are alike.
        ranked = sorted(mappings, key=lambda one: (-one.keys.literals, one.is_pattern))
        for number, mapping in enumerate(ranked):
            # The same prefix twice is an error of its own.
            better = [one for one in ranked[:number] if one.is_pattern or one.about != mapping.about]
            if mapping.is_for_no_logs:
                better = []  # it gets the objects that the others do not ask for
            if found := _covering(better, mapping):
                takes = ", ".join(f"{one.about} on line {one.line}" for one in found)
                self._problems.warn(
                    mapping.line,
                    f"this mapping is hidden: of all keys that its {mapping.about} fits, {takes} "
                    f"take{'s' if len(found) == 1 else ''} precedence; expected some keys of its own; the most literal "
                    "characters win, on a tie 'prefix', then the first; change it, or take it away",
                )
            elif dropping := _dropping(routes, mapping, better):
                rules, rest = dropping
                rule = "that on line {} drops" if len(rules) == 1 else "those on lines {} drop"
                self._problems.warn(
                    mapping.line,
                    f"this mapping gets no object: of the rules of 'routing', {rule.format(_lines(rules))} all that "
                    f"its {mapping.about} fits{rest}; expected some to take a lane; change the rule, or take the "
                    "mapping away",
                )


def _covering(others: Sequence[_Entry], subject: _Entry) -> list[_Entry]:
    """Return the first of `others` that fits all keys of `subject`; if only several together do, these; else none."""
    near = [one for one in others if may_share(one.keys, subject.keys)]
    for one in near:
        if covers([one.keys], subject.keys):
            return [one]
    return near if len(near) > 1 and covers([one.keys for one in near], subject.keys) else []


def _dropping(routes: Sequence[_Entry], mapping: _Entry, better: Sequence[_Entry]) -> tuple[list[_Entry], str] | None:
    """Return the rules that drop the keys of a mapping, if they drop all that no `better` mapping takes.

    The text says whether better mappings take keys of lanes. None if one of the rules has the very keys of the mapping:
    that is how users turn a mapping off for a while.
    """
    near = [one for one in routes if may_share(one.keys, mapping.keys)]
    if not any(one.dest == "drop" for one in near):
        return None
    takers = [one for one in better if may_share(one.keys, mapping.keys)]
    reached: dict[int, _Entry] = {}
    rest = ""

    def is_lost(fits: list[bool]) -> bool:
        nonlocal rest
        first = next((number for number, fit in enumerate(fits[: len(near)]) if fit), None)
        is_dropped = first is not None and near[first].dest == "drop"
        if any(fits[len(near) :]):
            rest = rest if is_dropped else ", but for keys that other mappings take"
            return True
        if first is not None and is_dropped:
            reached[first] = near[first]
        return is_dropped

    if not always(mapping.keys, [one.keys for one in (*near, *takers)], is_lost):
        return None
    dropping = list(reached.values())
    return None if any(one.about == mapping.about for one in dropping) else (dropping, rest)


def _lines(entries: Iterable[_Entry]) -> str:
    *first, last = sorted({one.line for one in entries})
    return f"{', '.join(map(str, first))} and {last}" if first else str(last)
