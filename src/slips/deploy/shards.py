"""Checks changes of a stream's shards against the limit of AWS: to half of them at least, to twice as many at most.

If a stream changes from on demand to a number of shards, it begins with the shards that it had on demand: AWS makes an
on-demand stream with four shards, and adds some for more traffic.
https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html
"""

from __future__ import annotations

from collections.abc import Iterator

from botocore.exceptions import ClientError

from slips.backends.aws import STREAMS
from slips.backends.aws.refusals import DENIED, MISSING, calls
from slips.config import Config
from slips.deploy import streams
from slips.deploy.account import Account
from slips.deploy.deployment import Deployment
from slips.deploy.given import streams_of
from slips.deploy.template import Template
from slips.errors import ConfigError


def check(config: Config, deployment: Deployment, deployed: Template) -> None:
    """Raise ConfigError if AWS would refuse a change of shards, after minutes, and roll the stack back.

    `deployed` is the template that the stack has; `{}` for a new stack, which may have any number of shards.
    """
    if problems := list(_problems(config, deployment, deployed)):
        raise ConfigError(problems)


def _problems(config: Config, deployment: Deployment, deployed: Template) -> Iterator[str]:
    wanted, given = config.backend.stream_shards, streams_of(config)
    former = {STREAMS[lane]: streams.former(lane, deployed) for lane in STREAMS if lane not in given}
    # CloudFormation compares templates only: with an equal number there, a stream that was changed by hand stays.
    changed = [name for name, one in former.items() if wanted and one is not None and one.get("ShardCount") != wanted]
    if not (wanted and changed):
        return
    resources, file = deployment.resources(), config.file_name
    for name in changed:
        if name in resources and (now := _shards(deployment.account, resources[name].id)):
            least, most = -(-now // 2), 2 * now
            if not least <= wanted <= most:
                yield (
                    f"{file}: backend.stream_shards: {wanted}; expected {least} to {most}, as {name} has {now}, which "
                    f"AWS halves or doubles at once; deploy with {least if wanted < least else most} first"
                )


def _shards(account: Account, stream: str) -> int:
    """Return the number of open shards of a stream; 0 if AWS denies to describe it: then CloudFormation decides."""
    try:
        with calls(f"stream '{stream}'", passing=DENIED | MISSING):
            return account.kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"][
                "OpenShardCount"
            ]
    except ClientError:
        return 0
