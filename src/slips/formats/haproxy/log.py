"""Logs of HAProxy, which it sends to syslog."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, clf

_FRONT = r"(?P<client>[^ ]+) \[(?P<accept_date>[^\]]+)\] (?P<frontend_name>[^ ]+) "
_COUNTS = (
    r"(?P<actconn>\d+)/(?P<feconn>\d+)/(?P<beconn>\d+)/(?P<srv_conn>\d+)/(?P<redispatched>\+)?(?P<retries>\d+) "
    r"(?P<srv_queue>\d+)/(?P<backend_queue>\d+)"
)


# What `option httpslog` adds: errors of the connection, of TLS and of the client's certificate; name, version, cipher.
_TLS = (
    r" (?P<fc_err>\d+)/(?P<ssl_fc_err>[0-9A-Fa-f]+)/(?P<ssl_c_err>\d+)/(?P<ssl_c_ca_err>\d+)/"
    r"(?P<ssl_fc_is_resumed>[01]) (?P<ssl_fc_sni>[^ /]*)/(?P<sslv>[^ /]+)/(?P<sslc>[^ ]+)"
)
_WORDS = (
    *("Server", "Proxy", "Backend", "Backup Server", "backend", "Health check", "Agent check"),
    *("Stopping", "Stopped", "Pausing", "Paused", "Enabling", "Enabled", "Resuming", "Resumed"),
)
"""The beginnings of messages of the program itself."""


def _split_client(_meta: MetaData, event: Event) -> None:
    """Add address and port of a client; a client of a Unix socket has neither."""
    for name in ("client", "destination"):
        address, colon, port = (event.get(name) or "").rpartition(":")
        if colon and port.isdecimal():
            event[f"{name}_ip"], event[f"{name}_port"] = address, int(port)


# Many add the host that a request names behind the server. A plus before the total time says that the line was written
# before the end (`option logasap`), one before the retries that another server got the request.
HAPROXY = Patterns(
    "haproxy",
    "HAProxy logs of HTTP, TCP, connections and errors, with or without a syslog header",
    "https://docs.haproxy.org/3.2/configuration.html#8.2",
    chain=("s3-lines", "syslog-any", "haproxy"),
    patterns=(
        rf"{_FRONT}(?P<backend_name>[^ /]+)/(?P<server_name>[^ ]+) (?:(?P<host>[^ /]+) )?"
        r"(?P<TR>-?\d+)/(?P<Tw>-?\d+)/(?P<Tc>-?\d+)/(?P<Tr>-?\d+)/(?P<unfinished>\+)?(?P<Ta>\d+) "
        r"(?P<status_code>-?\d+) \+?(?P<bytes_read>\d+) "
        r"(?P<captured_request_cookie>[^ ]+) (?P<captured_response_cookie>[^ ]+) "
        rf"(?P<termination_state>[^ ]+) {_COUNTS} "
        r"(?:\{(?P<captured_request_headers>[^}]*)\} (?:\{(?P<captured_response_headers>[^}]*)\} )?)?"
        rf'"(?P<http_request>[^"]*)"?(?:{_TLS})?(?P<more>.+)?',
        rf"{_FRONT}(?P<backend_name>[^ /]+)/(?P<server_name>[^ ]+) "
        r"(?P<Tw>-?\d+)/(?P<Tc>-?\d+)/(?P<unfinished>\+)?(?P<Tt>\d+) \+?(?P<bytes_read>\d+) "
        r"(?P<termination_state>[^ ]+) "
        rf"{_COUNTS}(?P<more>.+)?",
        r"(?P<client>[^ ]+) \[(?P<accept_date>[^\]]+)\] "
        r"(?P<frontend_name>[^ /]+)/(?P<bind_name>[^ :]+): (?P<message>.*)",
        r"Connect from (?P<client>[^ ]+) to (?P<destination>[^ ]+) \((?P<frontend_name>[^/]+)/(?P<mode>[^)]+)\)"
        r"(?P<more>.+)?",
        *(rf"(?P<message>{word} .*)" for word in _WORDS),
        r"\[(?P<level>NOTICE|WARNING|ALERT|INFO|DEBUG)\] +(?:\d+/\d+ )?\((?P<pid>\d+)\) : (?P<message>.*)",
        r"(?P<message>[^ /]+/[^ ]+ (?:changed its IP|administratively) .*)",
    ),
    requests={"http_request": "method path protocol"},
    absent="-",
    integers="""TR Tw Tc Tr Ta Tt status_code bytes_read actconn feconn beconn srv_conn retries srv_queue
        backend_queue fc_err ssl_c_err ssl_c_ca_err pid""",
    booleans="ssl_fc_is_resumed",
    boolean_words="1/0",
    tag="haproxy.log",
    time=clf("accept_date"),
    message="{message|http_request|frontend_name|'-'}",
    refine=_split_client,
    entities={"addresses": "client_ip destination_ip", "domains": "ssl_fc_sni"},
)
