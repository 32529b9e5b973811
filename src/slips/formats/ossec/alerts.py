"""Alerts of OSSEC and Atomic OSSEC (Wazuh's have fields of their own)."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

# Some versions have the fields of the rule at the top. `timestamp`, such as "2026 Nov 29 08:00:00", is of the clock of
# the server, without a zone: `TimeStamp` has the time.
OSSEC = Json(
    "ossec",
    "OSSEC HIDS and Atomic OSSEC alerts as JSON (alerts.json)",
    "https://www.ossec.net/docs/docs/formats/json.html",
    require=any_of(
        all_of("rule.level", any_of("rule.sidid", "rule.comment"), any_of("id", "TimeStamp", "location")),
        all_of("sidid", "level", any_of("comment", "full_log")),
    ),
    time=moment("TimeStamp", "@timestamp"),
    tag="ossec.hids.{decoder.name|decoder|'alert'}",
    message="level {rule.level|level}: {rule.comment|rule.description|comment|full_log|'alert'}"
    "{' on ' agent_name|hostname|agentip}{' from ' srcip}",
    integers="srcport dstport",
    entities={
        "addresses": "srcip dstip agentip",
        "users": "srcuser dstuser",
        "hosts": "agent_name hostname",
        "hashes": """SyscheckFile.md5_after SyscheckFile.sha1_after SyscheckFile.sha256_after
            SyscheckFile.md5_before SyscheckFile.sha1_before""",
    },
)
