"""The errors that end a run or name a bad record, made of whatever a handler, a parser or a reader raised."""

from __future__ import annotations

from typing import cast

from slips.errors import HandlerError, ReaderError, RecordError
from slips.exceptions import describe
from slips.format import Event
from slips.methods import advice, lazy
from slips.model import MetaData


def refuse_lazy(returned: object, event: Event) -> None:
    """Raise HandlerError if `recv` returned work that is still to do, or that failed: the loop does no such work."""
    try:
        kind = lazy(returned)
    except BaseException as error:
        raise HandlerError("recv raised", event) from error
    if kind:
        raise HandlerError(f"returned {kind}; {advice('recv')}", event)


def why_bad(meta: MetaData | None, error: BaseException) -> Exception:
    """Return the reason why a record is bad, as an exception whose text helps the author of the parser."""
    # By type: `isinstance` would run code of the error's class, which may be the user's.
    if meta is not None and issubclass(type(error), TypeError) and not isinstance(meta.timestamp, int | float):
        reason = f"parser set 'meta.timestamp' to {meta.timestamp!r}; expected epoch seconds, as a number"
    elif issubclass(type(error), Exception):
        return cast("Exception", error)
    else:
        reason = describe(error)  # of SystemExit and its like
    bad = RecordError(reason)
    bad.__cause__ = error
    return bad


def reader_error(where: str, error: BaseException, seq: int) -> ReaderError:
    """Return the error for an exception of a reader, which may be the user's own, behind record `seq`."""
    failed = ReaderError(f"{where} raised {describe(error)}")
    failed.seq = seq
    return failed
