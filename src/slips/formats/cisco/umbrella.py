"""Logs of Cisco Umbrella and Secure Access in S3, as CSV with a header or none."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Csv, iso
from slips.parsing.conversions import convert_fields

_REFERENCE = "https://docs.umbrella.com/umbrella-user-guide/docs/"

# From version 11 on, a log may begin with the names of its columns, which are for people.
_HEADINGS = "timestamp time date"
_PROTOCOL = frozenset(["ip_protocol"])
_COUNTS = frozenset(["step_up_auth_token_life", "source_process_id"])


def _read_protocol(_meta: MetaData, event: Event) -> None:
    """Convert the protocol, a number or a name such as `TCP`."""
    convert_fields(event, _PROTOCOL)


def _read_counts(_meta: MetaData, event: Event) -> None:
    """Convert numbers for which the documentation has an example alone."""
    convert_fields(event, _COUNTS)


UMBRELLA = Csv(
    "umbrella",
    "Cisco Umbrella DNS logs, of any version",
    f"{_REFERENCE}dns-log-formats",
    chain=("s3-lines", "umbrella"),
    columns="""timestamp most_granular_identity identities internal_ip external_ip action query_type response_code
        domain categories most_granular_identity_type identity_types blocked_categories rule_id destination_countries
        organization_id""",
    optional="""most_granular_identity_type identity_types blocked_categories rule_id destination_countries
        organization_id""",
    absent="",
    padded=True,
    headings=_HEADINGS,
    time=iso("timestamp"),
    tag="cisco.umbrella.dns",
    message="{action} {query_type} {domain} by {most_granular_identity|'-'} from {internal_ip|external_ip|'-'}",
    entities={"addresses": "internal_ip external_ip", "domains": "domain"},
)

UMBRELLA_PROXY = Csv(
    "umbrella-proxy",
    "Cisco Umbrella proxy logs, of any version",
    f"{_REFERENCE}web-log-formats",
    chain=("s3-lines", "umbrella-proxy"),
    columns="""timestamp identities internal_client_ip external_client_ip destination_ip content_type verdict url
        referer user_agent status_code request_size response_size response_body_size sha categories av_detections puas
        amp_disposition amp_malware_name amp_score identity_type blocked_categories identities_all identity_types
        request_method dlp_status certificate_errors file_name ruleset_id rule_id destination_list_ids isolate_action
        file_action warn_status forwarding_method producer msp_organization_id
        geo_location_of_blocked_destination_countries application_ids hostname
        data_center egress server_name time_based_rule security_overridden detected_response_file_type warn_categories
        organization_id application_entity_name application_entity_category egress_ip ai_model_name
        ai_supply_chain_categories event_correlation_id""",
    optional="""identity_type blocked_categories identities_all identity_types request_method dlp_status
        certificate_errors file_name ruleset_id rule_id destination_list_ids isolate_action file_action warn_status
        forwarding_method producer msp_organization_id
        geo_location_of_blocked_destination_countries application_ids hostname
        data_center egress server_name time_based_rule security_overridden detected_response_file_type warn_categories
        organization_id application_entity_name application_entity_category egress_ip ai_model_name
        ai_supply_chain_categories event_correlation_id""",
    absent="",
    padded=True,
    headings=_HEADINGS,
    time=iso("timestamp"),
    tag="cisco.umbrella.proxy",
    message="{verdict} {status_code|'-'} {url|'-'} by {identities|'-'} from {internal_client_ip|'-'}",
    integers="status_code request_size response_size response_body_size",
    booleans="egress time_based_rule security_overridden",
    entities={"addresses": "internal_client_ip external_client_ip destination_ip egress_ip", "hashes": "sha"},
)

UMBRELLA_FIREWALL = Csv(
    "umbrella-firewall",
    "Cisco Umbrella cloud firewall logs, of any version",
    f"{_REFERENCE}cloud-firewall-log-formats",
    chain=("s3-lines", "umbrella-firewall"),
    columns="""timestamp origin_ids identity identity_type direction ip_protocol packet_size source_ip source_port
        destination_ip destination_port data_center rule_id verdict fqdns destination_list_ids first_packet_time
        last_packet_time packets_sent packets_received bytes_sent bytes_received firewall_event_id destination_country
        aws_region app_id private_app_group_id private_flow posture_id casi_category_ids traffic_source
        content_category_ids content_category_list_ids organization_id egress_ip egress event_correlation_id
        destination_sgt_origin_id block_reason""",
    optional="""fqdns destination_list_ids first_packet_time last_packet_time
        packets_sent packets_received bytes_sent bytes_received firewall_event_id destination_country aws_region app_id
        private_app_group_id private_flow posture_id casi_category_ids traffic_source content_category_ids
        content_category_list_ids organization_id egress_ip egress event_correlation_id destination_sgt_origin_id
        block_reason""",
    absent="",
    padded=True,
    headings=_HEADINGS,
    time=iso("timestamp"),
    tag="cisco.umbrella.firewall",
    message="{verdict|'-'} {source_ip|'-'}:{source_port|'-'} => {destination_ip|'-'}:{destination_port|'-'} "
    "by {identity|'-'}",
    integers="""packet_size source_port destination_port rule_id first_packet_time last_packet_time packets_sent
        packets_received bytes_sent bytes_received""",
    booleans="private_flow egress",
    refine=_read_protocol,
    entities={"addresses": "source_ip destination_ip egress_ip"},
)

UMBRELLA_AUDIT = Csv(
    "umbrella-audit",
    "Cisco Umbrella admin audit logs",
    "https://docs.umbrella.com/deployment-umbrella/docs/admin-audit-log-formats",
    chain=("s3-lines", "umbrella-audit"),
    columns="id timestamp email user type action logged_in_from before after",
    absent=("", "null"),
    padded=True,
    headings="id",
    time=iso("timestamp"),
    tag="cisco.umbrella.audit",
    message="{action|'-'} {type|'-'} by {email|user|'-'} from {logged_in_from|'-'}",
    entities={"addresses": "logged_in_from", "users": "email user"},
)

UMBRELLA_INTRUSION = Csv(
    "umbrella-intrusion",
    "Cisco Umbrella intrusion prevention (IPS) logs",
    "https://docs.umbrella.com/umbrella-user-guide/docs/ips-log-formats",
    chain=("s3-lines", "umbrella-intrusion"),
    columns="""timestamp identities identity_types generator_id signature_id signature_message signature_list_id
        severity attack_classification cves ip_protocol session_id source_ip source_port destination_ip destination_port
        action operation_mode policy_resource_id direction firewall_rule_id ips_config_type aws_region
        application_id casi_category_ids data_center organization_id egress_ip egress enforced_by ftd_enforcement_id
        ftd_enforcement_name event_correlation_id""",
    optional="""operation_mode policy_resource_id direction firewall_rule_id ips_config_type aws_region application_id
        casi_category_ids data_center organization_id egress_ip egress enforced_by ftd_enforcement_id
        ftd_enforcement_name event_correlation_id""",
    absent="",
    padded=True,
    headings=_HEADINGS,
    time=iso("timestamp"),
    tag="cisco.umbrella.intrusion",
    message="{action|'-'} {severity|'-'} {signature_message|'-'} {source_ip|'-'}:{source_port|'-'} => "
    "{destination_ip|'-'}:{destination_port|'-'}",
    integers="generator_id signature_id signature_list_id session_id source_port destination_port",
    booleans="egress",
    entities={"addresses": "source_ip destination_ip egress_ip"},
)

UMBRELLA_IP = Csv(
    "umbrella-ip",
    "Cisco Umbrella IP layer enforcement logs",
    "https://docs.umbrella.com/umbrella-user-guide/docs/log-format-and-versioning",
    chain=("s3-lines", "umbrella-ip"),
    columns="timestamp identity source_ip source_port destination_ip destination_port categories",
    absent="",
    padded=True,
    headings=_HEADINGS,
    time=iso("timestamp"),
    tag="cisco.umbrella.ip",
    message="{categories|'-'} {source_ip|'-'}:{source_port|'-'} => {destination_ip|'-'}:{destination_port|'-'} "
    "by {identity|'-'}",
    integers="source_port destination_port",
    entities={"addresses": "source_ip destination_ip"},
)

UMBRELLA_DLP = Csv(
    "umbrella-dlp",
    "Cisco Umbrella data loss prevention (DLP) logs, of any version",
    "https://docs.sse.cisco.com/sse-user-guide/docs/dlp-log-formats",
    chain=("s3-lines", "umbrella-dlp"),
    columns="""timestamp event_type unique_event_id severity identity owner name application destination action rule
        data_classification data_identifier content_type file_size sha256 file_label application_category_name
        traffic_direction private_resource_name private_resource_group_name destination_protocol destination_ip
        destination_port organization_id""",
    optional="""file_label application_category_name traffic_direction private_resource_name
        private_resource_group_name destination_protocol destination_ip destination_port organization_id""",
    absent="",
    padded=True,
    headings=_HEADINGS,
    time=iso("timestamp"),
    tag="cisco.umbrella.dlp",
    message="{action|'-'} {severity|'-'} {name|'-'} to {application|destination|'-'} by {identity|owner|'-'}: "
    "{rule|'-'}",
    integers="file_size destination_port",
    entities={"addresses": "destination_ip", "users": "owner", "hashes": "sha256"},
)

_ACCESS = """hostname verdict client_os client_browser client_geo_location client_ip ruleset_id rule_id
    private_app_group_id private_app_id private_resource_id private_resource_group_id step_up_auth_type
    step_up_auth_result step_up_auth_token_life posture_id requested_id_fqdn resolved_ip app_connector_group_id
    headend_type duo_device_id duo_device_id_string system_password client_firewall disk_encryption
    anti_malware_agents"""
_ACCESS_10 = """transaction_id block_reason application_port application_protocol tunnel_type secure_client_version
    possible_match_ruleset_id possible_match_rule_id possible_match_posture source_process_id source_process_name
    source_process_hash source_process_user_name organization_id ad_joined_id"""
_ACCESS_12 = """enforced_by ftd_enforcement_id ftd_enforcement_name mdm_source mdm_device_id mdm_is_managed
    mdm_is_compliant mdm_last_updated"""
_IDENTITY = "timestamp identity_email identity_labels identity_type_labels"

# The first logs of version 9 have no column with the email.
SECURE_ACCESS_ZTA = Csv(
    "secure-access-zta",
    "Cisco Secure Access Zero Trust Access (ZTNA) logs, of any version",
    "https://docs.sse.cisco.com/sse-user-guide/docs/ztna-log-formats",
    chain=("s3-lines", "secure-access-zta"),
    columns=f"{_IDENTITY} {_ACCESS} {_ACCESS_10} {_ACCESS_12}",
    others=(
        f"{_IDENTITY} {_ACCESS} {_ACCESS_10}",
        f"{_IDENTITY} {_ACCESS}",
        f"timestamp identity_labels identity_type_labels {_ACCESS}",
    ),
    absent=("", "[]"),
    padded=True,
    headings=_HEADINGS,
    time=iso("timestamp"),
    tag="cisco.secure-access.zta",
    message=(
        "{verdict|'access'}{' ' requested_id_fqdn|resolved_ip}{' by ' identity_email|identity_labels}"
        "{' from ' client_ip}{' ' block_reason}"
    ),
    integers="application_port",
    booleans="mdm_is_managed mdm_is_compliant",
    refine=_read_counts,
    entities={
        "addresses": "client_ip resolved_ip",
        "users": "identity_email source_process_user_name",
        "hosts": "hostname",
        "domains": "requested_id_fqdn",
        "hashes": "source_process_hash",
    },
)

SECURE_ACCESS_ZTA_FLOW = Csv(
    "secure-access-zta-flow",
    "Cisco Secure Access Zero Trust Access flow logs: connections after the sign-in, their bytes and failures",
    "https://docs.sse.cisco.com/sse-user-guide/docs/zero-trust-access-flow-log-formats",
    chain=("s3-lines", "secure-access-zta-flow"),
    columns="""timestamp identity_email identity_labels identity_type_labels organization_id msp_organization_id
        hostname transaction_id private_resource_id private_resource_group_id app_connector_id app_connector_group_id
        ruleset_id rule_id connection_status connection_failure_reason headend_type event_type rxbytes txbytes egress_ip
        egress_port nt_group_id zta_source_port enforced_by ftd_enforcement_id ftd_enforcement_name""",
    optional="enforced_by ftd_enforcement_id ftd_enforcement_name",
    absent="",
    padded=True,
    headings=_HEADINGS,
    time=iso("timestamp"),
    tag="cisco.secure-access.zta-flow",
    message=(
        "{event_type|'flow'}{' ' connection_status}{' ' hostname}{' by ' identity_email|identity_labels}"
        "{' ' connection_failure_reason}"
    ),
    integers="rxbytes txbytes egress_port zta_source_port",
    entities={"addresses": "egress_ip", "users": "identity_email", "hosts": "hostname"},
)

SECURE_ACCESS_ZTA_ENROLLMENT = Csv(
    "secure-access-zta-enrollment",
    "Cisco Secure Access Zero Trust Access enrollment logs: devices that were enrolled and removed",
    "https://docs.sse.cisco.com/sse-user-guide/docs/zero-trust-access-enrollment-log-format",
    chain=("s3-lines", "secure-access-zta-enrollment"),
    columns="""timestamp identity_email identity_labels identity_type_labels organization_id msp_organization_id
        enrollment_id event_type enrollment_method event_detail os_version zta_client_version event_status device_id
        public_ip""",
    absent="",
    padded=True,
    headings=_HEADINGS,
    time=iso("timestamp"),
    tag="cisco.secure-access.zta-enrollment",
    message=(
        "{event_type|'enrollment'}{' ' event_status}{' ' identity_email|identity_labels}{' from ' public_ip}"
        "{': ' event_detail}"
    ),
    entities={"addresses": "public_ip", "users": "identity_email"},
)

SECURE_ACCESS_VPN = Csv(
    "secure-access-vpn",
    "Cisco Secure Access remote access VPN logs, of any version: users who connected, disconnected or failed to",
    "https://docs.sse.cisco.com/sse-user-guide/docs/log-formats-and-versioning",
    chain=("s3-lines", "secure-access-vpn"),
    columns="""timestamp hostname aws_region event_type origin_ids origin_type user_id organization_id retention_days
        storage_location msp_organization_id session_id session_type vpn_profile public_ip assigned_ip connected_at
        disconnection_reason os_version anyconnect_version asa_syslog_id device_id machine_id public_ipv6 assigned_ipv6
        security_group_tag dap_record_name dap_connection_type failed_reasons log_message asa_syslog_severity
        asa_syslog_class asa_syslog_description""",
    optional="""asa_syslog_id device_id machine_id public_ipv6 assigned_ipv6 security_group_tag dap_record_name
        dap_connection_type failed_reasons log_message asa_syslog_severity asa_syslog_class asa_syslog_description""",
    absent=("", "n/a", "[]"),
    padded=True,
    headings=_HEADINGS,
    time=iso("timestamp"),
    tag="cisco.secure-access.vpn",
    message=(
        "{event_type|'session'}{' ' session_type} of {user_id|'a user'}{' from ' public_ip|public_ipv6}"
        "{' as ' assigned_ip|assigned_ipv6}{': ' failed_reasons|disconnection_reason|log_message}"
    ),
    integers="origin_type retention_days asa_syslog_severity",
    entities={
        "addresses": "public_ip assigned_ip public_ipv6 assigned_ipv6",
        "users": "user_id",
        "hosts": "hostname",
    },
)

SECURE_ACCESS_FILE = Csv(
    "secure-access-file",
    "Cisco Secure Access file event logs, of any version: files that its firewall saw, and its verdict on malware",
    "https://docs.sse.cisco.com/sse-user-guide/docs/log-formats-and-versioning",
    chain=("s3-lines", "secure-access-file"),
    columns="""timestamp organization_id retention_policy aws_region firewall_event_id file_action disposition sha256
        direction threat_name file_static_analysis threat_score file_type_id file_name file_size archive_file_name
        archive_depth archive_sha dlp_status enforced_by ftd_enforcement_id ftd_enforcement_name""",
    optional="enforced_by ftd_enforcement_id ftd_enforcement_name",
    absent="",
    padded=True,
    headings=_HEADINGS,
    time=iso("timestamp"),
    tag="cisco.secure-access.file",
    message="{file_action|'file'}{' ' disposition}{' ' direction}: {file_name|sha256|'-'}{' ' threat_name}",
    integers="threat_score file_size archive_depth",
    entities={"hashes": "sha256 archive_sha"},
)
