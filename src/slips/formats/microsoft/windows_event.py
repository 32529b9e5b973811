"""Windows event logs, Sysmon's among them: XML as Windows exports it, and the JSON of NXLog and Winlogbeat.

XML has the names of the schema of Microsoft, with attributes as `@Name`. The elements `Data`, which have the names of
fields as attributes, become the fields of `EventData`. JSON keeps the names of its writer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from slips import times
from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, all_of, any_of, moment
from slips.parsing.conversions import Convert, conversions_of, convert_at

_NUMBERS = """System.Version System.Level System.Task System.Opcode System.EventRecordID System.Execution.@ProcessID
    System.Execution.@ThreadID EventID EventRecordID RecordNumber ExecutionProcessID ThreadID winlog.event_id
    winlog.record_id event_id record_number Level Version Task"""
_TYPES_OF_DATA = conversions_of({"integers": "LogonType IpPort SourcePort DestPort DestinationPort"})
_EVENT = any_of(
    "System.EventID",
    all_of("EventID", any_of("SourceName", "ProviderName", "Provider", "Channel")),
    "winlog.event_id",
    all_of("event_id", any_of("source_name", "log_name")),
)
# NXLog's `EventTime` has no zone in its older versions: it is the clock of the machine. Many make it a number.
_TIME = moment("System.TimeCreated.@SystemTime", "EventTime", "TimeCreated", "@timestamp")
_MESSAGE = (
    "{System.EventID|EventID|winlog.event_id|event_id} "
    "{System.Provider.@Name|SourceName|ProviderName|Provider|winlog.provider_name|source_name|'-'} on "
    "{System.Computer|Hostname|Computer|winlog.computer_name|computer_name|'-'}"
)
_DATA = ("EventData", "winlog.event_data", "event_data", "ExtraEventData")
_SYSMON = "Microsoft-Windows-Sysmon"
_SYSMON_OF_LINUX = "Linux-Sysmon"


def _paths(names: str, places: tuple[str, ...] = ("", *_DATA)) -> str:
    """Return the paths of fields of the data of an event, wherever an event has its data."""
    return " ".join(f"{place}.{name}".lstrip(".") for name in names.split() for place in places)


def _name_data(meta: MetaData, event: Event) -> None:
    """Make a number of `EventID`, whose attribute becomes `Qualifiers`, and an object of the elements in `EventData`.

    Elements without names stay in the list `Data`.
    """
    system = event.get("System")
    if not isinstance(system, dict):
        return
    number = system.get("EventID")
    if isinstance(number, dict):
        system["EventID"] = number.get("#text")
        if number.get("@Qualifiers"):
            system["Qualifiers"] = number["@Qualifiers"]
    try:
        for name in ("EventID", "Qualifiers"):
            if name in system:
                system[name] = int(system[name])
    except (TypeError, ValueError):
        raise RecordError(f"'System.EventID' is {system.get('EventID')!r:.60}; expected a number") from None
    data = event.get("EventData")
    if isinstance(data, dict) and "Data" in data:
        event["EventData"] = _named(data)
    if "EventID" not in system:  # the number is elsewhere in the event
        return
    provider = system.get("Provider")
    source = provider.get("@Name") if isinstance(provider, dict) else None
    meta.message = f"{system['EventID']} {source or '-'} on {system.get('Computer') or '-'}"


def _named(data: Event) -> Event:
    """Return `EventData` with the elements `Data` as fields, by their names.

    The list `Data` has what no name tells: elements without one of their own, or with more than a name and a text.
    """
    elements = data["Data"] if isinstance(data["Data"], list) else [data["Data"]]
    found: Event = {name: value for name, value in data.items() if name != "Data"}
    unnamed: list[Any] = []
    for element in elements:
        name = element.get("@Name") if isinstance(element, dict) else None
        if not name or name in found:
            unnamed.append(element)
            continue
        found[name] = element.get("#text")
        if element.keys() - {"@Name", "#text"}:
            unnamed.append(element)
    return {**found, "Data": unnamed} if unnamed else found


def _data_of(event: Event) -> list[Event]:
    """Return the objects with the data of an event; the event itself, if its writer put them there."""
    beat = event.get("winlog", event)
    places = [event.get("EventData"), event.get("event_data"), event.get("ExtraEventData")]
    places.append(beat.get("event_data") if isinstance(beat, dict) else None)
    return [each for each in places if isinstance(each, dict)] or [event]


def _convert(data: Event, conversions: Mapping[str, Convert]) -> None:
    for path, convert in conversions.items():
        convert_at(data, path, convert)


def _type_data(meta: MetaData, event: Event) -> None:
    """Name the data of an event, and make numbers of those of sign-ins and connections."""
    _name_data(meta, event)
    for data in _data_of(event):
        _convert(data, _TYPES_OF_DATA)


WINDOWS_EVENT = Json(
    "windows-event",
    "Windows event logs as XML, as Windows exports them",
    "https://learn.microsoft.com/en-us/windows/win32/wes/eventschema-schema",
    chain=("xml-events", "windows-event"),
    tag="windows.event",
    time=_TIME,
    message=_MESSAGE,
    require=_EVENT,
    integers=_NUMBERS,
    refine=_type_data,
    entities={
        "addresses": _paths("IpAddress SourceIp DestinationIp SourceAddress DestAddress ClientAddress"),
        "users": _paths("SubjectUserName TargetUserName User AccountName")
        + " UserID System.Security.@UserID UserData.LogFileCleared.SubjectUserName",
        "hosts": "System.Computer Hostname Computer winlog.computer_name computer_name " + _paths("WorkstationName"),
        "domains": _paths("QueryName DestinationHostname"),
    },
)

WINDOWS_EVENT_JSON = replace(
    WINDOWS_EVENT,
    name="windows-event-json",
    summary="Windows event logs as JSON, of NXLog and others that write one event a line",
    reference="https://docs.nxlog.co/refman/current/im/msvistalog.html",
    chain=("s3-lines", "json", "windows-event-json"),
)

_SYSMON_NUMBERS = """ProcessId SourceProcessId TargetProcessId SourceThreadId NewThreadId ParentProcessId SourcePort
    DestinationPort TerminalSessionId QueryStatus"""
_SYSMON_BOOLEANS = "Initiated SourceIsIpv6 DestinationIsIpv6 Signed IsExecutable Archived"
_TYPES = conversions_of({"integers": _SYSMON_NUMBERS, "booleans": _SYSMON_BOOLEANS})


def _sysmon(meta: MetaData, event: Event) -> None:
    """Type the fields of Sysmon, and take its own time, which is in UTC. Raises RecordError for another provider.

    On Linux that time may be days behind; that of the event is right.
    """
    _name_data(meta, event)
    system, beat = event.get("System"), event.get("winlog", event)
    provider = system.get("Provider") if isinstance(system, dict) else None
    names = [
        provider.get("@Name") if isinstance(provider, dict) else None,
        *(event.get(name) for name in ("SourceName", "ProviderName", "Provider", "source_name")),
        beat.get("provider_name") if isinstance(beat, dict) else None,
    ]
    if _SYSMON not in names and _SYSMON_OF_LINUX not in names:
        raise RecordError(f"the provider is {next(filter(None, names), None)!r:.60}; expected {_SYSMON!r}")
    for data in _data_of(event):
        _convert(data, _TYPES)
        if _SYSMON in names and (utc := data.get("UtcTime")):
            meta.timestamp = times.iso(f"{utc}Z" if isinstance(utc, str) else utc, "UtcTime")


SYSMON = Json(
    "sysmon",
    "Sysmon of Windows as XML; of Linux, behind [syslog, xml]",
    "https://learn.microsoft.com/en-us/sysinternals/downloads/sysmon",
    chain=("xml-events", "sysmon"),
    tag="windows.sysmon",
    time=_TIME,
    message=_MESSAGE,
    require=_EVENT,
    integers=_NUMBERS,
    refine=_sysmon,
    entities={
        "addresses": _paths("SourceIp DestinationIp"),
        "users": _paths("User SourceUser TargetUser"),
        "hosts": "System.Computer Hostname Computer winlog.computer_name computer_name "
        + _paths("SourceHostname DestinationHostname"),
        "domains": _paths("QueryName"),
    },
)

SYSMON_JSON = replace(
    SYSMON,
    name="sysmon-json",
    summary="Sysmon as JSON, of NXLog, Winlogbeat and others that write one event a line",
    chain=("s3-lines", "json", "sysmon-json"),
)
