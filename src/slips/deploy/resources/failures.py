"""The destinations of failures: the topic that invokes Reporter, and the queue for Reporter's own failures. Pure."""

from __future__ import annotations

from typing import Any

from slips.config import Config
from slips.deploy.resources.arrivals import event_rules, subscription
from slips.deploy.resources.forms import Resources, get_att, policy_document, ref, resource
from slips.deploy.resources.functions import SPECS
from slips.deploy.resources.places import error_topic


def build(config: Config) -> Resources:
    """Build ErrorNotify, the topic that invokes Reporter, and Undelivered, the queue for Reporter's own failures."""
    made: Resources = {}
    if config.backend.dlq_sns_arn is None:
        made["ErrorNotify"] = resource("AWS::SNS::Topic", KmsMasterKeyId="alias/aws/sns")
        # Policies of roles allow publishing; this policy denies publishing without encryption.
        made["ErrorNotifyPolicy"] = resource(
            "AWS::SNS::TopicPolicy",
            Topics=[ref("ErrorNotify")],
            PolicyDocument=policy_document(_only_encrypted("sns:Publish", ref("ErrorNotify"))),
        )
    topics = [topic.arn for topic in config.backend.sns_topics] + [error_topic(config)]
    rules = [get_att(rule) for rule in event_rules(config)]
    return {
        **made,
        **subscription("Reporter", error_topic(config), "Reporter"),
        "Undelivered": resource(
            "AWS::SQS::Queue",
            MessageRetentionPeriod=14 * 24 * 3600,
            # The maximum of AWS, and the default today. Queues made before 2025 allow a quarter of that.
            MaximumMessageSize=2**20,
            # As long as Drain may run, so that no other Drain receives a message that is being put back.
            VisibilityTimeout=SPECS["Drain"].timeout,
            # Not by a KMS key: neither SNS nor EventBridge may use the key that AWS manages for queues.
            SqsManagedSseEnabled=True,
        ),
        "UndeliveredPolicy": resource(
            "AWS::SQS::QueuePolicy",
            Queues=[ref("Undelivered")],
            PolicyDocument=policy_document(
                _may_send("sns", topics),
                *([_may_send("events", rules)] if rules else []),
                _only_encrypted("sqs:*", get_att("Undelivered")),
            ),
        ),
    }


def _may_send(service: str, sources: list[Any]) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": get_att("Undelivered"),
        "Condition": {"ArnEquals": {"aws:SourceArn": sources}},
    }


def _only_encrypted(action: str, resource: Any) -> dict[str, Any]:
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": resource,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
