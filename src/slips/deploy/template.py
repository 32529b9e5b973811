"""Builds the stack as a plain CloudFormation template, from a checked config.

Pure: the same config and code give the same template, byte for byte; no file is read, and AWS is not called. Resources
that the config gives by ARN (streams, tables, topics, roles) are used and not made. Each part of the stack is one
module of `resources`; `permissions` lists the rights of the roles.

Only the dashboard has a fixed name. CloudFormation makes all other names, unique and short enough for any stack name,
so that two stacks, or a stack and remains of a former one, never collide. The outputs have the names for operators.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import yaml

from slips.backends.aws import STREAMS
from slips.config import Config
from slips.deploy import streams
from slips.deploy.given import NOTHING, Given
from slips.deploy.resources import alarms, arrivals, audits, dashboard, failures, functions, lanes, roles, tables
from slips.deploy.resources.forms import get_att, ref
from slips.deploy.resources.functions import Code
from slips.deploy.resources.places import error_table_name, error_topic, stream_arn
from slips.model import Lane

__all__ = ["BUCKETS", "KEYS", "TAGS", "Code", "Template", "build", "to_json", "to_yaml"]

Template = dict[str, Any]

BUCKETS = "MappedBuckets"
"""Key of the template's metadata: names of the buckets that may notify the stack."""
TAGS = "Tags"
"""Key of the template's metadata: tags for the stack, which CloudFormation gives to its resources, too."""
KEYS = "KeysOfGiven"
"""Key of the template's metadata: the customer's KMS keys as found, for a later deploy that may not read them."""
_DESCRIPTION_BYTES = 1024
_UNICODE_BREAKS = set("\x85\u2028\u2029")


def build(
    config: Config,
    code: Code,
    former: Iterable[str] = (),
    deployed: Template | None = None,
    given: Given = NOTHING,
) -> Template:
    """Return the template of the whole stack.

    `former` are buckets that are no longer mapped, and still notify the stack. `deployed` is the stack's present
    template: keys of streams that the config does not set keep their values. `given` has facts about the resources that
    the config gives.
    """
    retention = {lane: _retention(config, lane, deployed or {}, given) for lane in STREAMS}
    roles_made, alarms_made = roles.build(config, given.keys), alarms.build(config, retention)
    resources = {
        **arrivals.build(config),
        **audits.build(config),
        **functions.build(config, code, roles_made),
        **lanes.build(config, deployed or {}, retention),
        **failures.build(config),
        **tables.build(config),
        **roles_made,
        **functions.log_groups(config),
        **alarms_made,
        **(dashboard.build(alarms_made) if config.backend.dashboard else {}),
    }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": _description(config),
        "Metadata": {
            # For `destroy`, which must work without the config, too.
            BUCKETS: sorted({*config.bucket_mapping, *former}),
            **({KEYS: dict(sorted(given.keys.items()))} if given.keys else {}),
            **({TAGS: config.tags} if config.tags else {}),
        },
        "Resources": resources,
        "Outputs": {name: {"Description": about, "Value": value} for name, (about, value) in _outputs(config).items()},
    }


def mapped_buckets(template: Template) -> list[str]:
    """Return the buckets that may notify the stack of a template."""
    return list(template.get("Metadata", {}).get(BUCKETS, []))


def known_keys(template: Template) -> dict[str, str]:
    """Return the customer's KMS keys that the deploy of a template found, by the ARN of what they encrypt."""
    return dict(template.get("Metadata", {}).get(KEYS, {}))


def to_json(template: Template) -> str:
    """Encode a template as short as possible: CloudFormation allows 51,200 bytes in a request, and more in a bucket."""
    return json.dumps(template, ensure_ascii=False, separators=(",", ":"))


def to_yaml(template: Template) -> str:
    """Encode a template for people, in the template's own order."""
    # PyYAML writes Unicode's own line breaks unescaped, but reads them as spaces.
    as_it_is = not _UNICODE_BREAKS & set(to_json(template))
    return yaml.dump(template, Dumper=_Plain, sort_keys=False, allow_unicode=as_it_is, width=120)


class _Plain(yaml.SafeDumper):
    """Writes a value each time it occurs. The class of PyYAML writes a reference to the first occurrence instead."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _retention(config: Config, lane: Lane, deployed: Template, given: Given) -> int:
    """Return the hours for which a lane's stream keeps its events."""
    arn = stream_arn(config, lane)
    return given.retention(arn) if isinstance(arn, str) else streams.retention_hours(config, lane, deployed)


def _outputs(config: Config) -> dict[str, tuple[str, Any]]:
    """Return description and value of each output, also for resources that the stack uses and did not make."""
    return {
        "FastStreamArn": ("Stream of the fast lane.", stream_arn(config, "fast")),
        "SlowStreamArn": ("Stream of the slow lane.", stream_arn(config, "slow")),
        "ErrorTableName": ("Table of error items.", error_table_name(config)),
        "LedgerName": ("Table of what became of each object.", ref("Ledger")),
        "ErrorNotifyArn": ("Topic of what failed.", error_topic(config)),
        "UndeliveredUrl": ("Queue of failures that could not be reported.", ref("Undelivered")),
        "EventPusherArn": ("Function that buckets may notify.", get_att("EventPusher")),
        **({"DashboardName": ("Dashboard in CloudWatch.", ref("SlipsDashboard"))} if config.backend.dashboard else {}),
    }


def _description(config: Config) -> str:
    """Return the description, cut to 1,024 bytes and to whole characters."""
    text = config.description or "slips: runs a handler on every record of every log object."
    return text.encode()[:_DESCRIPTION_BYTES].decode(errors="ignore")
