"""Logs of etcd: JSON of version 3.4 and later, texts of before."""

from __future__ import annotations

from slips.parsing import Json, Regex, all_of, iso, one_of

_REFERENCE = "https://etcd.io/docs/v3.5/op-guide/configuration/"

ETCD = one_of(
    "etcd",
    "etcd logs, as JSON or as texts",
    _REFERENCE,
    Json(
        "etcd-json",
        "etcd logs as JSON",
        _REFERENCE,
        require=all_of("level", "ts", "caller", "msg"),
        tag="etcd.{level}",
        time=iso("ts"),
        message="{caller} {msg}",
    ),
    Regex(
        "etcd-text",
        "etcd logs as texts",
        _REFERENCE,
        tag="etcd.{level}",
        time=iso("time"),
        message="{package} {message}",
        pattern=r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) (?P<level>[A-Z]) \| (?P<package>[^: ]+): "
        r"(?P<message>.*)",
    ),
    tag="etcd.{level}",
)
