"""CloudFormation's template language: parameters, conditions, intrinsic functions, order; and AWS's resource schemas.

The schemas are those that cfn-lint carries: they tell which properties exist and which need a replacement.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from cloud.access import REGION
from cloud.gate import ApiError
from cloud.resources import PSEUDO, TYPES

BODY_BYTES = 51_200
SUB = re.compile(r"\$\{([^!}][^}]*)\}")
NOTHING = object()
"""AWS::NoValue: the property is left out."""

Lookup = Callable[[str, str], Any]
"""(logical id, attribute) → what `Ref` (attribute empty) or `Fn::GetAtt` gives."""


def invalid(message: str) -> ApiError:
    return ApiError("ValidationError", message)


def parse(body: str) -> Any:
    """A template as JSON, or as YAML. PyYAML in Python would take a tenth of a second of CPU for one of slips."""
    try:
        return json.loads(body)
    except ValueError:
        return yaml.load(body, Loader=yaml.CSafeLoader)


class Template:
    def __init__(self, body: str, given: Mapping[str, str], stack: str, stack_id: str) -> None:
        try:
            parsed = parse(body)
        except yaml.YAMLError as error:
            raise invalid(f"Template format error: {error}") from error
        if not isinstance(parsed, dict) or not parsed.get("Resources"):
            raise invalid("Template format error: At least one Resources member must be defined.")
        self.body, self.parsed = body, parsed
        self._pseudo = {**PSEUDO, "AWS::StackName": stack, "AWS::StackId": stack_id}
        self.parameters = self._parameters(given)
        self.resources: dict[str, dict[str, Any]] = {
            name: entry for name, entry in parsed["Resources"].items() if self._wanted(entry)
        }
        self._check()
        self.order = self._ordered()

    def _parameters(self, given: Mapping[str, str]) -> dict[str, str]:
        declared = self.parsed.get("Parameters", {})
        if unknown := sorted(set(given) - set(declared)):
            raise invalid(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
        values = {name: given.get(name, entry.get("Default")) for name, entry in declared.items()}
        if missing := [name for name, value in values.items() if value is None]:
            raise invalid(f"Parameters: [{', '.join(missing)}] must have values")
        return {name: str(value) for name, value in values.items()}

    def _wanted(self, entry: Mapping[str, Any]) -> bool:
        return "Condition" not in entry or self._condition(entry["Condition"])

    def _condition(self, name: str) -> bool:
        return self._truth(self.parsed["Conditions"][name])

    def _truth(self, condition: Mapping[str, Any]) -> bool:
        ((kind, value),) = condition.items()
        if kind == "Condition":
            return self._condition(value)
        if kind == "Fn::Equals":
            left, right = (self.resolve(side, _no_resources) for side in value)
            return str(left) == str(right)
        if kind == "Fn::Not":
            return not self._truth(value[0])
        if kind in {"Fn::And", "Fn::Or"}:
            return (all if kind == "Fn::And" else any)(self._truth(part) for part in value)
        raise invalid(f"Template error: unresolved condition dependency {kind}")

    def _check(self) -> None:
        for name, entry in self.resources.items():
            kind = entry.get("Type", "")
            if kind not in TYPES:
                raise invalid(f"Template format error: Unrecognized resource types: [{kind}] (for {name})")
            known = set(TYPES[kind].properties)
            for property_name in entry.get("Properties", {}):
                if property_name not in schema(kind)["properties"]:
                    raise invalid(f"{name}: Encountered unsupported property {property_name}")
                if property_name not in known:
                    raise invalid(f"{name}: {kind} {property_name}: the tests' stand-in of AWS lacks it")
            missing = [key for key in schema(kind).get("required", []) if key not in entry.get("Properties", {})]
            if missing and kind not in {"AWS::Lambda::Function"}:
                raise invalid(f"{name}: Properties validation failed: required key [{missing[0]}] not found")

    def _ordered(self) -> list[str]:
        graph = {name: self.dependencies(name) for name in self.resources}
        unknown = sorted({found for needed in graph.values() for found in needed if found not in self.resources})
        if unknown:
            raise invalid(
                f"Template format error: Unresolved resource dependencies [{', '.join(unknown)}] "
                "in the Resources block of the template"
            )
        try:
            return list(TopologicalSorter(graph).static_order())
        except CycleError as error:
            raise invalid(f"Circular dependency between resources: [{', '.join(error.args[1])}]") from error

    def dependencies(self, name: str) -> set[str]:
        entry = self.resources[name]
        named = entry.get("DependsOn", [])
        found = set([named] if isinstance(named, str) else named) | set(self._mentioned(entry.get("Properties", {})))
        return {one for one in found if one not in self.parameters and not one.startswith("AWS::")} - {name}

    def _mentioned(self, value: Any) -> Iterator[str]:
        if isinstance(value, list):
            for item in value:
                yield from self._mentioned(item)
        elif isinstance(value, dict):
            if "Fn::If" in value:
                condition, true, false = value["Fn::If"]
                yield from self._mentioned(true if self._condition(condition) else false)
                return
            own: set[str] = set()
            for key, item in value.items():
                if key == "Ref":
                    yield item
                elif key == "Fn::GetAtt":
                    yield item.split(".")[0] if isinstance(item, str) else item[0]
                elif key == "Fn::Sub":
                    text, own = (item[0], set(item[1])) if isinstance(item, list) else (item, own)
                    yield from (found.split(".")[0] for found in SUB.findall(text) if found not in own)
                    yield from self._mentioned(item[1] if isinstance(item, list) else [])
                else:
                    yield from self._mentioned(item)

    def properties(self, name: str, lookup: Lookup) -> dict[str, Any]:
        resolved: dict[str, Any] = self.resolve(self.resources[name].get("Properties", {}), lookup)
        return resolved

    def outputs(self, lookup: Lookup) -> list[dict[str, Any]]:
        return [
            {
                "OutputKey": name,
                "OutputValue": str(self.resolve(entry["Value"], lookup)),
                **({"Description": entry["Description"]} if "Description" in entry else {}),
                **({"ExportName": self.resolve(entry["Export"]["Name"], lookup)} if "Export" in entry else {}),
            }
            for name, entry in self.parsed.get("Outputs", {}).items()
            if self._wanted(entry)
        ]

    def resolve(self, value: Any, lookup: Lookup) -> Any:
        if isinstance(value, list):
            items = (self.resolve(item, lookup) for item in value)
            return [item for item in items if item is not NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((key, inner),) = value.items()
            if key == "Ref" or key.startswith("Fn::"):
                return self._function(key, inner, lookup)
        members = ((key, self.resolve(item, lookup)) for key, item in value.items())
        return {key: item for key, item in members if item is not NOTHING}

    def _ref(self, name: str, lookup: Lookup) -> Any:
        if name == "AWS::NoValue":
            return NOTHING
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self.parameters:
            kind = self.parsed["Parameters"][name].get("Type", "String")
            text = self.parameters[name]
            return text.split(",") if kind == "CommaDelimitedList" or kind.startswith("List<") else text
        return lookup(name, "")

    def _function(self, name: str, inner: Any, lookup: Lookup) -> Any:
        if name == "Ref":
            return self._ref(inner, lookup)
        if name == "Fn::GetAtt":
            logical, attribute = inner.split(".", 1) if isinstance(inner, str) else inner
            return lookup(logical, attribute)
        if name == "Fn::If":
            condition, true, false = inner
            return self.resolve(true if self._condition(condition) else false, lookup)
        if name == "Fn::Sub":
            text, own = inner if isinstance(inner, list) else (inner, {})
            values = self.resolve(own, lookup)
            filled = SUB.sub(lambda found: str(self._substituted(found[1], values, lookup)), text)
            return filled.replace("${!", "${")
        resolved = self.resolve(inner, lookup)
        if name == "Fn::Join":
            return str(resolved[0]).join(str(part) for part in resolved[1])
        if name == "Fn::Select":
            return resolved[1][int(resolved[0])]
        if name == "Fn::Split":
            return str(resolved[1]).split(resolved[0])
        if name == "Fn::FindInMap":
            top, first, second = resolved
            return self.parsed["Mappings"][top][first][second]
        if name == "Fn::GetAZs":
            return [f"{REGION}{letter}" for letter in "abc"]
        raise invalid(f"Template error: {name}: the tests' stand-in of AWS lacks it")

    def _substituted(self, found: str, own: Mapping[str, Any], lookup: Lookup) -> Any:
        if found in own:
            return own[found]
        logical, dot, attribute = found.partition(".")
        return lookup(logical, attribute) if dot else self._ref(found, lookup)


def _no_resources(name: str, _: str) -> Any:
    raise invalid(f"Template error: condition refers to the resource {name}")


@functools.cache
def schema(kind: str) -> dict[str, Any]:
    """AWS's schema of a resource type."""
    spec = find_spec("cfnlint")  # not imported: with all its rules it would take seconds of each server's start
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "data" / "schemas"
    names = json.loads((folder / "providers" / f"{REGION}.json").read_text())
    found: dict[str, Any] = json.loads((folder / "resources" / f"{names[kind]}.json").read_text())
    return found


def taggable(kind: str) -> bool:
    """Whether resources of a type take the stack's tags."""
    found = schema(kind)
    return bool(found.get("tagging", found)["taggable"])


def replacing(kind: str, changed: set[str]) -> str:
    """Whether changes of these properties replace the resource: `True`, `False` or `Conditional`."""

    def among(key: str) -> bool:
        return any(path.split("/")[2] in changed for path in schema(kind).get(key, []))

    if among("createOnlyProperties"):
        return "True"
    return "Conditional" if among("conditionalCreateOnlyProperties") else "False"


def custom_named(kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether both have the same name of their own, so that they cannot exist side by side."""
    keys = [path.split("/")[2] for path in schema(kind)["primaryIdentifier"]]
    return all(key in new and new[key] == old.get(key) for key in keys)
