"""Faster ways of moto's: half of the stand-in's time went into answers and update expressions of DynamoDB.

Each gives what moto's own gives. What moto would compute anew in each request is kept, by the model or the text alone.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from functools import cache
from typing import Any

import moto.core.responses
from moto.core.serialize import AttributePicker, AttributePickerContext, ResponseSerializer
from moto.core.utils import get_value
from moto.dynamodb.parsing import validators
from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser, Node  # type: ignore[attr-defined]
from moto.dynamodb.parsing.expressions import UpdateExpressionParser  # type: ignore[attr-defined]

ABSENT = object()


def quicken() -> None:
    """Puts the ways of this module into moto; to be called once in a process."""
    _keep_names_of_members()
    _keep_names_of_methods()
    _keep_parsed_expressions()
    _visit_nodes_by_class()


def _keep_names_of_members() -> None:
    """moto derives the names that an object may have for a member of an answer from its shape, for each value anew."""
    slow = ResponseSerializer.get_value

    @cache
    def names(picker: Any, providers: tuple[Any, ...], key: str, shape: Any) -> Sequence[str]:
        context = AttributePickerContext(obj={}, key=key, shape=shape)
        return tuple(dict.fromkeys(picker(list(providers)).get_possible_keys(context)))

    def quick(self: Any, value: Any, key: str, shape: Any) -> Any:
        picker: Any = self._value_picker
        if type(value) is not dict or not isinstance(picker, AttributePicker) or picker.response_transformers:
            return slow(self, value, key, shape)
        kind: Any = type(picker)
        for name in names(kind, tuple(picker.alias_providers), key, shape):
            found = get_value(value, name, ABSENT) if "." in name else value.get(name, ABSENT)
            if found is not ABSENT:
                return found
        return None

    ResponseSerializer.get_value = quick  # type: ignore[method-assign]


def _keep_names_of_methods() -> None:
    """moto inspects the whole class that answers, in each request."""
    names = vars(moto.core.responses)["method_names_from_class"]
    vars(moto.core.responses)["method_names_from_class"] = cache(names)


def _keep_parsed_expressions() -> None:
    """moto parses an update expression twice in a request, and copies its tree in Python. Each caller gets its own."""

    @cache
    def parsed(parser: Any, text: str) -> bytes:
        return pickle.dumps(parser(text))

    slow = UpdateExpressionParser.make
    vars(validators)["deepcopy"] = lambda tree: pickle.loads(pickle.dumps(tree))
    UpdateExpressionParser.make = lambda text: pickle.loads(parsed(slow, text))


def _visit_nodes_by_class() -> None:
    """moto asks of each node ten times whether it is an instance of an abstract class."""

    @cache
    def is_node(kind: Any) -> bool:
        return issubclass(kind, Node)

    processed: dict[tuple[type, type], bool] = {}

    def is_processed(traverser: Any, kind: type) -> bool:
        key = type(traverser), kind
        if key not in processed:
            processed[key] = issubclass(kind, traverser.nodes_to_be_processed())
        return processed[key]

    def traverse(self: Any, node: Any, child_id: int = -1) -> Any:
        kind: Any = type(node)
        if not is_node(kind):
            return node
        parent = node.parent
        for number, child in enumerate(node.children or ()):
            self.pre_processing_of_child(node, number)
            traverse(self, child, number)
        if is_processed(self, kind):
            node = self.process(node)
            node.parent = parent
            if parent:
                parent.children[child_id] = node
        return node

    DepthFirstTraverser.traverse_node_recursively = traverse
