"""Messages of Prisma Cloud Compute, formerly Twistlock, as pairs of key and value."""

from __future__ import annotations

from slips.parsing import KeyValue, any_of, iso

TWISTLOCK = KeyValue(
    "twistlock",
    "Prisma Cloud Compute (Twistlock) audits and scans, with or without a syslog header",
    "https://docs.paloaltonetworks.com/prisma/prisma-cloud/prisma-cloud-admin-compute/audit/logging",
    chain=("s3-lines", "syslog-any", "twistlock"),
    require=any_of("log_type", "type", "vulnerability_id", "container_id"),
    time=iso("time"),
    tag="prisma.twistlock.{log_type|type|'audit'}",
    message="{description|msg|log_type|'event'}{' ' cve}{' on ' host|hostname}",
    integers="vulnerability_id compliance_id",
    entities={"addresses": "source_ip", "hosts": "host hostname", "users": "user"},
)
