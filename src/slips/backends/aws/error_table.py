"""DynamoDB as ErrorTable. Items of the original slips (`request_id`, `argument`) are read as well."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import msgspec

from slips.backends.aws.dynamodb import Values, is_conflict, reworded
from slips.errors import StateError, UnreadableItemError
from slips.model import ErrorItem, ObjectEvent, fingerprint

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BATCH = 100
"""Most keys of one `BatchGetItem`."""
ATTEMPTS = 8
"""Answers without items in a row, each of them throttled, before `scan` fails."""


class DynamoErrors:
    """An ErrorTable with the key `request_id`, as in the original slips."""

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
        """Yield all items, oldest failure first. Only their ids are kept in memory, about 200 bytes each.

        Raises UnreadableItemError for items that cannot be read, behind all others.
        """
        problems: list[str] = []
        ids: list[tuple[str, str]] = []
        for values in self._keys():
            try:
                ids.append((_failed_at(values), values["request_id"]["S"]))
            except StateError as error:
                problems.append(str(error))
        ids.sort()
        for at in range(0, len(ids), BATCH):
            some = [request_id for _, request_id in ids[at : at + BATCH]]
            stored = self._get_all(some)
            for request_id in some:
                try:
                    if request_id in stored:
                        yield _item(stored[request_id])
                except StateError as error:
                    problems.append(str(error))
        if problems:
            raise UnreadableItemError.of(problems)

    def delete(self, request_id: str, revision: int) -> bool:
        # Items of the original slips have no revision until `put` writes them again.
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
        """Yield id and time of every item, through all pages, in no order."""
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
        """Return the items that still exist, by id. Request those again that DynamoDB leaves out of an answer."""
        stored: dict[str, Values] = {}
        wanted: Any = {self._table: {"Keys": [{"request_id": {"S": each}} for each in request_ids]}}
        wanted[self._table]["ConsistentRead"] = True
        stuck = 0
        while True:
            with reworded(self._table):
                answer = self._client.batch_get_item(RequestItems=wanted)
            some = [each for items in answer["Responses"].values() for each in items]
            stored |= {each["request_id"]["S"]: each for each in some}
            wanted = answer.get("UnprocessedKeys")
            if not wanted:
                return stored
            # Long items take many answers of 16 MB. Only an answer without items is throttled.
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
    stage = error_type = "unknown"
    message = "stored by the version of 2018, which kept no reason; 'slips test -r' shows it"
    return ErrorItem(
        request_id=values["request_id"]["S"],
        events=_argument(values),
        stage=stage,
        error_type=error_type,
        message=message,
        failed_at=_failed_at(values),
        fingerprint=fingerprint(stage, error_type, message),
        revision=0,
    )


def _argument(values: Values) -> list[ObjectEvent]:
    """Return the events of an item of the original slips. Raises StateError if no version can have written the item."""
    try:
        argument = msgspec.json.decode(values["argument"]["S"], type=list[ObjectEvent] | ObjectEvent)
    except (KeyError, msgspec.MsgspecError) as error:
        raise _unreadable(values, error) from error
    events = argument if isinstance(argument, list) else [argument]
    if not events:
        raise _unreadable(values, "its argument is empty")
    return events


def _unreadable(values: Values, why: object) -> StateError:
    return StateError(
        f"error item {values['request_id'].get('S')!r}: {why}; expected 'item', or the 'argument' of 2018; "
        "look at it in the DynamoDB console"
    )


def _failed_at(values: Values) -> str:
    """Return the time of an item's failure; for one of the original slips, when its object was created."""
    if "failed_at" in values:
        return str(values["failed_at"]["S"])
    return _argument(values)[0].event_time
