"""Guesses the family of a log: candidates are declared and tried on the log; the first that reads it is taken."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import takewhile
from typing import Any, NamedTuple

from slips import parsing
from slips.errors import UsageError
from slips.format import Event, Format
from slips.new_format.trial import run
from slips.parsing.chain import compile_format
from slips.parsing.typed import booleans_by_text

READ, PARTLY = 0.9, 0.5
"""Share of the records that the first candidate reads which is taken, and that the best must read if none does."""
_FIRST = 200
"""Lines by which candidates are found."""
_SEPARATORS = {",": "csv", "\t": "csv:tab", ";": "csv:semicolon", "|": "csv:pipe"}
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"(?= |$)|\[[^\]]*\](?= |$)|[^ ]*')
_QUOTED = re.compile(r'"[^"]*"')
_PAIR = re.compile(r"[^\s=;,]+=")
_NAME = re.compile(r"[A-Za-z_@#][\w .@/()#-]*")
_SYSLOG_5424 = re.compile(r"<\d{1,3}>\d{1,2} ")
_SYSLOG = re.compile(
    r"(<\d{1,3}>)?([A-Z][a-z]{2} [ \d]\d (\d{4} )?\d\d:\d\d:|\d{4}-\d\d-\d\dT\S+ \S+ [^\s:\[]+(\[\d+\])?: )"
)
_DECIMAL = re.compile(r"-?(0|[1-9]\d{0,9})\.(?P<decimals>\d{3,9})")
_TIME = r"\[?(?P<time>\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d++)?(?:Z| ?[+-]\d\d:?\d\d)?)\]?[:,;]? "
_LEVEL = r"\[?(?P<level>[A-Z]{4,9}|[a-z]{4,9})\]?:? ++"
_HAS_DIGIT = re.compile(r"\d|^-$")
_LEVELS = frozenset(
    "trace debug info notice warn warning err error crit critical alert emerg emergency fatal panic severe".split()
)
_XML = re.compile(r"<(?:\?xml\s|[A-Za-z_])")
_START_TAG = re.compile(r"<(?:[\w.-]+:)?([A-Za-z_][\w.-]*)(?=[\s/>])")
_XML_LOOKED_AT = 1 << 16
_REQUEST = re.compile(r"[A-Z]+ \S+ HTTP/[\d.]+")
_COMBINED = ("bare", "bare", "bare", "bracketed", "quoted", "bare", "bare", "quoted", "quoted")
_COMMON = 7
"""Fields of a log in the Common Log Format, which the combined one begins with."""
_COMBINED_NAMES = ("client", "ident", "user", "time", "request", "status", "bytes", "referer", "user_agent")
"""The access log of Apache and nginx: https://httpd.apache.org/docs/current/logs.html#combined"""


class Layout(NamedTuple):
    """A family, the arguments that make it read a log, and the events that it makes of it."""

    family: str
    arguments: dict[str, Any]
    """Keyword arguments beside name, summary and the common parts. The value of `chain` has `NAME` for the name."""
    extension: str
    """How the name of the sample ends."""
    events: Sequence[Event] = ()
    share: float = 0.0
    """The share of the records that it reads."""

    @property
    def names_fields(self) -> bool:
        """Whether the log itself names the fields: in JSON, in pairs, in a header."""
        return not any("column_" in str(self.arguments.get(part, "")) for part in ("columns", "head"))

    @property
    def words(self) -> list[str]:
        """The fields that are words without a value, among pairs."""
        if self.family != "KeyValue":
            return []
        names = {name: value for event in self.events for name, value in event.items()}
        for name in self.arguments.get("booleans", "").split():
            names.pop(name, None)
        return [name for name, value in names.items() if value is True or (isinstance(value, list) and True in value)]

    @property
    def unfit(self) -> list[str]:
        """The fields by which no record is known to be of the format: words, and what is in front of pairs."""
        return [*self.words, *re.compile(self.arguments.get("head", "")).groupindex]

    @property
    def has_own_meaning(self) -> bool:
        """Whether the family itself knows the time, the message, and how to tell its lines from others."""
        return self.family in ("Cef", "Leef", "Syslog")

    @property
    def has_header(self) -> bool:
        """Whether a line names the columns."""
        return "header" in self.arguments or self.is_table

    @property
    def is_table(self) -> bool:
        """Whether the reader `csv` cuts the log."""
        return str(self.arguments.get("chain", ("",))[0]).startswith("csv")

    def declare(self, name: str, **common: Any) -> Format:
        """Return the declaration. Raises ValueError."""
        arguments = dict(self.arguments)
        if "chain" in arguments:
            arguments["chain"] = (*arguments["chain"][:-1], name)
        declared: Format = getattr(parsing, self.family)(name, "a log", **arguments, **common)
        return declared


def layout_of(content: bytes) -> Layout:
    """Return the first layout that reads a log. Raises UsageError if none does."""
    text = content.decode("utf-8", "surrogateescape")
    lines = [line for line in text.splitlines() if line.strip()][:_FIRST]
    if not lines:
        raise UsageError("the log is empty; expected some records, from which to guess; take a longer one")
    best = None
    for candidates in (_json, _xml, _w3c, _prefixed, _syslog, _pairs, _access, _tables, _columns, _timed, _blocks):
        for layout in candidates(lines, text):
            tried = _tried(layout, content)
            if tried.share >= READ:
                return tried
            if tried.share >= PARTLY and (best is None or tried.share > best.share):
                best = tried
    if best is not None:
        return best
    raise UsageError(
        f"no family of formats reads this log, which begins with {lines[0][:60]!r}; expected JSON, CSV, key=value, an "
        "access log, XML, syslog, columns, or a time and text; try 'slips infer', declare a Regex, or write a function "
        "with @parser"
    )


def _tried(layout: Layout, content: bytes) -> Layout:
    tried = _read(layout, content)
    if layout.family == "KeyValue" or layout.is_table:
        texts = _texts(tried.events)
        if layout.is_table:  # there no value is an empty text, too
            texts = {name: given for name, values in texts.items() if (given := [value for value in values if value])}
        if types := _types(texts, [*texts.values()]):
            return _read(layout._replace(arguments={**layout.arguments, **types}), content)
    return tried


def _read(layout: Layout, content: bytes) -> Layout:
    """Return a layout with the events that it makes of a log."""
    try:
        declared = layout.declare("trial")
    except ValueError:  # a column of an odd name, for example
        return layout
    seen = run(compile_format(declared), content)
    events = [event for _, event in seen.events]
    return layout._replace(events=events, share=seen.share if events else 0.0)


def _texts(events: Sequence[Event]) -> dict[str, list[str]]:
    """Return the values of the fields that have texts alone, and a name that a list of names may have."""
    columns: dict[str, list[Any]] = {}
    for event in events:
        for name, value in event.items():
            columns.setdefault(name, []).append(value)
    return {
        name: values
        for name, values in columns.items()
        if " " not in name and all(isinstance(value, str) for value in values)
    }


def _json(lines: Sequence[str], text: str) -> Iterator[Layout]:
    if lines[0].lstrip("\ufeff \t")[:1] not in ("{", "["):
        return
    document = _loaded(text)
    if isinstance(document, dict) and (array := _array(document)):
        yield Layout("Json", {"elements": array}, "json")
    yield Layout("Json", {}, "jsonl" if isinstance(_loaded(lines[0]), dict) else "json")


def _xml(lines: Sequence[str], text: str) -> Iterator[Layout]:
    """Yield XML whose records are the first elements, if there are several, or those just below that one."""
    if not _XML.match(lines[0].lstrip("\ufeff \t")):
        return
    names = _START_TAG.findall(text[:_XML_LOOKED_AT])
    if names:
        root, inner = names[0], next((name for name in names if name != names[0]), names[0])
        first = "Event" if "Event" in names else root if names.count(root) > 1 else inner
        for name in dict.fromkeys((first, root)):
            yield Layout("Json", {"chain": (f"xml-events:{name}", "NAME")}, "xml")


def _loaded(text: str) -> Any:
    """Return the value of a JSON text; None for any other text."""
    try:
        return json.loads(text.lstrip("\ufeff"))
    except (ValueError, RecursionError):
        return None


def _array(document: Event) -> str:
    """Return the path of the one array of objects in a document that has little else; empty if there is none."""
    containers = [key for key, value in document.items() if isinstance(value, dict | list)]
    if len(containers) != 1:
        return ""
    key, value = containers[0], document[containers[0]]
    if isinstance(value, dict):
        return f"{key}.{path}" if len(document) == 1 and (path := _array(value)) else ""
    return key if value and isinstance(value[0], dict) else ""


def _w3c(lines: Sequence[str], _text: str) -> Iterator[Layout]:
    head = next((line for line in lines[:20] if line.startswith("#Fields:")), "")
    if head:
        reader = "csv:tab" if any("\t" in line for line in lines if not line.startswith("#")) else "csv:space"
        yield Layout("Json", {"absent": "-", "chain": (reader, "NAME")}, "log")


def _prefixed(lines: Sequence[str], _text: str) -> Iterator[Layout]:
    for family in ("Cef", "Leef"):
        if sum(f"{family.upper()}:" in line for line in lines) >= READ * len(lines):
            yield Layout(family, {}, "log")


def _pairs(lines: Sequence[str], _text: str) -> Iterator[Layout]:
    if not _have_pairs(lines, 3):
        return
    head = _head(lines)
    arguments = {"head": head} if head else {}
    for separator in (";", ",", "|", "\t"):
        behind = re.compile(rf"{re.escape(separator)} *+{_PAIR.pattern}")
        if all(len(behind.findall(line)) >= len(_PAIR.findall(line)) - 1 > 0 for line in lines):
            yield Layout("KeyValue", {**arguments, "separator": separator}, "log")
    yield Layout("KeyValue", arguments, "log")


def _head(lines: Sequence[str]) -> str:
    """Return the pattern of what nearly all lines have in front of their pairs: a time, words; empty if it is nothing.

    The words are columns, if the lines have the same number of them; else they are left to the pairs.
    """
    timed = [re.match(_TIME, line) for line in lines]
    is_timed = sum(match is not None for match in timed) >= READ * len(lines)
    rest = [line[match.end() :] if match and is_timed else line for match, line in zip(timed, lines, strict=True)]
    rows = [[*takewhile(lambda word: "=" not in word, line.split())] for line in rest]
    (width, count), *_ = Counter(map(len, rows)).most_common()
    columns = [*zip(*(row for row in rows if len(row) == width), strict=True)] if count >= READ * len(rows) else []
    head, number = _TIME if is_timed else "", 0
    for values in columns:
        if re.fullmatch(r"[^\w\s\"'\\]+", values[0]) and len({*values}) == 1:  # such as a bar
            head += rf"\s*+{re.escape(values[0])}"
        elif all(value.strip("[]:").lower() in _LEVELS for value in values):
            head += r"\s*+\[?(?P<level>\w++)\]?:?"
        else:
            number += 1
            head += rf"\s*+(?P<column_{number}>\S++)"
    for name in re.compile(head).groupindex:
        if any(re.search(rf"\b{name}=", line) for line in lines):
            head = head.replace(f"<{name}>", f"<head_{name}>")
    return head


def _have_pairs(lines: Sequence[str], words: int) -> bool:
    """Whether nearly all lines have two pairs, and one among so many words."""
    return sum(len(_PAIR.findall(line)) >= max(2, len(line.split()) // words) for line in lines) >= READ * len(lines)


def _access(lines: Sequence[str], _text: str) -> Iterator[Layout]:
    cut = [_tokens(line) for line in lines]
    shapes = [tuple(map(_kind, tokens)) for tokens in cut]
    shape = next(
        (
            shape
            for share in (READ, PARTLY)
            for shape in sorted({*shapes}, key=len, reverse=True)
            if sum(each[: len(shape)] == shape for each in shapes) >= share * len(lines)
        ),
        (),
    )
    if not {"quoted", "bracketed"} & {*shape} or len(shape) < 3:
        return
    fitting = [tokens[: len(shape)] for tokens, each in zip(cut, shapes, strict=True) if each[: len(shape)] == shape]
    rows = [[token.strip('"[]') for token in tokens] for tokens in fitting]
    columns = [*zip(*rows, strict=True)]
    names = [f"column_{number}" for number in range(1, len(shape) + 1)]
    if len(shape) >= _COMMON and shape[: len(_COMBINED)] == _COMBINED[: len(shape)]:
        names[: len(_COMBINED)] = _COMBINED_NAMES[: len(shape)]
    arguments: dict[str, Any] = {}
    for at, values in enumerate(columns):
        if shape[at] == "quoted" and "requests" not in arguments and sum(map(_is_request, values)) > 0.5 * len(values):
            names[at] = "request"
            arguments["requests"] = {"request": "method target protocol"}
    if "requests" not in arguments and shapes.count(shape) < READ * len(shapes):
        return  # prose with some brackets
    written = {"bare": "{}", "quoted": '"{}"', "bracketed": "[{}]"}
    layout = " ".join(written[kind].format(name) for kind, name in zip(shape, names, strict=True))
    bare = {name: values for kind, name, values in zip(shape, names, columns, strict=True) if kind == "bare"}
    yield Layout("Quoted", {"columns": layout, **arguments, **_types(bare, columns)}, "log")


def _tokens(line: str) -> list[str]:
    tokens, at = [], 0
    while at <= len(line):
        match = _TOKEN.match(line, at)
        token = match[0] if match else ""
        tokens.append(token)
        at += len(token) + 1
    return tokens


def _kind(token: str) -> str:
    return "quoted" if token[:1] == '"' else "bracketed" if token[:1] == "[" and token[-1:] == "]" else "bare"


def _is_request(value: str) -> bool:
    return _REQUEST.fullmatch(value) is not None


def _tables(lines: Sequence[str], _text: str) -> Iterator[Layout]:
    bare = [_QUOTED.sub('""', line) for line in lines]
    blanks = sum(line.count(" ") for line in bare)
    for separator, reader in _SEPARATORS.items():
        (most, count), *_ = Counter(line.count(separator) for line in bare).most_common()
        if most < 2 or count < READ * len(bare) or (separator != "\t" and blanks > most * len(bare)):
            continue
        first = [name.strip('"') for name in lines[0].split(separator)]
        if len(lines) > 1 and len({*first}) == len(first) == most + 1 and all(map(_NAME.fullmatch, first)):
            yield Layout("Json", {"chain": (reader, "NAME")}, "tsv" if separator == "\t" else "csv")
        arguments = {} if separator == "," else {"separator": separator}
        yield from _numbered("Csv", most + 1, arguments, [line.split(separator) for line in bare])


def _syslog(lines: Sequence[str], _text: str) -> Iterator[Layout]:
    for pattern, arguments in ((_SYSLOG_5424, {"rfc": 5424}), (_SYSLOG, {})):
        if sum(pattern.match(line) is not None for line in lines) >= PARTLY * len(lines):
            if _have_pairs(lines, 2):  # of what is behind the header
                yield Layout("KeyValue", {"chain": ("s3-lines", "syslog", "NAME")}, "log")
            yield Layout("Syslog", arguments, "log")


def _columns(lines: Sequence[str], _text: str) -> Iterator[Layout]:
    for separator, cut in ((" ", lambda line: line.split(" ")), ("", str.split)):
        rows = [cut(line) for line in lines]
        (width, count), *_ = Counter(map(len, rows)).most_common()
        if width < 4 or count < READ * len(rows):
            continue
        arguments = {} if separator else {"separator": ""}
        if len({*rows[0]}) == width and all(map(_NAME.fullmatch, rows[0])) and len(rows) > 1:
            names = " ".join(rows[0])
            yield Layout(
                "Columns", {"header": names, "columns": names, **arguments, **_typed(rows[0], rows[1:])}, "log"
            )
        if any(all(_HAS_DIGIT.search(value) for value in column) for column in zip(*rows, strict=False)):
            yield from _numbered("Columns", width, arguments, rows)  # else it is prose of one length


def _timed(lines: Sequence[str], _text: str) -> Iterator[Layout]:
    for level in (_LEVEL, ""):
        pattern = f"{_TIME}{level}(?P<message>.*)"
        if sum(re.match(pattern, line) is not None for line in lines) >= PARTLY * len(lines):
            yield Layout("Regex", {"pattern": pattern}, "log")


def _blocks(lines: Sequence[str], _text: str) -> Iterator[Layout]:
    """Yield lines that begin with a time, each with the lines below it that do not, such as a stack trace."""
    starts = sum(re.match(_TIME, line) is not None for line in lines)
    if starts > 1 and re.match(_TIME, lines[0]):
        chain = ({"multiline": {"start": r"\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:"}}, "NAME")
        for level in (_LEVEL, ""):
            pattern = rf"{_TIME}{level}(?P<message>[\s\S]*)"
            yield Layout("Regex", {"pattern": pattern, "chain": chain}, "log")


_YES_NO = "yes/no"
"""Words for booleans, beside `true` and `false`, that are nothing else: `Y` may be a name, `1` a number."""
_IDENTIFIER = re.compile(r"(?:^|[_.-])[iI][dD]$|[a-z]I[dD]$")
"""The end of a field's name that says that its digits are no number: further lines may have letters there."""


def _numbered(family: str, width: int, arguments: dict[str, Any], rows: Sequence[Sequence[str]]) -> Iterator[Layout]:
    """Yield a layout whose columns have numbers for names."""
    names = [f"column_{number}" for number in range(1, width + 1)]
    yield Layout(family, {"columns": " ".join(names), **arguments, **_typed(names, rows)}, "log")


def _typed(names: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, Any]:
    columns = [*zip(*(row for row in rows if len(row) == len(names)), strict=True)]
    return _types(dict(zip(names, columns, strict=False)), columns)


def _types(bare: Mapping[str, Sequence[str]], columns: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Return the arguments for the numbers and booleans in `bare` columns, and for `-` in any."""
    found: dict[str, Any] = {"absent": "-"} if any("-" in values for values in columns) else {}
    for part, are_such in (("integers", _ints), ("floats", _decimals)):
        if names := [name for name, values in bare.items() if are_such(values) and not _IDENTIFIER.search(name)]:
            found[part] = " ".join(names)
    if booleans := {name: given for name, values in bare.items() if _are_booleans(given := {*values} - {"-"})}:
        found["booleans"] = " ".join(booleans)
        if not booleans_by_text().keys() >= set().union(*booleans.values()):
            found["boolean_words"] = _YES_NO
    return found


def _are_booleans(given: Set[str]) -> bool:
    """Whether values are words that stand for true and false."""
    return bool(given) and booleans_by_text((_YES_NO,)).keys() >= given


def _ints(values: Sequence[str]) -> bool:
    """Whether all values but `-` are integers as computers write them."""
    given = [value for value in values if value != "-"]
    return bool(given) and all(re.fullmatch(r"-?(0|[1-9]\d{0,17})", value) for value in given)


def _decimals(values: Sequence[str]) -> bool:
    """Whether all values but `-` are decimal numbers as durations are written, `0.042`: versions have fewer digits."""
    found = [_DECIMAL.fullmatch(value) for value in values if value != "-"]
    return bool(found) and len({match and len(match["decimals"]) for match in found}) == 1 and all(found)
