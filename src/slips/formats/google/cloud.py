"""Entries of Google Cloud Logging, as its sinks write them: audit logs, load balancers, flows, firewall rules, DNS."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

_ENTRY = any_of("logName", "logname", "insertId", "insertid", "resource", "receiveTimestamp", "timestamp")
_TIME = iso("timestamp", "receiveTimestamp", "receivetimestamp")

GCP_AUDIT = Json(
    "gcp-audit",
    "Google Cloud audit logs: activity, data access, system events, policy denials",
    "https://cloud.google.com/logging/docs/reference/audit/auditlog/rest/Shared.Types/AuditLog",
    require=any_of("protoPayload", "protopayload"),
    also_in=("protoPayload", "protopayload"),
    time=_TIME,
    tag="gcp.audit.{serviceName|'unknown'}",
    message=(
        "{methodName|'call'}{' ' resourceName}"
        "{' by ' authenticationInfo.principalEmail|authenticationInfo.principalSubject}"
        "{' from ' requestMetadata.callerIp}"
    ),
    # Protocol Buffers write numbers of 64 bits as texts.
    integers="""requestMetadata.destinationAttributes.port metadata.activityId.timeUsec
        metadata.jobChange.job.jobStats.totalSlotMs metadata.jobChange.job.jobStats.queryStats.outputRowCount
        metadata.jobChange.job.jobStats.queryStats.totalBilledBytes
        metadata.jobChange.job.jobStats.queryStats.totalProcessedBytes""",
    entities={
        "addresses": """protoPayload.requestMetadata.callerIp protopayload.requestMetadata.callerIp
            protoPayload.requestMetadata.destinationAttributes.ip""",
        "users": "protoPayload.authenticationInfo.principalEmail protopayload.authenticationInfo.principalEmail",
    },
)

GCP_LB = Json(
    "gcp-lb",
    "Google Cloud load balancers: requests of HTTP(S), connections of TCP, UDP and SSL",
    "https://cloud.google.com/load-balancing/docs/https/https-logging-monitoring",
    require=all_of(any_of("httpRequest", "httprequest", "jsonPayload.connection.clientIp"), _ENTRY),
    time=_TIME,
    tag="gcp.lb",
    message=(
        "{httpRequest.status|httprequest.status|'request'}"
        "{' ' httpRequest.requestMethod|httprequest.requestMethod}"
        "{' ' httpRequest.requestUrl|httprequest.requestUrl|jsonPayload.connection.serverIp}"
        "{' from ' httpRequest.remoteIp|httprequest.remoteIp|jsonPayload.connection.clientIp}"
    ),
    integers="""httpRequest.status httpRequest.requestSize httpRequest.responseSize httpRequest.cacheFillBytes
        httprequest.status httprequest.requestSize httprequest.responseSize jsonPayload.bytesSent
        jsonPayload.bytesReceived jsonPayload.packetsSent jsonPayload.packetsReceived jsonPayload.connection.clientPort
        jsonPayload.connection.serverPort jsonPayload.connection.protocol""",
    entities={
        "addresses": """httpRequest.remoteIp httpRequest.serverIp httprequest.remoteIp httprequest.serverIp
            jsonPayload.connection.clientIp jsonPayload.connection.serverIp""",
    },
)

GCP_VPC_FLOW = Json(
    "gcp-vpc-flow",
    "Google Cloud VPC flow logs",
    "https://cloud.google.com/vpc/docs/about-flow-logs-records",
    require=all_of(
        "jsonPayload.connection", any_of("jsonPayload.bytes_sent", "jsonPayload.reporter", "jsonPayload.packets_sent")
    ),  # flows whose packets were dropped have no bytes that were sent
    time=iso("jsonPayload.start_time", "jsonPayload.end_time", "timestamp", "receiveTimestamp"),
    tag="gcp.vpc-flow",
    message=(
        "{jsonPayload.connection.src_ip|'-'}:{jsonPayload.connection.src_port|'-'} => "
        "{jsonPayload.connection.dest_ip|'-'}:{jsonPayload.connection.dest_port|'-'} "
        "{jsonPayload.bytes_sent|jsonPayload.bytes_dropped|'-'} bytes{' ' jsonPayload.disposition}"
        "{': ' jsonPayload.drop_reason}"
    ),
    integers="""jsonPayload.bytes_sent jsonPayload.packets_sent jsonPayload.bytes_dropped jsonPayload.packets_dropped
        jsonPayload.rtt_msec jsonPayload.connection.src_port jsonPayload.connection.dest_port
        jsonPayload.connection.protocol jsonPayload.src_location.asn jsonPayload.dest_location.asn""",
    floats="jsonPayload.round_trip_time.median_msec",
    entities={
        "addresses": "jsonPayload.connection.src_ip jsonPayload.connection.dest_ip",
        "hosts": "jsonPayload.src_instance.vm_name jsonPayload.dest_instance.vm_name",
    },
)

GCP_FIREWALL = Json(
    "gcp-firewall",
    "Google Cloud firewall rules logging",
    "https://cloud.google.com/firewall/docs/firewall-rules-logging",
    require=all_of("jsonPayload.connection", any_of("jsonPayload.disposition", "jsonPayload.rule_details")),
    time=_TIME,
    tag="gcp.firewall",
    message=(
        "{jsonPayload.disposition|'-'} {jsonPayload.connection.src_ip|'-'}:{jsonPayload.connection.src_port|'-'} => "
        "{jsonPayload.connection.dest_ip|'-'}:{jsonPayload.connection.dest_port|'-'} "
        "by {jsonPayload.rule_details.reference|'-'}"
    ),
    integers="jsonPayload.connection.src_port jsonPayload.connection.dest_port jsonPayload.connection.protocol",
    entities={
        "addresses": "jsonPayload.connection.src_ip jsonPayload.connection.dest_ip",
        "hosts": "jsonPayload.instance.vm_name jsonPayload.remote_instance.vm_name",
    },
)

GCP_DNS = Json(
    "gcp-dns",
    "Google Cloud DNS queries",
    "https://cloud.google.com/dns/docs/monitoring",
    require=all_of("jsonPayload.queryName", any_of("jsonPayload.queryType", "jsonPayload.responseCode")),
    time=_TIME,
    tag="gcp.dns",
    message=(
        "{jsonPayload.queryType|'-'} {jsonPayload.queryName} {jsonPayload.responseCode|'-'} from "
        "{jsonPayload.sourceIP|'-'}"
    ),
    integers="jsonPayload.serverLatency jsonPayload.structuredRdata.ttl",
    booleans="jsonPayload.authAnswer",
    entities={
        "addresses": "jsonPayload.sourceIP jsonPayload.destinationIP jsonPayload.structuredRdata.rvalue",
        "hosts": "jsonPayload.vmInstanceName",
        "domains": "jsonPayload.queryName",
    },
)

GCP_SCC = Json(
    "gcp-scc",
    "findings of Google Cloud Security Command Center",
    "https://cloud.google.com/security-command-center/docs/reference/rest/v1/organizations.sources.findings",
    require=all_of("finding", any_of("finding.category", "finding.name", "resource")),
    time=iso("finding.eventTime", "finding.createTime"),
    tag="gcp.scc.{finding.category|'finding'}",
    message=("{finding.severity|'finding'}{' ' finding.category}{': ' finding.description|finding.resourceName}"),
    # Protocol Buffers write numbers of 64 bits as texts.
    integers="""finding.files.size finding.files.hashedSize finding.processes.pid finding.processes.parentPid
        finding.processes.binary.size finding.processes.binary.hashedSize finding.processes.script.size
        finding.processes.script.hashedSize finding.processes.libraries.size finding.processes.libraries.hashedSize""",
    entities={
        "addresses": """finding.access.callerIp finding.indicator.ipAddresses finding.connections.sourceIp
            finding.connections.destinationIp""",
        "users": "finding.access.principalEmail finding.access.userName finding.database.userName",
        "domains": "finding.indicator.domains",
        "hashes": """finding.files.sha256 finding.processes.binary.sha256 finding.processes.script.sha256
            finding.processes.libraries.sha256""",
    },
)


GCP_LOG = Json(
    "gcp-log",
    "entries of Google Cloud Logging of any service: containers of GKE and Cloud Run, virtual machines, functions",
    "https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry",
    require=all_of("logName", any_of("textPayload", "jsonPayload"), any_of("insertId", "receiveTimestamp", "resource")),
    time=_TIME,
    tag="gcp.log.{resource.type|'unknown'}",
    message=(
        "{textPayload|jsonPayload.message|jsonPayload.MESSAGE|jsonPayload.msg|jsonPayload.log|jsonPayload.event|logName}"
    ),
    integers="""httpRequest.status httpRequest.requestSize httpRequest.responseSize httpRequest.cacheFillBytes
        sourceLocation.line""",
    entities={"hosts": "resource.labels.node_name resource.labels.pod_name"},
)
