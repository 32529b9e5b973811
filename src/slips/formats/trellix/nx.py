"""Alerts of Trellix (FireEye) Network Security NX, and of its siblings EX, FX, AX and CM, as JSON and as CEF."""

from __future__ import annotations

from slips.parsing import Cef, Json, all_of, any_of, moment, stamp

_REFERENCE = (
    "https://docs.fireeye.com/docs/docs_en/AX/sw/9.1.1/UG/Content/Topics/notify/All_EventNotifications_about.htm"
)

# Notifications have one alert in `alert`. Some of version 7 have several: for a record of each, the chain is
# `[json-records:alert, trellix-nx]`. The metadata of traffic that NX sends to Helix is JSON in the text `rawmsg`.
TRELLIX_NX = Json(
    "trellix-nx",
    "Trellix (FireEye) NX, EX, FX, AX as JSON: alerts of malware, callbacks, intrusions; metadata of traffic",
    _REFERENCE,
    require=any_of(
        all_of("occurred", "name", any_of("severity", "explanation")),
        all_of("rawmsg", any_of("deviceid", "meta_cbname", "meta_sip4")),
    ),
    also_in="alert",
    documents="rawmsg",
    time=moment("occurred", "rawmsg.timestamp"),
    tag="trellix.nx.{name|rawmsg.event_type|'alert'}",
    message=(
        "{name|rawmsg.event_type}:{' ' severity|rawmsg.proto}{' from ' src.ip|src.smtp-mail-from|rawmsg.src_ip}"
        "{' to ' dst.ip|dst.smtp-to|rawmsg.dest_ip}{' by ' sensor|appliance|deviceid}"
    ),
    integers=(
        *("src.port", "dst.port", "vlan", "src.vlan", "explanation.ips-detected.match-count"),
        "explanation.cnc-services.cnc-service.port",
    ),
    booleans="ack",
    boolean_words="yes/no",
    entities={
        "addresses": "src.ip dst.ip rawmsg.src_ip rawmsg.dest_ip alert.explanation.cnc-services.cnc-service.address",
        "users": "src.smtp-mail-from dst.smtp-to",
        "hosts": "src.host dst.host sensor appliance",
        "domains": "src.domain rawmsg.tls.sni rawmsg.dns.rrname",
        "hashes": (
            *("explanation.malware-detected.malware.md5sum", "explanation.malware-detected.malware.sha256"),
            "rawmsg.fileinfo.md5",
        ),
    },
)
TRELLIX_NX_CEF = Cef(
    "trellix-nx-cef",
    "Trellix (FireEye) NX, EX, FX, AX in CEF, with or without a syslog header: alerts",
    _REFERENCE,
    vendors="FireEye Trellix",
    require=any_of("rt", "externalId", "cs1"),
    time=stamp("rt", "end", "start", "datetime"),
    tag="trellix.nx.{name|'alert'}",
    message="{name}:{' ' act}{' ' cs1}{' from ' src|suser}{' to ' dst|duser}",
    integers="spt dpt cn1 cn2 cn3 externalId",
    entities={
        "addresses": "src dst dvc",
        "users": "suser duser",
        "hosts": "dvchost shost dhost",
        "hashes": "fileHash",
    },
)
