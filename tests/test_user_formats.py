"""Formats of a user's own file: declarations of any family, functions with a decorator, and plain functions."""

from __future__ import annotations

from pathlib import Path

import pytest

import chains
from slips.errors import FormatError
from slips.format import Event
from slips.parsing.chain import check_chain, compile_chain, find_format
from slips.step import Step

pytestmark = pytest.mark.smoke

OWN = '''
from slips.format import parser
from slips.parsing import Json, any_of, iso

OKTA = Json("okta-own", "Okta System Log", tag="okta.{eventType}", time=iso("published"), require="eventType")


@parser("door-log", summary="doors", reference="", takes="text", tag="door")
def door(meta, text):
    """Doors."""
    return {"door": text}


def plain(meta, event):
    """Adds a field.

    More.
    """
    return {**event, "plain": True}
'''


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "formats").mkdir()
    (tmp_path / "formats/own.py").write_text(OWN)
    return tmp_path


def events(root: Path, *steps: Step, content: bytes) -> list[tuple[str, Event]]:
    return [(meta.tag, event) for meta, event in chains.run(steps, content, root=root).events]


@pytest.mark.parametrize("name", ["formats/own.py:OKTA", "formats/own.py:okta-own"])
def test_a_declaration_is_found_by_its_variable_and_by_its_own_name(own: Path, name: str) -> None:
    content = b'{"eventType": "login", "published": "2026-11-29T08:00:00Z"}\n'
    assert events(own, name, content=content) == events(own, "s3-lines", "json", name, content=content)
    (found,) = chains.run([name], content, root=own).events
    assert (found[0].tag, found[0].timestamp) == ("okta.login", 1795939200.0)


def test_a_declaration_of_a_user_takes_options_as_one_of_slips_does(own: Path) -> None:
    foreign = b'{"a": 1}\n'
    assert chains.run(["formats/own.py:OKTA"], foreign, root=own).quarantined == [
        (1, "no 'eventType' (keys: a)"),
    ]
    tolerant = {"formats/own.py:OKTA": {"require": False}}
    assert events(own, tolerant, content=foreign) == [("okta.None", {"a": 1})]
    assert compile_chain([tolerant], own).names == ("s3-lines", "json", "{formats/own.py:OKTA: {require: false}}")


@pytest.mark.parametrize("name", ["door", "door-log"])
def test_a_function_with_a_decorator_is_found_by_both_names(own: Path, name: str) -> None:
    assert events(own, "s3-lines", f"formats/own.py:{name}", content=b"x\n") == [("", {"door": "x"})]


def test_a_plain_function_is_a_parser_of_events(own: Path) -> None:
    assert events(own, "formats/own.py:plain", content=b'{"a": 1}') == [("", {"a": 1, "plain": True})]
    assert find_format("formats/own.py:plain", own).summary == "Adds a field."


def test_a_name_that_the_file_has_not_is_told_with_those_that_it_has(own: Path) -> None:
    with pytest.raises(FormatError, match=r"has no 'Okta'; it has OKTA, door, okta-own, door-log, plain$"):
        find_format("formats/own.py:Okta", own)


def test_a_file_without_a_name_in_it_is_told_what_to_write() -> None:
    assert check_chain(["s3-lines", "formats/door.py"], Path()) == [
        "format 'formats/door.py' names a file and no format in it; expected both; write formats/door.py:NAME"
    ]


def test_a_family_is_no_format(own: Path) -> None:
    with pytest.raises(FormatError, match="has no 'Json'; it has OKTA"):
        find_format("formats/own.py:Json", own)


@pytest.mark.parametrize(
    ("definition", "told"),
    [
        ("async def odd(meta, event): ...", "'odd' is an 'async def'; expected a plain function that returns an event"),
        ("def odd(meta, event):\n    yield event", "'odd' is a generator ('yield' in it); expected a plain function"),
        (
            "@parser('odd', summary='', reference='')\nasync def odd(meta, event): ...",
            "'odd' is an 'async def'; expect",
        ),
        ("class odd:\n    def recv(self, meta, event): ...", "'odd' is a class; expected a declaration, or a function"),
    ],
)
def test_a_parser_that_cannot_make_an_event_is_told_before_a_record_is_read(
    own: Path, definition: str, told: str
) -> None:
    (own / "odd.py").write_text(f"from slips.format import parser\n\n\n{definition}\n")
    (problem,) = check_chain(["s3-lines", "json", "odd.py:odd"], own)
    assert problem.startswith(f"format 'odd.py:odd': {told}")


def test_a_function_behind_texts_is_told_how_it_may_take_them(own: Path) -> None:
    (problem,) = check_chain(["s3-lines", "formats/own.py:plain"], own)
    assert problem.endswith(
        "write [s3-lines, json, formats/own.py:plain], or begin your function with '@parser(…, takes=\"text\")'"
    )


def test_a_mistake_in_the_usual_chain_of_a_declaration_is_told(own: Path) -> None:
    (own / "chain.py").write_text(
        'from slips.parsing import Json\nA = Json("a", "s", chain=("s3-linse", "json", "a"))\n'
    )
    (problem,) = check_chain(["chain.py:A"], own)
    assert problem.startswith(
        "format 'chain.py:A': its usual chain: format 's3-linse' is not known; did you mean 's3-l"
    )


def test_the_usual_chain_of_a_format_may_have_steps_with_options(own: Path) -> None:
    (own / "lines.py").write_text(
        "from slips.parsing import Regex\n"
        'A = Regex("a", "s", pattern=r"\\d+ (?P<text>.*)", chain=({"multiline": {"start": r"\\d"}}, "a"))\n'
        'B = Regex("b", "s", pattern="(?P<text>.*)", chain=({"multiline": {"begin": "b"}}, "b"))\n'
    )
    assert events(own, "lines.py:A", content=b"1 one\nmore\n2 two\n") == [
        ("a", {"text": "one\nmore"}),
        ("a", {"text": "two"}),
    ]
    assert compile_chain(["lines.py:A"], own).names == ('{multiline: {start: "\\\\d"}}', "lines.py:A")
    (problem,) = check_chain(["lines.py:B"], own)
    assert problem.startswith("format 'lines.py:B': its usual chain: format 'multiline': ")


def test_a_mistake_in_a_declaration_is_told_with_the_chain(own: Path) -> None:
    (own / "wrong.py").write_text('from slips.parsing import Json\nA = Json("a", "s", tag="{b")\n')
    (problem,) = check_chain(["wrong.py:A"], own)
    assert problem.startswith("format 'wrong.py:A': importing it raised ValueError: format 'a': ")
    assert "has a '{' without its pair" in problem
    assert problem.endswith(" (line 2)")


def test_an_import_that_fails_names_the_innermost_line_of_the_users_files(own: Path) -> None:
    (own / "inner.py").write_text("\n\n1 / 0\n")
    (own / "outer.py").write_text("import inner\n")
    (own / "cut.py").write_text("x = (\n")
    (division,) = check_chain(["outer.py:A"], own)
    assert division.endswith("importing it raised ZeroDivisionError: division by zero (line 3 of inner.py)")
    (syntax,) = check_chain(["cut.py:A"], own)
    assert syntax.endswith("(cut.py, line 1)")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("F = 1\n", "'F' is a value of type 'int'; expected a declaration, such as one of Json, or a function of meta"),
        ("F = 0\n", "'F' is a value of type 'int'; expected a declaration"),
        ("G = 1\n", "the file has no 'F', and no other format; expected a declaration, such as one of Json, or a"),
        ("def f(meta, event):\n    return event\n\n\nG = 1\n", "the file has no 'F'; it has f"),
    ],
)
def test_a_name_in_the_file_that_is_no_format_is_told_as_what_it_is(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "f.py").write_text(content)
    (problem,) = check_chain(["f.py:F"], tmp_path)
    assert problem.startswith(f"format 'f.py:F': {told}")
