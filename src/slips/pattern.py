r"""Patterns of keys, such as `AWSLogs/*/CloudTrail/**`: whether one fits a key, and which keys they share. Pure.

A pattern fits a whole key. The slashes of a key divide it into segments.

    *      any characters within a segment, or none
    **     any characters, slashes among them, or none; three stars and more mean the same
    **/    at the beginning of a pattern, or behind a slash: any number of whole segments, or none
    \*     a star; `\\` is a backslash, and before any other character a backslash is itself

So `a/**/b` fits `a/b` and `a/x/y/b`; `**/b` fits `b` and `x/b`, but not `xb`; `a/**` fits `a/` and all below, but not
`a`; `a**b` fits `ab` and `a/x/b`. All other characters are themselves, also line ends and lone surrogates.

A pattern is compiled to an automaton whose states are sets of positions in the pattern, kept as the bits of a number.
So a key is read once, character by character, whatever its characters are: there is no backtracking.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import count
from typing import Final

WITHIN: Final = 1
ACROSS: Final = 2
SEGMENTS: Final = 3
"""The wildcards: `*`; `**`; and `**/` where it stands for whole segments."""

COMPILED = 4096
"""Most patterns that are kept compiled: far more than a config has."""
STEPS = 50_000
"""Most steps of a pattern by a character for a question about all keys: they take some 20 ms."""

_PARTS = re.compile(r"(\*+)|\\([\\*])|(.)", re.DOTALL)
_Token = str | int


class Pattern:
    """A pattern, compiled."""

    def __init__(self, text: str) -> None:
        self.text = text
        tokens = list(_tokens(text))
        self.literals = sum(not stars for stars, _, _ in _PARTS.findall(text))
        """Number of literal characters."""
        self.beginning = _runs(tokens)[0]
        """The literal characters before the first wildcard, with which every key begins that the pattern fits."""
        self.shortest = "".join(_runs(tokens))
        """A key that the pattern fits: that in which its wildcards are nothing."""
        self._needed = [run for run in _runs(tokens)[1:] if run]
        """The texts between wildcards: each is somewhere in every key that the pattern fits."""
        self._literal: dict[str, int] = {}
        """Positions of each literal character."""
        wild = {WITHIN: 0, ACROSS: 0, SEGMENTS: 0}
        for position, token in enumerate(tokens):
            if isinstance(token, str):
                self._literal[token] = self._literal.get(token, 0) | 1 << position
            else:
                wild[token] |= 1 << position
        # For a slash, and for any other character: positions that take it and stay, and those that may be passed then.
        self._slash = wild[ACROSS] | wild[SEGMENTS], wild[WITHIN] | wild[ACROSS] | wild[SEGMENTS]
        self._other = self._slash[1], wild[WITHIN] | wild[ACROSS]
        self._end = 1 << len(tokens)
        self._anything = self._end >> 1 & wild[ACROSS]
        """The position of a `**` at the end, which takes whatever follows."""
        self.start = _passed(1, self._slash[1])
        """The state before the first character."""
        self._begun = self.start
        for char in self.beginning:
            self._begun = self.advance(self._begun, char)

    def fits(self, key: str) -> bool:
        """Whether the pattern fits the whole key."""
        if not key.startswith(self.beginning) or any(run not in key for run in self._needed):
            return False  # most keys of other patterns end here
        state = self._begun
        for char in key[len(self.beginning) :]:
            if state & self._anything:
                return True
            if not state:
                return False
            state = self.advance(state, char)
        return self.is_end(state)

    def advance(self, state: int, char: str) -> int:
        """Return the state behind one more character; 0 if the pattern fits no key that begins so."""
        stay, passed = self._slash if char == "/" else self._other
        return _passed(state & stay | (state & self._literal.get(char, 0)) << 1, passed)

    def is_end(self, state: int) -> bool:
        """Whether the pattern fits a key that ends in this state."""
        return bool(state & self._end)

    def literals_at(self, state: int) -> Iterator[str]:
        """Yield the literal characters that the pattern expects in a state."""
        return (char for char, positions in self._literal.items() if positions & state)

    def characters(self) -> set[str]:
        """Return all literal characters of the pattern."""
        return set(self._literal)


@lru_cache(COMPILED)
def compiled(text: str) -> Pattern:
    """Return the pattern of a text, compiled once."""
    return Pattern(text)


@lru_cache(COMPILED)
def below(prefix: str) -> Pattern:
    """Return the pattern that fits every key which begins with `prefix`, in which stars are literal."""
    return Pattern(literal(prefix) + "**")


def selecting(prefix: str | None, pattern: str | None) -> Pattern:
    """Return the pattern of a rule or a mapping that has a prefix or a pattern; if it has neither, of all keys."""
    return below(prefix or "") if pattern is None else compiled(pattern)


def literal(text: str) -> str:
    """Return a pattern that fits exactly this text."""
    return text.replace("\\", r"\\").replace("*", r"\*")


def runs(text: str) -> list[str]:
    """Return the literal texts between the wildcards of a pattern, in order."""
    return _runs(ACROSS if stars else escaped or char for stars, escaped, char in _PARTS.findall(text))


def always(subject: Pattern, others: Sequence[Pattern], holds: Callable[[list[bool]], bool]) -> bool | None:
    """Whether `holds` of every key that `subject` fits, given for each of `others` whether it fits the key, too.

    None: that takes more than STEPS steps. Exact otherwise: a character that is literal
    in none of the patterns stands for all such.
    """
    if not holds([each.fits(subject.shortest) for each in others]):
        return False  # most questions end here
    patterns = (subject, *others)
    known = {"/"}.union(*(each.characters() for each in patterns))
    other = next(char for char in map(chr, count(ord("a"))) if char not in known)
    start = tuple(each.start for each in patterns)
    seen, waiting, steps = {start}, [start], 0
    while waiting:
        states = waiting.pop()
        if subject.is_end(states[0]) and not holds(
            [each.is_end(state) for each, state in zip(others, states[1:], strict=True)]
        ):
            return False
        literals = {char for each, state in zip(patterns, states, strict=True) for char in each.literals_at(state)}
        for char in (*sorted(literals - {"/"}), "/", other):
            if not subject.advance(states[0], char):
                continue
            reached = tuple(each.advance(state, char) for each, state in zip(patterns, states, strict=True))
            if reached not in seen:
                seen.add(reached)
                waiting.append(reached)
            steps += len(patterns)
        if steps > STEPS:
            return None
    return True


def covers(others: Sequence[Pattern], subject: Pattern) -> bool:
    """Whether every key that `subject` fits is fitted by one of `others`, too. False also if that is not certain."""
    near = [each for each in others if may_share(each, subject)]
    return bool(near) and always(subject, near, any) is True


def may_share(one: Pattern, other: Pattern) -> bool:
    """Whether the beginnings of two patterns let both fit the same key: a quick look."""
    return one.beginning.startswith(other.beginning) or other.beginning.startswith(one.beginning)


def shares(one: Pattern, other: Pattern) -> bool:
    """Whether some key is fitted by both patterns. True also if that is not certain."""
    return may_share(one, other) and always(one, [other], lambda fits: not any(fits)) is not True


def _tokens(text: str) -> Iterator[_Token]:
    """Yield the literal characters and the wildcards of a pattern. Two wildcards in a row begin with SEGMENTS."""
    made: list[_Token] = []
    for stars, escaped, char in _PARTS.findall(text):
        if stars:
            made.append(WITHIN if stars == "*" else ACROSS)
        elif char == "/" and made[-1:] == [ACROSS] and made[-2:-1] in ([], ["/"], [SEGMENTS]):
            made.pop()
            if made[-1:] != [SEGMENTS]:  # `**/**/` is no more than `**/`
                made.append(SEGMENTS)
        else:
            made.append(escaped or char)
    return iter(made)


def _runs(tokens: Iterable[_Token]) -> list[str]:
    """Return the literal texts between the wildcards, in order; the first and the last may be empty."""
    found = [""]
    for token in tokens:
        if isinstance(token, str):
            found[-1] += token
        else:
            found.append("")
    return found


def _passed(state: int, wildcards: int) -> int:
    """Return the state with the positions behind wildcards that may be passed: two in a row at most, as in `**/*`."""
    state |= (state & wildcards) << 1
    return state | (state & wildcards) << 1
