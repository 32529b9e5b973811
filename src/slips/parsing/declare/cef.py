"""The families of lines with a header between bars: CEF of ArcSight and LEEF of QRadar."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from slips.errors import RecordError, foreign_record
from slips.format import Event, RecordLimits, too_many_values
from slips.parsing.declare.lines import LineDeclaration, LineParser
from slips.parsing.meaning import Time, stamp
from slips.parsing.syslog_lines import read_front
from slips.parsing.typed import Names, names_of

_CEF_TIME = stamp("rt", "end", "start", "datetime")
_LEEF_TIME = stamp("devTime", "datetime")
_KEY = r"[A-Za-z0-9_][A-Za-z0-9_.\[\]]*+"
_CEF_BEGINS = re.compile(r"CEF: ?(?=\d{1,3}(?:\.\d{1,3})?\|)")
_CEF_PAIRS = re.compile(rf" ({_KEY})=")
_CEF_KEY = re.compile(_KEY)
_CEF_KEYS = frozenset(
    """act app c6a1 c6a2 c6a3 cat cn1 cn2 cn3 cnt cs1 cs2 cs3 cs4 cs5 cs6 destinationServiceName deviceAction
    deviceDirection deviceEventCategory deviceExternalId deviceFacility dhost dmac dntdom dpid dpriv dproc dpt dst duid
    duser dvc dvchost dvcmac end externalId fileHash filePath fname fsize in msg out outcome proto reason request
    requestMethod rt shost smac sntdom spid spriv sproc spt src start suid suser""".split()
)
"""Keys of CEF that most senders write."""
_CEF_ESCAPE = re.compile(r"\\([=\\nr])")
_CEF_ESCAPES = {"=": "=", "\\": "\\", "n": "\n", "r": "\r"}
_CEF_HEADER = re.compile(6 * r"([^|\\]*+)\|" + r"([^|\\]*+)(?:\||\Z)")
"""The seven fields of a header without escapes: most headers."""
_CEF_FIELD = re.compile(r"([^|\\]*+(?:\\.[^|\\]*+)*+)(\||\Z)", re.DOTALL)
_LEEF_BEGINS = re.compile(r"LEEF: ?(?=\d{1,3}(?:\.\d{1,3})?\|)")
_HEX = re.compile(r"(?:0|\\)?x([0-9A-Fa-f]{1,4})")


@dataclass(frozen=True, kw_only=True)
class _BarLines(LineDeclaration):
    """Lines with a header of fields between bars, and pairs behind it. A header of syslog may stand before.

    Pairs are fields of the event beside those of the header. A pair with the name of such a field is
    `extension.<name>`; a key that comes again has a list of its values. Of a header of syslog the event has the fields
    that the family `Syslog` names, if the line has them and no bars name another; any other text before is `header`.
    """

    vendors: Names = ()
    """The vendors of lines of the format, with blanks between, as the field `deviceVendor` of the header has them.
    Lines of others are refused. None: any vendor's."""

    begins: ClassVar[re.Pattern[str]]
    """The beginning of a line, with the name of its format."""
    header: ClassVar[tuple[str, ...]]
    """The names of the fields between bars."""

    @abstractmethod
    def split(self, text: str) -> tuple[list[str], str]:
        """Return the fields of a header, its name cut off, and the text behind. Raises RecordError."""

    @abstractmethod
    def pairs(self, header: list[str], rest: str) -> Iterator[tuple[str, str]]:
        """Yield the pairs of the text behind a header, slowly. Raises RecordError."""

    @abstractmethod
    def usual_pairs(self, header: list[str], rest: str) -> tuple[list[str], list[str]]:
        """Return keys and values of the text behind a header as `pairs` does. Raises ValueError if in doubt."""

    def most_pairs(self, _header: list[str], rest: str) -> int:
        """Return the most pairs that the text behind a header may have, as far as it can be told without cutting it."""
        return rest.count("=")

    def line_parser(self, limits: RecordLimits) -> LineParser:
        return _BarParser(self, limits)


class _BarParser(LineParser):
    def __init__(self, declaration: _BarLines, limits: RecordLimits) -> None:
        self._declaration, self._limits = declaration, limits
        self._types = declaration.types
        self._vendors = names_of(declaration.vendors)
        self.fast = declaration.calling_function(self._usual)

    def _usual(self, line: str) -> Event:
        """Read a line in which no key comes twice, or is a field of the header. Raises ValueError for others."""
        declaration = self._declaration
        event, header, rest = self._begin(line)
        keys, values = declaration.usual_pairs(header, rest)
        before = len(event)
        event.update(zip(keys, values, strict=True))
        if len(event) != before + len(keys):
            raise ValueError
        types = self._types
        if types.absent:
            return {key: types.value(key, value) if value.__class__ is str else value for key, value in event.items()}
        try:
            for name in types.typed:
                if event.get(name).__class__ is str:
                    event[name] = types.value(name, event[name])
        except RecordError:  # of several bad values, `read` names the first of the line
            raise ValueError from None
        return event

    def read(self, line: str) -> Event:
        event, header, rest = self._begin(line)
        for name in list(event):
            if isinstance(event[name], str):
                event[name] = self._types.value(name, event[name])
        known = frozenset(event)
        for key, text in self._declaration.pairs(header, rest):
            value: Any = self._types.value(key, text)
            name = f"extension.{key}" if key in known else key
            if name not in event:
                event[name] = value
            elif isinstance(event[name], list):
                event[name].append(value)
            else:
                event[name] = [event[name], value]
        return event

    def _begin(self, line: str) -> tuple[Event, list[str], str]:
        """Return the fields before the pairs, the header alone, and the text behind it. Raises RecordError."""
        declaration, limits = self._declaration, self._limits
        begin = declaration.begins.search(line)
        if begin is None:
            name = type(declaration).__name__.upper()
            raise foreign_record(
                f"line begins with {line[:40]!r}; expected '{name}:', a version and fields between bars"
            )
        header, rest = declaration.split(line[begin.end() :])
        if self._vendors and header[1] not in self._vendors:
            expected = " or ".join(map(repr, self._vendors))
            raise foreign_record(f"vendor is {header[1]!r:.60}; expected {expected}")
        if len(rest) > limits.values and declaration.most_pairs(header, rest) > limits.values:
            raise too_many_values(limits.values)
        event = read_front(line[: begin.start()], limits) if begin.start() else {}
        event.update(zip(declaration.header, header, strict=False))
        return event, header, rest


@dataclass(frozen=True, kw_only=True)
class Cef(_BarLines):
    """Lines of the Common Event Format: `CEF:0|vendor|product|version|class|name|severity|src=192.0.2.1 msg=a text`.

    The fields of the header are `version`, `deviceVendor`, `deviceProduct`, `deviceVersion`, `deviceEventClassId`,
    `name` and `severity`. Pairs keep their keys; labels such as `cs1Label` stay beside their values. Semicolons between
    pairs are no part of the values, if there is one behind each of three pairs or more. The time is `rt`, else `end`,
    `start`, or that of a header of syslog.
    """

    time: Time | None = _CEF_TIME
    message: str = "{name}"
    begins: ClassVar[re.Pattern[str]] = _CEF_BEGINS
    header: ClassVar[tuple[str, ...]] = (
        *("version", "deviceVendor", "deviceProduct", "deviceVersion", "deviceEventClassId", "name", "severity"),
    )

    def may_have_line_ends(self) -> bool:
        return True

    def split(self, text: str) -> tuple[list[str], str]:
        if usual := _CEF_HEADER.match(text):
            return list(usual.groups()), text[usual.end() :]
        fields: list[str] = []
        at = 0
        while len(fields) < len(self.header):
            field = _CEF_FIELD.match(text, at)
            if field is None or (not field[2] and len(fields) < len(self.header) - 1):
                raise RecordError(f"header has {len(fields) + 1} fields: {text[:60]!r}; expected 7 with '|' between")
            at = field.end()
            fields.append(field[1].replace("\\|", "|").replace("\\\\", "\\") if "\\" in field[1] else field[1])
        return fields, text[at:]

    def usual_pairs(self, _header: list[str], rest: str) -> tuple[list[str], list[str]]:
        before, *found = _CEF_PAIRS.split(f" {rest.strip()}")
        if before.strip():
            raise ValueError
        values = found[1::2]
        if values and ";" in values[0] and (len(values) == 1 or values[0][-1] == ";"):
            raise ValueError
        if "\\" in rest:
            values = [_CEF_ESCAPE.sub(_unescaped, value) for value in values]
        return found[::2], values

    def pairs(self, _header: list[str], rest: str) -> Iterator[tuple[str, str]]:
        # A word such as `src=192.0.2.1` begins a pair, others go on with it.
        before, *found = _CEF_PAIRS.split(f" {rest.strip()}")
        if before.strip(" "):
            raise RecordError(f"extension begins with {rest[:40]!r}; expected pairs such as 'src=192.0.2.1'")
        keys, values = _without_semicolons(found[::2], found[1::2])
        for key, value in zip(keys, values, strict=True):
            yield key, _CEF_ESCAPE.sub(_unescaped, value) if "\\" in value else value


def _without_semicolons(keys: list[str], values: list[str]) -> tuple[list[str], list[str]]:
    """Return keys and values without the semicolons that some senders write between pairs, `src=192.0.2.1;dst=…`.

    A value may have semicolons, too. So each pair must have one behind it, there must be three pairs at least, and of
    pairs without a blank between two keys more than the first that CEF names.
    """
    if len(keys) == 1:
        parts = [part.partition("=") for part in f"{keys[0]}={values[0]}".removesuffix(";").split(";")]
        if all(equals and _CEF_KEY.fullmatch(key) for key, equals, _ in parts):
            split = [key for key, _, _ in parts]
            if len(split) > 2 and len(_CEF_KEYS.intersection(split[1:])) > 1:
                return split, [value for _, _, value in parts]
    elif len(keys) > 2 and all(value.endswith(";") for value in values[:-1]):
        return keys, [value.removesuffix(";") for value in values]
    return keys, values


def _unescaped(escape: re.Match[str]) -> str:
    return _CEF_ESCAPES[escape[1]]


@dataclass(frozen=True, kw_only=True)
class Leef(_BarLines):
    """Lines of the Log Event Extended Format: `LEEF:1.0|vendor|product|version|event|src=192.0.2.1<tab>msg=a text`.

    The fields of the header are `version`, `deviceVendor`, `deviceProduct`, `deviceVersion` and `eventId`. LEEF 2.0
    names the character between pairs behind them, as it is or as `x5E`; a tab is usual. The time is `devTime`, else
    that of a header of syslog; for a sender with a `devTimeFormat` of its own, declare the time as `written`.
    """

    time: Time | None = _LEEF_TIME
    message: str = "{eventId}"
    begins: ClassVar[re.Pattern[str]] = _LEEF_BEGINS
    header: ClassVar[tuple[str, ...]] = ("version", "deviceVendor", "deviceProduct", "deviceVersion", "eventId")

    def split(self, text: str) -> tuple[list[str], str]:
        *fields, rest = text.split("|", 5)
        if len(fields) < 4:
            raise RecordError(f"header has {len(fields) + 1} fields: {text[:60]!r}; expected 5 with '|' between")
        if len(fields) == 4:
            return [*fields, rest], ""
        if not fields[0].startswith("2"):
            return fields, rest
        delimiter, bar, behind = rest.partition("|")
        if not bar or "=" in delimiter:  # no delimiter: a bar in a value
            return fields, rest
        return [*fields, _delimiter(delimiter)], behind

    def usual_pairs(self, header: list[str], rest: str) -> tuple[list[str], list[str]]:
        keys, values = [], []
        for pair in rest.split(_between(header, rest)):
            key, _, value = pair.partition("=")
            if not value and "=" not in pair:
                raise ValueError
            keys.append(key.strip())
            values.append(value)
        return keys, values

    def pairs(self, header: list[str], rest: str) -> Iterator[tuple[str, str]]:
        between = _between(header, rest)
        found: list[tuple[str, list[str]]] = []
        for pair in rest.split(between):
            key, equals, value = pair.partition("=")
            if equals:
                found.append((key.strip(), [value]))
            elif found and pair.strip():  # the character between pairs in a value
                found[-1][1].append(pair)
            elif pair.strip():
                raise RecordError(f"attributes begin with {rest[:40]!r}; expected pairs such as 'src=192.0.2.1'")
        for key, parts in found:
            yield key, between.join(parts)

    def most_pairs(self, header: list[str], rest: str) -> int:
        return rest.count(_between(header, rest)) + 1


def _between(header: list[str], rest: str) -> str:
    """Return the text between pairs. Rsyslog writes `#011` for the tab, if it escapes control characters."""
    between = header[5] if len(header) > 5 else "\t"
    return "#011" if between == "\t" and "\t" not in rest and "#011" in rest else between


def _delimiter(text: str) -> str:
    """Return the character that the header of LEEF 2.0 names. Raises RecordError."""
    if found := _HEX.fullmatch(text):
        text = chr(int(found[1], 16))
    elif text in ("", "\\t"):
        return "\t"
    if len(text) != 1:
        raise RecordError(f"delimiter is {text[:40]!r}; expected one character, or its number as in 'x5E'")
    return text
