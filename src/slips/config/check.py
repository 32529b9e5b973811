"""The text of slips.yml to a `Config` and all problems: its YAML nodes are walked beside the declaration in `schema`.

YAML is composed to nodes, never constructed: that keeps the lines and the user's words, and runs no tags. Values that
are wrong are left out of the data, so that the rules at the end still see all that is right.
"""

from __future__ import annotations

import difflib
import math
import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import yaml
from msgspec import Struct, inspect
from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from slips import chain, rights
from slips.config import secrets
from slips.config.arns import is_placeholder
from slips.config.declared import describe, keys_of, unwrap
from slips.config.schema import QUEUING, Config

CheckChain = Callable[[Sequence[str], Path], list[str]]
"""`(format names, directory of the config file)` to texts of mistakes: `chain.check_chain`."""
Where = tuple[str | int, ...]
"""Keys and indexes that lead to a value: `("routing", 0, "dest")`."""

NODES = 200_000
"""Values in a file, aliases counted each time they are used: ten lines of aliases can stand for billions."""
DEPTH = 50
PLACES = 2
"""Places named for a key that is in the wrong one, at most."""

INVALID: Final = object()
"""Stands for a value that was reported."""

_YAML = "tag:yaml.org,2002:"
_SCALARS = {
    "str": "text",
    "value": "text",  # a lone '='
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "timestamp": "a date",
    "null": "nothing",
}
_TEXTS = ("str", "value")
RESERVED = {
    *("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
    *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
    *("AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME"),
    *("AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"),
}
"""Variables that Lambda sets, and lets nobody set."""
_SIZES: dict[str, int] = {"": 1} | {
    f"{letter}{i}": (1024 if i else 1000) ** n for n, letter in enumerate("KMGT", 1) for i in ("", "i")
}


class Problem(Struct, frozen=True):
    """One mistake in a config file. `str()` is `slips.yml:14: what is wrong`."""

    file: str
    line: int
    """1-based."""
    message: str
    level: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


def check(
    text: str, file: str = "slips.yml", *, check_chain: CheckChain = chain.check_chain, files: bool = True
) -> tuple[Config | None, list[Problem]]:
    """The config in `text`, None if it has errors, and all problems in file order, warnings among them.

    `file` is how problems name it, and what paths are relative to. Without `files`, those it names need not exist.
    """
    walk = _Walk(file)
    path = Path(file).absolute()
    node = _compose(text, walk)
    data: Any = INVALID
    if node is not None:
        data = walk.value(node, inspect.type_info(Config), ())
        if isinstance(data, dict):
            _Rules(walk, data, path.parent, check_chain, files).check()
    # What an alias repeats is reported once.
    problems = sorted(dict.fromkeys(walk.problems), key=lambda problem: problem.line)
    if any(problem.level == "error" for problem in problems):
        return None, problems
    return msgspec.convert({**data, "file": str(path)}, Config), problems


# ---- text to nodes


def _compose(text: str, walk: _Walk) -> Node | None:
    """The document's node; None if it is no YAML, or too much of it."""
    try:
        # Not the faster CSafeLoader: its texts differ, and deep nesting crashes the process instead of raising.
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        walk.error(*_explain(error))
        return None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        walk.error(line, f"character U+{error.character:04X} cannot be in YAML; expected text; take it away")
        return None
    except RecursionError:
        walk.error(1, f"nested too deep; expected at most {DEPTH} levels; take some away")
        return None
    if node is None:
        walk.error(1, "the file is empty; expected stack_name, handler, bucket_mapping; 'slips init' writes an example")
        return None
    if (large := _too_large(node)) is not None:
        walk.error(large, f"more than {NODES:,} values, counting what aliases repeat; expected fewer; take some away")
        return None
    _move_sam(node)
    return node


_OPENED = {
    # what PyYAML says, to what people can do: for mistakes that began further up, at PyYAML's "context"
    "could not find expected ':'": "no ':' after the key; expected 'key: value'",
    "unexpected end of stream": "a quote is opened and never closed; expected another one; close it",
    "expected ',' or": "a bracket is opened and not closed, or a ',' is missing; expected ',' or the bracket",
}
_HERE = {
    r"'\t' that cannot start": "a tab cannot indent; expected spaces; replace it",
    "cannot start any token": "a text cannot begin with {found}; expected it in quotes; quote it",
    "mapping values are not": "this ':' cannot be here; expected 'key: value'; quote a text that has ': '",
    "sequence entries are not": "'- ' begins a line; expected the list on the lines below its key",
    "unknown escape": "a backslash in double quotes is special; expected single quotes, where it is not",
    "but found '<scalar>'": "this follows a value that is complete; expected a key on its own line, or all in quotes",
    "expected <block end>": "the indentation fits nothing above; expected that of the key or '-' it belongs to",
    "undefined alias": "alias {found} has no anchor; expected '&' and that name further up",
    "another document": "'---' begins a second document; expected one; take the rest away",
}


def _explain(error: yaml.MarkedYAMLError) -> tuple[int, str]:
    """Line and text of a syntax error."""
    problem = error.problem or str(error)
    mark = error.problem_mark or error.context_mark
    for words, explanation in (_OPENED | _HERE).items():
        if words in problem:
            if words in _OPENED:
                mark = error.context_mark or mark
            found = next(iter(re.findall("'.*?'", problem)), "")
            problem = explanation.format(found=found)
            break
    return mark.line + 1 if mark else 1, f"not valid YAML: {problem}"


def _too_large(root: Node) -> Node | None:
    """The innermost node of which a walk meets more than NODES, the first of several. Endless: one inside itself."""
    counts: dict[int, int] = {}

    def find(node: Node) -> Node | None:
        if id(node) in counts:
            return node if counts[id(node)] > NODES else None
        counts[id(node)] = NODES + 1  # while its children are counted
        count = 1
        for child in _children(node):
            if (found := find(child)) is not None:
                return found
            count += counts[id(child)]
        counts[id(node)] = count
        return node if count > NODES else None

    return find(root)


def _children(node: Node) -> list[Node]:
    if isinstance(node, SequenceNode):
        return list(node.value)
    if isinstance(node, MappingNode):
        return [child for pair in node.value for child in pair]
    return []


def find_handler(text: str) -> str | None:
    """Returns `handler.path` of a config that may have mistakes; None if it cannot be read."""
    node = _compose(text, _Walk(""))
    for name in ("handler", "path"):
        pairs = node.value if isinstance(node, MappingNode) else []
        node = next((value for key, value in pairs if key.value == name), None)
    return node.value if isinstance(node, ScalarNode) and _tag(node) in _TEXTS and node.value else None


def _move_sam(root: Node) -> None:
    """Puts a top-level `sam` into `base`. Where both are given, it is there twice, and reported so."""
    if not isinstance(root, MappingNode):
        return
    sam = [pair for pair in root.value if pair[0].value == "sam"]
    if not sam:
        return
    root.value = [pair for pair in root.value if pair not in sam]
    for key, value in root.value:
        if key.value == "base" and _tag(value) != "null":
            if isinstance(value, MappingNode):
                value.value = [*value.value, *sam]
            return
    marks = sam[0][0].start_mark, sam[0][0].end_mark
    root.value = [pair for pair in root.value if pair[0].value != "base"]
    root.value.append((ScalarNode(f"{_YAML}str", "base", *marks), MappingNode(f"{_YAML}map", sam, *marks)))


# ---- nodes to data


class _Walk:
    """Reads nodes as what the declaration says they are. Keeps the problems, and the line of every value."""

    def __init__(self, file: str) -> None:
        self.problems: list[Problem] = []
        self.lines: dict[Where, int] = {(): 1}
        self.arns: dict[Where, str] = {}
        """ARNs of things that exist, placeholders left out."""
        self._file = file

    def error(self, at: Node | int, message: str) -> None:
        self.problems.append(Problem(self._file, _line(at), message))

    def warn(self, at: Node | int, message: str) -> None:
        self.problems.append(Problem(self._file, _line(at), message, "warning"))

    def value(self, node: Node, declared: inspect.Type, where: Where) -> Any:
        """The plain data of `node`, or INVALID; mappings lack, and lists hold INVALID for, what is wrong in them."""
        self.lines.setdefault(where, _line(node))
        if not self._is_plain_yaml(node):
            return INVALID
        kind, notes = unwrap(declared)
        short = "x-short" in notes
        match kind, node:
            case inspect.AnyType(), _:
                return self._anything(node, where)
            case inspect.DictType(max_length=int(most)), MappingNode() if len(node.value) > most:
                return self._too_many(node, most, where)
            case inspect.ListType(max_length=int(most)), SequenceNode() if len(node.value) > most:
                return self._too_many(node, most, where)
            case inspect.StructType(), MappingNode():
                return self._struct(node, kind, where)
            case inspect.StructType(), ScalarNode() if short and _tag(node) in _TEXTS:
                found = self.value(node, keys_of(kind)[notes["short"]].type, where)
                return INVALID if found is INVALID else {notes["short"]: found}
            case inspect.DictType(), MappingNode() if len(node.value) >= (kind.min_length or 0):
                return self._dict(node, kind, where)
            case inspect.ListType(), SequenceNode() if len(node.value) >= (kind.min_length or 0):
                return [self.value(one, kind.item_type, (*where, i)) for i, one in enumerate(node.value)]
            case inspect.ListType(), ScalarNode() if short and node.value and _tag(node) != "null":
                item = self.value(node, kind.item_type, (*where, 0))
                return INVALID if item is INVALID else [item]
            case inspect.LiteralType(), ScalarNode() if _tag(node) != "null":
                return self._choice(node, kind, where)
            case inspect.BoolType(), ScalarNode() if _tag(node) == "bool":
                return _scalar(node)
            case inspect.IntType(), ScalarNode():
                number = _number(node, short)
                if number is None:
                    return self._wrong(node, declared, where)
                if kind.ge is not None and kind.le is not None and kind.ge <= number <= kind.le:
                    return number
                self.error(node, f"{_show(where)}: {_quote(node.value)} is out of range; expected {describe(declared)}")
                return INVALID
            case inspect.StrType(), ScalarNode() if _tag(node) in _TEXTS:
                return self._text(node, kind, declared, where)
        return self._wrong(node, declared, where)

    def _is_plain_yaml(self, node: Node) -> bool:
        """Whether `node` has none of the tags that make objects, such as `!!python/name` or `!Ref`."""
        if isinstance(node, ScalarNode):
            fine = _tag(node) in _SCALARS
        else:
            fine = _tag(node) == ("map" if isinstance(node, MappingNode) else "seq")
        if not fine:
            tag = node.tag.replace(_YAML, "!!")
            self.error(node, f"tag {tag!r} is not allowed; expected a plain value; take the tag away")
        return fine

    def _wrong(self, node: Node, declared: inspect.Type, where: Where) -> Any:
        """Reports that `node` is something else than what is declared."""
        kind, notes = unwrap(declared)
        tag = _tag(node)
        found, hint = "found a list", ""
        if not node.value or tag == "null":
            found = "is empty"
        elif isinstance(node, MappingNode):
            found = "found a mapping"
            if any(isinstance(key, MappingNode) for key, _ in node.value):
                found, hint = "'{{...}}' is a mapping to YAML", "; quote it"
            elif isinstance(kind, inspect.ListType):
                hint = "; begin each with '- '"
        elif isinstance(node, ScalarNode):
            found = f"{_quote(node.value)} is {_SCALARS[tag]}"
            if isinstance(kind, inspect.StrType):
                found, hint = f"{found} to YAML", f"; quote it: {_quote(node.value)}"
            elif isinstance(kind, inspect.IntType) and "x-short" not in notes:
                hint = "; write digits, without quotes"
            elif isinstance(kind, inspect.ListType) and isinstance(unwrap(kind.item_type)[0], inspect.StrType):
                hint = f"; write [{node.value}]"
        elif isinstance(kind, inspect.StructType | inspect.DictType):
            hint = "; take the '- ' away"
        self.error(node, f"{_show(where)}: {found}; expected {describe(declared)}{hint}")
        return INVALID

    def _too_many(self, node: Node, most: int, where: Where) -> Any:
        self.error(node, f"{_show(where)}: {len(node.value)} of them; expected {most} at most; take some away")
        return INVALID

    def _struct(self, node: MappingNode, kind: inspect.StructType, where: Where) -> dict[str, Any]:
        """A mapping of known keys. A key that is nearly right is read as the one that was meant, to check it too."""
        fields = keys_of(kind)
        pairs = self._pairs(node)
        data: dict[str, Any] = {}
        seen = set(pairs)
        for name, (key, value) in pairs.items():
            meant = name
            if name not in fields and (places := _places(name)):
                self.error(
                    key,
                    f"{_show(where)}: " * bool(where) + f"key {_quote(name)} is not known here; expected it "
                    f"{' or '.join(places)}; move it",
                )
                continue
            if name not in fields:
                close = difflib.get_close_matches(name, fields, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"expected {', '.join(fields)}"
                self.error(key, f"{_show(where)}: " * bool(where) + f"key {_quote(name)} is not known; {hint}")
                if not close or close[0] in seen:
                    continue
                meant = close[0]
                seen.add(meant)
            if _tag(value) == "null" and not fields[meant].required:
                continue  # a key without a value has its default
            self.lines[*where, meant] = _line(key)
            found = self.value(value, fields[meant].type, (*where, meant))
            if found is not INVALID:
                data[meant] = found
        for name, one in fields.items():
            if one.required and name not in seen:
                self.error(
                    self.lines[where], f"{_show((*where, name))} is missing; expected {describe(one.type)}; add it"
                )
        return data

    def _dict(self, node: MappingNode, kind: inspect.DictType, where: Where) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for name, (key, value) in self._pairs(node).items():
            here = (*where, name)
            self.lines[here] = _line(key)
            known = self.value(key, kind.key_type, here)
            found = self.value(value, kind.value_type, here)
            if INVALID not in (known, found):
                data[name] = found
        return data

    def _pairs(self, node: MappingNode) -> dict[str, tuple[ScalarNode, Node]]:
        """Keys with their nodes, what '<<' merges included. Reports keys that are no text, or there twice."""
        own: dict[str, tuple[ScalarNode, Node]] = {}
        merged: dict[str, tuple[ScalarNode, Node]] = {}
        for key, value in node.value:
            if _tag(key) == "merge":
                for each in value.value if isinstance(value, SequenceNode) else [value]:
                    if isinstance(each, MappingNode):
                        for name, pair in self._pairs(each).items():
                            merged.setdefault(name, pair)
                    else:
                        self.error(each, "'<<' merges something else; expected an alias of a mapping, such as *name")
            elif not isinstance(key, ScalarNode):
                self.error(key, "a key is a mapping or a list; expected text; quote it if it begins with '{' or '['")
            elif _tag(key) not in _TEXTS:
                if self._is_plain_yaml(key):
                    kind = _SCALARS[_tag(key)]
                    self.error(key, f"key {_quote(key.value)} is {kind} to YAML; expected text; quote it")
            elif key.value in own:
                first = _line(own[key.value][0])
                self.error(key, f"key {_quote(key.value)} is there twice, first on line {first}; expected it once")
            else:
                own[key.value] = (key, value)
        return merged | own

    def _choice(self, node: ScalarNode, kind: inspect.LiteralType, where: Where) -> Any:
        choices = {str(value): value for value in kind.values}
        if node.value in choices:
            return choices[node.value]
        # Of numbers and versions none is like another: what differs in digits alone is another choice, no slip.
        others = [choice for choice in choices if _without_digits(choice) != _without_digits(node.value)]
        close = difflib.get_close_matches(node.value.lower(), others, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        known = " or ".join(choices)
        self.error(node, f"{_show(where)}: {_quote(node.value)} is not known; {hint}expected {known}")
        return INVALID

    def _text(self, node: ScalarNode, kind: inspect.StrType, declared: inspect.Type, where: Where) -> Any:
        text: str = node.value
        _, notes = unwrap(declared)
        if len(text) < (kind.min_length or 0):
            return self._wrong(node, declared, where)
        too_long = kind.max_length is not None and len(text) > kind.max_length
        if too_long or (kind.pattern is not None and not re.fullmatch(kind.pattern, text)) or not _is_unicode(text):
            expected = describe(declared) if _is_unicode(text) else "characters that UTF-8 has"
            if text.endswith(".fifo") and (kind_of := QUEUING.get(notes.get("arn", ""))):
                self.error(
                    node,
                    f"{_show(where)}: {_quote(text)} is a FIFO {kind_of}, to which neither S3 nor alarms nor Lambda's "
                    f"destinations can send; expected a standard {kind_of}; make one, name it",
                )
                return INVALID
            self.error(node, f"{_show(where)}: {_quote(text)} does not fit; expected {expected}")
            return INVALID
        if ("arn" in notes and is_placeholder(text)) or ("resource" in notes and rights.is_placeholder_pattern(text)):
            self.warn(
                node,
                f"{_show(where)}: {_quote(text)} is a placeholder; expected an ARN with a region and an account of "
                "12 digits; 'deploy' will refuse it",
            )
        elif "arn" in notes:
            self.arns[where] = text
        return text

    def _anything(self, node: Node, where: Where) -> Any:
        """Any value that JSON has. Dates are text, as the user wrote them."""
        if len(where) > DEPTH:
            self.error(node, f"{_show(where[:2])}: nested too deep; expected at most {DEPTH} levels; take some away")
            return INVALID
        anything = inspect.AnyType()
        match node:
            case MappingNode() if any(isinstance(key, MappingNode) for key, _ in node.value):
                return self._wrong(node, inspect.StrType(), where)
            case MappingNode():
                pairs = self._pairs(node).items()
                return {name: self.value(value, anything, (*where, name)) for name, (_, value) in pairs}
            case SequenceNode():
                return [self.value(one, anything, (*where, i)) for i, one in enumerate(node.value)]
        assert isinstance(node, ScalarNode)  # noqa: S101 - there are no other nodes
        if wrong := secrets.mistake(node.value):
            self.error(node, f"{_show(where)}: {_quote(node.value)} {wrong}")
            return INVALID
        try:
            return _scalar(node)
        except (ValueError, LookupError, OverflowError):
            tag = _SCALARS[_tag(node)]
            self.error(node, f"{_show(where)}: {_quote(node.value)} is {tag} that JSON has not; quote it")
            return INVALID


def _scalar(node: ScalarNode) -> str | int | float | bool | None:
    """A scalar that JSON and MessagePack can carry. Raises ValueError, LookupError or OverflowError for another."""
    construct = SafeConstructor()
    match _tag(node):
        case "null":
            return None
        case "bool":
            return bool(construct.construct_yaml_bool(node))
        case "int":
            number = int(construct.construct_yaml_int(node))
            if not -(2**63) <= number < 2**64:
                raise OverflowError(number)
            return number
        case "float":
            real = float(construct.construct_yaml_float(node))
            if not math.isfinite(real):
                raise OverflowError(real)
            return real
    if not _is_unicode(node.value):
        raise ValueError(node.value)
    return str(node.value)


def _number(node: ScalarNode, short: bool) -> int | None:
    """A whole number in plain decimal, or a size such as 16MiB if `short`; None if it is neither.

    YAML's octal (0100 is 64) and base 60 (1:30 is 90) are never what was meant.
    """
    unit = ""
    digits = str(node.value).replace("_", "")
    if short and _tag(node) in _TEXTS and (size := re.fullmatch("([0-9]+) ?([KMGT]i?)?B", digits)):
        digits, unit = size[1], size[2] or ""
    elif _tag(node) != "int" or not re.fullmatch("[-+]?(0|[1-9][0-9]*)", digits):
        return None
    return int(digits[:20]) * _SIZES[unit]  # more digits are out of every range anyway


@cache
def _places_of_keys() -> dict[str, list[str]]:
    """Say for each key of the declaration where it goes: "at the top level", "below handler"."""
    places: dict[str, list[str]] = {}

    def walk(kind: inspect.Type, path: str) -> None:
        kind, _ = unwrap(kind)
        match kind:
            case inspect.ListType():
                walk(kind.item_type, f"{path}[]")
            case inspect.DictType():
                walk(kind.value_type, f"{path}.NAME")
            case inspect.StructType():
                for name, one in keys_of(kind).items():
                    places.setdefault(name, []).append(f"below {path}" if path else "at the top level")
                    walk(one.type, f"{path}.{name}".lstrip("."))

    walk(inspect.type_info(Config), "")
    return places


def _places(name: str) -> list[str]:
    """Where the declaration has the key `name`; empty if that is nowhere, or in too many places to be a hint."""
    places = _places_of_keys().get(name, [])
    return places if len(places) <= PLACES else []


def _without_digits(text: str) -> str:
    return re.sub("[0-9]+", "", text)


def _tag(node: Node) -> str:
    return str(node.tag).removeprefix(_YAML)


def _line(at: Node | int) -> int:
    return at if isinstance(at, int) else int(at.start_mark.line) + 1


def _quote(text: str) -> str:
    """The user's words, on one line."""
    return repr(text if len(text) <= 80 else f"{text[:77]}...")


def _is_unicode(text: str) -> bool:
    """Whether UTF-8 can carry it: YAML's "\\ud800" is half a character."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _show(where: Where) -> str:
    """`("routing", 0, "dest")` as people write it: `routing[0].dest`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where).lstrip(".") or "the file"


# ---- rules between keys


class _Rules:
    """What the declaration cannot say: names that must fit each other, files that must exist, rules never reached."""

    def __init__(self, walk: _Walk, data: dict[str, Any], root: Path, check_chain: CheckChain, files: bool) -> None:
        self._walk, self._root, self._check_chain, self._files = walk, root, check_chain, files
        self._handler: dict[str, Any] = data.get("handler", {})
        self._backend: dict[str, Any] = data.get("backend", {})
        self._mapping: dict[str, list[Any]] = data.get("bucket_mapping", {})
        self._routing: list[Any] = data.get("routing", [])
        self._tags: dict[str, Any] = data.get("tags", {})

    def check(self) -> None:
        """Reports all that is wrong between the valid parts."""
        self._check_handler()
        self._check_rights()
        self._check_tags()
        self._check_sources()
        self._check_streams()
        self._check_regions()
        self._check_routing()
        for bucket, mappings in self._mapping.items():
            self._check_mappings(bucket, mappings)
        if self._files:
            self._check_files()

    def _check_handler(self) -> None:
        groups, subnets = (bool(self._handler.get(name)) for name in ("security_group_ids", "subnet_ids"))
        if groups != subnets:
            given, missing = ("security_group_ids", "subnet_ids") if groups else ("subnet_ids", "security_group_ids")
            line = self._line("handler", given)
            self._walk.error(line, f"handler.{given} without handler.{missing}; expected both or none; add it")
        name = Path(self._handler.get("path", "")).name
        for index, pattern in enumerate(self._handler.get("exclude", [])):
            if pattern is not INVALID and fnmatchcase(name, pattern.removeprefix("./")):
                self._walk.error(
                    self._line("handler", "exclude", index),
                    f"handler.exclude[{index}]: {_quote(pattern)} fits the handler, '{name}'; expected patterns of "
                    "other files; narrow it",
                )
        for name in self._handler.get("environment", {}):
            if name in RESERVED:
                self._refuse_on_aws(
                    self._line("handler", "environment", name),
                    f"handler.environment.{name} is Lambda's own; expected another name; rename it",
                )

    def _check_rights(self) -> None:
        """Report mistakes in the handler's policies and layers."""
        here = ("handler", "policies")
        policies = [
            (index, policy, {str(where[3]) for where in self._walk.lines if where[:3] == (*here, index) and where[3:]})
            for index, policy in _mappings(self._handler.get("policies", []))
        ]
        for where, text, level in rights.problems([(index, one, keys or {*one}) for index, one, keys in policies]):
            tell = self._walk.error if level == "error" else self._walk.warn
            tell(self._line(*here, *where), f"{_show((*here, *where))}: {text}")
        if policies and ("handler", "role_arn") in self._walk.lines:
            self._walk.error(
                self._line(*here),
                "handler.policies beside handler.role_arn; expected one of them, as 'deploy' changes no role that "
                "it has not made; give that role these rights yourself, or take handler.role_arn away",
            )
        layers: dict[str, int] = {}
        for index, layer in enumerate(self._handler.get("layers", [])):
            if layer is not INVALID:
                self._once("layer", layer.rpartition(":")[0], layers, "handler", "layers", index)

    def _check_tags(self) -> None:
        """Report tags that IAM would refuse."""
        keys: dict[str, str] = {}
        for key, value in self._tags.items():
            # Roles tell keys apart by their letters, not by their case.
            if (first := keys.setdefault(key.lower(), key)) != key:
                self._walk.error(
                    self._line("tags", key),
                    f"tags: {key!r} is {first!r} to IAM; expected keys that differ in more than case; rename it",
                )
            for character in dict.fromkeys(f"{key}{'' if value is INVALID else value}"):
                # Patterns know no classes of Unicode, neither Python's nor those of a JSON Schema.
                if not character.isascii() and unicodedata.category(character)[0] not in "LNZ":
                    self._walk.error(
                        self._line("tags", key),
                        f"tags.{key}: {character!r} is no letter; expected only letters, digits, blanks and "
                        "'_.:/=+-@', as IAM takes in tags of roles; take it away",
                    )

    def _check_sources(self) -> None:
        names: dict[str, int] = {}
        for key in ("sns_topics", "sqs_queues"):
            for index, source in _mappings(self._backend.get(key, [])):
                self._once("name", source.get("name"), names, "backend", key, index, "name")
        sources = ("embedded", "sns_topics", "sqs_queues", "eventbridge", "s3_direct")
        if not any(("backend", key) in self._walk.lines for key in sources):
            self._walk.warn(
                self._line("backend"),
                "no log can arrive; expected backend.sns_topics, sqs_queues, eventbridge or s3_direct (AWS), or "
                "backend.embedded (this machine); add one",
            )
        if "embedded" not in self._backend:
            return
        directories = self._backend["embedded"].get("buckets", {})
        for bucket in directories:
            if ("bucket_mapping", bucket) not in self._walk.lines:
                line = self._line("backend", "embedded", "buckets", bucket)
                self._walk.warn(line, f"bucket {bucket!r} has no mapping; expected one in bucket_mapping; add it")
        for bucket in self._mapping:
            if ("backend", "embedded", "buckets", bucket) not in self._walk.lines:
                line = self._line("bucket_mapping", bucket)
                self._walk.warn(
                    line,
                    f"bucket {bucket!r} has no directory on this machine; expected one in backend.embedded.buckets",
                )

    def _check_streams(self) -> None:
        """Report streams of the lanes that are one and the same, and settings that no stream takes."""
        fast, slow = (("backend", f"kinesis_stream_{lane}_arn") for lane in ("fast", "slow"))
        given = [self._backend.get(key) for _, key in (fast, slow)]
        if None in given:
            return
        if given[0] == given[1]:
            self._walk.error(
                self._line(*slow),
                f"{_show(slow)}: the same stream as {_show(fast)} on line {self._line(*fast)}, whose events both lanes "
                "would dispatch; expected a stream for each lane; name another, or let 'deploy' make it",
            )
        for key in ("stream_shards", "stream_retention_hours"):
            if key in self._backend:
                self._walk.warn(
                    self._line("backend", key),
                    f"backend.{key} changes nothing: both streams are given, which 'deploy' does not change; expected "
                    "it without them; take it away",
                )

    def _check_regions(self) -> None:
        """Report ARNs of another region than the first one's: a stack uses what is in its own."""
        first: tuple[Where, str] | None = None
        for where, arn in self._walk.arns.items():
            _, _, service, region, _ = rights.fill_in(arn, dict.fromkeys(rights.PSEUDO, "")).split(":", 4)
            if not region or service == "kms":
                continue  # keys belong to buckets and secrets, wherever those are
            if first is None:
                first = where, region
            elif region != first[1]:
                self._refuse_on_aws(
                    self._line(*where),
                    f"{_show(where)}: {_quote(arn)} is of {region}, but {_show(first[0])} on line "
                    f"{self._line(*first[0])} of {first[1]}; expected one region, that of the stack; name another",
                )

    def _refuse_on_aws(self, line: int, message: str) -> None:
        """Report what keeps a stack from working: a mere warning where the config is for this machine, too."""
        if "embedded" in self._backend:
            self._walk.warn(line, f"{message}; 'deploy' will refuse it")
        else:
            self._walk.error(line, message)

    def _check_routing(self) -> None:
        """A rule is never reached if one before it matches all that it matches."""
        before: list[tuple[str | None, str, int]] = []
        for index, rule in _mappings(self._routing):
            bucket, prefix, line = rule.get("bucket"), rule.get("prefix") or "", self._line("routing", index)
            self._check_slash(prefix, "routing", index, "prefix")
            for other_bucket, other_prefix, other in before:
                if other_bucket in (None, bucket) and prefix.startswith(other_prefix):
                    self._walk.warn(
                        line,
                        f"this rule is never reached: that on line {other} matches all of it; expected it further up",
                    )
                    break
            if not any(key not in rule and ("routing", index, key) in self._walk.lines for key in ("bucket", "prefix")):
                before.append((bucket, prefix, line))

    def _check_mappings(self, bucket: str, mappings: list[Any]) -> None:
        prefixes: dict[str, int] = {}
        for index, mapping in _mappings(mappings):
            here = ("bucket_mapping", bucket, index)
            if "prefix" in mapping:
                self._once("prefix", mapping["prefix"], prefixes, *here, "prefix")
                self._check_slash(mapping["prefix"], *here, "prefix")
            names = mapping.get("format", [])
            if names and INVALID not in names:
                for problem in self._check_chain(names, self._root):
                    quoted = [(problem.find(repr(name)), i) for i, name in enumerate(names) if repr(name) in problem]
                    where = (*here, "format", min(quoted)[1]) if quoted else (*here, "format")
                    self._walk.error(self._line(*where), problem)

    def _check_files(self) -> None:
        # `os.path`: the methods of Path raise where they may not look.
        for key in ("path", "requirements"):
            name = self._handler.get(key)
            if name is not None and not os.path.isfile(self._root / name):  # noqa: PTH113
                line = self._line("handler", key)
                self._walk.error(line, f"handler.{key}: no file {name!r}; expected one relative to {self._root}")
        for bucket, name in (self._backend.get("embedded") or {}).get("buckets", {}).items():
            if not os.path.isdir(self._root / name):  # noqa: PTH112
                # Only who runs objects on this machine needs it, not who deploys or looks at a stack.
                self._walk.warn(
                    self._line("backend", "embedded", "buckets", bucket),
                    f"backend.embedded.buckets.{bucket}: no directory {name!r}; expected one relative to {self._root}; "
                    "create it",
                )

    def _once(self, key: str, value: str | None, seen: dict[str, int], *where: str | int) -> None:
        """Reports `value` if `seen` has it, which is values with their lines."""
        if value is None:
            return
        line = self._line(*where)
        if value in seen:
            self._walk.error(line, f"{key} {value!r} is there twice, first on line {seen[value]}; expected it once")
        seen.setdefault(value, line)

    def _check_slash(self, prefix: str, *where: str | int) -> None:
        if prefix.startswith("/"):
            self._walk.warn(self._line(*where), f"prefix {prefix!r} begins with '/'; S3 keys do not; take it away")

    def _line(self, *where: str | int) -> int:
        """The line of a value; of what it would be in, if it is not there."""
        while where not in self._walk.lines:
            where = where[:-1]
        return self._walk.lines[where]


def _mappings(items: list[Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The valid items of a list, with their index."""
    return ((index, item) for index, item in enumerate(items) if item is not INVALID)
