"""The usual patterns of grok, by name: each takes time in proportion to the text that it matches.

They match what those of Logstash match in logs. Where these try many ways, as `GREEDYDATA` does before others, the
proof of `slips.parsing.linear` refuses a pattern that holds them.
"""

from __future__ import annotations

_INT, _NUMBER = r"[+-]?\d+", r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)"
_IPV4 = r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}"
_HOST = r"[0-9A-Za-z][0-9A-Za-z._-]*"
_MONTH = r"[A-Z][a-z]{2,8}"
_CLOCK = r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?"
_QUOTED = r'"(?:[^"\\]|\\.)*"'

PATTERNS: dict[str, str] = {
    "USERNAME": r"[a-zA-Z0-9._-]+",
    "USER": r"[a-zA-Z0-9._-]+",
    "EMAILLOCALPART": r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~.-]+",
    "EMAILADDRESS": r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~.-]+@%{HOSTNAME}",
    "INT": _INT,
    "BASE10NUM": _NUMBER,
    "NUMBER": _NUMBER,
    "BASE16NUM": r"[+-]?(?:0x)?[0-9A-Fa-f]+",
    "POSINT": r"[1-9]\d*",
    "NONNEGINT": r"\d+",
    "WORD": r"\w+",
    "NOTSPACE": r"\S+",
    "SPACE": r"\s*+",
    "DATA": r".*?",
    "GREEDYDATA": r".*",
    "QUOTEDSTRING": _QUOTED,
    "QS": _QUOTED,
    "UUID": r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}",
    "URN": r"urn:[0-9A-Za-z][0-9A-Za-z-]{0,31}:[^\s]+",
    # networks
    "MAC": r"[0-9A-Fa-f]{2,4}[-:.][0-9A-Fa-f]{2,4}[-:.][0-9A-Fa-f]{2,4}(?:[-:][0-9A-Fa-f]{2}){0,3}",
    "IPV4": _IPV4,
    "IPV6": r"[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]+(?:%[0-9A-Za-z]+)?",
    "IP": r"[0-9A-Fa-f]*[.:][0-9A-Fa-f:.]+(?:%[0-9A-Za-z]+)?",
    "HOSTNAME": _HOST,
    "HOST": _HOST,
    "IPORHOST": r"[0-9A-Za-z:][0-9A-Za-z._:-]*",
    "HOSTPORT": r"[^\s:]+:\d+",
    # paths
    "PATH": r"(?:/|[A-Za-z]:\\|\\\\)[^\s]*",
    "UNIXPATH": r"/[^\s]*",
    "WINPATH": r"(?:[A-Za-z]:|\\)\\[^\s]*",
    "TTY": r"/dev/(?:pts|tty)[A-Za-z0-9/]*",
    "URIPROTO": r"[A-Za-z][A-Za-z0-9+.-]*",
    "URIHOST": r"[^\s/?#]+",
    "URIPATH": r"/[^\s?#]*",
    "URIPARAM": r"\?[^\s#]*",
    "URITARGET": r'[^\s"]+',
    "URIPATHPARAM": r"/[^\s]*",
    "URI": r"[A-Za-z][A-Za-z0-9+.-]*://[^\s]*",
    # times
    "MONTH": _MONTH,
    "MONTHNUM": r"[01]?\d",
    "MONTHNUM2": r"[01]\d",
    "MONTHDAY": r"[0-3]?\d",
    "DAY": r"(?:Mon|T(?:ue|hu)|Wed|Fri|S(?:at|un))[a-z]{0,6}",
    "YEAR": r"\d\d(?:\d\d)?",
    "HOUR": r"[0-2]?\d",
    "MINUTE": r"[0-5]\d",
    "SECOND": r"[0-6]?\d(?:[:.,]\d+)?",
    "TIME": _CLOCK,
    "TZ": r"[A-Z]{3,4}",
    "ISO8601_TIMEZONE": r"(?:Z|[+-]\d\d:?(?:\d\d)?)",
    "TIMESTAMP_ISO8601": rf"\d{{4}}-\d\d-\d\d[T ]{_CLOCK}(?:Z|[+-]\d\d:?(?:\d\d)?)?",
    "DATE_US": r"[01]?\d[/-][0-3]?\d[/-]\d\d(?:\d\d)?",
    "DATE_EU": r"[0-3]?\d[./-][01]?\d[./-]\d\d(?:\d\d)?",
    "DATE": r"[0-3]?\d[./-][0-3]?\d[./-]\d\d(?:\d\d)?",
    "DATESTAMP": rf"[0-3]?\d[./-][0-3]?\d[./-]\d\d(?:\d\d)?[- ]{_CLOCK}",
    "SYSLOGTIMESTAMP": rf"{_MONTH} {{1,2}}\d{{1,2}} {_CLOCK}",
    "HTTPDATE": rf"[0-3]?\d/{_MONTH}/\d{{4}}:{_CLOCK} [+-]\d{{4}}",
    "HTTPDERROR_DATE": rf"[A-Z][a-z]{{2}} {_MONTH} {{1,2}}\d{{1,2}} {_CLOCK} \d{{4}}",
    "UNIX_TIMESTAMP": r"\d{10}(?:\.\d+)?",
    # logs
    "LOGLEVEL": r"[A-Za-z]{3,12}",
    "PROG": r"[^\s\[\]:]+",
    "SYSLOGPROG": r"%{PROG:program}(?:\[%{POSINT:pid}\])?",
    "SYSLOGHOST": r"[0-9A-Za-z:][0-9A-Za-z._:-]*",
    "SYSLOGFACILITY": r"<%{NONNEGINT:facility}\.%{NONNEGINT:priority}>",
    "SYSLOGBASE": r"%{SYSLOGTIMESTAMP:timestamp} (?:%{SYSLOGFACILITY} )?%{SYSLOGHOST:logsource} %{SYSLOGPROG}:",
    "SYSLOGLINE": r"%{SYSLOGBASE} %{GREEDYDATA:message}",
    "HTTPDUSER": r"[^\s]+",
    "COMMONAPACHELOG": (
        r"%{IPORHOST:clientip} %{HTTPDUSER:ident} %{HTTPDUSER:auth} \[%{HTTPDATE:timestamp}\] "
        r'"(?:%{WORD:verb} %{URITARGET:request}(?: HTTP/%{NUMBER:httpversion})?|-)" %{INT:response} '
        r"(?:%{INT:bytes}|-)"
    ),
    "COMBINEDAPACHELOG": r"%{COMMONAPACHELOG} %{QS:referrer} %{QS:agent}",
    "HTTPD_COMMONLOG": r"%{COMMONAPACHELOG}",
    "HTTPD_COMBINEDLOG": r"%{COMBINEDAPACHELOG}",
    # Java
    "JAVACLASS": r"[a-zA-Z$_][a-zA-Z$_0-9]*(?:\.[a-zA-Z$_][a-zA-Z$_0-9]*)*",
    "JAVAFILE": r"[a-zA-Z$_0-9. -]+",
    "JAVAMETHOD": r"[a-zA-Z$_<][a-zA-Z$_0-9>]*",
    "JAVALOGMESSAGE": r".*",
}
