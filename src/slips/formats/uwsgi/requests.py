"""Log of uWSGI: its lines of requests in the default format, and messages of its processes."""

from __future__ import annotations

import re

from slips.errors import foreign_record
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, one_of, stamp

_CTIME = r"[A-Z][a-z][a-z] [A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d \d{4}"
_MEMORY = (
    r"(?:\{address space usage: (?P<address_space_bytes>\d+) bytes/\d+MB\} "
    r"\{rss usage: (?P<rss_bytes>\d+) bytes/\d+MB\} )?"
    r"(?:\{uss usage: (?P<uss_bytes>\d+) bytes/\d+MB\} \{pss usage: (?P<pss_bytes>\d+) bytes/\d+MB\} )?"
)
"""The memory of a worker, by the option `memory-report`."""
_MESSAGES = re.compile(
    r"\*\*\* |!!! |\[uWSGI\] |\[emperor\] |\[uwsgi-|spawned |Respawned uWSGI |DAMN ! |HARAKIRI |worker \d|"
    r"gracefully \(RE\)spawned |uWSGI |uwsgi |uwsgi_|WSGI app \d|SIG[A-Z]{3,4}[: ]|announcing my loyalty to "
    r"the Emperor|"
    r"\.\.\.(?:The work of process|gracefully killing|brutally killing)|Gracefully killing worker |goodbye to uWSGI|"
    r"(?:compiled with version|os|nodename|machine|clock source|detected [a-z ]{1,30}|current working directory|"
    r"your [a-z ]{1,40}|thread lock engine|Python version|Python main interpreter initialized at|mapped \d[^:]{1,60})"
    r"(?:: | is )|mapped \d"
)
"""The beginnings of messages: what the application prints stands between them, and is not of uWSGI."""


def _refuse_output(_meta: MetaData, event: Event) -> None:
    """Raise RecordError for what the application prints."""
    if not _MESSAGES.match(event["text"]):
        raise foreign_record(
            f"{event['text'][:60]!r} is neither a request nor a message of uWSGI, such as 'spawned uWSGI …'"
        )


_REFERENCE = "https://uwsgi-docs.readthedocs.io/en/latest/LogFormat.html"

# The times are of the clock of the server: `timezone:` of the mapping says where it is.
UWSGI = one_of(
    "uwsgi",
    "uWSGI: requests in its default format, and messages of its processes",
    _REFERENCE,
    Patterns(
        "uwsgi.request",
        "requests",
        _REFERENCE,
        time=stamp("time"),
        tag="uwsgi.request",
        message="{client|'-'}{' ' method}{' ' uri} {status}",
        patterns=(
            rf"(?:(?P<vhost>[^ {{\[]+) )?{_MEMORY}\[pid: (?P<pid>\d+)\|app: (?P<app>-?\d+)\|"
            r"req: (?P<app_requests>-?\d+)/(?P<requests>\d+)\] (?P<client>[^ ]*) \((?P<user>[^)]*)\) "
            rf"\{{(?P<vars>\d+) vars in (?P<vars_bytes>\d+) bytes\}} \[(?P<time>{_CTIME})\] (?P<method>[^ ]*) "
            r"(?P<uri>[^ ]*) => generated (?P<response_bytes>\d+) bytes in "
            r"(?:(?P<msecs>\d+) msecs|(?P<micros>\d+) micros) "
            r"(?:via (?P<via>\w+)\(\) )?\((?P<protocol>[^ )]*) (?P<status>\d+)\) (?P<headers>\d+) headers in "
            r"(?P<headers_bytes>\d+) bytes \((?P<switches>\d+) switches on core (?P<core>\d+)\)\Z",
        ),
        absent=("", "-"),
        integers="""pid app app_requests requests vars vars_bytes response_bytes msecs micros status headers
            headers_bytes switches core address_space_bytes rss_bytes uss_bytes pss_bytes""",
    ),
    Patterns(
        "uwsgi.message",
        "messages of processes",
        _REFERENCE,
        time=stamp("time"),
        tag="uwsgi.message",
        message="{text}",
        patterns=(rf"(?:(?P<time>{_CTIME}) - )?(?P<text>.*)",),
        refine=_refuse_output,
    ),
    tag="uwsgi.{request|message}",
    entities={"addresses": "client", "users": "user", "domains": "vhost"},
)
