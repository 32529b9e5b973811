"""Events of LastPass Business, as its reporting API has them.

Their times have no zone: LastPass writes all of them in US/Eastern.
`timezone: America/New_York` of the mapping says so.
"""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

LASTPASS = Json(
    "lastpass",
    "LastPass Business events of the reporting API: sign-ins, sites, folders; set 'timezone: America/New_York'",
    "https://support.lastpass.com/help/event-reporting-via-lastpass-api",
    require=all_of("Time", "Action", any_of("Username", "IP_Address")),
    time=iso("Time"),
    tag="lastpass.event",
    message="{Action|'event'}{' by ' Username}{' from ' IP_Address}{': ' Data}",
    entities={"addresses": "IP_Address", "users": "Username"},
)
