"""Does one act at a time in the background, and tells how far it is: pages ask for that.

In: an act that a person has confirmed. Out: its counts and messages. An act ends between two steps when the console
ends, so that what it works on is whole then.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable
from itertools import accumulate

from msgspec import Struct, field

from slips.console.desk import Desk
from slips.errors import SlipsError, UsageError
from slips.pipeline.canary import CanaryGroup

LINES = 200
"""Messages of an act that are kept, the latest."""
EVIDENCE_BYTES = 64 * 2**20
"""Bytes of dismissed items that are kept in memory, to be saved by the person who has dismissed them."""
JOIN_SECONDS = 10.0
"""Seconds in which an act ends when the console does, behind its present step."""


class Stopped(Exception):
    """The console ends."""


class Act(Struct, kw_only=True):
    """An act, and how far it is. Only the thread of the act changes it."""

    title: str
    command: str
    began: float
    """Epoch seconds."""
    number: int
    """The number of the act, by which its evidence is asked for."""
    noun: str = "item"
    """The name of what it deals with."""
    total: int = 0
    """Things that it deals with; 0: their number is not known."""
    done: int = 0
    """Things that are dealt with."""
    ended: float | None = None
    doing: str = ""
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LINES))
    facts: list[str] = field(default_factory=list)
    """The result of the act, in sentences."""
    groups: list[CanaryGroup] = field(default_factory=list)
    problem: str = ""
    page: str = ""
    """Where its result is shown."""
    evidence: list[bytes] = field(default_factory=list)
    """Dismissed items, as JSON."""
    evidence_bytes: int = 0
    stop: threading.Event = field(default_factory=threading.Event)
    """Set when the console ends."""

    @property
    def is_running(self) -> bool:
        return self.ended is None

    @property
    def is_held(self) -> bool:
        """Whether some of what was asked for was not done."""
        return bool(self.problem) or any(group.is_held for group in self.groups)

    def check(self) -> None:
        """Raise Stopped if the console ends."""
        if self.stop.is_set():
            raise Stopped

    def sleep(self, seconds: float) -> None:
        """Wait. Raises Stopped if the console ends."""
        if self.stop.wait(seconds):
            raise Stopped

    def add(self, number: int) -> None:
        """Count things that are dealt with. Raises Stopped if the console ends."""
        self.done += number
        self.check()


class Acts:
    """The one act that runs, or the last one that ran."""

    def __init__(self, desk: Desk, changed: Callable[[], None] = lambda: None) -> None:
        """`changed` is called when an act has ended."""
        self._desk, self._changed = desk, changed
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.last: Act | None = None
        self._before: list[Act] = []
        """Acts before the last one that have evidence, the latest first."""

    @property
    def with_evidence(self) -> list[Act]:
        """The acts that have dismissed items, the latest first; of acts before the last, EVIDENCE_BYTES at most."""
        return [each for each in (self.last, *self._before) if each is not None and each.evidence]

    def start(
        self, work: Callable[[Act], None], *, title: str, command: str, total: int = 0, noun: str = "item"
    ) -> Act:
        """Begin an act that a person has confirmed. Raises UsageError if another one runs."""
        with self._lock:
            if self.last is not None and self.last.is_running:
                raise UsageError(f"{self.last.title!r} still runs; expected one act at a time; wait for its end")
            self._before = _newest(self.with_evidence)
            act = Act(
                title=title,
                command=command,
                began=self._desk.clock(),
                number=1 if self.last is None else self.last.number + 1,
                total=total,
                noun=noun,
                stop=self._desk.closing,
            )
            self.last = act
            # A daemon: a step that hangs must not keep the console from ending. Any kill between steps is harmless.
            self._thread = threading.Thread(target=self._run, args=(act, work), name="slips-act", daemon=True)
            self._thread.start()
            return act

    def wait(self, seconds: float) -> None:
        """Wait for the end of the act that runs."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _run(self, act: Act, work: Callable[[Act], None]) -> None:
        try:
            work(act)
        except Stopped:
            act.problem = "the console was ended, and the act with it, between two steps"
        except SlipsError as error:
            act.problem = str(error)
        except Exception as error:  # noqa: BLE001 - the last resort: a page shows it, the terminal all of it
            traceback.print_exc(file=sys.stderr)
            act.problem = f"this is a bug of slips: {type(error).__name__}; the terminal of the console has more"
        finally:
            act.doing = ""
            act.ended = self._desk.clock()
            self._changed()


def _newest(acts: list[Act]) -> list[Act]:
    """Return the first acts, of which the evidence has EVIDENCE_BYTES at most."""
    totals = accumulate(each.evidence_bytes for each in acts)
    return [each for each, total in zip(acts, totals, strict=True) if total <= EVIDENCE_BYTES]
