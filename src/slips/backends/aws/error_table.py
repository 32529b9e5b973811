"""DynamoDB as ErrorTable. Items of 2018 (`request_id`, `argument`) are read as well."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import msgspec

from slips.backends.aws.dynamodb import Values, is_conflict, reworded
from slips.errors import StateError
from slips.model import ErrorItem, ObjectEvent

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BATCH = 100
"""Most keys of one `BatchGetItem`."""
SHOWN = 10
"""Of items that cannot be read."""
ATTEMPTS = 8


class DynamoErrors:
    """An ErrorTable with the key `request_id`, as in 2018."""

    def __init__(self, client: DynamoDBClient, table: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client, self._table, self._sleep = client, table, sleep

    def put(self, item: ErrorItem) -> None:
        bucket, key = item.place
        shown = {
            # For people and queries in the console; slips itself reads `item`.
            "failed_at": item.failed_at,
            "kind": item.kind,
            "stage": item.stage,
            "error_type": item.error_type,
            "fingerprint": item.fingerprint,
            "bucket": bucket,
            "object_key": key,
            "item": msgspec.json.encode(item).decode(),
        }
        with reworded(self._table):
            self._client.update_item(
                TableName=self._table,
                Key={"request_id": {"S": item.request_id}},
                UpdateExpression="ADD revision :one SET " + ", ".join(f"#{name} = :{name}" for name in shown),
                ExpressionAttributeNames={f"#{name}": name for name in shown},
                ExpressionAttributeValues={
                    ":one": {"N": "1"},
                    **{f":{name}": {"S": value} for name, value in shown.items()},
                },
            )

    def get(self, request_id: str) -> ErrorItem | None:
        if not request_id:
            return None  # DynamoDB refuses an empty key
        with reworded(self._table):
            answer = self._client.get_item(
                TableName=self._table, Key={"request_id": {"S": request_id}}, ConsistentRead=True
            )
        return _item(answer["Item"]) if "Item" in answer else None

    def scan(self) -> Iterator[ErrorItem]:
        """All items, oldest failure first. Their ids are kept in memory, about 200 bytes each, the items are not.

        One that cannot be read holds up no other: StateError comes behind the last.
        """
        problems: list[str] = []
        known: list[tuple[str, str]] = []
        for values in self._keys():
            try:
                known.append((_failed_at(values), values["request_id"]["S"]))
            except StateError as error:
                problems.append(str(error))
        known.sort()
        for at in range(0, len(known), BATCH):
            some = [request_id for _, request_id in known[at : at + BATCH]]
            found = self._get_all(some)
            for request_id in some:
                try:
                    if request_id in found:
                        yield _item(found[request_id])
                except StateError as error:
                    problems.append(str(error))
        if problems:
            more = f"\nand {len(problems) - SHOWN:,} more" if len(problems) > SHOWN else ""
            raise StateError("\n".join(problems[:SHOWN]) + more)

    def count(self) -> int:
        """How many items there are."""
        return sum(1 for _ in self._keys())

    def delete(self, request_id: str, revision: int) -> bool:
        # Items of 2018 have no revision; the first write of ours gives them one.
        condition, values = "attribute_exists(request_id) AND attribute_not_exists(revision)", None
        if revision:
            condition, values = "revision = :revision", {":revision": {"N": str(revision)}}
        try:
            with reworded(self._table):
                self._client.delete_item(
                    TableName=self._table,
                    Key={"request_id": {"S": request_id}},
                    ConditionExpression=condition,
                    **cast("Any", {"ExpressionAttributeValues": values} if values else {}),
                )
        except StateError as error:
            if is_conflict(error.__cause__):
                return False
            raise
        return True

    def discard(self, request_id: str) -> bool:
        with reworded(self._table):
            answer = self._client.delete_item(
                TableName=self._table, Key={"request_id": {"S": request_id}}, ReturnValues="ALL_OLD"
            )
        return bool(answer.get("Attributes"))

    def _keys(self) -> Iterator[Values]:
        """Id and time of every item, through all pages, in no order."""
        request: dict[str, Any] = {
            "TableName": self._table,
            "ProjectionExpression": "request_id, failed_at, argument",
            "ConsistentRead": True,
        }
        while True:
            with reworded(self._table):
                page = self._client.scan(**request)
            yield from page["Items"]
            if not page.get("LastEvaluatedKey"):
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _get_all(self, request_ids: Sequence[str]) -> dict[str, Values]:
        """The items that are still there, by id; what DynamoDB leaves for later is asked for again."""
        found: dict[str, Values] = {}
        wanted: Any = {self._table: {"Keys": [{"request_id": {"S": each}} for each in request_ids]}}
        wanted[self._table]["ConsistentRead"] = True
        stuck = 0
        while True:
            with reworded(self._table):
                answer = self._client.batch_get_item(RequestItems=wanted)
            some = [each for items in answer["Responses"].values() for each in items]
            found |= {each["request_id"]["S"]: each for each in some}
            wanted = answer.get("UnprocessedKeys")
            if not wanted:
                return found
            # Long items come in many answers of 16 MB: it is throttling only where nothing comes.
            stuck = 0 if some else stuck + 1
            if stuck == ATTEMPTS:
                raise StateError(
                    f"DynamoDB table {self._table}: throttled {ATTEMPTS} times; expected it to answer; try again"
                )
            self._sleep(0.05 * 2**stuck)


def _item(values: Values) -> ErrorItem:
    if "item" in values:
        try:
            item = msgspec.json.decode(values["item"]["S"], type=ErrorItem)
            return msgspec.structs.replace(item, revision=int(values["revision"]["N"]))
        except (KeyError, msgspec.MsgspecError) as error:
            raise _unreadable(values, error) from error
    events = _argument(values)
    return ErrorItem(
        request_id=values["request_id"]["S"],
        events=events,
        stage="unknown",
        error_type="unknown",
        message="stored by the version of 2018, which kept no reason; 'slips test -r' shows it",
        failed_at=_failed_at(values),
        revision=0,
    )


def _argument(values: Values) -> list[ObjectEvent]:
    """The events of an item of 2018. Raises StateError for what no version has written."""
    try:
        found = msgspec.json.decode(values["argument"]["S"], type=list[ObjectEvent] | ObjectEvent)
    except (KeyError, msgspec.MsgspecError) as error:
        raise _unreadable(values, error) from error
    events = found if isinstance(found, list) else [found]
    if not events:
        raise _unreadable(values, "its argument is empty")
    return events


def _unreadable(values: Values, why: object) -> StateError:
    return StateError(
        f"error item {values['request_id'].get('S')!r}: {why}; expected 'item', or the 'argument' of 2018; "
        "look at it in the DynamoDB console"
    )


def _failed_at(values: Values) -> str:
    """When it failed; the items of 2018 only know when their object was created."""
    if "failed_at" in values:
        return str(values["failed_at"]["S"])
    return _argument(values)[0].event_time
