"""The parts of a session, which each of them finds the others by."""

from __future__ import annotations

from msgspec import Struct

from slips.service.brakes import Brakes
from slips.service.intake import Intake
from slips.service.observer import Observer
from slips.service.pending import Pending
from slips.service.summary import Summary
from slips.service.turns import Turns
from slips.site.machine import MachineSite


class Session(Struct, eq=False):
    """One run of objects: where they wait, what is known of them, and who is shown what becomes of them."""

    site: MachineSite
    pending: Pending
    brakes: Brakes
    turns: Turns
    intake: Intake
    observer: Observer
    summary: Summary

    def is_in_s3(self, bucket: str) -> bool:
        """Whether the objects of a bucket are no files of this machine."""
        return bucket not in self.site.directories

    @property
    def is_all_here(self) -> bool:
        """Whether all objects that have a mapping are files of this machine."""
        return self.site.config.bucket_mapping.keys() <= self.site.directories.keys()
