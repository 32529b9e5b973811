"""Ranks the chains of the catalogue for an unknown log."""

from __future__ import annotations

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct

from slips.errors import ReaderError
from slips.format import Event, Format
from slips.formats import breadths, catalogue, entries
from slips.inference.containers import HEAD, PARQUET, OpenedLog, open_containers
from slips.inference.likeness import fingerprints, has_own_fields, likeness
from slips.inference.tables import table_step, time_options
from slips.inference.trial import FirstRecords, try_chain
from slips.model import ObjectEvent
from slips.parsing import Declaration, Syslog
from slips.step import Step, name_of, written

RECORDS = 40
"""Records on which each chain is tried."""
_FIRST = 8
"""Records on which a chain is tried at first: most formats refuse these."""
_GENERAL, _OF_ANYTHING = 0.4, 0.8
"""The shares of the likeness that count of formats of no vendor, and of those that take any line: others come first."""
_NARROWEST = 0.2
"""The least share of the score that counts of a format that accepts most records of other vendors."""
_NO_BREADTH = 0.1
"""The share of others' records that says nothing: formats of web servers accept each other's."""
_NEAR, _NEAR_OF_ANYTHING = 0.85, 0.8
"""The shares of the best score from which on the detail of events decides the order. That of formats that take any line
is below what is left of their score at most: 0.1 + 0.9 * 0.8."""
_FITS = 0.5
"""The least share of parsed records of a chain that is proposed."""
_LIKE = 0.12
"""The least likeness of a chain that is proposed."""
_NEAREST = 0.01
"""The least likeness of a chain that comes near to a log that none fits: of others it has nothing but its lines."""
_LOOKED_AT, _FEW_BYTES = 1_000, 16
"""Bytes by which a log without a byte order mark is known to be in UTF-16, and those that say too little."""
_TOO_GENERAL = ("regex",)
"""Formats that any text fits."""
_HEADERS = 3
"""Headers behind which other formats are tried."""
_READERS_OF_LINES = ("s3-lines", "s3-text", "multiline")
"""Readers that a format does without behind a header: the text behind it is one record, of however many lines."""
_JSON = re.compile(rb"\s*(?:\{\s*[\"}]|\[\s*[\[{])")
_TEXT = 1 << 20
"""Bytes of a text on which chains are tried: a line, or a document, of megabytes takes each of them a while."""
_JSON_TEXT = 1 << 17
"""Bytes of JSON on which chains are tried at first: most logs have many records in them."""


_ELSEWHERE = "Asia/Kolkata"
"""A zone that is no other's by any name of a zone in logs, nor UTC at any time of the year."""
_NO_LOG = b"qqxz vvkq jjwq\nzzyx wqvj\nkkqz\n"
_OF_ANY_PROGRAM = b"2026-11-29 08:00:00 qqxz vvkq\n2026-11-29T08:00:00Z zzyx wqvj\n192.0.2.7:41641 vvkq jjwq\n"
"""Lines that begin as those of many programs: with a time, or an address and a port."""
_NO_OBJECT = ObjectEvent(bucket_name="", object_key="")


class Candidate(Struct):
    """A chain, and how well it fits a log."""

    format: str
    """The name of its last format."""
    trial: FirstRecords
    likeness: float
    archives: tuple[Step, ...] = ()
    """The archives around the log on which the trial was."""
    also: list[str] = []
    """Formats that cut the same values out of this log, under other names: no log tells which of them it is."""

    @property
    def steps(self) -> list[Step]:
        steps = self.trial.steps
        if self.archives and steps == [self.format]:
            steps = list(catalogue()[self.format].chain)
        return [*self.archives, *steps]

    @property
    def chain(self) -> str:
        """The value of `format` in a config: the name alone, if that stands for the chain."""
        return self.format if self.steps == [self.format] else f"[{', '.join(map(written, self.steps))}]"

    @property
    def score(self) -> float:
        usual = 0.9 if name_of(self.trial.steps[0]).startswith("json-records") else 1.0
        is_weighed = _of_anything(self.format) or _is_general(self.format)  # in its likeness
        narrow = 1.0 if is_weighed or self.breadth <= _NO_BREADTH else max(_NARROWEST, (1 - self.breadth) ** 2)
        return usual * narrow * self.trial.parsed**2 * (0.1 + 0.9 * self.likeness) * (0.6 + 0.4 * self.trial.times)

    @property
    def is_general(self) -> bool:
        """Whether the format is of no vendor."""
        return _is_general(self.format)

    @property
    def breadth(self) -> float:
        """The share of other vendors' records that the format accepts."""
        return breadths().get(self.format, 0.0)

    @property
    def detail(self) -> float:
        """The mean number of values in an event: of two parsers of a line, the one that names more of it knows it."""
        return sum(map(len, self.values)) / max(1, len(self.values))

    @property
    def values(self) -> list[list[str]]:
        """The values of each event, sorted, as texts, without those that say that there is none."""
        return _values(self.trial.events[:_FIRST])

    @property
    def fits(self) -> bool:
        return self.trial.parsed >= _FITS and (self.likeness >= _LIKE or self.format == PARQUET)


class Inferred(Struct):
    """The chains for a log, best first."""

    fitting: list[Candidate]
    nearest: list[Candidate]
    """Of chains that do not fit, those that come nearest."""
    reason: str = ""
    """Why no chain was tried, as the log cannot be read; else empty."""
    zoneless: bool = False
    """Whether times of the best chain name no zone, so that they are read as UTC."""
    part: int = 0
    """Bytes that were looked at of a first line that is longer than what was read of the log; else 0."""


def infer(content: bytes, source: ObjectEvent, *, whole: bool = True) -> Inferred:
    """Return the chains that fit a log, `content` being all of it or, if not `whole`, its beginning, decompressed.

    `source` dates records that have no time. Raises nothing, whatever the content is.
    """
    try:
        log = open_containers(content, whole=whole)
    except ReaderError as error:
        return Inferred([], [], str(error))
    if _is_unmarked(log.content):
        return Inferred(
            [],
            [],
            "every other byte is NUL, as in UTF-16 without a byte order mark; expected UTF-8, or UTF-16 with the mark; "
            "write it so",
        )
    best: dict[str, Candidate] = {}
    part = 0
    for beginning in _beginnings(log):
        if len(beginning.content) > _TEXT and any(each.trial.events for each in best.values()):
            break  # a longer beginning is for a record that is longer than the last one
        best, part = {}, len(beginning.content) if _is_endless(log) else 0
        for each in _candidates_of_rows(log, source) if log.is_parquet else _candidates(beginning, source):
            known = best.get(each.format)
            if known is None or each.score > known.score:
                best[each.format] = each
        if any(each.fits for each in best.values()):
            break
    _put_back_unmarked(best)
    alike = _put_back_headers(list(best.values()), log, source)
    _put_back_envelopes(list(best.values()))
    _put_back_general(list(best.values()), alike)
    found = sorted(
        best.values(), key=lambda each: (-round(each.score, 3), each.breadth, _is_general(each.format), each.format)
    )
    fitting = _ordered([each for each in found if each.fits])
    near = [each for each in found if not each.fits and each.score > 0 and each.likeness >= _NEAREST]
    return Inferred(fitting, near[:3], zoneless=bool(fitting) and _lacks_zone(fitting[0], log, source), part=part)


def _lacks_zone(best: Candidate, log: OpenedLog, source: ObjectEvent) -> bool:
    """Whether some times of a chain depend on the zone of times that name none."""
    content, whole = (
        (log.content, log.whole) if log.is_parquet else (log.content[:_JSON_TEXT], len(log.content) <= _JSON_TEXT)
    )
    as_utc, elsewhere = (
        try_chain(best.trial.steps, content, source, _FIRST, whole=whole and log.whole, timezone=timezone)
        for timezone in (None, _ELSEWHERE)
    )
    both = zip(as_utc.metas, elsewhere.metas, strict=False)
    return any(one.timestamp != other.timestamp for one, other in both)


def _is_unmarked(content: bytes) -> bool:
    """Whether a log is in UTF-16 without a byte order mark, which no reader knows from other bytes."""
    head = content[:_LOOKED_AT]
    is_marked = head.startswith((BOM_UTF16_LE, BOM_UTF16_BE, BOM_UTF32_BE))
    return (
        len(head) > _FEW_BYTES
        and not is_marked
        and any(0 not in head[at::2] and head[1 - at :: 2].count(0) >= 0.8 * (len(head) // 2) for at in (0, 1))
    )


def _put_back_unmarked(best: dict[str, Candidate]) -> None:
    """Put the vendors' formats of JSON whose own fields a log has none of behind JSON of no vendor, if it has times."""
    general = best.get("json")
    if general is None or not general.trial.times:
        return
    formats = [each for each in best.values() if not _is_general(each.format) and each.trial.steps == [each.format]]
    unmarked = [
        each
        for each in formats
        if (catalogue()[each.format].takes_json or not _takes_text(each.format))
        and each.trial.events  # else a rule of the format filters all of the log
        and not has_own_fields(each.format, each.trial.events)
    ]
    for each in unmarked:
        each.likeness *= _GENERAL * _NEAR
    if not any(each.fits and not any(each is other for other in unmarked) for each in formats):
        general.likeness = max(general.likeness, _GENERAL)


def _put_back_headers(found: list[Candidate], log: OpenedLog, source: ObjectEvent) -> list[Candidate]:
    """Lower the likeness of vendors' formats that read no more in this log than a header of no vendor; return these.

    Behind another header, such as that of CloudWatch Logs, no header of no vendor is proposed, so it is tried here.
    Of a vendor's header, the text that it carries does not count: it may begin sooner, as with Heroku.
    """
    alike = []
    headers = [name for name, each in catalogue().items() if each.carries and _is_general(name)]
    read: dict[tuple[str, str], set[tuple[str, ...]]] = {}
    general = {"": [event for each in found if each.format in headers for event in each.trial.events]}
    for each in found:
        if _is_general(each.format) or not _takes_text(each.format) or not each.trial.events:
            continue
        own = _behind(catalogue()[each.format])
        before = each.trial.steps[: -len(own)] if tuple(each.trial.steps[-len(own) :]) == own else []
        outer = ", ".join(map(written, before))
        if outer not in general:
            trials = (
                try_chain([*before, name], log.content, source, RECORDS, whole=log.whole)
                for name in headers
                if _takes_text(name) and name not in map(name_of, before)
            )
            general[outer] = [event for trial in trials for event in trial.events]
        carried = catalogue()[each.format].carries
        if (outer, carried) not in read:
            read[outer, carried] = {tuple(values) for values in _values(_without(general[outer], carried))}
        if all(tuple(values) in read[outer, carried] for values in _values(_without(each.trial.events, carried))):
            each.likeness *= _GENERAL * _NEAR
            alike.append(each)
    return alike


def _without(events: Sequence[Event], carried: str) -> Sequence[Event]:
    """Return events without the field of the text that a header carries; all of them, if it is of no header."""
    return [{**event, carried: None} for event in events] if carried else events


def _put_back_envelopes(found: list[Candidate]) -> None:
    """Lower the likeness of a vendor's header around records that a format of another vendor reads."""
    for each in found:
        steps = each.trial.steps
        if not _is_general(each.format) and catalogue()[each.format].carries:
            inner = (
                other.likeness
                for other in found
                if other.trial.steps[: len(steps)] == steps
                and len(other.trial.steps) > len(steps)
                and not _is_general(other.format)
                and other.fits
                and other.trial.parsed >= each.trial.parsed
                and other.trial.times >= each.trial.times
            )
            if max(inner, default=0.0) >= _GENERAL or any(_knows_more(other, each) for other in found):
                each.likeness *= _GENERAL * _NEAR


def _knows_more(other: Candidate, header: Candidate) -> bool:
    """Whether a format of another vendor reads nearly all that a header does as lines of its own, in more detail."""
    return (
        not _is_general(other.format)
        and not catalogue()[other.format].carries
        and not any(name_of(step) == header.format for step in other.trial.steps)
        and _takes_text(other.format)
        and other.fits
        and other.likeness >= _NEAR * header.likeness
        and other.trial.parsed >= _NEAR * header.trial.parsed
        and other.detail > 2 * header.detail
    )


def _put_back_general(found: list[Candidate], alike: list[Candidate]) -> None:
    """Lower the likeness of formats of any line and of headers, if one that knows a notation reads more of the log.

    CEF is such a notation, also behind a header of syslog. Of vendors' formats, only those are headers that are `alike`
    to one of no vendor.
    """
    marked = [each for each in found if _is_notation(each.format) and each.fits]
    for each in [*alike, *(each for each in found if _is_general(each.format) and _is_loose(each.format))]:
        more = (
            other.likeness
            for other in marked
            if other.trial.parsed >= each.trial.parsed
            and other.trial.times >= each.trial.times
            and other.detail > each.detail
        )
        if best := max(more, default=0.0):
            each.likeness = min(each.likeness, max(_LIKE, _NEAR * best))


def _is_loose(name: str) -> bool:
    return bool(catalogue()[name].carries or _of_anything(name))


def _is_notation(name: str) -> bool:
    """Whether a format of no vendor is a notation of lines, as CEF is, which lines of others do not have."""
    is_declared = isinstance(catalogue()[name], Declaration)  # unlike JSON and XML, which any program may write
    narrow = breadths().get(name, 0.0) <= _NO_BREADTH
    return is_declared and narrow and _is_general(name) and _takes_text(name) and not _is_loose(name)


def _ordered(fitting: list[Candidate]) -> list[Candidate]:
    """Put the parser of texts of the most detail before others whose score is near to the best, and name its equals."""
    if not fitting or not _takes_text(fitting[0].format):
        return fitting
    best = fitting[0]
    near = [
        each
        for each in fitting
        if each.score >= (_NEAR_OF_ANYTHING if _of_anything(each.format) else _NEAR) * best.score
        and each.trial.parsed >= best.trial.parsed
        and _takes_text(each.format)
    ]
    near.sort(key=lambda each: -each.detail)
    first = near[0]
    parsed, values = first.trial.parsed, first.values
    first.also = [
        each.format
        for each in fitting
        if each is not first
        and _takes_text(each.format)
        and (each.trial.parsed, each.values) == (parsed, values)
        and not _is_general(each.format)
    ]
    return [*near, *(each for each in fitting if not any(each is other for other in near))]


def _values(events: Sequence[Any]) -> list[list[str]]:
    return [sorted(str(value) for value in event.values() if value not in (None, "", "-")) for event in events]


def _takes_text(name: str) -> bool:
    return catalogue()[name].takes == "text"


def _is_general(name: str) -> bool:
    return entries()[name].vendor == "generic"


def _candidates_of_rows(log: OpenedLog, source: ObjectEvent) -> Iterator[Candidate]:
    """Yield the formats that may read the rows of a Parquet file, and the reader alone."""
    alone = try_chain([PARQUET], log.content, source, RECORDS, whole=True)
    yield Candidate(PARQUET, alone, 0.0, log.archives)
    for format_ in catalogue().values():
        if _is_parser(format_):
            trial = try_chain([PARQUET, format_.name], log.content, source, RECORDS, whole=True)
            if trial.events:
                yield Candidate(format_.name, trial, _likeness(format_, trial.events), log.archives)


def _beginnings(log: OpenedLog) -> Iterator[OpenedLog]:
    """Yield the beginning of a log on which chains are tried; then a longer one, for the case that none fits.

    Of a line that does not end in all that there is of the log, a short beginning tells as much as a long one.
    """
    is_json = _is_json(log.content)
    sizes: tuple[int, ...] = (_JSON_TEXT, _TEXT, HEAD) if is_json else (_TEXT, HEAD)
    if _is_endless(log):
        sizes = (_JSON_TEXT, _TEXT) if is_json else (_JSON_TEXT,)
    for most in sizes:
        if log.is_parquet or len(log.content) <= most:
            yield log
            return
        yield msgspec.structs.replace(log, content=log.content[:most], whole=False)


def _is_endless(log: OpenedLog) -> bool:
    """Whether a log begins with a line that is longer than what was read of it."""
    return not (log.whole or log.is_parquet) and len(log.content) > _TEXT and b"\n" not in log.content.rstrip(b"\n")


def _is_json(content: bytes) -> bool:
    return _JSON.match(content[:1_000].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe")) is not None


def _candidates(log: OpenedLog, source: ObjectEvent) -> Iterator[Candidate]:
    content, whole = log.content, log.whole
    is_json = _is_json(content)
    arrays = list(_arrays(content)) if is_json else []

    @cache
    def objects() -> list[Any]:
        return try_chain(["json"], content, source, RECORDS, whole=whole).events

    def tried(format_: Format, before: Sequence[Step] | None = None) -> Iterator[Candidate]:
        for steps in _chains(format_, arrays) if before is None else [[*before, *_behind(format_)]]:
            trial = try_chain(steps, content, source, _FIRST, whole=whole)
            if trial.parsed >= 1 / 4 and (trial.events or trial.filtered):
                trial = try_chain(steps, content, source, RECORDS, whole=whole)
            if trial.events:
                yield Candidate(format_.name, trial, _likeness(format_, trial.events), log.archives)
            elif trial.filtered and is_json:  # by a rule of the format, as most requests are to a firewall
                yield Candidate(format_.name, trial, _likeness(format_, objects()), log.archives)

    firsts = [each for format_ in catalogue().values() if _may_fit(format_, is_json) for each in tried(format_)]
    yield from firsts
    yield from _general(log, source, is_json=is_json)
    headers = [each for each in firsts if _carried(each) and each.trial.parsed >= _FITS]
    of_any_product = [_carried(each) for each in headers if _is_general(each.format)]
    headers = [each for each in headers if _is_general(each.format) or _carried(each) not in of_any_product]
    headers.sort(key=lambda each: -each.score)
    for header in headers[:_HEADERS]:
        texts = _carried(header)
        in_json = sum(text.lstrip()[:1] in ("{", "[") for text in texts) > len(texts) / 2
        before = header.trial.steps
        for format_ in catalogue().values():
            if (
                format_.name != header.format
                and _is_behind(format_, in_json)
                and format_.name not in map(name_of, before)
            ):
                yield from tried(format_, before)


def _general(log: OpenedLog, source: ObjectEvent, *, is_json: bool) -> Iterator[Candidate]:
    """Yield the chain for a log of no product that says where its time is: a table with a header, or JSON."""
    if is_json:
        alone = try_chain(["json"], log.content, source, RECORDS, whole=log.whole)
        time = time_options(alone.events)
        step: Step | None = {"json": time} if time else None
        like = likeness("json", alone.events) * _GENERAL if time else 0.0
    else:
        step, like = table_step(log.content) or _pairs_step(log, source), _GENERAL
    if step is not None:
        trial = try_chain([step], log.content, source, RECORDS, whole=log.whole)
        if trial.events:
            yield Candidate(name_of(step), trial, like, log.archives)


def _pairs_step(log: OpenedLog, source: ObjectEvent) -> Step | None:
    """Return the parser for lines of pairs, one of which is the time; None for others, such as texts with a pair."""
    trial = try_chain(["logfmt"], log.content[:_TEXT], source, RECORDS, whole=log.whole)
    values = [value for event in trial.events for value in event.values()]
    words = sum(value is True for value in values)
    if trial.parsed < 1 or len(values) < 2 * len(trial.events) or words * 10 > len(values):
        return None
    time = time_options(trial.events)
    return {"logfmt": time} if time else None


def _is_parser(format_: Format) -> bool:
    return format_.takes != "object" and format_.name in fingerprints() and format_.name not in _TOO_GENERAL


def _may_fit(format_: Format, is_json: bool) -> bool:
    """Whether a format is to be tried: parsers, those of JSON on JSON, and others on other texts."""
    if not _is_parser(format_):
        return False
    steps = list(map(name_of, format_.chain))
    if (is_json and format_.takes_json) or not any(step == "s3-lines" or step.startswith("json-") for step in steps):
        return True
    of_json = next((at for at, step in enumerate(steps) if step == "json" or step.startswith("json-")), None)
    if of_json is not None and any(catalogue()[step].carries for step in steps[:of_json] if step in catalogue()):
        return True  # JSON behind a header that may be missing
    return (of_json is not None) == is_json


def _chains(format_: Format, arrays: Sequence[str]) -> Iterator[list[Step]]:
    """Yield the chains of a format: its usual one, and one for each array of objects in the first document."""
    yield [format_.name]
    if format_.chain[:2] == ("s3-lines", "json"):
        for path in arrays:
            yield [f"json-records:{path}", *format_.chain[2:]]


def _behind(format_: Format) -> tuple[Step, ...]:
    """Return the steps of a format behind a header: its usual chain without a reader."""
    return tuple(step for step in format_.chain if name_of(step) not in _READERS_OF_LINES)


def _is_behind(format_: Format, in_json: bool) -> bool:
    """Whether a format may stand behind a header, whose texts are JSON, or are not."""
    if format_.name not in fingerprints() or format_.name in _TOO_GENERAL:
        return False
    if name_of(format_.chain[0]) not in _READERS_OF_LINES:
        return False
    if isinstance(format_, Syslog) or (format_.carries and _is_general(format_.name)):
        return False  # a header behind a header would have its fields again
    return (in_json and format_.takes_json) or (name_of(format_.chain[1]) == "json") == in_json


def _carried(header: Candidate) -> list[str]:
    """Return the texts behind a header; none if the format is no header."""
    format_ = catalogue()[header.format]
    texts = (event.get(format_.carries) for event in header.trial.events) if format_.carries else ()
    return [text for text in texts if isinstance(text, str)]


def _likeness(format_: Format, events: Sequence[Any]) -> float:
    found = likeness(format_.name, events)
    if anything := _of_anything(format_.name):
        # Of a format that takes any line, those count of which more comes.
        found *= _OF_ANYTHING * sum(not anything.issuperset(event) for event in events) / len(events)
    if _is_notation(format_.name):  # whatever fields it has, which each product names as it likes
        return max(found * _GENERAL, _LIKE)
    return found * _GENERAL if _is_general(format_.name) else found


@cache
def _of_anything(name: str) -> frozenset[str]:
    """Return the fields that a format makes of lines that are of no log; none if it refuses such lines.

    For a product's format, the fields of lines as any program writes them are among these.
    """
    of_product = not _is_general(name) and not catalogue()[name].carries
    content = _NO_LOG + _OF_ANY_PROGRAM if of_product else _NO_LOG
    trial = try_chain([name], content, _NO_OBJECT, RECORDS, whole=True)
    return frozenset(key for event in trial.events for key, value in event.items() if value is not None)


def _arrays(content: bytes) -> Iterator[str]:
    """Yield the paths of arrays of objects in the first JSON document, up to the second level."""
    for match in re.finditer(rb'"([A-Za-z_][A-Za-z0-9_]{0,40})"\s*:\s*\[\s*\{', content[:20_000]):
        depth = _depth(content[: match.start()])
        if depth == 1:
            yield match[1].decode()
            return


def _depth(text: bytes) -> int:
    bare = re.sub(rb'"(?:[^"\\]|\\.)*"', b"", text)
    return bare.count(b"{") + bare.count(b"[") - bare.count(b"}") - bare.count(b"]")
