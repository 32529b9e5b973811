"""Audit records of CyberArk's Vault as JSON, by a translator of its XML; its CEF and LEEF are `cef` and `leef`."""

from __future__ import annotations

from slips.parsing import Json, all_of, iso

# Behind a header of syslog: `[syslog-any, json, cyberark-vault]`.
CYBERARK_VAULT = Json(
    "cyberark-vault",
    "CyberArk Vault audit records as JSON: sign-ins, safes, passwords, PSM sessions",
    "https://docs.cyberark.com/Product-Doc/OnlineHelp/PAS/Latest/en/Content/PASIMP/Create-custom-xsl-translator-file.htm",
    require=all_of("syslog.audit_record.MessageID", "syslog.audit_record.Issuer"),
    time=iso("syslog.audit_record.IsoTimestamp"),  # `Timestamp` is local, without a zone
    tag="cyberark.vault",
    message=(
        "{syslog.audit_record.Issuer}: {syslog.audit_record.Desc|syslog.audit_record.Action|'-'} "
        "{syslog.audit_record.Safe|'-'} {syslog.audit_record.File|'-'}"
    ),
    integers="syslog.audit_record.MessageID",
    entities={
        "addresses": "syslog.audit_record.Station syslog.audit_record.GatewayStation",
        "users": "syslog.audit_record.Issuer syslog.audit_record.SourceUser syslog.audit_record.TargetUser",
        "hosts": "syslog.audit_record.Hostname",
    },
)
