"""Alerts of Wazuh and OSSEC."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

WAZUH = Json(
    "wazuh",
    "Wazuh alerts and archives as JSON",
    "https://documentation.wazuh.com/current/user-manual/manager/alert-management.html",
    require=any_of(
        all_of("rule", any_of("agent", "manager", "decoder")), all_of("agent", "manager", any_of("full_log", "decoder"))
    ),
    time=moment("timestamp"),
    tag="wazuh.{decoder.name|'alert'}",
    message="level {rule.level|'-'}: {rule.description|full_log|'-'} on {agent.name|'-'}",
    integers="""data.srcport data.dstport data.win.system.eventID data.win.system.eventRecordID data.win.system.level
        data.win.system.opcode data.win.system.processID data.win.system.task data.win.system.threadID
        data.win.system.version""",
    entities={
        "addresses": "data.srcip data.dstip agent.ip",
        "users": "data.srcuser data.dstuser data.win.eventdata.targetUserName",
        "hosts": "agent.name predecoder.hostname",
        "hashes": "syscheck.md5_after syscheck.sha1_after syscheck.sha256_after",
    },
)
