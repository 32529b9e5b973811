"""Faults of the error table and the ledger, on DynamoDB and on SQLite: what is left when all was tried again."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterable, Sequence
from random import Random

import pytest

from fakes import object_event
from places import Place, Sink, fresh_sink, place, until_done
from slips.model import ObjectEvent

__all__ = ["fresh_sink", "place"]
RECORDS = 4
CONTENT = b'{"n": 1}\nbad\n{"n": 3}\nbad\n'
DAMAGED = gzip.compress(CONTENT)[:-4]
STEPS = ("announce", "announce", "damage", "mend", "doubt", "receiver down", "stop", "drain", "overwrite")


class Story:
    """A story of one object, at random but the same for each seed; in each step two calls fail at most."""

    def __init__(self, place: Place, seed: int) -> None:
        self.place, self.random, self.event = place, Random(seed), object_event("a")
        self.told: list[str] = []
        self._faults = 0
        place.draw = self._draw

    def _draw(self, kinds: Sequence[str]) -> str:
        if not self._faults or self.random.random() > 0.15:
            return ""
        self._faults -= 1
        fault = self.random.choice(kinds)
        self.told.append(f"  {fault}")
        return fault

    def happen(self) -> None:
        self.place.objects.objects["a"] = CONTENT
        for _ in range(6):
            self._step(self.random.choice(STEPS))
        self._step("announce")

    def _step(self, step: str) -> None:
        self.told.append(step)
        place = self.place
        match step:
            case "announce":
                place.put(self.event)
            case "damage":
                place.objects.objects["a"] = DAMAGED
            case "mend":
                place.objects.objects["a"], place.format = CONTENT, ["s3-lines"]
            case "doubt":  # two of its records are bad
                place.objects.objects["a"], place.format = CONTENT, ["s3-lines", "json"]
            case "receiver down":
                Sink.down = 3
            case "stop":
                place.ticker.due = True
            case "overwrite":
                self.event = object_event("a", object_etag=f"e{len(self.told)}")
                place.objects.etags["a"] = self.event.object_etag
                Sink.got.clear()
                place.put(self.event)
        self._faults = 2
        if step == "drain":
            until_done(lambda: place.drain_items(list(place.errors.scan())))
        place.run()
        self._faults = 0


def wrong(place: Place, event: ObjectEvent) -> list[str]:
    """Faults in what is left of the last content of the object."""
    found: list[str] = []
    items = [each for each in place.errors.scan() if each.events[0].identity == event.identity]
    entries = list(place.ledger.scan())
    ranges = Counter(str(each.records) for each in items)
    found += [f"{count} items of records {each}" for each, count in ranges.items() if count > 1]
    found += [f"claim: {each}" for each in entries if each.status in ("claimed", "waiting")]
    own = place.ledger.get(event)
    stopping = [each for each in items if each.kind == "object"]
    if own is not None and own.status == "done":
        found += [f"item {each.request_id} of content that is done" for each in stopping]
    if not stopping:
        known = {*Sink.got, *numbers(each.records for each in items)}
        found += [f"record {number} is lost" for number in range(1, RECORDS + 1) if number not in known]
    return found


def numbers(ranges: Iterable[Sequence[tuple[int, int | None]]]) -> set[int]:
    return {n for each in ranges for first, last in each for n in range(first, (last or RECORDS) + 1)}


SEEDS = (11, 18, 62, 77, 102, 119, 236)
"""Seeds, of the first hundreds, with which DynamoDB once left something."""


@pytest.mark.parametrize("seed", SEEDS)
def test_no_fault_loses_a_record_or_leaves_an_item_or_a_claim(place: Place, seed: int) -> None:
    story = Story(place, seed)
    story.happen()
    print(*story.told, sep="\n")
    assert wrong(place, story.event) == []
