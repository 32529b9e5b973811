"""Carries what functions print to CloudWatch Logs, as Lambda does: later, in batches, with the role's rights."""

from __future__ import annotations

import logging
import queue
import threading
import time
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from cloud.identity import Identities

log = logging.getLogger("cloud")


@dataclass(frozen=True)
class Lines:
    role: str
    function: str
    group: str
    stream: str
    texts: list[str]
    at: float


class LogCarrier:
    def __init__(self, identities: Identities) -> None:
        self._identities = identities
        self._queue: queue.Queue[Lines] = queue.Queue()
        self._streams: set[tuple[str, str]] = set()
        self._texts: dict[str, list[str]] = {}
        threading.Thread(target=self._carry, daemon=True).start()

    @property
    def busy(self) -> bool:
        return self._queue.unfinished_tasks > 0

    def text(self, function: str) -> str:
        """All that a function printed, and the platform's lines, whatever became of them in CloudWatch."""
        return "\n".join(self._texts.get(function, []))

    def clear(self) -> None:
        self._queue.join()
        self._streams.clear()
        self._texts.clear()

    def write(self, role: str, function: str, group: str, stream: str, texts: list[str]) -> None:
        self._texts.setdefault(function, []).extend(texts)
        self._queue.put(Lines(role, function, group, stream, texts, time.time()))

    def _carry(self) -> None:
        while True:
            lines = self._queue.get()
            try:
                self._put(lines)
            except (ClientError, BotoCoreError) as error:  # AWS loses such lines too, and tells nobody
                log.warning("logs of %s: %s", lines.function, error)
            finally:
                self._queue.task_done()

    def _put(self, lines: Lines) -> None:
        client = self._identities.client("logs", lines.role, lines.function)
        place = {"logGroupName": lines.group, "logStreamName": lines.stream}
        if (lines.group, lines.stream) not in self._streams:
            try:
                client.create_log_stream(**place)
            except client.exceptions.ResourceNotFoundException:
                client.create_log_group(logGroupName=lines.group)
                client.create_log_stream(**place)
            self._streams.add((lines.group, lines.stream))
        at = int(lines.at * 1000)
        client.put_log_events(**place, logEvents=[{"timestamp": at, "message": text or " "} for text in lines.texts])
