"""Says what an act on error items will do, before it is done: which items, how many objects and bytes, the command."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Literal, cast, get_args

from msgspec import Struct, field

from slips.console.desk import Desk
from slips.errors import UnreadableItemError, UsageError
from slips.model import ErrorItem
from slips.operations import Group, Operations, grouped
from slips.pipeline.choose import Choice, readable
from slips.pipeline.dismiss import Revision

ActName = Literal["canary", "drain", "dismiss"]
CANARY = 5
"""Items of each group that go back first."""
TITLES: dict[ActName, str] = {
    "canary": f"Drain {CANARY} first, then the rest",
    "drain": "Drain all at once",
    "dismiss": "Dismiss",
}
MOST_REVISIONS = 1_000_000
"""Items that one dismissal takes out, at most."""


class ActRequest(Struct, frozen=True):
    """An act that a person asks for, and the items that it is for."""

    act: ActName
    choice: Choice

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> ActRequest:
        """Read the fields of a form or of a URL. Raises UsageError for an act that there is none of."""
        values: dict[str, list[str]] = {}
        for name, value in pairs:
            if value:
                values.setdefault(name, []).append(value)
        act = values.get("act", [""])[0]
        if act not in get_args(ActName):
            raise UsageError(f"no act {act!r}; expected one of {', '.join(get_args(ActName))}")
        return cls(cast("ActName", act), chosen(values))

    @property
    def parameters(self) -> dict[str, object]:
        """The fields that `of` reads again."""
        choice = self.choice
        return {
            **{"act": self.act, "since": choice.since, "until": choice.until, "prefix": choice.prefix},
            **{"type": choice.type, "id": choice.ids, "group": choice.groups},
        }


def chosen(values: dict[str, list[str]]) -> Choice:
    """Return the choice of items in the fields of a form."""

    def first(name: str) -> str | None:
        return values.get(name, [None])[0]

    def several(name: str) -> tuple[str, ...] | None:
        return tuple(dict.fromkeys(values[name])) if values.get(name) else None

    return Choice(first("since"), first("prefix"), first("type"), first("until"), several("id"), several("group"))


class ActPlan(Struct, kw_only=True):
    """What an act will do with the items that there are now. Items that fail from now on are not part of it."""

    asked: ActRequest
    """With the time of the newest item as its end."""
    groups: list[Group]
    items: int = 0
    objects: int = 0
    size: int = 0
    """Stored bytes of the objects."""
    lost: int = 0
    """Items that cannot be replayed: they name no object, or their object was overwritten."""
    command: str = ""
    problems: list[UnreadableItemError] = field(default_factory=list)

    @property
    def title(self) -> str:
        return TITLES[self.asked.act]

    @property
    def fields(self) -> Iterator[tuple[str, str]]:
        """The fields of the form that confirms the plan."""
        for name, value in self.asked.parameters.items():
            if isinstance(value, str):
                yield name, value
            elif isinstance(value, tuple):
                yield from ((name, each) for each in value)


def plan(asked: ActRequest, desk: Desk, operations: Operations) -> ActPlan:
    """Look at the chosen items, and change nothing. Raises UsageError for a malformed time, or a choice of none."""
    if asked.act == "dismiss" and asked.choice == Choice():
        raise UsageError("nothing is chosen to dismiss; expected a group or an error; go back, and select some")
    made = ActPlan(asked=asked, groups=[])
    newest = ""

    def counting() -> Iterator[ErrorItem]:
        nonlocal newest
        for item in readable(asked.choice.of_table(operations.errors, desk.clock()), made.problems):
            made.items += 1
            made.objects += len(item.events)
            made.size += sum(event.object_size for event in item.events)
            made.lost += not item.events or item.error_type == "OverwrittenError"
            newest = max(newest, item.failed_at)
            yield item

    made.groups = grouped(counting())
    choice = asked.choice
    # What fails after a person has looked is another error. But a drain of everything takes up undelivered messages,
    # too, and has no end.
    if newest and choice != Choice() and choice.ids is None:
        choice = Choice(choice.since, choice.prefix, choice.type, newest, choice.ids, choice.groups)
        made.asked = ActRequest(asked.act, choice)
    made.command = desk.command(*words(made.asked))
    return made


def words(asked: ActRequest) -> list[str]:
    """Return the words of the command that does the same."""
    choice = asked.choice
    options = {"--since": choice.since, "--until": choice.until, "--prefix": choice.prefix, "--type": choice.type}
    given = [word for name, value in options.items() if value is not None for word in (name, value)]
    names = [*(choice.ids or ()), *(choice.groups or ())]
    behind = ["--", *names] if any(name.startswith("-") for name in names) else names
    match asked.act:
        case "canary":
            return ["drain", "--canary", str(CANARY), *given, *behind]
        case "drain":
            return ["drain", *given, *behind]
        case "dismiss":
            return ["dismiss", *given, *behind]


def revisions(asked: ActRequest, operations: Operations, now: float) -> list[Revision]:
    """Return the revisions of the chosen items, which a dismissal takes out, and no others."""
    found = asked.choice.of_table(operations.errors, now)
    return [Revision(item.request_id, item.revision) for item in islice(found, MOST_REVISIONS)]
