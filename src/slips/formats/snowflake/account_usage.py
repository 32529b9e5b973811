"""Views of Snowflake's account usage, unloaded as JSON lines: logins, queries, sessions, grants."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

SNOWFLAKE = Json(
    "snowflake",
    "Snowflake login history, query history and other views of the account usage",
    "https://docs.snowflake.com/en/sql-reference/account-usage/login_history",
    require=any_of(
        all_of("EVENT_TYPE", any_of("EVENT_ID", "USER_NAME", "EVENT_TIMESTAMP", "CLIENT_IP")),
        all_of("QUERY_TYPE", any_of("QUERY_ID", "QUERY_TEXT", "USER_NAME", "EXECUTION_STATUS")),
        all_of("SESSION_ID", any_of("LOGIN_EVENT_ID", "AUTHENTICATION_METHOD")),
        all_of("CREATED_ON", any_of("GRANTEE_NAME", "PRIVILEGE", "GRANTED_BY")),
    ),
    time=iso("EVENT_TIMESTAMP", "START_TIME", "CREATED_ON", "QUERY_START_TIME"),
    tag="snowflake.{EVENT_TYPE|QUERY_TYPE|'account_usage'}",
    message=(
        "{EVENT_TYPE|QUERY_TYPE|PRIVILEGE|'-'}{' ' EXECUTION_STATUS}{' success ' IS_SUCCESS}"
        "{' by ' USER_NAME|GRANTED_BY}{': ' ERROR_MESSAGE|QUERY_TEXT}"
    ),
    integers="""BYTES_SCANNED BYTES_WRITTEN BYTES_DELETED ROWS_PRODUCED ROWS_INSERTED ROWS_UPDATED ROWS_DELETED
        TOTAL_ELAPSED_TIME COMPILATION_TIME EXECUTION_TIME""",
    booleans="IS_SUCCESS",
    boolean_words="yes/no",
    entities={"addresses": "CLIENT_IP", "users": "USER_NAME GRANTEE_NAME GRANTED_BY"},
)
