"""Flows of Cilium, as Hubble exports them."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, all_of, any_of, iso

_NOTES = "lost_events", "node_status", "agent_event", "debug_event"


def _name_note(meta: MetaData, event: Event) -> None:
    """Set tag and message of a record that is no flow."""
    if "flow" not in event and (kind := next((name for name in _NOTES if name in event), None)):
        meta.tag, meta.message = f"cilium.hubble.{kind}", f"{kind} of {event.get('node_name', '-')}"


HUBBLE = Json(
    "hubble",
    "Cilium Hubble flows as JSON, and its notes on lost events, nodes and agents",
    "https://docs.cilium.io/en/stable/observability/hubble/configuration/export/",
    require=any_of(
        all_of("flow", any_of("flow.verdict", "flow.IP", "node_name", "flow.time")),
        all_of(any_of(*_NOTES), any_of("node_name", "time")),
    ),
    time=iso("flow.time", "time"),
    tag="cilium.hubble.{flow.verdict|'flow'}",
    message=(
        "{flow.verdict|'-'} {flow.source.namespace|'-'}/{flow.source.pod_name|flow.IP.source|'-'} => "
        "{flow.destination.namespace|'-'}/{flow.destination.pod_name|flow.IP.destination|'-'} {flow.Summary|'-'}"
    ),
    integers="lost_events.num_events_lost flow.l7.latency_ns",  # of 64 bits, which are texts
    refine=_name_note,
    entities={
        "addresses": "flow.IP.source flow.IP.destination",
        "hosts": "node_name flow.source.pod_name flow.destination.pod_name",
        "domains": "flow.destination_names flow.source_names flow.l7.dns.query",
    },
)
