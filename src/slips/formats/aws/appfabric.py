"""AWS AppFabric: audit logs of applications, in OCSF."""

from __future__ import annotations

from slips.parsing import Json, all_of, moment

APPFABRIC = Json(
    "appfabric",
    "audit logs of applications that AWS AppFabric normalizes to OCSF",
    "https://docs.aws.amazon.com/appfabric/latest/adminguide/ocsf-schema.html",
    tag="aws.appfabric",
    time=moment("time"),
    message=(
        "{metadata.product.name|'-'} {class_name|'event'}{': ' activity_name}"
        "{' by ' actor.user.email_addr|actor.user.name}{' ' message}"
    ),
    require=all_of("class_uid", "metadata"),
    entities={
        "addresses": "device.ip src_endpoint.ip",
        "users": "actor.user.email_addr actor.user.name user.email_addr user.name",
    },
)
