"""Findings and messages of the scanner THOR, as JSON."""

from __future__ import annotations

from slips.parsing import Json, all_of, iso

THOR = Json(
    "thor",
    "Nextron THOR scans as JSON: findings of indicators of compromise, messages of the scan",
    "https://thor-manual.nextron-systems.com/en/latest/usage/output-options.html",
    require=all_of("scanid", "module", "level"),
    time=iso("time"),
    tag="nextron.thor.{module}",
    message="{level} {module}: {message|'-'}{': ' file.path|file}{' on ' hostname}",
    integers="score",
    entities={
        "hosts": "hostname",
        "hashes": "md5 sha1 sha256 file.md5 file.sha1 file.sha256",
    },
)
