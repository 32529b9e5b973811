"""Messages of Postfix, as /var/log/mail.log and /var/log/maillog have them."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns

_QUEUE = r"(?P<queue_id>[0-9A-Za-z]{6,20}): "  # or NOQUEUE

_PEER = r"(?P<client>[^\[ ]*)\[(?P<client_ip>[^\]]*)\](?::(?P<client_port>\d+))?"
_SCREENED = ("DISCONNECT", "ALLOWLISTED", "DENYLISTED", "WHITELISTED", "BLACKLISTED", "COMMAND PIPELINING from")
"""Acts of postscreen, in its words of before version 3.6, too."""
_LONGEST = 4_000
"""Characters of a rejection in which its parts are looked for."""
_REJECTED = re.compile(
    r"; from=<(?P<from>[^>]*)>,? to=<(?P<to>[^>]*)>,?(?: proto=(?P<proto>[^ ,]*),?)?(?: helo=<(?P<helo>.*)>)?",
    re.DOTALL,
)


def _take_rejection(_meta: MetaData, event: Event) -> None:
    """Read the end of a rejection, whose response may have semicolons, as that of a list of senders of spam has."""
    if event.get("event") not in ("reject", "milter-reject"):
        return
    text = event["message"][:_LONGEST]
    at = text.rfind("; from=<")
    found = _REJECTED.match(text, at) if at >= 0 else None
    if found and "response" in event:
        begin = text.find(event["response"])
        event["response"] = text[begin:at]
        event |= {name: value for name, value in found.groupdict().items() if value is not None}


POSTFIX = Patterns(
    "postfix",
    "Postfix: queue, deliveries, clients, rejections, with or without a syslog header",
    "https://www.postfix.org/documentation.html",
    chain=("s3-lines", "syslog-any", "postfix"),
    tag="postfix.{event|status|'message'}",
    message="{message}",
    whole="message",
    patterns=(
        rf"{_QUEUE}to=<?(?P<to>[^ ,<>]*)>?,(?: orig_to=<?(?P<orig_to>[^ ,<>]*)>?,)? relay=(?P<relay>[^,]*),"
        r"(?: conn_use=(?P<conn_use>\d+),)? delay=(?P<delay>[0-9.]+),"
        r"(?: delays=(?P<delays>[^,]*),)?"
        r" dsn=(?P<dsn>[^,]*), status=(?P<status>[a-z-]+)(?: \((?P<response>.*)\))?",
        rf"{_QUEUE}from=<?(?P<from>[^ ,<>]*)>?, (?:size=(?P<size>\d+), nrcpt=(?P<nrcpt>\d+)|status=(?P<status>[^,]*),)"
        r"(?: \((?P<event>[^)]*)\)| )?",
        rf"{_QUEUE}client=(?P<client>[^\[,]*)\[(?P<client_ip>[^\],]*)\](?:, sasl_method=(?P<sasl_method>[^,]*))?"
        r"(?:, sasl_username=(?P<sasl_username>[^,]*))?.*",
        rf"{_QUEUE}(?:resent-)?message-id=<?(?P<message_id>[^<>]*)>?.*",
        rf"{_QUEUE}(?P<event>removed)",
        rf"{_QUEUE}(?P<event>reject|milter-reject): (?P<command>[A-Z-]+) from (?P<client>[^\[]*)"
        r"\[(?P<client_ip>[^\]]*)\](?::\d+)?: (?P<code>\d{3}) (?:(?P<dsn>\d\.\d+\.\d+) )?"
        r"(?P<response>[^;]*)"
        r"(?:; from=<(?P<from>[^>]*)>)?(?: to=<(?P<to>[^>]*)>)?(?: proto=(?P<proto>[^ ]*))?"
        r"(?: helo=<(?P<helo>[^>]*)>)?",
        rf"{_QUEUE}(?P<event>reject|milter-reject|warning|hold|discard|filter)(?:: | )",
        rf"{_QUEUE}uid=(?P<uid>\d+) from=<(?P<from>[^>]*)>",
        rf"{_QUEUE}host {_PEER} (?P<event>said|refused to talk to me): (?P<response>.*)",
        r"(?P<event>warning): (?P<client>[^\[: ]+)\[(?P<client_ip>[^\]]*)\](?::\d+)?: "
        r"(?P<problem>SASL .*?(?:, sasl_username=(?P<sasl_username>[^ ,]+))?)$",
        r"(?P<event>connect|disconnect|lost connection|timeout|improper command pipelining|SSL_accept error|"
        r"too many errors)"
        r"(?: after (?P<after>[^ ]+))?(?: \([^)]*\))? from (?P<client>[^\[]*)\[(?P<client_ip>[^\]]*)\]",
        rf"(?P<trust>Anonymous|Trusted|Untrusted|Verified) (?P<event>TLS connection) established (?:from|to) {_PEER}: "
        r"(?P<tls_version>[^ ]+) with cipher (?P<cipher>[^ ]+)",
        rf"(?P<event>CONNECT) from {_PEER} to \[(?P<server_ip>[^\]]*)\]:(?P<server_port>\d+)",
        rf"(?P<event>PASS) (?P<known>NEW|OLD) {_PEER}",
        *(rf"(?P<event>{word}) {_PEER}" for word in _SCREENED),
        rf"(?P<event>DNSBL rank) (?P<rank>\d+) for {_PEER}",
        rf"(?P<event>PREGREET|HANGUP)(?: (?P<size>\d+))? after (?P<after>[^ ]+) from {_PEER}",
        r"(?P<event>addr) (?P<client_ip>[^ ]+) listed by domain (?P<list>[^ ]+) as (?P<answer>[^ ]+)",
        r"(?P<event>warning): hostname (?P<client>[^ ]+) does not resolve to address "
        r"(?P<client_ip>[0-9a-fA-F]+(?:[.:]+[0-9a-fA-F]+)+)",
        r"(?P<event>warning|error|fatal|panic|statistics|table): ",
        _QUEUE,
        r"",
    ),
    refine=_take_rejection,
    integers="size nrcpt conn_use code uid rank client_port server_port",
    floats="delay",
    entities={"addresses": "client_ip server_ip", "users": "from to orig_to sasl_username", "hosts": "client"},
)
