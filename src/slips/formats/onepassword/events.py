"""Events of the 1Password Events API: sign-in attempts, item usage, audit events."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

ONEPASSWORD = Json(
    "onepassword",
    "1Password sign-in attempts, item usages and audit events",
    "https://developer.1password.com/docs/events-api/reference/",
    require=all_of("uuid", any_of("target_user", "item_uuid", "vault_uuid", "actor_uuid")),
    time=iso("timestamp"),
    tag="onepassword.{category|action|'item_usage'}",
    message=(
        "{type|action|'item usage'} {target_user.email|user.email|actor_details.email|actor_uuid|'-'} from "
        "{client.ip_address|session.ip|'-'}"
    ),
    entities={
        "addresses": "client.ip_address session.ip location.ip",
        "users": "target_user.email user.email actor_details.email object_details.email",
    },
)
