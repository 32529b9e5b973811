"""Writes an audit as one page of HTML that a person can hand on: no scripts, nothing from elsewhere, all text escaped.

The page follows the reader's light or dark setting, and is printed in black on white.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

from slips.model import format_time
from slips.pipeline.audit import AUDIT_STATES, NAMED, SHOWN, Audit, AuditState, Found, PartAudit
from slips.pipeline.audit_words import REASONS, STARTS, balance
from slips.printable import one_line

DAYS = 400
"""Most days, the latest, in a table of days and hours."""
_MEANING: dict[AuditState, str] = {
    "done": "processed to the end",
    "failed": "in the error table",
    "waiting": "on a lane, or being processed",
    "missing": "listed, and known to neither ledger, lane nor error table",
    "changed": "overwritten since it was processed",
    "ignored": "nothing is to become of it",
}


def html(audit: Audit, *, version: str, config: str) -> str:
    """Return the page. `version` is that of slips, `config` the path of the config file."""
    verdict = _verdict(audit)
    facts = [
        ("Site", audit.name),
        ("Audited", f"{format_time(audit.at)}, in {audit.seconds:,.1f} s"),
        ("Objects since", f"{format_time(audit.start)} ({STARTS[audit.start_by]})"),
        ("Only", ", ".join(audit.only) or "no: all mapped prefixes"),
        ("Config", config),
        ("Version", f"slips {version}"),
    ]
    parts = [audit.total, *audit.mappings] if len(audit.mappings) > 1 else [audit.total]
    days = (_days(part, part.name if part.mapping else "all mappings") for part in parts)
    return _PAGE.format(
        name=_text(audit.name),
        style=_STYLE,
        kind="good" if audit.is_clean else "bad",
        verdict=_text(verdict),
        facts="".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>\n" for name, value in facts),
        problems=_problems(audit.problems),
        objects=_objects(audit),
        balance=_text(balance(audit.total.records)),
        meanings=_meanings(audit),
        named="".join(_named(audit, state) for state in NAMED),
        days="".join(days),
    )


def _verdict(audit: Audit) -> str:
    found = audit.total.found
    if audit.is_clean:
        since = f"; {found.changed:,} of them were overwritten since they were processed" if found.changed else ""
        return f"Every listed object is accounted for{since}."
    faults = [f"{getattr(found, state):,} {state}" for state in ("missing", "failed") if getattr(found, state)]
    if not audit.total.records.is_balanced:
        faults.append("the records do not add up")
    if audit.problems:
        faults.append("not everything could be listed")
    return f"Not all is accounted for: {', '.join(faults)}."


def _problems(problems: Sequence[str]) -> str:
    lines = "".join(f"<li>{_text(each)}</li>" for each in problems)
    return f"<h2>Not listed</h2>\n<ul>{lines}</ul>\n" if problems else ""


def _objects(audit: Audit) -> str:
    head = ["mapping", "objects", *AUDIT_STATES, "records"]
    rows = [[part.shown, *_numbers(part.found), f"{part.records.records:,}"] for part in audit.mappings]
    if audit.unmapped:
        records = audit.total.records.records - sum(part.records.records for part in audit.mappings)
        rows.append(["without a mapping", *_numbers(audit.unmapped_found), f"{records:,}"])
    return _table(head, rows, [audit.total.shown, *_numbers(audit.total.found), f"{audit.total.records.records:,}"])


def _numbers(found: Found) -> list[str]:
    return [f"{number:,}" for number in found.to_dict().values()]


def _meanings(audit: Audit) -> str:
    reasons = "; ".join(f"{count:,} {REASONS[reason]}" for reason, count in sorted(audit.total.reasons.items()))
    words = "".join(f"<dt>{state}</dt><dd>{_text(meaning)}</dd>\n" for state, meaning in _MEANING.items())
    return f"<dl>\n{words}</dl>\n" + (f"<p>Of those ignored or waiting: {_text(reasons)}.</p>\n" if reasons else "")


def _named(audit: Audit, state: AuditState) -> str:
    names, count = audit.objects.get(state, []), getattr(audit.total.found, state)
    if not names:
        return ""
    more = f"<p>The first {SHOWN:,} of {count:,}.</p>\n" if count > len(names) else ""
    rows = [[each.url, each.time, f"{each.size:,}"] for each in names]
    return (
        f"<h2>{_text(state.capitalize())}: {count:,}</h2>\n{more}{_table(['object', 'last modified', 'bytes'], rows)}"
    )


def _days(part: PartAudit, name: str) -> str:
    """Format a table with a row for each day and a column for each hour: the objects, and those that are not done."""
    if not part.hours:
        return ""
    days: dict[int, dict[int, Found]] = defaultdict(dict)
    for hour, found in part.hours.items():
        days[hour // 24][hour % 24] = found
    shown = sorted(days)[-DAYS:]
    lines = []
    for day in shown:
        cells = "".join(_cell(days[day].get(hour)) for hour in range(24))
        lines.append(f"<tr><th>{datetime.fromtimestamp(day * 86_400, UTC):%Y-%m-%d}</th>{cells}</tr>\n")
    head = "".join(f"<th>{hour:02}</th>" for hour in range(24))
    more = f"<p>The latest {DAYS:,} of {len(days):,} days.</p>\n" if len(days) > len(shown) else ""
    return (
        f'<h3>{_text(name)}</h3>\n{more}<div class="wide"><table class="hours">'
        f"<thead><tr><th>day</th>{head}</tr></thead><tbody>\n{''.join(lines)}</tbody></table></div>\n"
    )


def _cell(found: Found | None) -> str:
    if found is None:
        return "<td></td>"
    faults = [
        f"{getattr(found, state):,} {state}" for state in ("missing", "failed", "changed") if getattr(found, state)
    ]
    classes = ' class="bad"' if found.missing or found.failed else ' class="odd"' if found.changed else ""
    more = "".join(f"<br>{each}" for each in faults)
    return f"<td{classes}>{found.objects:,}{more}</td>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], foot: Sequence[str] = ()) -> str:
    def line(cells: Sequence[str], *, tag: str = "td") -> str:
        first, *others = cells
        return f"<tr><th>{_text(first)}</th>{''.join(f'<{tag}>{_text(each)}</{tag}>' for each in others)}</tr>\n"

    bottom = f"<tfoot>{line(foot)}</tfoot>" if foot else ""
    body = "".join(map(line, rows))
    return (
        f'<div class="wide"><table><thead>{line(head, tag="th")}</thead><tbody>\n{body}</tbody>{bottom}</table></div>\n'
    )


def _text(text: str) -> str:
    return escape(one_line(text))


_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Audit of {name}</title>
<style>{style}</style>
</head>
<body>
<h1>Audit of {name}</h1>
<p class="{kind}">{verdict}</p>
<dl>
{facts}</dl>
{problems}<h2>Objects</h2>
{objects}<p>{balance}</p>
{meanings}{named}<h2>By day and hour</h2>
<p>By the hour, in UTC, in which an object was last modified. Objects older than the audit's start are left out.</p>
{days}</body>
</html>
"""
_STYLE = """
:root { color-scheme: light dark; --line: #8888; --bad: #b3261e; --good: #1b6e3c; --odd: #7a5b00 }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --good: #81d8a0; --odd: #e8c268 } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2rem } h3 { font-size: 1rem; overflow-wrap: anywhere }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem } dt { font-weight: 600 } dd { margin: 0 }
dd { overflow-wrap: anywhere }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { border: 1px solid var(--line); padding: .2rem .5rem; text-align: right; vertical-align: top }
th:first-child { text-align: left; font-weight: 500; overflow-wrap: anywhere }
tfoot th, tfoot td { font-weight: 700 }
.hours { font-size: .75rem } .hours td, .hours th { padding: .1rem .3rem }
.bad { color: var(--bad); font-weight: 600 } .good { color: var(--good); font-weight: 600 } .odd { color: var(--odd) }
@media print {
  :root { color-scheme: light; --bad: #b3261e; --good: #000; --odd: #000 }
  body { max-width: none; margin: 0; font-size: 10pt } .wide { overflow: visible } .hours { font-size: 6pt }
  thead { display: table-header-group } tr { break-inside: avoid }
}
"""
