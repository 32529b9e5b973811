"""Amazon VPC Lattice: access logs."""

from __future__ import annotations

from slips.parsing import Json, any_of, iso

VPC_LATTICE = Json(
    "vpc-lattice",
    "access logs of Amazon VPC Lattice services and resources",
    "https://docs.aws.amazon.com/vpc-lattice/latest/ug/monitoring-access-logs.html",
    tag="aws.vpc-lattice",
    time=iso("startTime", "eventTimestamp"),
    message=(
        "{responseCode|'request'}{' ' requestMethod|protocol}"
        "{' ' hostHeader|serverNameIndication|resourceIpPort}{requestPath|''}{' from ' sourceIpPort}"
    ),
    require=any_of("serviceNetworkArn", "serviceArn", "resourceConfigurationArn"),
    absent=("-", "null"),
    integers="""responseCode grpcResponseCode bytesReceived bytesSent duration requestToTargetDuration
        responseFromTargetDuration""",
    entities={
        "addresses": "sourceIpPort targetIpPort destinationIpPort gatewayIpPort resourceIpPort",
        "users": "callerPrincipal resolvedUser",
        "domains": "hostHeader serverNameIndication",
    },
)
