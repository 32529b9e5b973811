"""Audit records of CyberArk's Vault as JSON, by a translator of its XML; its CEF and LEEF are `cef` and `leef`."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, all_of, any_of, iso


def _name_kind(meta: MetaData, event: Event) -> None:
    """Tag a record as one of the audit or of the Vault's monitor, which says how busy the Vault is."""
    is_audit = "audit_record" in event["syslog"]
    meta.tag = f"cyberark.{'vault' if is_audit else 'monitor'}"
    if not is_audit:
        meta.message = "state of the Vault"


_COUNTS = """AverageExecutionTime MaxExecutionTime AverageQueueTime MaxQueueTime NumberOfParallelTasks MaxParallelTasks
    TransactionCount CPUUsage MemoryUsage DriveFreeSpaceInGB DriveTotalSpaceInGB SyslogQueueSize"""

# Behind a header of syslog: `[syslog-any, json, cyberark-vault]`.
CYBERARK_VAULT = Json(
    "cyberark-vault",
    "CyberArk Vault audit records as JSON: sign-ins, safes, passwords, PSM sessions; records of its monitor",
    "https://docs.cyberark.com/Product-Doc/OnlineHelp/PAS/Latest/en/Content/PASIMP/Create-custom-xsl-translator-file.htm",
    require=any_of(
        all_of("syslog.audit_record.MessageID", "syslog.audit_record.Issuer"),
        all_of("syslog.monitor_record.Product", "syslog.monitor_record.IsoTimestamp"),
    ),
    # `Timestamp` is local, without a zone
    time=iso("syslog.audit_record.IsoTimestamp", "syslog.monitor_record.IsoTimestamp"),
    tag="cyberark.{vault|monitor}",
    message=(
        "{syslog.audit_record.Issuer|'-'}: {syslog.audit_record.Desc|syslog.audit_record.Action|'-'}"
        "{' ' syslog.audit_record.Safe}{' ' syslog.audit_record.File}"
    ),
    integers=[
        "syslog.audit_record.MessageID",
        *(f"syslog.monitor_record.{name}" for name in _COUNTS.split()),
    ],
    booleans="syslog.audit_record.Rfc5424 syslog.monitor_record.Rfc5424",
    boolean_words="yes/no",
    refine=_name_kind,
    entities={
        "addresses": "syslog.audit_record.Station syslog.audit_record.GatewayStation",
        "users": "syslog.audit_record.Issuer syslog.audit_record.SourceUser syslog.audit_record.TargetUser",
        "hosts": "syslog.audit_record.Hostname syslog.monitor_record.Hostname",
    },
)
