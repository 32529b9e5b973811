"""Counts the events of an object by their level; a handler of yours sends, stores or alerts."""

from collections import Counter

import slips.interface


class Levels(slips.interface.Handler):
    def setup(self, args):
        self.levels = Counter()

    def recv(self, meta, event):
        self.levels[str(event.get("level", "none"))] += 1

    def result(self):
        return dict(self.levels)
