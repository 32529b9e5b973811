"""Logs that Netlify drains to S3 and to other services: requests, functions, edge functions, deploys, its firewall."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

NETLIFY = Json(
    "netlify",
    "Netlify log drains: traffic, functions, edge functions, deploys and its web application firewall, as JSON",
    "https://docs.netlify.com/manage/monitoring/log-drains/",
    require=all_of("log_type", "timestamp", any_of("site_id", "deploy_id", "account_id")),
    time=moment("timestamp"),
    tag="netlify.{log_type}",
    message="{level ' '}{method ' '}{url|path|message|log_type}{' ' status_code}{' of ' function_name}"
    "{' from ' client_ip}",
    entities={"addresses": "client_ip", "domains": "url"},
)
