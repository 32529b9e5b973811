"""Object events out of JSON values. Only one that can be sent on and stored comes out."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from slips.errors import EnvelopeError
from slips.model import ObjectEvent, readable

S = TypeVar("S", bound=Struct)

SHOWN = 40
"""Characters before and behind half a character that a problem shows."""


def from_json(value: Any, where: str) -> ObjectEvent:
    """The object event that a JSON object is. Raises EnvelopeError."""
    try:
        return checked(msgspec.convert(value, ObjectEvent), where)
    except msgspec.ValidationError as error:
        raise EnvelopeError(f"{where}: {readable(str(error))}; an object event was expected") from error
    except UnicodeEncodeError as error:  # a key of the object
        raise _no_text(where, error) from error


def of_creation(where: str, **fields: Any) -> ObjectEvent:
    """The event of an object that a source says was created. Raises EnvelopeError."""
    for name in ("object_version_id", "object_sequencer"):
        if fields[name] in ("", "null"):  # "null" is the version of an object older than versioning
            fields[name] = None
    for name in ("bucket_name", "object_key"):
        if not fields[name]:
            raise EnvelopeError(f"{where}: the {name.replace('_', ' ')} is empty; a name was expected")
    return checked(ObjectEvent(**fields), where)


def checked(struct: S, where: str) -> S:
    """`struct`, if its texts can be sent on: lone surrogates, which `json.loads` lets in, cannot.

    Raises EnvelopeError.
    """
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        if isinstance(value, str) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise _no_text(where, error) from error
    return struct


def _no_text(where: str, error: UnicodeEncodeError) -> EnvelopeError:
    text = readable(error.object[max(0, error.start - SHOWN) : error.end + SHOWN])
    return EnvelopeError(f"{where}: '{text}' is no text: a surrogate without its other half; Unicode was expected")
