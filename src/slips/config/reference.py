"""docs/config.md and the JSON Schema for editors, written from the declaration."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import inspect

from slips.config.declared import describe, every_key, is_required, keys_of, unwrap
from slips.config.schema import Config

SCHEMA = "slips.schema.json"
"""The JSON Schema beside the config: editors need no network, and know the keys of this version."""


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of slips.yml, for editors.

    msgspec writes draft 2020-12, of which VS Code warns that it does not fully know it. This schema has nothing but
    what draft 7 has, `$defs` aside, to which the references lead. A description beside a `$ref` may not be seen.
    """
    schema = _for_editors(msgspec.json.schema(Config))
    keys = schema["$defs"]["Config"]["properties"]
    del keys["file"]
    keys["sam"] = {"$ref": "#/$defs/Sam"}
    schema["$defs"]["Mapping"]["oneOf"] = [{"required": ["prefix"]}, {"required": ["pattern"]}]
    schema["$defs"]["Route"]["not"] = {"required": ["prefix", "pattern"]}
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": "slips.yml", **schema}


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
    """Whether a key takes a value, rather than keys below; it takes both if a text may stand for its mapping or one in
    its list.
    """
    kind, notes = unwrap(one.type)
    if isinstance(kind, inspect.ListType):
        _, notes = unwrap(kind.item_type)
    return "x-short" in notes or not any(every_key(kind))


def _row(path: str, one: inspect.Field) -> str:
    """Return the row of a key in its table."""
    _, notes = unwrap(one.type)
    default = "required" if is_required(one) else ""
    if one.default not in (msgspec.NODEFAULT, None, ""):
        default = f"`{str(one.default).lower() if isinstance(one.default, bool) else one.default}`"
    takes = f"an ARN of {notes['arn']}" if "arn" in notes else describe(one.type)
    example = f" Such as `{msgspec.json.encode(notes['examples'][0]).decode()}`." if "examples" in notes else ""
    return f"| `{path}` | {takes} | {default} | {notes['description']}{example} |"
