"""`formats --new`: declares a format from a log. `formats --accept`: writes what comes of its sample anew."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from slips.cli.context import CONFIG_FILES
from slips.cli.options import options
from slips.cli.output import print_json, show_text
from slips.codec import CodecLimits, decode
from slips.errors import ReaderError, UsageError
from slips.new_format.accept import accept
from slips.new_format.write import NewFormat, create
from slips.parsing.readers.text import Text
from slips.printable import one_line, plural

LOOKED_AT = 1 << 23
"""Most bytes of a log from which a format is guessed."""


def new_format(ctx: click.Context, name: str, stream: BinaryIO, file: str, folder: Path | None, *, json_: bool) -> None:
    """Write the files of the format `name`, `vendor/product`, from a log, and say how a config names it.

    Without `folder`, they go into `formats` beside the config.
    """
    root = _root(ctx)
    try:
        content = Text(decode(stream, CodecLimits(), file).stream).stream.read(LOOKED_AT + 1)
    except ReaderError as error:
        raise UsageError(f"{file}: {error}") from error
    if len(content) > LOOKED_AT:
        content = content[: content.rfind(b"\n", 0, LOOKED_AT) + 1]
        if not content:
            raise UsageError(
                f"{file}: its first line has more than {LOOKED_AT:,} bytes; expected a shorter one; cut it"
            )
    try:
        made = create(name, content, folder or root / "formats", root)
    except UsageError as error:
        raise UsageError(f"{file}: {error}" if "--new" not in str(error) else str(error)) from error
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}; expected a directory that can be written") from error
    if json_:
        print_json(
            {
                "format": made.step,
                "family": made.layout.family,
                "time": made.time,
                "files": [str(path) for path in made.files],
                "records": made.records,
                "quarantined": len(made.bad),
                "warnings": made.warnings,
            }
        )
    else:
        _show(made)


def accept_sample(ctx: click.Context, name: str, *, json_: bool) -> None:
    """Write what the user's format `name` makes of its sample, and say how much of that is new."""
    try:
        made = accept(name, _root(ctx))
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}; expected a file that can be read and written") from error
    if json_:
        print_json({**made._asdict(), "file": str(made.file)})
        return
    counts = f"{plural(made.records, 'record')} in the sample, {made.quarantined:,} of them quarantined"
    show_text(one_line(f"{made.file}: {plural(made.changed, 'line')} changed; {counts}"))


def _root(ctx: click.Context) -> Path:
    """Return the directory to which paths of formats are relative: that of the config, or the present one."""
    config = options(ctx).config or next((Path(each) for each in CONFIG_FILES if Path(each).is_file()), Path())
    return config.parent if config != Path() else Path()


def _show(made: NewFormat) -> None:
    for path in made.files:
        show_text(one_line(f"wrote {path}"))
    sample = f"{plural(made.records, 'record')} in the sample, {len(made.bad):,} of them quarantined"
    show_text(one_line(f"{made.layout.family}: {sample}; time: {made.time}"))
    for seq, reason in made.bad[:3]:
        show_text(one_line(f"record {seq}: {reason}"))
    for warning in made.warnings:
        show_text(one_line(f"warning: {warning}"))
    if not made.layout.names_fields:
        show_text("the log names no columns: give those of the declaration their names")
    show_text("next: look through the sample, which has values of your log, then write into the config")
    show_text(one_line(f"  format: {made.step}"))
