"""Events of CyberArk Endpoint Privilege Manager, and the audit of its administrators, as its API has them."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

# An aggregated event counts those of a file, a user or a policy, and has no computer.
CYBERARK_EPM = Json(
    "cyberark-epm",
    "CyberArk Endpoint Privilege Manager: events of endpoints, raw and aggregated, and the audit of administrators",
    "https://docs.cyberark.com/epm/latest/en/content/webservices/webservicesintro.htm",
    require=any_of(
        all_of("Administrator", "EventTime", any_of("Feature", "Description")),
        all_of("eventType", "lastEventDate", any_of("agentId", "computerName", "aggregatedBy", "affectedComputers")),
    ),
    time=iso("EventTime", "lastEventDate"),
    tag="cyberark.epm.{eventType|'admin'}",
    message="{Description|eventType}{': ' fileName|displayName}{' on ' computerName}{' by ' Administrator|userName}"
    "{' from ' LoggedFrom}",
    booleans="accessAction",
    entities={
        "addresses": "LoggedFrom sourceWSIp",
        "users": "Administrator userName runAsUsername",
        "hosts": "computerName sourceWSName",
        "hashes": "hash sourceProcessHash",
    },
)
