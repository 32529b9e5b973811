"""ARNs of a config that cannot be real: the checks warn of them, `deploy` refuses them."""

from __future__ import annotations

import re

from slips.config.schema import Config
from slips.rights import fill_in, is_placeholder_pattern


def placeholder_arns(config: Config) -> list[str]:
    """ARNs that cannot be real, such as `arn:aws:sns:ap-northeast-1:1234xxxxxx:seclog-event`, each once."""
    backend, roles = config.backend, config.backend.role_arn
    arns = [
        *(topic.arn for topic in backend.sns_topics),
        *(queue.arn for queue in backend.sqs_queues),
        *(roles.event_pusher, roles.dispatcher, roles.reporter, roles.drain, config.handler.role_arn),
        *(backend.kinesis_stream_fast_arn, backend.kinesis_stream_slow_arn, backend.dynamodb_arn, backend.dlq_sns_arn),
        backend.alarm_sns_arn,
        *backend.kms_key_arns,
        *config.handler.layers,
        *(policy.arn for policy in config.handler.policies),
        config.permissions_boundary,
    ]
    patterns = [arn for policy in config.handler.policies for arn in policy.patterns if is_placeholder_pattern(arn)]
    return list(dict.fromkeys([*(arn for arn in arns if arn and is_placeholder(arn)), *patterns]))


def is_placeholder(arn: str) -> bool:
    """Whether an ARN has no real partition, region or account, or a gap to fill such as `<name>` or `*`."""
    region, name = "([a-z]{2}(-[a-z]+)+-[0-9])?", r"[^<>{}*\s]+"
    own = rf"[a-z0-9-]+:{region}:[0-9]{{12}}:{name}"
    return not re.fullmatch(rf"arn:aws[a-z-]*:({own}|iam::aws:policy/{name})", fill_in(arn))
