"""JSON texts to Python values that are no larger than RecordLimits allow, the same on every Python.

How much memory a text will take is known before it is decoded, in time and memory that its length bounds. A text too
short to hold more values than allowed is not looked at, and depth costs nothing up to LEVELS: the decoder itself
refuses what is deeper.
"""

from __future__ import annotations

import json as stdlib_json
import re
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from typing import Any, NewType

import msgspec

from slips.errors import RecordError, RecordTooLarge
from slips.format import Event, RecordLimits, too_many_values

LEVELS, MORE_LEVELS = 8, 12
"""Levels that the first decoder reads, and the second: a type of n levels has 2^n nodes, made in 1 ms and in 15 ms.
Most logs stay below the first, manifests in audit logs of Kubernetes below the second."""

Decode = Callable[[bytes], Any]
_new_type: Callable[[str, Any], Any] = NewType  # mypy would have each in a declaration of its own

# msgspec is as fast as orjson here, and keeps integers beyond 64 bits exact where orjson rounds them to floats.
_decode_any = msgspec.json.Decoder().decode
_validate = msgspec.json.Decoder(msgspec.Raw).decode
_decode_leniently = stdlib_json.JSONDecoder().decode
_BOM = b"\xef\xbb\xbf"
_BEGINNINGS = b' \t\r\n{["-0123456789tfnNI'
"""Bytes that a JSON text may begin with; NaN and Infinity are values to the lenient decoder."""
_NO_VALUE = "not JSON: Expecting value: line 1 column 1 (char 0)"
# A string, all of it or as much as there is.
_QUOTED = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+', re.DOTALL)
_BRACKETS = re.compile(rb'[\[{]++|[\]}]++|"[^"\\]*+(?:\\.[^"\\]*+)*+"?+', re.DOTALL)
_EMPTY = re.compile(rb"\[[ \t\n\r]*+\]|\{[ \t\n\r]*+\}")


def load_json(raw: bytes, limits: RecordLimits = RecordLimits()) -> Any:  # noqa: B008 - frozen
    """Any JSON text. What strict decoders refuse but logs contain is read by the standard library instead: `NaN`,
    lone surrogates, a byte order mark, numbers beyond a double, bytes that are not UTF-8 (as `surrogateescape`).

    Raises RecordError for what is not JSON, RecordTooLarge for what is beyond the limits, JSON or not.
    """
    if has_too_many_values(raw, limits.values):
        raise too_many_values(limits.values)
    try:
        return shallow_decoder(limits.depth)(raw)
    except (ValueError, msgspec.MsgspecError) as error:
        return load_odd_json(raw, limits, error)


def load_odd_json(raw: bytes, limits: RecordLimits, refusal: Exception) -> Any:
    """Reads a text that a `shallow_decoder` has refused, and that has no more values than allowed."""
    raw = raw.rstrip(b"\r\n").removeprefix(_BOM)
    if not raw or raw[:1] not in _BEGINNINGS:
        raise RecordError(_NO_VALUE)  # as below, in a quarter of the time: logs of another format have many such lines
    if _is_text_deeper(raw, limits.depth):
        raise RecordTooLarge(
            f"record is nested more than {limits.depth:,} levels deep; raise 'limits.record_depth' to take it"
        ) from None
    if isinstance(refusal, msgspec.ValidationError):  # it is deeper than that decoder reads
        with suppress(ValueError, msgspec.MsgspecError):
            return _decode_any(raw)
    text = raw.decode("utf-8", "surrogateescape")
    try:
        return _decode_leniently(limits.refuse_wide(text))
    except ValueError as error:
        raise RecordError(f"not JSON: {_reason(error)}") from None


def _reason(error: ValueError) -> str:
    """Why it is not JSON, as Python 3.13 says it: of a comma before a bracket, others say what they expected there."""
    if not isinstance(error, stdlib_json.JSONDecodeError):
        return str(error)
    before = error.doc[: error.pos].rstrip(" \t\n\r")
    closing = error.doc[error.pos : error.pos + 1]
    for bracket, expected, kind in (("}", "Expecting property name", "object"), ("]", "Expecting value", "array")):
        if closing == bracket and error.msg.startswith(expected) and before.endswith(","):
            what = f"Illegal trailing comma before end of {kind}"
            return str(stdlib_json.JSONDecodeError(what, error.doc, len(before) - 1))
    return str(error)


@lru_cache
def shallow_decoder(depth: int, levels: int = LEVELS) -> Decode:
    """Decodes, as fast as one that reads anything, strict JSON of up to `levels` (or `depth`) levels.

    It raises ValueError or msgspec.MsgspecError for all else: `load_json` reads that, or says what is wrong with it.
    """
    return msgspec.json.Decoder(_levels(min(depth, levels))).decode


@lru_cache
def shallow_run_decoder(depth: int) -> Callable[[bytes], list[Event]]:
    """Like `shallow_decoder`, for an array of objects that may each have so many levels."""
    inner: Any = _levels(min(depth, LEVELS) - 1)
    return msgspec.json.Decoder(list[dict[str, inner]]).decode


def _levels(levels: int) -> Any:
    """The type of JSON values of at most so many levels."""
    found: Any = int | float | str | bool | None
    for level in range(levels):
        # A name for each level: compared by their parts, types of types would take time without end.
        inner: Any = _new_type(f"Level{level}", found)
        found = int | float | str | bool | None | list[inner] | dict[str, inner]
    return found


def is_json(raw: bytes) -> bool:
    """Whether a text within the limits is strict JSON: Python may be unable to hold it all the same."""
    try:
        _validate(raw)
    except (ValueError, msgspec.MsgspecError):
        return False
    return True


def has_too_many_values(raw: bytes, most: int) -> bool:
    """Whether there are more than `most` values within the value that `raw` is the JSON of, at any depth."""
    if len(raw) <= 2 * most:  # each takes two bytes: a comma or a bracket before it, and itself
        return False
    if raw.count(b",") + raw.count(b"{") + raw.count(b"[") <= most:
        return False
    # Now without what stands in strings. What stands between them is short, as a rule, and the same again and again.
    known: dict[bytes, int] = {}
    count = at = 0
    for number, string in enumerate(_QUOTED.finditer(raw), 1):
        between = raw[at : string.start()]
        values = known.get(between)
        if values is None:
            values = _values_begun(between, most)
            if len(known) < 1_000 and len(between) < 100:
                known[between] = values
        count += values
        at = string.end()
        if count > most or number > 2 * most + 2:  # a value has one and its key another
            return True
    return count + _values_begun(raw[at:], most) > most


def _values_begun(between: bytes, most: int) -> int:
    """How many values follow the commas and brackets of JSON text without strings; if more than `most`, some number
    above that.
    """
    commas = between.count(b",")
    if commas > most:
        return commas
    # No value follows the bracket of an empty object or array; JSON that has so many commas has no more of them.
    empty = sum(1 for _ in islice(_EMPTY.finditer(between), commas + 1))
    return commas + between.count(b"{") + between.count(b"[") - empty


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


def _is_text_deeper(raw: bytes, most: int) -> bool:
    """`is_deeper` of what a JSON text says."""
    if raw.count(b"[") + raw.count(b"{") <= most:
        return False
    depth = 0
    for match in _BRACKETS.finditer(raw):
        first = raw[match.start()]
        if first in b"[{":
            depth += match.end() - match.start()
            if depth > most:
                return True
        elif first in b"]}":
            depth -= match.end() - match.start()
            if depth <= 0:
                return False  # all that is JSON ends here
    return False
