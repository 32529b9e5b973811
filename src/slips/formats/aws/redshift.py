"""Amazon Redshift: audit logs of connections, of users and of what these do."""

from __future__ import annotations

from slips.parsing import Columns, Regex, iso, written

_REFERENCE = "https://docs.aws.amazon.com/redshift/latest/mgmt/db-auditing.html"

# Fields are padded with blanks; times are written as `Thu, 2 Jul 2026 22:23:00:123`.
_TIME = written("%a, %d %b %Y %H:%M:%S:%f", "recordtime")

REDSHIFT_CONNECTION = Columns(
    "redshift-audit-connection",
    "connection logs of Amazon Redshift: who connected, how, and who failed to",
    _REFERENCE,
    tag="aws.redshift.connection",
    time=_TIME,
    message="{event} {username|'-'} at {dbname|'-'} from {remotehost|'-'}",
    columns="""event recordtime remotehost remoteport pid dbname username authmethod duration sslversion sslcipher mtu
        sslcompression sslexpansion iamauthguid application_name os_version driver_version plugin_name
        protocol_version sessionid compression""",
    optional="""iamauthguid application_name os_version driver_version plugin_name protocol_version sessionid
        compression""",
    separator="|",
    padded=True,
    absent="",
    integers="remoteport pid duration mtu protocol_version",
    entities={"addresses": "remotehost", "users": "username"},
)

REDSHIFT_USER = Columns(
    "redshift-audit-user",
    "user logs of Amazon Redshift: users that were created, altered and dropped",
    _REFERENCE,
    tag="aws.redshift.user",
    time=_TIME,
    message="{action} {username|'-'}",
    columns="userid username oldusername action usecreatedb usesuper usecatupd valuntil pid xid recordtime",
    separator="|",
    padded=True,
    absent="",
    integers="userid usecreatedb usesuper usecatupd pid xid",
    entities={"users": "username oldusername"},
)

# A query may have several lines.
REDSHIFT_ACTIVITY = Regex(
    "redshift-audit-activity",
    "user activity logs of Amazon Redshift: each query before it runs",
    _REFERENCE,
    chain=({"multiline": {"start": r"'\d{4}-\d\d-\d\dT"}}, "redshift-audit-activity"),
    tag="aws.redshift.activity",
    time=iso("recordtime"),
    message="{user|'-'} at {db|'-'}: {query|'-'}",
    pattern=r"'(?P<recordtime>\S++) UTC \[ db=(?P<db>\S*+) user=(?P<user>\S*+) pid=(?P<pid>\d*+) "
    r"userid=(?P<userid>\d*+) xid=(?P<xid>\d*+) \]' LOG: ?(?P<query>.*)",
    absent="",
    integers="pid userid xid",
    entities={"users": "user"},
)
