"""Event source mappings, which read Kinesis shards and SQS queues with the rights of the function's role.

Whether there is something to read is seen inside moto, so that waiting costs nothing; all reading goes through the API.
Sources: AWS Lambda Developer Guide, "Using Lambda with Kinesis" and "Using Lambda with Amazon SQS".
"""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from moto.kinesis.models import Stream, kinesis_backends
from moto.sqs.models import Queue, sqs_backends

from cloud.access import ACCOUNT, REGION
from cloud.functions import Functions, Kind, Throttled, stamp
from cloud.gate import ApiError
from cloud.identity import role_allows
from cloud.lambda_api import LambdaApi
from cloud.runtime import Outcome

log = logging.getLogger("cloud")

LOOK_SECONDS = 0.02
KINESIS_ACTIONS = ("DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards")
SQS_ACTIONS = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
CHANGEABLE = (
    *("BatchSize", "Enabled", "MaximumBatchingWindowInSeconds", "DestinationConfig", "MaximumRecordAgeInSeconds"),
    *("BisectBatchOnFunctionError", "MaximumRetryAttempts", "FunctionResponseTypes", "ParallelizationFactor"),
    *("FilterCriteria", "ScalingConfig", "TumblingWindowInSeconds"),
)


class Mapping:
    """One mapping: its settings, and the threads that read for it."""

    def __init__(self, config: dict[str, Any], functions: Functions, lock: threading.RLock) -> None:
        self.config, self._functions, self._lock = config, functions, lock
        self.checkpoints: dict[str, int] = {}
        """The last sequence number done, by shard."""
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._taking = False
        """Messages may be on their way from the queue to the function."""

    @property
    def source(self) -> str:
        return str(self.config["EventSourceArn"])

    @property
    def from_stream(self) -> bool:
        return ":kinesis:" in self.source

    @property
    def enabled(self) -> bool:
        return bool(self.config["State"] == "Enabled")

    def start(self) -> None:
        self._stopping = threading.Event()
        self._threads = []
        self._spawn(self._read_stream if self.from_stream else self._read_queue)

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _spawn(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=self._persistently, args=(target, *args), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _persistently(self, target: Callable[..., None], *args: object) -> None:
        while not self._stopping.is_set():
            try:
                target(*args)
            except (ClientError, BotoCoreError, ApiError) as error:  # denied, throttled, gone: Lambda tries again
                log.warning("mapping of %s: %s", self.source, error)
                self._stopping.wait(0.1)

    def _client(self, service: str) -> Any:
        function = self._functions.get(self.config["FunctionArn"])
        return self._functions.identities.client(service, function.role, function.name)

    def _run(
        self, payload: dict[str, Any], kind: Kind, attempt: int, is_late: Callable[[], bool] = lambda: False
    ) -> Outcome | None:
        """None when the mapping stops, or `is_late`, while the function is throttled: throttles are not counted."""
        function = self._functions.get(self.config["FunctionArn"])
        request = str(uuid.uuid4())
        while True:
            try:
                return self._functions.run(function, json.dumps(payload).encode(), request, kind, attempt)
            except Throttled:
                if self._stopping.wait(self._functions.settings.throttle_delay) or is_late():
                    return None

    # --- Kinesis ---

    @property
    def idle(self) -> bool:
        """Whether the source is read to its end and no batch is at work."""
        if not self.enabled:
            return True
        with self._lock:
            if not self.from_stream:
                queue = self._queue()
                return not self._taking and (queue is None or not queue.messages)
            stream = self._stream()
            return stream is None or all(
                self.checkpoints.get(shard.shard_id, -1) >= next(reversed(shard.records), -1)
                for shard in stream.shards.values()
            )

    def _stream(self) -> Stream | None:
        return kinesis_backends[ACCOUNT][REGION].streams.get(self.source.rpartition("/")[2])

    def _read_stream(self) -> None:
        """Finds shards, also those that come later, and has each read in a thread of its own."""
        client = self._client("kinesis")
        client.describe_stream(StreamARN=self.source)
        client.describe_stream_summary(StreamARN=self.source)
        known: set[str] = set()
        while not self._stopping.is_set():
            stream = self._stream()
            if stream and not known.issuperset(stream.shards):
                for shard in client.list_shards(StreamARN=self.source)["Shards"]:
                    if shard["ShardId"] not in known:
                        known.add(shard["ShardId"])
                        self._spawn(self._read_shard, shard["ShardId"])
                known.update(stream.shards)
            self._stopping.wait(0.2)

    def _read_shard(self, shard: str) -> None:
        client = self._client("kinesis")
        iterator = client.get_shard_iterator(StreamARN=self.source, ShardId=shard, **self._position(shard))
        place = iterator["ShardIterator"]
        while not self._stopping.is_set():
            answer = client.get_records(ShardIterator=place, Limit=self.config["BatchSize"])
            done = self._deliver(shard, answer["Records"])
            if not done:
                return
            place = answer["NextShardIterator"]
            while not self._behind(shard) and not self._stopping.wait(LOOK_SECONDS):
                pass

    def _position(self, shard: str) -> dict[str, Any]:
        if shard in self.checkpoints:
            after = str(self.checkpoints[shard])
            return {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": after}
        if self.config["StartingPosition"] == "LATEST":  # what lies there already counts as done
            with self._lock:
                stream = self._stream()
                last = next(reversed(stream.shards[shard].records), None) if stream else None
            if last is not None:
                self.checkpoints[shard] = last
                return self._position(shard)
        return {"ShardIteratorType": "TRIM_HORIZON"}

    def _behind(self, shard: str) -> bool:
        with self._lock:
            stream = self._stream()
            records = stream.shards[shard].records if stream and shard in stream.shards else {}
            return next(reversed(records), -1) > self.checkpoints.get(shard, -1)

    def _deliver(self, shard: str, records: Sequence[dict[str, Any]]) -> bool:
        """One batch, until each record is done or given up, in order; False when the mapping stopped meanwhile."""
        work: deque[tuple[Sequence[dict[str, Any]], int]] = deque([(records, 0)] if records else [])
        while work:
            if self._stopping.is_set():
                return False
            batch, tries = work.popleft()
            is_late = partial(self._is_late, batch)
            outcome = None
            if not is_late():
                outcome = self._run(self._stream_event(shard, batch), "stream", tries + 1, is_late)
            if outcome is None:
                if not is_late():
                    return False
                self._give_up(shard, batch, tries, "RecordAgeExceeded")
                self.checkpoints[shard] = int(batch[-1]["SequenceNumber"])
                continue
            good = self._good(batch, outcome)
            if good:
                self.checkpoints[shard] = int(batch[good - 1]["SequenceNumber"])
            rest = batch[good:]
            if not rest:
                continue
            if good:  # "Lambda retries only the remaining records"
                work.appendleft((rest, 1))
            elif self.config["BisectBatchOnFunctionError"] and len(rest) > 1:  # splitting is not counted as a retry
                half = (len(rest) + 1) // 2
                work.extendleft([(rest[half:], tries), (rest[:half], tries)])
                continue
            elif tries + 1 > self.config["MaximumRetryAttempts"] >= 0:
                self._give_up(shard, rest, tries + 1, "RetryAttemptsExhausted", outcome)
                self.checkpoints[shard] = int(rest[-1]["SequenceNumber"])
                continue
            else:
                work.appendleft((rest, tries + 1))
            self._stopping.wait(self._functions.settings.stream_backoff)
        return True

    def _good(self, batch: Sequence[dict[str, Any]], outcome: Outcome) -> int:
        """Counts the records, from the first on, that are done."""
        if outcome.error:
            return 0
        failed = self._failed_items(outcome)
        if failed is None:
            return len(batch)
        places = {record["SequenceNumber"]: number for number, record in enumerate(batch)}
        return min((places.get(item, 0) for item in failed), default=len(batch))

    def _failed_items(self, outcome: Outcome) -> list[str] | None:
        """Identifiers of a partial batch response; None: none is asked for. A malformed one fails the whole batch."""
        if "ReportBatchItemFailures" not in self.config["FunctionResponseTypes"]:
            return None
        answer = json.loads(outcome.body or b"null")
        failures = (answer or {}).get("batchItemFailures") if isinstance(answer, dict | None) else [{}]
        return [str(failure.get("itemIdentifier") or "") for failure in failures or []]

    def _stream_event(self, shard: str, batch: Sequence[dict[str, Any]]) -> dict[str, Any]:
        role = self._functions.get(self.config["FunctionArn"]).role
        return {
            "Records": [
                {
                    "kinesis": {
                        "kinesisSchemaVersion": "1.0",
                        "partitionKey": record["PartitionKey"],
                        "sequenceNumber": record["SequenceNumber"],
                        "data": base64.b64encode(record["Data"]).decode(),
                        "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
                    },
                    "eventSource": "aws:kinesis",
                    "eventVersion": "1.0",
                    "eventID": f"{shard}:{record['SequenceNumber']}",
                    "eventName": "aws:kinesis:record",
                    "invokeIdentityArn": role,
                    "awsRegion": REGION,
                    "eventSourceARN": self.source,
                }
                for record in batch
            ]
        }

    def _is_late(self, batch: Sequence[dict[str, Any]]) -> bool:
        """Whether the records have exceeded the mapping's maximum age."""
        most: float = self.config["MaximumRecordAgeInSeconds"]
        if most < 0:
            return False
        if self._functions.settings.record_age is not None:
            most = self._functions.settings.record_age
        return bool(time.time() - batch[-1]["ApproximateArrivalTimestamp"].timestamp() > most)

    def _give_up(
        self, shard: str, batch: Sequence[dict[str, Any]], tries: int, condition: str, outcome: Outcome | None = None
    ) -> None:
        """Discards a batch; the on-failure record tells where it lies in the stream, not what was in it."""
        target = ((self.config.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
        if not target:
            log.warning("mapping of %s: %d records discarded", self.source, len(batch))
            return
        function = self._functions.get(self.config["FunctionArn"])
        record = {
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "functionArn": function.arn,
                "condition": condition,
                "approximateInvokeCount": tries,
            },
            **({"responseContext": self._told(outcome)} if outcome else {}),
            "version": "1.0",
            "timestamp": stamp(),
            "KinesisBatchInfo": {
                "shardId": shard,
                "startSequenceNumber": batch[0]["SequenceNumber"],
                "endSequenceNumber": batch[-1]["SequenceNumber"],
                "approximateArrivalOfFirstRecord": stamp(batch[0]["ApproximateArrivalTimestamp"].timestamp()),
                "approximateArrivalOfLastRecord": stamp(batch[-1]["ApproximateArrivalTimestamp"].timestamp()),
                "batchSize": len(batch),
                "streamArn": self.source,
            },
        }
        self._functions.send(function, target, json.dumps(record))

    @staticmethod
    def _told(outcome: Outcome) -> dict[str, Any]:
        return {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled" if outcome.error else None,
        }

    # --- SQS ---

    def _queue(self) -> Queue | None:
        return sqs_backends[ACCOUNT][REGION].queues.get(self.source.rpartition(":")[2])

    def _read_queue(self) -> None:
        client = self._client("sqs")
        name = self.source.rpartition(":")[2]
        url = self._functions.identities.admin("sqs").get_queue_url(QueueName=name)["QueueUrl"]
        client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        while not self._stopping.is_set():
            with self._lock:
                queue = self._queue()
                self._taking = bool(queue and queue.messages)
            if not self._taking:
                self._stopping.wait(LOOK_SECONDS)
                continue
            answer = client.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=min(10, self.config["BatchSize"]),
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            if messages := answer.get("Messages"):
                self._deliver_messages(client, url, messages)

    def _deliver_messages(self, client: Any, url: str, messages: Sequence[dict[str, Any]]) -> None:
        outcome = self._run(self._queue_event(messages), "queue", 1)
        failed = {message["MessageId"] for message in messages}
        if outcome is not None and not outcome.error:
            items = self._failed_items(outcome)
            if items is None or failed.issuperset(items):
                failed = set(items or [])
        for message in messages:
            if message["MessageId"] in failed:
                self._visible_soon(message)
            else:
                client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def _visible_soon(self, message: dict[str, Any]) -> None:
        """The visibility timeout cut short: tests have no minutes to wait."""
        with self._lock:
            sqs_backends[ACCOUNT][REGION].change_message_visibility(
                self.source.rpartition(":")[2], message["ReceiptHandle"], 0
            )

    def _queue_event(self, messages: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return {
            "Records": [
                {
                    "messageId": message["MessageId"],
                    "receiptHandle": message["ReceiptHandle"],
                    "body": message["Body"],
                    "attributes": message.get("Attributes", {}),
                    "messageAttributes": {
                        name: {
                            f"{key[0].lower()}{key[1:]}": text for key, text in value.items() if key != "BinaryValue"
                        }
                        for name, value in message.get("MessageAttributes", {}).items()
                    },
                    "md5OfBody": message["MD5OfBody"],
                    "eventSource": "aws:sqs",
                    "eventSourceARN": self.source,
                    "awsRegion": REGION,
                }
                for message in messages
            ]
        }


class Mappings:
    """The operations of Lambda's API that concern mappings."""

    def __init__(self, api: LambdaApi, functions: Functions, lock: threading.RLock) -> None:
        self._functions, self._lock = functions, lock
        self.mappings: dict[str, Mapping] = {}
        api.more |= {
            "CreateEventSourceMapping": self.create,
            "GetEventSourceMapping": lambda params: self._shown(self._get(params)),
            "ListEventSourceMappings": self.list,
            "UpdateEventSourceMapping": self.update,
            "DeleteEventSourceMapping": self.delete,
        }

    def create(self, params: dict[str, Any]) -> dict[str, Any]:
        function = self._functions.get(params["FunctionName"])
        source = params["EventSourceArn"]
        if any(held.source == source and held.config["FunctionArn"] == function.arn for held in self.mappings.values()):
            text = f"The event source arn ({source}) and function ({function.name}) provided mapping already exists."
            raise ApiError("ResourceConflictException", text, 409)
        stream = ":kinesis:" in source
        self._require_readable(function.role, function.config["Timeout"], source)
        config: dict[str, Any] = {
            "UUID": str(uuid.uuid4()),
            "EventSourceArn": source,
            "FunctionArn": function.arn,
            "BatchSize": 100 if stream else 10,
            "FunctionResponseTypes": [],
            "MaximumBatchingWindowInSeconds": 0,
            "State": "Disabled" if params.get("Enabled") is False else "Enabled",
            "StateTransitionReason": "User action",
        }
        if stream:
            if params.get("StartingPosition") not in {"TRIM_HORIZON", "LATEST"}:
                text = f"StartingPosition {params.get('StartingPosition')}: expected TRIM_HORIZON or LATEST"
                raise ApiError("InvalidParameterValueException", text)
            config |= {
                "StartingPosition": params["StartingPosition"],
                "BisectBatchOnFunctionError": False,
                "MaximumRetryAttempts": -1,
                "MaximumRecordAgeInSeconds": -1,
                "ParallelizationFactor": 1,
                "DestinationConfig": {"OnFailure": {}},
            }
        config |= {key: params[key] for key in CHANGEABLE if key in params and key != "Enabled"}
        self._require_destination(function.role, config)
        mapping = Mapping(config, self._functions, self._lock)
        self.mappings[config["UUID"]] = mapping
        if mapping.enabled:
            mapping.start()
        return self._shown(mapping)

    def _require_destination(self, role: str, config: dict[str, Any]) -> None:
        target = ((config.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
        if target:
            self._functions.require_destination(role, target)

    def _require_readable(self, role: str, timeout: int, source: str) -> None:
        """AWS refuses a mapping whose function may not read the source."""
        service, actions = ("kinesis", KINESIS_ACTIONS) if ":kinesis:" in source else ("sqs", SQS_ACTIONS)
        lacking = [action for action in actions if not role_allows(role, f"{service}:{action}", source)]
        if lacking:
            raise ApiError(
                "InvalidParameterValueException",
                f"Cannot access {source}. Please ensure the role can perform {', '.join(lacking)} on it in IAM.",
            )
        queue = sqs_backends[ACCOUNT][REGION].queues.get(source.rpartition(":")[2]) if service == "sqs" else None
        visible = int(getattr(queue, "visibility_timeout", timeout))
        if visible < timeout:
            raise ApiError(
                "InvalidParameterValueException",
                f"Queue visibility timeout: {visible} seconds is less than Function timeout: {timeout} seconds",
            )

    def _get(self, params: dict[str, Any]) -> Mapping:
        if params["UUID"] not in self.mappings:
            raise ApiError("ResourceNotFoundException", "The resource you requested does not exist.", 404)
        return self.mappings[params["UUID"]]

    def _shown(self, mapping: Mapping) -> dict[str, Any]:
        return {**mapping.config, "LastModified": datetime.now(UTC), "LastProcessingResult": "OK"}

    def list(self, params: dict[str, Any]) -> dict[str, Any]:
        found = list(self.mappings.values())
        if "FunctionName" in params:
            arn = self._functions.get(params["FunctionName"]).arn
            found = [mapping for mapping in found if mapping.config["FunctionArn"] == arn]
        if "EventSourceArn" in params:
            found = [mapping for mapping in found if mapping.source == params["EventSourceArn"]]
        return {"EventSourceMappings": [self._shown(mapping) for mapping in found]}

    def update(self, params: dict[str, Any]) -> dict[str, Any]:
        """Stops reading, changes, reads on from where it was."""
        mapping = self._get(params)
        config = {**mapping.config, **{key: params[key] for key in CHANGEABLE if key in params and key != "Enabled"}}
        if "FunctionName" in params:
            config["FunctionArn"] = self._functions.get(params["FunctionName"]).arn
        if "Enabled" in params:
            config["State"] = "Enabled" if params["Enabled"] else "Disabled"
        self._require_destination(self._functions.get(config["FunctionArn"]).role, config)
        mapping.stop()
        mapping.config = config
        if mapping.enabled:
            mapping.start()
        return self._shown(mapping)

    def delete(self, params: dict[str, Any]) -> dict[str, Any]:
        mapping = self._get(params)
        mapping.stop()
        del self.mappings[params["UUID"]]
        return {**self._shown(mapping), "State": "Deleting"}

    def reset(self) -> None:
        held, self.mappings = list(self.mappings.values()), {}
        for mapping in held:
            mapping.stop()
