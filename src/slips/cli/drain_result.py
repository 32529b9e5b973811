"""Prints the result of a drain, with or without a canary, also if an error or Ctrl-C ends it after some items."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from slips.cli.items import where
from slips.cli.output import print_json, say, show_text
from slips.operations import Operations
from slips.pipeline.drain import DrainResult
from slips.pipeline.undelivered import STAYS
from slips.printable import one_line, plural


@contextmanager
def shown(
    done: DrainResult,
    operations: Operations,
    show_counts: Callable[[], None],
    *,
    json_: bool,
    more: Callable[[], dict[str, Any]] = dict,
) -> Iterator[None]:
    """Print the result at the end of the block: as JSON with the keys of `more`, else the counts and what is left.

    If an error ends the block, print the result only of a drain that has changed something.
    """
    try:
        yield
    except BaseException as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        if done.settled or done.undelivered or (json_ and interrupted):
            _show(done, operations, show_counts, json_, {**more(), **({"interrupted": True} if interrupted else {})})
        raise
    _show(done, operations, show_counts, json_, more())


def _show(
    done: DrainResult,
    operations: Operations,
    show_counts: Callable[[], None],
    json_: bool,
    more: dict[str, Any],
) -> None:
    for note in done.notes:
        say(one_line(note))
    if any(note.startswith(STAYS) for note in done.notes):
        say("'slips dismiss --undelivered' takes out the messages that cannot be read")
    if json_:
        print_json({**done.to_dict(), **more})
        return
    show_counts()
    if not (done.settled or done.undelivered):
        show_text(f"nothing to drain{where(operations)}")
    if done.dropped:
        show_text(f"{plural(done.dropped, 'item')} dropped by 'routing'")
    if done.kept:
        show_text(f"{plural(done.kept, 'item')} kept: 'slips dismiss' takes out what cannot be replayed")
