"""Alerts of OSSEC and Atomic OSSEC (Wazuh's have fields of their own), as they are written and as they are sent."""

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

# The time is that of the header, by the clock of the server.
OSSEC_SYSLOG_JSON = Json(
    "ossec-syslog-json",
    "OSSEC and Wazuh: alerts sent to a syslog server by ossec-csyslogd, in its format json",
    "https://www.ossec.net/docs/docs/manual/output/syslog-output.html",
    chain=("s3-lines", "syslog-any", "json", "ossec-syslog-json"),
    require=all_of("crit", "id", "component"),
    tag="ossec.hids.alert",
    message="level {crit}: {description|message|id} on {component}{' from ' src_ip}",
    integers="crit id src_port dst_port",
    entities={
        "addresses": "src_ip dst_ip",
        "users": "acct",
        "hashes": "md5_old md5_new sha1_old sha1_new sha256_old sha256_new",
    },
)
