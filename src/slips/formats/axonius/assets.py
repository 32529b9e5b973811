"""Assets, findings, incidents and activities that Axonius collects, as its API gives them."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, stamp

AXONIUS = Json(
    "axonius",
    "Axonius assets, findings of alerts, incidents and activities of users in applications, as its API gives them",
    "https://docs.axonius.com/docs/axonius-rest-api",
    require=all_of("internal_axon_id", any_of("adapters", "asset_type", "event.data")),
    time=stamp(
        "event.data.trigger_date",
        "event.data.action.timestamp",
        "event.data.alert_state.alert_last_seen",
        "event.data.last_seen",
        "event.accurate_for_datetime",
        "event.data.accurate_for_datetime",
        "event.data.fetch_time",
    ),
    tag="axonius.{asset_type|event.data.type|'asset'}",
    message="{asset_type|event.data.type|'asset'}"
    "{' ' event.data.finding_severity|event.data.alert_state.alert_severity}"
    "{' ' event.data.status|event.data.alert_state.alert_status}"
    "{' ' event.data.finding_name|event.data.alert_type|event.data.action.name|event.data.hostname|event.data.name"
    "|event.data.username|internal_axon_id}{' by ' event.data.actor.username}{' of ' event.plugin_name}",
    integers="event.data.alert_state.alert_score",
    entities={
        "addresses": "event.data.actor_state.remote_ip event.data.network_interfaces.ips",
        "users": "event.data.actor.username event.data.username",
        "hosts": "event.data.hostname",
    },
)
