"""Checks the text of slips.yml: converts it to a `Config`, and finds all its problems, each with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect
from yaml.nodes import MappingNode, ScalarNode

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


def find_handler(text: str) -> str | None:
    """Return `handler.path` of a config that may have mistakes; None if it cannot be read."""
    try:
        node = compose(text)
    except UnreadableError:
        return None
    for name in ("handler", "path"):
        pairs = node.value if isinstance(node, MappingNode) else []
        found = next((value for key, value in pairs if key.value == name), None)
        if found is None:
            return None
        node = found
    return node.value if isinstance(node, ScalarNode) and tag_of(node) in TEXTS and node.value else None
