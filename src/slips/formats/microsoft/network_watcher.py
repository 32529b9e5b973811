"""Flow logs of Azure Network Watcher: of network security groups, and of virtual networks. Each flow is an event."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from slips import times
from slips.errors import RecordError
from slips.format import Event, Rule
from slips.model import MetaData
from slips.parsing import Json, all_of
from slips.parsing.conversions import integer_or_text
from slips.parsing.stages import Several

NO_FLOWS = Rule("no-flows", "records of a minute without a flow")

_GROUP = (
    *("time", "srcIp", "dstIp", "srcPort", "dstPort", "protocol", "direction", "decision", "state"),
    *("packetsSrcToDst", "bytesSrcToDst", "packetsDstToSrc", "bytesDstToSrc"),
)
_NETWORK = (
    *("time", "srcIp", "dstIp", "srcPort", "dstPort", "protocol", "direction", "state", "encryption"),
    *("packetsSrcToDst", "bytesSrcToDst", "packetsDstToSrc", "bytesDstToSrc"),
)
_NUMBERS = frozenset(("srcPort", "dstPort", "packetsSrcToDst", "bytesSrcToDst", "packetsDstToSrc", "bytesDstToSrc"))
"""Fields that are numbers in both. The protocol is a number of virtual networks, the letter T or U of groups."""
_FLOWS = ("properties", "flowRecords")
"""The fields of records that have the flows; each event has the others, as `recordTime` and so on."""


def _flows_of_groups(record: Any) -> Iterator[tuple[str, Event]]:
    for rule in record["properties"]["flows"]:
        for flow in rule["flows"]:
            for line in flow["flowTuples"]:
                yield line, _others(rule, "flows") | _others(flow, "flowTuples")


def _flows_of_networks(record: Any) -> Iterator[tuple[str, Event]]:
    for flow in record["flowRecords"]["flows"]:
        for group in flow["flowGroups"]:
            for line in group["flowTuples"]:
                yield line, _others(flow, "flowGroups") | _others(group, "flowTuples")


def _others(level: Event, flows: str) -> Event:
    """Return what a level says beside the flows in it, such as the rule that they met."""
    return {name: value for name, value in level.items() if name != flows}


def _event_of(line: str, columns: tuple[str, ...]) -> Event:
    """Return the fields of a flow; empty ones are None, further ones `column_<n>`. Raises RecordError."""
    values = line.split(",")
    if len(values) < 8:
        raise RecordError(f"flow {line!r:.60} has {len(values)} fields; expected 8 or more")
    names = (*columns, *(f"column_{number}" for number in range(len(columns) + 1, len(values) + 1)))
    event: Event = dict.fromkeys(names)
    for name, value in zip(names, values, strict=False):
        if value and name in _NUMBERS:
            if not value.isascii() or not value.isdigit():
                raise RecordError(f"{name!r} of a flow is {value!r:.40}; expected an integer")
            event[name] = int(value)
        elif value:
            event[name] = integer_or_text(value) if name == "protocol" else value
    return event


def _take_apart(meta: MetaData, record: Event, per_second: int) -> Any:
    columns, flows = (_GROUP, _flows_of_groups) if "properties" in record else (_NETWORK, _flows_of_networks)
    shared = {f"record{name[:1].upper()}{name[1:]}": value for name, value in record.items() if name not in _FLOWS}
    made = Several()
    try:
        for name in _FLOWS:
            around = _others(record.get(name) or {}, "flows")
            shared |= {f"record{key[:1].upper()}{key[1:]}": value for key, value in around.items()}
        for index, (line, place) in enumerate(flows(record)):
            event = _event_of(line, columns) | place | shared
            each = copy.copy(meta)
            each.index = index
            each.timestamp = times.number(event.pop("time"), per_second, "time")
            each.message = (
                f"{event.get('decision') or event['state']} {event['srcIp']}:{event['srcPort']} => "
                f"{event['dstIp']}:{event['dstPort']} by {event.get('rule')}"
            )
            made.append((each, event))
    except (KeyError, TypeError, AttributeError) as error:
        raise RecordError(f"the flows of the record have another shape: {error!r:.80}") from None
    return made or NO_FLOWS


def _by_seconds(meta: MetaData, record: Event) -> Any:
    return _take_apart(meta, record, 1)


def _by_milliseconds(meta: MetaData, record: Event) -> Any:
    return _take_apart(meta, record, 1_000)


AZURE_NSG_FLOW = Json(
    "azure-nsg-flow",
    "flow logs of Azure network security groups, version 1 and 2",
    "https://learn.microsoft.com/en-us/azure/network-watcher/nsg-flow-logs-overview",
    elements="records",
    require=all_of("properties.flows"),
    tag="azure.nsg-flow",
    rules=(NO_FLOWS,),
    refine=_by_seconds,
    entities={"addresses": "srcIp dstIp"},
)

AZURE_VNET_FLOW = Json(
    "azure-vnet-flow",
    "flow logs of Azure virtual networks",
    "https://learn.microsoft.com/en-us/azure/network-watcher/vnet-flow-logs-overview",
    elements="records",
    require=all_of("flowRecords.flows"),
    tag="azure.vnet-flow",
    rules=(NO_FLOWS,),
    refine=_by_milliseconds,
    entities={"addresses": "srcIp dstIp"},
)
