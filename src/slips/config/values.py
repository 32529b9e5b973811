"""Reads YAML nodes as plain data, beside the declaration: each value fits its key, or becomes a problem.

An unknown key or choice becomes a problem that suggests the known one most like it: "did you mean 'format'?".
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, Final

from msgspec import inspect
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from slips.config import secrets
from slips.config.arns import is_placeholder
from slips.config.declared import describe, every_key, fits, is_required, keys_of, scalar_of, unwrap
from slips.config.nodes import DEPTH, TEXTS, YAML, Unit, is_plain, is_unicode, line_of, scalar, tag_of, whole_number
from slips.config.notes import FIFO_REFUSED, Home
from slips.config.problems import Problems, Where, quote, show
from slips.config.scalars import Value, doubt
from slips.config.schema import Config
from slips.errors import FormatError
from slips.format import FormatOptions

OptionsOf = Callable[[str], type[FormatOptions] | None]
"""Returns the class of a format's options by its name. Raises FormatError if the format is not known."""
PATH = 80
"""Longest text that is named as the path of a mapping."""
PLACES = 2
"""Places named for a key that is in the wrong one, at most."""
INVALID: Final = object()
"""Stands for a value that was reported."""


def right_items(items: Iterable[Any]) -> Iterator[tuple[int, Any]]:
    """Yield the items of a list that were not reported, with their index."""
    return ((index, item) for index, item in enumerate(items) if item is not INVALID)


_SURE = 0.85
"""How much a key has to be like a known one to be a misspelling of it, though it is a key of another place."""
_KINDS = {
    "str": "text",
    "value": "text",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "timestamp": "a date",
    "null": "nothing",
}
"""Tags of scalars, as people call them."""


class Values:
    """Reads the nodes of a file. Puts the line of each value into `problems.lines`."""

    def __init__(self, problems: Problems, options_of: OptionsOf) -> None:
        self._problems, self._options_of = problems, options_of
        self.arns: dict[Where, tuple[str, Home]] = {}
        """ARNs of things that exist, placeholders left out, and where each thing must be."""
        self.placeholders: dict[Where, str] = {}
        """ARNs that cannot be real."""
        self._doubted: set[int] = set()
        """Ids of the scalars that were looked at for `doubt`: aliases repeat them."""

    def read(self, node: Node, declared: inspect.Type, where: Where) -> Any:
        """Return the plain data of `node`, or INVALID. Mappings lack wrong values; lists have INVALID for each."""
        self._problems.lines.setdefault(where, line_of(node))
        if not self._is_plain_yaml(node, where):
            return INVALID
        kind, notes = unwrap(declared)
        short = "x-short" in notes
        match kind, node:
            case inspect.AnyType(), _:
                return self._anything(node, where)
            case _, MappingNode() if "step" in notes:
                return self._step(node, where)
            case inspect.ListType(), MappingNode() if "step" in unwrap(kind.item_type)[1]:
                step = self.read(node, kind.item_type, (*where, 0))
                return INVALID if step is INVALID else [step]
            case inspect.DictType(max_length=int(most)), MappingNode() if len(node.value) > most:
                return self._too_many(node, most, where)
            case inspect.ListType(max_length=int(most)), SequenceNode() if len(node.value) > most:
                return self._too_many(node, most, where)
            case inspect.StructType(), MappingNode():
                return self._struct(node, kind, where)
            case inspect.StructType(), ScalarNode() if short and tag_of(node) in TEXTS:
                data = self.read(node, keys_of(kind)[notes["short"]].type, where)
                return INVALID if data is INVALID else {notes["short"]: data}
            case inspect.StructType(), ScalarNode() if (stands := scalar_of(declared)) is not None:
                return self.read(node, stands, where)
            case inspect.DictType(), MappingNode() if len(node.value) >= (kind.min_length or 0):
                return self._dict(node, kind, where)
            case inspect.ListType(), SequenceNode() if len(node.value) >= (kind.min_length or 0):
                return [self.read(one, kind.item_type, (*where, i)) for i, one in enumerate(node.value)]
            case inspect.ListType(), ScalarNode() if short and node.value and tag_of(node) != "null":
                item = self.read(node, kind.item_type, (*where, 0))
                return INVALID if item is INVALID else [item]
            case inspect.LiteralType(), ScalarNode() if tag_of(node) != "null":
                return self._choice(node, kind, where)
            case inspect.BoolType(), ScalarNode() if tag_of(node) == "bool":
                return scalar(node)
            case inspect.IntType(), ScalarNode():
                number = whole_number(node, _unit_of(notes) if short else None)
                if number is None:
                    return self._wrong(node, declared, where)
                if kind.ge is not None and kind.le is not None and kind.ge <= number <= kind.le:
                    return number
                return self._refuse(
                    node, f"{show(where)}: {quote(node.value)} is out of range; expected {describe(declared)}", where
                )
            case inspect.StrType(), ScalarNode() if tag_of(node) in TEXTS:
                return self._text(node, kind, declared, where)
        return self._wrong(node, declared, where)

    def _refuse(self, node: Node, message: str, where: Where) -> Any:
        """Report a problem. Return INVALID, the value of `node`."""
        self._problems.error(line_of(node), message, where)
        return INVALID

    def _is_plain_yaml(self, node: Node, where: Where) -> bool:
        """Whether `node` has none of the tags that make objects, such as `!!python/name` or `!Ref`."""
        if tag_of(node) == "merge":
            text = "'<<' is no text to YAML, it merges mappings; expected a plain value; quote it: '<<'"
            self._refuse(node, text, where)
            return False
        if isinstance(node, ScalarNode):
            fine = tag_of(node) in _KINDS
        else:
            fine = tag_of(node) == ("map" if isinstance(node, MappingNode) else "seq")
        if not fine:
            written = node.tag.replace(YAML, "!!")
            self._refuse(node, f"tag {written!r} is not allowed; expected a plain value; take the tag away", where)
        return fine

    def _wrong(self, node: Node, declared: inspect.Type, where: Where) -> Any:
        """Report that `node` has another type than declared. Return INVALID."""
        kind, notes = unwrap(declared)
        tag = tag_of(node)
        found, hint = "found a list", ""
        if not node.value or (tag == "null" and not isinstance(kind, inspect.StrType)):
            found = "is empty"
        elif isinstance(node, MappingNode):
            found = "found a mapping"
            if any(isinstance(key, MappingNode) for key, _ in node.value):
                found, hint = "'{{...}}' is a mapping to YAML", "; quote it"
            elif isinstance(kind, inspect.ListType):
                hint = "; begin each with '- '"
        elif isinstance(node, ScalarNode):
            found = f"{quote(node.value)} is {_KINDS[tag]}"
            if isinstance(kind, inspect.StrType):
                fitting = fits(kind, notes, node.value) and len(node.value) <= (kind.max_length or len(node.value))
                found, hint = f"{found} to YAML", f"; quote it: {quote(node.value)}" if fitting else ""
            elif isinstance(kind, inspect.StructType) and "path" in keys_of(kind):
                hint = f"; write {{path: {node.value}}}" if tag in TEXTS and len(node.value) <= PATH else ""
            elif isinstance(kind, inspect.IntType) and "x-short" not in notes:
                hint = "; write digits, without quotes"
            elif isinstance(kind, inspect.ListType) and isinstance(unwrap(kind.item_type)[0], inspect.StrType):
                hint = f"; write [{node.value}]"
        elif isinstance(kind, inspect.StructType | inspect.DictType):
            hint = "; take the '- ' away"
        hint = _advice(notes) or hint
        return self._refuse(node, f"{show(where)}: {found}; expected {describe(declared)}{hint}", where)

    def _too_many(self, node: Node, most: int, where: Where) -> Any:
        text = f"{show(where)}: {len(node.value)} of them; expected {most} at most; take some away"
        return self._refuse(node, text, where)

    def _struct(self, node: MappingNode, kind: inspect.StructType, where: Where) -> dict[str, Any]:
        """Return the data of a mapping with known keys. Misspelt keys are read as known ones, to check them, too."""
        fields = keys_of(kind)
        pairs = self._pairs(node, where)
        data: dict[str, Any] = {}
        seen = set(pairs)
        for name, (key, value) in pairs.items():
            meant = name if name in fields else self._refuse_key(key, fields, where)
            if meant is None or (meant != name and meant in seen):
                continue
            seen.add(meant)
            if isinstance(value, ScalarNode) and tag_of(value) == "null" and not is_required(fields[meant]):
                self._doubt_null(value, fields[meant].type, (*where, meant))
                continue  # a key without a value has its default
            self._problems.lines[*where, meant] = line_of(key)
            field_data = self.read(value, fields[meant].type, (*where, meant))
            if field_data is not INVALID:
                data[meant] = field_data
        for name, one in fields.items():
            if is_required(one) and name not in seen:
                missing = f"{show((*where, name))} is missing; expected {describe(one.type)}; add it"
                self._problems.error((*where, name), missing)
        return data

    def _refuse_key(self, key: ScalarNode, fields: dict[str, inspect.Field], where: Where) -> str | None:
        """Report a key that is unknown at `where`. Return the known key that the user probably meant, or None."""
        here = f"{show(where)}: " if where else ""
        near = difflib.get_close_matches(key.value, fields, n=1, cutoff=_SURE)
        if not near and (places := _places(key.value)):
            known = f"is not known here; expected it {' or '.join(places)}; move it"
            self._refuse(key, f"{here}key {quote(key.value)} {known}", (*where, key.value))
            return None
        close = difflib.get_close_matches(key.value, fields, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"expected {', '.join(fields)}"
        self._refuse(key, f"{here}key {quote(key.value)} is not known; {hint}", (*where, key.value))
        return close[0] if close else None

    def _step(self, node: MappingNode, where: Where) -> Any:
        """Return a step of a chain that gives its format options; the name alone if it gives none that is right.

        A format that is not known, or whose file cannot be imported, is reported by the rules about chains.
        """
        pairs = self._pairs(node, where)
        if len(pairs) != 1:
            return self._refuse(
                node,
                f"{show(where)}: found {len(pairs)} keys; expected the name of one format, with its options below it, "
                "such as {csv: {delimiter: '|'}}; begin each format with '- '",
                where,
            )
        ((name, (key, value)),) = pairs.items()
        here = (*where, name)
        self._problems.lines[here] = line_of(key)
        if isinstance(value, ScalarNode) and tag_of(value) == "null":
            return name
        try:
            options = self._options_of(name)
        except FormatError:
            if isinstance(value, ScalarNode):
                given = f"{{{name}: {value.value}}}"
                return self._refuse(
                    key,
                    f"{show(where)}: {given} gives no format its options; expected them below the name of their "
                    f"format; write {{csv: {given}}} for those of 'csv'",
                    where,
                )
            return name
        if options is None:
            misplaced = [one for one, _ in value.value] if isinstance(value, MappingNode) else []
            if misplaced and all(isinstance(one, ScalarNode) and _places(one.value) for one in misplaced):
                for one in misplaced:
                    self._refuse_key(one, {}, here)
                return name
            return self._refuse(
                key, f"{show(here)}: the format takes no options; expected its name alone; write {name}", here
            )
        data = _without_invalid(self.read(value, inspect.type_info(options), here))
        return {name: data} if data else name

    def _dict(self, node: MappingNode, kind: inspect.DictType, where: Where) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for name, (key, value) in self._pairs(node, where).items():
            here = (*where, name)
            self._doubt(key, name, f"{show(where)}: key ", is_text=True)
            self._problems.lines[here] = line_of(key)
            key_data, value_data = self.read(key, kind.key_type, here), self.read(value, kind.value_type, here)
            if INVALID not in (key_data, value_data):
                data[name] = value_data
        return data

    def _pairs(self, node: MappingNode, where: Where) -> dict[str, tuple[ScalarNode, Node]]:
        """Return keys and nodes of a mapping, merged ones included. Report keys that are no texts, or there twice."""
        own: dict[str, tuple[ScalarNode, Node]] = {}
        merged: dict[str, tuple[ScalarNode, Node]] = {}
        for key, value in node.value:
            if tag_of(key) == "merge":
                for each in value.value if isinstance(value, SequenceNode) else [value]:
                    if isinstance(each, MappingNode):
                        for name, pair in self._pairs(each, where).items():
                            merged.setdefault(name, pair)
                    else:
                        text = "'<<' merges something else; expected an alias of a mapping, such as *name"
                        self._refuse(each, text, (*where, "<<"))
            elif not isinstance(key, ScalarNode):
                text = "a key is a mapping or a list; expected text; quote it if it begins with '{' or '['"
                self._refuse(key, text, (*where, ""))
            elif tag_of(key) not in TEXTS:
                if self._is_plain_yaml(key, (*where, key.value)):
                    kind = _KINDS[tag_of(key)]
                    text = f"key {quote(key.value)} is {kind} to YAML; expected text; quote it"
                    self._refuse(key, text, (*where, key.value))
            elif key.value in own:
                first = line_of(own[key.value][0])
                text = f"key {quote(key.value)} is there twice, first on line {first}; expected it once"
                self._refuse(key, text, (*where, key.value))
            else:
                own[key.value] = (key, value)
        return merged | own

    def _choice(self, node: ScalarNode, kind: inspect.LiteralType, where: Where) -> Any:
        choices = {str(value): value for value in kind.values}
        if node.value in choices:
            return choices[node.value]
        # If two choices differ only in digits, as numbers and versions do, neither is a misspelling of the other.
        others = [choice for choice in choices if _without_digits(choice) != _without_digits(node.value)]
        close = difflib.get_close_matches(node.value.lower(), others, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        known = " or ".join(filter(None, choices))
        return self._refuse(node, f"{show(where)}: {quote(node.value)} is not known; {hint}expected {known}", where)

    def _text(self, node: ScalarNode, kind: inspect.StrType, declared: inspect.Type, where: Where) -> Any:
        text: str = node.value
        _, notes = unwrap(declared)
        if len(text) < (kind.min_length or 0):
            return self._wrong(node, declared, where)
        too_long = kind.max_length is not None and len(text) > kind.max_length
        if too_long or (not fits(kind, notes, text)) or not is_unicode(text):
            expected = describe(declared) if is_unicode(text) else "characters that UTF-8 has"
            if "path" in notes and "\0" in text:
                expected = "a path, which has no character U+0000"
            if text.endswith(".fifo") and (service := FIFO_REFUSED.get(notes.get("arn", ""))):
                return self._refuse(
                    node,
                    f"{show(where)}: {quote(text)} is a FIFO {service}, to which neither S3 nor alarms nor Lambda's "
                    f"destinations can send; expected a standard {service}; make one, name it",
                    where,
                )
            advice = _advice(notes) if is_unicode(text) else ""
            return self._refuse(node, f"{show(where)}: {quote(text)} does not fit; expected {expected}{advice}", where)
        if is_placeholder(text, notes):
            self.placeholders[where] = text
            self._problems.warn(
                line_of(node),
                f"{show(where)}: {quote(text)} is a placeholder; expected an ARN with a region and an account of "
                "12 digits; 'deploy' will refuse it",
            )
        elif "arn" in notes:
            self.arns[where] = text, notes["home"]
        self._doubt(node, text, f"{show(where)}: ", is_text=True)
        return text

    def _anything(self, node: Node, where: Where) -> Any:
        """Return the data of any value that JSON can hold. Dates are texts, as the user wrote them."""
        if len(where) > DEPTH:
            return self._refuse(
                node, f"{show(where[:2])}: nested too deep; expected at most {DEPTH} levels; take some away", where
            )
        anything = inspect.AnyType()
        match node:
            case MappingNode() if any(isinstance(key, MappingNode) for key, _ in node.value):
                return self._wrong(node, inspect.StrType(), where)
            case MappingNode():
                pairs = self._pairs(node, where)
                for name, (key, _) in pairs.items():
                    self._doubt(key, name, f"{show(where)}: key ", is_text=True)
                return {name: self.read(value, anything, (*where, name)) for name, (_, value) in pairs.items()}
            case SequenceNode():
                return [self.read(one, anything, (*where, i)) for i, one in enumerate(node.value)]
        assert isinstance(node, ScalarNode)  # noqa: S101 - there are no other nodes
        if wrong := secrets.mistake(node.value):
            return self._refuse(node, f"{show(where)}: {quote(node.value)} {wrong}", where)
        if doubtful := secrets.doubt(node.value):
            self._problems.warn(line_of(node), f"{show(where)}: {quote(node.value)} {doubtful}")
        try:
            value = scalar(node)
        except (ValueError, LookupError, OverflowError):
            kind = _KINDS[tag_of(node)]
            return self._refuse(
                node, f"{show(where)}: {quote(node.value)} is {kind} that JSON has not; quote it", where
            )
        self._doubt(node, value, f"{show(where)}: ")
        return value

    def _doubt_null(self, node: ScalarNode, declared: inspect.Type, where: Where) -> None:
        """Warn of a null, such as `~`, that would be a right text of its key."""
        kind, notes = unwrap(declared)
        if isinstance(kind, inspect.StrType) and fits(kind, notes, node.value):
            self._doubt(node, None, f"{show(where)}: ")

    def _doubt(self, node: ScalarNode, value: Value, prefix: str, *, is_text: bool = False) -> None:
        """Warn of a scalar without quotes that YAML changes, or that YAML 1.1 and 1.2 read differently."""
        if id(node) in self._doubted or not is_plain(node):
            return
        self._doubted.add(id(node))
        if doubtful := doubt(node.value, value, is_text=is_text):
            self._problems.warn(line_of(node), f"{prefix}{doubtful}", is_altered=not isinstance(value, str))


def _advice(notes: dict[str, Any]) -> str:
    """Return what the declaration of a key says to do about a wrong value; empty if it says nothing."""
    return f"; {notes['advice']}" if "advice" in notes else ""


def _unit_of(notes: dict[str, Any]) -> Unit:
    return "duration" if "duration" in notes else "share" if "share" in notes else "size"


def _without_invalid(data: Any) -> Any:
    """Return data without the values that were reported, at any depth; None for one that was."""
    match data:
        case dict():
            return {key: _without_invalid(value) for key, value in data.items()}
        case list():
            return [_without_invalid(value) for _, value in right_items(data)]
    return None if data is INVALID else data


@cache
def _places_of_keys() -> dict[str, list[str]]:
    """Return all places where each key of the declaration may be: "at the top level", "below handler"."""
    places: dict[str, list[str]] = {}
    for path, _ in every_key(inspect.type_info(Config)):
        above, _, name = path.rpartition(".")
        places.setdefault(name, []).append(f"below {above}" if above else "at the top level")
    return places


def _places(name: str) -> list[str]:
    """Return the places where the declaration has the key `name`; [] if there are none, or too many for a hint."""
    places = _places_of_keys().get(name, [])
    return places if len(places) <= PLACES else []


def _without_digits(text: str) -> str:
    return re.sub("[0-9]+", "", text)
