"""The declaration of a format: an author states what its records mean, `slips.parsing.compile` writes the function.

    OKTA = Json("okta", "Okta System Log", "https://…", tag="okta.system", time=iso("published"),
                message="{displayMessage}", require=any_of("eventType", "published"))

All families share `tag`, `time`, `message`, `require`, `absent`, `rules`, `adds` and `refine`: see
`declaration.Declaration`. A mistake in a declaration is a ValueError when it is made.

A family of formats is a subclass of `Declaration` in a module of its own here, and its slow reading in
`slips.parsing.plain`. The class has

- its own fields, as keyword arguments, and `check`, which raises ValueError for mistakes in them;
- `takes`: whether `value` is a text or an event; for texts, `raw` for bytes with their line end instead;
- `known`, the names of all fields that its events can have, if the declaration says them: a path in `tag`, `message`
  or another part that is none of them is then a mistake. None: any name may be;
- `write`, which writes the statements that bind `event` from `value`, with the methods `line`, `block`, `local` and
  `name` of a `Writer`. A value that it cannot understand raises RecordError. The common parts follow behind: `write`
  sets no tag and no time;
- `value_of`, the expression of the value at a path: by default a look into `event`; a local, if `write` has put one
  into `writer.fields`.

A family whose values are lines of text is a subclass of `lines.LineDeclaration`: it has types of fields, and a
`LineParser` with a fast reading of ordinary lines beside the slow one of any line, which `plain` uses. The fast one is
made by `line_function` of the statements that make an event, or by `calling_function` of a function that does.

`plain.py` says the same once more, obviously, and `tests/test_declare.py` holds both together on arbitrary bytes and on
real logs: a family is in its table.

A family's module is imported by the first format that is declared by it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slips.parsing.declare.cef import Cef, Leef
    from slips.parsing.declare.columns import Columns, Csv
    from slips.parsing.declare.container import ContainerLog
    from slips.parsing.declare.declaration import Declaration, DeclarationOptions
    from slips.parsing.declare.json import Json
    from slips.parsing.declare.keyvalue import KeyValue
    from slips.parsing.declare.quoted import Quoted
    from slips.parsing.declare.regex import Patterns, Regex
    from slips.parsing.declare.syslog import Syslog

__all__ = [
    "Cef",
    "Columns",
    "ContainerLog",
    "Csv",
    "Declaration",
    "DeclarationOptions",
    "Json",
    "KeyValue",
    "Leef",
    "Patterns",
    "Quoted",
    "Regex",
    "Syslog",
]

_HOMES = {
    "Cef": "cef",
    "Columns": "columns",
    "ContainerLog": "container",
    "Csv": "columns",
    "Declaration": "declaration",
    "DeclarationOptions": "declaration",
    "Json": "json",
    "KeyValue": "keyvalue",
    "Leef": "cef",
    "Quoted": "quoted",
    "Patterns": "regex",
    "Regex": "regex",
    "Syslog": "syslog",
}
"""The modules of the names above. A format imports the module of its own family, and no other."""


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
