"""Audit events of Zero Networks, as its API has them."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

# What an audit type, the source of an enforcement and a role are, is a number; `details` is JSON as a text.
ZERO_NETWORKS = Json(
    "zero-networks",
    "Zero Networks audit events: rules, assets, users, settings, as its API gives them",
    "https://docs.zeronetworks.com/",
    require=all_of("auditType", any_of("performedBy", "isoTimestamp", "enforcementSource")),
    time=moment("isoTimestamp", "timestamp"),
    tag="zero-networks.audit.{auditType}",
    message="audit {auditType}{' by ' performedBy.name}{' on ' destinationEntitiesList[].name}",
    documents="details",
    entities={"users": "performedBy.name"},
)
