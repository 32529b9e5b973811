"""DynamoDB as Ledger: an entry for each content of an object, for its parts and its replays."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

import msgspec

from slips.backends.aws.dynamodb import Values, is_conflict, reworded
from slips.backends.spans import Span
from slips.errors import StateError
from slips.known import StoredEntry, counts_of
from slips.model import ErrorItem, ObjectEvent, Outcome, Range, is_to_the_end
from slips.object_states import Entry
from slips.ports import Claim, EarlierItem, Finished, LedgerEntry, Status, entry_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LEDGER_DAYS = 90
"""Days for which entries are kept, by default. Kinesis and Lambda deliver no event again after days, but operators may
drain after weeks."""
CLAIM_SECONDS = 960.0
"""Seconds for which a claim holds: longer than an invocation, which Lambda ends after 900 s at most."""
NOTED_AT_ONCE = 8
"""Writes at a time, after events were put on a lane. Clients have ten connections."""
SEGMENTS = 8
"""Parts of the table that are read at the same time."""
SPANS = 20
"""Most spans of keys in a filter: its expression has 4 KB at most."""
RULES = 100
"""Most rules whose counts are kept, the most frequent ones."""
RESULTS_BYTES = 64_000
"""Most bytes of handlers' results in an entry; longer ones are only counted: an item of DynamoDB has 400 KB in all."""
_OF_A_RUN = ("item", "error_id", "rest", "read")
"""Attributes of a run that failed, or is not concluded."""
_Change = tuple[Literal["ADD", "DELETE"], str]
"""A change of the set `error_ids`: an id of an error item, which the set gets or loses."""


class DynamoLedger:
    """A SharedLedger with the key `entry`. The entry of an event that failed has the id of its error item.

    An answer of DynamoDB may be lost, and the function may end before it has deleted an earlier item. So the set
    `error_ids` of an entry keeps the ids of items until they are deleted.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        clock: Callable[[], float] = time.time,
        *,
        days: int = LEDGER_DAYS,
    ) -> None:
        self._client, self._table, self._clock, self._days = client, table, clock, days

    def claim(self, event: ObjectEvent, request_id: str) -> Claim:
        now = self._clock()
        try:
            before = self._update(
                event,
                {"status": "claimed", "request_id": request_id, "claimed_until": now + CLAIM_SECONDS},
                condition="attribute_not_exists(entry) OR #status IN (:waiting, :superseded) "
                "OR (#status = :failed AND #request_id <> :request_id) "
                "OR (#status = :status AND (#request_id = :request_id OR claimed_until < :now))",
                values={
                    ":waiting": {"S": "waiting"},
                    ":superseded": {"S": "superseded"},
                    ":failed": {"S": "failed"},
                    ":now": {"N": str(now)},
                },
                # The run puts an item of its id anew, or takes it back.
                error_ids=("DELETE", request_id),
            )
        except StateError as error:
            cause = error.__cause__
            if not is_conflict(cause):
                raise
            stored = cast("Any", cause).response["Item"]
            if stored["status"]["S"] == "claimed":
                return "claimed"
            return "left" if _left(stored) else "done"
        held = before.get("status", {}).get("S") == "claimed" and before["request_id"]["S"] == request_id
        return "again" if held or "rest" in before or request_id in _error_ids(before) else "new"

    def attempted(self, event: ObjectEvent, item: ErrorItem) -> None:
        self._update(event, {"item": _json(item)})

    def reading(self, event: ObjectEvent, read: ObjectEvent | None) -> None:
        self._update(event, {"read": _json(read)} if read else {}, remove=() if read else ("read",))

    def stopped(self, event: ObjectEvent, rest: ObjectEvent, outcome: Outcome) -> None:
        self._update(event, {"rest": _json(rest), "outcome": _outcome(outcome)})

    def release(self, event: ObjectEvent, request_id: str) -> None:
        held = "#status = :claimed AND request_id = :request_id"
        values = {":claimed": {"S": "claimed"}, ":request_id": {"S": request_id}}
        self._update_if(held, values, event, {"status": "waiting"})

    def finish(
        self, event: ObjectEvent, outcome: Outcome | None, status: Finished = "done", *, run_id: str = ""
    ) -> list[EarlierItem]:
        counts = {"outcome": _outcome(outcome)} if outcome is not None else {}
        own: _Change | None = ("DELETE", run_id) if run_id else None
        before = self._update(event, {"status": status, **counts}, remove=_OF_A_RUN, error_ids=own)
        return _earlier_items(event, before)

    def fail(self, event: ObjectEvent, outcome: Outcome, request_id: str) -> list[EarlierItem]:
        before = self._update(
            event,
            {"status": "failed", "request_id": request_id, "error_id": request_id, "outcome": _outcome(outcome)},
            remove=("item",),
            error_ids=("ADD", request_id),
        )
        return _earlier_items(event, before)

    def fail_replay(self, event: ObjectEvent, request_id: str) -> list[EarlierItem]:
        # A settled entry names no latest item.
        has_item, latest = "attribute_exists(error_id)", {"error_id": request_id}
        before = self._update_if(has_item, {}, event, latest, error_ids=("ADD", request_id))
        return _earlier_items(event, before or {})

    def discarded(self, item: EarlierItem) -> None:
        self._update_if("attribute_exists(error_ids)", {}, item.event, {}, error_ids=("DELETE", item.request_id))

    def drop(self, event: ObjectEvent) -> None:
        self._update(event, {"status": "dropped"})

    def supersede(self, event: ObjectEvent, *, only: Status | None = None) -> list[EarlierItem]:
        ended = {"status": "superseded"}
        if only is None:
            return _earlier_items(event, self._update(event, ended, remove=_OF_A_RUN))
        before = self._update_if("#status = :only", {":only": {"S": only}}, event, ended, remove=_OF_A_RUN)
        return _earlier_items(event, before or {})

    def get(self, event: ObjectEvent) -> LedgerEntry | None:
        with reworded(self._table):
            answer = self._client.get_item(
                TableName=self._table, Key={"entry": {"S": entry(event)}}, ConsistentRead=True
            )
        return _ledger_entry(answer["Item"]) if "Item" in answer else None

    def scan(self) -> Iterator[LedgerEntry]:
        return map(_ledger_entry, self._scan())

    def entries(self) -> Iterator[Entry]:
        """Yield all entries, without what only runs need. DynamoDB reads, and charges, the whole table."""
        names = {f"#{name}": name for name in ("bucket", "object_key", "records", "status", "updated_at")}
        for found in self._scan(ProjectionExpression=", ".join(names), ExpressionAttributeNames=names):
            yield Entry(
                found["bucket"]["S"],
                found["object_key"]["S"],
                _records(found),
                cast("Status", found["status"]["S"]),
                float(found["updated_at"]["N"]),
            )

    def stored_entries(self, spans: Sequence[Span] = ()) -> Iterator[StoredEntry]:
        """Yield the entries of `spans` (none: all), and the oldest of all, as an audit needs them.

        DynamoDB reads, and charges, the whole table, but answers with these alone: that is ten times as fast.
        """
        wanted = ("bucket", "object_key", "identity", "records", "replay", "status", "updated_at", "outcome")
        names = {f"#{name}": name for name in wanted}
        request = {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names}
        oldest = self._clock()

        def narrowed() -> dict[str, Any]:
            if not 0 < len(spans) <= SPANS:
                return request
            within, values = ["#updated_at < :oldest"], {":oldest": _value(oldest)}
            for number, span in enumerate(spans):
                bucket, first, last = (f":{name}{number}" for name in ("bucket", "first", "last"))
                within.append(f"(#bucket = {bucket} AND #object_key BETWEEN {first} AND {last})")
                values |= dict(zip((bucket, first, last), map(_value, span), strict=True))
            return {**request, "FilterExpression": " OR ".join(within), "ExpressionAttributeValues": values}

        for found in self._scan_at_once(narrowed):
            oldest = min(oldest, float(found["updated_at"]["N"]))
            yield StoredEntry(
                found["bucket"]["S"],
                found["object_key"]["S"],
                found["identity"]["S"],
                _records(found),
                "replay" in found,
                cast("Status", found["status"]["S"]),
                float(found["updated_at"]["N"]),
                counts_of(found["outcome"]["S"] if "outcome" in found else None),
            )

    def note_waiting(self, events: Sequence[ObjectEvent]) -> None:
        # An entry for a few records says nothing of the object.
        whole = [event for event in events if is_to_the_end(event.records)]
        if len(whole) < 2:
            for event in whole:
                self._note_waiting(event)
            return
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(NOTED_AT_ONCE) as threads:
            for _ in threads.map(self._note_waiting, whole):
                pass

    def _note_waiting(self, event: ObjectEvent) -> None:
        self._update_if("attribute_not_exists(entry)", {}, event, {"status": "waiting"})

    def note(self, name: str) -> str | None:
        """Return the text of a note, an item of the table that is no entry."""
        with reworded(self._table):
            answer = self._client.get_item(TableName=self._table, Key=_note(name), ConsistentRead=True)
        return str(answer["Item"]["text"]["S"]) if "Item" in answer else None

    def exchange_note(self, name: str, before: str, after: str) -> bool:
        """Write a note if it is `before` now; an empty text is that of no note. Return False if it is another one."""
        missing = "attribute_not_exists(#text)"
        expires = {"N": str(int(self._clock()) + self._days * 86_400)}
        try:
            with reworded(self._table):
                self._client.update_item(
                    TableName=self._table,
                    Key=_note(name),
                    UpdateExpression="SET #text = :after, expires_at = :expires_at",
                    ConditionExpression="#text = :before" if before else f"{missing} OR #text = :before",
                    ExpressionAttributeNames={"#text": "text"},
                    ExpressionAttributeValues={
                        ":before": {"S": before},
                        ":after": {"S": after},
                        ":expires_at": expires,
                    },
                )
        except StateError as error:
            if not is_conflict(error.__cause__):
                raise
            return False
        return True

    def set_note(self, name: str, text: str | None) -> None:
        """Write a note, which is kept for as long as an entry; None deletes it."""
        with reworded(self._table):
            if text is None:
                self._client.delete_item(TableName=self._table, Key=_note(name))
                return
            expires = {"N": str(int(self._clock()) + self._days * 86_400)}
            self._client.update_item(
                TableName=self._table,
                Key=_note(name),
                UpdateExpression="SET #text = :text, expires_at = :expires_at",
                ExpressionAttributeNames={"#text": "text"},
                ExpressionAttributeValues={":text": {"S": text}, ":expires_at": expires},
            )

    def _scan_at_once(self, about: Callable[[], dict[str, Any]]) -> Iterator[Values]:
        """Yield all entries, in no order: of a table of more than one page, pages of SEGMENTS parts at a time.

        `about` is asked for each page's request.
        """

        def page(where: dict[str, Any]) -> Any:
            with reworded(self._table):
                return self._client.scan(TableName=self._table, **about(), **where)

        first = page({})
        if not first.get("LastEvaluatedKey"):
            yield from _entries_of(first)
            return
        from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

        with ThreadPoolExecutor(SEGMENTS) as threads:
            parts = [{"Segment": number, "TotalSegments": SEGMENTS} for number in range(SEGMENTS)]
            due = {threads.submit(page, part): part for part in parts}
            while due:
                for ended in wait(due, return_when=FIRST_COMPLETED).done:
                    part, found = due.pop(ended), ended.result()
                    if found.get("LastEvaluatedKey"):
                        then = {**part, "ExclusiveStartKey": found["LastEvaluatedKey"]}
                        due[threads.submit(page, then)] = part
                    yield from _entries_of(found)

    def _scan(self, **about: Any) -> Iterator[Values]:
        request: dict[str, Any] = {"TableName": self._table, **about}
        while True:
            with reworded(self._table):
                page = self._client.scan(**request)
            yield from _entries_of(page)
            if not page.get("LastEvaluatedKey"):
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _update_if(
        self,
        condition: str,
        values: Values,
        event: ObjectEvent,
        attributes: Mapping[str, str | float],
        *,
        remove: Sequence[str] = (),
        error_ids: _Change | None = None,
    ) -> Values | None:
        """Like `_update`, but write nothing and return None unless the condition holds for the entry."""
        try:
            return self._update(
                event, attributes, remove=remove, error_ids=error_ids, condition=condition, values=values
            )
        except StateError as error:
            if not is_conflict(error.__cause__):
                raise
            return None

    def _update(
        self,
        event: ObjectEvent,
        attributes: Mapping[str, str | float],
        *,
        remove: Sequence[str] = (),
        error_ids: _Change | None = None,
        condition: str | None = None,
        values: Values | None = None,
    ) -> Values:
        """Set and remove attributes of an event's entry, and add an id to its `error_ids` or delete it there.

        Return the entry as it was before. Raises StateError.
        """
        now = self._clock()
        attributes = {
            "bucket": event.bucket_name,
            "object_key": event.object_key,
            "identity": event.identity,
            "updated_at": now,
            "expires_at": int(now) + self._days * 86_400,
            **attributes,
        }
        if event.records is not None:
            attributes["records"] = _json(event.records)
        if event.replay is not None:
            attributes["replay"] = event.replay
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in attributes)
        if remove:
            expression += " REMOVE " + ", ".join(f"#{name}" for name in remove)
        values = dict(values or {})
        if error_ids is not None:
            action, request_id = error_ids
            expression += f" {action} error_ids :error_ids"
            values[":error_ids"] = {"SS": [request_id]}
        request: dict[str, Any] = {}
        if condition:
            request = {"ConditionExpression": condition, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        with reworded(self._table):
            answer = self._client.update_item(
                TableName=self._table,
                Key={"entry": {"S": entry(event)}},
                UpdateExpression=expression,
                ExpressionAttributeNames={f"#{name}": name for name in (*attributes, *remove)},
                ExpressionAttributeValues={
                    **{f":{name}": _value(value) for name, value in attributes.items()},
                    **values,
                },
                ReturnValues="ALL_OLD",
                **request,
            )
        return cast("Values", answer.get("Attributes", {}))


def _entries_of(page: Any) -> Iterator[Values]:
    """Yield the entries of a page. The brakes and the notes lie in the same table, and are no entries."""
    return (each for each in cast("list[Values]", page["Items"]) if "bucket" in each)


def _earlier_items(event: ObjectEvent, before: Values) -> list[EarlierItem]:
    """Return the error items that an entry named before its change."""
    return [EarlierItem(request_id, event) for request_id in sorted(_error_ids(before))]


def _error_ids(values: Values) -> set[str]:
    """Return the ids of all error items that an entry names. Entries of versions before have no `error_ids`."""
    last = {values["error_id"]["S"]} if "error_id" in values else set()
    return last.union(values.get("error_ids", {}).get("SS", ()))


def _left(values: Values) -> list[str]:
    """Return the ids of error items that the conclusion of an entry's event has made obsolete."""
    if values["status"]["S"] not in ("done", "filtered", "part", "failed", "superseded"):
        return []
    last = values.get("error_id", {}).get("S")
    return sorted(_error_ids(values) - {last})


def entry(event: ObjectEvent) -> str:
    """Return the hash of the event's ledger key, 64 hex digits, since DynamoDB limits the length of keys."""
    return hashlib.sha256(entry_of(event)).hexdigest()


def _note(name: str) -> Values:
    return {"entry": {"S": f"note {name}"}}


def _ledger_entry(values: Values) -> LedgerEntry:
    def text(name: str) -> str:
        return str(values[name]["S"]) if name in values else ""

    return LedgerEntry(
        text("bucket"),
        text("object_key"),
        text("identity"),
        cast("Status", text("status")),
        float(values["updated_at"]["N"]),
        text("request_id"),
        msgspec.json.decode(text("outcome"), type=Outcome) if "outcome" in values else None,
        _records(values),
        text("replay") or None,
        msgspec.json.decode(text("item"), type=ErrorItem) if "item" in values else None,
        msgspec.json.decode(text("rest"), type=ObjectEvent) if "rest" in values else None,
        msgspec.json.decode(text("read"), type=ObjectEvent) if "read" in values else None,
        _left(values),
    )


def _records(values: Values) -> list[Range] | None:
    return msgspec.json.decode(values["records"]["S"], type=list[Range]) if "records" in values else None


def _value(value: str | float) -> Values:
    return {"S": value} if isinstance(value, str) else {"N": str(value)}


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _outcome(outcome: Outcome) -> str:
    """Encode an outcome as text that fits into an item of 400 KB, however long results and names of rules are."""
    if len(outcome.rules) > RULES:
        ranked = sorted(outcome.rules.items(), key=lambda each: -each[1])
        others = {"(others)": sum(count for _, count in ranked[RULES:])}
        outcome = msgspec.structs.replace(outcome, rules={**dict(ranked[:RULES]), **others})
    size = len(msgspec.json.encode(outcome.results))
    if size > RESULTS_BYTES:
        told = f"({size:,} bytes: too long for the ledger)"
        outcome = msgspec.structs.replace(outcome, results=dict.fromkeys(outcome.results, told))
    return _json(outcome)
