"""Proves that a regular expression takes time in proportion to a text, whatever the text, or says why it might not.

`re` tries again with less wherever a repetition and what follows it can both match a character: a line made for it
takes hours. A pattern is linear if, at each choice between going on and leaving off,

- the next character decides: `[^"]*"`, `\\d+ `; or nothing is tried again: `\\d++`, `(?>…)`; or
- what follows cannot fail: `\\s+(.*)`; or each try soon ends, as behind `.*?` in `(.*?)\\] (.*)` or `"(.*?)" (\\d+) `;
- or it is one of few choices outside of repetitions, such as `(?:<\\d+> )?`: three double the time three times.

google-re2, which is linear for all patterns, took 4 to 8 times as long as `re` for access and flow logs that are bytes,
and 7 to 21 times as long for the same logs as texts, which is what chains have.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

try:  # `re` consists of these modules since Python 3.11. They are private, and there is no public parser of patterns.
    from re import _compiler, _constants, _parser  # type: ignore[attr-defined]
except ImportError as error:
    raise ImportError(
        "regular expressions of formats: this Python has no 're._parser', by which slips proves that none takes hours; "
        "expected a Python that has it; use Python 3.13"
    ) from error

Match = Callable[[str], object]
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT)
_SETS = (_constants.LITERAL, _constants.NOT_LITERAL, _constants.ANY, _constants.IN)
_SAMPLE = frozenset("".join(map(chr, range(0x180))) + "٣中\u2003\u2028\ud800\udc80€😀")
"""Characters of every kind; those in and beside the ranges of a pattern are added."""
_MOST_KNOWN = 1_000
_KNOWN: dict[tuple[str, int], tuple[Match, frozenset[str]]] = {}
"""The function that matches an item with some flags, and the characters of _SAMPLE that it matches: patterns share most
items, and to compile one takes most of the time."""
_MOST_CHOICES = 3
"""Most choices that are tried again whatever follows: each may double the time."""
_MOST_FIXED = 64
"""Most characters that a try may take before it ends."""


def why_not_linear(pattern: str) -> str:
    """Return the reason why a pattern, matched at the beginning of a text with re.DOTALL, might not be linear.

    Returns an empty text for a linear pattern. Raises re.error for a text that is no pattern.
    """
    try:
        tree = _parser.parse(pattern, re.DOTALL)
    except RecursionError:
        raise re.error("groups are nested too deep") from None
    except OverflowError as error:  # a repetition of too many times
        raise re.error(str(error)) from None
    try:
        _Proof(tree.state, _alphabet(tree)).sequence(list(tree), _END)
    except _NotLinearError as error:
        return str(error)
    return ""


def optional_groups(pattern: str) -> frozenset[str]:
    """Return the names of the groups of a pattern that may take no part in a match."""
    tree = _parser.parse(pattern, re.DOTALL)
    names = {number: name for name, number in tree.state.groupdict.items()}
    return frozenset(names[number] for number in _optional(tree, False) if number in names)


def _optional(items: Any, may_be_passed: bool) -> Any:
    """Yield the numbers of the groups in items that may take no part in a match."""
    for kind, value in items:
        if kind is _constants.SUBPATTERN:
            if may_be_passed and value[0] is not None:
                yield value[0]
            yield from _optional(value[-1], may_be_passed)
        elif kind is _constants.BRANCH:
            for branch in value[1]:
                yield from _optional(branch, True)
        elif kind in (*_REPEATS, _constants.POSSESSIVE_REPEAT):
            yield from _optional(value[2], may_be_passed or value[0] == 0)
        elif kind is _constants.ATOMIC_GROUP:
            yield from _optional(value, may_be_passed)
        elif kind in (_constants.ASSERT, _constants.ASSERT_NOT):
            yield from _optional(value[1], True)


class _NotLinearError(Exception):
    """A choice that is tried again, and may take long each time."""


@dataclass(frozen=True)
class _Rest:
    """The facts about the rest of a pattern, from some item of it on."""

    first: frozenset[str]
    """The characters with which it can begin."""
    may_fail: bool
    fixed: int | None
    """Most characters up to where it cannot fail any more; None: unbounded."""
    loops: frozenset[str]
    """All characters in its repetitions."""
    can_be_empty: bool = False


_END = _Rest(frozenset(), may_fail=False, fixed=0, loops=frozenset(), can_be_empty=True)
Item = tuple[Any, Any]


class _Proof:
    def __init__(self, state: Any, alphabet: frozenset[str]) -> None:
        self._state, self._alphabet = state, alphabet
        self._added = alphabet - _SAMPLE
        self._depth, self._choices = 0, set[int]()
        self._sets: dict[str, frozenset[str]] = {}
        """The characters of the items so far, which patterns repeat."""

    def _set(self, item: Item) -> frozenset[str]:
        """Return the characters that an item for one character matches."""
        key = repr(item)
        if key not in self._sets:
            kind, value = item
            if kind is _constants.LITERAL and not self._state.flags & re.IGNORECASE:
                self._sets[key] = frozenset(chr(value))
            else:
                known = _KNOWN.get((key, self._state.flags))
                if known is None:
                    match = _compiler.compile(_parser.SubPattern(self._state, [item]), re.DOTALL).match
                    known = match, frozenset(filter(match, _SAMPLE))
                    if len(_KNOWN) < _MOST_KNOWN:
                        _KNOWN[key, self._state.flags] = known
                match, of_sample = known
                self._sets[key] = of_sample.union(filter(match, self._added))
        return self._sets[key]

    def _may_choose(self, choice: object) -> bool:
        """Whether a choice may be tried again whatever follows it: one of the first outside of repetitions."""
        if not self._depth:
            self._choices.add(id(choice))
        return not self._depth and len(self._choices) <= _MOST_CHOICES

    def _round(self, items: list[Item], rest: _Rest, most: int) -> _Rest:
        """Return what is known of one round of a repetition and what follows. Raises _NotLinearError."""
        self._depth += most > 1
        try:
            return self.sequence(items, rest)
        finally:
            self._depth -= most > 1

    def sequence(self, items: list[Item], rest: _Rest) -> _Rest:
        """Return what is known of items and the rest behind them. Raises _NotLinearError."""
        for position in reversed(range(len(items))):
            rest = self._item(items[position], rest, items[position - 1] if position else None)
        return rest

    def _item(self, item: Item, rest: _Rest, before: Item | None) -> _Rest:
        kind, value = item
        if kind in _SETS:
            fixed = None if rest.fixed is None else rest.fixed + 1
            return _Rest(self._set(item), may_fail=True, fixed=fixed, loops=rest.loops)
        if kind is _constants.AT:
            at_end = value in (_constants.AT_END, _constants.AT_END_STRING)
            if at_end and rest == _END and before is not None and self._takes_all(before):
                return rest  # behind `.*`, the end cannot be missed
            return _Rest(
                frozenset() if at_end else rest.first, True, rest.fixed, rest.loops, can_be_empty=rest.can_be_empty
            )
        if kind is _constants.SUBPATTERN:
            _, added_flags, removed_flags, inside = value
            if added_flags or removed_flags:
                raise _NotLinearError("a part has flags of its own; expected flags at the beginning, as in '(?i)…'")
            return self.sequence(list(inside), rest)
        if kind is _constants.ATOMIC_GROUP:
            if any(op in _REPEATS and not self._is_set(inner[2]) for op, inner in _walk(value)):
                raise _NotLinearError("'(?>…)' repeats a group; expected repetitions of one character in it")
            return _joined(self.sequence(list(value), _END), rest)
        if kind is _constants.BRANCH:
            return self._branch(value[1], rest)
        if kind in _REPEATS:
            least, most, inside = value
            return self._repeat(inside, least, most, rest)
        if kind is _constants.POSSESSIVE_REPEAT:
            least, most, inside = value
            if not self._is_set(inside):
                raise _NotLinearError(
                    "a group is repeated with '+' behind, for which `re` takes long; expected it without"
                )
            return self._repeated(list(inside), least, most, rest)
        if kind in (_constants.ASSERT, _constants.ASSERT_NOT):
            if any(op in (*_REPEATS, _constants.POSSESSIVE_REPEAT) for op, _ in _walk(value[1])):
                raise _NotLinearError("it looks ahead or behind without bound; expected no repetition in '(?=…)'")
            return _Rest(rest.first, True, rest.fixed, rest.loops, can_be_empty=rest.can_be_empty)
        raise _NotLinearError("it refers to a group, or to a condition; expected none of these")

    def _is_set(self, inside: Any) -> bool:
        return len(inside) == 1 and inside[0][0] in _SETS

    def _takes_all(self, item: Item) -> bool:
        kind, value = item
        if kind is _constants.SUBPATTERN and len(value[-1]) == 1:
            return self._takes_all(value[-1][0])
        if kind not in (*_REPEATS, _constants.POSSESSIVE_REPEAT) or value[1] is not _constants.MAXREPEAT:
            return False
        return self._is_set(value[2]) and self._set(value[2][0]) == self._alphabet

    def _branch(self, branches: list[Any], rest: _Rest) -> _Rest:
        known = [self.sequence(list(each), rest) for each in branches]
        taken: frozenset[str] = frozenset()
        for branch, each in zip(branches, known, strict=True):
            if taken & each.first and not self._may_choose(branch):
                _refuse(taken & each.first, "alternatives of '|'", "put what they have in common before them")
            taken |= each.first
        fixed = [each.fixed for each in known]
        return _Rest(
            taken,
            any(each.may_fail for each in known),
            None if None in fixed else max(filter(None, fixed), default=0),
            frozenset().union(*(each.loops for each in known)),
            can_be_empty=any(each.can_be_empty for each in known),
        )

    def _repeat(self, parsed: Any, least: int, most: int, rest: _Rest) -> _Rest:
        """Return what is known of a repetition that gives back, and the rest."""
        inside = list(parsed)
        repeated = self._repeated(inside, least, most, rest)
        first = self._round(inside, _END, most)
        if most > 1 and first.can_be_empty:
            raise _NotLinearError("a repetition may repeat nothing; expected something in each round")
        simple = self._is_set(inside)
        if not simple and most == 1:
            self.sequence(inside, rest)
        elif not simple:
            # Within a round, the rest is a further round or what follows.
            either = first.first | repeated.first
            self._round(inside, _Rest(either, repeated.may_fail, None, first.loops | repeated.loops), most)
        common = first.first & rest.first
        if least == most or not common or not rest.may_fail:
            return repeated
        if simple and rest.fixed is not None and rest.fixed <= _MOST_FIXED:
            return repeated  # each try ends after a few characters
        if simple and len(rest.first) == 1 and not rest.first & rest.loops:
            return repeated  # each try ends before the next one begins
        if most == 1 and self._may_choose(parsed):
            return repeated
        _refuse(common, "a repetition and what follows it", "write it as '[^…]*', or with '+' behind, as in '\\s++'")
        return repeated

    def _repeated(self, inside: list[Item], least: int, most: int, rest: _Rest) -> _Rest:
        """Return what is known of a repetition and the rest, whatever is tried again."""
        known = self._round(inside, _END, most)
        fixed = None
        if least == 0 and not rest.may_fail:
            fixed = rest.fixed
        elif most is not _constants.MAXREPEAT and known.fixed is not None and rest.fixed is not None:
            fixed = known.fixed * most + rest.fixed
        return _Rest(
            known.first | rest.first if least == 0 or known.can_be_empty else known.first,
            rest.may_fail if least == 0 else rest.may_fail or known.may_fail,
            fixed,
            rest.loops | known.loops | (known.first if most is _constants.MAXREPEAT else frozenset()),
            can_be_empty=rest.can_be_empty and (least == 0 or known.can_be_empty),
        )


def _joined(before: _Rest, rest: _Rest) -> _Rest:
    """Return what is known of a part that gives nothing back, and the rest."""
    return _Rest(
        before.first | rest.first if before.can_be_empty else before.first,
        before.may_fail or rest.may_fail,
        None if before.fixed is None or rest.fixed is None else before.fixed + rest.fixed,
        before.loops | rest.loops,
        can_be_empty=before.can_be_empty and rest.can_be_empty,
    )


def _refuse(common: frozenset[str], what: str, advice: str) -> None:
    shown = min(common, key=lambda char: (not char.isalnum(), not char.isascii(), char))
    raise _NotLinearError(f"{what} can both match {shown!r}; expected the next character to decide; {advice}")


def _walk(items: Any) -> Any:
    """Yield all items within items."""
    for kind, value in items:
        yield kind, value
        nested = value if isinstance(value, list | tuple) else ()
        for each in nested:
            if isinstance(each, _parser.SubPattern):
                yield from _walk(each)
            elif isinstance(each, list) and each and isinstance(each[0], _parser.SubPattern):
                for branch in each:
                    yield from _walk(branch)
        if isinstance(value, _parser.SubPattern):
            yield from _walk(value)


def _alphabet(tree: Any) -> frozenset[str]:
    """Return characters of every kind that items of a pattern tell apart."""
    points = set[int]()
    for kind, value in _walk(tree):
        for inner_kind, inner in [(kind, value), *(value if kind is _constants.IN else ())]:
            if inner_kind in (_constants.LITERAL, _constants.NOT_LITERAL):
                points |= {inner - 1, inner, inner + 1, ord(chr(inner).swapcase()[0])}
            elif inner_kind is _constants.RANGE:
                low, high = inner
                points |= {low - 1, low, high, high + 1}
                for kind_of in (str.isdecimal, str.isspace, str.isalpha):
                    points |= {next((c for c in range(low, high + 1) if kind_of(chr(c))), low)}
    return _SAMPLE.union(chr(point) for point in points if 0 <= point <= 0x10FFFF)
