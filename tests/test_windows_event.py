"""Events of Windows: what NXLog, Winlogbeat and others write as JSON is read as XML is."""

from __future__ import annotations

import json
from typing import Any

import pytest

import chains
from slips.model import MetaData

AT = 1_795_852_800.0
NXLOG = {
    "EventTime": "2026-11-28 08:00:00",
    "Hostname": "pc7",
    "EventID": 3,
    "SourceName": "Microsoft-Windows-Sysmon",
    "Channel": "Microsoft-Windows-Sysmon/Operational",
    "UtcTime": "2026-11-28 08:00:00.500",
    "ProcessId": "5584",
    "Initiated": "true",
    "SourceIp": "192.0.2.7",
}
WINLOGBEAT = {
    "@timestamp": "2026-11-28T08:00:00.000Z",
    "winlog": {
        "event_id": "3",
        "provider_name": "Microsoft-Windows-Sysmon",
        "computer_name": "pc7",
        "event_data": {"ProcessId": "5584", "SourceIp": "192.0.2.7", "UtcTime": "2026-11-28 08:00:00.500"},
    },
}
OTHER = {"EventID": "4688", "ProviderName": "Security", "TimeCreated": "2026-11-28 08:00:00 +0000", "Computer": "pc7"}
BESIDE = OTHER | {"System": {"Keywords": "0x80"}}
"""`System` is a field of a writer of JSON, and has no number."""
XML = (
    "<Event><System><Provider Name='Microsoft-Windows-Sysmon'/><EventID>3</EventID><TimeCreated SystemTime="
    "'2026-11-28T08:00:00Z'/><Computer>pc7</Computer></System><EventData><Data Name='SourceIp'>192.0.2.7</Data>"
    "</EventData></Event>"
)


def read(name: str, event: object) -> tuple[MetaData, Any]:
    (found,) = chains.run(["s3-lines", "json", name], json.dumps(event).encode()).events
    return found


@pytest.mark.parametrize("event", [NXLOG, WINLOGBEAT, OTHER, BESIDE], ids=["nxlog", "winlogbeat", "other", "beside"])
def test_json_of_other_writers_has_the_same_time_tag_and_message(event: dict[str, Any]) -> None:
    meta, found = read("windows-event", event)
    assert (meta.tag, meta.timestamp, (meta.message or "").endswith(" on pc7")) == ("windows.event", AT, True)
    assert found.keys() == event.keys()


@pytest.mark.parametrize("event", [NXLOG, WINLOGBEAT], ids=["nxlog", "winlogbeat"])
def test_sysmon_has_its_own_time_in_utc_and_types(event: dict[str, Any]) -> None:
    meta, found = read("sysmon", event)
    data = found["winlog"]["event_data"] if "winlog" in found else found
    assert (meta.tag, meta.timestamp, data["ProcessId"]) == ("windows.sysmon", AT + 0.5, 5584)
    assert meta.entities.addresses == ("192.0.2.7",)


def test_xml_in_a_text_of_another_log_is_read_the_same() -> None:
    line = f"2026-11-28T08:00:00.000Z {XML}\n".encode()
    ((meta, event),) = chains.run(["cloudwatch-export", "xml", "windows-event"], line).events
    assert (meta.timestamp, event["System"]["EventID"], event["EventData"]) == (AT, 3, {"SourceIp": "192.0.2.7"})
    ((xml_meta, xml_event),) = chains.run(["windows-event"], XML.encode("utf-16")).events
    assert (xml_meta.message, xml_event["EventData"]) == (meta.message, event["EventData"])


def test_sysmon_of_linux_has_the_time_of_its_event() -> None:
    event = XML.replace("Microsoft-Windows-Sysmon", "Linux-Sysmon").replace(
        "<EventData>", "<EventData><Data Name='UtcTime'>2026-11-20 08:00:00.5</Data><Data Name='SourcePort'>53</Data>"
    )
    line = f"2026-11-28T08:00:01+00:00 web7 sysmon: {event}"
    ((meta, found),) = chains.run(["s3-lines", "syslog-any", "xml", "sysmon"], line.encode()).events
    assert (meta.tag, meta.timestamp, found["EventData"]["SourcePort"]) == ("windows.sysmon", AT, 53)
    assert meta.entities.addresses == ("192.0.2.7",)


def test_events_of_another_provider_are_none_of_sysmon() -> None:
    assert chains.run(["s3-lines", "json", "sysmon"], json.dumps(OTHER).encode()).quarantined == [
        (1, "the provider is 'Security'; expected 'Microsoft-Windows-Sysmon'")
    ]


def test_numbers_of_sign_ins_are_numbers_wherever_an_event_has_its_data() -> None:
    data = {"LogonType": "3", "IpPort": "49723", "SubjectLogonId": "0x3e7"}
    expected = {"LogonType": 3, "IpPort": 49723, "SubjectLogonId": "0x3e7"}
    for place in ("EventData", "event_data", "ExtraEventData"):
        assert read("windows-event-json", OTHER | {place: data})[1][place] == expected
    assert read("windows-event-json", OTHER | data)[1].items() >= expected.items()
    assert (
        read("windows-event-json", WINLOGBEAT | {"winlog": {"event_id": "4624", "event_data": data}})[1]["winlog"][
            "event_data"
        ]
        == expected
    )
    rows = "".join(f"<Data Name='{name}'>{value}</Data>" for name, value in data.items())
    xml = XML.replace("<Data Name='SourceIp'>192.0.2.7</Data>", rows)
    ((_, event),) = chains.run(["windows-event"], xml.encode()).events
    assert event["EventData"] == expected


def test_a_time_of_nxlog_may_be_a_number() -> None:
    assert read("windows-event-json", OTHER | {"EventTime": AT * 1000})[0].timestamp == AT


def test_who_cleared_the_log_is_a_user() -> None:
    cleared = {"UserData": {"LogFileCleared": {"SubjectUserName": "eve"}}}
    assert read("windows-event-json", OTHER | cleared)[0].entities.users == ("eve",)


@pytest.mark.parametrize("name", ["windows-event", "sysmon", "fsx-windows", "directory-service"])
def test_what_an_element_has_beside_name_and_text_is_kept(name: str) -> None:
    xml = XML.replace("<Data Name='SourceIp'>", "<Data Name='SourceIp' Type='later'>")
    ((_, event),) = chains.run([name], f"{xml}\n".encode()).events
    assert event["EventData"]["SourceIp"] == "192.0.2.7"
    assert event["EventData"]["Data"] == [{"@Name": "SourceIp", "@Type": "later", "#text": "192.0.2.7"}]
