"""Describes an act on error items before it is done: which items, how many objects and bytes, the command."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Literal, cast, get_args

from msgspec import Struct, field

from slips.console.desk import Desk
from slips.console.wording import count, price
from slips.console.wording import size as size_text
from slips.errors import UnreadableItemError, UsageError
from slips.model import ErrorItem
from slips.operations import Group, Operations, grouped
from slips.pipeline.backfill import dollars
from slips.pipeline.choose import Choice, readable, time_of_failure
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
    def fields(self) -> Iterator[tuple[str, str]]:
        """The fields that `of` reads again, beside `act`."""
        choice = self.choice
        texts = {"since": choice.since, "until": choice.until, "prefix": choice.prefix, "type": choice.type}
        yield from ((name, value) for name, value in texts.items() if value is not None)
        yield from (("id", each) for each in choice.ids or ())
        yield from (("group", each) for each in choice.groups or ())


def chosen(values: dict[str, list[str]]) -> Choice:
    """Return the choice of items in the fields of a form."""

    def first(name: str) -> str | None:
        return values.get(name, [None])[0]

    def several(name: str) -> tuple[str, ...] | None:
        return tuple(dict.fromkeys(values[name])) if values.get(name) else None

    return Choice(first("since"), first("prefix"), first("type"), first("until"), several("id"), several("group"))


class ActProposal(Struct, kw_only=True):
    """The effect that an act would have now, to be confirmed by a person."""

    act: str
    title: str
    will: str
    """The effect in sentences."""
    command: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    """The fields of the form that confirms it, beside `act`."""
    facts: list[tuple[str, str]] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    total: int = 0
    """Things that it will deal with; 0: nothing can be done, or their number is not known."""
    noun: str = "item"
    is_possible: bool = True
    is_for_good: bool = False
    page: str = "/errors"
    """Where a person came from."""
    problems: list[UnreadableItemError] = field(default_factory=list)


def propose(asked: ActRequest, desk: Desk, operations: Operations) -> ActProposal:
    """Look at the chosen items, and change nothing. Raises UsageError for a malformed time, or a choice of none.

    The fields of the form choose what is shown, and nothing that fails from now on.
    """
    if asked.act == "dismiss" and asked.choice == Choice():
        raise UsageError("nothing is chosen to dismiss; expected a group or an error; go back, and select some")
    problems: list[UnreadableItemError] = []
    items = objects = size = lost = 0
    newest: tuple[float, str] | None = None

    def counting() -> Iterator[ErrorItem]:
        nonlocal newest, items, objects, size, lost
        for item in readable(asked.choice.of_table(operations.errors, desk.clock()), problems):
            items += 1
            objects += len(item.events)
            size += sum(event.object_size for event in item.events)
            lost += not item.events or item.error_type == "OverwrittenError"
            if (at := time_of_failure(item)) is not None:
                newest = max(newest or (at, item.failed_at), (at, item.failed_at))
            yield item

    groups = grouped(counting())
    choice = asked.choice
    # A drain of everything takes up undelivered messages, too, and has no end.
    is_endless = asked.act == "drain" and choice == Choice()
    if newest and choice != Choice() and choice.ids is None:
        asked = ActRequest(asked.act, Choice(choice.since, choice.prefix, choice.type, newest[1], None, choice.groups))
    facts = [("Items", count(items)), *amounts(objects, size)]
    if lost and asked.act != "dismiss":
        facts.append(("Cannot be replayed", f"{count(lost)}, which stay"))
    if desk.is_stack and asked.act != "dismiss":
        facts.append(cost(objects, size))
    more = " This machine runs them now." if asked.act == "canary" and not desk.is_stack else ""
    if is_endless:
        more = " What fails until it ends, and undelivered messages, go along."
    return ActProposal(
        act=asked.act,
        title=TITLES[asked.act],
        will=_WILL[asked.act] + more,
        command=desk.command(*words(asked)),
        fields=list(asked.fields),
        facts=facts,
        groups=groups,
        total=items,
        is_possible=items > 0,
        is_for_good=asked.act == "dismiss",
        problems=problems,
    )


_WILL: dict[ActName, str] = {
    "canary": f"The oldest {CANARY} items of each group go back on their lanes. If all of them succeed, the rest "
    "of the group follows; if one fails, the rest stays in the error table.",
    "drain": "All these items go back on their lanes and leave the error table. What fails again comes back as a new "
    "error.",
    "dismiss": "These items leave the error table for good, and nothing processes them. You can save them at the end.",
}


def amounts(objects: int, size: int) -> list[tuple[str, str]]:
    """Return the facts about the objects of an act."""
    return [("Objects", count(objects)), ("Bytes", f"{size_text(size)} as stored")]


def cost(objects: int, size: int) -> tuple[str, str]:
    """Return the fact about the price of processing objects on a stack."""
    return "Cost", f"{price(dollars(objects, size))} on AWS, and the time of the handler itself"


def words(asked: ActRequest) -> list[str]:
    """Return the words of the command that does the same."""
    choice = asked.choice
    given, behind = options(choice), arguments(*(choice.ids or ()), *(choice.groups or ()))
    match asked.act:
        case "canary":
            return ["drain", "--canary", str(CANARY), *given, *behind]
        case "drain":
            return ["drain", *given, *behind]
        case "dismiss":
            return ["dismiss", *given, *behind]


def options(choice: Choice) -> list[str]:
    """Return the options of the commands that choose items by these conditions."""
    values = {"--since": choice.since, "--until": choice.until, "--prefix": choice.prefix, "--type": choice.type}
    return [word for name, value in values.items() if value is not None for word in (name, value)]


def arguments(*words: str) -> list[str]:
    """Return the arguments of a command, behind `--` if one looks like an option. `-` alone is standard input."""
    is_option = any(word.startswith("-") and word != "-" for word in words)
    return ["--", *words] if is_option else list(words)


def revisions(asked: ActRequest, operations: Operations, now: float) -> list[Revision]:
    """Return the revisions of the chosen items, which a dismissal takes out, and no others."""
    found = asked.choice.of_table(operations.errors, now)
    return [Revision(item.request_id, item.revision) for item in islice(found, MOST_REVISIONS)]
