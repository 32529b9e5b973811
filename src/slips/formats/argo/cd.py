"""Logs of Argo CD: logfmt of its components, and what their libraries write."""

from __future__ import annotations

from slips.parsing import Json, KeyValue, Patterns, any_of, one_of, stamp

ARGOCD = one_of(
    "argocd",
    "Argo CD: server, application controller, repository server, notifications",
    "https://argo-cd.readthedocs.io/en/stable/operator-manual/security/",
    KeyValue(
        "argocd.logfmt",
        "logfmt",
        require=any_of("level", "msg"),
        time=stamp("time"),
        tag="argocd.log",
        message="{msg|'-'}",
        floats="grpc.time_ms",
    ),
    Json(
        "argocd.json",
        "JSON",
        require=any_of("level", "msg"),
        time=stamp("time"),
        tag="argocd.log",
        message="{msg|'-'}",
    ),
    Patterns(
        "argocd.klog",
        "lines of Go libraries",
        whole="message",
        time=stamp("time"),
        tag="argocd.library",
        message="{message}",
        patterns=(
            r"(?P<level>[IWEF])(?P<time>\d{4} [0-9:.]+) +(?P<thread>\d+) (?P<file>[^:]+):(?P<line>\d+)\] ",
            r"Trace\[(?P<trace>\d+)\]: ",
            r"(?P<library>[a-z]+): (?P<time>\d{4}/\d\d/\d\d [0-9:]+) (?P<file>[^:]+):(?P<line>\d+): ",
        ),
        integers="thread line",
    ),
    tag="argocd.{log|library}",
    entities={"users": "user username"},
)
