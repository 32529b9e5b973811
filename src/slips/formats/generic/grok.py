"""Lines that a pattern of grok cuts, as Logstash, Fluentd and Datadog have them: `%{IP:client} %{WORD:method}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated

import msgspec

from slips.format import Format, FormatOptions, a_key
from slips.formats.generic.grok_patterns import PATTERNS
from slips.formats.generic.lines import LineOptions
from slips.parsing import Regex

_USE = re.compile(r"%\{([A-Za-z0-9_]+)(?::([^:}]+))?(?::([a-z]+))?\}")
_MARK = re.compile(r"""\\?([\]"',;:<>=@/#&]|(?<=\\)[^\w\s])""")
"""A punctuation mark, which in a regular expression stands for itself."""
_MOST_DEEP, _MOST_LONG = 20, 100_000
"""Most uses within uses, and most characters of a pattern written out."""
_TYPES = {
    **dict.fromkeys(("int", "integer", "long"), "integers"),
    **dict.fromkeys(("float", "double"), "floats"),
    "boolean": "booleans",
}


class GrokOptions(LineOptions, frozen=True):
    """The options of `grok`."""

    pattern: Annotated[
        str,
        a_key(
            "Pattern for lines, from their beginning: `%{NAME:field}`, `%{NAME:field:int}` and regular expressions "
            "between. It must take time in proportion to the line.",
            "%{IP:client} %{WORD:method} %{NOTSPACE:path} %{NUMBER:bytes:int} %{NUMBER:duration:float}",
        ),
    ] = ""
    patterns: Annotated[
        dict[str, str],
        a_key("Patterns of your own by name, beside the usual ones of grok.", {"ORDER": r"[A-Z]\d{6}"}),
    ] = msgspec.field(default_factory=dict)


class Grok:
    """A pattern of grok, written out."""

    def __init__(self, pattern: str, own: Mapping[str, str]) -> None:
        """Raises ValueError for a pattern that names others that are not known, or itself."""
        self._own, self._patterns = own, {**PATTERNS, **own}
        self.fields: dict[str, str] = {}
        """The name of the group of each field."""
        self.types: dict[str, list[str]] = {kind: [] for kind in _TYPES.values()}
        """The fields of each type."""
        self.regex = self._written(pattern, ())

    def _written(self, pattern: str, within: tuple[str, ...]) -> str:
        def use(found: re.Match[str]) -> str:
            name, field_, type_ = found.groups()
            if name not in self._patterns:
                raise ValueError(f"{found[0]!r} names no pattern; expected one of grok's or of 'patterns'{_hint(name)}")
            if name in within or len(within) > _MOST_DEEP:
                raise ValueError(f"pattern {name!r} names itself; expected others in it")
            mark = _MARK.match(found.string, found.end()) if name == "DATA" and name not in self._own else None
            # Up to the first mark behind it, as users mean it: `.*?` would try each further one, too.
            inside = rf"[^{re.escape(mark[1])}]*+" if mark else self._written(self._patterns[name], (*within, name))
            if len(inside) > _MOST_LONG:
                raise ValueError(f"pattern {name!r} has more than {_MOST_LONG:,} characters; expected a shorter one")
            return f"(?:{inside})" if field_ is None else f"(?P<{self._group(field_, type_, found[0])}>{inside})"

        return _USE.sub(use, pattern)

    def _group(self, field_: str, type_: str | None, text: str) -> str:
        group = re.sub(r"\W", "_", field_.strip("[]").replace("][", "_"))
        if not group.isidentifier():
            raise ValueError(f"{text!r} has the field {field_!r}; expected a name such as 'client'")
        if group in self.fields:
            raise ValueError(f"{text!r}: the field {group!r} is there twice; expected each name once")
        self.fields[group] = field_
        if type_ is not None:
            if type_ not in _TYPES and type_ != "string":
                raise ValueError(f"{text!r} has the type {type_!r}; expected int, float, boolean or string")
            if type_ in _TYPES:
                self.types[_TYPES[type_]].append(group)
        return group


def _hint(name: str) -> str:
    import difflib  # for a mistake alone

    close = difflib.get_close_matches(name, PATTERNS, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


@dataclass(frozen=True, kw_only=True)
class _Grok(Regex):
    options: type[FormatOptions] | None = field(init=False, default=GrokOptions)

    def with_options(self, options: FormatOptions) -> Format:
        """Return the format; with a pattern of its own, the line is not the message."""
        if not isinstance(options, GrokOptions):
            return super().with_options(options)
        declared: _Grok = self
        if options.pattern:
            try:
                grok = Grok(options.pattern, options.patterns)
            except ValueError as error:
                raise ValueError(f"pattern: {error}") from None
            declared = replace(self, pattern=grok.regex, message="")
            options = msgspec.structs.replace(
                options,
                integers=[*options.integers, *grok.types["integers"]],
                floats=[*options.floats, *grok.types["floats"]],
                booleans=[*options.booleans, *grok.types["booleans"]],
            )
        return super(_Grok, declared).with_options(msgspec.structs.replace(options, pattern="", patterns={}))


GROK = _Grok(
    "grok",
    "lines that a pattern of grok cuts, such as %{IP:client} %{WORD:method}; without one, the line is the message",
    "https://www.elastic.co/docs/reference/logstash/plugins/plugins-filters-grok",
    pattern="(?P<message>.*)",
    message="{message}",
)
