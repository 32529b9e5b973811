"""Decodes JSON texts to Python values within RecordLimits, with the same result on every Python.

Before a text is decoded, its values are counted, which bounds the memory of the decoded values. Counting takes time and
memory in proportion to the length of the text. A text too short to have more values than allowed is not counted. Up to
LEVELS levels, the check of the depth costs nothing: the decoder itself refuses deeper texts.
"""

from __future__ import annotations

import gc
import json as stdlib_json
import re
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NewType

import msgspec

from slips.errors import RecordError, RecordTooLarge
from slips.format import Event, RecordLimits, too_many_values
from slips.parsing.json_brackets import is_text_deeper, outside_strings
from slips.parsing.json_strict import is_strict

if TYPE_CHECKING:
    from slips.parsing.json_syntax import JsonSyntax

LEVELS, MORE_LEVELS = 8, 12
"""Levels that the first decoder reads, and the second. A type of n levels has 2^n nodes, made in 1 ms and in 15 ms.
Most logs have fewer levels than the first number, manifests in audit logs of Kubernetes fewer than the second."""

LARGE = 1 << 14
"""Bytes of a text that is looked through for mistakes before it is decoded."""
_MANY, _MOST_UNSEEN = 50_000, 50_000
"""Objects and arrays in a text beyond which Python does not look for garbage in them, and other objects that may have
become old so until it looks at all. Also bytes of a text whose memory is kept for the next one."""
_unseen = [0]
"""The number of these."""
_SPREAD, _LEAST = 128, 1_024
"""Values of a long text that are kept, each of which keeps the megabyte that it is in; and of how many at least: so
they are few of them, and most of their memory is free for the next text."""
_kept: deque[list[Any]] = deque(maxlen=2)
"""These values, of two texts: those of the first are still at work when the second is decoded."""

Decode = Callable[[bytes], Any]
_new_type: Callable[[str, Any], Any] = NewType  # hides the calls in a loop from mypy, which wants one declaration each

# msgspec is as fast as orjson here, and keeps integers beyond 64 bits exact where orjson rounds them to floats.
_decode_any = msgspec.json.Decoder().decode
_decode_leniently = stdlib_json.JSONDecoder().decode
_BOM = b"\xef\xbb\xbf"
_BEGINNING = re.compile(rb'[ \t\r\n{\["0-9]|-(?:[0-9]|Infinity)|true|false|null|NaN|Infinity')
"""The beginnings of JSON texts; NaN and Infinity are values to the lenient decoder."""
_CLOSED_BY = {"}": ("Expecting property name", "object"), "]": ("Expecting value", "array")}
"""The words of Python before 3.13 for a comma before such a bracket, and the kind of value that the bracket closes."""
_ELEMENT = 2
"""The level of the elements of an array."""
_QUOTE = 34
_NO_VALUE = "not JSON: Expecting value: line 1 column 1 (char 0)"
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TOKENS = re.compile(rb"[\[{]|[\]}]|" + _STRING, re.DOTALL)
_texts_in = msgspec.json.Decoder(list[msgspec.Raw]).decode


def load_json(
    raw: bytes,
    limits: RecordLimits = RecordLimits(),  # noqa: B008 - frozen
    *,
    known_strict: bool = False,
    broken: JsonSyntax | None = None,
) -> Any:
    """Decode any JSON text, of which may be known that it is strict, or where it is broken.

    The standard library decodes oddities that strict decoders refuse but logs contain: `NaN`, lone surrogates, a byte
    order mark, numbers beyond a double, bytes that are not UTF-8 (as `surrogateescape`). Raises RecordTooLarge for a
    text beyond the limits, JSON or not, and RecordError for any other text that is not JSON.
    """
    if has_too_many_values(raw, limits.values):
        raise too_many_values(limits.values)
    if len(raw) >= LARGE:
        return _load_large(raw, limits, known_strict, broken)
    try:
        return shallow_decoder(limits.depth)(raw)
    except (ValueError, msgspec.MsgspecError) as error:
        return load_odd_json(raw, limits, error)


def _load_large(raw: bytes, limits: RecordLimits, known_strict: bool, broken: JsonSyntax | None) -> Any:
    """Do as `load_json` for a text that has no more values than allowed, in about the time of one decoder.

    It decodes the text once: all that would make a decoder give up behind thousands of values is known before.
    """
    raw = raw.rstrip(b"\r\n").removeprefix(_BOM)
    refuse_other(raw)
    _refuse_deeper(raw, limits)
    if known_strict or (broken is None and is_strict(raw)):
        with suppress(ValueError, msgspec.MsgspecError):
            raw.decode()
            return decode_many(raw, _decode_any)
    else:
        if broken is None:
            from slips.parsing.json_syntax import JsonSyntax  # a cold start does without its patterns

            broken = JsonSyntax()
            broken.feed(raw, is_last=True)
        if refusal := broken.refusal(raw, raw.decode("utf-8", "surrogateescape")):
            limits.refuse_wide(refusal.doc)
            raise RecordError(f"not JSON: {_reason(refusal)}")
    return _load_leniently(raw, limits)


def decode_many(raw: bytes, decode: Decode) -> Any:
    """Decode a text which may have many values; `decode` is called with it.

    Of a long text, some values are kept until the next long one, or `release_memory`: so Python keeps the memory, too,
    that the others leave. To give it back to the system, and to take it again page by page, took a third of the time.
    """
    if len(raw) < _MANY:
        return decode(raw)
    with _without_looks(raw):
        value = decode(raw)
    _kept.append(_spread(value))
    return value


def release_memory() -> None:
    """Let Python give back to the system what `decode_many` keeps for the next text."""
    _kept.clear()


def _spread(value: Any) -> list[Any]:
    """Return values inside another one, from all over the memory of all of them; none if no array or object is long."""
    while value.__class__ is list or value.__class__ is dict:
        inner = list(value.values()) if value.__class__ is dict else value
        if len(inner) >= _LEAST:
            return inner[:: len(inner) // _SPREAD]
        value = max(inner, key=lambda each: len(each) if each.__class__ in (list, dict) else 0, default=None)
    return []


@contextmanager
def _without_looks(raw: bytes) -> Iterator[None]:
    """Have Python look for no garbage among the objects and arrays of a text, if they are many.

    Before 3.12 it looks at what was made after each 700 of them, and later at all again: that took three quarters of
    the time to decode 240,000 short ones. Now they count as old at once, and with them what the handler has made since
    Python looked last. So that no garbage stays among that, Python looks at all before it can be much.
    """
    if raw.count(b"[") + raw.count(b"{") < _MANY or not gc.isenabled():
        yield
        return
    is_frozen = gc.get_freeze_count() > 0  # what is kept out of all looks, as in functions, stays so
    if not is_frozen:
        young, middle, _ = gc.get_count()
        _unseen[0] += young + middle * gc.get_threshold()[0]
        if _unseen[0] > _MOST_UNSEEN:
            gc.collect()
            _unseen[0] = 0
    gc.disable()
    try:
        yield
    finally:
        if not is_frozen:
            gc.freeze()  # puts all in a generation of its own, and the next step that into the oldest
            gc.unfreeze()
        gc.enable()


def refuse_other(raw: bytes) -> None:
    """Raise the RecordError of `load_json` for a text that does not begin as JSON does, in a quarter of the time.

    Logs of another format have many such lines.
    """
    if not _BEGINNING.match(raw):
        raise RecordError(_NO_VALUE)


def load_odd_json(raw: bytes, limits: RecordLimits, refusal: Exception) -> Any:
    """Decode a text that a `shallow_decoder` has refused with `refusal`. It must have no more values than allowed.

    Raises RecordError and RecordTooLarge as `load_json` does.
    """
    raw = raw.rstrip(b"\r\n").removeprefix(_BOM)
    refuse_other(raw)
    _refuse_deeper(raw, limits)
    if isinstance(refusal, msgspec.ValidationError):  # the text is deeper than that decoder reads
        with suppress(ValueError, msgspec.MsgspecError):
            return decode_many(raw, _decode_any)
    return _load_leniently(raw, limits)


def _refuse_deeper(raw: bytes, limits: RecordLimits) -> None:
    if is_text_deeper(raw, limits.depth):
        raise RecordTooLarge(
            f"record is nested more than {limits.depth:,} levels deep; raise 'limits.record_depth' to take it"
        ) from None


def _load_leniently(raw: bytes, limits: RecordLimits) -> Any:
    text = raw.decode("utf-8", "surrogateescape")
    try:
        return decode_many(raw, lambda _: _decode_leniently(limits.refuse_wide(text)))
    except ValueError as error:
        raise RecordError(f"not JSON: {_reason(error)}") from None


def _reason(error: ValueError) -> str:
    """Return why a text is not JSON, in the words of Python 3.13, whose text for a trailing comma is its own."""
    if not isinstance(error, stdlib_json.JSONDecodeError):  # of a whole number that is too long for Python
        most = sys.get_int_max_str_digits()
        return f"a number has too many digits; expected {most:,} at most" if "digits" in str(error) else str(error)
    expected, kind = _CLOSED_BY.get(error.doc[error.pos : error.pos + 1], ("", ""))
    if kind and error.msg.startswith(expected):
        before = error.doc[: error.pos].rstrip(" \t\n\r")
        if before.endswith(","):
            message = f"Illegal trailing comma before end of {kind}"
            return str(stdlib_json.JSONDecodeError(message, error.doc, len(before) - 1))
    return str(error)


@lru_cache
def shallow_decoder(depth: int, levels: int = LEVELS) -> Decode:
    """Make a decoder of strict JSON of up to `levels` (or `depth`) levels, as fast as one of any depth.

    The decoder raises ValueError or msgspec.MsgspecError for any other text: pass that text to `load_odd_json`.
    """
    return msgspec.json.Decoder(json_of_levels(min(depth, levels))).decode


@lru_cache
def event_decoder(depth: int, levels: int = LEVELS) -> Decode:
    """Make a `shallow_decoder` of objects, which refuses all other values."""
    inner: Any = json_of_levels(min(depth, levels) - 1)
    return msgspec.json.Decoder(dict[str, inner]).decode


@lru_cache
def shallow_run_decoder(depth: int) -> Callable[[bytes], list[Event]]:
    """Make a decoder of an array of objects, each of up to LEVELS (or `depth`) levels; see `shallow_decoder`."""
    inner: Any = json_of_levels(min(depth, LEVELS) - 1)
    return msgspec.json.Decoder(list[dict[str, inner]]).decode


def json_of_levels(levels: int) -> Any:
    """Return the type of JSON values of at most `levels` levels."""
    type_: Any = int | float | str | bool | None
    for level in range(levels):
        # Each level is a named type. Unnamed types are compared by their parts, which would take exponential time.
        inner: Any = _new_type(f"Level{level}", type_)
        type_ = int | float | str | bool | None | list[inner] | dict[str, inner]
    return type_


def has_too_many_values(raw: bytes, most: int) -> bool:
    """Whether the JSON text `raw` has more than `most` values within its outermost value, at any depth."""
    if len(raw) <= 2 * most:  # a value takes two bytes at least: its own, and a comma or bracket before it
        return False
    if raw.count(b",") + raw.count(b"{") + raw.count(b"[") <= most:
        return False
    count, held = 0, b""
    for piece in outside_strings(raw):
        text = held + piece.translate(None, b" \t\r\n")
        held = text[-1:] if text[-1:] in (b"[", b"{") else b""  # whether it is empty, the next piece shows
        if held:
            text = text[:-1]
        # No value follows the bracket of an empty object or array.
        empty = text.count(b"{}") + text.count(b"[]")
        count += text.count(b",") + text.count(b"{") + text.count(b"[") - empty
        if count > most:
            return True
    return count + len(held) > most


def is_deeper(value: Any, most: int) -> bool:
    """Whether objects and arrays are nested more than `most` deep in a value."""
    level = [value] if value.__class__ is dict or value.__class__ is list else []
    for _ in range(most):
        if not level:
            return False
        level = [
            inner
            for outer in level
            for inner in (outer.values() if outer.__class__ is dict else outer)
            if inner.__class__ is dict or inner.__class__ is list
        ]
    return bool(level)


def texts_of_objects(raw: bytes) -> list[bytes]:
    """Return the texts of the objects in an array, which has nothing else, however deep these are."""
    try:
        return [bytes(text) for text in _texts_in(raw)]
    except RecursionError:  # the decoder has taken the array where the stack had more room
        pass
    texts, depth, begin = [], 0, 0
    for token in _TOKENS.finditer(raw):
        if (kind := raw[token.start()]) in b"[{":
            depth += 1
            if depth == _ELEMENT:
                begin = token.start()
        elif kind in b"]}":
            if depth == _ELEMENT:
                texts.append(raw[begin : token.end()])
            depth -= 1
    return texts


def bearable(raw: bytes, most: int) -> bytes:
    """Return a JSON text with `null` in place of values that Python refuses: nested more than `most` deep, too long."""
    kept, depth, at = list[bytes](), 0, 0
    for token in _numbers_or_tokens(sys.get_int_max_str_digits()).finditer(raw):
        kind = raw[token.start()]
        if kind in b"[{":
            depth += 1
            if depth == most + 1:
                kept.append(raw[at : token.start()])
        elif kind in b"]}":
            depth -= 1
            if depth == most:
                kept.append(b"null")
                at = token.end()
        elif kind != _QUOTE and depth <= most:
            kept += raw[at : token.start()], b"null"
            at = token.end()
    return b"".join((*kept, raw[at:]))


@lru_cache
def _numbers_or_tokens(most: int) -> re.Pattern[bytes]:
    """Make a pattern of brackets, strings and whole numbers of more than `most` digits; 0 is any number of them."""
    number = rb"(?<![.eE+0-9-])-?[0-9]{%d,}+(?![.eE])|" % (most + 1) if most else b""
    return re.compile(number + _TOKENS.pattern, re.DOTALL)


def beginning(raw: bytes) -> str:
    """Return the first bytes of a record, quoted for an error text."""
    return repr(raw[:40].decode("utf-8", "replace").rstrip("\r\n"))


def shape_of(path: Sequence[str]) -> str:
    """Return the shape of a document with the array at `path`: `{"Records": […]}`."""
    shape = "[…]"
    for name in reversed(path):
        shape = f'{{"{name}": {shape}}}'
    return shape


def quoted_path(path: Sequence[str]) -> str:
    """Return a path within a document for an error text: `'detail.items'`."""
    return repr(".".join(path))
