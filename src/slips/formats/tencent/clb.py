"""Access logs of Tencent Cloud Load Balancer (CLB), as Cloud Log Service ships them to a bucket."""

from __future__ import annotations

from slips.parsing import Json, all_of, clf

TENCENT_CLB = Json(
    "tencent-clb",
    "access logs of Tencent Cloud Load Balancer (CLB) as JSON, as Cloud Log Service ships them",
    "https://www.tencentcloud.com/document/product/214/35063",
    require=all_of("stgw_request_id", "time_local"),
    tag="tencent.clb.access",
    time=clf("time_local"),
    message="{status|'request'}{' ' request|uri}{' ' http_host|server_name}{' from ' remote_addr}",
    absent="-",
    integers="""status upstream_status remote_port server_port bytes_sent request_length connection connection_requests
        proxy_host tcpinfo_rtt""",
    floats="request_time ssl_handshake_time upstream_connect_time upstream_header_time upstream_response_time",
    entities={"addresses": "remote_addr server_addr", "domains": "http_host server_name"},
)
