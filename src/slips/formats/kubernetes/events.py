"""Events of Kubernetes: of the API, `kubectl get events` and the exporters of events that write to S3."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

# The newer group events.k8s.io has `regarding` and `note` where the first one has `involvedObject` and `message`.
K8S_EVENT = Json(
    "k8s-event",
    "Kubernetes events, one object each: scheduling, pulls, restarts, failed mounts, evictions",
    "https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/",
    require=all_of(any_of("involvedObject.kind", "regarding.kind"), any_of("reason", "message", "note")),
    also_in="event",  # of exporters that add what was done: {"verb": "ADDED", "event": …}
    time=iso(
        "lastTimestamp",
        "series.lastObservedTime",
        "eventTime",
        "deprecatedLastTimestamp",
        "firstTimestamp",
        "metadata.creationTimestamp",
    ),
    tag="kubernetes.event.{reason|'event'}",
    message=(
        "{type|'-'} {reason|'-'} {involvedObject.kind|regarding.kind} "
        "{involvedObject.namespace|regarding.namespace|'-'}/"
        "{involvedObject.name|regarding.name|'-'}: {message|note|'-'}"
    ),
    entities={"hosts": "source.host deprecatedSource.host"},
)
