"""Renders templates, in which each text is escaped, and spelled out where it has characters that do not print."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from slips.console import drawing, wording
from slips.model import format_time
from slips.printable import duration, lines, one_line, plural

HERE = Path(__file__).parent
STATIC = HERE / "static"


def _printable(value: object) -> object:
    """Spell out what does not print: Jinja escapes HTML, but not what changes the direction of writing."""
    return lines(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _readable(value: Any) -> str:
    """Return JSON for people."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def url(path: str, **parameters: object) -> str:
    """Return a URL of the console. A parameter may be a text, a number or a list; one that is empty is left out."""
    given = {name: value for name, value in parameters.items() if value not in (None, "", [], ())}
    query = urlencode(given, doseq=True, errors="backslashreplace")
    return f"{path}?{query}" if query else path


def encoded(pairs: Iterable[tuple[str, str | None]]) -> str:
    """Return fields of a form as one text, in which each character survives HTML. Those without value are left out."""
    return urlencode([(name, value) for name, value in pairs if value], errors="backslashreplace")


@cache
def asset(name: str) -> str:
    """Return the URL of a static file, which changes with its content."""
    return url(f"/static/{name}", v=hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:8])


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        url=url,
        encoded=encoded,
        asset=asset,
        sparkline=drawing.sparkline,
        shares=drawing.shares,
        heat=drawing.heat,
        plural=plural,
        **{
            each.__name__: each
            for each in (wording.count, wording.size, duration, wording.ago, wording.clock, wording.short_time)
        },
    )
    made.filters.update(line=one_line, readable=_readable, rfc3339=format_time)
    return made


ENVIRONMENT = _environment()


def render(template: str, values: Mapping[str, Any]) -> str:
    """Render a template of `templates/`."""
    return ENVIRONMENT.get_template(template).render(values)
