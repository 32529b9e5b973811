"""Messages of Postfix, as /var/log/mail.log and /var/log/maillog have them."""

from __future__ import annotations

from slips.parsing import Patterns

_QUEUE = r"(?P<queue_id>[0-9A-Za-z]{6,20}): "  # or NOQUEUE

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
        r"(?: conn_use=(?P<conn_use>\d+),)? delay=(?P<delay>[0-9.]+),(?: delays=(?P<delays>[^,]*),)?"
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
        rf"{_QUEUE}(?P<event>reject|milter-reject|warning|hold|discard|filter|uid=\d+)(?:: | )",
        r"(?P<event>warning): (?P<client>[^\[: ]+)\[(?P<client_ip>[^\]]*)\](?::\d+)?: (?P<problem>SASL .*)",
        r"(?P<event>connect|disconnect|lost connection|timeout|improper command pipelining|SSL_accept error|"
        r"too many errors)"
        r"(?: after (?P<after>[^ ]+))?(?: \([^)]*\))? from (?P<client>[^\[]*)\[(?P<client_ip>[^\]]*)\]",
        r"(?P<event>warning|error|fatal|panic|statistics|table): ",
        _QUEUE,
        r"",
    ),
    integers="size nrcpt conn_use code",
    floats="delay",
    entities={"addresses": "client_ip", "users": "from to orig_to sasl_username", "hosts": "client"},
)
