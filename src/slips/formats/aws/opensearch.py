"""Amazon OpenSearch Service: audit logs."""

from __future__ import annotations

from slips.parsing import Json, iso

OPENSEARCH_AUDIT = Json(
    "opensearch-audit",
    "audit logs of OpenSearch and of Amazon OpenSearch Service",
    "https://docs.aws.amazon.com/opensearch-service/latest/developerguide/audit-logs.html",
    tag="aws.opensearch-audit.{audit_category}",
    time=iso("@timestamp"),
    message="{audit_category} {audit_rest_request_method|audit_transport_request_type|audit_compliance_operation|'-'} "
    "{audit_rest_request_path|audit_request_privilege|audit_trace_doc_id|'-'} by {audit_request_effective_user|'-'} "
    "from {audit_request_remote_address|'-'}",
    require="audit_category",
    absent="<NONE>",  # the user of a request that failed to log in
    entities={
        "addresses": "audit_request_remote_address audit_node_host_address",
        "users": "audit_request_effective_user audit_request_initiating_user",
        "hosts": "audit_node_name audit_node_host_name",
    },
)
