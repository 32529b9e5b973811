"""Events, alerts and incidents of Fortra's Digital Guardian, which its Analytics & Reporting Cloud (ARC) exports."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, stamp

DIGITAL_GUARDIAN = Json(
    "digital-guardian",
    "Fortra Digital Guardian: events, alerts and incidents of data loss, as ARC exports them",
    "https://github.com/elastic/integrations/blob/main/packages/digital_guardian/docs/README.md",
    require=all_of("dg_guid", any_of("dg_utype", "dg_time", "inc_id", "dg_tenant")),
    time=stamp("dg_time", "dg_processed_time", "inc_mtime"),
    tag="fortra.digital_guardian.{dg_utype|'event'}",
    message="{dg_utype|'event'}{' ' inc_id}{' ' inc_sev}{' ' inc_state}{': ' dg_name|dg_alert.dg_name|dg_display}"
    "{' at ' dg_machine_name}{' on ' dg_file_path|dg_src_file_name}{' to ' inc_assign}",
    absent="-",
    integers="dg_machine_type dg_processed_time ua_sci dg_file_size_bytes dg_attachments.dg_file_size_bytes",
    entities={"users": "inc_creator inc_assign", "hosts": "dg_machine_name"},
)
