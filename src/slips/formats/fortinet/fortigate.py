"""Logs of FortiGate and other products of Fortinet, as pairs of key and value."""

from __future__ import annotations

import re

from slips import times
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Cef, KeyValue, all_of, any_of, stamp
from slips.parsing.conversions import convert_fields

_ZONE = re.compile(r"\(GMT(?:([+-])(\d{1,2}):(\d\d))?\)")
"""The zone as FortiWeb names it: "(GMT-5:00)Eastern Time(US & Canada)"."""


_COUNTS = frozenset(
    """proto appid attackid countapp countav countips countweb countdlp countssl countwaf countemail remport locport
    stage vrf filesize remote_port local_port lanin lanout wanin wanout shaperdropsentbyte shaperdroprcvdbyte vwlid
    slatargetid channel rate signal noise incidentserialno cpu mem disk totalsession count cat quotaused quotamax
    criticalcount highcount mediumcount lowcount passedcount message_length notif_delay spp evecode evesubcode
    dropcount dropCount subnetid subnetId""".split()
)
"""Fields whose values are numbers, and words in logs of some products, such as the protocol of FortiWeb."""


def _read_others(meta: MetaData, event: Event) -> None:
    """Convert numbers that are words elsewhere, and add FortiWeb's zone as `tz`. Raises RecordError."""
    convert_fields(event, _COUNTS)
    zone = event.get("timezone")
    if zone.__class__ is str and "tz" not in event and "eventtime" not in event and (found := _ZONE.match(zone)):
        sign, hours, minutes = found.groups(default="00")
        event["tz"] = f"{sign}{hours:0>2}{minutes}" if sign != "00" else "+0000"
        meta.timestamp = times.iso(f"{event.get('date')}T{event.get('time')}{event['tz']}", "time")


FORTINET = KeyValue(
    "fortinet",
    "FortiGate logs: traffic, UTM, events, with or without a syslog header; FortiWeb, FortiManager, FortiAnalyzer",
    "https://docs.fortinet.com/document/fortigate/7.6.0/fortios-log-message-reference/160372/list-of-log-types-and-subtypes",
    chain=("s3-lines", "syslog-any", "fortinet"),
    head=r"(?:(?P<date>\d{4}-\d\d-\d\d) (?P<time>[0-9:.]+) )?",  # of FortiMail's own files
    require=any_of("logid", "log_id", all_of("type", "subtype"), "devid"),
    time=stamp("eventtime", ("date", "time", "tz"), ("date", "time")),
    tag="fortinet.{type|'log'}.{subtype|'event'}",
    message="{action|disposition|level|pri|'-'} {srcip|src|client_ip|sip|sIP|'-'} => {dstip|dst|dst_ip|dip|dIP|'-'}"
    ":{dstport|dst_port|'-'} {msg|subject|service|logdesc|description|'-'}",
    absent=("N/A", "n/a", "(null)"),
    integers="""eventtime srcport dstport src_port dst_port sessionid policyid duration sentbyte rcvdbyte sentpkt
        rcvdpkt crscore craction transport sentdelta rcvddelta tranport""",
    refine=_read_others,
    entities={
        "addresses": "srcip dstip remip locip tranip transip tunnelip assignip ip src dst remote_ip client_ip dst_ip "
        "sip dip sIP dIP",
        "users": "user unauthuser dstuser xauthuser eapuser user_name from to hfrom",
        "hosts": "srcname dstname devname",
        "domains": "hostname qname",
        "hashes": "filehash analyticscksum",
    },
)

# FortiMail writes pairs so, and other products with `set format csv` of their syslog. Both quotes mark values.
FORTINET_CSV = KeyValue(
    "fortinet-csv",
    "Fortinet logs with commas between their pairs: FortiMail, FortiGate with the syslog format csv, FortiNDR",
    "https://docs.fortinet.com/document/fortimail/8.0.0/log-reference/292270",
    chain=("s3-lines", "syslog-any", "fortinet-csv"),
    # The clock of FortiMail's own files; or words that belong to no pair, such as a second header of syslog.
    head=r"(?:(?P<date>\d{4}-\d\d-\d\d) (?P<time>[0-9:.]+)[ ,]"
    r"|(?P<header>[^=,\"']{0,300}[^=,\"'\s])(?: |(?<!\w))(?=date=))?",
    separator=",",
    quotes="\"'",
    require=all_of(any_of("log_id", "logid", "device_id", "devid"), any_of("type", "pri", "level")),
    time=FORTINET.time,
    tag=FORTINET.tag,
    message=(
        "{action|disposition|pri|level|'log'}{' ' client_ip|srcip|src|user|from}{' => ' to|dst_ip|dstip|dst}"
        "{': ' msg|subject|logdesc}"
    ),
    absent=FORTINET.absent,
    integers="""eventtime srcport dstport src_port dst_port sessionid policyid duration sentbyte rcvdbyte sentpkt
        rcvdpkt crscore craction transport sentdelta rcvddelta tranport""",
    floats="scan_time",
    refine=_read_others,
    entities={
        "addresses": "client_ip dst_ip srcip dstip src dst remip locip tranip transip",
        "users": "from to hfrom user unauthuser",
        "hosts": "client_name devname srcname dstname",
        "domains": "domain hostname qname",
        "hashes": "filehash analyticscksum",
    },
)


_CEF_COUNTS = frozenset(
    """spt dpt proto in out cnt externalId sourceTranslatedPort destinationTranslatedPort FTNTFGTeventtime
    FTNTFGTpolicyid FTNTFGTduration FTNTFGTsentpkt FTNTFGTrcvdpkt FTNTFGTsentdelta FTNTFGTrcvddelta FTNTFGTcrscore
    FTNTFGTcraction FTNTFGTattackid FTNTFGTincidentserialno FTNTFGTappid FTNTFGTtunnelid FTNTFGTremport
    FTNTFGTlocport""".split()
)


def _read_cef(meta: MetaData, event: Event) -> None:
    """Convert numbers, and give the tag of the same log in pairs: its type and subtype."""
    convert_fields(event, _CEF_COUNTS)
    category = event.get("cat")
    kind, _, subtype = category.partition(":") if category.__class__ is str else ("", "", "")
    meta.tag = f"fortinet.{kind or 'log'}.{subtype or event.get('FTNTFGTsubtype') or 'event'}"


# `FTNTFGTeventtime` is the time of the log; some versions write `start` beside it, in milliseconds.
FORTINET_CEF = Cef(
    "fortinet-cef",
    "FortiGate and other products of Fortinet in CEF, with or without a syslog header",
    "https://docs.fortinet.com/document/fortigate/7.6.0/fortios-log-message-reference/604144/cef-support",
    vendors="Fortinet",
    time=stamp("FTNTFGTeventtime", "rt", "end", "start", "datetime"),
    tag="fortinet.{cat|'log'}",
    message="{act|name|'-'} {src|'-'} => {dst|'-'}:{dpt|'-'} {msg|request|name|'-'}",
    absent=FORTINET.absent,
    refine=_read_cef,
    entities={
        "addresses": "src dst sourceTranslatedAddress destinationTranslatedAddress FTNTFGTremip FTNTFGTlocip FTNTFGTip",
        "users": "suser duser FTNTFGTxauthuser FTNTFGTunauthuser",
        "hosts": "shost dvchost FTNTFGTdevname",
        "domains": "dhost FTNTFGTqname",
        "hashes": "fileHash FTNTFGTfilehash FTNTFGTanalyticscksum",
    },
)
