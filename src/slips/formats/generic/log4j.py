"""Lines of Java programs, in the patterns that log4j and Logback have by default or that well-known programs set."""

from __future__ import annotations

import re

from slips import times
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns

_TIME = r"(?P<time>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)"
_LEVEL = r"(?P<level>[A-Z]{4,7}+)"
_THREAD = r"\[(?P<thread>[^\]]*+)\]"
_LOGGER = r"(?P<logger>[^ :(\[]++)"
_IN_BRACKETS = r"\[(?P<logger>[^\]]*+)\]"
_CORRELATION = re.compile(r"[0-9A-Fa-f]{32}-[0-9A-Fa-f]{16}")
"""The trace and span that Spring Boot writes in brackets behind the thread."""


def take_apart(meta: MetaData, event: Event) -> None:
    """Part logger, thread and stack trace from the message, and read the time; milliseconds since a start are none."""
    first, _, further = event["message"].partition("\n")
    if event.pop("bar", None):  # of ActiveMQ, whose messages may have bars, too
        event |= dict(zip(("message", "logger", "thread"), first.rsplit(" | ", 2), strict=False))
    elif place := event.pop("place", None):  # of ZooKeeper, whose threads may have colons in their names
        event["message"], (event["thread"], _, source) = first, place.rpartition(":")
        event["logger"], _, line = source.partition("@")
        event |= {"line": int(line)} if line.isdecimal() else {}
    elif "logger" in event:
        event["message"] = first
    elif first.endswith(")"):  # of Kafka, in parentheses at the end
        message, found, logger = first.removesuffix(")").rpartition(" (")
        if found and " " not in logger:
            event |= {"message": message, "logger": logger}
    if "application" in event and _CORRELATION.fullmatch(event["thread"]):
        event["thread"], event["correlation"] = event.pop("application"), event["thread"]
    if further and "logger" in event:
        event["stack_trace"] = further
    if "thread" in event:
        event["thread"] = event["thread"].strip()
    if "long_time" in event:  # of java.util.logging
        meta.timestamp = times.written(event["long_time"], "%b %d, %Y %I:%M:%S %p", "long_time")
    elif "short_time" in event:  # of Spark
        meta.timestamp = times.written(event["short_time"], "%y/%m/%d %H:%M:%S", "short_time")
    elif "time" in event:
        meta.timestamp = times.any_notation(event["time"], meta.timestamp, "time")
    meta.message = " ".join((event["level"], *event["message"].split()))


OF_KAFKA = rf"\[{_TIME}\] {_LEVEL} +(?P<message>.*)"

# In their order: Log4j's and Logback's own, Hadoop; Hadoop with file, method and line; log4j's with milliseconds
# since the start; Apache Kafka; Spring Boot; Apache ZooKeeper; Apache Karaf; Apache ActiveMQ; Apache Cassandra; Tomcat;
# Apache Spark; Spring Boot with a trace; WildFly, Quarkus, CloudStack; Confluence; Apache NiFi; Jira; Jenkins;
# java.util.logging; the configuration that Log4j and Logback have without a file, with a clock and no date.
PATTERNS = (
    rf"\[?{_TIME}\]? {_THREAD} {_LEVEL} +{_LOGGER}(?::(?P<line>\d++))?(?: *+-|:) (?P<message>.*)",
    rf"\[?{_TIME}\]? {_LEVEL} +{_THREAD} {_LOGGER}(?::(?P<line>\d++))?(?: *+-|:) (?P<message>.*)",
    rf"\[?{_TIME}\]? {_LEVEL} +{_LOGGER}(?::(?P<line>\d++))?(?: *+-|:) (?P<message>.*)",
    rf"{_TIME} {_LEVEL} +{_LOGGER} \((?P<file>[^:()\n]++):(?P<method>[^()\n]++)\((?P<line>\d++)\)\) - (?P<message>.*)",
    rf"(?P<elapsed>\d++) {_THREAD} {_LEVEL} +{_LOGGER} *+- (?P<message>.*)",
    OF_KAFKA,
    rf"{_TIME} +{_LEVEL} (?P<pid>\d++) --- (?:\[(?P<application>[^\]]*+)\] )?{_THREAD} {_LOGGER} *+: (?P<message>.*)",
    rf"{_TIME} \[myid:(?P<myid>\d*+)\] - {_LEVEL} +\[(?P<place>[^\]]++)\] - (?P<message>.*)",
    rf"{_TIME} \[myid:(?P<myid>\d*+)\] - {_LEVEL} +\[(?P<place>[^@\n]++@\d++)\] - (?P<message>.*)",
    rf"{_TIME} \| {_LEVEL} *+\| (?P<thread>[^|\n]++)\| (?P<logger>[^ |\n]++) *+\| (?P<bundle_id>\d++) - "
    r"(?P<bundle>[^ |\n]++) - (?P<bundle_version>[^ |\n]++) *+\| (?P<message>.*)",
    rf"{_TIME} \| {_LEVEL} +(?P<bar>\|) (?P<message>.*)",
    rf"{_LEVEL} +{_THREAD} {_TIME} +(?P<logger>[^ :]++):(?P<line>\d++) - (?P<message>.*)",
    r"(?P<time>\d\d-[A-Z][a-z][a-z]-\d{4} \d\d:\d\d:\d\d\.\d{3}) "
    rf"{_LEVEL} {_THREAD} (?P<logger>[^ ]++) (?P<message>.*)",
    rf"(?P<short_time>\d\d/\d\d/\d\d \d\d:\d\d:\d\d) {_LEVEL} (?P<logger>[^ :]++): (?P<message>.*)",
    rf"{_TIME} +{_LEVEL} (?P<pid>\d++) --- \[(?P<application>[^\]]*+)\] {_THREAD} \[(?P<correlation>[^\]]*+)\] "
    rf"{_LOGGER} *+: (?P<message>.*)",
    rf"{_TIME} {_LEVEL} +{_IN_BRACKETS} \((?P<thread>[^)]*+)\) (?P<message>.*)",
    rf"{_TIME} {_LEVEL} +{_THREAD} {_IN_BRACKETS} (?P<message>.*)",
    rf"{_TIME} {_LEVEL} +{_THREAD} (?P<logger>[A-Za-z_$][\w$]*+(?:\.[\w$]++)+) (?P<message>.*)",
    rf"{_TIME} (?P<thread>[^ \[]++) {_LEVEL} (?P<context>[^\[\n]*+){_IN_BRACKETS} (?P<message>.*)",
    rf"{_TIME} \[id=(?P<thread_id>\d++)\]\t{_LEVEL}\t(?P<logger>[^:\t\n]++): (?P<message>.*)",
    r"(?P<long_time>[A-Z][a-z][a-z] \d{1,2}, \d{4} \d{1,2}:\d\d:\d\d [AP]M) (?P<logger>[^ \n]++)"
    r"(?: (?P<method>[^\n]++))?\n(?P<level>[A-Z]++): (?P<message>.*)",
    rf"(?P<clock>\d\d:\d\d:\d\d[.,]\d{{3}}) {_THREAD} {_LEVEL} +{_LOGGER} -(?P<pairs>[^ ]*+) (?P<message>.*)",
)
START = (
    r"\[?\d{4}-\d\d-\d\d[ T]|\d\d-[A-Z][a-z][a-z]-\d{4} |\d\d/\d\d/\d\d |\d+(?::\d\d:\d\d[.,]\d{3})? \[|"
    r"[A-Z](?:[A-Z]{3,6} +\[|[a-z][a-z] \d{1,2}, \d{4} )"
)
"""The beginning of a record: lines of stack traces follow it."""

LOG4J = Patterns(
    "log4j",
    "lines of Java programs: log4j, Logback, Spring Boot, WildFly, Quarkus, Hadoop, ZooKeeper, Tomcat, Jira, Jenkins",
    "https://logging.apache.org/log4j/2.x/manual/pattern-layout.html",
    chain=({"multiline": {"start": START}}, "log4j"),
    tag="log4j",
    patterns=PATTERNS,
    integers="line pid elapsed thread_id bundle_id",
    refine=take_apart,
)
