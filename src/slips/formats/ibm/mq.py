"""Error logs of IBM MQ: AMQERR01.LOG with messages of many lines, AMQERR01.json with an object each."""

from __future__ import annotations

import re
from collections.abc import Iterator

from slips import times
from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, Patterns, all_of, any_of, iso

_DATE = r"\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}"
_CODE = re.compile(r"\bAMQ\d{4,5}[A-Z]?(?=: )")
_HEADING = re.compile(r"^(?:[^\W\d_a-z]|\ufffd){2,20} ?[:\uff1a][ \t]*$", re.MULTILINE)
"""Of the explanation and of the action, in the language of the queue manager."""
_PARTS = frozenset(["date", "code", "message", "explanation", "action", "module", "line", "rest"])
"""Fields that are no attributes."""
_SOURCE = re.compile(r"-{5} ([^ ]+) : (\d+) -+")


def _attributes(text: str) -> Iterator[tuple[str, str]]:
    """Yield names and values such as `Host(mq1)`; values may have parentheses in pairs. Words of none have no name."""
    depth = begin = start = 0
    for position, character in enumerate(text):
        if character == "(":
            if not depth:
                start = position + 1
            depth += 1
        elif character == ")" and depth:
            depth -= 1
            if not depth:
                *words, name = text[begin : start - 1].split() or [""]
                if name.isalnum() and name not in _PARTS:
                    yield "", " ".join(words)
                    yield name, text[start:position]
                else:
                    yield "", text[begin : position + 1]
                begin = position + 1
    yield "", text[begin:]


def _name_parts(meta: MetaData, event: Event) -> None:
    """Put the attributes into the event, the code, the message, its explanation, the action and the source.

    Words between the attributes, and behind the dashes that end a record, are `rest`.
    """
    text = event.pop("text")
    code = _CODE.search(text)
    if code is None:
        raise RecordError(f"no code in {text[:60]!r}; expected one such as 'AMQ9002I:' behind the attributes")
    rest: list[str] = []
    for name, value in _attributes(text[: code.start()]):
        if name and name not in event:
            event[name] = value
        else:  # words, or an attribute that is there twice
            rest += [f"{name}({value})"] if name else value.split()
    event["code"] = code[0]
    body = text[code.end() + 2 :]
    if source := _SOURCE.search(body):
        event["module"], event["line"] = source[1], int(source[2])
        rest += body[source.end() :].split()
        body = body[: source.start()]
    if rest:
        event["rest"] = " ".join(rest)
    parts = zip(("message", "explanation", "action"), _HEADING.split(body, 2), strict=False)
    event |= {name: " ".join(part.split()) for name, part in parts if part.strip()}
    if "Time" in event:
        meta.timestamp = times.iso(event["Time"], "Time")
    meta.message = f"{code[0]}: {event.get('message', '-')}"


# The date in front is written as the locale of the program has it, so that of the attribute Time counts; logs of
# versions before 9 that lack it are of their objects' time.
IBM_MQ = Patterns(
    "ibm-mq",
    "IBM MQ error logs AMQERR01.LOG: messages of queue managers and clients, with explanation and action",
    "https://www.ibm.com/docs/en/ibm-mq/9.4?topic=qmini-diagnostic-message-logging",
    chain=({"multiline": {"start": rf"{_DATE} \d"}}, "ibm-mq"),
    tag="ibm.mq",
    patterns=(rf"(?P<date>{_DATE} \d{{1,2}}[:.]\d\d[:.]\d\d(?: [AP]M)?) +- +(?P<text>Process\(.*)",),
    refine=_name_parts,
    entities={"addresses": "RemoteHost", "users": "User", "hosts": "Host"},
)
IBM_MQ_JSON = Json(
    "ibm-mq-json",
    "IBM MQ error logs AMQERR01.json: diagnostic messages, one object each",
    "https://www.ibm.com/docs/en/ibm-mq/9.4?topic=codes-json-format-diagnostic-messages",
    require=all_of(
        any_of("ibm_messageId", "ibm_messageID"),
        any_of("ibm_processId", "ibm_processID", "ibm_processName", "ibm_installationName"),  # not of WebSphere Liberty
        "message",
    ),
    time=iso("ibm_datetime"),
    tag="ibm.mq",
    message="{message}",
    integers="ibm_processId ibm_threadId",
    entities={"addresses": "ibm_remoteHost", "users": "ibm_userName", "hosts": "host"},
)
