"""Event log files of Salesforce, each row an object: logins, API calls, reports, exports."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

SALESFORCE = Json(
    "salesforce",
    "Salesforce event log files, as JSON lines, or as CSV behind the reader `csv`",
    "https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_eventlogfile_supportedeventtypes.htm",
    require=all_of("EVENT_TYPE", any_of("TIMESTAMP_DERIVED", "TIMESTAMP", "ORGANIZATION_ID", "USER_ID")),
    time=iso("TIMESTAMP_DERIVED", "TIMESTAMP"),
    tag="salesforce.{EVENT_TYPE}",
    message=(
        "{EVENT_TYPE} by {USER_NAME|DELEGATED_USER_NAME|USER_ID_DERIVED|USER_ID|'-'} from {CLIENT_IP|SOURCE_IP|'-'}"
    ),
    integers="""CPU_TIME RUN_TIME DB_TOTAL_TIME ROWS_PROCESSED ROW_COUNT REQUEST_SIZE RESPONSE_SIZE STATUS_CODE
        NUMBER_OF_RECORDS EXEC_TIME CALLOUT_TIME TIME DB_CPU_TIME DB_BLOCKS NUMBER_SOQL_QUERIES NUMBER_FIELDS""",
    entities={"addresses": "CLIENT_IP SOURCE_IP", "users": "USER_NAME DELEGATED_USER_NAME USER_ID_DERIVED"},
)
