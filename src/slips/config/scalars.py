"""Finds plain scalars that are not read as they are written, or not alike by YAML 1.1 and YAML 1.2. Pure.

slips reads YAML 1.1 as PyYAML does: a few texts stay texts that are none by its specification. Editors, linters and
other languages read the one or the other. https://yaml.org/type/, https://yaml.org/spec/1.2.2/#1032-tag-resolution
"""

from __future__ import annotations

import re
from collections.abc import Callable

Value = str | int | float | bool | None

_TEXT = "text"
_NUMBER = "the number "
_NO_VALUES = (_TEXT, "a date", "a mark")
"""Readings that cannot be written in another way, without quotes."""


def doubt(text: str, value: Value) -> str:
    """Return what is doubtful about a plain scalar that slips reads as `value`, and the remedy; else an empty text.

    A scalar is in doubt if its value, written plainly, is another text, or if the two versions of YAML disagree.
    """
    here, second = _shown(value), _resolve(text, _SECOND)
    # PyYAML follows YAML 1.1 in all that it does not read as text.
    first = _resolve(text, _FIRST) if here == _TEXT else here
    if first == second == here and (here == _TEXT or text in _plain(value)):
        return ""
    found = "stays text" if here == _TEXT else f"becomes {here}"
    others = [f"{name}: {each}" for name, each in (("YAML 1.1", first), ("YAML 1.2", second)) if each != here]
    found += f" ({'; '.join(others)})" if others else ""
    values = {each.removeprefix(_NUMBER) for each in (here, second, first) if each not in _NO_VALUES}
    instead = f", or write {values.pop()}" if len(values) == 1 else ""
    return f"{text!r} {found}; expected it in quotes, or a value that all YAML reads alike; quote it: {text!r}{instead}"


def _plain(value: Value) -> tuple[str, ...]:
    """Return how a value that is no text is written: as in JSON, or as Python prints it; a null may be left out."""
    if value is None:
        return "null", ""
    return (str(value).lower(), str(value)) if isinstance(value, bool) else (str(value),)


def _shown(value: Value) -> str:
    if isinstance(value, str):
        return _TEXT
    is_number = value is not None and not isinstance(value, bool)
    return f"{_NUMBER}{value}" if is_number else _plain(value)[0]


def _resolve(text: str, readings: dict[str, str | Callable[[str], str]]) -> str:
    """Return the reading of the first pattern that fits; text if none does."""
    found = next((reading for pattern, reading in readings.items() if re.fullmatch(pattern, text)), _TEXT)
    return found if isinstance(found, str) else _NUMBER + found(text)


def _integer(text: str) -> str:
    """Return a decimal integer without '+' and zeros in front. Python would convert no more than 4,300 digits."""
    digits = text.lstrip("+-0") or "0"
    return f"-{digits}" if text.startswith("-") and digits != "0" else digits


def _based(text: str) -> str:
    return str(int(text, 0))


def _real(text: str) -> str:
    return str(float(text.replace("_", "")))


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
"""What the core schema of YAML 1.2 reads as something else than text."""
