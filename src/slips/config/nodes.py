"""Parses the text of slips.yml to YAML nodes, and converts a scalar node to its plain value.

YAML is composed, never constructed: nodes keep the lines and the user's words, and no tag runs code.
"""

from __future__ import annotations

import math
import re
from typing import Any, Literal

import yaml
from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from slips.config.notes import DURATIONS

Unit = Literal["size", "duration", "share"]
"""The unit that a number may have: `16MiB`, `5m`, or `50%`."""
NODES = 200_000
"""Values in a file, aliases counted each time they are used: ten lines of aliases can stand for billions."""
DEPTH = 50
"""Levels of mappings and lists inside each other."""
YAML = "tag:yaml.org,2002:"
"""Begins the tags of YAML's own types."""
TEXTS = ("str", "value")
"""Tags of scalars that are texts: `value` is that of a lone `=`."""

_SIZES: dict[str, int] = {"": 1} | {
    f"{letter}{i}": (1024 if i else 1000) ** n for n, letter in enumerate("KMGT", 1) for i in ("", "i")
}


class UnreadableError(Exception):
    """A text is not YAML, or has too many values or levels. The message has the reason."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


# ---- text to nodes


class _Loader(yaml.SafeLoader):
    def compose_scalar_node(self, anchor: Any) -> ScalarNode:
        is_tagged = self.peek_event().tag not in (None, "!")  # type: ignore[no-untyped-call]
        node: ScalarNode = super().compose_scalar_node(anchor)
        if is_tagged:
            node.style = node.style or "'"  # the tag decides the type, as quotes do
        return node


def compose(text: str) -> Node:
    """Parse a document to its node, with a top-level `sam` moved into `base`. Raises UnreadableError."""
    try:
        # Not the faster CSafeLoader: its texts differ, and deep nesting crashes the process instead of raising.
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        if "found '<stream end>'" in (error.problem or "") and (mark := _open_bracket(text)) is not None:
            raise UnreadableError(mark.line + 1, f"not valid YAML: {_BRACKET}") from None
        raise UnreadableError(*_explain(error)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UnreadableError(
            line, f"character U+{error.character:04X} cannot be in YAML; expected text; take it away"
        ) from None
    except RecursionError:
        raise UnreadableError(1, f"nested too deep; expected at most {DEPTH} levels; take some away") from None
    if node is None:
        raise UnreadableError(
            1, "the file is empty; expected stack_name, handler, bucket_mapping; 'slips init' writes an example"
        )
    if (large := _too_large(node)) is not None:
        raise UnreadableError(
            line_of(large), f"more than {NODES:,} values, counting what aliases repeat; expected fewer; take some away"
        )
    _move_sam(node)
    return node


_BRACKET = "a bracket is opened and not closed, or a ',' is missing; expected ',' or the bracket"
_OPENED = {
    # Advice by PyYAML's words, for mistakes that began further up: at PyYAML's "context".
    "could not find expected ':'": "no ':' after the key; expected 'key: value'",
    "unexpected end of stream": "a quote is opened and never closed; expected another one; close it",
    "expected ',' or": _BRACKET,
}
_HERE = {
    r"'\t' that cannot start": "a tab cannot indent; expected spaces; replace it",
    "cannot start any token": "a text cannot begin with {found}; expected it in quotes; quote it",
    "mapping values are not": "this ':' cannot be here; expected 'key: value'; quote a text that has ': '",
    "sequence entries are not": "'- ' begins a line; expected the list on the lines below its key",
    "unknown escape": "a backslash in double quotes is special; expected single quotes, where it is not",
    "but found '<scalar>'": "this follows a value that is complete; expected a key on its own line, or all in quotes",
    "expected <block end>": "the indentation fits nothing above; expected that of the key or '-' it belongs to",
    "expected alphabetic or numeric": "'*' and '&' begin an alias or an anchor; expected a text in quotes; quote it",
    "undefined alias": "alias {found} has no anchor; expected '&' and that name further up",
    "another document": "'---' begins a second document; expected one; take the rest away",
}


def _explain(error: yaml.MarkedYAMLError) -> tuple[int, str]:
    """Return line and text of a syntax error."""
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


def _open_bracket(text: str) -> yaml.Mark | None:
    """Return the place of the last bracket that is open at the end of a text: PyYAML names none if a value is due."""
    opened: list[yaml.Mark] = []
    for token in yaml.scan(text, _Loader):
        if isinstance(token, yaml.FlowSequenceStartToken | yaml.FlowMappingStartToken):
            opened.append(token.start_mark)
        elif isinstance(token, yaml.FlowSequenceEndToken | yaml.FlowMappingEndToken):
            opened.pop()
    return opened[-1] if opened else None


def _too_large(root: Node) -> Node | None:
    """Return the first innermost node with more than NODES nodes in it. A node inside itself has endlessly many."""
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


def _move_sam(root: Node) -> None:
    """Put a top-level `sam` into `base`. If `base` has one, too, the key is there twice, and reported as such."""
    if not isinstance(root, MappingNode):
        return
    sam = [pair for pair in root.value if pair[0].value == "sam"]
    if not sam:
        return
    root.value = [pair for pair in root.value if pair not in sam]
    for key, value in root.value:
        if key.value == "base" and tag_of(value) != "null":
            if isinstance(value, MappingNode):
                value.value = [*value.value, *sam]
            return
    marks = sam[0][0].start_mark, sam[0][0].end_mark
    root.value = [pair for pair in root.value if pair[0].value != "base"]
    root.value.append((ScalarNode(f"{YAML}str", "base", *marks), MappingNode(f"{YAML}map", sam, *marks)))


def tag_of(node: Node) -> str:
    """Return the short form of a node's tag: `str`, `int`, `map`."""
    return str(node.tag).removeprefix(YAML)


def is_plain(node: ScalarNode) -> bool:
    """Whether the text of a scalar alone decides its type: it has no quotes and no tag, and is no block."""
    return node.style is None


def line_of(node: Node) -> int:
    """Return the line on which a node begins, 1-based."""
    return int(node.start_mark.line) + 1


# ---- scalars


def scalar(node: ScalarNode) -> str | int | float | bool | None:
    """Return the value of a scalar.

    Raises ValueError, LookupError or OverflowError if JSON or MessagePack cannot hold the value.
    """
    construct = SafeConstructor()
    match tag_of(node):
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
    if not is_unicode(node.value):
        raise ValueError(node.value)
    return str(node.value)


def whole_number(node: ScalarNode, unit: Unit | None) -> int | None:
    """Return a whole number in plain decimal, or one with the `unit`; None for any other text.

    YAML's octal (0100 is 64) and base 60 (1:30 is 90) are never what was meant.
    """
    if unit == "share":
        return _percent(node)
    times = 1
    digits = str(node.value).replace("_", "")
    is_text = tag_of(node) in TEXTS
    if unit == "size" and is_text and (size := size_of(digits)) is not None:
        return size
    if unit == "duration" and is_text and (duration := re.fullmatch("([0-9]+) ?([smhd])", digits)):
        digits, times = duration[1], DURATIONS[duration[2]]
    elif tag_of(node) != "int" or not re.fullmatch("[-+]?(0|[1-9][0-9]*)", digits):
        return None
    return int(digits[:20]) * times  # more digits are out of every range anyway


def size_of(text: str) -> int | None:
    """Return a number of bytes that is written with its unit, `16MiB`; None for any other text."""
    size = re.fullmatch("([0-9]+) ?([KMGT]i?)?B", text)
    return None if size is None else int(size[1][:20]) * _SIZES[size[2] or ""]


def _percent(node: ScalarNode) -> int | None:
    """Return a share in whole percent, written as `0.5` or `50%`; 0 for `off`, which YAML reads as false."""
    text = str(node.value)
    if text.lower() == "off" and tag_of(node) in ("bool", *TEXTS):
        return 0
    if tag_of(node) in TEXTS and (percent := re.fullmatch("([0-9]{1,3}) ?%", text)):
        return int(percent[1])
    if tag_of(node) in ("int", "float") and (share := re.fullmatch(r"[0-9]{0,3}(\.[0-9]+)?", text)) and text != ".":
        return round(float(share[0] or 0) * 100)
    return None


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can encode a text. YAML's "\\ud800" is half a character."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
