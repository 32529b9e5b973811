"""Audit logs of AWS CloudHSM, which it writes to CloudWatch Logs: a management command each, a field a line."""

from __future__ import annotations

import re

from slips import times
from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import KeyValue, all_of

_MICROSECONDS = re.compile(r"\d{1,20}", re.ASCII)


def _read_time(meta: MetaData, event: Event) -> None:
    """Part the time from its microseconds since 1970, in UTC: `12/19/17 21:01:16.962174, usecs:1513717276962174`."""
    time, _, microseconds = str(event["Time"]).partition(", usecs:")
    if not _MICROSECONDS.fullmatch(microseconds):
        raise RecordError(f"'Time' is {event['Time']!r:.60}; expected a time, ', usecs:' and microseconds since 1970")
    event["Time"], event["usecs"] = time, int(microseconds)
    meta.timestamp = times.epoch(event["usecs"], "usecs")


CLOUDHSM_AUDIT = KeyValue(
    "cloudhsm-audit",
    "AWS CloudHSM audit logs of CloudWatch Logs: sign-ins, users, keys; [cloudwatch-logs, cloudhsm-audit] behind those",
    "https://docs.aws.amazon.com/cloudhsm/latest/userguide/interpreting-audit-logs.html",
    chain=({"multiline": {"start": r"Time: "}}, "cloudhsm-audit"),
    separator="\n",
    assign=":",
    quotes="",
    require=all_of("Time", "Opcode", "Sequence No"),
    tag="aws.cloudhsm.audit",
    message="{Opcode} {User Name|Target Key Handle|'-'}: {Response|'-'}",
    refine=_read_time,
    entities={"users": ("User Name",)},
)
