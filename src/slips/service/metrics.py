"""Names what a service has counted, for Prometheus. METRICS declares each metric once; docs/service.md lists them.

Values of labels are words of this module and names of the config, never keys or other content of logs: the number of
series is bounded.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from http import HTTPStatus
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import slips
from slips.backends.machine.patience import Patience
from slips.backends.machine.state import MachineState
from slips.errors import SlipsError
from slips.model import LANES
from slips.service.counters import SECONDS, Counters
from slips.service.endpoint import Page, Response, json_answer
from slips.service.probes import Probes

if TYPE_CHECKING:
    from prometheus_client.core import Metric
    from prometheus_client.registry import CollectorRegistry

STATE_SECONDS = 1.0
"""Most seconds for which a scrape waits for a state that another process has locked."""
Values = Sequence[tuple[Sequence[str], float]]
"""Values of labels, with the value of their series."""


class Declared(NamedTuple):
    """A metric: its type, the names of its labels, and its help."""

    type: Literal["counter", "gauge", "histogram", "info"]
    labels: tuple[str, ...]
    help: str


METRICS = {
    "slips_build_info": Declared("info", ("version", "python"), "The version of slips and of Python."),
    "slips_objects_total": Declared(
        "counter",
        ("lane", "result"),
        "Objects concluded: done, failed (in the error table), filtered (no logs), or skipped (needed no run).",
    ),
    "slips_retries_total": Declared("counter", ("lane",), "Failed attempts at objects that another one followed."),
    "slips_records_total": Declared(
        "counter", ("result",), "Records of objects that are done: delivered, filtered or quarantined."
    ),
    "slips_events_total": Declared("counter", (), "Events that handlers got."),
    "slips_bytes_total": Declared("counter", (), "Bytes of the objects that were read, as stored."),
    "slips_object_seconds": Declared("histogram", ("lane",), "Seconds of the runs of objects, failed ones included."),
    "slips_mapping_objects_total": Declared(
        "counter", ("bucket", "mapping", "result"), "Objects done and failed, by their mapping in the config."
    ),
    "slips_mapping_records_total": Declared(
        "counter", ("bucket", "mapping", "result"), "Records of objects that are done, by their mapping in the config."
    ),
    "slips_arrived_total": Declared("counter", ("source",), "Objects that a source has announced and a lane has got."),
    "slips_dropped_total": Declared("counter", ("source",), "Objects that a source has announced and routing drops."),
    "slips_objects_running": Declared("gauge", (), "Objects that are at work now."),
    "slips_workers": Declared("gauge", (), "Worker processes now."),
    "slips_lane_waiting": Declared("gauge", ("lane",), "Object events on the lane."),
    "slips_lane_oldest_seconds": Declared("gauge", ("lane",), "Seconds that the oldest event of the lane has waited."),
    "slips_lane_retrying": Declared("gauge", ("lane",), "Events on the lane whose last attempt failed."),
    "slips_lane_paused": Declared("gauge", ("lane",), "Whether objects of the lane are paused now: 1 or 0."),
    "slips_pauses_total": Declared("counter", ("lane",), "Pauses of the lane."),
    "slips_errors": Declared("gauge", ("kind",), "Items in the error table, of objects or of records."),
    "slips_troubles": Declared("gauge", (), "Sources that cannot be used now, the state among them."),
    "slips_warnings_total": Declared("counter", (), "Warnings, such as of fewer workers than asked for."),
    "slips_reloads_total": Declared(
        "counter", ("result",), "Changes of config and handlers, which are used, or refused as they cannot be used."
    ),
    "slips_last_turn_seconds": Declared("gauge", (), "Seconds since the last turn of the supervisor's loop."),
    "slips_state_readable": Declared("gauge", (), "Whether this scrape could read the state: 1 or 0."),
}
"""All metrics, beside the usual `process_*` of the supervisor's process."""


class StateGauges(NamedTuple):
    """The gauges that a scrape reads from the state; all empty if the state cannot be read."""

    waiting: Values = ()
    oldest: Values = ()
    errors: Values = ()
    retrying: Values = ()
    is_readable: bool = False


def read_state(directory: Path) -> StateGauges:
    """Read the gauges on a connection of this thread's own, which keeps no writer waiting."""
    try:
        with closing(MachineState.open(directory, Patience(STATE_SECONDS))) as state:
            lanes, errors = state.lanes(), state.errors.counts()
    except SlipsError:
        return StateGauges()
    return StateGauges(
        [((lane,), each.waiting or 0) for lane, each in lanes.items()],
        [((lane,), each.oldest_seconds or 0.0) for lane, each in lanes.items()],
        [((kind,), errors.get(kind, 0)) for kind in ("object", "records")],
        [((lane,), each.retrying or 0) for lane, each in lanes.items()],
        is_readable=True,
    )


class Metrics:
    """A collector of prometheus-client: makes the metrics of this moment."""

    def __init__(
        self,
        counters: Counters,
        probes: Probes,
        state: Callable[[], StateGauges],
        workers: Callable[[], int] = lambda: 0,
    ) -> None:
        self._counters, self._probes, self._state, self._workers = counters, probes, state, workers

    def registry(self) -> CollectorRegistry:
        """Return a registry of these metrics and of the process."""
        from prometheus_client import CollectorRegistry, ProcessCollector

        registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=registry)
        registry.register(self)
        return registry

    def collect(self) -> Iterator[Metric]:
        """Yield each metric of METRICS with its values."""
        from prometheus_client.core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
            InfoMetricFamily,
        )

        values = self._values()
        for name, declared in METRICS.items():
            match declared.type:
                case "info":
                    about = {"version": slips.__version__, "python": platform.python_version()}
                    yield InfoMetricFamily(name.removesuffix("_info"), declared.help, value=about)
                case "histogram":
                    histogram = HistogramMetricFamily(name, declared.help, labels=declared.labels)
                    for lane, durations in self._counters.durations.items():
                        ends = [*map(str, SECONDS), "+Inf"]
                        counts = accumulate(durations.buckets)
                        histogram.add_metric([lane], list(zip(ends, counts, strict=True)), durations.total)
                    yield histogram
                case kind:
                    family = (CounterMetricFamily if kind == "counter" else GaugeMetricFamily)(
                        name, declared.help, labels=declared.labels
                    )
                    for labels, value in values[name]:
                        family.add_metric(labels, value)
                    yield family

    def _values(self) -> dict[str, Values]:
        counted, state = self._counters, self._state()
        counts, lanes = counted.counts, counted.counts.lanes
        mappings, sources = list(counted.mappings.items()), list(counted.sources.items())
        objects, records = ("done", "failed"), ("delivered", "filtered", "quarantined")
        return {
            "slips_objects_total": [
                ((lane, result), getattr(lanes[lane], result))
                for lane in LANES
                for result in (*objects, "filtered", "skipped")
            ],
            "slips_retries_total": [((lane,), lanes[lane].retried) for lane in LANES],
            "slips_records_total": [((result,), getattr(counts, result)) for result in records],
            "slips_events_total": [((), counts.events)],
            "slips_bytes_total": [((), counts.bytes)],
            "slips_mapping_objects_total": [
                ((*name, result), getattr(each, result)) for name, each in mappings for result in objects
            ],
            "slips_mapping_records_total": [
                ((*name, result), getattr(each, result)) for name, each in mappings for result in records
            ],
            "slips_arrived_total": [((name,), each.arrived) for name, each in sources],
            "slips_dropped_total": [((name,), each.dropped) for name, each in sources],
            "slips_objects_running": [((), counted.running)],
            "slips_workers": [((), self._workers())],
            "slips_lane_waiting": state.waiting,
            "slips_lane_oldest_seconds": state.oldest,
            "slips_lane_retrying": state.retrying,
            "slips_lane_paused": [((lane,), int(lane in counted.paused_now)) for lane in LANES],
            "slips_pauses_total": [((lane,), counted.pauses[lane]) for lane in LANES],
            "slips_errors": state.errors,
            "slips_troubles": [((), len(counted.troubles))],
            "slips_warnings_total": [((), counted.warnings)],
            "slips_reloads_total": [(("used",), counted.reloads), (("refused",), counted.refused_reloads)],
            "slips_last_turn_seconds": [((), self._probes.silent_seconds)],
            "slips_state_readable": [((), int(state.is_readable))],
        }


def pages(metrics: Metrics, probes: Probes) -> dict[str, Page]:
    """Return the pages of a service, by path."""
    registry = metrics.registry()

    def shown(accept: str) -> Response:
        from prometheus_client.exposition import choose_encoder

        encode, type_ = choose_encoder(accept)
        return Response(HTTPStatus.OK, encode(registry), type_)

    return {
        "/metrics": shown,
        "/healthz": lambda _: json_answer(probes.alive()),
        "/readyz": lambda _: json_answer(probes.ready()),
    }
