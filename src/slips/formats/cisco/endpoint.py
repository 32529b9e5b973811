"""Events of Cisco Secure Endpoint (AMP for Endpoints), of its API or event streams."""

from __future__ import annotations

from slips.parsing import Json, all_of, moment

# Bare, or in `data` as some collectors write them; answers of the API have several in `data`, for which the chain is
# `[json-records:data, cisco-secure-endpoint]`.
SECURE_ENDPOINT = Json(
    "cisco-secure-endpoint",
    "Cisco Secure Endpoint (AMP for Endpoints): detections, quarantines, scans, policies of its connectors",
    "https://api-docs.amp.cisco.com/api_actions/details?api_action=GET+%2Fv1%2Fevents&api_host=api.apjc.amp.cisco.com"
    "&api_resource=Event&api_version=v1",
    require=all_of("event_type_id", "event_type", "id"),
    also_in="data",
    time=moment("date", "timestamp"),
    tag="cisco.secure-endpoint",
    message="{event_type}{': ' detection|file.file_name|cloud_ioc.short_description}{' on ' computer.hostname}"
    "{', ' severity}",
    entities={
        "addresses": "computer.external_ip computer.network_addresses.ip network_info.local_ip network_info.remote_ip",
        "users": "computer.user user_name",
        "hosts": "computer.hostname",
        "domains": "network_info.dirty_url",
        "hashes": "file.identity.sha256 file.identity.sha1 file.identity.md5 file.parent.identity.sha256",
    },
)
