"""Finds plain scalars that are not read as they are written, or not alike by YAML 1.1 and YAML 1.2. Pure.

slips reads YAML 1.1 as PyYAML does: a few texts stay texts that are none by its specification. Editors, linters and
other languages read the one or the other. https://yaml.org/type/, https://yaml.org/spec/1.2.2/#1032-tag-resolution
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from slips.config.problems import quote

Value = str | int | float | bool | None

_TEXT = "text"
_NUMBER = "the number "
_NO_VALUES = (_TEXT, "a date", "a mark")
"""Readings that cannot be written in another way, without quotes."""
_DIGITS = 40
"""Most characters of a number that are shown: all of a float's."""


def doubt(text: str, value: Value, *, is_text: bool = False) -> str:
    """Return what is doubtful about a plain scalar that slips reads as `value`, and the remedy; else an empty text.

    A scalar is in doubt if its value, written plainly, is another text, or if the two versions of YAML disagree.
    `is_text`: only a text may be there, so that quotes are the one remedy.
    """
    here, second = _shown(value), _resolve(text, _SECOND)
    # PyYAML follows YAML 1.1 in all that it does not read as text.
    first = _resolve(text, _FIRST) if here == _TEXT else here
    if first == second == here and (here == _TEXT or text in _plain(value)):
        return ""
    found = "stays text" if here == _TEXT else f"becomes {here}"
    others = [f"{name}: {each}" for name, each in (("YAML 1.1", first), ("YAML 1.2", second)) if each != here]
    found += f" ({'; '.join(others)})" if others else ""
    if is_text:
        return f"{quote(text)} {found}; expected it in quotes; quote it: {quote(text)}"
    readings = {each.removeprefix(_NUMBER) for each in (here, second, first) if each not in _NO_VALUES}
    instead = "".join(f", or write {each}" for each in readings if len(readings) == 1 and _can_be_written(each))
    expected = "expected it in quotes, or a value that all YAML reads alike"
    return f"{quote(text)} {found}; {expected}; quote it: {quote(text)}{instead}"


def _plain(value: Value) -> tuple[str, ...]:
    """Return how a value that is no text is written: as in JSON, or as Python prints it; a null may be left out."""
    if value is None:
        return "null", ""
    if isinstance(value, bool):
        return str(value).lower(), str(value)
    if isinstance(value, float):
        digits = f"{Decimal(repr(value)):f}"
        return _float(value), digits if "." in digits else f"{digits}.0"
    return (str(value),)


def _shown(value: Value) -> str:
    if isinstance(value, str):
        return _TEXT
    is_number = value is not None and not isinstance(value, bool)
    return f"{_NUMBER if is_number else ''}{_plain(value)[0]}"


def _can_be_written(value: str) -> bool:
    """Whether a shown value is whole, and one that slips takes."""
    return not value.endswith(("...", ".inf"))


def _resolve(text: str, readings: dict[str, str | Callable[[str], str]]) -> str:
    """Return the reading of the first pattern that fits; text if none does."""
    found = next((reading for pattern, reading in readings.items() if re.fullmatch(pattern, text)), _TEXT)
    if isinstance(found, str):
        return found
    number = found(text)
    return _NUMBER + (number if len(number) <= _DIGITS else f"{number[: _DIGITS - 3]}...")


def _integer(text: str) -> str:
    """Return a decimal integer without '+' and zeros in front. Python would convert no more than 4,300 digits."""
    digits = text.lstrip("+-0") or "0"
    return f"-{digits}" if text.startswith("-") and digits != "0" else digits


def _based(text: str) -> str:
    """Return an octal or hexadecimal integer in decimal; a long one, of which nobody sees all, as it is."""
    return str(int(text, 0)) if len(text) <= _DIGITS else text


def _real(text: str) -> str:
    return _float(float(text.replace("_", "")))


def _float(value: float) -> str:
    """Return a float as all YAML reads it: with a point, also before an exponent."""
    digits, exponent, power = repr(value).replace("inf", ".inf").partition("e")
    return f"{digits}{'' if '.' in digits else '.0'}{exponent}{power}"


_FIRST: dict[str, str | Callable[[str], str]] = {
    # yaml.org has more dots in the fraction of floats, by mistake: no reader takes 1.2.3 for a number.
    "[yY]": "true",
    "[nN]": "false",
    r"[-+]?([0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)([eE][-+][0-9]+)?": _real,
    "[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}.*": "a date",
    "=": "a mark",
}
"""Texts of PyYAML that are none in YAML 1.1. PyYAML reads numbers without a sign behind 'e' as texts, as YAML 1.1."""
_SECOND: dict[str, str | Callable[[str], str]] = {
    "(~|null|Null|NULL)?": "null",
    "true|True|TRUE": "true",
    "false|False|FALSE": "false",
    "[-+]?[0-9]+": _integer,
    "0o[0-7]+|0x[0-9a-fA-F]+": _based,
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?": _real,
    r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)": lambda text: text.lower(),
}
"""Texts that the core schema of YAML 1.2 reads as something else."""
