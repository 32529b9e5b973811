"""Salesforce: event log files, each row an object, events of its streams, and rows of objects such as LoginHistory."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

SALESFORCE = Json(
    "salesforce",
    "Salesforce event log files, as JSON lines, or as CSV behind the reader `csv`; streamed events, setup audit trail",
    "https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_eventlogfile_supportedeventtypes.htm",
    require=any_of(
        all_of("EVENT_TYPE", any_of("TIMESTAMP_DERIVED", "TIMESTAMP", "ORGANIZATION_ID", "USER_ID")),
        all_of("EventIdentifier", "EventDate"),
        all_of("attributes.type", any_of("EventDate", "LoginTime", "CreatedDate")),
    ),
    time=iso("TIMESTAMP_DERIVED", "TIMESTAMP", "EventDate", "LoginTime", "CreatedDate"),
    tag="salesforce.{EVENT_TYPE|attributes.type|'event'}",
    message=(
        "{EVENT_TYPE|Action|attributes.type|'event'} by "
        "{USER_NAME|DELEGATED_USER_NAME|USER_ID_DERIVED|USER_ID|Username|UserId|CreatedById|'-'} "
        "from {CLIENT_IP|SOURCE_IP|SourceIp|'-'}"
    ),
    integers="""CPU_TIME RUN_TIME DB_TOTAL_TIME ROWS_PROCESSED ROW_COUNT REQUEST_SIZE RESPONSE_SIZE STATUS_CODE
        NUMBER_OF_RECORDS EXEC_TIME CALLOUT_TIME TIME DB_CPU_TIME DB_BLOCKS NUMBER_SOQL_QUERIES NUMBER_FIELDS""",
    booleans="""SUCCESS IS_SUCCESS IS_SCHEDULED IS_NEW IS_MOBILE IS_FIRST_REQUEST IS_AJAX_REQUEST
        IS_LONG_RUNNING_REQUEST COUNTS_AGAINST_API_LIMIT""",
    boolean_words="1/0",
    entities={
        "addresses": "CLIENT_IP SOURCE_IP SourceIp",
        "users": "USER_NAME DELEGATED_USER_NAME USER_ID_DERIVED Username",
    },
)
