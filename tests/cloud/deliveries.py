"""Deliveries between services without an API call, of SNS, S3 and EventBridge, each checked against policies.

moto's own deliveries are replaced where they run functions or ask no policy; what it sends and when stays moto's.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus
from xml.etree import ElementTree

import moto.s3.notifications as s3
from moto.events.models import Rule, events_backends
from moto.kinesis.models import KinesisBackend, Record, Shard
from moto.s3.models import Notification, s3_backends
from moto.sns.models import Subscription, sns_backends
from moto.sqs.models import sqs_backends
from werkzeug.wrappers import Response

from cloud.access import ACCOUNT, REGION, admits
from cloud.events import Events
from cloud.functions import Functions, stamp
from cloud.gate import ApiError

log = logging.getLogger("cloud")

FIRST_SEQUENCE_NUMBER = 49545115243490985018280067714973144582180062593244200960
"""moto counts from 1; AWS's numbers have 56 digits, so that comparing them as text or float shows."""


_MOTO_KEY_MATCHES = Notification._key_matches


def _key_matches(self: Notification, key_name: str) -> bool:
    """As S3 does, of filters whose special characters are quoted; moto compares them as they are written."""
    rules = self.filters.get("S3Key", {}).get("FilterRule", [])
    plain = {"S3Key": {"FilterRule": [{**rule, "Value": unquote_plus(rule["Value"])} for rule in rules]}}
    return _MOTO_KEY_MATCHES(Notification(self.arn, self.events, plain, self.id), key_name)


class Deliveries:
    def __init__(self, functions: Functions, events: Events) -> None:
        self._functions, self._events = functions, events
        self._sequencer = 0

    def take_over(self) -> None:
        """Replaces moto's deliveries; once for a process."""

        def publish(subscription: Subscription, *args: Any, **more: Any) -> None:
            self.from_topic(subscription, *args, **more)

        def send_to_targets(rule: Rule, event: Any, **_: Any) -> None:
            self.from_rule(rule, event)

        replaced: list[tuple[Any, str, Callable[..., Any]]] = [
            (Subscription, "publish", publish),
            (Rule, "send_to_targets", send_to_targets),
            (Shard, "put_record", _put_record),
            (KinesisBackend, "get_shard_iterator", _get_shard_iterator),
            (Notification, "_key_matches", _key_matches),
            (s3, "_get_s3_event", self._s3_event),
            (s3, "_send_event_bridge_message", lambda _, *about: self.to_eventbridge(*about)),
            (s3, "_invoke_awslambda", lambda _, event, target, __: self.from_bucket(event, target)),
            (s3, "_send_sns_message", lambda _, event, target, __: self.from_bucket(event, target)),
            (s3, "_send_sqs_message", lambda _, event, name, region: self.from_bucket(event, _queue_arn(name, region))),
        ]
        for owner, name, replacement in replaced:
            setattr(owner, name, replacement)

    # --- SNS ---

    def from_topic(
        self,
        subscription: Subscription,
        message: str,
        message_id: str,
        subject: str | None = None,
        message_attributes: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        matcher = subscription._filter_policy_matcher
        if matcher is not None and not matcher.matches(message_attributes, message):
            return
        attributes = {name: {"Type": a["Type"], "Value": a["Value"]} for name, a in (message_attributes or {}).items()}
        notification = {
            "Type": "Notification",
            "MessageId": message_id,
            "TopicArn": subscription.topic.arn,
            "Subject": subject,
            "Message": message,
            "Timestamp": stamp(),
            "SignatureVersion": "1",
            "Signature": "EXAMPLE",
            "SigningCertURL": f"https://sns.{REGION}.amazonaws.com/SimpleNotificationService-00.pem",
            "UnsubscribeURL": f"https://sns.{REGION}.amazonaws.com/?Action=Unsubscribe",
            "MessageAttributes": attributes,
        }
        topic = subscription.topic.arn
        if subscription.protocol == "lambda":
            try:
                self._invoke(
                    subscription.endpoint, "sns.amazonaws.com", topic, _sns_event(subscription.arn, notification)
                )
            except ApiError as error:
                self._redrive(subscription, notification, error)
        elif subscription.protocol == "sqs":
            raw = str(subscription.attributes.get("RawMessageDelivery", "")).lower() == "true"
            body = message if raw else _notification_text(notification)
            if not self._enqueue(subscription.endpoint, "sns.amazonaws.com", topic, body):
                refused = ApiError("AccessDenied", "the queue's policy does not admit the topic", 403)
                self._redrive(subscription, notification, refused)
        elif subscription.protocol not in {"email", "email-json", "sms"}:
            raise NotImplementedError(f"SNS to {subscription.protocol}: the tests' stand-in of AWS lacks it")

    def _redrive(self, subscription: Subscription, notification: dict[str, Any], error: ApiError) -> None:
        policy = subscription.attributes.get("RedrivePolicy")
        if not policy:
            log.warning("%s: lost: %s", subscription.arn, error)
            return
        target = (json.loads(policy) if isinstance(policy, str) else policy)["deadLetterTargetArn"]
        attributes = {
            "RequestID": {"DataType": "String", "StringValue": str(uuid.uuid4())},
            "ErrorCode": {"DataType": "String", "StringValue": error.code},
            "ErrorMessage": {"DataType": "String", "StringValue": str(error)},
        }
        text = _notification_text(notification)
        if not self._enqueue(target, "sns.amazonaws.com", subscription.topic.arn, text, attributes):
            log.warning("%s: lost, the dead-letter queue's policy does not admit the topic", subscription.arn)

    # --- S3 ---

    def from_bucket(self, event: dict[str, Any], target: str) -> None:
        bucket = event["Records"][0]["s3"]["bucket"]["name"] if "Records" in event else event["Bucket"]
        source, service = f"arn:aws:s3:::{bucket}", "s3.amazonaws.com"
        if not self._admits(target, service, source):
            log.warning("%s to %s: lost, it is missing or its policy does not admit the bucket", source, target)
            return
        kind, text = target.split(":")[2], json.dumps(event)
        if kind == "lambda":
            self._events.submit(target, text.encode())
        elif kind == "sqs":
            sqs_backends[ACCOUNT][REGION].send_message(target.rpartition(":")[2], text)
        else:
            sns_backends[ACCOUNT][REGION].publish(arn=target, message=text, subject="Amazon S3 Notification")

    def check_notifications(self, params: dict[str, Any]) -> None:
        """S3 takes a notification configuration only if every destination admits the bucket."""
        wanted, source = params["NotificationConfiguration"], f"arn:aws:s3:::{params['Bucket']}"
        targets = [
            *(one["TopicArn"] for one in wanted.get("TopicConfigurations") or []),
            *(one["QueueArn"] for one in wanted.get("QueueConfigurations") or []),
            *(one["LambdaFunctionArn"] for one in wanted.get("LambdaFunctionConfigurations") or []),
        ]
        if params.get("SkipDestinationValidation"):
            return
        if not all(self._admits(target, "s3.amazonaws.com", source) for target in targets):
            text = "Unable to validate the following destination configurations"
            raise ApiError("InvalidArgument", text)

    def add_eventbridge(self, params: dict[str, Any], response: Response) -> None:
        """moto keeps whether a bucket tells EventBridge, and does not say so."""
        if response.status_code != 200:
            return
        bucket = s3_backends[ACCOUNT]["aws"].get_bucket(params["Bucket"])
        if bucket.notification_configuration and bucket.notification_configuration.event_bridge is not None:
            root = ElementTree.fromstring(response.get_data())
            ElementTree.SubElement(root, root.tag.replace("NotificationC", "EventBridgeC"))
            response.set_data(ElementTree.tostring(root))

    def _s3_event(self, name: str, bucket: Any, key: Any, notification: str) -> dict[str, Any]:
        """moto's event, with what AWS adds and readers rely on; the key as moto quotes it (`/` as `%2F`)."""
        self._sequencer += 1
        event = _MOTO_S3_EVENT(name, bucket, key, notification)
        record = event["Records"][0]
        record["userIdentity"] = {"principalId": "AWS:AIDAEXAMPLE"}
        record["requestParameters"] = {"sourceIPAddress": "127.0.0.1"}
        record["s3"]["bucket"]["ownerIdentity"] = {"principalId": "EXAMPLE"}
        record["s3"]["object"]["sequencer"] = f"{self._sequencer:016X}"
        if bucket.is_versioned:
            record["s3"]["object"]["versionId"] = key.version_id
        return event

    # --- EventBridge ---

    def to_eventbridge(self, bucket: Any, event_name: str, key: Any) -> None:
        """Makes the event that a bucket sends to EventBridge, in the words of AWS; moto has others for some.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
        """
        self._sequencer += 1
        changed = {"key": key.name, "size": key.size, "etag": key.etag.strip('"')}
        if bucket.is_versioned:
            changed["version-id"] = key.version_id
        event = {
            "detail-type": s3._detail_type(event_name),
            "source": "aws.s3",
            "account": ACCOUNT,
            "time": stamp(),
            "region": bucket.region_name,
            "resources": [bucket.arn],
            "detail": {
                "version": "0",
                "bucket": {"name": bucket.name},
                "object": {**changed, "sequencer": f"{self._sequencer:016X}"},
                "request-id": "EXAMPLE",
                "requester": ACCOUNT,
                "source-ip-address": "127.0.0.1",
                "reason": _REASONS.get(event_name.rpartition(":")[2], "PutObject"),
            },
        }
        for bus in events_backends[ACCOUNT][REGION].event_buses.values():
            for rule in bus.rules.values():
                self.from_rule(rule, event)

    def from_rule(self, rule: Rule, original: Any) -> None:
        if rule.state != "ENABLED" or not rule.event_pattern.matches_event(original):
            return
        event = {**original, "id": str(uuid.uuid4()), "version": "0"}
        if not isinstance(event["time"], str):
            event["time"] = stamp(float(event["time"]))
        service = "events.amazonaws.com"
        for target in rule.targets:
            arn = target["Arn"]
            kind = arn.split(":")[2]
            try:
                if kind == "lambda":
                    self._invoke(arn, service, rule.arn, event)
                elif kind != "sqs":
                    raise NotImplementedError(f"EventBridge to {arn}: the tests' stand-in of AWS lacks it")
                elif not self._enqueue(arn, service, rule.arn, json.dumps(event)):
                    raise ApiError("AccessDenied", "the queue's policy does not admit the rule")
            except ApiError as error:
                log.warning("%s to %s: %s", rule.arn, arn, error)
                queue = (target.get("DeadLetterConfig") or {}).get("Arn")
                if queue:
                    self._enqueue(queue, service, rule.arn, json.dumps(event))

    # --- to topics, functions and queues ---

    def _admits(self, target: str, service: str, source: str) -> bool:
        """Whether a topic, queue or function is there, and its policy lets the service use it for `source`."""
        kind, name = target.split(":")[2], target.rpartition(":")[2]
        if kind == "lambda":
            return name in self._functions.held and self._functions.admits(target, service, source)
        if kind == "sqs":
            queue = sqs_backends[ACCOUNT][REGION].queues.get(name)
            action, policy = "sqs:SendMessage", queue.policy if queue else None
        else:
            topic = sns_backends[ACCOUNT][REGION].topics.get(target)
            action, policy = "sns:Publish", topic.policy if topic else None
        return policy is not None and admits(policy, service, action, target, source)

    def _invoke(self, target: str, service: str, source: str, event: dict[str, Any]) -> None:
        """Asynchronously. Raises ApiError if the function is missing or its policy does not admit the source."""
        if not self._functions.admits(target, service, source):
            raise ApiError("AccessDeniedException", f"{service} may not invoke {target} for {source}", 403)
        self._events.submit(target, json.dumps(event).encode())

    def _enqueue(
        self, target: str, service: str, source: str, body: str, attributes: dict[str, Any] | None = None
    ) -> bool:
        """False if the queue is missing or its policy does not admit the source."""
        if not self._admits(target, service, source):
            return False
        name = target.rpartition(":")[2]
        sqs_backends[ACCOUNT][REGION].send_message(name, body, message_attributes=attributes)
        return True


_REASONS = {"Post": "POST Object", "Copy": "CopyObject", "CompleteMultipartUpload": "CompleteMultipartUpload"}
_MOTO_S3_EVENT = s3._get_s3_event
_MOTO_ITERATOR = KinesisBackend.get_shard_iterator


def _put_record(shard: Shard, partition_key: str, data: str, explicit_hash_key: str) -> str:
    """moto's, but for the first number."""
    last = next(reversed(shard.records), FIRST_SEQUENCE_NUMBER)
    number = last + 1
    shard.records[number] = Record(partition_key, data, number, explicit_hash_key)
    return str(number)


def _get_shard_iterator(
    backend: KinesisBackend, stream_arn: str | None, stream_name: str | None, *args: Any, **more: Any
) -> str:
    """moto forgets the stream if it is told by ARN."""
    name = stream_name or (stream_arn or "").rpartition("/")[2]
    return _MOTO_ITERATOR(backend, None, name, *args, **more)


def _sns_event(subscription: str, notification: dict[str, Any]) -> dict[str, Any]:
    renamed = {"SigningCertURL": "SigningCertUrl", "UnsubscribeURL": "UnsubscribeUrl"}
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": subscription,
                "Sns": {renamed.get(key, key): value for key, value in notification.items()},
            }
        ]
    }


def _notification_text(notification: dict[str, Any]) -> str:
    """As queues get it: without a subject or attributes where there are none."""
    return json.dumps({key: value for key, value in notification.items() if value not in (None, {})}, indent=2)


def _queue_arn(name: str, region: str) -> str:
    return f"arn:aws:sqs:{region}:{ACCOUNT}:{name}"
