"""Lists the prefixes of a bucket in S3, each on its own: one that fails is tried again later, and stops no other.

In: the listings of the prefixes. Out: what they find, step by step, one prefix after the other; the reasons of those
that fail now; whether the bucket is away, so that none of its objects can be read.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from math import inf
from pathlib import Path

from slips.backends.machine.state import MachineState
from slips.config.buckets import S3Bucket
from slips.errors import SlipsError, StorageError
from slips.service.listing import Listing, Lists, Step, prefix_in
from slips.service.retries import ClosedError, Retries, fault, jitter
from slips.service.sources import Arrival, Inbox, problem_of

RUN_SECONDS = 60.0
"""Most seconds that `slips run` waits for a server that fails, before it goes on without the prefix."""
LOOK_SECONDS = 1.0
"""Seconds until a suspicion that the bucket is away is looked into."""
PROBE_SECONDS = 10.0
"""Least seconds between two such looks that found it there: an object that is missing raises suspicion, too."""
_log = logging.getLogger("slips")


class _Turn:
    """One prefix, or the look whether the bucket is away: when it is due, and how it fails."""

    def __init__(
        self, where: str, begin: Callable[[], Iterator[Step]], retries: Retries, *, due: float, every: float = inf
    ) -> None:
        """`begin` returns the steps to take each time; `every`: seconds from one beginning to the next."""
        self.where, self.retries, self.due, self._every = where, retries, due, every
        self._begin = begin
        self._steps: Iterator[Step] | None = None
        self.begun = -inf
        self.failure: str | None = None
        """The reason why it is not tried again."""
        self.is_alone = False
        """Whether it fails though the bucket is not away."""

    def step(self, now: float) -> Step | None:
        """Take the next step; None: it was the last one. Raises SlipsError, after which it begins again."""
        if self._steps is None:
            self._steps, self.begun = self._begin(), now
        try:
            made = next(self._steps, None)
        except Exception:
            self._steps = None
            raise
        if made is None:
            self._steps = None
        return made

    def failed(self, error: SlipsError, now: float) -> None:
        """Let it be due again after a pause, or never."""
        try:
            self.due = now + self.retries.failed(error)
        except SlipsError:
            self.failure, self.due = str(error), inf

    def succeeded(self, now: float, *, is_over: bool = False) -> None:
        """Forget its failures, and let its next step be due."""
        self.retries.succeeded()
        self.is_alone = False
        self.due = max(now, self.begun + self._every) if is_over else now

    @property
    def problem(self) -> str | None:
        """The reason why it fails now; None if it does not, or is given up."""
        return None if self.failure else self.retries.problem


class Listings:
    """The listings of one bucket, by prefix. One thread calls the methods, any thread reads the properties."""

    def __init__(
        self,
        name: str,
        listings: Mapping[str, Listing],
        *,
        poll: float = inf,
        once: bool = False,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[float], float] = jitter,
    ) -> None:
        """`name`: of the source. `poll`: seconds between two listings of a prefix; inf: there are none, unless `once`.

        `once`: list each prefix one time, for `slips run`.
        """
        self._name, self._once, self._clock = name, once, clock
        now, most = clock(), RUN_SECONDS if once else None
        self._turns = {
            listing: _Turn(
                prefix_in(name, prefix) if len(listings) > 1 else name,
                listing.all if once else listing.next,
                Retries(seconds=most, jitter=jitter),
                due=now if once or poll < inf else inf,
                every=inf if once else poll,
            )
            for prefix, listing in listings.items()
        }
        self._look = _Turn(name, self._looked, Retries(jitter=jitter), due=inf)
        self._order = [self._look, *self._turns.values()]
        """The longest idle one first."""

    @property
    def is_away(self) -> bool:
        """Whether no object of the bucket can be read now."""
        return self._look.retries.is_away

    @property
    def problems(self) -> dict[str, str]:
        """The reasons of what fails now, by its name. What fails since the bucket is away is one problem."""
        failing = {
            turn.where: turn.problem
            for turn in self._turns.values()
            if turn.problem and (turn.is_alone or not turn.retries.is_away or self._once)
        }
        return failing | problem_of(self._name, self._look.problem)

    @property
    def failures(self) -> dict[str, str]:
        """The reasons of what is given up, by its name."""
        return {turn.where: turn.failure for turn in self._turns.values() if turn.failure}

    @property
    def is_over(self) -> bool:
        """Whether all prefixes were listed that are to be listed once, or were given up."""
        return self._once and all(turn.due == inf for turn in self._turns.values())

    def suspect(self) -> None:
        """Look soon whether the bucket is away, since an object in it could not be read."""
        if self._look.due == inf and not self._once:
            self._look.due = max(self._clock(), self._look.begun + PROBE_SECONDS)

    def seconds_left(self) -> float:
        """Return the seconds until a step is due."""
        return max(0.0, self._next().due - self._clock())

    def step(self) -> Arrival | None:
        """Take the next step that is due. Return what was found; None: nothing was."""
        now = self._clock()
        turn = self._next()
        if turn.due > now:
            return None
        self._order.remove(turn)
        self._order.append(turn)
        try:
            made = turn.step(now)
        except SlipsError as error:
            self._failed(turn, error)
        except Exception as error:  # noqa: BLE001 - shown as a problem, and logged
            _log.exception("%s", turn.where)
            self._failed(turn, fault(turn.where, error))
        else:
            if isinstance(made, StorageError):
                self._failed(turn, made)
            else:
                self._succeeded(turn, is_over=made is None)
                return made if made is not None and (made.events or made.taken) else None
        return None

    def _next(self) -> _Turn:
        """Return what is due first. A step takes a page, so no prefix with many pages delays the others."""
        return min(self._order, key=lambda turn: turn.due)

    def _failed(self, turn: _Turn, error: SlipsError) -> None:
        now = self._clock()
        turn.failed(error, now)
        if turn is not self._look and turn.retries.is_away and not self._once:
            # One page that always fails does not keep the objects of the bucket from being read.
            self._look.due = min(self._look.due, now)

    def _succeeded(self, turn: _Turn, *, is_over: bool) -> None:
        now, was_away = self._clock(), self.is_away
        turn.succeeded(now, is_over=is_over)
        if turn is not self._look:
            if was_away:
                self._look.due = now
            return
        for each in self._turns.values():
            if was_away and each.retries.is_away:
                each.succeeded(now)
            each.is_alone = each.retries.is_away

    def _looked(self) -> Iterator[Step]:
        """Ask for one page, of a prefix that does not fail. Raises StorageError if no object can be read now."""
        healthy = [listing for listing, turn in self._turns.items() if turn.problem is None]
        try:
            (healthy or list(self._turns))[0].probe()
        except StorageError as error:
            if error.away:
                raise
        return iter(())


class ListingSource:
    """A Source that lists one bucket each `poll`; for `slips run` just `once`, all of it.

    If objects of the bucket cannot be read, it finds out whether the bucket `is_away`, also one that is never listed.
    """

    def __init__(
        self,
        name: str,
        bucket: S3Bucket,
        store: Callable[[], Lists],
        state: Path,
        *,
        days: int,
        once: bool = False,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[float], float] = jitter,
    ) -> None:
        """`state` is the state directory, which a connection of this source's own reads."""
        self.name = f"listing of {name}"
        self.bucket, self._bucket, self._store, self._state = name, bucket, store, state
        self._days, self._once, self._clock, self._jitter = days, once, clock, jitter
        self._inbox = Inbox()
        self._retries = Retries(self._inbox.wait, seconds=RUN_SECONDS if once else None, jitter=jitter)
        self._failure: str | None = None
        self._listings: Listings | None = None
        self._is_done = self._is_suspected = False
        self._thread = threading.Thread(target=self._work, name=f"slips-listing-{name}", daemon=True)

    @property
    def problems(self) -> dict[str, str]:
        own = problem_of(self.name, self._failure or self._retries.problem)
        if own or self._listings is None:
            return own
        return self._listings.failures if self.is_exhausted else self._listings.problems

    @property
    def is_away(self) -> bool:
        """Whether no object of the bucket can be read now: its events then wait on their lanes."""
        return self._listings is not None and self._listings.is_away

    def suspect(self) -> None:
        """Let the source find out whether the bucket is away, since an object in it could not be read."""
        self._is_suspected = True

    @property
    def is_exhausted(self) -> bool:
        return self._is_done and self._inbox.is_empty

    def open(self, wake: Callable[[], None]) -> None:
        self._inbox.open(wake)
        self._thread.start()

    def take(self) -> Sequence[Arrival]:
        return self._inbox.take()

    def close(self) -> None:
        self._inbox.close()

    def _work(self) -> None:
        try:
            with suppress(ClosedError):
                self._list_until_closed()
        except SlipsError as error:
            self._failure = str(error)
        finally:
            self._is_done = True

    def _list_until_closed(self) -> None:
        with ExitStack() as at_end:
            listings = self._listings = self._retries.call(partial(self._open, at_end))
            while not (listings.is_over or self._inbox.wait(min(LOOK_SECONDS, listings.seconds_left()))):
                if self._is_suspected:
                    self._is_suspected = False
                    listings.suspect()
                arrival = listings.step()
                if arrival is not None:
                    self._inbox.put(arrival)

    def _open(self, at_end: ExitStack) -> Listings:
        """Make the listings in this thread, whose connection to the state only this thread may use.

        Raises SlipsError.
        """
        try:
            store, state = self._store(), MachineState.open(self._state)
        except SlipsError:
            raise
        except Exception as error:
            _log.exception("%s", self.name)
            raise fault(self.name, error) from error
        at_end.callback(state.close)
        made = {
            prefix: Listing(self.bucket, self._bucket, prefix, store, state, days=self._days, clock=self._clock)
            for prefix in self._bucket.prefixes
        }
        poll = self._bucket.poll_seconds or inf
        return Listings(self.name, made, poll=poll, once=self._once, jitter=self._jitter)
