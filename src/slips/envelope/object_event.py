"""Makes object events of JSON values, and checks that each can be sent and stored."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from slips.errors import EnvelopeError
from slips.model import ObjectEvent, readable

S = TypeVar("S", bound=Struct)

LARGEST = 2**50
"""Most bytes of an object: far more than S3 stores, and so few that no sum of them overflows a column of a database."""
SHOWN = 40
"""Characters shown before and behind a lone surrogate, in a problem."""


def from_json(value: Any, where: str) -> ObjectEvent:
    """Convert a JSON object to an object event. Raises EnvelopeError."""
    try:
        return checked(msgspec.convert(value, ObjectEvent), where)
    except msgspec.ValidationError as error:
        raise EnvelopeError(f"{where}: {readable(str(error))}; an object event was expected") from error
    except UnicodeEncodeError as error:  # in a key of the JSON object
        raise _no_text(where, error) from error


def of_creation(where: str, **fields: Any) -> ObjectEvent:
    """Make the event of an object that a source announces as created. Raises EnvelopeError."""
    for name in ("object_version_id", "object_sequencer"):
        if fields[name] in ("", "null"):  # "null" is the version of an object older than versioning
            fields[name] = None
    for name in ("bucket_name", "object_key"):
        if not fields[name]:
            raise EnvelopeError(f"{where}: the {name.replace('_', ' ')} is empty; a name was expected")
    if not 0 <= fields["object_size"] <= LARGEST:
        raise EnvelopeError(
            f"{where}: the size is below 0, or beyond {LARGEST:,}; the bytes of an object were expected"
        )
    return checked(ObjectEvent(**fields), where)


def checked(struct: S, where: str) -> S:
    """Return `struct`. Raises EnvelopeError if a text has a lone surrogate, which cannot be sent.

    `json.loads` accepts such texts.
    """
    for value in msgspec.structs.astuple(struct):
        if isinstance(value, str) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise _no_text(where, error) from error
    return struct


def _no_text(where: str, error: UnicodeEncodeError) -> EnvelopeError:
    text = readable(error.object[max(0, error.start - SHOWN) : error.end + SHOWN])
    return EnvelopeError(f"{where}: '{text}' is no text: a surrogate without its other half; Unicode was expected")
