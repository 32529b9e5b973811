"""Logs of FortiGate and other products of Fortinet, as pairs of key and value."""

from __future__ import annotations

from slips.parsing import KeyValue, all_of, any_of, stamp

FORTINET = KeyValue(
    "fortinet",
    "FortiGate logs: traffic, UTM, events, with or without a syslog header",
    "https://docs.fortinet.com/document/fortigate/7.6.0/fortios-log-message-reference/160372/list-of-log-types-and-subtypes",
    chain=("s3-lines", "syslog-any", "fortinet"),
    require=any_of("logid", "log_id", all_of("type", "subtype"), "devid"),
    time=stamp("eventtime", ("date", "time", "tz"), ("date", "time")),
    tag="fortinet.{type|'log'}.{subtype|'event'}",
    message="{action|level|'-'} {srcip|'-'} => {dstip|'-'}:{dstport|'-'} {msg|service|logdesc|'-'}",
    integers="""eventtime srcport dstport sessionid proto policyid duration sentbyte rcvdbyte sentpkt rcvdpkt crscore
        craction transport sentdelta rcvddelta tranport""",
    entities={
        "addresses": "srcip dstip remip locip tranip ip",
        "users": "user unauthuser dstuser",
        "hosts": "srcname dstname devname",
        "domains": "hostname qname",
        "hashes": "filehash analyticscksum",
    },
)
