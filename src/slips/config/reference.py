"""docs/config.md and the JSON Schema for editors, written from the declaration."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import inspect

from slips.config.declared import describe, every_key, is_required, keys_of, scalar_of, unwrap
from slips.config.notes import DURATIONS
from slips.config.schema import Config
from slips.format import FormatOptions, MeaningOptions
from slips.formats import catalogue

SCHEMA = "slips.schema.json"
"""The JSON Schema beside the config: editors need no network, and know the keys of this version."""


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of slips.yml, for editors.

    msgspec writes draft 2020-12, of which VS Code warns that it does not fully know it. This schema has nothing but
    what draft 7 has, `$defs` aside, to which the references lead. A description beside a `$ref` may not be seen.
    """
    schema = msgspec.json.schema(Config)
    options = _options(schema["$defs"])
    schema = _for_editors(schema)
    keys = schema["$defs"]["Config"]["properties"]
    del keys["file"]
    keys["sam"] = {"$ref": "#/$defs/Sam"}
    format_ = schema["$defs"]["Mapping"]["properties"]["format"]
    format_["anyOf"] = [{**format_["anyOf"][0], "items": {"anyOf": [_NAME, options]}}, _NAME, options]
    schema["$defs"]["Mapping"]["oneOf"] = [{"required": ["prefix"]}, {"required": ["pattern"]}]
    schema["$defs"]["Route"]["not"] = {"required": ["prefix", "pattern"]}
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": "slips.yml", **schema}


_NAME = {"type": "string", "minLength": 1}


def _options(definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a step of a chain that gives a format options. Adds the classes of options to definitions.

    Behind a name may be a parameter, such as `csv:tab`. The options of a user's own formats are known to `check` alone.
    """
    formats = catalogue().values()
    kinds = list(dict.fromkeys(each.options for each in formats if each.options))
    schemas, classes = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    definitions |= classes
    of_kind = dict(zip(kinds, schemas, strict=True))
    given = {each.name: {"anyOf": [of_kind[each.options], _NONE]} for each in formats if each.options}
    behind = {f"^{each.name}:": given.get(each.name, _NONE) for each in formats if each.parameter}
    return {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "properties": {each.name: given.get(each.name, _NONE) for each in formats},
        "patternProperties": {**behind, r"\.py:": {"type": ["object", "null"]}},
        "additionalProperties": False,
    }


_NONE = {"type": "null"}


def _for_editors(schema: Any) -> Any:
    """Return the schema, changed to refuse unknown keys and to accept short forms."""
    if isinstance(schema, list):
        return [_for_editors(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(schema.get("properties"), dict):
        _require(schema)
    schema = {key: _for_editors(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict):
        schema["additionalProperties"] = False
    if "x-short" not in schema:
        return schema
    about = {key: schema.pop(key) for key in ("description", "examples", "default") if key in schema}
    short = schema.pop("x-short")
    return {**about, "anyOf": [schema, short]}


def _require(schema: dict[str, Any]) -> None:
    """Make the keys required that are declared so, although their classes have defaults for them."""
    for name, key in schema["properties"].items():
        if key.pop("x-required", False):
            del key["default"]
            schema["required"] = [*schema.get("required", []), name]


def options_of(kind: type[FormatOptions]) -> list[tuple[str, str, str, str]]:
    """Return the options of a format: name, values in words, default as YAML, meaning."""
    return [
        (path, describe(one.type), _default(one), str(unwrap(one.type)[1].get("description", "")))
        for path, one in _options_in_order(kind)
    ]


def option_table(kind: type[FormatOptions]) -> str:
    """Return the options of a format as a table of a page."""
    rows = [_row(path, one) for path, one in _options_in_order(kind)]
    return "\n".join(["| option | takes | default | meaning |", "|---|---|---|---|", *rows])


def _options_in_order(kind: type[FormatOptions]) -> list[tuple[str, inspect.Field]]:
    """Return the options of a format, its own before those that many formats have."""
    every = [(path, one) for path, one in every_key(inspect.type_info(kind)) if _has_row(one)]
    return sorted(every, key=lambda each: each[0] in MeaningOptions.__struct_fields__)


def page() -> str:
    """Return docs/config.md: every key with its values, its default and its meaning."""
    root, _ = unwrap(inspect.type_info(Config))
    assert isinstance(root, inspect.StructType)  # noqa: S101 - for mypy
    head = ["", "| key | takes | default | meaning |", "|---|---|---|---|"]
    top, sections = list(head), list[str]()
    for name, one in keys_of(root).items():
        rows = [_row(path, key) for path, key in every_key(one.type, name) if _has_row(key)]
        if rows:
            sections += ["", f"## {name}", "", str(unwrap(one.type)[1]["description"]), *head, *rows]
        else:
            top.append(_row(name, one))
    return "\n".join([_HEAD, *top, *sections, ""])


_HEAD = """\
# slips.yml

`slips check` finds every mistake in it at once. Paths are relative to the file; a key without a value has its default.
Quote texts that YAML reads as something else, or differently by its two versions: `'NO'`, `'012345670123'`, `'1.10'`,
`'22:22'`. `slips check` warns of each that is not quoted, with what becomes of it.

`errors`, `error`, `status`, `limit`, `dismiss` and `logs` work beside mistakes that do not concern the place of the
error table: `stack_name` of a stack, `backend.embedded` on this machine. `drain` also needs `routing` and
`bucket_mapping`, and with `--canary` on this machine all of the config, since it runs the handler.

For completion and checks in your editor, `slips init` writes `slips.schema.json`, and as the first line of the file
`# yaml-language-server: $schema=slips.schema.json`. For a config that is there, or with another version of slips, write
`slips check --schema > slips.schema.json`."""


def _has_row(one: inspect.Field) -> bool:
    """Whether a key takes a value, rather than keys below; it takes both if a scalar may stand for its mapping, or for
    one in it.
    """
    kind, notes = unwrap(one.type)
    if scalar_of(kind.value_type if isinstance(kind, inspect.DictType) else one.type) is not None:
        return True
    if isinstance(kind, inspect.ListType):
        _, notes = unwrap(kind.item_type)
    return "x-short" in notes or not any(every_key(kind))


def _row(path: str, one: inspect.Field) -> str:
    """Return the row of a key in its table."""
    _, notes = unwrap(one.type)
    default = "required" if is_required(one) else f"`{_default(one)}`" if _default(one) else ""
    takes = f"an ARN of {notes['arn']}" if "arn" in notes else describe(one.type)
    example = f" Such as `{msgspec.json.encode(notes['examples'][0]).decode()}`." if "examples" in notes else ""
    return f"| `{path}` | {takes} | {default} | {notes['description']}{example} |"


def _duration(seconds: int) -> str:
    """Return a number of seconds as people write it: `6h`."""
    unit = next(unit for unit in reversed(DURATIONS) if seconds % DURATIONS[unit] == 0)
    return f"{seconds // DURATIONS[unit]}{unit}"


def _default(one: inspect.Field) -> str:
    """Return the default of a key; empty if it has none, or stands for no value."""
    if one.default in (msgspec.NODEFAULT, None, ""):
        return ""
    if "duration" in unwrap(one.type)[1]:
        return _duration(one.default)
    return str(one.default).lower() if isinstance(one.default, bool) else str(one.default)
