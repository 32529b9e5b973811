"""Interrupts the loop over the records of an object between two records."""

from __future__ import annotations

from slips.position import UNREAD, Cells


class Ticker:
    """Interrupts the loop between two records: a thread or a signal sets `due`, and the loop then calls `tick`.

    The loop reads one attribute for each record, and a slow handler is interrupted as soon as a fast one.
    """

    due: bool = False
    position: Cells = UNREAD
    """The cells to which the loop writes its position."""

    def __init__(self) -> None:
        self.due = self.due  # of the instance, which is read in a third of the time of an attribute of the class

    def tick(self, _seq: int) -> bool:
        """Act between two records, `_seq` being the number of the last wanted one. True stops the loop behind it."""
        return False

    def passed(self, seq: int) -> None:
        """Act behind record `seq`, which was skipped on the way to the wanted ones."""
        self.tick(seq)
