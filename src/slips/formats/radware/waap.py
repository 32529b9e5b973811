"""Logs of Radware Cloud WAAP, which it writes to a bucket: accesses, and what its web application firewall found."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, stamp

# The names of the two logs differ; the Radware Logging Agent writes both with names of one kind.
RADWARE_WAAP = Json(
    "radware-waap",
    "Radware Cloud WAAP logs as JSON, as it writes them or its Logging Agent makes them: accesses, security events",
    "https://github.com/Radware/Radware-Logging-Agent",
    require=any_of(
        all_of("action", "application_name", "tenant_name"),
        all_of("action", "applicationName", any_of("violationType", "targetModule", "webApp", "tenantName")),
    ),
    time=stamp("receivedTimeStamp", "time"),
    tag="radware.waap.{logType|'log'}",
    message="{action}{' ' http_method|httpMethod|method}{' ' host}{directory|''}{' ' response_code|responseCode}"
    "{' from ' source_ip|sourceIp|externalIp}{': ' title|name|violationType}",
    absent="-",
    integers="""destination_port source_port http_bytes_in http_bytes_out response_code destinationPort sourcePort
        httpBytesIn httpBytesOut responseCode receivedTimeStamp""",
    floats="request_time requestTime",
    entities={
        "addresses": "source_ip sourceIp externalIp destination_ip destinationIp",
        "users": "user",
        "domains": "host vhost",
    },
)
