"""Amazon FSx for Windows File Server and AWS Directory Service: security events of Windows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, iso


def _name_data(meta: MetaData, event: Event) -> None:
    """Make an object of `EventData`, whose elements `Data` have the names of fields as attributes."""
    data = event.get("EventData")
    data = data if isinstance(data, dict) else {}
    elements = data.get("Data")
    if elements is None:
        return
    named: dict[str, Any] = {name: value for name, value in data.items() if name != "Data"}
    with_more: list[Any] = []
    for element in elements if isinstance(elements, list) else [elements]:
        if not isinstance(element, dict) or element.get("@Name", "") in ("", *named):
            return  # of an event whose fields have no names of their own
        named[element["@Name"]] = element.get("#text")
        if element.keys() - {"@Name", "#text"}:
            with_more.append(element)
    event["EventData"] = {**named, "Data": with_more} if with_more else named
    system = event.get("System") or {}
    who = named.get("SubjectUserName") or named.get("TargetUserName") or "-"
    meta.message = (
        f"{system.get('EventID')} {named.get('ObjectName') or '-'} by {who} at {system.get('Computer') or '-'}"
    )


# CloudWatch Logs carries one event a message; Firehose writes one a line, but for line ends in lists of accesses.
_EVENTS = {"multiline": {"start": r"<Event[ >]"}}

FSX_WINDOWS = Json(
    "fsx-windows",
    "audit events of file access of Amazon FSx for Windows File Server",
    "https://docs.aws.amazon.com/fsx/latest/WindowsGuide/file-access-auditing.html",
    chain=(_EVENTS, "xml", "fsx-windows"),
    tag="aws.fsx-windows",
    time=iso("System.TimeCreated.@SystemTime"),
    message="{System.EventID} at {System.Computer|'-'}",
    require="System.EventID",
    integers="""System.EventID System.Version System.Level System.Task System.Opcode System.EventRecordID
        System.Execution.@ProcessID System.Execution.@ThreadID""",
    refine=_name_data,
    entities={
        "users": "EventData.SubjectUserName EventData.TargetUserName",
        "hosts": "System.Computer EventData.WorkstationName",
        "addresses": "EventData.IpAddress",
    },
)

DIRECTORY_SERVICE = replace(
    FSX_WINDOWS,
    name="directory-service",
    summary="security events of AWS Managed Microsoft AD's domain controllers",
    reference="https://docs.aws.amazon.com/directoryservice/latest/admin-guide/ms_ad_enable_log_forwarding.html",
    chain=(_EVENTS, "xml", "directory-service"),
    tag="aws.directory-service",
)
