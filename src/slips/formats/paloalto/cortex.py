"""Incidents and alerts of Palo Alto Networks Cortex XDR, as its API has them, and its endpoints' events."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, epoch, moment

CORTEX_XDR = Json(
    "cortex-xdr",
    "Palo Alto Networks Cortex XDR incidents and alerts, of its API",
    "https://docs-cortex.paloaltonetworks.com/r/Cortex-XDR/Cortex-XDR-API-Reference/Get-Alerts-Multi-Events-v2",
    require=any_of(
        all_of("incident_id", "creation_time", any_of("alert_count", "incident_sources", "xdr_url")),
        all_of("detection_timestamp", any_of("alert_id", "external_id"), any_of("severity", "category", "action")),
    ),
    time=epoch("detection_timestamp", "modification_time", "creation_time", unit="ms"),
    tag="paloalto.cortex-xdr.{category|'incident'}",
    message="{severity|'-'} {name|description|'incident'}{' ' action_pretty|status}{' on ' host_name|hosts}"
    "{' by ' user_name|users}",
    entities={
        "addresses": "host_ip action_local_ip action_remote_ip events.action_local_ip events.action_remote_ip",
        "users": "user_name users events.user_name",
        "hosts": "host_name",
        "domains": "dns_query_name action_external_hostname events.dns_query_name events.action_external_hostname",
        "hashes": "actor_process_image_sha256 action_file_sha256 events.actor_process_image_sha256 "
        "events.action_file_sha256",
    },
)

# What Event Forwarding exports has numbers for types of events, and what the API shows has words. Which of the fields a
# record has depends on its type.
CORTEX_XDR_EVENT = Json(
    "cortex-xdr-event",
    "Palo Alto Networks Cortex XDR and XSIAM events of endpoints, of Event Forwarding: processes, files, network",
    "https://docs-cortex.paloaltonetworks.com/r/Cortex-XSIAM/Cortex-XSIAM-Documentation/"
    "Endpoints-Event-Forwarding-included/excluded-fields-by-event-type",
    require=all_of(
        "event_timestamp",
        "event_type",
        any_of("agent_id", "agent_hostname", "os_actor_process_instance_id", "actor_process_instance_id"),
    ),
    time=moment("event_timestamp"),
    tag="paloalto.cortex-xdr.event.{event_type}",
    message="event {event_type}{' on ' agent_hostname|host_metadata_hostname}"
    "{' of ' os_actor_process_image_name|actor_process_image_name}"
    "{': ' action_process_image_command_line|action_file_path|action_module_path|action_registry_key_name}"
    "{' to ' action_remote_ip|action_external_hostname}{' by ' action_username|os_actor_primary_username|user_name}",
    entities={
        "addresses": """action_local_ip action_remote_ip agent_ip_addresses agent_ip_addresses_v6 os_actor_local_ip
            os_actor_remote_ip""",
        "users": """action_username action_process_username os_actor_primary_username actor_primary_username
            user_name""",
        "hosts": "agent_hostname host_metadata_hostname",
        "domains": "action_external_hostname dns_query_name host_metadata_domain",
        "hashes": """action_process_image_md5 action_process_image_sha256 action_file_md5 action_file_sha256
            action_module_md5 action_module_sha256 os_actor_process_image_md5 os_actor_process_image_sha256
            actor_process_image_md5 actor_process_image_sha256""",
    },
)
