"""The family of logs of containers, as their runtimes write them: a line of a program, in one part or several."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from slips.errors import RecordError, foreign_record
from slips.format import Event, RecordLimits
from slips.parsing.declare.lines import LineDeclaration, LineParser
from slips.parsing.json_text import beginning, load_json, shallow_decoder
from slips.parsing.meaning import keys_of
from slips.step import Step

_CRI = re.compile(r"(\d{4}-\d\d-\d\dT[^ ]{8,35}) (stdout|stderr) ([FP](?::[^ ]*+)?)(?: (.*))?", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class ContainerLog(LineDeclaration):
    """Lines of a program in a container: what it wrote is `log`, its line end left out; the parts of a line are joined.

    The fields are `log`, `stream` and `time`, of Docker also `attrs`, of CRI also `logtag`; the time is that of the
    first part.
    """

    notation: Literal["docker", "cri"]
    """`docker` for Docker's json-file, `cri` for the Container Runtime Interface of Kubernetes."""
    raw: bool = True
    carries: str = "log"

    def known(self) -> Set[str] | None:
        return None if self.notation == "docker" else {"time", "stream", "logtag", "log"}

    def check(self) -> None:
        if self.notation not in ("docker", "cri"):
            raise ValueError(f"notation is {self.notation!r}; expected 'docker' or 'cri'")
        super().check()

    def usual_chain(self) -> tuple[Step, ...]:
        return (f"{self.notation}-lines", self.name)

    def line_parser(self, limits: RecordLimits) -> LineParser:
        return _Docker(self, limits) if self.notation == "docker" else _Cri(self)


class _Joining(LineParser):
    """Records of bytes: the lines of all parts."""

    def part(self, line: bytes) -> Event:
        """Return the fields of one part, `log` among them. Raises RecordError."""
        raise NotImplementedError

    def read(self, line: Any) -> Event:
        first, *others = [each for each in line.split(b"\n") if each and not each.isspace()] or [line]
        event = self.part(first)
        if others:
            parts = [self.part(each) for each in others]
            event["log"] += "".join(part["log"] for part in parts)
            if "logtag" in event:
                event["logtag"] = parts[-1]["logtag"]
        event["log"] = event["log"].removesuffix("\n").removesuffix("\r")  # a terminal ends lines with both
        return event


class _Docker(_Joining):
    def __init__(self, declaration: ContainerLog, limits: RecordLimits) -> None:
        self._limits = limits
        decode, small = shallow_decoder(limits.depth), 2 * limits.values

        def fast(line: Any) -> Event:
            if len(line) > small:
                raise ValueError
            try:
                event = decode(line)
                log = event["log"]
            except (msgspec.MsgspecError, TypeError, KeyError):
                raise ValueError from None
            if log.__class__ is not str:
                raise ValueError
            if log[-1:] == "\n":
                event["log"] = log[:-2] if log[-2:] == "\r\n" else log[:-1]
            elif log[-1:] == "\r":
                event["log"] = log[:-1]
            made: Event = event
            return made

        self.fast = declaration.calling_function(fast)

    def part(self, line: bytes) -> Event:
        event = load_json(line, self._limits)
        if event.__class__ is not dict:
            raise RecordError(f"JSON {type(event).__name__} {beginning(line)}; expected an object")
        if not isinstance(event.get("log"), str):
            raise RecordError(f"no text in 'log' (keys: {keys_of(event)})")
        part: Event = event
        return part


class _Cri(_Joining):
    def __init__(self, declaration: ContainerLog) -> None:
        self.fast = declaration.calling_function(self._usual)

    def _usual(self, line: Any) -> Event:
        text = line.decode("utf-8", "surrogateescape")
        found = _CRI.match(text)
        if found is None or "\n" in text[:-1]:
            raise ValueError
        time, stream, tag, log = found.groups()
        log = (log or "").removesuffix("\n").removesuffix("\r")
        return {"time": time, "stream": stream, "logtag": tag, "log": log}

    def part(self, line: bytes) -> Event:
        found = _CRI.match(line.decode("utf-8", "surrogateescape"))
        if found is None:
            raise foreign_record(
                f"line begins with {beginning(line)}; expected time, stream and tag, such as "
                "'2016-10-06T00:17:09.669794202Z stdout F '"
            )
        time, stream, tag, log = found.groups()
        return {"time": time, "stream": stream, "logtag": tag, "log": log or ""}
