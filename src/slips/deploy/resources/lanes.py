"""The lanes: their streams, and the event source mappings that invoke Dispatcher. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slips.backends.aws import DISPATCHERS, STREAMS
from slips.backends.aws.dispatch_batch import records_at_once
from slips.config import Config, LaneConfig
from slips.deploy import age, streams
from slips.deploy.resources.forms import Resources, get_att, permission, ref, resource
from slips.deploy.resources.places import error_topic, stream_arn
from slips.model import Lane

_STREAM_RETRIES = 5
_RELEASE_MINUTES = 5


def build(config: Config, deployed: Mapping[str, Any], retention: Mapping[Lane, int]) -> Resources:
    """Build the streams, and the event source mappings that invoke Dispatcher with batches of records."""
    made: Resources = {}
    for lane, name in STREAMS.items():
        if isinstance(stream_arn(config, lane), str):
            continue
        made[name] = resource(
            "AWS::Kinesis::Stream",
            **streams.properties(config, lane, deployed),
            StreamEncryption={"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"},
        )
    for lane, dispatcher in DISPATCHERS.items():
        limit: LaneConfig = getattr(config.backend.lane, lane)
        made[f"{dispatcher}Mapping"] = resource(
            "AWS::Lambda::EventSourceMapping",
            # After the destinations of failures: a stream of the user's may have records at once.
            after=["MainFuncInvoke", "ReporterSubscription"],
            FunctionName=ref(dispatcher),
            EventSourceArn=stream_arn(config, lane),
            # From the oldest record on: records may be put before the mapping polls for the first time.
            StartingPosition="TRIM_HORIZON",
            BatchSize=records_at_once(limit),
            MaximumBatchingWindowInSeconds=limit.batch_window,
            ParallelizationFactor=limit.parallelization,
            # So that one bad record neither blocks its shard nor fails other records.
            FunctionResponseTypes=["ReportBatchItemFailures"],
            BisectBatchOnFunctionError=True,
            MaximumRetryAttempts=_STREAM_RETRIES,
            # Records that the mapping gives up on become error items; records that expire in the stream would be lost.
            MaximumRecordAgeInSeconds=age.most(retention[lane]),
            DestinationConfig={"OnFailure": {"Destination": error_topic(config)}},
        )
    return made | _release()


def _release() -> Resources:
    """Build the schedule by which Drain puts back objects whose lane paused, and may start now.

    Every stack has it: an operator may pause any lane, and set a budget, by `slips limit`.
    """
    target = {"Id": "Drain", "Arn": get_att("Drain"), "Input": '{"release":true}'}
    return {
        "ReleaseRule": resource(
            "AWS::Events::Rule",
            Description="Puts objects back on their lane when it no longer pauses.",
            ScheduleExpression=f"rate({_RELEASE_MINUTES} minutes)",
            Targets=[target],
        ),
        "ReleaseRulePermission": permission("Drain", "events", SourceArn=get_att("ReleaseRule")),
    }
