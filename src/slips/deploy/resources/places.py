"""The places of streams, table, topic and roles: the ARN or name in the config, or a reference to a resource. Pure."""

from __future__ import annotations

from typing import Any

from slips.backends.aws import STREAMS
from slips.config import Config
from slips.deploy.resources.forms import get_att, ref
from slips.model import Lane


def stream_arn(config: Config, lane: Lane) -> Any:
    """Return the ARN of a lane's stream."""
    backend = config.backend
    given = backend.kinesis_stream_fast_arn if lane == "fast" else backend.kinesis_stream_slow_arn
    return given or get_att(STREAMS[lane])


def stream_arns(config: Config) -> list[Any]:
    """Return the ARNs of both lanes' streams."""
    return [stream_arn(config, "fast"), stream_arn(config, "slow")]


def stream_name(config: Config, lane: Lane) -> Any:
    """Return the name of a lane's stream."""
    arn = stream_arn(config, lane)
    return arn.rpartition("/")[2] if isinstance(arn, str) else ref(STREAMS[lane])


def error_table_arn(config: Config) -> Any:
    """Return the ARN of the error table."""
    return config.backend.dynamodb_arn or get_att("ErrorTable")


def error_table_name(config: Config) -> Any:
    """Return the name of the error table."""
    given = config.backend.dynamodb_arn
    return given.rpartition("table/")[2] if given else ref("ErrorTable")


def error_topic(config: Config) -> Any:
    """Return the ARN of the error topic."""
    return config.backend.dlq_sns_arn or ref("ErrorNotify")


def given_role(config: Config, role: str) -> str | None:
    """Return the ARN that the config gives for a role; None if the stack makes the role."""
    given = config.backend.role_arn
    return {
        "EventPusherRole": given.event_pusher,
        "DispatcherRole": given.dispatcher,
        "MainFuncRole": config.handler.role_arn,
        "ReporterRole": given.reporter,
        "DrainRole": given.drain,
        "AuditRole": given.audit,
    }[role]
