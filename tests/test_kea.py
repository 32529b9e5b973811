"""Wordings of Kea's versions, from its message files (`dhcp4_messages.mes`, `dhcp6_messages.mes`) and its labels."""

from __future__ import annotations

import pytest

import chains
from chains import OBJECT
from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData

SECONDS = 1528691267.082
FIELDS = ["hwtype", "hwaddr", "client_id", "tx_id", "msg"]


def parse(line: str, chain: str = "s3-lines kea") -> tuple[MetaData, Event]:
    return chains.parse(chain.split(), line.encode() + b"\n")


def line_of(event: str, text: str) -> str:
    return f"2018-06-11 04:27:47.082 INFO  [kea-dhcp4.leases/1] {event} {text}"


@pytest.mark.parametrize(
    ("event", "text", "address"),
    [
        ("DHCP4_INIT_REBOOT", "client is in INIT-REBOOT state and requests address 192.0.2.10", "192.0.2.10"),
        ("DHCP4_LEASE_ADVERT", "lease 192.0.2.10 will be advertised", "192.0.2.10"),
        ("DHCP4_LEASE_OFFER", "lease 192.0.2.10 will be offered", "192.0.2.10"),
        ("DHCP4_LEASE_ALLOC", "lease 192.0.2.10 has been allocated", "192.0.2.10"),
        ("DHCP4_LEASE_ALLOC", "lease 192.0.2.10 has been allocated for 3600 seconds", "192.0.2.10"),
        ("DHCP4_LEASE_REUSE", "lease 192.0.2.10 has been reused for 3600 seconds", "192.0.2.10"),
        ("DHCP4_RELEASE", "address 192.0.2.10 was released properly.", "192.0.2.10"),
        ("DHCP6_LEASE_ADVERT", "lease for address 2001:db8::a and iaid=1 will be advertised", "2001:db8::a"),
        ("DHCP6_LEASE_ALLOC", "lease for address 2001:db8:: and iaid=1 has been allocated", "2001:db8::"),
        ("DHCP6_LEASE_ALLOC", "lease for address ::1 and iaid=1 has been allocated for 1800 seconds", "::1"),
        ("DHCP6_LEASE_RENEW", "lease for address 2001:db8::a and iaid=1 has been allocated", "2001:db8::a"),
        ("DHCP6_LEASE_REUSE", "lease for address 2001:db8::a and iaid=1 has been reused for 9 seconds", "2001:db8::a"),
        ("DHCP6_RELEASE_NA", "binding for address 2001:db8::a and iaid=1 was released properly", "2001:db8::a"),
    ],
)
def test_a_lease_event_has_the_address_of_its_client(event: str, text: str, address: str) -> None:
    meta, parsed = parse(line_of(event, f"[hwtype=1 00:00:5e:00:53:01], cid=[no info], tid=0x1f: {text}"))
    assert parsed["ipaddr"] == address
    assert parsed["msg"] == meta.message == text


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ("DHCP6_PD_LEASE_ALLOC", "lease for prefix 2001:db8:1::/56 and iaid=1 has been allocated"),
        ("DHCP4_PACKET_NAK_0002", "invalid address 192.0.2.10 requested by INIT-REBOOT"),
        ("DHCP4_LEASE_ALLOC", "a wording that no version has yet"),
        ("DHCP4_LEASE_ALLOC", ""),
    ],
)
def test_a_line_without_the_address_of_a_lease_is_delivered_without_one(event: str, text: str) -> None:
    _, parsed = parse(line_of(event, f"[hwtype=1 00:00:5e:00:53:01], cid=[no info], tid=0x1f: {text}"))
    assert "ipaddr" not in parsed
    assert parsed["tx_id"] == "0x1f"


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("[hwtype=1 00:01], cid=[01:00], tid=0x1f: text", ["1", "00:01", "01:00", "0x1f", "text"]),
        ("[hwtype=1 00:01], cid=[no info], tid=0x1f: text", ["1", "00:01", "no info", "0x1f", "text"]),
        ("[hwtype=1 ], cid=[01:00], tid=0x1f: text", ["1", None, "01:00", "0x1f", "text"]),
        ("[no hwaddr info], cid=[no info], tid=0x0: text", [None, None, "no info", "0x0", "text"]),
        ("[hwtype=1 00:01], cid=[01:00]: text", ["1", "00:01", "01:00", None, "text"]),
        (
            "[hwtype=1 00:01], cid=[01:00], tid=0x1f, from interface eth0: text",
            ["1", "00:01", "01:00", "0x1f", "from interface eth0: text"],
        ),
        ("cid=[01:00], tid=0x1f: text", [None, None, "01:00", "0x1f", "text"]),
        ("duid=[00:01:00], tid=0x1f: text", [None, None, "00:01:00", "0x1f", "text"]),
        ("duid=[00:01:00], [hwtype=1 00:01], tid=0x1f: text", ["1", "00:01", "00:01:00", "0x1f", "text"]),
        ("duid=[no info], [no hwaddr info], tid=0x1f: text", [None, None, "no info", "0x1f", "text"]),
        ("duid=[00:01:00], iaid=1: text", [None, None, "00:01:00", None, "iaid=1: text"]),
        ("[no brackets of a client] text", [None, None, None, None, "[no brackets of a client] text"]),
        ("enabled: yes, number of threads: 4", [None, None, None, None, "enabled: yes, number of threads: 4"]),
        ("", [None] * 5),
    ],
)
def test_the_client_has_the_fields_that_the_line_has(text: str, fields: list[str | None]) -> None:
    meta, parsed = parse(line_of("DHCP4_QUERY_LABEL", text))
    assert [parsed.get(name) for name in FIELDS] == fields
    assert meta.message == (fields[-1] or "")
    assert "duid" not in parsed


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("2018-06-11 04:27:47.082 ", SECONDS),
        ("2018-06-11 04:27:47 ", 1528691267.0),
        ("2018-06-11 04:27:47.082555 ", 1528691267.082555),
        ("", OBJECT.timestamp),
    ],
)
def test_the_time_is_utc_and_that_of_the_object_where_the_line_has_none(time: str, seconds: float) -> None:
    meta, _ = parse(f"{time}INFO [kea-dhcp4.dhcp4/1] DHCP4_SHUTDOWN server shutdown")
    assert meta.timestamp == seconds


def test_behind_syslog_its_time_and_its_fields_stay() -> None:
    line = "Jan 26 10:23:00 gw kea-dhcp4[29529]: INFO [kea-dhcp4.leases.0x3cbf] DHCP4_LEASE_ALLOC "
    line += "[hwtype=1 00:00:5e:00:53:01], cid=[no info], tid=0x1f: lease 192.0.2.10 has been allocated"
    meta, event = parse(line, "s3-lines syslog kea")
    assert meta.timestamp == 1516962180.0  # 2018-01-26T10:23:00Z
    assert (event["hostname"], event["ipaddr"], event["proc"]) == ("gw", "192.0.2.10", "kea-dhcp4.leases.0x3cbf")
    assert event["message"].startswith("INFO [kea-dhcp4.leases")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("Jan 26 10:23:00 gw kea-dhcp4[29529]: ", 1516962180.0),
        ("<30>Jan 26 10:23:00 gw kea-dhcp4[29529]: ", 1516962180.0),
        ("2018-01-26T10:23:00.25+00:00 gw kea-dhcp4[29529]: ", 1516962180.25),
        ("<30>1 2018-01-26T10:23:00Z gw kea-dhcp4 29529 - - ", 1516962180.0),
        ("<30>1 - gw kea-dhcp4 29529 - - ", OBJECT.timestamp),
    ],
)
def test_a_line_behind_a_header_of_syslog_has_the_usual_fields_and_the_time_of_the_header(
    header: str, seconds: float
) -> None:
    line = "INFO [kea-dhcp4.leases.0x3cbf] DHCP4_LEASE_ALLOC [hwtype=1 00:00:5e:00:53:01], cid=[no info], tid=0x1f: "
    line += "lease 192.0.2.10 has been allocated"
    _, bare = parse(line)
    meta, event = parse(header + line)
    assert meta.timestamp == seconds
    assert event == {**bare, "message": header + line}
    assert parse(f"{header}2018-06-11 04:27:47.082 {line}")[0].timestamp == SECONDS


@pytest.mark.parametrize(
    "line",
    [
        "Jan 26 10:23:00 gw kea-dhcp4[29529]: no line of Kea's",
        "Jan 32 10:23:00 gw kea-dhcp4[29529]: no time, expected time, level",
        "options:",
        "  type=053, len=001: 1 (uint8)",
        "2018-06-11 04:27:47.082 INFO  no logger",
        "2018-06-11 04:27:47.082 INFO  [kea-dhcp4.leases/1] no identifier",
        "2018-06-11T04:27:47Z INFO [kea-dhcp4.leases/1] DHCP4_SHUTDOWN server shutdown",
        "kea: 2018-06-11 04:27:47.082 INFO [kea-dhcp4.leases/1] DHCP4_SHUTDOWN server shutdown",
    ],
)
def test_a_line_that_does_not_begin_like_keas_is_a_record_error(line: str) -> None:
    with pytest.raises(RecordError, match="expected time, level"):
        parse(line)


def test_a_time_that_does_not_exist_is_an_error_of_the_record() -> None:
    with pytest.raises(RecordError, match="'event_datetime' is '2018-02-29"):
        parse("2018-02-29 00:00:00.000 INFO  [kea-dhcp4.dhcp4/1] DHCP4_SHUTDOWN server shutdown")
