"""The pages that come from the code, and the index of formats: `python docs/build.py` writes them.

`--check` names those that are stale.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

import slips.cli.docs
import slips.config.reference
import slips.formats
from slips.config import Config, HandlerConfig, Mapping
from slips.config.backend import BackendConfig, SnsTopic
from slips.deploy import template
from slips.examples import Example, example_of
from slips.format import Format
from slips.model import format_time
from slips.new_format.trial import OBJECT
from slips.not_logs import RULES
from slips.parsing.declare import Declaration
from slips.step import written
from slips.times import iso

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "bench")]

import costs  # noqa: E402
import index  # noqa: E402
import picture  # noqa: E402

INDEX = "../src/slips/formats/_index.py"
CATALOGUE = "../src/slips/formats/_catalogue.py"

_FORMATS = """\
# Formats

A chain is a reader, which cuts an object into records, then parsers, which make an event of each. In a config, `format`
is such a list, or one name that stands for its usual chain. `slips infer FILE` finds the chains that fit an unknown
log, `slips infer DIR` those for each kind of log in a directory, `slips formats WORD …` the formats that have these
words, older names of products among them. `slips formats NAME` shows the same as this page, and
`slips parse NAME FILE` what a chain makes of a file. A format of your own, [declared](declare.md) in a few lines, is
`path/file.py:name`.

A format with options, each in a table below it, takes them from a mapping in place of its name:
`format: [s3-lines, {json: {…}}]`, `format: {csv: {delimiter: tab}}`, on the command line
`slips parse '{csv: {delimiter: tab}}' FILE`, in tests `{"csv": {"delimiter": "tab"}}`. `slips check` tells mistakes in
them with their lines. Options of a reader belong to its identity: if they have changed since it quarantined records, a
replay of these records processes their whole object.

Every reader takes text as it comes: compressed or not, in UTF-8, or in UTF-16 or UTF-32 with a byte order mark, with
any line ends. A file that is no text (a zip archive, an image) fails by its name, unless the chain names a format that
reads it: [archives and Parquet](containers.md), as in `[zip, s3-lines, json]`. NUL bytes before a
record are filtered under the rule `nul-padding`; an object that is not blank and has no record (a header without rows,
an empty array) counts as one that the rule `no-records` filters. Byte order marks before a line or document are no
content, wherever in an object; an object that is one such mark alone is blank. `[s3-lines, json]` reads
JSON documents one a line, one behind another, over several lines, or as elements of an array."""


def formats() -> str:
    """docs/formats.md: a table of the formats of each vendor, with links to the vendors' pages."""
    parts = [_FORMATS]
    for folder, title in slips.formats.vendors().items():
        rows = ["| format | tag | |", "|---|---|---|"]
        for each in _of_vendor(folder):
            link = f"[`{each.name}`](formats/{folder}.md#{each.name})"
            rows.append(f"| {link} | {_code(each.tag)} | {_prose(each.summary)} |")
        parts += [f"## {title}", "\n".join(rows)]
    return "\n\n".join([*parts, _NOT_LOGS, _not_logs()]) + "\n"


def vendor(folder: str) -> str:
    """docs/formats/VENDOR.md: each format of a vendor, with what it sets and filters, and a record and its event."""
    sections = [_section(slips.formats.catalogue()[each.name]) for each in _of_vendor(folder)]
    head = f"# {slips.formats.vendors()[folder]}\n\nWritten by docs/build.py. [All formats](../formats.md)"
    return "\n\n".join([head, *sections]) + "\n"


def _of_vendor(folder: str) -> list[slips.formats.CatalogueLine]:
    return [each for each in slips.formats.entries().values() if each.vendor == folder]


def _names(folder: str) -> str:
    return ", ".join(each.name for each in _of_vendor(folder))


_README = re.compile(r"(?<=<!-- formats -->\n).*?(?=<!-- /formats -->)", re.DOTALL)


def readme() -> str:
    """README.md, with the formats of all vendors: a line for each, so that changes of two vendors do not meet."""
    count = sum(bool(each.tag) for each in slips.formats.entries().values())
    lines = [f"{count} formats with a tag of their own, for logs of"]
    for folder, title in slips.formats.vendors().items():
        if folder not in index.NO_VENDOR:
            lines.append(
                f"[{title}](docs/formats/{folder}.md) ({', '.join(each.name for each in _of_vendor(folder))}),"
            )
    general = ", ".join(map(_names, index.NO_VENDOR))
    lines.append(f"and [of any other](docs/formats/generic.md) ({general}).")
    text = (HERE.parent / "README.md").read_text(encoding="utf-8")
    return _README.sub(lambda _: "\n".join(lines) + "\n", text)


_NOT_LOGS = """\
## Objects that are no logs

AWS and its tools write objects beside logs that are none. A rule with a name filters each, whether a mapping fits
its key or not: the object is not read, is no error item, and is never counted as delivered. `slips run` counts such
objects by rule (`filtered_objects` in its JSON), `slips status` apart from those that are done; the ledger, and the
logs of the functions, name the rule as `filtered_by`. A mapping asks for such objects if it spells out the name of
the folder or file, as `pattern: "**/CloudTrail-Digest/**"` does, or if its format is made for them. Then the best
mapping that asks gets them. A rule of `routing` that drops them comes first."""


def _not_logs() -> str:
    """The table of the rules that filter objects which are no logs."""
    rows = ["| rule | objects | reference | |", "|---|---|---|---|"]
    for rule in RULES:
        names = ", ".join(map(_code, rule.names))
        rows.append(f"| `{rule.name}` | {names} | <{rule.reference}> | {_prose(rule.summary)} |")
    return "\n".join(rows)


def _section(each: Format) -> str:
    rows = [
        ("chain", _code(f"[{', '.join(map(written, each.chain))}]")),
        ("tag", _code(each.tag)),
        ("time", _time(each)),
        ("parameter", each.parameter and f"`{each.name}:{each.parameter}`, which is the default"),
        *(("filters", f"`{rule.name}`: {_prose(rule.summary)}") for rule in each.rules),
        *((kind, ", ".join(map(_code, paths))) for kind, paths in _entities(each)),
        ("reference", f"<{each.reference}>"),
        ("sample", ", ".join(_link(path) for path in slips.formats.sample_files(each.name))),
    ]
    facts = "\n".join(f"- {name}: {value}" for name, value in rows if value)
    options = f"\n\n{slips.config.reference.option_table(each.options)}" if each.options else ""
    shown = _prose(each.summary[:1].upper() + each.summary[1:])
    return f"## {each.name}\n\n{shown}.\n\n{facts}{options}{_example(each)}"


_SHOWN = 1_500
"""Characters of a record, or an event, on a page."""


def _example(each: Format) -> str:
    """A record of the sample, and its event; empty without a sample."""
    example = example_of(each)
    if example is None:
        return ""
    event = json.dumps(example.event, ensure_ascii=False, indent=2)
    texts = [("A record:", "text", example.record), (f"{_event_of(each.name, example)}:", "json", event)]
    entities = {kind: found for kind, found in msgspec.to_builtins(example.entities).items() if found}
    if entities:
        texts.append(("and in `meta.entities`:", "json", json.dumps(entities, ensure_ascii=False)))
    return "".join(f"\n\n{words}\n\n{_fenced(kind, text)}" for words, kind, text in texts if text)


def _event_of(name: str, example: Example) -> str:
    """The lines of a page on the meta of an event: the tag, the time, the message."""
    tag, seconds, message = (example.meta[name] for name in ("tag", "timestamp", "message"))
    parts = [f"Its event with {_code(written(example.step(name)))}" if example.options else "Its event"]
    if tag:
        parts.append(f"`meta.tag` `{tag}`")
    if seconds != _OBJECT_TIME:
        parts.append(f"`meta.timestamp` {json.dumps(seconds)} ({format_time(seconds)})")
    if message and len(message) <= _MESSAGE and "`" not in message:
        parts.append(f"`meta.message` `{''.join(map(_printable, message))}`")
    return ", ".join(parts)


_OBJECT_TIME = iso(OBJECT.event_time, "event_time")
"""The time of a sample's events that have none of their own."""
_MESSAGE = 160
"""Characters of a message that a page shows."""


def _time(each: Format) -> str:
    """The fields of a format's time, and whether it may lack a zone; empty for one that a function reads."""
    time = each.meaning.time if isinstance(each, Declaration) else None
    if time is None:
        return ""
    fields = ", else ".join(" with ".join(map(_code, alternative)) for alternative in time.alternatives)
    zone = "; without a zone it is UTC, or of the mapping's [`timezone`](../handler.md#times-without-a-zone)"
    return f"{fields}{zone if time.may_lack_zone else ''}"


def _printable(character: str) -> str:
    is_shown = character.isprintable() or character in "\n\t"
    return character if is_shown else character.encode("unicode_escape").decode()


def _fenced(kind: str, text: str) -> str:
    """A block of code, of which the end is left out if it is long."""
    shown = "".join(map(_printable, text))
    kept = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
    ticks = "`" * (3 + max(0, kept.count("```")))
    return f"{ticks}{kind}\n{kept}\n{ticks}"


def _entities(each: Format) -> list[tuple[str, tuple[str, ...]]]:
    """Each kind of `meta.entities` that a format names, with the paths of its fields."""
    return [] if each.entity_paths is None else list(each.entity_paths.by_kind.items())


def _link(path: Path) -> str:
    kind = "what comes of it" if ".expected." in path.name else "a log"
    return f"[{kind}](../../{path.relative_to(HERE.parent).as_posix()})"


def _prose(text: str) -> str:
    """Text that Markdown shows as it is."""
    return text.replace("<", "\\<").replace("|", "\\|")


def _code(text: str) -> str:
    return text and f"`{text}`"


def stack() -> str:
    """docs/stack.svg: the stack of a config with one topic, and all else as it is by default."""
    topic = SnsTopic("SecLogUpload", "arn:aws:sns:ap-northeast-1:123456789012:seclog-event")
    mapping = {"my-logs": [Mapping("logs/", ["s3-lines", "json"])]}
    config = Config(
        stack_name="sample-stack",
        backend=BackendConfig(sns_topics=[topic]),
        handler=HandlerConfig("src/handler.py"),
        bucket_mapping=mapping,
    )
    return picture.draw(template.build(config, template.Code("my-code", "slips.zip")))


PAGES: dict[str, Callable[[], str]] = {
    INDEX: index.write,  # first: the pages list the formats that are in it
    CATALOGUE: index.write_catalogue,
    "../README.md": readme,
    "cli.md": slips.cli.docs.reference,
    "config.md": slips.config.reference.page,
    "costs.md": costs.page,
    "formats.md": formats,
    "stack.svg": stack,
}


def all_pages() -> dict[str, Callable[[], str]]:
    """PAGES, and a page for each vendor."""
    return {**PAGES, **{f"formats/{folder}.md": partial(vendor, folder) for folder in slips.formats.vendors()}}


def stale(directory: Path, pages: dict[str, Callable[[], str]] | None = None) -> list[Path]:
    """The pages that are not what the code says, and those of vendors that are no more."""
    wanted = all_pages() if pages is None else pages
    left = [] if pages is not None else [page for page in directory.glob("formats/*.md") if _name(page) not in wanted]
    return left + [
        page
        for name, write in wanted.items()
        if not (page := directory / name).is_file() or page.read_text(encoding="utf-8") != write()
    ]


def _name(page: Path) -> str:
    return f"{page.parent.name}/{page.name}"


def main(arguments: list[str], directory: Path = HERE, pages: dict[str, Callable[[], str]] | None = None) -> int:
    """Writes the pages, or checks them; the exit status."""
    if arguments == ["--check"]:
        found = stale(directory, pages)
        for page in found:
            print(f"{page}: stale; run 'make docs'", file=sys.stderr)
        return 1 if found else 0
    for name, write in (PAGES if pages is None else pages).items():
        (directory / name).write_text(write(), encoding="utf-8")
        if name == INDEX:
            importlib.reload(slips.formats._index)
            slips.formats.catalogue.cache_clear()
        if name == CATALOGUE:
            importlib.reload(slips.formats._catalogue)
            slips.formats.entries.cache_clear()
    if pages is None:
        (directory / "formats").mkdir(exist_ok=True)
        for page in directory.glob("formats/*.md"):
            if _name(page) not in all_pages():
                page.unlink()
        for folder in slips.formats.vendors():
            (directory / "formats" / f"{folder}.md").write_text(vendor(folder), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
