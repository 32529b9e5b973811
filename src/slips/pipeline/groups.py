"""Looks at the groups of error items that fingerprints name, and at the mappings that their objects belong to."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from slips.config import Config
from slips.errors import UsageError
from slips.model import ErrorItem, ObjectEvent
from slips.operations import Group, grouped
from slips.pipeline.choose import Choice, named, readable
from slips.ports import ErrorTable
from slips.routing import mapping_for


def by_mapping(config: Config | None) -> Callable[[ObjectEvent], str]:
    """Return a function that names the mapping of an object, `bucket/prefix` or `bucket/pattern`.

    Without a config it names the bucket alone.
    """

    def name(event: ObjectEvent) -> str:
        if config is None:
            return event.bucket_name
        mapping = mapping_for(config.bucket_mapping, event.bucket_name, event.object_key)
        return f"{event.bucket_name}: no mapping" if mapping is None else f"{event.bucket_name}/{mapping.written}"

    return name


def latest(
    errors: ErrorTable, text: str, where: str = "", *, mapping: Callable[[ObjectEvent], str] | None = None
) -> tuple[ErrorItem, Group | None]:
    """Return the item that `text` names; if `text` names a group, its latest item, and the group.

    Raises UsageError as `named` does.
    """
    found = named(errors, [text], where)
    items: list[ErrorItem] = []

    def keeping_the_last() -> Iterator[ErrorItem]:
        for item in readable(Choice(ids=found.ids, groups=found.groups).of_table(errors), []):
            items[:] = [item]
            yield item

    groups = grouped(keeping_the_last(), mapping)
    if not items:
        raise UsageError(f"{text!r}: was taken out of the error table meanwhile; 'slips errors' lists what there is")
    return items[0], groups[0] if found.groups else None
