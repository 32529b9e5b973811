"""Sorts the objects of a folder by their kinds of log: those of one shape of key together, then those of one chain.

Few objects are opened: of each shape one, on which all formats are tried, and one or two more, on which the chain of
the first is. Names of dates, numbers and identifiers are the same shape.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import islice, takewhile

from msgspec import Struct

from slips.errors import SlipsError
from slips.inference.candidate import Candidate
from slips.inference.containers import Head
from slips.inference.rank import Inferred, infer
from slips.inference.trial import RECORDS, try_chain
from slips.model import ObjectEvent
from slips.pattern import compiled, literal

LISTED = 10_000
"""Most objects of a folder that are listed."""
OPENED, OPENED_BYTES = 200, 1 << 28
"""Most objects that are opened, and decompressed bytes that are read of all of them."""
SHAPES = 60
"""Most shapes of keys on which all formats are tried: that takes half a second each."""
_MORE = 2
"""Further objects of a shape that are opened."""
_SAME = 0.8
"""The least share of fields that objects of a format of no vendor have in common if they are of one kind."""
_FIELDS = ("csv", "json")
"""Formats of no vendor whose events have the fields of their log."""
_VARYING = re.compile(
    r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}|(?=[A-Fa-f]*\d)[0-9A-Fa-f]{8,}|(?<![A-Za-z])\d+|\d{2,}|\d+(?![A-Za-z])"
)
"""Identifiers and numbers in a key."""
_STARS = re.compile(r"(?<!\\)\*(?:[-_.:T+ ]?\*)+Z?|\*Z(?=\.|$)")
"""Dates and clocks, whose numbers have been replaced."""

ReadHead = Callable[[ObjectEvent], Head]
"""Returns the beginning of an object. Raises SlipsError."""


class Kind(Struct):
    """Objects of one kind of log."""

    objects: list[ObjectEvent]
    shapes: list[str]
    """Shapes of their keys, as `shape_of` returns them."""
    example: ObjectEvent
    """The object on which all formats were tried."""
    found: Inferred
    prefix: str | None = None
    """How the keys of these objects begin, and those of no others; None if others begin so, too."""
    patterns: list[str] = []
    """Patterns of their keys, in place of a prefix."""

    @property
    def best(self) -> Candidate | None:
        return self.found.fitting[0] if self.found.fitting else None


class Sorted(Struct):
    """The kinds of the objects of a folder."""

    kinds: list[Kind]
    left_out: list[ObjectEvent]
    """Objects of shapes that were not looked at, as there are too many."""


class _Reading:
    """Opens objects, within bounds."""

    def __init__(self, head: ReadHead, tell: Callable[[int], None]) -> None:
        self._head, self._tell = head, tell
        self._opened = self._bytes = 0

    @property
    def is_enough(self) -> bool:
        return self._opened >= OPENED or self._bytes >= OPENED_BYTES

    def head(self, each: ObjectEvent) -> Head:
        """Return the beginning of an object. Raises SlipsError."""
        self._opened += 1
        self._tell(1)
        head = self._head(each)
        self._bytes += len(head.content)
        return head


def sort_by_kind(objects: Sequence[ObjectEvent], head: ReadHead, tell: Callable[[int], None]) -> Sorted:
    """Return the kinds of `objects`, those of most objects first. Calls `tell` with each number of opened objects."""
    by_shape: dict[str, list[ObjectEvent]] = {}
    for each in objects:
        by_shape.setdefault(shape_of(each.object_key), []).append(each)
    reading, kinds, left_out = _Reading(head, tell), list[Kind](), list[ObjectEvent]()
    tried = 0
    for shape, alike in sorted(by_shape.items(), key=lambda each: (-len(each[1]), each[0])):
        if reading.is_enough or tried >= SHAPES:
            left_out += alike
            continue
        first, *others = _chosen(alike)
        kind = _kind_of(first, kinds, reading)
        if kind is None or kind.example is first:
            tried += 1
        if kind is None:
            continue  # it is blank, as all others of its shape may be
        kinds += [] if any(each is kind for each in kinds) else [kind]
        odd = [each for each in others if not reading.is_enough and not _fits(each, kind, reading)]
        kind.objects += [each for each in alike if each not in odd]
        kind.shapes.append(shape)
        for each in odd:
            other = _kind_of(each, kinds, reading)
            if other is not None:
                kinds += [] if any(each is other for each in kinds) else [other]
                other.objects.append(each)
                other.shapes.append(literal(each.object_key))
    merged = _merged(kinds)
    for kind in merged:
        others = [*left_out, *(each for other in merged if other is not kind for each in other.objects)]
        kind.prefix = _prefix(kind, others)
        kind.patterns = list(dict.fromkeys(_pattern(shape, others) for shape in kind.shapes))
    return Sorted(sorted(merged, key=lambda kind: (-len(kind.objects), kind.example.object_key)), left_out)


def shape_of(key: str) -> str:
    """Return a pattern of keys in which dates, numbers and identifiers are stars: `app/web-*.log`."""
    return _STARS.sub("*", _VARYING.sub("*", literal(key)))


def _chosen(alike: Sequence[ObjectEvent]) -> list[ObjectEvent]:
    """Return the objects of one shape that are opened: the largest, and others from the begin and the end."""
    largest = max(alike, key=lambda each: each.object_size or 0)
    others = [alike[at] for at in dict.fromkeys((len(alike) - 1, 0, len(alike) // 2))]
    return [largest, *islice((each for each in others if each is not largest), _MORE)]


def _kind_of(each: ObjectEvent, kinds: list[Kind], reading: _Reading) -> Kind | None:
    """Return the kind of an object: one of `kinds`, or a new one, which is not among them yet. None: it is blank."""
    try:
        content, whole, damage = reading.head(each)
    except SlipsError as error:
        return Kind([], [], each, Inferred([], [], str(error), is_unread=True))
    if not content.strip():
        return None
    for kind in kinds:
        if _is_beside(each, kind.example) and _is_alike(content, whole, each, kind):
            return kind
    return Kind([], [], each, infer(content, each, whole=whole, damage=damage))


def _is_beside(each: ObjectEvent, other: ObjectEvent) -> bool:
    """Whether two objects are in one folder, or in folders of one shape, and end alike."""
    keys = [shape_of(key).rpartition("/") for key in (each.object_key, other.object_key)]
    return keys[0][0] == keys[1][0] and keys[0][2].partition(".")[2] == keys[1][2].partition(".")[2]


def _fits(each: ObjectEvent, kind: Kind, reading: _Reading) -> bool:
    """Whether an object is of a kind, or says nothing of its own."""
    try:
        content, whole, _ = reading.head(each)
    except SlipsError:
        return kind.best is None
    if not content.strip() or kind.best is None:
        return True
    trial = try_chain(kind.best.steps, content, each, RECORDS, whole=whole)
    return 2 * trial.parsed >= kind.best.trial.parsed


def _is_alike(content: bytes, whole: bool, each: ObjectEvent, kind: Kind) -> bool:
    """Whether the best chain of a kind reads an object as well as the one on which it was found."""
    best = kind.best
    if best is None or (best.is_general and best.format not in _FIELDS):
        return False
    trial = try_chain(best.steps, content, each, RECORDS, whole=whole)
    if trial.parsed < 0.9 * best.trial.parsed or trial.times < 0.9 * best.trial.times:
        return False
    fields, known = ({name for event in events for name in event} for events in (trial.events, best.trial.events))
    return not best.is_general or len(fields & known) >= _SAME * len(fields | known)


def _merged(kinds: Sequence[Kind]) -> list[Kind]:
    """Return kinds of which those of one chain are one: they are one mapping's, wherever they are."""
    merged: dict[str, Kind] = {}
    for kind in kinds:
        known = merged.setdefault(kind.best.chain if kind.best else f" {kind.example.object_key}", kind)
        if known is not kind:
            known.objects += kind.objects
            known.shapes += kind.shapes
    return list(merged.values())


def _prefix(kind: Kind, others: Sequence[ObjectEvent]) -> str | None:
    """Return the folder of a kind's objects, above folders of dates, else the beginning of their names.

    A pattern would leave out other objects that begin so: `check` warns of these. None if objects of other kinds begin
    so, too.
    """
    folders = [each.object_key.split("/")[:-1] for each in kind.objects]
    first, last = min(folders), max(folders)  # what these have in common, all have
    same = takewhile(lambda pair: pair[0] == pair[1] == shape_of(pair[0]), zip(first, last, strict=False))
    prefix = "".join(f"{segment}/" for segment, _ in same)
    name = _beginning_of_names(kind.shapes)
    return next((one for one in (prefix, name) if one is not None and not _begins_any(one, others)), None)


def _beginning_of_names(shapes: Sequence[str]) -> str | None:
    """Return the text before the first star of shapes, as `app/web-` of `app/web-*.log`; None if they differ in it."""
    beginnings = {shape.partition("*")[0] for shape in shapes}
    beginning = min(beginnings)
    return beginning if len(beginnings) == 1 and beginning not in ("", *shapes) and "\\" not in beginning else None


def _begins_any(prefix: str, others: Sequence[ObjectEvent]) -> bool:
    return any(each.object_key.startswith(prefix) for each in others)


def _pattern(shape: str, others: Sequence[ObjectEvent]) -> str:
    """Return the pattern of all in the folder of a shape, above folders of dates; the shape itself if others fit it."""
    folder = shape.split("/")[:-1]
    while folder and folder[-1] == "*":
        folder.pop()
    pattern = compiled("/".join([*folder, "**"]))
    return shape if not folder or any(pattern.fits(each.object_key) for each in others) else pattern.text
