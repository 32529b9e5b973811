"""Checks the text of slips.yml: converts it to a `Config`, and finds all its problems, each with its line."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from slips.config.declared import keys_of, type_of
from slips.config.mapping import Mapping
from slips.config.nodes import TEXTS, UnreadableError, compose, tag_of
from slips.config.problems import Problem, Problems, Where
from slips.config.rules import CheckChain, Rules
from slips.config.schema import Config
from slips.config.values import INVALID, Values
from slips.parsing import chain
from slips.step import Step


def check(
    text: str,
    file: str = "slips.yml",
    *,
    check_chain: CheckChain = chain.check_chain,
    files: bool = True,
) -> tuple[Config | None, list[Problem]]:
    """Return the config in `text`, None if it has errors, and all problems in file order, warnings included.

    Problems name `file`, and paths in the config are relative to it. Without `files`, the files that the config names
    need not exist.
    """
    data, problems = _read(text, file, check_chain, files=files)
    if data is None or problems.errors:
        return None, problems.in_order()
    return _convert(data, file), problems.in_order()


def check_partly(text: str, file: str, needs: Sequence[Where]) -> tuple[Config | None, list[Problem]]:
    """Return a config with mistakes as far as it is right, and these mistakes in file order.

    The config is None if a value at `needs` is wrong; then the mistakes are those of `needs` alone. A key that has a
    mistake has its default, or is empty if it is required.
    """
    data, problems = _read(text, file, chain.check_chain, files=True)
    concerning = [problem for problem in problems.errors if problem.concerns(needs)]
    mistakes = [problem for problem in problems.in_order() if problem.level == "error"]
    if data is None or concerning:
        shown = {(problem.line, problem.message) for problem in concerning}
        return None, [problem for problem in mistakes if (problem.line, problem.message) in shown]

    def right(pairs: dict[str, Any], *above: str) -> dict[str, Any]:
        return {
            key: value
            for key, value in pairs.items()
            if not any(problem.concerns([(*above, key)]) for problem in problems.errors)
        }

    found = right({**data, "backend": {}}) | {"backend": right(data.get("backend", {}), "backend")}
    required: dict[str, Any] = {"stack_name": "", "bucket_mapping": {}}
    missing = {key: empty for key, empty in required.items() if key not in found}
    return msgspec.structs.replace(_convert({**_FILLED, **found}, file), **missing), mistakes


def read_steps(text: str, root: Path) -> tuple[list[Step], list[str]]:
    """Return the steps of a chain that is written as YAML on one line, as far as they are right, and all mistakes.

    Paths are relative to `root`. Brackets around several steps may be left out.
    """
    problems = Problems("")
    values = Values(problems, partial(chain.options_of_format, root=root))
    try:
        node = compose(text if text.lstrip().startswith("[") else f"[{text}]")
    except UnreadableError as error:
        return [], [str(error)]
    steps = values.read(node, keys_of(_struct_of(Mapping))["format"].type, ("format",))
    mistakes = [one.message for one in problems.errors]
    if steps is INVALID or INVALID in steps:
        return [], mistakes
    return steps, [*mistakes, *chain.check_chain(steps, root)]


def _struct_of(kind: type[msgspec.Struct]) -> inspect.StructType:
    found = type_of(kind)
    assert isinstance(found, inspect.StructType)  # noqa: S101 - for mypy
    return found


_FILLED = {"stack_name": "a", "bucket_mapping": {"b": [{"prefix": "", "format": ["json"]}]}}
"""Values that pass the conversion in place of missing ones."""


def _read(text: str, file: str, check_chain: CheckChain, *, files: bool) -> tuple[dict[str, Any] | None, Problems]:
    """Return the right values in `text`, None if it is no mapping, and the problems."""
    problems = Problems(file)
    root = Path(file).absolute().parent
    values = Values(problems, partial(chain.options_of_format, root=root))
    data: Any = None
    try:
        data = values.read(compose(text), type_of(Config), ())
    except UnreadableError as error:
        problems.error(error.line, str(error))
    if not isinstance(data, dict):
        return None, problems
    # Wrong values are left out of the data, so that the rules still see all that is right.
    Rules(problems, data, values.arns, root, check_chain).check(files=files)
    return data, problems


def _convert(data: dict[str, Any], file: str) -> Config:
    return msgspec.convert({**data, "file": str(Path(file).absolute())}, Config)


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
