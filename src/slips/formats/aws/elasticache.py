"""Amazon ElastiCache: slow logs and engine logs of Redis and Valkey, as JSON and as text."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, Regex, all_of, epoch, written

_REFERENCE = "https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Log_Delivery.html"
_ENGINE_TIME = "%d %b %Y %H:%M:%S.%f %Z"

ELASTICACHE_SLOW = Json(
    "elasticache-slow",
    "slow logs of Amazon ElastiCache as JSON",
    _REFERENCE,
    tag="aws.elasticache.slow",
    time=epoch("Timestamp", unit="any"),
    message="{Duration (us)|Duration|'-'} us {Command} from {ClientAddress|'-'}",
    require=all_of("CacheClusterId", "Command"),
    integers=("Id", "Timestamp", "Duration (us)"),
    entities={"addresses": "ClientAddress", "hosts": "CacheClusterId"},
)


def _split_client(meta: MetaData, event: Event) -> None:
    """Cut the address and the name of the client off the end of `Command`, which may have commas itself."""
    command, *client = event["Command"].rsplit(",", 2)
    if len(client) == 2:
        event |= {"Command": command, "ClientAddress": client[0] or None, "ClientName": client[1] or None}
        meta.message = f"{event['Duration']} us {command} from {client[0] or '-'}"


ELASTICACHE_SLOW_TEXT = Regex(
    "elasticache-slow-text",
    "slow logs of Amazon ElastiCache as text",
    _REFERENCE,
    tag="aws.elasticache.slow",
    time=epoch("Timestamp", unit="any"),
    message="{Duration} us {Command}",
    pattern=r"(?P<CacheClusterId>[^,]++),(?P<CacheNodeId>[^,]++),(?P<Timestamp>\d++),(?P<Duration>\d++),(?P<Command>.*)",
    integers="Timestamp Duration",
    refine=_split_client,
    entities={"addresses": "ClientAddress", "hosts": "CacheClusterId"},
)

ELASTICACHE_ENGINE = Json(
    "elasticache-engine",
    "engine logs of Amazon ElastiCache as JSON",
    _REFERENCE,
    tag="aws.elasticache.engine",
    time=written(_ENGINE_TIME, "Time"),
    message="{LogLevel ' '}{Message|'-'}",
    require=all_of("CacheClusterId", "Message"),
    entities={"hosts": "CacheClusterId"},
)

ELASTICACHE_ENGINE_TEXT = Regex(
    "elasticache-engine-text",
    "engine logs of Amazon ElastiCache as text",
    _REFERENCE,
    tag="aws.elasticache.engine",
    time=written(_ENGINE_TIME, "Time"),
    message="{LogLevel}{' ' Message}",
    pattern=r"(?P<CacheClusterId>[^/]++)/(?P<CacheNodeId>[^:]++):(?P<Role>[A-Z]) "
    r"(?P<Time>\d\d? [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d{3} [A-Z]++) (?P<LogLevel>\S) (?P<Message>.*)",
    entities={"hosts": "CacheClusterId"},
)
