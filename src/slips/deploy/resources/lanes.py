"""The lanes: their streams, and what brings batches of them to the dispatchers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slips.backends.aws import DISPATCHERS, STREAMS
from slips.backends.aws.lanes import records_at_once
from slips.config import Config, LaneConfig
from slips.deploy import age, streams
from slips.deploy.resources.forms import Resources, ref, resource
from slips.deploy.resources.places import error_topic, stream_arn
from slips.model import Lane

_STREAM_RETRIES = 5


def build(config: Config, deployed: Mapping[str, Any], retention: Mapping[Lane, int]) -> Resources:
    """The streams, and what brings their batches to the dispatchers."""
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
            # A stream that exists already may bring objects at once: what catches failures is there first.
            after=["MainFuncInvoke", "ReporterSubscription"],
            FunctionName=ref(dispatcher),
            EventSourceArn=stream_arn(config, lane),
            # Whatever was put before the mapping polls for the first time is taken too.
            StartingPosition="TRIM_HORIZON",
            BatchSize=records_at_once(limit),
            MaximumBatchingWindowInSeconds=limit.batch_window,
            ParallelizationFactor=limit.parallelization,
            # One bad record neither blocks its shard nor takes others with it.
            FunctionResponseTypes=["ReportBatchItemFailures"],
            BisectBatchOnFunctionError=True,
            MaximumRetryAttempts=_STREAM_RETRIES,
            # What expires in the stream goes nowhere; what is given up before becomes error items.
            MaximumRecordAgeInSeconds=age.most(retention[lane]),
            DestinationConfig={"OnFailure": {"Destination": error_topic(config)}},
        )
    return made
