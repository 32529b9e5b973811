"""The tables of the state file, and the steps that migrate the tables of earlier versions."""

from __future__ import annotations

VERSION = 3

_VERSION_1 = """
CREATE TABLE lane (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    lane TEXT NOT NULL,
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    event TEXT NOT NULL,
    request_id TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    whole INTEGER NOT NULL,
    put_at REAL NOT NULL
);
CREATE INDEX lane_object ON lane (bucket, key);
CREATE TABLE ledger (
    entry TEXT PRIMARY KEY,
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    identity TEXT NOT NULL,
    status TEXT NOT NULL,
    request_id TEXT NOT NULL DEFAULT '',
    outcome TEXT,
    updated_at REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX ledger_object ON ledger (bucket, key);
CREATE TABLE error (
    request_id TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    failed_at TEXT NOT NULL,
    kind TEXT NOT NULL,
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    item TEXT NOT NULL
);
CREATE INDEX error_time ON error (failed_at, request_id);
CREATE INDEX error_object ON error (bucket, key);
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL)
"""

# Deletes the rows of concluded replays, which no code reads any more, unless a lane has the same replay again.
_VERSION_2 = """
CREATE TABLE file (
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    stamp TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
CREATE TABLE absent (
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    since REAL NOT NULL,
    PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
DELETE FROM ledger WHERE json_extract(entry, '$[4]') IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM lane WHERE lane.bucket = ledger.bucket AND lane.key = ledger.key)
"""

# The indexes: `take` of a lane does not read the rows of the other one, lanes and errors are counted without their
# rows, failed attempts are found without the other rows, and what was concluded since a moment is found without
# reading the whole ledger. No claim enters that index.
_VERSION_3 = """
CREATE INDEX lane_order ON lane (lane);
CREATE INDEX lane_retrying ON lane (lane) WHERE attempts > 0;
CREATE INDEX error_kind ON error (kind);
CREATE INDEX ledger_concluded ON ledger (updated_at) WHERE status <> 'claimed';
CREATE TABLE service (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    pid INTEGER NOT NULL,
    command TEXT NOT NULL,
    started REAL NOT NULL,
    heartbeat REAL NOT NULL,
    counts TEXT NOT NULL
);
CREATE TABLE checkpoint (source TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE brake (
    lane TEXT NOT NULL,
    handler TEXT NOT NULL,
    brake TEXT NOT NULL,
    PRIMARY KEY (lane, handler)
) WITHOUT ROWID;
CREATE TABLE spent (
    day TEXT PRIMARY KEY,
    objects INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    granted INTEGER NOT NULL
) WITHOUT ROWID
"""

_STEPS = (_VERSION_1, _VERSION_2, _VERSION_3)


def statements_from(version: int) -> list[str]:
    """Return the statements that migrate the tables of `version` (0: no tables) to VERSION, for one transaction."""
    steps = [statement for step in _STEPS[version:] for statement in step.split(";")]
    return [*steps, f"PRAGMA user_version={VERSION}"]
