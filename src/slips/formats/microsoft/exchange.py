"""Message tracking logs and protocol logs of Exchange Server."""

from __future__ import annotations

from slips.parsing import Csv, all_of, any_of, iso

# A header without `#Fields:` is at the top of logs of the HTTP proxy, and of files that scripts wrote as CSV.
_TRACKING = """date-time client-ip client-hostname server-ip server-hostname source-context connector-id source event-id
    internal-message-id message-id network-message-id recipient-address recipient-status total-bytes recipient-count
    related-recipient-address reference message-subject sender-address return-path message-info directionality
    tenant-id original-client-ip original-server-ip custom-data transport-traffic-type log-id schema-version"""
_PROXY = """DateTime RequestId MajorVersion MinorVersion BuildVersion RevisionVersion ClientRequestId Protocol UrlHost
    UrlStem ProtocolAction AuthenticationType IsAuthenticated AuthenticatedUser Organization AnchorMailbox UserAgent
    ClientIpAddress ServerHostName HttpStatus BackEndStatus ErrorCode Method ProxyAction TargetServer
    TargetServerVersion RoutingType RoutingHint BackEndCookie ServerLocatorHost ServerLocatorLatency RequestBytes
    ResponseBytes TargetOutstandingRequests AuthModulePerfContext HttpPipelineLatency CalculateTargetBackEndLatency
    GlsLatencyBreakup TotalGlsLatency TotalRequestTime UrlQuery BackEndGenericInfo GenericInfo GenericErrors"""

EXCHANGE_TRACKING = Csv(
    "exchange-tracking",
    "message tracking logs of Microsoft Exchange Server, of any version",
    "https://learn.microsoft.com/en-us/exchange/mail-flow/transport-logs/message-tracking",
    chain=("s3-lines", "exchange-tracking"),
    tag="microsoft.exchange.tracking",
    time=iso("date-time"),
    message="{event-id|'-'} {source|'-'} from {sender-address|'-'} to {recipient-address|'-'}: {message-subject|'-'}",
    directive="#Fields:",
    header=_TRACKING,
    columns=_TRACKING,
    absent="",
    integers="internal-message-id total-bytes recipient-count",
    entities={
        "addresses": "client-ip server-ip original-client-ip original-server-ip",
        "hosts": "client-hostname server-hostname",
        "users": "sender-address recipient-address",
    },
)
EXCHANGE_PROTOCOL = Csv(
    "exchange-protocol",
    "protocol logs of Microsoft Exchange Server: SMTP send and receive, IMAP and POP, HTTP proxy, with any fields",
    "https://learn.microsoft.com/en-us/exchange/mail-flow/connectors/protocol-logging",
    chain=("s3-lines", "exchange-protocol"),
    tag="microsoft.exchange.protocol",
    time=iso("date-time", "dateTime", "DateTime"),
    message=(
        "{event|command|ProtocolAction|Method|'request'}{' ' data|parameters|UrlStem}"
        "{' ' remote-endpoint|cIp|ClientIpAddress}{' => ' local-endpoint|sIp|ServerHostName}"
    ),
    directive="#Fields:",
    header=_PROXY,
    columns="""date-time connector-id session-id sequence-number local-endpoint remote-endpoint event data context""",
    others=("dateTime sessionId seqNumber sIp cIp user duration rqsize rpsize command parameters context puid",),
    require=any_of(
        all_of("date-time", "session-id", "sequence-number"),
        all_of("dateTime", "sessionId", "seqNumber"),
        all_of("RequestId", "MajorVersion"),  # of which those on the process itself have no `DateTime`
    ),
    absent="",
    integers="""sequence-number seqNumber duration rqsize rpsize HttpStatus MajorVersion MinorVersion BuildVersion
        RevisionVersion""",
    booleans="IsAuthenticated",
    entities={
        "addresses": "local-endpoint remote-endpoint sIp cIp ClientIpAddress",
        "users": "user AuthenticatedUser",
        "hosts": "ServerHostName",
    },
)
