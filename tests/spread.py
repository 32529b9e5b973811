"""How the tests of a run are spread over its workers."""

from __future__ import annotations

from xdist.scheduler import LoadGroupScheduling


class ByTest(LoadGroupScheduling):  # type: ignore[misc] # xdist has no types
    """Gives a worker a whole `xdist_group`, or a test with all its cases."""

    def _split_scope(self, nodeid: str) -> str:
        scope: str = super()._split_scope(nodeid)
        return scope.partition("[")[0]
