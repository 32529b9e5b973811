"""Checks the text of slips.yml: converts it to a `Config`, and finds all its problems, each with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from slips import chain
from slips.config.nodes import TEXTS, UnreadableError, compose, tag_of
from slips.config.problems import Problem, Problems
from slips.config.rules import CheckChain, Rules
from slips.config.schema import Config
from slips.config.values import Values


def check(
    text: str, file: str = "slips.yml", *, check_chain: CheckChain = chain.check_chain, files: bool = True
) -> tuple[Config | None, list[Problem]]:
    """Return the config in `text`, None if it has errors, and all problems in file order, warnings included.

    Problems name `file`, and paths in the config are relative to it. Without `files`, the files that the config names
    need not exist.
    """
    problems, path = Problems(file), Path(file).absolute()
    values = Values(problems)
    data: Any = None
    try:
        data = values.read(compose(text), inspect.type_info(Config), ())
    except UnreadableError as error:
        problems.error(error.line, str(error))
    if isinstance(data, dict):
        # Wrong values are left out of the data, so that the rules still see all that is right.
        Rules(problems, data, values.arns, path.parent, check_chain).check(files=files)
    found = problems.in_order()
    if any(problem.level == "error" for problem in found):
        return None, found
    return msgspec.convert({**data, "file": str(path)}, Config), found


def find_handlers(text: str) -> list[str]:
    """Return the `path` of each handler of a config that may have mistakes, as far as it can be read."""
    try:
        root = compose(text)
    except UnreadableError:
        return []
    mappings = (one for bucket in _values(_child(root, "bucket_mapping")) for one in _values(bucket))
    handlers = [_child(root, "handler"), *(_child(one, "handler") for one in mappings)]
    # In a mapping, a text stands for the path.
    paths = [
        one if isinstance(one, ScalarNode) and index else _child(one, "path") for index, one in enumerate(handlers)
    ]
    found = (one.value for one in paths if isinstance(one, ScalarNode) and tag_of(one) in TEXTS and one.value)
    return list(dict.fromkeys(found))


def _child(node: Node | None, name: str) -> Node | None:
    """Return the value of a key; None if `node` is no mapping, or lacks the key."""
    pairs = node.value if isinstance(node, MappingNode) else []
    return next((value for key, value in pairs if key.value == name), None)


def _values(node: Node | None) -> list[Node]:
    """Return the values of a mapping, or the items of a list; [] for a node that is neither."""
    if isinstance(node, MappingNode):
        return [value for _, value in node.value]
    return node.value if isinstance(node, SequenceNode) else []
