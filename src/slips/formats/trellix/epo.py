"""Threat events of Trellix (McAfee) ePO, of its API for events."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

TRELLIX_EPO = Json(
    "trellix-epo",
    "Trellix (McAfee) ePO SaaS threat events: detections, blocked actions, updates",
    "https://developer.manage.trellix.com/mvision/apis/v2-events",
    require=all_of(
        "threateventid", any_of("analyzer", "analyzername"), any_of("detectedutc", "timestamp", "receivedutc")
    ),
    also_in="attributes",
    time=moment("detectedutc", "timestamp", "receivedutc"),
    tag="trellix.epo.{threatcategory|'event'}",
    message=(
        "{threattype|threatcategory|'-'} {threatname|'-'} on {analyzerhostname|targethostname|'-'}: "
        "{threatactiontaken|'-'}"
    ),
    absent="None",
    integers="threatseverity targetport detectedutc receivedutc",
    booleans="threathandled",
    entities={
        "addresses": "analyzeripv4 sourceipv4 targetipv4",
        "users": "targetusername sourceusername",
        "hosts": "analyzerhostname targethostname sourcehostname",
        "hashes": "targethash sourceprocesshash",
    },
)
