"""Times and messages of Falcon, as the sensors, the event stream and the APIs have them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import chains
from chains import OBJECT
from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData

SECONDS = 1530000000.123


def parse(event: Event, name: str = "falcon") -> tuple[MetaData, Event]:
    return chains.parse([name], json.dumps(event).encode())


def events_of(*paths: Path) -> Iterator[Event]:
    for path in paths:
        for line in path.read_bytes().splitlines():
            event = json.loads(line)
            if not all(key.startswith("p_") for key in event):  # nothing but what Panther adds
                yield event


@pytest.mark.parametrize(
    "time",
    ["1530000000123", 1530000000123, 1530000000123.0, "2018-06-26T08:00:00.123Z", "2018-06-26 08:00:00.123000000"],
)
def test_timestamp_is_milliseconds_or_iso(time: Any) -> None:
    meta, _ = parse({"timestamp": time})
    assert meta.timestamp == SECONDS


@pytest.mark.parametrize(
    "event", [{"aid": "a"}, {"aid": "a", "timestamp": None}, {"timestamp": ""}, {"event": {"timestamp": ""}}]
)
def test_without_a_time_it_is_that_of_the_object(event: Event) -> None:
    meta, _ = parse(event)
    assert meta.timestamp == OBJECT.timestamp


@pytest.mark.parametrize(
    ("event", "seconds"),
    [
        ({"_time": "1764288000.25", "aid": "a"}, 1764288000.25),
        ({"event": {"UTCTimestamp": 1764288000}}, 1764288000.0),
        ({"event": {"UTCTimestamp": 1764288000250}}, 1764288000.25),
        ({"timestamp": "1662300000"}, 1662300000.0),
        ({"timestamp": "1662300000123"}, 1662300000.123),
        ({"ContextTimeStamp": "1662300000.123", "event_simpleName": "DnsRequest"}, 1662300000.123),
        ({"Time": 1662300000.5, "ComputerName": "pc"}, 1662300000.5),
        ({"metadata": {"eventCreationTime": 1662300000}, "event": {"UTCTimestamp": 1764288000}}, 1662300000.0),
    ],
)
def test_seconds_are_told_from_milliseconds_by_size(event: Event, seconds: float) -> None:
    meta, _ = parse(event)
    assert meta.timestamp == seconds


@pytest.mark.parametrize("name", ["falcon", "falcon-detection"])
@pytest.mark.parametrize("event", [{}, {"msg": "hello", "level": "info"}, {"Records": []}, {"cid": None}])
def test_an_object_of_another_format_is_refused(name: str, event: Event) -> None:
    with pytest.raises(RecordError, match=r"^no '\w+', '\w+', '\w+' or one of \d+ other fields \(keys: "):
        parse(event, name)


@pytest.mark.parametrize("time", ["soon", "26/06/2018", True, {}, [], "9" * 30, "²"])
def test_a_malformed_time_is_an_error_of_the_record(time: Any) -> None:
    with pytest.raises(RecordError, match="'timestamp' is"):
        parse({"timestamp": time})


def test_an_event_stream_has_its_time_in_the_metadata() -> None:
    # The stream's UTCTimestamp is in seconds or in milliseconds, depending on the event.
    meta, _ = parse({"metadata": {"eventCreationTime": 1530000000123}, "event": {"UTCTimestamp": 1530000000}})
    assert meta.timestamp == SECONDS


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (
            {"name": "A", "aip": "192.0.2.1", "RemoteAddressIP4": "203.0.113.9", "CommandLine": "b"},
            "A at 192.0.2.1 to 203.0.113.9",
        ),
        ({"name": "A", "aip": "192.0.2.1", "TargetFileName": "c", "DomainName": "d"}, "A at 192.0.2.1 to c"),
        ({"name": "A", "aip": "192.0.2.1", "DomainName": "d", "CommandLine": "b"}, "A at 192.0.2.1 to d"),
        ({"name": "A", "aip": "192.0.2.1", "CommandLine": "b"}, "A at 192.0.2.1 to b"),
        ({"event_simpleName": "A", "aip": "192.0.2.1"}, "A at 192.0.2.1 to None"),
        ({"name": "A", "event": {"name": "B", "aip": "192.0.2.1"}}, "A at 192.0.2.1 to None"),
        (
            {"metadata": {"eventType": "A"}, "event": {"OperationName": "b", "UserIp": "192.0.2.1"}},
            "A at 192.0.2.1 to b",
        ),
        ({"metadata": {"eventType": "A"}}, "A at None to None"),
        ({"metadata": [], "event": None}, "None at None to None"),
    ],
)
def test_the_message_says_what_happened_where_to_what(event: Event, message: str) -> None:
    meta, parsed = parse(event)
    assert parsed == {**event, "message": message}
    assert meta.message == message


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (
            {"severity_name": "High", "tactic": "T", "technique": "U", "device": {"hostname": "h"}, "user_name": "u"},
            "High: T/U on h by u",
        ),
        ({"max_severity_displayname": "Low", "behaviors": [{"display_name": "N"}]}, "Low: N"),
        ({"behaviors": [{"tactic": "T", "technique": "U"}] * 3}, "Detection: T/U"),
        ({"behaviors": "no list", "device": "no object", "hostname": "h"}, "Detection: unknown on h"),
        ({"behaviors": [{"user_name": None}, {"user_name": "u"}]}, "Detection: unknown by u"),
    ],
)
def test_the_message_of_a_detection_leaves_out_what_is_missing(event: Event, message: str) -> None:
    meta, parsed = parse(event, "falcon-detection")
    assert parsed["message"] == meta.message == message
    assert meta.timestamp == OBJECT.timestamp


def test_a_detection_has_its_time_to_the_microsecond() -> None:
    meta, _ = parse({"created_timestamp": "2018-06-26T08:00:00.708949512Z"}, "falcon-detection")
    assert meta.timestamp == 1530000000.708949


def test_real_events_of_the_data_replicator(logs: Path) -> None:
    folder = logs / "crowdstrike-fdr"
    checked = 0
    for event in events_of(folder / "5.jsonl", folder / "6.jsonl"):
        meta, parsed = parse(event)
        assert parsed.items() >= event.items()
        inner = event.get("event", {}).get("timestamp", "")
        if inner.isdigit():  # the same time, left by the sensor inside what Panther made of it
            assert meta.timestamp == int(inner) / 1_000
            assert meta.message is not None
            assert meta.message.startswith(f"{event['event'].get('name')} at {event['event'].get('aip')} to ")
            checked += 1
    assert checked > 40


def test_real_events_of_an_event_stream(logs: Path) -> None:
    for event in events_of(logs / "crowdstrike" / "5.jsonl"):
        meta, _ = parse(event)
        created = datetime.strptime(event["metadata"]["eventCreationTime"][:26], "%Y-%m-%d %H:%M:%S.%f")
        assert meta.timestamp == created.replace(tzinfo=UTC).timestamp()
        assert meta.message is not None
        assert meta.message.startswith(event["metadata"]["eventType"])


def test_a_real_detection(logs: Path) -> None:
    (event,) = events_of(logs / "crowdstrike-detections" / "1.jsonl")
    meta, _ = parse(event, "falcon-detection")
    assert meta.timestamp == 1639922014.708949
    assert meta.message == "Low: Malware/Malicious File on FALCON-CROWDSTR by admin"
