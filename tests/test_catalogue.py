"""Rules that every format of the catalogue keeps, shown by its sample: tags, messages, entities, times.

`test_formats.py` holds each sample to what is expected of it; here is what that may be.
"""

from __future__ import annotations

import copy
import io
import json
import re
from collections.abc import Iterator
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

import chains
from chains import OBJECT
from for_each import for_each
from slips.format import Event, Format, PerObject, RecordLimits
from slips.formats import catalogue, sample_files
from slips.model import MetaData
from slips.parsing import Columns, Csv, Declaration, Json, KeyValue, Quoted
from slips.parsing.chain import compile_chain
from slips.parsing.typed import booleans_by_text, names_of

pytestmark = pytest.mark.xdist_group("chains")  # of all formats, each made once

PARSERS = {name: each for name, each in catalogue().items() if each.takes != "object"}
VENDORS = {name: each for name, each in PARSERS.items() if each.tag not in ("", name, "syslog")}
"""Parsers of one product's logs; the others, generic ones, have their own name as the tag."""
ORIGINAL = frozenset(
    """auditbeat aws-waf azure-ad-audit azure-ad-event azure-ad-risk-event cloudtrail cloudtrail-event cylance
    cylance-event cylance-threat ecs-hako falcon falcon-detection fluentd-json g-suite-login guardduty kea packetbeat
    paloalto""".split()
)
"""Formats of the original, whose tags and messages stay what they were."""


@cache
def content_of(name: str) -> bytes:
    return sample_files(name)[0].read_bytes()


@cache
def seen(name: str) -> chains.Seen:
    """The events of a format's sample, which no test may change."""
    return chains.run([name], content_of(name))


@cache
def records_before(name: str) -> chains.Seen:
    """The events of a format's sample as the chain before the format gives them."""
    return chains.run(PARSERS[name].chain[:-1], content_of(name))


@cache
def lines_of(name: str) -> dict[int, str]:
    """The texts that the reader of a format's chain makes of its sample, by their numbers."""
    chain = chains.compiled(PARSERS[name].chain[:1], Path(), RecordLimits())
    records = chain.records(io.BufferedReader(io.BytesIO(content_of(name))))
    texts = (
        (seq, each.decode(errors="replace") if isinstance(each, bytes) else each) for seq, each in enumerate(records, 1)
    )
    return {seq: text for seq, text in texts if isinstance(text, str)}


def texts_in(value: Any) -> Iterator[str]:
    """The texts within a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts_in(each)


# ---- Samples

ANY_LINE = {"grok": "without a pattern it takes any line", "regex": "without a pattern it takes any line"}


@for_each("name", PARSERS)
def test_the_sample_of_a_parser_has_good_and_bad_records(name: str) -> None:
    assert len(seen(name).events) >= 2
    assert bool(seen(name).quarantined) == (name not in ANY_LINE)


# ---- Tags and messages


@for_each("name", VENDORS)
def test_a_tag_begins_with_vendor_and_product(name: str) -> None:
    for meta, _ in seen(name).events:
        assert re.fullmatch(r"[a-z0-9_-]+\.[^\s.].*", meta.tag) or name == "fluentd-json"
        assert "None" not in meta.tag


@for_each("name", VENDORS)
def test_a_message_is_one_line_for_people(name: str) -> None:
    for meta, event in seen(name).events:
        if meta.message is None:
            continue
        assert len(meta.message.splitlines()) <= 1
        if name in ORIGINAL:
            continue
        values = [*texts_in(event)]
        if re.search(r"\bNone\b", meta.message):
            assert any("None" in each for each in values)
        if "  " in meta.message or meta.message != meta.message.strip():  # only as the vendor writes it
            assert any("  " in each or each != each.strip() for each in values)
        if re.search(r"(?<!\S)- -(?!\S)", meta.message) or not re.search(r"\w", meta.message):
            assert any(meta.message in each or "- -" in each for each in [*values, ""])


NO_MESSAGE = {"journald": "an entry may have no MESSAGE", "okta": "an event may have no displayMessage"}


@for_each("name", [name for name in VENDORS if name not in ORIGINAL])
def test_an_event_has_a_message(name: str) -> None:
    lacking = [meta.seq for meta, _ in seen(name).events if meta.message is None]
    assert not lacking or (name in NO_MESSAGE and len(lacking) < len(seen(name).events))


# ---- Entities

NO_ENTITIES = {
    "airflow": "its messages are texts for people",
    "cloudwatch-export": "carries the texts of other products",
    "cloudwatch-logs": "carries the texts of other products",
    "docker-json": "carries the texts of other products",
    "envoy-log": "its messages are texts for people",
    "etcd": "its messages are texts for people",
    "ecs-hako": "carries the texts of other products",
    "fluent-bit": "carries the texts of other products",
    "fluentd-json": "carries the records of other products",
    "k8s-cri": "carries the texts of other products",
    "gunicorn": "its messages are texts for people",
    "hclog": "its messages are texts for people",
    "icinga": "its messages are texts for people",
    "java-gc-8": "counts of one virtual machine",
    "kafka": "its messages are texts for people",
    "klog": "its messages are texts for people",
    "lambda": "names a request, and texts of the user's function",
    "lambda-json": "names a request, and texts of the user's function",
    "logstash": "its messages are texts for people",
    "msk": "its messages are texts for people",
    "php": "its messages are texts for people",
    "rabbitmq": "its messages are texts for people",
    "ruby-logger": "its messages are texts for people",
    "redis": "its messages are texts for people",
    "rsyslog-impstats": "counts of rsyslog itself",
    "sns-delivery": "names a topic; the destination may be a phone number, an address of mail, a URL or a function",
    "websphere": "its messages are texts for people",
    "step-functions": "names an execution, and data of the user's",
}


@for_each("name", VENDORS)
def test_a_format_names_entities_or_there_is_a_reason(name: str) -> None:
    assert bool(VENDORS[name].entities) != (name in NO_ENTITIES)


@for_each("name", [name for name, each in PARSERS.items() if each.entities])
def test_the_sample_of_a_format_has_entities_of_each_kind_that_the_format_names(name: str) -> None:
    named = set(PARSERS[name].entities)
    found = {kind for meta, _ in seen(name).events for kind in named if getattr(meta.entities, kind)}
    assert found == named


NO_ADDRESSES = {
    "akamai-text": "column_37",  # of a later version
    "alb-connection": "ip_address",  # of the load balancer, as its node
    "alb-connection-json": "ip_address",
    "alb-health-check": "ip_address",
    "alb-health-check-json": "ip_address",
    "azure-frontdoor": "properties.httpVersion",
    "barracuda-waf": "custom_header_2",
    "beyondtrust-insight": "Event Subject, sender",  # whatever an event is about
    "bind-query": "data",  # of an answer
    "checkpoint-5424": "hostname",
    "cisco-asa": "hostname",
    "cisco-esa": "hostname",
    "cisco-ios": "hostname, origin",
    "dhcpd": "interface",
    "forcepoint-ngfw": "hostname, dvchost, dvc",
    "ibm-mq": "VRMF",
    "ibm-mq-json": "ibm_version",
    "gelf": "_client_ip",  # named by the program
    "infoblox": "member",  # the machine that logs, as below
    "infoblox-dns": "rrr1.data",  # of an answer
    "ivanti-connect-secure": "host",
    "netscaler": "address",
    "netscaler-cef": "hostname",
    "netskope": "supporting_data.data_values",
    "nextcloud": "version",
    "packetbeat": "source",  # an object, in all versions but the oldest
    "proofpoint-pod": "metadata.origin.data.agent",
    "secure-access-vpn": "anyconnect_version",
    "secure-access-zta-enrollment": "zta_client_version",
    "tencent-clb": "__SOURCE__",
    "traefik-json": "ServiceURL.Host",
    "trellix-nx": "meta_sip4",
    "twingate": "relays.ip",  # of the vendor
}
"""Fields with addresses that are no entities: versions, answers, and the machine that logs."""


@for_each("name", [name for name in VENDORS if name not in NO_ENTITIES])
def test_an_address_in_an_event_is_one_of_its_entities(name: str) -> None:
    left_out = {
        path
        for meta, event in seen(name).events
        for path, address in addresses_in(event)
        if address not in meta.entities.addresses
    }
    assert left_out == set(filter(None, NO_ADDRESSES.get(name, "").split(", ")))


def addresses_in(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The texts of an event that are an address of a machine: the path, and the spelling that entities have."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from addresses_in(each, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for each in value:
            yield from addresses_in(each, path)
    elif isinstance(value, str):
        try:
            address = ip_address(value.partition("%")[0])
        except ValueError:
            return
        if not (address.is_unspecified or address.is_loopback):
            yield path, str(getattr(address, "ipv4_mapped", None) or address)


# ---- Nothing of a record is lost

CHANGED = {
    **dict.fromkeys(("auditbeat", "falcon-detection", "packetbeat"), "the original adds 'message'"),
    "opentelemetry-logs": "each log of a resource becomes an event",
    "akamai-siem": "the lists of rules are decoded into a further field",
    "aws-waf": "headers become an object; the original adds 'message'",
    "azure-firewall": "the text of a message of older categories becomes fields, too",
    **dict.fromkeys(("azure-nsg-flow", "azure-vnet-flow"), "each flow of a record is an event"),
    "cloudtrail-insight": "callers among the attributions become a field of their own",
    "cloudwatch-logs": "each log event of a document is an event",
    **dict.fromkeys(
        ("directory-service", "fsx-windows", "sysmon", "windows-event"), "Data elements become fields by name"
    ),
    **dict.fromkeys(("sysmon-json", "windows-event-json"), "numbers become numbers wherever an event has its data"),
    "journald": "bytes become a text",
    "keycloak": "the pairs of an event in the server's log become fields",
    **dict.fromkeys(("mysql-audit", "mysql-audit-xml"), "the name in the account of a user becomes a field"),
    "postgresql-csv": "empty columns are absent; the statement in a message has fields of its own",
    "postgresql-json": "the statement in a message has fields of its own",
    **dict.fromkeys(("securityhub-asff", "securityhub-ocsf"), "each finding of an EventBridge event is an event"),
}


@for_each("name", [name for name, each in PARSERS.items() if each.takes == "event" and name not in CHANGED])
def test_an_event_of_json_is_the_record_with_declared_conversions_alone(name: str) -> None:
    parser = PARSERS[name]
    records = {meta.seq: record for meta, record in records_before(name).events}
    for meta, event in seen(name).events:
        record = copy.deepcopy(records[meta.seq])
        if isinstance(parser, Json):
            record = parser.convert(record)
        if isinstance(parser, Declaration) and parser.adds:
            record[parser.adds] = meta.message
        assert event == record


_WORD = re.compile(r"[^\W_]{3,}")
_ESCAPE = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|[0-3][0-7]{2})|&[a-z]+;")

WORDS_LEFT_OUT = {
    "docker-json": "times of the parts of a long line, but for the first",
    "fluentd-json": "tag and time are those of the meta",
    "json": "its bytes that are no UTF-8 stand as replacement characters",
    "k8s-cri": "times of the parts of a long line, but for the first",
    "xml": "names of its elements that hold all others, declarations",
}
LITERALS = {
    **dict.fromkeys(
        """cef checkpoint-cef claroty-ctd cybereason delinea-secret-server forcepoint-ngfw forcepoint-web
        gigamon-cef infoblox-cef nozomi-cef sonicwall-cef trellix-nx-cef varonis""".split(),
        "CEF",
    ),
    "auditd": "none 2F746D702F6120622E747874 636174002F746D702F6120622E747874",  # no value; texts that are decoded
    "caddy-log": "INFO WARN ERROR 34mINFO",  # in small letters, without a colour
    "cas": "WHO WHAT ACTION APPLICATION WHEN CLIENT SERVER ADDRESS clientIpAddress serverIpAddress",  # questions
    "cisco-esa": "CEF",
    "cyberark-pta": "CEF None",  # no value
    "f5-asm": "ASM",
    "asterisk-queue": "NONE",  # no value
    "forcepoint-cloud-web": "Not available",  # no value
    "forcepoint-dlp": "CEF N",
    "forcepoint-ngfw-leef": "LEEF",
    "fortinet-cef": "CEF",
    "ibm-mq": "EXPLANATION ACTION ERKLÄRUNG AKTION",
    "iptables": "warn",  # a level, which is a number
    "netscaler": "local0 info local7 notice",  # a facility and a level, which are numbers
    "netscaler-cef": "CEF local0 info",
    "openstack": "None",  # an id that is none
    "opensmtpd": "unknown",  # "<unknown>", no name of a host
    "oracle-audit": "Sun",  # the day of the week
    "ossec-syslog": "Location Previous Current MD5 SHA1 Size",  # names, which its fields have in small letters
    "syslog": "daemon err auth info",  # facilities and levels, which are numbers
    "heroku": "257",  # the length of the line
    "jfrog-audit": "UNKNOWN",  # no value
    "juniper-netscreen": "NetScreen Netscreen",
    "leef": "LEEF x7C 0x09 011dst",  # the version; delimiters of extensions, in several notations
    "meraki": "msg",  # before the text of an event of AnyConnect
    "infoblox": "httpd",  # behind the member of the grid
    "mysql-slow": "Time User Host Query Lock Rows Thread Errno Start End Schema Full Tmp SET",  # names, in capitals
    "postgresql": "unknown",  # "[unknown]", no value
    "proftpd-extended": "UNKNOWN",  # no value
    "rabbitmq": "REPORT",
    "stunnel": "LOG3 LOG5",  # the level behind it is a number
    "sudo": "command continued cee",
    "suricata-fast": "Classification Priority AppID Raw pkt pcap file packet",
    "unifi-cef": "CEF",
    "uwsgi": "address space usage MB 256MB 50MB in generated via on",
    "zeek-tsv": "empty",  # the list "(empty)"
    "imperva": "CEF",
    "zscaler-kv": "None",  # no value
}
"""Words of the notation itself, not of a value."""


def numbers_in(value: Any) -> Iterator[str]:
    """The digits of the numbers within a value."""
    if isinstance(value, int | float):
        yield f"{value:.12f}"
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from numbers_in(each)


def is_in(word: str, text: str, numbers: list[str]) -> bool:
    """Whether a word is in a text, or its digits in a number, which has no unit and no zero in front; or whether a
    boolean in the text, which JSON writes in small letters, is what the word stands for."""
    digits = re.fullmatch(r"0*(\d*?)(?:ms|s|Z|Kbyte)?", word)
    boolean = json.dumps(booleans_by_text(("yes/no",)).get(word, word))
    return word in text or boolean in text or (digits is not None and any(digits[1] in each for each in numbers))


@for_each("name", [name for name, each in PARSERS.items() if each.takes == "text" and name not in WORDS_LEFT_OUT])
def test_every_word_of_a_line_is_in_its_event_or_its_pattern(name: str) -> None:
    lines = lines_of(name)
    found: dict[int, list[Any]] = {}
    literals = " ".join([*getattr(PARSERS[name], "sources", ()), LITERALS.get(name, "")])
    for meta, event in seen(name).events:
        found.setdefault(meta.seq, []).append([event, meta.header])
    for seq, made in found.items():
        text = json.dumps(made, ensure_ascii=False, default=str)
        run_together = re.sub('", "[^"]*": "', "", text)  # a word of two fields, such as klog's 'I0611'
        text += f" {run_together} {literals}"
        words, numbers = _WORD.findall(_ESCAPE.sub(" ", lines[seq])), [*numbers_in(made)]
        assert [word for word in words if not is_in(word, text, numbers)] == []


# ---- Later versions

NEW: dict[str, Any] = {"later": [1, None, {"version": "2"}]}


def parsed(parser: Format, record: Event) -> tuple[Any, tuple[str, float, str | None]]:
    assert parser.parse is not None
    meta = MetaData("", OBJECT.timestamp, OBJECT, None, 1)
    event = PerObject.begin(parser.parse)(meta, copy.deepcopy(record))
    return event, (meta.tag, meta.timestamp, meta.message)


@for_each("name", [name for name, each in PARSERS.items() if isinstance(each, Json) and name not in CHANGED])
def test_a_key_of_a_later_version_is_kept_and_changes_nothing_else(name: str) -> None:
    good = {meta.seq for meta, _ in seen(name).events}
    for meta, record in records_before(name).events:
        if meta.seq in good:
            event, about = parsed(PARSERS[name], record)
            assert parsed(PARSERS[name], record | {"zz_new": NEW}) == (event | {"zz_new": NEW}, about)


@for_each("name", [name for name, each in PARSERS.items() if isinstance(each, Quoted | Columns | Csv | KeyValue)])
def test_a_column_of_a_later_version_is_kept(name: str) -> None:
    parser, lines = PARSERS[name], content_of(name).decode().split("\n")
    assert isinstance(parser, Quoted | Columns | Csv | KeyValue)
    end = f"{getattr(parser, 'separator', '') or ' '}{'zz_new=' if isinstance(parser, KeyValue) else ''}zz_value"
    longer = chains.run([name], "\n".join(line and f"{line}{end}" for line in lines).encode())
    before = {meta.seq: event for meta, event in seen(name).events}
    kept = {meta.seq for meta, event in longer.events if "zz_value" in json.dumps(event)}
    optional = names_of(getattr(parser, "optional", ()))[-1:]
    if isinstance(parser, Columns) and parser.exact:  # of a version before the last, a line of another length is bad
        optional = names_of(parser.columns)[-1:]
    assert kept >= {seq for seq, event in before.items() if all(event.get(last) is not None for last in optional)}
    assert kept


# ---- Times

_ZONED = re.compile(r"(?:Z|[+-]\d\d:?\d\d|\b[A-Z]{3,4}(?: \d{4})?|\(UTC\))$")
FAR = "Asia/Kolkata", 5.5 * 3600


@for_each("name", [name for name, each in PARSERS.items() if isinstance(each, Declaration) and each.time])
def test_a_zone_of_the_mapping_is_for_times_without_one_alone(name: str) -> None:
    parser = PARSERS[name]
    assert isinstance(parser, Declaration)
    assert parser.time is not None
    moved = chains.run_chain(compile_chain([name], Path(), timezone=FAR[0]), content_of(name))
    assert [seq for seq, _ in moved.quarantined] == [seq for seq, _ in seen(name).quarantined]
    for (meta, event), (other, _) in zip(seen(name).events, moved.events, strict=True):
        values = [[parser.look(event, path) for path in each] for each in parser.time.alternatives]
        for value in values:
            if all(part is not None and part != "" for part in value):
                text = " ".join(map(str, value))
                zoned = _ZONED.search(text) or re.fullmatch(r"(?!\d{14}(?:\.|$))[\d.]+", text)
                assert meta.timestamp - other.timestamp == (0 if zoned else FAR[1])
                break
