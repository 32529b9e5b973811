"""Operation logs of Zoom administrators, and sign-ins and sign-outs of its users."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

ZOOM = Json(
    "zoom",
    "Zoom operation logs, and sign-in and sign-out activity",
    "https://developers.zoom.us/docs/api/rest/reference/zoom-api/methods/#operation/reportOperationLogs",
    require=any_of(all_of("operator", "action"), all_of("email", "type")),
    time=iso("time"),
    tag="zoom.{category_type|type|'operation'}",
    message="{operation_detail|action|type} by {operator|email}",
    entities={"addresses": "ip_address", "users": "operator email"},
)
