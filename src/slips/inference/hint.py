"""Tells by its bad records what log an object is, for the error of a mapping that does not fit."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from functools import cache

from slips.model import ObjectEvent, Sample

_RECORDS, _SCORE, _LIKE = 12, 0.35, 0.3
"""Records that are looked at; the least score and likeness of a format that is named."""
_told: dict[tuple[str, ...], str] = {}
"""Hints by the chain that did not fit. It is looked for once: a wrong mapping fails each of its objects."""


def looks_like(names: tuple[str, ...], samples: Sequence[Sample], source: ObjectEvent) -> str:
    """Return the format that bad records seem to be of, as `; it looks like 'alb'`; empty if that is not clear.

    `names` are the steps of the chain that has not understood them. Takes a second once for each chain, and nothing
    in a function on AWS, whose package has no samples to compare with.
    """
    if names not in _told:
        _told[names] = _look(names, samples, source) if _has_samples() else ""
    return _told[names]


@cache
def _has_samples() -> bool:
    from slips.formats import sample_files

    return bool(sample_files("cloudtrail"))


def _look(names: tuple[str, ...], samples: Sequence[Sample], source: ObjectEvent) -> str:
    from slips.inference.rank import infer  # with all formats, which a run does not need otherwise
    from slips.inference.trial import forget_chains

    whole = [each for each in samples if not each.truncated][:_RECORDS]
    records = [b64decode(each.base64) if each.base64 else each.raw.encode() for each in whole]
    found = infer(b"".join(record + b"\n" for record in records), source).fitting
    forget_chains()
    if (
        not found
        or found[0].score < _SCORE
        or found[0].likeness < _LIKE
        or not {found[0].format, *found[0].also}.isdisjoint(names)
    ):
        return ""
    return f"; it looks like {found[0].format!r}, for which 'slips infer' says the chain"
