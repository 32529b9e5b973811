"""Kubernetes: audit events of the API server."""

from __future__ import annotations

from slips.parsing import Json, any_of, iso

K8S_AUDIT = Json(
    "k8s-audit",
    "audit events of the Kubernetes API server",
    "https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/",
    tag="kubernetes.audit",
    time=iso("requestReceivedTimestamp", "stageTimestamp", "timestamp", "metadata.creationTimestamp"),
    message="{responseStatus.code|stage|'-'} {verb|'-'} {requestURI|'-'} by {user.username|'-'}",
    require=any_of("auditID", "requestURI", "objectRef", "verb"),
    entities={"addresses": "sourceIPs", "users": "user.username impersonatedUser.username", "hosts": "objectRef.name"},
)
