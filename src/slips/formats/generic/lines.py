"""Lines of logs without a format of their own: their options say how they are cut and what they mean."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from slips.format import SHORT, Format, FormatOptions, MeaningOptions, a_key
from slips.parsing import KeyValue, Quoted, Regex, clf, iso

_Names = Annotated[list[Annotated[str, Meta(min_length=1)]], Meta(extra_json_schema=SHORT)]
_Escapes = Annotated[
    Literal["keep", "decode", "none", ""],
    a_key(
        "Whether quoted values have their backslash escapes decoded or kept as they are written; `none`: a backslash "
        "is a character like any other. Not set: they are decoded.",
        "keep",
    ),
]


class LineOptions(MeaningOptions, frozen=True):
    """The options of all these formats."""

    integers: Annotated[_Names, a_key("Fields that are integers; others are texts.", ["status", "bytes"])] = (
        msgspec.field(default_factory=list)
    )
    floats: Annotated[_Names, a_key("Fields that are decimal numbers.", "duration")] = msgspec.field(
        default_factory=list
    )


class RegexOptions(LineOptions, frozen=True):
    """The options of `regex`."""

    pattern: Annotated[
        str,
        a_key(
            "Python's regular expression for lines, from their beginning; its named groups are the fields. It must "
            "take time in proportion to the line.",
            r"(?P<date>\S+) (?P<text>.*)",
        ),
    ] = ""


class AccessLogOptions(LineOptions, frozen=True):
    """The options of `access-log`."""

    columns: Annotated[
        str,
        a_key(
            "Fields as they are written in the lines, with blanks between; `host:port` makes two.",
            'client_ip:client_port [time] "request" status',
        ),
    ] = ""
    requests: Annotated[
        dict[str, str],
        a_key(
            "Fields with an HTTP request line, and three names for its parts.", {"request": "method target protocol"}
        ),
    ] = msgspec.field(default_factory=dict)
    escapes: _Escapes = ""


class KeyValueOptions(LineOptions, frozen=True):
    """The options of `key-value` and `logfmt`."""

    separator: Annotated[str, a_key("Character between pairs; not set: blanks.", ";")] = ""
    assign: Annotated[str, a_key("Character between a key and its value; not set: `=`.", ":")] = ""
    quotes: Annotated[str, a_key("Characters that quote values; not set: the double quote.", "\"'")] = ""
    escapes: _Escapes = ""


@dataclass(frozen=True, kw_only=True)
class _Regex(Regex):
    options: type[FormatOptions] = field(init=False, default=RegexOptions)

    def with_options(self, options: FormatOptions) -> Format:
        """Return the format; with a pattern of its own, the line is not the message."""
        declared = self
        if isinstance(options, RegexOptions) and options.pattern:
            declared = replace(self, pattern=options.pattern, message="")
        return super(_Regex, declared).with_options(options)


@dataclass(frozen=True, kw_only=True)
class _AccessLog(Quoted):
    options: type[FormatOptions] = field(init=False, default=AccessLogOptions)

    def with_options(self, options: FormatOptions) -> Format:
        """Return the format; with columns of its own, it has nothing else of the usual format but `absent`."""
        declared = self
        if isinstance(options, AccessLogOptions) and options.columns:
            declared = replace(
                self, columns=options.columns, optional=(), requests={}, integers=(), time=None, message="", entities={}
            )
        return super(_AccessLog, declared).with_options(options)


@dataclass(frozen=True, kw_only=True)
class _KeyValue(KeyValue):
    options: type[FormatOptions] = field(init=False, default=KeyValueOptions)


REGEX = _Regex(
    "regex",
    "lines that a regular expression cuts; without one, the line is the message",
    "https://docs.python.org/3/library/re.html#regular-expression-syntax",
    pattern="(?P<message>.*)",
    message="{message}",
)

ACCESS_LOG = _AccessLog(
    "access-log",
    "access logs of web servers: by default Apache's and nginx's combined format",
    "https://httpd.apache.org/docs/2.4/logs.html#accesslog",
    columns='client ident user [time] "request" status bytes "referer" "user_agent"',
    optional="referer user_agent",
    requests={"request": "method target protocol"},
    absent="-",
    integers="status bytes",
    time=clf("time"),
    message="{client|'-'} {request|'-'} {status|'-'}",
    entities={"addresses": "client", "users": "user"},
)

KEY_VALUE = _KeyValue(
    "key-value",
    "lines of pairs such as key=value",
    "https://docs.fortinet.com/document/fortigate/7.4.8/fortios-log-message-reference/524940/introduction",
)

LOGFMT = _KeyValue(
    "logfmt",
    'logfmt: pairs such as level=info msg="a text"',
    "https://brandur.org/logfmt",
    time=iso("time", "ts"),
    message="{msg|message}",
)
