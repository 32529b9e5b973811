"""A format of logs whose lines are of several declared formats: a program's JSON beside its texts of before."""

from __future__ import annotations

from typing import Any

from slips.entities import EntityNames
from slips.errors import RecordError, foreign_record
from slips.format import Format, Limited, Parse, Parsed, RecordLimits
from slips.model import MetaData
from slips.parsing.declare import Declaration
from slips.parsing.json_text import load_json
from slips.parsing.meaning import in_one_line
from slips.step import Step, name_of


def one_of(
    name: str,
    summary: str,
    reference: str,
    *shapes: Declaration,
    tag: str,
    chain: tuple[Step, ...] = (),
    entities: EntityNames | None = None,
) -> Format:
    """Make a format whose lines are each of the first of `shapes` that takes it.

    Shapes that take events get the lines that begin with a brace, as JSON; a line that no shape takes is quarantined
    with the error of a shape that knew its beginning. Each shape sets its own tag; `tag` documents them. The message of
    a record of several lines has them behind each other. Raises ValueError for a shape that remembers something of its
    object.
    """
    for shape in shapes:
        if shape.is_per_object:
            raise ValueError(f"format {name!r}: {shape.name!r} remembers its object's lines; expected another shape")

    one_line = any(name_of(step) == "multiline" for step in chain)

    def parse_of(limits: RecordLimits) -> Parse:
        bound = [(shape.takes == "event", Limited.bind(shape.parse, limits)) for shape in shapes]

        def parse(meta: MetaData, text: str) -> Parsed:
            at, is_object = meta.timestamp, text.lstrip()[:1] == "{"
            refusal: RecordError | None = None
            for takes_event, shape in bound:
                if takes_event and not is_object:
                    continue
                value: Any = text
                try:
                    if takes_event:
                        is_object = False  # a text that is no JSON is decoded once
                        # Decoded for each shape: one that refused an event may have converted some of its texts.
                        value = load_json(text.encode("utf-8", "surrogateescape"), limits)
                        is_object = True
                    parsed = shape(meta, value)
                except RecordError as error:
                    meta.timestamp, meta.tag, meta.message = at, "", None
                    if refusal is None or refusal.is_foreign:
                        refusal = error
                else:
                    if one_line:
                        meta.message = in_one_line(meta.message)
                    return parsed
            raise refusal or foreign_record(f"line begins with {text[:40]!r}; expected another of {name!r}")

        return parse

    return Format(
        name=name,
        summary=summary,
        reference=reference,
        takes="text",
        gives="event",
        chain=chain or ("s3-lines", name),
        tag=tag,
        rules=tuple(dict.fromkeys(rule for shape in shapes for rule in shape.rules)),
        takes_json=any(shape.takes == "event" for shape in shapes),
        parse=Limited(parse_of),
        entities=dict(entities or {}),
    )
