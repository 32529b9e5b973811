"""DynamoDB as SharedBrakes: items of the ledger's table that are no entries.

The item `brakes` has all that a function must know before it starts objects, so that one read suffices: an attribute
for each brake that is on, and the budgets that an operator set. Beside it lie the counts of each handler, and what has
started on each day: numbers that all functions add to.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec

from slips.backends.aws.dynamodb import Values, is_conflict, reworded
from slips.brakes import Brake, Budget, Controls, Holder, Spent
from slips.errors import StateError
from slips.model import LANES, Lane

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CONTROLS = "brakes"
"""Key of the item that functions read. An entry of the ledger has 64 hex digits."""
BUDGET, HELD = "budget", "held"
KEPT_SECONDS = 14 * 86_400
"""Seconds for which counts are kept that nobody adds to."""


class DynamoBrakes:
    """The brakes in a ledger's table. Every change is one write that no other function can undo unseen."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client, self._table = client, table

    def read(self) -> Controls:
        found = self._get(CONTROLS)
        brakes = [
            msgspec.json.decode(value["S"], type=Brake)
            for name, value in sorted(found.items())
            if name.startswith(tuple(f"{lane} " for lane in LANES))
        ]
        budget = msgspec.json.decode(found[BUDGET]["S"], type=Budget) if BUDGET in found else None
        holders = frozenset(holder for name in found if (holder := _holder(name)) is not None)
        return Controls(brakes, budget, found[HELD]["S"] if HELD in found else "", holders)

    def begin(self, brake: Brake) -> bool:
        return self._change(_name(brake), None, brake)

    def replace(self, before: Brake, after: Brake) -> bool:
        return self._change(_name(before), before, after if after.is_on else None)

    def put(self, brake: Brake) -> None:
        """Put a brake on, or off, whatever functions make of it meanwhile, and whichever version has written it."""
        if brake.is_on:
            self._update(CONTROLS, "SET #name = :new", {"#name": _name(brake)}, {":new": _text(brake)})
        else:
            self._update(CONTROLS, "REMOVE #name", {"#name": _name(brake)})

    def set_budget(self, budget: Budget | None) -> None:
        """Set the budgets of a day; None: those of the config."""
        if budget is None:
            self._update(CONTROLS, "REMOVE #name", {"#name": BUDGET})
        else:
            self._update(CONTROLS, "SET #name = :new", {"#name": BUDGET}, {":new": _text(budget)})

    def note_held(self, holders: Collection[Holder] = ()) -> None:
        names = {f"#{number}": _held_by(holder) for number, holder in enumerate(sorted(holders))}
        expression = "SET " + ", ".join(["#held = :new", *(f"{name} = :yes" for name in names)])
        values = {":new": {"S": str(uuid4())}} | ({":yes": {"BOOL": True}} if names else {})
        self._update(CONTROLS, expression, {"#held": HELD, **names}, values)

    def keep_held(self, before: Controls, holders: Collection[Holder]) -> None:
        kept = {f"#kept{number}": _held_by(each) for number, each in enumerate(sorted(holders))}
        gone = {f"#gone{number}": _held_by(each) for number, each in enumerate(sorted(before.holders - set(holders)))}
        removed = [*gone] if kept else ["#held", *gone]
        expression = "SET " + ", ".join(f"{name} = :yes" for name in kept) if kept else ""
        expression += f" REMOVE {', '.join(removed)}" if removed else ""
        values: Values = {":held": {"S": before.held}} | ({":yes": {"BOOL": True}} if kept else {})
        self._update_if("#held = :held", CONTROLS, expression.strip(), {"#held": HELD, **kept, **gone}, values)

    # -- counts

    def add(self, lane: Lane, handler: str, tried: int, failed: int, now: float) -> tuple[int, int]:
        ended, of_them = self._add(_count(lane, handler), ("tried", "failed"), (tried, failed), now)
        return ended, of_them

    def reset(self, lane: Lane, handler: str, tried: int) -> None:
        # If another function has counted on, it judges.
        self._update_if(
            "#tried = :tried",
            _count(lane, handler),
            "SET #tried = :zero, #failed = :zero",
            {"#tried": "tried", "#failed": "failed"},
            {":zero": _number(0), ":tried": _number(tried)},
        )

    def spent(self, day: str) -> Spent:
        found = self._get(f"spent {day}")
        return Spent(day, *(int(found.get(name, {}).get("N", 0)) for name in ("objects", "bytes", "granted")))

    def spend(self, day: str, objects: int, size: int, now: float, *, granted: int = 0) -> Spent:
        sums = self._add(f"spent {day}", ("objects", "bytes", "granted"), (objects, size, granted), now)
        return Spent(day, *sums)

    def _add(self, key: str, names: Sequence[str], values: Sequence[int], now: float) -> list[int]:
        answer = self._update(
            key,
            f"SET #expires = :expires ADD {', '.join(f'#{name} :{name}' for name in names)}",
            {f"#{name}": name for name in names} | {"#expires": "expires_at"},
            {f":{name}": _number(value) for name, value in zip(names, values, strict=True)}
            | {":expires": _number(int(now) + KEPT_SECONDS)},
        )
        return [int(answer[name]["N"]) for name in names]

    # -- DynamoDB

    def _change(self, name: str, before: Brake | None, after: Brake | None) -> bool:
        values = {} if before is None else {":old": _text(before)}
        condition = "attribute_not_exists(#name)" if before is None else "#name = :old"
        expression = "REMOVE #name" if after is None else "SET #name = :new"
        values |= {} if after is None else {":new": _text(after)}
        return self._update_if(condition, CONTROLS, expression, {"#name": name}, values)

    def _update_if(self, condition: str, key: str, expression: str, names: dict[str, str], values: Values) -> bool:
        """Update an item. Return False, and change nothing, unless the condition holds for it."""
        try:
            self._update(key, expression, names, values, condition)
        except StateError as error:
            if not is_conflict(error.__cause__):
                raise
            return False
        return True

    def _get(self, key: str) -> Values:
        with reworded(self._table):
            answer = self._client.get_item(TableName=self._table, Key={"entry": {"S": key}}, ConsistentRead=True)
        return dict(answer.get("Item", {}))

    def _update(
        self,
        key: str,
        expression: str,
        names: dict[str, str],
        values: Values | None = None,
        condition: str | None = None,
    ) -> Values:
        about: dict[str, Any] = {"ConditionExpression": condition} if condition else {}
        if values:
            about["ExpressionAttributeValues"] = values
        with reworded(self._table):
            answer = self._client.update_item(
                TableName=self._table,
                Key={"entry": {"S": key}},
                UpdateExpression=expression,
                ExpressionAttributeNames=names,
                ReturnValues="ALL_NEW",
                **about,
            )
        return dict(answer.get("Attributes", {}))


def _count(lane: Lane, handler: str) -> str:
    return f"count {lane} {handler}"


def _name(brake: Brake) -> str:
    return f"{brake.lane} {brake.handler}"


def _held_by(holder: Holder) -> str:
    return f"{HELD} {holder[0]} {holder[1]}"


def _holder(name: str) -> Holder | None:
    """Return what holds events back, for the name of an attribute that says so; None for others."""
    kind, _, rest = name.partition(" ")
    lane, _, handler = rest.partition(" ")
    return next(((each, handler) for each in LANES if kind == HELD and each == lane), None)


def _text(value: Any) -> Values:
    return {"S": msgspec.json.encode(value).decode()}


def _number(value: int) -> Values:
    return {"N": str(value)}
