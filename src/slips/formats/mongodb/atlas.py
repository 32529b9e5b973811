"""Events of MongoDB Atlas organizations and projects."""

from __future__ import annotations

from slips.parsing import Json, any_of, iso

MONGODB_ATLAS = Json(
    "mongodb-atlas",
    "MongoDB Atlas organization and project events",
    "https://www.mongodb.com/docs/atlas/reference/api-resources-spec/v2/#tag/Events",
    require=any_of("eventTypeName", "eventtypename"),
    time=iso("created"),
    tag="mongodb.atlas.{eventTypeName|eventtypename}",
    message="{eventTypeName|eventtypename} by {username|userId|publicKey|'-'} from {remoteAddress|remoteaddress|'-'}",
    entities={"addresses": "remoteAddress remoteaddress", "users": "username targetUsername", "hosts": "hostname"},
)
