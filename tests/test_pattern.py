r"""Patterns: which keys they fit, and which keys they share.

The reference is a matcher that tries every way to cut the key. It is slow, and too simple to be wrong.
"""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from slips.config.check import check as check_config
from slips.pattern import Pattern, always, below, compiled, covers, literal, runs


def naive(pattern: str, key: str) -> bool:
    """Whether `pattern` fits `key`, by its definition."""
    return _rest_fits(pattern, key, at_segment=True)


def _rest_fits(pattern: str, key: str, *, at_segment: bool) -> bool:
    if not pattern:
        return not key
    if pattern[:2] in ("\\*", "\\\\"):
        return key[:1] == pattern[1] and _rest_fits(pattern[2:], key[1:], at_segment=False)
    if pattern[0] != "*":
        return key[:1] == pattern[0] and _rest_fits(pattern[1:], key[1:], at_segment=pattern[0] == "/")
    rest = pattern.lstrip("*")
    if len(pattern) - len(rest) == 1:
        within = range(len(key.partition("/")[0]) + 1)
        return any(_rest_fits(rest, key[length:], at_segment=False) for length in within)
    if at_segment and rest[:1] == "/":
        behind = [0, *(at + 1 for at, char in enumerate(key) if char == "/")]
        return any(_rest_fits(rest[1:], key[length:], at_segment=True) for length in behind)
    return any(_rest_fits(rest, key[length:], at_segment=False) for length in range(len(key) + 1))


FITTING = {
    "AWSLogs/*/CloudTrail/**": (
        ["AWSLogs/1/CloudTrail/", "AWSLogs/1/CloudTrail/eu/a.gz", "AWSLogs//CloudTrail/a"],
        [
            "AWSLogs/o-1/1/CloudTrail/a",
            "AWSLogs/1/CloudTrail-Digest/a",
            "AWSLogs/1/CloudTrail",
            "x/AWSLogs/1/CloudTrail/a",
        ],
    ),
    "a/**/b": (["a/b", "a/x/b", "a/x/y/b", "a//b"], ["ab", "a/xb", "a/b/c", "a/bx", "b"]),
    "a/**": (["a/", "a/b", "a/b/c", "a/\n"], ["a", "ab", "/a/"]),
    "**/b": (["b", "x/b", "x/y/b", "/b"], ["xb", "b/", "x/ab"]),
    "**/": (["", "a/", "a/b/"], ["a", "a/b"]),
    "a**b": (["ab", "axb", "a/b", "a/x/b"], ["a", "b", "abc"]),
    "a***b": (["ab", "a/x/b"], ["a"]),
    "a/***/b": (["a/b", "a/x/b"], ["a/xb"]),
    "a/**b": (["a/b", "a/xb", "a/x/yb"], ["a/bx", "ab"]),
    "*": (["", "a", "a.b\nc", "\udcff"], ["/", "a/b"]),
    "**": (["", "a", "a/b"], []),
    "a/*/**": (["a/b/", "a/b/c/d", "a//"], ["a/b", "a/"]),
    "**/**/*.gz": (["a.gz", "x/a.gz", "x/y/.gz"], ["a.gz/x", "gz"]),
    "**/**/*a": (["a", "ba", "x/a", "x/y/ba"], ["", "ab"]),
    r"a\*b": (["a*b"], ["axb", "ab", r"a\*b", r"a\b"]),
    r"a\\*": ([r"a\b", "a\\"], ["a*", r"a\b/c"]),
    r"a\b": ([r"a\b"], ["ab"]),
    "a\\": (["a\\"], ["a"]),
    "a?[b].c": (["a?[b].c"], ["axb.c", "a?b.c", "a?[b]xc"]),
    "a": (["a"], ["", "aa", "a/"]),
    "": ([""], ["a"]),
}


@pytest.mark.parametrize("text", FITTING)
def test_a_pattern_fits_whole_keys_by_its_wildcards(text: str) -> None:
    fitting, others = FITTING[text]
    pattern = Pattern(text)
    assert [key for key in fitting if not pattern.fits(key)] == []
    assert [key for key in others if pattern.fits(key)] == []
    assert [naive(text, key) for key in [*fitting, *others]] == [True] * len(fitting) + [False] * len(others)


TEXTS = st.text(st.sampled_from("ab/*\\"), max_size=9)
KEYS = st.text(st.sampled_from("ab/*\\\n\udcff"), max_size=9)


@given(TEXTS, KEYS)
def test_a_pattern_fits_what_the_naive_matcher_says(text: str, key: str) -> None:
    pattern = Pattern(text)
    assert pattern.fits(key) == naive(text, key)
    if pattern.fits(key):
        assert key.startswith(pattern.beginning)


@pytest.mark.parametrize("text", ["", "*", "**", "**/", "a*", "*a", "**/a", "a/**", "a/**/b", "a**b", "*/**", "**/*a"])
def test_a_pattern_agrees_with_the_naive_matcher_on_all_short_keys(text: str) -> None:
    keys = ["".join(chars) for length in range(7) for chars in product("ab/", repeat=length)]
    assert [key for key in keys if Pattern(text).fits(key) != naive(text, key)] == []


@given(st.text(), st.text())
def test_a_literal_pattern_fits_its_text_alone(text: str, other: str) -> None:
    assert Pattern(literal(text)).fits(text)
    assert Pattern(literal(text)).fits(other) == (text == other)
    assert below(text).fits(text + other)
    assert below(text).fits(other) == other.startswith(text)
    assert (below(text).beginning, below(text).literals, runs(literal(text))) == (text, len(text), [text])


@pytest.mark.parametrize(
    ("text", "beginning", "literals", "between"),
    [
        ("AWSLogs/*/CloudTrail/**", "AWSLogs/", 20, ["AWSLogs/", "/CloudTrail/", ""]),
        ("**/x", "", 2, ["", "/x"]),
        (r"a\*b\\*", "a*b\\", 4, ["a*b\\", ""]),
        ("a/b", "a/b", 3, ["a/b"]),
        ("", "", 0, [""]),
    ],
)
def test_literal_characters_are_all_but_the_wildcards(
    text: str, beginning: str, literals: int, between: list[str]
) -> None:
    pattern = Pattern(text)
    assert (pattern.beginning, pattern.literals, runs(text)) == (beginning, literals, between)


class Counted(Pattern):
    """A pattern that counts the characters it reads."""

    read = 0

    def advance(self, state: int, char: str) -> int:
        self.read += 1
        return super().advance(state, char)


HOSTILE = {
    "a": "a" * 5000,
    "a/": "a/" * 2500,
    "b/": "b/" * 2500,
    "ba": "b" + "a" * 5000,
    "ab/a": "ab/" + "a/" * 2500 + "c",
}


@pytest.mark.parametrize("part", ["*a", "**a", "**/", "**/*a"])
@pytest.mark.parametrize("key", HOSTILE)
def test_a_hostile_key_is_read_once(part: str, key: str) -> None:
    """With backtracking, most of these would not end while the sun shines."""
    pattern = Counted(part * 40 + "b")
    assert not pattern.fits(HOSTILE[key])
    assert pattern.read <= len(HOSTILE[key])
    if key == "ab/a":
        assert pattern.read, "all texts of the pattern are in the key"


def test_a_key_that_lacks_a_text_of_the_pattern_is_not_read() -> None:
    pattern = Counted("**/debug/**")
    assert not pattern.fits("AWSLogs/" * 10)
    assert pattern.read == 0
    assert pattern.fits("debug/x")


def test_a_compiled_pattern_is_kept() -> None:
    assert compiled("kept/*") is compiled("kept/*")


# ---- questions about all keys

SMALL = st.text(st.sampled_from("ab/*"), max_size=5)
ALL_SHORT_KEYS = ["".join(chars) for length in range(6) for chars in product("ab/c", repeat=length)]


@given(SMALL, st.lists(SMALL, max_size=3))
def test_patterns_cover_another_just_if_no_key_says_otherwise(subject: str, others: list[str]) -> None:
    """Keys of five characters are enough to tell patterns of five characters apart, most of the time.

    The other direction is exact: a cover has no counter-example of any length.
    """
    counter = [key for key in ALL_SHORT_KEYS if naive(subject, key) and not any(naive(one, key) for one in others)]
    assert covers([Pattern(one) for one in others], Pattern(subject)) <= (not counter)
    if not counter and not covers([Pattern(one) for one in others], Pattern(subject)):
        longer = (
            key + end for key in ALL_SHORT_KEYS for end in ("/a", "/c", "c/c", "abc", "/a/b", "/b/a", "ccc", "/cc/c")
        )
        assert any(naive(subject, key) and not any(naive(one, key) for one in others) for key in longer)


@given(SMALL, st.lists(SMALL, min_size=1, max_size=3))
def test_the_combinations_that_keys_of_a_pattern_have_are_those_that_are_found(subject: str, others: list[str]) -> None:
    found = {tuple(naive(one, key) for one in others) for key in ALL_SHORT_KEYS if naive(subject, key)}
    reached: set[tuple[bool, ...]] = set()

    def add(fits: list[bool]) -> bool:
        reached.add(tuple(fits))
        return True

    assume(always(Pattern(subject), [Pattern(one) for one in others], add))
    assert found <= reached


@pytest.mark.parametrize(
    ("subject", "others", "covered"),
    [
        ("AWSLogs/*/CloudTrail/**", ["AWSLogs/**"], True),
        ("AWSLogs/*/CloudTrail/**", ["AWSLogs/*"], False),
        ("AWSLogs/**", ["AWSLogs/*/CloudTrail/**"], False),
        ("a/**/b", ["a/**"], True),
        ("a/b", ["a/**/b"], True),
        ("*", ["a*", "*"], True),
        ("**", ["*", "**/**"], True),
        ("**", ["*", "*/*"], False),
        ("*/a", ["b*/a", "*b/a"], False),
        (r"\*", ["*"], True),
        ("*", [r"\*"], False),
        ("x", [], False),
    ],
)
def test_a_cover_may_take_several_patterns(subject: str, others: list[str], covered: bool) -> None:
    assert covers([Pattern(one) for one in others], Pattern(subject)) is covered


def test_questions_that_take_too_many_steps_are_not_decided() -> None:
    subject, others = Pattern("**"), [Pattern(f"**{char}**{char}****{char}**") for char in "abcdefgh"]
    assert always(subject, others, lambda _fits: True) is None
    assert covers(others, subject) is False


# ---- the page about patterns

PAGE = (Path(__file__).parents[1] / "docs" / "patterns.md").read_text()


def test_the_examples_of_the_page_about_patterns_fit_what_they_say() -> None:
    rows = [
        line.split("|")[1:4] for line in PAGE.partition("| does not fit |\n|---")[2].split("\n\n")[0].splitlines()[1:]
    ]
    assert len(rows) == 6
    before: list[str] = []
    for (text,), fitting, others in (map(re.compile("`([^`]*)`").findall, row) for row in rows):
        keys = fitting or before
        before = [*fitting, *others]
        assert [Pattern(text).fits(key) for key in [*keys, *others]] == [True] * len(keys) + [False] * len(others), text


def test_the_configs_of_the_page_about_patterns_are_right() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 3
    mapped, *routed = blocks
    for routing in ("", *routed):
        config, problems = check_config(
            f"stack_name: a\nhandler: {{path: h.py}}\nbackend: {{s3_direct: true}}\n{mapped}{routing}", files=False
        )
        assert config is not None, problems
        assert [str(one) for one in problems if "no object" not in one.message] == []
