"""Logs of Sophos Firewall (XG, SFOS), as pairs of key and value."""

from __future__ import annotations

from contextlib import suppress

from slips import times
from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import KeyValue, any_of


def _read_time(meta: MetaData, event: Event) -> None:
    """Read the time in the zone of its device, if its name has one meaning: 'IST' has three, and stands for none."""
    if stamp := event.get("timestamp"):
        meta.timestamp = times.any_notation(stamp, meta.timestamp, "timestamp")
    elif (date := event.get("date")) and (clock := event.get("time")):
        meta.timestamp = times.any_notation(f"{date} {clock}", meta.timestamp, "date time")
        if zone := event.get("timezone"):
            with suppress(RecordError):
                meta.timestamp = times.any_notation(f"{date} {clock} {zone}", meta.timestamp)


SOPHOS = KeyValue(
    "sophos",
    "Sophos Firewall logs: firewall, IPS, web, antivirus, events, with or without a syslog header",
    "https://docs.sophos.com/nsg/sophos-firewall/20.0/syslog/index.html",
    chain=("s3-lines", "syslog-any", "sophos"),
    require=any_of("log_id", "log_type", "log_component"),
    tag="sophos.firewall.{log_type|'log'}",
    message=(
        "{log_subtype|status|log_component|log_type|'event'}{' ' src_ip|sourceip}"
        "{' => ' dst_ip|destinationip}{':' dst_port}{' ' message|reason|url}"
    ),
    refine=_read_time,
    integers="""src_port dst_port duration sent_bytes recv_bytes sent_pkts recv_pkts fw_rule_id policy_type mailsize
        file_size status_code lease_time log_version icmp_type icmp_code app_risk application_risk tran_src_port
        tran_dst_port""",
    booleans="app_is_cloud",
    boolean_words="1/0",
    entities={
        "addresses": "src_ip dst_ip sourceip destinationip reported_ip",
        "users": "user_name user from_email_address to_email_address",
        "hosts": "device_name",
        "domains": "domain domainname",
        "hashes": "sha1sum file_hash",
    },
)
