"""Events in the Open Cybersecurity Schema Framework: Amazon Security Lake, AppFabric, and products that write it."""

from __future__ import annotations

from slips.parsing import Json, epoch

OCSF = Json(
    "ocsf",
    "events of any class in the Open Cybersecurity Schema Framework (OCSF)",
    "https://schema.ocsf.io/",
    tag="ocsf.{class_name|class_uid}",
    time=epoch("time", unit="ms"),
    message="{message|finding_info.title|finding.title|activity_name|class_name|class_uid}",
    require="class_uid",
    integers="time class_uid category_uid activity_id type_uid severity_id status_id timezone_offset count",
    entities={
        "addresses": """src_endpoint.ip dst_endpoint.ip device.ip src_endpoint.intermediate_ips proxy_endpoint.ip
            proxy.ip answers.rdata evidences.src_endpoint.ip evidences.dst_endpoint.ip""",
        "users": """user.name actor.user.name user.email_addr actor.user.email_addr process.user.name
            evidences.actor.user.name""",
        "hosts": "device.hostname src_endpoint.hostname dst_endpoint.hostname evidences.device.hostname",
        "domains": """query.hostname url.hostname http_request.url.hostname tls.sni evidences.query.hostname
            evidences.url.hostname""",
        "hashes": """file.hashes.value process.file.hashes.value actor.process.file.hashes.value
            evidences.file.hashes.value evidences.process.file.hashes.value malware.files.hashes.value""",
    },
)
