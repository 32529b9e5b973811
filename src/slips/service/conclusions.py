"""Concludes the runs of a session: writes their consequences to the state, then tells all who wait for them.

In: the ends of runs. Out: error items, ledger entries and lanes, in one transaction for all that have ended; attempts
that are still to come; counts. Runs stay in here until they are written, also if the state cannot be written at first.
"""

from __future__ import annotations

from collections.abc import Callable

from slips.backends.machine.lanes import Delivery
from slips.errors import StorageError
from slips.pipeline.conclude import conclude, judge, write
from slips.pipeline.ended import Failure, Success, Superseded
from slips.pipeline.replay import CANARY
from slips.service.interrupts import Interrupts
from slips.service.session import Session

Ended = Success | Failure | Superseded
SOON_SECONDS = (0.3, 1.0)
"""Seconds before the second and third attempt of an object that a user waits for: well below 3 s together."""


def soon(attempts: int) -> float:
    """Return the seconds until the next attempt in `slips run`, and of a canary in `slips up`, too."""
    return SOON_SECONDS[min(attempts, len(SOON_SECONDS)) - 1]


class Conclusions:
    """The runs of a session that have ended."""

    def __init__(
        self, session: Session, pause: Callable[[int], float], interrupts: Interrupts, results_memory: int
    ) -> None:
        """`pause` returns the seconds until the next attempt, after the number of attempts so far.

        `results_memory`: most bytes of memory for the results of handlers, in the summary.
        """
        self._session, self._pause, self._interrupts = session, pause, interrupts
        self._ended: list[tuple[Delivery, Ended]] = []
        self._results_room = results_memory

    def __bool__(self) -> bool:
        """Whether there are runs that are not concluded yet."""
        return bool(self._ended)

    def add(self, delivery: Delivery, ended: Ended) -> None:
        """Add a run that has ended."""
        self._ended.append((delivery, ended))

    def write(self) -> None:
        """Conclude all runs in one transaction. Raises StateError: then they are all written by the next call."""
        if not self._ended:
            return
        with self._interrupts.step() as hold:
            with self._session.site.transaction():
                hold()  # not before: Ctrl-C ends the wait for a state that is locked
                tells = [self._conclude(delivery, ended) for delivery, ended in self._ended]
            self._ended.clear()
            for tell in tells:
                tell()

    def leave(self, delivery: Delivery, why: str) -> None:
        """Forget a delivery that needs no run, or cannot run now and stays on its lane."""
        self._session.turns.over(delivery)
        self._session.brakes.dropped(delivery)
        self._session.intake.concluded(delivery.event)
        self._session.observer.ended(delivery.event, why)

    def _conclude(self, delivery: Delivery, ended: Ended) -> Callable[[], None]:
        """Write the conclusion of a run, and take its event off the lane; or leave it there for another attempt.

        Return what is to be done when all of it is committed.
        """
        site, event = self._session.site, delivery.event
        attempts = delivery.attempts + 1
        if isinstance(ended, Failure):
            if ended.stage == StorageError.stage:
                self._session.intake.suspect(event.bucket_name)
                if self._session.pending.goes_away(event.bucket_name):
                    site.ledger.release(event, delivery.request_id)
                    return lambda: self.leave(delivery, "its bucket is away")
            verdict = judge(ended, attempts, excused=delivery.excused)
            if verdict != "final":
                counts = verdict == "retry"
                if counts:
                    site.state.stream.failed_attempt(delivery)
                return lambda: self._try_again(delivery, ended, attempts, counts=counts)
        conclusion = conclude(
            event,
            ended,
            site,
            delivery.request_id,
            attempts=attempts,
            has_claimed=delivery.read is not None,
            is_only_content=self._is_only_content(ended),
        )
        if ended.names:
            site.state.identify(ended.event, ended.names)
        write(conclusion, site)
        site.state.take_off_lane(delivery, conclusion.read, ended.names)
        return lambda: self._tell(delivery, ended, attempts)

    def _is_only_content(self, ended: Ended) -> bool:
        """Whether the content that a run has read is the only one that its object has.

        In S3, that is certain only of an object that could be read: then S3 has named its version, if there are some.
        """
        if not self._session.is_in_s3(ended.event.bucket_name):
            return True
        return not isinstance(ended, Failure) and ended.event.object_version_id is None

    def _try_again(self, delivery: Delivery, failure: Failure, attempts: int, *, counts: bool) -> None:
        """Schedule another attempt of an event. `counts`: the current attempt counts as one."""
        if counts:
            delivery.attempts = attempts
        else:
            delivery.excused += 1
        self._session.brakes.ended(delivery, failure, is_final=False)
        is_canary = (delivery.event.replay or "").startswith(CANARY)
        self._session.turns.again(delivery, (soon if is_canary else self._pause)(attempts))
        self._session.observer.failed(delivery.event, failure, attempts, False)

    def _tell(self, delivery: Delivery, ended: Ended, attempts: int) -> None:
        """Add a concluded event to the summary, and show it to the observer."""
        event, summary, observer = delivery.event, self._session.summary, self._session.observer
        self._session.turns.over(delivery)
        self._session.brakes.ended(delivery, ended, is_final=True)
        match ended:
            case Superseded():
                summary.skipped += 1
                observer.ended(event, "the same bytes were processed before")
            case Failure():
                summary.add_failed(ended.outcome)
                observer.failed(event, ended, attempts, True)
            case Success():
                summary.add(event, ended.outcome, is_part=ended.rest is not None)
                self._results_room -= summary.keep_results(event.url, ended.outcome, self._results_room)
                shown = observer.succeeded if ended.rest is None else observer.continued
                shown(event, ended.outcome)
        self._session.intake.concluded(event)
