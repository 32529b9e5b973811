"""The catalogue of formats as `slips formats` shows it: the list, what a word finds in it, and all about one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import msgspec

from slips.cli.context import working_directory
from slips.cli.output import print_json, print_json_list, say, shortened, show_text, table
from slips.errors import FormatError, UsageError
from slips.examples import Example, example_of
from slips.format import Format
from slips.formats import CatalogueLine, entries, find, names, search, vendors
from slips.not_logs import RULES, NotLog
from slips.parsing.chain import find_format
from slips.parsing.declare import Declaration
from slips.printable import one_line
from slips.step import written

_SHOWN = 2_000
"""Characters of a record, or an event, of an example."""


def show_catalogue(words: Sequence[str], *, json_: bool) -> None:
    """List all formats, show the one of a name, or list those that have all words. Raises UsageError if none has."""
    name = " ".join(words)
    if not name:
        _list(entries().values(), json_=json_)
        if not json_:
            rules = ", ".join(rule.name for rule in RULES)
            say(f"objects that are no logs have rules of their own, which 'slips formats NAME' shows: {rules}")
        return
    if name not in names() and (rule := _rule_of(name)):
        _show_rule(rule, json_=json_)
        return
    try:
        format_ = find_format(name, working_directory())
    except FormatError as error:
        if found := search(words):
            _list(found, json_=json_)
            return
        if len(each := name.split()) > 1:
            counts = ", ".join(f"{word!r} finds {len(search([word])):,}" for word in each)
            raise UsageError(
                f"no format has all of these words: {counts}; expected fewer words; leave some out"
            ) from None
        hint = "" if ".py:" in name else ", and none has this word in its name, vendor, tag or summary"
        raise UsageError(f"{error}{hint}") from error
    if json_:
        print_json(_to_dict(format_, with_example=True))
    else:
        _print_format(format_, name if ".py:" in name else format_.name)


def _list(found: Iterable[CatalogueLine], *, json_: bool) -> None:
    """Print formats, a group for each vendor."""
    if json_:
        print_json_list(_to_dict(format_) for each in found if (format_ := find(each.name)))
        return
    order = list(vendors())
    chosen = sorted(found, key=lambda each: (order.index(each.vendor), each.name))
    for folder, group in groupby(chosen, key=lambda each: each.vendor):
        show_text(vendors()[folder])
        table([(each.name, each.tag, each.summary) for each in group], indent="  ", fitting=True)


def _rule_of(name: str) -> NotLog | None:
    """Return the rule of a name that filters objects which are no logs. A format for these may have the same name."""
    return next((rule for rule in RULES if rule.name == name), None)


def _show_rule(rule: NotLog, *, json_: bool) -> None:
    """Show a rule that filters objects which are no logs."""
    if json_:
        print_json({"name": rule.name, "summary": rule.summary, "objects": rule.names, "reference": rule.reference})
        return
    show_text(f"{rule.name}: filters {rule.summary}")
    made = [name for name in rule.formats if name in names()]  # only some versions of slips have them
    facts = [("objects", " ".join(rule.names)), ("formats", ", ".join(made)), ("reference", rule.reference)]
    table([fact for fact in facts if fact[1]], indent="  ")


def _to_dict(format_: Format, *, with_example: bool = False) -> dict[str, Any]:
    example = example_of(format_) if with_example else None
    return {
        "name": format_.name,
        "summary": format_.summary,
        "takes": format_.takes,
        "gives": format_.gives,
        "chain": list(format_.chain),
        "tag": format_.tag,
        "reference": format_.reference,
        "parameter": format_.parameter,
        "rules": [{"name": rule.name, "summary": rule.summary} for rule in format_.rules],
        "entities": {kind: list(paths) for kind, paths in _entities(format_)},
        "options": [
            {"name": name, "takes": takes, "default": default, "summary": summary}
            for name, takes, default, summary in _options(format_)
        ],
        **({"objects": rule.names} if (rule := _rule_of(format_.name)) else {}),
        **({"example": msgspec.to_builtins(example)} if example else {}),
    }


def _time(format_: Format) -> str:
    """Return the fields of a format's time, and what it is where it names no zone; empty if they are not declared."""
    time_ = format_.meaning.time if isinstance(format_, Declaration) else None
    if time_ is None:
        return ""
    fields = ", else ".join(" with ".join(alternative) for alternative in time_.alternatives)
    return fields + ("; without a zone it is UTC, or of the mapping's 'timezone'" if time_.may_lack_zone else "")


def _entities(format_: Format) -> Iterable[tuple[str, tuple[str, ...]]]:
    """Return each kind of entities that a format declares, with the paths of the fields that name them."""
    return format_.entity_paths.by_kind.items() if format_.entity_paths else ()


def _options(format_: Format) -> list[tuple[str, str, str, str]]:
    """Return name, values, default and meaning of each option of a format."""
    from slips.config.reference import options_of  # with all that the documentation needs

    return options_of(format_.options) if format_.options else []


def _print_format(format_: Format, named: str) -> None:
    """Print all about a format that a config calls `named`."""
    chain = [named if step == format_.name else written(step) for step in format_.chain]
    show_text(one_line(f"{format_.name}: {format_.summary}"))
    rule = _rule_of(format_.name)
    facts = [
        ("takes", format_.takes),
        ("gives", format_.gives),
        ("chain", f"[{', '.join(chain)}], what 'format: {named}' stands for"),
        ("tag", format_.tag),
        ("time", _time(format_)),
        ("parameter", format_.parameter and f"{format_.name}:{format_.parameter}; that is the default"),
        *(("filters", f"{rule.name}: {rule.summary}") for rule in format_.rules),
        ("objects", f"{' '.join(rule.names)}; mappings to other formats filter them" if rule else ""),
        *((kind, f"{', '.join(paths)}, in meta.entities") for kind, paths in _entities(format_)),
        *(
            ("option", f"{name}: {summary} Takes {takes}{default and f'; default {default}'}.")
            for name, takes, default, summary in _options(format_)
        ),
        ("reference", format_.reference),
        ("see also", ", ".join(_alike(format_.name))),
    ]
    table([fact for fact in facts if fact[1]], indent="  ")
    if example := example_of(format_):
        _print_example(named, example)


def _alike(name: str) -> list[str]:
    """Return the formats whose names have that of another one in them: a word that finds these finds it alone."""
    return [each for each in names() if each != name and f"-{name}-" in f"-{each}-"]


def _print_example(named: str, example: Example) -> None:
    show_text(f"in a config:\n  - prefix: logs/\n    format: {one_line(written(example.step(named)))}")
    if example.record:
        show_text("a record:")
        show_text("".join(f"  {line}\n" for line in shortened(example.record, _SHOWN).splitlines()), end="")
    message = example.meta["message"]
    tag = f", of tag {example.meta['tag']}" if example.meta["tag"] else ""
    show_text(one_line(f"its event{tag}{f': {message}' if message else ''}"))
    show_text(one_line(f"  {shortened(json.dumps(example.event, ensure_ascii=False), _SHOWN)}"))
    for kind, texts in msgspec.structs.asdict(example.entities).items():
        if texts:
            show_text(one_line(f"  {kind}: {', '.join(texts)}"))
