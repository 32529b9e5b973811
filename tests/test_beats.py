"""Shapes of Packetbeat and Auditbeat across versions, nested and with dots in keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import chains
from chains import OBJECT
from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData


def parse(event: Event, name: str) -> tuple[MetaData, Event]:
    return chains.parse([name], json.dumps(event).encode())


@pytest.mark.parametrize(
    ("event", "tag"),
    [
        ({"type": "dns", "event": {"dataset": "x"}}, "packetbeat.dns"),
        ({"event": {"dataset": "http"}}, "packetbeat.http"),
        ({"event.dataset": "http"}, "packetbeat.http"),
        ({"network": {"protocol": "tls"}, "event": []}, "packetbeat.tls"),
        ({"network.protocol": "tls", "type": None}, "packetbeat.tls"),
    ],
)
def test_the_tag_of_packetbeat_is_its_type_else_its_dataset_else_its_protocol(event: Event, tag: str) -> None:
    meta, _ = parse(event, "packetbeat")
    assert meta.tag == tag


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"client_ip": "192.0.2.1", "query": "q", "dns": {"question": {"name": "n"}}}, "q from 192.0.2.1"),
        ({"client_ip": "192.0.2.1", "dns": {"question": {"name": "n"}}}, "n from 192.0.2.1"),
        ({"client": {"ip": "192.0.2.1"}, "query": "q", "dns": {"question": {"name": "n"}}}, "n from 192.0.2.1"),
        ({"client.ip": "192.0.2.1", "query": "q", "dns.question.name": "n"}, "n from 192.0.2.1"),
        ({"client.ip": "192.0.2.1", "query": "q", "dns": None}, "q from 192.0.2.1"),
        ({}, "None from None"),
    ],
)
def test_the_message_of_a_dns_query_says_who_asked_for_what(event: Event, message: str) -> None:
    meta, parsed = parse({"type": "dns", **event}, "packetbeat")
    assert parsed["message"] == meta.message == message


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"source": {"ip": "a"}, "destination": {"ip": "b"}, "status": "OK"}, "http a => b OK"),
        ({"source.ip": "a", "destination.ip": "b", "status": "OK"}, "http a => b OK"),
        ({"client_ip": "a", "ip": "b", "status": "Error"}, "http a => b Error"),
        ({"source": {"ip": "a"}, "dest": {"ip": "b"}}, "http a => b"),
        ({"source": "a", "destination": 1}, "http None => None"),
    ],
)
def test_the_message_of_another_transaction_says_between_whom(event: Event, message: str) -> None:
    meta, parsed = parse({"type": "http", **event}, "packetbeat")
    assert parsed["message"] == meta.message == message


@pytest.mark.parametrize("name", ["packetbeat", "auditbeat"])
@pytest.mark.parametrize("time", ["soon", 1528691267, {}])
def test_a_malformed_time_is_an_error_of_the_record(name: str, time: Any) -> None:
    with pytest.raises(RecordError, match="'@timestamp' is"):
        parse({"type": "dns", "event": {"module": "system"}, "@timestamp": time}, name)


@pytest.mark.parametrize("name", ["packetbeat", "auditbeat"])
@pytest.mark.parametrize("event", [{}, {"type": 5}, {"event": {"module": 5}}, {"audit": None}, {"event": "text"}])
def test_an_event_that_does_not_say_what_it_is_is_an_error_of_the_record(name: str, event: Event) -> None:
    with pytest.raises(RecordError, match=r"no 'type'|no 'event.module'"):
        parse(event, name)


@pytest.mark.parametrize(
    ("event", "tag", "message"),
    [
        ({"auditd": {"summary": {"how": "h"}}, "event": {"action": "a"}}, "auditd", "None a None by h"),
        ({"auditd": "text", "event": None}, "auditd", "None None None by None"),
        ({"event.module": "auditd", "event.action": ["a", "b"]}, "auditd", "None a, b None by None"),
        (
            {"event": {"module": "file_integrity", "action": "deleted"}, "file.path": "/p"},
            "file_integrity",
            "/p is deleted (None)",
        ),
        (
            {"event": {"module": "file_integrity", "action": ["created"]}, "hash.sha256": "s", "file": {"path": "/p"}},
            "file_integrity",
            "/p is created (s)",
        ),
        ({"event": {"module": "system", "action": "boot"}, "message": "booted"}, "system", "booted"),
        ({"event": {"module": "system", "action": "boot"}}, "system", "system boot"),
        ({"audit": {"kernel": {"actor": None, "action": "a", "how": "h"}}}, "auditd", "None a None by h"),
        ({"audit": {"file": {"path": "/p", "action": "updated"}}}, "file_integrity", "/p is updated (None)"),
    ],
)
def test_auditbeat_is_tagged_by_module_and_says_who_did_what(event: Event, tag: str, message: str) -> None:
    meta, parsed = parse(event, "auditbeat")
    assert meta.tag == f"auditbeat.{tag}"
    assert parsed == {**event, "message": message}
    assert meta.message == message
    assert meta.timestamp == OBJECT.timestamp


def test_real_packetbeat_6_queries(logs: Path) -> None:
    found = [parse(json.loads(line), "packetbeat")[0] for line in (logs / "packetbeat" / "10.jsonl").open()]
    assert [meta.message for meta in found] == [
        "evil.com. from 172.16.1.10",
        "evil.com. from 172.16.3.33",
        "foo.evil.com. from 172.16.2.97",
    ]
    assert [meta.timestamp for meta in found] == [1517901779.991, 1517901834.827, 1517901843.251]
    assert {meta.tag for meta in found} == {"packetbeat.dns"}


def test_real_packetbeat_8_documents(logs: Path) -> None:
    messages = set()
    for path in sorted((logs / "packetbeat").glob("[1-8].json")):
        for event in json.loads(path.read_bytes()):
            meta, parsed = parse(event, "packetbeat")
            assert meta.tag == f"packetbeat.{event['type']}"
            assert parsed.items() >= event.items()
            messages.add(meta.message)
    assert {
        "www.example.com from 172.31.98.49",
        "http 172.31.98.49 => 93.184.216.34 OK",
        "tls 192.168.1.35 => 93.184.216.34 OK",
        "sip 10.0.2.20 => 10.0.2.15 OK",
    } <= messages


def test_real_auditbeat_7_documents(logs: Path) -> None:
    found = [
        parse(json.loads((logs / "auditbeat" / f"{number}.json").read_bytes()), "auditbeat")[0]
        for number in (2, 3, 4, 5)
    ]
    assert [meta.message for meta in found] == [
        "unset accepted-connection-from 72.83.230.100 by /usr/sbin/sshd",
        "unset logged-in sshd by /usr/sbin/sshd",
        "1001 executed /bin/uname by /bin/uname",
        "unset logged-in sshd by /usr/sbin/sshd",
    ]
    assert {meta.tag for meta in found} == {"auditbeat.auditd"}
    assert [meta.timestamp for meta in found] == [OBJECT.timestamp, 1507795534.853, OBJECT.timestamp, 1507795534.853]
