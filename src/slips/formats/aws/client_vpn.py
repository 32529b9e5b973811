"""AWS Client VPN: connections of clients."""

from __future__ import annotations

from slips.parsing import Json, iso

CLIENT_VPN = Json(
    "client-vpn",
    "connection logs of AWS Client VPN",
    "https://docs.aws.amazon.com/vpn/latest/clientvpn-admin/connection-logging.html",
    tag="aws.client-vpn.{connection-log-type}",
    time=iso("connection-end-time", "connection-last-update-time", "connection-start-time"),
    message="{connection-log-type} {connection-attempt-status|'-'} {username|common-name|'-'} from {device-ip|'-'}",
    require="connection-log-type",
    absent="NA",
    integers="port ingress-bytes egress-bytes ingress-packets egress-packets connection-duration-seconds",
    entities={"addresses": "client-ip client-ip-v6 device-ip", "users": "username common-name"},
)
