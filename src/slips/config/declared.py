"""Reads the declaration of slips.yml for the checks, the docs and `deploy`: keys, their notes, and their values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from msgspec import Struct, inspect


@cache
def type_of(kind: type[Struct]) -> inspect.Type:
    """Return the declaration of a mapping of slips.yml; msgspec takes milliseconds to look through that of a config."""
    return inspect.type_info(kind)


def unwrap(kind: inspect.Type) -> tuple[inspect.Type, dict[str, Any]]:
    """Return a declared type without its notes and without None, and the notes; an outer note hides an inner one.

    Of a mapping that a scalar may stand for, the type is that of the mapping (see `scalar_of`).
    """
    notes: dict[str, Any] = {}
    while isinstance(kind, inspect.Metadata | inspect.UnionType):
        if isinstance(kind, inspect.UnionType):
            types = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
            kind = next((one for one in types if isinstance(one, inspect.StructType)), types[0])
        else:
            notes = {**(kind.extra_json_schema or {}), **(kind.extra or {}), **notes}
            kind = kind.type
    if isinstance(kind, inspect.StructType):
        notes.setdefault("description", kind.cls.__doc__)
    return kind, notes


def scalar_of(kind: inspect.Type) -> inspect.Type | None:
    """Return the type of the scalar that may stand for a mapping; None if there is none, or no mapping."""
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if not isinstance(kind, inspect.UnionType):
        return None
    types = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
    scalars = [one for one in types if not isinstance(one, inspect.StructType)]
    return scalars[0] if scalars and len(scalars) < len(types) else None


def fits(kind: inspect.StrType, notes: dict[str, Any], text: str) -> bool:
    """Whether a text fits the pattern of its key: one of the notes, or of msgspec in options that users declare."""
    pattern = kind.pattern or notes.get("pattern")
    return pattern is None or re.fullmatch(pattern, text) is not None


def keys_of(kind: inspect.StructType) -> dict[str, inspect.Field]:
    """Return the YAML keys of a mapping."""
    return {one.encode_name: one for one in kind.fields if not unwrap(one.type)[1].get("internal")}


def is_required(one: inspect.Field) -> bool:
    """Whether a mapping of the config must have a key."""
    return one.required or "x-required" in unwrap(one.type)[1]


def every_key(kind: inspect.Type, path: str = "") -> Iterator[tuple[str, inspect.Field]]:
    """Yield all keys below `path`, such as `backend.sns_topics[].arn`, in the order of the declaration."""
    kind, _ = unwrap(kind)
    match kind:
        case inspect.ListType():
            yield from every_key(kind.item_type, f"{path}[]")
        case inspect.DictType():
            yield from every_key(kind.value_type, f"{path}.NAME")
        case inspect.StructType():
            for name, one in keys_of(kind).items():
                here = f"{path}.{name}" if path else name
                yield here, one
                yield from every_key(one.type, here)


def every_text(value: Any, kind: inspect.Type, path: str = "") -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the path, the text and the notes of each text in a value that is declared as `kind`.

    A path names an item of a list by the name of the item, if it has one: `backend.sns_topics SecLogUpload.arn`.
    """
    if value is None:
        return
    stands = scalar_of(kind)
    kind, notes = unwrap(kind if stands is None or isinstance(value, Struct) else stands)
    match kind:
        case inspect.StrType():
            yield path, value, notes
        case inspect.ListType():
            for item in value:
                name = getattr(item, "name", "")
                yield from every_text(item, kind.item_type, f"{path} {name}" if name else path)
        case inspect.DictType():
            for key, item in value.items():
                yield from every_text(item, kind.value_type, f"{path}.{key}")
        case inspect.StructType():
            for name, one in keys_of(kind).items():
                here = f"{path}.{name}" if path else name
                yield from every_text(getattr(value, one.name), one.type, here)


def describe(kind: inspect.Type) -> str:
    """Return the values that a key accepts, in words: "a whole number from 1 to 900"."""
    stands = scalar_of(kind)
    kind, notes = unwrap(kind)
    if "expected" in notes:
        return str(notes["expected"])
    match kind:
        case inspect.IntType():
            return f"a whole number from {kind.ge:,} to {kind.le:,}"
        case inspect.BoolType():
            return "true or false"
        case inspect.LiteralType():
            return " or ".join(str(value) for value in kind.values if value != "")
        case inspect.ListType():
            item, about = unwrap(kind.item_type)
            items = "mappings" if isinstance(item, inspect.StructType) else "texts"
            items += " or texts" if "x-short" in about else ""
            return f"a list of {items}" + (", or one text" if "x-short" in notes else "")
        case inspect.DictType():
            value, _ = unwrap(kind.value_type)
            return "a mapping" if isinstance(value, inspect.AnyType) else f"a mapping of names to {describe(value)}"
        case inspect.StructType():
            alone = "" if stands is None else f"{describe(stands)}, or "
            return f"{alone}a mapping with the keys {', '.join(keys_of(kind))}"
    return "text"
