"""Message tracking logs of Exchange Server."""

from __future__ import annotations

from slips.parsing import Csv, iso

EXCHANGE_TRACKING = Csv(
    "exchange-tracking",
    "message tracking logs of Microsoft Exchange Server, of any version",
    "https://learn.microsoft.com/en-us/exchange/mail-flow/transport-logs/message-tracking",
    chain=("s3-lines", "exchange-tracking"),
    tag="microsoft.exchange.tracking",
    time=iso("date-time"),
    message="{event-id|'-'} {source|'-'} from {sender-address|'-'} to {recipient-address|'-'}: {message-subject|'-'}",
    directive="#Fields:",
    columns="""date-time client-ip client-hostname server-ip server-hostname source-context connector-id source event-id
        internal-message-id message-id network-message-id recipient-address recipient-status total-bytes recipient-count
        related-recipient-address reference message-subject sender-address return-path message-info directionality
        tenant-id original-client-ip original-server-ip custom-data transport-traffic-type log-id schema-version""",
    absent="",
    integers="internal-message-id total-bytes recipient-count",
    entities={
        "addresses": "client-ip server-ip original-client-ip original-server-ip",
        "hosts": "client-hostname server-hostname",
        "users": "sender-address recipient-address",
    },
)
