"""The log of the Network Policy Server of Windows (NPS, once IAS), in its database-compatible notation."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Csv, iso

_PACKETS = {
    1: "Access-Request",
    2: "Access-Accept",
    3: "Access-Reject",
    4: "Accounting-Request",
    5: "Accounting-Response",
    11: "Access-Challenge",
}


def _name_packet(_meta: MetaData, event: Event) -> None:
    """Add the name of the kind of packet."""
    if name := _PACKETS.get(event.get("packet_type") or 0):
        event["packet"] = name


_OPTIONAL = """class session_timeout idle_timeout termination_action eap_friendly_name acct_status_type acct_delay_time
    acct_input_octets acct_output_octets acct_session_id acct_authentic acct_session_time acct_input_packets
    acct_output_packets acct_terminate_cause acct_multi_session_id acct_link_count acct_interim_interval tunnel_type
    tunnel_medium_type tunnel_client_endpoint tunnel_server_endpoint acct_tunnel_connection tunnel_private_group_id
    tunnel_assignment_id tunnel_preference ms_acct_auth_type ms_acct_eap_type ms_ras_version ms_ras_vendor
    ms_chap_error ms_chap_domain ms_mppe_encryption_types ms_mppe_encryption_policy proxy_policy_name provider_type
    provider_name remote_server_address ms_ras_client_name ms_ras_client_version"""

MS_NPS = Csv(
    "ms-nps",
    "Network Policy Server (NPS, IAS) of Windows: RADIUS authentication and accounting, database-compatible",
    "https://learn.microsoft.com/en-us/previous-versions/windows/it-pro/windows-server-2008-R2-and-2008/cc771748(v=ws.10)",
    columns=f"""computer_name service_name record_date record_time packet_type user_name fully_qualified_user_name
        called_station_id calling_station_id callback_number framed_ip_address nas_identifier nas_ip_address nas_port
        client_vendor client_ip_address client_friendly_name event_timestamp port_limit nas_port_type connect_info
        framed_protocol service_type authentication_type policy_name reason_code {_OPTIONAL}""",
    optional=_OPTIONAL,
    absent="",
    integers="packet_type reason_code acct_input_octets acct_output_octets acct_session_time",
    time=iso(("record_date", "record_time"), month_first=True),
    tag="microsoft.nps",
    message="{packet_type} {user_name|fully_qualified_user_name|'-'} from {client_friendly_name|client_ip_address|'-'}"
    "{': ' policy_name}{', reason ' reason_code}",
    refine=_name_packet,
    entities={
        "addresses": "framed_ip_address nas_ip_address client_ip_address",
        "users": "user_name",
        "hosts": "computer_name client_friendly_name",
    },
)
