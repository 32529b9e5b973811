"""Events of Symantec Endpoint Security and of other products in the schema of Symantec's cyber defense manager."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

SYMANTEC = Json(
    "symantec",
    "Symantec Endpoint Security events: detections, firewall, processes, policies, audit; in its ICDM schema",
    "https://apidocs.securitycloud.symantec.com/",
    require=all_of(
        "type_id", any_of("product_uid", "product_name", "feature_uid", "customer_uid"), any_of("time", "device_time")
    ),
    time=moment("time", "device_time", "log_time"),
    tag="symantec.{type_id}",
    message=(
        "{type|type_id} {feature_name|product_name|'-'} on {device_name|'-'} by {user_name|'-'}: "
        "{message|threat.name|rule_name|'-'}"
    ),
    entities={
        "addresses": "device_ip device_public_ip connection.src_ip connection.dst_ip device_networks.ipv4",
        "users": "user_name actor.user.name session.user.name",
        "hosts": "device_name",
        "domains": "connection.url.host url.host",
        "hashes": "file.sha2 file.md5 actor.file.sha2 actor.file.md5 process.file.sha2",
    },
)
