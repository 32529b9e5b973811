"""Alerts, audit log and health of Nozomi Networks' Guardian, CMC and Vantage: as JSON of their API, and in CEF."""

from __future__ import annotations

from slips.parsing import Cef, Json, all_of, any_of, epoch, stamp

NOZOMI = Json(
    "nozomi",
    "Nozomi Networks as JSON: alerts, audit log, health of sensors, as the API of Guardian and Vantage gives them",
    "https://technicaldocs.nozominetworks.com/",
    require=any_of(
        all_of("type_id", any_of("ip_src", "id_src", "appliance_host", "risk")),
        all_of("event", any_of("controller", "browser")),
        all_of("info", any_of("appliance_host", "appliance_id", "sensor_host", "sensor_id")),
    ),
    time=epoch("time", "created_time", "record_created_at"),
    tag="nozomi.n2os.{type_id|controller|'health'}",
    message=(
        "{name|type_name|event|'health'}{' by ' username}{': ' ip_src}{':' port_src}{' => ' ip_dst}{':' port_dst}"
        "{' on ' appliance_host|sensor_host}"
    ),
    entities={
        "addresses": "ip_src ip_dst ip_address appliance_ip",
        "users": "username",
        "hosts": "appliance_host sensor_host",
        "domains": "label_src label_dst",
        "hashes": "trace_sha1",
    },
)

NOZOMI_CEF = Cef(
    "nozomi-cef",
    "Nozomi Networks events in CEF, with or without a syslog header: alerts, audit log, health",
    "https://technicaldocs.nozominetworks.com/products/n2os/topics/administration/settings/data-integration/"
    "c_n2os_admin_settings_data-integration_syslog_events-messages_alerts-2.html",
    vendors=("Nozomi Networks",),
    time=stamp("start", "datetime"),
    tag="nozomi.n2os.{deviceEventClassId|'event'}",
    message="{name}{': ' msg}{' by ' suser}{' from ' src}{' to ' dst}{' on ' dvchost}",
    integers="spt dpt",
    entities={"addresses": "src dst dvc", "users": "suser", "hosts": "dvchost"},
)
