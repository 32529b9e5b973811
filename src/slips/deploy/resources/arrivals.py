"""The sources that invoke EventPusher: topics, queues, rules of EventBridge, buckets. Pure."""

from __future__ import annotations

from typing import Any

from slips.config import Config
from slips.deploy.resources.forms import Resources, alphanumeric, get_att, permission, ref, resource, sub

_BUCKETS_A_RULE = 25
"""Buckets in one rule: an event pattern has at most 2,048 characters, a bucket's name 63."""


def build(config: Config) -> Resources:
    """Build the sources that invoke EventPusher. Each keeps its events while EventPusher is down."""
    made: Resources = {}
    for topic in config.backend.sns_topics:
        made |= subscription(f"Topic{topic.name}", topic.arn, "EventPusher")
    for queue in config.backend.sqs_queues:
        made[f"Queue{queue.name}Mapping"] = resource(
            "AWS::Lambda::EventSourceMapping",
            # Messages that EventPusher does not accept stay in the queue.
            FunctionName=ref("EventPusher"),
            EventSourceArn=queue.arn,
            BatchSize=10,
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )
    for rule, buckets in event_rules(config).items():
        made |= _rule(rule, buckets)
    if config.backend.s3_direct:
        for bucket in config.bucket_mapping:
            source = {
                "SourceArn": sub(f"arn:${{AWS::Partition}}:s3:::{bucket}"),
                "SourceAccount": ref("AWS::AccountId"),
            }
            made[f"Bucket{alphanumeric(bucket)}Permission"] = permission("EventPusher", "s3", **source)
    return made


def subscription(name: str, topic: Any, function: str) -> Resources:
    """Build the subscription by which a topic invokes a function, after the resources that catch its failures."""
    return {
        f"{name}Permission": permission(function, "sns", SourceArn=topic),
        f"{name}Subscription": resource(
            "AWS::SNS::Subscription",
            after=[f"{name}Permission", f"{function}Invoke", "UndeliveredPolicy"],
            TopicArn=topic,
            Protocol="lambda",
            Endpoint=get_att(function),
            RedrivePolicy={"deadLetterTargetArn": get_att("Undelivered")},
        ),
    }


def event_rules(config: Config) -> dict[str, list[str]]:
    """Return the buckets of each EventBridge rule, by the rule's logical name."""
    if not config.backend.eventbridge:
        return {}
    buckets = sorted(config.bucket_mapping)
    starts = range(0, len(buckets), _BUCKETS_A_RULE)
    return {f"ObjectCreatedRule{at // _BUCKETS_A_RULE + 1}": buckets[at : at + _BUCKETS_A_RULE] for at in starts}


def _rule(name: str, buckets: list[str]) -> Resources:
    """Build the EventBridge rule for objects created in `buckets`."""
    return {
        f"{name}Permission": permission("EventPusher", "events", SourceArn=get_att(name)),
        name: resource(
            "AWS::Events::Rule",
            after=["EventPusherInvoke"],
            Description="Objects created in the mapped buckets.",
            EventPattern={
                "source": ["aws.s3"],
                "detail-type": ["Object Created"],
                "detail": {"bucket": {"name": buckets}},
            },
            Targets=[
                {
                    "Id": "EventPusher",
                    "Arn": get_att("EventPusher"),
                    "RetryPolicy": {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 24 * 3600},
                    "DeadLetterConfig": {"Arn": get_att("Undelivered")},
                }
            ],
        ),
    }
