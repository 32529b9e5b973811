"""Decides which of the chains that read a log precedes which: the format that knows the log before one that also reads
it.

A score says how well a chain fits, alone; here the candidates for one log are compared, and their likeness lowered if
another explains why they fit: any program's JSON, a header of no vendor, the records within an envelope, a notation.
"""

from __future__ import annotations

from collections.abc import Sequence

from slips.format import Event
from slips.formats import catalogue, entries
from slips.inference.candidate import GENERAL, LEAST_LIKE, Candidate, values_of
from slips.inference.containers import OpenedLog
from slips.inference.likeness import has_many_own_fields, has_own_fields, names_product
from slips.inference.traits import (
    fields_of_any_line,
    is_general,
    is_loose,
    is_notation,
    steps_behind_header,
    takes_text,
)
from slips.inference.trial import RECORDS, try_chain
from slips.model import ObjectEvent
from slips.step import name_of, written

_NEAR, _NEAR_OF_ANYTHING = 0.85, 0.8
"""The shares of the best score from which on the detail of events decides the order. That of formats that take any line
is below what is left of their score at most: 0.1 + 0.9 * 0.8."""
_CLEARLY = 0.8
"""The least likeness of a format that is clearly the right one of its vendor, and the share of it that others reach."""
_OF_ANY_JSON = ("json", "json-elements")
"""Formats of no vendor for objects of JSON, with the commas of an array or without."""
_OF_OBJECTS = ("json", "json-records")
"""Formats of no vendor for objects of JSON, alone or in an array of a document."""
_OF_ANY_LINE = frozenset(("time", "timestamp", "level", "severity", "message", "text"))
"""Fields of a line of any program."""
_OF_JAVA_OR_RUBY = _OF_ANY_LINE | {
    *("pid", "thread", "logger", "class", "line", "file", "stack_trace"),
    *("severity_code", "program"),
}
"""Fields of a line of any program in Java or Ruby."""
_BEHIND = GENERAL * _NEAR
"""The share of its likeness that a vendor's format keeps if one of no vendor explains the log: less than that keeps."""


def weigh(found: Sequence[Candidate], log: OpenedLog, source: ObjectEvent) -> None:
    """Lower the likeness of those candidates for a log that another one explains. `source` dates its records."""
    _put_back_unmarked(found)
    alike = _put_back_headers(found, log, source)
    _put_back_envelopes(found)
    _put_back_plain(found)
    _put_back_loose(found, alike)
    _fall_back_on_json(found)


def in_order(found: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates that fit a log, the best first, which names those that equal it."""
    fitting = [each for each in _by_score(found) if each.fits]
    if not fitting:
        return []
    if not takes_text(fitting[0].format):
        return _closer_first(fitting)
    near = _by_detail(fitting)
    near[0].also = _equals(near[0], fitting)
    return [*near, *(each for each in fitting if not any(each is other for other in near))]


def nearest(found: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates that do not fit a log, those first that come nearest."""
    return [each for each in _by_score(found) if not each.fits and each.score > 0]


def _by_score(found: Sequence[Candidate]) -> list[Candidate]:
    return sorted(found, key=lambda each: (-round(each.score, 3), each.breadth, each.is_general, each.format))


def _closer_first(fitting: Sequence[Candidate]) -> list[Candidate]:
    """Put a format that a log is clearly more like before the first one, however broad it is: of the same vendor, or of
    a product that the log names."""
    best = fitting[0]
    closer = [
        each
        for each in fitting
        if (
            entries()[each.format].vendor == entries()[best.format].vendor
            or (not each.is_general and names_product(each.format, each.trial.events))
        )
        and _reads_as_much(each, best)
        and each.likeness >= _CLEARLY
        and each.likeness * _CLEARLY >= best.likeness
    ]
    first = max([best, *closer], key=lambda each: each.likeness)
    return [first, *(each for each in fitting if each is not first)]


def _by_detail(fitting: Sequence[Candidate]) -> list[Candidate]:
    """Return the parsers of texts whose score is near to that of the first, those first that name more of the log."""
    best = fitting[0]
    near = [
        each
        for each in fitting
        if each.score >= (_NEAR_OF_ANYTHING if fields_of_any_line(each.format) else _NEAR) * best.score
        and each.trial.parsed >= best.trial.parsed
        and takes_text(each.format)
    ]
    return sorted(near, key=lambda each: (_is_whole_line(each.format), -each.detail))


def _is_whole_line(name: str) -> bool:
    """Whether a format of no vendor has each line as its message, so that its values name no part of it."""
    return is_general(name) and not catalogue()[name].carries and bool(fields_of_any_line(name))


def _equals(first: Candidate, fitting: Sequence[Candidate]) -> list[str]:
    """Return the vendors' formats that cut the same values out of a log as the first does."""
    parsed, values = first.trial.parsed, first.values
    return [
        each.format
        for each in fitting
        if each is not first
        and takes_text(each.format)
        and (each.trial.parsed, each.values) == (parsed, values)
        and not each.is_general
    ]


def _put_back_unmarked(found: Sequence[Candidate]) -> None:
    """Put the vendors' formats of JSON whose own fields a log has none of behind JSON of no vendor, if it has times.

    So are those of which it has few, unless its texts name the product: then most of the log is unknown to the format.
    """
    general = next((each for each in found if each.format in _OF_OBJECTS and each.trial.times), None)
    if general is None:
        return
    reader = general.trial.steps[0]
    formats = [
        each
        for each in found
        if not each.is_general and (each.trial.steps == [each.format] or each.trial.steps[0] == name_of(reader))
    ]
    unmarked = [
        each
        for each in formats
        if (catalogue()[each.format].takes_json or not takes_text(each.format))
        and each.trial.events  # else a rule of the format filters all of the log
        and not has_own_fields(each.format, each.trial.events)
    ]
    for each in unmarked:
        each.likeness *= _BEHIND
    if not any(each.fits and not any(each is other for other in unmarked) and _is_known(each) for each in formats):
        general.likeness = max(general.likeness, GENERAL)


def _is_known(each: Candidate) -> bool:
    """Whether a log is a format's for sure: it knows much of it, or the log names the product."""
    return (
        each.likeness >= GENERAL
        or has_many_own_fields(each.format, each.trial.events)
        or names_product(each.format, each.trial.events)
    )


def _put_back_headers(found: Sequence[Candidate], log: OpenedLog, source: ObjectEvent) -> list[Candidate]:
    """Lower the likeness of vendors' formats that read no more in this log than a header of no vendor; return these.

    Behind another header, such as that of CloudWatch Logs, no header of no vendor is proposed, so it is tried here.
    Of a vendor's header, the text that it carries does not count: it may begin sooner, as with Heroku, which has no
    structured data of RFC 5424, so what a header of no vendor names beside its parts does not count either.
    """
    alike = []
    headers = [name for name, each in catalogue().items() if each.carries and is_general(name)]
    read: dict[tuple[str, str], set[tuple[str, ...]]] = {}
    general = {"": [event for each in found if each.format in headers for event in each.trial.events]}
    for each in found:
        if each.is_general or not takes_text(each.format) or not each.trial.events:
            continue
        own = steps_behind_header(catalogue()[each.format])
        before = each.trial.steps[: -len(own)] if tuple(each.trial.steps[-len(own) :]) == own else []
        outer = ", ".join(map(written, before))
        if outer not in general:
            trials = (
                try_chain([*before, name], log.content, source, RECORDS, whole=log.whole)
                for name in headers
                if takes_text(name) and name not in map(name_of, before)
            )
            general[outer] = [event for trial in trials for event in trial.events]
        carried = catalogue()[each.format].carries
        if (outer, carried) not in read:
            read[outer, carried] = {tuple(values) for values in values_of(_without(general[outer], carried))}
        known = read[outer, carried]
        if all(
            tuple(values) in known or (carried and any(set(values).issubset(others) for others in known))
            for values in values_of(_without(each.trial.events, carried))
        ):
            each.likeness *= _BEHIND
            alike.append(each)
    return alike


def _without(events: Sequence[Event], carried: str) -> Sequence[Event]:
    """Return events without the field of the text that a header carries; all of them, if it is of no header."""
    return [{**event, carried: None} for event in events] if carried else events


def _put_back_plain(found: Sequence[Candidate]) -> None:
    """Put a vendor's format of texts that finds in a log what any program writes behind one of no vendor that reads it.

    The lines of Kafka, for instance, are those of any Java program, but for the names of its classes.
    """
    general = [
        each
        for each in found
        if each.is_general and takes_text(each.format) and not catalogue()[each.format].carries and each.fits
    ]
    for each in found:
        if each.trial.steps == [each.format] and each.trial.events and takes_text(each.format) and not each.is_general:
            same = [other for other in general if _reads_as_much(other, each)]
            fields = {name for event in each.trial.events for name, value in event.items() if value is not None}
            if catalogue()[each.format].carries:  # if some of the texts that it carries begin with a time, too
                same = [other for other in same if other.trial.records > each.trial.records]
                is_plain = bool(same) and fields <= _OF_ANY_LINE
            elif fields <= _OF_ANY_LINE:
                is_plain = not names_product(each.format, each.trial.events)
            else:
                same = [other for other in same if other.detail >= each.detail]
                is_plain = (
                    bool(same) and fields <= _OF_JAVA_OR_RUBY and not names_product(each.format, each.trial.events)
                )
            if is_plain:
                best = max((other.likeness for other in same), default=GENERAL)
                each.likeness = min(each.likeness, max(LEAST_LIKE, _NEAR * _NEAR * best))


def _reads_as_much(other: Candidate, each: Candidate) -> bool:
    return other.trial.parsed >= each.trial.parsed and other.trial.times >= each.trial.times


def _put_back_envelopes(found: Sequence[Candidate]) -> None:
    """Lower the likeness of a vendor's header around records that a format of another vendor reads."""
    for each in found:
        steps = each.trial.steps
        if not each.is_general and catalogue()[each.format].carries:
            inner = (
                other.likeness
                for other in found
                if other.trial.steps[: len(steps)] == steps
                and len(other.trial.steps) > len(steps)
                and not other.is_general
                and other.fits
                and _reads_as_much(other, each)
            )
            if max(inner, default=0.0) >= GENERAL or any(_knows_more(other, each) for other in found):
                each.likeness *= _BEHIND


def _knows_more(other: Candidate, header: Candidate) -> bool:
    """Whether a format of another vendor reads nearly all that a header does as lines of its own, in more detail."""
    return (
        not other.is_general
        and not catalogue()[other.format].carries
        and not any(name_of(step) == header.format for step in other.trial.steps)
        and takes_text(other.format)
        and other.fits
        and other.likeness >= _NEAR * header.likeness
        and other.trial.parsed >= _NEAR * header.trial.parsed
        and other.detail > 2 * header.detail
    )


def _put_back_loose(found: Sequence[Candidate], alike: Sequence[Candidate]) -> None:
    """Lower the likeness of formats of any line and of headers, if one that knows a notation reads more of the log.

    CEF is such a notation, also behind a header of syslog. Of vendors' formats, only those are headers that are `alike`
    to one of no vendor.
    """
    marked = [each for each in found if is_notation(each.format) and each.fits]
    for each in [*alike, *(each for each in found if each.is_general and is_loose(each.format))]:
        more = (other.likeness for other in marked if _reads_as_much(other, each) and other.detail > each.detail)
        if best := max(more, default=0.0):
            each.likeness = min(each.likeness, max(LEAST_LIKE, _NEAR * best))


def _fall_back_on_json(found: Sequence[Candidate]) -> None:
    """Let JSON of no vendor fit, whatever its fields are, if nothing else does."""
    if not any(each.fits for each in found):
        of_json = [each for each in found if each.format in _OF_ANY_JSON and each.trial.parsed == 1]
        for each in sorted(of_json, key=lambda each: _OF_ANY_JSON.index(each.format))[:1]:
            each.likeness = LEAST_LIKE if any(each.trial.events) else each.likeness
