"""Events of Cato Networks: firewalls, threat prevention, connectivity, sign-ins, administration."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

# Values are texts, those of numbers, too; events may be bare, or in `fieldsMap`, as the API has them.
CATO = Json(
    "cato",
    "Cato Networks events, written to S3 or of the API: firewall, IPS, anti-malware, connectivity, audit",
    "https://support.catonetworks.com/hc/en-us/articles/5131416221085-Explaining-the-Event-Fields",
    require=any_of(
        all_of("event_type", any_of("event_sub_type", "internalId", "src_site")),
        all_of("fieldsMap.event_type", any_of("fieldsMap.event_sub_type", "fieldsMap.internalId")),
    ),
    also_in="fieldsMap",
    time=moment("time", "event_timestamp", "time_str"),
    tag="cato.{event_type}",
    message=(
        "{event_sub_type|event_type}{' ' action}{' ' user_name|vpn_user_email|src_site}{' ' src_ip}"
        "{' => ' domain_name|dest_ip}{' by ' rule_name|rule|signature_id}"
    ),
    integers="time src_port dest_port event_count",
    entities={
        "addresses": """src_ip dest_ip src_isp_ip fieldsMap.src_ip fieldsMap.dest_ip fieldsMap.src_isp_ip
            host_ip client_ip""",
        "users": "vpn_user_email user_name ad_name fieldsMap.vpn_user_email fieldsMap.user_name",
        "hosts": "device_name host_name fieldsMap.device_name",
        "domains": "domain_name fieldsMap.domain_name",
        "hashes": "file_hash fieldsMap.file_hash",
    },
)
